//! Finding the files of tickers in a folder, and reading a whole market.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;

use super::Normalized;
use super::PriceFault;
use super::RawBars;
use super::normalize;
use super::read_file;
use crate::time::Calendar;
use crate::trading::Instrument;
use crate::trading::known;

/// Endings that are looked for, the best first.
const ENDINGS: [&str; 2] = ["parquet", "csv"];

/// Reads `{ticker}.parquet`, or `{ticker}.csv` when there is no such file.
///
/// # Errors
/// The ticker is no name of a file, neither file exists, or the one that does cannot be used.
pub fn read_ticker(dir: &Path, ticker: &str) -> Result<RawBars, PriceFault> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "^.-_=".contains(letter);
    if ticker.is_empty() || ticker.starts_with('.') || !ticker.chars().all(plain) {
        return Err(PriceFault::Ticker { ticker: ticker.to_owned() });
    }
    let names = ENDINGS.map(|ending| format!("{ticker}.{ending}"));
    match names.iter().map(|name| dir.join(name)).find(|path| path.exists()) {
        Some(path) => read_file(&path),
        None => Err(PriceFault::NotFound { dir: dir.to_owned(), names: names.join(" or ") }),
    }
}

/// Reads and normalises the files of several tickers, each once. A ticker that `instruments` does not name is what the
/// built-in table says, or else a share.
///
/// # Errors
/// A file is missing or cannot be used; the fault is that of the first such ticker in order.
pub fn load_market(
    dir: &Path,
    tickers: &[String],
    instruments: &BTreeMap<String, Instrument>,
    calendar: &Calendar,
) -> Result<BTreeMap<String, Normalized>, PriceFault> {
    let tickers: Vec<&String> = tickers.iter().collect::<BTreeSet<_>>().into_iter().collect();
    let one = |ticker: &&String| {
        let raw = read_ticker(dir, ticker)?;
        let named = instruments.get(*ticker).copied().or_else(|| known(ticker).map(|(what, _)| what));
        Ok(((*ticker).clone(), normalize(&raw, named.unwrap_or(Instrument::unknown()), calendar)))
    };
    // Collected before judged, so that the fault does not depend on which thread was first.
    let found: Vec<Result<_, PriceFault>> = tickers.par_iter().map(one).collect();
    found.into_iter().collect()
}
