//! The prices of a run, read from a directory, and the range that they allow.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::Days;

use crate::contracts::PriceMeta;
use crate::contracts::json::sha256_hex;
use crate::pc::backtest::inputs;
use crate::pc::backtest::inputs::InputFault;
use crate::pc::backtest::window::Window;
use crate::pc::prices::Normalized;
use crate::store::Store;
use crate::store::Stored;
use crate::time::TradingDate;

use super::config::FileFacts;
use super::config::TuneData;

/// The tax table that is compiled in, as bytes.
const KRX_FEES: &[u8] = include_bytes!("../../../contracts/krx_fees_v1.json");
/// Length of the range unless told otherwise, in days.
pub const FULL_DAYS: u64 = 1095;

/// SHA-256 of a tax table: of the named one, else of the one that is compiled in.
#[must_use]
pub fn fee_table_sha256(named: Option<&[u8]>) -> String {
    sha256_hex(named.unwrap_or(KRX_FEES))
}

/// Whose directory of price files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The workspace's cache: every file was collected, and a document beside it says from where.
    Collected,
    /// One that a person named: files without a word of their origin may be theirs.
    Named,
}

/// What the document beside a price file says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// Who made the file.
    Vendor(String),
    /// Nothing: there is no document.
    Silent,
    /// Nothing that can be believed: why.
    Doubtful(String),
}

/// Files that were read and are not judged yet.
#[derive(Debug)]
pub struct Files {
    files: Vec<Normalized>,
    origins: BTreeMap<String, Origin>,
}

impl Files {
    /// Reads and normalises the files of tickers, each once.
    ///
    /// # Errors
    /// A file is missing or cannot be read.
    pub fn read((dir, place): (&Path, Place), tickers: &[String]) -> Result<Self, InputFault> {
        let mut tickers = tickers.to_vec();
        tickers.sort_unstable();
        tickers.dedup();
        let files = inputs::read(dir, &tickers, &BTreeMap::new())?;
        let origins = files.iter().map(|file| (file.ticker.clone(), origin(dir, file))).collect();
        Ok(Self { files, origins: missed(origins, place) })
    }

    /// The last day on which every ticker has a bar.
    #[must_use]
    pub fn last_common(&self) -> Option<TradingDate> {
        self.files.iter().map(|file| file.bars.last_date()).min().flatten()
    }

    /// What a person should know of the files, by ticker.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        self.files.iter().flat_map(|file| file.findings.lines()).collect()
    }

    /// Judges the files over a range and gives them up.
    ///
    /// # Errors
    /// The last session of the range, or more than one in a hundred, has no bar.
    pub fn over(self, (start, end): (TradingDate, TradingDate)) -> Result<TuneData, InputFault> {
        inputs::judge(&self.files, Window { start, end, mode: "custom" })?;
        let mut data = TuneData::default();
        for file in self.files {
            if let (Some(first), Some(last)) = (file.bars.first_date(), file.bars.last_date()) {
                let (vendor, doubt) = match self.origins.get(&file.ticker) {
                    Some(Origin::Vendor(vendor)) => (Some(vendor.clone()), None),
                    Some(Origin::Doubtful(why)) => (None, Some(why.clone())),
                    Some(Origin::Silent) | None => (None, None),
                };
                let facts = FileFacts {
                    first,
                    last,
                    rows: file.bars.len(),
                    sha256: file.sha256,
                    rows_raw: file.quality.rows_total,
                    rows_on_closed_days: file.quality.rows_dropped_non_session,
                    splices: file.findings.splices.len(),
                    vendor,
                    doubt,
                };
                data.files.insert(file.ticker.clone(), facts);
            }
            data.market.insert(file.ticker, file.bars);
        }
        Ok(data)
    }
}

/// The range: named days, else the last 1,095 up to `newest`.
#[must_use]
pub fn range(
    newest: TradingDate,
    (start, end): (Option<TradingDate>, Option<TradingDate>),
) -> (TradingDate, TradingDate, &'static str) {
    let mode = if start.is_none() && end.is_none() { "full" } else { "custom" };
    let end = end.unwrap_or(newest);
    let start = start.or_else(|| end.checked_sub_days(Days::new(FULL_DAYS))).unwrap_or(end);
    (start, end, mode)
}

/// Who made a price file, as the document beside it says. A document of other bytes says nothing about these.
fn origin(dir: &Path, file: &Normalized) -> Origin {
    let name = format!("{}.meta.json", file.ticker);
    match Store::new(dir).document::<PriceMeta>(&name) {
        Stored::Missing => Origin::Silent,
        Stored::Damaged(why) => Origin::Doubtful(format!("{name}: {why}")),
        Stored::Present(meta) if meta.ticker != file.ticker => {
            Origin::Doubtful(format!("{name} is of {}", meta.ticker))
        }
        Stored::Present(meta) if meta.sha256 != file.sha256 => {
            Origin::Doubtful(format!("{name} describes another file, with sha256 {}", meta.sha256))
        }
        Stored::Present(meta) => Origin::Vendor(meta.vendor.to_string()),
    }
}

/// Where files are collected a missing document was lost, and so it was where other files have theirs.
fn missed(mut origins: BTreeMap<String, Origin>, place: Place) -> BTreeMap<String, Origin> {
    if place == Place::Collected || origins.values().any(|origin| *origin != Origin::Silent) {
        for (ticker, origin) in &mut origins {
            if *origin == Origin::Silent {
                *origin = Origin::Doubtful(format!("there is no {ticker}.meta.json"));
            }
        }
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_document_is_a_doubt_where_files_are_collected_or_others_have_theirs() {
        let silent = || Origin::Silent;
        let naver = || Origin::Vendor("naver".to_owned());
        let doubt = || Origin::Doubtful("there is no B.meta.json".to_owned());
        let cases = [
            ("a person's own files", [silent(), silent()], Place::Named, [silent(), silent()]),
            ("one of two", [naver(), silent()], Place::Named, [naver(), doubt()]),
            ("one of two that were collected", [naver(), silent()], Place::Collected, [naver(), doubt()]),
            ("all there", [naver(), naver()], Place::Collected, [naver(), naver()]),
        ];
        let of = |[a, b]: [Origin; 2]| BTreeMap::from([("A".to_owned(), a), ("B".to_owned(), b)]);
        for (name, origins, place, want) in cases {
            assert_eq!(missed(of(origins), place), of(want), "{name}");
        }
        let lost = missed(of([silent(), silent()]), Place::Collected);
        assert!(lost.values().all(|origin| matches!(origin, Origin::Doubtful(_))), "{lost:?}");
    }

    #[test]
    fn a_range_ends_at_the_newest_common_session_or_where_it_is_told() {
        let day = |text: &str| text.parse::<TradingDate>().expect("a date");
        let newest = day("2025-12-29");
        assert_eq!(range(newest, (None, None)), (day("2022-12-30"), newest, "full"));
        let found = range(newest, (Some(day("2023-01-02")), None));
        assert_eq!(found, (day("2023-01-02"), newest, "custom"));
        let found = range(newest, (None, Some(day("2025-06-30"))));
        assert_eq!(found, (day("2022-07-01"), day("2025-06-30"), "custom"));
    }
}
