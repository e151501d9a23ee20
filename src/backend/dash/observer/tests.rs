//! The observer over a real workspace that a second store changes.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::backend::dash::DashOptions;
use crate::backend::dash::Keeping;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;
use crate::contracts::channel::Channels;
use crate::contracts::event::Event;
use crate::contracts::event::NO_TRACE;
use crate::contracts::event::Severity;
use crate::gates::Force;
use crate::gates::KillOrder;
use crate::gates::KillPosition;
use crate::gates::Sender;
use crate::gates::Stop;
use crate::ops::OpsPolicy;
use crate::store::Store;
use crate::time::Clock as _;
use crate::time::SimClock;
use crate::time::Stamp;
use crate::time::SystemClock;

struct Desk {
    /// What another process writes through.
    other: Store,
    ops: Ops,
    dash: Arc<Dash>,
    clock: Arc<SimClock>,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new(prepare: impl FnOnce(&Store)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        prepare(&Store::new(dir.path()));
        Self::open(dir, Keeping::Memory)
    }

    /// A server that keeps the log of a new workspace.
    fn keeping() -> Self {
        Self::open(tempfile::tempdir().expect("a directory"), Keeping::Log)
    }

    fn open(dir: tempfile::TempDir, journal: Keeping) -> Self {
        let clock = Arc::new(SimClock::at(Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time")));
        let policy = Box::new(|| Ok(OpsPolicy::default()));
        let ops = Ops::new(Store::new(dir.path()), Arc::<SimClock>::clone(&clock), policy);
        let stopping = watch::channel(false).1;
        let options = DashOptions { journal, ..DashOptions::default() };
        let dash = Dash::new(Arc::<SimClock>::clone(&clock), &Store::new(dir.path()), options, stopping);
        dash.look(&ops);
        Self { other: Store::new(dir.path()), ops, dash, clock, dir }
    }

    /// Ends this server, lets something happen, and starts the next one.
    fn restarted(self, meanwhile: impl FnOnce(&Store)) -> Self {
        self.dash.stop_journal();
        self.killed(meanwhile)
    }

    /// The same, without a chance to note anything.
    fn killed(self, meanwhile: impl FnOnce(&Store)) -> Self {
        let Self { other, ops, dash, clock: _, dir } = self;
        drop((ops, dash));
        meanwhile(&other);
        Self::open(dir, Keeping::Log)
    }

    /// What the start has told, whatever was told before it.
    fn told_at_start(&self, after: u64) -> Vec<Event> {
        let frames = self.dash.bus.recent();
        frames.iter().map(|frame| frame.event.clone()).filter(|event| event.id > after).collect()
    }

    fn newest(&self) -> u64 {
        self.dash.bus.ids().last
    }

    /// Waits until the log has everything that was told.
    fn logged(&self) {
        let clock = SystemClock::new();
        let archive = self.dash.archive().expect("a log");
        let mut newest = 0;
        while newest < self.newest() {
            assert!(clock.monotonic() < Duration::from_secs(30), "{newest} of {}", self.newest());
            clock.wait(Duration::from_millis(5));
            let see = |row: &crate::telemetry::Row<'_>| {
                newest = row.id.unwrap_or(newest);
                row.id.map_or(ControlFlow::Continue(()), |_| ControlFlow::Break(()))
            };
            archive.newest(u64::MAX, see).expect("readable");
        }
    }

    /// Waits until the disk has it too: the journal flushes every five seconds of its clock.
    fn synced(&self) {
        let clock = SystemClock::new();
        while self.dash.journal_status().synced_id < self.newest() {
            assert!(clock.monotonic() < Duration::from_secs(30), "{:?}", self.dash.journal_status());
            self.later(6);
            clock.wait(Duration::from_millis(5));
        }
    }

    fn noted(&self) -> Option<Value> {
        let bytes = self.other.read(layout::OPS_OBSERVED).expect("readable")?;
        Some(serde_json::from_slice(&bytes).expect("JSON"))
    }

    /// What is told by one look.
    fn told(&self) -> Vec<Event> {
        let before = self.dash.bus.ids().last;
        self.dash.look(&self.ops);
        let frames = self.dash.bus.recent();
        frames.iter().map(|frame| frame.event.clone()).filter(|event| event.id > before).collect()
    }

    /// What the guardrail comes to now.
    fn position(&self) -> String {
        self.dash.guardrail(&self.ops).position()
    }

    fn kinds(&self) -> Vec<String> {
        self.told().into_iter().map(|event| event.kind).collect()
    }

    fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn gates(&self) -> Gates<'_> {
        Gates::new(&self.other)
    }
}

