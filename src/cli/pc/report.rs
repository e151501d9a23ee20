//! `daily_ops pc report`: the report pair from the newest reconciliation, the charts and the page.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::reconcile::LATEST;
use super::reconcile::days;
use super::reconcile::report_failure;
use crate::cli::args::Global;
use crate::cli::args::Language;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::recon::Badge;
use crate::contracts::recon::HumanReport;
use crate::contracts::recon::ReconSummary;
use crate::pc::chart;
use crate::pc::page;
use crate::pc::reports;
use crate::settings::Lang;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Clock as _;
use crate::time::Stamp;
use crate::time::SystemClock;

/// `pc report`
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct ReportArgs {
    /// A directory with recon_summary.json, in place of the workspace's newest result
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The language of charts and page; OPS_LANG otherwise
    #[arg(long)]
    lang: Option<Language>,
    /// Write nothing; say whether the pair that is there belongs to the summary
    #[arg(long)]
    verify: bool,
}

/// The result for programs.
#[derive(Serialize)]
pub(super) struct Told {
    schema: &'static str,
    result: &'static str,
    pub(super) badge: Badge,
    directory: String,
    /// What was written; nothing when only looked at.
    files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<HumanReport>,
    /// The page and its charts; nothing outside a workspace.
    page: Vec<String>,
    /// What a reader of the page must know.
    warnings: Vec<String>,
}

pub(super) fn report(args: &ReportArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    let told = match &args.dir {
        Some(dir) => {
            let store = Store::new(dir);
            let told = if args.verify { looked_at(&store, "")? } else { pair(&store, "")?.0 };
            Told { directory: dir.to_string_lossy().replace('\\', "/"), ..told }
        }
        None => {
            let context = Context::load(global)?;
            if args.verify { looked_at(&context.store, LATEST)? } else { made(&context, args.lang)? }
        }
    };
    output.result(&told, || lines(&told));
    Ok(exit::DONE)
}

/// Writes the pair, then the charts and the page from what the pair was made from.
pub(super) fn made(context: &Context, lang: Option<Language>) -> Result<Told, Failure> {
    let (mut told, summary) = pair(&context.store, LATEST)?;
    let lang = match (lang, context.settings.output.lang) {
        (Some(Language::Ko), _) | (None, Lang::Ko) => chart::Lang::Ko,
        (Some(Language::En), _) | (None, Lang::En) => chart::Lang::En,
    };
    let data = page::gather(&context.store, (summary, told.badge), context.clock.now());
    let made = page::page(&data, lang)?;
    let mut write = |name: &str, text: &str| {
        let path = format!("{}/{name}", layout::REPORT_PAGE);
        context.store.write_view(&path, text.as_bytes())?;
        told.page.push(path);
        Ok::<(), StoreFault>(())
    };
    write("report.html", &made.html)?;
    for (name, svg) in &made.charts {
        write(name, svg)?;
    }
    told.warnings = data.warnings;
    Ok(told)
}

/// Writes the pair.
fn pair(store: &Store, directory: &str) -> Result<(Told, ReconSummary), Failure> {
    let made_at = Stamp::of(SystemClock::new().now());
    let summary = reports::write(store, directory, &made_at).map_err(report_failure)?;
    let told = Told {
        schema: "PC_REPORT_RESULT_V1",
        result: "DONE",
        badge: reports::badge(&summary),
        directory: directory.to_owned(),
        files: reports::NAMES.map(str::to_owned).to_vec(),
        report: Some(reports::human(&summary, &made_at)),
        page: Vec::new(),
        warnings: Vec::new(),
    };
    Ok((told, summary))
}

fn looked_at(store: &Store, directory: &str) -> Result<Told, Failure> {
    let badge = reports::check(store, directory).map_err(report_failure)?;
    let directory = directory.to_owned();
    Ok(Told {
        schema: "PC_REPORT_RESULT_V1",
        result: "VERIFIED",
        badge,
        directory,
        files: Vec::new(),
        report: None,
        page: Vec::new(),
        warnings: Vec::new(),
    })
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
    lines.extend(integrity.top_codes.iter().map(|code| format!("          {} on {}", code.code, days(code.count))));
    lines.extend(told.warnings.iter().map(|warning| format!("warning   {warning}")));
    lines.push(format!("written   {}: {}", told.directory, told.files.join(", ")));
    lines.extend(told.page.first().map(|page| format!("look at   {page}")));
    lines
}
