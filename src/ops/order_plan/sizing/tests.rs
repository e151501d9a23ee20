//! Sizes: the worked example, each limit alone, and what holds for any recommendation.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::contracts::reco::RecoReport;
use crate::ops::order_plan::wishes::wishes;

fn account(cash: i64, held: &[(&str, i64, i64)]) -> Account {
    let rows: Vec<_> = held
        .iter()
        .map(|(ticker, quantity, price)| json!({"ticker": ticker, "quantity": quantity, "current_price": price}))
        .collect();
    let text = json!({"cash": cash, "holdings": rows}).to_string();
    Account::read(text.as_bytes()).expect("an account")
}

fn reco(picks: &[&str], actions: &[(&str, &str)]) -> RecoReport {
    let picks = picks.iter().map(|ticker| json!({"ticker": ticker, "score": 65.0}));
    let actions = actions.iter().map(|(ticker, action)| json!({"ticker": ticker, "action": action}));
    RecoReport { top_picks: Some(picks.collect()), holding_actions: Some(actions.collect()), ..RecoReport::default() }
}

fn limits(max_position: f64, max_positions: u64, min_cash: f64, min_value: u64) -> Limits {
    let stated = Constraints { max_position_pct: max_position, max_positions, min_cash_pct: min_cash };
    Limits::of(&stated, min_value, "2026-11-20".parse().expect("a date")).expect("limits")
}

fn sized(reco: &RecoReport, account: &Account, prices: &Prices, limits: &Limits) -> Sized {
    let wishes = wishes(reco, account).expect("wishes");
    let (sized, refused) = size(wishes, account, prices, limits).expect("prices");
    assert_eq!(refused, None);
    sized
}

/// Side, ticker, shares, limit.
fn rows(sized: &Sized) -> Vec<(&str, &str, i64, i64)> {
    let row = |order: &'_ Order| (order.quantity.expect("shares"), order.limit_price.expect("a limit"));
    sized.orders.iter().map(|o| (o.side.as_str(), o.ticker.as_str(), row(o).0, row(o).1)).collect()
}

const EXAMPLE: [(&str, i64); 4] = [("229200", 15_580), ("122630", 47_540), ("069500", 60_720), ("114800", 2_440)];

#[test]
fn the_worked_example_comes_out() {
    let picks = EXAMPLE.map(|(ticker, _)| ticker);
    let found =
        sized(&reco(&picks, &[]), &account(10_000_000, &[]), &Prices::of(&EXAMPLE), &limits(0.25, 4, 0.10, 100_000));
    let shares: Vec<_> = found.orders.iter().map(|order| order.quantity.expect("shares")).collect();
    assert_eq!(shares, [144, 47, 37, 921]);
    let values: Vec<_> = found.orders.iter().map(|order| order.value.expect("a value")).collect();
    assert_eq!(values, [2_243_520, 2_234_380, 2_246_640, 2_247_240]);
    let want = CashDebug {
        total_value: 10_000_000,
        min_cash_pct: 0.1,
        required_cash_floor: 1_000_000,
        max_buy_budget: 9_000_000,
        planned_buy_notional: 8_971_780,
        breached: false,
    };
    assert_eq!(found.cash, want);
    for order in &found.orders {
        assert_eq!((order.intent.as_str(), order.reason.as_str()), ("NEW_ENTRY", "TOP_PICK"));
        assert_eq!((order.confidence.as_str(), order.reason_detail.as_str()), ("HIGH", "Score: 65.0"));
    }
}

#[test]
fn each_source_gives_its_order_and_a_hold_none() {
    let actions = [("005930", "REDUCE"), ("000660", "SELL"), ("069500", "HOLD"), ("229200", "ADD"), ("122630", "BUY")];
    let held = [("005930", 5, 70_050), ("000660", 3, 150_000), ("069500", 10, 60_000), ("229200", 10, 15_000)];
    let prices = Prices::of(&[
        ("005930", 70_050),
        ("000660", 150_000),
        ("229200", 15_583),
        ("122630", 47_540),
        ("114800", 2_440),
    ]);
    let reco = reco(&["069500", "114800", "229200"], &actions);
    let found = sized(&reco, &account(10_000_000, &held), &prices, &limits(0.5, 6, 0.1, 1));
    let text: Vec<_> =
        found.orders.iter().map(|o| format!("{} {} {} {}", o.side, o.ticker, o.intent, o.reason)).collect();
    let want = [
        "SELL 005930 REDUCE RECO_REDUCE",
        "SELL 000660 EXIT RECO_SELL",
        "BUY 114800 NEW_ENTRY TOP_PICK",
        "BUY 229200 ADD RECO_BUY",
        "BUY 122630 NEW_ENTRY RECO_BUY",
    ];
    assert_eq!(text, want);
    let rows = rows(&found);
    // Half of five is three; a share's sale is rounded up to its tick of 100, a fund's buy down to its tick of 5.
    assert_eq!((rows[0], rows[1].2, rows[3].3), (("SELL", "005930", 3, 70_100), 3, 15_580));
}

