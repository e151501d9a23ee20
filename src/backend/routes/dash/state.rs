//! State views: health, risk, engine, positions, switches, the last run. They ask the owner, never the stream.
//!
//! There is no trading engine in this release. Everything that only an engine knows is null, empty or UNKNOWN, and never
//! a made-up value.

use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use super::App;
use super::Call;
use super::head;
use crate::backend::dash::params::Params;
use crate::backend::reply::Fields;
use crate::backend::reply::Reply;
use crate::contracts::Document;
use crate::contracts::event::millis_stamp;
use crate::gates::Origin;
use crate::gates::Reading;
use crate::ops::DailyRun;
use crate::ops::HeartbeatView;
use crate::store::Stored;
use crate::time::Stamp;

/// The engine's state when there is none: not idle, which only a living one could be.
const NOT_CONNECTED: &str = "NOT_CONNECTED";

/// The head that every reply of these views has.
fn views(app: &App) -> Fields {
    head().with("ts", &app.now().timestamp_millis())
}

pub(super) fn version(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let bus = &app.dash.bus;
    Ok(views(app)
        .with("schema", "OPS_VERSION_V1")
        .asof_now(app.now())
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("commit", &option_env!("DAILY_OPS_REVISION"))
        .with("boot_id", bus.boot_id())
        .with("start_ts", &bus.started().timestamp_millis())
        .with("uptime_sec", &bus.uptime().as_secs())
        .ok())
}

pub(super) fn overview(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let (run, run_damage) = match app.ops.latest_daily_run() {
        Stored::Present(record) => (Some(record), None),
        Stored::Missing => (None, None),
        Stored::Damaged(why) => (None, Some(why)),
    };
    let published = run.as_ref().filter(|record| record.trace_id != record.run_id);
    let publish = published.map(|record| json!({"run_id": record.trace_id, "revision": record.host_rev_after}));
    let rail = app.dash.guardrail(&app.ops);
    let guardrail = json!({
        "risk_level": rail.risk_level, "mode": rail.mode, "downgrade_level": rail.downgrade_level, "reason": rail.reason,
    });
    Ok(views(app)
        .with("schema", "OPS_OVERVIEW_V1")
        .asof_now(app.now())
        .with("health", &app.dash.overall(&app.ops))
        .with("run", &run.as_ref().map(DailyRun::of))
        .with("run_damage", &run_damage)
        .with("heartbeat", &heartbeat(app, &app.ops.heartbeat()))
        .with("switches", &switches(app).nested())
        .with("kill_switch", &super::control::kill_fields(app).nested())
        .with("guardrail", &guardrail)
        .with("bundle", &bundle(app))
        .with("publish", &publish)
        .with("engine", &json!({"task_state": NOT_CONNECTED, "alive": false, "connected": false}))
        .with("error", &None::<&str>)
        .ok())
}

fn heartbeat(app: &App, view: &HeartbeatView) -> Value {
    let beat = view.heartbeat.as_ref();
    let age = |stamp: Option<&Stamp>| stamp.and_then(Stamp::instant).map(|at| (app.now() - at).num_seconds().max(0));
    let newest = beat.and_then(|beat| beat.ended_at.as_ref().or(beat.started_at.as_ref()));
    let good = beat.and_then(|beat| beat.last_success_at.as_ref());
    json!({
        "status": view.status, "why": view.why, "result": beat.and_then(|beat| beat.result),
        "run_id": beat.map(|beat| &beat.run_id), "exit_code": beat.and_then(|beat| beat.exit_code),
        "age_sec": age(newest), "last_success_at": good, "last_success_age_sec": age(good),
        "consecutive_failures": beat.map_or(0, |beat| beat.consecutive_failures),
        "next_due_at": beat.and_then(|beat| beat.next_due_at.as_ref()),
    })
}

/// A switch with who set it, when and why.
fn switch<T, D: Document>(value: impl Serialize, reading: &Reading<T, D>) -> Value {
    let document = reading.document.as_ref().and_then(|document| serde_json::to_value(document).ok());
    let member = |key: &str| document.as_ref().and_then(|document| document.get(key)).cloned();
    let origin = match reading.origin {
        Origin::File => "FILE",
        Origin::Missing => "MISSING",
        Origin::Damaged(_) => "DAMAGED",
    };
    json!({
        "value": value, "origin": origin, "damage": reading.damage(), "updated_at": member("updated_at"),
        "updated_by": member("updated_by"), "reason": member("reason"),
    })
}

fn switches(app: &App) -> Fields {
    let read = app.gates().switches();
    let window = app.gates().real_enable(app.now()).window_active();
    Fields::new()
        .with("gate", &switch(read.gate.value, &read.gate))
        .with("sender", &switch(read.sender.value, &read.sender))
        .with("stop", &switch(read.stop.value, &read.stop))
        .with("window_active", &window)
}

