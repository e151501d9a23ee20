//! Events, history and traces, as they are read.

use super::App;
use super::Call;
use crate::backend::dash::params::Params;
use crate::backend::dash::past::Order;
use crate::backend::reply::Fields;
use crate::backend::reply::Reply;
use crate::contracts::event::CONTRACT_VERSION;

pub(super) fn events(app: &App, call: &Call) -> Result<Reply, Reply> {
    let params = Params::new(&call.query, app.now());
    let filter = params.filter()?;
    let limit = params.limit(200, 1000)?;
    let order = if params.is_ascending(&filter)? { Order::OldestFirst } else { Order::NewestFirst };
    let found = app.dash.find(&filter, limit, order);
    let ids = app.dash.bus.ids();
    let fields = Fields::new()
        .with("contract_version", CONTRACT_VERSION)
        .with("events", &found.records)
        .with("count", &found.records.len())
        .with("oldest_id", &ids.oldest)
        .with("last_id", &ids.last)
        .with("has_more", &found.has_more);
    Ok(fields.ok())
}
