//! The overall health: the worst of everything that the host knows about itself.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use serde::Serialize;

use super::Dash;
use crate::contracts::bundle::BundleDecision;
use crate::contracts::bundle::Validation;
use crate::contracts::heartbeat::Beat;
use crate::contracts::heartbeat::Heartbeat;
use crate::contracts::kill::KillStatus;
use crate::gates::Gates;
use crate::gates::KillReading;
use crate::ops::Health;
use crate::ops::Ops;

/// How long after the start nothing is promised.
const STARTING: Duration = Duration::from_secs(5);
/// How long a loss counts as recent.
const RECENT: Duration = Duration::from_secs(60);

/// One word for people in a hurry, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Overall {
    /// OK, WARN, CRITICAL or UNKNOWN.
    pub(crate) status: &'static str,
    /// Codes of everything that is not as it should be; empty when OK.
    pub(crate) reasons: Vec<&'static str>,
    /// Those of the reasons that are critical by themselves.
    #[serde(skip)]
    pub(crate) critical: Vec<&'static str>,
}

/// What is looked at.
#[derive(Clone, Debug)]
struct Inputs {
    kill: KillReading,
    /// Whether gate, sender or stop cannot be read.
    is_safety_damaged: bool,
    core: Health,
    /// What keeps the strategy bundle from being used.
    bundle: Option<&'static str>,
    /// Whether no daily run ever ended here.
    has_no_run: bool,
    /// The exit code of the last daily run that ended.
    exit_code: Option<u8>,
    /// Whether the daily runs are silent or hang.
    is_overdue: bool,
    is_log_failing: bool,
    /// Whether events got no row in the last minute, or before it and that is not told yet.
    has_lost_rows: bool,
    has_drops: bool,
    is_starting: bool,
}

impl Inputs {
    /// Every row in its order; the first that holds gives the word.
    fn judge(&self) -> Overall {
        let kill = &self.kill;
        let is_on = kill.state.is_on && kill.damage.is_none();
        let rows = [
            (kill.damage.is_some(), "CRITICAL", "kill_state_unreadable"),
            (self.is_safety_damaged, "CRITICAL", "safety_unreadable"),
            (self.core == Health::Stopped, "CRITICAL", "emergency_stop"),
            (self.core == Health::Error, "CRITICAL", "core_error"),
            // An engine is not expected here yet: no row for a dead one.
            (self.exit_code == Some(3), "CRITICAL", "daily_run_failed"),
            (is_on, "WARN", "kill_switch_on"),
            (self.core == Health::Warning, "WARN", "core_warning"),
            (self.exit_code == Some(2), "WARN", "daily_run_blocked"),
            (self.is_overdue, "WARN", "daily_run_overdue"),
            (self.has_no_run, "WARN", "daily_run_missing"),
            (self.bundle.is_some(), "WARN", self.bundle.unwrap_or_default()),
            (self.is_log_failing, "WARN", "obs_writer_failing"),
            (self.has_lost_rows, "WARN", "obs_rows_lost"),
            (self.has_drops, "WARN", "drops_recent"),
            (kill.state.status == KillStatus::Armed, "WARN", "kill_switch_armed"),
            (self.is_starting, "UNKNOWN", "starting"),
        ];
        let holding: Vec<_> = rows.into_iter().filter(|(holds, ..)| *holds).collect();
        let critical = holding.iter().filter(|(_, status, _)| *status == "CRITICAL");
        Overall {
            status: holding.first().map_or("OK", |(_, status, _)| status),
            reasons: holding.iter().map(|(.., reason)| *reason).collect(),
            critical: critical.map(|(.., reason)| *reason).collect(),
        }
    }
}

