//! `/api/push/*` and `/api/ops/push/*`: delivery, preview, sending, live fire and its postmortem.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::App;
use super::Call;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::backend::reply::stored_as;
use crate::contracts::Document;
use crate::contracts::push::DeliveryReceipt;
use crate::contracts::push::LiveFireReceipt;
use crate::contracts::push::Postmortem;
use crate::contracts::push::PushMessages;
use crate::contracts::push::PushPreview;
use crate::contracts::push::SendReceipt;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Stamp;

/// What the envelope of a delivery has always said, although its document is a version further.
const DELIVERY_SCHEMA: &str = "PUSH_DELIVERY_RECEIPT_V1";
const NOTHING: Option<&str> = None;

/// A list whose rows are handed on as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rows {
    rows: Vec<Box<RawValue>>,
    rendered: Vec<Box<RawValue>>,
}

pub(super) fn messages(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let damage;
    let (status, asof, rows, problem) = match stored::<PushMessages>(app.store(), layout::PUSH_MESSAGES) {
        Stored::Present((document, raw)) => ("ready", document.asof, rows_of(&raw).rows, None),
        Stored::Missing => {
            let message = "no messages were published";
            ("not_ready", None, Vec::new(), Some(Problem { code: "PUSH_FILE_NOT_FOUND", message }))
        }
        Stored::Damaged(why) => {
            damage = why;
            ("error", None, Vec::new(), Some(Problem { code: "READ_ERROR", message: &damage }))
        }
    };
    Ok(Fields::new()
        .with("schema", PushMessages::SCHEMA)
        .with("status", status)
        .with("asof", &asof)
        .with("row_count", &rows.len())
        .with("rows", &rows)
        .with("error", &problem)
        .ok())
}

fn rows_of(raw: &RawValue) -> Rows {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

pub(super) fn delivery_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let read = |bytes: &[u8]| DeliveryReceipt::parse(bytes).map_err(|fault| fault.to_string());
    let found = stored_as(app.store(), layout::DELIVERY, &read);
    Ok(one(found, DELIVERY_SCHEMA, "No delivery receipt yet", |receipt| receipt.asof.as_ref()))
}

pub(super) fn delivery_run(app: &App, call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.run_delivery(&call.actor).map_err(|fault| failed(&fault))?;
    let receipt = &done.receipt;
    let (status, result) = if done.damage.is_some() { ("error", "FAILED") } else { ("ready", "OK") };
    let data = Fields::new()
        .with("result", result)
        .with("delivery_run_id", &receipt.delivery_run_id)
        .with("summary", &receipt.summary)
        .with("routing", &receipt.routing)
        .with("delivery_actual", &receipt.delivery_actual)
        .with("outbox_latest_path", &receipt.outbox_latest_path)
        .with("outbox_snapshot_path", &receipt.outbox_snapshot_path)
        .with("receipt_path", layout::DELIVERY)
        .with("console_out_path", layout::CONSOLE_OUT)
        .nested();
    let problem = done.damage.as_deref().map(|message| Problem { code: "READ_ERROR", message });
    Ok(Fields::new()
        .with("status", status)
        .with("schema", DELIVERY_SCHEMA)
        .with("data", &data)
        .with("error", &problem)
        .ok())
}

pub(super) fn preview_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = stored::<PushPreview>(app.store(), layout::PREVIEW.latest);
    let (status, asof, rows, data, problem) = match &found {
        Stored::Present((preview, raw)) => ("ready", preview.asof.as_ref(), rows_of(raw).rendered, Some(raw), None),
        Stored::Missing => ("empty", None, Vec::new(), None, Some(Wrong::Text("No preview yet"))),
        Stored::Damaged(why) => ("error", None, Vec::new(), None, Some(Wrong::Damage(why))),
    };
    let fields = Fields::new()
        .with("status", status)
        .with("schema", PushPreview::SCHEMA)
        .with("asof", &asof)
        .with("row_count", &rows.len())
        .with("rows", &rows)
        .with("data", &data);
    Ok(Wrong::tell(problem, fields))
}

