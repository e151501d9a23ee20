//! `daily_ops pc reconcile`

use clap::Args;

use crate::cli::args::Global;
use crate::cli::exit::Failure;
use crate::cli::output::Output;

/// `pc reconcile`
#[derive(Debug, Args)]
pub(in crate::cli) struct ReconcileArgs {}

pub(super) fn reconcile(_args: &ReconcileArgs, _global: &Global, _output: &mut Output) -> Result<u8, Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}
