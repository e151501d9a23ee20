//! PRICE_META_V1: where a file of collected prices comes from and which bytes it had.
//!
//! It is written after its file. When the two do not belong together (a crash between them, a file put there by hand),
//! the file counts as unknown.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use crate::time::Stamp;
use crate::time::TradingDate;

/// Where the bars of a file come from; one vendor a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorName {
    /// Naver's daily prices, adjusted.
    Naver,
    /// Yahoo's chart, adjusted by its own factor.
    Yahoo,
    /// This program's generator; no market data.
    Synthetic,
}

impl VendorName {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Naver => "naver",
            Self::Yahoo => "yahoo",
            Self::Synthetic => "synthetic",
        }
    }
}

impl fmt::Display for VendorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What stands beside `{ticker}.parquet` as `{ticker}.meta.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceMeta {
    /// `PRICE_META_V1`
    pub schema: String,
    /// The ticker.
    pub ticker: String,
    /// Where all rows come from.
    pub vendor: VendorName,
    /// When the vendor was asked last.
    pub fetched_at: Stamp,
    /// The first day that was asked for; the first row may be later when the ticker is younger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<TradingDate>,
    /// The first row's day.
    pub first: TradingDate,
    /// The last row's day.
    pub last: TradingDate,
    /// How many rows.
    pub rows: usize,
    /// SHA-256 of the file, 64 lower-case hex digits.
    pub sha256: String,
    /// Whether prices before a split or distribution are adjusted for it.
    pub adjusted: bool,
}

impl Document for PriceMeta {
    const SCHEMA: &'static str = "PRICE_META_V1";
}
