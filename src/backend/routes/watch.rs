//! `/api/watchlist`, `/api/settings` and the market watchers.

use axum::http::StatusCode;
use serde_json::value::RawValue;

use super::App;
use super::Call;
use crate::backend::body::RequestBody;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::contracts::Document;
use crate::contracts::Json;
use crate::contracts::watch::HoldingReceipt;
use crate::contracts::watch::SpikeReceipt;
use crate::contracts::watch::WatchSettings;
use crate::contracts::watch::WatcherStatus;
use crate::contracts::watch::Watchlist;
use crate::ops::Standing;
use crate::ops::UpsertFault;
use crate::ops::WatchHours;
use crate::ops::WatchOrder;
use crate::ops::Watcher;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Stamp;

const NOTHING: Option<&str> = None;

pub(super) fn list_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = stored::<Watchlist>(app.store(), layout::WATCHLIST.latest);
    let found = rows::<Watchlist>(app, found, |list| list.updated_at.clone(), "NO_WATCHLIST");
    Ok(found.ok())
}

pub(super) fn settings_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = stored::<WatchSettings>(app.store(), layout::WATCH_SETTINGS.latest);
    let found = rows::<WatchSettings>(app, found, |settings| settings.updated_at.clone(), "NO_SETTINGS");
    Ok(found.ok())
}

pub(super) fn spike_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = stored::<SpikeReceipt>(app.store(), layout::SPIKE.latest);
    let found = rows::<SpikeReceipt>(app, found, |receipt| receipt.asof.clone(), "NO_SPIKE_YET");
    Ok(found.with("watcher", &standing(app, Watcher::Spike)).ok())
}

pub(super) fn holding_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = stored::<HoldingReceipt>(app.store(), layout::HOLDING.latest);
    let found = rows::<HoldingReceipt>(app, found, |receipt| receipt.asof.clone(), "NO_HOLDING_WATCH_YET");
    Ok(found.with("watcher", &standing(app, Watcher::Holding)).ok())
}

pub(super) fn list_upsert(app: &App, call: &Call) -> Result<Reply, Reply> {
    let list = app.ops.upsert_watchlist(&body(call)?, &call.actor).map_err(|fault| refused(&fault))?;
    Ok(kept(Watchlist::SCHEMA, list.snapshot_ref.as_deref(), layout::WATCHLIST.latest)
        .with("item_count", &list.item_count)
        .with("updated_at", &list.updated_at)
        .ok())
}

pub(super) fn settings_upsert(app: &App, call: &Call) -> Result<Reply, Reply> {
    let settings = app.ops.upsert_watch_settings(&body(call)?, &call.actor).map_err(|fault| refused(&fault))?;
    Ok(kept(WatchSettings::SCHEMA, settings.snapshot_ref.as_deref(), layout::WATCH_SETTINGS.latest)
        .with("updated_at", &settings.updated_at)
        .with("spike", &settings.spike)
        .with("holding", &settings.holding)
        .ok())
}

pub(super) fn spike_run(app: &App, call: &Call) -> Result<Reply, Reply> {
    run(app, call, Watcher::Spike)
}

pub(super) fn holding_run(app: &App, call: &Call) -> Result<Reply, Reply> {
    run(app, call, Watcher::Holding)
}

/// The reply is the status; an error of the watcher is no error of the request.
fn run(app: &App, call: &Call, watcher: Watcher) -> Result<Reply, Reply> {
    let order = WatchOrder { actor: call.actor.clone(), source: "API", hours: WatchHours::Exchange };
    let status = app.ops.watch(watcher, &order).map_err(|fault| {
        let fields = Fields::new().with("result", "FAILED").with("message", &fault.to_string());
        fields.reply(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    Ok(Fields::new()
        .with("result", "OK")
        .with("schema", WatcherStatus::SCHEMA)
        .with("asof", &status.asof)
        .with("status", &status.status)
        .with("reason", &status.reason)
        .with("alerts", &status.alerts)
        .with("sent", &status.sent)
        .with("reason_detail", &status.reason_detail)
        .with("source", &status.source)
        .with("status_latest_path", watcher.status_file())
        .ok())
}

/// The rows of a document that may not be there yet. `result` is what older callers look at.
fn rows<D: Document>(
    app: &App,
    found: Stored<(D, Box<RawValue>)>,
    asof: impl Fn(&D) -> Option<Stamp>,
    none_yet: &'static str,
) -> Fields {
    let reply =
        |result: &str, status: &str, asof: &Option<Stamp>, rows: &[Box<RawValue>], error: Option<Problem<'_>>| {
            let fields = Fields::new().with("result", result).with("status", status).with("schema", D::SCHEMA);
            let fields = match asof {
                Some(asof) => fields.with("asof", asof),
                None => fields.asof_now(app.now()),
            };
            fields.with("row_count", &rows.len()).with("rows", rows).with("error", &error)
        };
    match found {
        Stored::Present((document, raw)) => reply("OK", "ready", &asof(&document), &[raw], None),
        Stored::Missing => {
            let problem = Problem { code: none_yet, message: "there is none yet" };
            reply("NOT_FOUND", "not_ready", &None, &[], Some(problem))
        }
        Stored::Damaged(why) => {
            let problem = Problem { code: "READ_ERROR", message: &why };
            reply("ERROR", "error", &None, &[], Some(problem))
        }
    }
}

/// What a watcher last said.
fn standing(app: &App, watcher: Watcher) -> Box<RawValue> {
    let standing = Standing::read(app.store(), watcher, app.now());
    let fields = Fields::new();
    let fields = match &standing.document {
        Stored::Present(status) => fields.with("status", status).with("error", &NOTHING),
        Stored::Missing => fields.with("status", &NOTHING).with("error", &NOTHING),
        Stored::Damaged(why) => fields.with("status", &NOTHING).with("error", why),
    };
    fields.with("age_seconds", &standing.age_seconds).with("stale", &standing.is_stale).nested()
}

/// The object of a request; what its members must be is the domain's to say.
fn body(call: &Call) -> Result<Json, Reply> {
    RequestBody::required(&call.body)?;
    Json::parse(&call.body).map_err(|fault| fail(StatusCode::BAD_REQUEST, &fault.to_string()))
}

fn kept(schema: &str, snapshot_ref: Option<&str>, latest: &str) -> Fields {
    Fields::new()
        .with("result", "OK")
        .with("schema", schema)
        .with("saved_to", latest)
        .with("snapshot_ref", &snapshot_ref)
}

fn refused(fault: &UpsertFault) -> Reply {
    let text = fault.to_string();
    match fault {
        UpsertFault::Field(field) => Fields::new()
            .with("result", "FAIL")
            .with("message", &text)
            .with("field", &field.field)
            .reply(StatusCode::BAD_REQUEST),
        UpsertFault::Unreadable(_) => fail(StatusCode::BAD_REQUEST, &text),
        UpsertFault::Store(_) => fail(StatusCode::INTERNAL_SERVER_ERROR, &text),
    }
}

fn fail(status: StatusCode, message: &str) -> Reply {
    Fields::new().with("result", "FAIL").with("message", message).reply(status)
}
