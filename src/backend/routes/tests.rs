//! What holds for every row of the route table.

use super::*;
use crate::contracts::actor::Role;
use crate::time::Clock;
use std::collections::BTreeSet;

#[test]
fn every_route_is_listed_once_and_explained() {
    let mut seen = BTreeSet::new();
    for route in ROUTES {
        assert!(
            seen.insert((route.verb.as_str(), route.path)),
            "{} {} is listed twice",
            route.verb.as_str(),
            route.path
        );
        assert!(!route.summary.is_empty() && route.path.starts_with('/'), "{}", route.path);
        assert!(route.verb == Verb::Get || route.watched.is_empty(), "a change is never kept: {}", route.path);
        assert!(route.verb == Verb::Post || route.role == Role::Viewer, "everybody reads: {}", route.path);
    }
}

#[test]
fn what_stops_everything_never_waits_for_a_turn() {
    let slow: BTreeSet<&str> = ROUTES.iter().filter(|route| route.slow).map(|route| route.path).collect();
    for word in ["emergency_stop", "execution_gate", "real_sender_enable", "window", "approvals", "latest"] {
        assert!(!slow.iter().any(|path| path.contains(word)), "{word}");
    }
    for word in ["send/run", "live_fire/run", "daily_status/send", "incident/send", "spike/run", "holding/run"] {
        assert!(slow.iter().any(|path| path.contains(word)), "{word}");
    }
    // They wait for the same lock while a plan asks a vendor for prices.
    for path in ["/api/order_plan/regenerate", "/api/order_plan/confirm", "/api/portfolio/upsert"] {
        assert!(slow.contains(path), "{path}");
    }
    assert!(ROUTES.iter().all(|route| route.verb == Verb::Post || !route.slow), "readers never wait");
}

fn desk() -> (tempfile::TempDir, App) {
    let dir = tempfile::tempdir().expect("a directory");
    let clock: Arc<dyn Clock> = Arc::new(crate::time::SystemClock::new());
    let policy = Box::new(|| Ok(crate::ops::OpsPolicy::default()));
    let ops = Arc::new(Ops::new(Store::new(dir.path()), clock, policy));
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let dash = Dash::new(ops.shared_clock(), ops.store(), crate::backend::DashOptions::default(), stopped);
    let bounds = Bounds { bytes: 4096, time: Duration::from_secs(5), turn: Duration::from_secs(5) };
    let access = Access::new(Reach::Loopback, None);
    (dir, App::new((ops, dash), access, bounds))
}

fn call(query: &str, headers: &[(&'static str, &'static str)], body: &str) -> Call {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    Call {
        query: Query::parse(Some(query)),
        headers: headers.iter().map(pair).collect(),
        body: Bytes::from(body.to_owned()),
        actor: Actor::proved("desk".to_owned(), Role::Admin, "test"),
        tail: String::new(),
    }
}

fn route(path: &str) -> &'static Route {
    ROUTES.iter().find(|route| route.verb == Verb::Post && route.path == path).expect("a row")
}

#[test]
fn an_operation_that_ended_is_an_event_of_its_own_type_in_the_trace_of_its_request() {
    let (_dir, app) = desk();
    let run = [("x-trace-id", "run_20261119_200000_0000000a")];
    let cases = [
        ("/api/ops/summary/regenerate", "ops_summary_regenerated", 200, "INFO"),
        ("/api/live/cycle/run", "live_cycle_finished", 200, "WARN"),
        ("/api/evidence/index/regenerate", "operation_finished", 200, "INFO"),
        ("/api/tickets", "ticket_changed", 422, "WARN"),
    ];
    for (path, kind, status, severity) in cases {
        let reply = change(&app, route(path), &call("confirm=true", &run, "{}"));
        assert_eq!(reply.status.as_u16(), status, "{path}: {:?}", reply.body);
        let kept = app.dash.bus.recent();
        let event = &kept.last().expect("an event").event;
        assert_eq!((event.kind.as_str(), event.source.as_str()), (kind, "backend"), "{path}");
        assert_eq!((event.severity.as_str(), event.trace_id.as_str()), (severity, run[0].1), "{path}: {event:?}");
        assert_eq!(event.data["operation"], path);
        assert_eq!((&event.data["status"], &event.data["actor"]), (&status.into(), &"desk".into()), "{path}");
        assert!(event.data["duration_ms"].is_u64(), "{path}");
        let shown = reply.headers.iter().find(|(name, _)| *name == refusal::TRACE_HEADER).map(|(_, value)| value);
        assert_eq!(shown.and_then(|value| value.to_str().ok()), Some(run[0].1), "{path}");
    }
    let cycle = app.dash.bus.recent().into_iter().find(|frame| frame.event.kind == "live_cycle_finished");
    let data = cycle.expect("an event").event.data.clone();
    assert_eq!((&data["decision"], &data["reason"]), (&"BLOCKED".into(), &"NO_BUNDLE".into()), "{data:?}");
}

#[test]
fn what_was_not_confirmed_is_no_event_and_what_a_request_says_is_none_either() {
    let (_dir, app) = desk();
    let reply = change(&app, route("/api/live/cycle/run"), &call("", &[], ""));
    assert_eq!((reply.status, app.dash.bus.recent().len()), (StatusCode::BAD_REQUEST, 0));
    let secret = "PLANTED_SECRET_0123456789";
    let body = format!(r#"{{"enabled":true,"operator_id":"{secret}","reason":"{secret}","trace_id":"of-the-body"}}"#);
    change(&app, route("/api/emergency_stop"), &call(&format!("token={secret}"), &[], &body));
    let kept = app.dash.bus.recent();
    let told: Vec<_> = kept.iter().filter(|frame| frame.event.kind == "operation_finished").collect();
    assert_eq!(told.len(), 1);
    assert!(memchr::memmem::find(&told[0].line, secret.as_bytes()).is_none(), "{:?}", told[0].event);
    assert!(kept.iter().all(|frame| frame.event.trace_id == "of-the-body"), "{kept:?}");
}

#[test]
fn a_handler_that_ends_by_a_panic_is_an_error_on_the_bus_and_a_reply() {
    static BROKEN: Route = Route { handler: |_, _| panic!("a defect"), ..table::post("/broken", "", "fails", later) };
    fn later(_: &App, _: &Call) -> Result<Reply, Reply> {
        Err(Reply::detail(StatusCode::NOT_IMPLEMENTED, "later"))
    }
    let (_dir, app) = desk();
    let reply = change(&app, &BROKEN, &call("", &[], ""));
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    let kept = app.dash.bus.recent();
    let event = &kept.last().expect("an event").event;
    assert_eq!((event.severity.as_str(), &event.data["status"]), ("ERROR", &500.into()));
}
