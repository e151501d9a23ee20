//! The gate of the evidence, end to end: what a failed check stops, over real sockets and with the real program.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../client/mod.rs"]
mod client;
mod gate;
mod shapes;
