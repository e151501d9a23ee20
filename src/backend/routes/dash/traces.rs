//! `/api/ops/traces`: events that belong together, as groups and one by one.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::ops::ControlFlow;

use axum::http::StatusCode;
use serde::Serialize;

use super::App;
use super::Call;
use super::head;
use crate::backend::dash::params::Params;
use crate::backend::dash::past::Order;
use crate::backend::dash::past::Record;
use crate::backend::dash::refusal::refuse;
use crate::backend::query::segment;
use crate::backend::reply::Reply;
use crate::contracts::event::Event;
use crate::contracts::event::Severity;
use crate::contracts::event::is_trace;
use crate::contracts::event::plain_trace;
use crate::telemetry::EventFilter;
use crate::telemetry::TraceText;

/// Events of one trace in a reply.
const EVENTS: usize = 10_000;

/// The events of one trace, put together.
#[derive(Debug, Serialize)]
struct Group {
    trace_id: String,
    first_ts: i64,
    last_ts: i64,
    first_id: u64,
    last_id: u64,
    count: u64,
    types: BTreeSet<String>,
    last_event_type: String,
    max_severity: Severity,
    sources: BTreeSet<String>,
}

impl Group {
    fn of(event: &Event) -> Self {
        Self {
            trace_id: event.trace_id.clone(),
            first_ts: event.ts,
            last_ts: event.ts,
            first_id: event.id,
            last_id: event.id,
            count: 0,
            types: BTreeSet::new(),
            last_event_type: event.kind.clone(),
            max_severity: event.severity,
            sources: BTreeSet::new(),
        }
    }

    /// Takes one event more, older than all before.
    fn add(&mut self, event: &Event) {
        self.count += 1;
        (self.first_id, self.first_ts) = (event.id, event.ts);
        self.max_severity = self.max_severity.max(event.severity);
        if !self.types.contains(&event.kind) {
            self.types.insert(event.kind.clone());
        }
        if !self.sources.contains(&event.source) {
            self.sources.insert(event.source.clone());
        }
    }
}

pub(super) fn list(app: &App, call: &Call) -> Result<Reply, Reply> {
    let params = Params::new(&call.query, app.now());
    let limit = params.limit(50, 200)?;
    let kinds = params.texts("type")?;
    let since_ms = params.instant("since_ms")?;
    // A trace counts whole: type and time say which traces are shown, not which of their events are counted.
    let filter = EventFilter { q: params.trace("q")?, ..EventFilter::default() };
    let (groups, is_all) = grouped(app, &filter);
    let wanted = |group: &Group| {
        (kinds.is_empty() || kinds.iter().any(|kind| group.types.contains(*kind)))
            && since_ms.is_none_or(|since| group.last_ts >= since)
    };
    let mut items: Vec<Group> = groups.into_iter().filter(wanted).collect();
    let has_more = items.len() > limit || !is_all;
    items.truncate(limit);
    let fields = head().with("items", &items).with("count", &items.len()).with("has_more", &has_more);
    Ok(fields.ok())
}

/// The groups, the one with the newest event first, and whether every event is in them.
fn grouped(app: &App, filter: &EventFilter) -> (Vec<Group>, bool) {
    let (mut groups, mut places) = (Vec::<Group>::new(), HashMap::new());
    let mut see = |record: Record| {
        let event = record.event();
        let plain = plain_trace(&event.trace_id);
        // Of hyphens alone nothing would be left.
        let key = if plain.is_empty() { event.trace_id.clone() } else { plain };
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group::of(event));
        }
        if let Some(group) = groups.get_mut(place) {
            group.add(event);
        }
        ControlFlow::Continue(())
    };
    let (is_all, _) = app.dash.visit(filter, Order::NewestFirst, &mut see);
    (groups, is_all)
}

pub(super) fn one(app: &App, call: &Call) -> Result<Reply, Reply> {
    let asked = segment(&call.tail).filter(|id| is_trace(id));
    let unknown = || {
        let why = "no event of this trace is known, in what the bus keeps and the newest part of the log";
        refuse((StatusCode::NOT_FOUND, "TRACE_NOT_FOUND"), why, asked.as_deref(), app.now())
    };
    let trace_id = asked.as_deref().ok_or_else(unknown)?;
    let filter = EventFilter { trace_id: Some(TraceText::new(trace_id)), ..EventFilter::default() };
    // The newest are kept when there are too many, and told from the oldest on.
    let mut found = app.dash.find(&filter, EVENTS, Order::NewestFirst);
    found.records.reverse();
    let (Some(first), Some(last)) = (found.records.first(), found.records.last()) else { return Err(unknown()) };
    let worst = found.records.iter().map(|record| record.event().severity).max();
    let fields = head()
        .with("trace_id", &first.event().trace_id)
        .with("status", &worst)
        .with("started_at", &first.event().ts_iso)
        .with("first_ts", &first.event().ts)
        .with("last_ts", &last.event().ts)
        .with("count", &found.records.len())
        .with("events", &found.records)
        .with("truncated", &found.has_more);
    Ok(fields.ok())
}
