//! Naver's daily prices: adjusted bars in a text that is almost JSON.
//!
//! ```text
//! [['날짜', '시가', '고가', '저가', '종가', '거래량', '외국인소진율'],
//!
//! ["20260130", 72000, 73000, 71500, 72500, 1234567, 28.04],
//!
//! ]
//! ```

use serde_json::Value;

use super::Client;
use super::DailyVendor;
use super::Span;
use super::VendorFault;
use super::is_index;
use crate::contracts::VendorName;
use crate::time::Clock;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::quotes::NAVER_HEADERS;

/// A body up to this length has no row: it is what an unknown ticker gets.
const NO_ROWS: usize = 100;

/// Day, open, high, low, close, volume as the header names them.
const COLUMNS: [&str; 6] = ["날짜", "시가", "고가", "저가", "종가", "거래량"];

/// The daily prices of Naver.
#[derive(Clone, Debug)]
pub struct Naver(Client);

impl Naver {
    /// Behind a client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl DailyVendor for Naver {
    fn name(&self) -> VendorName {
        VendorName::Naver
    }

    /// Its index symbols are named differently and are not asked.
    fn serves(&self, ticker: &str) -> bool {
        !is_index(ticker)
    }

    fn daily(&self, ticker: &str, span: Span, clock: &dyn Clock) -> Result<Bars, VendorFault> {
        let path = format!(
            "/siseJson.naver?symbol={ticker}&requestType=1&startTime={}&endTime={}&timeframe=day",
            span.from.format("%Y%m%d"),
            span.to.format("%Y%m%d")
        );
        let body = self.0.get(&path, NAVER_HEADERS, clock)?;
        within(&parse(&body)?, span)
    }
}

/// The bars of a span; none is a fault.
pub(super) fn within(all: &Bars, span: Span) -> Result<Bars, VendorFault> {
    let mut bars = Bars::default();
    for (at, date) in all.date.iter().enumerate().filter(|(_, date)| span.holds(**date)) {
        bars.push(*date, [all.open[at], all.high[at], all.low[at], all.close[at], all.volume[at]]);
    }
    if bars.is_empty() { Err(VendorFault::Empty) } else { Ok(bars) }
}

/// Reads an answer. Every row counts: one that cannot be read makes the whole answer unreadable.
fn parse(body: &[u8]) -> Result<Bars, VendorFault> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = std::str::from_utf8(body)
        .map_err(|why| VendorFault::unreadable(format!("not UTF-8 at byte {}", why.valid_up_to())))?;
    let text = text.trim();
    if text.starts_with('<') {
        return Err(VendorFault::unreadable("a page instead of data"));
    }
    if text.len() <= NO_ROWS {
        return Err(if text.is_empty() || text.starts_with('[') {
            VendorFault::Empty
        } else {
            VendorFault::unreadable("neither header nor row")
        });
    }
    let rows: Vec<Vec<Value>> =
        serde_json::from_str(&as_json(text)).map_err(|why| VendorFault::unreadable(format!("no list: {why}")))?;
    let (header, rows) = rows.split_first().ok_or(VendorFault::Empty)?;
    let columns = columns_of(header)?;
    if rows.is_empty() {
        return Err(VendorFault::Empty);
    }
    let mut bars = Bars::default();
    for (number, row) in (1..).zip(rows) {
        let (date, values) =
            bar_of(row, columns).map_err(|why| VendorFault::unreadable(format!("row {number}: {why}")))?;
        bars.push(date, values);
    }
    Ok(bars)
}

/// Makes JSON of almost JSON: other quotes, and no comma before the end of a list.
fn as_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match character {
            '\'' => json.push('"'),
            ',' if text[at + 1..].trim_start().starts_with(']') => {}
            _ => json.push(character),
        }
    }
    json
}

/// Where the six columns stand; the vendor's last one may be absent.
fn columns_of(header: &[Value]) -> Result<[usize; 6], VendorFault> {
    let mut columns = [0; 6];
    for (slot, name) in columns.iter_mut().zip(COLUMNS) {
        let found = header.iter().position(|title| title.as_str().map(str::trim) == Some(name));
        *slot = found.ok_or_else(|| VendorFault::unreadable(format!("the header has no column {name}")))?;
    }
    Ok(columns)
}

fn bar_of(row: &[Value], columns: [usize; 6]) -> Result<(TradingDate, [f64; 5]), String> {
    let missing = |at: usize| format!("ends before {}", COLUMNS[at]);
    let day = row.get(columns[0]).ok_or_else(|| missing(0))?;
    let day = day.as_str().map(str::trim).filter(|day| day.len() == 8).ok_or("the day is no YYYYMMDD")?;
    let date = TradingDate::parse_from_str(day, "%Y%m%d").map_err(|why| format!("the day is none: {why}"))?;
    let mut values = [0.0; 5];
    for (at, slot) in (1..).zip(&mut values) {
        let value = row.get(columns[at]).ok_or_else(|| missing(at))?;
        *slot = value.as_f64().ok_or_else(|| format!("{} is no number", COLUMNS[at]))?;
    }
    checked(values).map(|values| (date, values))
}

