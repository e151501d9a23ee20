//! The route table, and the one way from a request to a reply.

mod approvals;
mod cycle;
mod dash;
mod deps;
mod evidence;
mod handoff;
mod live;
mod openapi;
mod ops;
mod orders;
mod push;
mod recon;
mod safety;
mod secrets;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod tickets;
mod told;
mod watch;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::body::BodyDataStream;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use axum::routing::MethodFilter;
use axum::routing::on;
use futures_util::StreamExt as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use super::access::Access;
use super::access::NO_TOKEN;
use super::access::NOT_CONFIGURED;
use super::access::ROLE_TOO_LOW;
use super::access::Reach;
pub use dash::DASH_ROUTES;
pub use table::ROUTES;

use super::body::RequestBody;
use super::cache::Cache;
use super::dash::Dash;
use super::dash::http_counts::HttpCounts;
use super::dash::http_counts::NO_ROUTE;
use super::dash::rate::Rate;
use super::dash::refusal;
use super::guard;
use super::guard::Refusal;
use super::line::Line;
use super::query::Query;
use super::reply::Fields;
use super::reply::Reply;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::store::Store;
use crate::time::KstTime;

/// Slow handlers at a time. They leave most threads to everything else, the emergency stop above all.
const SLOW: usize = 2;
/// Large reads at a time, so that however many are asked for, threads stay free for health, metrics and the switches.
const READS: usize = 2;
/// Bytes that are read of a body that is refused for its length.
const SWALLOWED: usize = 16 << 20;
/// The one address that is read without a token, and by monitors that name no host.
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

/// One row of the route table. The router, the guards, the table in the README and the OpenAPI document come from it.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The path; `{id}` stands for one part.
    pub path: &'static str,
    /// What it does, for people.
    pub summary: &'static str,
    /// The schema of the document in its reply; empty when the reply is no document.
    pub schema: &'static str,
    /// The least role that may call it, where roles count.
    pub role: Role,
    /// Whether `confirm=true` must be said.
    pub confirm: Option<Confirm>,
    /// Members of the query.
    pub query: &'static [Member],
    /// Members of the body.
    pub body: &'static [Member],
    /// Status codes beside 200 that belong to it, beyond those of every route.
    pub refusals: &'static [u16],
    /// Whether it waits for others of its kind.
    turn: Turn,
    /// The files that its reply depends on, when it depends on nothing else.
    watched: &'static [&'static str],
    /// How it answers.
    answer: Answer,
    /// The type of the event that tells of it when it has changed something.
    event: &'static str,
    /// What is special about a row of the dashboard; none for the operations API.
    dash: Option<DashRow>,
    handler: Handler,
}

/// How a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// With what its handler makes.
    Reply,
    /// With server-sent events.
    Events,
    /// By becoming a WebSocket.
    Socket,
}

/// When a handler may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// At once.
    Now,
    /// It may wait for the network, or for somebody who does: few of these run at a time.
    Network,
    /// It reads logs or many files: few of these run at a time.
    Read,
}

/// What is special about a row of the dashboard.
#[derive(Clone, Copy, Debug)]
struct DashRow {
    /// Whether it needs a token on this machine too.
    token: bool,
    /// Whether it exists for rehearsals only.
    dev: bool,
    /// The address that replaces this one.
    successor: Option<&'static str>,
    /// Largest request body, in bytes.
    body_limit: usize,
}

/// Where a confirmation may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// Whether `{"confirm": true}` in the body counts too.
    pub in_body: bool,
    /// The key that names what was made, null in the refusal.
    pub id: Option<&'static str>,
}

/// One parameter of a query or member of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub needed: bool,
    /// What it is, for people.
    pub about: &'static str,
}

/// What a parameter or member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// true or false.
    Switch,
    /// A whole number, not negative.
    Count,
    /// A number.
    Number,
    /// An object.
    Object,
    /// A list.
    List,
}

impl Route {
    /// Whether it belongs to the dashboard.
    #[must_use]
    pub const fn is_dash(&self) -> bool {
        self.dash.is_some()
    }

    /// Whether it needs a token on this machine too.
    #[must_use]
    pub const fn needs_token(&self) -> bool {
        matches!(self.dash, Some(row) if row.token)
    }

    /// Whether it exists for rehearsals only.
    #[must_use]
    pub const fn is_rehearsal(&self) -> bool {
        matches!(self.dash, Some(row) if row.dev)
    }

    /// The address that replaces this one.
    #[must_use]
    pub const fn successor(&self) -> Option<&'static str> {
        match self.dash {
            Some(row) => row.successor,
            None => None,
        }
    }

    /// Whether its answer is a stream that does not end by itself.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        !matches!(self.answer, Answer::Reply)
    }

    const fn answered(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    const fn watching(self, watched: &'static [&'static str]) -> Self {
        Self { watched, ..self }
    }

    /// May wait for the network, or for somebody who does: few of these run at a time.
    const fn slow(self) -> Self {
        Self { turn: Turn::Network, ..self }
    }

    /// Reads logs or many files: few of these run at a time.
    const fn large(self) -> Self {
        Self { turn: Turn::Read, ..self }
    }

    /// The bus is told of it under this type.
    const fn event(self, event: &'static str) -> Self {
        Self { event, ..self }
    }

    const fn asked(self, query: &'static [Member]) -> Self {
        Self { query, ..self }
    }

    const fn told(self, body: &'static [Member]) -> Self {
        Self { body, ..self }
    }

    const fn refusing(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }

    const fn admin(self) -> Self {
        Self { role: Role::Admin, ..self }
    }

    /// `confirm=true` in the query.
    const fn confirmed(self, id: Option<&'static str>) -> Self {
        Self { confirm: Some(Confirm { in_body: false, id }), ..self }
    }

    /// `confirm=true` in the query or `{"confirm": true}` in the body.
    const fn confirmed_anywhere(self, id: Option<&'static str>) -> Self {
        Self { confirm: Some(Confirm { in_body: true, id }), ..self }
    }
}

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
            let status = if is_hidden { StatusCode::NOT_FOUND } else { status };
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

