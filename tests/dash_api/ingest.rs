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

#[test]
fn b01_a_body_is_json_by_its_header_or_there_is_none() {
    let site = site();
    let address = site.server.address();
    let with = |kind: Option<&str>, body: &str| {
        let kind = kind.map(|kind| format!("content-type: {kind}\r\n")).unwrap_or_default();
        let head = format!("POST {TEST} HTTP/1.1\r\nhost: localhost\r\n{kind}content-length: {}\r\n\r\n", body.len());
        raw(address, format!("{head}{body}").as_bytes())
    };
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"] {
        assert_eq!(with(Some(kind), "{}").status, 200, "{kind}");
    }
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonp"),
        Some("text/plain; application/json"),
        Some("application/json\r\ncontent-type: text/plain"),
    ] {
        refused(&with(kind, "{}"), 415, "UNSUPPORTED_MEDIA_TYPE", &format!("{kind:?}"));
        let empty = with(kind, "");
        assert_eq!((empty.status, &empty.json()["event"]["type"]), (200, &json!("test-event")), "{kind:?}");
    }
}

#[test]
fn b01_a_body_beyond_the_limit_is_refused_and_the_connection_is_usable_or_closed() {
    let site = site();
    let head = |path: &str, length: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n{}: {}\r\ncontent-type: application/json\r\n{length}\r\n\r\n",
            BEARER.0, BEARER.1
        )
    };
    let exact = format!("{{\"x\":\"{}\"}}", "x".repeat((64 << 10) - 8));
    refused(&site.post(TEST, Some(&exact)), 422, "DATA_TOO_LARGE", "as long as a body may be");
    for (path, size) in [(TEST, (64 << 10) + 1), (TEST, 5 << 20), (EVENTS, (1 << 20) + 1)] {
        let body = vec![b' '; size];
        let stated = [head(path, &format!("content-length: {size}")).into_bytes(), body.clone()].concat();
        let chunk = format!("{size:x}\r\n").into_bytes();
        let chunked = [head(path, "transfer-encoding: chunked").into_bytes(), chunk, body, b"\r\n0\r\n\r\n".to_vec()];
        for (name, bytes) in [("stated", stated), ("chunked", chunked.concat())] {
            let mut stream = TcpStream::connect(site.server.address()).expect("connected");
            stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).expect("set");
            stream.write_all(&bytes).expect("the whole body is taken");
            refused(&receive(&mut stream), 413, "BODY_TOO_LARGE", name);
            stream.write_all(request("GET", "/api/ops/metrics", None, &[]).as_bytes()).expect("still open");
            assert_eq!(receive(&mut stream).status, 200, "{name} {size}: the same connection goes on");
        }
    }
    // Who asks first whether to send is told no and sends nothing.
    let asks = head(TEST, "content-length: 70000\r\nexpect: 100-continue");
    refused(&raw(site.server.address(), asks.as_bytes()), 413, "BODY_TOO_LARGE", "asked first");
}

#[test]
fn what_a_producer_says_is_kept_to_the_byte() {
    let site = site();
    let message = "한글 \u{1F680} <b>\"x\"</b> \\ \u{7f}\u{1}".to_owned() + &"가".repeat(1900);
    let body = json!({
        "type": "test-event", "message": message, "source": "투자자", "level": "fatal", "trace_id": "A-b.c:d_1",
        "data": {"한": [1, 2.5, null]}, "extra": {"k": true}, "ts": 1_700_000_000_000_i64, "id": 99, "ts_iso": "x",
    });
    let reply = test_event(&site, &body);
    let event = &reply["event"];
    assert_eq!((&event["message"], &event["source"]), (&json!(message), &json!("투자자")));
    assert_eq!((&event["severity"], &event["trace_id"]), (&json!("CRITICAL"), &json!("A-b.c:d_1")));
    let data = json!({
        "한": [1, 2.5, null], "extra": {"k": true}, "client_ts": 1_700_000_000_000_i64, "client_id": 99,
        "client_ts_iso": "x",
    });
    assert_eq!((&event["data"], &event["id"]), (&data, &json!(1)));
    assert_eq!(get(&site, EVENTS)["events"][0], *event);
}

