//! The shared golden backtests: every key, within the published tolerances.
use std::path::Path;
use std::path::PathBuf;

use daily_ops::pc::backtest::Market;
use daily_ops::pc::backtest::case::CaseFile;
use daily_ops::pc::backtest::simulate;
use daily_ops::pc::prices::read_file;
use daily_ops::trading::FeeTable;
use serde_json::Value;

const CASES: [&str; 4] = ["ma_cross_005930", "ma_cross_114800", "regime_069500", "momentum_bundle_universe"];

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path)
}

/// Whether two figures agree: metrics to 1e-5, money of rows to 0.02 won and 1e-9 of its size, what is shown with four
/// decimals to one unit of the last.
fn agrees(path: &str, found: f64, want: f64) -> bool {
    let allowed = match path.split('/').nth(1).unwrap_or_default() {
        "metrics" => 1e-5 + want.abs() * 1e-9,
        "equity_curve" | "trades" | "final_positions" => 0.02 + want.abs() * 1e-9,
        "gate_series" | "tickers" => 1.01e-4,
        _ => 0.0,
    };
    (found - want).abs() <= allowed
}

fn compare(path: &str, found: &Value, want: &Value) {
    match (found, want) {
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{path}: {:?}, expected {:?}", a.keys(), b.keys());
            for (key, want) in b {
                compare(&format!("{path}/{key}"), &a[key], want);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for (i, (found, want)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{i}"), found, want);
            }
            assert_eq!(a.len(), b.len(), "{path}");
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().expect("finite"), b.as_f64().expect("finite"));
            assert!(agrees(path, a, b), "{path}: {a}, expected {b}");
        }
        _ => assert_eq!(found, want, "{path}"),
    }
}

#[test]
fn every_shared_golden_is_met_in_every_key() {
    if !shared("backtest").exists() {
        return;
    }
    for name in CASES {
        let bytes = std::fs::read(shared(&format!("backtest/{name}.json"))).expect(name);
        let want: Value = serde_json::from_slice(&bytes).expect(name);
        let file = CaseFile::parse(&bytes).expect(name);
        let setup = file.setup(FeeTable::krx()).expect(name);
        let read = |ticker: &String| {
            let raw = read_file(&shared(&format!("prices/{ticker}.parquet"))).expect(ticker);
            (ticker.clone(), raw.bars)
        };
        let market: Market = setup.universe.iter().map(read).collect();
        let outcome = simulate(&setup, &market).expect(name);
        let text = file.render(&outcome, &market).expect(name);
        let found: Value = serde_json::from_str(&text).expect(name);
        compare(name, &found, &want);
        assert_eq!(file.render(&simulate(&setup, &market).expect(name), &market).expect(name), text, "{name}");
    }
}
