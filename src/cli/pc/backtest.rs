//! `daily_ops pc backtest`

use clap::Args;

use crate::cli::args::Global;
use crate::cli::exit::Failure;
use crate::cli::output::Output;

/// `pc backtest`
#[derive(Debug, Args)]
pub(in crate::cli) struct BacktestArgs {}

pub(super) fn backtest(_args: &BacktestArgs, _global: &Global, _output: &mut Output) -> Result<u8, Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}
