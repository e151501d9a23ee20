//! `daily_ops pc report`: the report pair from the newest reconciliation.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::reconcile::LATEST;
use super::reconcile::report_failure;
use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::recon::Badge;
use crate::contracts::recon::HumanReport;
use crate::pc::reports;
use crate::store::Store;
use crate::time::Clock as _;
use crate::time::Stamp;
use crate::time::SystemClock;

/// `pc report`
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct ReportArgs {
    /// A directory with recon_summary.json, in place of the workspace's newest result
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write nothing; say whether the pair that is there belongs to the summary
    #[arg(long)]
    verify: bool,
}

/// The result for programs.
#[derive(Serialize)]
struct Told {
    schema: &'static str,
    result: &'static str,
    badge: Badge,
    directory: String,
    /// What was written; nothing when only looked at.
    files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<HumanReport>,
}

pub(super) fn report(args: &ReportArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    let (store, directory) = match &args.dir {
        Some(dir) => (Store::new(dir), ""),
        None => (Context::load(global)?.store, LATEST),
    };
    let mut told = if args.verify { looked_at(&store, directory)? } else { pair(&store, directory)? };
    // The charts and the page are made here, after the pair, from what the pair was made from.
    if let Some(dir) = &args.dir {
        told.directory = dir.to_string_lossy().into_owned();
    }
    output.result(&told, || lines(&told));
    Ok(exit::DONE)
}

/// Writes the pair.
fn pair(store: &Store, directory: &str) -> Result<Told, Failure> {
    let made_at = Stamp::of(SystemClock::new().now());
    let summary = reports::write(store, directory, &made_at).map_err(report_failure)?;
    Ok(Told {
        schema: "PC_REPORT_RESULT_V1",
        result: "DONE",
        badge: reports::badge(&summary),
        directory: directory.to_owned(),
        files: reports::NAMES.map(str::to_owned).to_vec(),
        report: Some(reports::human(&summary, &made_at)),
    })
}

fn looked_at(store: &Store, directory: &str) -> Result<Told, Failure> {
    let badge = reports::check(store, directory).map_err(report_failure)?;
    let directory = directory.to_owned();
    Ok(Told { schema: "PC_REPORT_RESULT_V1", result: "VERIFIED", badge, directory, files: Vec::new(), report: None })
}

fn lines(told: &Told) -> Vec<String> {
    let Some(report) = &told.report else {
        return vec![format!("{}  the report pair in {} belongs to its summary", told.badge.as_str(), told.directory)];
    };
    let headline = &report.headline;
    let trades = headline.trade_count;
    let mut lines = vec![
        format!("{}  {}", told.badge.as_str(), headline.period),
        format!("trades    ledger {}, validation {}, difference {}", trades.l1_actions, trades.l2_trades, trades.delta),
    ];
    lines.extend(report.kpis.iter().map(|kpi| format!("          {:>6} {} {}", kpi.value, kpi.unit, kpi.label_ko)));
    let integrity = &report.integrity_summary;
    lines.push(format!(
        "integrity critical {}, warning {}, info {} days",
        integrity.critical_total, integrity.warning_total, integrity.info_total
    ));
    lines.extend(integrity.top_codes.iter().map(|code| format!("          {} on {} days", code.code, code.count)));
    lines.push(format!("written   {}: {}", told.directory, told.files.join(", ")));
    lines
}
