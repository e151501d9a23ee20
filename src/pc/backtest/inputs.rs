//! The prices of a simulation: read, normalised, judged, and what a result says about them.

use std::collections::BTreeMap;
use std::path::Path;

use super::Market;
use super::window::Window;
use crate::contracts::backtest::DataQuality;
use crate::contracts::backtest::PriceData;
use crate::contracts::backtest::PriceJump;
use crate::pc::prices::Normalized;
use crate::pc::prices::PriceFault;
use crate::pc::prices::QualityFault;
use crate::pc::prices::normalize;
use crate::pc::prices::read_file;
use crate::time::Calendar;
use crate::trading::Instrument;
use crate::trading::known;

/// Prices cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputFault {
    /// A ticker that cannot be the name of a file.
    #[error("ticker {0:?} must have letters, digits, ^, - and _ only")]
    Ticker(String),
    /// There is no file of a ticker.
    #[error("no prices for {ticker}: there is no file {path}")]
    NoFile {
        /// The ticker.
        ticker: String,
        /// Where it was looked for.
        path: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Price(#[from] PriceFault),
    /// A file does not cover the window.
    #[error(transparent)]
    Quality(#[from] QualityFault),
}

/// Normalised prices with their provenance.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// The bars by ticker.
    pub market: Market,
    /// The files by ticker.
    pub data: BTreeMap<String, PriceData>,
    /// Their defects by ticker.
    pub quality: BTreeMap<String, DataQuality>,
}

/// Reads and normalises the files of tickers in a directory.
///
/// # Errors
/// A file is missing or cannot be read.
pub fn read(dir: &Path, tickers: &[String]) -> Result<Vec<Normalized>, InputFault> {
    tickers.iter().map(|ticker| read_one(dir, ticker)).collect()
}

fn read_one(dir: &Path, ticker: &str) -> Result<Normalized, InputFault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "^-_".contains(c);
    if ticker.is_empty() || !ticker.chars().all(plain) {
        return Err(InputFault::Ticker(ticker.to_owned()));
    }
    let path = dir.join(format!("{ticker}.parquet"));
    if !path.exists() {
        let path = path.to_string_lossy().replace('\\', "/");
        return Err(InputFault::NoFile { ticker: ticker.to_owned(), path });
    }
    let instrument = known(ticker).map_or_else(Instrument::unknown, |(what, _)| what);
    Ok(normalize(&read_file(&path)?, instrument, Calendar::krx()))
}

/// Refuses prices that do not cover the window: its last session is missing, or more than one session in a hundred.
///
/// # Errors
/// The first ticker that does not.
pub fn judge(prices: &[Normalized], window: Window) -> Result<(), InputFault> {
    for one in prices {
        one.verdict(&(window.start..=window.end), Calendar::krx())?;
    }
    Ok(())
}

impl Prices {
    /// Takes over normalised files.
    #[must_use]
    pub fn of(files: Vec<Normalized>) -> Self {
        let mut prices = Self::default();
        for file in files {
            let bars = &file.bars;
            let (first, last, rows) = (bars.first_date(), bars.last_date(), bars.len());
            let data = PriceData { first, last, rows, sha256: file.sha256.clone() };
            prices.data.insert(file.ticker.clone(), data);
            prices.quality.insert(file.ticker.clone(), quality_of(&file));
            prices.market.insert(file.ticker, file.bars);
        }
        prices
    }

    /// Every finding as a sentence, by ticker.
    pub fn warnings(&self) -> impl Iterator<Item = &String> {
        self.quality.values().flat_map(|quality| &quality.warnings)
    }
}

fn quality_of(file: &Normalized) -> DataQuality {
    let jumps = file.findings.jumps.iter();
    DataQuality {
        rows_total: file.quality.rows_total,
        rows_dropped_duplicate: file.quality.rows_dropped_duplicate,
        rows_dropped_non_session: file.quality.rows_dropped_non_session,
        halted_rows: file.quality.halted_rows,
        repaired_rows: file.quality.repaired_rows,
        jumps: jumps
            .map(|jump| PriceJump { date: jump.date, change: super::rounding::round(jump.change, 6) })
            .collect(),
        missing_sessions: file.findings.missing_sessions.clone(),
        warnings: file.findings.lines(),
    }
}
