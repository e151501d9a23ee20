//! The risk level and the mode of trading, worked out in one place for the metrics, the risk snapshot and the page.

use serde::Serialize;

use crate::contracts::kill::KillStatus;
use crate::gates::KillReading;

/// How risky the engine finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RiskLevel {
    Ok,
    Warning,
    Critical,
    /// Nobody says so.
    Unknown,
}

/// What may be traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Mode {
    Normal,
    Warn,
    Downgrade,
    Kill,
}

/// What an engine says about risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EngineRisk {
    pub(crate) level: RiskLevel,
    /// 0 to 2.
    pub(crate) downgrade: u8,
}

/// The risk as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Risk {
    pub(crate) level: RiskLevel,
    pub(crate) mode: Mode,
    pub(crate) downgrade: u8,
}

/// The kill switch decides first, then the engine. Without an engine the level is unknown: that nobody warns is no proof
/// that all is well.
pub(crate) fn judged(kill: &KillReading, engine: Option<EngineRisk>) -> Risk {
    if kill.state.status == KillStatus::On {
        return Risk { level: RiskLevel::Critical, mode: Mode::Kill, downgrade: 2 };
    }
    let EngineRisk { level, downgrade } = engine.unwrap_or(EngineRisk { level: RiskLevel::Unknown, downgrade: 0 });
    let mode = match (downgrade, level) {
        (1.., _) => Mode::Downgrade,
        (0, RiskLevel::Warning | RiskLevel::Critical) => Mode::Warn,
        (0, RiskLevel::Ok | RiskLevel::Unknown) => Mode::Normal,
    };
    Risk { level, mode, downgrade: downgrade.min(2) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::Gates;
    use crate::store::Store;
    use crate::store::layout;

    #[test]
    fn the_worst_word_wins() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let off = Gates::new(&store).kill_switch();
        store.write(layout::KILL_SWITCH, b"{").expect("written");
        let unreadable = Gates::new(&store).kill_switch();
        let says = |level, downgrade| Some(EngineRisk { level, downgrade });
        let cases = [
            ("no engine", &off, None, (RiskLevel::Unknown, Mode::Normal, 0)),
            ("all well", &off, says(RiskLevel::Ok, 0), (RiskLevel::Ok, Mode::Normal, 0)),
            ("a warning", &off, says(RiskLevel::Warning, 0), (RiskLevel::Warning, Mode::Warn, 0)),
            ("critical", &off, says(RiskLevel::Critical, 0), (RiskLevel::Critical, Mode::Warn, 0)),
            ("one step down", &off, says(RiskLevel::Ok, 1), (RiskLevel::Ok, Mode::Downgrade, 1)),
            ("more steps than there are", &off, says(RiskLevel::Warning, 9), (RiskLevel::Warning, Mode::Downgrade, 2)),
            ("unreadable is on", &unreadable, says(RiskLevel::Ok, 0), (RiskLevel::Critical, Mode::Kill, 2)),
        ];
        for (name, kill, engine, (level, mode, downgrade)) in cases {
            assert_eq!(judged(kill, engine), Risk { level, mode, downgrade }, "{name}");
        }
    }
}
