//! `/api/live/*`: the live cycle.

use axum::http::StatusCode;

use super::App;
use super::Call;
use super::handoff::snapshots;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::stored;
use crate::contracts::Document as _;
use crate::contracts::RunId;
use crate::contracts::cycle::CycleReceipt;
use crate::ops::CycleFault;
use crate::store::Stored;
use crate::store::layout;

/// Snapshots shown beside the newest receipt.
const LISTED: usize = 10;
/// Names the run that asks, so that its records can be followed from one end to the other.
const RUN_HEADER: &str = "x-daily-ops-run";

pub(super) fn cycle_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let damage;
    let (status, rows, problem) = match stored::<CycleReceipt>(app.store(), layout::CYCLE.latest) {
        Stored::Present((_, raw)) => ("ready", vec![raw], None),
        Stored::Missing => {
            let message = "No live cycle receipt found";
            ("no_cycle_yet", Vec::new(), Some(Problem { code: "NO_CYCLE_YET", message }))
        }
        Stored::Damaged(why) => {
            damage = why;
            ("error", Vec::new(), Some(Problem { code: "READ_ERROR", message: &damage }))
        }
    };
    Ok(Fields::new()
        .with("schema", CycleReceipt::SCHEMA)
        .asof_now(app.now())
        .with("status", status)
        .with("row_count", &rows.len())
        .with("rows", &rows)
        .with("snapshots", &snapshots(app, layout::CYCLE, LISTED))
        .with("error", &problem)
        .ok())
}

pub(super) fn cycle_run(app: &App, call: &Call) -> Result<Reply, Reply> {
    let run = call.headers.get(RUN_HEADER).and_then(|value| RunId::try_from(value.to_str().ok()?.to_owned()).ok());
    let done = app.ops.run_cycle(run.as_ref().map(RunId::as_str)).map_err(|fault| match fault {
        CycleFault::AlreadyRunning => {
            Fields::new().with("result", "CONFLICT").with("message", &fault.to_string()).reply(StatusCode::CONFLICT)
        }
        CycleFault::Store(_) => Fields::new()
            .with("result", "FAILED")
            .with("message", &fault.to_string())
            .with("cycle_id", &None::<&str>)
            .reply(StatusCode::INTERNAL_SERVER_ERROR),
    })?;
    let receipt = &done.receipt;
    Ok(Fields::new()
        .with("result", &receipt.result)
        .with("cycle_id", &receipt.cycle_id)
        .with("decision", &receipt.decision)
        .with("reason", &receipt.reason)
        .with("saved_to", done.published.latest_ref)
        .with("snapshot_ref", &done.published.snapshot_ref)
        .with("delivery_actual", &receipt.push.as_ref().and_then(|push| push.delivery_actual.as_deref()))
        .ok())
}
