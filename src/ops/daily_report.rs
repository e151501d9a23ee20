//! DAILY_OPS_REPORT_V1: what happened to tickets and safety today in Korea.
//!
//! Ticket files are read from their end back to the first stretch that is older than the day, so the history behind it
//! costs nothing. A ticket counts once, by its newest line of the day.

use std::collections::BTreeMap;

use super::Ops;
use super::OpsFault;
use super::guarded;
use super::turn::Turn;
use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::daily_report::DailyReport;
use crate::contracts::daily_report::DaySummary;
use crate::contracts::daily_report::RealExecution;
use crate::contracts::daily_report::SafetyCounters;
use crate::contracts::daily_report::TicketEnd;
use crate::contracts::health::most_frequent;
use crate::contracts::reason::detail;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Where the one snapshot of each day lies.
const SNAPSHOTS: &str = layout::OLD_OPS_RUN_SNAPSHOTS;
/// Lines that are read at a time, from the end of a file.
const STRETCH: u64 = 512;
/// Reasons that are listed.
const TOP: usize = 3;
/// Files that are listed.
const ARTIFACTS: usize = 100;

/// A report that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct DailyOutcome {
    /// The report.
    pub report: DailyReport,
    /// Whether the day has its snapshot already; it is written once.
    pub snapshot_skipped: bool,
}

impl Ops {
    /// Makes the report of today and stores it.
    ///
    /// # Errors
    /// The report cannot be stored, a ticket file not be read, or the program met a defect of its own.
    pub fn regenerate_daily(&self) -> Result<DailyOutcome, OpsFault> {
        let turn = self.turn()?;
        guarded(|| self.publish_daily(&turn)).map_err(OpsFault::Defect)?
    }

    /// Makes a report when there is none or when it cannot be read.
    ///
    /// # Errors
    /// As [`Ops::regenerate_daily`].
    pub fn ensure_daily(&self) -> Result<(), OpsFault> {
        match self.store.document::<DailyReport>(layout::OPS_REPORT) {
            Stored::Present(_) => Ok(()),
            Stored::Missing | Stored::Damaged(_) => self.regenerate_daily().map(drop),
        }
    }

    fn publish_daily(&self, turn: &Turn<'_>) -> Result<DailyOutcome, OpsFault> {
        let report = report(&self.store, turn.now)?;
        let bytes = report.to_bytes().map_err(|fault| OpsFault::Defect(fault.to_string()))?;
        let day = turn.now.format("%Y%m%d");
        let snapshot = format!("{SNAPSHOTS}/ops_report_{day}.json");
        // The first report of a day is its snapshot; a later one is only the newest.
        let snapshot_skipped = match self.store.write_new(&snapshot, &bytes) {
            Ok(()) => false,
            Err(fault) if fault.source.kind() == std::io::ErrorKind::AlreadyExists => true,
            Err(fault) => return Err(fault.into()),
        };
        self.store.write(layout::OPS_REPORT, &bytes)?;
        Ok(DailyOutcome { report, snapshot_skipped })
    }
}

/// One line of a ticket file with its time.
struct Line {
    at: KstTime,
    json: Json,
}

impl Line {
    fn text(&self, key: &str) -> &str {
        self.json.get(key).and_then(Json::as_str).unwrap_or_default()
    }

    /// A member of an object of the line.
    fn inner(&self, object: &str, key: &str) -> Option<&Json> {
        self.json.get(object)?.get(key)
    }

    /// EXECUTED, BLOCKED or FAILED; the first version of a receipt has another word for it.
    fn decision(&self) -> &str {
        match (self.text("decision"), self.text("result")) {
            ("", "DONE") => "EXECUTED",
            ("", other) => other,
            (decision, _) => decision,
        }
    }

    /// Why a receipt did not execute.
    fn reason(&self) -> String {
        let accepted = self.inner("acceptance", "reason").and_then(Json::as_str);
        let listed = self.json.get("block_reasons").and_then(Json::as_array).and_then(|all| all.first()?.as_str());
        detail(accepted.or(listed).unwrap_or_else(|| self.text("message")))
    }
}

fn report(store: &Store, now: KstTime) -> Result<DailyReport, StoreFault> {
    let results = day_of(store, layout::TICKET_RESULTS, &["processed_at"], now)?;
    let receipts = day_of(store, layout::TICKET_RECEIPTS, &["asof", "issued_at", "finished_at", "started_at"], now)?;
    let kinds = kinds(&receipts);
    let newest = newest_of_each(&results);
    let states = |word: &str| newest.values().filter(|line| line.text("status") == word).count() as u64;
    let refused: Vec<&Line> = receipts.iter().filter(|line| line.decision() == "BLOCKED").collect();
    let last_receipts = newest_of_each(&receipts);
    let reasons: Vec<String> = refused.iter().map(|line| line.reason()).collect();
    Ok(DailyReport {
        schema: DailyReport::SCHEMA.to_owned(),
        asof: Some(Stamp::of(now)),
        period: Some(now.date_naive().to_string()),
        summary: DaySummary {
            tickets_total: newest.len() as u64,
            done: states("DONE"),
            failed: states("FAILED"),
            blocked: last_receipts.values().filter(|line| line.decision() == "BLOCKED").count() as u64,
            events_total: results.len() as u64,
        },
        blocked_reasons_top: most_frequent(reasons.iter().map(String::as_str), TOP),
        last_real_execution: receipts.iter().filter_map(real_execution).next_back(),
        artifacts_written: artifacts(&receipts),
        last_done: end_of(&results, &kinds, "DONE"),
        last_failed: end_of(&results, &kinds, "FAILED"),
        last_blocked: refused.last().map(|line| TicketEnd {
            request_id: line.text("request_id").to_owned(),
            request_type: kinds.get(line.text("request_id")).cloned(),
            reason: Some(line.reason()),
            at: Some(Stamp::of(line.at)),
        }),
        safety_counters: safety_counters(store, &receipts, now)?,
    })
}

