//! LIVE_FIRE_OPS_RECEIPT_V1 and LIVE_FIRE_POSTMORTEM_V1: one real message under guard, and the look back at it.

use serde::Deserialize;
use serde::Serialize;

use super::send::SafetyStatus;
use crate::contracts::document::Document;
use crate::contracts::document::lenient;
use crate::time::Stamp;

/// LIVE_FIRE_OPS_RECEIPT_V1, `reports/ops/push/live_fire/live_fire_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveFireReceipt {
    /// `LIVE_FIRE_OPS_RECEIPT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// UUID.
    #[serde(default, deserialize_with = "lenient")]
    pub run_id: Option<String>,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// What the guards said before.
    #[serde(default, deserialize_with = "lenient")]
    pub precheck_summary: PrecheckSummary,
    /// Whether a message was handed to the channel, or may have been.
    #[serde(default, deserialize_with = "lenient")]
    pub attempted: bool,
    /// The guard that said no.
    #[serde(default, deserialize_with = "lenient")]
    pub blocked_reason: Option<String>,
    /// The channel's answer.
    #[serde(default, deserialize_with = "lenient")]
    pub send_http_status: Option<u16>,
    /// `TELEGRAM`
    #[serde(default, deserialize_with = "lenient")]
    pub channel: Option<String>,
    /// The message.
    #[serde(default, deserialize_with = "lenient")]
    pub message_id: Option<String>,
    /// Whether this run used the window up.
    #[serde(default, deserialize_with = "lenient")]
    pub window_consumed: bool,
    /// Whether this run disabled the sender.
    #[serde(default, deserialize_with = "lenient")]
    pub sender_disabled_after: bool,
    /// What was written.
    #[serde(default, deserialize_with = "lenient")]
    pub refs: LiveFireRefs,
    /// This receipt's own snapshot.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
}

impl Document for LiveFireReceipt {
    const SCHEMA: &'static str = "LIVE_FIRE_OPS_RECEIPT_V1";
}

/// `precheck_summary`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrecheckSummary {
    /// The gate.
    pub gate_mode: String,
    /// What the last self-test said.
    pub self_test: Option<String>,
    /// Whether the emergency stop was on.
    pub emergency_stop: bool,
    /// Whether the sender was enabled.
    pub sender_enabled: bool,
    /// Whether a window was open.
    pub window_active: bool,
    /// Messages in the outbox.
    pub outbox_row_count: u64,
}

/// `refs`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LiveFireRefs {
    /// The outbox that was sent from.
    pub outbox_snapshot_path: Option<String>,
    /// The receipt of the sending.
    pub send_latest_path: Option<String>,
    /// The look back.
    pub postmortem_latest_path: Option<String>,
}

/// LIVE_FIRE_POSTMORTEM_V1, `reports/ops/push/postmortem/postmortem_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Postmortem {
    /// `LIVE_FIRE_POSTMORTEM_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// UUID.
    #[serde(default, deserialize_with = "lenient")]
    pub event_id: Option<String>,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// SAFE or UNSAFE; `None` when missing or unknown.
    #[serde(default, deserialize_with = "lenient")]
    pub overall_safety_status: Option<SafetyStatus>,
    /// The switches now.
    #[serde(default, deserialize_with = "lenient")]
    pub context_observed: ObservedContext,
    /// The last sending.
    #[serde(default, deserialize_with = "lenient")]
    pub send_attempt_observed: ObservedSend,
    /// What must hold after a live fire.
    #[serde(default, deserialize_with = "lenient")]
    pub safety_invariants: SafetyInvariants,
    /// What proves it; older writers put an object here.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
    /// This document's own snapshot.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
}

impl Document for Postmortem {
    const SCHEMA: &'static str = "LIVE_FIRE_POSTMORTEM_V1";
}

/// `context_observed`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObservedContext {
    /// The gate.
    pub gate_mode: String,
    /// Whether the sender is enabled.
    pub sender_enabled: bool,
    /// Whether the emergency stop is on.
    pub emergency_stop_enabled: bool,
    /// What the last self-test said.
    pub self_test_decision: Option<String>,
}

/// `send_attempt_observed`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObservedSend {
    /// Whether a message was handed to a channel, or may have been.
    pub attempted: bool,
    /// SENT, SKIPPED, BLOCKED, FAILED or ATTEMPTED; null when nothing was ever tried.
    pub decision: Option<String>,
    /// The channel's answer.
    pub http_status: Option<u16>,
    /// Where it is written.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
}

/// `safety_invariants`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SafetyInvariants {
    /// The sender is off, and its file can be read or is not there.
    pub sender_is_currently_disabled: bool,
    /// The one-shot window is used up.
    pub window_was_consumed: bool,
    /// The emergency stop is off.
    pub emergency_stop_is_off: bool,
}
