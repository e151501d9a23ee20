//! What is written about tickets: request, result and receipt lines, preflight, dry run, and the reaper's report.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;

use super::TicketStatus;
use crate::contracts::Document;
use crate::contracts::document::lenient;
use crate::time::Stamp;

/// TICKET_REQUEST_V1: one line of `ticket_requests.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TicketRequest {
    /// `TICKET_REQUEST_V1`
    pub schema: String,
    /// The ticket, a UUID.
    pub request_id: String,
    /// When it was asked for.
    pub requested_at: Stamp,
    /// Its kind.
    pub request_type: String,
    /// The members of its kind.
    pub payload: Box<RawValue>,
    /// `OPEN`
    pub status: String,
    /// The run that asked.
    pub trace_id: Option<String>,
}

/// TICKET_RESULT_V1: one line of `ticket_results.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketResult {
    /// `TICKET_RESULT_V1`
    pub schema: String,
    /// The line's own id.
    pub result_id: String,
    /// The ticket.
    pub request_id: String,
    /// When.
    pub processed_at: Stamp,
    /// The ticket's state from here on.
    pub status: TicketStatus,
    /// Who says so.
    pub processor_id: String,
    /// What happened.
    pub message: String,
    /// What was made.
    pub artifacts: Vec<String>,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    /// Done, or simulated.
    Executed,
    /// Refused before it started.
    Blocked,
    /// Failed after it started.
    Failed,
}

/// One file at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileProof {
    /// Whether there is a file.
    pub exists: bool,
    /// When it was last changed.
    pub mtime_iso: Option<Stamp>,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// Its SHA-256.
    pub sha256: Option<String>,
}

/// One output before and after an execution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputProof {
    /// The file.
    pub path: String,
    /// Before.
    pub before: FileProof,
    /// After.
    pub after: FileProof,
    /// Whether its content changed.
    pub changed: bool,
    /// Whether it is there and was hashed.
    pub verified: bool,
}

/// `outputs_proof`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputsProof {
    /// Where the outputs lie.
    pub latest_dir: String,
    /// Each output of the kind.
    pub targets: Vec<OutputProof>,
}

/// `acceptance`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Whether the outcome is accepted.
    pub pass: bool,
    /// MOCK_MODE, DRY_RUN_MODE, BLOCKED_BY_SAFETY_CHECK, PREFLIGHT_FAIL ...
    pub reason: String,
}

/// `safety_checks`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyChecks {
    /// Whether the stop was on or unreadable.
    pub emergency_stop: bool,
    /// APPROVED or NONE.
    pub approval_status: String,
    /// Whether the list allows the kind with exactly our command.
    pub allowlist_pass: bool,
    /// Whether a window for real execution was open.
    pub window_active: bool,
    /// Which.
    pub window_id: Option<String>,
}

/// EXECUTION_RECEIPT_V3: one line of `ticket_receipts.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionReceipt {
    /// `EXECUTION_RECEIPT_V3`
    pub schema: String,
    /// When.
    pub asof: Stamp,
    /// The line's own id.
    pub receipt_id: String,
    /// The ticket.
    pub request_id: String,
    /// Its kind.
    pub request_type: String,
    /// MOCK_ONLY, DRY_RUN or REAL.
    pub mode: String,
    /// How it ended.
    pub decision: Decision,
    /// Of the process; null, as none is ever started.
    pub exit_code: Option<i32>,
    /// What became of the outputs.
    pub outputs_proof: OutputsProof,
    /// Whether that is accepted.
    pub acceptance: Acceptance,
    /// What was looked at.
    pub safety_checks: SafetyChecks,
    /// The preflight behind it.
    pub preflight_artifact_path: Option<String>,
    /// Why it was refused.
    pub block_reasons: Vec<String>,
}

/// The answer of one check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckStatus {
    /// Fine.
    Pass,
    /// Not fine.
    #[default]
    Fail,
}

/// One check of a preflight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its answer.
    #[serde(default, deserialize_with = "lenient")]
    pub status: CheckStatus,
    /// What was found.
    #[serde(default, deserialize_with = "lenient")]
    pub detail: String,
}

