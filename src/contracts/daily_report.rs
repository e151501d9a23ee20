//! DAILY_OPS_REPORT_V1: what happened to tickets and safety on one day in Korea.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use super::health::ReasonCount;
use crate::time::Stamp;

/// DAILY_OPS_REPORT_V1, `reports/ops/daily/ops_report_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DailyReport {
    /// `DAILY_OPS_REPORT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The day, `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "lenient")]
    pub period: Option<String>,
    /// Counts of the day.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: DaySummary,
    /// At most three, the most frequent first.
    #[serde(default, deserialize_with = "lenient")]
    pub blocked_reasons_top: Vec<ReasonCount>,
    /// The day's newest execution that was real.
    #[serde(default, deserialize_with = "lenient")]
    pub last_real_execution: Option<RealExecution>,
    /// Files that executions of the day changed, each once.
    #[serde(default, deserialize_with = "lenient")]
    pub artifacts_written: Vec<String>,
    /// The day's newest ticket that was done.
    #[serde(default, deserialize_with = "lenient")]
    pub last_done: Option<TicketEnd>,
    /// The day's newest ticket that failed.
    #[serde(default, deserialize_with = "lenient")]
    pub last_failed: Option<TicketEnd>,
    /// The day's newest ticket that a guard refused.
    #[serde(default, deserialize_with = "lenient")]
    pub last_blocked: Option<TicketEnd>,
    /// How often a guard was met.
    #[serde(default, deserialize_with = "lenient")]
    pub safety_counters: SafetyCounters,
}

impl Document for DailyReport {
    const SCHEMA: &'static str = "DAILY_OPS_REPORT_V1";
}

/// `summary`: tickets are counted once, by their newest result line of the day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySummary {
    /// Tickets with a result line on the day.
    #[serde(default, deserialize_with = "lenient")]
    pub tickets_total: u64,
    /// Of these, done.
    #[serde(default, deserialize_with = "lenient")]
    pub done: u64,
    /// Of these, failed.
    #[serde(default, deserialize_with = "lenient")]
    pub failed: u64,
    /// Tickets whose newest receipt of the day says BLOCKED.
    #[serde(default, deserialize_with = "lenient")]
    pub blocked: u64,
    /// Result lines of the day; a ticket that was taken and finished has two.
    #[serde(default, deserialize_with = "lenient")]
    pub events_total: u64,
}

/// `last_real_execution`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealExecution {
    /// The ticket.
    #[serde(default, deserialize_with = "lenient")]
    pub request_id: String,
    /// Its kind.
    #[serde(default, deserialize_with = "lenient")]
    pub request_type: Option<String>,
    /// How the command ended.
    #[serde(default, deserialize_with = "lenient")]
    pub exit_code: Option<i64>,
    /// Whether its outputs were accepted.
    #[serde(default, deserialize_with = "lenient")]
    pub acceptance_pass: bool,
}

/// `last_done`, `last_failed`, `last_blocked`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketEnd {
    /// The ticket.
    #[serde(default, deserialize_with = "lenient")]
    pub request_id: String,
    /// Its kind; null when nothing says it.
    #[serde(default, deserialize_with = "lenient")]
    pub request_type: Option<String>,
    /// Why it did not end well.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub at: Option<Stamp>,
}

/// `safety_counters`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyCounters {
    /// Windows for real execution that were used up.
    #[serde(default, deserialize_with = "lenient")]
    pub window_consumed_count: u64,
    /// Ops runs and receipts that met the emergency stop.
    #[serde(default, deserialize_with = "lenient")]
    pub emergency_stop_hits: u64,
    /// Receipts of commands that are not on the list.
    #[serde(default, deserialize_with = "lenient")]
    pub allowlist_violation_hits: u64,
    /// Receipts of a failed preflight.
    #[serde(default, deserialize_with = "lenient")]
    pub preflight_fail_hits: u64,
}
