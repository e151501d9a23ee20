//! The scorer: tickers of the universe ranked by momentum and by calm.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::fingerprint;
use crate::contracts::reason::detail;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::indicator;

/// Most picks of a bundle.
pub const TOP_PICKS: usize = 4;
/// Points of the best momentum.
const MOMENTUM_POINTS: f64 = 70.0;
/// Points of the calmest ticker.
const CALM_POINTS: f64 = 30.0;

/// Windows of the scorer, in daily changes; each needs one close more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Of the momentum.
    pub momentum: usize,
    /// Of the volatility.
    pub volatility: usize,
}

/// `strategy.scorer`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScorerSignal {
    /// `OK` or `SKIPPED`.
    pub status: &'static str,
    /// `SUCCESS`, or why there are no picks.
    pub reason: &'static str,
    /// How many tickers were ranked, at which day's closes, and who was left out.
    pub reason_detail: String,
    /// Where the prices came from.
    pub data_source: String,
    /// The best tickers, best first.
    pub top_picks: Vec<Pick>,
    /// Sixteen hex digits over the closes that were used.
    pub input_fingerprint: String,
    /// The newest close of each ticker of the universe that has one.
    pub prices: BTreeMap<String, PricePoint>,
    /// Tickers of the universe that could not be ranked; not part of the document.
    #[serde(skip)]
    pub unranked: BTreeSet<String>,
}

/// One pick.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pick {
    /// The ticker.
    pub ticker: String,
    /// 0 to 100, one decimal.
    pub score: f64,
    /// `RANK_SCORE`
    pub reason: &'static str,
    /// Both ranks.
    pub reason_detail: String,
}

/// A ticker's newest close.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PricePoint {
    /// Won; a whole number is written without a point.
    pub close: Value,
    /// The day of the close.
    pub date: TradingDate,
}

/// The universe's prices as the scorer sees them.
#[derive(Clone, Copy, Debug)]
pub struct ScorerInput<'a> {
    /// The tickers, each once.
    pub universe: &'a [String],
    /// Windows of the scorer.
    pub windows: Windows,
    /// Normalised bars by ticker.
    pub bars: &'a BTreeMap<String, Bars>,
    /// Days of each ticker whose close is further from the one before than the exchange permits: a seam of two series.
    pub jumps: &'a BTreeMap<String, BTreeSet<TradingDate>>,
    /// Where the prices came from, one word.
    pub data_source: &'a str,
    /// The day whose closes are ranked; later bars are not looked at.
    pub asof: TradingDate,
}

/// A ticker with full windows.
struct Entry<'a> {
    ticker: &'a str,
    momentum: f64,
    volatility: f64,
    used: &'a [f64],
}

/// Ranks the universe at the close of one day. Only tickers with a close of that day and full windows take part: a shorter
/// window or an older day is another measure.
#[must_use]
pub fn score(input: &ScorerInput<'_>) -> ScorerSignal {
    if input.universe.is_empty() {
        return skipped(input, "EMPTY_UNIVERSE", "the universe holds no ticker");
    }
    let (mut entries, mut left_out, mut unranked) = (Vec::new(), Vec::new(), BTreeSet::new());
    for ticker in input.universe {
        match entry(input, ticker) {
            Ok(entry) => entries.push(entry),
            Err(why) => {
                left_out.push(format!("{ticker}({why})"));
                unranked.insert(ticker.clone());
            }
        }
    }
    if entries.is_empty() {
        return skipped(input, "DATA_MISSING", &format!("no ticker can be ranked: {}", left_out.join(" ")));
    }
    let all = entries.len();
    let mut said =
        format!("data_source={} valid={all}/{} prices={}", input.data_source, input.universe.len(), input.asof);
    if !left_out.is_empty() {
        said = format!("{said} without {}", left_out.join(" "));
    }
    let mut picks = ranked(&entries);
    picks.truncate(TOP_PICKS);
    ScorerSignal {
        status: "OK",
        reason: "SUCCESS",
        reason_detail: detail(&said),
        data_source: input.data_source.to_owned(),
        top_picks: picks,
        input_fingerprint: fingerprint(&entries.iter().map(|e| (e.ticker, e.used)).collect()),
        prices: prices(input),
        unranked,
    }
}

