//! A run tells the event bus what it does, in one trace, and whatever the server makes of that changes nothing else.

use std::time::Duration;

use daily_ops::store::layout::EVENT_SPOOL;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use rustix::process::Signal;
use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Publisher;
use crate::fixture::Reply;
use crate::fixture::Script;
use crate::fixture::Served;

const ALL: [&str; 12] = [
    "run_started",
    "stage_started 1",
    "stage_finished 1",
    "stage_started 2",
    "stage_finished 2",
    "stage_started 3",
    "stage_finished 3",
    "stage_started 4",
    "stage_finished 4",
    "stage_started 5",
    "stage_finished 5",
    "run_finished",
];

/// What the server was posted and took, in order.
fn posted(fake: &Fake) -> Vec<Value> {
    let mut events = Vec::new();
    for (_, body) in fake.events() {
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|fault| panic!("{fault}: {body}"));
        events.extend(body["events"].as_array().expect("a list").iter().cloned());
    }
    events
}

/// What waits in the spool, in order.
fn spooled(host: &Host) -> Vec<Value> {
    let bytes = host.store().read(EVENT_SPOOL).expect("readable").unwrap_or_default();
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines only: {text:?}");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Type and stage of each event.
fn names(events: &[Value]) -> Vec<String> {
    let name = |event: &Value| {
        let kind = event["type"].as_str().expect("a type");
        event["data"]["stage"].as_u64().map_or_else(|| kind.to_owned(), |stage| format!("{kind} {stage}"))
    };
    events.iter().map(name).collect()
}

/// The record without what differs from run to run.
fn essence(host: &Host) -> Value {
    let mut record = host.record();
    for key in ["run_id", "trace_id", "started_at", "finished_at", "chain", "integrity", "snapshot_ref", "rerun"] {
        record[key] = Value::Null;
    }
    for stage in record["stages"].as_array_mut().expect("stages") {
        stage["elapsed_ms"] = Value::Null;
    }
    record
}

fn takes() -> Fake {
    let fake = Fake::new();
    fake.on(site::EVENTS, &[Reply::Taken]);
    fake
}

#[test]
fn a_run_s_events_come_in_order_in_the_trace_of_the_publish_it_works_on() {
    let (publisher, _) = Publisher::new();
    let publication = publisher.publish();
    let (host, fake) = (&publisher.host, takes());
    let ran = site::finished(host.daily_command(&fake.url(), &[]).output().expect("started"));
    let record = host.proves("fine", &ran, 0, "OK");
    let events = posted(&fake);
    assert_eq!(names(&events), ALL);
    assert_eq!(record["trace_id"], publication.run_id.as_str());
    for event in &events {
        assert_eq!(event["trace_id"], publication.run_id.as_str(), "{event}");
        assert_eq!(event["data"]["run_id"], record["run_id"], "{event}");
        assert_eq!(event["source"], "daily_ops", "{event}");
    }
    let times: Vec<_> = events.iter().map(|event| event["ts"].as_i64().expect("a time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    let stages: Vec<_> = events.iter().filter(|event| event["type"] == "stage_finished").collect();
    for (event, stage) in stages.iter().zip(record["stages"].as_array().expect("stages")) {
        let data = &event["data"];
        let found = [&data["stage"], &data["name"], &data["status"], &data["reason"], &data["duration_ms"]];
        assert_eq!(found, [&stage["n"], &stage["name"], &stage["class"], &stage["code"], &stage["elapsed_ms"]]);
    }
    let last = &events[11]["data"];
    let end = [&last["exit_code"], &last["reason"], &last["record_ref"]];
    assert_eq!(end, [&record["exit_code"], &record["reason"], &record["snapshot_ref"]]);
    assert!(spooled(host).is_empty(), "nothing waits");
    for head in fake.heads().iter().filter(|head| !head.starts_with("GET /x")) {
        let want = format!("x-trace-id: {}", publication.run_id);
        assert!(head.to_lowercase().contains(&want), "{head}");
    }
}

#[test]
fn the_severity_follows_how_stages_and_run_end() {
    let cases: [(&str, Script, i32, &str, &str); 3] = [
        ("done with warnings: there is no bundle", |fake| fake, 0, "OK", "WARN"),
        ("blocked", |fake| fake.says(site::SUMMARY, 200, site::summary("BLOCKED")), 2, "OPS_BLOCKED", "WARN"),
        ("failed", |fake| fake.on(site::HEALTH, &[Reply::Reset]), 3, "BACKEND_DOWN", "ERROR"),
    ];
    for (name, script, exit, reason, severity) in cases {
        let (host, fake) = (Host::new(), takes());
        script(&fake);
        let ran = host.daily(&fake, &[]);
        assert_eq!(ran.code, Some(exit), "{name}: {ran:?}");
        let events = posted(&fake);
        let last = events.last().expect("events");
        assert_eq!(last["type"], "run_finished", "{name}");
        assert_eq!((&last["severity"], &last["data"]["exit_code"]), (&severity.into(), &exit.into()), "{name}: {last}");
        assert_eq!(last["data"]["reason"], reason, "{name}");
        let started = events.iter().filter(|event| event["type"] == "stage_started").count();
        let ended: Vec<_> = events.iter().filter(|event| event["type"] == "stage_finished").collect();
        assert_eq!(started, ended.len(), "{name}: each stage that started has ended");
        for (event, stage) in ended.iter().zip(host.record()["stages"].as_array().expect("stages")) {
            let want = match stage["class"].as_str() {
                Some("ok") => "INFO",
                Some("fail") => "ERROR",
                _ => "WARN",
            };
            assert_eq!(event["severity"], want, "{name}: {event}");
        }
    }
}

#[test]
fn whatever_the_server_makes_of_events_the_run_is_the_same_and_what_is_not_taken_waits() {
    let quiet = Host::new();
    let ran = quiet.daily(&Fake::new(), &["--set", "pipeline.publish_events=false"]);
    quiet.proves("without events", &ran, 0, "OK");
    assert!(spooled(&quiet).is_empty(), "switched off");
    let (want, said) = (essence(&quiet), ran.stdout);
    let no = |status: u16| Reply::Json(status, json!({"detail": "no"}));
    let cases = [
        ("no such endpoint", no(404), 12),
        ("no token", no(401), 12),
        ("wrong role", no(403), 12),
        ("too many", no(429), 12),
        ("a fault", no(500), 12),
        ("not built", no(501), 12),
        ("another answer", no(200), 12),
        ("a page", Reply::Text(200, "<html>"), 12),
        ("a redirect", Reply::Redirect, 12),
        ("noise", Reply::Noise, 12),
        ("reset", Reply::Reset, 12),
        ("cut off", Reply::Cut(200), 12),
        ("hangs", Reply::Hang, 12),
        ("drips", Reply::Drip, 12),
        ("refused for good", no(422), 0),
    ];
    for (name, reply, waiting) in cases {
        let (host, fake) = (Host::new(), Fake::new());
        fake.on(site::EVENTS, &[reply]);
        let ran = host.daily(&fake, &[]);
        host.proves(name, &ran, 0, "OK");
        assert_eq!((essence(&host), &ran.stdout), (want.clone(), &said), "{name}");
        let found = spooled(&host);
        assert_eq!(found.len(), waiting, "{name}: {}", ran.stderr);
        assert_eq!(ran.stderr.matches("events of this run are lost").count(), usize::from(waiting == 0), "{name}");
        if waiting > 0 {
            assert_eq!(names(&found), ALL, "{name}");
            assert_eq!(fake.events().len(), 1, "{name}: a server that failed once is left alone");
        }
    }
}

#[test]
fn a_stage_s_start_is_delivered_before_the_stage_lets_the_server_act() {
    let (host, fake) = (Host::new(), takes());
    let ran = host.daily(&fake, &[]);
    host.proves("fine", &ran, 0, "OK");
    let requests = fake.requests();
    for (path, stage) in [(site::REGENERATE, 3), (site::RUN_CYCLE, 4)] {
        let acts = requests.iter().position(|(asked, _)| asked == path).expect("asked");
        let start = format!("stage {stage}/5");
        let told = requests.iter().position(|(asked, body)| asked == site::EVENTS && body.contains(&start));
        assert!(told.is_some_and(|told| told < acts), "{path}: {requests:?}");
    }
}

#[test]
fn a_server_that_hangs_costs_the_run_no_more_than_the_wait_at_its_end() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.on(site::EVENTS, &[Reply::Taken, Reply::Hang]);
    let clock = SystemClock::new();
    let ran = host.daily(&fake, &[]);
    host.proves("hangs", &ran, 0, "OK");
    // The wait is two seconds and a half; a test only tells it from a hang.
    assert!(clock.monotonic() < Duration::from_secs(15));
    let (sent, waiting) = (posted(&fake), spooled(&host));
    let missing: Vec<_> = sent.iter().filter(|event| !waiting.contains(event)).cloned().collect();
    assert_eq!(names(&[missing, waiting].concat()), ALL, "what was taken, and then what waits");
}

#[test]
fn a_run_without_any_server_spools_in_order_and_a_full_spool_is_said_once() {
    let host = Host::new();
    let ran = host.daily_at("http://127.0.0.1:1", &[]);
    let record = host.proves("down", &ran, 3, "BACKEND_DOWN");
    let found = spooled(&host);
    let want =
        ["run_started", "stage_started 1", "stage_finished 1", "stage_started 2", "stage_finished 2", "run_finished"];
    assert_eq!(names(&found), want);
    assert!(found.iter().all(|event| event["trace_id"] == record["trace_id"]));
    assert!(host.read("logs/daily_ops.log").contains("6 events wait in metrics/spool.jsonl: "));
    assert!(!ran.stderr.contains("spool"), "the watcher has other things to read: {}", ran.stderr);
    let full = format!("{}\n", "x".repeat((4 << 20) - 1));
    host.write(EVENT_SPOOL, &full);
    let ran = host.daily_at("http://127.0.0.1:1", &[]);
    host.proves("full", &ran, 3, "BACKEND_DOWN");
    assert!(host.read(EVENT_SPOOL) == full, "nothing is added");
    let said = "6 events of this run are lost: metrics/spool.jsonl holds 4 MiB already";
    assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
}

#[test]
fn a_run_that_is_killed_loses_nothing_that_was_acknowledged_or_spooled() {
    let want = &ALL[..8];
    let (host, fake) = (Host::new(), takes());
    fake.on(site::RUN_CYCLE, &[Reply::Hang]);
    let running = host.start(&fake, &["--no-git-pull"]);
    site::until("the start of stage 4", || posted(&fake).len() == want.len());
    running.signal(Signal::KILL);
    running.wait();
    assert_eq!(names(&posted(&fake)), want);
    assert!(spooled(&host).is_empty());
    let (host, fake) = (Host::new(), Fake::new());
    fake.on(site::RUN_CYCLE, &[Reply::Hang]);
    let running = host.start(&fake, &["--no-git-pull"]);
    site::until("the start of stage 4", || spooled(&host).len() == want.len());
    running.signal(Signal::KILL);
    running.wait();
    assert_eq!(names(&spooled(&host)), want);
}

#[test]
fn a_run_with_its_own_backend_spools_and_a_dry_run_tells_nobody() {
    let (host, fake) = (Host::new(), takes());
    let ran = host.run(&["run", "--embedded", "--no-git-pull"]);
    assert_eq!(ran.code, Some(2), "there is no bundle: {ran:?}");
    let found = spooled(&host);
    assert_eq!(names(&found).last().map(String::as_str), Some("run_finished"));
    assert!(host.read("logs/daily_ops.log").contains("events wait in metrics/spool.jsonl"));
    host.daily(&fake, &["--dry-run"]);
    assert_eq!((fake.events().len(), spooled(&host).len()), (0, found.len()));
}

#[test]
fn what_the_backend_of_an_embedded_run_did_is_spooled_in_its_place_and_told_once_by_the_next_server() {
    let (publisher, _) = Publisher::new();
    let publication = publisher.publish();
    let host = &publisher.host;
    let ran = host.run(&["run", "--embedded"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let found = spooled(host);
    assert!(found.iter().all(|event| event["trace_id"] == publication.run_id.as_str()), "{found:?}");
    acts_stand_where_they_happened(&found);
    assert_eq!(names(&of_the_run(&found)), ALL);
    let served = Served::with(host, &[("OPS_TOKEN", TOKEN)]);
    site::until("an empty spool", || host.store().read(EVENT_SPOOL).is_ok_and(|left| left.is_none()));
    let events: Vec<_> = told(&served, &publication.run_id);
    let spooled: Vec<_> = events.iter().filter(|event| event["data"]["spool_id"].is_string()).cloned().collect();
    assert_eq!(names(&spooled), names(&found), "each once, in order");
}

#[test]
fn the_token_goes_to_this_machine_and_no_secret_into_an_event() {
    let secrets = ["planted-ops-token-0123456789", "planted-server-token-0123456789", "planted-key-0123456789abcdef"];
    let (host, fake) = (Host::new(), takes());
    let echo = json!({"detail": format!("Authorization: Bearer {}", secrets[1])});
    fake.says(site::REGENERATE, 500, echo);
    host.store().write_secret("state/ops_token", format!("{}\n", secrets[1]).as_bytes()).expect("written");
    let run = |token: Option<&str>| {
        let mut command = host.daily_command(&fake.url(), &["--no-git-pull"]);
        command.env("STRATEGY_BUNDLE_HMAC_KEY", secrets[2]);
        token.map(|token| command.env("OPS_TOKEN", token));
        site::finished(command.output().expect("started"))
    };
    for (token, shown) in [(None, secrets[1]), (Some(secrets[0]), secrets[0])] {
        let before = fake.events().len();
        let ran = run(token);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        for (head, body) in &fake.events()[before..] {
            assert!(head.to_lowercase().contains(&format!("authorization: bearer {shown}")), "{head}");
            assert!(secrets.iter().all(|secret| !body.contains(secret)), "{body}");
        }
        assert!(fake.events().len() > before);
        assert!(secrets.iter().all(|secret| !ran.all().contains(secret)), "{ran:?}");
    }
    for head in fake.heads() {
        assert!(secrets.iter().all(|secret| !head.contains(secret)), "only events need a token here: {head}");
    }
}

const TOKEN: &str = "token-of-the-desk-0123456789";

/// The events of a trace as the server tells them, oldest first.
fn told(served: &Served, trace: &str) -> Vec<Value> {
    let reply = served.get(&format!("/api/ops/events?trace_id={trace}&order=asc&limit=1000"));
    reply["events"].as_array().expect("a list").clone()
}

/// What the run itself said; that a publish was seen is said by the server.
fn of_the_run(events: &[Value]) -> Vec<Value> {
    let is_own = |event: &&Value| {
        event["type"].as_str().is_some_and(|kind| kind.starts_with("run_") || kind.starts_with("stage_"))
    };
    events.iter().filter(is_own).cloned().collect()
}

/// What a run lets the server do is told once, between the start and the end of its stage.
fn acts_stand_where_they_happened(events: &[Value]) {
    let names = names(events);
    let order = |name: &str| names.iter().position(|found| found == name);
    for (before, act, after) in [
        ("stage_started 3", "ops_summary_regenerated", "stage_finished 3"),
        ("stage_started 4", "live_cycle_finished", "stage_finished 4"),
        ("stage_finished 5", "push_finished", "run_finished"),
    ] {
        assert_eq!(names.iter().filter(|found| *found == act).count(), 1, "{act}: {names:?}");
        let found = [order(before), order(act), order(after)];
        assert!(found.is_sorted(), "{act} stands where it happened: {names:?}");
    }
}

#[test]
fn from_the_publish_to_the_last_stage_everything_is_one_trace_on_the_server() {
    let (publisher, _) = Publisher::new();
    let publication = publisher.publish();
    let host = &publisher.host;
    let served = Served::with(host, &[("OPS_TOKEN", TOKEN)]);
    let ran = host.daily_command(served.url(), &[]).env("OPS_TOKEN", TOKEN).output().expect("started");
    let ran = site::finished(ran);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(spooled(host).is_empty(), "{}", host.read("logs/daily_ops.log"));
    let events = told(&served, &publication.run_id);
    let own = of_the_run(&events);
    assert_eq!(names(&own), ALL);
    assert_eq!(own[11]["data"]["run_id"], host.record()["run_id"]);
    let kinds: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds.iter().filter(|found| **found == "publish_seen").count(), 1, "{kinds:?}");
    acts_stand_where_they_happened(&events);
    let cycle = events.iter().find(|event| event["type"] == "live_cycle_finished").expect("an event");
    let data = &cycle["data"];
    assert_eq!((&data["result"], &data["decision"]), (&"OK".into(), &"COMPLETED".into()), "{cycle}");
    let shown = serde_json::to_string(&events).expect("JSON");
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[test]
fn what_a_run_could_not_post_is_on_the_server_once_when_it_is_back() {
    let (publisher, first) = Publisher::new();
    let host = &publisher.host;
    let ran = site::finished(host.daily_command("http://127.0.0.1:1", &[]).output().expect("started"));
    host.proves("down", &ran, 3, "BACKEND_DOWN");
    let waiting = spooled(host);
    assert_eq!(waiting.len(), 6);
    let served = Served::with(host, &[("OPS_TOKEN", TOKEN)]);
    site::until("the spool's end", || told(&served, &first.run_id).len() >= waiting.len());
    let own = told(&served, &first.run_id);
    assert_eq!(names(&own), names(&waiting));
    for (event, spooled) in own.iter().zip(&waiting) {
        let data = &event["data"];
        assert_eq!((&data["client_ts"], &data["spool_id"]), (&spooled["ts"], &spooled["spool_id"]), "{event}");
        assert_eq!((&event["severity"], &event["message"]), (&spooled["severity"], &spooled["message"]));
    }
    // A run that shows no token is refused, and its events come by the spool.
    let second = publisher.publish();
    let ran = site::finished(host.daily_command(served.url(), &[]).output().expect("started"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    site::until("the events", || of_the_run(&told(&served, &second.run_id)).len() >= ALL.len());
    site::until("an empty spool", || host.store().read(EVENT_SPOOL).is_ok_and(|left| left.is_none()));
    assert_eq!(names(&of_the_run(&told(&served, &second.run_id))), ALL, "each once, in order");
    assert_eq!(names(&told(&served, &first.run_id)), names(&waiting), "none came again");
}
