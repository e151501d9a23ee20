//! Naver's prices during a session: undocumented, for a look, never stored as bars.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::Client;
use super::NAVER_HEADERS;
use super::VendorFault;
use crate::time::Clock;

/// How many codes one call may name.
const CODES: usize = 20;
/// A price that comes later is of no use.
const LIMIT: Duration = Duration::from_secs(5);

/// One ticker now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quote {
    /// The code.
    pub ticker: String,
    /// The Korean name, when it is readable.
    pub name: Option<String>,
    /// The last price in won.
    pub price: f64,
    /// The change since the last close in won, with its sign.
    pub change: Option<f64>,
    /// The change in percent, with its sign.
    pub change_pct: Option<f64>,
    /// Shares traded today.
    pub volume: Option<f64>,
    /// Won traded today.
    pub value_krw: Option<f64>,
    /// The net asset value of a fund's share.
    pub nav: Option<f64>,
}

/// Above this a float does not hold every whole number.
const MOST_WON: f64 = 9_007_199_254_740_992.0;

impl Quote {
    /// The price as whole won; `None` when the vendor's number is none.
    #[must_use]
    pub fn won(&self) -> Option<u64> {
        whole(self.price).and_then(|won| u64::try_from(won).ok())
    }

    /// The change since the last close in basis points, cut towards zero, so that a comparison with a whole number of
    /// basis points is exact. Computed from won where the vendor says them, else the vendor's own percent.
    #[must_use]
    pub fn change_bp(&self) -> Option<i64> {
        let exact = || {
            let (price, change) = (whole(self.price)?, whole(self.change?)?);
            let close = price.checked_sub(change).filter(|close| *close > 0)?;
            change.checked_mul(10_000).map(|scaled| scaled / close)
        };
        exact().or_else(|| whole((self.change_pct? * 100.0).round()))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number below the limit was just asked for")]
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < MOST_WON).then_some(value as i64)
}

/// The realtime prices of Naver.
#[derive(Clone, Debug)]
pub struct Realtime(Client);

impl Realtime {
    /// Behind a client; a call takes at most five seconds.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client.within(LIMIT))
    }

    /// The quotes of tickers, in their order, 20 codes a call. A code that the vendor does not know is left out.
    ///
    /// # Errors
    /// A call had no usable answer.
    pub fn quotes(&self, tickers: &[String], clock: &dyn Clock) -> Result<Vec<Quote>, VendorFault> {
        let mut found = Vec::new();
        for codes in tickers.chunks(CODES) {
            let items: Vec<String> = codes.iter().map(|code| format!("SERVICE_ITEM:{code}")).collect();
            let path = format!("/api/realtime?query={}", items.join(","));
            let answer = parse(&self.0.get(&path, NAVER_HEADERS, clock)?)?;
            found.extend(codes.iter().filter_map(|code| answer.iter().find(|quote| quote.ticker == *code).cloned()));
        }
        Ok(found)
    }
}

fn parse(body: &[u8]) -> Result<Vec<Quote>, VendorFault> {
    // Names may come in the older Korean encoding; everything else is ASCII.
    let text = String::from_utf8_lossy(body);
    let reply: Value =
        serde_json::from_str(text.trim()).map_err(|why| VendorFault::unreadable(format!("no JSON: {why}")))?;
    let areas = reply
        .pointer("/result/areas")
        .and_then(Value::as_array)
        .ok_or_else(|| VendorFault::unreadable("no result.areas"))?;
    let rows = areas.iter().filter_map(|area| area.get("datas").and_then(Value::as_array)).flatten();
    let mut count = 0;
    let quotes: Vec<Quote> = rows.inspect(|_| count += 1).filter_map(quote_of).collect();
    // A halted symbol has a row without a price; it must not hide the others.
    if quotes.is_empty() && count > 0 {
        Err(VendorFault::unreadable("no row has a code and a price"))
    } else {
        Ok(quotes)
    }
}

fn quote_of(row: &Value) -> Option<Quote> {
    let falls = matches!(text_of(row, "rf").as_deref(), Some("4" | "5"));
    // The vendor leaves the sign to `rf`: 4 and 5 are falling.
    let signed = |key| number(row, key).map(|value| if falls { -value.abs() } else { value });
    Some(Quote {
        ticker: text_of(row, "cd").filter(|code| super::is_ticker(code))?,
        name: text_of(row, "nm").filter(|name| !name.contains(char::REPLACEMENT_CHARACTER)),
        price: number(row, "nv").filter(|price| *price > 0.0)?,
        change: signed("cv"),
        change_pct: signed("cr"),
        volume: number(row, "aq"),
        // Already in won; a factor of a million belongs to another list of the vendor.
        value_krw: number(row, "aa"),
        nav: number(row, "nav"),
    })
}

