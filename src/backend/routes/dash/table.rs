//! The rows of the dashboard's family. A second row of the same method and path does not compile.

use super::control;
use super::dev;
use super::export;
use super::ingest;
use super::logs;
use super::metrics;
use super::pages;
use super::prometheus;
use super::reads;
use super::state;
use super::streamed;
use super::traces;
use crate::backend::routes::Kind;
use crate::backend::routes::Member;
use crate::backend::routes::Route;
use crate::backend::routes::route::Answer;
use crate::backend::routes::route::DashRow;
use crate::backend::routes::route::Handler;
use crate::backend::routes::table::get;
use crate::backend::routes::table::has_twins;
use crate::backend::routes::table::may;
use crate::backend::routes::table::need;
use crate::backend::routes::table::post;

/// Bytes of a request body.
const BODY: usize = 64 << 10;
/// The same, where events come in batches.
const BATCH: usize = 1 << 20;

const ROW: DashRow = DashRow { token: false, dev: false, successor: None, body_limit: BODY };

const fn read(path: &'static str, schema: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route { dash: Some(ROW), ..get(path, schema, summary, handler) }
}

const fn write(path: &'static str, schema: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route { dash: Some(ROW), ..post(path, schema, summary, handler) }
}

const fn with(route: Route, row: DashRow) -> Route {
    Route { dash: Some(row), ..route }
}

/// Needs a token on this machine too.
const fn locked(route: Route) -> Route {
    with(route, DashRow { token: true, ..ROW })
}

/// Exists only for rehearsals.
const fn rehearsal(route: Route) -> Route {
    with(route, DashRow { token: true, dev: true, ..ROW })
}

/// An older address of `successor`.
const fn alias(route: Route, successor: &'static str) -> Route {
    let row = match route.dash {
        Some(row) => row,
        None => ROW,
    };
    with(route, DashRow { successor: Some(successor), ..row })
}

const LIMIT: Member = may("limit", Kind::Count, "how many at most");
const LINES: &[Member] = &[LIMIT, may("lines", Kind::Count, "the same as limit")];
const TRACE: Member = may("trace_id", Kind::Text, "what it belongs to; made up when missing");
const SEVERITY: Member = may("severity", Kind::Text, "INFO, WARN, ERROR or CRITICAL");
const LAST_EVENT_ID: Member =
    may("last_event_id", Kind::Count, "the id of the last event seen, as the header Last-Event-ID");
const FILTERS: &[Member] = &[
    LIMIT,
    may("after", Kind::Count, "only ids above this one"),
    may("before", Kind::Count, "only ids below this one"),
    may("type", Kind::Text, "only this type; may be repeated"),
    may("trace_id", Kind::Text, "only this trace"),
    may("q", Kind::Text, "only traces that contain this text"),
    may("severity_min", Kind::Text, "only this severity and worse"),
    may("since_ms", Kind::Count, "only events from this time on"),
    may("until_ms", Kind::Count, "only events up to this time"),
    may("order", Kind::Text, "asc or desc"),
];
const EVENT: &[Member] = &[
    may("message", Kind::Text, "for people, 2,000 characters"),
    may("source", Kind::Text, "who says so, 64 characters"),
    may("type", Kind::Text, "what happened"),
    SEVERITY,
    TRACE,
    may("data", Kind::Object, "for machines, 16 KiB and 8 levels"),
];
/// What a body can do wrong.
const BODY_FAULTS: &[u16] = &[400, 415];
const EMIT: &[Member] = &[
    need("event_type", Kind::Text, "what happened"),
    TRACE,
    SEVERITY,
    may("index", Kind::Count, "which of several"),
    may("total", Kind::Count, "of how many"),
    may("metadata", Kind::Object, "its data"),
];
const STORM: &[Member] = &[
    may("count", Kind::Count, "1 to 100,000, 10,000 by default"),
    may("rate_per_s", Kind::Count, "events a second; 0, the default, is as fast as it goes"),
    may("pad_bytes", Kind::Count, "makes each event larger, up to 8,192"),
    may("type", Kind::Text, "one type for all; without it six types take turns"),
];
const KILL: &[Member] = &[
    need("is_on", Kind::Switch, "the new position"),
    need("reason", Kind::Text, "why, 1 to 500 characters"),
    may("trace_id", Kind::Text, "what it belongs to"),
    may("actor", Kind::Text, "who"),
    may("expected_version", Kind::Count, "the version that was seen; another one is a conflict"),
    may("force", Kind::Switch, "off although its cause is still there"),
];

