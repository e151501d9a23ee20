//! PUSH_SEND_RECEIPT_V1 and SECRETS_SELF_TEST_V1: what became of a message, and whether a channel could take one.

use serde::Deserialize;
use serde::Serialize;

use crate::contracts::channel::ChannelRow;
use crate::contracts::document::Document;
use crate::contracts::document::lenient;
use crate::time::Stamp;

/// What was decided about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SendDecision {
    /// The channel took it.
    Sent,
    /// It was not due.
    Skipped,
    /// A guard said no.
    Blocked,
    /// It is not known to have arrived.
    Failed,
    /// It is about to be handed over: written before the call. Without a later line of the same id nobody knows more.
    Attempted,
}

impl SendDecision {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "SENT",
            Self::Skipped => "SKIPPED",
            Self::Blocked => "BLOCKED",
            Self::Failed => "FAILED",
            Self::Attempted => "ATTEMPTED",
        }
    }

    /// Whether the message was handed to the channel, or may have been.
    #[must_use]
    pub fn is_attempt(self) -> bool {
        matches!(self, Self::Sent | Self::Failed | Self::Attempted)
    }
}

/// What a postmortem concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SafetyStatus {
    /// Nothing can be sent any more.
    Safe,
    /// Something stands open, or cannot be read.
    Unsafe,
}

/// PUSH_SEND_RECEIPT_V1, `reports/ops/push/send/send_latest.json` and a line of the receipts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SendReceipt {
    /// `PUSH_SEND_RECEIPT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// UUID; an attempt and its outcome share it.
    #[serde(default, deserialize_with = "lenient")]
    pub send_id: Option<String>,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The channels that were called, joined by `+`; of a refusal those that the sender names.
    #[serde(default, deserialize_with = "lenient")]
    pub channel: Option<String>,
    /// One row a channel, once channels were chosen; none in older receipts.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelRow>,
    /// The message; null when none was chosen.
    #[serde(default, deserialize_with = "lenient")]
    pub message_id: Option<String>,
    /// ALERT, DAILY_REPORT or SIGNAL.
    #[serde(default, deserialize_with = "lenient")]
    pub request_type: Option<String>,
    /// What was decided; `None` when missing or unknown.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<SendDecision>,
    /// The guard that said no.
    #[serde(default, deserialize_with = "lenient")]
    pub blocked_reason: Option<String>,
    /// The text that belongs to it, for people.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub reason_detail: Option<String>,
    /// What rendered the message.
    #[serde(default, deserialize_with = "lenient")]
    pub formatter_ref: Option<String>,
    /// How the message looked; null when nothing was rendered.
    #[serde(default, deserialize_with = "lenient")]
    pub preview_ref: Option<String>,
    /// Which names had a value.
    #[serde(default, deserialize_with = "lenient")]
    pub secrets_status_observed: TelegramSeen,
    /// The channel's answer.
    #[serde(default, deserialize_with = "lenient")]
    pub http_status: Option<u16>,
    /// TIMEOUT, CONNECT, RATE_LIMITED ...
    #[serde(default, deserialize_with = "lenient")]
    pub error_class: Option<String>,
    /// For people; without any secret.
    #[serde(default, deserialize_with = "lenient")]
    pub error_message_sanitized: Option<String>,
    /// When the channel wants to be asked again. Nobody asks by himself.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// The text that was handed over; `[BLOCKED]` when it was held back.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub text_preview: Option<String>,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
    /// This receipt's own snapshot; a line of the receipts before the call has none.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
}

impl Document for SendReceipt {
    const SCHEMA: &'static str = "PUSH_SEND_RECEIPT_V1";
}

/// `secrets_status_observed`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TelegramSeen {
    /// Whether the token has a value.
    #[serde(rename = "TELEGRAM_BOT_TOKEN")]
    pub token: bool,
    /// Whether the chat has a value.
    #[serde(rename = "TELEGRAM_CHAT_ID")]
    pub chat: bool,
}

/// SECRETS_SELF_TEST_V1, `reports/ops/secrets/self_test_latest.json`. It tells names, never a value, its length or a part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// `SECRETS_SELF_TEST_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// ENV_ONLY or DOTENV_OPTIONAL.
    #[serde(default, deserialize_with = "lenient")]
    pub provider: Option<String>,
    /// Names that were looked for.
    #[serde(default, deserialize_with = "lenient")]
    pub secrets_checked_count: u64,
    /// Names that have a value.
    #[serde(default, deserialize_with = "lenient")]
    pub present_count: u64,
    /// What each outside channel lacks.
    #[serde(default, deserialize_with = "lenient")]
    pub missing_required_by_channel: MissingByChannel,
    /// SELF_TEST_PASS or SELF_TEST_FAIL.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
    /// For people.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// This document's own snapshot.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
}

impl Document for SelfTest {
    const SCHEMA: &'static str = "SECRETS_SELF_TEST_V1";
}

/// `missing_required_by_channel`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MissingByChannel {
    /// The Bot API.
    #[serde(rename = "TELEGRAM")]
    pub telegram: Vec<String>,
    /// The webhook.
    #[serde(rename = "SLACK")]
    pub slack: Vec<String>,
    /// Mail.
    #[serde(rename = "EMAIL")]
    pub email: Vec<String>,
}
