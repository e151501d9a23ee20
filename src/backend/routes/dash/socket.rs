//! `/api/ws/events`: the bus by WebSocket.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;

use super::App;
use crate::backend::dash::refusal::refuse;
use axum::http::StatusCode;

/// Upgrades the connection and sends events until one side ends it.
pub(in crate::backend::routes) async fn socket(app: Arc<App>, _request: Request) -> Response {
    refuse((StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED"), "not built yet", None, app.now()).into_response()
}
