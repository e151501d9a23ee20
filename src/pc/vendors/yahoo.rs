//! Yahoo's chart: raw bars and an adjusted close, from which adjusted bars are made.
//!
//! A code of the exchange is asked as `.KS`, then as `.KQ`; an index is asked by its own name.

use chrono::Days;
use chrono::TimeZone as _;
use serde::Deserialize;

use super::Client;
use super::DailyVendor;
use super::Span;
use super::VendorFault;
use super::is_index;
use super::naver::checked;
use super::naver::within;
use crate::contracts::VendorName;
use crate::time::Clock;
use crate::time::TradingDate;
use crate::time::kst;
use crate::trading::Bars;

/// A span that starts no further back fits `range=1mo`.
const MONTH: u64 = 27;

/// The chart of Yahoo.
#[derive(Clone, Debug)]
pub struct Yahoo(Client);

impl Yahoo {
    /// Behind a client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    fn symbol(&self, symbol: &str, span: Span, clock: &dyn Clock) -> Result<Bars, VendorFault> {
        let name = percent_encoding::utf8_percent_encode(symbol, percent_encoding::NON_ALPHANUMERIC).to_string();
        let path = format!("/v8/finance/chart/{}?{}&interval=1d", name.replace("%2E", "."), period(span, clock));
        let body = self.0.get(&path, &[("User-Agent", "Mozilla/5.0")], clock)?;
        within(&parse(&body, symbol)?, span)
    }
}

impl DailyVendor for Yahoo {
    fn name(&self) -> VendorName {
        VendorName::Yahoo
    }

    fn serves(&self, _ticker: &str) -> bool {
        true
    }

    fn daily(&self, ticker: &str, span: Span, clock: &dyn Clock) -> Result<Bars, VendorFault> {
        if is_index(ticker) {
            return self.symbol(ticker, span, clock);
        }
        match self.symbol(&format!("{ticker}.KS"), span, clock) {
            // The vendor works but has no such share on the main board.
            Err(VendorFault::Empty | VendorFault::Unreadable(_)) => self.symbol(&format!("{ticker}.KQ"), span, clock),
            Err(VendorFault::Status(400..=499)) => self.symbol(&format!("{ticker}.KQ"), span, clock),
            outcome => outcome,
        }
    }
}

/// The query's words for a span: a month back from today, or from and to the second.
fn period(span: Span, clock: &dyn Clock) -> String {
    let today = clock.now().with_timezone(&kst()).date_naive();
    if span.to >= today && span.from + Days::new(MONTH) >= today {
        return "range=1mo".to_owned();
    }
    let second = |day: TradingDate| {
        let midnight = kst().from_local_datetime(&day.and_time(chrono::NaiveTime::MIN)).single();
        midnight.map_or(0, |at| at.timestamp())
    };
    format!("period1={}&period2={}", second(span.from), second(span.to + Days::new(1)))
}

#[derive(Deserialize)]
struct Reply {
    chart: Chart,
}

#[derive(Deserialize)]
struct Chart {
    result: Option<Vec<Series>>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    timestamp: Vec<i64>,
    indicators: Indicators,
}

#[derive(Default, Deserialize)]
struct Meta {
    symbol: Option<String>,
}

#[derive(Deserialize)]
struct Indicators {
    #[serde(default)]
    quote: Vec<Columns>,
    #[serde(default)]
    adjclose: Vec<Adjusted>,
}

type Column = Vec<Option<f64>>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Columns {
    open: Column,
    high: Column,
    low: Column,
    close: Column,
    volume: Column,
}

#[derive(Deserialize)]
struct Adjusted {
    #[serde(default)]
    adjclose: Column,
}

/// Reads an answer about `symbol`.
fn parse(body: &[u8], symbol: &str) -> Result<Bars, VendorFault> {
    if body.trim_ascii().is_empty() {
        return Err(VendorFault::Empty);
    }
    if body.trim_ascii_start().starts_with(b"<") {
        return Err(VendorFault::unreadable("a page instead of data"));
    }
    let reply: Reply =
        serde_json::from_slice(body).map_err(|why| VendorFault::unreadable(format!("no chart: {why}")))?;
    if reply.chart.error.is_some_and(|error| !error.is_null()) {
        return Err(VendorFault::Empty);
    }
    let series = reply.chart.result.and_then(|result| result.into_iter().next()).ok_or(VendorFault::Empty)?;
    if let Some(other) = series.meta.symbol.as_deref().filter(|other| !other.eq_ignore_ascii_case(symbol)) {
        let other: String = other.chars().filter(|c| !c.is_control()).take(20).collect();
        return Err(VendorFault::unreadable(format!("it is about {other}")));
    }
    bars_of(&series, is_index(symbol))
}

