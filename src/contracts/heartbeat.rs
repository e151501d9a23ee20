//! HEARTBEAT_V1: when the daily run last started, ended and succeeded, and how its silence is judged.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::spoken;

/// A stamp this far ahead of the clock is a wrong clock.
const AHEAD_SECONDS: i64 = 300;
/// A run that started longer ago and has not ended is dead or hangs.
const LONGEST_RUN_SECONDS: i64 = 20 * 60;

/// How the newest run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Beat {
    /// It is under way, or died without a word.
    Running,
    /// Done.
    Done,
    /// Done with warnings.
    Warned,
    /// A rule said no.
    Blocked,
    /// Not done or not verified.
    Failed,
    /// It started too late and did nothing.
    Skipped,
}

/// HEARTBEAT_V1, `state/heartbeat.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// `HEARTBEAT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// The newest run.
    #[serde(default, deserialize_with = "lenient")]
    pub run_id: String,
    /// The day in Korea on which it started.
    #[serde(default, deserialize_with = "lenient")]
    pub trading_date: String,
    /// When it started.
    #[serde(default, deserialize_with = "lenient")]
    pub started_at: Option<Stamp>,
    /// When it ended; null while it has not.
    #[serde(default, deserialize_with = "lenient")]
    pub ended_at: Option<Stamp>,
    /// How it stands; a missing or unknown word is no good one.
    #[serde(default, deserialize_with = "lenient")]
    pub result: Option<Beat>,
    /// 0, 2 or 3; null while it runs.
    #[serde(default, deserialize_with = "lenient")]
    pub exit_code: Option<u8>,
    /// The code of how it ended; null while it runs.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// When a run last ended well.
    #[serde(default, deserialize_with = "lenient")]
    pub last_success_at: Option<Stamp>,
    /// When a run last ended badly.
    #[serde(default, deserialize_with = "lenient")]
    pub last_failure_at: Option<Stamp>,
    /// When the first of the bad runs in a row started; null after a good one.
    #[serde(default, deserialize_with = "lenient")]
    pub first_failure_at: Option<Stamp>,
    /// Bad runs in a row.
    #[serde(default, deserialize_with = "lenient")]
    pub consecutive_failures: u64,
    /// When the next run is due.
    #[serde(default, deserialize_with = "lenient")]
    pub next_due_at: Option<Stamp>,
}

impl Document for Heartbeat {
    const SCHEMA: &'static str = "HEARTBEAT_V1";
}

/// What a heartbeat says at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// The last run ended well, and not too long ago.
    Fresh,
    /// The last run ended badly, or one hangs. The text says why.
    Bad(String),
    /// Nothing is known to be bad, and the last good end is too long ago.
    Stale {
        /// Seconds since then.
        age: i64,
        /// How many are allowed.
        allowed: i64,
    },
    /// It cannot be judged: a clock is wrong, or a time is missing. The text says why.
    Unusable(String),
}

impl Pulse {
    /// Why it is not fresh, for people.
    #[must_use]
    pub fn why(self) -> Option<String> {
        match self {
            Self::Fresh => None,
            Self::Bad(why) | Self::Unusable(why) => Some(why),
            Self::Stale { age, allowed } => {
                Some(format!("the last good run ended {} ago, {} is allowed", spoken(age), spoken(allowed)))
            }
        }
    }
}

impl Heartbeat {
    /// Judges the silence since the last good run. `max_age` is in seconds.
    #[must_use]
    pub fn judge(&self, now: KstTime, max_age: i64) -> Pulse {
        let stamps = [&self.started_at, &self.ended_at, &self.last_success_at, &self.last_failure_at];
        for stamp in stamps.into_iter().flatten() {
            match stamp.instant() {
                None => return Pulse::Unusable(format!("{stamp:?} is no time")),
                Some(at) if (at - now).num_seconds() > AHEAD_SECONDS => {
                    let text = format!("{stamp} is in the future of this machine's clock: one of the two is wrong");
                    return Pulse::Unusable(text);
                }
                Some(_) => {}
            }
        }
        let age = |stamp: &Option<Stamp>| stamp.as_ref().and_then(Stamp::instant).map(|at| (now - at).num_seconds());
        let (Some(result), Some(since_start)) = (self.result, age(&self.started_at)) else {
            return Pulse::Unusable("it does not say when the newest run started and how it stands".to_owned());
        };
        if let Some(why) = self.contradiction() {
            return Pulse::Unusable(why);
        }
        let why = self.reason.as_deref().unwrap_or("-");
        match result {
            Beat::Running if since_start > LONGEST_RUN_SECONDS => {
                let since = spoken(since_start);
                return Pulse::Bad(format!("the run that started {since} ago has not ended: it hangs or died"));
            }
            Beat::Blocked => return Pulse::Bad(format!("the last run was blocked: {why}")),
            Beat::Failed => return Pulse::Bad(format!("the last run failed: {why}")),
            Beat::Running | Beat::Skipped if self.consecutive_failures > 0 => {
                return Pulse::Bad(format!("the last {} runs ended badly", self.consecutive_failures));
            }
            Beat::Running | Beat::Done | Beat::Warned | Beat::Skipped => {}
        }
        match age(&self.last_success_at) {
            None => Pulse::Bad("no run has ever ended well".to_owned()),
            Some(age) if age > max_age => Pulse::Stale { age, allowed: max_age },
            Some(_) => Pulse::Fresh,
        }
    }

