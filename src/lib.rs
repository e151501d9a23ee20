//! daily-ops (module map filled in below)
#![forbid(unsafe_code)]

pub mod contracts;
pub mod gates;
pub mod ops;
pub mod store;
pub mod time;
