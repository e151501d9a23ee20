//! The dashboard's family of routes: pages, streams, reads, control.

mod control;
mod dev;
mod export;
mod frames;
mod given;
mod ingest;
mod logs;
mod metrics;
mod pages;
mod prometheus;
mod reads;
mod socket;
mod state;
mod stream;
mod table;
mod traces;

pub(super) use socket::socket;
pub(super) use stream::events;
pub use table::DASH_ROUTES;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;

use super::App;
use super::Call;
use super::ROUTES;
use super::Route;
use super::Verb;
use super::admission::named;
use crate::backend::reply::Fields;
use crate::backend::reply::Reply;
use crate::contracts::event::CONTRACT_VERSION;

/// Below these an unknown path is the dashboard's to refuse; elsewhere the reference's form stays.
const PLACES: [&str; 12] = [
    "/api/ops",
    "/api/v1/ops",
    "/api/v1/dev",
    "/api/control",
    "/api/dev",
    "/api/state",
    "/api/history",
    "/api/ws",
    "/ws",
    "/ops",
    "/events",
    "/metrics",
];

/// Whether a path belongs to the dashboard, whatever its method.
pub(super) fn is_known(path: &str) -> bool {
    DASH_ROUTES.iter().any(|route| match route.path.strip_suffix("{id}") {
        Some(start) => path.starts_with(start),
        None => route.path == path,
    })
}

/// Whether the dashboard answers for a path that no row answers: its own, and any unknown one in its places that does not
/// lie below an address of the operations API.
pub(super) fn is_spoken_for(path: &str, status: StatusCode) -> bool {
    let is_below = |place: &str| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_theirs = || ROUTES.iter().any(|route| is_below(route.path.trim_end_matches("/{id}")));
    is_known(path) || (status == StatusCode::NOT_FOUND && PLACES.into_iter().any(is_below) && !is_theirs())
}

/// Whether a path exists for rehearsals only, and this server is not for them.
pub(super) fn is_hidden(app: &App, path: &str) -> bool {
    !app.dash.options.settings.dev && DASH_ROUTES.iter().any(|route| route.is_rehearsal() && route.path == path)
}

/// Whether the page that asks is of an origin that the settings list, and may change what this row changes. The operations
/// API is changed by no page of another origin.
pub(super) fn is_listed(app: &App, route: &Route, headers: &HeaderMap) -> bool {
    route.is_dash() && listed_origin(app, headers).is_some()
}

/// The origin of the page that asks, when the settings list it and it may read the reply.
pub(super) fn allowed_origin(app: &App, route: &Route, headers: &HeaderMap) -> Option<HeaderValue> {
    if route.is_dash() || route.verb == Verb::Get { listed_origin(app, headers) } else { None }
}

/// The answer to a browser that asks whether a page of another origin may call: yes for the dashboard's own addresses and
/// the origins that the settings list. It shows no token yet; the call itself will. Others are answered as any unknown
/// method is.
pub(super) fn preflight(app: &App, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let asks = request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || !is_known(request.uri().path()) || named(app, request).is_err() {
        return None;
    }
    let origin = listed_origin(app, headers)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fixed = HeaderValue::from_static;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, fixed("GET, POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, fixed("Content-Type, Authorization, X-OPS-TOKEN"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, fixed("600"));
    headers.insert(header::CACHE_CONTROL, fixed("no-store"));
    let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    headers.insert(header::VARY, fixed(vary));
    Some(response)
}

fn listed_origin(app: &App, headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(header::ORIGIN).iter();
    let origin = values.next().filter(|_| values.next().is_none())?;
    let listed = &app.dash.options.settings.cors_origins;
    listed.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Tells a page of a listed origin that it may read the reply, and whoever uses an older address of the new one.
pub(super) fn shared(mut response: Response, route: &Route, origin: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(successor) = route.successor() {
        headers.insert("deprecation", HeaderValue::from_static("true"));
        let link = HeaderValue::from_str(&format!("<{successor}>; rel=\"successor-version\""));
        headers.extend(link.ok().map(|link| (header::LINK, link)));
    }
    response
}

/// What a reply of this family begins with.
fn head() -> Fields {
    Fields::new().with("contract_version", CONTRACT_VERSION)
}

/// The handler of a row that answers with a stream: nothing comes here.
fn streamed(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::failed(app, None))
}
