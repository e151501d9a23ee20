//! Pages of rows from either end, over files that were put aside, and from any id on.

use super::*;
use proptest::prelude::*;

const LOG: &str = "metrics/live_obs.jsonl";

fn event(id: u64) -> String {
    format!(
        "{{\"contract_version\":\"v1\",\"id\":{id},\"type\":\"test-event\",\"event_type\":\"test-event\",\"ts\":{ts},\
         \"ts_iso\":\"x\",\"trace_id\":\"t\",\"source\":\"s\",\"severity\":\"INFO\",\"message\":\"m\",\"data\":{{}}}}\n",
        ts = 1000 + id
    )
}

fn sample(pad: usize) -> String {
    format!("{{\"ts\":5,\"type\":\"metrics-sample\",\"drop_count\":3,\"pad\":\"{}\"}}\n", "x".repeat(pad))
}

fn site(files: &[(&str, String)]) -> (tempfile::TempDir, Archive) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    for (name, text) in files {
        store.write(name, text.as_bytes()).expect("written");
    }
    let archive = Archive::new(store, LOG);
    (dir, archive)
}

#[derive(Clone, Copy)]
enum From {
    Newest,
    Before(u64),
    After(u64),
}

fn ids(archive: &Archive, from: From, limit: u64) -> (Vec<u64>, Seen) {
    let mut ids = Vec::new();
    let mut visit = |row: &Row<'_>| {
        ids.extend(row.id);
        ControlFlow::Continue(())
    };
    let seen = match from {
        From::Newest => archive.newest(limit, &mut visit),
        From::Before(id) => archive.newest_before(id, limit, &mut visit),
        From::After(id) => archive.oldest_after(id, limit, &mut visit),
    };
    (ids, seen.expect("readable"))
}

/// Ids 1 to 9 and 20 to 29 with samples between them, over three files and a newest one without an event.
fn three() -> (tempfile::TempDir, Archive) {
    let all = |from: u64, to: u64| (from..to).map(|id| event(id) + &sample(10)).collect::<String>();
    site(&[
        ("metrics/live_obs_20261101_000000.jsonl", all(1, 5)),
        ("metrics/live_obs_20261102_000000.jsonl", all(5, 10) + "{\"half\n"),
        ("metrics/live_obs_20261102_000000_2.jsonl", all(20, 30)),
        (LOG, sample(3)),
        ("metrics/live_obs_other.jsonl", event(99)),
    ])
}

