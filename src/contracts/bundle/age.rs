//! How old a bundle is, and whether that is too old.

use serde::Deserialize;
use serde::Serialize;

use crate::time::Calendar;
use crate::time::KstTime;
use crate::time::Stamp;

/// More than this ahead of now is a wrong clock or a forged stamp, not a very fresh bundle.
const FUTURE_LIMIT_SECONDS: i64 = 300;

/// What counts as stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Staleness {
    /// Fresh within the limit of seconds, or when no session has ended since it was made.
    Sessions,
    /// Fresh within the limit of seconds only.
    Age,
}

/// The age of a bundle, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Age {
    /// Young enough.
    Fresh {
        /// Whole seconds since it was made.
        seconds: i64,
        /// Over 80 % of the limit is used, and nothing but the limit keeps it fresh.
        near_limit: bool,
    },
    /// Too old, with the arithmetic.
    Stale {
        /// Whole seconds since it was made.
        seconds: i64,
        /// Why, as a sentence.
        detail: String,
    },
    /// `created_at` is empty or no time: stale, because unknown is never fresh.
    Unknown(&'static str),
    /// Made in the future.
    Future {
        /// Whole seconds ahead of now.
        ahead: i64,
    },
}

/// Judges the age of what was created at `created_at`.
#[must_use]
pub(super) fn judge(created_at: &Stamp, limit_seconds: u64, rule: Staleness, now: KstTime) -> Age {
    if created_at.as_str().trim().is_empty() {
        return Age::Unknown("CREATED_AT_MISSING");
    }
    let Some(at) = created_at.instant() else {
        return Age::Unknown("CREATED_AT_UNREADABLE");
    };
    let span = now - at;
    let seconds = span.num_seconds();
    if seconds < -FUTURE_LIMIT_SECONDS {
        return Age::Future { ahead: -seconds };
    }
    let limit = i64::try_from(limit_seconds).unwrap_or(i64::MAX);
    // Exactly at the limit is not stale; a fraction of a second over it is.
    if span <= chrono::Duration::seconds(limit) {
        let near_limit = seconds > limit / 5 * 4;
        return Age::Fresh { seconds, near_limit };
    }
    let hours = |s: i64| format!("{} h {} min", s / 3600, s % 3600 / 60);
    let over = format!("made {} ago, limit is {}", hours(seconds), hours(limit));
    match (rule, Calendar::krx().last_ended(now)) {
        (Staleness::Age, _) => Age::Stale { seconds, detail: over },
        (Staleness::Sessions, Ok(session)) if at >= session.close => Age::Fresh { seconds, near_limit: false },
        (Staleness::Sessions, Ok(session)) => {
            Age::Stale { seconds, detail: format!("{over}, and the session of {} has ended since", session.date) }
        }
        // Without a calendar only the limit of seconds is left.
        (Staleness::Sessions, Err(fault)) => Age::Stale { seconds, detail: format!("{over}; {fault}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_counted_in_sessions() {
        let cases = [
            // name, created, now, fresh by sessions, fresh by age
            ("an hour old", "2026-11-20T19:00:00+09:00", "2026-11-20T20:00:00+09:00", true, true),
            ("exactly a day", "2026-11-19T20:00:00+09:00", "2026-11-20T20:00:00+09:00", true, true),
            ("friday evening on monday", "2026-11-20T19:00:00+09:00", "2026-11-23T09:05:00+09:00", true, false),
            ("through new year", "2025-12-30T19:00:00+09:00", "2026-01-02T09:05:00+09:00", true, false),
            ("at the close itself", "2026-11-20T15:30:00+09:00", "2026-11-23T09:05:00+09:00", true, false),
            ("a second before the close", "2026-11-20T15:29:59+09:00", "2026-11-23T09:05:00+09:00", false, false),
            ("a session missed", "2026-11-19T19:00:00+09:00", "2026-11-20T20:00:00+09:00", false, false),
            ("monday evening on wednesday", "2026-11-23T19:00:00+09:00", "2026-11-25T09:05:00+09:00", false, false),
            ("a little ahead", "2026-11-20T20:04:00+09:00", "2026-11-20T20:00:00+09:00", true, true),
            ("bare stamp is korean", "2026-11-20T19:00:00", "2026-11-20T11:00:00Z", true, true),
        ];
        for (name, created, now, sessions, age) in cases {
            let now = Stamp::from(now).instant().expect("a time");
            for (rule, want) in [(Staleness::Sessions, sessions), (Staleness::Age, age)] {
                let got = judge(&Stamp::from(created), 86_400, rule, now);
                assert_eq!(matches!(got, Age::Fresh { .. }), want, "{name} {rule:?}: {got:?}");
            }
        }
    }

    #[test]
    fn unknown_and_future_stamps_are_not_fresh() {
        let now = Stamp::from("2026-11-20T20:00:00+09:00").instant().expect("a time");
        let judged = |text| judge(&Stamp::from(text), 86_400, Staleness::Sessions, now);
        assert_eq!(judged(""), Age::Unknown("CREATED_AT_MISSING"));
        assert_eq!(judged("soon"), Age::Unknown("CREATED_AT_UNREADABLE"));
        assert_eq!(judged("2026-11-20T20:05:01+09:00"), Age::Future { ahead: 301 });
        assert!(matches!(judged("2026-11-20T20:05:00+09:00"), Age::Fresh { .. }));
        let nearly = judge(&Stamp::from("2026-11-20T00:40:00+09:00"), 86_400, Staleness::Age, now);
        assert!(matches!(nearly, Age::Fresh { near_limit: true, .. }));
    }
}
