//! The memory of alerts: one mark for each key, and the rule by which a move is worth another word.
//!
//! Within the cooldown only a move that grew by the step is. A mark of another day counts no more. A mark from the future
//! (the clock was set back) counts as made now, so that one cooldown passes and not more.

use std::collections::BTreeMap;

use chrono::Duration;

use crate::contracts::watch::AlertMark;
use crate::contracts::watch::Percent;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::kst;

/// Written before an alert is handed over.
pub(super) const PENDING: &str = "PENDING";
/// What a mark that stayed pending says afterwards.
pub(super) const UNKNOWN: &str = "UNKNOWN";

/// When a move is worth another word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) cooldown_minutes: u64,
    pub(super) step: Percent,
}

/// Why an alert is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Fresh,
    CooldownOver,
    Grown,
}

impl Why {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "FRESH",
            Self::CooldownOver => "COOLDOWN_OVER",
            Self::Grown => "GROWN",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    at: KstTime,
    size: Option<Percent>,
    delivery: Option<String>,
}

/// All marks of one watcher.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    marks: BTreeMap<String, Mark>,
    /// What was there could not be read: whatever moves now may have been alerted a moment ago.
    blind: bool,
    /// Marks that an ended run left without an outcome.
    left: usize,
    changed: bool,
}

impl Marks {
    /// The marks of a state as they count now.
    pub(super) fn settled(
        last_sent: &BTreeMap<String, Stamp>,
        last_alert: &BTreeMap<String, AlertMark>,
        now: KstTime,
    ) -> Self {
        let mut settled = Self::default();
        let day = |at: KstTime| at.with_timezone(&kst()).date_naive();
        for (key, stamp) in last_sent {
            let at = stamp.instant().filter(|at| *at <= now);
            settled.changed |= at.is_none();
            let at = at.unwrap_or(now);
            if day(at) != day(now) {
                settled.changed = true;
                continue;
            }
            let alert = last_alert.get(key).cloned().unwrap_or_default();
            let mut delivery = alert.delivery_actual;
            if delivery.as_deref() == Some(PENDING) {
                delivery = Some(UNKNOWN.to_owned());
                settled.left += 1;
                settled.changed = true;
            }
            settled.marks.insert(key.clone(), Mark { at, size: alert.size_pct, delivery });
        }
        settled
    }

    /// The marks of a state that cannot be read.
    pub(super) fn unreadable() -> Self {
        Self { blind: true, changed: true, ..Self::default() }
    }

    /// Why a move of this size is worth a word now; `None` when it is not.
    pub(super) fn judge(&mut self, key: &str, size: Percent, now: KstTime, rule: Rule) -> Option<Why> {
        if self.blind {
            self.set(key, size, now, UNKNOWN);
            return None;
        }
        let Some(mark) = self.marks.get(key) else { return Some(Why::Fresh) };
        let minutes = i64::try_from(rule.cooldown_minutes).unwrap_or(i64::MAX / 100_000);
        if now - mark.at >= Duration::minutes(minutes) {
            return Some(Why::CooldownOver);
        }
        mark.size.filter(|before| size.bp() - before.bp() >= rule.step.bp()).map(|_| Why::Grown)
    }

    /// Marks an alert.
    pub(super) fn set(&mut self, key: &str, size: Percent, now: KstTime, delivery: &str) {
        let mark = Mark { at: now, size: Some(size), delivery: Some(delivery.to_owned()) };
        self.marks.insert(key.to_owned(), mark);
        self.changed = true;
    }

    /// Says what became of a marked alert.
    pub(super) fn delivered(&mut self, key: &str, delivery: &str) {
        if let Some(mark) = self.marks.get_mut(key) {
            mark.delivery = Some(delivery.to_owned());
            self.changed = true;
        }
    }

    /// The size of the alert before.
    pub(super) fn size(&self, key: &str) -> Option<Percent> {
        self.marks.get(key).and_then(|mark| mark.size)
    }

    /// What people should know about the memory itself.
    pub(super) fn concern(&self) -> Option<String> {
        if self.blind {
            return Some("the state was unreadable: every cooldown starts anew".to_owned());
        }
        (self.left > 0).then(|| format!("{} alert(s) of an ended run have no known outcome", self.left))
    }

