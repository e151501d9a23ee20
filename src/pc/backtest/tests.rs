//! The engine on bars made by hand, and what must hold on any bars.

use proptest::prelude::Just;
use proptest::prelude::Strategy as _;
use proptest::prelude::prop;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;

use super::*;
use crate::trading::Board;
use crate::trading::GateReason;
use crate::trading::Kind;
use crate::trading::Leverage;

fn day(text: &str) -> TradingDate {
    text.parse().expect("a date")
}

const ETF: Instrument = Instrument::plain(Kind::Etf);
const SHARE: Instrument = Instrument::plain(Kind::Stock(Board::Kospi));

/// Bars of consecutive days: open and close of each.
fn bars(first: &str, rows: &[[f64; 2]]) -> Bars {
    let mut bars = Bars::default();
    for (date, [open, close]) in day(first).iter_days().zip(rows) {
        bars.push(date, [*open, open.max(*close), open.min(*close), *close, 1_000.0]);
    }
    bars
}

fn setup(strategy: Strategy, universe: &[(&str, Instrument)]) -> Setup<'static> {
    Setup {
        strategy,
        universe: universe.iter().map(|(ticker, _)| (*ticker).to_owned()).collect(),
        instruments: universe.iter().map(|(ticker, what)| ((*ticker).to_owned(), *what)).collect(),
        benchmark: "069500".to_owned(),
        start: day("2024-01-01"),
        end: day("2024-12-31"),
        costs: Costs::default(),
        initial_capital: 1_000_000.0,
    }
}

fn market(of: &[(&str, Bars)]) -> Market {
    of.iter().map(|(ticker, bars)| ((*ticker).to_owned(), bars.clone())).collect()
}

const CROSS: Strategy = Strategy::MaCross { fast: 1, slow: 2 };

/// Up on the second close, down on the fourth: bought at the third open, sold at the fifth.
const UP_AND_DOWN: [[f64; 2]; 6] = [
    [10_000.0, 10_000.0],
    [10_000.0, 11_000.0],
    [11_200.0, 11_500.0],
    [11_500.0, 10_500.0],
    [10_400.0, 10_300.0],
    [10_300.0, 10_200.0],
];

fn close_to(found: f64, want: f64) -> bool {
    (found - want).abs() <= 1e-6 + want.abs() * 1e-12
}

#[test]
fn one_round_trip_is_what_it_is_by_hand() {
    let setup = setup(CROSS, &[("005930", SHARE)]);
    let found = simulate(&setup, &market(&[("005930", bars("2024-01-01", &UP_AND_DOWN))])).expect("simulated");
    let [buy, sale] = &found.trades[..] else { panic!("{:?}", found.trades) };
    // floor(1,000,000 / (11,211.2 * 1.00015)) = 89 shares.
    assert_eq!((buy.seq, buy.qty, buy.side, buy.reason), (1, 89, Side::Buy, "SIGNAL_LONG"));
    assert_eq!((buy.signal_date, buy.date), (day("2024-01-02"), day("2024-01-03")));
    assert_eq!((sale.seq, sale.qty, sale.side, sale.reason), (2, 89, Side::Sell, "SIGNAL_FLAT"));
    assert_eq!((sale.signal_date, sale.date), (day("2024-01-04"), day("2024-01-05")));
    let figures = [
        ("buy price", buy.price, 11_211.2),
        ("buy notional", buy.notional, 997_796.8),
        ("buy commission", buy.commission, 149.669_52),
        ("buy slippage", buy.slippage, 996.8),
        ("sale price", sale.price, 10_389.6),
        ("sale notional", sale.notional, 924_674.4),
        ("sale commission", sale.commission, 138.701_16),
        // 0.18 % in 2024.
        ("sale tax", sale.tax, 1_664.413_92),
        ("realized", sale.realized_pnl.unwrap_or_default(), 922_871.284_92 - 997_946.469_52),
        ("equity before", found.days[1].equity, 1_000_000.0),
        ("equity held", found.days[2].equity, 2_053.530_48 + 89.0 * 11_500.0),
        ("equity after", found.days[5].equity, 924_924.815_4),
        ("final value", found.metrics.final_value, 924_924.815_4),
        ("mdd", found.metrics.mdd, (1.0 - 924_924.815_4 / 1_025_553.530_48) * 100.0),
        ("exposure", found.metrics.exposure_ratio, 2.0 / 6.0),
    ];
    for (name, found, want) in figures {
        assert!(close_to(found, want), "{name}: {found}, expected {want}");
    }
    assert_eq!((found.metrics.total_trades, found.metrics.sell_trades, found.metrics.signal_days), (2, 1, 2));
    assert!(found.final_positions.is_empty());
    let told: Vec<(usize, usize, String)> =
        ledger(&found).into_iter().map(|row| (row.potential_signals, row.actual_trades, row.primary_reason)).collect();
    let want = [(0, 0, "NO_SIGNAL"), (1, 0, "NONE"), (0, 1, "EXECUTED"), (0, 0, "NO_SIGNAL"), (0, 1, "EXECUTED")];
    for ((signals, fills, reason), found) in want.iter().zip(&told) {
        assert_eq!((*signals, *fills, *reason), (found.0, found.1, found.2.as_str()));
    }
}

