//! The route table, and the one way from a request to a reply.

mod evidence;
mod handoff;
mod live;
mod ops;
mod safety;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use axum::routing::MethodFilter;
use axum::routing::on;

use super::cache::Cache;
use super::guard;
use super::guard::Refusal;
use super::query::Query;
use super::reply::Reply;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::store::Store;
use crate::store::layout;
use crate::time::KstTime;

/// The one address that any Host may read.
const HEALTH: &str = "/health";

/// What a route does with its method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads; changes nothing.
    Get,
    /// Changes, runs or regenerates.
    Post,
}

impl Verb {
    /// The word in a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

type Handler = fn(&App, &Call) -> Result<Reply, Reply>;

/// One row of the route table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The path; `{id}` stands for one part.
    pub path: &'static str,
    /// What it does, for people.
    pub summary: &'static str,
    /// The files that its reply depends on, when it depends on nothing else.
    watched: &'static [&'static str],
    handler: Handler,
}

const fn get(path: &'static str, summary: &'static str, watched: &'static [&'static str], handler: Handler) -> Route {
    Route { verb: Verb::Get, path, summary, watched, handler }
}

const fn post(path: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route { verb: Verb::Post, path, summary, watched: &[], handler }
}

/// Every route of the backend, once.
pub const ROUTES: &[Route] = &[
    get(HEALTH, "whether the backend, its disk and its workspace work", &[], ops::health),
    get("/api/ops/health", "safety state and last ops report", &[], ops::ops_health),
    get("/api/ops/summary/latest", "newest ops summary", &[layout::SUMMARY.latest], ops::summary_latest),
    post("/api/ops/summary/regenerate", "makes a new ops summary", ops::summary_regenerate),
    get("/api/ops/scheduler/latest", "newest ops run", &[layout::OPS_RUN.latest], ops::scheduler_latest),
    get(
        "/api/ops/scheduler/snapshots",
        "newest 20 ops runs",
        &[layout::OPS_RUN.snapshots, layout::OLD_OPS_RUN_SNAPSHOTS],
        ops::scheduler_snapshots,
    ),
    get("/api/ops/scheduler/snapshots/{id}", "one ops run", &[], ops::scheduler_snapshot),
    get(
        "/api/live/cycle/latest",
        "newest live-cycle receipt",
        &[layout::CYCLE.latest, layout::CYCLE.snapshots],
        live::cycle_latest,
    ),
    post("/api/live/cycle/run", "runs one live cycle, console only", live::cycle_run),
    get("/api/evidence/resolve", "the document behind an evidence ref", &[], evidence::resolve),
    get("/api/execution_gate", "how far execution may go", &[layout::GATE], safety::gate),
    post("/api/execution_gate", "sets the execution gate", safety::set_gate),
    get("/api/real_sender_enable", "whether messages may leave the host", &[layout::SENDER], safety::sender),
    post("/api/real_sender_enable", "enables or disables the sender", safety::set_sender),
    get("/api/emergency_stop", "whether everything stands still", &[layout::STOP], safety::stop),
    post("/api/emergency_stop", "sets the emergency stop", safety::set_stop),
    get("/api/strategy_bundle/latest", "newest strategy bundle and its validation", &[], handoff::bundle_latest),
    get(
        "/api/reco/latest",
        "newest recommendation report",
        &[layout::RECO.latest, layout::RECO.snapshots],
        handoff::reco_latest,
    ),
    post("/api/reco/regenerate", "makes a new recommendation report", handoff::reco_regenerate),
];

/// What every handler works on.
#[derive(Debug)]
struct App {
    ops: Arc<Ops>,
    cache: Cache,
    body_limit: usize,
    body_time: Duration,
}

impl App {
    fn now(&self) -> KstTime {
        self.ops.clock().now()
    }

    fn store(&self) -> &Store {
        self.ops.store()
    }

    fn gates(&self) -> Gates<'_> {
        Gates::new(self.store())
    }
}

/// What a handler is told about a request.
#[derive(Debug)]
struct Call {
    query: Query,
    headers: HeaderMap,
    body: Bytes,
    /// The last part of the path, not decoded.
    tail: String,
}

