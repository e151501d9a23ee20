//! `/api/push/daily_status/*` and `/api/push/incident/*`: the two messages of a day.

use axum::http::StatusCode;
use serde_json::value::RawValue;

use super::App;
use super::Call;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::contracts::Document;
use crate::contracts::message::DailyStatusPush;
use crate::contracts::message::IncidentKind;
use crate::contracts::message::IncidentPush;
use crate::contracts::message::MessageMode;
use crate::ops::MessageOutcome;
use crate::ops::OpsFault;
use crate::ops::Report;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Stamp;

pub(super) fn send(app: &App, call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.send_daily_status(mode(call)?, &call.actor);
    told(done)
}

pub(super) fn latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(newest::<DailyStatusPush>(app, layout::DAILY_STATUS.latest, |document| document.asof.as_ref()))
}

pub(super) fn incident_send(app: &App, call: &Call) -> Result<Reply, Reply> {
    let mode = mode(call)?;
    let word = call.query.required("kind")?;
    let Some(kind) = IncidentKind::parse(word) else { return Err(unknown(word)) };
    let report = Report {
        kind,
        step: call.query.text("step")?.unwrap_or_default(),
        reason: call.query.text("reason")?.unwrap_or_default(),
        mode,
    };
    let done = app.ops.send_incident(report, &call.actor);
    told(done)
}

pub(super) fn incident_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(newest::<IncidentPush>(app, layout::INCIDENT.latest, |document| document.asof.as_ref()))
}

fn mode(call: &Call) -> Result<MessageMode, Reply> {
    let Some(word) = call.query.text("mode")? else { return Ok(MessageMode::Normal) };
    MessageMode::parse(word)
        .ok_or_else(|| Reply::unprocessable("enum", &["query", "mode"], "Input should be 'normal' or 'test'", word))
}

fn unknown(word: &str) -> Reply {
    let kinds: Vec<&str> = IncidentKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let word: String = word.chars().take(40).collect();
    Fields::new()
        .with("result", "ERROR")
        .with("message", &format!("unknown kind {word:?}; known: {}", kinds.join(", ")))
        .with("kinds", &kinds)
        .reply(StatusCode::BAD_REQUEST)
}

/// The document's own members beside the result, or that there was nothing to do.
fn told<D: Document>(done: Result<MessageOutcome<D>, OpsFault>) -> Result<Reply, Reply> {
    match done {
        Ok(MessageOutcome::Made(document)) => {
            Ok(Fields::new().with("result", "OK").with("skipped", &false).spread(&*document).ok())
        }
        Ok(MessageOutcome::Skipped { idempotency_key, message }) => Ok(Fields::new()
            .with("result", "OK")
            .with("skipped", &true)
            .with("idempotency_key", &idempotency_key)
            .with("message", &message)
            .ok()),
        Err(fault) => Err(Fields::new()
            .with("result", "FAILED")
            .with("reason", &fault.to_string())
            .wrapped(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

/// `{result OK|NOT_FOUND, rows, row_count}` and what every reading reply carries.
fn newest<D: Document>(app: &App, file: &str, asof: impl Fn(&D) -> Option<&Stamp>) -> Reply {
    let damage;
    let rows: Vec<Box<RawValue>>;
    let (result, status, at, problem) = match stored::<D>(app.store(), file) {
        Stored::Present((document, raw)) => {
            rows = vec![raw];
            ("OK", "ready", asof(&document).cloned(), None)
        }
        Stored::Missing => {
            rows = Vec::new();
            let problem = Problem { code: "NOT_FOUND", message: "No message has been made yet." };
            ("NOT_FOUND", "empty", None, Some(problem))
        }
        Stored::Damaged(why) => {
            rows = Vec::new();
            damage = why;
            ("ERROR", "error", None, Some(Problem { code: "READ_ERROR", message: &damage }))
        }
    };
    Fields::new()
        .with("result", result)
        .with("status", status)
        .with("schema", D::SCHEMA)
        .with("asof", &at)
        .with("row_count", &rows.len())
        .with("rows", &rows)
        .with("error", &problem)
        .ok()
}
