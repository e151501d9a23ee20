//! `daily_ops pc bundle`

use clap::Args;

use crate::cli::args::Global;
use crate::cli::exit::Failure;
use crate::cli::output::Output;

/// `pc bundle`
#[derive(Debug, Args)]
pub(in crate::cli) struct BundleArgs {}

pub(super) fn bundle(_args: &BundleArgs, _global: &Global, _output: &mut Output) -> Result<u8, Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}
