//! The checklist: each of its looks can say no, and then nothing is shown.

use std::sync::Arc;

use daily_ops::backend::Keeping;
use daily_ops::rehearsal::demo::Demo;
use daily_ops::rehearsal::demo::KillPart;
use daily_ops::rehearsal::demo::Mark;
use daily_ops::rehearsal::demo::Outcome;
use serde_json::Value;

use crate::door;
use crate::door::Instead;
use crate::door::Rule;
use crate::perform::METRICS;
use crate::theater::Theater;
use crate::theater::failed;
use crate::theater::json;
use crate::theater::nowhere;
use crate::theater::play;
use crate::theater::text;

fn assert_blocked(outcome: &Outcome, want: &[&str]) {
    assert_eq!((outcome.exit_code, outcome.result), (2, "BLOCKED"));
    assert_eq!(failed(outcome), want);
    assert!(outcome.checks.iter().all(|check| check.id.starts_with("pre")), "nothing is shown");
    let first = outcome.checks.iter().find(|check| check.result == Mark::Fail).expect("a failure");
    assert!(first.remedy.is_some(), "{first:?}");
    let Some(folder) = &outcome.evidence else { return };
    assert_eq!(json(&folder.join("00_precheck.json"))["passed"], false);
    assert_eq!(json(&folder.join("summary.json"))["exit_code"], 2);
    let log = text(outcome.master_log.as_deref().expect("a master log"));
    assert!(log.ends_with("### END\n") && log.contains("exit_code 2\n") && log.contains("### WS\n(not reached)"));
}

fn metrics() -> Rule {
    ("GET /api/ops/metrics", door::answer("200 OK", "", METRICS))
}

#[test]
fn each_look_of_the_checklist_blocks_the_demo() {
    let theater = Theater::new();
    let canned = |status: &str, body: &str| door::answer(status, "Content-Type: application/json\r\n", body);
    let held = Instead::SayAndHold("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_owned());
    let cases: Vec<(&str, Vec<Rule>, &[&str])> = vec![
        ("another page", vec![metrics(), ("GET / ", canned("200 OK", "welcome"))], &["pre2"]),
        ("no metrics", vec![("GET /api/ops/metrics", canned("500 Internal Server Error", "{}"))], &["pre3"]),
        (
            "a health that nobody explains",
            vec![("GET /api/ops/metrics", canned("200 OK", r#"{"health":"WARN","health_reasons":[],"drop_count":0}"#))],
            &["pre3"],
        ),
        (
            "a drop counter that rises",
            vec![(
                "GET /api/ops/metrics",
                Instead::Turns(Arc::default(), |turn| {
                    let body = format!(r#"{{"health":"OK","health_reasons":[],"drop_count":{turn},"subscribers":1}}"#);
                    door::text("200 OK", "", &body)
                }),
            )],
            &["pre3"],
        ),
        (
            "a refused stream",
            vec![metrics(), ("GET /events", canned("503 Service Unavailable", "{}"))],
            &["pre4", "pre6"],
        ),
        ("a stream that is kept back", vec![metrics(), ("GET /events", held)], &["pre4", "pre6"]),
        (
            "a refused event",
            vec![metrics(), ("POST /api/ops/test-event", canned("401 Unauthorized", "{}"))],
            &["pre5", "pre6"],
        ),
        (
            "a kill switch that is on",
            vec![
                metrics(),
                (
                    "GET /api/control/kill-switch",
                    canned("200 OK", r#"{"is_on":true,"latch_status":"ON","actor":"Lee","reason":"drill"}"#),
                ),
            ],
            &["pre7"],
        ),
    ];
    for (name, rules, want) in cases {
        let address = door::open(theater.address(), rules);
        let (outcome, _) = play(&impatient(theater.demo(address)));
        assert_blocked(&outcome, want);
        assert!(!theater_has_shown(&theater), "{name}");
    }
}

/// What is not to come is not waited for.
fn impatient(mut demo: Demo<'_>) -> Demo<'_> {
    demo.patience.hello = std::time::Duration::from_millis(500);
    demo
}

fn theater_has_shown(theater: &Theater) -> bool {
    let log = std::fs::read_to_string(theater.root().join("metrics/live_obs.jsonl")).unwrap_or_default();
    log.lines().filter_map(|row| serde_json::from_str::<Value>(row).ok()).any(|row| row["source"] == "investor")
}

#[test]
fn a_server_that_is_not_there_blocks_the_demo_with_the_command_that_starts_it() {
    let theater = Theater::new();
    let (outcome, heard) = play(&theater.demo(nowhere()));
    assert_blocked(&outcome, &["pre1", "pre2", "pre3", "pre4", "pre5", "pre6", "pre7"]);
    assert!(heard.said.iter().any(|line| line.contains("daily_ops serve")), "{:?}", heard.said);
}

#[test]
fn an_event_that_is_not_logged_blocks_the_demo() {
    let theater = Theater::with(|dash| dash.journal = Keeping::Memory);
    let mut demo = theater.demo(theater.address());
    demo.patience.event = std::time::Duration::from_secs(3);
    demo.patience.answer = std::time::Duration::from_secs(3);
    let (outcome, _) = play(&demo);
    assert_blocked(&outcome, &["pre6"]);
}

#[test]
fn a_second_server_blocks_the_demo_and_is_named() {
    let theater = Theater::new();
    let second = theater.second();
    let mut demo = theater.demo(second.address());
    demo.patience.event = std::time::Duration::from_secs(10);
    demo.patience.answer = std::time::Duration::from_secs(10);
    let (outcome, _) = play(&demo);
    let check = outcome.checks.iter().find(|check| check.id == "pre6").expect("pre6");
    assert_eq!(check.result, Mark::Fail, "{check:?}");
    assert!(check.detail.contains("keeps the observation log of this workspace"), "{check:?}");
    assert!(check.remedy.as_deref().is_some_and(|remedy| remedy.contains("stop the server that keeps the log")));
}

#[test]
fn a_folder_that_cannot_be_made_blocks_the_demo() {
    let theater = Theater::new();
    theater.store.write("a-file", b"in the way").expect("written");
    let address = door::open(theater.address(), vec![metrics()]);
    let mut demo = theater.demo(address);
    demo.evidence = Some(theater.root().join("a-file/below"));
    let (outcome, _) = play(&demo);
    assert_blocked(&outcome, &["pre8"]);
    assert_eq!((&outcome.evidence, &outcome.master_log), (&None, &None));
}

#[test]
fn the_kill_switch_is_not_shown_without_a_token() {
    let theater = Theater::new();
    let address = door::open(theater.address(), vec![metrics()]);
    let mut demo = theater.demo(address);
    (demo.kill, demo.key) = (KillPart::Shown, None);
    let (outcome, _) = play(&demo);
    assert_blocked(&outcome, &["pre10"]);
}