#[test]
fn limits_hold_one_by_one() {
    let prices = Prices::of(&EXAMPLE);
    let picks = EXAMPLE.map(|(ticker, _)| ticker);
    let all = reco(&picks, &[]);
    let small = sized(&all, &account(10_000_000, &[]), &prices, &limits(0.25, 2, 0.1, 100_000));
    assert_eq!(small.orders.iter().map(|order| order.ticker.as_str()).collect::<Vec<_>>(), ["229200", "122630"]);
    assert_eq!(small.left_out.len(), 2);
    assert!(small.orders.iter().all(|order| order.value <= Some(2_500_000)), "a quarter of the whole is the most");
    let poor = sized(&all, &account(399_000, &[]), &prices, &limits(0.25, 4, 0.1, 100_000));
    assert_eq!((poor.orders.len(), poor.left_out.len()), (0, 4), "worth less than 100,000 won each");
    let below = sized(&all, &account(50, &[("005930", 100, 70_000)]), &prices, &limits(0.25, 9, 0.1, 1));
    assert_eq!((below.orders.len(), below.cash.max_buy_budget), (0, 0), "cash is below the floor");
    // A sale that is left out keeps its place.
    let held = [("005930", 1, 70_000)];
    let kept = reco(&["229200"], &[("005930", "SELL")]);
    let full = Prices::of(&[("005930", 70_000), ("229200", 15_580)]);
    let found = sized(&kept, &account(1_000_000, &held), &full, &limits(0.5, 1, 0.1, 100_000));
    assert_eq!(rows(&found), []);
    let found = sized(&kept, &account(1_000_000, &held), &full, &limits(0.5, 1, 0.1, 1));
    assert_eq!(rows(&found).len(), 2);
}

#[test]
fn a_price_that_is_needed_and_missing_stops_everything() {
    let held = account(1_000_000, &[("005930", 10, 70_000)]);
    let limits = limits(0.5, 4, 0.1, 1);
    let none = |reco: &RecoReport| size(wishes(reco, &held).expect("wishes"), &held, &Prices::default(), &limits);
    assert_eq!(none(&reco(&["229200"], &[])), Err(NoSize::PriceMissing("229200".to_owned())));
    assert_eq!(none(&reco(&[], &[("005930", "SELL")])), Err(NoSize::PriceMissing("005930".to_owned())));
    assert!(
        none(&reco(&[], &[("005930", "HOLD"), ("000660", "SELL")])).is_ok_and(|(sized, _)| sized.orders.is_empty())
    );
}

#[test]
fn buys_beyond_a_sum_are_cut_from_the_last_one() {
    let buys = |found: &Sized| found.orders.clone();
    let picks = EXAMPLE.map(|(ticker, _)| ticker);
    let found =
        sized(&reco(&picks, &[]), &account(10_000_000, &[]), &Prices::of(&EXAMPLE), &limits(0.25, 4, 0.1, 100_000));
    let cases = [
        (9_000_000, [144, 47, 37, 921].to_vec()),
        (8_971_779, [144, 47, 37, 920].to_vec()),
        (6_750_000, [144, 47, 37].to_vec()),
        (4_000_000, [144, 36].to_vec()),
        (50_000, Vec::new()),
    ];
    for (most, want) in cases {
        let kept = trim(buys(&found), most, 100_000, &mut Vec::new());
        assert_eq!(kept.iter().map(|order| order.quantity.expect("shares")).collect::<Vec<_>>(), want, "{most}");
        assert!(kept.iter().filter_map(|order| order.value).sum::<i64>() <= most);
    }
}

#[test]
fn a_recommendation_that_contradicts_itself_is_not_acted_on() {
    let none = account(1_000_000, &[]);
    for (name, reco) in [
        ("two actions", reco(&[], &[("005930", "SELL"), ("005930", "BUY")])),
        ("unknown action", reco(&[], &[("005930", "DOUBLE")])),
        ("picked twice", reco(&["005930", "005930"], &[])),
        ("no ticker", reco(&["5930"], &[])),
    ] {
        assert!(wishes(&reco, &none).is_err(), "{name}");
    }
}

