//! The holding action: what to do with each ticker that is held or picked. Tickers only; quantities stay on the PC.

use std::collections::BTreeSet;

use serde::Serialize;

use super::regime::RegimeCode;
use super::score::ScorerSignal;
use super::score::TOP_PICKS;
use crate::contracts::Json;
use crate::contracts::Text;
use crate::contracts::portfolio::Portfolio;
use crate::contracts::reason::detail;

/// `strategy.holding_action`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldingSignal {
    /// `OK`, `SKIPPED` or `NO_ACTION`.
    pub status: &'static str,
    /// Which row of the table matched.
    pub reason: &'static str,
    /// Counts, never amounts.
    pub reason_detail: String,
    /// The actions by ticker.
    pub items: Vec<HoldingItem>,
    /// Sixteen hex digits over the items.
    pub items_hash: String,
}

/// One action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldingItem {
    /// The ticker.
    pub ticker: String,
    /// What to do.
    pub action: Action,
    /// `MEDIUM` or `LOW`.
    pub confidence: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The same in words.
    pub reason_detail: &'static str,
}

/// What to do with a ticker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Keep it.
    Hold,
    /// Sell a part.
    Reduce,
    /// Buy.
    Add,
}

/// What is known about the portfolio.
#[derive(Clone, Debug)]
pub enum Held {
    /// There is none.
    Missing,
    /// There is one that cannot be used.
    Damaged,
    /// This one.
    Portfolio(Portfolio),
}

/// Decides for every ticker that is held or picked; the first row of the table that matches counts.
#[must_use]
pub fn holding_action(held: &Held, universe: &[String], scorer: &ScorerSignal, regime: RegimeCode) -> HoldingSignal {
    let portfolio = match held {
        Held::Missing => return without_items("SKIPPED", "PORTFOLIO_MISSING", "no portfolio"),
        // What cannot be read is not taken for an empty portfolio.
        Held::Damaged => return without_items("SKIPPED", "PORTFOLIO_INCONSISTENT", "the portfolio cannot be used"),
        Held::Portfolio(portfolio) => portfolio,
    };
    let mut tickers: Vec<&str> = portfolio.holdings.iter().map(|holding| holding.ticker.as_str()).collect();
    tickers.sort_unstable();
    let has_value = portfolio.total_value > 0.0;
    // Stated figures are compared, not computed ones: half a won is no difference.
    let is_cash = (portfolio.total_value - portfolio.cash).abs() < 0.5;
    if !tickers.is_empty() && !has_value {
        return without_items("SKIPPED", "PORTFOLIO_INCONSISTENT", "holdings without a value");
    }
    if tickers.is_empty() && (!has_value || is_cash) {
        let reason = if portfolio.cash > 0.0 { "NO_ACTION_CASH_ONLY" } else { "NO_ACTION_PORTFOLIO_EMPTY" };
        return without_items("NO_ACTION", reason, "no holdings");
    }
    let picks: BTreeSet<&str> = scorer.top_picks.iter().map(|pick| pick.ticker.as_str()).collect();
    if picks.is_empty() {
        return without_items("SKIPPED", "INSUFFICIENT_PICKS", &format!("scorer={}", scorer.reason));
    }
    let needed = TOP_PICKS.min(universe.len());
    let counts = format!("holdings={} picks={} regime={}", tickers.len(), picks.len(), regime.as_str());
    if picks.len() < needed {
        let items = tickers.into_iter().map(degraded).collect();
        return signal("OK", "DEGRADED_INPUT", &format!("{counts} needed={needed}"), items);
    }
    let mut items: Vec<HoldingItem> = tickers
        .iter()
        .map(|ticker| match ticker {
            _ if picks.contains(ticker) => item(ticker, Action::Hold, "HOLD_TOP_PICK", "held_and_recommended"),
            // A ticker whose prices are missing did not lose its rank: nothing is sold for want of data.
            _ if scorer.unranked.contains(*ticker) => degraded(ticker),
            _ => item(ticker, Action::Reduce, "REDUCE_NOT_IN_PICKS", "not_in_top_picks"),
        })
        .collect();
    let new = picks.iter().filter(|ticker| !tickers.contains(ticker));
    items.extend(new.map(|ticker| item(ticker, Action::Add, "NEW_ENTRY", "not_held_but_recommended")));
    items.sort_by(|a, b| a.ticker.cmp(&b.ticker));
    signal("OK", "SUCCESS", &counts, items)
}

