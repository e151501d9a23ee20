//! OPS_SUMMARY_V1: the host's status at one moment, and what stands against it.
//!
//! Older documents lack whole blocks, so every block is optional for a reader; the writer fills all of them.

use serde::Deserialize;
use serde::Serialize;

use super::bundle::BundleDecision;
use super::document::Document;
use super::document::lenient;
use super::safety::GateMode;
use crate::time::Stamp;

/// The status of the operation as a whole, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OverallStatus {
    /// Nothing to report.
    Ok,
    /// No ops cycle has ever run here.
    NoRunHistory,
    /// Somebody should look.
    Warn,
    /// A guard says no.
    Blocked,
    /// The emergency stop is on.
    Stopped,
}

impl OverallStatus {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::NoRunHistory => "NO_RUN_HISTORY",
            Self::Warn => "WARN",
            Self::Blocked => "BLOCKED",
            Self::Stopped => "STOPPED",
        }
    }
}

/// How bad one risk is, from worst to mildest: the order of `top_risks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Blocks. `BLOCKED` and `HIGH` are read as this too.
    #[serde(alias = "BLOCKED", alias = "HIGH")]
    Critical,
    /// Warns. `MEDIUM` is read as this too.
    #[serde(alias = "MEDIUM")]
    Warn,
    /// Informs.
    #[serde(alias = "LOW")]
    Info,
}

/// One row of `top_risks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// `^[A-Z0-9_]+$`
    #[serde(default, deserialize_with = "lenient")]
    pub code: String,
    /// How bad; a missing or unknown word counts as WARN.
    #[serde(default = "warn", deserialize_with = "severity_or_warn")]
    pub severity: Severity,
    /// For people.
    #[serde(default, deserialize_with = "lenient")]
    pub message: String,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
}

fn warn() -> Severity {
    Severity::Warn
}

fn severity_or_warn<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
    lenient::<D, Option<Severity>>(deserializer).map(|found| found.unwrap_or_else(warn))
}

/// OPS_SUMMARY_V1, `reports/ops/summary/ops_summary_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpsSummary {
    /// `OPS_SUMMARY_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The status; `None` when missing or unknown, which no reader may take for a good one.
    #[serde(default, deserialize_with = "lenient")]
    pub overall_status: Option<OverallStatus>,
    /// What guards the operation.
    #[serde(default, deserialize_with = "lenient")]
    pub guard: Option<Guard>,
    /// Newest ops run of each kind.
    #[serde(default, deserialize_with = "lenient")]
    pub last_run_triplet: Option<LastRuns>,
    /// Current state of all tickets.
    #[serde(default, deserialize_with = "lenient")]
    pub tickets: Option<TicketCounts>,
    /// What happened to tickets lately.
    #[serde(default, deserialize_with = "lenient")]
    pub tickets_recent: Option<TicketsRecent>,
    /// The message side.
    #[serde(default, deserialize_with = "lenient")]
    pub push: Option<PushState>,
    /// The evidence side.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence: Option<EvidenceState>,
    /// The bundle as the validator sees it.
    #[serde(default, deserialize_with = "lenient")]
    pub strategy_bundle: Option<BundleState>,
    /// The newest recommendation.
    #[serde(default, deserialize_with = "lenient")]
    pub reco: Option<RecoState>,
    /// At most five, worst first.
    #[serde(default, deserialize_with = "lenient")]
    pub top_risks: Vec<Risk>,
}

impl Document for OpsSummary {
    const SCHEMA: &'static str = "OPS_SUMMARY_V1";
}

/// `guard`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    /// Evidence health.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_health: HealthGuard,
    /// Emergency stop.
    #[serde(default, deserialize_with = "lenient")]
    pub emergency_stop: StopGuard,
    /// Execution gate.
    #[serde(default, deserialize_with = "lenient")]
    pub execution_gate: GateGuard,
}

/// `guard.evidence_health`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthGuard {
    /// PASS, WARN, FAIL or UNKNOWN.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
    /// Whether a health check could not be made and counted as failed.
    #[serde(default, deserialize_with = "lenient")]
    pub fail_closed_triggered: bool,
    /// The newest health snapshot.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
}

/// `guard.emergency_stop`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopGuard {
    /// On or unreadable; `None` when the document does not say.
    #[serde(default, deserialize_with = "lenient")]
    pub enabled: Option<bool>,
}

/// `guard.execution_gate`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateGuard {
    /// The mode in force.
    #[serde(default, deserialize_with = "lenient")]
    pub mode: Option<GateMode>,
}

/// `last_run_triplet`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRuns {
    /// Newest run that was done (with or without skips).
    #[serde(default, deserialize_with = "lenient")]
    pub last_done: Option<Stamp>,
    /// Newest run that failed.
    #[serde(default, deserialize_with = "lenient")]
    pub last_failed: Option<Stamp>,
    /// Newest run that was blocked or stopped.
    #[serde(default, deserialize_with = "lenient")]
    pub last_blocked: Option<Stamp>,
}

