//! Which days a reconciliation compares.

use chrono::Datelike as _;
use chrono::Weekday;

use crate::time::Calendar;
use crate::time::TradingDate;

/// Which days count, and how the evidence is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CalendarMode {
    /// Sessions of the exchange, and any day with trades; cleaned evidence.
    #[default]
    Krx,
    /// Every Monday to Friday; evidence as stored. Repeats the reference.
    Weekday,
}

impl CalendarMode {
    /// The word on the command line and in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Krx => "krx",
            Self::Weekday => "weekday",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Krx, Self::Weekday].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// Whether a day is Monday to Friday.
pub(super) fn is_weekday(date: TradingDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Whether the exchange trades; outside the calendar's coverage every weekday counts, because old evidence reaches there.
pub(super) fn is_session(date: TradingDate) -> bool {
    Calendar::krx().session(date).map_or_else(|_uncovered| is_weekday(date), |session| session.is_some())
}

/// First and last day, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) from: TradingDate,
    pub(super) to: TradingDate,
}

impl Days {
    pub(super) fn contains(&self, date: TradingDate) -> bool {
        (self.from..=self.to).contains(&date)
    }

    pub(super) fn each(&self) -> impl Iterator<Item = TradingDate> {
        let to = self.to;
        self.from.iter_days().take_while(move |date| *date <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_a_weekday_that_the_exchange_does_not_close() {
        let cases = [
            ("a session", "2024-01-02", true),
            ("new year", "2024-01-01", false),
            ("saturday", "2024-01-06", false),
            ("a weekday before the coverage", "2019-01-01", true),
            ("a sunday before the coverage", "2019-01-06", false),
        ];
        for (name, date, want) in cases {
            assert_eq!(is_session(date.parse().expect(name)), want, "{name}");
        }
        assert_eq!(CalendarMode::parse("krx"), Some(CalendarMode::Krx));
        assert_eq!(CalendarMode::parse("KRX"), None);
    }
}
