//! daily-ops (module map filled in below)
#![forbid(unsafe_code)]

pub mod backend;
pub mod cli;
pub mod contracts;
pub mod gates;
pub mod ops;
pub mod pc;
pub mod pipeline;
pub mod release;
pub mod settings;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod time;
