//! A backend as a small model: it keeps a summary and the last receipt, and fails where the day's plan says so.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daily_ops::contracts::Json;
use daily_ops::contracts::integrity::payload_sha256;
use daily_ops::time::Clock as _;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

use crate::scripted::Reaction;
use crate::scripted::Request;
use crate::scripted::Scripted;

pub(crate) const ENDPOINTS: &[&str] = &[
    "GET /api/ops/health",
    "GET /api/real_sender_enable",
    "POST /api/ops/summary/regenerate",
    "GET /api/ops/summary/latest",
    "POST /api/live/cycle/run",
    "GET /api/live/cycle/latest",
    "GET /api/evidence/resolve",
    "GET /api/strategy_bundle/latest",
];

/// What goes wrong at one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Status500,
    Conflict,
    NotJson,
    Empty,
    NoRows,
    WrongTypes,
    Noise,
    Close,
    Hang,
    /// Everything is there, but a text inside is not what was hashed.
    Tampered,
    /// The document of another cycle.
    Other,
    Blocked,
    StopOn,
    Stale,
    /// The clock jumps while the call is under way.
    Jump(i64),
    /// A signal arrives while the call is under way.
    Signal,
}

pub(crate) const FAULTS: &[Fault] = &[
    Fault::Status500,
    Fault::Conflict,
    Fault::NotJson,
    Fault::Empty,
    Fault::NoRows,
    Fault::WrongTypes,
    Fault::Noise,
    Fault::Close,
    Fault::Hang,
    Fault::Tampered,
    Fault::Other,
    Fault::Blocked,
    Fault::StopOn,
    Fault::Stale,
    Fault::Jump(7),
    Fault::Jump(-30),
    Fault::Signal,
];

#[derive(Default)]
struct State {
    faults: HashMap<&'static str, Fault>,
    cycles: u64,
    receipt: Option<Value>,
    summary_at: Option<Stamp>,
}

pub(crate) struct Model {
    pub(crate) server: Scripted,
    state: Arc<Mutex<State>>,
}

