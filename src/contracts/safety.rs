//! The three safety documents: execution gate, sender enable, emergency stop.
//!
//! Only JSON `true` and `false` are booleans here. A document of another schema, with a missing switch or a switch of
//! another type, is no such document; what an unreadable file means is decided in `gates`.

use serde::Deserialize;
use serde::Serialize;

use super::channel::Channels;
use super::document::Document;
use super::document::lenient;
use crate::time::Stamp;

/// How far execution may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GateMode {
    /// Nothing leaves the program.
    MockOnly,
    /// Everything is computed, nothing is executed.
    DryRun,
    /// Execution is allowed, if everything else allows it too.
    RealEnabled,
}

impl GateMode {
    /// Every mode, in the order an error message lists them.
    pub const ALL: [Self; 3] = [Self::MockOnly, Self::DryRun, Self::RealEnabled];

    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MockOnly => "MOCK_ONLY",
            Self::DryRun => "DRY_RUN",
            Self::RealEnabled => "REAL_ENABLED",
        }
    }

    /// The mode with this word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// EXECUTION_GATE_V1, `state/execution_gate.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionGate {
    /// `EXECUTION_GATE_V1`
    pub schema: String,
    /// The mode in force.
    pub mode: GateMode,
    /// When it was set.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_at: Option<Stamp>,
    /// Who set it.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_by: Option<String>,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
}

impl Document for ExecutionGate {
    const SCHEMA: &'static str = "EXECUTION_GATE_V1";
}

/// EMERGENCY_STOP_V1, `state/emergency_stop.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmergencyStop {
    /// `EMERGENCY_STOP_V1`
    pub schema: String,
    /// Whether everything stands still. Older documents call it `active`.
    #[serde(alias = "active")]
    pub enabled: bool,
    /// When it was set.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_at: Option<Stamp>,
    /// Who set it.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_by: Option<String>,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
}

impl Document for EmergencyStop {
    const SCHEMA: &'static str = "EMERGENCY_STOP_V1";
}

/// REAL_SENDER_ENABLE_V1, `state/real_sender_enable.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SenderEnable {
    /// `REAL_SENDER_ENABLE_V1`
    pub schema: String,
    /// Whether messages may leave the host.
    pub enabled: bool,
    /// The channels that it opens; TELEGRAM_ONLY when it names none. A text that is no set of channels makes the whole
    /// document unreadable: it might have meant less.
    #[serde(default)]
    pub channel: Option<Channels>,
    /// When it was set.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_at: Option<Stamp>,
    /// Who set it.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_by: Option<String>,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
}

impl Document for SenderEnable {
    const SCHEMA: &'static str = "REAL_SENDER_ENABLE_V1";
}

/// The part of REAL_EXECUTION_ALLOWLIST_V1 that is shown, `docs/contracts/execution_allowlist_v1.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AllowlistHead {
    /// `REAL_EXECUTION_ALLOWLIST_V1`
    pub schema: String,
    /// The list's version.
    #[serde(default, deserialize_with = "lenient")]
    pub version: Option<String>,
}

impl Document for AllowlistHead {
    const SCHEMA: &'static str = "REAL_EXECUTION_ALLOWLIST_V1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_true_boolean_is_a_boolean() {
        let with = |switch: &str| format!(r#"{{"schema":"EMERGENCY_STOP_V1",{switch}}}"#);
        let cases = [
            ("off", with(r#""enabled":false"#), Some(false)),
            ("on", with(r#""enabled":true"#), Some(true)),
            ("older name", with(r#""active":true"#), Some(true)),
            ("text", with(r#""enabled":"false""#), None),
            ("number", with(r#""enabled":0"#), None),
            ("null", with(r#""enabled":null"#), None),
            ("list", with(r#""enabled":[false]"#), None),
            ("both names", with(r#""enabled":false,"active":true"#), None),
            ("missing", with(r#""reason":"x""#), None),
            ("twice", with(r#""enabled":true,"enabled":false"#), None),
            ("no schema", r#"{"enabled":false}"#.to_owned(), None),
            ("other schema", r#"{"schema":"EXECUTION_GATE_V1","enabled":false}"#.to_owned(), None),
            ("half written", r#"{"schema":"EMERGENCY_STOP_V1","ena"#.to_owned(), None),
        ];
        for (name, text, want) in cases {
            assert_eq!(EmergencyStop::parse(text.as_bytes()).ok().map(|s| s.enabled), want, "{name}");
        }
    }

    #[test]
    fn an_unknown_gate_mode_is_no_gate() {
        for (mode, ok) in [("MOCK_ONLY", true), ("DRY_RUN", true), ("REAL_ENABLED", true), ("REAL", false), ("", false)]
        {
            let text = format!(r#"{{"schema":"EXECUTION_GATE_V1","mode":"{mode}","updated_by":7}}"#);
            let gate = ExecutionGate::parse(text.as_bytes());
            assert_eq!(gate.is_ok(), ok, "{mode}");
            assert!(gate.map_or(true, |g| g.updated_by.is_none()), "a number is no name");
        }
    }
}