fn op() -> Actor {
    Actor::new("op", Role::Admin, "test")
}

fn record(edit: &dyn Fn(&mut Value)) -> Vec<u8> {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts/daily_ops_run_v1.json");
    let mut record: Value = serde_json::from_slice(&std::fs::read(golden).expect("read")).expect("JSON");
    edit(&mut record);
    serde_json::to_vec(&record).expect("JSON")
}

/// A run `run_N` of the publish `pub_N`, ended with a code or not yet.
fn run(n: u32, publish: Option<u32>, code: Option<u8>) -> Vec<u8> {
    record(&|r| {
        r["run_id"] = json!(format!("run_{n}"));
        r["trace_id"] = publish.map_or_else(|| json!(format!("run_{n}")), |p| json!(format!("pub_{p}")));
        r["exit_code"] = json!(code);
        if code.is_none() {
            r["finished_at"] = Value::Null;
        }
    })
}

#[test]
fn what_is_there_at_the_start_is_no_news_and_nothing_is_told_twice() {
    let desk = Desk::new(|store| {
        Gates::new(store).set_stop(Stop::On, &op(), "before", SimClock::at(now()).now()).expect("set");
        store.write(layout::RUN.latest, &run(1, Some(1), Some(3))).expect("written");
        store.write(layout::BUNDLE.latest, b"{}").expect("written");
    });
    for _ in 0..5 {
        assert!(desk.kinds().is_empty());
    }
}

fn now() -> crate::time::KstTime {
    Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time")
}

#[test]
fn each_switch_that_another_process_moves_is_told_once_with_before_after_and_why() {
    let desk = Desk::new(|_| ());
    desk.gates().set_gate(crate::contracts::GateMode::DryRun, &op(), "usual", now()).expect("set");
    desk.gates().set_sender(Sender::On(Channels::TELEGRAM_ONLY), &op(), "today", now()).expect("set");
    let told = desk.told();
    let said: Vec<_> = told
        .iter()
        .map(|e| json!([e.kind, e.data["file"], e.data["before"], e.data["after"], e.data["reason"]]))
        .collect();
    let want = [
        json!(["safety_changed", layout::GATE, "MOCK_ONLY", "DRY_RUN", "usual"]),
        json!(["safety_changed", layout::SENDER, "OFF", "ON", "today"]),
    ];
    assert_eq!(said, want);
    assert!(told.iter().all(|e| e.severity == Severity::Warn && e.source == "daily_ops"));
    assert_eq!(traces(&told), ["audit-1", "audit-2"], "each under its entry of the audit trail");
    desk.gates().set_stop(Stop::On, &op(), "halt", now()).expect("set");
    let told = desk.told();
    let files: Vec<_> =
        told.iter().map(|e| (e.kind.as_str(), e.data.get("file").and_then(Value::as_str).unwrap_or("-"))).collect();
    let want = [("safety_changed", layout::GATE), ("safety_changed", layout::STOP), ("guardrail_update", "-")];
    assert_eq!(files, want, "the stop closes the gate, and is a kill switch");
    assert_eq!(told[2].data["mode"], "KILL");
    assert_eq!(traces(&told), ["audit-3"; 3], "closing the gate is part of the stop, and so is the guardrail");
    // The same position with another reason is no change of the position.
    desk.gates().set_stop(Stop::On, &op(), "still", now()).expect("set");
    assert!(desk.kinds().is_empty());
    desk.other.write(layout::STOP, b"{").expect("written");
    let told = desk.told();
    assert_eq!(json!([told[0].data["before"], told[0].data["after"]]), json!(["ON", "UNREADABLE"]));
    assert!(is_fresh(&told[0].trace_id), "nobody recorded what was done by hand: {}", told[0].trace_id);
    desk.other.remove(layout::STOP).expect("removed");
    assert_eq!(desk.kinds(), ["safety_changed", "guardrail_update"]);
    assert!(desk.kinds().is_empty());
}

