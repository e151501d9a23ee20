//! OPS_RUN_RECEIPT_V1: how one ops cycle ended; what is read of it under the three schema names that it has had; and the
//! part of the daily report that is shown.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::DocumentFault;
use super::document::lenient;
use super::json::Json;
use super::json::decode;
use crate::time::Stamp;

/// Names of the record: today's, the one before with the same body, and the first with `status`.
const SCHEMAS: [&str; 3] = ["OPS_RUN_RECEIPT_V1", "OPS_CYCLE_RUN_V2", "OPS_RUN_SNAPSHOT_V1"];

/// How an ops run ended, as far as the last runs are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunEnd {
    /// DONE or DONE_WITH_SKIPS.
    Done,
    /// FAILED.
    Failed,
    /// BLOCKED or STOPPED.
    Blocked,
}

/// The end and the time of one ops run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct OpsRunHead {
    #[serde(default, deserialize_with = "lenient")]
    overall_status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    asof: Option<Stamp>,
    #[serde(default, deserialize_with = "lenient")]
    finished_at: Option<Stamp>,
    #[serde(default, deserialize_with = "lenient")]
    started_at: Option<Stamp>,
}

impl OpsRunHead {
    /// Reads a record of any of the three schemas.
    ///
    /// # Errors
    /// The bytes are no such record.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        let json = Json::parse(bytes)?;
        match json.get("schema").and_then(Json::as_str) {
            Some(schema) if SCHEMAS.contains(&schema) => {}
            found => {
                let found = found.unwrap_or("none").to_owned();
                return Err(DocumentFault::WrongSchema { expected: SCHEMAS[0], found });
            }
        }
        serde_json::from_str(decode(bytes)?).map_err(|fault| DocumentFault::Shape(fault.to_string()))
    }

    /// How it ended; `None` when the record does not say.
    #[must_use]
    pub fn end(&self) -> Option<RunEnd> {
        match self.overall_status.as_deref().or(self.status.as_deref())? {
            "DONE" | "DONE_WITH_SKIPS" => Some(RunEnd::Done),
            "FAILED" => Some(RunEnd::Failed),
            "BLOCKED" | "STOPPED" => Some(RunEnd::Blocked),
            _ => None,
        }
    }

    /// When it was: the first of `asof`, `finished_at` and `started_at` that is a time.
    #[must_use]
    pub fn at(&self) -> Option<&Stamp> {
        [&self.asof, &self.finished_at, &self.started_at].into_iter().flatten().find(|stamp| stamp.instant().is_some())
    }
}

/// OPS_RUN_RECEIPT_V1, `reports/ops/scheduler/latest/ops_run_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpsRunReceipt {
    /// `OPS_RUN_RECEIPT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// UUID, or N/A when nothing ran.
    #[serde(default, deserialize_with = "lenient")]
    pub run_id: Option<String>,
    /// When it ended.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// When it started.
    #[serde(default, deserialize_with = "lenient")]
    pub started_at: Option<Stamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "lenient")]
    pub finished_at: Option<Stamp>,
    /// DONE, DONE_WITH_SKIPS, BLOCKED, STOPPED or FAILED.
    #[serde(default, deserialize_with = "lenient")]
    pub overall_status: Option<String>,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// The daily report; empty when none was written.
    #[serde(default, deserialize_with = "lenient")]
    pub ops_report_ref: String,
    /// The evidence as it was checked.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_health: RunHealth,
    /// What the reaper did.
    #[serde(default, deserialize_with = "lenient")]
    pub ticket_reaper: RunReaper,
    /// What became of the one ticket.
    #[serde(default, deserialize_with = "lenient")]
    pub ticket_step: RunTicket,
    /// The safety files when it started.
    #[serde(default, deserialize_with = "lenient")]
    pub safety_snapshot: RunSafety,
    /// Counts of all tickets when it ended.
    #[serde(default, deserialize_with = "lenient")]
    pub counters: RunCounters,
    /// The summary that it made.
    #[serde(default, deserialize_with = "lenient")]
    pub ops_summary: RunSummary,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
}

impl Document for OpsRunReceipt {
    const SCHEMA: &'static str = "OPS_RUN_RECEIPT_V1";
}

/// `evidence_health`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHealth {
    /// PASS, WARN, FAIL, or N/A when it was not checked.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
    /// When it was checked.
    #[serde(default, deserialize_with = "lenient")]
    pub generated_at: Option<Stamp>,
    /// The newest report.
    #[serde(default, deserialize_with = "lenient")]
    pub latest_ref: Option<String>,
    /// This run's report.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
    /// At most three codes.
    #[serde(default, deserialize_with = "lenient")]
    pub top_fail_reasons: Vec<String>,
    /// Whether a check that could not be made counted as failed.
    #[serde(default, deserialize_with = "lenient")]
    pub fail_closed_triggered: bool,
    /// Why there is no report.
    #[serde(default, deserialize_with = "lenient")]
    pub error_summary: Option<String>,
}

