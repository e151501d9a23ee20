//! `/api/tickets/*`: requests for work, their states, and the reaper; and the preflight of one ticket.

use axum::http::StatusCode;
use serde::Serialize;

use super::App;
use super::Call;
use crate::backend::body::RequestBody;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::ticket::TicketState;
use crate::contracts::ticket::documents::ReaperReport;
use crate::contracts::ticket::documents::TicketResult;
use crate::contracts::ticket::payload::RequestType;
use crate::ops::Completion;
use crate::ops::OpsFault;
use crate::ops::Outcome;
use crate::ops::TicketDraft;
use crate::ops::TicketFault;
use crate::ops::is_artifact_id;
use crate::store::Stored;
use crate::store::layout;

/// Who works on a ticket when the request does not say.
const MANUAL: &str = "manual";
/// Rows of the board, and the most that may be asked for.
const ROWS: u64 = 200;
const MAX_ROWS: u64 = 1000;
/// What the reaper does when the request does not say.
const THRESHOLD: u64 = 86_400;
const MAX_CLEAN: usize = 50;
/// The most that one run fails: it holds the lock of the tickets meanwhile.
const MOST_CLEAN: i64 = 1000;
const BOARD: &str = "TICKETS_BOARD_V1";
const NOTHING: Option<&str> = None;

pub(super) fn create(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let kind = body.text("request_type")?;
    let payload = body.object("payload")?.clone();
    let trace_id = if body.is_null("trace_id") { None } else { body.text_or_default("trace_id")? };
    let draft = TicketDraft { kind: kind_of(kind)?, payload, trace_id: trace_id.map(str::to_owned) };
    let made = app.ops.create_ticket(&draft, &call.actor).map_err(|fault| unchanged(&fault))?;
    Ok(ok()
        .with("request_id", &made.request_id)
        .with("requested_at", &made.requested_at)
        .with("status", &made.status)
        .with("appended", &true)
        .ok())
}

pub(super) fn consume(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let (id, processor) = (body.text("request_id")?, body.text_or_default("processor_id")?.unwrap_or(MANUAL));
    let result = app.ops.consume_ticket(id, processor, &call.actor).map_err(|fault| unchanged(&fault))?;
    Ok(changed(&result))
}

pub(super) fn complete(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let (id, status) = (body.text("request_id")?, body.text("status")?);
    let end = Completion {
        message: body.text_or_default("message")?.unwrap_or_default().to_owned(),
        processor: body.text_or_default("processor_id")?.unwrap_or(MANUAL).to_owned(),
        artifacts: body.texts_or_default("artifacts")?.unwrap_or_default(),
        done: Outcome::parse(status)
            .ok_or_else(|| fail("FAIL", "status must be DONE or FAILED").reply(StatusCode::BAD_REQUEST))?,
    };
    let result = app.ops.complete_ticket(id, &end, &call.actor).map_err(|fault| unchanged(&fault))?;
    Ok(changed(&result))
}

pub(super) fn board(app: &App, call: &Call) -> Result<Reply, Reply> {
    let limit = call.query.count("limit")?.unwrap_or(ROWS);
    if !(1..=MAX_ROWS).contains(&limit) {
        let message = format!("Input should be 1 to {MAX_ROWS}");
        return Err(Reply::unprocessable("out_of_range", &["query", "limit"], &message, &limit));
    }
    let state = match call.query.text("status")? {
        None => None,
        Some(word) => Some(TicketState::parse(word).ok_or_else(|| {
            let words = TicketState::ALL.map(|state| format!("'{}'", state.as_str())).join(", ");
            let message = format!("Input should be one of [{words}]");
            Reply::unprocessable("enum", &["query", "status"], &message, word)
        })?),
    };
    let head = |status: &str| Fields::new().with("status", status).with("schema", BOARD).asof_now(app.now());
    Ok(match app.ops.ticket_board(state, usize::try_from(limit).unwrap_or(usize::MAX)) {
        Ok(board) => head("ready")
            .with("row_count", &board.rows.len())
            .with("rows", &board.rows)
            .with("total", &board.total)
            .with("bad_lines", &board.bad_lines)
            .with("error", &NOTHING)
            .ok(),
        Err(fault) => head("error")
            .with("row_count", &0)
            .with("rows", &[(); 0])
            .with("error", &Problem { code: "READ_ERROR", message: &fault.to_string() })
            .ok(),
    })
}