/// The checks of a preflight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// Whether this program can do such work.
    #[serde(default, deserialize_with = "lenient")]
    pub import_check: Check,
    /// Whether the inputs are there.
    #[serde(default, deserialize_with = "lenient")]
    pub input_ready_check: Check,
    /// Whether the outputs can be written.
    #[serde(default, deserialize_with = "lenient")]
    pub output_writable_check: Check,
    /// Whether the list allows exactly the plan.
    #[serde(default, deserialize_with = "lenient")]
    pub allowlist_check: Check,
    /// Whether stop, gate, approval and window allow it.
    #[serde(default, deserialize_with = "lenient")]
    pub gate_check: Check,
}

impl Checks {
    /// Every check with its name, in their order.
    #[must_use]
    pub fn all(&self) -> [(&'static str, &Check); 5] {
        [
            ("import_check", &self.import_check),
            ("input_ready_check", &self.input_ready_check),
            ("output_writable_check", &self.output_writable_check),
            ("allowlist_check", &self.allowlist_check),
            ("gate_check", &self.gate_check),
        ]
    }
}

/// RECONCILE_PREFLIGHT_V1: `reports/tickets/preflight/<request_id>.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// `RECONCILE_PREFLIGHT_V1`
    pub schema: String,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The ticket.
    #[serde(default, deserialize_with = "lenient")]
    pub request_id: String,
    /// Its kind.
    #[serde(default, deserialize_with = "lenient")]
    pub request_type: String,
    /// What was checked.
    #[serde(default, deserialize_with = "lenient")]
    pub checks: Checks,
    /// The command that would do the work.
    #[serde(default, deserialize_with = "lenient")]
    pub effective_plan: Vec<String>,
    /// PREFLIGHT_PASS or PREFLIGHT_FAIL.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: String,
    /// The checks that failed, each with what was found.
    #[serde(default, deserialize_with = "lenient")]
    pub fail_reasons: Vec<String>,
}

impl Preflight {
    /// Whether every check passed.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        self.decision == "PREFLIGHT_PASS"
    }
}

impl Document for Preflight {
    const SCHEMA: &'static str = "RECONCILE_PREFLIGHT_V1";
}

/// DRYRUN_ARTIFACT_V1: `reports/tickets/dryrun/<request_id>.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// `DRYRUN_ARTIFACT_V1`
    pub schema: String,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The ticket.
    #[serde(default, deserialize_with = "lenient")]
    pub request_id: String,
    /// Its kind.
    #[serde(default, deserialize_with = "lenient")]
    pub request_type: String,
    /// Whether every check of the preflight passed.
    #[serde(default, deserialize_with = "lenient")]
    pub valid: bool,
    /// The command that would do the work.
    #[serde(default, deserialize_with = "lenient")]
    pub plan_ref: Vec<String>,
    /// Each check by name.
    #[serde(default, deserialize_with = "lenient")]
    pub checks: BTreeMap<String, bool>,
    /// The checks that failed, each with what was found.
    #[serde(default, deserialize_with = "lenient")]
    pub errors: Vec<String>,
}

impl Document for DryRun {
    const SCHEMA: &'static str = "DRYRUN_ARTIFACT_V1";
}

/// One ticket that the reaper failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleaned {
    /// The ticket.
    #[serde(default, deserialize_with = "lenient")]
    pub request_id: String,
    /// Its kind; null when its request does not say.
    #[serde(default, deserialize_with = "lenient")]
    pub request_type: Option<String>,
    /// When it was taken, as written.
    #[serde(default, deserialize_with = "lenient")]
    pub last_processed_at: Option<Stamp>,
    /// The message of its last line.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: String,
}

/// TICKET_REAPER_REPORT_V1
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaperReport {
    /// `TICKET_REAPER_REPORT_V1`
    pub schema: String,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// NONE or CLEANED.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: String,
    /// A ticket that was taken longer ago is stale.
    #[serde(default, deserialize_with = "lenient")]
    pub threshold_seconds: u64,
    /// Tickets that were stale.
    #[serde(default, deserialize_with = "lenient")]
    pub stale_count: u64,
    /// Tickets that were failed.
    #[serde(default, deserialize_with = "lenient")]
    pub cleaned_count: u64,
    /// Each of them.
    #[serde(default, deserialize_with = "lenient")]
    pub cleaned_items: Vec<Cleaned>,
    /// Their last lines.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
}

impl Document for ReaperReport {
    const SCHEMA: &'static str = "TICKET_REAPER_REPORT_V1";
}
