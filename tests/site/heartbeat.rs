//! The dead man's switch: the heartbeat of every way out, the address that is called, and the check of another machine.

use daily_ops::store::layout;
use daily_ops::time::Stamp;
use rustix::process::Signal;
use serde_json::Value;
use serde_json::json;

use crate::bot;
use crate::bot::Bot;
use crate::bot::Mood;
use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Ran;
use crate::fixture::Reply;
use crate::fixture::Script;

const SECRET_PATH: &str = "/ping/5bd2b3a4-only-for-this-test";

fn beat(host: &Host) -> Value {
    host.json(layout::HEARTBEAT)
}

fn failures(host: &Host) -> u64 {
    beat(host)["consecutive_failures"].as_u64().expect("a count")
}

#[test]
fn every_way_out_leaves_its_heartbeat_and_bad_runs_are_counted() {
    let (host, fake) = (Host::new(), Fake::new());
    let record = host.proves("good", &host.daily(&fake, &[]), 0, "OK");
    let good = beat(&host);
    assert_eq!(
        (good["result"].as_str(), good["exit_code"].as_u64(), good["reason"].as_str()),
        (Some("WARNED"), Some(0), Some("OK"))
    );
    assert_eq!((&good["run_id"], &good["last_success_at"]), (&record["run_id"], &record["finished_at"]));
    assert_eq!((failures(&host), &good["first_failure_at"]), (0, &Value::Null));
    assert!(good["next_due_at"].as_str().is_some_and(|text| text.contains("T09:05:00")), "{good}");
    fake.shows(&site::blocked("NO_BUNDLE"));
    let record = host.proves("blocked", &host.daily(&fake, &[]), 2, "NO_BUNDLE");
    let bad = beat(&host);
    assert_eq!((bad["result"].as_str(), failures(&host)), (Some("BLOCKED"), 1));
    assert_eq!((&bad["first_failure_at"], &bad["last_success_at"]), (&record["started_at"], &good["last_success_at"]));
    fake.on(site::RUN_CYCLE, &[Reply::Hang]);
    let running = host.start(&fake, &["--no-git-pull"]);
    site::until("the cycle", || fake.asked(site::RUN_CYCLE) == 3);
    assert_eq!((beat(&host)["result"].as_str(), &beat(&host)["ended_at"]), (Some("RUNNING"), &Value::Null));
    running.signal(Signal::TERM);
    host.proves("signal", &running.wait(), 3, "INTERRUPTED");
    assert_eq!((beat(&host)["result"].as_str(), failures(&host)), (Some("FAILED"), 2));
    let running = host.start(&fake, &["--no-git-pull"]);
    site::until("the cycle", || fake.asked(site::RUN_CYCLE) == 4);
    running.signal(Signal::KILL);
    running.wait();
    assert_eq!((beat(&host)["result"].as_str(), failures(&host)), (Some("RUNNING"), 2), "nobody could write");
    let gone = Fake::new().url();
    host.proves("down", &host.daily_at(&gone, &[]), 3, "BACKEND_DOWN");
    assert_eq!(failures(&host), 4, "the killed one counts");
    assert_eq!(beat(&host)["first_failure_at"], bad["first_failure_at"]);
    host.proves("good again", &host.daily(&Fake::new(), &[]), 0, "OK");
    assert_eq!((failures(&host), &beat(&host)["first_failure_at"]), (0, &Value::Null));
}

#[test]
fn a_lost_heartbeat_is_counted_anew_from_the_records() {
    let (host, fake) = (Host::new(), Fake::new());
    host.daily(&fake, &[]);
    let good = beat(&host);
    fake.shows(&site::blocked("NO_BUNDLE"));
    host.daily(&fake, &[]);
    let bad = beat(&host);
    for text in ["{", "[]"] {
        host.write(layout::HEARTBEAT, text);
        host.daily(&fake, &[]);
        let again = beat(&host);
        assert!(again["consecutive_failures"].as_u64() >= Some(2), "{again}");
        assert_eq!(
            (&again["last_success_at"], &again["first_failure_at"]),
            (&good["last_success_at"], &bad["first_failure_at"])
        );
    }
}