fn item(ticker: &str, action: Action, reason: &'static str, reason_detail: &'static str) -> HoldingItem {
    let confidence = if reason == "HOLD_TOP_PICK" { "MEDIUM" } else { "LOW" };
    HoldingItem { ticker: ticker.to_owned(), action, confidence, reason, reason_detail }
}

fn degraded(ticker: &str) -> HoldingItem {
    item(ticker, Action::Hold, "DEGRADED_INPUT", "not_enough_data_to_judge")
}

fn without_items(status: &'static str, reason: &'static str, why: &str) -> HoldingSignal {
    signal(status, reason, why, Vec::new())
}

fn signal(status: &'static str, reason: &'static str, why: &str, items: Vec<HoldingItem>) -> HoldingSignal {
    // Texts alone always render.
    let hash = Json::of(&items).map(|json| json.sha256(Text::Raw)).unwrap_or_default();
    let items_hash = hash.chars().take(16).collect();
    HoldingSignal { status, reason, reason_detail: detail(why), items, items_hash }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::contracts::portfolio::Holding;
    use crate::pc::bundle::score::Pick;

    fn scorer(picks: &[&str], unranked: &[&str]) -> ScorerSignal {
        let pick = |ticker: &&str| Pick {
            ticker: (*ticker).to_owned(),
            score: 50.0,
            reason: "RANK_SCORE",
            reason_detail: String::new(),
        };
        ScorerSignal {
            status: "OK",
            reason: "SUCCESS",
            reason_detail: String::new(),
            data_source: "CACHE".to_owned(),
            top_picks: picks.iter().map(pick).collect(),
            input_fingerprint: String::new(),
            prices: BTreeMap::new(),
            unranked: unranked.iter().map(|ticker| (*ticker).to_owned()).collect(),
        }
    }

    fn held(cash: f64, total_value: f64, tickers: &[&str]) -> Held {
        let holding = |ticker: &&str| Holding {
            ticker: (*ticker).to_owned(),
            quantity: Some(7.0),
            price: Some(98_765.0),
            avg_price: None,
            name: None,
        };
        Held::Portfolio(Portfolio { cash, total_value, holdings: tickers.iter().map(holding).collect() })
    }

    const UNIVERSE: [&str; 5] = ["100000", "200000", "300000", "400000", "500000"];
    const FOUR: [&str; 4] = ["100000", "200000", "300000", "400000"];

    fn decided(held: &Held, picks: &[&str], universe: usize) -> HoldingSignal {
        let universe: Vec<String> = UNIVERSE.iter().take(universe).map(|ticker| (*ticker).to_owned()).collect();
        holding_action(held, &universe, &scorer(picks, &[]), RegimeCode::Neutral)
    }

    fn shown(found: &HoldingSignal) -> Vec<String> {
        let row = |i: &HoldingItem| format!("{} {:?} {} {}", i.ticker, i.action, i.confidence, i.reason);
        found.items.iter().map(row).collect()
    }

    #[test]
    fn every_row_of_the_table_is_met_and_the_first_match_wins() {
        let cases = [
            ("none", Held::Missing, &FOUR[..], 4, "SKIPPED", "PORTFOLIO_MISSING", 0),
            ("damaged", Held::Damaged, &FOUR[..], 4, "SKIPPED", "PORTFOLIO_INCONSISTENT", 0),
            ("no value", held(5.0, 0.0, &["100000"]), &FOUR[..], 4, "SKIPPED", "PORTFOLIO_INCONSISTENT", 0),
            ("negative value", held(5.0, -1.0, &["100000"]), &[], 4, "SKIPPED", "PORTFOLIO_INCONSISTENT", 0),
            ("cash only", held(5.0, 5.0, &[]), &FOUR[..], 4, "NO_ACTION", "NO_ACTION_CASH_ONLY", 0),
            ("cash without total", held(5.0, 0.0, &[]), &[], 4, "NO_ACTION", "NO_ACTION_CASH_ONLY", 0),
            ("empty", held(0.0, 0.0, &[]), &FOUR[..], 4, "NO_ACTION", "NO_ACTION_PORTFOLIO_EMPTY", 0),
            ("no picks", held(0.0, 9.0, &["100000"]), &[], 4, "SKIPPED", "INSUFFICIENT_PICKS", 0),
            ("one pick", held(0.0, 9.0, &["500000"]), &FOUR[..1], 5, "OK", "DEGRADED_INPUT", 1),
            ("three picks", held(0.0, 9.0, &["500000"]), &FOUR[..3], 5, "OK", "DEGRADED_INPUT", 1),
            ("four picks", held(0.0, 9.0, &["500000"]), &FOUR[..], 5, "OK", "SUCCESS", 5),
            ("all of a universe of two", held(0.0, 9.0, &["100000"]), &FOUR[..2], 2, "OK", "SUCCESS", 2),
            ("one of a universe of two", held(0.0, 9.0, &["100000"]), &FOUR[..1], 2, "OK", "DEGRADED_INPUT", 1),
            ("value beside cash, nothing held", held(5.0, 9.0, &[]), &FOUR[..], 4, "OK", "SUCCESS", 4),
        ];
        for (name, held, picks, universe, status, reason, items) in cases {
            let found = decided(&held, picks, universe);
            assert_eq!((found.status, found.reason, found.items.len()), (status, reason, items), "{name}");
            assert_eq!(found.items_hash.len(), 16, "{name}");
        }
    }

    #[test]
    fn each_ticker_gets_the_action_of_its_case() {
        let found = decided(&held(0.0, 9.0, &["900000", "200000", "100000"]), &FOUR, 4);
        let want = [
            "100000 Hold MEDIUM HOLD_TOP_PICK",
            "200000 Hold MEDIUM HOLD_TOP_PICK",
            "300000 Add LOW NEW_ENTRY",
            "400000 Add LOW NEW_ENTRY",
            "900000 Reduce LOW REDUCE_NOT_IN_PICKS",
        ];
        assert_eq!(shown(&found), want);
        assert_eq!(found.reason_detail, "holdings=3 picks=4 regime=NEUTRAL");
        let safe = decided(&held(0.0, 9.0, &["900000", "100000"]), &FOUR[..3], 4);
        assert_eq!(shown(&safe), ["100000 Hold LOW DEGRADED_INPUT", "900000 Hold LOW DEGRADED_INPUT"]);
    }

    #[test]
    fn a_ticker_without_prices_is_kept_not_sold() {
        let universe: Vec<String> = UNIVERSE.iter().map(|ticker| (*ticker).to_owned()).collect();
        let portfolio = held(0.0, 9.0, &["500000", "900000"]);
        let found = holding_action(&portfolio, &universe, &scorer(&FOUR, &["500000"]), RegimeCode::Neutral);
        assert_eq!(shown(&found)[4..], ["500000 Hold LOW DEGRADED_INPUT", "900000 Reduce LOW REDUCE_NOT_IN_PICKS"]);
    }

    #[test]
    fn the_hash_covers_the_items_and_nothing_of_the_portfolio_is_told() {
        let one = decided(&held(1.0, 9.0, &["100000"]), &FOUR, 4);
        let richer = decided(&held(4321.0, 987_654.0, &["100000"]), &FOUR, 4);
        let other = decided(&held(1.0, 9.0, &["200000"]), &FOUR, 4);
        assert_eq!(one, richer);
        assert_ne!(one.items_hash, other.items_hash);
        assert_eq!(decided(&Held::Missing, &FOUR, 4).items_hash, "4f53cda18c2baa0c");
        let text = serde_json::to_string(&richer).expect("JSON");
        assert!(!["4321", "987654", "98765", "quantity"].iter().any(|word| text.contains(word)), "{text}");
    }

    #[test]
    fn the_real_hash_of_items_is_reproduced() {
        let found = decided(&held(0.0, 9.0, &["005930"]), &["229200", "122630", "069500", "114800"], 4);
        // Published on 2026-02-02 for the same holdings and picks.
        assert_eq!(found.items_hash, "4b132ee0332fe969");
    }
}
