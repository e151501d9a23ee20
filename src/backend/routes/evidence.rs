//! `/api/evidence/*`: from an evidence ref to the document it names, the index of evidence, and its health.

use axum::http::StatusCode;

use super::App;
use super::Call;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::compact;
use crate::backend::reply::stored;
use crate::contracts::Document as _;
use crate::contracts::EvidenceRef;
use crate::contracts::evidence_index::EvidenceIndex;
use crate::contracts::health::EvidenceHealth;
use crate::contracts::health::HealthDecision;
use crate::contracts::health::HealthSummary;
use crate::store::ResolveFault;
use crate::store::Stored;
use crate::store::layout;

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
    let schema = EvidenceIndex::SCHEMA;
    let without = |fields: Fields, problem: &Problem<'_>| {
        fields.with("row_count", &0).with("rows", &[(); 0]).with("error", problem).ok()
    };
    Ok(match stored::<EvidenceIndex>(app.store(), layout::EVIDENCE_INDEX.latest) {
        // As it is stored, with the keys of other writers; the count is of the rows that there are.
        Stored::Present((index, raw)) => Fields::new()
            .with("status", "ready")
            .with_members(&raw, &["status", "row_count", "error"])
            .with("row_count", &index.count())
            .with("error", &None::<&str>)
            .ok(),
        Stored::Missing => without(
            Fields::new().with("status", "ready").with("schema", schema).with("asof", &None::<&str>),
            &Problem { code: "NO_INDEX_YET", message: "Evidence index not generated yet." },
        ),
        Stored::Damaged(why) => without(
            Fields::new().with("status", "error").with("schema", schema).asof_now(app.now()),
            &Problem { code: "READ_ERROR", message: &why },
        ),
    })
}

pub(super) fn index_regenerate(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let made = app.ops.regenerate_index().map_err(|fault| super::not_made(&fault))?;
    Ok(Fields::new()
        .with("result", "OK")
        .with("generated", &true)
        .with("row_count", &made.index.row_count)
        .with("latest_path", made.published.latest_ref)
        .with("snapshot_path", &made.published.snapshot_ref)
        .ok())
}

pub(super) fn health_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let schema = EvidenceHealth::SCHEMA;
    Ok(match stored::<EvidenceHealth>(app.store(), layout::HEALTH.latest) {
        // The document's own members at top level; an old one may lack its time.
        Stored::Present((report, raw)) => Fields::new()
            .with("status", "ready")
            .with("asof", &report.asof)
            .with_members(&raw, &["status", "asof", "error"])
            .with("error", &None::<&str>)
            .ok(),
        Stored::Missing => unknown(
            Fields::new().with("status", "ready").with("schema", schema).with("asof", &None::<&str>),
            &Problem { code: "NO_REPORT_YET", message: "Health report not generated yet." },
        ),
        Stored::Damaged(why) => unknown(
            Fields::new().with("status", "error").with("schema", schema).asof_now(app.now()),
            &Problem { code: "READ_ERROR", message: &why },
        ),
    })
}

/// A report that is not there or cannot be read says nothing, which is not a pass.
fn unknown(fields: Fields, problem: &Problem<'_>) -> Reply {
    let summary =
        HealthSummary { decision: Some(HealthDecision::Unknown.as_str().to_owned()), ..HealthSummary::default() };
    fields
        .with("summary", &summary)
        .with("checks", &[(); 0])
        .with("top_fail_reasons", &[(); 0])
        .with("error", problem)
        .ok()
}

pub(super) fn health_regenerate(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let made = app.ops.regenerate_health().map_err(|fault| super::not_made(&fault))?;
    Ok(Fields::new()
        .with("result", "OK")
        .with("decision", made.report.decision().as_str())
        .with("health_latest_path", made.published.latest_ref)
        .with("snapshot_path", &made.published.snapshot_ref)
        .ok())
}