#[test]
fn a_kill_switch_of_another_process_is_told_as_such_and_our_own_is_not_told_again() {
    let desk = Desk::new(|_| ());
    let order = |id, position| order(id, "chain-1", position);
    let set = |order: &KillOrder| desk.gates().set_kill_switch(order, &op(), now()).expect("set");
    set(&order("a-1", KillPosition::On));
    let told = desk.told();
    let kinds: Vec<_> = told.iter().map(|e| (e.kind.as_str(), e.source.as_str(), e.severity)).collect();
    let want = [
        ("safety_changed", "daily_ops", Severity::Warn),
        ("KillSwitchChanged", "trading", Severity::Critical),
        ("guardrail_update", "guardrail", Severity::Critical),
    ];
    assert_eq!(kinds, want);
    assert!(told.iter().all(|e| e.trace_id == "chain-1"));
    let data = &told[1].data;
    assert_eq!(
        json!([data["prevStatus"], data["newStatus"], data["audit_id"], data["version"]]),
        json!(["OFF", "ON", "a-1", 1])
    );
    assert!(desk.kinds().is_empty());
    desk.dash.observer.leave_to_its_maker("a-2");
    set(&order("a-2", KillPosition::Off));
    assert!(desk.kinds().is_empty(), "its maker tells of it");
    desk.dash.observer.has_told("a-2", Some(desk.position()));
    assert!(desk.kinds().is_empty(), "its maker has told of it");
    desk.dash.observer.leave_to_its_maker("a-3");
    set(&order("a-3", KillPosition::On));
    assert!(desk.kinds().is_empty(), "its maker is at work");
    desk.later(13);
    assert_eq!(desk.kinds(), ["safety_changed", "KillSwitchChanged", "guardrail_update"], "its maker has died");
    desk.other.write(layout::KILL_SWITCH, b"").expect("written");
    let told = desk.told();
    assert_eq!(
        told.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(),
        ["safety_changed", "KillSwitchChanged", "guardrail_update"]
    );
    assert_eq!(told[0].data["after"], json!("UNREADABLE"));
    assert!(is_fresh(&told[0].trace_id) && traces(&told).iter().all(|trace| *trace == told[0].trace_id), "{told:?}");
    assert_eq!(told[2].data["reason"], "STATE_UNREADABLE");
    assert_eq!(
        json!([told[1].message, told[1].data["actor"]]),
        json!(["kill switch ON by unknown: STATE_UNREADABLE", "unknown"])
    );
}

fn order(audit_id: &str, trace_id: &str, position: KillPosition) -> KillOrder {
    KillOrder {
        audit_id: audit_id.to_owned(),
        position,
        reason: "loss".to_owned(),
        actor: "engine".to_owned(),
        actor_ip: "-".to_owned(),
        trace_id: trace_id.to_owned(),
        expected_version: None,
        force: Force::No,
    }
}

#[test]
fn the_last_word_on_the_guardrail_is_what_it_is_whatever_moves_it_right_after_our_own_door() {
    let desk = Desk::new(|_| ());
    for (id, position) in [("a-1", KillPosition::On), ("a-2", KillPosition::Off)] {
        desk.dash.observer.leave_to_its_maker(id);
        desk.gates().set_kill_switch(&order(id, "chain-1", position), &op(), now()).expect("set");
        desk.dash.observer.has_told(id, Some(desk.position()));
    }
    // Before anybody has looked.
    desk.gates().set_stop(Stop::On, &op(), "halt", now()).expect("set");
    let told = desk.told();
    let last = told.last().expect("an event");
    assert_eq!((last.kind.as_str(), &last.data["mode"]), ("guardrail_update", &json!("KILL")), "{told:?}");
    assert!(desk.kinds().is_empty());
    desk.dash.observer.leave_to_its_maker("a-3");
    desk.gates().set_kill_switch(&order("a-3", "chain-1", KillPosition::On), &op(), now()).expect("set");
    desk.dash.observer.has_told("a-3", Some(desk.position()));
    desk.gates().set_stop(Stop::Off, &op(), "over", now()).expect("set");
    assert!(!desk.kinds().contains(&"guardrail_update".to_owned()), "KILL was told, and it is");
}

