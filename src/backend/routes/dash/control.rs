//! `/api/control/kill-switch`: the dashboard's door to the kill switch.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;

use super::App;
use super::Call;
use super::head;
use crate::backend::dash::observer::kill_changed;
use crate::backend::dash::refusal::TRACE_HEADER;
use crate::backend::dash::refusal::refuse;
use crate::backend::reply::Fields;
use crate::backend::reply::Reply;
use crate::backend::routes::told::parent_of;
use crate::contracts::Json;
use crate::contracts::event::CONTRACT_VERSION;
use crate::contracts::event::MAX_NAME;
use crate::contracts::event::is_trace;
use crate::contracts::event::new_trace;
use crate::contracts::kill::KillStatus;
use crate::contracts::kill::KillSwitch;
use crate::gates::Force;
use crate::gates::KillFault;
use crate::gates::KillOrder;
use crate::gates::KillOutcome;
use crate::gates::KillPosition;
use crate::gates::new_kill_id;

/// Characters of a reason.
const MAX_REASON: usize = 500;
/// Who switches when the request does not say.
const SOMEBODY: &str = "operator";
const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

pub(super) fn kill_switch(app: &App, _call: &Call) -> Result<Reply, Reply> {
    Ok(kill_fields(app).ok())
}

/// The kill switch as it counts beside the emergency stop, and its own position as the latch's.
pub(super) fn kill_fields(app: &App) -> Fields {
    let view = app.gates().kill_view();
    let latch = &view.reading.state;
    // Who reads only `is_on` must not take held orders for free ones.
    let counts = KillSwitch { is_on: view.is_on(), status: view.status(), ..latch.clone() };
    head()
        .spread(&counts)
        .with("latch_is_on", &latch.is_on)
        .with("latch_status", &latch.status)
        .with("damage", &view.reading.damage)
        .with("effective_is_on", &view.is_on())
        .with("effective_status", &view.status())
        .with("emergency_stop", &view.emergency_stop)
        .with("emergency_stop_reason", &Some(&view.stop_reason).filter(|_| view.emergency_stop))
}

pub(super) fn set_kill_switch(app: &App, call: &Call) -> Result<Reply, Reply> {
    set(app, call, ["is_on", "kill"])
}

pub(super) fn set_kill(app: &App, call: &Call) -> Result<Reply, Reply> {
    set(app, call, ["kill", "is_on"])
}

fn set(app: &App, call: &Call, names: [&str; 2]) -> Result<Reply, Reply> {
    let asked = Asked::read(app, call)?;
    let trace_id = asked.trace_id.clone().unwrap_or_else(new_trace);
    let order = asked.order(names, &trace_id)?;
    // Before the switch is set: the observer must not tell of it a second time.
    app.dash.observer.leave_to_its_maker(&order.audit_id);
    let outcome = app.gates().set_kill_switch(&order, &call.actor, app.now());
    let outcome = outcome.map_err(|fault| refused(app, &fault, &trace_id))?;
    let position = outcome.changed.then(|| tell(app, &outcome, &order));
    app.dash.observer.has_told(&order.audit_id, position);
    let view = app.gates().kill_view();
    let state = &outcome.now.state;
    let is_on = state.is_on || view.emergency_stop;
    let reply = Fields::new()
        .with("ok", &true)
        .with("contract_version", CONTRACT_VERSION)
        .with("audit_id", &order.audit_id)
        .with("is_on", &is_on)
        .with("status", if is_on { &KillStatus::On } else { &state.status })
        .with("latch_is_on", &state.is_on)
        .with("latch_status", &state.status)
        .with("changed", &outcome.changed)
        .with("reason", &order.reason)
        .with("trace_id", &trace_id)
        .with("ts", &app.now().timestamp_millis())
        .with("version", &state.version)
        .with("audit_persisted", &outcome.audit_persisted)
        .with("effective_is_on", &is_on)
        .with("emergency_stop", &view.emergency_stop)
        .with("troubles", &outcome.troubles)
        .ok();
    Ok(reply.with_header(TRACE_HEADER, &trace_id))
}

/// Publishes the change and what it means for orders, in one go and under one trace; gives the guardrail's position.
fn tell(app: &App, outcome: &KillOutcome, order: &KillOrder) -> String {
    let (before, now) = (&outcome.before, &outcome.now.state);
    app.dash.note_recovery(before.status, now.status);
    let rail = app.dash.guardrail(&app.ops);
    let event = rail.event(app.dash.recoveries.load(Ordering::Relaxed));
    app.dash.bus.publish(vec![kill_changed(before.status, now, "control"), event], Some(&order.trace_id));
    rail.position()
}

fn refused(app: &App, fault: &KillFault, trace_id: &str) -> Reply {
    let (status, code) = match fault {
        KillFault::Conflict { .. } => (StatusCode::CONFLICT, "VERSION_CONFLICT"),
        KillFault::CauseActive(_) => (StatusCode::CONFLICT, "KILL_SWITCH_CAUSE_ACTIVE"),
        KillFault::NotAudited(_) => (StatusCode::INTERNAL_SERVER_ERROR, "AUDIT_WRITE_FAILED"),
        KillFault::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
    };
    refuse((status, code), &fault.to_string(), Some(trace_id), app.now())
}

