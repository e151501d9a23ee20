//! The door: commands, arguments and output.

pub mod schedule;