#[test]
fn a_mode_that_changes_with_time_is_told_although_no_file_does() {
    let window = r#"{"schema":"REAL_ENABLE_WINDOW_V1","event":"CREATE","window_id":"w","created_at":"2026-11-21T09:00:00","expires_at":"2026-11-21T09:15:00","max_real_executions":1,"real_executions_used":0,"status":"ACTIVE"}"#;
    let desk = Desk::new(|store| {
        store.write(layout::WINDOWS, format!("{window}\n").as_bytes()).expect("written");
        store.write(layout::GATE, br#"{"schema":"EXECUTION_GATE_V1","mode":"REAL_ENABLED"}"#).expect("written");
    });
    desk.later(9 * 60);
    assert!(desk.kinds().is_empty());
    desk.later(2 * 60);
    let told = desk.told();
    assert_eq!(told.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(), ["guardrail_update"]);
    assert_eq!(json!([told[0].data["mode"], told[0].data["reason"]]), json!(["WARN", "core health WARNING"]));
    assert!(desk.kinds().is_empty());
}

#[test]
fn a_publish_is_seen_when_a_run_first_names_it() {
    let desk = Desk::new(|store| store.write(layout::RUN.latest, &run(1, Some(1), Some(0))).expect("written"));
    let write = |bytes: Vec<u8>| desk.other.write(layout::RUN.latest, &bytes).expect("written");
    write(run(2, Some(1), None));
    assert!(desk.kinds().is_empty(), "the same publish");
    write(run(2, None, None));
    assert!(desk.kinds().is_empty(), "none named");
    write(run(3, Some(2), None));
    let told = desk.told();
    assert_eq!((told.len(), told[0].kind.as_str(), told[0].trace_id.as_str()), (1, "publish_seen", "pub_2"));
    assert_eq!(json!([told[0].data["publish_run_id"], told[0].data["run_id"]]), json!(["pub_2", "run_3"]));
    write(b"{".to_vec());
    write(run(4, Some(2), None));
    assert!(desk.kinds().is_empty());
}

#[test]
fn a_run_that_does_not_say_that_it_ended_is_told_from_its_record() {
    let desk = Desk::new(|_| ());
    let write = |bytes: Vec<u8>| desk.other.write(layout::RUN.latest, &bytes).expect("written");
    // One that says so itself, also late.
    write(run(1, None, Some(0)));
    assert!(desk.kinds().is_empty());
    desk.later(6);
    let own = EventDraft::new("run_finished", "daily_ops", "").with("run_id", "run_1");
    desk.dash.bus.publish(vec![own], Some("run_1"));
    assert!(desk.kinds().is_empty());
    desk.later(60);
    assert!(desk.kinds().is_empty());
    // One that never does.
    for (n, code, severity) in [(2, 0, Severity::Warn), (3, 2, Severity::Warn), (4, 3, Severity::Error)] {
        write(run(n, None, None));
        assert!(desk.kinds().is_empty());
        write(run(n, None, Some(code)));
        assert!(desk.kinds().is_empty());
        desk.later(13);
        let told = desk.told();
        assert_eq!(
            (told.len(), told[0].kind.as_str(), told[0].trace_id.clone()),
            (1, "run_finished", format!("run_{n}"))
        );
        assert_eq!(json!([told[0].data["exit_code"], told[0].data["from_record"]]), json!([code, true]));
        // The golden record ends with warnings.
        assert_eq!(told[0].severity, severity);
        desk.later(60);
        assert!(desk.kinds().is_empty());
    }
    // Two runs within the time: the first is told when the second ends.
    write(run(5, None, Some(0)));
    assert!(desk.kinds().is_empty());
    write(run(6, None, Some(0)));
    assert_eq!(desk.kinds(), ["run_finished"]);
    desk.later(13);
    assert_eq!(desk.kinds(), ["run_finished"]);
}

fn bundle() -> Vec<u8> {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts/strategy_bundle_v1.json");
    std::fs::read(golden).expect("read")
}

#[test]
fn a_bundle_that_nobody_names_is_told_once_after_a_while_and_one_that_goes_at_once() {
    let desk = Desk::new(|_| ());
    desk.other.write(layout::BUNDLE.latest, &bundle()).expect("written");
    assert!(desk.kinds().is_empty(), "a run may name it");
    desk.later(13);
    let told = desk.told();
    assert_eq!((told.len(), told[0].kind.as_str()), (1, "bundle_changed"));
    assert!(is_fresh(&told[0].trace_id), "{told:?}");
    assert!(told[0].data["before"].is_null() && told[0].data["after"].is_string(), "{:?}", told[0].data);
    desk.other.write(layout::BUNDLE.latest, &bundle()).expect("written");
    desk.later(13);
    assert!(desk.kinds().is_empty(), "the same bundle again");
    desk.other.remove(layout::BUNDLE.latest).expect("removed");
    assert_eq!(desk.kinds(), ["bundle_changed"]);
}

#[test]
fn a_bundle_is_told_with_the_publish_that_brought_it_in_one_go_and_one_trace() {
    let desk = Desk::new(|_| ());
    let run = |named: bool| {
        record(&|r| {
            (r["run_id"], r["trace_id"]) = (json!("run_1"), json!("pub_1"));
            (r["exit_code"], r["finished_at"]) = (Value::Null, Value::Null);
            let id = serde_json::from_slice::<Value>(&bundle()).expect("JSON")["bundle_id"].clone();
            r["bundle"] = if named {
                json!({"decision": "FAIL", "stale": true, "signature_verified": false, "bundle_id": id})
            } else {
                Value::Null
            };
        })
    };
    desk.other.write(layout::BUNDLE.latest, &bundle()).expect("written");
    assert!(desk.kinds().is_empty());
    desk.other.write(layout::RUN.latest, &run(false)).expect("written");
    assert!(desk.kinds().is_empty(), "the run has pulled and not looked at the bundle yet");
    desk.other.write(layout::RUN.latest, &run(true)).expect("written");
    let told = desk.told();
    assert_eq!(told.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(), ["bundle_changed", "publish_seen"]);
    assert_eq!(traces(&told), ["pub_1"; 2]);
    assert_eq!(told[0].data["after"], told[1].data["bundle_id"]);
    desk.later(60);
    assert!(desk.kinds().is_empty());
}

fn traces(told: &[Event]) -> Vec<&str> {
    told.iter().map(|event| event.trace_id.as_str()).collect()
}

/// Whether a trace was made up for one change.
fn is_fresh(trace: &str) -> bool {
    uuid::Uuid::parse_str(trace).is_ok_and(|id| id.get_version_num() == 4)
}

#[test]
fn a_change_through_the_server_is_told_in_the_trace_of_its_request_whoever_looks_first() {
    let desk = Desk::new(|_| ());
    desk.dash.observer.begins("of-the-request");
    desk.gates().set_gate(crate::contracts::GateMode::DryRun, &op(), "usual", now()).expect("set");
    // The look of each second, while the request is still at work.
    assert_eq!(traces(&desk.told()), ["of-the-request"]);
    desk.gates().set_sender(Sender::On(Channels::TELEGRAM_ONLY), &op(), "today", now()).expect("set");
    desk.dash.observer.ends("of-the-request");
    assert_eq!(traces(&desk.told()), ["of-the-request"]);
    desk.gates().set_stop(Stop::On, &op(), "halt", now()).expect("set");
    assert_eq!(traces(&desk.told()), ["audit-3"; 3], "what comes later is not the request's");
}

/// What everybody may change while no server is there.
fn change_everything(store: &Store) {
    let gates = Gates::new(store);
    gates.set_gate(crate::contracts::GateMode::DryRun, &op(), "usual", now()).expect("set");
    gates.set_stop(Stop::Off, &op(), "over", now()).expect("set");
    let order = order("a-1", NO_TRACE, KillPosition::On);
    gates.set_kill_switch(&order, &op(), now()).expect("set");
    store.write(layout::BUNDLE.latest, &bundle()).expect("written");
    store.write(layout::RUN.latest, &run(7, Some(7), Some(0))).expect("written");
}

/// A server that has told of an emergency stop.
fn stopped() -> Desk {
    let desk = Desk::keeping();
    desk.gates().set_stop(Stop::On, &op(), "drill", now()).expect("set");
    assert_eq!(desk.kinds(), ["safety_changed", "guardrail_update"]);
    desk
}

#[test]
fn what_happened_while_no_server_was_there_is_told_once_at_the_start() {
    let desk = stopped();
    let before = desk.newest();
    let desk = desk.restarted(change_everything);
    let told = desk.told_at_start(before);
    let said: Vec<_> = told.iter().map(|e| (e.kind.as_str(), e.trace_id.as_str())).collect();
    let want = [
        ("safety_changed", "audit-3"),
        ("safety_changed", "audit-4"),
        ("safety_changed", "a-1"),
        ("KillSwitchChanged", "a-1"),
        ("guardrail_update", "a-1"),
        ("bundle_changed", "pub_7"),
        ("publish_seen", "pub_7"),
    ];
    assert_eq!(said, want);
    assert_eq!(json!([told[1].data["before"], told[1].data["after"]]), json!(["ON", "OFF"]));
    assert!(told.iter().all(|e| e.data["found_at_start"] == true), "{told:?}");
    assert!(
        told[..5]
            .iter()
            .all(|e| e.data["occurred_at"].as_str().is_some_and(|at| at.starts_with("2026-11-21T09:05:00")))
    );
    // The run that does not say that it ended.
    desk.later(13);
    let told = desk.told();
    assert_eq!(told.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(), ["run_finished"]);
    assert!(told.iter().all(|e| e.data["found_at_start"] == true && e.data["occurred_at"].is_string()), "{told:?}");
    let before = desk.newest();
    let desk = desk.restarted(|_| ());
    assert!(desk.told_at_start(before).is_empty(), "once");
    desk.later(13);
    assert!(desk.kinds().is_empty());
    desk.gates().set_stop(Stop::On, &op(), "again", now()).expect("set");
    assert!(
        desk.told().iter().all(|e| e.data.get("found_at_start").is_none()),
        "what is seen as it happens is not late"
    );
}

#[test]
fn a_server_that_is_killed_before_it_could_note_what_it_told_tells_nothing_twice_and_nothing_never() {
    let desk = stopped();
    let before = desk.newest();
    let noted = desk.noted().expect("of the start");
    assert_eq!(noted["stop"], "OFF", "the disk has not confirmed the events yet");
    let desk = desk.killed(|_| ());
    assert!(desk.told_at_start(before).is_empty(), "the log has them");
    assert_eq!(desk.noted().expect("a note")["stop"], "ON");
    // A log that is gone takes its events with it: they are told again.
    let desk =
        desk.restarted(|store| store.write(layout::OPS_OBSERVED, noted.to_string().as_bytes()).expect("written"));
    let desk = desk.restarted(|store| {
        std::fs::remove_dir_all(store.path("metrics")).expect("removed");
        store.write(layout::OPS_OBSERVED, noted.to_string().as_bytes()).expect("written");
    });
    let kinds: Vec<_> = desk.told_at_start(0).into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["safety_changed", "guardrail_update"]);
}

