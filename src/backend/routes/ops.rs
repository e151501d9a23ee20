//! `/health` and `/api/ops/*`: how the host is, the ops summary, the ops runs.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use super::App;
use super::Call;
use crate::backend::query::segment;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::backend::reply::compact;
use crate::backend::reply::stored;
use crate::contracts::Document as _;
use crate::contracts::EvidenceRef;
use crate::contracts::Json;
use crate::contracts::json::decode;
use crate::contracts::summary::OpsSummary;
use crate::ops::HeartbeatView;
use crate::store::ResolveFault;
use crate::store::SnapshotFile;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Stamp;

/// Below this free share of the disk somebody should look; below the second one nothing can be relied on.
const DISK_LOW: f64 = 0.10;
const DISK_FULL: f64 = 0.03;
/// Rows of a list of snapshots.
const LISTED: usize = 20;
/// Schemas under which an ops run was ever stored.
const RUN_SCHEMAS: [&str; 3] = ["OPS_RUN_RECEIPT_V1", "OPS_CYCLE_RUN_V2", "OPS_RUN_SNAPSHOT_V1"];
const RUN_SCHEMA: &str = "OPS_RUN_RECEIPT_V1";
const LIST_SCHEMA: &str = "OPS_SCHEDULER_SNAPSHOTS_V1";
const VIEWER_SCHEMA: &str = "OPS_SNAPSHOT_VIEWER_V1";

/// How a part of the host is, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    Up,
    Degraded,
    Down,
}

pub(super) fn health(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let free = app.store().free_disk();
    let disk = match free {
        Some(share) if share >= DISK_LOW => Level::Up,
        Some(share) if share >= DISK_FULL => Level::Degraded,
        _ => Level::Down,
    };
    let store = store_level(app);
    let beat = app.ops.heartbeat();
    // Before the first run nothing has been promised; after it, silence counts.
    let runs = if beat.status == "DEGRADED" { Level::Degraded } else { Level::Up };
    // Without its log the server goes on, but what happens is nowhere on disk.
    let log = if app.dash.journal_status().is_failing { Level::Degraded } else { Level::Up };
    let worst = disk.max(store).max(runs).max(log);
    let one = |level: Level| Fields::new().with("status", &level);
    let components = Fields::new()
        .with("BACKEND", &one(Level::Up).nested())
        .with("DISK", &one(disk).with("free_share", &free.map(|share| (share * 1e4).round() / 1e4)).nested())
        .with("STORE", &one(store).nested())
        .with("HEARTBEAT", &heartbeat(&beat).nested())
        .with("OBSERVATION_LOG", &one(log).nested());
    let status = if worst == Level::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Ok(Fields::new()
        .with("status", &worst)
        .with("schema", "DAILY_OPS_HEALTH_V1")
        .asof_now(app.now())
        .with("components", &components.nested())
        .with("error", &None::<&str>)
        .reply(status))
}

/// The daily runs: how they stand, and the heartbeat as it is written.
fn heartbeat(beat: &HeartbeatView) -> Fields {
    let fields = Fields::new().with("status", beat.status).with("why", &beat.why);
    match &beat.heartbeat {
        Some(heartbeat) => fields.spread(heartbeat),
        None => fields.with("last_success_at", &None::<&str>),
    }
}

/// Whether the workspace can be read and written, as far as permissions and mounts say. Nothing is written to find out.
fn store_level(app: &App) -> Level {
    let store = app.store();
    // Folders that do not exist yet are made by the first write.
    let fits = |folder: &&str| !store.path(folder).exists() || store.may_write_in(folder);
    if store.may_write_in("") && ["reports", "state"].iter().all(fits) { Level::Up } else { Level::Down }
}

pub(super) fn ops_health(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let view = app.ops.health();
    let stop = Fields::new()
        .with("enabled", &view.emergency_stop.enabled)
        .with("reason", &Some(&view.emergency_stop.reason).filter(|reason| !reason.is_empty()));
    let data = Fields::new()
        .with("emergency_stop", &stop.nested())
        .with("execution_gate_mode", &view.execution_gate_mode)
        .with("window_active", &view.window_active)
        .with("allowlist_version", &view.allowlist_version)
        .with("last_ops_report", &view.last_ops_report)
        .with("dashboard", &dashboard(app).nested());
    let fields = Fields::new()
        .with("status", if view.error.is_some() { "error" } else { "ready" })
        .with("schema", "OPS_HEALTH_V1")
        .asof_now(app.now())
        .with("ts", &app.now().timestamp_millis())
        .with("health", &view.health)
        .with("data", &data.nested());
    let fields = if view.warnings.is_empty() { fields } else { fields.with("warnings", &view.warnings) };
    Ok(fields.with("error", &view.error).ok())
}

