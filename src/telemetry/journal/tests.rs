//! What is kept, whatever kills the process or fills the disk: every flushed row, in order, once, and no id twice.

use std::io::Write as _;
use std::ops::ControlFlow;

use super::*;
use crate::contracts::event::EventDraft;
use crate::store::Durability;
use crate::store::layout;
use crate::telemetry::Archive;
use crate::telemetry::BusLimits;
use crate::telemetry::Transport;
use crate::time::Clock as _;
use crate::time::SimClock;
use crate::time::Stamp;
use serde_json::Value;

mod disk;
mod disks;
mod restarts;
mod spools;

const LIMITS: BusLimits = BusLimits { queue: 5, replay: 1000, subscribers: 10 };
const LOG: &str = "metrics/live_obs.jsonl";

/// A workspace, and a clock that stands still.
struct Site {
    store: Store,
    clock: Arc<SimClock>,
    settings: JournalSettings,
    _dir: tempfile::TempDir,
}

/// A process that keeps the log, without its thread. Dropping it is killing it.
struct Keeper {
    bus: Arc<Bus>,
    recorder: Recorder,
    spool: Spool,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let noon = Stamp::from("2026-11-21T12:00:00+09:00").instant().expect("a time");
        let settings = JournalSettings {
            log: LOG.to_owned(),
            sample: Duration::from_secs(3600),
            max_bytes: 64 << 20,
            keep: 7,
            recall: 1000,
        };
        Self { store, clock: Arc::new(SimClock::at(noon)), settings, _dir: dir }
    }

    fn opened(&self) -> Opened {
        Opened::open(&self.store, self.settings.clone(), self.clock.now()).expect("the log is free")
    }

    fn keeper(&self) -> Keeper {
        let mut opened = self.opened();
        let clock: Arc<SimClock> = Arc::clone(&self.clock);
        let bus = Bus::new(clock, LIMITS, std::mem::take(&mut opened.earlier), opened.last_id);
        let recorder = Recorder::new(Arc::clone(&bus), self.store.clone(), opened, Arc::default());
        Keeper { bus, recorder, spool: Spool::new(self.store.clone()) }
    }

    fn text(&self, name: &str) -> String {
        let bytes = self.store.read(name).expect("readable").unwrap_or_default();
        String::from_utf8(bytes).expect("text")
    }

    fn rows(&self, name: &str) -> Vec<Value> {
        self.text(name).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The ids of all events in all files, newest first.
    fn logged(&self) -> Vec<u64> {
        let mut ids = Vec::new();
        let archive = Archive::new(self.store.clone(), LOG);
        let seen = archive.newest(u64::MAX, |row| {
            ids.extend(row.id);
            ControlFlow::Continue(())
        });
        assert!(seen.expect("readable").is_complete);
        ids
    }

    fn rotated(&self) -> Vec<String> {
        crate::telemetry::names::LogNames::of(LOG).rotated(&self.store).expect("listed")
    }
}

impl Keeper {
    fn publish(&self, count: usize) -> Vec<u64> {
        let drafts = vec![EventDraft::new("test-event", "test", "한글"); count];
        self.bus.publish(drafts, None).frames.iter().map(|frame| frame.event.id).collect()
    }

    fn turn(&mut self) {
        self.recorder.turn(Duration::ZERO);
    }

    fn status(&self) -> JournalStatus {
        self.recorder.shared().status()
    }
}

