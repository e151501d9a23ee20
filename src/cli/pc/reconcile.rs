//! `daily_ops pc reconcile`: on the workspace's files, on named files, or on a case file.

use std::path::Path;
use std::path::PathBuf;

use chrono::Datelike as _;
use chrono::Weekday;
use clap::Args;
use clap::ValueEnum;
use serde::Deserialize;
use serde::Serialize;

use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::context::root_of_process;
use crate::cli::exit;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::ReconCode;
use crate::contracts::recon::Badge;
use crate::contracts::recon::ReconSummary;
use crate::contracts::recon::Span;
use crate::pc::reconcile;
use crate::pc::reconcile::CalendarMode;
use crate::pc::reconcile::Class;
use crate::pc::reconcile::InputFiles;
use crate::pc::reconcile::Outputs;
use crate::pc::reconcile::Reconciled;
use crate::pc::reconcile::Request;
use crate::pc::reports;
use crate::pc::reports::ReportFault;
use crate::store::Store;
use crate::store::layout;
use crate::time::Calendar;
use crate::time::Clock as _;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::SystemClock;
use crate::time::TradingDate;

/// Where the newest result of a workspace lies.
pub(super) const LATEST: &str = "reports/phase_c/latest";
/// Prices of the benchmark in a workspace.
const BENCHMARK: &str = "069500.parquet";

/// `pc reconcile`
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct ReconcileArgs {
    /// A case file: mode, period and inputs, with paths relative to it
    #[arg(long, value_name = "FILE", requires = "out",
        conflicts_with_all = ["calendar", "from", "to", "ledger", "validation", "evidence", "baseline"])]
    case: Option<PathBuf>,
    /// Which days count: sessions on cleaned evidence, or every weekday as the reference did [default: krx]
    #[arg(long)]
    calendar: Option<CalendarArg>,
    /// First day; by default the ledger's first (weekday: 2024-01-01)
    #[arg(long, value_name = "DATE")]
    from: Option<TradingDate>,
    /// Last day; by default the ledger's last (weekday: 2025-12-31)
    #[arg(long, value_name = "DATE")]
    to: Option<TradingDate>,
    /// What was done: one JSON line a day [default: reports/validation/daily_ledger.jsonl]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// The validation's trades [default: reports/validation/oos_validation.json]
    #[arg(long, value_name = "FILE")]
    validation: Option<PathBuf>,
    /// Prices of the benchmark [default: data/cache/069500.parquet]
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// The days that the evidence has to cover [default: reports/recon/coverage_baseline.json]
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the four files here instead of into the workspace; then nothing is read from the workspace
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Do it twice and compare: a result that cannot be repeated is none
    #[arg(long)]
    verify: bool,
}

/// Which days count.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum CalendarArg {
    /// Sessions of the exchange and any day with trades
    Krx,
    /// Every Monday to Friday
    Weekday,
}

impl From<CalendarArg> for CalendarMode {
    fn from(arg: CalendarArg) -> Self {
        match arg {
            CalendarArg::Krx => Self::Krx,
            CalendarArg::Weekday => Self::Weekday,
        }
    }
}

/// What to compare, and where the result goes.
struct Plan {
    calendar: CalendarMode,
    from: Option<TradingDate>,
    to: Option<TradingDate>,
    files: InputFiles,
    /// What paths in the documents are relative to.
    root: PathBuf,
    out: Out,
}

enum Out {
    Directory(PathBuf),
    Workspace(Store),
}

/// The result for programs.
#[derive(Serialize)]
struct Told<'a> {
    schema: &'static str,
    result: &'static str,
    exit_code: u8,
    code: Option<&'static str>,
    message: Option<&'a str>,
    message_ko: Option<&'a str>,
    badge: Badge,
    calendar: &'static str,
    rows: usize,
    verified: bool,
    directory: String,
    snapshot: Option<String>,
    files: Vec<String>,
    warnings: &'a [String],
    summary: &'a ReconSummary,
}

pub(super) fn reconcile(args: &ReconcileArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    let plan = Plan::of(args, global)?;
    if let (Some(from), Some(to)) = (plan.from, plan.to)
        && from > to
    {
        return Err(Failure::Usage(format!("--from {from} is after --to {to}")));
    }
    let now = SystemClock::new().now();
    let made_at = Stamp::of(now);
    let request =
        Request { calendar: plan.calendar, from: plan.from, to: plan.to, files: plan.files, root: &plan.root };
    let run = || reconcile::reconcile(&request, &made_at);
    let result = if args.verify { reconcile::verified(run, &made_at) } else { run() };
    let outputs = Outputs::of(&result, &made_at).map_err(report_failure)?;
    let written = plan.out.write(&outputs, now)?;
    let told = told(&result, plan.calendar, args.verify, written);
    for warning in told.warnings {
        output.remark(&format!("⚠️ {warning}"));
    }
    if let (Some(code), Some(message)) = (told.code, told.message) {
        output.remark(&format!("{}: {code}: {message}", told.result.to_lowercase()));
    }
    output.result(&told, || lines(&told));
    Ok(told.exit_code)
}

