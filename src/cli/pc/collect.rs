//! `daily_ops pc collect`

use clap::Args;

use crate::cli::args::Global;
use crate::cli::exit::Failure;
use crate::cli::output::Output;

/// `pc collect`
#[derive(Debug, Args)]
pub(in crate::cli) struct CollectArgs {}

pub(super) fn collect(_args: &CollectArgs, _global: &Global, _output: &mut Output) -> Result<u8, Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}
