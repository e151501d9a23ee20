//! The rows that are no events: samples of the counters, and what subscribers lost.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::contracts::event::NO_TRACE;
use crate::contracts::event::Severity;
use crate::contracts::event::millis_stamp;
use crate::telemetry::Bus;
use crate::telemetry::Counters;
use crate::telemetry::Transport;

/// The type of a sample of the counters.
pub(in crate::telemetry) const SAMPLE: &str = "metrics-sample";
const DROP: &str = "backpressure-drop";
/// The shortest time between two rows about losses.
const DROP_EVERY: Duration = Duration::from_secs(5);

/// A row on its way to the disk.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) line: Bytes,
    /// In milliseconds since 1970.
    pub(super) ts: i64,
    /// The event's id; `None` in the rows of this module.
    pub(super) id: Option<u64>,
}

#[derive(Serialize)]
struct SampleRow {
    ts: i64,
    ts_iso: String,
    #[serde(rename = "type")]
    kind: &'static str,
    elapsed_sec: f64,
    ticks: u64,
    ws_messages_total: u64,
    event_published: u64,
    event_consumed: u64,
    event_queue_depth: u64,
    event_queue_depth_max_seen: u64,
    drop_count: u64,
    subscribers: u64,
    // There is no engine in this process whose ledger could be asked.
    ledger_global_pnl: Option<i64>,
    ledger_peak_pnl: Option<i64>,
    ledger_worst_dd: Option<i64>,
}

#[derive(Serialize)]
struct DropRow {
    ts: i64,
    ts_iso: String,
    #[serde(rename = "type")]
    kind: &'static str,
    severity: Severity,
    source: &'static str,
    trace_id: &'static str,
    /// What all subscribers lost since the start.
    drop_count: u64,
    /// What the subscriber below lost since the last row; without one, what all lost.
    dropped_since_last: u64,
    /// Who lost most since the last row; null when it is gone.
    subscriber_id: Option<u64>,
    transport: Option<Transport>,
    queue_maxsize: usize,
}

/// When which of these rows is due.
#[derive(Debug)]
pub(super) struct OwnRows {
    every: Duration,
    next_sample: Duration,
    ticks: u64,
    /// What the last row said, and when.
    told: u64,
    told_at: Option<Duration>,
    lost: BTreeMap<u64, u64>,
}

/// Whether a last word is due, however soon after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Running,
    Ending,
}

impl OwnRows {
    pub(super) fn new(every: Duration, now: Duration) -> Self {
        Self { every, next_sample: now + every, ticks: 0, told: 0, told_at: None, lost: BTreeMap::new() }
    }

    /// The rows that are due now.
    pub(super) fn due(&mut self, bus: &Bus, moment: Moment) -> Vec<Pending> {
        let now = bus.clock().monotonic();
        let counters = bus.counters();
        let mut rows = Vec::new();
        let is_free = self.told_at.is_none_or(|at| now.saturating_sub(at) >= DROP_EVERY);
        if counters.drop_count != self.told && (is_free || moment == Moment::Ending) {
            rows.extend(self.drop_row(bus, counters.drop_count));
            self.told_at = Some(now);
        }
        if now >= self.next_sample {
            self.ticks += 1;
            rows.extend(self.sample(bus, &counters));
            self.next_sample = (self.next_sample + self.every).max(now);
        }
        rows
    }

    fn drop_row(&mut self, bus: &Bus, total: u64) -> Option<Pending> {
        let now = bus.clock().now();
        let views = bus.subscribers();
        let more = |id: u64, dropped: u64| dropped - self.lost.get(&id).copied().unwrap_or(0).min(dropped);
        let worst = views.iter().map(|view| (more(view.id, view.dropped), view)).max_by_key(|(lost, _)| *lost);
        let worst = worst.filter(|(lost, _)| *lost > 0);
        let row = DropRow {
            ts: now.timestamp_millis(),
            ts_iso: millis_stamp(now),
            kind: DROP,
            severity: Severity::Warn,
            source: "ops_bus",
            trace_id: NO_TRACE,
            drop_count: total,
            dropped_since_last: worst.map_or(total.saturating_sub(self.told), |(lost, _)| lost),
            subscriber_id: worst.map(|(_, view)| view.id),
            transport: worst.map(|(_, view)| view.transport),
            queue_maxsize: bus.limits().queue,
        };
        self.told = total;
        self.lost = views.iter().map(|view| (view.id, view.dropped)).collect();
        pending(&row, row.ts)
    }

    fn sample(&self, bus: &Bus, counters: &Counters) -> Option<Pending> {
        let now = bus.clock().now();
        let row = SampleRow {
            ts: now.timestamp_millis(),
            ts_iso: millis_stamp(now),
            kind: SAMPLE,
            elapsed_sec: (bus.uptime().as_secs_f64() * 1000.0).round() / 1000.0,
            ticks: self.ticks,
            ws_messages_total: counters.ws_messages_total,
            event_published: counters.published,
            event_consumed: counters.consumed,
            event_queue_depth: counters.pending(),
            event_queue_depth_max_seen: counters.depth_max_seen,
            drop_count: counters.drop_count,
            subscribers: counters.subscribers(),
            ledger_global_pnl: None,
            ledger_peak_pnl: None,
            ledger_worst_dd: None,
        };
        pending(&row, row.ts)
    }
}

fn pending(row: &impl Serialize, ts: i64) -> Option<Pending> {
    // Rows of numbers and constants can always be written.
    serde_json::to_vec(row).ok().map(|line| Pending { line: Bytes::from(line), ts, id: None })
}