/// A rule that said no is a block; what could not be read or written is a fault.
pub(super) fn report_failure(fault: ReportFault) -> Failure {
    if fault.code() == Some(ReconCode::AiReportBudget) { Failure::Blocked(fault.to_string()) } else { fault.into() }
}

impl Plan {
    fn of(args: &ReconcileArgs, global: &Global) -> Result<Self, Failure> {
        match (&args.case, &args.out) {
            (Some(case), Some(out)) => Self::of_case(case, out),
            (_, Some(out)) => Self::of_files(args, out, global),
            (_, None) => Self::of_workspace(args, global),
        }
    }

    /// Named files and nothing else.
    fn of_files(args: &ReconcileArgs, out: &Path, global: &Global) -> Result<Self, Failure> {
        let named = |file: &Option<PathBuf>, flag: &str| {
            let why = || Failure::Usage(format!("with --out, name {flag} FILE too: nothing is taken from a workspace"));
            file.clone().ok_or_else(why)
        };
        Ok(Self {
            calendar: args.calendar.map(CalendarMode::from).unwrap_or_default(),
            from: args.from,
            to: args.to,
            files: InputFiles {
                ledger: named(&args.ledger, "--ledger")?,
                validation: named(&args.validation, "--validation")?,
                evidence: named(&args.evidence, "--evidence")?,
                baseline: args.baseline.clone(),
            },
            root: root_of_process(global),
            out: Out::Directory(out.to_owned()),
        })
    }

    fn of_workspace(args: &ReconcileArgs, global: &Global) -> Result<Self, Failure> {
        let context = Context::load(global)?;
        let store = context.store;
        let or = |file: &Option<PathBuf>, standard: &str| file.clone().unwrap_or_else(|| store.path(standard));
        let files = InputFiles {
            ledger: or(&args.ledger, layout::DAILY_LEDGER),
            validation: or(&args.validation, layout::OOS_VALIDATION),
            evidence: or(&args.evidence, &format!("{}/{BENCHMARK}", layout::PRICES)),
            baseline: Some(or(&args.baseline, layout::COVERAGE_BASELINE)),
        };
        let calendar = args.calendar.map(CalendarMode::from).unwrap_or_default();
        let root = store.root().to_owned();
        Ok(Self { calendar, from: args.from, to: args.to, files, root, out: Out::Workspace(store) })
    }

    fn of_case(path: &Path, out: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
        let bytes = std::fs::read(path).map_err(|fault| wrong(fault.to_string()))?;
        let case: Case = serde_json::from_slice(&bytes).map_err(|fault| wrong(fault.to_string()))?;
        let calendar = CalendarMode::parse(&case.mode)
            .ok_or_else(|| wrong(format!("mode is {:?}, must be krx or weekday", case.mode)))?;
        let root = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        // A case that was written on Windows names the same files.
        let beside = |file: &str| root.join(file.replace('\\', "/"));
        if let Some(holidays) = case.holidays.as_deref().filter(|_| calendar == CalendarMode::Krx) {
            same_calendar(&beside(holidays), case.from, case.to)?;
        }
        let files = InputFiles {
            ledger: beside(&case.ledger),
            validation: beside(&case.validation),
            evidence: beside(&case.evidence),
            baseline: case.baseline.as_deref().map(beside),
        };
        Ok(Self { calendar, from: case.from, to: case.to, files, root, out: Out::Directory(out.to_owned()) })
    }
}

/// A case file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    mode: String,
    #[serde(default)]
    from: Option<TradingDate>,
    #[serde(default)]
    to: Option<TradingDate>,
    ledger: String,
    validation: String,
    evidence: String,
    #[serde(default)]
    baseline: Option<String>,
    #[serde(default)]
    holidays: Option<String>,
}

/// The closing days that a case names.
#[derive(Deserialize)]
struct Holidays {
    closures: Vec<Closure>,
}

#[derive(Deserialize)]
struct Closure {
    date: TradingDate,
}

/// The calendar is compiled in; a case that brings another one must not be judged by it silently.
fn same_calendar(path: &Path, from: Option<TradingDate>, to: Option<TradingDate>) -> Result<(), Failure> {
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|fault| wrong(fault.to_string()))?;
    let named: Holidays = serde_json::from_slice(&bytes).map_err(|fault| wrong(fault.to_string()))?;
    let closed: std::collections::BTreeSet<_> = named.closures.into_iter().map(|closure| closure.date).collect();
    let (Some(from), Some(to)) = (from, to) else { return Ok(()) };
    // A weekend is closed without being named.
    let differs = |date: &TradingDate| {
        let calendar = Calendar::krx();
        let is_weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        !is_weekend && calendar.session(*date).is_ok_and(|session| session.is_some() == closed.contains(date))
    };
    match from.iter_days().take_while(|date| *date <= to).find(differs) {
        Some(date) => Err(wrong(format!("{date} is not what the program's own exchange calendar says of it"))),
        None => Ok(()),
    }
}

/// What was written and where.
struct Written {
    directory: String,
    snapshot: Option<String>,
    files: Vec<String>,
}

