//! The prices of a simulation: read, normalised, judged, and what a result says about them.

use std::collections::BTreeMap;
use std::path::Path;

use super::Market;
use super::window::Window;
use crate::contracts::backtest::DataQuality;
use crate::contracts::backtest::PriceData;
use crate::contracts::backtest::PriceJump;
use crate::pc::prices::Normalized;
use crate::pc::prices::Origin;
use crate::pc::prices::OriginFault;
use crate::pc::prices::PriceFault;
use crate::pc::prices::QualityFault;
use crate::pc::prices::load_market;
use crate::pc::prices::origin;
use crate::time::Calendar;
use crate::trading::Instrument;

/// Prices cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputFault {
    /// A file is missing or cannot be read.
    #[error(transparent)]
    Price(#[from] PriceFault),
    /// A file does not cover the window.
    #[error(transparent)]
    Quality(#[from] QualityFault),
    /// A file is not the one that was collected.
    #[error(transparent)]
    Origin(#[from] OriginFault),
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
    /// The tickers whose prices this program made up.
    pub synthetic: Vec<String>,
}

/// Reads and normalises the files of tickers in a directory, in ascending order. What `instruments` does not name is what
/// the built-in table says.
///
/// # Errors
/// A file is missing or cannot be read.
pub fn read(
    dir: &Path,
    tickers: &[String],
    instruments: &BTreeMap<String, Instrument>,
) -> Result<Vec<Normalized>, InputFault> {
    Ok(load_market(dir, tickers, instruments, Calendar::krx())?.into_values().collect())
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

/// Where each file comes from, by ticker.
pub type Origins = BTreeMap<String, Origin>;

/// Looks at what stands beside each file.
///
/// # Errors
/// The first file that is not the one that was collected.
pub fn origins(dir: &Path, files: &[Normalized]) -> Result<Origins, InputFault> {
    files.iter().map(|file| Ok((file.ticker.clone(), origin(dir, &file.ticker, &file.sha256)?))).collect()
}

impl Prices {
    /// Says where the files come from: made-up prices and files that nobody vouches for become each ticker's first warning.
    #[must_use]
    pub fn with_origins(mut self, origins: &Origins) -> Self {
        for (ticker, origin) in origins {
            if let (Some(quality), Some(warning)) = (self.quality.get_mut(ticker), origin.warning(ticker)) {
                quality.warnings.insert(0, warning);
            }
            if origin.is_synthetic() {
                self.synthetic.push(ticker.clone());
            }
        }
        self
    }

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
