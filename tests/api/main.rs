//! The backend's API as a whole: what the route table promises is what the server does.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../client/mod.rs"]
mod client;
mod openapi;
#[path = "../schemas/mod.rs"]
#[expect(dead_code, reason = "some helpers are for the other test crates")]
mod schemas;
mod smoke;
