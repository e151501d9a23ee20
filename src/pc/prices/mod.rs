//! Prices of the research PC: files in every layout met, one normal form, and every defect counted.
//!
//! A file is read as it is stored ([`read_file`]); calculations see bars only after normalisation. Nothing here invents a
//! bar: a defect is repaired by a stated rule and counted, or reported.

mod parquet;

use std::path::Path;
use std::path::PathBuf;

use crate::contracts::json::sha256_hex;
use crate::time::TradingDate;
use crate::trading::Bars;

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
mod tests {
    use super::*;

    #[test]
    fn every_shared_layout_is_read() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
        let cases = [
            ("prices/069500.parquet", 1472, "2020-01-02", "2025-12-29"),
            ("prices/000660.parquet", 249, "2024-10-16", "2025-10-24"),
            ("prices/^KS11.parquet", 246, "2024-11-21", "2025-11-26"),
            ("reconcile/evidence_069500_capitalised.parquet", 1472, "2020-01-02", "2025-12-29"),
            ("reconcile/reference_weekday/input/069500.parquet", 1806, "2019-01-01", "2025-12-30"),
        ];
        for (file, rows, first, last) in cases {
            let path = root.join(file);
            if !path.exists() {
                continue;
            }
            let found = read_file(&path).expect(file);
            assert_eq!(found.bars.len(), rows, "{file}");
            assert_eq!(found.bars.first_date().map(|d| d.to_string()).as_deref(), Some(first), "{file}");
            assert_eq!(found.bars.last_date().map(|d| d.to_string()).as_deref(), Some(last), "{file}");
            assert!(found.bars.close.iter().all(|close| *close > 0.0), "{file}");
        }
    }
}