#[test]
fn an_order_lapses_where_nobody_would_trade_and_the_close_decides_again() {
    type Edit = fn(&mut Bars);
    let cases: [(&str, Edit, &[&str]); 6] = [
        ("undisturbed", |_| (), &["2024-01-03", "2024-01-05"]),
        ("halted at the buy", |b| b.halted[2] = true, &["2024-01-04", "2024-01-05"]),
        ("open at the upper limit", |b| b.open[2] = 14_300.0, &["2024-01-04", "2024-01-05"]),
        ("open below the upper limit", |b| b.open[2] = 14_290.0, &["2024-01-03", "2024-01-05"]),
        // 0.7 * 10,500 = 7,350
        ("open at the lower limit", |b| b.open[4] = 7_350.0, &["2024-01-03", "2024-01-06"]),
        ("halted at the sale", |b| b.halted[4] = true, &["2024-01-03", "2024-01-06"]),
    ];
    let setup = setup(CROSS, &[("005930", SHARE)]);
    for (name, edit, want) in cases {
        let mut bars = bars("2024-01-01", &UP_AND_DOWN);
        edit(&mut bars);
        let found = simulate(&setup, &market(&[("005930", bars)])).expect(name);
        let dates: Vec<String> = found.trades.iter().map(|trade| trade.date.to_string()).collect();
        assert_eq!(dates, want, "{name}");
    }
}

#[test]
fn lapsed_orders_are_counted_by_their_cause() {
    let run = |edit: &dyn Fn(&mut Bars)| {
        let mut made = bars("2024-01-01", &UP_AND_DOWN);
        edit(&mut made);
        let setup = setup(CROSS, &[("005930", SHARE)]);
        simulate(&setup, &market(&[("005930", made)])).expect("simulated").lapsed
    };
    assert_eq!(run(&|_| {}), Lapsed { limit: 0, halt: 0 });
    assert_eq!(run(&|b| b.halted[2] = true), Lapsed { limit: 0, halt: 1 });
    assert_eq!(run(&|b| b.open[2] = 14_300.0), Lapsed { limit: 1, halt: 0 });
    let both = |b: &mut Bars| {
        b.halted[2] = true;
        b.open[4] = 7_350.0;
    };
    assert_eq!(run(&both), Lapsed { limit: 1, halt: 1 });
}

#[test]
fn prices_of_a_few_won_have_no_limits() {
    // 30 % of 3 won is no whole won, so the day's limits would be 3 and 3; half a won rounds to 0 or 1.
    for scale in [3.0 / 10_000.0, 0.5 / 10_000.0] {
        let rows: Vec<[f64; 2]> = UP_AND_DOWN.iter().map(|row| row.map(|price| price * scale)).collect();
        let made = market(&[("005930", bars("2024-01-01", &rows))]);
        let found = simulate(&setup(CROSS, &[("005930", SHARE)]), &made).expect("simulated");
        let dates: Vec<TradingDate> = found.trades.iter().map(|trade| trade.date).collect();
        assert_eq!(dates, [day("2024-01-03"), day("2024-01-05")], "{scale}");
        assert_eq!(found.lapsed, Lapsed::default());
    }
}

