//! `/api/push/*` and `/api/ops/push/*`: delivery, preview, sending, live fire and its postmortem.

use super::App;
use super::Call;
use crate::backend::reply::Reply;

pub(super) fn messages(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn delivery_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn delivery_run(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn preview_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn send_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn send_run(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn postmortem_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn postmortem_regenerate(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn live_fire_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn live_fire_run(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}
