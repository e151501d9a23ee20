//! The three documents of a workspace's simulation: their goldens, and what ties them together.

use std::collections::BTreeMap;
use std::path::Path;

use daily_ops::contracts::Document as _;
use daily_ops::contracts::backtest::BacktestResult;
use daily_ops::contracts::strategy_params::StrategyParams;
use daily_ops::contracts::strategy_params::default_params;
use daily_ops::contracts::validation::LedgerRow;
use daily_ops::contracts::validation::OosValidation;
use daily_ops::pc::backtest::inputs::Prices;
use daily_ops::pc::backtest::research::Documents;
use daily_ops::pc::backtest::research::Research;
use daily_ops::pc::backtest::research::Terms;
use daily_ops::pc::backtest::window::Mode;
use daily_ops::pc::backtest::window::Window;
use daily_ops::pc::params::ParamSource;
use daily_ops::pc::prices::RawBars;
use daily_ops::pc::prices::normalize;
use daily_ops::store::Store;
use daily_ops::time::Calendar;
use daily_ops::time::Stamp;
use daily_ops::trading::FeeTable;
use daily_ops::trading::Instrument;
use daily_ops::trading::known;

use crate::made::day;
use crate::made::market;

const NOW: &str = "2026-01-17T19:00:00+09:00";

fn params() -> ParamSource {
    let mut document: StrategyParams = default_params(Stamp::from("2025-12-01T09:00:00+09:00"));
    document.params["universe"] = serde_json::json!(["114800", "069500"]);
    let values = document.values().expect("valid");
    let path = "state/strategy_params/latest/strategy_params_latest.json".to_owned();
    ParamSource { document, values, path, sha256: "5".repeat(64) }
}

fn prices() -> Prices {
    let files = market("2025-03-04", "2026-01-16").map(|(ticker, bars)| {
        let what = known(ticker).map_or_else(Instrument::unknown, |(what, _)| what);
        let raw = RawBars { ticker: ticker.to_owned(), bars, sha256: "a".repeat(64) };
        normalize(&raw, what, Calendar::krx())
    });
    Prices::of(files.into())
}

fn documents(gate: bool, (start, end): (&str, &str)) -> Documents {
    let now = Stamp::from(NOW).instant().expect("a time");
    let window = Window::at(now, Mode::Full, (Some(day(start)), Some(day(end)))).expect("a window");
    let terms = Terms { initial_capital: 10_000_000, gate, fees: FeeTable::krx() };
    let (params, prices) = (params(), prices());
    Research { params: &params, prices: &prices, window, terms, now }.documents().expect("simulated")
}

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts").join(name);
    std::fs::read_to_string(path).expect(name)
}

#[test]
fn the_goldens_are_the_programs_own_bytes() {
    let found = documents(true, ("2025-12-08", "2026-01-16"));
    let validation = serde_json::to_string_pretty(&found.validation).expect("JSON") + "\n";
    let result = String::from_utf8(found.result.to_bytes().expect("JSON")).expect("text");
    for (name, text) in [
        ("backtest_result_v1.json", result),
        ("daily_ledger_v1.jsonl", found.ledger_text()),
        ("oos_validation_v1.json", validation),
    ] {
        // Where a rule changed on purpose, the new golden lies here.
        let renewed = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        Store::new(env!("CARGO_TARGET_TMPDIR")).write(name, text.as_bytes()).expect(name);
        assert!(golden(name) == text, "{name} differs from {}", renewed.display());
    }
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let found = documents(true, ("2025-12-08", "2026-01-16"));
    assert_eq!(BacktestResult::parse(golden("backtest_result_v1.json").as_bytes()).expect("read"), found.result);
    let rows = golden("daily_ledger_v1.jsonl");
    let rows: Vec<LedgerRow> = rows.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    assert_eq!(rows, found.ledger);
    let validation: OosValidation = serde_json::from_str(&golden("oos_validation_v1.json")).expect("read");
    assert_eq!(validation, found.validation);
}