/// The body as a strict object: two members of one name are none. `trace_id` is what the head of the request says.
fn object(app: &App, call: &Call, trace_id: Option<&str>) -> Result<Json, Reply> {
    let no = |status, code, message: &str| refuse((status, code), message, trace_id, app.now());
    let is_blank = call.body.iter().all(u8::is_ascii_whitespace);
    let body = Json::parse(if is_blank { b"{}" } else { &call.body })
        .map_err(|fault| no(StatusCode::BAD_REQUEST, "INVALID_JSON", &format!("the body is no JSON: {fault}")))?;
    if body.is_object() { Ok(body) } else { Err(no(UNPROCESSABLE, "BODY_NOT_OBJECT", "the body must be an object")) }
}

/// A request while it is read.
struct Asked<'a> {
    app: &'a App,
    call: &'a Call,
    body: Json,
    /// The trace that the request names, else its caller's. Refusals carry it too.
    trace_id: Option<String>,
}

impl<'a> Asked<'a> {
    fn read(app: &'a App, call: &'a Call) -> Result<Self, Reply> {
        let parent = parent_of(&call.headers);
        let body = object(app, call, parent.as_deref())?;
        let asked = Self { app, call, body, trace_id: parent };
        let trace_id = asked.named_trace()?.or_else(|| asked.trace_id.clone());
        Ok(Self { trace_id, ..asked })
    }

    fn no(&self, code: &str, message: &str) -> Reply {
        refuse((UNPROCESSABLE, code), message, self.trace_id.as_deref(), self.app.now())
    }

    /// A member that is there and not null.
    fn member(&self, key: &str) -> Option<&Json> {
        self.body.get(key).filter(|value| **value != Json::Null)
    }

    fn text(&self, key: &str) -> Result<Option<&str>, Reply> {
        match self.member(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.no("INVALID_PARAM", &format!("{key} must be a text"))),
        }
    }

    fn switch(&self, key: &str) -> Result<Option<bool>, Reply> {
        match self.member(key) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.no("INVALID_PARAM", &format!("{key} must be true or false"))),
        }
    }

    /// The trace that the body names.
    fn named_trace(&self) -> Result<Option<String>, Reply> {
        match self.member("trace_id") {
            None => Ok(None),
            Some(Json::String(text)) if text.is_empty() => Ok(None),
            Some(Json::String(text)) if is_trace(text) => Ok(Some(text.clone())),
            Some(_) => {
                let rule = "trace_id must be 1 to 128 characters of A-Z a-z 0-9 . _ : -";
                Err(self.no("INVALID_TRACE_ID", rule))
            }
        }
    }

    /// `switch` is this door's name for the position, `other` the other door's.
    fn order(&self, [switch, other]: [&str; 2], trace_id: &str) -> Result<KillOrder, Reply> {
        if self.body.get(other).is_some() {
            let rule = format!("{other} cannot be given here: say {switch} alone");
            return Err(self.no("INVALID_PARAM", &rule));
        }
        let is_on = self.switch(switch)?;
        let is_on = is_on.ok_or_else(|| self.no("INVALID_PARAM", &format!("{switch} must be true or false")))?;
        let reason = self.reason()?;
        let expected_version = match self.member("expected_version") {
            None => None,
            Some(value) => {
                let version = value.as_integer().and_then(|version| u64::try_from(version).ok());
                Some(version.ok_or_else(|| self.no("INVALID_PARAM", "expected_version must be a whole number"))?)
            }
        };
        let force = if self.switch("force")? == Some(true) { Force::Yes } else { Force::No };
        let actor = self.actor()?;
        let from = &self.call.actor.from;
        Ok(KillOrder {
            audit_id: new_kill_id(),
            position: if is_on { KillPosition::On } else { KillPosition::Off },
            reason,
            actor,
            actor_ip: from.strip_prefix("http ").unwrap_or(from).to_owned(),
            trace_id: trace_id.to_owned(),
            expected_version,
            force,
        })
    }

    fn reason(&self) -> Result<String, Reply> {
        let rule = format!("reason must be a text of 1 to {MAX_REASON} characters");
        let reason = match self.member("reason") {
            Some(Json::String(text)) => text.trim(),
            _ => "",
        };
        if (1..=MAX_REASON).contains(&reason.chars().count()) {
            Ok(reason.to_owned())
        } else {
            Err(self.no("REASON_REQUIRED", &rule))
        }
    }

    /// Who, as the request says: in its body, else in its head.
    fn actor(&self) -> Result<String, Reply> {
        let named = |text: &str| Some(text.trim().to_owned()).filter(|name| !name.is_empty());
        let header =
            self.call.headers.get("x-actor").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let stated = self.text("actor")?.and_then(named).or_else(|| header.as_deref().and_then(named));
        let actor = stated.unwrap_or_else(|| SOMEBODY.to_owned());
        if actor.chars().count() > MAX_NAME {
            return Err(self.no("FIELD_TOO_LONG", &format!("actor has more than {MAX_NAME} characters")));
        }
        Ok(actor)
    }
}
