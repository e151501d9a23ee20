//! One ticker's file and the document beside it: looked at, grown, replaced.

use std::collections::BTreeMap;

use chrono::Duration;

use crate::contracts::Document;
use crate::contracts::PriceMeta;
use crate::contracts::VendorName;
use crate::contracts::json::sha256_hex;
use crate::pc::prices::Normalized;
use crate::pc::prices::RawBars;
use crate::pc::prices::normalize;
use crate::pc::prices::read_file;
use crate::pc::prices::write_layout_a;
use crate::pc::vendors::is_index;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Calendar;
use crate::time::CalendarFault;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::Instrument;
use crate::trading::known;

/// How long after the close a session's bar is final.
const SETTLED: Duration = Duration::minutes(30);
/// How many held bars are asked for again, to notice that the vendor has adjusted its past.
pub(super) const OVERLAP: usize = 10;
/// A held close may differ from the vendor's by this many won, or by this fraction, for rounding.
const ROUNDING_WON: f64 = 1.0;
const ROUNDING_SHARE: f64 = 0.0002;

/// The last session whose bars are final at `now`: it closed at least 30 minutes ago.
///
/// # Errors
/// The time is outside the calendar's coverage.
pub fn last_completed(calendar: &Calendar, now: KstTime) -> Result<TradingDate, CalendarFault> {
    Ok(calendar.last_ended(now - SETTLED)?.date)
}

/// A file that is what was collected.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) meta: PriceMeta,
    pub(super) bars: Bars,
}

impl Held {
    /// The first day that the file answers for.
    pub(super) fn from(&self) -> TradingDate {
        self.meta.from.unwrap_or(self.meta.first).min(self.meta.first)
    }
}

/// What there is of a ticker.
#[derive(Clone, Debug)]
pub(super) enum Look {
    /// No file.
    Missing,
    /// A file that nobody can vouch for: why, and what can be read of it.
    Unknown(String, Bars),
    /// A file and its document.
    Held(Box<Held>),
}

pub(super) fn parquet_path(ticker: &str) -> String {
    format!("{}/{ticker}.parquet", layout::PRICES)
}

pub(super) fn meta_path(ticker: &str) -> String {
    format!("{}/{ticker}.meta.json", layout::PRICES)
}

/// Looks at the file of a ticker.
pub(super) fn look(store: &Store, ticker: &str) -> Look {
    let path = store.path(&parquet_path(ticker));
    if !path.exists() {
        return Look::Missing;
    }
    let raw = match read_file(&path) {
        Ok(raw) => raw,
        Err(fault) => return Look::Unknown(fault.to_string(), Bars::default()),
    };
    let meta = match store.document::<PriceMeta>(&meta_path(ticker)) {
        Stored::Present(meta) => meta,
        Stored::Missing => return Look::Unknown("nothing says where the file comes from".to_owned(), raw.bars),
        Stored::Damaged(why) => return Look::Unknown(format!("{}: {why}", meta_path(ticker)), raw.bars),
    };
    if meta.ticker != ticker || meta.sha256 != raw.sha256 {
        return Look::Unknown("the file is not the one that was collected".to_owned(), raw.bars);
    }
    if raw.bars.is_empty() || raw.bars.len() != meta.rows || raw.bars.last_date() != Some(meta.last) {
        return Look::Unknown(format!("{} does not describe its file", meta_path(ticker)), raw.bars);
    }
    Look::Held(Box::new(Held { meta, bars: raw.bars }))
}

pub(super) fn instrument_of(ticker: &str) -> Instrument {
    known(ticker).map_or(Instrument::unknown(), |(instrument, _)| instrument)
}

/// The quality of bars that are in no file, or in one that was read already.
pub(super) fn normalized(ticker: &str, bars: &Bars, calendar: &Calendar) -> Normalized {
    let raw = RawBars { ticker: ticker.to_owned(), bars: bars.clone(), sha256: String::new() };
    normalize(&raw, instrument_of(ticker), calendar)
}

/// The rows of an answer that may be stored, as the vendor gave them: sessions that are over, each once, ascending. What
/// a reader repairs stays as it is, so that every reader finds and counts it again.
pub(super) fn storable(answer: &Bars, normal: &Bars, last_completed: TradingDate) -> Bars {
    let mut rows = BTreeMap::new();
    for (at, date) in answer.date.iter().enumerate() {
        if *date <= last_completed && normal.index_of(*date).is_some() {
            rows.insert(*date, at);
        }
    }
    let mut bars = Bars::default();
    for (date, at) in rows {
        let row = [answer.open[at], answer.high[at], answer.low[at], answer.close[at], answer.volume[at]];
        bars.push(date, row);
    }
    bars
}

/// The day from which a held file is asked for again.
pub(super) fn overlap_start(held: &Bars) -> Option<TradingDate> {
    held.date.get(held.len().saturating_sub(OVERLAP)).copied()
}

/// The held bars with the vendor's newer ones; `None` when the vendor's past is not the held one.
pub(super) fn grown(held: &Bars, newer: &Bars) -> Option<Bars> {
    let start = newer.first_date()?;
    let kept = held.first_from(start);
    if kept == held.len() {
        return None;
    }
    for (date, close) in held.date.iter().zip(&held.close).skip(kept) {
        let again = newer.close[newer.index_of(*date)?];
        let apart = (again - close).abs();
        if apart > ROUNDING_WON && apart > ROUNDING_SHARE * close.abs() {
            return None;
        }
    }
    let mut bars = held.truncated(kept);
    for (at, date) in newer.date.iter().enumerate() {
        bars.push(*date, [newer.open[at], newer.high[at], newer.low[at], newer.close[at], newer.volume[at]]);
    }
    Some(bars)
}