#[test]
fn pages_come_from_either_end_over_all_files() {
    let (_dir, archive) = three();
    let all: Vec<u64> = (1..10).chain(20..30).collect();
    for id in 0..32 {
        let (found, seen) = ids(&archive, From::After(id), u64::MAX);
        assert_eq!(found, all.iter().copied().filter(|known| *known > id).collect::<Vec<_>>(), "after {id}");
        assert!(seen.is_complete);
        let (found, seen) = ids(&archive, From::Before(id), u64::MAX);
        assert_eq!(found, all.iter().rev().copied().filter(|known| *known < id).collect::<Vec<_>>(), "before {id}");
        assert!(seen.is_complete);
    }
    let (found, seen) = ids(&archive, From::Newest, u64::MAX);
    assert_eq!(found, all.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!((seen.is_complete, seen.bad_lines), (true, 1));
}

#[test]
fn a_limit_and_a_visitor_end_a_reading_that_then_is_not_complete() {
    let (_dir, archive) = three();
    let row = (event(20).len() + sample(10).len()) as u64;
    let (found, seen) = ids(&archive, From::Newest, sample(3).len() as u64 + 2 * row);
    assert_eq!((found, seen.is_complete, seen.bytes), (vec![29, 28], false, sample(3).len() as u64 + 2 * row));
    let mut count = 0;
    let seen = archive.oldest_after(3, u64::MAX, |_| {
        count += 1;
        if count == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((count, seen.expect("readable").is_complete), (4, false));
    let (_dir, empty) = site(&[]);
    assert_eq!(ids(&empty, From::Newest, 0), (Vec::new(), Seen { is_complete: true, ..Seen::default() }));
    assert!(ids(&empty, From::After(3), 0).1.is_complete);
}

#[test]
fn rows_tell_events_from_samples() {
    let text = event(7)
        + &sample(1)
        + &event(8).replace("test-event", "metrics-sample")
        + "{\"id\":0,\"type\":\"x\",\"ts\":1}\n[]\n";
    let (_dir, archive) = site(&[(LOG, text + "{\"id\":9,\"type\":\"unfinished\",\"ts\":1")]);
    let mut kinds = Vec::new();
    let seen = archive.oldest_after(0, u64::MAX, |row| {
        let sample = row.sample().map(|sample| sample["drop_count"].clone());
        kinds.push((row.id, row.kind.to_string(), row.ts, row.event().map(|event| event.id), sample));
        ControlFlow::Continue(())
    });
    assert_eq!(
        kinds,
        [
            (Some(7), "test-event".to_owned(), 1007, Some(7), None),
            (None, "metrics-sample".to_owned(), 5, None, Some(3.into())),
            (Some(8), "metrics-sample".to_owned(), 1008, Some(8), None),
        ]
    );
    assert_eq!(seen.expect("readable"), Seen { is_complete: true, bytes: seen_bytes(), bad_lines: 2 });
}

fn seen_bytes() -> u64 {
    let odd = "{\"id\":0,\"type\":\"x\",\"ts\":1}\n[]\n".len();
    (event(7).len() + sample(1).len() + event(8).replace("test-event", "metrics-sample").len() + odd) as u64
}

#[test]
fn a_page_of_a_long_file_is_found_by_halving() {
    let text: String = (1..20_000).map(|id| if id % 50 == 0 { event(id) } else { sample(50) }).collect();
    let (_dir, archive) = site(&[(LOG, text)]);
    for id in [0, 49, 50, 51, 9_975, 10_000, 19_949, 19_950, 30_000] {
        let mut visits = 0;
        let mut first = None;
        let stop_at_event = |row: &Row<'_>, first: &mut Option<u64>| {
            *first = row.id;
            if row.id.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        archive
            .oldest_after(id, u64::MAX, |row| {
                visits += 1;
                stop_at_event(row, &mut first)
            })
            .expect("readable");
        let next = (id / 50 + 1) * 50;
        assert_eq!(first, (next < 20_000).then_some(next), "after {id}");
        archive
            .newest_before(id, u64::MAX, |row| {
                visits += 1;
                stop_at_event(row, &mut first)
            })
            .expect("readable");
        let before = id.saturating_sub(1).min(19_999) / 50 * 50;
        assert_eq!(first, (before > 0).then_some(before), "before {id}");
        assert!(visits < 120, "{visits} rows were told");
    }
}

#[test]
fn a_file_that_is_put_aside_during_a_reading_is_told_once() {
    let (_dir, archive) = three();
    let mut found = Vec::new();
    let store = archive.store.clone();
    let mut log = store.line_log(LOG).expect("opened");
    assert!(log.append(event(30).as_bytes()).fault.is_none());
    let seen = archive.newest(u64::MAX, |row| {
        if found.is_empty() {
            log.rotate("metrics/live_obs_20261103_000000.jsonl").expect("rotated");
            assert!(log.append(event(31).as_bytes()).fault.is_none());
        }
        found.extend(row.id);
        ControlFlow::Continue(())
    });
    assert!(seen.expect("readable").is_complete);
    assert_eq!(found.len(), 20);
    assert_eq!(ids(&archive, From::Newest, u64::MAX).0[..2], [31, 30]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_page_of_any_log_is_the_part_that_was_asked_for(
        gaps in proptest::collection::vec((1..5u64, 0..3usize, any::<bool>()), 0..60),
        at in 0..200u64,
    ) {
        let (mut id, mut texts, mut all) = (0, vec![String::new()], Vec::new());
        for (gap, samples, is_new_file) in gaps {
            if is_new_file && texts.len() < 9 {
                texts.push(String::new());
            }
            id += gap;
            all.push(id);
            let text = texts.last_mut().expect("one");
            text.push_str(&sample(4000).repeat(samples));
            text.push_str(&event(id));
        }
        let count = texts.len();
        let named: Vec<(String, String)> = texts.into_iter().enumerate().map(|(index, text)| {
            let name = if index + 1 == count { LOG.to_owned() } else { format!("metrics/live_obs_2026110{}_000000.jsonl", index + 1) };
            (name, text)
        }).collect();
        let files: Vec<(&str, String)> = named.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        let (_dir, archive) = site(&files);
        let after: Vec<u64> = all.iter().copied().filter(|id| *id > at).collect();
        let before: Vec<u64> = all.iter().rev().copied().filter(|id| *id < at).collect();
        prop_assert_eq!(ids(&archive, From::After(at), u64::MAX).0, after);
        prop_assert_eq!(ids(&archive, From::Before(at), u64::MAX).0, before);
    }
}
