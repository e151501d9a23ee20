//! PUSH_RENDER_PREVIEW_V1: what a message would look like on the console. Nothing here leaves the host.

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

/// PUSH_OUTBOX_V1, `reports/ops/push/outbox/outbox_latest.json`: messages that wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PushOutbox {
    /// `PUSH_OUTBOX_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// The messages; one of another form than the schema's makes the list count as missing.
    #[serde(default, deserialize_with = "lenient")]
    pub messages: Vec<OutboxMessage>,
}

impl Document for PushOutbox {
    const SCHEMA: &'static str = "PUSH_OUTBOX_V1";
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
