//! LIVE_CYCLE_RECEIPT_V1: what one live cycle did, hashed, with refs to everything it made.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use super::reco::PayloadHash;
use super::summary::stale_unless_false;
use crate::time::Stamp;

/// Whether the components of a cycle worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CycleResult {
    /// They did.
    Ok,
    /// One broke.
    Failed,
}

impl CycleResult {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Failed => "FAILED",
        }
    }
}

/// What a cycle decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CycleDecision {
    /// Everything was done.
    Completed,
    /// A part was done.
    Partial,
    /// A guard did its job.
    Blocked,
}

impl CycleDecision {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Partial => "PARTIAL",
            Self::Blocked => "BLOCKED",
        }
    }
}

/// The only delivery in daily use: the message is shown on the console and leaves nothing.
pub const CONSOLE_SIMULATED: &str = "CONSOLE_SIMULATED";

/// LIVE_CYCLE_RECEIPT_V1, `reports/live/cycle/latest/live_cycle_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CycleReceipt {
    /// `LIVE_CYCLE_RECEIPT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// UUID.
    #[serde(default, deserialize_with = "lenient")]
    pub cycle_id: Option<String>,
    /// The run that asked for the cycle, from the PC's publish on; absent when nobody said.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// When it ran.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// Whether the components worked; `None` when missing or unknown.
    #[serde(default, deserialize_with = "lenient")]
    pub result: Option<CycleResult>,
    /// What was decided; `None` when missing or unknown.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<CycleDecision>,
    /// A code; older writers add text after a colon.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// The text that belongs to the code.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub reason_detail: Option<String>,
    /// The bundle as the validator saw it.
    #[serde(default, deserialize_with = "lenient")]
    pub bundle: Option<CycleBundle>,
    /// The recommendation.
    #[serde(default, deserialize_with = "lenient")]
    pub reco: Option<CycleReco>,
    /// The summary.
    #[serde(default, deserialize_with = "lenient")]
    pub ops_summary: Option<CycleSummary>,
    /// The delivery.
    #[serde(default, deserialize_with = "lenient")]
    pub push: Option<CyclePush>,
    /// This receipt's own snapshot.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
    /// The hash over bundle, reco, ops_summary and push.
    #[serde(default, deserialize_with = "lenient")]
    pub integrity: Option<PayloadHash>,
}

impl Document for CycleReceipt {
    const SCHEMA: &'static str = "LIVE_CYCLE_RECEIPT_V1";
}

/// `bundle`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleBundle {
    /// Whether the step worked.
    #[serde(default, deserialize_with = "lenient")]
    pub success: bool,
    /// Where the bundle lies.
    #[serde(default, deserialize_with = "lenient")]
    pub latest_ref: Option<String>,
    /// PASS, WARN, FAIL, NO_BUNDLE or LOAD_ERROR.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
    /// A missing value means stale.
    #[serde(default = "unknown_is_stale", deserialize_with = "stale_unless_false")]
    pub stale: bool,
    /// Whether it passed the validator.
    #[serde(default, deserialize_with = "lenient")]
    pub valid: bool,
    /// The bundle's id.
    #[serde(default, deserialize_with = "lenient")]
    pub bundle_id: Option<String>,
    /// The strategy's name.
    #[serde(default, deserialize_with = "lenient")]
    pub strategy_name: Option<String>,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
    /// Why it could not be loaded.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

fn unknown_is_stale() -> bool {
    true
}

/// `reco`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleReco {
    /// Whether the step worked.
    #[serde(default, deserialize_with = "lenient")]
    pub success: bool,
    /// Where the report lies.
    #[serde(default, deserialize_with = "lenient")]
    pub latest_ref: Option<String>,
    /// Its snapshot.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
    /// GENERATED, EMPTY_RECO or BLOCKED.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
    /// A code.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
}

/// `ops_summary`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleSummary {
    /// Whether the step worked.
    #[serde(default, deserialize_with = "lenient")]
    pub success: bool,
    /// Where the summary lies.
    #[serde(default, deserialize_with = "lenient")]
    pub latest_ref: Option<String>,
    /// Its snapshot.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
}

/// `push`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CyclePush {
    /// Whether the step worked.
    #[serde(default, deserialize_with = "lenient")]
    pub success: bool,
    /// Where the preview lies.
    #[serde(default, deserialize_with = "lenient")]
    pub preview_ref: Option<String>,
    /// Always null: nothing was sent.
    #[serde(default, deserialize_with = "lenient")]
    pub send_receipt_ref: Option<String>,
    /// How it was delivered.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_actual: Option<String>,
}