/// A bar that a vendor may send: zeros for a halted ticker, but a close above zero and nothing below.
pub(super) fn checked(values: [f64; 5]) -> Result<[f64; 5], String> {
    if values.iter().any(|value| *value < 0.0 || !value.is_finite()) {
        return Err("a price or volume is negative".to_owned());
    }
    if values[3] <= 0.0 {
        return Err("the close is zero".to_owned());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::proptest;

    use super::*;

    const HEADER: &str = "[['날짜', '시가', '고가', '저가', '종가', '거래량', '외국인소진율'],\n\n";

    fn read(rows: &str) -> Result<Bars, VendorFault> {
        parse(format!("\n\t\t {HEADER}{rows}]\n").as_bytes())
    }

    fn why(rows: &str) -> String {
        read(rows).expect_err("refused").to_string()
    }

    #[test]
    fn rows_are_read_as_the_vendor_sends_them() {
        let cases = [
            ("plain", "[\"20260130\", 72000, 73000, 71500, 72500, 1234567, 28.04]\n"),
            ("comma after the last row", "[\"20260130\", 72000, 73000, 71500, 72500, 1234567, 28.04],\n\n"),
            ("no last column", "\n\t\n[\"20260130\", 72000, 73000, 71500, 72500, 1234567]\n"),
            ("empty last column", "[\"20260130\", 72000, 73000, 71500, 72500, 1234567, ]\n"),
            ("single quotes", "['20260130', 72000.0, 73000.0, 71500.0, 72500.0, 1234567, 28.04]"),
        ];
        for (name, rows) in cases {
            let bars = read(rows).expect(name);
            assert_eq!((bars.len(), bars.date[0].to_string().as_str()), (1, "2026-01-30"), "{name}");
            let row = [bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]];
            assert_eq!(row, [72_000.0, 73_000.0, 71_500.0, 72_500.0, 1_234_567.0], "{name}");
        }
        let two = read("[\"20260129\", 0, 0, 0, 72500, 0, 1],\n[\"20260130\", 1, 1, 1, 1, 1, 1]").expect("rows");
        assert_eq!((two.len(), two.open[0], two.close[0]), (2, 0.0, 72_500.0));
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let text =
            "[['날짜','종가','시가','고가','저가','거래량'],[\"20260130\",5,2,6,1,100],[\"20260202\",5,2,6,1,100]]";
        let bars = parse(text.as_bytes()).expect("rows");
        assert_eq!([bars.open[0], bars.high[0], bars.low[0], bars.close[0]], [2.0, 6.0, 1.0, 5.0]);
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_reason() {
        let cases = [
            ("short row", "[\"20260130\", 72000, 73000]", "row 1: ends before 저가"),
            ("no day", "[\"2026-01-30\", 1, 1, 1, 1, 1, 1]", "row 1: the day is no YYYYMMDD"),
            ("impossible day", "[\"20260231\", 1, 1, 1, 1, 1, 1]", "row 1: the day is none: "),
            ("text price", "[\"20260130\", 1, 1, 1, \"x\", 1, 1]", "row 1: 종가 is no number"),
            ("null price", "[\"20260130\", 1, null, 1, 1, 1, 1]", "row 1: 고가 is no number"),
            ("zero close", "[\"20260130\", 1, 1, 1, 0, 1, 1]", "row 1: the close is zero"),
            ("negative", "[\"20260130\", -1, 1, 1, 1, 1, 1]", "row 1: a price or volume is negative"),
            ("second row", "[\"20260130\", 1, 1, 1, 1, 1, 1], [1]", "row 2: the day is no YYYYMMDD"),
            ("cut", "[\"20260130\", 1, 1, 1, 1, 1", "no list: "),
        ];
        for (name, rows, want) in cases {
            let found = why(rows);
            assert!(found.starts_with(&format!("unreadable answer: {want}")), "{name}: {found}");
        }
    }

    #[test]
    fn an_unknown_ticker_a_page_and_noise_are_told_apart() {
        let page = format!("<!DOCTYPE html><html>{}</html>", "x".repeat(200));
        let noise = "x".repeat(200);
        let other = format!("[['Date', 'Open'], {}]", "[1],".repeat(50));
        let cases: [(&str, &[u8], &str); 8] = [
            ("nothing", b"", "no data for this ticker"),
            ("header only", HEADER.trim_end().trim_end_matches(',').as_bytes(), "no data for this ticker"),
            ("empty list", b"\n[]\n", "no data for this ticker"),
            ("short text", b"error", "unreadable answer: neither header nor row"),
            ("page", page.as_bytes(), "unreadable answer: a page instead of data"),
            ("noise", noise.as_bytes(), "unreadable answer: no list"),
            ("other columns", other.as_bytes(), "unreadable answer: the header has no column 날짜"),
            ("no text", &[0xff; 200], "unreadable answer: not UTF-8 at byte 0"),
        ];
        for (name, body, want) in cases {
            let found = parse(body).expect_err(name).to_string();
            assert!(found.starts_with(want), "{name}: {found}");
        }
        let padded = format!("{}{}]", HEADER, " ".repeat(100));
        assert_eq!(parse(padded.as_bytes()), Err(VendorFault::Empty));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop(parse(&bytes));
        }

        #[test]
        fn no_rows_make_the_reader_panic(rows in "[\\[\\]\"',0-9a-z날 \n-]{0,200}") {
            drop(read(&rows));
        }
    }
}