/// The live side in short.
fn dashboard(app: &App) -> Fields {
    let overall = app.dash.overall(&app.ops);
    let counters = app.dash.bus.counters();
    let writer = if app.dash.journal_status().is_failing { "FAILING" } else { "OK" };
    Fields::new()
        .with("overall", overall.status)
        .with("reasons", &overall.reasons)
        .with("subscribers", &counters.subscribers())
        .with("drop_count", &counters.drop_count)
        .with("obs_writer", writer)
}

pub(super) fn summary_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let schema = OpsSummary::SCHEMA;
    Ok(match stored::<OpsSummary>(app.store(), layout::SUMMARY.latest) {
        Stored::Present((summary, raw)) => rows("ready", schema, summary.asof.as_ref(), &[raw], None),
        Stored::Missing => {
            let nothing = None::<&str>;
            let row = Fields::new()
                .with("overall_status", "NO_RUN_HISTORY")
                .with("guard", &nothing)
                .with("last_run_triplet", &nothing)
                .with("tickets", &nothing)
                .with("push", &nothing)
                .with("evidence", &nothing)
                .with("top_risks", &[(); 0])
                .nested();
            let problem = Problem { code: "NO_SUMMARY_YET", message: "Ops summary not generated yet." };
            rows("ready", schema, None, &[row], Some(problem))
        }
        Stored::Damaged(why) => unreadable(app, schema, &why),
    })
}

