//! Reconciliation and reports on whole files: the shared goldens to the byte, small ones that a clone carries, every code
//! where it fires and where it just does not, and what a user sees of the commands.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod codes;
mod command;
mod files;
mod git;
mod golden;
mod refusals;
mod report;
mod site;
