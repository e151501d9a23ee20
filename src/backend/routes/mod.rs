//! The route table, and the one way from a request to a reply.

mod admission;
mod approvals;
mod cycle;
mod dash;
mod deps;
mod evidence;
mod handoff;
mod intake;
mod live;
mod openapi;
mod ops;
mod orders;
mod push;
mod recon;
mod route;
mod safety;
mod secrets;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod tickets;
mod told;
mod watch;

pub use dash::DASH_ROUTES;
pub use route::Confirm;
pub use route::Kind;
pub use route::Member;
pub use route::Route;
pub use route::Verb;
pub use table::ROUTES;
pub use told::OPERATIONS;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use axum::routing::MethodFilter;
use axum::routing::on;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use admission::admit;
use admission::named;
use admission::who;
use intake::drain;
use intake::read;
use route::Answer;
use route::Turn;

use super::access::Access;
use super::body::RequestBody;
use super::cache::Cache;
use super::dash::Dash;
use super::dash::http_counts::HttpCounts;
use super::dash::http_counts::NO_ROUTE;
use super::dash::rate::Rate;
use super::dash::refusal;
use super::guard;
use super::guard::Refusal;
use super::query::Query;
use super::reply::Fields;
use super::reply::Reply;
use crate::contracts::actor::Actor;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::store::Store;
use crate::time::KstTime;

/// Slow handlers at a time. They leave most threads to everything else, the emergency stop above all.
const SLOW: usize = 2;
/// Large reads at a time, so that however many are asked for, threads stay free for health, metrics and the switches.
const READS: usize = 2;
/// The one address that is read without a token, and by monitors that name no host.
const HEALTH: &str = "/health";

/// What every handler works on.
#[derive(Debug)]
struct App {
    ops: Arc<Ops>,
    dash: Arc<Dash>,
    cache: Cache,
    access: Access,
    bounds: Bounds,
    /// One permit for each slow handler at work.
    slow: Arc<Semaphore>,
    /// One permit for each large read at work.
    reads: Arc<Semaphore>,
    /// How many events other programs may hand in.
    ingest: Rate,
    /// Requests that were answered.
    counts: HttpCounts,
    /// One permit for a storm of events.
    storm: Arc<Semaphore>,
}

/// How much of a body is read, and how long is waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    /// For a body.
    pub(super) time: Duration,
    /// For slow handlers or large reads that run already.
    pub(super) turn: Duration,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

impl App {
    fn new((ops, dash): (Arc<Ops>, Arc<Dash>), access: Access, bounds: Bounds) -> Self {
        let cache = Cache::new(ops.store().root(), rows().map(|route| route.watched));
        let [slow, reads, storm] = [SLOW, READS, 1].map(|permits| Arc::new(Semaphore::new(permits)));
        let (ingest, counts) = (Rate::default(), HttpCounts::default());
        Self { ops, dash, cache, access, bounds, slow, reads, ingest, counts, storm }
    }

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
    /// Who asks.
    actor: Actor,
    /// The last part of the path, not decoded.
    tail: String,
}

/// Every row of both tables; a row is known by its place here.
fn rows() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().chain(DASH_ROUTES)
}

fn row(at: usize) -> Option<&'static Route> {
    ROUTES.get(at).or_else(|| DASH_ROUTES.get(at - ROUTES.len()))
}