fn bars_of(series: &Series, index: bool) -> Result<Bars, VendorFault> {
    let count = series.timestamp.len();
    if count == 0 {
        return Err(VendorFault::Empty);
    }
    let quote = series.indicators.quote.first().ok_or_else(|| VendorFault::unreadable("no quote"))?;
    let columns = [&quote.open, &quote.high, &quote.low, &quote.close, &quote.volume];
    let names = ["open", "high", "low", "close", "volume"];
    for (column, name) in columns.iter().zip(names) {
        if column.len() != count {
            return Err(VendorFault::unreadable(format!("{count} days but {} values of {name}", column.len())));
        }
    }
    let adjusted = series.indicators.adjclose.first().map(|adjusted| &adjusted.adjclose);
    if !index && adjusted.is_none_or(|adjusted| adjusted.len() != count) {
        // Raw bars that count as adjusted ones would be a crash on every day of a dividend.
        return Err(VendorFault::unreadable("no adjusted close for each day"));
    }
    let mut bars = Bars::default();
    for (at, second) in series.timestamp.iter().enumerate() {
        let Some(close) = quote.close[at] else { continue };
        let adjclose = if index { Some(close) } else { adjusted.and_then(|adjusted| adjusted[at]) };
        let Some(adjclose) = adjclose else { continue };
        let date = day_of(*second).ok_or_else(|| VendorFault::unreadable(format!("the time {second} is none")))?;
        // A missing price or volume beside a close is a zero, which normalisation takes for a halted day.
        let raw = columns.map(|column| column[at].unwrap_or(0.0));
        let values = adjust(raw, adjclose, index).map_err(|why| VendorFault::unreadable(format!("{date}: {why}")))?;
        bars.push(date, values);
    }
    if bars.is_empty() { Err(VendorFault::Empty) } else { Ok(bars) }
}

/// The prices times adjusted close by close, in whole won where that leaves a close; an index keeps its levels.
fn adjust([open, high, low, close, volume]: [f64; 5], adjclose: f64, index: bool) -> Result<[f64; 5], String> {
    checked([open, high, low, close, volume])?;
    if index {
        return Ok([open, high, low, close, volume]);
    }
    let factor = adjclose / close;
    let times = |step: fn(f64) -> f64| {
        [step(open * factor), step(high * factor), step(low * factor), step(close * factor), volume]
    };
    let won = times(f64::round);
    if won[3] != 0.0 {
        return checked(won);
    }
    // Many dividends and splits later an old price is less than half a won, and no price is zero. An adjusted close of
    // zero itself goes through as it is: normalisation leaves the row out and counts it.
    let fractions = times(|price| price);
    if fractions[3] == 0.0 { Ok(fractions) } else { checked(fractions) }
}

