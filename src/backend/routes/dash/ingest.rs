//! `/api/ops/test-event` and `/api/ops/events`: how events come in.

use std::collections::HashSet;

use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use serde_json::Map;
use serde_json::Value;

use super::App;
use super::Call;
use crate::backend::dash::refusal::TRACE_HEADER;
use crate::backend::dash::refusal::bad_event;
use crate::backend::dash::refusal::bad_item;
use crate::backend::dash::refusal::refuse;
use crate::backend::reply::Fields;
use crate::backend::reply::Reply;
use crate::contracts::Json;
use crate::contracts::JsonFault;
use crate::contracts::event::DraftDefaults;
use crate::contracts::event::EventDraft;
use crate::contracts::event::is_trace;
use crate::contracts::event::trace_of_parent;
use crate::contracts::json::decode;

/// What an event that may come twice is known by.
const SPOOL_ID: &str = "spool_id";
/// Events of one batch.
const BATCH: usize = 500;
const TEST: DraftDefaults = DraftDefaults { kind: "test-event", source: "test" };
const OTHERS: DraftDefaults = DraftDefaults { kind: "event", source: "unknown" };

/// The body of a request, and the trace that the request belongs to.
pub(super) struct Given {
    /// The members of the body.
    pub(super) members: Map<String, Value>,
    /// As the body says, else as the header `traceparent` says.
    pub(super) trace_id: Option<String>,
}

pub(super) fn test_event(app: &App, call: &Call) -> Result<Reply, Reply> {
    let given = given(app, call)?;
    let trace_id = given.trace_id.as_deref();
    let draft = EventDraft::parse(Value::Object(given.members), TEST);
    let draft = draft.map_err(|fault| bad_event(&fault, trace_id, app.now()))?;
    let accepted = app.dash.bus.publish(vec![draft], trace_id);
    let event = accepted.frames.first().map(|frame| &frame.event);
    let fields = Fields::new()
        .with("status", "ok")
        .with("trace_id", &accepted.trace_id)
        .with("event", &event)
        .with("subscribers", &accepted.offered);
    Ok(fields.ok().with_header(TRACE_HEADER, &accepted.trace_id))
}

