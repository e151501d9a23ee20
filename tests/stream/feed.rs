//! What a stream says: hello, events, heartbeats, and in which form.

use crate::reader::Events;
use crate::reader::Host;
use crate::reader::Ledger;
use serde_json::Value;
use serde_json::json;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn a03_a_quiet_server_says_hello_at_once_with_its_head_and_every_member() {
    let host = Host::new(|settings| settings.retry_ms = 1234);
    host.publish(3, 0);
    let mut events = host.events("/events", "");
    let head = events.head.to_ascii_lowercase();
    for line in [
        "http/1.1 200 ok",
        "content-type: text/event-stream; charset=utf-8",
        "cache-control: no-cache, no-transform",
        "x-accel-buffering: no",
        "x-content-type-options: nosniff",
    ] {
        assert!(head.lines().any(|have| have == line), "{line} in {head}");
    }
    assert!(!head.contains("content-encoding") && !head.contains("content-length"), "{head}");
    let hello = events.hello();
    assert_eq!((hello.retry, hello.id), (Some(1234), None));
    let ts = hello.data["server_ts"].as_i64().expect("milliseconds");
    let want = json!({
        "contract_version": "v1", "boot_id": host.bus().boot_id(), "server_ts": ts, "last_id": 3, "oldest_id": 1,
        "heartbeat_sec": 5,
        "replay": {"requested_after": null, "replayed": 0, "gap": false, "missed": 0, "reset": false},
    });
    assert_eq!(hello.data, want);
    assert!(ts > 1_700_000_000_000, "milliseconds: {ts}");
}

#[test]
fn a05_each_event_comes_once_in_order_and_byte_by_byte_as_it_was_stamped() {
    let host = Host::new(|_| {});
    let mut events = host.events("/events", "");
    events.hello();
    for round in 0..20 {
        host.publish(1 + round % 3, round * 100);
    }
    let kept = host.bus().recent();
    let mut ledger = Ledger::default();
    for frame in &kept {
        let got = events.news();
        ledger.take(&got);
        assert_eq!(got.data, serde_json::from_slice::<Value>(&frame.line).expect("JSON"));
        assert_eq!(got.data["message"], "한글 message");
    }
    assert_eq!(ledger.received, kept.len() as u64);
}

#[test]
fn a_heartbeat_comes_on_time_on_an_idle_stream_and_on_a_busy_one() {
    let host = Host::new(|settings| settings.heartbeat_seconds = 1);
    let mut idle = host.events("/events", "");
    idle.hello();
    let beat = idle.next().expect("a frame");
    assert!(beat.is("heartbeat") && beat.id.is_none() && beat.retry.is_none(), "{beat:?}");
    assert_eq!(keys(&beat.data), ["dropped", "last_id", "queue_depth", "ts"]);
    assert_eq!(
        (&beat.data["last_id"], &beat.data["queue_depth"], &beat.data["dropped"]),
        (&json!(0), &json!(0), &json!(0))
    );
    let mut busy = host.events("/events", "");
    busy.hello();
    let mut beats = 0;
    while beats < 2 {
        host.publish(1, 0);
        let mut frame = busy.next().expect("a frame");
        while frame.is("heartbeat") {
            beats += 1;
            frame = busy.next().expect("a frame");
        }
        assert!(frame.id.is_some(), "the event itself comes too: {frame:?}");
    }
}

#[test]
fn a_client_of_http_1_0_reads_until_the_end_and_head_takes_no_place() {
    let host = Host::new(|_| {});
    let mut old = Events::over(host.connect("GET /events HTTP/1.0\r\nhost: localhost\r\n\r\n"));
    assert!(!old.head.to_ascii_lowercase().contains("chunked"), "{}", old.head);
    old.hello();
    host.publish(1, 0);
    assert_eq!(old.news().id, Some(1));
    let head = Events::over(host.connect("HEAD /events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"));
    assert!(head.head.contains("200 OK") && head.head.contains("text/event-stream"), "{}", head.head);
    assert_eq!(host.bus().counters().subscribers(), 1, "the old one only");
}
