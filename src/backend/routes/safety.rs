//! Execution gate, sender and emergency stop: what counts now, and changing it.

use axum::http::StatusCode;
use serde::Serialize;

use super::App;
use super::Call;
use crate::backend::body::RequestBody;
use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::contracts::Document;
use crate::contracts::GateMode;
use crate::contracts::actor::Role;
use crate::contracts::channel::Channels;
use crate::contracts::safety::ExecutionGate;
use crate::contracts::safety::SenderEnable;
use crate::gates::Reading;
use crate::gates::Sender;
use crate::gates::Stop;
use crate::gates::SwitchFault;

/// Who changes a switch when the request does not say.
const LOCAL_API: &str = "local_api";
const LOCAL_OPERATOR: &str = "local_operator";
const UNREADABLE_GATE: &str = "EXECUTION_GATE_UNREADABLE";
const UNREADABLE_STOP: &str = "EMERGENCY_STOP_UNREADABLE";
const NOTHING: Option<&str> = None;

pub(super) fn gate(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let reading = app.gates().switches().gate;
    let default = || {
        Fields::new()
            .with("schema", ExecutionGate::SCHEMA)
            .with("mode", reading.value.as_str())
            .with("updated_at", &NOTHING)
            .with("updated_by", &NOTHING)
            .with("reason", reading.damage().map_or("Default (no gate file)", |_| UNREADABLE_GATE))
    };
    Ok(ready(app, &reading, default))
}

pub(super) fn stop(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let reading = app.gates().switches().stop;
    let default = || {
        Fields::new()
            .with("enabled", &reading.value)
            .with("updated_at", &NOTHING)
            .with("updated_by", &NOTHING)
            .with("reason", &reading.damage().map(|_| UNREADABLE_STOP))
    };
    Ok(ready(app, &reading, default))
}

pub(super) fn sender(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let reading = app.gates().switches().sender;
    let default = |reason: &str| {
        Fields::new()
            .with("enabled", &reading.value)
            .with("channel", &Channels::TELEGRAM_ONLY)
            .with("updated_at", &NOTHING)
            .with("updated_by", &NOTHING)
            .with("reason", reason)
    };
    let Some(why) = reading.damage() else {
        return Ok(ready(app, &reading, || default("Not configured")));
    };
    Ok(Fields::new()
        .with("status", "error")
        .with("schema", SenderEnable::SCHEMA)
        .asof_now(app.now())
        .with("data", &default("REAL_SENDER_UNREADABLE").nested())
        .with("error", &Problem { code: "READ_ERROR", message: why })
        .ok())
}

/// The reading of a switch. The safe value of a file that cannot be used comes with a warning that says so.
fn ready<T, D: Document>(app: &App, reading: &Reading<T, D>, default: impl Fn() -> Fields) -> Reply {
    let fields = Fields::new().with("status", "ready").with("schema", D::SCHEMA).asof_now(app.now());
    let fields = match &reading.document {
        Some(document) => fields.with("data", document),
        None => fields.with("data", &default().nested()),
    };
    let fields = match reading.damage() {
        Some(why) => fields.with("warning", &format!("the file cannot be used, the safe value counts: {why}")),
        None => fields,
    };
    fields.with("error", &NOTHING).ok()
}

pub(super) fn set_gate(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let (mode, reason) = (body.text("mode")?, body.text("reason")?);
    let mode = GateMode::parse(mode).ok_or_else(|| {
        let modes = GateMode::ALL.map(|mode| format!("'{}'", mode.as_str())).join(", ");
        fail(StatusCode::BAD_REQUEST, &format!("Invalid mode. Must be one of [{modes}]"))
    })?;
    if mode == GateMode::RealEnabled {
        super::admission::needs(app, call, Role::Admin)?;
    }
    let gate = app
        .gates()
        .set_gate(mode, &call.actor.named(Some(LOCAL_API)), reason, app.now())
        .map_err(|fault| unchanged(&fault))?;
    Ok(set("mode", &gate.mode).with("updated_at", &gate.updated_at).ok())
}

pub(super) fn set_stop(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let on = body.boolean("enabled")?;
    let by = body.text_or_default("operator_id")?.filter(|by| !by.trim().is_empty()).unwrap_or(LOCAL_OPERATOR);
    let reason = body.text_or_default("reason")?.unwrap_or_default();
    let position = if on { Stop::On } else { Stop::Off };
    let stop = app
        .gates()
        .set_stop(position, &call.actor.named(Some(by)), reason, app.now())
        .map_err(|fault| unchanged(&fault))?;
    Ok(set("enabled", &stop.enabled).with("updated_at", &stop.updated_at).ok())
}

pub(super) fn set_sender(app: &App, call: &Call) -> Result<Reply, Reply> {
    let body = RequestBody::required(&call.body)?;
    let on = body.boolean("enabled")?;
    let reason = if body.is_null("reason") { None } else { body.text_or_default("reason")? };
    if on {
        super::admission::needs(app, call, Role::Admin)?;
    }
    // Disabling is never refused for a list that it does not need.
    let position = if on { Sender::On(channels(&body)?) } else { Sender::Off };
    let set_to =
        app.gates().set_sender(position, &call.actor.named(Some(LOCAL_API)), reason.unwrap_or_default(), app.now());
    let sender = set_to.map_err(|fault| match fault {
        SwitchFault::NoReason(_) => {
            Fields::new().with("error", "reason is required when enabling").wrapped(StatusCode::BAD_REQUEST)
        }
        SwitchFault::Refused(_) | SwitchFault::NotRecorded(_) | SwitchFault::Store(_) => unchanged(&fault),
    })?;
    Ok(set("enabled", &sender.enabled).with("channel", &sender.channel).ok())
}

/// The channels that a request names; Telegram when it names none.
fn channels(body: &RequestBody) -> Result<Channels, Reply> {
    let Some(names) = body.texts_or_default("channels")? else { return Ok(Channels::TELEGRAM_ONLY) };
    Channels::named(names.iter().map(String::as_str))
        .map_err(|why| Fields::new().with("error", &format!("channels: {why}")).wrapped(StatusCode::BAD_REQUEST))
}

fn set<T: Serialize>(key: &'static str, value: &T) -> Fields {
    Fields::new().with("result", "OK").with(key, value)
}

fn unchanged(fault: &SwitchFault) -> Reply {
    let status = match fault {
        SwitchFault::NoReason(_) => StatusCode::BAD_REQUEST,
        SwitchFault::Refused(_) => StatusCode::CONFLICT,
        SwitchFault::NotRecorded(_) | SwitchFault::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    fail(status, &fault.to_string())
}

fn fail(status: StatusCode, message: &str) -> Reply {
    Fields::new().with("result", "FAIL").with("message", message).reply(status)
}