/// A scorer that says why it has nothing to say.
#[must_use]
pub(super) fn skipped(input: &ScorerInput<'_>, reason: &'static str, why: &str) -> ScorerSignal {
    ScorerSignal {
        status: "SKIPPED",
        reason,
        reason_detail: detail(why),
        data_source: input.data_source.to_owned(),
        top_picks: Vec::new(),
        input_fingerprint: fingerprint(&BTreeMap::new()),
        prices: prices(input),
        unranked: input.universe.iter().cloned().collect(),
    }
}

fn entry<'a>(input: &ScorerInput<'a>, ticker: &'a str) -> Result<Entry<'a>, String> {
    let bars = input.bars.get(ticker).filter(|bars| !bars.is_empty()).ok_or("no prices")?;
    let at = bars.index_of(input.asof).ok_or_else(|| format!("no close of {}", input.asof))?;
    let closes = &bars.close[..=at];
    let needed = input.windows.momentum.max(input.windows.volatility) + 1;
    let start = closes.len().checked_sub(needed).ok_or_else(|| format!("{} of {needed} closes", closes.len()))?;
    let used = &closes[start..];
    if !used.iter().all(|close| close.is_finite() && *close > 0.0) {
        return Err("a close that is no price".to_owned());
    }
    // The first close of the window has no change in it.
    let within = (bars.date[start], input.asof);
    let seam = input.jumps.get(ticker).and_then(|days| days.iter().find(|day| **day > within.0 && **day <= within.1));
    if let Some(day) = seam {
        return Err(format!("beyond the daily limit on {day}"));
    }
    let last = used[used.len() - 1];
    let first = used[used.len() - 1 - input.windows.momentum];
    let volatility = indicator::volatility(used, input.windows.volatility).at(used.len() - 1);
    let volatility = volatility.ok_or("no volatility")?;
    Ok(Entry { ticker, momentum: last / first - 1.0, volatility, used })
}

/// All tickers, best first.
fn ranked(entries: &[Entry<'_>]) -> Vec<Pick> {
    let by_momentum = ranks(entries, |a, b| b.momentum.total_cmp(&a.momentum));
    let by_calm = ranks(entries, |a, b| a.volatility.total_cmp(&b.volatility));
    let all = entries.len();
    let mut picks: Vec<Pick> = entries
        .iter()
        .map(|entry| {
            let (momentum, calm) = (by_momentum[entry.ticker], by_calm[entry.ticker]);
            Pick {
                ticker: entry.ticker.to_owned(),
                score: points(momentum, calm, all),
                reason: "RANK_SCORE",
                reason_detail: format!("mom_rank={momentum}/{all} vol_rank={calm}/{all}"),
            }
        })
        .collect();
    picks.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.ticker.cmp(&b.ticker)));
    picks
}

/// The rank of each ticker from 1; equal values are ranked by ticker.
fn ranks<'a>(entries: &[Entry<'a>], order: impl Fn(&Entry<'a>, &Entry<'a>) -> Ordering) -> BTreeMap<&'a str, usize> {
    let mut sorted: Vec<&Entry<'a>> = entries.iter().collect();
    sorted.sort_by(|a, b| order(a, b).then_with(|| a.ticker.cmp(b.ticker)));
    sorted.into_iter().enumerate().map(|(index, entry)| (entry.ticker, index + 1)).collect()
}

/// 0 to 100 points with one decimal; a tie of the second decimal goes to the even digit.
fn points(momentum: usize, calm: usize, all: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 50 tickers")]
    let share = |rank: usize| 1.0 - (rank - 1) as f64 / all as f64;
    let sum = (MOMENTUM_POINTS * share(momentum) + CALM_POINTS * share(calm)).clamp(0.0, 100.0);
    // Formatting rounds the exact value, multiplying by ten first would not.
    format!("{sum:.1}").parse().unwrap_or(sum)
}

fn prices(input: &ScorerInput<'_>) -> BTreeMap<String, PricePoint> {
    let point = |ticker: &String| {
        let bars = input.bars.get(ticker)?;
        let at = bars.date.partition_point(|date| *date <= input.asof).checked_sub(1)?;
        let close = bars.close[at];
        let is_price = close.is_finite() && close > 0.0;
        is_price.then(|| (ticker.clone(), PricePoint { close: number(close), date: bars.date[at] }))
    };
    input.universe.iter().filter_map(point).collect()
}

