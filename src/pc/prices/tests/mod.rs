//! Prices: real files with their known defects, and files made for one defect each.

mod files;
mod normalize;
mod real;
mod synthetic;

use super::*;
use crate::time::TradingDate;
use crate::trading::Instrument;
use crate::trading::Kind;

/// A share on the main board.
const SHARE: Instrument = Instrument::unknown();
const FUND: Instrument = Instrument::plain(Kind::Etf);
const INDEX: Instrument = Instrument::plain(Kind::Index);

fn day(text: &str) -> TradingDate {
    text.parse().expect("a date")
}

fn dates(texts: &[&str]) -> Vec<TradingDate> {
    texts.iter().map(|text| day(text)).collect()
}

/// The shared data beside a work tree; `None` in a bare clone.
fn shared(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(file);
    path.exists().then_some(path)
}

/// Rows as a file holds them: date, open, high, low, close, volume.
fn rows(found: &[(&str, [f64; 5])]) -> RawBars {
    let mut bars = Bars::default();
    for (date, bar) in found {
        bars.push(day(date), *bar);
    }
    RawBars { ticker: "000001".to_owned(), bars, sha256: "0".repeat(64) }
}

/// Bars of every session between two days at one price.
fn level(from: &str, to: &str, price: f64) -> Vec<(TradingDate, [f64; 5])> {
    let calendar = crate::time::Calendar::krx();
    let days = day(from).iter_days().take_while(|date| *date <= day(to));
    let sessions = days.filter(|date| calendar.session(*date).is_ok_and(|session| session.is_some()));
    sessions.map(|date| (date, [price, price + 10.0, price - 10.0, price + 5.0, 100.0])).collect()
}

/// A file of such rows.
fn file(found: &[(TradingDate, [f64; 5])]) -> RawBars {
    let mut bars = Bars::default();
    for (date, bar) in found {
        bars.push(*date, *bar);
    }
    RawBars { ticker: "000001".to_owned(), bars, sha256: "0".repeat(64) }
}