/// Every route of the dashboard, once.
#[rustfmt::skip]
pub const DASH_ROUTES: &[Route] = &[
    read("/", "", "the dashboard", pages::board),
    read("/ops", "", "the dashboard", pages::board),
    read("/ops/runs", "", "the daily runs as a chart and a list", pages::runs).large(),
    read("/ops/runs/{id}", "", "one daily run with its receipt and its evidence", pages::run).large().refusing(&[404]),
    read("/static/{id}", "", "an asset of the pages", pages::asset).refusing(&[404]),
    read("/events", "", "events as they happen, as server-sent events", streamed)
        .asked(&[LAST_EVENT_ID]).answered(Answer::Events).refusing(&[503]),
    read("/api/ws/events", "", "events as they happen, by WebSocket", streamed)
        .asked(&[LAST_EVENT_ID]).answered(Answer::Socket).refusing(&[426, 503]),
    alias(read("/ws/events", "", "events by WebSocket", streamed)
        .asked(&[LAST_EVENT_ID]).answered(Answer::Socket).refusing(&[426, 503]), "/api/ws/events"),
    read("/api/ops/version", "OPS_VERSION_V1", "version, commit and boot id of this server", state::version),
    read("/api/ops/overview", "OPS_OVERVIEW_V1", "what the dashboard's cards show: run, switches, kill switch, bundle", state::overview),
    read("/api/ops/runs", "OPS_RUNS_V1", "the daily runs in short, newest first", state::runs).large()
        .asked(&[may("limit", Kind::Count, "30 by default, 1 to 500")]),
    read("/api/ops/metrics", "OPS_METRICS_V1", "what the bus counts, and the overall health", metrics::metrics)
        .asked(&[may("detail", Kind::Count, "1 lists each subscriber")]),
    read("/metrics", "", "the same and more for Prometheus", prometheus::page),
    read("/api/ops/events", "OPS_EVENTS_V1", "events that were published", reads::events).large().asked(FILTERS),
    with(write("/api/ops/events", "", "takes events of other programs, one or up to 500", ingest::events)
        .told(&[may("events", Kind::List, "the events; without it the body is one event")]).refusing(&[400, 415, 429]),
        DashRow { token: true, body_limit: BATCH, ..ROW }),
    write("/api/ops/test-event", "", "publishes an event to try the way", ingest::test_event).told(EVENT).refusing(BODY_FAULTS),
    read("/api/ops/history", "OPS_HISTORY_V1", "newest events and the counters over time", reads::history).large()
        .asked(&[may("hours", Kind::Count, "24 by default, 1 to 168")]),
    read("/api/ops/traces", "OPS_TRACES_V1", "events grouped by trace, newest first", traces::list).large()
        .asked(&[LIMIT, may("q", Kind::Text, "part of the trace id"), may("type", Kind::Text, "only traces with this type"),
            may("since_ms", Kind::Count, "only traces that go on after this time")]),
    read("/api/ops/traces/{id}", "OPS_TRACE_V1", "the events of one trace", traces::one).large().refusing(&[404]),
    read("/api/ops/export", "OPS_EXPORT_V1", "events as evidence: unmodified, with the hash of the file", export::export).large().asked(FILTERS),
    read("/api/ops/alerts", "OPS_ALERTS_V1", "newest errors", reads::alerts).large().asked(&[LIMIT]),
    read("/api/ops/runtime-events", "OPS_RUNTIME_EVENTS_V1", "newest events and observations together", reads::runtime_events).large().asked(&[LIMIT]),
    read("/api/ops/runtime-health", "OPS_RUNTIME_HEALTH_V1", "whether the engine lives", state::runtime_health),
    alias(read("/api/v1/ops/health", "OPS_RUNTIME_HEALTH_V1", "whether the engine lives, wrapped", state::runtime_health_wrapped), "/api/ops/runtime-health"),
    read("/api/ops/risk-snapshot", "OPS_RISK_SNAPSHOT_V1", "risk level, mode and kill switch", state::risk_snapshot),
    read("/api/v1/ops/state", "OPS_STATE_V1", "engine, kill switch, counters and their age", state::engine_state),
    alias(read("/api/state/engine", "OPS_STATE_V1", "engine, kill switch and counters", state::engine_state_flat), "/api/v1/ops/state"),
    read("/api/v1/ops/positions", "OPS_POSITIONS_V1", "positions", state::positions),
    alias(read("/api/state/positions", "OPS_POSITIONS_V1", "positions", state::positions), "/api/v1/ops/positions"),
    read("/api/v1/ops/risks", "OPS_RISKS_V1", "newest risk events", reads::risks).large().asked(&[LIMIT]),
    alias(read("/api/history/risks", "OPS_RISKS_V1", "newest risk events", reads::old_risks).large().asked(&[LIMIT]), "/api/v1/ops/risks"),
    locked(read("/api/ops/logs/stdout", "OPS_LOGS_V1", "last lines of the daily run's log", logs::stdout).large().asked(LINES)),
    locked(read("/api/ops/logs/stderr", "OPS_LOGS_V1", "last lines of the error log", logs::stderr).large().asked(LINES)),
    locked(read("/log-tail", "", "last lines of the daily run's log as plain text", logs::log_tail).large().asked(LINES)),
    read("/api/control/kill-switch", "KILL_SWITCH_V1", "the kill switch", control::kill_switch),
    locked(write("/api/control/kill-switch", "", "sets the kill switch", control::set_kill_switch).told(KILL).refusing(&[409, 503])),
    alias(locked(write("/api/ops/kill", "", "sets the kill switch; kill stands for is_on", control::set_kill)
        .told(&[need("kill", Kind::Switch, "the new position"), need("reason", Kind::Text, "why")]).refusing(&[409, 503])),
        "/api/control/kill-switch"),
    rehearsal(write("/api/dev/emit-event", "", "publishes one event of any type", dev::emit_event).told(EMIT).refusing(BODY_FAULTS)),
    alias(rehearsal(write("/api/v1/dev/emit-event", "", "publishes one event of any type", dev::emit_event)
        .told(EMIT).refusing(BODY_FAULTS)), "/api/dev/emit-event"),
    rehearsal(write("/api/dev/emit-10k", "", "publishes many events at a rate", dev::emit_many)
        .told(STORM).refusing(&[400, 415, 429])),
    rehearsal(write("/api/ops/hang-sub", "", "adds a subscriber that never reads", dev::hang).refusing(&[503])),
    rehearsal(write("/api/ops/clear-hung-subs", "", "removes such subscribers", dev::clear)),
];

const _: () = assert!(!has_twins(DASH_ROUTES), "a route is listed twice");