/// What is written of a ticker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) ticker: &'a str,
    pub(super) vendor: VendorName,
    pub(super) from: TradingDate,
    pub(super) bars: &'a Bars,
}

/// Writes the file, then the document that vouches for it.
pub(super) fn save(store: &Store, entry: &Entry<'_>, now: KstTime) -> Result<(), StoreFault> {
    let refuse = |why: String| StoreFault {
        verb: "write",
        path: parquet_path(entry.ticker),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, why),
    };
    let (first, last) = entry
        .bars
        .first_date()
        .zip(entry.bars.last_date())
        .ok_or_else(|| refuse("there is no bar to write".to_owned()))?;
    let bytes = write_layout_a(entry.bars).map_err(|why| refuse(why.to_string()))?;
    let meta = PriceMeta {
        schema: PriceMeta::SCHEMA.to_owned(),
        ticker: entry.ticker.to_owned(),
        vendor: entry.vendor,
        fetched_at: Stamp::of(now),
        from: Some(entry.from),
        first,
        last,
        rows: entry.bars.len(),
        sha256: sha256_hex(&bytes),
        adjusted: entry.vendor != VendorName::Synthetic && !is_index(entry.ticker),
    };
    store.write(&parquet_path(entry.ticker), &bytes)?;
    store.write_document(&meta_path(entry.ticker), &meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> TradingDate {
        text.parse().expect("a day")
    }

    type Rows<'a> = &'a [(&'a str, f64)];

    fn bars(rows: Rows<'_>) -> Bars {
        let mut bars = Bars::default();
        for (date, close) in rows {
            bars.push(day(date), [*close, *close, *close, *close, 1.0]);
        }
        bars
    }

    #[test]
    fn a_session_is_complete_thirty_minutes_after_its_close() {
        let cases = [
            ("friday in the session", "2026-11-20T11:00:00+09:00", "2026-11-19"),
            ("friday at the close", "2026-11-20T15:30:00+09:00", "2026-11-19"),
            ("a minute too early", "2026-11-20T15:59:59+09:00", "2026-11-19"),
            ("friday half an hour later", "2026-11-20T16:00:00+09:00", "2026-11-20"),
            ("saturday", "2026-11-21T12:00:00+09:00", "2026-11-20"),
            ("monday before the open", "2026-11-23T08:00:00+09:00", "2026-11-20"),
            ("exam day, an hour later", "2026-11-19T16:30:00+09:00", "2026-11-18"),
            ("exam day, later still", "2026-11-19T17:00:00+09:00", "2026-11-19"),
            ("holiday", "2026-01-01T18:00:00+09:00", "2025-12-30"),
        ];
        for (name, now, want) in cases {
            let now = Stamp::from(now).instant().expect("a time");
            assert_eq!(last_completed(Calendar::krx(), now).expect("covered"), day(want), "{name}");
        }
        let later = Stamp::from("2031-01-02T18:00:00+09:00").instant().expect("a time");
        assert!(last_completed(Calendar::krx(), later).is_err());
    }

    #[test]
    fn held_bars_grow_only_by_a_past_that_agrees() {
        let held = bars(&[("2026-11-16", 100_000.0), ("2026-11-17", 100_000.0), ("2026-11-18", 500.0)]);
        let cases: [(&str, Rows<'_>, Option<usize>); 10] = [
            (
                "the same and one more",
                &[("2026-11-17", 100_000.0), ("2026-11-18", 500.0), ("2026-11-19", 7.0)],
                Some(4),
            ),
            ("nothing new", &[("2026-11-18", 500.0)], Some(3)),
            ("a won apart", &[("2026-11-18", 501.0), ("2026-11-19", 7.0)], Some(4)),
            ("more than a won, 0.4 %", &[("2026-11-18", 502.0), ("2026-11-19", 7.0)], None),
            ("20 won, 0.02 %", &[("2026-11-17", 100_020.0), ("2026-11-18", 500.0)], Some(3)),
            ("21 won, 0.021 %", &[("2026-11-17", 100_021.0), ("2026-11-18", 500.0)], None),
            ("a held day is gone", &[("2026-11-17", 100_000.0), ("2026-11-19", 7.0)], None),
            ("no common day", &[("2026-11-19", 7.0)], None),
            ("nothing", &[], None),
            ("the whole past", &[("2026-11-16", 100_000.0), ("2026-11-17", 100_000.0), ("2026-11-18", 500.0)], Some(3)),
        ];
        for (name, newer, want) in cases {
            let found = grown(&held, &bars(newer));
            assert_eq!(found.as_ref().map(Bars::len), want, "{name}");
            if let Some(found) = found {
                assert!(found.date.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
            }
        }
        let replaced = grown(&held, &bars(&[("2026-11-18", 501.0), ("2026-11-19", 7.0)])).expect("agrees");
        assert_eq!(replaced.close, [100_000.0, 100_000.0, 501.0, 7.0], "the overlap is the vendor's");
    }

    #[test]
    fn only_sessions_that_are_over_are_stored_each_once() {
        let answer = bars(&[
            ("2026-11-20", 5.0),
            ("2026-11-18", 1.0),
            ("2026-11-21", 9.0),
            ("2026-11-18", 2.0),
            ("2026-11-19", 3.0),
        ]);
        let normal = normalized("005930", &answer, Calendar::krx());
        let stored = storable(&answer, &normal.bars, day("2026-11-19"));
        assert_eq!(stored.date, [day("2026-11-18"), day("2026-11-19")]);
        assert_eq!(stored.close, [2.0, 3.0], "the last of equal days");
    }
}
