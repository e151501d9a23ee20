//! Tickets through the whole backend: every answer by table, many callers for one ticket, and a program that is killed
//! while it writes tickets or the observation log.
//!
//! The kill test runs 800 tickets and 4 kills; `DAILY_OPS_HEAVY=1 cargo test --release --test backend_tickets killed --
//! --nocapture` runs 10,000 and 20 and tells the figures.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod answers;
#[path = "../client/mod.rs"]
mod client;
mod contention;
mod killed;
mod observation;
