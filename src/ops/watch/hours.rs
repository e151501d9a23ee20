//! When a watcher may speak up: ten minutes after the exchange opens until ten minutes before it closes.
//!
//! Both ends follow the calendar, so that a session which opens late is watched as long as any other. Settings can only
//! make the hours narrower.

use chrono::Datelike as _;
use chrono::Duration;
use chrono::Timelike as _;

use crate::contracts::watch::SessionKst;
use crate::time::Calendar;
use crate::time::KstTime;
use crate::time::kst;

/// Which hours count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchHours {
    /// The exchange's.
    Exchange,
    /// All: to try a watcher out. Nothing leaves the host then.
    Forced,
}

/// Between the opening or the close and the watched hours.
const MARGIN: Duration = Duration::minutes(10);

/// Why the exchange's hours do not count now; `None` while they do.
pub(super) fn closed(now: KstTime) -> Option<String> {
    let now = now.with_timezone(&kst());
    let date = now.date_naive();
    let session = match Calendar::krx().session(date) {
        Ok(Some(session)) => session,
        Ok(None) => return Some(format!("no session: {}", Calendar::krx().closed_for(date).unwrap_or("closed"))),
        Err(fault) => return Some(fault.to_string()),
    };
    let (from, to) = (session.open + MARGIN, session.close - MARGIN);
    let hours = || format!("watched from {} to {}", from.format("%H:%M"), to.format("%H:%M"));
    (now < from || now > to).then(hours)
}

/// Why the settings' own hours do not count now.
pub(super) fn narrowed(now: KstTime, session: Option<&SessionKst>) -> Option<String> {
    let session = session?;
    let now = now.with_timezone(&kst());
    let today = u64::from(now.weekday().num_days_from_monday());
    if session.days.as_ref().is_some_and(|days| !days.contains(&today)) {
        return Some("not a day of the settings".to_owned());
    }
    let minute = now.hour() * 60 + now.minute();
    let inside = session.minutes().is_some_and(|(start, end)| (start..=end).contains(&minute));
    (!inside).then(|| format!("the settings watch from {} to {}", session.start, session.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    fn at(text: &str) -> KstTime {
        Stamp::from(text).instant().expect("a time")
    }

    #[test]
    fn the_hours_follow_the_exchange() {
        let cases = [
            ("before", "2026-11-20T09:09:59+09:00", false),
            ("first", "2026-11-20T09:10:00+09:00", true),
            ("last", "2026-11-20T15:20:00+09:00", true),
            ("after", "2026-11-20T15:20:01+09:00", false),
            ("in the stamp of another zone", "2026-11-20T00:10:00Z", true),
            ("saturday", "2026-11-21T10:00:00+09:00", false),
            ("holiday", "2026-12-25T10:00:00+09:00", false),
            ("exam day opens late", "2026-11-19T09:30:00+09:00", false),
            ("exam day, ten past ten", "2026-11-19T10:10:00+09:00", true),
            ("exam day closes late", "2026-11-19T16:20:00+09:00", true),
            ("exam day, too late", "2026-11-19T16:20:01+09:00", false),
            ("first session of a year", "2026-01-02T10:09:59+09:00", false),
            ("beyond the calendar", "2031-01-02T10:30:00+09:00", false),
        ];
        for (name, now, open) in cases {
            assert_eq!(closed(at(now)).is_none(), open, "{name}: {:?}", closed(at(now)));
        }
    }

    #[test]
    fn settings_only_narrow_the_hours() {
        let session = |start: &str, end: &str, days: Option<Vec<u64>>| SessionKst {
            start: start.to_owned(),
            end: end.to_owned(),
            days,
        };
        let now = at("2026-11-20T10:30:30+09:00");
        let cases = [
            ("none", None, true),
            ("all day", Some(session("00:00", "23:59", None)), true),
            ("from now", Some(session("10:30", "10:30", None)), true),
            ("later", Some(session("10:31", "15:00", None)), false),
            ("friday", Some(session("00:00", "23:59", Some(vec![4]))), true),
            ("monday", Some(session("00:00", "23:59", Some(vec![0]))), false),
            ("damaged", Some(session("x", "y", None)), false),
        ];
        for (name, session, open) in cases {
            assert_eq!(narrowed(now, session.as_ref()).is_none(), open, "{name}");
        }
    }
}
