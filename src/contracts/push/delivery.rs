//! PUSH_DELIVERY_RECEIPT_V2 and CONSOLE_OUT_V2: where messages would go, and what the console was shown.

use serde::Deserialize;
use serde::Serialize;

use crate::contracts::document::Document;
use crate::contracts::document::lenient;
use crate::time::Stamp;

/// PUSH_DELIVERY_RECEIPT_V2, `reports/ops/push/push_delivery_latest.json` and a line of the receipts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeliveryReceipt {
    /// `PUSH_DELIVERY_RECEIPT_V2`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// UUID.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_run_id: Option<String>,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The gate at that moment.
    #[serde(default, deserialize_with = "lenient")]
    pub gate_mode: Option<String>,
    /// Whether everything stood still.
    #[serde(default, deserialize_with = "lenient")]
    pub emergency_stop_enabled: bool,
    /// Whether an outside channel had all its secrets.
    #[serde(default, deserialize_with = "lenient")]
    pub secrets_available: bool,
    /// Counts.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: DeliverySummary,
    /// One row a message.
    #[serde(default, deserialize_with = "lenient")]
    pub decisions: Vec<DeliveryDecision>,
    /// The decision as a whole.
    #[serde(default, deserialize_with = "lenient")]
    pub routing: DeliveryRouting,
    /// Where the names of secrets can be asked for.
    #[serde(default, deserialize_with = "lenient")]
    pub secrets_status_ref: Option<String>,
    /// `PUSH_CHANNELS_V1`: which channel takes which messages.
    #[serde(default, deserialize_with = "lenient")]
    pub channel_matrix_version: Option<String>,
    /// The gate at that moment.
    #[serde(default, deserialize_with = "lenient")]
    pub gate_mode_observed: Option<String>,
    /// `CONSOLE`: nothing else happens in a delivery.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_actual: Option<String>,
    /// The self-test that counted; null without one.
    #[serde(default, deserialize_with = "lenient")]
    pub secrets_self_test_ref: Option<String>,
    /// What it said.
    #[serde(default, deserialize_with = "lenient")]
    pub secrets_self_test_decision_observed: Option<String>,
    /// Where secrets come from.
    #[serde(default, deserialize_with = "lenient")]
    pub secrets_provider_observed: Option<String>,
    /// The outbox.
    #[serde(default, deserialize_with = "lenient")]
    pub outbox_latest_path: Option<String>,
    /// Its snapshot.
    #[serde(default, deserialize_with = "lenient")]
    pub outbox_snapshot_path: Option<String>,
    /// `PUSH_OUTBOX_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub outbox_schema_observed: Option<String>,
    /// How the messages would look.
    #[serde(default, deserialize_with = "lenient")]
    pub preview_ref: Option<String>,
}

impl Document for DeliveryReceipt {
    const SCHEMA: &'static str = "PUSH_DELIVERY_RECEIPT_V2";
}

/// `summary`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliverySummary {
    /// Messages.
    pub total_messages: u64,
    /// Shown on the console.
    pub console: u64,
    /// Left the host; always 0.
    pub external: u64,
    /// Rows that could not be read or say nothing.
    pub skipped: u64,
}

/// One row of `decisions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryDecision {
    /// The message.
    pub message_id: String,
    /// `CONSOLE`
    pub channel_decision: String,
    /// `console`
    pub channel_target: String,
    /// CONSOLE_ONLY_MODE, NO_SECRETS_FOR_ANY_CHANNEL, PUSH_TYPE_NOT_ALLOWED or SECRET_INJECTION_SUSPECTED.
    pub reason_code: String,
    /// Where else it could have gone.
    pub candidate_info: CandidateInfo,
}

/// `candidate_info`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CandidateInfo {
    /// Whether an outside channel would take it.
    pub external_candidate: bool,
    /// Which.
    pub candidate_channels: Vec<String>,
}

/// `routing`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryRouting {
    /// `CONSOLE_ONLY`
    pub mode: String,
    /// Whether an outside channel would take one of the messages.
    pub external_candidate: bool,
    /// Which.
    pub candidate_channels: Vec<String>,
    /// NO_MESSAGES, PUSH_FILE_UNREADABLE, NO_SECRETS_FOR_ANY_CHANNEL, PUSH_TYPE_NOT_ALLOWED, or null.
    pub blocked_reason: Option<String>,
}

/// CONSOLE_OUT_V2, `reports/ops/push/console_out_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsoleOut {
    /// `CONSOLE_OUT_V2`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// The delivery.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_run_id: Option<String>,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// What was shown.
    #[serde(default, deserialize_with = "lenient")]
    pub messages: Vec<ConsoleMessage>,
}

impl Document for ConsoleOut {
    const SCHEMA: &'static str = "CONSOLE_OUT_V2";
}

/// One message as the console shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsoleMessage {
    /// The message.
    pub message_id: String,
    /// One line.
    pub title: String,
    /// The text.
    pub content: String,
    /// ALERT, DAILY_REPORT, SIGNAL ...
    pub push_type: String,
    /// Why it is shown here only.
    pub reason_code: String,
}