fn text_of(row: &Value, key: &str) -> Option<String> {
    let text: String = row.get(key)?.as_str()?.chars().filter(|c| !c.is_control()).take(60).collect();
    Some(text)
}

/// A number, also one that comes as text with separators.
fn number(row: &Value, key: &str) -> Option<f64> {
    let value = row.get(key)?;
    let number = value.as_f64().or_else(|| value.as_str()?.replace(',', "").trim().parse().ok())?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::proptest;
    use serde_json::json;

    use super::*;

    fn answer(rows: &Value) -> Vec<u8> {
        json!({"resultCode": "success", "result": {"pollingInterval": 7000, "areas": [
            {"name": "SERVICE_ITEM", "datas": rows}
        ]}})
        .to_string()
        .into_bytes()
    }

    #[test]
    fn the_fields_of_a_row_are_read_and_the_value_is_already_won() {
        let row = json!({"cd": "069500", "nm": "KODEX 200", "nv": 35000, "cv": 350, "cr": 0.99, "rf": "5",
            "aq": 1_200_000, "aa": 42_000_000_000_i64, "nav": 35012.3});
        let quotes = parse(&answer(&json!([row]))).expect("quotes");
        let quote = quotes.first().expect("one");
        assert_eq!(
            (quote.ticker.as_str(), quote.name.as_deref(), quote.price),
            ("069500", Some("KODEX 200"), 35_000.0)
        );
        assert_eq!((quote.change, quote.change_pct), (Some(-350.0), Some(-0.99)));
        assert_eq!((quote.volume, quote.value_krw, quote.nav), (Some(1.2e6), Some(4.2e10), Some(35_012.3)));
    }

    #[test]
    fn the_change_is_exact_in_basis_points() {
        let quote = |price, change: Option<f64>, pct: Option<f64>| Quote {
            ticker: "005930".to_owned(),
            name: None,
            price,
            change,
            change_pct: pct,
            volume: None,
            value_krw: None,
            nav: None,
        };
        let cases = [
            ("three percent exactly", quote(103_000.0, Some(3_000.0), Some(2.9)), Some(300)),
            ("one won less", quote(102_999.0, Some(2_999.0), Some(3.0)), Some(299)),
            ("a fall", quote(97_000.0, Some(-3_000.0), None), Some(-300)),
            ("one won short of a fall", quote(97_001.0, Some(-2_999.0), None), Some(-299)),
            ("no won", quote(100.0, None, Some(-4.09)), Some(-409)),
            ("half a won", quote(100.5, Some(0.5), Some(0.5)), Some(50)),
            ("nothing", quote(100.0, None, None), None),
            ("a change that leaves no close", quote(100.0, Some(100.0), None), None),
        ];
        for (name, quote, want) in cases {
            assert_eq!(quote.change_bp(), want, "{name}");
        }
        assert_eq!((quote(100.0, None, None).won(), quote(100.5, None, None).won()), (Some(100), None));
    }

    #[test]
    fn absent_fields_are_absent_and_old_names_do_no_harm() {
        let bare = parse(&answer(&json!([{"cd": "005930", "nv": "72,500", "cv": -500}]))).expect("quotes");
        assert_eq!((bare[0].price, bare[0].change, bare[0].nav), (72_500.0, Some(-500.0), None));
        let mut bytes = answer(&json!([{"cd": "005930", "nv": 1, "nm": "@@"}]));
        let at = bytes.windows(2).position(|two| two == b"@@").expect("the name");
        bytes[at..at + 2].copy_from_slice(b"\xbb\xef");
        assert_eq!(parse(&bytes).expect("quotes")[0].name, None);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let cases: [(&str, Vec<u8>, &str); 5] = [
            ("a page", b"<html>".to_vec(), "unreadable answer: no JSON"),
            ("no areas", b"{}".to_vec(), "unreadable answer: no result.areas"),
            ("no code", answer(&json!([{"nv": 1}])), "unreadable answer: no row has a code and a price"),
            ("no price", answer(&json!([{"cd": "005930"}])), "unreadable answer: no row has a code and a price"),
            ("odd code", answer(&json!([{"cd": "../../x", "nv": 1}])), "unreadable answer: no row has a code"),
        ];
        for (name, body, want) in cases {
            let found = parse(&body).expect_err(name).to_string();
            assert!(found.starts_with(want), "{name}: {found}");
        }
        assert_eq!(parse(&answer(&json!([]))).expect("no rows"), []);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(parse(&bytes));
        }
    }
}
