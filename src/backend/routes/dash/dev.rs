//! Endpoints for rehearsals and load tests; they exist only when the settings say so.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header;
use serde_json::Map;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::watch;

use super::App;
use super::Call;
use super::given::Given;
use super::given::given;
use super::given::invalid;
use crate::backend::dash::refusal::TRACE_HEADER;
use crate::backend::dash::refusal::bad_event;
use crate::backend::dash::refusal::refuse;
use crate::backend::reply::Fields;
use crate::backend::reply::Reply;
use crate::contracts::event::CONTRACT_VERSION;
use crate::contracts::event::DraftDefaults;
use crate::contracts::event::EventDraft;
use crate::contracts::event::is_kind;
use crate::telemetry::Bus;
use crate::telemetry::Transport;

const DEV: DraftDefaults = DraftDefaults { kind: "event", source: "dev" };
/// The types that a storm of events goes through.
const LEGACY: [&str; 6] =
    ["RISK_TRIGGERED", "ORDER_REJECTED", "LEVEL_DOWNGRADED", "LEVEL_RESTORED", "SYSTEM_GUARD", "AUDIT_LOG"];
/// Subscribers that never read, at once.
const HUNG: usize = 100;
/// Events of a storm that are published in one go.
const STEP: u64 = 200;
/// How long a storm waits at most before it looks whether the server stops.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn emit_event(app: &App, call: &Call) -> Result<Reply, Reply> {
    let Given { mut members, trace_id } = given(app, call)?;
    let trace_id = trace_id.as_deref();
    let named = |key| members.get(key).is_some_and(|value: &Value| !value.is_null());
    if !named("event_type") && !named("type") {
        return Err(invalid(app, "event_type must be there", trace_id));
    }
    // Index and total are members that the envelope does not know, so they come to stand in `data` as well.
    match members.remove("metadata") {
        None | Some(Value::Null) => {}
        Some(Value::Object(metadata)) => {
            let data = members.entry("data").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(data) = data {
                for (key, value) in metadata {
                    data.entry(key).or_insert(value);
                }
            }
        }
        Some(_) => return Err(invalid(app, "metadata must be an object", trace_id)),
    }
    let draft = EventDraft::parse(Value::Object(members), DEV);
    let draft = draft.map_err(|fault| bad_event(&fault, trace_id, app.now()))?;
    let accepted = app.dash.bus.publish(vec![draft], trace_id);
    let event = accepted.frames.first().map(|frame| &frame.event);
    let fields = Fields::new()
        .with("ok", &true)
        .with("contract_version", CONTRACT_VERSION)
        .with("emitted", &event.map(|event| &event.kind))
        .with("trace_id", &accepted.trace_id)
        .with("ts", &event.map(|event| event.ts));
    Ok(fields.ok().with_header(TRACE_HEADER, &accepted.trace_id))
}

/// Many events, published beside the request.
struct Storm {
    count: u64,
    /// 0: as fast as it goes.
    per_second: u64,
    pad: String,
    /// All of one type; none: one legacy type after the other.
    kind: Option<String>,
}

