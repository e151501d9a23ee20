//! What the host says about itself when asked for its health.

use serde::Serialize;

use super::Ops;
use crate::contracts::Document;
use crate::contracts::GateMode;
use crate::contracts::ops_run::DailyReportHead;
use crate::contracts::safety::AllowlistHead;
use crate::gates::Gates;
use crate::store::Stored;
use crate::store::layout;

/// The health in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Health {
    /// Nothing to report.
    Ok,
    /// Real execution is enabled without an open window.
    Warning,
    /// The emergency stop is on or unreadable.
    Stopped,
    /// The workspace cannot be read.
    Error,
}

impl Health {
    /// The word in replies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Stopped => "STOPPED",
            Self::Error => "ERROR",
        }
    }
}

/// `emergency_stop`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StopView {
    /// On or unreadable.
    pub enabled: bool,
    /// Why, for people.
    pub reason: String,
}

/// The answer to `GET /api/ops/health`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HealthView {
    /// The word.
    pub health: Health,
    /// The emergency stop.
    pub emergency_stop: StopView,
    /// The gate's mode in force.
    pub execution_gate_mode: GateMode,
    /// Whether a window for real execution is open.
    pub window_active: bool,
    /// Version of the list of what may be executed; null without a readable list: then nothing may.
    pub allowlist_version: Option<String>,
    /// The newest daily report; null without a readable one.
    pub last_ops_report: Option<DailyReportHead>,
    /// Files that cannot be read: safety files, which then count as their safe value, the allowlist, the daily report.
    pub warnings: Vec<String>,
    /// What cannot be read at all; only when the word is ERROR.
    pub error: Option<String>,
}

impl Ops {
    /// Reads the health now. Nothing is written.
    #[must_use]
    pub fn health(&self) -> HealthView {
        let gates = Gates::new(&self.store);
        let switches = gates.switches();
        let window_active = gates.real_enable(self.clock.now()).window_active();
        let error = self.store.root_fault();
        let mut warnings: Vec<String> =
            switches.damaged().into_iter().map(|(file, why)| format!("{file}: {why}")).collect();
        let allowlist: Option<AllowlistHead> = self.readable(layout::ALLOWLIST, &mut warnings);
        let last_ops_report = self.readable(layout::OPS_REPORT, &mut warnings);
        let health = if error.is_some() {
            Health::Error
        } else if switches.stop.value {
            Health::Stopped
        } else if switches.gate.value == GateMode::RealEnabled && !window_active {
            Health::Warning
        } else {
            Health::Ok
        };
        HealthView {
            health,
            emergency_stop: StopView { enabled: switches.stop.value, reason: switches.stop_text() },
            execution_gate_mode: switches.gate.value,
            window_active,
            allowlist_version: allowlist.and_then(|list| list.version),
            last_ops_report,
            warnings,
            error,
        }
    }

    /// A document that may be missing; one that is there and cannot be read is a warning.
    fn readable<D: Document>(&self, file: &str, warnings: &mut Vec<String>) -> Option<D> {
        match self.store.document(file) {
            Stored::Present(document) => Some(document),
            Stored::Missing => None,
            Stored::Damaged(why) => {
                warnings.push(format!("{file}: {why}"));
                None
            }
        }
    }
}
