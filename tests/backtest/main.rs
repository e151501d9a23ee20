//! The backtest from outside: golden results, the documents it writes, and the command.

#![expect(clippy::expect_used, reason = "a test ends at the first surprise")]

mod command;
mod documents;
mod golden;
mod made;
mod sweep;
mod sweeps;