/// Builds the router from the table.
pub(super) fn router(ops: Arc<Ops>, body_limit: usize, body_time: Duration) -> Router {
    let cache = Cache::new(ops.store().root(), ROUTES.iter().map(|route| route.watched));
    let app = Arc::new(App { ops, cache, body_limit, body_time });
    let mut router = Router::new();
    for (at, route) in ROUTES.iter().enumerate() {
        let app = Arc::clone(&app);
        let filter = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
        };
        router = router.route(route.path, on(filter, move |request: Request| answer(app, at, request)));
    }
    let (unknown, not_allowed) = (Arc::clone(&app), app);
    router
        .fallback(move |request: Request| nowhere(unknown, request, StatusCode::NOT_FOUND, "Not Found"))
        .method_not_allowed_fallback(move |request: Request| {
            nowhere(not_allowed, request, StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
}

async fn nowhere(app: Arc<App>, request: Request, status: StatusCode, text: &'static str) -> Response {
    match guard::host(request.headers(), request.uri()) {
        Ok(()) => Reply::detail(status, text),
        Err(refusal) => refused(&app, refusal),
    }
    .into_response()
}

async fn answer(app: Arc<App>, at: usize, request: Request) -> Response {
    let Some(route) = ROUTES.get(at) else { return failed(&app).into_response() };
    if let Err(refusal) = admit(route, &request, app.body_limit) {
        return refused(&app, refusal).into_response();
    }
    let readable = *request.method() != Method::POST;
    let reply = match app.cache.fresh(at, || app.now()) {
        Some(kept) => kept,
        None => match read(&app, route, request).await {
            Ok(call) => run(app, at, call).await,
            Err(refusal) => refused(&app, refusal),
        },
    };
    let mut response = reply.into_response();
    if readable {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

fn admit(route: &Route, request: &Request, body_limit: usize) -> Result<(), Refusal> {
    if route.path != HEALTH {
        guard::host(request.headers(), request.uri())?;
    }
    if route.verb == Verb::Post {
        guard::origin(request.headers())?;
        guard::length(request.headers(), body_limit)?;
    }
    Ok(())
}

async fn read(app: &App, route: &Route, request: Request) -> Result<Call, Refusal> {
    let (parts, body) = request.into_parts();
    let body = match route.verb {
        Verb::Get => Bytes::new(),
        Verb::Post => collect(body, app).await?,
    };
    let tail = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Call { query: Query::parse(parts.uri.query()), headers: parts.headers, body, tail })
}

async fn collect(body: Body, app: &App) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(app.body_time, axum::body::to_bytes(body, app.body_limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // The other fault is a client that went away, and it reads no reply.
        Ok(Err(_too_large)) => Err(guard::TOO_LARGE),
        Err(_elapsed) => Err(guard::TOO_SLOW),
    }
}

/// Runs the handler on the blocking pool. A panic there becomes a reply, and the server lives on.
async fn run(app: Arc<App>, at: usize, call: Call) -> Reply {
    let inner = Arc::clone(&app);
    let done = tokio::task::spawn_blocking(move || {
        let route = ROUTES.get(at)?;
        let before = inner.cache.before(at);
        let reply = (route.handler)(&inner, &call).unwrap_or_else(|refusal| refusal);
        match (route.verb, before) {
            (Verb::Post, _) => inner.cache.forget(),
            (Verb::Get, Some(before)) => inner.cache.keep(at, before, &reply),
            (Verb::Get, None) => {}
        }
        Some(reply)
    });
    match done.await {
        Ok(Some(reply)) => reply,
        Ok(None) => failed(&app),
        Err(fault) => {
            tracing::error!(route = ROUTES.get(at).map(|r| r.path), %fault, "a handler ended by a panic");
            // What the handler wrote before it ended counts.
            app.cache.forget();
            failed(&app)
        }
    }
}

fn refused(app: &App, refusal: Refusal) -> Reply {
    Reply::problem(refusal.status, refusal.code, refusal.message, app.now())
}

fn failed(app: &App) -> Reply {
    let message = "the request could not be answered, see the server's log";
    Reply::problem(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message, app.now())
}

#[cfg(test)]
mod tests {
    use super::*;
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
        }
    }
}