pub(super) fn events(app: &App, call: &Call) -> Result<Reply, Reply> {
    let given = given(app, call)?;
    let trace_id = given.trace_id.clone();
    let trace_id = trace_id.as_deref();
    let drafts = if given.members.contains_key("events") {
        batch(app, given)?
    } else {
        let draft = EventDraft::parse(Value::Object(given.members), OTHERS);
        vec![draft.map_err(|fault| bad_item(0, &fault, trace_id, app.now()))?]
    };
    if !app.ingest.take(drafts.len(), app.ops.clock().monotonic()) {
        let why = "more than 20,000 events a second came in; nothing was accepted, try again";
        let no = refuse((StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"), why, trace_id, app.now());
        return Err(no.with_header(header::RETRY_AFTER, "1"));
    }
    let count = drafts.len();
    // A batch of which every event is known still belongs to its trace.
    let first = drafts.first().and_then(EventDraft::trace_id).map(str::to_owned);
    let trace_id = trace_id
        .map(str::to_owned)
        .or_else(|| drafts.iter().all(|draft| draft.trace_id().is_some()).then_some(first)?);
    let trace_id = trace_id.as_deref();
    let accepted = app.dash.bus.publish(without_known(app, drafts), trace_id);
    let id = |frame: Option<&std::sync::Arc<crate::telemetry::Frame>>| frame.map(|frame| frame.event.id);
    let fields = Fields::new()
        .with("status", "ok")
        .with("accepted", &count)
        .with("first_id", &id(accepted.frames.first()))
        .with("last_id", &id(accepted.frames.last()))
        .with("trace_id", &accepted.trace_id);
    Ok(fields.ok().with_header(TRACE_HEADER, &accepted.trace_id))
}

/// The drafts without those that the bus has under the same `spool_id`: a post whose answer was lost is made again.
fn without_known(app: &App, mut drafts: Vec<EventDraft>) -> Vec<EventDraft> {
    let own = |draft: &EventDraft| draft.member(SPOOL_ID).and_then(Value::as_str).map(str::to_owned);
    let given: HashSet<String> = drafts.iter().filter_map(own).collect();
    if given.is_empty() {
        return drafts;
    }
    let recent = app.dash.bus.recent();
    let ids = recent.iter().filter_map(|frame| frame.event.data.get(SPOOL_ID)?.as_str());
    let mut known: HashSet<String> = ids.filter(|id| given.contains(*id)).map(str::to_owned).collect();
    drafts.retain(|draft| own(draft).is_none_or(|id| known.insert(id)));
    drafts
}

/// The drafts of a batch, all of them or none.
fn batch(app: &App, given: Given) -> Result<Vec<EventDraft>, Reply> {
    let Given { mut members, trace_id } = given;
    let trace_id = trace_id.as_deref();
    let list = members.remove("events");
    members.remove("trace_id");
    if let Some(other) = members.keys().next() {
        // What stood beside the list would belong to no event, and would be lost without a word.
        let rule = format!("{other} cannot stand beside events: put it into each event");
        return Err(invalid(app, &rule, trace_id));
    }
    let items = match list {
        Some(Value::Array(items)) if (1..=BATCH).contains(&items.len()) => items,
        Some(Value::Array(items)) => {
            let rule = format!("events holds {} items; 1 to {BATCH} are allowed", items.len());
            return Err(invalid(app, &rule, trace_id));
        }
        _ => return Err(invalid(app, "events must be a list", trace_id)),
    };
    let read =
        |(index, item)| EventDraft::parse(item, OTHERS).map_err(|fault| bad_item(index, &fault, trace_id, app.now()));
    items.into_iter().enumerate().map(read).collect()
}

/// A body member that breaks its rule.
pub(super) fn invalid(app: &App, rule: &str, trace_id: Option<&str>) -> Reply {
    refuse((StatusCode::UNPROCESSABLE_ENTITY, "INVALID_PARAM"), rule, trace_id, app.now())
}

/// Reads the JSON object of a request. No body at all is an empty object, whatever the content type says.
pub(super) fn given(app: &App, call: &Call) -> Result<Given, Reply> {
    let parent = traceparent(&call.headers);
    let no = |status, code, why: &str| refuse((status, code), why, parent.as_deref(), app.now());
    if call.body.is_empty() {
        return Ok(Given { members: Map::new(), trace_id: parent });
    }
    if !says_json(&call.headers) {
        let why = "a body needs the header Content-Type: application/json";
        return Err(no(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", why));
    }
    match parse(&call.body) {
        Ok(Value::Object(members)) => {
            let own = members.get("trace_id").and_then(Value::as_str).filter(|text| is_trace(text));
            let trace_id = own.map(str::to_owned).or(parent);
            Ok(Given { members, trace_id })
        }
        Ok(_) => Err(no(StatusCode::UNPROCESSABLE_ENTITY, "BODY_NOT_OBJECT", "the body must be a JSON object")),
        Err(fault @ JsonFault::TooDeep) => {
            Err(no(StatusCode::UNPROCESSABLE_ENTITY, "DATA_TOO_LARGE", &fault.to_string()))
        }
        Err(fault) => Err(no(StatusCode::BAD_REQUEST, "INVALID_JSON", &format!("the body is {}", why(&fault)))),
    }
}

fn why(fault: &JsonFault) -> String {
    match fault {
        JsonFault::Empty => "not JSON: it holds nothing but white space".to_owned(),
        JsonFault::DuplicateKey(_) | JsonFault::NotFinite(_) => format!("not accepted: {fault}"),
        JsonFault::NotUtf8(_) | JsonFault::Syntax(_) | JsonFault::TooDeep => fault.to_string(),
    }
}

/// Read twice: the strict reader refuses what two readers could understand in two ways, the other one makes the value.
fn parse(bytes: &[u8]) -> Result<Value, JsonFault> {
    Json::parse(bytes)?;
    serde_json::from_str(decode(bytes)?).map_err(|fault| JsonFault::Syntax(fault.to_string()))
}

/// Whether exactly one header says that the body is JSON; parameters such as a charset may follow.
fn says_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = values.next().and_then(|value| value.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) && values.next().is_none()
}

/// The trace of the caller as the header `traceparent` says, when it says so once.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { trace_of_parent(value) }
}
