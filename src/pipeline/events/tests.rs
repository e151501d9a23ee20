//! What a run says, in which trace, how loud, and when it happened.

use super::*;
use crate::contracts::Reason;
use crate::contracts::RunId;
use crate::contracts::event::DraftDefaults;
use crate::store::layout;
use crate::time::SimClock;
use crate::time::Stamp;
use serde_json::json;

const START: &str = "2026-11-20T09:05:00+09:00";

fn clock() -> SimClock {
    SimClock::at(Stamp::from(START).instant().expect("a time"))
}

fn record() -> RunRecord {
    let id = "run_20261120_090500_00000001";
    serde_json::from_value(json!({
        "schema": "DAILY_OPS_RUN_V1", "run_id": id, "trace_id": id, "started_at": Stamp::default(),
        "finished_at": null, "trigger": "cron", "timezone": "Asia/Seoul", "host_zone": "UTC", "trading_day": true,
        "late": false, "rerun": false, "dry_run": false, "version": "0", "host_rev_before": null,
        "host_rev_after": null, "git": null, "safety": {}, "bundle": null,
        "stages": StageName::ALL.map(StageReport::not_reached), "ops_status": null, "cycle": {"snapshot_check": "-"},
        "warnings": [], "reason": null, "reason_detail": null, "risks": [], "exit_code": null, "snapshot_ref": "s",
        "chain": {"seq": 1, "prev_sha256": ""}, "integrity": {"payload_sha256": ""},
    }))
    .expect("a record")
}

fn report(name: StageName, class: StageClass) -> StageReport {
    StageReport { class, elapsed_ms: 12, ..StageReport::not_reached(name) }
}

fn spooled(store: &Store) -> Vec<Value> {
    let bytes = store.read(layout::EVENT_SPOOL).expect("readable").unwrap_or_default();
    let text = String::from_utf8(bytes).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn what_happened_before_the_trace_was_known_has_it_too_and_its_own_time() {
    let (dir, clock) = (tempfile::tempdir().expect("a directory"), clock());
    let store = Store::new(dir.path());
    let mut record = record();
    let mut events = Events::new(&EventsTo::Spool(Beside::new(Vec::new)), &store, &clock);
    events.run_started(&record);
    clock.advance(Duration::from_secs(3));
    events.stage_started(&record, StageName::Pull);
    assert_eq!(events.held.len(), 2, "both wait for the trace");
    clock.advance(Duration::from_secs(40));
    record.trace_id = RunId::try_from("run_20261119_200000_0000000a".to_owned()).expect("an id");
    events.stage_finished(&record, &report(StageName::Pull, StageClass::Ok));
    record.exit_code = Some(0);
    record.reason = Some(Reason::from(RunCode::Ok));
    events.run_finished(&record);
    assert_eq!(events.close(), Told { spooled: 4, ..Told::default() });
    let found = spooled(&store);
    let kinds: Vec<_> = found.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds, ["run_started", "stage_started", "stage_finished", "run_finished"]);
    let began = Stamp::from(START).instant().expect("a time").timestamp_millis();
    let times: Vec<_> = found.iter().map(|event| event["ts"].as_i64().expect("a time") - began).collect();
    assert_eq!(times, [0, 3_000, 43_000, 43_000]);
    let mut ids: Vec<_> = found.iter().map(|event| event["spool_id"].as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each has an id of its own");
    for event in &found {
        assert_eq!(event["trace_id"], record.trace_id.as_str());
        assert_eq!(event["source"], "daily_ops");
        assert_eq!(event["data"]["run_id"], record.run_id.as_str());
        let defaults = DraftDefaults { kind: "event", source: "unknown" };
        assert!(EventDraft::parse(event.clone(), defaults).is_ok(), "the server reads it: {event}");
    }
    assert_eq!(found[3]["data"]["duration_ms"], 43_000);
    assert_eq!(found[3]["data"]["exit_code"], 0);
}

#[test]
fn what_the_backend_beside_the_run_tells_is_spooled_once_before_what_the_run_says_next() {
    let (dir, clock) = (tempfile::tempdir().expect("a directory"), clock());
    let store = Store::new(dir.path());
    let record = record();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = |kind: &str, id: u64| {
        let draft = EventDraft::new(kind, "backend", "done").with("status", 200);
        told.lock().expect("alive").push(draft.accepted(id, clock.now(), record.trace_id.as_str()));
    };
    let news = Arc::clone(&told);
    let beside = Beside::new(move || std::mem::take(&mut *news.lock().expect("alive")));
    let mut events = Events::new(&EventsTo::Spool(beside), &store, &clock);
    tell("early", 1);
    events.run_started(&record);
    events.stage_finished(&record, &report(StageName::Pull, StageClass::Ok));
    events.stage_started(&record, StageName::Summary);
    tell("ops_summary_regenerated", 2);
    clock.advance(Duration::from_secs(2));
    events.stage_finished(&record, &report(StageName::Summary, StageClass::Ok));
    tell("push_finished", 3);
    assert_eq!(events.close(), Told { spooled: 7, ..Told::default() });
    let found = spooled(&store);
    let kinds: Vec<_> = found.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    let want = ["run_started", "early", "stage_finished", "stage_started", "ops_summary_regenerated", "stage_finished"];
    assert_eq!((&kinds[..6], kinds[6]), (&want[..], "push_finished"));
    assert!(found.iter().all(|event| event["trace_id"] == record.trace_id.as_str() && event["spool_id"].is_string()));
    let began = Stamp::from(START).instant().expect("a time").timestamp_millis();
    let act = &found[4];
    assert_eq!(
        (&act["ts"], &act["source"], &act["data"]),
        (&json!(began), &json!("backend"), &json!({"status": 200})),
        "its own time"
    );
}

#[test]
fn a_run_that_tells_nobody_keeps_and_writes_nothing() {
    let (dir, clock) = (tempfile::tempdir().expect("a directory"), clock());
    let store = Store::new(dir.path());
    let mut events = Events::new(&EventsTo::Nowhere, &store, &clock);
    events.run_started(&record());
    events.run_finished(&record());
    assert_eq!(events.close(), Told::default());
    assert!(events.held.is_empty() && std::fs::read_dir(dir.path()).expect("a directory").next().is_none());
}

#[test]
fn the_severity_of_a_stage_and_of_a_run_follows_how_it_ended() {
    let classes = [
        (StageClass::Ok, Severity::Info),
        (StageClass::Skipped, Severity::Info),
        (StageClass::Warn, Severity::Warn),
        (StageClass::Block, Severity::Warn),
        (StageClass::Fail, Severity::Error),
    ];
    for (class, want) in classes {
        assert_eq!(severity_of(class), want, "{class:?}");
    }
    let runs = [
        (Some(0), RunCode::Ok, ("done", Severity::Info)),
        (Some(0), RunCode::LateRunSkipped, ("skipped", Severity::Warn)),
        (Some(2), RunCode::EmergencyStop, ("blocked", Severity::Warn)),
        (Some(3), RunCode::BackendDown, ("failed", Severity::Error)),
        (None, RunCode::Panicked, ("failed", Severity::Error)),
    ];
    for (exit_code, code, want) in runs {
        let record = RunRecord { exit_code, reason: Some(code.into()), ..record() };
        assert_eq!(outcome(&record), want, "{code:?}");
    }
    let warned = RunRecord { exit_code: Some(0), stages: vec![report(StageName::Pull, StageClass::Warn)], ..record() };
    assert_eq!(outcome(&warned), ("warned", Severity::Warn));
}