pub(super) fn emit_many(app: &App, call: &Call) -> Result<Reply, Reply> {
    let Given { members, .. } = given(app, call)?;
    let pad = usize::try_from(whole(app, &members, "pad_bytes", (0..=8192, 0))?).unwrap_or(0);
    let storm = Storm {
        count: whole(app, &members, "count", (1..=100_000, 10_000))?,
        per_second: whole(app, &members, "rate_per_s", (0..=1_000_000, 0))?,
        pad: "x".repeat(pad),
        kind: kind(app, &members)?,
    };
    let Ok(turn) = Arc::clone(&app.storm).try_acquire_owned() else {
        let why = "a storm of events is still going on, try again when it is over";
        let no = refuse((StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"), why, None, app.now());
        return Err(no.with_header(header::RETRY_AFTER, "1"));
    };
    let (bus, stopping) = (Arc::clone(&app.dash.bus), app.dash.stopping.clone());
    let started =
        std::thread::Builder::new().name("storm".to_owned()).spawn(move || rage(&bus, &storm, &stopping, turn));
    if let Err(fault) = started {
        let why = format!("no thread could be started: {fault}");
        return Err(refuse((StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"), &why, None, app.now()));
    }
    let first = trace_of(0);
    let fields = Fields::new().with("status", "accepted").with("trace_id", &first);
    Ok(fields.reply(StatusCode::ACCEPTED).with_header(TRACE_HEADER, &first))
}

/// Publishes the storm, in steps; its turn ends with it.
fn rage(bus: &Bus, storm: &Storm, stopping: &watch::Receiver<bool>, turn: OwnedSemaphorePermit) {
    let start = bus.clock().monotonic();
    let step = if storm.per_second == 0 { STEP } else { (storm.per_second / 50).clamp(1, STEP) };
    let mut next = 0;
    while next < storm.count && !*stopping.borrow() {
        let due = match storm.per_second {
            0 => Duration::ZERO,
            rate => Duration::from_secs(next) / u32::try_from(rate).unwrap_or(u32::MAX),
        };
        let passed = bus.clock().monotonic().saturating_sub(start);
        if due > passed {
            bus.clock().wait((due - passed).min(PAUSE));
            continue;
        }
        let end = storm.count.min(next + step);
        bus.publish((next..end).map(|index| storm.event(index)).collect(), None);
        next = end;
    }
    drop(turn);
}

impl Storm {
    fn event(&self, index: u64) -> EventDraft {
        let place = usize::try_from(index).unwrap_or(0) % LEGACY.len();
        let kind = self.kind.as_deref().or_else(|| LEGACY.get(place).copied()).unwrap_or("event");
        let draft = EventDraft::new(kind, "stress", &format!("event {} of {}", index + 1, self.count));
        let draft = draft.trace(&trace_of(index)).with("index", index).with("total", self.count);
        if self.pad.is_empty() { draft } else { draft.with("pad", self.pad.as_str()) }
    }
}

fn trace_of(index: u64) -> String {
    format!("stress-{index:05}")
}

fn whole(
    app: &App,
    members: &Map<String, Value>,
    key: &str,
    (range, default): (RangeInclusive<u64>, u64),
) -> Result<u64, Reply> {
    match members.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_u64().filter(|number| range.contains(number)).ok_or_else(|| {
            let rule = format!("{key} must be a whole number from {} to {}", range.start(), range.end());
            invalid(app, &rule, None)
        }),
    }
}

fn kind(app: &App, members: &Map<String, Value>) -> Result<Option<String>, Reply> {
    match members.get("type") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(kind)) if is_kind(kind) => Ok(Some(kind.clone())),
        Some(_) => {
            let why = "type must be 1 to 64 characters of A-Z a-z 0-9 _ . : -";
            Err(refuse((StatusCode::UNPROCESSABLE_ENTITY, "INVALID_TYPE"), why, None, app.now()))
        }
    }
}

pub(super) fn hang(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let mut hung = app.dash.hung.lock().unwrap_or_else(PoisonError::into_inner);
    let place = if hung.len() < HUNG { app.dash.bus.subscribe(Transport::Hung, "dev", None).ok() } else { None };
    let Some(place) = place else {
        let why = format!("{HUNG} subscribers hang already");
        let code = (StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_SUBSCRIBERS");
        return Err(refuse(code, &why, None, app.now()).with_header(header::RETRY_AFTER, "5"));
    };
    hung.push(place);
    Ok(Fields::new().with("status", "ok").with("hung_subs", &hung.len()).ok())
}

pub(super) fn clear(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let cleared = std::mem::take(&mut *app.dash.hung.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Fields::new().with("status", "ok").with("cleared", &cleared.len()).ok())
}
