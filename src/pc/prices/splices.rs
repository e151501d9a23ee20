//! Rows of different origin in one file: where they begin and end.
//!
//! Three signs, all read from the rows as stored, before closed days are dropped:
//! - A row on a closed day that trades at a price of its own was made by no exchange. Rows around it that no impossible
//!   move separates from it belong to the same invention, as far as the file fills every closed day: a *stretch*.
//! - A move beyond the daily limit is a seam, unless the ticker really did that (a split that the vendor did not adjust,
//!   a first day without limits). A move that comes back within a few rows is a piece of another series.
//! - Prices in whole won and prices with fractions come from different vendors or from different adjustments.
//!
//! What this cannot see: two series that meet within the daily limit in the same units, such as two downloads of one
//! adjusted series that differ by a quarter of a percent. Overlapping rows tell those apart, at download.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::normalize::is_closed;
use super::quality::jump_limit;
use crate::time::Calendar;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::Instrument;
use crate::trading::Kind;

/// How many rows a foreign piece may have and still be known by its return.
const PIECE: usize = 10;

/// How many rows in a row must share their units before a change of units counts.
const SETTLED: usize = 20;

/// Why a move counts as a seam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SpliceCause {
    /// One side of it is a stretch that no exchange made.
    ClosedDayRows,
    /// The price comes back to its level within a few rows: a piece of another series.
    ForeignRows,
    /// The price stays: two adjustment bases, a split without adjustment, or a return from suspension.
    LevelShift,
}

/// A place where rows of another origin begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Splice {
    /// The first row's date of the new series.
    pub date: TradingDate,
    /// The date of the row before.
    pub previous_date: TradingDate,
    /// The move of the close between both.
    pub change: f64,
    /// What speaks for a seam.
    pub cause: SpliceCause,
}

/// Rows that no exchange made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// The first row's date.
    pub from: TradingDate,
    /// The last row's date.
    pub to: TradingDate,
    /// Rows from first to last.
    pub rows: usize,
    /// Those on closed days, which give the stretch away.
    pub closed_day_rows: usize,
}

/// A place where prices change between whole won and fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BasisChange {
    /// The first row's date in the new units.
    pub date: TradingDate,
    /// Whether prices are whole from there on.
    pub whole_won: bool,
}

/// What [`find`] finds: splices, stretches, changes of basis.
pub(super) type Seams = (Vec<Splice>, Vec<Stretch>, Vec<BasisChange>);

/// Looks for seams. `rows` are row numbers in ascending order of date, each with a usable close.
pub(super) fn find(bars: &Bars, rows: &[usize], instrument: Instrument, calendar: &Calendar) -> Seams {
    let file = File { bars, rows, limit: jump_limit(instrument), calendar };
    let segments = file.segments();
    let stretches: Vec<Range<usize>> = segments.iter().flat_map(|segment| file.stretches(segment)).collect();
    let splices = file.splices(&segments, &stretches);
    let synthetic = stretches.iter().map(|stretch| file.stretch(stretch)).collect();
    let changes = if instrument.kind == Kind::Index { Vec::new() } else { file.basis_changes() };
    (splices, synthetic, changes)
}

struct File<'a> {
    bars: &'a Bars,
    rows: &'a [usize],
    limit: f64,
    calendar: &'a Calendar,
}