#[test]
fn limits_are_twice_as_wide_for_double_leverage_and_an_index_has_none() {
    let double = Instrument { kind: Kind::Etf, leverage: Leverage::Double };
    let cases = [
        ("share", SHARE, 14_300.0, false),
        ("double", double, 14_300.0, true),
        ("double at its limit", double, 17_600.0, false),
        ("index", Instrument::plain(Kind::Index), 30_000.0, true),
    ];
    for (name, what, open, fills) in cases {
        let mut bars = bars("2024-01-01", &UP_AND_DOWN);
        bars.open[2] = open;
        let found = simulate(&setup(CROSS, &[("122630", what)]), &market(&[("122630", bars)])).expect(name);
        let third = found.trades.iter().any(|trade| trade.date == day("2024-01-03"));
        assert_eq!(third, fills, "{name}");
    }
}

/// A ticker that opens at its last close and moves by these percentages, from 2024-01-01, a Monday, on.
fn path(steps: &[f64]) -> Bars {
    let mut close = 10_000.0;
    let rows: Vec<[f64; 2]> = std::iter::once(&0.0)
        .chain(steps)
        .map(|step| {
            let open = close;
            close = (close * (1.0 + step / 100.0)).round();
            [open, close]
        })
        .collect();
    bars("2024-01-01", &rows)
}

/// One position of half the equity, scored over two bars: a rise of 4.1 % opens, a fall of 5.9 % closes.
fn one_at_a_time() -> MomentumParams {
    MomentumParams {
        momentum_period: 2,
        max_positions: 1,
        max_position_pct: 0.5,
        rebalance_threshold: 1.0,
        ..MomentumParams::default()
    }
}

fn run(params: MomentumParams, tickers: &[(&str, Bars)]) -> Outcome {
    let universe: Vec<(&str, Instrument)> =
        tickers.iter().filter(|(ticker, _)| *ticker != "069500").map(|(ticker, _)| (*ticker, ETF)).collect();
    simulate(&setup(Strategy::KrxMomentum(params), &universe), &market(tickers)).expect("simulated")
}

/// Day of January, ticker and reason of each fill.
fn fills(found: &Outcome) -> Vec<(u32, &str, &'static str)> {
    use chrono::Datelike as _;
    found.trades.iter().map(|trade| (trade.date.ordinal(), trade.ticker.as_str(), trade.reason)).collect()
}

#[test]
fn momentum_enters_by_rank_and_leaves_for_each_reason() {
    let base = one_at_a_time();
    let gate = GateParams { ma_short: 1, ma_long: 2, adx_period: 1, adx_threshold: 0.0, ..GateParams::default() };
    let gated = MomentumParams { gate: Some(gate), ..base };
    let often = MomentumParams { rebalance_threshold: 0.01, ..base };
    let (rising, faster) = (path(&[5.0, 6.0, 6.0, 6.0]), path(&[1.0, 8.0, 12.0, 12.0]));
    let bench = path(&[5.0, 5.0, -5.0, -5.0]);
    type Fills = &'static [(u32, &'static str, &'static str)];
    type Case = (&'static str, MomentumParams, Vec<(&'static str, Bars)>, Fills);
    let cases: [Case; 7] = [
        ("entry", base, vec![("A", rising.clone())], &[(3, "A", "ENTRY")]),
        (
            "a better one takes the place",
            base,
            vec![("A", rising.clone()), ("B", faster)],
            &[(3, "A", "ENTRY"), (4, "A", "RANK_OUT"), (4, "B", "ENTRY")],
        ),
        ("stop", base, vec![("A", path(&[5.0, -2.0, -2.0, 0.0]))], &[(3, "A", "ENTRY"), (5, "A", "STOP_LOSS")]),
        ("score", base, vec![("A", path(&[5.0, 10.0, -7.0, 0.0]))], &[(3, "A", "ENTRY"), (5, "A", "MOMENTUM_EXIT")]),
        ("drift", often, vec![("A", rising.clone())], &[(3, "A", "ENTRY"), (5, "A", "REBALANCE")]),
        (
            "gate",
            gated,
            vec![("A", path(&[5.0, 6.0, 2.0, 6.0])), ("069500", bench)],
            &[(3, "A", "ENTRY"), (5, "A", "BEAR_BLOCK")],
        ),
        (
            "no benchmark bar that day",
            gated,
            vec![("A", rising), ("069500", path(&[5.0, 5.0]))],
            &[(3, "A", "ENTRY"), (5, "A", "NO_DATA")],
        ),
    ];
    for (name, params, tickers, want) in cases {
        assert_eq!(fills(&run(params, &tickers)), want, "{name}");
    }
}

