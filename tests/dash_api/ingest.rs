//! Events come in: what is taken as it is, and what is refused with which code.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::Value;
use serde_json::json;

use crate::BEARER;
use crate::client::raw;
use crate::client::receive;
use crate::client::request;
use crate::get;
use crate::hand_in;
use crate::ids;
use crate::refused;
use crate::site;
use crate::still;
use crate::test_event;

const TEST: &str = "/api/ops/test-event";
const EVENTS: &str = "/api/ops/events";

fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({ "d": inner }))
}

#[test]
fn a04_a_test_event_is_answered_with_its_envelope() {
    let site = site();
    let answer = site.post(TEST, Some(r#"{"message":"demo","source":"investor"}"#));
    let body = answer.json();
    assert_eq!((answer.status, &body["status"], &body["subscribers"]), (200, &json!("ok"), &json!(0)));
    let trace = body["trace_id"].as_str().expect("a trace");
    assert_eq!((trace.len(), answer.header("x-trace-id")), (36, Some(trace)));
    let event = &body["event"];
    assert_eq!(
        (&event["id"], &event["type"], &event["event_type"], &event["contract_version"]),
        (&json!(1), &json!("test-event"), &json!("test-event"), &json!("v1"))
    );
    assert_eq!((&event["trace_id"], &event["source"]), (&json!(trace), &json!("investor")));
    assert_eq!((&event["message"], &event["severity"], &event["data"]), (&json!("demo"), &json!("INFO"), &json!({})));
    assert!(event["ts"].as_i64().is_some() && event["ts_iso"].as_str().is_some_and(|iso| iso.ends_with("+09:00")));
    assert_eq!(get(&site, EVENTS)["events"], json!([event]), "it is read back unmodified");
}

#[test]
fn a06_one_test_event_counts_one_and_drops_none() {
    let site = site();
    let count = |name: &str| get(&site, "/api/ops/metrics")[name].as_i64().expect("a number");
    let before = (count("event_published"), count("drop_count"));
    test_event(&site, &json!({}));
    assert_eq!((count("event_published") - before.0, count("drop_count") - before.1), (1, 0));
}

#[test]
fn b01_every_bad_body_has_its_status_and_code_and_the_server_lives_on() {
    let site = site();
    let long = |chars: usize| "한".repeat(chars);
    let cases: [(&str, String, u16, &str); 24] = [
        ("half", "{bad".into(), 400, "INVALID_JSON"),
        ("blank", " \n".into(), 400, "INVALID_JSON"),
        ("two values", "{} {}".into(), 400, "INVALID_JSON"),
        ("a number that is none", r#"{"data":{"x":NaN}}"#.into(), 400, "INVALID_JSON"),
        ("a number beyond numbers", r#"{"data":{"x":1e999}}"#.into(), 400, "INVALID_JSON"),
        ("one key twice", r#"{"message":"a","message":"b"}"#.into(), 400, "INVALID_JSON"),
        ("one key twice, deep", r#"{"data":{"a":{"b":1,"\u0062":2}}}"#.into(), 400, "INVALID_JSON"),
        ("a list", "[1,2]".into(), 422, "BODY_NOT_OBJECT"),
        ("a text", r#""x""#.into(), 422, "BODY_NOT_OBJECT"),
        ("null", "null".into(), 422, "BODY_NOT_OBJECT"),
        ("a message too long", json!({"message": long(2001)}).to_string(), 422, "MESSAGE_TOO_LONG"),
        ("a number for a message", r#"{"message":5}"#.into(), 422, "INVALID_PARAM"),
        ("a source too long", json!({"source": long(65)}).to_string(), 422, "FIELD_TOO_LONG"),
        ("a list for a source", r#"{"source":[]}"#.into(), 422, "INVALID_PARAM"),
        ("markup for a type", r#"{"type":"<b>"}"#.into(), 422, "INVALID_TYPE"),
        ("no type", r#"{"type":""}"#.into(), 422, "INVALID_TYPE"),
        ("a type too long", json!({"type": "t".repeat(65)}).to_string(), 422, "INVALID_TYPE"),
        ("another severity", r#"{"severity":"LOUD"}"#.into(), 422, "INVALID_SEVERITY"),
        ("another level", r#"{"level":3}"#.into(), 422, "INVALID_SEVERITY"),
        ("markup for a trace", r#"{"trace_id":"<i>"}"#.into(), 422, "INVALID_TRACE_ID"),
        ("a number for a trace", r#"{"trace_id":7}"#.into(), 422, "INVALID_TRACE_ID"),
        ("data too deep", json!({"data": nested(9)}).to_string(), 422, "DATA_TOO_LARGE"),
        (
            "data deeper than any reader goes",
            format!("{}{}", r#"{"data":"#.repeat(200), "1".to_owned() + &"}".repeat(200)),
            422,
            "DATA_TOO_LARGE",
        ),
        ("data too large", json!({"data": {"x": "x".repeat(16 << 10)}}).to_string(), 422, "DATA_TOO_LARGE"),
    ];
    for (name, body, status, code) in &cases {
        refused(&site.post(TEST, Some(body)), *status, code, name);
        if !matches!(*code, "BODY_NOT_OBJECT") {
            refused(&site.call("POST", EVENTS, Some(body), &[BEARER]), *status, code, name);
        }
    }
    let bytes = b"POST /api/ops/test-event HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"message\":\"\xff\"}";
    refused(&raw(site.server.address(), bytes), 400, "INVALID_JSON", "not UTF-8");
    assert_eq!(get(&site, "/api/ops/metrics")["event_published"], 0, "nothing of it was published");
}
