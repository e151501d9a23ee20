//! From rows as stored to the bars that calculations read, with every defect counted and named.
//!
//! The steps have a fixed order: ascending dates with the last of equal dates, closed days out, halted bars flat, highs
//! and lows around open and close. No step makes a bar of nothing: a row without a usable close is left out and shows
//! up as a missing session.

use super::RawBars;
use super::quality::Findings;
use super::quality::Quality;
use super::splices;
use crate::time::Calendar;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::Instrument;
use crate::trading::Kind;

/// A price above this many won, or index points, is no price. The dearest share that ever traded cost some millions.
pub const MAX_PRICE: f64 = 1e9;

/// What normalisation makes of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalized {
    /// The ticker.
    pub ticker: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The bars that calculations read.
    pub bars: Bars,
    /// How many rows each rule touched.
    pub quality: Quality,
    /// Which rows they were, and what else a person should know of the file.
    pub findings: Findings,
}

/// Normalises the rows of a file. A weekday that the calendar does not cover is kept; a weekend never is.
#[must_use]
pub fn normalize(raw: &RawBars, instrument: Instrument, calendar: &Calendar) -> Normalized {
    let stored = &raw.bars;
    let mut quality = Quality { rows_total: stored.len(), ..Quality::default() };
    let mut findings = Findings::of(&raw.ticker);
    let mut rows = in_order(stored);
    findings.duplicates = drop_older_twins(stored, &mut rows);
    quality.rows_dropped_duplicate = findings.duplicates.len();
    let of_trades: Vec<usize> = rows.iter().copied().filter(|row| usable(stored.close[*row])).collect();
    let seams = splices::find(stored, &of_trades, instrument, calendar);
    (findings.splices, findings.synthetic, findings.basis_changes) = seams;
    let mut bars = with_room_for(rows.len());
    for row in rows {
        let date = stored.date[row];
        if is_closed(calendar, date) {
            findings.non_session.push(date);
        } else if !usable(stored.close[row]) {
            findings.unusable.push(date);
        } else {
            let halted = stored.halted[row] || is_halted(stored, row, instrument);
            let (bar, repaired) = if halted { (flat(stored.close[row]), false) } else { enveloped(stored, row) };
            bars.push(date, bar);
            if let Some(flag) = bars.halted.last_mut() {
                *flag = halted;
            }
            findings.halted.extend(halted.then_some(date));
            findings.repaired.extend(repaired.then_some(date));
        }
    }
    quality.rows_dropped_non_session = findings.non_session.len();
    quality.halted_rows = findings.halted.len();
    quality.repaired_rows = findings.repaired.len();
    findings.judge(&bars, instrument, calendar);
    Normalized { ticker: raw.ticker.clone(), sha256: raw.sha256.clone(), bars, quality, findings }
}

/// The rows as stored, in ascending order of date and nothing else: for parity with programs that clean nothing. Equal
/// dates stay, in the order of the file.
#[must_use]
pub fn sorted(raw: &RawBars) -> Bars {
    let mut bars = with_room_for(raw.bars.len());
    for row in in_order(&raw.bars) {
        bars.push(raw.bars.date[row], stored_bar(&raw.bars, row));
        if let Some(flag) = bars.halted.last_mut() {
            *flag = raw.bars.halted[row];
        }
    }
    bars
}

/// Whether a close may stand in a calculation.
pub(super) fn usable(price: f64) -> bool {
    price > 0.0 && price <= MAX_PRICE
}

/// Whether the exchange was closed on a day. A weekday outside the calendar's coverage counts as open.
pub(super) fn is_closed(calendar: &Calendar, date: TradingDate) -> bool {
    match calendar.session(date) {
        Ok(session) => session.is_none(),
        Err(_) => calendar.closed_for(date).is_some(),
    }
}

/// Row numbers in ascending order of date; equal dates keep the order of the file.
fn in_order(bars: &Bars) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..bars.len()).collect();
    rows.sort_by_key(|row| bars.date[*row]);
    rows
}

/// Keeps the last row of each date and returns the dates of the others.
fn drop_older_twins(bars: &Bars, rows: &mut Vec<usize>) -> Vec<TradingDate> {
    let mut dropped = Vec::new();
    let mut kept: Vec<usize> = Vec::with_capacity(rows.len());
    for row in rows.iter().copied() {
        match kept.last_mut() {
            Some(last) if bars.date[*last] == bars.date[row] => {
                dropped.push(bars.date[row]);
                *last = row;
            }
            _ => kept.push(row),
        }
    }
    *rows = kept;
    dropped
}

/// A ticker that has a close but no price or no volume did not trade. An index has no volume of its own.
fn is_halted(bars: &Bars, row: usize, instrument: Instrument) -> bool {
    let priced = [bars.open[row], bars.high[row], bars.low[row]].into_iter().all(usable);
    let traded = bars.volume[row] > 0.0 && bars.volume[row].is_finite();
    !priced || (!traded && instrument.kind != Kind::Index)
}

fn flat(close: f64) -> [f64; 5] {
    [close, close, close, close, 0.0]
}

/// The bar with high and low around open and close, and whether that changed it. A volume that is no number (an
/// index') becomes 0.
fn enveloped(bars: &Bars, row: usize) -> ([f64; 5], bool) {
    let [open, high, low, close, volume] = stored_bar(bars, row);
    let top = high.max(open).max(low).max(close);
    let bottom = low.min(open).min(high).min(close);
    let volume = if volume.is_finite() { volume.max(0.0) } else { 0.0 };
    ([open, top, bottom, close, volume], top > high || bottom < low)
}

fn stored_bar(bars: &Bars, row: usize) -> [f64; 5] {
    [bars.open[row], bars.high[row], bars.low[row], bars.close[row], bars.volume[row]]
}

fn with_room_for(rows: usize) -> Bars {
    let column = || Vec::with_capacity(rows);
    Bars {
        date: Vec::with_capacity(rows),
        open: column(),
        high: column(),
        low: column(),
        close: column(),
        volume: column(),
        halted: Vec::with_capacity(rows),
    }
}
