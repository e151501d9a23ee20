//! `/api/recon/*` and `/api/report/*`: what the PC reconciled and reported.

use super::App;
use super::Call;
use crate::backend::reply::Reply;

pub(super) fn summary(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn daily(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn report_human(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn report_ai(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}
