//! What the bus counts, and how long events take to reach a socket.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bus::Frame;
use super::bus::add;
use super::feed::Feed;
use super::subscriber::Transport;
use crate::contracts::event::Severity;

/// Upper ends of the delivery histogram, in microseconds.
pub const DELIVERY_BUCKETS: [u64; 8] = [1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];
const MINUTE: usize = 60;

/// Everything that the bus counts, at one moment. `_total` counts since the start of the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    /// Events accepted.
    pub published: u64,
    /// Of those, offered to every subscriber and taken by the observation log.
    pub consumed: u64,
    /// The highest difference of the two so far.
    pub depth_max_seen: u64,
    /// Events that subscribers lost, all together.
    pub drop_count: u64,
    /// Connected by server-sent events.
    pub subscribers_sse: u64,
    /// Connected by WebSocket.
    pub subscribers_ws: u64,
    /// Subscribers that never read, for rehearsals.
    pub subscribers_hung: u64,
    /// Event frames written to sockets.
    pub deliveries_sse_total: u64,
    /// The same, by WebSocket.
    pub deliveries_ws_total: u64,
    /// Events that wait for subscribers now.
    pub deliveries_pending: u64,
    /// WebSocket text frames, control frames included.
    pub ws_messages_total: u64,
    /// Subscribers that were cut off because they took nothing.
    pub slow_disconnects_total: u64,
    /// Subscribers that found no place.
    pub rejected_connections_total: u64,
    /// Rows that the observation log never got.
    pub obs_write_dropped_total: u64,
    /// Events by severity, in the order of [`Severity::ALL`].
    pub by_severity: [u64; 4],
    /// Deliveries up to each of [`DELIVERY_BUCKETS`] and beyond, not added up; replays are not among them.
    pub delivery_buckets: [u64; 9],
    /// The times of these deliveries together, in microseconds.
    pub delivery_sum_us: u64,
    /// Events in the last 60 seconds.
    pub published_last_minute: u64,
    /// The newest id; 0 before the first event.
    pub last_event_id: u64,
    /// When the newest event was accepted, in milliseconds since 1970.
    pub last_event_ts_ms: Option<i64>,
}

impl Counters {
    /// Everybody who is connected.
    #[must_use]
    pub fn subscribers(&self) -> u64 {
        self.subscribers_sse + self.subscribers_ws + self.subscribers_hung
    }

    /// Events that were accepted and are not consumed yet.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.published.saturating_sub(self.consumed)
    }
}

/// The second and the events of each of the last sixty seconds.
#[derive(Debug)]
struct Seconds([(u64, u64); MINUTE]);

impl Default for Seconds {
    fn default() -> Self {
        Self([(0, 0); MINUTE])
    }
}

/// The counters as they are kept.
#[derive(Debug, Default)]
pub(super) struct BusCounts {
    published: AtomicU64,
    depth_max_seen: AtomicU64,
    deliveries: [AtomicU64; 2],
    ws_messages: AtomicU64,
    slow_disconnects: AtomicU64,
    rejected: AtomicU64,
    by_severity: [AtomicU64; 4],
    delivery_buckets: [AtomicU64; 9],
    delivery_sum_us: AtomicU64,
    seconds: Mutex<Seconds>,
}

impl BusCounts {
    pub(super) fn published(&self, frames: &[Arc<Frame>], at: Duration) {
        let count = u64::try_from(frames.len()).unwrap_or(u64::MAX);
        add(&self.published, count);
        for frame in frames {
            if let Some(counter) = self.by_severity.get(frame.event.severity as usize) {
                add(counter, 1);
            }
        }
        let second = at.as_secs();
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut seconds.0[slot_of(second)];
        *slot = if slot.0 == second { (second, slot.1 + count) } else { (second, count) };
    }

    /// Counts a frame that was written, and how long that took unless it was a replay.
    pub(super) fn delivered(&self, transport: Transport, took: Option<Duration>) {
        match transport {
            Transport::Sse | Transport::Hung => add(&self.deliveries[0], 1),
            Transport::Ws => add(&self.deliveries[1], 1),
        }
        let Some(took) = took else { return };
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = DELIVERY_BUCKETS.iter().position(|end| took <= *end).unwrap_or(DELIVERY_BUCKETS.len());
        add(&self.delivery_buckets[bucket], 1);
        add(&self.delivery_sum_us, took);
    }

    pub(super) fn rejected(&self) {
        add(&self.rejected, 1);
    }

    pub(super) fn slow_disconnect(&self) {
        add(&self.slow_disconnects, 1);
    }

    pub(super) fn ws_messages(&self, count: u64) {
        add(&self.ws_messages, count);
    }

    pub(super) fn read(&self, now: Duration, feed: &Feed) -> Counters {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // Read before the other, so that the difference is never below zero.
        let consumed = feed.consumed();
        let published = value(&self.published);
        let consumed = consumed.min(published);
        self.depth_max_seen.fetch_max(published - consumed, Ordering::Relaxed);
        let since = now.as_secs().saturating_sub(MINUTE as u64 - 1);
        let seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let published_last_minute = seconds
            .0
            .iter()
            .filter(|(second, _)| (since..=now.as_secs()).contains(second))
            .map(|(_, count)| count)
            .sum();
        Counters {
            published,
            consumed,
            depth_max_seen: value(&self.depth_max_seen),
            deliveries_sse_total: value(&self.deliveries[0]),
            deliveries_ws_total: value(&self.deliveries[1]),
            ws_messages_total: value(&self.ws_messages),
            slow_disconnects_total: value(&self.slow_disconnects),
            rejected_connections_total: value(&self.rejected),
            obs_write_dropped_total: feed.dropped(),
            by_severity: std::array::from_fn(|at| value(&self.by_severity[at])),
            delivery_buckets: std::array::from_fn(|at| value(&self.delivery_buckets[at])),
            delivery_sum_us: value(&self.delivery_sum_us),
            published_last_minute,
            ..Counters::default()
        }
    }
}

fn slot_of(second: u64) -> usize {
    usize::try_from(second % MINUTE as u64).unwrap_or(0)
}

/// The place of a severity in [`Counters::by_severity`].
#[must_use]
pub fn severity_index(severity: Severity) -> usize {
    severity as usize
}
