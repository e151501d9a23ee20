//! `pc collect` against a local vendor: the cache's rules, the chain of vendors, and every way in which a vendor fails.

#![expect(clippy::expect_used, reason = "a test ends at the first surprise")]

mod cache;
mod chain;
mod command;
mod fake;
mod history;
mod place;
mod vendors;
