//! Whether a history is whole: no holes between its first and last bar, and no start later than the listing.

use crate::time::Calendar;
use crate::time::TradingDate;
use crate::trading::Bars;

/// One session in so many may lack its bar.
const SESSIONS_PER_HOLE: usize = 100;
/// A history that begins more sessions than this after the day asked for is late: the ticker is young, or it was cut.
const LATE: usize = 20;
/// First bars of two vendors that lie no more sessions apart are one listing.
const SAME_LISTING: usize = 5;
/// How many days a text names.
const NAMED: usize = 5;

/// What is wrong between the first and the last bar, when more than 1 % of the sessions there have none.
///
/// A foreign index keeps the days of its own exchange, so that the calendar says nothing about it.
pub(super) fn holes(ticker: &str, bars: &Bars, calendar: &Calendar) -> Option<String> {
    if ticker.starts_with('^') && !["^KS", "^KQ"].iter().any(|home| ticker.starts_with(home)) {
        return None;
    }
    let (first, last) = bars.first_date().zip(bars.last_date())?;
    let (mut sessions, mut missing) = (0, Vec::new());
    for date in first.iter_days().take_while(|date| *date <= last).filter(|date| is_session(calendar, *date)) {
        sessions += 1;
        missing.extend(bars.index_of(date).is_none().then_some(date));
    }
    (missing.len() * SESSIONS_PER_HOLE > sessions).then(|| {
        let mut days: Vec<String> = missing.iter().take(NAMED).map(ToString::to_string).collect();
        if missing.len() > NAMED {
            days.push(format!("{} more", missing.len() - NAMED));
        }
        format!("{} of {sessions} sessions from {first} to {last} have no bar: {}", missing.len(), days.join(", "))
    })
}

/// Whether a history that was asked for from a day begins so late that its start has to be confirmed.
pub(super) fn is_late(from: TradingDate, first: TradingDate, calendar: &Calendar) -> bool {
    apart(from, first, calendar) > LATE
}

/// What another vendor's first bar says about a late start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Witness {
    /// The ticker was listed about then.
    Confirms,
    /// There are earlier bars.
    Contradicts,
    /// The other vendor knows even less.
    KnowsLess,
}

/// Compares the first bar of a late history with another vendor's.
pub(super) fn witness(first: TradingDate, other: TradingDate, calendar: &Calendar) -> Witness {
    if apart(first.min(other), first.max(other), calendar) <= SAME_LISTING {
        Witness::Confirms
    } else if other < first {
        Witness::Contradicts
    } else {
        Witness::KnowsLess
    }
}

/// The sessions from a day up to another one, which is not counted.
fn apart(from: TradingDate, to: TradingDate, calendar: &Calendar) -> usize {
    from.iter_days().take_while(|date| *date < to).filter(|date| is_session(calendar, *date)).count()
}

/// A weekday that the calendar does not cover counts as none: nothing is known about it.
fn is_session(calendar: &Calendar, date: TradingDate) -> bool {
    calendar.session(date).is_ok_and(|session| session.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> TradingDate {
        text.parse().expect("a day")
    }

    /// The first sessions of 2025, without those at some places.
    fn sessions(count: usize, without: &[usize]) -> Bars {
        let all = day("2025-01-02").iter_days().filter(|date| is_session(Calendar::krx(), *date)).take(count);
        let mut bars = Bars::default();
        for (_, date) in all.enumerate().filter(|(at, _)| !without.contains(at)) {
            bars.push(date, [1.0; 5]);
        }
        bars
    }

    #[test]
    fn more_than_one_session_in_a_hundred_without_a_bar_is_a_hole() {
        let cases: [(&str, &str, usize, &[usize], bool); 8] = [
            ("whole", "005930", 200, &[], false),
            ("two of 200", "005930", 200, &[7, 8], false),
            ("three of 200", "005930", 200, &[7, 8, 90], true),
            ("one of 99", "005930", 99, &[7], true),
            ("the ends are no holes", "005930", 50, &[0, 1, 49], false),
            ("one bar", "005930", 1, &[], false),
            ("the home index", "^KS11", 99, &[7], true),
            ("a foreign index", "^N225", 99, &[7], false),
        ];
        for (name, ticker, count, without, want) in cases {
            assert_eq!(holes(ticker, &sessions(count, without), Calendar::krx()).is_some(), want, "{name}");
        }
        assert_eq!(holes("005930", &Bars::default(), Calendar::krx()), None);
        let why = holes("005930", &sessions(99, &[1, 2, 3, 4, 5, 6, 7]), Calendar::krx()).expect("holes");
        assert!(why.starts_with("7 of 99 sessions from 2025-01-02 to ") && why.contains(": 2025-01-03, "), "{why}");
        assert!(why.ends_with(", 2 more"), "{why}");
    }

    #[test]
    fn a_late_start_is_compared_with_the_other_vendors() {
        let dates = sessions(60, &[]).date;
        assert!(!is_late(dates[0], dates[20], Calendar::krx()) && is_late(dates[0], dates[21], Calendar::krx()));
        let cases = [
            (30, Witness::Confirms),
            (25, Witness::Confirms),
            (24, Witness::Contradicts),
            (35, Witness::Confirms),
            (36, Witness::KnowsLess),
        ];
        for (other, want) in cases {
            assert_eq!(witness(dates[30], dates[other], Calendar::krx()), want, "{other}");
        }
    }
}
