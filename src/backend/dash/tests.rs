//! Two servers of one workspace: one keeps the observation log, and no id is given by both.

use std::collections::BTreeSet;

use super::*;
use crate::contracts::event::EventDraft;
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
fn a_backend_inside_a_run_keeps_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let dash = Dash::new(Arc::new(SystemClock::new()), &store, DashOptions::default(), watch::channel(false).1);
    assert_eq!(publish(&dash, 2), [1, 2]);
    dash.stop_journal();
    assert!(!dash.journal_status().is_failing);
    assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 0);
}