#[test]
fn ties_go_to_the_lower_ticker_and_the_order_of_the_universe_changes_nothing() {
    let rising = path(&[5.0, 6.0, 6.0, 6.0]);
    for order in [["A", "B"], ["B", "A"]] {
        let found = run(one_at_a_time(), &order.map(|ticker| (ticker, rising.clone())));
        assert_eq!(fills(&found), [(3, "A", "ENTRY")], "{order:?}");
    }
}

#[test]
fn positions_open_on_rebalance_days_only_but_are_asked_for_on_every_day() {
    // 2024-01-01 is a Monday, so the next week starts on the eighth day; the next month on the thirty-second.
    let cases = [(Frequency::Daily, 3), (Frequency::Weekly, 9), (Frequency::Monthly, 33)];
    for (rebalance, want) in cases {
        let found = run(MomentumParams { rebalance, ..one_at_a_time() }, &[("A", path(&[5.0; 40]))]);
        assert_eq!(fills(&found).first(), Some(&(want, "A", "ENTRY")), "{rebalance:?}");
        assert_eq!(found.days[1].potential_signals, 1, "{rebalance:?}");
        assert_eq!(fills(&found).len(), 1, "{rebalance:?}");
    }
    // A window that starts in the middle of a week does not make a new one: there are bars before it.
    let params = MomentumParams { rebalance: Frequency::Weekly, ..one_at_a_time() };
    let late = Setup { start: day("2024-01-03"), ..setup(Strategy::KrxMomentum(params), &[("A", ETF)]) };
    let found = simulate(&late, &market(&[("A", path(&[5.0; 20]))])).expect("simulated");
    assert_eq!(fills(&found).first(), Some(&(9, "A", "ENTRY")));
}

#[test]
fn a_held_ticker_without_a_bar_is_frozen_in_its_slot() {
    let mut gap = path(&[5.0, 6.0, 1.0, 1.0]);
    for column in [&mut gap.open, &mut gap.high, &mut gap.low, &mut gap.close, &mut gap.volume] {
        column.remove(3);
    }
    gap.date.remove(3);
    gap.halted.remove(3);
    let other = path(&[1.0, 1.0, 9.0, 9.0]);
    let found = run(one_at_a_time(), &[("A", gap), ("B", other)]);
    // On the fourth day B would rank first, but A has no score and keeps the one slot, valued at its last close.
    assert_eq!(fills(&found), [(3, "A", "ENTRY")]);
    assert!(close_to(found.days[3].market_value, found.days[2].market_value));
}

#[test]
fn a_sale_that_lapses_lets_no_other_position_in() {
    let (mut rising, faster) = (path(&[5.0, 6.0, 6.0, 6.0]), path(&[1.0, 8.0, 12.0, 12.0]));
    rising.halted[3] = true;
    let found = run(one_at_a_time(), &[("A", rising), ("B", faster)]);
    assert_eq!(fills(&found), [(3, "A", "ENTRY"), (5, "A", "RANK_OUT"), (5, "B", "ENTRY")]);
}

#[test]
fn purchases_share_what_the_cash_floor_leaves() {
    let params = MomentumParams { max_positions: 2, ..one_at_a_time() };
    let (mut first, second) = (path(&[6.0, 1.0]), path(&[5.0, 1.0]));
    // The better one opens twenty percent higher and takes more than it was meant to.
    first.open[2] = 12_720.0;
    let found = run(params, &[("A", first), ("B", second)]);
    let [a, b] = &found.trades[..] else { panic!("{:?}", found.trades) };
    assert_eq!((a.ticker.as_str(), a.qty, b.ticker.as_str()), ("A", 42, "B"));
    let cash = 1_000_000.0 - [a, b].iter().map(|trade| trade.notional + trade.commission).sum::<f64>();
    assert!((100_000.0..110_600.0).contains(&cash), "{cash}");
    assert!(b.qty < 42, "less than its weight of 0.45: {}", b.qty);
}