/// The Korean day of an epoch second.
fn day_of(second: i64) -> Option<TradingDate> {
    chrono::DateTime::from_timestamp(second, 0).map(|at| at.with_timezone(&kst()).date_naive())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::proptest;
    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::time::SimClock;
    use crate::time::Stamp;

    /// 2026-01-29 and 2026-01-30, 09:00 in Korea.
    const TIMES: [i64; 2] = [1_769_644_800, 1_769_731_200];

    fn answer() -> Value {
        json!({"chart": {"result": [{
            "meta": {"symbol": "005930.KS", "currency": "KRW", "regularMarketPrice": 72500.0},
            "timestamp": TIMES,
            "indicators": {
                "quote": [{"open": [71000.0, 72000.0], "high": [72000.0, 73000.0], "low": [70500.0, 71500.0],
                    "close": [71500.0, 72500.0], "volume": [1000, 2000]}],
                "adjclose": [{"adjclose": [70785.0, 72500.0]}],
            },
        }], "error": null}})
    }

    fn read(value: &Value) -> Result<Bars, VendorFault> {
        parse(value.to_string().as_bytes(), "005930.KS")
    }

    #[test]
    fn prices_are_multiplied_by_the_factor_and_rounded_to_won() {
        let bars = read(&answer()).expect("bars");
        assert_eq!(bars.date.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2026-01-29", "2026-01-30"]);
        assert_eq!(
            [bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]],
            [70_290.0, 71_280.0, 69_795.0, 70_785.0, 1000.0]
        );
        assert_eq!(bars.close[1], 72_500.0);
    }

    #[test]
    fn a_day_without_a_close_is_no_bar_and_one_without_other_prices_is_halted() {
        let mut value = answer();
        let series = &mut value["chart"]["result"][0]["indicators"];
        series["quote"][0]["close"][0] = Value::Null;
        series["quote"][0]["open"][1] = Value::Null;
        series["quote"][0]["volume"][1] = Value::Null;
        let bars = read(&value).expect("bars");
        assert_eq!((bars.len(), bars.open[0], bars.close[0], bars.volume[0]), (1, 0.0, 72_500.0, 0.0));
        value["chart"]["result"][0]["indicators"]["adjclose"][0]["adjclose"][1] = Value::Null;
        assert_eq!(read(&value), Err(VendorFault::Empty));
    }

    #[test]
    fn a_close_that_rounds_to_nothing_keeps_its_fraction_and_spoils_no_answer() {
        let cases = [
            ("less than half a won", 0.25, [0.2, 0.3, 0.1, 0.25]),
            ("half a won", 0.5, [0.0, 1.0, 0.0, 1.0]),
            ("nothing", 0.0, [0.0, 0.0, 0.0, 0.0]),
        ];
        for (name, adjclose, want) in cases {
            let mut value = answer();
            let series = &mut value["chart"]["result"][0]["indicators"];
            for (column, price) in [("open", 0.8), ("high", 1.2), ("low", 0.4), ("close", 1.0)] {
                series["quote"][0][column][0] = json!(price);
            }
            series["adjclose"][0]["adjclose"][0] = json!(adjclose);
            let bars = read(&value).expect(name);
            let found = [bars.open[0], bars.high[0], bars.low[0], bars.close[0]];
            assert!(found.iter().zip(want).all(|(found, want)| (found - want).abs() < 1e-9), "{name}: {found:?}");
            assert_eq!((bars.len(), bars.close[1]), (2, 72_500.0), "{name}");
        }
        let mut value = answer();
        value["chart"]["result"][0]["indicators"]["adjclose"][0]["adjclose"][0] = json!(-0.1);
        assert!(matches!(read(&value), Err(VendorFault::Unreadable(_))), "a negative price is no rounding");
    }

    #[test]
    fn an_index_keeps_its_levels_and_needs_no_adjusted_close() {
        let mut value = answer();
        value["chart"]["result"][0]["meta"]["symbol"] = json!("^KS11");
        value["chart"]["result"][0]["indicators"]["quote"][0]["close"] = json!([2500.37, 2510.12]);
        let plain = value["chart"]["result"][0]["indicators"].as_object_mut().expect("an object");
        plain.remove("adjclose");
        let bars = parse(value.to_string().as_bytes(), "^KS11").expect("bars");
        assert_eq!(bars.close, [2500.37, 2510.12]);
        value["chart"]["result"][0]["meta"]["symbol"] = json!("005930.KS");
        assert_eq!(read(&value).expect_err("refused").to_string(), "unreadable answer: no adjusted close for each day");
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_reason() {
        let with = |path: &str, put: Value| {
            let mut value = answer();
            *value.pointer_mut(path).expect(path) = put;
            value.to_string()
        };
        let series = "/chart/result/0";
        let cases = [
            ("nothing", String::new(), "no data for this ticker"),
            ("an error", json!({"chart": {"result": null, "error": {"code": "Not Found"}}}).to_string(), "no data"),
            ("no result", with("/chart/result", json!([])), "no data for this ticker"),
            ("null result", with("/chart/result", Value::Null), "no data for this ticker"),
            ("no days", with(&format!("{series}/timestamp"), json!([])), "no data for this ticker"),
            ("a page", "<html></html>".to_owned(), "unreadable answer: a page instead of data"),
            ("cut", answer().to_string()[..200].to_owned(), "unreadable answer: no chart: "),
            ("another", with(&format!("{series}/meta/symbol"), json!("AAPL")), "unreadable answer: it is about AAPL"),
            ("a day more", with(&format!("{series}/timestamp"), json!([1, 2, 3])), "unreadable answer: 3 days but 2"),
            ("no quote", with(&format!("{series}/indicators/quote"), json!([])), "unreadable answer: no quote"),
            (
                "zero close",
                with(&format!("{series}/indicators/quote/0/close/1"), json!(0)),
                "unreadable answer: 2026-01-30: the close is zero",
            ),
            (
                "time",
                with(&format!("{series}/timestamp/0"), json!(i64::MAX)),
                "unreadable answer: the time 9223372036854775807 is none",
            ),
        ];
        for (name, body, want) in cases {
            let found = parse(body.as_bytes(), "005930.KS").expect_err(name).to_string();
            assert!(found.starts_with(want), "{name}: {found}");
        }
    }

    #[test]
    fn a_short_span_asks_for_a_month_and_a_long_one_for_seconds() {
        let clock = SimClock::at(Stamp::from("2026-01-30T17:00:00+09:00").instant().expect("a time"));
        let day = |text: &str| text.parse().expect("a day");
        let cases = [
            ("2026-01-15", "2026-01-30", "range=1mo"),
            ("2026-01-03", "2026-01-30", "range=1mo"),
            ("2026-01-02", "2026-01-30", "period1=1767279600&period2=1769785200"),
            ("2026-01-15", "2026-01-16", "period1=1768402800&period2=1768575600"),
        ];
        for (from, to, want) in cases {
            assert_eq!(period(Span { from: day(from), to: day(to) }, &clock), want, "{from}..{to}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop(parse(&bytes, "005930.KS"));
        }

        #[test]
        fn no_numbers_make_the_reader_panic(
            times in proptest::collection::vec(any::<i64>(), 0..4),
            values in proptest::collection::vec(proptest::option::of(any::<f64>()), 0..4),
        ) {
            let mut value = answer();
            let series = &mut value["chart"]["result"][0];
            series["timestamp"] = json!(times);
            for name in ["open", "high", "low", "close", "volume"] {
                series["indicators"]["quote"][0][name] = json!(values);
            }
            series["indicators"]["adjclose"][0]["adjclose"] = json!(values);
            drop(read(&value));
        }
    }
}