#[test]
fn a_server_that_was_killed_is_taken_at_its_last_word_and_not_at_its_last_note() {
    let mut desk = Desk::keeping();
    let set = |desk: &Desk, stop| desk.gates().set_stop(stop, &op(), "drill", now()).expect("set");
    // The same moves again and again: each is a change, whoever died in between, and whatever was noted.
    for _ in 0..3 {
        set(&desk, Stop::On);
        assert_eq!(desk.kinds(), ["safety_changed", "guardrail_update"]);
        desk.logged();
        set(&desk, Stop::Off);
        assert_eq!(desk.kinds(), ["safety_changed", "guardrail_update"]);
        desk.logged();
        let before = desk.newest();
        desk = desk.killed(|store| {
            Gates::new(store).set_stop(Stop::On, &op(), "meanwhile", now()).expect("set");
        });
        let told = desk.told_at_start(before);
        let of = |event: &Event, key: &str| event.data.get(key).cloned();
        let found: Vec<_> =
            told.iter().map(|e| json!([e.kind, of(e, "before"), of(e, "after"), of(e, "mode")])).collect();
        let want = [json!(["safety_changed", "OFF", "ON", null]), json!(["guardrail_update", null, null, "KILL"])];
        assert_eq!(found, want);
        desk.logged();
        let before = desk.newest();
        desk = desk.killed(|_| ());
        assert!(desk.told_at_start(before).is_empty(), "nothing twice");
        set(&desk, Stop::Off);
        assert_eq!(desk.kinds(), ["safety_changed", "guardrail_update"]);
    }
}

