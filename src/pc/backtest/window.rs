//! The window of a simulation: the last days up to yesterday, or two named days.

use chrono::Days;
use chrono::TimeDelta;

use super::BacktestFault;
use crate::time::Calendar;
use crate::time::KstTime;
use crate::time::TradingDate;
use crate::time::kst;

/// How far back a window without named days goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// 180 days.
    Quick,
    /// 1,095 days.
    #[default]
    Full,
}

/// The days of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First day.
    pub start: TradingDate,
    /// Last day.
    pub end: TradingDate,
    /// `quick`, `full` or `custom`
    pub mode: &'static str,
}

impl Mode {
    fn days(self) -> u64 {
        match self {
            Self::Quick => 180,
            Self::Full => 1_095,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

impl Window {
    /// The window that ends yesterday; a named day takes the place of its start or end and makes it custom. A start that
    /// is not named lies the mode's days before today, or before a named end. A named end that is not over yet is cut to
    /// the last day that is: a session counts as over half an hour after its close.
    ///
    /// # Errors
    /// The start lies after the end.
    pub fn at(
        now: KstTime,
        mode: Mode,
        (start, end): (Option<TradingDate>, Option<TradingDate>),
    ) -> Result<Self, BacktestFault> {
        let today = now.with_timezone(&kst()).date_naive();
        let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
        let end_of_data = if is_over(today, now) { today } else { back(1) };
        let word = if start.is_some() || end.is_some() { "custom" } else { mode.word() };
        let is_end_named = end.is_some();
        let end = end.map_or(back(1), |end| end.min(end_of_data));
        // The days count back from today, whose bar is not known yet, or from a named end.
        let from = if is_end_named { end } else { today };
        let start = start.or_else(|| from.checked_sub_days(Days::new(mode.days()))).unwrap_or(from);
        if start > end {
            return Err(BacktestFault::Parameter {
                name: "start",
                value: start.to_string(),
                rule: "not after the end of the window, which is yesterday unless it is named",
            });
        }
        Ok(Self { start, end, mode: word })
    }
}

/// Whether a day's bar can be known.
fn is_over(day: TradingDate, now: KstTime) -> bool {
    match Calendar::krx().session(day) {
        Ok(Some(session)) => session.close + TimeDelta::minutes(30) <= now,
        Ok(None) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    #[test]
    fn a_window_ends_yesterday_or_where_it_is_told_but_never_in_the_future() {
        let day = |text: &str| text.parse::<TradingDate>().expect("a date");
        let cases = [
            ("quick", "2026-11-20T10:00:00+09:00", Mode::Quick, (None, None), ("2026-05-24", "2026-11-19", "quick")),
            ("full", "2026-11-20T19:00:00+09:00", Mode::Full, (None, None), ("2023-11-21", "2026-11-19", "full")),
            (
                "today after the close",
                "2026-11-20T16:00:00+09:00",
                Mode::Quick,
                (None, Some("2026-11-20")),
                ("2026-05-24", "2026-11-20", "custom"),
            ),
            (
                "an end in the past",
                "2026-11-20T10:00:00+09:00",
                Mode::Quick,
                (None, Some("2024-06-28")),
                ("2023-12-31", "2024-06-28", "custom"),
            ),
            (
                "an end before the days of the mode",
                "2026-11-20T10:00:00+09:00",
                Mode::Full,
                (None, Some("2021-12-30")),
                ("2018-12-31", "2021-12-30", "custom"),
            ),
            (
                "today during the session",
                "2026-11-20T15:45:00+09:00",
                Mode::Quick,
                (None, Some("2027-01-01")),
                ("2026-05-23", "2026-11-19", "custom"),
            ),
            (
                "a span",
                "2026-11-20T10:00:00+09:00",
                Mode::Full,
                (Some("2021-01-04"), Some("2021-12-30")),
                ("2021-01-04", "2021-12-30", "custom"),
            ),
        ];
        for (name, now, mode, (start, end), (first, last, word)) in cases {
            let now = Stamp::from(now).instant().expect("a time");
            let found = Window::at(now, mode, (start.map(day), end.map(day))).expect(name);
            assert_eq!(found, Window { start: day(first), end: day(last), mode: word }, "{name}");
        }
        let now = Stamp::from("2026-11-20T10:00:00+09:00").instant().expect("a time");
        let fault = Window::at(now, Mode::Quick, (Some(day("2026-11-20")), None)).expect_err("backwards");
        assert!(fault.to_string().contains("start is 2026-11-20"), "{fault}");
    }
}
