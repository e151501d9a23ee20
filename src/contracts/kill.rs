//! KILL_SWITCH_V1: the GLOBAL kill switch, `state/kill_switch.json`.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;

/// The three positions of a kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KillStatus {
    /// Orders may go.
    Off,
    /// Its cause is near; nothing is blocked yet.
    Armed,
    /// No new order.
    On,
}

impl KillStatus {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Armed => "ARMED",
            Self::On => "ON",
        }
    }
}

/// The kill switch as it was last set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillSwitch {
    /// `KILL_SWITCH_V1`
    pub schema: String,
    /// Whether no new order may go: the same as `status` ON.
    pub is_on: bool,
    /// The position.
    pub status: KillStatus,
    /// Why.
    pub reason: String,
    /// The row of the audit that set it; empty before the first.
    pub audit_id: String,
    /// What it belongs to.
    pub trace_id: String,
    /// Who set it.
    pub actor: String,
    /// When, in milliseconds since 1970; 0 before the first time.
    pub ts: i64,
    /// The same instant in Korean time; empty before the first time.
    pub ts_iso: String,
    /// One more for each change; 0 before the first.
    pub version: u64,
}

impl Document for KillSwitch {
    const SCHEMA: &'static str = "KILL_SWITCH_V1";
}

/// One use of the kill switch: a line of `metrics/kill_audit.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillAuditRow {
    /// `KILL_AUDIT_V1`
    pub schema: String,
    /// When, in milliseconds since 1970.
    pub ts: i64,
    /// The same instant in Korean time.
    pub ts_iso: String,
    /// Names the use; the product's audit trail has an entry with the same id.
    pub audit_id: String,
    /// What it belongs to.
    pub trace_id: String,
    /// What was done.
    pub action: KillAction,
    /// Why.
    pub reason: String,
    /// Who, as the request says.
    pub actor: String,
    /// The token or the user behind that name.
    pub proved_by: String,
    /// From where.
    pub actor_ip: String,
    /// Whether the switch counted as on before.
    pub prev_is_on: bool,
    /// The version after it.
    pub version: u64,
}

impl Document for KillAuditRow {
    const SCHEMA: &'static str = "KILL_AUDIT_V1";
}

/// What was done with the kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillAction {
    /// Switched on.
    KillOn,
    /// Switched off.
    KillOff,
    /// Asked to be on, and on already.
    KillOnNoop,
    /// Asked to be off, and off already.
    KillOffNoop,
    /// The line before with this id says that it was switched off, and it was not.
    KillOffFailed,
}
