//! The prices of a run, read from a directory, and the range that they allow.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::Days;

use crate::contracts::Json;
use crate::contracts::json::sha256_hex;
use crate::pc::backtest::inputs;
use crate::pc::backtest::inputs::InputFault;
use crate::pc::backtest::window::Window;
use crate::pc::prices::Normalized;
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

/// Files that were read and are not judged yet.
#[derive(Debug)]
pub struct Files {
    files: Vec<Normalized>,
    vendors: BTreeMap<String, String>,
}

impl Files {
    /// Reads and normalises the files of tickers, each once.
    ///
    /// # Errors
    /// A file is missing or cannot be read.
    pub fn read(dir: &Path, tickers: &[String]) -> Result<Self, InputFault> {
        let mut tickers = tickers.to_vec();
        tickers.sort_unstable();
        tickers.dedup();
        let vendors = tickers.iter().filter_map(|ticker| Some((ticker.clone(), vendor(dir, ticker)?))).collect();
        Ok(Self { files: inputs::read(dir, &tickers, &BTreeMap::new())?, vendors })
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
                let facts = FileFacts {
                    first,
                    last,
                    rows: file.bars.len(),
                    sha256: file.sha256,
                    rows_raw: file.quality.rows_total,
                    rows_on_closed_days: file.quality.rows_dropped_non_session,
                    splices: file.findings.splices.len(),
                    vendor: self.vendors.get(&file.ticker).cloned(),
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

/// Who made a price file, as the file beside it says. No such file, no vendor: the bytes of the prices are judged anyway.
fn vendor(dir: &Path, ticker: &str) -> Option<String> {
    let bytes = std::fs::read(dir.join(format!("{ticker}.meta.json"))).ok()?;
    Json::parse(&bytes).ok()?.get("vendor")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

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
