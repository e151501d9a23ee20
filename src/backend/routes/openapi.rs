//! `/api/openapi.json`: the route table as an OpenAPI document.

use super::App;
use super::Call;
use crate::backend::reply::Reply;

/// Where it is served.
pub(super) const PATH: &str = "/api/openapi.json";

pub(super) fn document(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}