#[test]
fn b09_every_line_is_json_each_event_is_there_once_and_ids_rise() {
    let site = Site::new();
    let mut keeper = site.keeper();
    for count in [1, 3, 1200, 1] {
        keeper.publish(count);
        keeper.turn();
    }
    keeper.recorder.finish();
    let rows = site.rows(LOG);
    let ids: Vec<_> = rows.iter().map(|row| row["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids, (1..=1205).collect::<Vec<_>>());
    assert_eq!(rows[0]["message"], "한글");
    let status = keeper.status();
    assert_eq!((status.is_failing, status.bytes_written), (false, site.text(LOG).len() as u64));
    assert_eq!(status.last_row_ms, Some(site.clock.now().timestamp_millis()));
    assert_eq!(keeper.bus.counters().pending(), 0);
}

#[test]
fn b04_the_last_row_about_losses_says_what_the_metrics_say() {
    let site = Site::new();
    let mut keeper = site.keeper();
    let hung = keeper.bus.subscribe(Transport::Hung, "test", None).expect("a place");
    let quick = keeper.bus.subscribe(Transport::Sse, "test", Some(0)).expect("a place");
    let drops = |site: &Site| -> Vec<Value> {
        site.rows(LOG).into_iter().filter(|row| row["type"] == "backpressure-drop").collect()
    };
    drop(quick);
    for _ in 0..12 {
        keeper.publish(1);
        keeper.turn();
    }
    let first = drops(&site);
    assert_eq!((first.len(), &first[0]["drop_count"]), (1, &1.into()), "at once, and not again soon");
    site.clock.advance(Duration::from_millis(4999));
    keeper.turn();
    assert_eq!(drops(&site).len(), 1);
    site.clock.advance(Duration::from_millis(1));
    keeper.turn();
    let all = drops(&site);
    assert_eq!(all.len(), 2);
    let last = &all[1];
    assert_eq!((&last["drop_count"], &last["dropped_since_last"]), (&7.into(), &6.into()));
    assert_eq!((&last["subscriber_id"], &last["transport"]), (&hung.number().into(), &"hung".into()));
    assert_eq!(
        (&last["severity"], &last["source"], &last["trace_id"]),
        (&"WARN".into(), &"ops_bus".into(), &"no-trace".into())
    );
    assert_eq!((&last["queue_maxsize"], last.get("id")), (&5.into(), None));
    keeper.publish(3);
    keeper.recorder.finish();
    assert_eq!(drops(&site)[2]["drop_count"], keeper.bus.counters().drop_count);
}

#[test]
fn a_row_about_losses_gives_the_one_it_names_its_own_and_everybody_s_beside() {
    let site = Site::new();
    let mut keeper = site.keeper();
    let early = keeper.bus.subscribe(Transport::Hung, "test", None).expect("a place");
    keeper.publish(3);
    let late = keeper.bus.subscribe(Transport::Hung, "test", None).expect("a place");
    keeper.publish(12);
    keeper.turn();
    let row = site.rows(LOG).pop().expect("a row");
    assert_eq!((&row["subscriber_id"], &row["dropped_since_last"]), (&early.number().into(), &10.into()));
    assert_eq!(row["drop_count"], 17, "{row}");
    drop(early);
    keeper.publish(4);
    site.clock.advance(Duration::from_secs(5));
    keeper.turn();
    let row = site.rows(LOG).pop().expect("a row");
    assert_eq!((&row["subscriber_id"], &row["dropped_since_last"]), (&late.number().into(), &4.into()));
    assert_eq!(row["drop_count"], 21, "{row}");
}

#[test]
fn a_step_that_does_not_end_is_a_failure_after_four_seconds() {
    let shared = Shared::default();
    let at = Duration::from_secs;
    assert!(!shared.status_at(at(1000)).is_failing, "it waits for events");
    shared.note_work(Some(at(1000)));
    assert!(!shared.status_at(at(1003)).is_failing && shared.status_at(at(1004)).is_failing);
    shared.note_work(Some(at(1004)));
    assert!(!shared.status_at(at(1004)).is_failing, "the next step");
    shared.note_work(None);
    assert!(!shared.status_at(at(2000)).is_failing);
}

#[test]
fn a_loss_of_one_who_is_gone_is_told_without_a_name() {
    let site = Site::new();
    let mut keeper = site.keeper();
    let hung = keeper.bus.subscribe(Transport::Ws, "test", None).expect("a place");
    keeper.publish(9);
    drop(hung);
    keeper.turn();
    let row = site.rows(LOG).pop().expect("a row");
    assert_eq!((&row["drop_count"], &row["subscriber_id"], &row["transport"]), (&4.into(), &Value::Null, &Value::Null));
}

#[test]
fn samples_come_in_time_with_every_field() {
    let mut site = Site::new();
    site.settings.sample = Duration::from_secs(5);
    let mut keeper = site.keeper();
    keeper.publish(2);
    for _ in 0..10 {
        keeper.turn();
        site.clock.advance(Duration::from_secs(1));
    }
    keeper.turn();
    let samples: Vec<Value> = site.rows(LOG).into_iter().filter(|row| row["type"] == "metrics-sample").collect();
    assert_eq!(samples.len(), 2);
    let mut members: Vec<_> = samples[1].as_object().expect("an object").keys().map(String::as_str).collect();
    members.sort_unstable();
    let want = "drop_count elapsed_sec event_consumed event_published event_queue_depth event_queue_depth_max_seen \
                ledger_global_pnl ledger_peak_pnl ledger_worst_dd subscribers ticks ts ts_iso type ws_messages_total";
    assert_eq!(members, want.split_whitespace().collect::<Vec<_>>());
    assert_eq!((&samples[1]["ticks"], &samples[1]["elapsed_sec"]), (&2.into(), &10.0.into()));
    assert_eq!((&samples[1]["event_published"], &samples[1]["ledger_worst_dd"]), (&2.into(), &Value::Null));
    assert_eq!(samples[1]["ts_iso"], "2026-11-21T12:00:10.000+09:00");
}

#[test]
fn the_first_row_after_midnight_in_korea_begins_a_file() {
    let site = Site::new();
    let late = Stamp::from("2026-11-21T14:59:59Z").instant().expect("a time");
    site.clock.jump_to(late);
    let mut keeper = site.keeper();
    keeper.publish(2);
    keeper.turn();
    assert!(site.rotated().is_empty());
    // Published before midnight, written after it: a row of the old day.
    keeper.publish(1);
    site.clock.advance(Duration::from_secs(1));
    keeper.turn();
    assert!(site.rotated().is_empty(), "midnight alone begins nothing");
    keeper.publish(1);
    keeper.turn();
    assert_eq!(site.rotated(), ["metrics/live_obs_20261122_000000.jsonl"]);
    assert_eq!((site.rows(&site.rotated()[0]).len(), site.rows(LOG).len()), (3, 1));
    keeper.recorder.finish();
    drop(keeper);
    site.clock.advance(Duration::from_secs(86_400));
    let mut keeper = site.keeper();
    keeper.publish(1);
    keeper.turn();
    assert_eq!(site.rotated().len(), 2, "also when the process was away at midnight");
    assert_eq!(site.logged(), [5, 4, 3, 2, 1]);
}

#[test]
fn full_files_are_put_aside_and_the_oldest_go() {
    let mut site = Site::new();
    site.settings.max_bytes = 4 << 10;
    site.settings.keep = 3;
    site.store.write("metrics/live_obs_20261001_000000.jsonl", b"").expect("written");
    site.store.write("metrics/live_obs_20261121_120000.jsonl", b"").expect("written");
    let mut keeper = site.keeper();
    assert_eq!(site.rotated().len(), 1, "the one of more than 30 days is gone");
    for _ in 0..60 {
        keeper.publish(1);
        keeper.turn();
    }
    let names: Vec<_> =
        site.rotated().iter().map(|name| name.replace("metrics/live_obs_20261121_120000", "")).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names[0].starts_with('_'), "{names:?}");
    for name in site.rotated() {
        assert!(site.text(&name).len() <= 4 << 10 && site.text(&name).ends_with('\n'));
    }
    let ids = site.logged();
    assert_eq!(ids.first(), Some(&60));
    assert!(ids.is_sorted_by(|a, b| *a == b + 1), "no hole: {ids:?}");
}

#[test]
fn a_log_that_somebody_removes_is_made_again() {
    let site = Site::new();
    let mut keeper = site.keeper();
    keeper.publish(1);
    keeper.turn();
    site.store.remove(LOG).expect("removed");
    keeper.publish(1);
    keeper.turn();
    assert_eq!(site.logged(), [2]);
}

#[test]
fn one_process_keeps_the_log_and_the_thread_writes_by_itself() {
    let site = Site::new();
    let bus = Bus::new(Arc::new(crate::time::SystemClock::new()), LIMITS, Vec::new(), 0);
    let journal = Journal::start(&bus, site.store.clone(), site.opened()).expect("a thread");
    match Opened::open(&site.store, site.settings.clone(), site.clock.now()) {
        Err(JournalFault::Held { pid }) => assert_eq!(pid, std::process::id()),
        other => panic!("it is held: {other:?}"),
    }
    bus.publish(vec![EventDraft::new("test-event", "test", "1"); 3], None);
    let clock = crate::time::SystemClock::new();
    while site.logged().len() < 3 {
        assert!(clock.monotonic() < Duration::from_secs(20), "{:?}", journal.status());
        clock.wait(Duration::from_millis(5));
    }
    bus.publish(vec![EventDraft::new("test-event", "test", "1"); 30], None);
    journal.stop();
    assert_eq!(site.logged().len(), 33, "a stop writes what waits");
    assert!(!journal.status().is_failing);
    assert_eq!(site.opened().last_id, 33, "and lets go of the log");
}