    /// A good end beside members that only a bad one has: one of the two is wrong, and nobody can say which.
    fn contradiction(&self) -> Option<String> {
        let result = self.result.filter(|result| matches!(result, Beat::Done | Beat::Warned | Beat::Skipped))?;
        let word = serde_json::to_value(result).ok().and_then(|word| word.as_str().map(str::to_owned));
        let word = word.unwrap_or_default();
        if let Some(code) = self.exit_code.filter(|code| *code != 0) {
            return Some(format!("it contradicts itself: result {word} with exit_code {code}"));
        }
        // A skipped run changes nothing of what was before it.
        if result != Beat::Skipped && self.consecutive_failures > 0 {
            let failures = self.consecutive_failures;
            return Some(format!("it contradicts itself: result {word} with consecutive_failures {failures}"));
        }
        None
    }

    /// Since when nothing is well: the first bad run in a row, else the last good end.
    #[must_use]
    pub fn since(&self) -> Option<&Stamp> {
        self.first_failure_at.as_ref().or(self.last_success_at.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Option<Stamp> {
        Some(Stamp::from(text))
    }

    fn good() -> Heartbeat {
        Heartbeat {
            schema: Heartbeat::SCHEMA.to_owned(),
            started_at: stamp("2026-11-21T09:05:00+09:00"),
            ended_at: stamp("2026-11-21T09:05:09+09:00"),
            result: Some(Beat::Done),
            exit_code: Some(0),
            last_success_at: stamp("2026-11-21T09:05:09+09:00"),
            ..Heartbeat::default()
        }
    }

    #[test]
    fn only_a_recent_good_end_is_fresh() {
        type Edit = fn(&mut Heartbeat);
        let cases: [(&str, &str, Edit, &str); 21] = [
            ("good", "2026-11-21T10:00:00+09:00", |_| (), "fresh"),
            ("warned", "2026-11-21T10:00:00+09:00", |h| h.result = Some(Beat::Warned), "fresh"),
            ("at the limit", "2026-11-22T11:05:09+09:00", |_| (), "fresh"),
            ("past the limit", "2026-11-22T11:05:10+09:00", |_| (), "stale"),
            ("a clock a little ahead", "2026-11-21T09:00:30+09:00", |_| (), "fresh"),
            ("from the future", "2026-11-21T08:00:00+09:00", |_| (), "unusable"),
            ("blocked", "2026-11-21T10:00:00+09:00", |h| h.result = Some(Beat::Blocked), "bad"),
            ("failed", "2026-11-21T10:00:00+09:00", |h| h.result = Some(Beat::Failed), "bad"),
            ("done with the code of a failure", "2026-11-21T10:00:00+09:00", |h| h.exit_code = Some(3), "unusable"),
            ("done after bad ones", "2026-11-21T10:00:00+09:00", |h| h.consecutive_failures = 5, "unusable"),
            (
                "warned with the code of a block",
                "2026-11-21T10:00:00+09:00",
                |h| (h.result, h.exit_code) = (Some(Beat::Warned), Some(2)),
                "unusable",
            ),
            (
                "skipped with the code of a failure",
                "2026-11-21T10:00:00+09:00",
                |h| (h.result, h.exit_code) = (Some(Beat::Skipped), Some(3)),
                "unusable",
            ),
            (
                "skipped after bad ones",
                "2026-11-21T10:00:00+09:00",
                |h| (h.result, h.consecutive_failures) = (Some(Beat::Skipped), 2),
                "bad",
            ),
            ("done without a code", "2026-11-21T10:00:00+09:00", |h| h.exit_code = None, "fresh"),
            ("no success ever", "2026-11-21T10:00:00+09:00", |h| h.last_success_at = None, "bad"),
            ("no result", "2026-11-21T10:00:00+09:00", |h| h.result = None, "unusable"),
            ("no start", "2026-11-21T10:00:00+09:00", |h| h.started_at = None, "unusable"),
            ("no time", "2026-11-21T10:00:00+09:00", |h| h.last_success_at = stamp("soon"), "unusable"),
            ("under way", "2026-11-21T09:15:00+09:00", |h| h.result = Some(Beat::Running), "fresh"),
            ("hanging", "2026-11-21T09:45:00+09:00", |h| h.result = Some(Beat::Running), "bad"),
            (
                "under way after bad ones",
                "2026-11-21T09:15:00+09:00",
                |h| {
                    h.result = Some(Beat::Running);
                    h.consecutive_failures = 2;
                },
                "bad",
            ),
        ];
        for (name, now, edit, want) in cases {
            let mut heartbeat = good();
            edit(&mut heartbeat);
            let pulse = heartbeat.judge(Stamp::from(now).instant().expect("a time"), 26 * 3600);
            let said = match pulse {
                Pulse::Fresh => "fresh",
                Pulse::Bad(_) => "bad",
                Pulse::Stale { .. } => "stale",
                Pulse::Unusable(_) => "unusable",
            };
            assert_eq!(said, want, "{name}: {pulse:?}");
        }
    }
    #[test]
    fn a_text_for_people_has_no_raw_seconds() {
        let said = |heartbeat: &Heartbeat, now: &str| {
            heartbeat.judge(Stamp::from(now).instant().expect("a time"), 26 * 3600).why().expect("not fresh")
        };
        let old = said(&good(), "2026-11-22T11:08:10+09:00");
        assert_eq!(old, "the last good run ended 26h 3m ago, 26h is allowed");
        let hanging = Heartbeat { result: Some(Beat::Running), ..good() };
        let hangs = said(&hanging, "2026-11-21T09:45:30+09:00");
        assert_eq!(hangs, "the run that started 40m ago has not ended: it hangs or died");
    }
}