    /// Whether the state has to be written.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    pub(super) fn saved(&mut self) {
        self.changed = false;
    }

    /// The two mappings of a state.
    pub(super) fn maps(&self) -> (BTreeMap<String, Stamp>, BTreeMap<String, AlertMark>) {
        let sent = self.marks.iter().map(|(key, mark)| (key.clone(), Stamp::of(mark.at))).collect();
        let alert = |mark: &Mark| AlertMark { size_pct: mark.size, delivery_actual: mark.delivery.clone() };
        let alerts = self.marks.iter().map(|(key, mark)| (key.clone(), alert(mark))).collect();
        (sent, alerts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "005930_UP";
    const RULE: Rule = Rule { cooldown_minutes: 15, step: Percent::of_bp(100) };

    fn at(text: &str) -> KstTime {
        Stamp::from(text).instant().expect("a time")
    }

    fn reloaded(marks: &Marks, now: KstTime) -> Marks {
        let (sent, alerts) = marks.maps();
        Marks::settled(&sent, &alerts, now)
    }

    #[test]
    fn a_move_is_worth_another_word_after_the_cooldown_or_when_it_grew() {
        let mut marks = Marks::default();
        let first = at("2026-11-20T10:00:00+09:00");
        assert_eq!(marks.judge(KEY, Percent::of_bp(300), first, RULE), Some(Why::Fresh));
        marks.set(KEY, Percent::of_bp(300), first, "CONSOLE_SIMULATED");
        let cases = [
            ("at once", "10:00:00", 300, None),
            ("a little more", "10:05:00", 399, None),
            ("a step more", "10:05:00", 400, Some(Why::Grown)),
            ("a second before", "10:14:59", 300, None),
            ("the cooldown is over", "10:15:00", 300, Some(Why::CooldownOver)),
        ];
        for (name, time, bp, want) in cases {
            let now = at(&format!("2026-11-20T{time}+09:00"));
            let mut marks = reloaded(&marks, now);
            assert_eq!(marks.judge(KEY, Percent::of_bp(bp), now, RULE), want, "{name}");
            assert_eq!(marks.judge("005930_DOWN", Percent::of_bp(bp), now, RULE), Some(Why::Fresh), "{name}");
        }
        let mut next = reloaded(&marks, at("2026-11-21T00:00:00+09:00"));
        assert_eq!(next.judge(KEY, Percent::of_bp(300), at("2026-11-21T00:00:00+09:00"), RULE), Some(Why::Fresh));
    }

    #[test]
    fn a_clock_that_is_set_back_costs_one_cooldown_and_not_more() {
        let mut marks = Marks::default();
        marks.set(KEY, Percent::of_bp(300), at("2026-11-20T14:00:00+09:00"), "TELEGRAM");
        let mut now = at("2026-11-20T10:00:00+09:00");
        let mut alerts = Vec::new();
        for _ in 0..12 {
            marks = reloaded(&marks, now);
            if marks.judge(KEY, Percent::of_bp(300), now, RULE).is_some() {
                alerts.push(now.format("%H:%M").to_string());
                marks.set(KEY, Percent::of_bp(300), now, "TELEGRAM");
            }
            now += Duration::minutes(5);
        }
        assert_eq!(alerts, ["10:15", "10:30", "10:45"]);
    }

    #[test]
    fn an_unreadable_memory_alerts_nothing_for_one_cooldown() {
        let now = at("2026-11-20T10:00:00+09:00");
        let mut marks = Marks::unreadable();
        assert_eq!(marks.judge(KEY, Percent::of_bp(900), now, RULE), None);
        let later = now + Duration::minutes(15);
        let mut marks = reloaded(&marks, later);
        assert_eq!(marks.judge(KEY, Percent::of_bp(900), later, RULE), Some(Why::CooldownOver));
    }

    proptest! {
        #[test]
        fn prop_never_two_alerts_within_the_cooldown_unless_the_move_grew(
            looks in prop::collection::vec((0_i64..1200, 250_i64..900, prop::bool::ANY), 1..80),
            cooldown in 0_u64..40,
            step in 1_i64..300,
        ) {
            let rule = Rule { cooldown_minutes: cooldown, step: Percent::of_bp(step) };
            let mut now = at("2026-11-20T09:10:00+09:00");
            let mut marks = Marks::default();
            let mut last: Option<(KstTime, i64)> = None;
            for (seconds, bp, restart) in looks {
                now += Duration::seconds(seconds);
                if restart {
                    marks = reloaded(&marks, now);
                }
                if marks.judge(KEY, Percent::of_bp(bp), now, rule).is_some() {
                    if let Some((at, before)) = last {
                        let cooled = now - at >= Duration::minutes(i64::try_from(cooldown).expect("small"));
                        prop_assert!(cooled || bp - before >= step || now.date_naive() != at.date_naive());
                    }
                    marks.set(KEY, Percent::of_bp(bp), now, PENDING);
                    last = Some((now, bp));
                }
            }
        }

        #[test]
        fn prop_a_clock_that_jumps_never_silences_for_longer_than_a_cooldown_of_quiet(
            jumps in prop::collection::vec(-7200_i64..7200, 0..20),
        ) {
            let mut now = at("2026-11-20T12:00:00+09:00");
            let mut marks = Marks::default();
            for jump in jumps {
                now += Duration::seconds(jump);
                marks = reloaded(&marks, now);
                if marks.judge(KEY, Percent::of_bp(300), now, RULE).is_some() {
                    marks.set(KEY, Percent::of_bp(300), now, "TELEGRAM");
                }
            }
            marks = reloaded(&marks, now);
            now += Duration::minutes(15);
            marks = reloaded(&marks, now);
            prop_assert!(marks.judge(KEY, Percent::of_bp(300), now, RULE).is_some());
        }
    }
}
