//! `/api/deps/*`: what the host has of what its work needs.

use super::App;
use super::Call;
use crate::backend::reply::Reply;

pub(super) fn reconcile(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn snapshot(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn snapshot_write(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}