const TICKERS: [&str; 8] = ["005930", "000660", "069500", "102110", "114800", "122630", "229200", "999999"];
const ACTIONS: [&str; 6] = ["", "SELL", "REDUCE", "ADD", "BUY", "HOLD"];

prop_compose! {
    fn market()(
        prices in prop::collection::vec(1..900_000_i64, 8),
        held in prop::collection::vec(0..2_000_i64, 8),
        actions in prop::collection::vec(0..6_usize, 8),
        picks in prop::sample::subsequence(TICKERS.to_vec(), 0..=8).prop_shuffle(),
        cash in 0..50_000_000_i64,
        max_position in 0..=100_u32,
        min_cash in 0..=100_u32,
        max_positions in 1..9_u64,
        min_value in prop_oneof![Just(0_u64), Just(100_000)],
    ) -> (Vec<(&'static str, i64)>, Account, RecoReport, Limits) {
        let prices: Vec<_> = TICKERS.into_iter().zip(prices).collect();
        let held: Vec<_> = prices
            .iter().zip(held).map(|((ticker, price), shares)| (*ticker, shares, *price)).filter(|row| row.1 > 0).collect();
        let actions: Vec<_> =
            TICKERS.into_iter().zip(actions).map(|(ticker, at)| (ticker, ACTIONS[at])).filter(|row| !row.1.is_empty()).collect();
        let limits = limits(f64::from(max_position) / 100.0, max_positions, f64::from(min_cash) / 100.0, min_value);
        (prices, account(cash, &held), reco(&picks, &actions), limits)
    }
}

proptest! {
    #[test]
    fn prop_no_plan_goes_beyond_its_limits((prices, account, reco, limits) in market()) {
        let found = sized(&reco, &account, &Prices::of(&prices), &limits);
        let mut backwards = prices.clone();
        backwards.reverse();
        prop_assert_eq!(&sized(&reco, &account, &Prices::of(&backwards), &limits), &found, "the order of prices is nothing");
        let buys: Vec<_> = found.orders.iter().filter(|order| order.side == "BUY").collect();
        let value = |order: &Order| order.value.expect("a value");
        let spent: i64 = buys.iter().map(|order| value(order) + (value(order) * 15 + 99_999) / 100_000).sum();
        // The commission of each order is rounded up here, and cut off inside its part.
        prop_assert!(spent <= found.cash.max_buy_budget + buys.len() as i64, "{spent}");
        prop_assert_eq!(buys.iter().map(|order| value(order)).sum::<i64>(), found.cash.planned_buy_notional);
        prop_assert!(buys.is_empty() || account.cash - spent >= found.cash.required_cash_floor - buys.len() as i64);
        let mut after: std::collections::BTreeMap<&str, i64> =
            account.positions.iter().map(|position| (position.ticker.as_str(), position.quantity)).collect();
        let held = after.len();
        for order in &found.orders {
            let shares = order.quantity.expect("shares");
            prop_assert!(shares > 0 && value(order) >= limits.min_value, "{order:?}");
            let held = after.entry(order.ticker.as_str()).or_default();
            *held += if order.side == "BUY" { shares } else { -shares };
            prop_assert!(*held >= 0, "nothing is sold that is not held: {order:?}");
            let price = order.limit_price.expect("a limit");
            let kind = known(&order.ticker).map_or(Instrument::unknown(), |(what, _)| what).kind;
            prop_assert_eq!(price % tick_size(kind, price, limits.date), 0, "{:?}", order);
            let paid = order.price.expect("a price");
            let careful = if order.side == "BUY" { price <= paid.floor() } else { price >= paid.ceil() };
            prop_assert!(careful, "{order:?}");
            if order.side == "BUY" {
                let most = limits.max_position.of_down(found.cash.total_value);
                prop_assert!(paid.times(*held) <= most, "{order:?}");
            }
        }
        let positions = after.values().filter(|shares| **shares > 0).count();
        prop_assert!(positions <= limits.max_positions.max(held), "{positions}");
        if found.orders.iter().any(|order| order.intent == "NEW_ENTRY") {
            prop_assert!(positions <= limits.max_positions, "{positions}");
        }
        for row in reco.holding_actions.iter().flatten().filter(|row| row["action"] == "HOLD") {
            prop_assert!(found.orders.iter().all(|order| row["ticker"] != order.ticker.as_str()));
        }
        let sides: Vec<_> = found.orders.iter().map(|order| order.side.as_str()).collect();
        prop_assert!(sides.is_sorted_by(|a, b| a >= b), "sales first: {sides:?}");
    }
}