/// Readers of whole won may not read `60720.0`.
fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "only below 2^53, where every whole number is exact")]
    let whole = (value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0).then_some(value as i64);
    whole.map_or_else(|| Value::from(value), Value::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(n: usize) -> TradingDate {
        TradingDate::from_ymd_opt(2026, 1, 1).expect("a date") + chrono::Days::new(n as u64)
    }

    fn bars(closes: &[f64]) -> Bars {
        let mut bars = Bars::default();
        closes.iter().enumerate().for_each(|(n, close)| bars.push(day(n), [*close, *close, *close, *close, 1.0]));
        bars
    }

    const WINDOWS: Windows = Windows { momentum: 4, volatility: 2 };

    struct Case {
        universe: Vec<String>,
        bars: BTreeMap<String, Bars>,
        jumps: BTreeMap<String, BTreeSet<TradingDate>>,
    }

    impl Case {
        fn of(rows: &[(&str, &[f64])]) -> Self {
            Self {
                universe: rows.iter().map(|(ticker, _)| (*ticker).to_owned()).collect(),
                bars: rows.iter().map(|(ticker, closes)| ((*ticker).to_owned(), bars(closes))).collect(),
                jumps: BTreeMap::new(),
            }
        }

        fn scored(&self, asof: TradingDate) -> ScorerSignal {
            let (universe, bars, jumps) = (&self.universe, &self.bars, &self.jumps);
            score(&ScorerInput { universe, windows: WINDOWS, bars, jumps, data_source: "CACHE", asof })
        }
    }

    fn shown(found: &ScorerSignal) -> Vec<(&str, f64)> {
        found.top_picks.iter().map(|pick| (pick.ticker.as_str(), pick.score)).collect()
    }

    #[test]
    fn the_published_example_scores_as_published() {
        let cases = [((1, 4), 77.5), ((2, 3), 67.5), ((3, 1), 65.0), ((4, 2), 40.0)];
        for ((momentum, calm), want) in cases {
            assert!((points(momentum, calm, 4) - want).abs() < 1e-12, "{momentum} {calm}");
        }
        let sums = [((1, 1, 1), 100.0), ((3, 3, 3), 33.3), ((2, 8, 8), 65.0), ((2, 7, 8), 68.8), ((2, 5, 8), 76.2)];
        for ((momentum, calm, all), want) in sums {
            assert!((points(momentum, calm, all) - want).abs() < 1e-12, "{momentum} {calm} of {all}");
        }
    }

    #[test]
    fn momentum_counts_from_the_first_close_of_its_window_and_calm_from_its_own() {
        // Momentum over four changes; the close before the window would turn the order around.
        let case = Case::of(&[
            ("000001", &[900.0, 100.0, 100.0, 100.0, 105.0, 110.0]),
            ("000002", &[100.0, 100.0, 150.0, 104.0, 105.0, 106.0]),
        ]);
        let found = case.scored(day(5));
        assert_eq!((found.status, found.reason), ("OK", "SUCCESS"));
        assert_eq!(shown(&found), [("000001", 85.0), ("000002", 65.0)]);
        assert_eq!(found.top_picks[0].reason_detail, "mom_rank=1/2 vol_rank=2/2");
        assert_eq!(found.top_picks[1].reason_detail, "mom_rank=2/2 vol_rank=1/2");
        assert_eq!(found.reason_detail, "data_source=CACHE valid=2/2 prices=2026-01-06");
    }

    #[test]
    fn ties_go_to_the_ticker_and_four_picks_are_the_most() {
        let same: &[f64] = &[100.0, 100.0, 101.0, 102.0, 103.0];
        let case =
            Case::of(&[("5A0000", same), ("400000", same), ("300000", same), ("200000", same), ("100000", same)]);
        let found = case.scored(day(4));
        assert_eq!(shown(&found), [("100000", 100.0), ("200000", 80.0), ("300000", 60.0), ("400000", 40.0)]);
        assert_eq!(found.prices.len(), 5, "prices are of the whole universe");
        assert_eq!(Case::of(&[("100000", same)]).scored(day(4)).top_picks[0].score, 100.0);
    }

    #[test]
    fn who_has_no_full_window_at_the_day_is_left_out_by_name() {
        let full: &[f64] = &[100.0, 101.0, 102.0, 103.0, 104.0, 105.0];
        let mut case = Case::of(&[
            ("100000", full),
            ("200000", &[100.0, 101.0, 102.0, 103.0, 104.0]),
            ("300000", full),
            ("400000", &[100.0, 101.0, 0.0, 103.0, 104.0, 105.0]),
            ("500000", full),
        ]);
        case.bars.insert("300000".to_owned(), bars(full).truncated(0));
        let mut young = Bars::default();
        (2..6).for_each(|n| young.push(day(n), [1.0; 5]));
        case.bars.insert("500000".to_owned(), young);
        let found = case.scored(day(5));
        assert_eq!(shown(&found), [("100000", 100.0)]);
        assert_eq!((found.status, found.reason), ("OK", "SUCCESS"));
        let said = "data_source=CACHE valid=1/5 prices=2026-01-06 without 200000(no close of 2026-01-06) \
                    300000(no prices) 400000(a close that is no price) 500000(4 of 5 closes)";
        assert_eq!(found.reason_detail, said);
        let dates: Vec<_> = found.prices.iter().map(|(ticker, point)| (ticker.as_str(), point.date)).collect();
        assert_eq!(dates, [("100000", day(5)), ("200000", day(4)), ("400000", day(5)), ("500000", day(5))]);
    }

    #[test]
    fn a_seam_inside_the_window_leaves_a_ticker_out() {
        let closes: &[f64] = &[10.0, 10.0, 100.0, 101.0, 102.0, 103.0, 104.0];
        let mut case = Case::of(&[("100000", closes), ("200000", &[100.0; 7])]);
        // The window starts at the seam: the change is before it.
        case.jumps.insert("100000".to_owned(), BTreeSet::from([day(2)]));
        assert_eq!(case.scored(day(6)).top_picks.len(), 2);
        let found = case.scored(day(5));
        assert_eq!(shown(&found), [("200000", 100.0)]);
        assert!(found.reason_detail.ends_with("100000(beyond the daily limit on 2026-01-03)"), "{found:?}");
    }

    #[test]
    fn nothing_to_rank_is_skipped_with_its_reason() {
        let cases = [
            ("no universe", Case::of(&[]), "EMPTY_UNIVERSE"),
            ("no bars", Case::of(&[("100000", &[])]), "DATA_MISSING"),
            ("too few", Case::of(&[("100000", &[1.0, 2.0])]), "DATA_MISSING"),
        ];
        for (name, case, reason) in cases {
            let found = case.scored(day(1));
            assert_eq!((found.status, found.reason, found.top_picks.len()), ("SKIPPED", reason, 0), "{name}");
        }
    }

    #[test]
    fn whole_won_are_written_whole() {
        let case = Case::of(&[("100000", &[1.0, 1.0, 1.0, 1.0, 60720.0]), ("200000", &[1.0, 1.0, 1.0, 1.0, 15580.25])]);
        let text = serde_json::to_string(&case.scored(day(4)).prices).expect("JSON");
        assert!(text.contains(r#""100000":{"close":60720,"date":"2026-01-05"}"#), "{text}");
        assert!(text.contains(r#""close":15580.25"#), "{text}");
    }

    proptest! {
        #[test]
        fn prop_any_close_of_a_window_changes_the_fingerprint_and_no_other_does(
            closes in proptest::collection::vec(1_u32..1_000_000, 5..9), at in 0_usize..8, by in 1_u32..1000,
        ) {
            let series: Vec<f64> = closes.iter().map(|close| f64::from(*close)).collect();
            let at = at % series.len();
            let mut other = series.clone();
            other[at] += f64::from(by);
            let asof = day(series.len() - 1);
            let print = |closes: &[f64]| Case::of(&[("100000", closes)]).scored(asof).input_fingerprint;
            let in_window = at + 5 >= series.len();
            prop_assert_eq!(print(&series) != print(&other), in_window);
        }

        #[test]
        fn prop_the_order_of_the_universe_changes_nothing(
            closes in proptest::collection::vec(proptest::collection::vec(1_u32..1000, 5), 1..8),
        ) {
            let names: Vec<String> = (0..closes.len()).map(|n| format!("{n:06}")).collect();
            let series: Vec<Vec<f64>> = closes.iter().map(|c| c.iter().map(|v| f64::from(*v)).collect()).collect();
            let rows: Vec<(&str, &[f64])> = names.iter().map(String::as_str).zip(series.iter().map(Vec::as_slice)).collect();
            let turned: Vec<_> = rows.iter().rev().copied().collect();
            let (found, other) = (Case::of(&rows).scored(day(4)), Case::of(&turned).scored(day(4)));
            prop_assert_eq!(&found, &other);
            prop_assert!(found.top_picks.iter().all(|pick| (0.0..=100.0).contains(&pick.score)));
            prop_assert!(found.top_picks.is_sorted_by(|a, b| a.score >= b.score));
        }
    }
}
