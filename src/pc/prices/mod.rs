//! Prices of the research PC: files in every layout met, one normal form, and every defect counted.
//!
//! A file is read as it is stored ([`read_file`]); calculations see bars only after normalisation. Nothing here invents a
//! bar: a defect is repaired by a stated rule and counted, or reported.

mod normalize;
mod parquet;
mod quality;
mod splices;

use std::path::Path;
use std::path::PathBuf;

use crate::contracts::json::sha256_hex;
use crate::time::TradingDate;
use crate::trading::Bars;

pub use normalize::MAX_PRICE;
pub use normalize::Normalized;
pub use normalize::normalize;
pub use normalize::sorted;
pub use quality::Findings;
pub use quality::Jump;
pub use quality::Quality;
pub use quality::QualityFault;
pub use quality::WindowCoverage;
pub use splices::BasisChange;
pub use splices::Splice;
pub use splices::SpliceCause;
pub use splices::Stretch;

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
}

/// Reads a price file of any layout.
///
/// # Errors
/// The file cannot be read, or has no column of date, open, high, low, close or volume.
pub fn read_file(path: &Path) -> Result<RawBars, PriceFault> {
    let bytes = std::fs::read(path).map_err(|source| PriceFault::Read { path: path.to_owned(), source })?;
    let sha256 = sha256_hex(&bytes);
    let bars = parquet::read(bytes).map_err(|why| PriceFault::Shape { path: path.to_owned(), why })?;
    let ticker = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(RawBars { ticker, bars, sha256 })
}

/// The day in a text such as `2026-01-30`, `20260130` or `2026-01-30T09:00:00`.
fn date_in(text: &str) -> Option<TradingDate> {
    let text = text.trim();
    let day = text.get(..10).filter(|day| day.contains('-')).unwrap_or(text);
    ["%Y-%m-%d", "%Y%m%d"].iter().find_map(|form| TradingDate::parse_from_str(day, form).ok())
}

#[cfg(test)]
mod tests;