impl File<'_> {
    fn date(&self, at: usize) -> TradingDate {
        self.bars.date[self.rows[at]]
    }

    fn close(&self, at: usize) -> f64 {
        self.bars.close[self.rows[at]]
    }

    /// The move of the close to position `to`.
    fn change(&self, from: usize, to: usize) -> f64 {
        self.close(to) / self.close(from) - 1.0
    }

    /// The longest runs without a move beyond the limit.
    fn segments(&self) -> Vec<Range<usize>> {
        let seams = (1..self.rows.len()).filter(|at| self.change(at - 1, *at).abs() > self.limit);
        let ends: Vec<usize> = seams.chain(Some(self.rows.len())).collect();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends.iter().copied()).map(|(start, end)| start..end).filter(|run| !run.is_empty()).collect()
    }

    /// A row of a closed day that is more than the day before once more, as some vendors fill holidays.
    fn is_invented(&self, at: usize, segment: &Range<usize>) -> bool {
        let repeats = at > segment.start && self.close(at).to_bits() == self.close(at - 1).to_bits();
        is_closed(self.calendar, self.date(at)) && !(repeats || self.bars.volume[self.rows[at]] <= 0.0)
    }

    /// The weekdays without a session between two positions, both left out: did the file skip any?
    fn skips_closed_weekday(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            let between = self.date(at).iter_days().skip(1).take_while(|date| *date < self.date(at + 1));
            between.into_iter().any(|date| matches!(self.calendar.session(date), Ok(None)) && is_weekday(date))
        })
    }

    /// The invented stretches of a segment: from invented row to invented row as long as no closed weekday is skipped,
    /// and on to the segment's ends under the same rule.
    fn stretches(&self, segment: &Range<usize>) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for at in segment.clone().filter(|at| self.is_invented(*at, segment)) {
            match found.last_mut() {
                Some(last) if !self.skips_closed_weekday(last.end - 1, at) => last.end = at + 1,
                _ => found.push(at..at + 1),
            }
        }
        if let Some(first) = found.first_mut()
            && !self.skips_closed_weekday(segment.start, first.start)
        {
            first.start = segment.start;
        }
        if let Some(last) = found.last_mut()
            && !self.skips_closed_weekday(last.end - 1, segment.end - 1)
        {
            last.end = segment.end;
        }
        found
    }

    fn stretch(&self, stretch: &Range<usize>) -> Stretch {
        let closed = stretch.clone().filter(|at| is_closed(self.calendar, self.date(*at))).count();
        Stretch {
            from: self.date(stretch.start),
            to: self.date(stretch.end - 1),
            rows: stretch.len(),
            closed_day_rows: closed,
        }
    }

    /// Every seam between segments with its cause.
    fn splices(&self, segments: &[Range<usize>], stretches: &[Range<usize>]) -> Vec<Splice> {
        let invented = |at: usize| stretches.iter().any(|stretch| stretch.contains(&at));
        // A segment is a foreign piece when it is short and the series before it goes on after it.
        let foreign = |at: usize| {
            let piece = segments.get(at).filter(|piece| at > 0 && piece.len() <= PIECE && piece.end < self.rows.len());
            piece.is_some_and(|piece| self.change(piece.start - 1, piece.end).abs() <= self.limit)
        };
        let seams = segments.iter().enumerate().skip(1);
        let splice = |(at, segment): (usize, &Range<usize>)| {
            let start = segment.start;
            let cause = if invented(start - 1) || invented(start) {
                SpliceCause::ClosedDayRows
            } else if foreign(at) || foreign(at - 1) {
                SpliceCause::ForeignRows
            } else {
                SpliceCause::LevelShift
            };
            let (previous_date, change) = (self.date(start - 1), self.change(start - 1, start));
            Splice { date: self.date(start), previous_date, change, cause }
        };
        seams.map(splice).collect()
    }

    /// Where settled runs of whole prices and of fractions follow each other. Runs that are too short to count belong
    /// to their surroundings: an adjusted price may be whole by chance.
    fn basis_changes(&self) -> Vec<BasisChange> {
        let mut runs: Vec<(bool, Range<usize>)> = Vec::new();
        for at in 0..self.rows.len() {
            let whole = self.is_whole(self.rows[at]);
            match runs.last_mut() {
                Some((kind, run)) if *kind == whole => run.end = at + 1,
                _ => runs.push((whole, at..at + 1)),
            }
        }
        let mut settled = runs.into_iter().filter(|(_, run)| run.len() >= SETTLED);
        let Some((mut current, _)) = settled.next() else { return Vec::new() };
        let mut changes = Vec::new();
        for (whole, run) in settled {
            if whole != current {
                changes.push(BasisChange { date: self.date(run.start), whole_won: whole });
                current = whole;
            }
        }
        changes
    }

    fn is_whole(&self, row: usize) -> bool {
        let bars = self.bars;
        [bars.open[row], bars.high[row], bars.low[row], bars.close[row]].iter().all(|price| price.fract() == 0.0)
    }
}

fn is_weekday(date: TradingDate) -> bool {
    use chrono::Datelike;
    date.weekday().number_from_monday() <= 5
}

impl fmt::Display for Splice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self.cause {
            SpliceCause::ClosedDayRows => "beside rows of closed days",
            SpliceCause::ForeignRows => "and back",
            SpliceCause::LevelShift => "and it stays",
        };
        write!(f, "{} {:+.1} % {cause}", self.date, self.change * 100.0)
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, rows, closed_day_rows } = self;
        write!(f, "{from} to {to} ({rows} rows, {closed_day_rows} on closed days)")
    }
}

impl fmt::Display for BasisChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.date, if self.whole_won { "whole won" } else { "fractions" })
    }
}
