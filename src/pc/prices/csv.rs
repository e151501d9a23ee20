//! CSV files of prices, by the same names as every other format.

use super::columns::Columns;
use super::columns::date_in;
use super::columns::number_in;
use crate::contracts::json::decode;
use crate::trading::Bars;

/// Reads the rows in the order of the file. The first line names the columns; commas, tabs or semicolons separate.
///
/// The text of a fault names line, column and rule.
pub(super) fn read(bytes: &[u8]) -> Result<Bars, String> {
    let text = decode(bytes).map_err(|why| why.to_string())?;
    let header = text.trim_start().lines().next().unwrap_or_default();
    let separator = [b',', b'\t', b';'].into_iter().find(|sign| header.as_bytes().contains(sign)).unwrap_or(b',');
    let mut reader = ::csv::ReaderBuilder::new().delimiter(separator).from_reader(text.as_bytes());
    let names = reader.headers().map_err(|why| format!("not a CSV file: {why}"))?.clone();
    let columns = Columns::find(names.iter())?;
    let mut bars = Bars::default();
    let mut record = ::csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|why| format!("not a CSV file: {why}"))? {
        let line = record.position().map_or(0, ::csv::Position::line);
        let wrong = |at: usize, what: &str| {
            let (cell, name) = (record.get(at).unwrap_or_default(), names.get(at).unwrap_or_default());
            format!("line {line}, column {name}: {cell:?} is not {what}")
        };
        let cell = |at: usize| record.get(at).unwrap_or_default();
        let date = date_in(cell(columns.date)).ok_or_else(|| wrong(columns.date, "a date"))?;
        let mut bar = [0.0; 5];
        for (value, at) in bar.iter_mut().zip(columns.values) {
            *value = number_in(cell(at)).ok_or_else(|| wrong(at, "a number"))?;
        }
        bars.push(date, bar);
    }
    Ok(bars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_read_with_the_names_and_forms_met() {
        let cases = [
            ("plain", "date,open,high,low,close,volume\n2024-01-02,1,3,0.5,2,10\n"),
            ("marked", "\u{feff}Date,Open,High,Low,Close,Volume\r\n20240102,1,3,0.5,2,10\r\n"),
            ("korean", "날짜,시가,고가,저가,종가,거래량,등락률\n2024-01-02,1,3,0.5,2,10,-0.1\n"),
            ("other order, tabs", "Volume\tClose\tLow\tHigh\tOpen\tDate\n10\t2\t0.5\t3\t1\t2024-01-02 15:30:00\n"),
            ("semicolons", "date;open;high;low;close;volume\n2024/01/02;1;3;0.5;2;10\n"),
            ("quotes", "date,open,high,low,close,volume\n\"2024-01-02\",\"1\",\"3\",\"0.5\",\"2\",\"10\"\n"),
            (
                "pairs",
                "Date,\"('Open', 'X')\",\"('High', 'X')\",\"('Low', 'X')\",\"('Close', 'X')\",\"('Volume', 'X')\"\n\
                 2024-01-02,1,3,0.5,2,10\n",
            ),
        ];
        for (name, text) in cases {
            let bars = read(text.as_bytes()).expect(name);
            assert_eq!(bars.len(), 1, "{name}");
            assert_eq!(bars.date[0].to_string(), "2024-01-02", "{name}");
            let found = [bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]];
            assert_eq!(found, [1.0, 3.0, 0.5, 2.0, 10.0], "{name}");
        }
    }

    #[test]
    fn separators_of_thousands_and_empty_cells_are_read() {
        let text = "date,open,high,low,close,volume\n2024-01-02,\"60,000\",,60000,\"1,060,500\",\"12,345,678\"\n";
        let bars = read(text.as_bytes()).expect("readable");
        assert_eq!((bars.open[0], bars.close[0], bars.volume[0]), (60_000.0, 1_060_500.0, 12_345_678.0));
        assert!(bars.high[0].is_nan());
    }

    #[test]
    fn a_fault_names_line_column_and_rule() {
        let head = "date,open,high,low,close,volume\n2024-01-02,1,3,1,2,10\n";
        let cases = [
            ("a word", format!("{head}2024-01-03,1,3,1,two,10\n"), "line 3, column close: \"two\" is not a number"),
            ("no date", format!("{head}2024-13-03,1,3,1,2,10\n"), "line 3, column date: \"2024-13-03\" is not a date"),
            ("a short line", format!("{head}2024-01-03,1,3\n"), "line: 3"),
            ("a cut number", format!("{head}2024-01-03,1,3,1,\"12,34\",10\n"), "column close: \"12,34\""),
            ("no volume", "date,open,high,low,close\n".to_owned(), "no column volume"),
            ("nothing", String::new(), "empty"),
            ("no text", "\u{0}".to_owned(), "no column date"),
        ];
        for (name, text, want) in cases {
            let why = read(text.as_bytes()).expect_err(name);
            assert!(why.contains(want), "{name}: {why}");
        }
        assert!(read(b"date,open\n\xc1\xbe").expect_err("another encoding").contains("not UTF-8"));
    }
}
