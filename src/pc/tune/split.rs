//! Training, validation and sealed test segments, look-back windows and walk-forward windows.
//!
//! Bounds are counted in months of 30 days from the first day that was asked for and then moved to sessions: a start
//! forward, an end backward. Walk-forward windows are calendar months and end before the sealed test begins.

use chrono::Months;
use serde::Deserialize;
use serde::Serialize;

use crate::time::Calendar;
use crate::time::TradingDate;

/// Fewer months are refused.
const MIN_MONTHS: i64 = 16;
/// From here on validation and test have six months each.
const FULL_MONTHS: i64 = 20;
/// Trailing windows of the validation segment, in months.
pub const LOOK_BACKS: [u32; 3] = [3, 6, 12];
/// Lengths of a walk-forward window's parts and the distance between two windows, in months.
const WALK: (u32, u32, u32, u32) = (12, 3, 3, 3);

/// A span of sessions; both days belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Segment {
    /// First session.
    pub start: TradingDate,
    /// Last session.
    pub end: TradingDate,
}

impl std::fmt::Display for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// The three segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splits {
    /// Whole months of 30 days in the range.
    pub months: i64,
    /// What the mdd is compared with.
    pub train: Segment,
    /// What trials are scored on.
    pub validation: Segment,
    /// What nobody looks at before gate 2.
    pub test: Segment,
    /// Why the splits are shorter than they should be.
    pub warning: Option<String>,
}

/// One walk-forward window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Twelve months.
    pub train: Segment,
    /// Three months.
    pub validation: Segment,
    /// Three months.
    pub out_sample: Segment,
}

/// A range cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitFault {
    /// The range is too short.
    #[error("{start}..{end} has {months} months of 30 days; tuning needs at least {MIN_MONTHS}")]
    TooShort {
        /// First day.
        start: TradingDate,
        /// Last day.
        end: TradingDate,
        /// Its months.
        months: i64,
    },
    /// A segment has no session.
    #[error("no session between {0} and {1}")]
    Empty(TradingDate, TradingDate),
}

/// Whether the exchange trades on a day; beyond the calendar's coverage every weekday counts.
fn is_session(date: TradingDate) -> bool {
    Calendar::krx()
        .session(date)
        .map_or_else(|_beyond| Calendar::krx().closed_for(date).is_none(), |session| session.is_some())
}

fn forward(date: TradingDate) -> TradingDate {
    date.iter_days().take(60).find(|day| is_session(*day)).unwrap_or(date)
}

fn backward(date: TradingDate) -> TradingDate {
    let days = std::iter::successors(Some(date), TradingDate::pred_opt);
    days.take(60).find(|day| is_session(*day)).unwrap_or(date)
}

fn snapped(start: TradingDate, end: TradingDate) -> Result<Segment, SplitFault> {
    let segment = Segment { start: forward(start), end: backward(end) };
    if segment.start > segment.end { Err(SplitFault::Empty(start, end)) } else { Ok(segment) }
}

fn next_day(date: TradingDate) -> TradingDate {
    date.succ_opt().unwrap_or(date)
}

impl Splits {
    /// Splits a range of days.
    ///
    /// # Errors
    /// The range has fewer than 16 months of 30 days.
    pub fn of(start: TradingDate, end: TradingDate) -> Result<Self, SplitFault> {
        let months = (end - start).num_days().max(0) / 30;
        if months < MIN_MONTHS {
            return Err(SplitFault::TooShort { start, end, months });
        }
        let part = if months < FULL_MONTHS { 4 } else { 6 };
        let train_months = months - 2 * part;
        let warning = (months < FULL_MONTHS).then(|| {
            format!("only {months} months: validation and test have {part} months each, {FULL_MONTHS} months give 6")
        });
        let days = |months: i64| chrono::TimeDelta::days(30 * months);
        let train_end = start + days(train_months);
        let train = snapped(start, train_end)?;
        let validation = snapped(next_day(train.end), train_end + days(part))?;
        let test = snapped(next_day(validation.end), end)?;
        Ok(Self { months, train, validation, test, warning })
    }

    /// The trailing windows of the validation segment with their months; none starts before the segment.
    #[must_use]
    pub fn look_backs(&self) -> [(u32, Segment); 3] {
        let Segment { start, end } = self.validation;
        LOOK_BACKS.map(|months| {
            let first = next_day(end).checked_sub_months(Months::new(months)).unwrap_or(start);
            (months, Segment { start: forward(first.max(start)), end })
        })
    }

