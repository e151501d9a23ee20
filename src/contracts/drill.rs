//! OPS_DRILL_REPORT_V1: the chain of the ops cycle walked through once, step by step, without anything leaving the host.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use crate::time::Stamp;

/// OPS_DRILL_REPORT_V1, `reports/ops/drill/latest/drill_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DrillReport {
    /// `OPS_DRILL_REPORT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When it started.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// UUID.
    #[serde(default, deserialize_with = "lenient")]
    pub run_id: Option<String>,
    /// What stood when it started.
    #[serde(default, deserialize_with = "lenient")]
    pub inputs_observed: DrillInputs,
    /// The steps in their order.
    #[serde(default, deserialize_with = "lenient")]
    pub steps: Vec<DrillStep>,
    /// PASS, WARN or FAIL: the worst step.
    #[serde(default, deserialize_with = "lenient")]
    pub overall_result: Option<String>,
    /// At most five, `step: reason`.
    #[serde(default, deserialize_with = "lenient")]
    pub top_fail_reasons: Vec<String>,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
}

impl Document for DrillReport {
    const SCHEMA: &'static str = "OPS_DRILL_REPORT_V1";
}

/// `inputs_observed`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillInputs {
    /// The gate's mode in force.
    #[serde(default, deserialize_with = "lenient")]
    pub gate_mode: Option<String>,
    /// On or unreadable.
    #[serde(default, deserialize_with = "lenient")]
    pub emergency_stop_enabled: bool,
    /// Whether messages may leave the host.
    #[serde(default, deserialize_with = "lenient")]
    pub sender_enabled: bool,
    /// Whether the last self-test of the secrets passed; none is no pass.
    #[serde(default, deserialize_with = "lenient")]
    pub self_test_passed: bool,
}

/// How a step ended, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StepResult {
    /// As it should be.
    Pass,
    /// Somebody should look.
    Warn,
    /// Not made, because of what came before.
    Skipped,
    /// Not as it should be.
    Fail,
}

impl StepResult {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Skipped => "SKIPPED",
            Self::Fail => "FAIL",
        }
    }
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillStep {
    /// Its name.
    #[serde(default, deserialize_with = "lenient")]
    pub name: String,
    /// How it ended; `None` when the document does not say.
    #[serde(default, deserialize_with = "lenient")]
    pub result: Option<StepResult>,
    /// The word that the step saw.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub decision_observed: Option<String>,
    /// Why it did not pass.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The document that the step made.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
    /// Messages that were rendered.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub message_count: Option<u64>,
    /// Where messages went.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub delivery_actual: Option<String>,
    /// Refs that were resolved.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub refs_checked: Option<u64>,
    /// Milliseconds; of a step that was not made 0.
    #[serde(default, deserialize_with = "lenient")]
    pub elapsed_ms: u64,
}
