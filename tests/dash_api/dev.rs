//! The endpoints for rehearsals: they are there only when the settings say so, and behind a token.

use std::sync::Arc;
use std::time::Duration;

use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::json;

use crate::BEARER;
use crate::client::Answer;
use crate::client::Site;
use crate::get;
use crate::ids;
use crate::refused;
use crate::site;
use crate::site_with;

const ALL: [&str; 5] = [
    "/api/dev/emit-event",
    "/api/v1/dev/emit-event",
    "/api/dev/emit-10k",
    "/api/ops/hang-sub",
    "/api/ops/clear-hung-subs",
];

fn post(site: &Site, path: &str, body: &serde_json::Value) -> Answer {
    site.call("POST", path, Some(&body.to_string()), &[BEARER])
}

/// Waits until so many events are published.
fn wait_for(site: &Site, count: u64) {
    let clock = SystemClock::new();
    while get(site, "/api/ops/metrics")["event_published"] != count {
        assert!(clock.monotonic() < Duration::from_secs(60), "{}", get(site, "/api/ops/metrics"));
        clock.wait(Duration::from_millis(5));
    }
}

#[test]
fn without_the_setting_there_is_nothing() {
    let site = site_with(Arc::new(SystemClock::new()), |dash| dash.settings.dev = false);
    for path in ALL {
        refused(&site.call("POST", path, Some("{}"), &[BEARER]), 404, "NOT_FOUND", path);
        refused(&site.call("POST", path, Some("{}"), &[]), 404, "NOT_FOUND", path);
        for verb in ["GET", "PUT", "DELETE"] {
            let answer = site.call(verb, path, None, &[]);
            refused(&answer, 404, "NOT_FOUND", path);
            assert_eq!(answer.json()["error"]["message"], "Not Found", "{verb} {path}: it says what it is");
        }
    }
}

#[test]
fn with_it_a_token_is_needed() {
    let site = site();
    for path in ALL {
        refused(&site.call("POST", path, Some("{}"), &[]), 401, "AUTH_MISSING", path);
    }
    assert_eq!(get(&site, "/api/ops/metrics")["subscribers"], 0);
}

#[test]
fn one_event_of_any_type() {
    let site = site();
    let body = json!({"event_type": "SYSTEM_GUARD", "trace_id": "dev-1", "severity": "warn", "index": 3, "total": 9,
        "metadata": {"a": 1}});
    let answer = post(&site, ALL[0], &body);
    let said = answer.json();
    let event = get(&site, "/api/ops/events")["events"][0].clone();
    assert_eq!(
        said,
        json!({"ok": true, "contract_version": "v1", "emitted": "SYSTEM_GUARD", "trace_id": "dev-1", "ts": event["ts"]})
    );
    assert_eq!(
        (&event["type"], &event["severity"], &event["source"]),
        (&json!("SYSTEM_GUARD"), &json!("WARN"), &json!("dev"))
    );
    assert_eq!(event["data"], json!({"a": 1, "index": 3, "total": 9}));
    let old = post(&site, ALL[1], &json!({"event_type": "x"}));
    assert_eq!((old.status, old.header("deprecation")), (200, Some("true")));
    assert_eq!(old.header("link"), Some("</api/dev/emit-event>; rel=\"successor-version\""));
    refused(&post(&site, ALL[0], &json!({})), 422, "INVALID_PARAM", "no type");
    refused(&post(&site, ALL[0], &json!({"event_type": "<"})), 422, "INVALID_TYPE", "a bad type");
    refused(&post(&site, ALL[0], &json!({"event_type": "x", "metadata": []})), 422, "INVALID_PARAM", "a list");
}

#[test]
fn a_storm_goes_through_six_types_with_a_trace_each() {
    let site = site();
    let answer = post(&site, ALL[2], &json!({"count": 750, "pad_bytes": 10}));
    assert_eq!((answer.status, answer.json()), (202, json!({"status": "accepted", "trace_id": "stress-00000"})));
    wait_for(&site, 750);
    let events = get(&site, "/api/ops/events?order=asc&limit=1000");
    assert_eq!(ids(&events["events"]), (1..=750).collect::<Vec<u64>>());
    let event = &events["events"][8];
    assert_eq!(
        (&event["trace_id"], &event["type"], &event["source"]),
        (&json!("stress-00008"), &json!("LEVEL_DOWNGRADED"), &json!("stress"))
    );
    assert_eq!(event["data"], json!({"index": 8, "total": 750, "pad": "xxxxxxxxxx"}));
}

#[test]
fn a_storm_keeps_its_pace_one_at_a_time_and_ends_with_the_server() {
    let site = site();
    let slow = json!({"count": 100_000, "rate_per_s": 100, "type": "stress"});
    assert_eq!(post(&site, ALL[2], &slow).status, 202);
    let second = post(&site, ALL[2], &slow);
    refused(&second, 429, "RATE_LIMITED", "one goes on");
    assert_eq!(second.header("retry-after"), Some("1"));
    let published = get(&site, "/api/ops/metrics")["event_published"].as_u64().expect("a number");
    assert!(published < 50_000, "{published}");
    site.server.stop();
}

#[test]
fn a_storm_of_no_sense_is_refused() {
    let site = site();
    for (name, body, code) in [
        ("none", json!({"count": 0}), "INVALID_PARAM"),
        ("too many", json!({"count": 100_001}), "INVALID_PARAM"),
        ("a text", json!({"count": "5"}), "INVALID_PARAM"),
        ("a negative pace", json!({"rate_per_s": -1}), "INVALID_PARAM"),
        ("too large", json!({"pad_bytes": 8193}), "INVALID_PARAM"),
        ("a bad type", json!({"type": "<"}), "INVALID_TYPE"),
    ] {
        refused(&post(&site, ALL[2], &body), 422, code, name);
    }
    assert_eq!(get(&site, "/api/ops/metrics")["event_published"], 0);
}

#[test]
fn a_hundred_subscribers_may_hang() {
    let site = site();
    for count in 1..=100 {
        assert_eq!(post(&site, ALL[3], &json!({})).json()["hung_subs"], count);
    }
    let answer = post(&site, ALL[3], &json!({}));
    refused(&answer, 503, "TOO_MANY_SUBSCRIBERS", "one more");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(post(&site, ALL[4], &json!({})).json()["cleared"], 100);
}
