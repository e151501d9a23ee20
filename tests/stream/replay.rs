//! Coming back: after a known id, an old one, an unknown one, in the middle of a stream of events.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::reader::Host;
use crate::reader::Ledger;
use serde_json::json;

/// Fifty events of which the newest twenty are kept.
fn host() -> Host {
    let host = Host::new(|settings| (settings.queue, settings.replay) = (5, 20));
    host.publish(50, 0);
    host
}

#[test]
fn b02_every_id_that_a_client_names_is_answered_with_its_events_and_its_gap() {
    // The id; replayed, missed, reset; the first id that comes.
    let rows: [(&str, u64, u64, bool, u64); 8] = [
        ("50", 0, 0, false, 51),
        ("49", 1, 0, false, 50),
        ("31", 19, 0, false, 32),
        ("30", 20, 0, false, 31),
        ("29", 20, 1, false, 31),
        ("0", 20, 30, false, 31),
        ("51", 20, 0, true, 31),
        ("99999999999999999999", 20, 0, true, 31),
    ];
    for (named, replayed, missed, reset, first) in rows {
        let host = host();
        let mut events = host.events("/events", &format!("Last-Event-ID: {named}\r\n"));
        let hello = events.hello().data;
        let asked: u64 = named.parse().unwrap_or(u64::MAX);
        let want = json!({
            "requested_after": asked, "replayed": replayed, "gap": missed > 0, "missed": missed, "reset": reset,
        });
        assert_eq!(
            (&hello["replay"], &hello["oldest_id"], &hello["last_id"]),
            (&want, &json!(31), &json!(50)),
            "{named}"
        );
        host.publish(3, 0);
        let mut ledger = Ledger::after(if reset { 30 } else { asked });
        if missed > 0 {
            let gap = events.news();
            let want = json!({"from_id": asked + 1, "to_id": 30, "missed": missed, "reason": "replay_evicted"});
            assert!(gap.is("gap") && gap.id.is_none(), "{gap:?}");
            assert_eq!(gap.data, want, "{named}");
            ledger.take(&gap);
        }
        let frame = events.news();
        assert_eq!(frame.id, Some(first), "{named}");
        ledger.take(&frame);
        ledger.read_to(&mut events, 53);
        assert_eq!((ledger.received, ledger.missed), (53 - first + 1, missed), "{named}");
        assert_eq!(host.bus().counters().drop_count, 0, "a replay is no queue");
    }
}

#[test]
fn b02_what_is_no_id_means_from_now_on_and_the_header_wins_over_the_query() {
    // The query, further lines, and the first id that comes after one more event.
    let rows = [
        ("/events", "", 51),
        ("/events?last_event_id=", "", 51),
        ("/events?last_event_id=-1", "", 51),
        ("/events?last_event_id=x", "", 51),
        ("/events", "Last-Event-ID: \r\n", 51),
        ("/events", "Last-Event-ID: 4.5\r\n", 51),
        ("/events?last_event_id=48", "", 49),
        ("/events?last_event_id=40", "Last-Event-ID: 47\r\n", 48),
        ("/events?last_event_id=40", "Last-Event-ID: none\r\n", 51),
    ];
    for (path, lines, first) in rows {
        let host = host();
        let mut events = host.events(path, lines);
        let hello = events.hello().data;
        assert_eq!(hello["replay"]["requested_after"].is_null(), first == 51, "{path} {lines}: {hello}");
        host.publish(1, 0);
        assert_eq!(events.news().id, Some(first), "{path} {lines}");
    }
}

#[test]
fn b02_at_the_seam_between_replay_and_live_nothing_is_lost_or_doubled() {
    let host = Host::with_workers(2, |settings| (settings.queue, settings.replay) = (65_536, 100_000));
    host.publish(2_000, 200);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                host.publish(3, 50);
                std::thread::yield_now();
            }
        });
        // Each visit reads a while, leaves in the middle, and comes back with the last id that it read.
        let mut ledger = Ledger::after(0);
        for visit in 0..20 {
            let mut events = host.events("/events", &format!("Last-Event-ID: {}\r\n", ledger.last));
            let hello = events.hello().data;
            assert_eq!(hello["replay"]["requested_after"], json!(ledger.last));
            assert_eq!((&hello["replay"]["gap"], &hello["replay"]["reset"]), (&json!(false), &json!(false)));
            let until = hello["last_id"].as_u64().expect("a number") + visit * 7;
            ledger.read_to(&mut events, until.max(ledger.last + 1));
        }
        is_done.store(true, Ordering::Relaxed);
        assert_eq!((ledger.received, ledger.missed), (ledger.last, 0));
    });
}

#[test]
fn b02_a_recent_id_in_a_long_history_costs_only_what_came_since() {
    let host = Host::new(|settings| settings.replay = 100_000);
    for _ in 0..100 {
        host.publish(500, 0);
    }
    let mut events = host.events("/events?last_event_id=49997", "");
    assert_eq!(events.hello().data["replay"]["replayed"], json!(3));
    host.publish(1, 0);
    for id in 49_998..=50_001 {
        assert_eq!(events.news().id, Some(id));
    }
}
