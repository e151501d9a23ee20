//! daily-ops (module map filled in below)
#![forbid(unsafe_code)]

pub mod contracts;
pub mod sync;
pub mod time;
