//! Made-up bars obey the exchange's rules and are the same everywhere.

use super::*;
use crate::contracts::json::sha256_hex;
use crate::time::Calendar;
use crate::trading::known;
use crate::trading::price_limits;
use crate::trading::tick_size;

fn spec(seed: u64) -> SyntheticSpec {
    SyntheticSpec { seed, from: day("2020-01-01"), to: day("2025-12-31"), halt: None }
}

fn made(spec: &SyntheticSpec) -> std::collections::BTreeMap<String, Bars> {
    synthetic_bars(spec, Calendar::krx()).expect("made up")
}

fn whole(value: f64) -> i64 {
    let found = value as i64;
    assert!((found as f64).to_bits() == value.to_bits(), "{value} is not whole");
    found
}

/// The move of the close to each bar but the first.
fn returns(bars: &Bars) -> Vec<f64> {
    bars.close.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect()
}

#[test]
fn made_up_bars_are_clean_and_complete() {
    for seed in 0..8 {
        for (ticker, bars) in made(&spec(seed)) {
            assert_eq!(bars.len(), 1473, "{ticker}");
            let what = known(&ticker).map_or(SHARE, |(what, _)| what);
            let raw = RawBars { ticker: ticker.clone(), bars: bars.clone(), sha256: String::new() };
            let found = normalize(&raw, what, Calendar::krx());
            assert!(found.findings.is_clean(), "{ticker} seed {seed}: {:?}", found.findings.lines());
            assert_eq!(found.bars, bars, "{ticker} seed {seed}");
            let window = day("2020-01-01")..=day("2025-12-31");
            assert_eq!(found.verdict(&window, Calendar::krx()).map(|found| found.missing), Ok(Vec::new()));
        }
    }
}

#[test]
fn made_up_prices_stand_on_the_grid_inside_the_limits() {
    for seed in [1, 2, 3] {
        for (ticker, bars) in made(&spec(seed)) {
            let what = known(&ticker).map_or(SHARE, |(what, _)| what);
            assert!(bars.volume.iter().all(|volume| whole(*volume) > 10_000), "{ticker}");
            if what.kind == Kind::Index {
                continue;
            }
            for at in 1..bars.len() {
                let limits = price_limits(what, whole(bars.close[at - 1]), bars.date[at]);
                for price in [bars.open[at], bars.high[at], bars.low[at], bars.close[at]] {
                    let price = whole(price);
                    assert!(limits.lower <= price && price <= limits.upper, "{ticker} {}: {price}", bars.date[at]);
                    assert_eq!(price % tick_size(what.kind, price, bars.date[at]), 0, "{ticker} {}", bars.date[at]);
                }
            }
        }
    }
}

#[test]
fn funds_move_as_their_index_says() {
    let market = made(&spec(7));
    let (index, growth, share) = (returns(&market["^KS11"]), returns(&market["229200"]), returns(&market["005930"]));
    for (ticker, times) in [("069500", 1.0), ("114800", -1.0), ("122630", 2.0)] {
        let bars = &market[ticker];
        for (at, (found, of_index)) in returns(bars).iter().zip(&index).enumerate() {
            // Two prices, each half a tick of five won from its value.
            let room = 6.0 / bars.close[at].min(bars.close[at + 1]) + 1e-4;
            assert!((found - times * of_index).abs() < room, "{ticker} {}: {found} {of_index}", bars.date[at + 1]);
        }
    }
    let correlation = |a: &[f64], b: &[f64]| {
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let with = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| (p - mean(x)) * (q - mean(y))).sum::<f64>();
        with(a, b) / (with(a, a) * with(b, b)).sqrt()
    };
    for (name, found) in [("growth", correlation(&index, &growth)), ("share", correlation(&index, &share))] {
        assert!((0.5..0.95).contains(&found), "{name}: {found}");
    }
    let deviation = (index.iter().map(|r| r * r).sum::<f64>() / index.len() as f64).sqrt();
    assert!((0.006..0.025).contains(&deviation), "{deviation}");
}

#[test]
fn a_suspension_looks_as_vendors_report_it() {
    let halt = Halt { ticker: "005930".to_owned(), from: day("2024-03-02"), sessions: 3 };
    let market = made(&SyntheticSpec { halt: Some(halt), ..spec(7) });
    let bars = &market["005930"];
    let first = bars.first_from(day("2024-03-02"));
    for at in first..first + 3 {
        let found = [bars.open[at], bars.high[at], bars.low[at], bars.close[at], bars.volume[at]];
        assert_eq!(found, [0.0, 0.0, 0.0, bars.close[first - 1], 0.0]);
    }
    let raw = RawBars { ticker: "005930".to_owned(), bars: bars.clone(), sha256: String::new() };
    let found = normalize(&raw, SHARE, Calendar::krx());
    assert_eq!(found.findings.halted, dates(&["2024-03-04", "2024-03-05", "2024-03-06"]));
    assert_eq!(found.quality.halted_rows, 3);
    assert!(found.findings.jumps.is_empty());
    let others = made(&spec(7));
    assert_eq!(market["069500"], others["069500"], "nobody else is touched");
}

#[test]
fn what_cannot_be_made_up_is_refused() {
    let halt = |ticker: &str| Some(Halt { ticker: ticker.to_owned(), from: day("2024-03-02"), sessions: 3 });
    let cases = [
        ("before the calendar", SyntheticSpec { from: day("2019-01-01"), ..spec(1) }, "outside the exchange calendar"),
        ("backwards", SyntheticSpec { from: day("2026-01-01"), ..spec(1) }, "no session between"),
        ("a weekend", SyntheticSpec { from: day("2024-06-01"), to: day("2024-06-02"), ..spec(1) }, "no session"),
        ("a stranger's halt", SyntheticSpec { halt: halt("000660"), ..spec(1) }, "cannot suspend 000660"),
    ];
    for (name, spec, want) in cases {
        let fault = synthetic_bars(&spec, Calendar::krx()).expect_err(name).to_string();
        assert!(fault.contains(want), "{name}: {fault}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bars_on_every_platform() {
    let text = |seed| {
        let mut text = String::new();
        for (ticker, bars) in made(&spec(seed)) {
            for at in 0..bars.len() {
                let row = [bars.open[at], bars.high[at], bars.low[at], bars.close[at], bars.volume[at]];
                text += &format!("{ticker} {} {:?}\n", bars.date[at], row.map(f64::to_bits));
            }
        }
        sha256_hex(text.as_bytes())
    };
    assert_eq!(text(42), "4669ec3464462ee0e70d5ad76b78f1975e70d716a37981ec6278c36c38733f5f");
    assert_ne!(text(42), text(43));
}
