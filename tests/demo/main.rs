//! The two-minute demo and the diagnosis of the dashboard's failures, against the real server.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod blocked;
mod command;
mod diagnosis;
mod door;
mod kill;
mod perform;
mod theater;
