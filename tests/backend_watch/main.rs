//! The market watchers against a vendor that speaks the real form: every reason, whole sessions, ends in the middle.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod api;
#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "another test uses the rest")]
mod client;
mod command;
mod delivery;
mod desk;
#[path = "../notify/fake.rs"]
#[expect(dead_code, reason = "the mail server is for the tests of the channels")]
mod fake;
mod reasons;
mod session;
mod vendor;
