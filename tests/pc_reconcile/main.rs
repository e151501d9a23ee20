//! Reconciliation and reports on whole files: the shared goldens to the byte, small ones that a clone carries, every code
//! where it fires and where it just does not, and what a user sees of the commands.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "a test prepares its files itself")]

mod codes;
mod command;
mod files;
mod git;
mod golden;
mod refusals;
mod report;
mod site;