    /// The walk-forward windows before the sealed test: 12 months of training, 3 of validation, 3 out of sample, one
    /// window every 3 months, counted from the first day of training.
    #[must_use]
    pub fn windows(&self) -> Vec<Window> {
        let (train, validation, out, stride) = WALK;
        let first = self.train.start;
        let at = |months: u32| first.checked_add_months(Months::new(months));
        let part = |from: u32, to: u32| snapped(at(from)?, at(to)?.pred_opt()?).ok();
        let window = |number: u32| {
            let from = number * stride;
            let ends = [from + train, from + train + validation, from + train + validation + out];
            let window = Window {
                train: part(from, ends[0])?,
                validation: part(ends[0], ends[1])?,
                out_sample: part(ends[1], ends[2])?,
            };
            // The whole last month must be there, not only its first sessions.
            (at(ends[2])? <= self.test.start).then_some(window)
        };
        (0..).map_while(window).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> TradingDate {
        text.parse().expect("a date")
    }

    #[test]
    fn months_decide_how_long_each_part_is() {
        // The number of months, then validation and test of how many months, then whether it warns.
        let cases = [(16, 4, true), (17, 4, true), (19, 4, true), (20, 6, false), (36, 6, false)];
        let start = day("2022-01-03");
        for (months, part, warns) in cases {
            let splits = Splits::of(start, start + chrono::TimeDelta::days(30 * months + 29)).expect("long enough");
            assert_eq!((splits.months, splits.warning.is_some()), (months, warns), "{months}");
            let train_end = start + chrono::TimeDelta::days(30 * (months - 2 * part));
            assert_eq!(splits.train, Segment { start, end: backward(train_end) }, "{months}");
            assert_eq!(splits.validation.start, forward(next_day(splits.train.end)), "{months}");
            assert_eq!(
                splits.validation.end,
                backward(train_end + chrono::TimeDelta::days(30 * part)),
                "{months}: counted from the day before snapping"
            );
            assert_eq!(splits.test.start, forward(next_day(splits.validation.end)), "{months}");
        }
        let fault = Splits::of(start, start + chrono::TimeDelta::days(16 * 30 - 1)).expect_err("too short");
        assert!(fault.to_string().contains("has 15 months"), "{fault}");
        assert!(Splits::of(start, day("2021-01-04")).is_err(), "backwards");
    }

    #[test]
    fn bounds_stand_on_sessions() {
        // 2023-01-01 is a Sunday; 2025-12-31 is the exchange's last closed day of the year.
        let splits = Splits::of(day("2023-01-01"), day("2025-12-31")).expect("long enough");
        assert_eq!((splits.train.start, splits.test.end), (day("2023-01-02"), day("2025-12-30")));
        // 24 months of 30 days after 2023-01-01 is 2024-12-21, a Saturday.
        assert_eq!((splits.train.end, splits.validation.start), (day("2024-12-20"), day("2024-12-23")));
        assert_eq!((splits.validation.end, splits.test.start), (day("2025-06-19"), day("2025-06-20")));
    }

    #[test]
    fn look_backs_trail_and_are_clamped() {
        let splits = Splits::of(day("2023-01-01"), day("2025-12-31")).expect("long enough");
        let found = splits.look_backs().map(|(months, window)| (months, window.start));
        let want = [(3, day("2025-03-20")), (6, day("2024-12-23")), (12, day("2024-12-23"))];
        assert_eq!(found, want);
    }

    #[test]
    fn walk_forward_windows_are_calendar_months_before_the_test() {
        let splits = Splits::of(day("2023-01-01"), day("2025-12-31")).expect("long enough");
        let windows = splits.windows();
        assert_eq!(windows.len(), 4);
        let want = Window {
            train: Segment { start: day("2023-01-02"), end: day("2023-12-28") },
            validation: Segment { start: day("2024-01-02"), end: day("2024-04-01") },
            out_sample: Segment { start: day("2024-04-02"), end: day("2024-07-01") },
        };
        assert_eq!(windows[0], want);
        assert_eq!(windows[1].train.start, day("2023-04-03"));
        assert!(windows.iter().all(|window| window.out_sample.end < splits.test.start));
        let short = Splits::of(day("2024-01-02"), day("2025-08-01")).expect("19 months");
        assert!(short.windows().is_empty(), "eleven months of training and four of validation hold no window of 18");
    }

    proptest! {
        #[test]
        fn prop_segments_follow_each_other_without_a_gap_or_an_overlap(from in 0_i64..1_500, days in 480_i64..1_500) {
            let start = day("2020-01-02") + chrono::TimeDelta::days(from);
            let splits = Splits::of(start, start + chrono::TimeDelta::days(days)).expect("long enough");
            let Splits { train, validation, test, .. } = splits.clone();
            for date in [train.start, train.end, validation.start, validation.end, test.start, test.end] {
                prop_assert!(is_session(date), "{date}");
            }
            prop_assert_eq!(forward(next_day(train.end)), validation.start);
            prop_assert_eq!(forward(next_day(validation.end)), test.start);
            prop_assert!(train.start < train.end && validation.start < validation.end && test.start <= test.end);
            for window in splits.windows() {
                prop_assert!(window.out_sample.end < test.start);
                prop_assert!(window.train.end < window.validation.start);
                prop_assert!(window.validation.end < window.out_sample.start);
            }
        }
    }
}