impl Out {
    fn write(&self, outputs: &Outputs, now: KstTime) -> Result<Written, Failure> {
        match self {
            Self::Directory(directory) => {
                let files = outputs.replace(&Store::new(directory), "")?;
                Ok(Written { directory: directory.to_string_lossy().into_owned(), snapshot: None, files })
            }
            Self::Workspace(store) => {
                // The copy that never changes comes first: what `latest` says can always be found again.
                let snapshot = outputs.snapshot(store, now)?;
                let files = outputs.replace(store, LATEST)?;
                Ok(Written { directory: LATEST.to_owned(), snapshot: Some(snapshot), files })
            }
        }
    }
}

fn told(result: &Reconciled, calendar: CalendarMode, verify: bool, written: Written) -> Told<'_> {
    let refusal = result.refusal.as_ref();
    let (word, exit_code) = match refusal.map(reconcile::Refusal::class) {
        None => ("DONE", exit::DONE),
        Some(Class::Gate) => ("BLOCKED", exit::BLOCKED),
        Some(Class::Fault) => ("FAULT", exit::FAULT),
    };
    Told {
        schema: "PC_RECONCILE_RESULT_V1",
        result: word,
        exit_code,
        code: refusal.map(|refusal| refusal.code.as_str()),
        message: refusal.map(|refusal| refusal.message.as_str()),
        message_ko: refusal.map(|refusal| refusal.message_ko.as_str()),
        badge: reports::badge(&result.summary),
        calendar: calendar.as_str(),
        rows: result.daily.len(),
        verified: verify && refusal.is_none(),
        directory: written.directory,
        snapshot: written.snapshot,
        files: written.files,
        warnings: &result.warnings,
        summary: &result.summary,
    }
}

/// One screen.
fn lines(told: &Told<'_>) -> Vec<String> {
    let summary = told.summary;
    let period = summary.period.clone().unwrap_or_default();
    let proof = if told.verified { ", twice with the same result" } else { "" };
    let mut lines = vec![format!(
        "{}  {}..{}  calendar {}, {} days{proof}",
        told.badge.as_str(),
        period.from,
        period.to,
        told.calendar,
        told.rows
    )];
    if let Some(error) = &summary.error {
        lines.push(format!("no result: {}", error.code));
        lines.push(format!("  {}", error.message_ko));
    }
    if let Some(kpis) = summary.kpis {
        lines.push(format!(
            "gate      open {}, chop {}, bear {}, no data {}",
            kpis.gate_open, kpis.chop_block, kpis.bear_block, kpis.no_data
        ));
        let counts = summary.counts.unwrap_or_default();
        lines.push(format!(
            "trades    on {}; ledger {}, validation {}, difference {}",
            days(kpis.executed),
            counts.l1_actions,
            counts.l2_trades,
            counts.l1_l2_delta
        ));
    }
    lines.extend(integrity_lines(summary));
    lines.extend(coverage_lines(summary));
    lines.push(format!("written   {}: {}", told.directory, names(&told.files)));
    lines.extend(told.snapshot.iter().map(|snapshot| format!("snapshot  {snapshot}")));
    lines
}

/// A number of days in words.
pub(super) fn days(count: u64) -> String {
    if count == 1 { "1 day".to_owned() } else { format!("{count} days") }
}

fn names(files: &[String]) -> String {
    let last = |file: &String| file.rsplit('/').next().unwrap_or_default().to_owned();
    files.iter().map(last).collect::<Vec<_>>().join(", ")
}

fn integrity_lines(summary: &ReconSummary) -> Vec<String> {
    let Some(integrity) = &summary.integrity else { return Vec::new() };
    let mut lines = vec![format!(
        "integrity critical {}, warning {}, info {} days",
        integrity.critical_days, integrity.warning_days, integrity.info_days
    )];
    lines.extend(integrity.top_codes.iter().map(|code| format!("          {} on {}", code.code, days(code.days))));
    let global = integrity.global_codes.iter().flatten();
    lines.extend(global.map(|code| format!("          {} {}: {}", code.severity.as_str(), code.code, code.detail)));
    lines
}

fn coverage_lines(summary: &ReconSummary) -> Vec<String> {
    let Some(coverage) = &summary.coverage else { return Vec::new() };
    let span = |span: &Span| {
        if span.min_date == "N/A" { "none".to_owned() } else { format!("{}..{}", span.min_date, span.max_date) }
    };
    let baseline = &coverage.baseline;
    let due = baseline.min_date.as_deref().zip(baseline.max_date.as_deref());
    let due = due.map_or_else(|| "none".to_owned(), |(from, to)| format!("{from}..{to}"));
    let trades = coverage.execution_range.as_ref().map_or_else(|| "none".to_owned(), span);
    let mut lines = vec![format!("evidence  {}, baseline {due}, trades {trades}", span(&coverage.current))];
    if let Some(quality) = coverage.evidence_quality {
        lines.push(format!(
            "          {} rows: {} duplicates and {} on closed days dropped, {} halted, {} repaired",
            quality.rows_total,
            quality.rows_dropped_duplicate,
            quality.rows_dropped_non_session,
            quality.halted_rows,
            quality.repaired_rows
        ));
    }
    lines
}