/// Who may come in, and as whom.
fn admit(app: &App, route: &Route, request: &Request) -> Result<Actor, Refusal> {
    let is_health = route.path == HEALTH;
    // Simple monitors name no host; a browser always does, and may have been led here by a foreign name.
    let is_monitor = is_health && (app.access.reach == Reach::Remote || !request.headers().contains_key(header::HOST));
    if !is_monitor {
        named(app, request)?;
    }
    if dash::is_hidden(app, route.path) {
        return Err(guard::NOT_FOUND);
    }
    let is_change = route.verb == Verb::Post;
    if (is_change || route.answer == Answer::Socket) && !dash::is_listed(app, route, request.headers()) {
        guard::same_origin(request.headers())?;
    }
    if is_change {
        guard::length(request.headers(), limit(app, route))?;
    }
    let asks_openly = is_health && !request.headers().contains_key(header::AUTHORIZATION);
    if asks_openly {
        return Ok(Actor::new("anybody", Role::Viewer, "http"));
    }
    if route.needs_token() && !app.access.has_tokens(&app.gates()).unwrap_or(false) {
        return Err(NOT_CONFIGURED);
    }
    let actor = who(app, request)?;
    if route.needs_token() && !app.access.shows_token(request.headers()) {
        return Err(NO_TOKEN);
    }
    let least = if route.needs_token() { route.role.max(Role::Operator) } else { route.role };
    if actor.role < least { Err(ROLE_TOO_LOW) } else { Ok(actor) }
}

/// The largest body that a route reads.
fn limit(app: &App, route: &Route) -> usize {
    route.dash.map_or(app.bounds.bytes, |row| row.body_limit)
}

/// Checks by which name this server was called.
fn named(app: &App, request: &Request) -> Result<(), Refusal> {
    let allowed = &app.dash.options.settings.allowed_hosts;
    match app.access.reach {
        Reach::Loopback if guard::is_allowed(request.headers(), request.uri(), allowed) => Ok(()),
        Reach::Loopback => guard::host(request.headers(), request.uri()),
        Reach::Remote => guard::any_host(request.headers(), request.uri()),
    }
}

fn who(app: &App, request: &Request) -> Result<Actor, Refusal> {
    // Every connection states its other end; without one nobody is trusted.
    let unspecified = Peer(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED));
    let Peer(peer) = request.extensions().get::<Peer>().copied().unwrap_or(unspecified);
    app.access.actor(request.headers(), peer, &app.gates(), app.ops.clock().monotonic())
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

/// Refuses in a handler what the role of the route allows and this change does not.
fn needs(app: &App, call: &Call, role: Role) -> Result<(), Reply> {
    if call.actor.role < role { Err(refused(app, None, ROLE_TOO_LOW)) } else { Ok(()) }
}

async fn read(app: &App, route: &Route, request: Request, actor: Actor) -> Result<Call, Refusal> {
    let (parts, body) = request.into_parts();
    let body = match route.verb {
        Verb::Get => Bytes::new(),
        Verb::Post => collect(body, app, limit(app, route)).await?,
    };
    if let Some(line) = parts.extensions.get::<Arc<Line>>() {
        line.works();
    }
    let tail = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Call { query: Query::parse(parts.uri.query()), headers: parts.headers, body, actor, tail })
}

async fn collect(body: Body, app: &App, limit: usize) -> Result<Bytes, Refusal> {
    let mut stream = body.into_data_stream();
    let all = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            // The fault is a client that went away, and it reads no reply.
            let chunk = chunk.map_err(|_gone| guard::TOO_LARGE)?;
            if bytes.len() + chunk.len() > limit {
                swallow(&mut stream).await;
                return Err(guard::TOO_LARGE);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Bytes::from(bytes))
    };
    tokio::time::timeout(app.bounds.time, all).await.unwrap_or(Err(guard::TOO_SLOW))
}

/// Reads a body that is refused, so that its sender comes to read the reply: a connection that is closed over unread
/// bytes is reset, and the reply is lost with it. Who waits to be told to go on has sent nothing yet.
async fn drain(app: &App, request: Request) {
    if !request.headers().contains_key(header::EXPECT) {
        let mut stream = request.into_body().into_data_stream();
        // Past the time the connection is closed over what is left.
        tokio::time::timeout(app.bounds.time, swallow(&mut stream)).await.ok();
    }
}

async fn swallow(stream: &mut BodyDataStream) {
    let mut swallowed = 0;
    while let Some(Ok(chunk)) = stream.next().await {
        swallowed += chunk.len();
        if swallowed > SWALLOWED {
            break;
        }
    }
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
    app.dash.look_after(&app.ops, &trace);
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
