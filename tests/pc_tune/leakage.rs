//! Nothing knows the future: not a decision, not a trial, not a document before gate 2.

use std::sync::Mutex;

use daily_ops::pc::backtest::Costs;
use daily_ops::pc::backtest::Market;
use daily_ops::pc::backtest::MomentumParams;
use daily_ops::pc::backtest::Setup;
use daily_ops::pc::backtest::Strategy;
use daily_ops::pc::backtest::simulate;
use daily_ops::pc::tune::config::TuneData;
use daily_ops::pc::tune::lab::Simulate;
use daily_ops::pc::tune::split::Splits;
use daily_ops::time::TradingDate;

use crate::fixture::Bench;
use crate::fixture::TICKERS;
use crate::fixture::Try;
use crate::fixture::data_of;
use crate::fixture::day;
use crate::fixture::falling;
use crate::fixture::files;
use crate::fixture::finished;
use crate::fixture::good;
use crate::fixture::market;

fn truncated(market: &Market, last: TradingDate) -> Market {
    let cut = |(ticker, bars): (&String, &daily_ops::trading::Bars)| {
        (ticker.clone(), bars.truncated(bars.date.partition_point(|date| *date <= last)))
    };
    market.iter().map(cut).collect()
}

#[test]
fn truncating_the_future_leaves_earlier_trades_unchanged() {
    let market = market(0.0002);
    let setup = |end| Setup {
        strategy: Strategy::KrxMomentum(MomentumParams::default()),
        universe: TICKERS.map(str::to_owned).to_vec(),
        instruments: std::collections::BTreeMap::new(),
        benchmark: "069500".to_owned(),
        start: day("2023-01-02"),
        end,
        costs: Costs::default(),
        initial_capital: 10_000_000.0,
    };
    let whole = simulate(&setup(day("2025-12-30")), &market).expect("simulated");
    assert!(whole.trades.len() > 50);
    for last in ["2023-02-01", "2023-08-16", "2024-03-04", "2025-06-19", "2025-12-29"].map(day) {
        let short = simulate(&setup(last), &truncated(&market, last)).expect("simulated");
        let earlier: Vec<_> = whole.trades.iter().filter(|trade| trade.date <= last).cloned().collect();
        assert_eq!(short.trades, earlier, "{last}");
        assert_eq!(short.days, whole.days[..short.days.len()], "{last}");
    }
}

#[test]
fn the_simulator_gets_no_bar_of_the_sealed_test_before_gate_2() {
    for (name, data, is_revealed) in [("falling", falling(), false), ("good", good(), true)] {
        let bench = Bench::new();
        let config = bench.config();
        let sealed_from = Splits::of(config.start, config.end).expect("long enough").test.start;
        let beyond = Mutex::new(Vec::new());
        let watch: Simulate<'_> = &|setup, market| {
            let newest = market.values().filter_map(|bars| bars.last_date()).max().expect("bars");
            if newest >= sealed_from || setup.end >= sealed_from {
                // The stage is on disk before the seal is broken.
                beyond.lock().expect("whole").push(bench.run_file("manifest.json").contains("\"gate2_passed\""));
            }
            simulate(setup, market)
        };
        finished(Try { simulate: watch, ..Try::default() }.on(&bench, (config, data)));
        let beyond = beyond.into_inner().expect("whole");
        // The judged trial and the parameters in force; nothing else may look.
        assert_eq!(!beyond.is_empty(), is_revealed, "{name}");
        assert!(beyond.len() <= 2 && beyond.iter().all(|after_gate_2| *after_gate_2), "{name}: {beyond:?}");
    }
}

#[test]
fn other_prices_in_the_sealed_test_change_no_byte_before_gate_2() {
    let corrupted = |data: TuneData, from: TradingDate| {
        let mut market = data.market;
        for bars in market.values_mut() {
            let first = bars.first_from(from);
            for at in first..bars.len() {
                for column in [&mut bars.open, &mut bars.high, &mut bars.low, &mut bars.close] {
                    column[at] *= if at % 2 == 0 { 0.5 } else { 1.9 };
                }
            }
        }
        // The files' hashes are those of the tickers: the fingerprint stays, as if nobody had noticed.
        data_of(market)
    };
    let run = |data: TuneData| {
        let bench = Bench::new();
        let config = bench.config();
        finished(Try::default().on(&bench, (config, data)));
        bench
    };
    let config = Bench::new().config();
    let sealed_from = Splits::of(config.start, config.end).expect("long enough").test.start;
    let (sound, wrong) = (run(falling()), run(corrupted(falling(), sealed_from)));
    assert_eq!(files(sound.dir.path()), files(wrong.dir.path()), "a run that stops before gate 2");
    let (sound, wrong) = (run(good()), run(corrupted(good(), sealed_from)));
    for name in ["trials.jsonl", "trials.csv"] {
        assert_eq!(sound.run_file(name), wrong.run_file(name), "{name}");
    }
    assert_ne!(sound.run_file("report.md"), wrong.run_file("report.md"), "gate 3 does look");
}