pub(super) fn summary_regenerate(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let done = app.ops.regenerate_summary().map_err(|fault| {
        Fields::new()
            .with("result", "FAILED")
            .with("reason", &fault.to_string())
            .wrapped(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    Ok(Fields::new()
        .with("result", "OK")
        .with("overall_status", &done.summary.overall_status)
        .with("summary_latest_path", done.published.latest_ref)
        .with("snapshot_path", &done.published.snapshot_ref)
        .with("schema", OpsSummary::SCHEMA)
        .ok())
}

pub(super) fn scheduler_latest(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let bytes = match app.store().read(layout::OPS_RUN.latest) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let problem = Problem { code: "NO_RUN_HISTORY", message: "No run history yet." };
            return Ok(empty_rows(app, "not_ready", RUN_SCHEMA, problem));
        }
        Err(fault) => return Ok(unreadable(app, RUN_SCHEMA, &fault.source.to_string())),
    };
    Ok(match run_document(&bytes) {
        Ok((json, raw)) => rows("ready", RUN_SCHEMA, asof_of(&json).as_ref(), &[raw], None),
        Err(why) => unreadable(app, RUN_SCHEMA, &why),
    })
}

fn run_document(bytes: &[u8]) -> Result<(Json, Box<RawValue>), String> {
    let json = Json::parse(bytes).map_err(|fault| fault.to_string())?;
    let schema = json.get("schema").and_then(Json::as_str).unwrap_or("none");
    if !RUN_SCHEMAS.contains(&schema) {
        return Err(format!("schema is {schema}, expected {RUN_SCHEMA}"));
    }
    let raw = decode(bytes).ok().and_then(compact).ok_or_else(|| "not JSON".to_owned())?;
    Ok((json, raw))
}

fn asof_of(json: &Json) -> Option<Stamp> {
    json.get("asof").and_then(Json::as_str).map(Stamp::from)
}

pub(super) fn scheduler_snapshots(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let listed = match run_files(app) {
        Ok(listed) => listed,
        Err(why) => return Ok(unreadable(app, LIST_SCHEMA, &why)),
    };
    let row = |file: &SnapshotFile| {
        Fields::new()
            .with("filename", &file.name)
            .with("snapshot_id", &file.name)
            .with("mtime", &file.mtime)
            .with("size_bytes", &file.size_bytes)
            .nested()
    };
    let listed: Vec<_> = listed.iter().take(LISTED).map(row).collect();
    Ok(Fields::new()
        .with("status", "ready")
        .with("schema", LIST_SCHEMA)
        .asof_now(app.now())
        .with("directory", layout::OPS_RUN.snapshots)
        .with("row_count", &listed.len())
        .with("rows", &listed)
        .with("error", &None::<&str>)
        .ok())
}

/// The ops runs of both directories, by name, descending. Of two files of one name the newer directory's counts.
fn run_files(app: &App) -> Result<Vec<SnapshotFile>, String> {
    let list = |directory| app.store().snapshots(directory).map_err(|fault| fault.to_string());
    let mut files = list(layout::OPS_RUN.snapshots)?;
    let known: BTreeSet<String> = files.iter().map(|file| file.name.clone()).collect();
    // The old directory is shared with the daily reports.
    let is_run = |file: &SnapshotFile| file.name.starts_with(layout::OPS_RUN.kind) && !known.contains(&file.name);
    files.extend(list(layout::OLD_OPS_RUN_SNAPSHOTS)?.into_iter().filter(is_run));
    files.sort_by(|a, b| b.name.cmp(&a.name));
    Ok(files)
}

pub(super) fn scheduler_snapshot(app: &App, call: &Call) -> Result<Reply, Reply> {
    let id = segment(&call.tail).filter(|id| is_snapshot_id(id)).ok_or_else(|| {
        let shown = segment(&call.tail).unwrap_or_else(|| call.tail.clone());
        let message = format!("Invalid snapshot_id format: {shown}");
        viewer_error(app, StatusCode::BAD_REQUEST, "INVALID_ID", &message)
    })?;
    let found = [layout::OPS_RUN.snapshots, layout::OLD_OPS_RUN_SNAPSHOTS]
        .into_iter()
        .filter_map(|directory| EvidenceRef::parse(&format!("{directory}/{id}")).ok())
        .map(|reference| app.store().resolve(&reference))
        .find(|found| !matches!(found, Err(ResolveFault::FileNotFound(_))));
    let not_found = || viewer_error(app, StatusCode::NOT_FOUND, "NOT_FOUND", &format!("Snapshot not found: {id}"));
    let broken = |why: &str| viewer_error(app, StatusCode::INTERNAL_SERVER_ERROR, "READ_ERROR", why);
    let evidence = found.ok_or_else(not_found)?.map_err(|fault| broken(&fault.to_string()))?;
    let json = Json::parse(evidence.data.get().as_bytes()).map_err(|fault| broken(&fault.to_string()))?;
    if !json.is_object() {
        return Err(broken("not a JSON object"));
    }
    Ok(Fields::new()
        .with("status", "ready")
        .with("schema", &json.get("schema").and_then(Json::as_str))
        .with("snapshot_id", &id)
        .with("asof", &asof_of(&json))
        .with("data", &compact(evidence.data.get()))
        .with("error", &None::<&str>)
        .ok())
}

fn is_snapshot_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let stem = id.strip_suffix(".json").unwrap_or_default();
    !stem.is_empty() && id.bytes().all(allowed) && !id.contains("..")
}

fn viewer_error(app: &App, status: StatusCode, code: &str, message: &str) -> Reply {
    Fields::new()
        .with("status", "error")
        .with("schema", VIEWER_SCHEMA)
        .asof_now(app.now())
        .with("error", &Problem { code, message })
        .wrapped(status)
}

fn rows(status: &str, schema: &str, asof: Option<&Stamp>, rows: &[Box<RawValue>], error: Option<Problem<'_>>) -> Reply {
    Fields::new()
        .with("status", status)
        .with("schema", schema)
        .with("asof", &asof)
        .with("row_count", &rows.len())
        .with("rows", rows)
        .with("error", &error)
        .ok()
}

fn empty_rows(app: &App, status: &str, schema: &str, problem: Problem<'_>) -> Reply {
    Fields::new()
        .with("status", status)
        .with("schema", schema)
        .asof_now(app.now())
        .with("row_count", &0)
        .with("rows", &[(); 0])
        .with("error", &problem)
        .ok()
}

fn unreadable(app: &App, schema: &str, why: &str) -> Reply {
    empty_rows(app, "error", schema, Problem { code: "READ_ERROR", message: why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_id_is_a_plain_json_name() {
        for id in ["ops_run_20260111_160535.json", "a.json", "A-b_c.1.json"] {
            assert!(is_snapshot_id(id), "{id}");
        }
        for id in
            ["", ".json", "a", "a.json ", "bad id.json", "../a.json", "a..json", "a/b.json", "a\\b.json", "한.json"]
        {
            assert!(!is_snapshot_id(id), "{id:?}");
        }
    }
}
