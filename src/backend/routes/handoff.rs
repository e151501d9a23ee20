//! `/api/strategy_bundle/*` and `/api/reco/*`: what the PC handed over and what follows from it.

use axum::http::StatusCode;
use serde_json::value::RawValue;

use super::App;
use super::Call;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::compact;
use crate::backend::reply::stored_as;
use crate::contracts::BundleDecision;
use crate::contracts::Document as _;
use crate::contracts::Validation;
use crate::contracts::bundle::BUNDLE_SCHEMA;
use crate::contracts::reco::RecoReport;
use crate::ops::SnapshotRefusal;
use crate::ops::read_report;
use crate::store::Family;
use crate::store::SnapshotFile;
use crate::store::Stored;
use crate::store::layout;

/// Snapshots shown beside the newest document.
const LISTED: usize = 5;
const NOTHING: Option<&str> = None;

/// The newest snapshots of a family. A directory that cannot be read shows none: the document itself is the answer here.
pub(super) fn snapshots(app: &App, family: Family, most: usize) -> Vec<Box<RawValue>> {
    let row = |file: &SnapshotFile| {
        Fields::new().with("filename", &file.name).with("mtime", &file.mtime).with("ref", &file.reference).nested()
    };
    app.store().snapshots(family.snapshots).unwrap_or_default().iter().take(most).map(row).collect()
}

pub(super) fn bundle_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let view = app.ops.bundle();
    let found = &view.validation;
    let ready = matches!(found.decision, BundleDecision::Pass | BundleDecision::Warn);
    let document = view.document.as_deref().filter(|_| ready).and_then(|raw| compact(raw.get()));
    let message = found.issues.first().map_or("the bundle is not valid", String::as_str);
    let problem = Problem { code: found.decision.as_str(), message };
    let present = found.decision != BundleDecision::NoBundle;
    let summary = Fields::new()
        .with("present", &ready)
        .with("decision", found.decision.as_str())
        .with("latest_ref", &present.then_some(layout::BUNDLE.latest));
    let validation = Fields::new().with("decision", found.decision.as_str()).with("valid", &found.valid);
    Ok(Fields::new()
        .with("schema", BUNDLE_SCHEMA)
        .asof_now(app.now())
        .with("status", if ready { "ready" } else { "not_ready" })
        .with("bundle", &document)
        .with("validation", &about(validation, found).nested())
        .with("summary", &about(summary, found).nested())
        .with("snapshots", &snapshots(app, layout::BUNDLE, LISTED))
        .with("error", &(!ready).then_some(problem))
        .ok())
}

/// What `validation` and `summary` both say.
fn about(fields: Fields, found: &Validation) -> Fields {
    fields
        .with("bundle_id", &found.bundle_id)
        .with("created_at", &found.created_at)
        .with("strategy_name", &found.strategy_name)
        .with("strategy_version", &found.strategy_version)
        .with("stale", &found.stale)
        .with("stale_reason", &found.stale_reason)
        .with("age_seconds", &found.age_seconds)
        .with("issues", &found.issues)
        .with("warnings", &found.warnings)
}

pub(super) fn reco_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let damage;
    let (status, document, summary, problem) = match stored_as(app.store(), layout::RECO.latest, &read_report) {
        Stored::Present((report, raw)) => ("ready", Some(raw), reco_summary(&report), None),
        Stored::Missing => {
            let problem = Problem { code: "NO_RECO_YET", message: "No recommendation report found" };
            ("no_reco_yet", None, no_reco("NO_RECO_YET"), Some(problem))
        }
        Stored::Damaged(why) => {
            damage = why;
            ("error", None, no_reco("READ_ERROR"), Some(Problem { code: "READ_ERROR", message: &damage }))
        }
    };
    Ok(Fields::new()
        .with("schema", RecoReport::SCHEMA)
        .asof_now(app.now())
        .with("status", status)
        .with("report", &document)
        .with("summary", &summary)
        .with("snapshots", &snapshots(app, layout::RECO, LISTED))
        .with("error", &problem)
        .ok())
}

fn reco_summary(report: &RecoReport) -> Box<RawValue> {
    Fields::new()
        .with("present", &true)
        .with("decision", &report.decision)
        .with("reason", &report.reason)
        .with("latest_ref", layout::RECO.latest)
        .with("report_id", &report.report_id)
        .with("created_at", &report.created_at)
        .with("source_bundle", &report.source_bundle)
        .with("summary", &report.summary)
        .nested()
}

fn no_reco(decision: &str) -> Box<RawValue> {
    Fields::new()
        .with("present", &false)
        .with("decision", decision)
        .with("latest_ref", &NOTHING)
        .with("report_id", &NOTHING)
        .with("created_at", &NOTHING)
        .with("source_bundle", &NOTHING)
        .with("summary", &NOTHING)
        .nested()
}

pub(super) fn reco_regenerate(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.regenerate_reco().map_err(|fault| {
        Fields::new()
            .with("result", "FAILED")
            .with("message", &fault.to_string())
            .with("report_id", &NOTHING)
            .reply(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    let report = &done.report;
    Ok(Fields::new()
        .with("result", "OK")
        .with("report_id", &report.report_id)
        .with("decision", &report.decision)
        .with("reason", &report.reason)
        .with("saved_to", done.published.latest_ref)
        .with("summary", &report.summary)
        .ok())
}

pub(super) fn bundle_snapshot(app: &App, call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.snapshot_bundle(&call.actor).map_err(|fault| {
        let status = match fault {
            SnapshotRefusal::Missing | SnapshotRefusal::Invalid(_) => StatusCode::BAD_REQUEST,
            SnapshotRefusal::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let fields = Fields::new().with("result", "FAILED").with("message", &fault.to_string());
        fields.with("snapshot_ref", &NOTHING).reply(status)
    })?;
    Ok(Fields::new()
        .with("result", "OK")
        .with("snapshot_ref", &done.snapshot_ref)
        .with("bundle_id", &done.bundle_id)
        .with("created_at", &done.created_at)
        .ok())
}
