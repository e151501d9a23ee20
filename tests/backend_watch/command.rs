//! `daily_ops watch` as a scheduler starts it: a program of its own, an exit code, one line.

use std::process::Command;
use std::process::Output;

use daily_ops::ops::Watcher;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

use crate::desk::Desk;
use crate::desk::Edit;
use crate::vendor::Mood;

fn run(desk: &Desk, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_daily_ops"))
        .args(arguments)
        .args(["--root", desk.root().to_str().expect("text")])
        .env_clear()
        .env("DAILY_OPS_QUOTES", "naver")
        .env("DAILY_OPS_NAVER_REALTIME_URL", desk.vendor.url())
        .env("DAILY_OPS_VENDOR_PAUSE", "0s")
        .output()
        .expect("started")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_look_ends_with_a_line_and_a_code() {
    let cases: [(&str, Edit, i32, &str); 7] = [
        ("a move", |d| d.vendor.says("005930", 105_000, 5_000), 0, "spike OK ALERTS_GENERATED alerts=1 sent=0"),
        ("nothing", |_| (), 0, "spike OK NO_ALERTS alerts=0 sent=0"),
        ("no list", |d| drop(d.store.remove(layout::WATCHLIST.latest)), 0, "spike SKIPPED NO_WATCHLIST"),
        ("not found", |d| d.vendor.is(Mood::Status(404)), 3, "spike ERROR API_NOT_FOUND"),
        ("refused", |d| d.vendor.is(Mood::Status(401)), 3, "spike ERROR API_HTTP_401"),
        ("a page", |d| d.vendor.is(Mood::Body("<html>")), 3, "spike ERROR RESPONSE_INVALID"),
        ("unknown symbol", |d| d.vendor.forgets("005930"), 3, "spike ERROR MARKET_DATA_FAILED"),
    ];
    for (name, edit, code, line) in cases {
        let desk = Desk::ready();
        edit(&desk);
        let output = run(&desk, &["watch", "spike", "--force-session"]);
        assert_eq!(output.status.code(), Some(code), "{name}: {output:?}");
        assert!(text(&output).starts_with(line), "{name}: {output:?}");
    }
}

#[test]
fn both_watchers_look_with_one_command_and_speak_json() {
    let desk = Desk::ready();
    desk.vendor.says("005930", 105_000, 5_000);
    let output = run(&desk, &["watch", "all", "--force-session", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = document["watchers"].as_array().expect("a list");
    let words: Vec<_> = rows.iter().map(|row| (&row["watcher"], &row["status"]["reason"])).collect();
    let (spike, holding, alerts) = (json!("spike"), json!("holding"), json!("ALERTS_GENERATED"));
    assert_eq!(words, [(&spike, &alerts), (&holding, &alerts)]);
    assert_eq!(rows[0]["status"]["source"], "CLI");
}

#[test]
fn the_state_of_both_watchers_is_an_exit_code() {
    let desk = Desk::empty();
    let now = SystemClock::new().now();
    let stamp = |age_minutes: i64| {
        (now - chrono::Duration::minutes(age_minutes)).to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let status = |age: i64, status: &str, reason: &str| {
        json!({"schema": "WATCHER_STATUS_V1", "asof": stamp(age), "status": status, "reason": reason, "alerts": 0,
            "sent": 0, "reason_detail": "", "source": "CLI"})
    };
    assert_eq!(run(&desk, &["watch", "status"]).status.code(), Some(2), "never looked");
    let sound = status(0, "SKIPPED", "OUTSIDE_SESSION");
    desk.put(Watcher::Holding.status_file(), &sound);
    let cases = [
        ("fresh", status(1, "OK", "NO_ALERTS"), 0),
        ("fresh and skipped", sound.clone(), 0),
        ("fresh with a warning", status(1, "WARN", "NO_ALERTS"), 0),
        ("an error", status(1, "ERROR", "API_FAIL"), 2),
        ("almost two hours", status(119, "OK", "NO_ALERTS"), 0),
        ("older than two hours", status(121, "OK", "NO_ALERTS"), 2),
        ("from the future", status(-60, "OK", "NO_ALERTS"), 2),
        ("unknown reason", status(0, "OK", "SURE"), 3),
        ("no status", json!({}), 3),
    ];
    for (name, document, code) in cases {
        desk.put(Watcher::Spike.status_file(), &document);
        let output = run(&desk, &["watch", "status"]);
        assert_eq!(output.status.code(), Some(code), "{name}: {output:?}");
    }
}

#[test]
fn the_schedule_has_the_watchers_only_with_a_vendor() {
    let desk = Desk::empty();
    let with = run(&desk, &["schedule", "print", "--zone", "UTC", "--binary", "/bin/daily_ops", "--user", "u"]);
    assert!(text(&with).contains("*/5 0-6 * * 1-5 cd "), "{with:?}");
    assert!(text(&with).contains("@reboot cd "));
    let units = run(&desk, &["schedule", "print", "--system", "systemd", "--binary", "/bin/daily_ops", "--user", "u"]);
    assert!(text(&units).contains("daily-ops-watch.timer"));
    for system in ["cron", "systemd"] {
        let arguments = [
            "schedule",
            "print",
            "--system",
            system,
            "--set",
            "watch.quotes=none",
            "--binary",
            "/bin/daily_ops",
            "--user",
            "u",
        ];
        let without = run(&desk, &arguments);
        assert_eq!(without.status.code(), Some(0), "{without:?}");
        assert!(!text(&without).contains("watch"), "{without:?}");
    }
}
