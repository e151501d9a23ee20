//! The guardrail: what kill switch, emergency stop and core health come to for new orders. No event takes part in it.

use serde::Serialize;

use super::Dash;
use crate::contracts::event::Event;
use crate::contracts::event::EventDraft;
use crate::contracts::event::NO_TRACE;
use crate::contracts::event::Severity;
use crate::contracts::event::is_trace;
use crate::contracts::kill::KillStatus;
use crate::gates::Gates;
use crate::gates::KillView;
use crate::ops::Health;
use crate::ops::Ops;

/// How risky new orders are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum RiskLevel {
    /// Somebody should look.
    Warning,
    /// No new order.
    Critical,
    /// There is no engine that would know.
    Unknown,
}

impl RiskLevel {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// The mode of the desk. DOWNGRADE, between the last two, is the engine's alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Mode {
    /// As usual.
    Normal,
    /// Look.
    Warn,
    /// No new order.
    Kill,
}

impl Mode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Warn => "WARN",
            Self::Kill => "KILL",
        }
    }
}

/// Everything at one moment. Each member is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guardrail {
    /// How risky new orders are.
    pub(crate) risk_level: RiskLevel,
    /// Whether new orders are stopped, by the kill switch or by the emergency stop.
    pub(crate) kill_switch: bool,
    /// The position of the two together.
    pub(crate) kill_status: KillStatus,
    /// 0 none, 2 everything.
    pub(crate) downgrade_level: u8,
    /// The mode.
    pub(crate) mode: Mode,
    /// Why, for people; never empty.
    pub(crate) reason: String,
    /// What it belongs to.
    pub(crate) trace_id: String,
}

impl Guardrail {
    /// What the switches and the core come to.
    pub(crate) fn of(kill: &KillView, core: Health) -> Self {
        let state = &kill.reading.state;
        let is_on = kill.is_on();
        let risk_level = match (is_on, state.status, core) {
            (true, ..) | (_, KillStatus::On, _) => RiskLevel::Critical,
            (_, KillStatus::Armed, _) | (.., Health::Warning | Health::Stopped | Health::Error) => RiskLevel::Warning,
            (_, KillStatus::Off, Health::Ok) => RiskLevel::Unknown,
        };
        let mode = match (is_on, risk_level) {
            (true, _) => Mode::Kill,
            (_, RiskLevel::Warning | RiskLevel::Critical) => Mode::Warn,
            (_, RiskLevel::Unknown) => Mode::Normal,
        };
        let reason = if state.is_on || state.status == KillStatus::Armed {
            state.reason.clone()
        } else if kill.emergency_stop {
            format!("emergency stop: {}", kill.stop_reason)
        } else if risk_level == RiskLevel::Warning {
            format!("core health {}", core.as_str())
        } else {
            "no engine is running".to_owned()
        };
        Self {
            risk_level,
            kill_switch: is_on,
            kill_status: kill.status(),
            downgrade_level: if is_on { 2 } else { 0 },
            mode,
            reason,
            // The file may have been written by hand.
            trace_id: if is_trace(&state.trace_id) { &state.trace_id } else { NO_TRACE }.to_owned(),
        }
    }

    /// What it says to those who act on it, in one text; the other members follow from these three.
    pub(crate) fn position(&self) -> String {
        format!("{} {} {}", self.mode.as_str(), self.risk_level.as_str(), self.kill_status.as_str())
    }

    /// The position that such an event told; `None` when it is not all there.
    pub(crate) fn position_told(event: &Event) -> Option<String> {
        let text = |key| event.data.get(key)?.as_str();
        Some(format!("{} {} {}", text("mode")?, text("risk_level")?, text("kill_status")?))
    }

    /// The event that tells of it.
    pub(crate) fn event(&self, recovery_count: u64) -> EventDraft {
        let severity = match self.mode {
            Mode::Kill => Severity::Critical,
            Mode::Warn => Severity::Warn,
            Mode::Normal => Severity::Info,
        };
        let message = format!("mode {}: {}", self.mode.as_str(), self.reason);
        EventDraft::new("guardrail_update", "guardrail", &message)
            .severity(severity)
            .with("risk_level", self.risk_level.as_str())
            .with("kill_switch", self.kill_switch)
            .with("kill_status", self.kill_status.as_str())
            .with("downgrade_level", self.downgrade_level)
            .with("reason", self.reason.as_str())
            .with("recovery_count", recovery_count)
            .with("mode", self.mode.as_str())
    }
}

impl Dash {
    /// Reads the guardrail now.
    pub(crate) fn guardrail(&self, ops: &Ops) -> Guardrail {
        Guardrail::of(&Gates::new(ops.store()).kill_view(), ops.health().health)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::layout;

    #[test]
    fn kill_switch_and_emergency_stop_decide_and_nothing_is_ever_assumed_to_be_well() {
        const STOP: &str = r#"{"schema":"EMERGENCY_STOP_V1","enabled":true,"reason":"drill"}"#;
        let kill = |on: bool, status: &str| {
            format!(
                r#"{{"schema":"KILL_SWITCH_V1","is_on":{on},"status":"{status}","reason":"why","audit_id":"a","trace_id":"t","actor":"k","ts":1,"ts_iso":"","version":3}}"#
            )
        };
        let cases = [
            ("nothing", None, None, Health::Ok, ("UNKNOWN", false, 0, "NORMAL", "no engine is running")),
            (
                "off",
                Some(kill(false, "OFF")),
                None,
                Health::Ok,
                ("UNKNOWN", false, 0, "NORMAL", "no engine is running"),
            ),
            ("armed", Some(kill(false, "ARMED")), None, Health::Ok, ("WARNING", false, 0, "WARN", "why")),
            ("on", Some(kill(true, "ON")), None, Health::Ok, ("CRITICAL", true, 2, "KILL", "why")),
            ("damaged", Some("{".to_owned()), None, Health::Ok, ("CRITICAL", true, 2, "KILL", "STATE_UNREADABLE")),
            ("stop", None, Some(STOP), Health::Stopped, ("CRITICAL", true, 2, "KILL", "emergency stop: drill")),
            ("core", None, None, Health::Warning, ("WARNING", false, 0, "WARN", "core health WARNING")),
        ];
        for (name, kill, stop, core, want) in cases {
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::new(dir.path());
            for (file, text) in [(layout::KILL_SWITCH, kill.as_deref()), (layout::STOP, stop)] {
                if let Some(text) = text {
                    store.write(file, text.as_bytes()).expect("written");
                }
            }
            let got = Guardrail::of(&Gates::new(&store).kill_view(), core);
            let said = (got.risk_level.as_str(), got.kill_switch, got.downgrade_level, got.mode.as_str());
            assert_eq!((said.0, said.1, said.2, said.3, got.reason.as_str()), want, "{name}");
        }
    }
}
