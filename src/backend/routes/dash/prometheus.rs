//! `/metrics`: what is counted, for Prometheus. No label holds what a producer may choose.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header;

use super::App;
use super::Call;
use crate::backend::dash::exposition::Exposition;
use crate::backend::dash::exposition::Family;
use crate::backend::dash::process;
use crate::backend::reply::Reply;
use crate::contracts::event::Severity;
use crate::telemetry::Counters;
use crate::telemetry::DELIVERY_BUCKETS;
use crate::telemetry::JournalStatus;
use crate::telemetry::severity_index;

const CONTENT: &str = "text/plain; version=0.0.4; charset=utf-8";
const STATES: [&str; 4] = ["OK", "WARN", "CRITICAL", "UNKNOWN"];

pub(super) fn page(app: &App, _call: &Call) -> Result<Reply, Reply> {
    let counters = app.dash.bus.counters();
    let mut page = Exposition::default();
    let commit = option_env!("DAILY_OPS_REVISION").unwrap_or("unknown");
    page.family("daily_ops_build_info", Family::Gauge, "The program that serves.")
        .sample(&[("version", env!("CARGO_PKG_VERSION")), ("commit", commit)], 1);
    bus(&mut page, &counters, app.dash.bus.limits().queue);
    deliveries(&mut page, &counters);
    journal(&mut page, &counters, &app.dash.journal_status());
    states(&mut page, app);
    requests(&mut page, app);
    own_process(&mut page);
    let reply = Reply::new(StatusCode::OK, Bytes::from(page.finish()));
    Ok(reply.with_header(header::CONTENT_TYPE, CONTENT))
}

fn bus(page: &mut Exposition, counters: &Counters, queue: usize) {
    use Family::Counter;
    use Family::Gauge;
    page.single("daily_ops_bus_events_published_total", Counter, "Events that the bus accepted.", counters.published);
    let help = "Events that every subscriber was offered and the observation log took.";
    page.single("daily_ops_bus_events_consumed_total", Counter, help, counters.consumed);
    page.single("daily_ops_bus_events_pending", Gauge, "Events accepted and not consumed yet.", counters.pending());
    let help = "Events that wait for subscribers.";
    page.single("daily_ops_bus_deliveries_pending", Gauge, help, counters.deliveries_pending);
    let help = "Events that subscribers lost, all together.";
    page.single("daily_ops_bus_events_dropped_total", Counter, help, counters.drop_count);
    page.family("daily_ops_bus_subscribers", Gauge, "Subscribers that are connected.")
        .sample(&[("transport", "sse")], counters.subscribers_sse)
        .sample(&[("transport", "ws")], counters.subscribers_ws)
        .sample(&[("transport", "hung")], counters.subscribers_hung);
    let help = "Events that may wait for one subscriber.";
    page.single("daily_ops_bus_queue_capacity_events", Gauge, help, queue);
    let help = "Subscribers that were cut off because they took nothing.";
    page.single("daily_ops_bus_slow_disconnects_total", Counter, help, counters.slow_disconnects_total);
    let help = "Subscribers that found no place.";
    page.single("daily_ops_bus_connections_rejected_total", Counter, help, counters.rejected_connections_total);
    page.family("daily_ops_events_by_severity_total", Counter, "Events that the bus accepted, by severity.");
    for severity in Severity::ALL {
        let count = counters.by_severity.get(severity_index(severity)).copied().unwrap_or_default();
        page.sample(&[("severity", severity.as_str())], count);
    }
}

fn deliveries(page: &mut Exposition, counters: &Counters) {
    page.family("daily_ops_bus_deliveries_total", Family::Counter, "Event frames that were written to sockets.")
        .sample(&[("transport", "sse")], counters.deliveries_sse_total)
        .sample(&[("transport", "ws")], counters.deliveries_ws_total);
    let mut all = 0;
    let below: Vec<(f64, u64)> = DELIVERY_BUCKETS
        .iter()
        .zip(counters.delivery_buckets)
        .map(|(end, count)| {
            all += count;
            (micros(*end), all)
        })
        .collect();
    let all: u64 = counters.delivery_buckets.iter().sum();
    page.family(
        "daily_ops_event_delivery_seconds",
        Family::Histogram,
        "From the publish of an event to its write, replays left out.",
    )
    .histogram(&below, all, micros(counters.delivery_sum_us));
}

fn journal(page: &mut Exposition, counters: &Counters, journal: &JournalStatus) {
    use Family::Counter;
    let help = "Bytes that were written to the observation log.";
    page.single("daily_ops_live_obs_bytes_written_total", Counter, help, journal.bytes_written);
    let help = "Rows that the observation log never got.";
    page.single("daily_ops_live_obs_rows_dropped_total", Counter, help, counters.obs_write_dropped_total);
    let help = "Events that were taken over from the spool.";
    page.single("daily_ops_spool_events_total", Counter, help, journal.spool_events);
    let help = "Lines of the spool that were no events.";
    page.single("daily_ops_spool_bad_lines_total", Counter, help, journal.spool_bad_lines);
    let help = "When the newest row of the observation log was written; 0 before the first.";
    let last = journal.last_row_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0);
    page.single(
        "daily_ops_live_obs_last_row_timestamp_seconds",
        Family::Gauge,
        help,
        micros(last.saturating_mul(1000)),
    );
}

fn states(page: &mut Exposition, app: &App) {
    let now = app.dash.overall(&app.ops).status;
    // A word of its own would be in none of the four; then nobody knows.
    let now = if STATES.contains(&now) { now } else { "UNKNOWN" };
    page.family("daily_ops_health_status", Family::Gauge, "The overall health; one of the four is 1.");
    for state in STATES {
        page.sample(&[("status", state)], u8::from(state == now));
    }
    let is_on = app.dash.guardrail(&app.ops).kill_switch;
    let help = "Whether orders are held, by the kill switch or by the emergency stop.";
    page.single("daily_ops_kill_switch_active", Family::Gauge, help, u8::from(is_on));
}

fn requests(page: &mut Exposition, app: &App) {
    page.family("daily_ops_http_requests_total", Family::Counter, "Requests that were answered, by route template.");
    for ((method, route, code), count) in app.counts.all() {
        page.sample(&[("method", method), ("route", route), ("code", &code.to_string())], count);
    }
}

/// What the system does not tell is left out.
fn own_process(page: &mut Exposition) {
    use Family::Counter;
    use Family::Gauge;
    let seen = process::look();
    if let Some(start) = seen.start_seconds {
        page.single("process_start_time_seconds", Gauge, "When the process started.", start);
    }
    if let Some(cpu) = seen.cpu_seconds {
        page.single("process_cpu_seconds_total", Counter, "Time on processors.", cpu);
    }
    if let Some(bytes) = seen.resident_bytes {
        page.single("process_resident_memory_bytes", Gauge, "Memory that the process holds.", bytes);
    }
    if let Some(files) = seen.open_files {
        page.single("process_open_fds", Gauge, "Open files and sockets.", files);
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
fn micros(us: u64) -> f64 {
    us as f64 / 1e6
}
