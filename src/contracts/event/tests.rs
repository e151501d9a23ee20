//! What a draft of another program may say, and what it becomes.

use super::*;
use proptest::prelude::*;
use serde_json::json;

const TEST: DraftDefaults = DraftDefaults { kind: "test-event", source: "test" };

fn code(value: Value) -> &'static str {
    EventDraft::parse(value, TEST).map_or_else(|fault| fault.code.as_str(), |_| "ok")
}

fn at() -> KstTime {
    crate::time::Stamp::from("2026-11-21T09:05:00.123+09:00").instant().expect("a time")
}

#[test]
fn a_draft_is_read_strictly_and_each_fault_has_its_code() {
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
    let cases = [
        ("empty", json!({}), "ok"),
        ("a list", json!([1, 2]), "BODY_NOT_OBJECT"),
        ("a text", json!("x"), "BODY_NOT_OBJECT"),
        ("null", json!(null), "BODY_NOT_OBJECT"),
        ("2,000 characters", json!({"message": "가".repeat(2000)}), "ok"),
        ("2,001 characters", json!({"message": "가".repeat(2001)}), "MESSAGE_TOO_LONG"),
        ("message a number", json!({"message": 5}), "INVALID_PARAM"),
        ("source of 64", json!({"source": "가".repeat(64)}), "ok"),
        ("source of 65", json!({"source": "s".repeat(65)}), "FIELD_TOO_LONG"),
        ("type with markup", json!({"type": "<b>"}), "INVALID_TYPE"),
        ("type of 65", json!({"type": "t".repeat(65)}), "INVALID_TYPE"),
        ("type a number", json!({"type": 1}), "INVALID_TYPE"),
        ("trace with markup", json!({"trace_id": "<i>"}), "INVALID_TRACE_ID"),
        ("trace of 129", json!({"trace_id": "t".repeat(129)}), "INVALID_TRACE_ID"),
        ("trace of 128", json!({"trace_id": "t".repeat(128)}), "ok"),
        ("trace an object", json!({"trace_id": {}}), "INVALID_TRACE_ID"),
        ("trace null", json!({"trace_id": null}), "ok"),
        ("trace empty", json!({"trace_id": ""}), "ok"),
        ("severity unknown", json!({"severity": "loud"}), "INVALID_SEVERITY"),
        ("severity a number", json!({"severity": 1}), "INVALID_SEVERITY"),
        ("data a list", json!({"data": []}), "INVALID_PARAM"),
        ("data of 8 levels", json!({"data": deep(8)}), "ok"),
        ("data of 9 levels", json!({"data": deep(9)}), "DATA_TOO_LARGE"),
        ("data of 16 KiB", json!({"data": {"a": "x".repeat(MAX_DATA - 8)}}), "ok"),
        ("data of one byte more", json!({"data": {"a": "x".repeat(MAX_DATA - 7)}}), "DATA_TOO_LARGE"),
        ("unknown members too large", json!({"a": "x".repeat(MAX_DATA)}), "DATA_TOO_LARGE"),
    ];
    for (name, value, want) in cases {
        assert_eq!(code(value), want, "{name}");
    }
}

#[test]
fn aliases_and_unknown_members_find_their_place() {
    let draft = EventDraft::parse(
        json!({"event_type": "ORDER_REJECTED", "level": "warning", "ts": 1, "qty": 4, "data": {"qty": 4}, "id": 9,
            "ts_iso": null, "contract_version": "v0"}),
        TEST,
    );
    let event = draft.expect("read").accepted(7, at(), "t-1");
    assert_eq!((event.kind.as_str(), event.event_type.as_str()), ("ORDER_REJECTED", "ORDER_REJECTED"));
    assert_eq!((event.severity, event.source.as_str(), event.trace_id.as_str()), (Severity::Warn, "test", "t-1"));
    let kept = json!({"client_ts": 1, "qty": 4, "client_id": 9, "client_contract_version": "v0"});
    assert_eq!(Value::Object(event.data), kept, "nothing is lost");
    assert_eq!((event.id, event.ts_iso.as_str()), (7, "2026-11-21T09:05:00.123+09:00"));
    let both = EventDraft::parse(json!({"type": "a", "event_type": "b", "severity": "crit"}), TEST).expect("read");
    assert_eq!((both.kind(), both.severity), ("a", Severity::Critical));
}

#[test]
fn two_values_of_one_name_are_refused_by_name() {
    for (key, value) in [
        ("qty", json!({"qty": 3, "data": {"qty": 4}})),
        ("ts", json!({"ts": 1, "data": {"client_ts": 2}})),
        ("id", json!({"id": 1, "data": {"client_id": "1"}})),
        ("client_ts", json!({"ts": 1, "client_ts": 2})),
    ] {
        let fault = EventDraft::parse(value, TEST).expect_err(key);
        assert_eq!(fault.code, EventCode::InvalidParam);
        assert!(fault.message.starts_with(&format!("{key} stands beside data")), "{}", fault.message);
    }
    assert_eq!(code(json!({"ts": 2, "client_ts": 2, "data": {"client_ts": 2}})), "ok");
}

#[test]
fn a_draft_of_our_own_never_breaks_a_rule() {
    let long = EventDraft::new("no kind!", &"s".repeat(99), &"m".repeat(9999))
        .trace("not a trace")
        .with("kept", 1)
        .with("large", "x".repeat(MAX_DATA));
    assert_eq!(code(long.to_json()), "ok");
    assert_eq!((long.kind(), long.trace_id()), ("event", None));
    let event = long.accepted(1, at(), NO_TRACE);
    assert_eq!((event.message.len(), event.source.len(), event.data.len()), (MAX_MESSAGE, MAX_NAME, 1));
}

#[test]
fn a_traceparent_gives_its_trace_id_as_a_uuid() {
    let cases = [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some("4bf92f35-77b3-4da6-a3ce-929d0e0e4736")),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", Some("4bf92f35-77b3-4da6-a3ce-929d0e0e4736")),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", None),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
        ("00-4bf92f35-00f067aa0ba902b7-01", None),
        ("", None),
    ];
    for (header, want) in cases {
        assert_eq!(trace_of_parent(header).as_deref(), want, "{header}");
    }
    assert_eq!(plain_trace("4BF92F35-77b3"), "4bf92f3577b3");
    assert!(is_trace(&new_trace()));
}

proptest! {
    #[test]
    fn prop_an_accepted_event_is_one_line_and_is_read_back(message in ".{0,80}", key in ".{0,10}", value in any::<i64>()) {
        let draft = EventDraft::parse(json!({"message": message, "data": {key.as_str(): value}}), TEST).expect("read");
        let event = draft.accepted(1, at(), "t");
        let line = serde_json::to_string(&event).expect("written");
        prop_assert!(!line.contains('\n') && !line.contains('\r'));
        prop_assert_eq!(serde_json::from_str::<Event>(&line).expect("read back"), event);
    }
}