pub(super) fn send_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = stored::<SendReceipt>(app.store(), layout::SEND.latest);
    Ok(one(found, SendReceipt::SCHEMA, "No send receipt yet", |receipt| receipt.asof.as_ref()))
}

pub(super) fn send_run(app: &App, call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.run_send(&call.actor).map_err(|fault| failed(&fault))?;
    Ok(Fields::new()
        .with("result", &done.receipt.decision)
        .with("send_id", &done.receipt.send_id)
        .with("decision", &done.receipt.decision)
        .with("blocked_reason", &done.receipt.blocked_reason)
        .with("message", &done.message())
        .with("send_latest_path", done.published.latest_ref)
        .with("snapshot_path", &done.published.snapshot_ref)
        .ok())
}

pub(super) fn postmortem_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = stored::<Postmortem>(app.store(), layout::POSTMORTEM.latest);
    Ok(one(found, Postmortem::SCHEMA, "No postmortem yet", |postmortem| postmortem.asof.as_ref()))
}

pub(super) fn postmortem_regenerate(app: &App, call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.regenerate_postmortem(&call.actor).map_err(|fault| failed(&fault))?;
    Ok(Fields::new()
        .with("result", "OK")
        .with("event_id", &done.postmortem.event_id)
        .with("overall_safety_status", &done.postmortem.overall_safety_status)
        .with("kill_switch_verified", &done.postmortem.safety_invariants.sender_is_currently_disabled)
        .with("postmortem_latest_path", done.published.latest_ref)
        .with("snapshot_path", &done.published.snapshot_ref)
        .ok())
}

pub(super) fn live_fire_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let found = stored::<LiveFireReceipt>(app.store(), layout::LIVE_FIRE.latest);
    Ok(one(found, LiveFireReceipt::SCHEMA, "No live fire yet", |receipt| receipt.asof.as_ref()))
}

pub(super) fn live_fire_run(app: &App, call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.run_live_fire(&call.actor).map_err(|fault| failed(&fault))?;
    let receipt = &done.receipt;
    Ok(Fields::new()
        .with("result", "OK")
        .with("run_id", &receipt.run_id)
        .with("attempted", &receipt.attempted)
        .with("blocked_reason", &receipt.blocked_reason)
        .with("window_consumed", &receipt.window_consumed)
        .with("sender_disabled_after", &receipt.sender_disabled_after)
        .with("message", &done.message)
        .with("live_fire_latest_path", done.published.latest_ref)
        .with("snapshot_path", &done.published.snapshot_ref)
        .ok())
}

/// What is wrong, in the form that belongs to it.
#[derive(Clone, Copy, Debug)]
enum Wrong<'a> {
    /// There is nothing yet.
    Text(&'a str),
    /// The file cannot be used.
    Damage(&'a str),
}

impl Wrong<'_> {
    fn tell(this: Option<Self>, fields: Fields) -> Reply {
        match this {
            None => fields.with("error", &NOTHING),
            Some(Wrong::Text(text)) => fields.with("error", text),
            Some(Wrong::Damage(message)) => fields.with("error", &Problem { code: "READ_ERROR", message }),
        }
        .ok()
    }
}

/// The envelope of one document.
fn one<D>(found: Stored<(D, Box<RawValue>)>, schema: &str, empty: &str, asof: impl Fn(&D) -> Option<&Stamp>) -> Reply {
    let (status, asof, data, problem) = match &found {
        Stored::Present((document, raw)) => ("ready", asof(document), Some(raw), None),
        Stored::Missing => ("empty", None, None, Some(Wrong::Text(empty))),
        Stored::Damaged(why) => ("error", None, None, Some(Wrong::Damage(why))),
    };
    let fields = Fields::new().with("status", status).with("schema", schema).with("asof", &asof).with("data", &data);
    Wrong::tell(problem, fields)
}

/// A change that could not be written down.
pub(super) fn failed(fault: &StoreFault) -> Reply {
    Fields::new().with("result", "FAILED").with("reason", &fault.to_string()).wrapped(StatusCode::INTERNAL_SERVER_ERROR)
}
