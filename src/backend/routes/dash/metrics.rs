//! `/api/ops/metrics` and `/metrics`: what is counted, for people and for Prometheus.

use super::App;
use super::Call;
use super::head;
use crate::backend::dash::params::Params;
use crate::backend::reply::Reply;

pub(super) fn metrics(app: &App, call: &Call) -> Result<Reply, Reply> {
    let now = app.now();
    let with_detail = Params::new(&call.query, now).whole("detail", 0..=1)? == Some(1);
    let bus = &app.dash.bus;
    let counters = bus.counters();
    let journal = app.dash.journal_status();
    let overall = app.dash.overall(&app.ops);
    // As it counts for orders: an emergency stop holds them too.
    let rail = app.dash.guardrail(&app.ops);
    let ts = now.timestamp_millis();
    let last_age = journal.last_row_ms.map(|last| seconds(ts.saturating_sub(last).max(0)));
    let mut fields = head()
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("boot_id", bus.boot_id())
        .with("ts", &ts)
        .with("start_ts", &bus.started().timestamp_millis())
        .with("uptime_sec", &bus.uptime().as_secs_f64())
        .with("health", overall.status)
        .with("health_reasons", &overall.reasons)
        .with("drop_count", &counters.drop_count)
        .with("subscribers", &counters.subscribers())
        .with("subscribers_sse", &counters.subscribers_sse)
        .with("subscribers_ws", &counters.subscribers_ws)
        .with("subscribers_max", &bus.limits().subscribers)
        .with("queue_maxsize", &bus.limits().queue)
        .with("event_published", &counters.published)
        .with("event_consumed", &counters.consumed)
        .with("event_pending", &counters.pending())
        .with("event_queue_depth", &counters.pending())
        .with("event_queue_depth_max_seen", &counters.depth_max_seen)
        .with("deliveries_total", &(counters.deliveries_sse_total + counters.deliveries_ws_total))
        .with("deliveries_pending", &counters.deliveries_pending)
        .with("ws_messages_total", &counters.ws_messages_total)
        .with("slow_disconnects_total", &counters.slow_disconnects_total)
        .with("rejected_connections_total", &counters.rejected_connections_total)
        .with("obs_write_dropped_total", &counters.obs_write_dropped_total)
        .with("obs_bad_lines", &journal.bad_lines)
        .with("spool_events", &journal.spool_events)
        .with("spool_bad_lines", &journal.spool_bad_lines)
        .with("last_event_id", &counters.last_event_id)
        .with("last_event_ts_ms", &counters.last_event_ts_ms)
        .with("last_obs_ts_ms", &journal.last_row_ms)
        .with("last_obs_age_sec", &last_age)
        .with("publish_rate_1m", &rate(counters.published_last_minute))
        .with("kill_switch", &rail.kill_switch)
        .with("kill_switch_status", &rail.kill_status)
        .with("risk_level", &rail.risk_level)
        .with("mode", &rail.mode)
        .with("config_warnings", &app.dash.options.config_warnings);
    if with_detail {
        fields = fields.with("subscribers_detail", &bus.subscribers());
    }
    Ok(fields.ok())
}

#[expect(clippy::cast_precision_loss, reason = "an age in years is told well enough")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "nobody publishes 2^53 events in a minute")]
fn rate(in_a_minute: u64) -> f64 {
    in_a_minute as f64 / 60.0
}
