//! `daily_ops pc backtest` as its user calls it.

use std::path::Path;
use std::process::Command;
use std::process::Output;

use daily_ops::contracts::Document as _;
use daily_ops::contracts::backtest::BacktestResult;
use daily_ops::contracts::strategy_params::default_params;
use daily_ops::pc::prices::write_layout_a;
use daily_ops::store::Holder;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Stamp;
use serde_json::Value;

use crate::made::market;

pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    command.env_clear().current_dir(dir).args(["pc", "backtest"]).args(args);
    command.output().expect("started")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A directory with prices of a rising and a falling market, also under a name that no table knows.
fn prices(dir: &Path) {
    let store = Store::new(dir);
    for (ticker, bars) in market("2024-01-02", "2025-12-30") {
        let bytes = write_layout_a(&bars).expect("rendered");
        store.write(&format!("{}/{ticker}.parquet", layout::PRICES), &bytes).expect("written");
        if ticker == "069500" {
            store.write(&format!("{}/999999.parquet", layout::PRICES), &bytes).expect("written");
        }
    }
}

pub(crate) fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    prices(dir.path());
    let mut params = default_params(Stamp::from("2025-12-01T09:00:00+09:00"));
    params.params["universe"] = serde_json::json!(["114800", "069500"]);
    Store::new(dir.path()).write_document(layout::STRATEGY_PARAMS.latest, &params).expect("written");
    dir
}

#[test]
fn a_workspace_gets_its_three_documents_and_one_screen() {
    let dir = workspace();
    let window = ["--start", "2025-01-02", "--end", "2025-12-30"];
    let told = run(dir.path(), &window);
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    let screen = text(&told.stdout);
    for part in
        ["krx_momentum_v1  069500 114800", "hold 069500", "Sharpe", "trades", "costs", "open", "data", "written"]
    {
        assert!(screen.contains(part), "{part} in {screen}");
    }
    assert!(screen.lines().count() <= 24, "{screen}");
    let store = Store::new(dir.path());
    let latest = store.read(layout::BACKTEST.latest).expect("read").expect("written");
    let result = BacktestResult::parse(&latest).expect("a result");
    assert_eq!(result.meta.param_source.path, layout::STRATEGY_PARAMS.latest);
    let snapshots = store.snapshots(layout::BACKTEST.snapshots).expect("listed");
    assert_eq!(store.read(&snapshots[0].reference).expect("read"), Some(latest));
    let ledger = text(&store.read(layout::DAILY_LEDGER).expect("read").expect("written"));
    assert_eq!(ledger.lines().count(), result.meta.equity_curve.len());
    let validation: Value =
        serde_json::from_slice(&store.read(layout::OOS_VALIDATION).expect("read").expect("written")).expect("JSON");
    assert_eq!(validation["schema_version"], "OOS-MONTHLY-1.0");
    let again = run(dir.path(), &[&window[..], &["--json"]].concat());
    let again = BacktestResult::parse(&again.stdout).expect("a result on standard output");
    let mut first = result;
    first.meta.asof = again.meta.asof.clone();
    assert_eq!(first, again, "only the time differs");
    assert_eq!(store.snapshots(layout::BACKTEST.snapshots).expect("listed").len(), 2);
}

#[test]
fn a_strategy_on_the_command_line_is_the_case_it_writes() {
    let dir = workspace();
    let named = ["--strategy", "ma_cross", "--ticker", "069500", "--param", "fast=3", "--param", "slow=12"];
    let first = run(dir.path(), &[&named[..], &["--prices", layout::PRICES, "--out", "a.json", "--json"]].concat());
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let shown: Value = serde_json::from_slice(&first.stdout).expect("JSON");
    assert!(shown["compute_ms"].is_f64() && shown["metrics"]["total_trades"].as_u64() > Some(2), "{shown}");
    assert_eq!(shown["case"]["instrument"]["069500"], "etf");
    let case = ["--case", "a.json", "--prices", layout::PRICES, "--out", "b.json"];
    let second = run(dir.path(), &case);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
    let [a, b] = ["a.json", "b.json"].map(|name| std::fs::read(dir.path().join(name)).expect(name));
    assert_eq!(text(&a), text(&b), "a result is a case, and gives itself");
    let (file, mut shown): (Value, Value) = (serde_json::from_slice(&a).expect("JSON"), shown);
    for key in ["compute_ms", "warnings"] {
        assert!(shown.as_object_mut().expect("an object").remove(key).is_some(), "{key}");
        assert!(file.get(key).is_none(), "{key} is not in the file");
    }
    assert_eq!(file, shown);
}