impl Model {
    pub(crate) fn start(clock: Arc<SimClock>, interrupted: Arc<AtomicBool>) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let mine = Arc::clone(&state);
        let server = Scripted::start(move |request| answer(&mine, &clock, &interrupted, request));
        Self { server, state }
    }

    pub(crate) fn plan(&self, faults: &[(&'static str, Fault)]) {
        lock(&self.state).faults = faults.iter().copied().collect();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("whole")
}

fn answer(state: &Mutex<State>, clock: &SimClock, interrupted: &AtomicBool, request: &Request) -> Reaction {
    let plain = request.path.split('?').next().unwrap_or_default();
    let call = format!("{} {plain}", request.method);
    let fault = lock(state).faults.get(call.as_str()).copied();
    match fault {
        Some(Fault::Jump(hours)) => clock.jump_to(clock.now() + chrono::Duration::hours(hours)),
        Some(Fault::Signal) => interrupted.store(true, Ordering::SeqCst),
        _ => {}
    }
    let mut state = lock(state);
    let value = truth(&mut state, &call, Stamp::of(clock.now()), fault);
    let bytes = |value: &Value| serde_json::to_vec(value).expect("JSON");
    match fault {
        Some(Fault::Status500) => Reaction::Reply(500, bytes(&json!({"detail": "Internal Server Error"}))),
        Some(Fault::Conflict) => Reaction::Reply(409, bytes(&json!({"result": "CONFLICT", "message": "another run"}))),
        Some(Fault::NotJson) => Reaction::Reply(200, b"<html>\xff\xfe</html>".to_vec()),
        Some(Fault::Empty) => Reaction::Reply(200, Vec::new()),
        Some(Fault::NoRows) => Reaction::Reply(200, bytes(&json!({"status": "ready", "rows": []}))),
        Some(Fault::WrongTypes) => {
            Reaction::Reply(200, bytes(&json!({"status": 7, "rows": [{"schema": [], "overall_status": {}}]})))
        }
        Some(Fault::Noise) => Reaction::Raw(b"\x16\x03\x01 no HTTP\r\n\r\n".to_vec()),
        Some(Fault::Close) => Reaction::Raw(Vec::new()),
        Some(Fault::Hang) => Reaction::Hang(Duration::from_secs(5)),
        _ => match value {
            Some(value) => Reaction::Reply(200, bytes(&value)),
            None => Reaction::Reply(404, bytes(&json!({"detail": "Not Found"}))),
        },
    }
}

fn rows(document: &Value) -> Value {
    json!({"status": "ready", "schema": document["schema"], "row_count": 1, "rows": [document], "error": null})
}

/// What the endpoint says; posts change the state even when their reply is lost.
fn truth(state: &mut State, call: &str, now: Stamp, fault: Option<Fault>) -> Option<Value> {
    let stopped = fault == Some(Fault::StopOn);
    Some(match call {
        "GET /api/ops/health" => json!({
            "status": "ready", "schema": "OPS_HEALTH_V1", "health": if stopped { "STOPPED" } else { "OK" }, "error": null,
            "data": {"emergency_stop": {"enabled": stopped}, "execution_gate_mode": "DRY_RUN", "window_active": false},
        }),
        "GET /api/real_sender_enable" => json!({"status": "ready", "data": {"enabled": stopped}}),
        "POST /api/ops/summary/regenerate" => {
            state.summary_at = Some(now);
            json!({"result": "OK", "overall_status": "OK"})
        }
        "GET /api/ops/summary/latest" => rows(&summary(state, fault)),
        "POST /api/live/cycle/run" => {
            state.cycles += 1;
            let receipt = receipt(state.cycles, &now, fault);
            let reply = json!({"result": "OK", "cycle_id": receipt["cycle_id"], "decision": receipt["decision"]});
            state.receipt = Some(receipt);
            reply
        }
        "GET /api/live/cycle/latest" => match (&state.receipt, fault) {
            (None, _) => json!({"status": "no_cycle_yet", "rows": []}),
            (Some(_), Some(Fault::Other)) => rows(&receipt(0, &now, None)),
            (Some(receipt), Some(Fault::Tampered)) => {
                let mut receipt = receipt.clone();
                receipt["push"]["delivery_actual"] = json!("SENT");
                rows(&receipt)
            }
            (Some(receipt), _) => rows(receipt),
        },
        "GET /api/evidence/resolve" => {
            let mut data = state.receipt.clone()?;
            if fault == Some(Fault::Other) {
                data["cycle_id"] = json!("another");
            }
            rows(&json!({"ref": data["snapshot_ref"], "data": data, "source": {"kind": "JSON"}}))
        }
        "GET /api/strategy_bundle/latest" => json!({"summary": {"stale": fault == Some(Fault::Stale)}}),
        _ => return None,
    })
}

fn summary(state: &State, fault: Option<Fault>) -> Value {
    let status = match fault {
        Some(Fault::StopOn) => "STOPPED",
        Some(Fault::Blocked) => "BLOCKED",
        Some(Fault::Other) => "FINE",
        _ => "OK",
    };
    let risk = json!({"code": "BUNDLE_STALE", "severity": "WARN", "message": "old", "evidence_refs": []});
    let risks = if fault == Some(Fault::Stale) { vec![risk] } else { Vec::new() };
    json!({
        "schema": "OPS_SUMMARY_V1", "asof": state.summary_at, "overall_status": status,
        "guard": {"emergency_stop": {"enabled": status == "STOPPED"}, "execution_gate": {"mode": "DRY_RUN"}},
        "top_risks": risks,
    })
}

fn receipt(number: u64, now: &Stamp, fault: Option<Fault>) -> Value {
    let (blocked, stale) = (fault == Some(Fault::Blocked), fault == Some(Fault::Stale));
    let mut document = json!({
        "schema": "LIVE_CYCLE_RECEIPT_V1", "cycle_id": format!("cycle-{number}"), "asof": now, "result": "OK",
        "decision": if blocked || stale { "BLOCKED" } else { "COMPLETED" },
        "reason": if stale { "BUNDLE_STALE" } else if blocked { "OPS_BLOCKED" } else { "SUCCESS" },
        "bundle": {"success": true, "decision": "PASS", "stale": stale, "valid": true},
        "reco": {"success": true, "decision": "GENERATED", "reason": "SUCCESS"},
        "ops_summary": {"success": true}, "push": {"success": true, "delivery_actual": "CONSOLE_SIMULATED"},
        "snapshot_ref": "reports/live/cycle/snapshots/live_cycle_20261001_090500.json", "evidence_refs": [],
    });
    let hash = payload_sha256(&Json::of(&document).expect("canonical"));
    document["integrity"] = json!({"payload_sha256": hash});
    document
}
