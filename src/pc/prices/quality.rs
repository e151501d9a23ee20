//! What is wrong with a file of prices: counters for documents, lists for people, and the rule that stops a backtest.

use std::fmt;
use std::ops::RangeInclusive;

use chrono::Datelike as _;
use chrono::Weekday;
use serde::Serialize;

use super::normalize::Normalized;
use super::splices::BasisChange;
use super::splices::Splice;
use super::splices::Stretch;
use crate::time::Calendar;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::Instrument;

/// How many dates of a list a sentence names.
const NAMED: usize = 5;

/// How many rows each rule of normalisation touched; `evidence_quality` of a reconciliation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quality {
    /// Rows of the file.
    pub rows_total: usize,
    /// Rows whose date occurs again further down.
    pub rows_dropped_duplicate: usize,
    /// Rows on days when the exchange was closed.
    pub rows_dropped_non_session: usize,
    /// Bars of days when the ticker did not trade.
    pub halted_rows: usize,
    /// Bars whose high or low did not enclose open and close.
    pub repaired_rows: usize,
}

/// A move that the exchange's limits do not permit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Jump {
    /// The day.
    pub date: TradingDate,
    /// The close before.
    pub previous_close: f64,
    /// The close.
    pub close: f64,
    /// `close / previous_close - 1`.
    pub change: f64,
}

/// Every defect of a file by date. The first five lists stand for the rows that [`Quality`] counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// The ticker.
    pub ticker: String,
    /// Dates that occurred more than once; the last row was kept.
    pub duplicates: Vec<TradingDate>,
    /// Rows on closed days, left out.
    pub non_session: Vec<TradingDate>,
    /// Rows without a usable close (none, negative, zero, beyond reason), left out.
    pub unusable: Vec<TradingDate>,
    /// Bars made flat because the ticker did not trade.
    pub halted: Vec<TradingDate>,
    /// Bars whose high or low was moved.
    pub repaired: Vec<TradingDate>,
    /// Moves beyond the daily limit between neighboring bars.
    pub jumps: Vec<Jump>,
    /// Sessions between the first and the last bar that have none.
    pub missing_sessions: Vec<TradingDate>,
    /// Places where rows of another origin begin or end.
    pub splices: Vec<Splice>,
    /// Spans of rows that no exchange made.
    pub synthetic: Vec<Stretch>,
    /// Places where prices change between whole won and fractions.
    pub basis_changes: Vec<BasisChange>,
}

/// How a window is covered by a file that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowCoverage {
    /// Sessions of the window.
    pub sessions: usize,
    /// Those without a bar.
    pub missing: Vec<TradingDate>,
}

/// A file does not cover a window well enough to calculate with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QualityFault {
    /// The window's end is beyond the calendar, so nobody can say which session is its last.
    #[error("{ticker}: the exchange calendar does not cover {date}, the end of the window")]
    NotCovered {
        /// The ticker.
        ticker: String,
        /// The window's last day.
        date: TradingDate,
    },
    /// The window holds no session.
    #[error("{ticker}: no session between {from} and {to}")]
    NoSession {
        /// The ticker.
        ticker: String,
        /// First day.
        from: TradingDate,
        /// Last day.
        to: TradingDate,
    },
    /// The last session of the window has no bar.
    #[error("{ticker}: no bar on {session}, the last session of the window (bars: {bars})")]
    LastSession {
        /// The ticker.
        ticker: String,
        /// The session.
        session: TradingDate,
        /// First and last bar in words.
        bars: String,
    },
    /// More than one in a hundred sessions has no bar.
    #[error("{ticker}: {missing} of {sessions} sessions have no bar, more than 1 % ({named}; bars: {bars})")]
    TooManyMissing {
        /// The ticker.
        ticker: String,
        /// Sessions without a bar.
        missing: usize,
        /// Sessions of the window.
        sessions: usize,
        /// The first of them.
        named: String,
        /// First and last bar in words.
        bars: String,
    },
}

/// The largest move of a day that the exchange permits, with room for rounding to ticks.
pub(super) fn jump_limit(instrument: Instrument) -> f64 {
    instrument.daily_limit() + 0.005
}

impl Findings {
    pub(super) fn of(ticker: &str) -> Self {
        Self { ticker: ticker.to_owned(), ..Self::default() }
    }

    /// Fills in what is judged on normalised bars: jumps and missing sessions.
    pub(super) fn judge(&mut self, bars: &Bars, instrument: Instrument, calendar: &Calendar) {
        let limit = jump_limit(instrument);
        for (pair, date) in bars.close.windows(2).zip(bars.date.iter().skip(1)) {
            let change = pair[1] / pair[0] - 1.0;
            if change.abs() > limit {
                self.jumps.push(Jump { date: *date, previous_close: pair[0], close: pair[1], change });
            }
        }
        if let (Some(first), Some(last)) = (bars.first_date(), bars.last_date()) {
            self.missing_sessions = sessions_without_bar(bars, &(first..=last), |date| is_session(calendar, date)).1;
        }
    }

