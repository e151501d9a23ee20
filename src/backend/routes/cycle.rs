//! `/api/ops/cycle`, `/api/ops/daily` and `/api/ops/drill`: the ops cycle and its reports.

use axum::http::StatusCode;
use serde_json::value::RawValue;

use super::App;
use super::Call;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::contracts::Document as _;
use crate::contracts::daily_report::DailyReport;
use crate::contracts::drill::DrillReport;
use crate::ops::Ops;
use crate::ops::OpsCycleFault;
use crate::ops::OpsCycleOutcome;
use crate::store::Stored;
use crate::store::layout;

/// The reply's schema; the stored receipt has another one.
const RUN_SCHEMA: &str = "OPS_CYCLE_RUN_V2";

pub(super) fn run(app: &App, call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.run_ops_cycle(&call.actor).map_err(|fault| refused(app, &fault))?;
    let data = data(&done);
    if done.result == "FAILED" {
        let reason = done.receipt.reason.as_deref().unwrap_or_default();
        return Err(Fields::new()
            .with("result", "FAILED")
            .with("overall_status", "FAILED")
            .with("reason", reason)
            .with("schema", RUN_SCHEMA)
            .asof_now(app.now())
            .with("snapshot_path", &done.published.snapshot_ref)
            .with("error", &Problem { code: "FAILED", message: reason })
            .wrapped(StatusCode::INTERNAL_SERVER_ERROR));
    }
    Ok(Fields::new()
        .with("status", "ready")
        .with("schema", RUN_SCHEMA)
        .with("asof", &done.receipt.asof)
        .with("row_count", &1)
        .with("data", &data)
        .with("error", &None::<&str>)
        .ok())
}

fn data(done: &OpsCycleOutcome) -> Box<RawValue> {
    let receipt = &done.receipt;
    Fields::new()
        .with("result", done.result)
        .with("overall_status", &receipt.overall_status)
        .with("reason", &receipt.reason)
        .with("run_id", &receipt.run_id)
        .with("snapshot_path", &done.published.snapshot_ref)
        .with("ticket_step", &receipt.ticket_step)
        .with("counters", &receipt.counters)
        .with("evidence_health", &receipt.evidence_health)
        .nested()
}

fn refused(app: &App, fault: &OpsCycleFault) -> Reply {
    let reason = fault.to_string();
    let (status, result, overall, code) = match fault {
        OpsCycleFault::Conflict(_) => (StatusCode::CONFLICT, "SKIPPED", "DONE_WITH_SKIPS", Ops::CONFLICT_REASON),
        OpsCycleFault::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "FAILED", "FAILED", "FAILED"),
    };
    let step = Fields::new().with("attempted", &false).with("decision", "SKIPPED").with("reason", code).nested();
    Fields::new()
        .with("result", result)
        .with("overall_status", overall)
        .with("reason", &reason)
        .with("schema", RUN_SCHEMA)
        .asof_now(app.now())
        .with("ticket_step", &step)
        .with("error", &Problem { code, message: &reason })
        .wrapped(status)
}

pub(super) fn daily(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let schema = DailyReport::SCHEMA;
    let made = app.ops.ensure_daily().map_err(|fault| fault.to_string());
    let found = made.and_then(|()| match stored::<DailyReport>(app.store(), layout::OPS_REPORT) {
        Stored::Present(found) => Ok(found),
        Stored::Missing => Err("the report is gone again".to_owned()),
        Stored::Damaged(why) => Err(why),
    });
    Ok(match found {
        Ok((report, raw)) => Fields::new()
            .with("status", "ready")
            .with("schema", schema)
            .with("asof", &report.asof)
            .with("row_count", &1)
            .with("rows", &[raw])
            .with("error", &None::<&str>)
            .ok(),
        Err(why) => Fields::new()
            .with("status", "error")
            .with("schema", schema)
            .asof_now(app.now())
            .with("row_count", &0)
            .with("rows", &[(); 0])
            .with("error", &Problem { code: "READ_ERROR", message: &why })
            .ok(),
    })
}

pub(super) fn daily_regenerate(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let made = app.ops.regenerate_daily().map_err(|fault| super::not_made(&fault))?;
    Ok(Fields::new()
        .with("result", "OK")
        .with("report", &made.report)
        .with("snapshot_skipped", &made.snapshot_skipped)
        .ok())
}

pub(super) fn drill_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let schema = DrillReport::SCHEMA;
    let without = |status: &str, code: &str, message: &str| {
        Fields::new()
            .with("status", status)
            .with("schema", schema)
            .asof_now(app.now())
            .with("row", &None::<&str>)
            .with("error", &Problem { code, message })
            .ok()
    };
    Ok(match stored::<DrillReport>(app.store(), layout::DRILL.latest) {
        Stored::Present((report, raw)) => Fields::new()
            .with("status", "ready")
            .with("schema", schema)
            .with("asof", &report.asof)
            .with("row", &raw)
            .with("error", &None::<&str>)
            .ok(),
        Stored::Missing => without("not_ready", "NO_DRILL_YET", "No drill report found"),
        Stored::Damaged(why) => without("error", "READ_ERROR", &why),
    })
}

pub(super) fn drill_run(app: &App, call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.run_drill(&call.actor).map_err(|fault| super::not_made(&fault))?;
    let steps: serde_json::Map<String, serde_json::Value> =
        done.report.steps.iter().map(|step| (step.name.clone(), serde_json::json!(step.result))).collect();
    Ok(Fields::new()
        .with("result", "OK")
        .with("overall_result", &done.report.overall_result)
        .with("drill_latest_path", done.published.latest_ref)
        .with("snapshot_path", &done.published.snapshot_ref)
        .with("steps_summary", &steps)
        .ok())
}
