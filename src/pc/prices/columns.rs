//! What columns are called and what their cells say, the same in every format.
//!
//! A name counts whatever its case, in English or Korean; of a pair such as `('Close', '^KS11')` the first member counts.

use crate::time::TradingDate;

/// Names of the date column, the best first.
const DATE_NAMES: [&str; 7] = ["date", "날짜", "일자", "index", "time", "datetime", "__index_level_0__"];

/// Names of the value columns: open, high, low, close, volume.
const VALUE_NAMES: [[&str; 2]; 5] =
    [["open", "시가"], ["high", "고가"], ["low", "저가"], ["close", "종가"], ["volume", "거래량"]];

/// Where the columns stand.
pub(super) struct Columns {
    /// The date's position.
    pub(super) date: usize,
    /// The positions of open, high, low, close and volume.
    pub(super) values: [usize; 5],
}

impl Columns {
    /// Finds the columns. Two columns of one name are refused: nobody could say which holds the ticker's prices.
    pub(super) fn find<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let names: Vec<String> = names.map(plain_name).collect();
        let date = DATE_NAMES.iter().find_map(|name| position(&names, &[*name]).transpose());
        let date = date.unwrap_or_else(|| Err(missing("date", &names)))?;
        let mut values = [0; 5];
        for (slot, wanted) in values.iter_mut().zip(VALUE_NAMES) {
            *slot = position(&names, &wanted)?.ok_or_else(|| missing(wanted[0], &names))?;
        }
        Ok(Self { date, values })
    }
}

fn position(names: &[String], wanted: &[&str]) -> Result<Option<usize>, String> {
    let mut found = names.iter().enumerate().filter(|(_, name)| wanted.contains(&name.as_str())).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(format!("has two columns {} (columns: {})", wanted[0], names.join(", "))),
    }
}

fn missing(name: &str, names: &[String]) -> String {
    format!("has no column {name} (columns: {})", names.join(", "))
}

/// The lower-case name; of the text of a pair its first member.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').trim();
    let pair = name.strip_prefix('(').and_then(|rest| rest.split_once(',')).map(|(first, _)| first.trim());
    pair.unwrap_or(name).trim_matches(['\'', '"']).trim().to_lowercase()
}

/// The day in a text such as `2026-01-30`, `2026/01/30`, `20260130` or `2026-01-30T09:00:00+09:00`: time and zone are
/// cut off, not converted.
pub(super) fn date_in(text: &str) -> Option<TradingDate> {
    let day = text.trim().split(['T', 't', ' ']).next().unwrap_or_default();
    let digits: String = match day.len() {
        8 => day.to_owned(),
        10 if [4, 7].iter().all(|at| matches!(day.as_bytes().get(*at), Some(b'-' | b'/' | b'.'))) => {
            [day.get(..4)?, day.get(5..7)?, day.get(8..)?].concat()
        }
        _ => return None,
    };
    let number = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
    date_of_digits(number)
}

/// The day of a number such as 20260130.
pub(super) fn date_of_digits(number: u32) -> Option<TradingDate> {
    TradingDate::from_ymd_opt(i32::try_from(number / 10_000).ok()?, number / 100 % 100, number % 100)
}

/// The number in a cell: thousands separators may stand in it, an empty cell or a word for nothing is NaN; `None` for
/// any other text.
pub(super) fn number_in(text: &str) -> Option<f64> {
    let text = text.trim();
    if ["", "-", "nan", "null", "none", "na", "n/a", "<na>"].contains(&text.to_ascii_lowercase().as_str()) {
        return Some(f64::NAN);
    }
    let plain = if text.contains(',') { without_separators(text)? } else { text.to_owned() };
    let is_number = plain.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    plain.parse().ok().filter(|_| is_number)
}

/// `1,234,567.5` without its commas, provided that they stand where thousands end.
fn without_separators(text: &str) -> Option<String> {
    let whole = text.split('.').next().unwrap_or_default().trim_start_matches(['+', '-']);
    let mut groups = whole.split(',');
    let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
    (first && groups.all(|group| group.len() == 3)).then(|| text.replace(',', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_found_by_the_first_part_of_its_name() {
        let cases = [
            ("Close", "close"),
            ("('Close', '^KS11')", "close"),
            ("(\"Close\", \"^KS11\")", "close"),
            ("\u{feff}Date", "date"),
            (" 날짜 ", "날짜"),
            ("AdjClose", "adjclose"),
        ];
        for (name, want) in cases {
            assert_eq!(plain_name(name), want);
        }
    }

    #[test]
    fn columns_are_found_in_any_order_and_never_guessed() {
        let cases = [
            ("english", "date open high low close volume", Ok((0, [1, 2, 3, 4, 5]))),
            ("capitals, date last", "Open High Low Close Volume Date", Ok((5, [0, 1, 2, 3, 4]))),
            ("korean", "날짜 시가 고가 저가 종가 거래량 등락률", Ok((0, [1, 2, 3, 4, 5]))),
            ("date wins over index", "index date open high low close volume", Ok((1, [2, 3, 4, 5, 6]))),
            ("an adjusted close beside", "AdjClose Close High Low Open Volume Date", Ok((6, [4, 2, 3, 1, 5]))),
            ("no date", "open high low close volume", Err("no column date (columns: open, high")),
            ("no volume", "date open high low close", Err("no column volume")),
            ("two closes", "date open high low close Close volume", Err("two columns close")),
            ("a close in two languages", "date open high low close 종가 volume", Err("two columns close")),
            ("two dates", "Date date open high low close volume", Err("two columns date")),
        ];
        for (name, header, want) in cases {
            let found = Columns::find(header.split(' ')).map(|found| (found.date, found.values));
            match (found, want) {
                (Ok(found), Ok(want)) => assert_eq!(found, want, "{name}"),
                (Err(why), Err(part)) => assert!(why.contains(part), "{name}: {why}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_date_is_read_in_the_forms_met() {
        let good = [
            "2026-01-30",
            "20260130",
            "2026/01/30",
            "2026.01.30",
            " 2026-01-30 ",
            "2026-01-30 15:30:00",
            "2026-01-30T00:00:00+09:00",
            "20260130T090000",
        ];
        for text in good {
            assert_eq!(date_in(text), TradingDate::from_ymd_opt(2026, 1, 30), "{text}");
        }
        for text in ["", "2026-1-30", "30-01-2026", "2026-13-01", "20260230", "1769731200", "2026-01-3한", "+2026013"]
        {
            assert_eq!(date_in(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_read_in_the_forms_met() {
        let good =
            [("1234", 1234.0), (" 1,234,567 ", 1_234_567.0), ("-1,234.5", -1234.5), ("1e3", 1000.0), ("+7", 7.0)];
        for (text, want) in good {
            assert_eq!(number_in(text).map(f64::to_bits), Some(f64::to_bits(want)), "{text}");
        }
        for text in ["", "NaN", "null", "-", "None", "N/A"] {
            assert!(number_in(text).is_some_and(f64::is_nan), "{text}");
        }
        for text in ["12,34", "1,2345", ",123", "12원", "abc", "1.2.3", "inf", "infinity", "0x10"] {
            assert_eq!(number_in(text), None, "{text}");
        }
    }
}
