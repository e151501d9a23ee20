//! The command as a person types it: exit codes, one screen, one JSON document.

use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use daily_ops::contracts::Document as _;
use daily_ops::contracts::PriceMeta;
use daily_ops::contracts::VendorName;
use daily_ops::contracts::json::sha256_hex;
use daily_ops::contracts::tune::TuneResult;
use daily_ops::pc::prices::write_layout_a;
use daily_ops::store::Store;
use daily_ops::time::Stamp;
use serde_json::Value;

use crate::fixture::Bench;
use crate::fixture::market;

fn daily_ops(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_daily_ops"))
        .arg("--root")
        .arg(root)
        .args(["pc", "tune"])
        .args(arguments)
        .env_remove("DAILY_OPS_ROOT")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A workspace with parameters and collected prices.
fn site(drift: f64) -> Bench {
    site_of(drift, VendorName::Naver)
}

fn site_of(drift: f64, vendor: VendorName) -> Bench {
    let bench = Bench::new();
    for (ticker, bars) in market(drift) {
        let bytes = write_layout_a(&bars).expect("rendered");
        bench.store.write(&format!("data/cache/{ticker}.parquet"), &bytes).expect("written");
        let meta = PriceMeta {
            schema: "PRICE_META_V1".to_owned(),
            vendor,
            fetched_at: Stamp::from("2026-01-05T18:00:00+09:00"),
            from: None,
            first: bars.first_date().expect("a bar"),
            last: bars.last_date().expect("a bar"),
            rows: bars.len(),
            sha256: sha256_hex(&bytes),
            adjusted: true,
            ticker: ticker.clone(),
        };
        bench.store.write_document(&format!("data/cache/{ticker}.meta.json"), &meta).expect("written");
    }
    bench
}

const GOOD: f64 = 0.0008;
const NEAR: [&str; 6] = ["--start", "2023-01-01", "--end", "2025-12-30", "--near", "--trials=12"];

#[test]
fn a_run_is_told_on_one_screen_and_its_next_command_works() {
    let bench = site(GOOD);
    let first = daily_ops(bench.dir.path(), &NEAR);
    let text = out(&first);
    assert_eq!(first.status.code(), Some(0), "{text}{}", err(&first));
    assert!(text.lines().count() <= 40, "{text}");
    for word in ["best     score", "gate 1", "gate 2", "gate 3", "verdict  ", "test     sharpe", "2023-01-02"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let next = text.lines().find_map(|line| line.strip_prefix("next     daily_ops pc tune ")).expect("a next command");
    let promoted = daily_ops(bench.dir.path(), &next.split(' ').collect::<Vec<_>>());
    let text = out(&promoted);
    assert!(matches!(promoted.status.code(), Some(0 | 2)), "{text}{}", err(&promoted));
    assert!(text.contains("HC1_PARAM_DRIFT_LIMIT") && text.contains("SC2_EXPOSURE_NORMALIZATION"), "{text}");
}

#[test]
fn json_is_the_result_document() {
    let bench = site(GOOD);
    let done = daily_ops(bench.dir.path(), &[&NEAR[..], &["--json"]].concat());
    let result = TuneResult::parse(&done.stdout).expect("a result");
    assert_eq!(bench.bytes("reports/tune/latest/tune_result.json"), Some(done.stdout.clone()));
    let promoted = daily_ops(bench.dir.path(), &["--promote", &result.meta.run_id, "--json"]);
    let decision: Value = serde_json::from_slice(&promoted.stdout).expect("JSON");
    assert_eq!(decision["schema"], "GATEKEEPER_DECISION_V3");
}

#[test]
fn a_gate_a_rule_a_fault_and_a_typo_have_their_own_codes() {
    let good = site(GOOD);
    let falling = site(-0.001);
    let synthetic = site_of(GOOD, VendorName::Synthetic);
    let gated = ["--start", "2023-01-01", "--end", "2025-12-30", "--space", "adx_filter_min=10..30", "--trials=12"];
    let empty = Bench::new();
    let bare = tempfile::tempdir().expect("a directory");
    let run = |end: [&'static str; 2]| [&NEAR[..2], &end, &NEAR[4..]].concat();
    let run_from = |start: &'static str| vec!["--start", start, "--end", "2025-12-30"];
    let usual = run(["--end", "2025-12-30"]);
    let cases: [(&str, &Path, Vec<&str>, i32, &str); 15] = [
        ("gates say no", falling.dir.path(), usual.clone(), 2, "verdict  FAIL"),
        ("generated prices", synthetic.dir.path(), usual.clone(), 2, "has generated prices"),
        ("a parameter that nothing reads", good.dir.path(), gated.to_vec(), 64, "the gate is off"),
        ("before the prices", good.dir.path(), run_from("2021-06-28"), 64, "its first bar is 2021-07-01"),
        ("no time", good.dir.path(), vec!["--timeout", "0s"], 64, "at least 1s"),
        ("too short", good.dir.path(), run(["--end", "2024-03-29"]), 2, "tuning needs at least 16"),
        ("no prices", empty.dir.path(), usual.clone(), 3, "069500.parquet"),
        ("no parameters", bare.path(), usual, 3, "no parameters"),
        ("after the last bar", good.dir.path(), run(["--end", "2026-01-30"]), 3, "last session of the window"),
        (
            "a wrong space",
            good.dir.path(),
            vec!["--space", "stop_loss=0.03..0.15"],
            64,
            "outside of what stop_loss may be",
        ),
        ("an older space", good.dir.path(), vec!["--space", "rsi_period=5..30"], 64, "regime engine"),
        ("an unknown run", good.dir.path(), vec!["--resume", "tune_20200101_000000_000000"], 64, "there is no run"),
        ("no run at all", good.dir.path(), vec!["--promote", "../x"], 64, "there is no run"),
        ("force without a reason", good.dir.path(), vec!["--promote", "x", "--force"], 64, "--reason"),
        ("a wrong time", good.dir.path(), vec!["--timeout", "soon"], 64, "such as 10m"),
    ];
    for (name, root, arguments, code, want) in cases {
        let done = daily_ops(root, &arguments);
        let told = out(&done) + &err(&done);
        assert_eq!(done.status.code(), Some(code), "{name}: {told}");
        assert!(told.contains(want), "{name}: {told}");
    }
}

#[test]
fn prices_that_their_meta_does_not_vouch_for_are_not_real_data() {
    type Break = fn(&Bench);
    let cases: [(&str, Break, &str); 3] = [
        ("lost", |b| drop(b.store.remove("data/cache/114800.meta.json")), "there is no 114800.meta.json"),
        (
            "other bytes",
            |b| {
                let other = b.bytes("data/cache/069500.parquet").expect("prices");
                b.store.write("data/cache/122630.parquet", &other).expect("written");
            },
            "122630.meta.json describes another file",
        ),
        (
            "damaged",
            |b| b.store.write("data/cache/229200.meta.json", b"{").expect("written"),
            "229200 has prices of unknown origin: 229200.meta.json",
        ),
    ];
    for (name, damage, want) in cases {
        let bench = site(GOOD);
        damage(&bench);
        let done = daily_ops(bench.dir.path(), &NEAR);
        let text = out(&done);
        assert_eq!(done.status.code(), Some(2), "{name}: {text}{}", err(&done));
        assert!(text.contains("verdict  FAIL") && text.contains(want), "{name}: {text}");
    }
}

#[test]
fn real_prices_are_tuned_when_they_are_there() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/prices");
    if !data.exists() {
        return;
    }
    let bench = Bench::new();
    let prices = data.to_string_lossy().into_owned();
    let arguments = ["--prices", &prices, "--start", "2022-12-30", "--end", "2025-12-29", "--trials=20", "--json"];
    let done = daily_ops(bench.dir.path(), &arguments);
    assert!(matches!(done.status.code(), Some(0 | 2)), "{}", err(&done));
    let first = TuneResult::parse(&done.stdout).expect("a result");
    assert_eq!((first.meta.completed_trials + first.meta.pruned_trials, first.gates.len()), (20, 3));
    let verdict = format!("data/tuning_runs/{}/verdict.json", first.meta.run_id);
    let verdict: Value = serde_json::from_str(&bench.text(&verdict)).expect("JSON");
    let real_data = &verdict["checks"]["real_data"];
    assert_eq!(real_data["status"], "WARN", "nothing beside these files says where they are from: {verdict}");
    assert!(real_data["reason"].as_str().is_some_and(|why| why.starts_with("nothing says where")), "{verdict}");
    let other = Bench::new();
    let again = TuneResult::parse(&daily_ops(other.dir.path(), &arguments).stdout).expect("a result");
    assert_eq!((again.trials_top10, again.judged, again.gates), (first.trials_top10, first.judged, first.gates));
    assert!(Store::new(other.dir.path()).read("reports/tune/latest/tune_result.json").expect("readable").is_some());
}