#[test]
fn a_trace_comes_from_the_body_else_from_the_header_else_from_the_server() {
    let site = site();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let uuid = "0af76519-16cd-43dd-8448-eb211c80319c";
    let cases = [
        ("its own", r#"{"trace_id":"own"}"#, Some(parent), Some("own")),
        ("none of its own", "{}", Some(parent), Some(uuid)),
        ("empty", r#"{"trace_id":""}"#, Some(parent), Some(uuid)),
        ("null", r#"{"trace_id":null}"#, Some(parent), Some(uuid)),
        ("no trace at all", "{}", None, None),
        ("a header that is none", "{}", Some("00-zz-b7ad6b7169203331-01"), None),
    ];
    for (name, body, header, want) in cases {
        for (path, token) in [(TEST, None), (EVENTS, Some(BEARER))] {
            let headers: Vec<_> = header.map(|value| ("traceparent", value)).into_iter().chain(token).collect();
            let answer = site.call("POST", path, Some(body), &headers);
            let trace = answer.json()["trace_id"].as_str().expect("a trace").to_owned();
            assert_eq!(answer.header("x-trace-id"), Some(trace.as_str()), "{name}");
            match want {
                Some(want) => assert_eq!(trace, want, "{name}"),
                None => assert_eq!((trace.len(), trace.as_bytes()[14]), (36, b'4'), "{name}: {trace}"),
            }
        }
    }
    let answer = site.call("POST", TEST, Some(r#"{"message":1}"#), &[("traceparent", parent)]);
    assert_eq!((answer.header("x-trace-id"), &answer.json()["trace_id"]), (Some(uuid), &json!(uuid)), "a refusal too");
    let answer = site.post(TEST, Some(r#"{"message":1,"trace_id":"own"}"#));
    assert_eq!(answer.json()["trace_id"], "own");
}

#[test]
fn a_batch_is_taken_whole_with_ids_in_a_row_and_one_trace_for_those_without() {
    let site = site();
    test_event(&site, &json!({}));
    let answer = hand_in(&site, &json!({"events": [{"type": "a"}, {"type": "b", "trace_id": "own"}, {}]}));
    let body = answer.json();
    assert_eq!(
        (&body["status"], &body["accepted"], &body["first_id"], &body["last_id"]),
        (&json!("ok"), &json!(3), &json!(2), &json!(4))
    );
    let events = get(&site, "/api/ops/events?after=1");
    assert_eq!(ids(&events["events"]), [2, 3, 4]);
    let traces: Vec<_> = (0..3).map(|at| events["events"][at]["trace_id"].clone()).collect();
    assert_eq!((&traces[0], &traces[1], &traces[2]), (&body["trace_id"], &json!("own"), &body["trace_id"]));
    assert_eq!((&events["events"][2]["type"], &events["events"][2]["source"]), (&json!("event"), &json!("unknown")));
    let given = hand_in(&site, &json!({"trace_id": "of-the-batch", "events": [{}, {}]})).json();
    assert_eq!((&given["trace_id"], &given["last_id"]), (&json!("of-the-batch"), &json!(6)));
    let one = hand_in(&site, &json!({"type": "single", "message": "m"})).json();
    assert_eq!((&one["accepted"], &one["first_id"], &one["last_id"]), (&json!(1), &json!(7), &json!(7)));
}

#[test]
fn b01_a_batch_with_one_bad_item_is_refused_whole_and_the_item_is_named() {
    let site = site();
    let many = |count: usize| Value::Array(vec![json!({}); count]);
    let cases = [
        ("a bad item", json!({"events": [{}, {}, {"type": "<"}]}), "INVALID_TYPE", Some(2)),
        ("the first of two", json!({"events": [{"message": 1}, {"type": "<"}]}), "INVALID_PARAM", Some(0)),
        ("no object", json!({"events": [{}, 5]}), "BODY_NOT_OBJECT", Some(1)),
        ("none", json!({"events": []}), "INVALID_PARAM", None),
        ("too many", json!({"events": many(501)}), "INVALID_PARAM", None),
        ("no list", json!({"events": {"a": 1}}), "INVALID_PARAM", None),
        ("null", json!({"events": null}), "INVALID_PARAM", None),
        ("something beside the list", json!({"events": [{}], "source": "x"}), "INVALID_PARAM", None),
    ];
    for (name, body, code, index) in cases {
        let answer = hand_in(&site, &body);
        refused(&answer, 422, code, name);
        assert_eq!(answer.json().get("index"), index.map(|index| json!(index)).as_ref(), "{name}: {}", answer.text);
    }
    refused(&hand_in(&site, &json!([1])), 422, "BODY_NOT_OBJECT", "a list");
    assert_eq!(get(&site, "/api/ops/metrics")["event_published"], 0, "nothing of it was published");
    assert_eq!(hand_in(&site, &json!({"events": many(500)})).json()["accepted"], 500);
}

#[test]
fn handing_in_needs_a_token_and_trying_does_not() {
    let site = site();
    refused(&site.post(EVENTS, Some("{}")), 401, "AUTH_MISSING", "no token");
    let wrong = site.call("POST", EVENTS, Some("{}"), &[("authorization", "Bearer wrong-wrong-wrong-1")]);
    refused(&wrong, 401, "AUTH_INVALID", "a wrong one");
    assert_eq!(wrong.header("www-authenticate"), Some("Bearer"));
    for name in ["x-ops-token", "x-admin-api-key"] {
        assert_eq!(site.call("POST", EVENTS, Some("{}"), &[(name, crate::TOKEN)]).status, 200, "{name}");
    }
    assert_eq!(site.post(TEST, None).status, 200);
    assert_eq!(site.post("/api/ops/test-event?confirm=true", None).status, 200);
}

#[test]
fn more_than_20000_events_a_second_are_told_to_wait() {
    let (site, clock) = still();
    let batch = json!({"events": vec![json!({}); 500]});
    for _ in 0..40 {
        assert_eq!(hand_in(&site, &batch).status, 200);
    }
    let answer = hand_in(&site, &json!({}));
    refused(&answer, 429, "RATE_LIMITED", "an empty bucket");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(site.post(TEST, None).status, 200, "a test event is no load");
    clock.advance(std::time::Duration::from_millis(25));
    assert_eq!(hand_in(&site, &batch).status, 200, "25 ms bring 500 events");
    assert_eq!(hand_in(&site, &batch).status, 429);
    assert_eq!(get(&site, "/api/ops/metrics")["event_published"], 20_501);
}

#[test]
fn a_post_that_is_made_again_is_accepted_and_published_once() {
    let site = site();
    let event = |id: &str| json!({"type": "stage_finished", "trace_id": "t-1", "spool_id": id});
    let reply = hand_in(&site, &json!({"events": [event("a"), event("b")]})).json();
    assert_eq!(json!([reply["accepted"], reply["first_id"], reply["last_id"]]), json!([2, 1, 2]));
    let again = hand_in(&site, &json!({"events": [event("a"), event("b"), event("c"), event("c")]})).json();
    assert_eq!(json!([again["accepted"], again["first_id"], again["last_id"]]), json!([4, 3, 3]));
    let whole = hand_in(&site, &event("c")).json();
    assert_eq!(json!([whole["accepted"], whole["first_id"], whole["trace_id"]]), json!([1, null, "t-1"]));
    assert_eq!(get(&site, EVENTS)["last_id"], 3);
}
