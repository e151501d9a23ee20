//! The streams over real sockets: what a subscriber is told, what it misses, and when a stream ends.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "the streams read on where this client stops")]
mod client;
mod ends;
mod feed;
mod loss;
mod reader;
mod replay;
mod sockets;