#[test]
fn the_same_is_noted_anew_when_many_events_have_followed() {
    let desk = stopped();
    let noted = |desk: &Desk| desk.noted().expect("a note")["event_id"].as_u64().expect("an id");
    let desk = desk.restarted(|_| ());
    let first = noted(&desk);
    assert!(first >= 2, "the stop was told: {first}");
    for (more, is_anew) in [(9, false), (1, true)] {
        for _ in 0..more {
            desk.dash.bus.publish(vec![EventDraft::new("test-event", "test", ""); 1000], None);
            desk.logged();
        }
        desk.synced();
        assert!(desk.kinds().is_empty());
        assert_eq!(noted(&desk) > first, is_anew, "{} after {} events", noted(&desk), desk.newest());
    }
}

#[test]
fn without_a_note_that_can_be_read_what_is_there_is_known_and_is_noted() {
    for left in [None, Some(&b"{"[..]), Some(b"{\"schema\":\"OPS_OBSERVED_V1\"}")] {
        let desk = stopped();
        let before = desk.newest();
        let desk = desk.restarted(|store| {
            store.remove(layout::OPS_OBSERVED).expect("removed");
            if let Some(bytes) = left {
                store.write(layout::OPS_OBSERVED, bytes).expect("written");
            }
            change_everything(store);
        });
        assert!(desk.told_at_start(before).is_empty(), "{left:?}");
        assert_eq!(desk.noted().expect("written")["stop"], "OFF", "{left:?}");
    }
}