    /// Whether rows of different origin stand in one file.
    #[must_use]
    pub fn is_spliced(&self) -> bool {
        !self.splices.is_empty()
    }

    /// Whether nothing was found at all.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::of(&self.ticker)
    }

    /// The findings as sentences, one a kind; the first dates of each are named.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut say = |what: &str, found: Vec<String>| {
            if !found.is_empty() {
                lines.push(format!("{}: {} {what}: {}", self.ticker, found.len(), named(&found)));
            }
        };
        say("rows on dates that occur again, the last kept", texts(&self.duplicates));
        say("rows on closed days, left out", texts(&self.non_session));
        say("rows without a usable close, left out", texts(&self.unusable));
        say("bars without trading", texts(&self.halted));
        say("bars with high or low moved around open and close", texts(&self.repaired));
        say("moves beyond the daily limit", texts(&self.jumps));
        say("sessions without a bar", texts(&self.missing_sessions));
        say("splices", texts(&self.splices));
        say("stretches that no exchange made", texts(&self.synthetic));
        say("changes between whole won and fractions", texts(&self.basis_changes));
        lines
    }
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:+.1} %", self.date, self.change * 100.0)
    }
}

impl Normalized {
    /// Says whether the bars cover a window well enough: its last session has a bar, and at most 1 % of its sessions
    /// have none. Sessions before the first bar count as missing: no data is never a pass. Before the calendar's
    /// coverage a weekday counts as a session, unless it may be a holiday: it has no bar, and one was not long ago.
    ///
    /// A caller whose window ends today or later first cuts it to the last session that has ended.
    ///
    /// # Errors
    /// They do not, or the calendar cannot tell.
    pub fn verdict(
        &self,
        window: &RangeInclusive<TradingDate>,
        calendar: &Calendar,
    ) -> Result<WindowCoverage, QualityFault> {
        let ticker = || self.ticker.clone();
        let (from, to) = (*window.start(), *window.end());
        if calendar.session(to).is_err() {
            return Err(QualityFault::NotCovered { ticker: ticker(), date: to });
        }
        let counts = |date: TradingDate| {
            calendar.session(date).map_or_else(|_unknown| is_expected(&self.bars, date), |session| session.is_some())
        };
        let (sessions, missing) = sessions_without_bar(&self.bars, window, counts);
        let mut back = std::iter::successors(Some(to), TradingDate::pred_opt).take_while(|date| *date >= from);
        let Some(last) = back.find(|date| is_session(calendar, *date)) else {
            return Err(QualityFault::NoSession { ticker: ticker(), from, to });
        };
        if self.bars.index_of(last).is_none() {
            return Err(QualityFault::LastSession { ticker: ticker(), session: last, bars: span(&self.bars) });
        }
        if missing.len() * 100 > sessions {
            let (missing, named) = (missing.len(), named(&texts(&missing)));
            return Err(QualityFault::TooManyMissing {
                ticker: ticker(),
                missing,
                sessions,
                named,
                bars: span(&self.bars),
            });
        }
        Ok(WindowCoverage { sessions, missing })
    }
}

fn is_session(calendar: &Calendar, date: TradingDate) -> bool {
    calendar.session(date).is_ok_and(|session| session.is_some())
}

/// The longest span without a session that holidays make, in days.
const HOLIDAYS: i64 = 10;

/// Whether a day of which the calendar says nothing should have a bar.
fn is_expected(bars: &Bars, date: TradingDate) -> bool {
    let at = bars.first_from(date);
    let has_bar = bars.date.get(at) == Some(&date);
    let before = at.checked_sub(1).map(|before| bars.date[before]);
    let is_holiday = !has_bar && before.is_some_and(|before| (date - before).num_days() <= HOLIDAYS);
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) && !is_holiday
}

/// How many sessions a span has, and which of them have no bar.
fn sessions_without_bar(
    bars: &Bars,
    span: &RangeInclusive<TradingDate>,
    counts: impl Fn(TradingDate) -> bool,
) -> (usize, Vec<TradingDate>) {
    let (mut sessions, mut missing) = (0, Vec::new());
    let mut at = bars.first_from(*span.start());
    for date in span.start().iter_days().take_while(|date| date <= span.end()) {
        let has_bar = bars.date.get(at) == Some(&date);
        at += usize::from(has_bar);
        if counts(date) {
            sessions += 1;
            missing.extend((!has_bar).then_some(date));
        }
    }
    (sessions, missing)
}

fn span(bars: &Bars) -> String {
    bars.first_date().zip(bars.last_date()).map_or("none".to_owned(), |(first, last)| format!("{first} to {last}"))
}

fn texts<T: fmt::Display>(found: &[T]) -> Vec<String> {
    found.iter().map(T::to_string).collect()
}

/// The first few, and how many more there are.
fn named(found: &[String]) -> String {
    let first = found.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if found.len() > NAMED { format!("{first} and {} more", found.len() - NAMED) } else { first }
}