/// `tickets`: each ticket once, by its newest result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TicketCounts {
    /// No result yet.
    pub open: u64,
    /// Taken.
    pub in_progress: u64,
    /// Finished well.
    pub done: u64,
    /// Finished badly.
    pub failed: u64,
    /// Failed, and the last receipt says BLOCKED (a part of `failed`).
    pub blocked: u64,
}

/// `tickets_recent`: result lines inside the window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TicketsRecent {
    /// Width of the window in days.
    pub window_days: u64,
    /// How many of the last lines are looked at.
    pub max_events: u64,
    /// Where the window starts.
    pub start_at: Option<Stamp>,
    /// Where it ends.
    pub end_at: Option<Stamp>,
    /// FAILED lines that are no clean-up.
    pub failed: u64,
    /// FAILED lines of a clean-up.
    pub excluded_cleanup_failed: u64,
    /// BLOCKED receipts.
    pub blocked: u64,
    /// DONE lines.
    pub done: u64,
    /// IN_PROGRESS lines.
    pub in_progress: u64,
    /// Newest five FAILED lines.
    pub failed_line_refs: Vec<String>,
}

/// `push`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushState {
    /// Messages waiting in the outbox.
    pub outbox_row_count: u64,
    /// Decision of the last send, or N/A.
    pub last_send_decision: String,
    /// Whether messages may leave the host.
    pub sender_enabled: bool,
}

/// `evidence`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvidenceState {
    /// Rows of the evidence index.
    pub index_row_count: u64,
    /// PASS, WARN, FAIL or UNKNOWN.
    pub health_decision: String,
}

/// `strategy_bundle`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleState {
    /// Whether there is a bundle that may be shown as one: PASS or WARN.
    #[serde(default, deserialize_with = "lenient")]
    pub present: bool,
    /// The validator's decision.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<BundleDecision>,
    /// Where it lies.
    #[serde(default, deserialize_with = "lenient")]
    pub latest_ref: Option<String>,
    /// Its id.
    #[serde(default, deserialize_with = "lenient")]
    pub bundle_id: Option<String>,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub created_at: Option<Stamp>,
    /// The strategy's name.
    #[serde(default, deserialize_with = "lenient")]
    pub strategy_name: Option<String>,
    /// The strategy's version.
    #[serde(default, deserialize_with = "lenient")]
    pub strategy_version: Option<String>,
    /// A missing value means stale.
    #[serde(default = "stale", deserialize_with = "stale_unless_false")]
    pub stale: bool,
    /// What stands against it.
    #[serde(default, deserialize_with = "lenient")]
    pub issues: Vec<String>,
}

fn stale() -> bool {
    true
}

/// Reads a staleness flag: only JSON `false` means fresh.
pub(crate) fn stale_unless_false<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    lenient::<D, Option<bool>>(deserializer).map(|found| found.unwrap_or(true))
}

/// `reco`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecoState {
    /// Whether there is a report.
    pub present: bool,
    /// GENERATED, EMPTY_RECO or BLOCKED.
    pub decision: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Where the newest report lies.
    pub latest_ref: Option<String>,
    /// Its snapshot.
    pub snapshot_ref: Option<String>,
    /// Its id.
    pub report_id: Option<String>,
    /// When it was made.
    pub created_at: Option<Stamp>,
    /// The bundle it was made from.
    pub source_bundle: Option<super::reco::SourceBundle>,
    /// Its counts.
    pub summary: Option<super::reco::RecoSummary>,
    /// What proves it.
    pub evidence_refs: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_types_count_as_missing_at_every_level() {
        let cases = [
            (r#"{"schema":"OPS_SUMMARY_V1","overall_status":"OK"}"#, Some(OverallStatus::Ok)),
            (r#"{"schema":"OPS_SUMMARY_V1","overall_status":"FINE"}"#, None),
            (r#"{"schema":"OPS_SUMMARY_V1","overall_status":["OK"]}"#, None),
            (
                r#"{"schema":"OPS_SUMMARY_V1","guard":[["PASS",false,null],[false],["DRY_RUN"]],"top_risks":[["X","WARN","m",[]]]}"#,
                None,
            ),
            (r#"{"schema":"OPS_SUMMARY_V1","overall_status":null,"guard":7,"top_risks":{"a":1}}"#, None),
            (
                r#"{"schema":"OPS_SUMMARY_V1","overall_status":"WARN","guard":{"evidence_health":"x","emergency_stop":{"enabled":"false"}}}"#,
                Some(OverallStatus::Warn),
            ),
        ];
        for (text, status) in cases {
            let summary = OpsSummary::parse(text.as_bytes()).expect(text);
            assert_eq!(summary.overall_status, status, "{text}");
            assert_eq!(summary.guard.and_then(|g| g.emergency_stop.enabled), None, "{text}");
        }
    }

    #[test]
    fn a_missing_stale_flag_means_stale() {
        for (text, stale) in
            [(r#"{"stale":false}"#, false), (r#"{"stale":true}"#, true), ("{}", true), (r#"{"stale":"false"}"#, true)]
        {
            let state: BundleState = serde_json::from_str(text).expect(text);
            assert_eq!(state.stale, stale, "{text}");
        }
    }
}
