//! `/api/evidence/*`: from an evidence ref to the document it names.

use axum::http::StatusCode;

use super::App;
use super::Call;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::compact;
use crate::contracts::EvidenceRef;
use crate::store::ResolveFault;

const SCHEMA: &str = "EVIDENCE_VIEW_V1";

pub(super) fn resolve(app: &App, call: &Call) -> Result<Reply, Reply> {
    let text = call.query.required("ref")?;
    let reference = EvidenceRef::parse(text).map_err(|fault| {
        let message = fault.to_string();
        refused(app, StatusCode::BAD_REQUEST, &Problem { code: "INVALID_REF", message: &message })
    })?;
    let evidence = match app.store().resolve(&reference) {
        Ok(evidence) => evidence,
        Err(fault @ (ResolveFault::FileNotFound(_) | ResolveFault::NoSuchLine(_))) => {
            let message = fault.to_string();
            return Err(refused(app, StatusCode::NOT_FOUND, &Problem { code: "NOT_FOUND", message: &message }));
        }
        // Clients of the reference read this one from a reply of status 200.
        Err(fault @ (ResolveFault::Parse(_) | ResolveFault::TooLarge(_))) => {
            return Ok(unparsed(app, &fault.to_string()));
        }
    };
    let kind = if reference.line().is_some() { "JSONL_LINE" } else { "JSON" };
    let source = Fields::new().with("kind", kind).with("path", reference.path()).with("line", &reference.line());
    let row = Fields::new()
        .with("ref", text)
        .with("data", &compact(evidence.data.get()))
        .with("source", &source.nested())
        .nested();
    Ok(Fields::new()
        .with("status", "ready")
        .with("schema", SCHEMA)
        .asof_now(app.now())
        .with("row_count", &1)
        .with("rows", &[row])
        .with("error", &None::<&str>)
        .ok())
}

fn unparsed(app: &App, message: &str) -> Reply {
    Fields::new()
        .with("status", "error")
        .with("schema", SCHEMA)
        .asof_now(app.now())
        .with("row_count", &0)
        .with("rows", &[(); 0])
        .with("error", &Problem { code: "PARSE_ERROR", message })
        .ok()
}

fn refused(app: &App, status: StatusCode, problem: &Problem<'_>) -> Reply {
    Fields::new()
        .with("status", "error")
        .with("schema", SCHEMA)
        .asof_now(app.now())
        .with("error", problem)
        .wrapped(status)
}

pub(super) fn index_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn index_regenerate(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn health_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}

pub(super) fn health_regenerate(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Err(super::unbuilt(app))
}