impl Dash {
    /// Looks at everything now.
    pub(crate) fn overall(&self, ops: &Ops) -> Overall {
        let beat = ops.heartbeat();
        let exit_code = last_exit_code(ops, beat.heartbeat.as_ref());
        let gates = Gates::new(ops.store());
        let switches = gates.switches();
        let damages = [switches.gate.damage(), switches.sender.damage(), switches.stop.damage()];
        let inputs = Inputs {
            kill: gates.kill_switch(),
            is_safety_damaged: damages.iter().any(Option::is_some),
            core: ops.health().health,
            bundle: bundle_reason(&ops.bundle().validation),
            // Nobody knows how the runs go. A heartbeat that is too old or cannot be read has its own row.
            has_no_run: beat.status != "DEGRADED" && exit_code.is_none(),
            exit_code,
            // A run that ended badly has its own row.
            is_overdue: beat.status == "DEGRADED" && !matches!(exit_code, Some(2 | 3)),
            is_log_failing: self.journal_status().is_failing,
            has_lost_rows: self.has_lost_rows(),
            has_drops: self.has_recent_drops(),
            is_starting: self.bus.uptime() < STARTING,
        };
        inputs.judge()
    }

    /// Whether the observation log lacks events of the last minute, or of any time when nobody has been told yet.
    fn has_lost_rows(&self) -> bool {
        let now = self.bus.clock().monotonic();
        let told_at = self.journal_status().losses_told_at;
        self.bus.feed().has_losses() || told_at.is_some_and(|at| now.saturating_sub(at) < RECENT)
    }

    /// Whether a subscriber lost an event in the last minute.
    pub(crate) fn has_recent_drops(&self) -> bool {
        self.drops.is_rising(self.bus.clock().monotonic(), self.bus.counters().drop_count)
    }
}

/// Why the strategy bundle cannot be acted on; `None` when it can.
fn bundle_reason(found: &Validation) -> Option<&'static str> {
    match found.decision {
        BundleDecision::NoBundle => Some("bundle_missing"),
        _ if found.is_usable() => None,
        BundleDecision::Fail => Some("bundle_failed"),
        BundleDecision::Pass | BundleDecision::Warn => Some("bundle_not_fresh"),
    }
}

/// How the last daily run ended: the heartbeat knows also of runs that could not write a record.
fn last_exit_code(ops: &Ops, beat: Option<&Heartbeat>) -> Option<u8> {
    let ended = beat.filter(|beat| beat.result != Some(Beat::Skipped)).and_then(|beat| beat.exit_code);
    ended.or_else(|| ops.latest_daily_run().present().and_then(|record| record.exit_code))
}

/// The number of lost events over the last minute.
#[derive(Debug, Default)]
pub(crate) struct Drops(Mutex<VecDeque<(Duration, u64)>>);

