//! `/api/ops/test-event` and `/api/ops/events`: how events come in.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header;
use serde_json::Value;

use super::App;
use super::Call;
use super::given::Given;
use super::given::given;
use super::given::invalid;
use crate::backend::dash::refusal::TRACE_HEADER;
use crate::backend::dash::refusal::bad_event;
use crate::backend::dash::refusal::bad_item;
use crate::backend::dash::refusal::refuse;
use crate::backend::reply::Fields;
use crate::backend::reply::Reply;
use crate::contracts::event::DraftDefaults;
use crate::contracts::event::EventDraft;
use crate::telemetry::Frame;

/// What an event that may come twice is known by.
const SPOOL_ID: &str = "spool_id";
/// Events of one batch.
const BATCH: usize = 500;
const TEST: DraftDefaults = DraftDefaults { kind: "test-event", source: "test" };
const OTHERS: DraftDefaults = DraftDefaults { kind: "event", source: "unknown" };

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
    let id = |frame: Option<&Arc<Frame>>| frame.map(|frame| frame.event.id);
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