#[test]
fn the_address_is_called_at_start_and_end_and_is_told_nowhere() {
    let paths =
        |pings: &Fake| -> Vec<String> { pings.calls().into_iter().map(|call| call.replace(SECRET_PATH, "")).collect() };
    let run = |pings: &Fake, fake: &Fake, host: &Host| -> Ran {
        let mut command = host.daily_command(&fake.url(), &["--no-git-pull"]);
        command.env("DAILY_OPS_PING_URL", format!("{}{SECRET_PATH}", pings.url()));
        site::finished(command.output().expect("started"))
    };
    let answers = |status: u16| {
        let pings = Fake::new();
        for end in ["", "/start", "/fail"] {
            pings.says(&format!("GET {SECRET_PATH}{end}"), status, json!({}));
        }
        pings
    };
    let cases: [(&str, Script, i32, &str); 3] = [
        ("good", |fake| fake, 0, "GET "),
        ("blocked", |fake| fake.shows(&site::blocked("NO_BUNDLE")), 2, "GET /fail"),
        ("failed", |fake| fake.on(site::HEALTH, &[Reply::Reset]), 3, "GET /fail"),
    ];
    for (name, script, exit, end) in cases {
        let (host, fake, pings) = (Host::new(), Fake::new(), answers(200));
        script(&fake);
        let ran = run(&pings, &fake, &host);
        assert_eq!(ran.code, Some(exit), "{name}: {}", ran.all());
        assert_eq!(paths(&pings), ["GET /start", end], "{name}");
        assert!(!ran.all().contains("PING_FAILED"), "{name}");
        for (path, (_, bytes)) in host.picture() {
            assert!(!String::from_utf8_lossy(&bytes).contains("5bd2b3a4"), "{name}: {}", path.display());
        }
        assert!(!ran.all().contains("5bd2b3a4"), "{name}");
    }
    let (host, fake, pings) = (Host::new(), Fake::new(), answers(200));
    fake.on(site::HEALTH, &[Reply::Reset]);
    let mut command = host.daily_command(&fake.url(), &["--no-git-pull"]);
    command.env("DAILY_OPS_PING_URL", format!("{}{SECRET_PATH}/?rid=5", pings.url()));
    assert_eq!(site::finished(command.output().expect("started")).code, Some(3));
    let targets: Vec<String> =
        pings.heads().iter().filter_map(|head| Some(head.split(' ').nth(1)?.to_owned())).collect();
    assert_eq!(targets, ["/start?rid=5", "/fail?rid=5"].map(|end| format!("{SECRET_PATH}{end}")), "before the query");
    let (host, fake, pings) = (Host::new(), Fake::new(), answers(500));
    let ran = run(&pings, &fake, &host);
    host.proves("an address in trouble", &ran, 0, "OK");
    assert!(host.warnings().contains(&"PING_FAILED".to_owned()), "{:?}", host.warnings());
    assert!(!ran.all().contains("5bd2b3a4"), "{}", ran.all());
    // Both calls failed: code and cause are said once.
    for once in ["PING_FAILED", "the address answered HTTP 500", "could not be told of the end either"] {
        assert_eq!(ran.all().matches(once).count(), 1, "{once}: {}", ran.all());
    }
    let (host, fake) = (Host::new(), Fake::new());
    let ran = run(&Fake::new(), &fake, &host);
    host.proves("an address that is gone", &ran, 0, "OK");
    let config =
        host.command(&["config", "show"]).env("DAILY_OPS_PING_URL", "http://h/5bd2b3a4").output().expect("started");
    assert!(!site::finished(config).all().contains("5bd2b3a4"));
}

