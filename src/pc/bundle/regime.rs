//! The market's regime: the close and its 50-day mean against the 200-day mean.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fingerprint;
use crate::contracts::reason::detail;
use crate::time::TradingDate;
use crate::trading::Bars;

/// Closes of the long mean; fewer are no answer.
const LONG: usize = 200;
/// Closes of the short mean.
const SHORT: usize = 50;

/// What the market is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegimeCode {
    /// Well above its long mean.
    RiskOn,
    /// Well below it.
    RiskOff,
    /// A little above it, or not known.
    Neutral,
    /// A little below it.
    Volatile,
}

impl RegimeCode {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RiskOn => "RISK_ON",
            Self::RiskOff => "RISK_OFF",
            Self::Neutral => "NEUTRAL",
            Self::Volatile => "VOLATILE",
        }
    }
}

/// `strategy.regime`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegimeSignal {
    /// What the market is like.
    pub code: RegimeCode,
    /// Which row of the table matched.
    pub reason: &'static str,
    /// The figures, and the day they are of.
    pub reason_detail: String,
    /// Sixteen hex digits over the closes that were used.
    pub input_fingerprint: String,
}

/// One series that a regime may be read from.
#[derive(Clone, Debug)]
pub enum Series {
    /// There is no file.
    Missing,
    /// There is one that cannot be read, with the reason.
    Damaged(String),
    /// Normalised bars.
    Bars(Bars),
}

/// The two series of the market, the first one preferred: symbol and bars.
#[derive(Clone, Debug)]
pub struct MarketSeries {
    /// The index itself, such as `^KS11`.
    pub index: (String, Series),
    /// The fund that stands for it, such as `069500`.
    pub benchmark: (String, Series),
}

/// Reads the regime at the close of `asof`. A series without a close of that day does not count: a mean that ends earlier
/// would look like today's. A series that is there but damaged is not passed over.
#[must_use]
pub fn regime(market: &MarketSeries, asof: TradingDate) -> RegimeSignal {
    let mut passed_over = Vec::new();
    for (symbol, series) in [&market.index, &market.benchmark] {
        match series {
            Series::Missing => passed_over.push(format!("no prices of {symbol}")),
            Series::Damaged(why) => {
                return neutral("PARSE_ERROR", &format!("{symbol} cannot be read: {why}"));
            }
            Series::Bars(bars) => match bars.index_of(asof) {
                Some(at) => return judged(symbol, &bars.close[..=at], asof),
                None => passed_over.push(format!("{symbol} has no close of {asof}")),
            },
        }
    }
    neutral("DATA_MISSING", &passed_over.join(", "))
}

fn neutral(reason: &'static str, why: &str) -> RegimeSignal {
    RegimeSignal {
        code: RegimeCode::Neutral,
        reason,
        reason_detail: detail(why),
        input_fingerprint: fingerprint(&BTreeMap::new()),
    }
}

fn judged(symbol: &str, closes: &[f64], asof: TradingDate) -> RegimeSignal {
    let used = &closes[closes.len().saturating_sub(LONG)..];
    let with = |code, reason, text: &str| RegimeSignal {
        code,
        reason,
        reason_detail: detail(&format!("source={symbol} {text} prices={asof}")),
        input_fingerprint: fingerprint(&BTreeMap::from([(symbol, used)])),
    };
    if !used.iter().all(|close| close.is_finite() && *close > 0.0) {
        let why = format!("{symbol} has a close that is no price in the last {} to {asof}", used.len());
        return neutral("PARSE_ERROR", &why);
    }
    let [.., close] = used else { return neutral("DATA_MISSING", &format!("{symbol} has no close")) };
    if used.len() < LONG {
        return with(RegimeCode::Neutral, "INSUFFICIENT_DATA", &format!("closes={} needed={LONG}", used.len()));
    }
    // From sums instead of means: sums of whole won are exact, so a limit that is met exactly is seen as met.
    let long: f64 = used.iter().sum();
    let short: f64 = used[LONG - SHORT..].iter().sum();
    let price = 100.0 * (close * 200.0 - long) / long;
    let mean = 100.0 * (short * 4.0 - long) / long;
    let (code, reason) = row(price, mean);
    with(code, reason, &format!("close/SMA200={price:+.2}% SMA50/SMA200={mean:+.2}%"))
}

