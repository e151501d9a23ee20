//! `daily_ops pc report`

use clap::Args;

use crate::cli::args::Global;
use crate::cli::exit::Failure;
use crate::cli::output::Output;

/// `pc report`
#[derive(Debug, Args)]
pub(in crate::cli) struct ReportArgs {}

pub(super) fn report(_args: &ReportArgs, _global: &Global, _output: &mut Output) -> Result<u8, Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}
