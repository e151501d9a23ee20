//! The dated tax table: what a sale pays by board and trade date. `contracts/krx_fees_v1.json` is compiled in.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::contracts::Json;
use crate::contracts::instrument::Board;
use crate::contracts::instrument::Kind;
use crate::time::TradingDate;

const SCHEMA: &str = "KRX_FEES_V1";

/// The document as it is stored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    #[serde(default, rename = "note")]
    _note: String,
    sale_tax: Vec<Row>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    from: TradingDate,
    #[serde(rename = "KOSPI")]
    kospi: Parts,
    #[serde(rename = "KOSDAQ")]
    kosdaq: Parts,
    #[serde(rename = "KONEX")]
    konex: Parts,
}

/// The two taxes that make up the rate, in basis points.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    transaction_bp: u32,
    rural_bp: u32,
}

/// Sale taxes by date.
#[derive(Clone, Debug)]
pub struct FeeTable {
    rows: Vec<Row>,
}

/// A fee table cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeeFault {
    /// The bytes are no such table.
    #[error("not a fee table: {0}")]
    Shape(String),
    /// No row covers the date.
    #[error("the fee table starts on {from}; it has no sale tax for {date}")]
    BeforeTable {
        /// The date asked for.
        date: TradingDate,
        /// The first date of the table.
        from: TradingDate,
    },
}

impl FeeTable {
    /// The table of the Korea Exchange that is compiled into the program.
    #[expect(clippy::expect_used, reason = "the file is compiled in and read by the tests of this module")]
    pub fn krx() -> &'static Self {
        static KRX: OnceLock<FeeTable> = OnceLock::new();
        KRX.get_or_init(|| {
            Self::parse(include_bytes!("../../contracts/krx_fees_v1.json")).expect("the table compiled in is valid")
        })
    }

    /// Reads a table.
    ///
    /// # Errors
    /// The bytes are no KRX_FEES_V1 document, or its rows are empty, out of order, or above ten percent.
    pub fn parse(bytes: &[u8]) -> Result<Self, FeeFault> {
        let shape = |why: String| FeeFault::Shape(why);
        // The strict reader runs first: serde would let the last of two equal keys win.
        Json::parse(bytes).map_err(|why| shape(why.to_string()))?;
        let file: File = serde_json::from_slice(bytes).map_err(|why| shape(why.to_string()))?;
        if file.schema != SCHEMA {
            return Err(shape(format!("schema is {}, expected {SCHEMA}", file.schema)));
        }
        if file.sale_tax.is_empty() {
            return Err(shape("sale_tax has no row".to_owned()));
        }
        if let Some(pair) = file.sale_tax.windows(2).find(|pair| pair[0].from >= pair[1].from) {
            return Err(shape(format!("sale_tax: {} does not come after {}", pair[1].from, pair[0].from)));
        }
        for row in &file.sale_tax {
            for parts in [row.kospi, row.kosdaq, row.konex] {
                if parts.transaction_bp.saturating_add(parts.rural_bp) > 1_000 {
                    return Err(shape(format!("sale_tax: a rate of {} is above 1000 basis points", row.from)));
                }
            }
        }
        Ok(Self { rows: file.sale_tax })
    }

    /// The tax on a sale as a fraction of its notional.
    ///
    /// # Errors
    /// The date is before the table's first row.
    pub fn sale_tax_rate(&self, kind: Kind, date: TradingDate) -> Result<f64, FeeFault> {
        let Kind::Stock(board) = kind else { return Ok(0.0) };
        let after = self.rows.partition_point(|row| row.from <= date);
        let row = after.checked_sub(1).and_then(|at| self.rows.get(at));
        let Some(row) = row else {
            let from = self.rows.first().map_or(date, |row| row.from);
            return Err(FeeFault::BeforeTable { date, from });
        };
        let parts = match board {
            Board::Kospi => row.kospi,
            Board::Kosdaq => row.kosdaq,
            Board::Konex => row.konex,
        };
        Ok(f64::from(parts.transaction_bp + parts.rural_bp) / 10_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> TradingDate {
        text.parse().expect("a date")
    }

    #[test]
    fn a_sale_pays_by_board_and_date() {
        let share = Kind::Stock(Board::Kospi);
        let cases = [
            (share, "2020-01-02", 0.0025),
            (share, "2021-01-04", 0.0023),
            (share, "2022-12-29", 0.0023),
            (share, "2023-01-02", 0.0020),
            (share, "2024-01-02", 0.0018),
            (share, "2025-12-29", 0.0015),
            (share, "2026-01-02", 0.0020),
            (Kind::Stock(Board::Kosdaq), "2024-06-03", 0.0018),
            (Kind::Stock(Board::Konex), "2025-06-02", 0.0010),
            (Kind::Etf, "2025-06-02", 0.0),
            (Kind::Etn, "2019-06-03", 0.0),
        ];
        for (kind, date, want) in cases {
            let found = FeeTable::krx().sale_tax_rate(kind, day(date)).expect("covered");
            assert!(found.to_bits() == f64::to_bits(want), "{kind:?} {date}: {found}");
        }
        assert!(FeeTable::krx().sale_tax_rate(share, day("2019-12-30")).is_err());
    }

    #[test]
    fn a_broken_table_is_refused() {
        let row = |from: &str, bp: u32| {
            let parts = format!(r#"{{"transaction_bp":{bp},"rural_bp":0}}"#);
            format!(r#"{{"from":"{from}","KOSPI":{parts},"KOSDAQ":{parts},"KONEX":{parts}}}"#)
        };
        let table = |rows: &[String]| format!(r#"{{"schema":"KRX_FEES_V1","sale_tax":[{}]}}"#, rows.join(","));
        let cases = [
            ("empty", String::new(), "empty"),
            ("other schema", r#"{"schema":"X","sale_tax":[]}"#.to_owned(), "schema is X"),
            ("no row", table(&[]), "no row"),
            ("order", table(&[row("2021-01-01", 1), row("2020-01-01", 1)]), "does not come after"),
            ("too much", table(&[row("2021-01-01", 1_001)]), "above 1000"),
        ];
        for (name, text, want) in cases {
            let fault = FeeTable::parse(text.as_bytes()).expect_err(name);
            assert!(fault.to_string().contains(want), "{name}: {fault}");
        }
        assert!(FeeTable::parse(table(&[row("2021-01-01", 5)]).as_bytes()).is_ok());
    }
}