#[test]
fn an_address_that_could_not_be_called_as_meant_is_a_fault_of_the_settings_that_shows_no_value() {
    let cases = [
        ("http://127.0.0.1:9/5bd2b3a4#x", "must not hold a fragment"),
        ("http://me:5bd2b3a4@127.0.0.1:9/p", "must not hold a user"),
        ("ftp://127.0.0.1/5bd2b3a4", "must start with http:// or https://"),
        ("127.0.0.1:9/5bd2b3a4", "must start with http:// or https://"),
    ];
    for (url, rule) in cases {
        let (host, fake) = (Host::new(), Fake::new());
        let mut command = host.daily_command(&fake.url(), &["--no-git-pull"]);
        let ran = site::finished(command.env("DAILY_OPS_PING_URL", url).output().expect("started"));
        assert_eq!(ran.code, Some(64), "{rule}: {}", ran.all());
        assert!(ran.stderr.contains("DAILY_OPS_PING_URL") && ran.stderr.contains(rule), "{rule}: {}", ran.all());
        assert!(!ran.all().contains("5bd2b3a4"), "{rule}: {}", ran.all());
        assert_eq!(fake.calls().len(), 0, "{rule}");
    }
}

fn check(host: &Host, args: &[&str]) -> Ran {
    host.run(&[&["check", "heartbeat"], args].concat())
}

#[test]
fn another_machine_tells_fresh_from_silent_and_no_data_is_never_a_pass() {
    let (host, other) = (Host::new(), Host::new());
    assert_eq!(check(&host, &[]).code, Some(3), "never ran");
    host.daily(&Fake::new(), &[]);
    let file = host.root().join(layout::HEARTBEAT);
    let file = file.to_str().expect("text");
    let ran = check(&other, &["--file", file]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    assert!(ran.stdout.starts_with("HEARTBEAT: FRESH | last_success=20"), "{}", ran.stdout);
    let good = beat(&host);
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit, i32, &str); 8] = [
        ("too old", |b| b["last_success_at"] = json!(site::stamp(27 * 60)), 2, "STALE"),
        ("blocked", |b| (b["result"], b["reason"]) = (json!("BLOCKED"), json!("NO_BUNDLE")), 2, "BAD"),
        ("died", |b| (b["result"], b["started_at"]) = (json!("RUNNING"), json!(site::stamp(40))), 2, "BAD"),
        ("from the future", |b| b["last_success_at"] = json!(site::stamp(-60)), 3, "UNUSABLE"),
        ("done with exit code 3", |b| (b["result"], b["exit_code"]) = (json!("DONE"), json!(3)), 3, "UNUSABLE"),
        ("done after bad runs", |b| b["consecutive_failures"] = json!(5), 3, "UNUSABLE"),
        ("another document", |b| b["schema"] = json!("X_V1"), 3, "UNUSABLE"),
        ("no start", |b| b["started_at"] = Value::Null, 3, "UNUSABLE"),
    ];
    for (name, edit, code, word) in cases {
        let mut changed = good.clone();
        edit(&mut changed);
        host.write(layout::HEARTBEAT, &changed.to_string());
        let ran = check(&other, &["--file", file]);
        assert_eq!(ran.code, Some(code), "{name}: {}", ran.all());
        assert!(ran.stdout.contains(&format!("HEARTBEAT: {word}")), "{name}: {}", ran.all());
        assert!(ran.stderr.contains("사유") && ran.stderr.contains("다음 명령"), "{name}: {}", ran.all());
        assert!(ran.stderr.contains("DAILY_SUMMARY ops="), "{name}: the last lines: {}", ran.all());
    }
    host.write(layout::HEARTBEAT, "{");
    for args in [&["--file", file][..], &["--file", "/nonexistent"], &["--file", "/"], &["--url", "http://127.0.0.1:9"]]
    {
        assert_eq!(check(&other, args).code, Some(3), "{args:?}");
    }
    for args in [&["--max-age", "soon"][..], &["--url", "ftp://h"], &["--file", "a", "--url", "http://h"]] {
        assert_eq!(check(&other, args).code, Some(64), "{args:?}");
    }
}

