//! The documents of messages: what the PC wrote, the outbox, how a message would look, and what became of it.

mod delivery;
mod fire;
mod send;

pub use delivery::CandidateInfo;
pub use delivery::ConsoleMessage;
pub use delivery::ConsoleOut;
pub use delivery::DeliveryDecision;
pub use delivery::DeliveryReceipt;
pub use delivery::DeliveryRouting;
pub use delivery::DeliverySummary;
pub use fire::LiveFireReceipt;
pub use fire::LiveFireRefs;
pub use fire::ObservedContext;
pub use fire::ObservedSend;
pub use fire::Postmortem;
pub use fire::PrecheckSummary;
pub use fire::SafetyInvariants;
pub use send::MissingByChannel;
pub use send::SafetyStatus;
pub use send::SelfTest;
pub use send::SendDecision;
pub use send::SendReceipt;
pub use send::TelegramSeen;

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use crate::time::Stamp;

/// PUSH_RENDER_PREVIEW_V1, `reports/ops/push/preview/preview_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PushPreview {
    /// `PUSH_RENDER_PREVIEW_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// UUID.
    #[serde(default, deserialize_with = "lenient")]
    pub preview_id: Option<String>,
    /// When it was rendered.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// Where the messages came from.
    #[serde(default, deserialize_with = "lenient")]
    pub source_outbox_ref: Option<String>,
    /// What rendered them.
    #[serde(default, deserialize_with = "lenient")]
    pub formatter_ref: Option<String>,
    /// Channels that were rendered for.
    #[serde(default, deserialize_with = "lenient")]
    pub channels_evaluated: Vec<String>,
    /// The gate at that moment.
    #[serde(default, deserialize_with = "lenient")]
    pub observed_gate_mode: Option<String>,
    /// One row per message and channel.
    #[serde(default, deserialize_with = "lenient")]
    pub rendered: Vec<RenderedMessage>,
    /// Counts.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: PreviewSummary,
    /// This preview's own snapshot.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
}

impl Document for PushPreview {
    const SCHEMA: &'static str = "PUSH_RENDER_PREVIEW_V1";
}

/// One rendered message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RenderedMessage {
    /// CONSOLE in daily use.
    pub channel: String,
    /// The message.
    pub message_id: String,
    /// Its text.
    pub text_preview: String,
    /// Its buttons.
    pub actions_preview: Vec<String>,
    /// Whether it was held back.
    pub blocked: bool,
    /// Why.
    pub blocked_reason: Option<String>,
    /// PASS or FAIL.
    pub secret_injection_check: String,
}

/// `summary`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PreviewSummary {
    /// Rows.
    pub total_rendered: u64,
    /// Rows held back.
    pub blocked: u64,
}

/// PUSH_MESSAGE_V1, `reports/push/latest/push_messages.json`: what the PC or an older program wants to be said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PushMessages {
    /// `PUSH_MESSAGE_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When they were written.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The messages, each judged by itself with [`PushMessage::of`].
    #[serde(default, deserialize_with = "lenient")]
    pub rows: Vec<serde_json::Value>,
}

impl Document for PushMessages {
    const SCHEMA: &'static str = "PUSH_MESSAGE_V1";
}

/// One message of PUSH_MESSAGE_V1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PushMessage {
    /// Its id.
    #[serde(default, deserialize_with = "lenient")]
    pub message_id: String,
    /// PUSH_DIAGNOSIS_ALERT, PUSH_MARKET_STATE_BRIEF, PUSH_ACTION_REQUEST ...
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// One line.
    #[serde(default, deserialize_with = "lenient")]
    pub title_ko: String,
    /// The text.
    #[serde(default, deserialize_with = "lenient")]
    pub body_ko: String,
    /// Its buttons.
    #[serde(default, deserialize_with = "lenient")]
    pub actions: Vec<PushAction>,
}

impl PushMessage {
    /// The message of a row; `None` when the row is no object or says nothing.
    #[must_use]
    pub fn of(row: &serde_json::Value) -> Option<Self> {
        let message: Self = row.is_object().then(|| serde_json::from_value(row.clone()).ok()).flatten()?;
        let says = |text: &str| !text.trim().is_empty();
        (says(&message.title_ko) || says(&message.body_ko)).then_some(message)
    }
}

/// One button of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushAction {
    /// What it says.
    pub label_ko: String,
}

/// PUSH_OUTBOX_V1, `reports/ops/push/outbox/outbox_latest.json`: messages that wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PushOutbox {
    /// `PUSH_OUTBOX_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// UUID.
    #[serde(default, deserialize_with = "lenient")]
    pub outbox_id: Option<String>,
    /// When it was filled.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The delivery that filled it.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_run_id: Option<String>,
    /// The gate at that moment.
    #[serde(default, deserialize_with = "lenient")]
    pub gate_mode_observed: Option<String>,
    /// `CONSOLE_ONLY`
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_policy: Option<String>,
    /// What the last self-test said; null when there was none.
    #[serde(default, deserialize_with = "lenient")]
    pub self_test_decision_observed: Option<String>,
    /// The messages; one of another form than the schema's makes the list count as missing.
    #[serde(default, deserialize_with = "lenient")]
    pub messages: Vec<OutboxMessage>,
    /// Counts.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: OutboxSummary,
    /// This outbox's own snapshot.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
}

impl Document for PushOutbox {
    const SCHEMA: &'static str = "PUSH_OUTBOX_V1";
}

/// `summary`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutboxSummary {
    /// Messages.
    pub total_messages: u64,
    /// Messages for the console.
    pub console_bound: u64,
    /// Messages that an outside channel would take.
    pub external_candidate: u64,
}

/// One message of the outbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// The message.
    #[serde(default, deserialize_with = "lenient")]
    pub message_id: String,
    /// ALERT, DAILY_REPORT, SIGNAL ...
    #[serde(default, deserialize_with = "lenient")]
    pub push_type: String,
    /// One line; older writers leave it empty.
    #[serde(default, deserialize_with = "lenient")]
    pub title: String,
    /// The text; older writers leave it empty.
    #[serde(default, deserialize_with = "lenient")]
    pub content: String,
    /// Its buttons, as texts.
    #[serde(default, deserialize_with = "lenient")]
    pub actions: Vec<String>,
    /// Where the delivery showed it.
    #[serde(default, deserialize_with = "lenient")]
    pub target_channels: Vec<String>,
    /// Why it went nowhere else.
    #[serde(default, deserialize_with = "lenient")]
    pub blocked_reason: Option<String>,
}

/// The part of PUSH_SEND_RECEIPT_V1 that is shown, `reports/ops/push/send/send_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendHead {
    /// `PUSH_SEND_RECEIPT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// SENT, SKIPPED, BLOCKED or FAILED.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
}

impl Document for SendHead {
    const SCHEMA: &'static str = "PUSH_SEND_RECEIPT_V1";
}
