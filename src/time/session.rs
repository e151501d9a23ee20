//! The sessions of the Korea Exchange: which days trade, and when a session ends.
//!
//! The calendar is `contracts/krx_calendar.json`, compiled in. Outside its coverage there is no answer: a caller that
//! decides about money must treat that as "no".

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use chrono::Datelike;
use chrono::NaiveTime;
use chrono::TimeZone;
use chrono::Weekday;
use serde::Deserialize;

use super::KstTime;
use super::TradingDate;
use super::kst;

/// One regular session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The day in Korea.
    pub date: TradingDate,
    /// When the regular session opens.
    pub open: KstTime,
    /// When the regular session closes.
    pub close: KstTime,
}

/// The calendar has no answer for a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{date} is outside the exchange calendar ({from} to {to})")]
pub struct CalendarFault {
    /// The day asked for.
    pub date: TradingDate,
    /// First day that the calendar covers.
    pub from: TradingDate,
    /// Last day that the calendar covers.
    pub to: TradingDate,
}

#[derive(Deserialize)]
struct File {
    coverage: Range,
    regular_hours: Hours,
    closures: Vec<Closure>,
    special_hours: Vec<Special>,
}

#[derive(Deserialize)]
struct Range {
    from: TradingDateText,
    to: TradingDateText,
}

#[derive(Deserialize)]
struct Hours {
    open: String,
    close: String,
}

#[derive(Deserialize)]
struct Closure {
    date: TradingDateText,
    name: String,
}

#[derive(Deserialize)]
struct Special {
    date: TradingDateText,
    open: String,
    close: String,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct TradingDateText(TradingDate);

impl TryFrom<String> for TradingDateText {
    type Error = chrono::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        TradingDate::parse_from_str(&text, "%Y-%m-%d").map(Self)
    }
}

/// The exchange's trading days and hours.
#[derive(Debug)]
pub struct Calendar {
    from: TradingDate,
    to: TradingDate,
    regular: (NaiveTime, NaiveTime),
    closures: BTreeMap<TradingDate, String>,
    special: BTreeMap<TradingDate, (NaiveTime, NaiveTime)>,
}