#[test]
fn an_unknown_ticker_is_taxed_as_a_stock_with_a_warning_unless_the_flag_says_what_it_is() {
    let dir = workspace();
    let base = ["--strategy", "ma_cross", "--ticker", "999999", "--json"];
    let run = |more: &[&str]| -> Value {
        let told = run(dir.path(), &[&base[..], more].concat());
        serde_json::from_slice(&told.stdout).expect("JSON")
    };
    let unknown = run(&[]);
    assert!(unknown["warnings"][0].as_str().expect("a warning").contains("999999 is not in the table"), "{unknown}");
    assert!(unknown["metrics"]["total_tax"].as_f64() > Some(0.0));
    let fund = run(&["--instrument", "etf"]);
    assert_eq!(fund["warnings"].as_array().map(Vec::len), Some(0), "{}", fund["warnings"]);
    assert_eq!(fund["metrics"]["total_tax"].as_f64(), Some(0.0));
    let told =
        self::run(dir.path(), &["--strategy", "ma_cross", "--ticker", "069500", "--json", "--instrument", "stock"]);
    let known: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(known["warnings"][0], "--instrument stock is ignored for 069500: the table says etf");
}

/// A document beside a price file that says where it comes from.
fn vouch(dir: &Path, ticker: &str, (vendor, sha256): (&str, &str)) {
    let meta = serde_json::json!({
        "schema": "PRICE_META_V1", "ticker": ticker, "vendor": vendor, "rows": 1, "sha256": sha256, "adjusted": true,
        "fetched_at": "2026-11-20T19:00:00+09:00", "first": "2024-01-02", "last": "2025-12-30",
    });
    let name = format!("{}/{ticker}.meta.json", layout::PRICES);
    Store::new(dir).write(&name, meta.to_string().as_bytes()).expect("written");
}

#[test]
fn prices_are_what_was_collected_or_the_result_says_what_they_are() {
    let dir = workspace();
    let store = Store::new(dir.path());
    let window = ["--start", "2025-01-02", "--end", "2025-12-30", "--json"];
    let sha256 = |ticker: &str| {
        let bytes = store.read(&format!("{}/{ticker}.parquet", layout::PRICES)).expect("read").expect("there");
        daily_ops::contracts::json::sha256_hex(&bytes)
    };
    let warnings = |told: &Output, ticker: &str| {
        let result = BacktestResult::parse(&told.stdout).expect("a result");
        result.meta.quality[ticker].warnings.join("; ")
    };
    let told = run(dir.path(), &window);
    assert!(warnings(&told, "114800").contains("no 114800.meta.json"), "{}", text(&told.stderr));
    vouch(dir.path(), "069500", ("naver", &sha256("069500")));
    vouch(dir.path(), "114800", ("synthetic", &sha256("114800")));
    let told = run(dir.path(), &window);
    assert_eq!(warnings(&told, "069500"), "");
    assert!(warnings(&told, "114800").starts_with("114800: SYNTHETIC prices"), "{}", text(&told.stdout));
    let screen = text(&run(dir.path(), &window[..4]).stdout);
    assert!(screen.contains("SYNTHETIC prices, this is no result of any market: 114800"), "{screen}");
    let named = ["--strategy", "ma_cross", "--ticker", "114800", "--json"];
    let shown = text(&run(dir.path(), &named).stdout);
    assert!(shown.contains("114800: SYNTHETIC prices"), "{shown}");
    vouch(dir.path(), "114800", ("naver", &"0".repeat(64)));
    for args in [&window[..], &named[..]] {
        let told = run(dir.path(), args);
        assert_eq!(told.status.code(), Some(3), "{}", text(&told.stdout));
        let said = text(&told.stderr);
        assert!(said.contains("114800.parquet is not the file") && said.contains("pc collect --force"), "{said}");
    }
}