#[test]
fn the_gate_of_a_single_ticker_is_its_own_and_reads_as_its_reason() {
    let params = GateParams { ma_short: 1, ma_long: 2, adx_period: 1, adx_threshold: 0.0, ..GateParams::default() };
    let setup = setup(Strategy::RegimeMaAdx(params), &[("A", ETF)]);
    let found = simulate(&setup, &market(&[("A", path(&[5.0, 5.0, -5.0, -5.0]))])).expect("simulated");
    assert_eq!(fills(&found), [(3, "A", "GATE_PASS"), (5, "A", "BEAR_BLOCK")]);
    let told: Vec<(String, String, String)> =
        ledger(&found).into_iter().map(|row| (row.status, row.regime, row.primary_reason)).collect();
    let want = [
        ("BLOCKED", "unknown", "DATA_MISSING"),
        ("OPEN", "bull", "NONE"),
        ("OPEN", "bull", "EXECUTED"),
        ("BLOCKED", "bear", "BEAR_BLOCK"),
        ("BLOCKED", "bear", "EXECUTED"),
    ];
    for (found, want) in told.iter().zip(want) {
        assert_eq!((found.0.as_str(), found.1.as_str(), found.2.as_str()), want);
    }
    let reasons: Vec<_> = found.days.iter().map(|row| row.gate.map(|gate| gate.reason)).collect();
    assert_eq!(reasons[0], Some(GateReason::DataMissing));
}

fn refused(setup: &Setup<'_>, want: &str) {
    let fault = simulate(setup, &market(&[("A", path(&[5.0, 5.0]))])).expect_err(want);
    assert!(fault.to_string().contains(want), "{fault}, expected {want}");
}