/// The lines of a file that state a time of today, oldest first. A line that cannot be read, or states no time, is passed
/// over. Writers append, so the first stretch that is older than the day ends the reading.
fn day_of(store: &Store, file: &str, stamps: &[&str], now: KstTime) -> Result<Vec<Line>, StoreFault> {
    let day = now.date_naive();
    let mut found: Vec<Line> = Vec::new();
    let mut end = store.line_count(file)?;
    while end > 0 {
        let first = end.saturating_sub(STRETCH) + 1;
        let lines = store.lines(file, first, usize::try_from(end + 1 - first).unwrap_or_default())?;
        let read: Vec<Line> = lines.iter().filter_map(|(_, line)| line_of(line, stamps)).collect();
        let is_past =
            read.iter().any(|line| line.at.date_naive() < day) && !read.iter().any(|line| line.at.date_naive() == day);
        let mut todays: Vec<Line> = read.into_iter().filter(|line| line.at.date_naive() == day).collect();
        todays.append(&mut found);
        found = todays;
        end = first - 1;
        if is_past {
            break;
        }
    }
    Ok(found)
}

fn line_of(bytes: &[u8], stamps: &[&str]) -> Option<Line> {
    let json = Json::parse(bytes).ok().filter(Json::is_object)?;
    let at = stamps.iter().find_map(|key| Stamp::from(json.get(key)?.as_str()?).instant())?;
    Some(Line { at, json })
}

fn newest_of_each(lines: &[Line]) -> BTreeMap<&str, &Line> {
    lines
        .iter()
        .filter(|line| !line.text("request_id").is_empty())
        .map(|line| (line.text("request_id"), line))
        .collect()
}

/// The kinds of tickets, as their receipts say them.
fn kinds(receipts: &[Line]) -> BTreeMap<String, String> {
    let said = |line: &Line| (line.text("request_id").to_owned(), line.text("request_type").to_owned());
    receipts.iter().map(said).filter(|(_, kind)| !kind.is_empty()).collect()
}

fn end_of(results: &[Line], kinds: &BTreeMap<String, String>, status: &str) -> Option<TicketEnd> {
    let line = results.iter().rfind(|line| line.text("status") == status)?;
    Some(TicketEnd {
        request_id: line.text("request_id").to_owned(),
        request_type: kinds.get(line.text("request_id")).cloned(),
        reason: Some(detail(line.text("message"))).filter(|text| status == "FAILED" && !text.is_empty()),
        at: Some(Stamp::of(line.at)),
    })
}

fn real_execution(line: &Line) -> Option<RealExecution> {
    (line.decision() == "EXECUTED" && line.text("mode") == "REAL").then(|| RealExecution {
        request_id: line.text("request_id").to_owned(),
        request_type: Some(line.text("request_type").to_owned()).filter(|kind| !kind.is_empty()),
        exit_code: line.json.get("exit_code").and_then(Json::as_integer),
        acceptance_pass: line.inner("acceptance", "pass") == Some(&Json::Bool(true)),
    })
}

/// The files that executions changed, each once, in the order of the lines.
fn artifacts(receipts: &[Line]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in receipts {
        let targets = line.inner("outputs_proof", "targets").and_then(Json::as_array).unwrap_or_default();
        let changed = targets.iter().filter(|target| target.get("changed") == Some(&Json::Bool(true)));
        let listed = line.json.get("artifacts_written").and_then(Json::as_array).unwrap_or_default();
        let paths = changed.filter_map(|target| target.get("path")).chain(listed).filter_map(Json::as_str);
        for path in paths {
            if found.len() < ARTIFACTS && !found.iter().any(|known| known == path) {
                found.push(path.to_owned());
            }
        }
    }
    found
}

fn safety_counters(store: &Store, receipts: &[Line], now: KstTime) -> Result<SafetyCounters, StoreFault> {
    let checked = |key: &str, value: bool| {
        receipts.iter().filter(|line| line.inner("safety_checks", key) == Some(&Json::Bool(value))).count() as u64
    };
    let windows = day_of(store, layout::WINDOWS, &["consumed_at"], now)?;
    let preflight = receipts.iter().filter(|line| line.reason() == "PREFLIGHT_FAIL").count() as u64;
    Ok(SafetyCounters {
        window_consumed_count: windows.iter().filter(|line| line.text("event") == "CONSUME").count() as u64,
        emergency_stop_hits: checked("emergency_stop", true) + stopped_runs(store, now)?,
        allowlist_violation_hits: checked("allowlist_pass", false),
        preflight_fail_hits: preflight,
    })
}

/// Ops runs of today that the emergency stop ended.
fn stopped_runs(store: &Store, now: KstTime) -> Result<u64, StoreFault> {
    let files = store.snapshots(layout::OPS_RUN.snapshots)?;
    let todays = files.iter().filter(|file| file.stamp.is_some_and(|at| at.date() == now.date_naive()));
    let is_stopped = |reference: &str| {
        let json = store.read(reference).ok().flatten().and_then(|bytes| Json::parse(&bytes).ok());
        json.is_some_and(|json| json.get("overall_status").and_then(Json::as_str) == Some("STOPPED"))
    };
    Ok(todays.filter(|file| is_stopped(&file.reference)).count() as u64)
}
