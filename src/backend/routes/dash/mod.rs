//! The dashboard's family of routes: pages, streams, reads, control.

mod control;
mod dev;
mod export;
mod frames;
mod ingest;
mod metrics;
mod pages;
mod reads;
mod socket;
mod state;
mod stream;
mod table;

pub(super) use socket::socket;
pub(super) use stream::events;
pub use table::DASH_ROUTES;

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;

use super::App;
use super::Call;
use super::Route;
use super::secured;
use crate::backend::dash::refusal::refuse;
use crate::backend::reply::Reply;

/// Whether a path belongs to the dashboard, whatever its method.
pub(super) fn is_known(path: &str) -> bool {
    DASH_ROUTES.iter().any(|route| match route.path.strip_suffix("{id}") {
        Some(start) => path.starts_with(start),
        None => route.path == path,
    })
}

/// Whether the page that asks is of an origin that the settings list. The operations API lists none.
pub(super) fn is_listed(app: &App, route: &Route, headers: &HeaderMap) -> bool {
    allowed_origin(app, route, headers).is_some()
}

/// The origin of the page that asks, when the settings list it.
pub(super) fn allowed_origin(app: &App, route: &Route, headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(header::ORIGIN).iter();
    let origin = values.next().filter(|_| route.is_dash() && values.next().is_none())?;
    let listed = &app.dash.options.settings.cors_origins;
    listed.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// What every reply of this family carries; replies of the operations API pass as they are.
pub(super) fn shared(response: Response, route: &Route, origin: Option<HeaderValue>) -> Response {
    let Some(row) = route.dash else { return response };
    let mut response = secured(response);
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(successor) = row.successor {
        headers.insert("deprecation", HeaderValue::from_static("true"));
        let link = HeaderValue::from_str(&format!("<{successor}>; rel=\"successor-version\""));
        headers.extend(link.ok().map(|link| (header::LINK, link)));
    }
    response
}

/// A row whose work is not done yet.
fn later(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(refuse((StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED"), "not built yet", None, app.now()))
}
