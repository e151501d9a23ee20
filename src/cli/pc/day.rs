//! `daily_ops pc run`

use clap::Args;

use crate::cli::args::Global;
use crate::cli::exit::Failure;
use crate::cli::output::Output;

/// `pc run`
#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {}

pub(super) fn day(_args: &RunArgs, _global: &Global, _output: &mut Output) -> Result<u8, Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}