#[test]
fn a_wrong_input_is_named_with_its_value_and_rule() {
    type Edit = fn(&mut Setup<'_>);
    fn regime(setup: &mut Setup<'_>, edit: fn(&mut GateParams)) {
        let mut gate = GateParams::default();
        edit(&mut gate);
        setup.strategy = Strategy::RegimeMaAdx(gate);
    }
    let cases: [(Edit, &str); 17] = [
        (|s| s.strategy = Strategy::MaCross { fast: 0, slow: 2 }, "fast is 0, must be a whole number of bars"),
        (|s| s.strategy = Strategy::MaCross { fast: 1, slow: 10_001 }, "slow is 10001"),
        (|s| s.universe.push("B".to_owned()), "universe is a list of 2, must be exactly one ticker"),
        (|s| s.universe = vec!["A".to_owned(); 2], "universe is A, must be a list that names each ticker once"),
        (|s| s.universe.clear(), "universe is a list of 0"),
        (|s| s.universe = vec!["Z".to_owned()], "no prices for Z"),
        (|s| s.costs.commission_rate = -0.1, "commission_rate is -0.1"),
        (|s| s.costs.commission_rate = 0.1, "commission_rate is 0.1"),
        (|s| s.costs.slippage_rate = f64::NAN, "slippage_rate is NaN"),
        (|s| s.initial_capital = 0.0, "initial_capital is 0"),
        (|s| s.initial_capital = -1.0, "initial_capital is -1"),
        (|s| s.initial_capital = f64::INFINITY, "initial_capital is inf"),
        (|s| s.end = day("2023-01-01"), "end is 2023-01-01, must be not before start"),
        (|s| s.start = day("2024-06-03"), "no session between 2024-06-03 and 2024-12-31 has a bar"),
        (|s| regime(s, |gate| gate.adx_threshold = 101.0), "adx_threshold is 101"),
        (|s| regime(s, |gate| gate.ma_long = 0), "ma_long is 0"),
        (|s| regime(s, |gate| gate.adx_period = 0), "adx_period is 0"),
    ];
    for (edit, want) in cases {
        let mut setup = setup(CROSS, &[("A", ETF)]);
        edit(&mut setup);
        refused(&setup, want);
    }
    let early = Setup { start: day("2019-01-01"), end: day("2019-12-31"), ..setup(CROSS, &[("A", SHARE)]) };
    let old = Market::from([("A".to_owned(), bars("2019-06-03", &UP_AND_DOWN))]);
    let fault = simulate(&early, &old).expect_err("no tax is known");
    assert!(fault.to_string().contains("the fee table starts on 2020-01-01"), "{fault}");
}

#[test]
fn a_wrong_parameter_of_momentum_is_named_with_its_value_and_rule() {
    type Edit = fn(&mut MomentumParams);
    let cases: [(Edit, &str); 14] = [
        (|p| p.exit_threshold = 0.12, "exit_threshold is 0.12, must be a negative fraction"),
        (|p| p.exit_threshold = 0.0, "exit_threshold is 0"),
        (|p| p.exit_threshold = -12.0, "exit_threshold is -12"),
        (|p| p.exit_threshold = f64::NAN, "exit_threshold is NaN"),
        (|p| p.entry_threshold = -0.05, "entry_threshold is -0.05"),
        (|p| p.momentum_period = 0, "momentum_period is 0"),
        (|p| p.max_positions = 0, "max_positions is 0"),
        (|p| p.max_position_pct = 0.0, "max_position_pct is 0"),
        (|p| p.max_position_pct = 25.0, "max_position_pct is 25"),
        (|p| p.min_cash_pct = 1.0, "min_cash_pct is 1"),
        (|p| p.min_cash_pct = -0.1, "min_cash_pct is -0.1"),
        (|p| p.rebalance_threshold = 1.5, "rebalance_threshold is 1.5"),
        (|p| p.rebalance_threshold = f64::NAN, "rebalance_threshold is NaN"),
        (|p| p.gate = Some(GateParams::default()), "no prices for 069500"),
    ];
    for (edit, want) in cases {
        let mut params = MomentumParams::default();
        edit(&mut params);
        refused(&setup(Strategy::KrxMomentum(params), &[("A", ETF)]), want);
    }
}

/// Any bars: steps in tenths of a percent, gaps at the open, halts and missing days.
fn any_bars() -> impl proptest::strategy::Strategy<Value = Bars> {
    let row = (-120_i32..120, -40_i32..40, 0_u8..20, 0_u8..20);
    (1_000_u32..90_000, prop::collection::vec(row, 8..70)).prop_map(|(first, rows)| {
        let mut bars = Bars::default();
        let mut close = f64::from(first);
        for (date, (step, gap, halt, missing)) in day("2024-01-01").iter_days().zip(rows) {
            let open = (close * (1.0 + f64::from(gap) / 1_000.0)).round().max(1.0);
            if missing == 0 && bars.len() > 1 {
                continue;
            }
            let halted = halt == 0;
            if !halted {
                close = (close * (1.0 + f64::from(step) / 1_000.0)).round().max(1.0);
            }
            let open = if halted { close } else { open };
            bars.push(date, [open, open.max(close), open.min(close), close, 1.0]);
            if let Some(flag) = bars.halted.last_mut() {
                *flag = halted;
            }
        }
        bars
    })
}

/// Every strategy on short windows.
fn any_strategy() -> impl proptest::strategy::Strategy<Value = Strategy> {
    let gate = (1_usize..6, 2_usize..9, 1_usize..5, 0_u8..60).prop_map(|(ma_short, ma_long, adx_period, threshold)| {
        GateParams { ma_short, ma_long, adx_period, adx_threshold: f64::from(threshold), ..GateParams::default() }
    });
    let frequency = prop_oneof![Just(Frequency::Daily), Just(Frequency::Weekly), Just(Frequency::Monthly)];
    let momentum = (2_usize..9, 1_usize..4, 0_u8..40, prop::option::of(gate.clone()), frequency);
    prop_oneof![
        (1_usize..6, 2_usize..12).prop_map(|(fast, slow)| Strategy::MaCross { fast, slow }),
        gate.prop_map(Strategy::RegimeMaAdx),
        momentum.prop_map(|(momentum_period, max_positions, cash, gate, rebalance)| {
            Strategy::KrxMomentum(MomentumParams {
                momentum_period,
                max_positions,
                min_cash_pct: f64::from(cash) / 100.0,
                max_position_pct: 0.6,
                rebalance,
                gate,
                ..MomentumParams::default()
            })
        }),
    ]
}

fn any_setup(strategy: Strategy) -> Setup<'static> {
    let many = matches!(strategy, Strategy::KrxMomentum(_));
    let universe =
        [("069500", ETF), ("005930", SHARE), ("122630", Instrument { kind: Kind::Etf, leverage: Leverage::Double })];
    setup(strategy, if many { &universe } else { &universe[1..2] })
}

