//! `/api/secrets/*`: which names have a value, never the value.

use super::App;
use super::Call;
use crate::backend::reply::Reply;

pub(super) fn status(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn self_test(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn self_test_run(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}
