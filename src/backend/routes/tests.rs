//! What holds for every row of the route table.

use super::*;
use crate::backend::access::Reach;
use crate::backend::server::BLOCKING_THREADS;
use crate::contracts::actor::Role;
use crate::time::Clock;
use axum::body::Body;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

const DESK_TOKEN: &str = "token-of-the-desk-1";

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
    let slow: BTreeSet<&str> = paths_that(Turn::Network);
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
    let is_reader = |route: &Route| route.verb == Verb::Get;
    assert!(rows().all(|route| !is_reader(route) || route.turn != Turn::Network), "readers never wait for the network");
    assert!(rows().all(|route| is_reader(route) || route.turn != Turn::Read), "a change is no read");
}

fn paths_that(turn: Turn) -> BTreeSet<&'static str> {
    rows().filter(|route| route.turn == turn).map(|route| route.path).collect()
}

#[test]
fn reads_of_logs_and_records_wait_for_each_other_and_leave_threads_to_the_rest() {
    const { assert!(SLOW + READS < BLOCKING_THREADS) };
    let large = paths_that(Turn::Read);
    for word in
        ["events", "history", "traces", "{id}", "export", "alerts", "risks", "runs", "logs", "log-tail", "resolve"]
    {
        assert!(large.iter().any(|path| path.contains(word)), "{word}");
    }
    for path in ["/health", "/metrics", "/api/ops/metrics", "/api/ops/health", "/api/control/kill-switch", "/events"] {
        assert!(rows().any(|route| route.path == path) && !is_only(path, Turn::Read), "{path}");
    }
}

/// Whether a read of this path waits for this turn.
fn is_only(path: &str, turn: Turn) -> bool {
    rows().any(|route| route.verb == Verb::Get && route.path == path && route.turn == turn)
}

fn desk() -> (tempfile::TempDir, App) {
    desk_with(|| Ok(crate::ops::OpsPolicy::default()), Duration::from_secs(5))
}

fn desk_with(
    policy: impl Fn() -> Result<crate::ops::OpsPolicy, String> + Send + Sync + 'static,
    turn: Duration,
) -> (tempfile::TempDir, App) {
    let dir = tempfile::tempdir().expect("a directory");
    let clock: Arc<dyn Clock> = Arc::new(crate::time::SystemClock::new());
    let ops = Arc::new(Ops::new(Store::new(dir.path()), clock, Box::new(policy)));
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let dash = Dash::new(ops.shared_clock(), ops.store(), crate::backend::DashOptions::default(), stopped);
    let bounds = Bounds { bytes: 4096, time: Duration::from_secs(5), turn };
    let access = Access::new(Reach::Loopback, Some(crate::contracts::token::TokenHash::of(DESK_TOKEN)));
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

/// Asks as the router would.
async fn ask(app: Arc<App>, method: &'static str, path: &'static str, body: &'static str) -> Response {
    let plain = path.split('?').next().unwrap_or_default();
    let at = rows().position(|route| route.verb.as_str() == method && route.path == plain).expect("a row");
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    answer(app, at, request.header("x-ops-token", DESK_TOKEN).body(Body::from(body)).expect("a request")).await
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().max_blocking_threads(BLOCKING_THREADS).build().expect("a runtime")
}

/// Reads that a desk does at the same time, more than it has threads.
const LARGE: [&str; 6] = [
    "/api/ops/logs/stdout",
    "/api/ops/traces?limit=200",
    "/api/ops/events",
    "/api/ops/history",
    "/api/ops/export",
    "/api/ops/runs",
];

#[test]
fn while_reads_hang_health_metrics_and_the_switches_answer_and_the_other_reads_wait() {
    let (say, told) = mpsc::channel();
    let (release, hold) = mpsc::channel::<()>();
    let (hung, hold) = (Arc::new(AtomicUsize::new(0)), std::sync::Mutex::new(hold));
    let counted = Arc::clone(&hung);
    // A log that cannot be read on: who asks for its secrets waits as long as the disk would let it.
    let policy = move || {
        if counted.fetch_add(1, Ordering::SeqCst) < READS {
            say.send(()).ok();
            hold.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv().ok();
        }
        Ok(crate::ops::OpsPolicy::default())
    };
    let (_dir, app) = desk_with(policy, Duration::from_secs(600));
    app.store().write(crate::store::layout::RUN_LOG, b"a line\n").expect("written");
    let app = Arc::new(app);
    runtime().block_on(async {
        let begin = |path: &'static str| tokio::spawn(ask(Arc::clone(&app), "GET", path, ""));
        let first: Vec<_> = (0..READS).map(|_| begin(LARGE[0])).collect();
        let patience = Duration::from_secs(60);
        let hang = move || (0..READS).for_each(|_| told.recv_timeout(patience).expect("a read hangs"));
        tokio::task::spawn_blocking(hang).await.expect("they hang");
        let others: Vec<_> = LARGE.iter().cycle().take(3 * BLOCKING_THREADS).map(|path| begin(path)).collect();
        // One thread: each of them has come to where it waits.
        tokio::task::yield_now().await;
        let on = r#"{"is_on":true,"reason":"while reads hang"}"#;
        let stop = r#"{"enabled":true,"reason":"while reads hang"}"#;
        for (method, path, body) in [
            ("GET", "/health", ""),
            ("GET", "/api/ops/metrics", ""),
            ("POST", "/api/control/kill-switch", on),
            ("GET", "/api/control/kill-switch", ""),
            ("POST", "/api/emergency_stop", stop),
            ("POST", "/api/evidence/index/regenerate?confirm=true", ""),
        ] {
            assert_eq!(ask(Arc::clone(&app), method, path, body).await.status(), StatusCode::OK, "{method} {path}");
        }
        assert_eq!(app.reads.available_permits(), 0);
        assert!(first.iter().chain(&others).all(|read| !read.is_finished()), "every read waits");
        drop(release);
        for read in first.into_iter().chain(others) {
            assert_eq!(read.await.expect("answered").status(), StatusCode::OK);
        }
    });
    assert!(hung.load(Ordering::SeqCst) > READS, "the others were done later");
}

#[test]
fn a_read_that_waits_too_long_is_told_to_come_back() {
    let (_dir, app) = desk_with(|| Ok(crate::ops::OpsPolicy::default()), Duration::ZERO);
    let app = Arc::new(app);
    runtime().block_on(async {
        let all = u32::try_from(READS).expect("a few");
        let held = Arc::clone(&app.reads).acquire_many_owned(all).await.expect("free");
        for (path, is_dash) in [("/api/ops/traces", true), ("/api/evidence/resolve?ref=x", false)] {
            let answer = ask(Arc::clone(&app), "GET", path, "").await;
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!(answer.headers()["retry-after"], "10", "{path}");
            let body = axum::body::to_bytes(answer.into_body(), 1 << 16).await.expect("a body");
            let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!((body["error"]["code"].as_str(), body["code"] == "BUSY"), (Some("BUSY"), is_dash), "{body}");
        }
        assert_eq!(ask(Arc::clone(&app), "GET", "/health", "").await.status(), StatusCode::OK);
        drop(held);
        assert_eq!(ask(Arc::clone(&app), "GET", "/api/ops/traces", "").await.status(), StatusCode::OK);
    });
}
