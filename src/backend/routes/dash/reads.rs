//! Events and lists made of events, as they are read.

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::App;
use super::Call;
use super::head;
use crate::backend::dash::params::Params;
use crate::backend::dash::past::DropRow;
use crate::backend::dash::past::Order;
use crate::backend::reply::Reply;
use crate::contracts::event::Event;
use crate::contracts::event::NO_TRACE;
use crate::contracts::event::Severity;
use crate::telemetry::EventFilter;

/// Events and points of a history.
const HISTORY: usize = 500;
/// Types that are about risk whatever their severity.
const RISKS: [&str; 6] =
    ["KillSwitchChanged", "RISK_TRIGGERED", "ORDER_REJECTED", "LEVEL_DOWNGRADED", "LEVEL_RESTORED", "SYSTEM_GUARD"];

pub(super) fn events(app: &App, call: &Call) -> Result<Reply, Reply> {
    let params = Params::new(&call.query, app.now());
    let filter = params.filter()?;
    let limit = params.limit(200, 1000)?;
    let order = params.order(&filter)?;
    let found = app.dash.find(&filter, limit, order);
    let (oldest_id, last_id) = (app.dash.oldest_id(), app.dash.bus.ids().last);
    let fields = head()
        .with("events", &found.records)
        .with("count", &found.records.len())
        .with("oldest_id", &oldest_id)
        .with("last_id", &last_id)
        .with("has_more", &found.has_more)
        .with("scanned_id", &found.scanned_id);
    Ok(fields.ok())
}

pub(super) fn history(app: &App, call: &Call) -> Result<Reply, Reply> {
    let now = app.now();
    let hours = Params::new(&call.query, now).whole("hours", 1..=168)?.unwrap_or(24);
    let since_ms = now.timestamp_millis() - i64::try_from(hours).unwrap_or(168) * 3_600_000;
    let filter = EventFilter { since_ms: Some(since_ms), ..EventFilter::default() };
    let found = app.dash.find(&filter, HISTORY, Order::NewestFirst);
    let (points, points_truncated) = app.dash.points(since_ms, HISTORY);
    let fields = head()
        .with("hours", &hours)
        .with("events", &found.records)
        .with("count", &found.records.len())
        .with("has_more", &found.has_more)
        .with("points", &points)
        .with("points_truncated", &points_truncated);
    Ok(fields.ok())
}

pub(super) fn alerts(app: &App, call: &Call) -> Result<Reply, Reply> {
    let limit = Params::new(&call.query, app.now()).limit(50, 500)?;
    let filter = EventFilter { severity_min: Some(Severity::Error), ..EventFilter::default() };
    let found = app.dash.find(&filter, limit, Order::NewestFirst);
    let fields = head()
        .with("alerts", &found.records)
        .with("limit", &limit)
        .with("count", &found.records.len())
        .with("has_more", &found.has_more);
    Ok(fields.ok())
}

/// What happened, as a runtime log tells it.
#[derive(Serialize)]
struct RuntimeEvent<'a> {
    ts: i64,
    level: &'a str,
    action: &'a str,
    reason: &'a str,
    trace_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_pid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_pid: Option<u64>,
}

impl<'a> RuntimeEvent<'a> {
    fn of(event: &'a Event) -> Self {
        let pid = |name: &str| event.data.get(name).and_then(Value::as_u64);
        Self {
            ts: event.ts,
            level: event.severity.as_str(),
            action: &event.kind,
            reason: reason(event),
            trace_id: &event.trace_id,
            pid: pid("pid"),
            old_pid: pid("old_pid"),
            new_pid: pid("new_pid"),
        }
    }

    fn of_drops(row: &'a DropRow) -> Self {
        let (level, action) = (Severity::Warn.as_str(), "backpressure-drop");
        Self {
            ts: row.ts,
            level,
            action,
            reason: &row.reason,
            trace_id: NO_TRACE,
            pid: None,
            old_pid: None,
            new_pid: None,
        }
    }
}

pub(super) fn runtime_events(app: &App, call: &Call) -> Result<Reply, Reply> {
    let limit = Params::new(&call.query, app.now()).limit(50, 500)?;
    let found = app.dash.find(&EventFilter::default(), limit, Order::NewestFirst);
    let mut events: Vec<_> = found.records.iter().map(|record| RuntimeEvent::of(record.event())).collect();
    let drops = app.dash.drop_rows(limit);
    events.extend(drops.iter().map(RuntimeEvent::of_drops));
    // Stable: events of one instant stay in the order of their ids.
    events.sort_by_key(|event| std::cmp::Reverse(event.ts));
    let has_more = found.has_more || events.len() > limit;
    events.truncate(limit);
    let fields = head().with("events", &events).with("count", &events.len()).with("has_more", &has_more);
    Ok(fields.ok())
}

/// An event that says something about risk.
#[derive(Serialize)]
struct RiskItem<'a> {
    /// In milliseconds since 1970.
    timestamp: i64,
    event_id: u64,
    event_type: &'a str,
    severity: Severity,
    level: &'a str,
    reason: &'a str,
    trace_id: &'a str,
    data: &'a Map<String, Value>,
}

impl<'a> RiskItem<'a> {
    fn of(event: &'a Event) -> Self {
        let by_severity = match event.severity {
            Severity::Info => "OK",
            Severity::Warn => "WARNING",
            Severity::Error | Severity::Critical => "CRITICAL",
        };
        Self {
            timestamp: event.ts,
            event_id: event.id,
            event_type: &event.kind,
            severity: event.severity,
            level: text(event, "risk_level").unwrap_or(by_severity),
            reason: reason(event),
            trace_id: &event.trace_id,
            data: &event.data,
        }
    }

    fn is_one(event: &Event) -> bool {
        event.severity >= Severity::Warn || RISKS.contains(&event.kind.as_str())
    }
}

pub(super) fn risks(app: &App, call: &Call) -> Result<Reply, Reply> {
    risk_list(app, call, &["items"])
}

/// The older address, whose readers look for the list under two other names.
pub(super) fn old_risks(app: &App, call: &Call) -> Result<Reply, Reply> {
    risk_list(app, call, &["items", "risks", "events"])
}

fn risk_list(app: &App, call: &Call, names: &[&'static str]) -> Result<Reply, Reply> {
    let limit = Params::new(&call.query, app.now()).limit(20, 500)?;
    let found = app.dash.find_where(&EventFilter::default(), &RiskItem::is_one, limit, Order::NewestFirst);
    let items: Vec<_> = found.records.iter().map(|record| RiskItem::of(record.event())).collect();
    let fields = head().with("count", &items.len());
    let fields = names.iter().fold(fields, |fields, name| fields.with(name, &items));
    Ok(fields.with("has_more", &found.has_more).ok())
}

/// Why it happened: as the data says, else as the message does.
fn reason(event: &Event) -> &str {
    text(event, "reason").unwrap_or(&event.message)
}

fn text<'a>(event: &'a Event, key: &str) -> Option<&'a str> {
    event.data.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}
