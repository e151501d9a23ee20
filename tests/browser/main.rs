//! The dashboard in a real browser without a window, against the real server.
//!
//! The browser is Chromium or a relative of it: `OPS_BROWSER`, or what the `PATH` has. Where there is none the tests say so
//! and pass; with `REQUIRE_BROWSER=1` they fail.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod aged;
mod canned;
#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "some helpers are for the other test crates")]
mod client;
mod harness;
mod hidden;
mod hostile;
mod kill;
mod lab;
mod live;
mod load;
mod looks;
mod lost;
mod modes;
mod panels;
mod past;
mod runs;
mod site;
mod timeline;
