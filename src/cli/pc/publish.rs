//! `daily_ops pc publish`

use clap::Args;

use crate::cli::args::Global;
use crate::cli::exit::Failure;
use crate::cli::output::Output;

/// `pc publish`
#[derive(Debug, Args)]
pub(in crate::cli) struct PublishArgs {}

pub(super) fn publish(_args: &PublishArgs, _global: &Global, _output: &mut Output) -> Result<u8, Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}
