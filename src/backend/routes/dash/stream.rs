//! `/events`: the bus as server-sent events.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;

use super::App;
use crate::backend::dash::refusal::refuse;
use axum::http::StatusCode;

/// Answers with a stream that lasts until one side ends it.
pub(in crate::backend::routes) async fn events(app: Arc<App>, _request: Request) -> Response {
    refuse((StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED"), "not built yet", None, app.now()).into_response()
}
