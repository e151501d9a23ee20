//! `daily_ops pc tune`

use clap::Args;

use crate::cli::args::Global;
use crate::cli::exit::Failure;
use crate::cli::output::Output;

/// `pc tune`
#[derive(Debug, Args)]
pub(in crate::cli) struct TuneArgs {}

pub(super) fn tune(_args: &TuneArgs, _global: &Global, _output: &mut Output) -> Result<u8, Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}
