//! The dashboard's interface for programs over real sockets: events in, events out, metrics, export, dev endpoints.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "every test here has a site of its own")]
mod client;
mod dev;
#[path = "../../src/telemetry/journal/tests/disk.rs"]
#[expect(dead_code, reason = "some of it is for the log's own tests")]
mod disk;
mod ingest;
mod metrics;
mod past;
mod reads;

use std::sync::Arc;

use client::Answer;
use client::Site;
use daily_ops::backend::DashOptions;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::contracts::token::TokenHash;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Store;
use daily_ops::time::Clock;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

const TOKEN: &str = "a-token-of-the-tests-1";
const BEARER: (&str, &str) = ("authorization", "Bearer a-token-of-the-tests-1");

/// A server whose clock is the machine's, with the endpoints for rehearsals.
fn site() -> Site {
    site_with(Arc::new(SystemClock::new()), |_| {})
}

/// A server whose clock only moves when told to, and that clock.
fn still() -> (Site, Arc<SimClock>) {
    let clock = Arc::new(SimClock::at(Stamp::from("2026-11-21T09:05:00.250+09:00").instant().expect("a time")));
    (site_with(Arc::<SimClock>::clone(&clock), |_| {}), clock)
}

fn site_with(clock: Arc<dyn Clock>, change: impl FnOnce(&mut DashOptions)) -> Site {
    site_in(tempfile::tempdir().expect("a directory"), clock, change)
}

/// A server over this workspace.
fn site_in(dir: tempfile::TempDir, clock: Arc<dyn Clock>, change: impl FnOnce(&mut DashOptions)) -> Site {
    let store = Store::new(dir.path());
    let ops = Arc::new(Ops::new(store.clone(), clock, Box::new(|| Ok(OpsPolicy::default()))));
    let mut dash = DashOptions::default();
    dash.settings.dev = true;
    change(&mut dash);
    let options = ServeOptions {
        port: 0,
        workers: 1,
        operator_token: Some(TokenHash::of(TOKEN)),
        dash,
        ..ServeOptions::default()
    };
    let server = Server::start(ops, &options).expect("serving");
    Site { dir, store, server }
}

/// Reads a path that must answer.
fn get(site: &Site, path: &str) -> Value {
    let answer = site.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

/// Publishes one test event.
fn test_event(site: &Site, body: &Value) -> Value {
    let answer = site.post("/api/ops/test-event", Some(&body.to_string()));
    assert_eq!(answer.status, 200, "{body}: {}", answer.text);
    answer.json()
}

/// Hands events in with the token.
fn hand_in(site: &Site, body: &Value) -> Answer {
    site.call("POST", "/api/ops/events", Some(&body.to_string()), &[BEARER])
}

/// Publishes these, in batches.
fn publish(site: &Site, events: &[Value]) {
    for batch in events.chunks(500) {
        let answer = hand_in(site, &json!({ "events": batch }));
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// The ids of a list of envelopes.
fn ids(events: &Value) -> Vec<u64> {
    events.as_array().expect("a list").iter().map(|event| event["id"].as_u64().expect("an id")).collect()
}

/// A refusal says what it is in every member of its shape.
fn refused(answer: &Answer, status: u16, code: &str, place: &str) {
    assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{place}: {}", answer.text);
    let body = answer.json();
    assert_eq!((&body["error"]["code"], &body["contract_version"]), (&json!(code), &json!("v1")), "{place}");
    assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{place}");
    assert!(body.get("trace_id").is_some(), "{place}");
    for (name, value) in
        [("content-type", "application/json"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff")]
    {
        assert_eq!(answer.header(name), Some(value), "{place}");
    }
}