impl Drops {
    /// Notes the number at a moment, and tells whether it is higher than a minute ago. At the start it was 0.
    pub(crate) fn is_rising(&self, at: Duration, count: u64) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One note for each second is enough.
        match seen.back_mut() {
            Some((last, known)) if at.saturating_sub(*last) < Duration::from_secs(1) && *known > 0 => *known = count,
            _ => seen.push_back((at, count)),
        }
        while seen.get(1).is_some_and(|(next, _)| at.saturating_sub(*next) >= RECENT) {
            seen.pop_front();
        }
        // The oldest note stands for the minute's start, also when it is older than that.
        let oldest = seen.front().filter(|(first, _)| at.saturating_sub(*first) >= RECENT);
        count > oldest.map_or(0, |(_, known)| *known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::STATE_UNREADABLE;
    use crate::store::Store;

    fn well() -> Inputs {
        let dir = tempfile::tempdir().expect("a directory");
        Inputs {
            kill: Gates::new(&Store::new(dir.path())).kill_switch(),
            is_safety_damaged: false,
            core: Health::Ok,
            bundle: None,
            has_no_run: false,
            exit_code: Some(0),
            is_overdue: false,
            is_log_failing: false,
            has_lost_rows: false,
            has_drops: false,
            is_starting: false,
        }
    }

    fn damaged(inputs: &mut Inputs) {
        inputs.kill.state.is_on = true;
        inputs.kill.state.status = KillStatus::On;
        inputs.kill.state.reason = STATE_UNREADABLE.to_owned();
        inputs.kill.damage = Some("no JSON".to_owned());
    }

    fn on(inputs: &mut Inputs) {
        inputs.kill.state.is_on = true;
        inputs.kill.state.status = KillStatus::On;
    }

    #[test]
    fn each_row_gives_its_word_and_its_reason() {
        type Edit = fn(&mut Inputs);
        let rows: [(Edit, &str, &[&str]); 20] = [
            (|_| (), "OK", &[]),
            (|i| i.exit_code = None, "OK", &[]),
            (damaged, "CRITICAL", &["kill_state_unreadable"]),
            (|i| i.is_safety_damaged = true, "CRITICAL", &["safety_unreadable"]),
            (|i| i.has_no_run = true, "WARN", &["daily_run_missing"]),
            (|i| i.bundle = Some("bundle_missing"), "WARN", &["bundle_missing"]),
            (|i| i.core = Health::Stopped, "CRITICAL", &["emergency_stop"]),
            (|i| i.core = Health::Error, "CRITICAL", &["core_error"]),
            (|i| i.exit_code = Some(3), "CRITICAL", &["daily_run_failed"]),
            (on, "WARN", &["kill_switch_on"]),
            (|i| i.core = Health::Warning, "WARN", &["core_warning"]),
            (|i| i.exit_code = Some(2), "WARN", &["daily_run_blocked"]),
            (|i| i.is_overdue = true, "WARN", &["daily_run_overdue"]),
            (|i| i.is_log_failing = true, "WARN", &["obs_writer_failing"]),
            (|i| i.has_lost_rows = true, "WARN", &["obs_rows_lost"]),
            (|i| i.has_drops = true, "WARN", &["drops_recent"]),
            (|i| i.kill.state.status = KillStatus::Armed, "WARN", &["kill_switch_armed"]),
            (|i| i.is_starting = true, "UNKNOWN", &["starting"]),
            (
                |i| {
                    on(i);
                    i.exit_code = Some(3);
                    i.has_drops = true;
                    i.is_starting = true;
                },
                "CRITICAL",
                &["daily_run_failed", "kill_switch_on", "drops_recent", "starting"],
            ),
            (
                |i| {
                    damaged(i);
                    i.core = Health::Stopped;
                    i.exit_code = Some(2);
                },
                "CRITICAL",
                &["kill_state_unreadable", "emergency_stop", "daily_run_blocked"],
            ),
        ];
        for (number, (edit, status, reasons)) in rows.into_iter().enumerate() {
            let mut inputs = well();
            edit(&mut inputs);
            let found = inputs.judge();
            assert_eq!((found.status, found.reasons.as_slice()), (status, reasons), "row {number}");
            assert_eq!(found.critical.is_empty(), status != "CRITICAL", "row {number}");
        }
    }

    #[test]
    fn what_only_warns_is_not_critical_beside_what_is() {
        let mut inputs = well();
        damaged(&mut inputs);
        inputs.exit_code = Some(3);
        inputs.has_drops = true;
        inputs.bundle = Some("bundle_missing");
        let found = inputs.judge();
        assert_eq!(found.critical, ["kill_state_unreadable", "daily_run_failed"]);
        assert_eq!(found.reasons, ["kill_state_unreadable", "daily_run_failed", "bundle_missing", "drops_recent"]);
    }

    #[test]
    fn a_bundle_that_cannot_be_acted_on_says_why() {
        use crate::contracts::bundle::BundlePolicy;
        use crate::contracts::bundle::validate;
        let at = crate::time::Stamp::from("2026-11-21T12:00:00+09:00").instant().expect("a time");
        let none = validate(None, &BundlePolicy::default(), at);
        let usable = Validation { decision: BundleDecision::Warn, valid: true, stale: false, ..none.clone() };
        let stale = Validation { stale: true, ..usable.clone() };
        let failed = Validation { decision: BundleDecision::Fail, valid: false, ..usable.clone() };
        let said = [&none, &usable, &stale, &failed].map(bundle_reason);
        assert_eq!(said, [Some("bundle_missing"), None, Some("bundle_not_fresh"), Some("bundle_failed")]);
    }

    #[test]
    fn a_loss_is_recent_for_a_minute() {
        let drops = Drops::default();
        let at = |seconds, count| drops.is_rising(Duration::from_secs(seconds), count);
        assert!(!at(0, 0) && !at(30, 0));
        assert!(at(31, 7) && at(90, 7));
        assert!(!at(91, 7) && !at(500, 7));
        assert!(at(501, 8) && at(560, 8) && !at(561, 8));
        // Nobody asked for long: the loss may have been at any time since, so it counts as recent once more.
        assert!(at(5000, 9) && !at(5061, 9));
    }
}