/// Builds the router from the tables.
pub(super) fn router(ops: Arc<Ops>, dash: Arc<Dash>, access: Access, bounds: Bounds) -> Router {
    let app = Arc::new(App::new((ops, dash), access, bounds));
    let mut router = Router::new();
    for (at, route) in rows().enumerate() {
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
    let method = request.method().clone();
    let response = no_row(&app, &request, status, text);
    app.counts.add(&method, NO_ROUTE, response.status().as_u16());
    secured(response)
}

fn no_row(app: &App, request: &Request, status: StatusCode, text: &'static str) -> Response {
    if let Some(response) = dash::preflight(app, request) {
        return response;
    }
    match named(app, request).and_then(|()| who(app, request)) {
        Ok(_) if dash::is_spoken_for(request.uri().path(), status) => {
            let is_hidden = dash::is_hidden(app, request.uri().path());
            let (status, text) = if is_hidden { (StatusCode::NOT_FOUND, "Not Found") } else { (status, text) };
            let code = if status == StatusCode::NOT_FOUND { "NOT_FOUND" } else { "METHOD_NOT_ALLOWED" };
            refusal::refuse((status, code), text, None, app.now()).into_response()
        }
        Ok(_) => Reply::detail(status, text).into_response(),
        Err(refusal) => turned_away(app, None, refusal),
    }
}

async fn answer(app: Arc<App>, at: usize, request: Request) -> Response {
    let Some(route) = row(at) else { return failed(&app, None).into_response() };
    let method = request.method().clone();
    let trace = route.is_told().then(|| told::trace_of(request.headers()));
    let response = secured(responded(&app, (at, route), request).await);
    app.counts.add(&method, route.path, response.status().as_u16());
    match trace {
        Some(trace) => told::traced(response, trace),
        None => response,
    }
}

async fn responded(app: &Arc<App>, (at, route): (usize, &'static Route), request: Request) -> Response {
    let origin = dash::allowed_origin(app, route, request.headers());
    let actor = match admit(app, route, &request) {
        Ok(actor) => actor,
        // A page that called this server by another name learns nothing, whatever its origin.
        Err(refusal) => {
            let origin = origin.filter(|_| named(app, &request).is_ok());
            if refusal == guard::TOO_LARGE {
                drain(app, request).await;
            }
            return dash::shared(turned_away(app, Some(route), refusal), route, origin);
        }
    };
    let response = match route.answer {
        Answer::Events => dash::events(Arc::clone(app), request).await,
        Answer::Socket => dash::socket(Arc::clone(app), request).await,
        Answer::Reply => reply(app, (at, route), request, actor).await,
    };
    dash::shared(response, route, origin)
}

async fn reply(app: &Arc<App>, (at, route): (usize, &'static Route), request: Request, actor: Actor) -> Response {
    let reply = match app.cache.fresh(at, || app.now()) {
        Some(kept) => kept,
        None => match read(app, route, request, actor).await {
            Ok(call) => match turn(app, route).await {
                Ok(turn) => run(Arc::clone(app), (at, turn), call).await,
                Err(refusal) => return turned_away(app, Some(route), refusal),
            },
            Err(refusal) => refused(app, Some(route), refusal),
        },
    };
    reply.into_response()
}

/// The reply to a request that was not let in. What 401, 429 and 503 ask for stands in its head.
fn turned_away(app: &App, route: Option<&Route>, refusal: Refusal) -> Response {
    let mut response = refused(app, route, refusal).into_response();
    let headers = response.headers_mut();
    if refusal.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if refusal.status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}

/// Waits until a slow handler or a large read may run; any other may at once. Nothing waits on a thread here.
async fn turn(app: &App, route: &Route) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
    let (permits, busy) = match route.turn {
        Turn::Now => return Ok(None),
        Turn::Network => (&app.slow, guard::BUSY),
        Turn::Read => (&app.reads, guard::BUSY_READING),
    };
    match tokio::time::timeout(app.bounds.turn, Arc::clone(permits).acquire_owned()).await {
        Ok(permit) => Ok(permit.ok()),
        Err(_elapsed) => Err(busy),
    }
}

/// Runs the handler on the blocking pool. A panic there becomes a reply, and the server lives on.
async fn run(app: Arc<App>, (at, turn): (usize, Option<OwnedSemaphorePermit>), call: Call) -> Reply {
    let inner = Arc::clone(&app);
    let done = tokio::task::spawn_blocking(move || {
        // The handler works on when its client has gone away, so the permit is the handler's.
        let _turn = turn;
        let route = row(at)?;
        Some(if route.is_told() { change(&inner, route, &call) } else { handle(&inner, (at, route), &call) })
    });
    match done.await {
        Ok(Some(reply)) => reply,
        Ok(None) => failed(&app, None),
        Err(fault) => {
            tracing::error!(route = row(at).map(|r| r.path), %fault, "a handler ended by a panic");
            // What the handler wrote before it ended counts.
            app.cache.forget();
            failed(&app, row(at))
        }
    }
}

/// Reads, or changes what belongs to the dashboard.
fn handle(app: &App, (at, route): (usize, &Route), call: &Call) -> Reply {
    let before = app.cache.before(at);
    let reply = confirmed(route, call).and_then(|()| (route.handler)(app, call)).unwrap_or_else(|no| no);
    match (route.verb, before) {
        (Verb::Post, _) => app.cache.forget(),
        (Verb::Get, Some(before)) => app.cache.keep(at, before, &reply),
        (Verb::Get, None) => {}
    }
    reply
}

/// Does an operation and tells the bus how it ended, also when it ended by a panic.
fn change(app: &App, route: &'static Route, call: &Call) -> Reply {
    let trace = told::trace_of_call(call);
    if route.sets_a_switch() {
        app.dash.observer.begins(&trace);
    }
    let reply = match confirmed(route, call) {
        Err(no) => no,
        Ok(()) => {
            let since = app.ops.clock().monotonic();
            let done = catch_unwind(AssertUnwindSafe(|| (route.handler)(app, call).unwrap_or_else(|no| no)));
            let reply = done.unwrap_or_else(|_panic| {
                tracing::error!(route = route.path, "a handler ended by a panic");
                failed(app, Some(route))
            });
            let took = app.ops.clock().monotonic().saturating_sub(since);
            told::tell(&app.dash.bus, (route, &trace), call, (&reply, took));
            reply
        }
    };
    app.cache.forget();
    // Whatever file it changed is told at once.
    if route.sets_a_switch() {
        app.dash.observer.ends(&trace);
    }
    app.dash.look(&app.ops);
    reply.with_header(refusal::TRACE_HEADER, &trace)
}

/// Asks for the confirmation that the route wants.
fn confirmed(route: &Route, call: &Call) -> Result<(), Reply> {
    let Some(confirm) = route.confirm else { return Ok(()) };
    let in_body = match (confirm.in_body, RequestBody::optional(&call.body)) {
        (true, Ok(Some(body))) => body.boolean_or_default("confirm")?.unwrap_or(false),
        (true, Err(reply)) => return Err(reply),
        _ => false,
    };
    if call.query.flag("confirm")? || in_body { Ok(()) } else { Err(Reply::unconfirmed(confirm.id)) }
}

fn refused(app: &App, route: Option<&Route>, refusal: Refusal) -> Reply {
    if route.is_some_and(Route::is_dash) {
        let code = refusal::code_of(refusal.code);
        return refusal::refuse((refusal.status, code), refusal.message, None, app.now());
    }
    Reply::problem(refusal.status, refusal.code, refusal.message, app.now())
}

fn failed(app: &App, route: Option<&Route>) -> Reply {
    let message = "the request could not be answered, see the server's log";
    let refusal = Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, code: "INTERNAL_ERROR", message };
    refused(app, route, refusal)
}

/// What keeps a browser from taking a reply for something else, or from showing it inside another page.
fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

/// The reply when a document could not be made.
fn not_made(fault: &dyn std::error::Error) -> Reply {
    Fields::new().with("result", "FAILED").with("reason", &fault.to_string()).wrapped(StatusCode::INTERNAL_SERVER_ERROR)
}