impl Calendar {
    /// The calendar of the Korea Exchange that is compiled into the program.
    #[expect(clippy::expect_used, reason = "the file is compiled in and read by the tests of this module")]
    pub fn krx() -> &'static Self {
        static KRX: OnceLock<Calendar> = OnceLock::new();
        KRX.get_or_init(|| {
            Self::parse(include_str!("../../contracts/krx_calendar.json")).expect("the calendar compiled in is valid")
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let file: File = serde_json::from_str(text).ok()?;
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").ok();
        let special = file
            .special_hours
            .iter()
            .map(|s| Some((s.date.0, (time(&s.open)?, time(&s.close)?))))
            .collect::<Option<_>>()?;
        Some(Self {
            from: file.coverage.from.0,
            to: file.coverage.to.0,
            regular: (time(&file.regular_hours.open)?, time(&file.regular_hours.close)?),
            closures: file.closures.into_iter().map(|c| (c.date.0, c.name)).collect(),
            special,
        })
    }

    /// The session of a day, or `None` on a day without one.
    ///
    /// # Errors
    /// The day is outside the calendar's coverage.
    pub fn session(&self, date: TradingDate) -> Result<Option<Session>, CalendarFault> {
        if date < self.from || date > self.to {
            return Err(CalendarFault { date, from: self.from, to: self.to });
        }
        if matches!(date.weekday(), Weekday::Sat | Weekday::Sun) || self.closures.contains_key(&date) {
            return Ok(None);
        }
        let (open, close) = self.special.get(&date).copied().unwrap_or(self.regular);
        let at = |time| kst().from_local_datetime(&date.and_time(time)).single();
        Ok(at(open).zip(at(close)).map(|(open, close)| Session { date, open, close }))
    }

    /// Why a day has no session, for people: the holiday's name or the weekday.
    #[must_use]
    pub fn closed_for(&self, date: TradingDate) -> Option<&str> {
        match date.weekday() {
            Weekday::Sat => Some("Saturday"),
            Weekday::Sun => Some("Sunday"),
            Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri => {
                self.closures.get(&date).map(String::as_str)
            }
        }
    }

    /// The last session that had ended at `now`: its close is not after `now`.
    ///
    /// # Errors
    /// The search leaves the calendar's coverage.
    pub fn last_ended(&self, now: KstTime) -> Result<Session, CalendarFault> {
        let mut date = now.with_timezone(&kst()).date_naive();
        loop {
            match self.session(date)? {
                Some(session) if session.close <= now => return Ok(session),
                _ => date = date.pred_opt().unwrap_or(self.from),
            }
        }
    }

    /// The first session that opens after `now`.
    ///
    /// # Errors
    /// The search leaves the calendar's coverage.
    pub fn next_open(&self, now: KstTime) -> Result<Session, CalendarFault> {
        let mut date = now.with_timezone(&kst()).date_naive();
        loop {
            match self.session(date)? {
                Some(session) if session.open > now => return Ok(session),
                _ => date = date.succ_opt().unwrap_or(self.to),
            }
        }
    }

    /// How many sessions ended after `since` and not after `now`: how many a document of `since` has missed.
    ///
    /// # Errors
    /// The span leaves the calendar's coverage.
    pub fn sessions_ended_between(&self, since: KstTime, now: KstTime) -> Result<usize, CalendarFault> {
        let first = since.with_timezone(&kst()).date_naive();
        let last = now.with_timezone(&kst()).date_naive();
        let mut ended = BTreeSet::new();
        for date in first.iter_days().take_while(|date| *date <= last) {
            if let Some(session) = self.session(date)?
                && session.close > since
                && session.close <= now
            {
                ended.insert(session.date);
            }
        }
        Ok(ended.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    fn at(text: &str) -> KstTime {
        Stamp::from(text).instant().expect("a time")
    }

    fn day(text: &str) -> TradingDate {
        text.parse().expect("a date")
    }

    #[test]
    fn weekday_closures_per_year_match_the_exchange() {
        let calendar = Calendar::krx();
        for (year, closures) in [(2024, 18), (2025, 19), (2026, 17), (2027, 16)] {
            let count = calendar.closures.keys().filter(|d| d.year() == year).count();
            assert_eq!(count, closures, "{year}");
        }
    }

    #[test]
    fn a_day_has_a_session_or_a_reason() {
        let calendar = Calendar::krx();
        let cases = [
            ("2026-11-20", true, None),
            ("2026-11-21", false, Some("Saturday")),
            ("2026-06-03", false, calendar.closed_for(day("2026-06-03"))),
            ("2026-12-31", false, calendar.closed_for(day("2026-12-31"))),
        ];
        for (date, trades, reason) in cases {
            assert_eq!(calendar.session(day(date)).expect("covered").is_some(), trades, "{date}");
            assert_eq!(calendar.closed_for(day(date)), reason, "{date}");
            assert_eq!(reason.is_none(), trades, "{date}");
        }
        assert!(calendar.session(day("2028-01-03")).is_err());
        assert!(calendar.session(day("2019-12-31")).is_err());
    }

    #[test]
    fn the_last_ended_session_skips_weekends_and_holidays() {
        let calendar = Calendar::krx();
        let cases = [
            ("friday before the close", "2026-11-20T15:29:59+09:00", "2026-11-19"),
            ("friday at the close", "2026-11-20T15:30:00+09:00", "2026-11-20"),
            ("monday morning", "2026-11-23T09:05:00+09:00", "2026-11-20"),
            ("exam day closes an hour later", "2026-11-19T16:00:00+09:00", "2026-11-18"),
            ("after new year", "2026-01-02T09:05:00+09:00", "2025-12-30"),
        ];
        for (name, now, want) in cases {
            assert_eq!(calendar.last_ended(at(now)).expect("covered").date, day(want), "{name}");
        }
        assert_eq!(calendar.next_open(at("2026-11-20T09:00:00+09:00")).expect("covered").date, day("2026-11-23"));
    }

    #[test]
    fn missed_sessions_are_counted() {
        let calendar = Calendar::krx();
        let cases = [
            ("over a weekend none", "2026-11-20T19:00:00+09:00", "2026-11-23T09:05:00+09:00", 0),
            ("one session", "2026-11-20T09:05:00+09:00", "2026-11-23T09:05:00+09:00", 1),
            ("a week", "2026-11-13T19:00:00+09:00", "2026-11-21T09:05:00+09:00", 5),
        ];
        for (name, since, now, want) in cases {
            assert_eq!(calendar.sessions_ended_between(at(since), at(now)).expect("covered"), want, "{name}");
        }
    }
}