#[test]
fn only_the_server_that_keeps_the_log_notes_what_was_told() {
    let memory = Desk::new(|_| ());
    assert_eq!(memory.noted(), None);
    let keeper = stopped();
    let noted = keeper.noted();
    // A second server of the same workspace has its bus in memory.
    let stopping = watch::channel(false).1;
    let options = DashOptions { journal: Keeping::Log, ..DashOptions::default() };
    let second = Dash::new(Arc::<SimClock>::clone(&keeper.clock), &keeper.other, options, stopping);
    assert!(!second.keeps_log());
    second.look(&keeper.ops);
    keeper.gates().set_stop(Stop::Off, &op(), "", now()).expect("set");
    second.look(&keeper.ops);
    second.stop_journal();
    assert_eq!(keeper.noted(), noted);
}

#[test]
fn a_note_that_cannot_be_written_stops_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(dir.path().join(layout::OPS_OBSERVED)).expect("in the way");
    let desk = Desk::open(dir, Keeping::Log);
    desk.gates().set_stop(Stop::On, &op(), "drill", now()).expect("set");
    assert_eq!(desk.kinds(), ["safety_changed", "guardrail_update"]);
    assert!(desk.kinds().is_empty());
}

#[test]
fn events_move_nothing_and_what_is_published_is_never_observed() {
    let desk = Desk::new(|_| ());
    for kind in ["safety_changed", "KillSwitchChanged", "guardrail_update", "run_finished", "bundle_changed"] {
        desk.dash.bus.publish(vec![EventDraft::new(kind, "anybody", "forged").with("newStatus", "ON")], None);
        assert!(desk.kinds().is_empty(), "{kind}");
    }
    assert!(!desk.dash.guardrail(&desk.ops).kill_switch);
}
