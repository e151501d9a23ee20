//! Prices of the research PC: files in every layout met, one normal form, and every defect counted.
//!
//! A file is read as it is stored ([`read_file`]); calculations see bars only after normalisation. Nothing here invents a
//! bar: a defect is repaired by a stated rule and counted, or reported.

mod columns;
mod csv;
mod json;
mod load;
mod normalize;
mod origin;
mod parquet;
mod quality;
mod splices;
mod synthetic;
mod write;

use std::path::Path;
use std::path::PathBuf;

use crate::contracts::json::sha256_hex;
use crate::trading::Bars;

pub use json::CachedQuote;
pub use json::read_history_cache;
pub use json::read_index_closes;
pub use json::read_quote_cache;
pub use load::load_market;
pub use load::read_ticker;
pub use normalize::MAX_PRICE;
pub use normalize::Normalized;
pub use normalize::normalize;
pub use normalize::sorted;
pub use origin::Origin;
pub use origin::OriginFault;
pub use origin::SYNTHETIC;
pub use origin::origin;
pub use quality::Findings;
pub use quality::Jump;
pub use quality::Quality;
pub use quality::QualityFault;
pub use quality::WindowCoverage;
pub use splices::BasisChange;
pub use splices::Splice;
pub use splices::SpliceCause;
pub use splices::Stretch;
pub use synthetic::Halt;
pub use synthetic::SYNTHETIC_VENDOR;
pub use synthetic::SyntheticFault;
pub use synthetic::SyntheticSpec;
pub use synthetic::synthetic_bars;
pub use write::write_layout_a;

/// The first bytes of a Parquet file.
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// Bars as a file stores them: not sorted, not cleaned.
#[derive(Clone, Debug)]
pub struct RawBars {
    /// The ticker, from the file's name.
    pub ticker: String,
    /// The rows in the order of the file.
    pub bars: Bars,
    /// SHA-256 of the file, 64 lower-case hex digits.
    pub sha256: String,
}

/// A price file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceFault {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file has no such form as a price file may have.
    #[error("{path}: {why}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// The rule that broke, with the column and row it broke at.
        why: String,
    },
    /// A folder holds no file of the ticker.
    #[error("no prices in {dir}: looked for {names}")]
    NotFound {
        /// The folder.
        dir: PathBuf,
        /// The names looked for.
        names: String,
    },
    /// A ticker cannot be the name of a file.
    #[error("ticker {ticker:?} may only have letters, digits and ^ . - _ =, and no dot in front")]
    Ticker {
        /// The ticker.
        ticker: String,
    },
    /// Bars cannot be stored.
    #[error("bars cannot be stored: {0}")]
    Write(String),
}

/// Reads a price file of any layout: Parquet by its first bytes, anything else as CSV.
///
/// # Errors
/// The file cannot be read, or has no column of date, open, high, low, close or volume.
pub fn read_file(path: &Path) -> Result<RawBars, PriceFault> {
    let bytes = bytes(path)?;
    let sha256 = sha256_hex(&bytes);
    let bars = bars_of(path, bytes).map_err(|why| PriceFault::Shape { path: path.to_owned(), why })?;
    let ticker = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(RawBars { ticker, bars, sha256 })
}

fn bars_of(path: &Path, bytes: Vec<u8>) -> Result<Bars, String> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if bytes.starts_with(PARQUET_MAGIC) {
        return parquet::read(bytes);
    }
    match ending.as_str() {
        "parquet" => Err("is no parquet file: it does not begin with PAR1".to_owned()),
        "json" => Err("is a JSON cache of many tickers, not the file of one".to_owned()),
        _ => csv::read(&bytes),
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, PriceFault> {
    std::fs::read(path).map_err(|source| PriceFault::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
