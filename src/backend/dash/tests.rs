//! Two servers of one workspace: one keeps the observation log, and no id is given by both.

use std::collections::BTreeSet;

use super::*;
use crate::contracts::event::EventDraft;
use crate::telemetry::EventFilter;
use crate::time::SimClock;
use crate::time::SystemClock;

fn dash(store: &Store) -> Arc<Dash> {
    dash_at(store, Arc::new(SystemClock::new()))
}

fn dash_at(store: &Store, clock: Arc<dyn Clock>) -> Arc<Dash> {
    let options = DashOptions { journal: Keeping::Log, ..DashOptions::default() };
    Dash::new(clock, store, options, watch::channel(false).1)
}

fn publish(dash: &Dash, count: usize) -> Vec<u64> {
    let drafts = vec![EventDraft::new("test-event", "test", "m"); count];
    dash.bus.publish(drafts, None).frames.iter().map(|frame| frame.event.id).collect()
}

fn logged(store: &Store) -> Vec<u64> {
    let text = store.read("metrics/live_obs.jsonl").expect("readable").unwrap_or_default();
    let rows = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    rows.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).expect("JSON")["id"].as_u64()).collect()
}

#[test]
fn a_second_server_of_a_workspace_says_so_and_touches_neither_the_log_nor_its_ids() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let first = dash(&store);
    let mut ids = BTreeSet::new();
    let mut given = 0;
    // Ids of its own begin at the microsecond of the start: two servers are never started in the same one.
    let later = SystemClock::new().now() + chrono::Duration::seconds(1);
    let (second, third) = (dash(&store), dash_at(&store, Arc::new(SimClock::at(later))));
    for dash in [&first, &second, &third, &first] {
        let new = publish(dash, 50);
        given += new.len();
        ids.extend(new);
    }
    assert_eq!(ids.len(), given, "no id twice");
    assert!(first.options.config_warnings.is_empty() && !first.journal_status().is_failing);
    for other in [&second, &third] {
        let warning = other.options.config_warnings.join(" ");
        assert!(warning.contains(&format!("process {} keeps", std::process::id())), "{warning}");
        assert!(other.journal_status().is_failing, "its events are on no disk");
        other.stop_journal();
    }
    first.stop_journal();
    assert_eq!(logged(&store), (1..=100).collect::<Vec<_>>());
    let next = dash(&store);
    assert_eq!(publish(&next, 1), [101], "the log is free again");
    assert_eq!(next.bus.recent().len(), 101);
}

#[test]
fn a_reader_beside_the_writer_of_the_log_never_meets_a_hole() {
    const EVENTS: u64 = 10_000;
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = DashOptions { journal: Keeping::Log, ..DashOptions::default() };
    options.settings.replay = 0;
    let clock = Arc::new(SystemClock::new());
    let dash = Dash::new(clock, &Store::new(dir.path()), options, watch::channel(false).1);
    let writer = Arc::clone(&dash);
    let thread = std::thread::spawn(move || {
        for _ in 0..EVENTS / 50 {
            while writer.bus.counters().pending() > 5000 {
                std::thread::yield_now();
            }
            publish(&writer, 50);
        }
    });
    let mut seen = 0;
    while seen < EVENTS {
        let filter = EventFilter { after: Some(seen), ..EventFilter::default() };
        let found = dash.find(&filter, 1000, past::Order::OldestFirst);
        for record in &found.records {
            seen += 1;
            assert_eq!(record.event().id, seen);
        }
        assert!(found.missing.is_empty(), "{:?} after {seen}", found.missing);
    }
    thread.join().expect("no panic");
    let found = dash.find(&EventFilter::default(), usize::MAX, past::Order::NewestFirst);
    assert_eq!((found.records.len() as u64, found.has_more, found.missing), (EVENTS, false, Vec::new()));
}

#[test]
fn a_backend_inside_a_run_keeps_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let dash = Dash::new(Arc::new(SystemClock::new()), &store, DashOptions::default(), watch::channel(false).1);
    assert_eq!(publish(&dash, 2), [1, 2]);
    dash.stop_journal();
    assert!(!dash.journal_status().is_failing);
    assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 0);
}