/// `ticket_reaper`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReaper {
    /// NONE, CLEANED, ERROR, or N/A when it did not run.
    #[serde(default, deserialize_with = "lenient")]
    pub decision_observed: Option<String>,
    /// Tickets that were failed.
    #[serde(default, deserialize_with = "lenient")]
    pub cleaned_count: u64,
    /// The newest report.
    #[serde(default, deserialize_with = "lenient")]
    pub latest_ref: Option<String>,
    /// This run's report.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
}

/// `ticket_step`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTicket {
    /// Whether a ticket was taken.
    #[serde(default, deserialize_with = "lenient")]
    pub attempted: bool,
    /// The ticket.
    #[serde(default, deserialize_with = "lenient")]
    pub selected_request_id: Option<String>,
    /// Its kind.
    #[serde(default, deserialize_with = "lenient")]
    pub selected_request_type: Option<String>,
    /// PROCESSED, SKIPPED or NONE.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// The receipt's line.
    #[serde(default, deserialize_with = "lenient")]
    pub receipt_ref: Option<String>,
}

/// `safety_snapshot`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSafety {
    /// On or unreadable.
    #[serde(default, deserialize_with = "lenient")]
    pub emergency_stop_enabled: bool,
    /// The gate's mode in force.
    #[serde(default, deserialize_with = "lenient")]
    pub execution_gate_mode: Option<String>,
    /// Whether a window for real execution was open.
    #[serde(default, deserialize_with = "lenient")]
    pub window_active: bool,
    /// Version of the list of what may be executed; null without a readable list.
    #[serde(default, deserialize_with = "lenient")]
    pub allowlist_version: Option<String>,
}

/// `counters`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounters {
    /// Not taken yet.
    #[serde(default, deserialize_with = "lenient")]
    pub tickets_open: u64,
    /// Taken.
    #[serde(default, deserialize_with = "lenient")]
    pub tickets_in_progress: u64,
    /// Finished well.
    #[serde(default, deserialize_with = "lenient")]
    pub tickets_done: u64,
    /// Finished badly.
    #[serde(default, deserialize_with = "lenient")]
    pub tickets_failed: u64,
    /// Finished badly because a guard refused (a part of the failed ones).
    #[serde(default, deserialize_with = "lenient")]
    pub tickets_blocked: u64,
    /// Steps of this run that were skipped.
    #[serde(default, deserialize_with = "lenient")]
    pub skips_this_run: u64,
}

/// `ops_summary`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its status.
    #[serde(default, deserialize_with = "lenient")]
    pub decision_observed: Option<String>,
    /// The newest one.
    #[serde(default, deserialize_with = "lenient")]
    pub latest_ref: Option<String>,
    /// This run's one.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
}

/// The part of DAILY_OPS_REPORT_V1 that is shown, `reports/ops/daily/ops_report_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DailyReportHead {
    /// `DAILY_OPS_REPORT_V1`
    #[serde(default, deserialize_with = "lenient", skip_serializing)]
    pub schema: String,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// Counts of tickets, as written.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: serde_json::Value,
    /// The newest ticket that was done, as written.
    #[serde(default, deserialize_with = "lenient")]
    pub last_done: serde_json::Value,
    /// The newest ticket that failed, as written.
    #[serde(default, deserialize_with = "lenient")]
    pub last_failed: serde_json::Value,
    /// The newest ticket that was blocked, as written.
    #[serde(default, deserialize_with = "lenient")]
    pub last_blocked: serde_json::Value,
}

impl Document for DailyReportHead {
    const SCHEMA: &'static str = "DAILY_OPS_REPORT_V1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_schemas_are_read_and_no_other() {
        let cases = [
            (
                r#"{"schema":"OPS_RUN_RECEIPT_V1","overall_status":"DONE","asof":"2026-01-12T21:19:59"}"#,
                Some((RunEnd::Done, "2026-01-12T21:19:59")),
            ),
            (
                r#"{"schema":"OPS_CYCLE_RUN_V2","overall_status":"DONE_WITH_SKIPS","finished_at":"2026-01-04T17:00:00"}"#,
                Some((RunEnd::Done, "2026-01-04T17:00:00")),
            ),
            (
                r#"{"schema":"OPS_RUN_SNAPSHOT_V1","status":"STOPPED","asof":"soon","started_at":"2026-01-04T13:28:01"}"#,
                Some((RunEnd::Blocked, "2026-01-04T13:28:01")),
            ),
            (
                r#"{"schema":"OPS_RUN_RECEIPT_V1","overall_status":"FAILED","asof":"2026-01-12T21:19:59"}"#,
                Some((RunEnd::Failed, "2026-01-12T21:19:59")),
            ),
            (r#"{"schema":"OPS_RUN_RECEIPT_V1","overall_status":7}"#, None),
            (r#"{"schema":"DAILY_OPS_REPORT_V1","status":"DONE"}"#, None),
            (r#"{"schema":"OPS_RUN_RECEIPT_V1","#, None),
            ("[]", None),
        ];
        for (text, want) in cases {
            let head = OpsRunHead::parse(text.as_bytes()).unwrap_or_default();
            let got = head.end().zip(head.at().map(Stamp::as_str));
            assert_eq!(got, want, "{text}");
        }
    }
}