pub(super) fn reaper_run(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::optional(&call.body)?;
    let (threshold, max) = match &body {
        Some(body) => {
            (body.count_or_default("threshold_seconds")?, body.whole_or_default("max_clean", 0..=MOST_CLEAN)?)
        }
        None => (None, None),
    };
    let threshold = threshold.unwrap_or(THRESHOLD);
    let max = max.and_then(|max| usize::try_from(max).ok()).unwrap_or(MAX_CLEAN);
    let done = app.ops.reap_tickets(threshold, max, &call.actor).map_err(|fault| failed(&fault))?;
    Ok(ok()
        .with("decision", &done.decision)
        .with("cleaned_count", &done.cleaned_count)
        .with("stale_count", &done.stale_count)
        .with("latest_path", done.published.latest_ref)
        .with("snapshot_path", &done.published.snapshot_ref)
        .ok())
}

pub(super) fn reaper_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let head = |status: &str, decision: &str| {
        let fields = Fields::new().with("status", status).with("schema", ReaperReport::SCHEMA);
        fields.asof_now(app.now()).with("decision", decision)
    };
    Ok(match stored::<ReaperReport>(app.store(), layout::REAPER.latest) {
        Stored::Present((report, _raw)) => Fields::new()
            .with("status", "ready")
            .with("schema", &report.schema)
            .with("asof", &report.asof)
            .with("decision", &report.decision)
            .with("threshold_seconds", &report.threshold_seconds)
            .with("stale_count", &report.stale_count)
            .with("cleaned_count", &report.cleaned_count)
            .with("cleaned_items", &report.cleaned_items)
            .with("evidence_refs", &report.evidence_refs)
            .with("error", &NOTHING)
            .ok(),
        Stored::Missing => head("empty", "NONE").with("message", "No reaper report yet").with("error", &NOTHING).ok(),
        Stored::Damaged(why) => head("error", "ERROR")
            .with("message", "The reaper report cannot be read")
            .with("error", &Problem { code: "READ_ERROR", message: &why })
            .ok(),
    })
}

pub(super) fn check(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let (id, kind, payload) = (body.text("request_id")?, body.text("request_type")?, body.object("payload")?);
    if !is_artifact_id(id) {
        let text = "request_id must be 1 to 64 letters, digits or hyphens";
        return Err(fail("FAIL", text).with("field", "request_id").reply(StatusCode::BAD_REQUEST));
    }
    let work: (RequestType, &Json) = (kind_of(kind)?, payload);
    let (found, path) = app.ops.preflight_ticket(id, work, &call.actor).map_err(|fault| unchanged(&fault))?;
    Ok(ok().with("request_id", &found.request_id).with("decision", &found.decision).with("artifact_path", &path).ok())
}

fn kind_of(word: &str) -> Result<RequestType, Reply> {
    RequestType::parse(word).ok_or_else(|| {
        let kinds = RequestType::ALL.map(|kind| format!("'{}'", kind.as_str())).join(", ");
        let message = format!("Invalid request_type. Must be one of [{kinds}]");
        fail("FAIL", &message).reply(StatusCode::BAD_REQUEST)
    })
}

fn ok() -> Fields {
    Fields::new().with("result", "OK")
}

fn changed(result: &TicketResult) -> Reply {
    ok().with("request_id", &result.request_id)
        .with("new_status", &result.status)
        .with("result_id", &result.result_id)
        .ok()
}

fn unchanged(fault: &TicketFault) -> Reply {
    let text = fault.to_string();
    match fault {
        TicketFault::Payload(payload) => {
            fail("FAIL", &text).with("field", payload.field).reply(StatusCode::BAD_REQUEST)
        }
        TicketFault::NotFound => fail("FAIL", &text).reply(StatusCode::NOT_FOUND),
        TicketFault::Conflict { state, .. } => {
            fail("CONFLICT", &text).with("current_status", state.as_str()).reply(StatusCode::CONFLICT)
        }
        TicketFault::Store(_) => fail("FAILED", &text).reply(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn failed(fault: &OpsFault) -> Reply {
    fail("FAILED", &fault.to_string()).reply(StatusCode::INTERNAL_SERVER_ERROR)
}

fn fail<T: Serialize + ?Sized>(result: &str, message: &T) -> Fields {
    Fields::new().with("result", result).with("message", message)
}