fn bundle(app: &App) -> Value {
    let found = app.ops.bundle().validation;
    json!({
        "decision": found.decision, "bundle_id": found.bundle_id, "created_at": found.created_at,
        "age_seconds": found.age_seconds, "fresh": found.is_usable(), "stale_reason": found.stale_reason,
        "strategy": found.strategy_name, "signature_verified": found.signature_verified, "issues": found.issues,
        "warnings": found.warnings,
    })
}

pub(super) fn runs(app: &App, call: &Call) -> Result<Reply, Reply> {
    let runs = app.ops.daily_runs(Params::new(&call.query, app.now()).limit(30, 500)?);
    Ok(views(app).with("schema", "OPS_RUNS_V1").asof_now(app.now()).with("count", &runs.len()).with("runs", &runs).ok())
}

pub(super) fn risk_snapshot(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let rail = app.dash.guardrail(&app.ops);
    Ok(views(app)
        .with("risk_level", &rail.risk_level)
        .with("kill_switch", &rail.kill_switch)
        .with("kill_switch_status", &rail.kill_status)
        .with("downgrade_level", &rail.downgrade_level)
        .with("reason", &rail.reason)
        .with("trace_id", &rail.trace_id)
        .with("recovery_count", &app.dash.recoveries.load(Ordering::Relaxed))
        .with("mode", &rail.mode)
        // The age of the engine's figures: there is no engine.
        .with("age_sec", &None::<u64>)
        .ok())
}

pub(super) fn engine_state(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(state(app).ok())
}

pub(super) fn engine_state_flat(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let rail = app.dash.guardrail(&app.ops);
    let counters = app.dash.bus.counters();
    Ok(state(app)
        .with("kill_switch_on", &rail.kill_switch)
        .with("risk_type", &rail.mode)
        .with("reason", &rail.reason)
        .with("uptime_sec", &app.dash.bus.uptime().as_secs())
        .with("published", &counters.published)
        .with("consumed", &counters.consumed)
        .with("pending_total", &counters.pending())
        .ok())
}

fn state(app: &App) -> Fields {
    let view = app.gates().kill_view();
    let kill = &view.reading.state;
    let counters = app.dash.bus.counters();
    let reason = if kill.is_on || !view.emergency_stop { &kill.reason } else { &view.stop_reason };
    views(app)
        .with("schema", "OPS_STATE_V1")
        .with(
            "engine",
            &json!({
                "pid": null, "alive": false, "cmdline_hint": null, "task_state": NOT_CONNECTED, "connected": false,
                "health_status": engine_health(app).0,
            }),
        )
        .with("kill", &json!({"is_on": view.is_on(), "reason": reason, "audit_id": kill.audit_id}))
        .with(
            "counters",
            &json!({
                "published": counters.published, "consumed": counters.consumed, "pending_total": counters.pending(),
                "restart_count": 0,
            }),
        )
        .with(
            "freshness",
            &json!({
                "checkpoint_age_sec": null, "checkpoint_status": "UNKNOWN", "is_stale": true, "last_health_ok": null,
                "flap_detected": false,
            }),
        )
}

/// The health in the engine's words, and what is critical. No engine is expected, so its absence is not.
fn engine_health(app: &App) -> (&'static str, Vec<&'static str>) {
    let overall = app.dash.overall(&app.ops);
    match overall.status {
        "CRITICAL" => ("CRITICAL", overall.critical),
        "OK" => ("OK", vec!["none"]),
        _ => ("WARN", vec!["none"]),
    }
}

fn runtime(app: &App) -> Fields {
    let (health_status, critical_reasons) = engine_health(app);
    Fields::new()
        .with("engine_pid", &None::<u32>)
        .with("engine_alive", &false)
        .with("engine_cmdline_hint", &None::<&str>)
        .with("checkpoint_age_sec", &None::<f64>)
        .with("checkpoint_status", "UNKNOWN")
        .with("health_status", health_status)
        .with("last_health_ok", &None::<&str>)
        .with("restart_count", &0)
        .with("flap_detected", &false)
        .with("task_state", NOT_CONNECTED)
        .with("connected", &false)
        .with("critical_reasons", &critical_reasons)
        .with("timestamp", &millis_stamp(app.now()))
}

pub(super) fn runtime_health(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(runtime(app).ok())
}

pub(super) fn runtime_health_wrapped(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(views(app).with("status", engine_health(app).0).with("data", &runtime(app).nested()).ok())
}

pub(super) fn positions(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let none: [Value; 0] = [];
    Ok(views(app)
        .with("positions", &none)
        .with("as_of_ms", &None::<i64>)
        .with("stale", &true)
        .with("connected", &false)
        .ok())
}
