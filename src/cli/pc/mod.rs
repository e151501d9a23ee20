//! `daily_ops pc ...`: the research PC's commands, one file each.

mod backtest;
mod bundle;
mod collect;
mod day;
mod publish;
mod reconcile;
mod report;
mod sweep;
mod tune;

use clap::Subcommand;

pub(super) use day::generated_day;
pub(super) use day::stage_line;

use super::args::Global;
use super::exit::Failure;
use super::output::Output;

/// `pc`
#[derive(Debug, Subcommand)]
pub(super) enum PcCommand {
    /// Fetch prices of the universe into the cache, or make synthetic ones
    Collect(collect::CollectArgs),
    /// Simulate a strategy on daily bars, or sweep its parameters
    Backtest(backtest::BacktestArgs),
    /// Search parameters on training data, judge them on validation and sealed test data
    Tune(tune::TuneArgs),
    /// Compare the ledger of what was done with what the market gate permitted
    Reconcile(reconcile::ReconcileArgs),
    /// Write the report pair, charts and one page from the newest results
    Report(report::ReportArgs),
    /// Make, sign and verify the strategy bundle
    Bundle(bundle::BundleArgs),
    /// Commit exactly the hand-off's files and push them
    Publish(publish::PublishArgs),
    /// The day's work: collect, backtest, reconcile, report, bundle, publish
    Run(day::RunArgs),
}

pub(super) fn pc(what: PcCommand, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    match what {
        PcCommand::Collect(args) => collect::collect(&args, global, output),
        PcCommand::Backtest(args) => backtest::backtest(&args, global, output),
        PcCommand::Tune(args) => tune::tune(&args, global, output),
        PcCommand::Reconcile(args) => reconcile::reconcile(&args, global, output),
        PcCommand::Report(args) => report::report(&args, global, output),
        PcCommand::Bundle(args) => bundle::bundle(&args, global, output),
        PcCommand::Publish(args) => publish::publish(&args, global, output),
        PcCommand::Run(args) => day::day(&args, global, output),
    }
}
