//! The command: what it prints and how it ends.

use std::path::Path;
use std::process::Command;

use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Calendar;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;

use crate::fake::Fake;
use crate::fake::Trouble;
use crate::place::days;

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(root: &Path, fake: &Fake, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    command.arg("--root").arg(root).args(["pc", "collect"]).args(args).env_clear();
    for name in ["DAILY_OPS_NAVER_URL", "DAILY_OPS_YAHOO_URL", "DAILY_OPS_NAVER_REALTIME_URL"] {
        command.env(name, fake.url());
    }
    let output = command.env("DAILY_OPS_VENDOR_PAUSE", "0s").output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Sessions up to the last one that is certainly over, whatever day it is.
fn vendor() -> Fake {
    let fake = Fake::new();
    let last = Calendar::krx().last_ended(SystemClock::new().now()).expect("covered").date;
    fake.holds("069500", &days("2026-01-02", &last.to_string()));
    fake
}

#[test]
fn a_collection_prints_a_line_a_ticker_and_a_total() {
    let (dir, fake) = (tempfile::tempdir().expect("a directory"), vendor());
    let first = run(dir.path(), &fake, &["069500", "069500", "--from", "2026-01-01"]);
    assert_eq!(first.code, Some(0), "{}{}", first.out, first.err);
    let lines: Vec<_> = first.out.lines().collect();
    assert!(lines[0].starts_with("069500  naver") && lines[0].contains("2026-01-02..") && lines[0].contains("  full"));
    assert!(lines[lines.len() - 1].starts_with("1 of 1 tickers hold the last completed session"), "{}", first.out);
    let again = run(dir.path(), &fake, &["069500", "--from", "2026-01-01", "--offline", "--json"]);
    let report: Value = serde_json::from_str(&again.out).expect("JSON");
    assert_eq!((again.code, report["schema"].as_str()), (Some(0), Some("PC_COLLECT_V1")));
    assert_eq!((report["tickers"][0]["action"].as_str(), report["fresh"].as_u64()), (Some("hit"), Some(1)));
    assert_eq!(report["tickers"][0]["quality"]["rows_dropped_duplicate"], 0);
}

#[test]
fn a_ticker_that_is_not_fresh_is_a_fault_by_name() {
    let (dir, fake) = (tempfile::tempdir().expect("a directory"), vendor());
    fake.always("114800", Trouble::Status(404));
    let ended = run(dir.path(), &fake, &["069500", "114800"]);
    assert_eq!(ended.code, Some(3), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("114800") && ended.out.contains("MISSING: naver: HTTP 404; yahoo: HTTP 404"));
    assert!(ended.err.contains("not up to the last completed session") && ended.err.contains(": 114800"));
    let json = run(dir.path(), &fake, &["114800", "--offline", "--json"]);
    let report: Value = serde_json::from_str(&json.out).expect("one document");
    assert_eq!((json.code, report["not_fresh"][0].as_str()), (Some(3), Some("114800")));
}

#[test]
fn the_universe_of_the_parameters_is_the_default() {
    let (dir, fake) = (tempfile::tempdir().expect("a directory"), vendor());
    let none = run(dir.path(), &fake, &[]);
    assert_eq!(none.code, Some(64), "{}", none.err);
    let store = Store::new(dir.path());
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/strategy_params_v1.json");
    let golden = std::fs::read(golden).expect("readable");
    store.write(layout::STRATEGY_PARAMS.latest, &golden).expect("written");
    let ended = run(dir.path(), &fake, &["--offline", "--json"]);
    let report: Value = serde_json::from_str(&ended.out).expect("JSON");
    let tickers: Vec<_> = report["tickers"].as_array().expect("rows").iter().map(|row| &row["ticker"]).collect();
    assert_eq!((ended.code, tickers.contains(&&Value::from("069500"))), (Some(3), true), "{tickers:?}");
    store.write(layout::STRATEGY_PARAMS.latest, b"{").expect("written");
    assert_eq!(run(dir.path(), &fake, &["--offline"]).code, Some(3), "damaged is a fault, not an empty universe");
}

#[test]
fn wrong_usage_is_said_before_anything_is_asked() {
    let (dir, fake) = (tempfile::tempdir().expect("a directory"), vendor());
    let cases: [(&str, &[&str]); 7] = [
        ("a path", &["../../x"]),
        ("a symbol with its board", &["069500.KS"]),
        ("no day", &["069500", "--from", "2026-13-01"]),
        ("a day to come", &["069500", "--from", "2199-01-01"]),
        ("force offline", &["069500", "--force", "--offline"]),
        ("no seed", &["069500", "--synthetic", "x"]),
        ("quotes of an index", &["^KS11", "--quotes"]),
    ];
    for (name, args) in cases {
        let ended = run(dir.path(), &fake, args);
        assert_eq!((ended.code, ended.out.as_str()), (Some(64), ""), "{name}: {}", ended.err);
    }
    assert_eq!(fake.targets(), Vec::<String>::new());
}

#[test]
fn generated_prices_need_no_vendor_and_respect_files_of_others() {
    let (dir, fake) = (tempfile::tempdir().expect("a directory"), vendor());
    let made = run(dir.path(), &fake, &["069500", "^KS11", "--synthetic", "42", "--from", "2026-01-01"]);
    assert_eq!(made.code, Some(0), "{}{}", made.out, made.err);
    assert_eq!(fake.targets(), Vec::<String>::new());
    let real = run(dir.path(), &fake, &["069500", "--from", "2026-01-01"]);
    assert_eq!(real.code, Some(0), "{}{}", real.out, real.err);
    assert!(real.out.contains("refetched: the file was synthetic's"), "{}", real.out);
    let refused = run(dir.path(), &fake, &["069500", "--synthetic", "42"]);
    assert_eq!(refused.code, Some(2), "{}{}", refused.out, refused.err);
    assert_eq!(run(dir.path(), &fake, &["069500", "--synthetic", "42", "--force"]).code, Some(0));
}

#[test]
fn quotes_are_shown_and_nothing_is_stored() {
    let (dir, fake) = (tempfile::tempdir().expect("a directory"), vendor());
    let ended = run(dir.path(), &fake, &["069500", "--quotes"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    assert!(ended.out.starts_with("069500 ") && ended.out.contains("이름"), "{}", ended.out);
    let json = run(dir.path(), &fake, &["069500", "000001", "--quotes", "--json"]);
    let report: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!((json.code, report["unknown"][0].as_str()), (Some(3), Some("000001")));
    assert!(!dir.path().join("data").exists());
}