#[test]
fn a_heartbeat_that_is_only_old_is_stale_and_says_its_age() {
    let (host, other) = (Host::new(), Host::new());
    host.daily(&Fake::new(), &[]);
    let file = host.root().join(layout::HEARTBEAT);
    let file = file.to_str().expect("text");
    let mut old = beat(&host);
    old["last_success_at"] = json!(site::stamp(90));
    host.write(layout::HEARTBEAT, &old.to_string());
    let ran = check(&other, &["--file", file, "--max-age", "1h"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stdout.starts_with("HEARTBEAT: STALE | last_success=20"), "{}", ran.stdout);
    assert!(ran.stdout.contains(" | age=1h 30m | bad_runs=0 | run="), "{}", ran.stdout);
    assert!(ran.stderr.contains("HEARTBEAT_STALE"), "{}", ran.all());
    assert!(ran.stderr.contains("the last good run ended 1h 30m ago, 1h is allowed"), "{}", ran.all());
    assert_eq!(check(&other, &["--file", file, "--max-age", "2h"]).code, Some(0));
}

#[test]
fn a_backend_is_asked_for_the_heartbeat_and_may_have_none() {
    let (host, other) = (Host::new(), Host::new());
    let served = site::Served::on(&host);
    let url = served.url();
    assert_eq!(check(&other, &["--url", url]).code, Some(3), "never ran");
    host.daily(&Fake::new(), &[]);
    let ran = check(&other, &["--url", url]);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let mut bad = beat(&host);
    (bad["result"], bad["consecutive_failures"]) = (json!("FAILED"), json!(3));
    bad["first_failure_at"] = json!(Stamp::of(site::now()));
    host.write(layout::HEARTBEAT, &bad.to_string());
    let ran = check(&other, &["--url", url]);
    assert_eq!(ran.code, Some(2), "{}", ran.all());
    assert!(ran.stderr.contains("연속 3회"), "{}", ran.all());
    host.write(layout::HEARTBEAT, "{");
    assert_eq!(check(&other, &["--url", url]).code, Some(3));
    let fake = Fake::new();
    for reply in [json!({"status": "UP"}), json!({"components": {"HEARTBEAT": {"status": "UP"}}}), json!([])] {
        fake.says("GET /health", 200, reply.clone());
        assert_eq!(check(&other, &["--url", &fake.url()]).code, Some(3), "{reply}");
    }
}

#[test]
fn the_alert_of_a_silence_is_sent_once_a_day_and_only_while_that_is_permitted() {
    let bot = Bot::new(Mood::Fine);
    let other = Host::new();
    other.write("daily_ops.toml", &format!("[push]\ntelegram_url = \"{}\"\n", bot.url()));
    let names = format!("TELEGRAM_BOT_TOKEN={}\nTELEGRAM_CHAT_ID={}\n", bot::TOKEN, bot::CHAT);
    other.store().write_secret(layout::MESSAGE_SECRETS, names.as_bytes()).expect("written");
    let ran = check(&other, &["--notify"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("alert: not sent: SENDER_DISABLED"), "{}", ran.all());
    other.write(layout::SENDER, r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":true}"#);
    for want in ["alert: FALLBACK_CURL", "alert: already sent today"] {
        let ran = check(&other, &["--notify"]);
        assert_eq!(ran.code, Some(3), "a message changes no exit code");
        assert!(ran.stderr.contains(want), "{want}: {}", ran.all());
    }
    assert_eq!(bot.requests().len(), 1);
    assert!(bot.requests()[0].contains("HEARTBEAT_UNUSABLE"));
    assert_eq!(check(&other, &[]).code, Some(3));
    assert_eq!(bot.requests().len(), 1, "only when asked for");
}