/// The table: percent of the close and of the short mean above the long mean.
fn row(price: f64, mean: f64) -> (RegimeCode, &'static str) {
    if price > 5.0 && mean > 2.0 {
        (RegimeCode::RiskOn, "ABOVE_MA200_STRONG")
    } else if price > 0.0 {
        (RegimeCode::Neutral, "ABOVE_MA200_WEAK")
    } else if price > -5.0 {
        (RegimeCode::Volatile, "NEAR_MA200")
    } else {
        (RegimeCode::RiskOff, "BELOW_MA200_STRONG")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: usize) -> TradingDate {
        let first = TradingDate::from_ymd_opt(2026, 1, 1).expect("a date");
        first + chrono::Days::new(n as u64)
    }

    fn bars(closes: &[f64]) -> Bars {
        let mut bars = Bars::default();
        closes.iter().enumerate().for_each(|(n, close)| bars.push(day(n), [*close, *close, *close, *close, 1.0]));
        bars
    }

    /// 150 closes of one price, 49 of another, one of a third.
    fn closes(first: f64, then: f64, last: f64) -> Vec<f64> {
        let mut closes = vec![first; 150];
        closes.extend([then; 49]);
        closes.push(last);
        closes
    }

    fn benchmark_only(series: Series) -> MarketSeries {
        MarketSeries { index: ("^KS11".to_owned(), Series::Missing), benchmark: ("069500".to_owned(), series) }
    }

    fn judged_at_end(closes: &[f64]) -> RegimeSignal {
        regime(&benchmark_only(Series::Bars(bars(closes))), day(closes.len() - 1))
    }

    #[test]
    fn every_row_of_the_table_is_met_and_the_first_match_wins() {
        let cases: [(&str, Vec<f64>, RegimeCode, &str); 8] = [
            ("strong", closes(100.0, 120.0, 130.0), RegimeCode::RiskOn, "ABOVE_MA200_STRONG"),
            // The long mean is 100.05: the close is far above it, the short mean is not.
            ("a jump of one day", closes(100.0, 100.0, 110.0), RegimeCode::Neutral, "ABOVE_MA200_WEAK"),
            ("a little above", closes(100.0, 101.0, 102.0), RegimeCode::Neutral, "ABOVE_MA200_WEAK"),
            ("flat is not above", closes(100.0, 100.0, 100.0), RegimeCode::Volatile, "NEAR_MA200"),
            ("a little below", closes(100.0, 100.0, 97.0), RegimeCode::Volatile, "NEAR_MA200"),
            ("well below", closes(100.0, 90.0, 80.0), RegimeCode::RiskOff, "BELOW_MA200_STRONG"),
            ("199 closes", closes(100.0, 120.0, 130.0)[1..].to_vec(), RegimeCode::Neutral, "INSUFFICIENT_DATA"),
            ("one close", vec![100.0], RegimeCode::Neutral, "INSUFFICIENT_DATA"),
        ];
        for (name, closes, code, reason) in cases {
            let found = judged_at_end(&closes);
            assert_eq!((found.code, found.reason), (code, reason), "{name}: {}", found.reason_detail);
        }
    }

    #[test]
    fn limits_are_strict() {
        let cases = [
            ("both above", 5.01, 2.01, "ABOVE_MA200_STRONG"),
            ("price at its limit", 5.0, 2.01, "ABOVE_MA200_WEAK"),
            ("mean at its limit", 5.01, 2.0, "ABOVE_MA200_WEAK"),
            ("just above", 0.01, -9.0, "ABOVE_MA200_WEAK"),
            ("at the mean", 0.0, 3.0, "NEAR_MA200"),
            ("just over the lower limit", -4.99, 3.0, "NEAR_MA200"),
            ("at the lower limit", -5.0, 3.0, "BELOW_MA200_STRONG"),
        ];
        for (name, price, mean, reason) in cases {
            assert_eq!(row(price, mean).1, reason, "{name}");
        }
        // The sum is 200 * 100: the close is exactly 5 % above, which is not more than 5 %.
        let mut exact = vec![100.0; 199];
        exact[0] = 95.0;
        exact.push(105.0);
        assert_eq!(judged_at_end(&exact).reason, "ABOVE_MA200_WEAK");
        assert!(judged_at_end(&exact).reason_detail.contains("close/SMA200=+5.00%"));
    }

    #[test]
    fn only_a_series_of_the_day_counts_and_the_index_comes_first() {
        let rising = || Series::Bars(bars(&closes(100.0, 120.0, 130.0)));
        let falling = || Series::Bars(bars(&closes(100.0, 90.0, 80.0)));
        let old = || Series::Bars(bars(&closes(100.0, 90.0, 80.0)[..199]));
        let damaged = || Series::Damaged("no parquet".to_owned());
        let mut zero = closes(100.0, 90.0, 80.0);
        zero[120] = 0.0;
        let cases = [
            ("index first", falling(), rising(), RegimeCode::RiskOff, "BELOW_MA200_STRONG"),
            ("no index", Series::Missing, rising(), RegimeCode::RiskOn, "ABOVE_MA200_STRONG"),
            ("old index", old(), rising(), RegimeCode::RiskOn, "ABOVE_MA200_STRONG"),
            ("damaged index", damaged(), rising(), RegimeCode::Neutral, "PARSE_ERROR"),
            ("damaged benchmark", Series::Missing, damaged(), RegimeCode::Neutral, "PARSE_ERROR"),
            ("a close of zero", Series::Missing, Series::Bars(bars(&zero)), RegimeCode::Neutral, "PARSE_ERROR"),
            ("nothing", Series::Missing, Series::Missing, RegimeCode::Neutral, "DATA_MISSING"),
            ("nothing of the day", Series::Missing, old(), RegimeCode::Neutral, "DATA_MISSING"),
        ];
        for (name, index, benchmark, code, reason) in cases {
            let market =
                MarketSeries { index: ("^KS11".to_owned(), index), benchmark: ("069500".to_owned(), benchmark) };
            let found = regime(&market, day(199));
            assert_eq!((found.code, found.reason), (code, reason), "{name}");
            assert_eq!(found.input_fingerprint.len(), 16, "{name}");
        }
    }

    #[test]
    fn later_bars_change_nothing_and_the_last_200_closes_everything() {
        let mut longer = closes(100.0, 120.0, 130.0);
        let found = judged_at_end(&longer);
        longer.push(1.0);
        let market = benchmark_only(Series::Bars(bars(&longer)));
        assert_eq!(regime(&market, day(199)), found);
        let mut other = closes(100.0, 120.0, 130.0);
        other[0] = 101.0;
        assert_ne!(judged_at_end(&other).input_fingerprint, found.input_fingerprint);
        assert!(found.reason_detail.starts_with("source=069500 "), "{}", found.reason_detail);
        assert!(found.reason_detail.ends_with("prices=2026-07-19"), "{}", found.reason_detail);
    }
}
