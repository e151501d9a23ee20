//! Tickets: counted as they are, also while the files grow.

use std::path::Path;

use proptest::prelude::*;

use crate::contracts::summary::TicketCounts;
use crate::ops::RiskWindow;
use crate::ops::tests::site::NOW;
use crate::ops::tests::site::SHARED;
use crate::ops::tests::site::Site;
use crate::ops::tests::site::copy_tree;
use crate::ops::tickets::TicketIndex;
use crate::ops::tickets::TicketsView;
use crate::store::layout;
use crate::time::Clock as _;
use crate::time::Stamp;

fn view(site: &Site, index: &mut TicketIndex) -> TicketsView {
    index.view(&site.store, site.clock.now(), &RiskWindow::default())
}

fn counts(open: u64, in_progress: u64, done: u64, failed: u64, blocked: u64) -> TicketCounts {
    TicketCounts { open, in_progress, done, failed, blocked }
}

fn request(site: &Site, id: &str) {
    site.line(layout::TICKET_REQUESTS, &format!(r#"{{"schema":"TICKET_REQUEST_V1","request_id":"{id}"}}"#));
}

fn result(site: &Site, id: &str, status: &str) {
    site.line(
        layout::TICKET_RESULTS,
        &format!(r#"{{"request_id":"{id}","status":"{status}","processed_at":"{NOW}","message":"x"}}"#),
    );
}

fn receipt(site: &Site, id: &str, decision: &str) {
    site.line(layout::TICKET_RECEIPTS, &format!(r#"{{"request_id":"{id}","decision":"{decision}","asof":"{NOW}"}}"#));
}

/// Appends bytes as another program would: without an end of line.
fn raw(site: &Site, file: &str, text: &str) {
    let mut bytes = site.store.read(file).expect("readable").unwrap_or_default();
    bytes.extend_from_slice(text.as_bytes());
    // The same file grows: a write through the store would make another one.
    let mut open = std::fs::OpenOptions::new().append(true).create(true).open(site.store.path(file)).expect("opened");
    std::io::Write::write_all(&mut open, text.as_bytes()).expect("written");
    assert_eq!(site.store.read(file).expect("readable").unwrap_or_default(), bytes);
}

#[test]
fn a_ticket_stands_where_its_newest_result_says() {
    let site = Site::empty();
    let mut index = TicketIndex::default();
    assert_eq!(view(&site, &mut index).counts, counts(0, 0, 0, 0, 0));
    for id in ["a", "b", "c", "d", "206c5ca5-6baf-4d97-8483-c32e0fd5411c"] {
        request(&site, id);
    }
    request(&site, "a");
    assert_eq!(view(&site, &mut index).counts, counts(5, 0, 0, 0, 0), "asked for twice is one ticket");
    result(&site, "a", "IN_PROGRESS");
    result(&site, "b", "IN_PROGRESS");
    result(&site, "b", "DONE");
    result(&site, "c", "FAILED");
    receipt(&site, "c", "BLOCKED");
    receipt(&site, "b", "BLOCKED");
    assert_eq!(view(&site, &mut index).counts, counts(2, 1, 1, 1, 1), "only a failed ticket is blocked");
    receipt(&site, "c", "FAILED");
    result(&site, "206c5ca5-6baf-4d97-8483-c32e0fd5411c", "DONE");
    assert_eq!(view(&site, &mut index).counts, counts(1, 1, 2, 1, 0), "the newest receipt counts");
    assert_eq!(view(&site, &mut TicketIndex::default()).counts, counts(1, 1, 2, 1, 0), "read cold");
}

#[test]
fn a_ticket_that_nobody_requested_is_not_counted_until_it_is() {
    let site = Site::empty();
    let mut index = TicketIndex::default();
    result(&site, "orphan", "FAILED");
    receipt(&site, "orphan", "BLOCKED");
    let found = view(&site, &mut index);
    assert_eq!(found.counts, counts(0, 0, 0, 0, 0));
    assert_eq!((found.recent.counts.failed, found.recent.counts.blocked), (1, 1), "but its lines are events");
    request(&site, "orphan");
    assert_eq!(view(&site, &mut index).counts, counts(0, 0, 0, 1, 1));
}

#[test]
fn bad_lines_are_skipped_and_counted_and_a_half_line_counts_once() {
    let site = Site::empty();
    let mut index = TicketIndex::default();
    request(&site, "a");
    raw(&site, layout::TICKET_REQUESTS, "not json\n\n[1]\n{\"request_id\":\"b\"}");
    let found = view(&site, &mut index);
    assert_eq!((found.counts, found.bad_lines), (counts(2, 0, 0, 0, 0), 2), "the last line lacks only its end");
    raw(&site, layout::TICKET_RESULTS, r#"{"request_id":"b","status":"FAILED","processed_at":"2026-11-20T19:00:00"}"#);
    let found = view(&site, &mut index);
    assert_eq!((found.counts.failed, found.recent.counts.failed), (1, 1));
    assert_eq!(found.recent.counts.failed_line_refs, ["state/tickets/ticket_results.jsonl:line1"]);
    assert_eq!(view(&site, &mut index).counts, counts(1, 0, 0, 1, 0), "looking twice changes nothing");
    raw(&site, layout::TICKET_REQUESTS, "\n{\"request_id\":\"c\"");
    raw(&site, layout::TICKET_RESULTS, "\n");
    let found = view(&site, &mut index);
    assert_eq!((found.counts, found.bad_lines), (counts(1, 0, 0, 1, 0), 2), "a half line is not yet a bad one");
    assert_eq!(found.recent.counts.failed, 1);
    raw(&site, layout::TICKET_REQUESTS, "\n");
    assert_eq!(view(&site, &mut index).bad_lines, 3);
}

#[test]
fn a_replaced_or_removed_file_is_read_anew() {
    let site = Site::empty();
    let mut index = TicketIndex::default();
    request(&site, "a");
    request(&site, "b");
    result(&site, "a", "FAILED");
    receipt(&site, "a", "BLOCKED");
    assert_eq!(view(&site, &mut index).counts, counts(1, 0, 0, 1, 1));
    site.store.remove(layout::TICKET_RESULTS).expect("removed");
    let found = view(&site, &mut index);
    assert_eq!((found.counts, found.recent.counts.failed), (counts(2, 0, 0, 0, 0), 0));
    site.text(layout::TICKET_REQUESTS, "{\"request_id\":\"z\"}\n");
    assert_eq!(view(&site, &mut index).counts, counts(1, 0, 0, 0, 0));
    result(&site, "z", "DONE");
    assert_eq!(view(&site, &mut index).counts, counts(0, 0, 1, 0, 0));
    site.store.remove(layout::TICKET_REQUESTS).expect("removed");
    assert_eq!(view(&site, &mut index).counts, counts(0, 0, 0, 0, 0));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_named() {
    let site = Site::empty();
    request(&site, "a");
    std::fs::create_dir_all(site.store.path(layout::TICKET_RESULTS)).expect("made");
    let found = view(&site, &mut TicketIndex::default());
    assert_eq!(found.counts, counts(1, 0, 0, 0, 0));
    assert_eq!(found.unreadable.len(), 1);
    assert!(found.unreadable[0].starts_with(layout::TICKET_RESULTS));
}

#[test]
fn only_the_last_events_are_looked_at_and_a_larger_limit_looks_further_back() {
    let site = Site::empty();
    let mut index = TicketIndex::default();
    for n in 0..300 {
        result(&site, &format!("t{n}"), if n < 100 { "FAILED" } else { "DONE" });
    }
    let now = site.clock.now();
    let failed = |index: &mut TicketIndex, max_events| {
        let window = RiskWindow { max_events, ..RiskWindow::default() };
        index.view(&site.store, now, &window).recent.counts.failed
    };
    assert_eq!(failed(&mut index, 200), 0);
    assert_eq!(failed(&mut index, 250), 50);
    assert_eq!(failed(&mut index, usize::MAX), 100);
    assert_eq!(failed(&mut index, 201), 1);
    assert_eq!(failed(&mut index, 0), 0);
}

#[test]
fn the_real_files_give_the_captured_counts() {
    let tickets = Path::new(SHARED).join("oci/state/tickets");
    if !tickets.is_dir() {
        return;
    }
    let site = Site::empty();
    copy_tree(&tickets, &site.store, "state/tickets");
    let found = view(&site, &mut TicketIndex::default());
    // The reference counts no blocked ones; its own ops runs say 8.
    assert_eq!((found.counts, found.bad_lines), (counts(0, 1, 14, 12, 8), 0));
    assert_eq!(found.recent.counts.failed, 0, "old failures raise no risk");
    let then = Stamp::from("2026-01-04T18:00:00+09:00").instant().expect("a time");
    let recent = TicketIndex::default().view(&site.store, then, &RiskWindow::default()).recent;
    assert!(recent.counts.failed > 0 && recent.counts.blocked > 0 && recent.counts.failed_line_refs.len() == 5);
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize, String),
    Half(usize, String),
    Replace(usize),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let line = (0..6u8, 0..5usize).prop_map(|(id, kind)| {
        let status = ["IN_PROGRESS", "DONE", "FAILED", "GONE", "DONE"][kind];
        let decision = ["BLOCKED", "EXECUTED"][kind % 2];
        match kind {
            4 => "broken {".to_owned(),
            _ => format!(r#"{{"request_id":"t{id}","status":"{status}","decision":"{decision}","processed_at":"{NOW}","asof":"{NOW}"}}"#),
        }
    });
    prop_oneof![
        6 => (0..3usize, line.clone()).prop_map(|(file, line)| Step::Append(file, line)),
        1 => (0..3usize, line).prop_map(|(file, line)| Step::Half(file, line)),
        1 => (0..3usize).prop_map(Step::Replace),
        3 => Just(Step::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn prop_reading_on_gives_what_reading_anew_gives(steps in proptest::collection::vec(step(), 1..40)) {
        let files = [layout::TICKET_REQUESTS, layout::TICKET_RESULTS, layout::TICKET_RECEIPTS];
        let site = Site::empty();
        files.iter().for_each(|file| site.text(file, ""));
        let mut index = TicketIndex::default();
        for step in steps.into_iter().chain([Step::Look]) {
            match step {
                Step::Append(file, line) => raw(&site, files[file], &format!("{line}\n")),
                Step::Half(file, line) => raw(&site, files[file], &line),
                Step::Replace(file) => site.text(files[file], "{\"request_id\":\"t1\",\"status\":\"FAILED\"}\n"),
                Step::Look => {
                    let (on, anew) = (view(&site, &mut index), view(&site, &mut TicketIndex::default()));
                    prop_assert_eq!(on.counts, anew.counts);
                    prop_assert_eq!(on.bad_lines, anew.bad_lines);
                    prop_assert_eq!(on.recent.counts, anew.recent.counts);
                    prop_assert_eq!(on.recent.blocked_line_refs, anew.recent.blocked_line_refs);
                }
            }
        }
    }
}
