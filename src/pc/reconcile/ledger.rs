//! The ledger (L1): one line a day with the number of trades, read strictly in what is used and freely in the rest.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::calendar::CalendarMode;
use super::calendar::Days;
use crate::time::TradingDate;

/// What is used of a line. Unknown reasons, weekend lines and further keys do no harm.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    date: std::borrow::Cow<'a, str>,
    actual_trades: u64,
}

/// The ledger's lines in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Line number, day, trades.
    lines: Vec<(usize, TradingDate, u64)>,
}

/// A line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// Counted from 1.
    pub(super) number: usize,
    /// The rule that broke.
    pub(super) why: String,
}

/// The trades that a reconciliation counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trades {
    /// Trades by day.
    pub(super) by_day: BTreeMap<TradingDate, u64>,
    /// All trades that count.
    pub(super) actions: u64,
}

impl Ledger {
    /// Reads the lines. An empty line says nothing and is passed over.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, BadLine> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut lines = Vec::new();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let number = index + 1;
            let line = line.trim_ascii();
            if !line.is_empty() {
                let (date, trades) = read(line).map_err(|why| BadLine { number, why })?;
                lines.push((number, date, trades));
            }
        }
        Ok(Self { lines })
    }

    /// First and last day of any line.
    pub(super) fn days(&self) -> Option<Days> {
        let dates = || self.lines.iter().map(|(_, date, _)| *date);
        Some(Days { from: dates().min()?, to: dates().max()? })
    }

    /// The trades that count: all lines for the reference, whose last line of a day wins; else the lines of the period,
    /// where a day that occurs twice leaves open which line is true.
    pub(super) fn trades(&self, calendar: CalendarMode, period: &Days) -> Result<Trades, BadLine> {
        let mut trades = Trades::default();
        for (number, date, count) in &self.lines {
            let is_krx = calendar == CalendarMode::Krx;
            if is_krx && !period.contains(*date) {
                continue;
            }
            let before = trades.by_day.insert(*date, *count);
            if is_krx && before.is_some() {
                return Err(BadLine { number: *number, why: format!("{date} occurs in an earlier line too") });
            }
            trades.actions = trades
                .actions
                .checked_add(*count)
                .ok_or_else(|| BadLine { number: *number, why: "the sum of trades is beyond all bounds".to_owned() })?;
        }
        Ok(trades)
    }
}

impl Trades {
    /// Trades of a day.
    pub(super) fn on(&self, date: TradingDate) -> u64 {
        self.by_day.get(&date).copied().unwrap_or_default()
    }

    /// First and last day with trades.
    pub(super) fn span(&self) -> Option<Days> {
        let mut dates = self.by_day.iter().filter(|(_, count)| **count > 0).map(|(date, _)| *date);
        let from = dates.next()?;
        Some(Days { from, to: dates.next_back().unwrap_or(from) })
    }
}

fn read(line: &[u8]) -> Result<(TradingDate, u64), String> {
    let text = std::str::from_utf8(line).map_err(|fault| format!("not UTF-8: {fault}"))?;
    // serde would fill the fields from a list.
    if !text.starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    let line: Line<'_> = serde_json::from_str(text).map_err(|fault| fault.to_string())?;
    let date = TradingDate::parse_from_str(&line.date, "%Y-%m-%d").ok().filter(|_| line.date.len() == 10);
    let date = date.ok_or_else(|| format!("date is {:?}, must be YYYY-MM-DD", line.date))?;
    Ok((date, line.actual_trades))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> TradingDate {
        text.parse().expect("a date")
    }

    fn days(from: &str, to: &str) -> Days {
        Days { from: day(from), to: day(to) }
    }

    #[test]
    fn lines_of_any_reason_and_any_day_are_read() {
        let text = "\u{feff}{\"date\": \"2024-01-05\", \"actual_trades\": 2, \"primary_reason\": \"EXECUTION_ANOMALY\"}\r\n\
            {\"date\": \"2024-01-06\", \"actual_trades\": 0, \"primary_reason\": \"새 이유\", \"x\": [1]}\n\n\
            {\"actual_trades\": 3, \"date\": \"2024-01-08\"}";
        let ledger = Ledger::parse(text.as_bytes()).expect("readable");
        assert_eq!(ledger.days(), Some(days("2024-01-05", "2024-01-08")));
        let all = ledger.trades(CalendarMode::Weekday, &days("2024-01-08", "2024-01-09")).expect("counted");
        assert_eq!((all.actions, all.span()), (5, Some(days("2024-01-05", "2024-01-08"))));
        let inside = ledger.trades(CalendarMode::Krx, &days("2024-01-06", "2024-01-09")).expect("counted");
        assert_eq!((inside.actions, inside.span()), (3, Some(days("2024-01-08", "2024-01-08"))));
        assert_eq!(Ledger::parse(b"").expect("readable").days(), None);
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number() {
        let good = r#"{"date": "2024-01-05", "actual_trades": 2}"#;
        let cases = [
            ("half", r#"{"date": "2024-01-05", "actual_tr"#, "EOF"),
            ("no object", r#"["2024-01-05", 2]"#, "not a JSON object"),
            ("no date", r#"{"actual_trades": 2}"#, "date"),
            ("no trades", r#"{"date": "2024-01-05"}"#, "actual_trades"),
            ("no day", r#"{"date": "2024-02-30", "actual_trades": 2}"#, "must be YYYY-MM-DD"),
            ("short day", r#"{"date": "2024-1-5", "actual_trades": 2}"#, "must be YYYY-MM-DD"),
            ("negative", r#"{"date": "2024-01-05", "actual_trades": -1}"#, "-1"),
            ("text", r#"{"date": "2024-01-05", "actual_trades": "2"}"#, "string"),
            ("fraction", r#"{"date": "2024-01-05", "actual_trades": 2.5}"#, "floating"),
            ("true", r#"{"date": "2024-01-05", "actual_trades": true}"#, "boolean"),
            ("key twice", r#"{"date": "2024-01-05", "actual_trades": 2, "actual_trades": 0}"#, "duplicate"),
            ("more", r#"{"date": "2024-01-05", "actual_trades": 2} {}"#, "trailing"),
        ];
        for (name, line, why) in cases {
            let fault = Ledger::parse(format!("{good}\n\n{line}\n{good}").as_bytes()).expect_err(name);
            assert_eq!(fault.number, 3, "{name}");
            assert!(fault.why.contains(why), "{name}: {}", fault.why);
        }
        let fault = Ledger::parse(b"\xff\xfe").expect_err("not text");
        assert_eq!(fault.number, 1);
    }

    #[test]
    fn a_day_twice_is_a_fault_unless_the_reference_is_repeated() {
        let text =
            "{\"date\": \"2024-01-05\", \"actual_trades\": 2}\n{\"date\": \"2024-01-05\", \"actual_trades\": 0}\n";
        let ledger = Ledger::parse(text.as_bytes()).expect("readable");
        let period = days("2024-01-01", "2024-01-31");
        let weekday = ledger.trades(CalendarMode::Weekday, &period).expect("the last line wins");
        assert_eq!((weekday.on(day("2024-01-05")), weekday.actions, weekday.span()), (0, 2, None));
        assert_eq!(ledger.trades(CalendarMode::Krx, &period).expect_err("twice").number, 2);
        let outside = days("2024-02-01", "2024-02-29");
        assert_eq!(ledger.trades(CalendarMode::Krx, &outside), Ok(Trades::default()));
    }
}