proptest! {
    #[test]
    fn prop_cash_and_positions_are_equity_on_every_day(
        strategy in any_strategy(), a in any_bars(), b in any_bars(), c in any_bars(),
    ) {
        let setup = any_setup(strategy);
        let market = market(&[("069500", a), ("005930", b), ("122630", c)]);
        let found = simulate(&setup, &market).expect("simulated");
        let (mut cash, mut held) = (setup.initial_capital, BTreeMap::<&str, i64>::new());
        let mut trades = found.trades.iter().peekable();
        for row in &found.days {
            let mut fills = 0;
            while let Some(trade) = trades.next_if(|trade| trade.date == row.date) {
                let sign = if trade.side == Side::Buy { 1 } else { -1 };
                cash -= f64::from(sign) * trade.notional + trade.commission + trade.tax;
                *held.entry(&trade.ticker).or_default() += i64::from(sign) * trade.qty;
                fills += 1;
                prop_assert!(trade.qty > 0 && trade.signal_date < trade.date);
            }
            let value: f64 = held.iter().map(|(ticker, qty)| {
                let bars = &market[*ticker];
                let last = bars.date.partition_point(|date| *date <= row.date);
                if *qty == 0 { 0.0 } else { book::shares(*qty) * bars.close[last - 1] }
            }).sum();
            prop_assert!(held.values().all(|qty| *qty >= 0));
            prop_assert!(cash >= -1e-6, "cash {cash} on {}", row.date);
            prop_assert!((cash + value - row.equity).abs() < 1e-5, "{} against {}", cash + value, row.equity);
            prop_assert!((value - row.market_value).abs() < 1e-5);
            prop_assert_eq!(fills, row.fills);
            if let Strategy::KrxMomentum(params) = &setup.strategy {
                prop_assert!(held.values().filter(|qty| **qty > 0).count() <= params.max_positions);
            }
        }
        prop_assert!(trades.next().is_none());
        let realized: f64 = found.trades.iter().filter_map(|trade| trade.realized_pnl).sum();
        let open: f64 = found.final_positions.iter().map(|p| book::shares(p.qty) * p.close - p.basis).sum();
        let last = found.days.last().expect("a day").equity;
        prop_assert!((last - setup.initial_capital - realized - open).abs() < 1e-5);
        prop_assert_eq!(found.metrics.total_trades, found.trades.len());
    }

    #[test]
    fn prop_no_trade_knows_the_future(
        strategy in any_strategy(), a in any_bars(), b in any_bars(), c in any_bars(), cut in 1_u64..60,
    ) {
        let setup = any_setup(strategy);
        let whole = market(&[("069500", a), ("005930", b), ("122630", c)]);
        let last = day("2024-01-01") + chrono::Days::new(cut);
        let found = simulate(&setup, &whole).expect("simulated");
        let (mut cut_off, mut altered) = (whole.clone(), whole.clone());
        for bars in cut_off.values_mut() {
            bars.truncate(bars.date.partition_point(|date| *date <= last));
        }
        for bars in altered.values_mut() {
            for i in bars.date.partition_point(|date| *date <= last)..bars.len() {
                bars.close[i] *= 1.7;
                bars.open[i] *= 0.6;
                bars.high[i] *= 2.0;
                bars.halted[i] = !bars.halted[i];
            }
        }
        let known: Vec<&Trade> = found.trades.iter().filter(|trade| trade.date <= last).collect();
        let days: Vec<&DayRow> = found.days.iter().filter(|row| row.date <= last).collect();
        for other in [cut_off, altered] {
            let other = simulate(&setup, &other).expect("simulated");
            let trades: Vec<&Trade> = other.trades.iter().filter(|trade| trade.date <= last).collect();
            prop_assert_eq!(&trades, &known);
            let rows: Vec<&DayRow> = other.days.iter().filter(|row| row.date <= last).collect();
            prop_assert_eq!(&rows, &days);
        }
    }

    #[test]
    fn prop_the_same_inputs_give_the_same_result_in_any_order_of_tickers(
        strategy in any_strategy(), a in any_bars(), b in any_bars(), c in any_bars(),
    ) {
        let mut setup = any_setup(strategy);
        let market = market(&[("069500", a), ("005930", b), ("122630", c)]);
        let found = simulate(&setup, &market).expect("simulated");
        setup.universe.reverse();
        prop_assert_eq!(simulate(&setup, &market).expect("simulated"), found);
    }
}