#[test]
fn the_documents_tell_one_story() {
    for gate in [true, false] {
        let found = documents(gate, ("2025-10-01", "2026-01-16"));
        let (result, metrics) = (&found.result, &found.outcome.metrics);
        assert!(result.trades.len() > 3, "gate {gate}: {}", result.trades.len());
        assert_eq!(result.trades.len(), result.meta.total_trades, "gate {gate}");
        assert_eq!(found.ledger.iter().map(|row| row.actual_trades).sum::<usize>(), result.trades.len());
        assert_eq!(found.ledger.len(), metrics.trading_days);
        assert_eq!(result.meta.equity_curve.len(), metrics.trading_days);
        assert_eq!(result.meta.daily_returns.len(), metrics.trading_days - 1);
        assert_eq!(result.meta.daily_returns[0].date, result.meta.equity_curve[1].date);
        assert_eq!(result.meta.universe, ["069500", "114800"]);
        assert_eq!((result.meta.mode.as_str(), result.meta.strategy.as_str()), ("custom", "KRX_MOMENTUM_V1"));
        assert_eq!((&result.meta.sharpe_reason, &result.meta.mdd_reason), (&None, &None));
        let cagrs: Vec<f64> = result.top_performers.iter().map(|top| top.cagr).collect();
        assert!(cagrs.is_sorted_by(|a, b| a >= b) && cagrs.len() == 2, "{cagrs:?}");
        let blocked = found.ledger.iter().any(|row| row.status == "BLOCKED");
        assert!(!blocked || gate, "a gate that is off blocks nothing");
        assert!(found.ledger.iter().all(|row| gate || row.regime == "unknown"));
    }
}

#[test]
fn each_year_is_a_fresh_run_told_by_month() {
    let found = documents(false, ("2025-10-01", "2026-01-16"));
    let years: BTreeMap<_, _> = found.validation.years.iter().map(|(year, told)| (year.as_str(), told)).collect();
    assert_eq!(years.keys().copied().collect::<Vec<_>>(), ["2025", "2026"]);
    let first = years["2025"];
    assert_eq!((first.period.start, first.period.end), (day("2025-10-01"), day("2025-12-30")));
    let months: Vec<&str> = first.monthly.iter().map(|month| month.month.as_str()).collect();
    assert_eq!(months, ["2025-10", "2025-11", "2025-12"]);
    for told in years.values() {
        assert_eq!(told.monthly.iter().map(|month| month.trades).sum::<usize>(), told.summary.trades);
        let growth = told.monthly.iter().fold(1.0, |growth, month| growth * (1.0 + month.return_pct / 100.0));
        let whole = 1.0 + told.summary.total_return_pct / 100.0;
        assert!((growth - whole).abs() < 1e-5, "the first equity is the capital: {growth} against {whole}");
        for month in &told.monthly {
            assert!(month.mdd_pct >= 0.0 && month.mdd_pct <= told.summary.mdd_pct + 1e-3, "{month:?}");
            assert!((0.0..=1.0).contains(&month.exposure_ratio) && month.trade_days > 0, "{month:?}");
        }
    }
    // The first year's part of the whole run is the same run, since nothing came before it.
    let whole = documents(false, ("2025-10-01", "2025-12-30"));
    assert_eq!(whole.outcome.metrics.total_trades, first.summary.trades);
}

#[test]
fn a_figure_that_says_nothing_carries_its_reason() {
    let cases = [
        ("one session", ("2026-01-16", "2026-01-16"), Some("insufficient_data"), Some("no_drawdown_from_peak")),
        ("two sessions", ("2026-01-15", "2026-01-16"), Some("insufficient_data"), Some("no_drawdown_from_peak")),
        ("blocked throughout", ("2025-03-04", "2025-05-30"), Some("std_zero"), Some("no_drawdown_from_peak")),
    ];
    for (name, window, sharpe, mdd) in cases {
        let found = documents(true, window).result;
        assert_eq!((found.meta.sharpe_reason.as_deref(), found.meta.mdd_reason.as_deref()), (sharpe, mdd), "{name}");
        assert_eq!((found.summary.sharpe, found.summary.mdd), (Some(0.0), Some(0.0)), "{name}");
        let one = name == "one session";
        assert_eq!(found.tickers["069500"].cagr.is_none(), one, "{name}");
        assert_eq!(found.top_performers.is_empty(), one, "{name}");
    }
}