#[test]
fn a_workspace_is_simulated_by_one_process_at_a_time_and_with_its_own_strategy() {
    let dir = workspace();
    let store = Store::new(dir.path());
    let window = ["--start", "2025-01-02", "--end", "2025-12-30"];
    let now = daily_ops::time::Clock::now(&daily_ops::time::SystemClock::new());
    let holder = Holder::this_process("pc backtest", now, std::time::Duration::from_secs(600));
    let held = store.try_lock(layout::BACKTEST_LOCK, &holder).expect("tried");
    let told = run(dir.path(), &window);
    assert_eq!(told.status.code(), Some(2), "{}", text(&told.stderr));
    assert!(text(&told.stderr).contains("ALREADY_RUNNING"), "{}", text(&told.stderr));
    assert!(store.read(layout::BACKTEST.latest).expect("read").is_none(), "nothing was written");
    drop(held);
    assert_eq!(run(dir.path(), &window).status.code(), Some(0));
    let mut params = default_params(Stamp::from("2025-12-01T09:00:00+09:00"));
    "MA_CROSS".clone_into(&mut params.strategy);
    store.write_document(layout::STRATEGY_PARAMS.latest, &params).expect("written");
    let told = run(dir.path(), &window);
    assert_eq!(told.status.code(), Some(3));
    let want = format!("{}: strategy is \"MA_CROSS\", must be KRX_MOMENTUM_V1", layout::STRATEGY_PARAMS.latest);
    assert!(text(&told.stderr).contains(&want), "{}", text(&told.stderr));
}

#[test]
fn what_cannot_be_run_says_why_and_with_which_code() {
    let dir = workspace();
    let named = ["--strategy", "ma_cross", "--ticker", "069500"];
    let cases: [(&str, &[&str], i32, &str); 17] = [
        ("no such strategy", &["--strategy", "guess", "--ticker", "069500"], 64, "no strategy guess"),
        ("no such parameter", &["--param", "fats=3"], 64, "no parameter fats"),
        ("not a pair", &["--param", "fast"], 64, "is not KEY=VALUE"),
        ("twice", &["--param", "fast=3", "--param", "fast=4"], 64, "fast is given twice"),
        ("out of range", &["--param", "fast=0"], 64, "fast is 0, must be"),
        ("wrong kind", &["--param", "fast=x"], 64, "fast is \"x\", must be a whole number"),
        ("backwards", &["--start", "2025-02-03", "--end", "2025-01-02"], 64, "end is 2025-01-02"),
        ("no session", &["--start", "2025-02-01", "--end", "2025-02-02"], 3, "no session between"),
        ("beyond the data", &["--end", "2026-01-09"], 3, "no bar on 2026-01-09, the last session"),
        ("before the data", &["--start", "2021-01-04"], 3, "sessions have no bar"),
        ("no directory", &["--prices", "nowhere"], 64, "nowhere is no directory"),
        ("wrong kind of instrument", &["--ticker", "999999", "--instrument", "bond"], 64, "instrument is"),
        ("the same for a ticker that is known", &["--ticker", "069500", "--instrument", "bond"], 64, "instrument is"),
        ("nowhere to write", &["--out", "nowhere/a.json"], 64, "--out nowhere/a.json: nowhere is no directory"),
        ("long before the data", &["--start", "1990-01-01"], 3, "1990-01-01, 1990-01-02"),
        ("no prices", &["--strategy", "ma_cross", "--ticker", "005930"], 3, "005930.parquet"),
        ("a path for a ticker", &["--strategy", "ma_cross", "--ticker", "../069500"], 64, "ticker \"../069500\""),
    ];
    for (name, args, code, want) in cases {
        let args = if args.contains(&"--strategy") {
            args.to_vec()
        } else if args.contains(&"--ticker") {
            [&named[..2], args].concat()
        } else {
            [&named[..], args].concat()
        };
        let told = run(dir.path(), &args);
        let said = text(&told.stderr);
        assert_eq!(told.status.code(), Some(code), "{name}: {said}");
        assert!(said.contains(want), "{name}: {said}");
    }
    let bare = tempfile::tempdir().expect("a directory");
    let told = run(bare.path(), &[]);
    assert_eq!(told.status.code(), Some(3));
    assert!(text(&told.stderr).contains("no parameters: neither"), "{}", text(&told.stderr));
    Store::new(dir.path()).write("bad.json", b"{\"schema\":\"X\"}").expect("written");
    let told = run(dir.path(), &["--case", "bad.json", "--prices", layout::PRICES]);
    assert_eq!(told.status.code(), Some(3));
    assert!(text(&told.stderr).contains("bad.json: not a BACKTEST_GOLDEN_V1 case"), "{}", text(&told.stderr));
}
