//! The bus: accepts events, keeps the newest ones, and hands each subscriber what it has not seen yet.
//!
//! Publishing waits for no subscriber, and for a disk that stands still 50 ms, once. Nobody has a queue of copies: a
//! subscriber is a place in the one list of events, and its queue is what lies between that place and the newest event,
//! [`BusLimits::queue`] events at most. When more pile up, the oldest of them are lost for this subscriber alone. That is counted at once, and it is told where the
//! hole is before it sees the next event. So for each subscriber: received + missed = published since it came.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::feed::Feed;
use super::metrics::BusCounts;
use super::metrics::Counters;
use super::reserve::IdGate;
use super::subscriber::Seat;
use super::subscriber::SubscriberView;
use super::subscriber::Subscription;
use super::subscriber::Transport;
use crate::contracts::event::Event;
use crate::contracts::event::EventDraft;
use crate::contracts::event::new_trace;
use crate::time::Clock;
use crate::time::KstTime;

/// How much the bus holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusLimits {
    /// Events that wait for one subscriber at most.
    pub queue: usize,
    /// Events that are kept for those who come back.
    pub replay: usize,
    /// Subscribers at once.
    pub subscribers: usize,
}

/// An event and its bytes, made once and shared by everybody.
#[derive(Debug)]
pub struct Frame {
    /// The event.
    pub event: Event,
    /// The frame of a server-sent event: `id`, `data` and an empty line.
    pub sse: Bytes,
    /// The envelope as one line without its end; a part of `sse`.
    pub line: Bytes,
    /// When it was accepted, on the clock that never jumps.
    pub at: Duration,
}

impl Frame {
    fn new(event: Event, at: Duration) -> Arc<Self> {
        // Only a map with keys that are no text could fail, and an event has none.
        let json = serde_json::to_string(&event).unwrap_or_default();
        let head = format!("id: {}\ndata: ", event.id);
        let sse = Bytes::from(format!("{head}{json}\n\n"));
        let line = sse.slice(head.len()..sse.len() - 2);
        Arc::new(Self { event, sse, line, at })
    }
}

/// What became of a publish.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The events, in the order of their ids, which have no hole.
    pub frames: Vec<Arc<Frame>>,
    /// The trace that the drafts without one were given; of the first event, when all had one.
    pub trace_id: String,
    /// Subscribers at that moment.
    pub offered: usize,
}

/// Called after each publish.
type Wake = Box<dyn Fn() + Send + Sync>;

/// The one bus of a process.
pub struct Bus {
    pub(super) clock: Arc<dyn Clock>,
    boot_id: String,
    limits: BusLimits,
    started: (KstTime, Duration),
    /// The newest id of those who served before.
    born_after: u64,
    /// Held while ids are given, so that they are given in the order in which events are kept.
    publisher: Mutex<()>,
    hot: RwLock<Hot>,
    wake: OnceLock<Wake>,
    /// Asked before ids are given, when a log is kept.
    gate: OnceLock<IdGate>,
    feed: Feed,
    pub(super) counts: BusCounts,
}

/// What changes with every event or subscriber.
pub(super) struct Hot {
    /// The newest events, by id. After a restart there may be holes.
    pub(super) ring: VecDeque<Arc<Frame>>,
    pub(super) last_id: u64,
    /// Lost by subscribers that are gone.
    retired_drops: u64,
    seats: BTreeMap<u64, Arc<Seat>>,
    next_seat: u64,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("boot_id", &self.boot_id).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// There is no place for one more subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} subscribers are connected, which is the limit")]
pub struct Full(pub usize);

/// What a subscriber that comes back is told first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// The id that it named.
    pub requested_after: Option<u64>,
    /// Events that it gets again or late.
    pub replayed: u64,
    /// Events that are gone.
    pub missed: u64,
    /// Whether it named an id that was never given: ids began anew.
    pub reset: bool,
}

/// Ids that the bus knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// The oldest that is kept; one more than `last` when none is.
    pub oldest: u64,
    /// The newest; 0 before the first event.
    pub last: u64,
}

/// Events as they are read without the log.
#[derive(Clone, Debug)]
pub struct AtHand {
    /// Oldest first. What is older is in the log, unless it never came there.
    pub frames: Vec<Arc<Frame>>,
    /// The newest id.
    pub last_id: u64,
    /// Whether this process gave an event that id; else it is only known that nobody gave a higher one.
    pub is_last_given: bool,
}

impl Bus {
    /// An empty bus, or one that goes on after `earlier` events, whose ids rise, and after `last_id`.
    pub fn new(clock: Arc<dyn Clock>, limits: BusLimits, earlier: Vec<Event>, last_id: u64) -> Arc<Self> {
        let started = (clock.now(), clock.monotonic());
        let keep = limits.queue.max(limits.replay);
        let skip = earlier.len().saturating_sub(keep);
        let ring: VecDeque<_> = earlier.into_iter().skip(skip).map(|event| Frame::new(event, started.1)).collect();
        let last_id = ring.back().map_or(last_id, |frame| frame.event.id.max(last_id));
        let hot = Hot { ring, last_id, retired_drops: 0, seats: BTreeMap::new(), next_seat: 1 };
        Arc::new(Self {
            clock,
            boot_id: uuid::Uuid::new_v4().simple().to_string()[..16].to_owned(),
            limits,
            started,
            born_after: last_id,
            publisher: Mutex::default(),
            hot: RwLock::new(hot),
            wake: OnceLock::new(),
            gate: OnceLock::new(),
            feed: Feed::default(),
            counts: BusCounts::default(),
        })
    }

    /// Sets what is called after each publish; the first call counts.
    pub fn on_publish(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second hook would mean two servers on one bus, which nobody builds.
        self.wake.set(Box::new(wake)).ok();
    }

    /// Sets who is asked before ids are given; the first call counts.
    pub(super) fn ask_before_ids(&self, gate: IdGate) {
        // One log keeps the events of one bus.
        self.gate.set(gate).ok();
    }

    /// Accepts events, all in one go. Drafts without a trace share `trace`, or one that is made up.
    pub fn publish(&self, drafts: Vec<EventDraft>, trace: Option<&str>) -> Accepted {
        let first = drafts.first().and_then(EventDraft::trace_id).map(str::to_owned);
        let all_have = !drafts.is_empty() && drafts.iter().all(|draft| draft.trace_id().is_some());
        let trace_id = match (trace, first) {
            (_, Some(first)) if all_have => first,
            (Some(trace), _) => trace.to_owned(),
            (None, _) => new_trace(),
        };
        let order = self.publisher.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, at) = (self.clock.now(), self.clock.monotonic());
        let next = self.hot().last_id + 1;
        if let Some(gate) = self.gate.get() {
            gate.pass(next - 1 + u64::try_from(drafts.len()).unwrap_or(u64::MAX));
        }
        let frames: Vec<_> =
            (next..).zip(drafts).map(|(id, draft)| Frame::new(draft.accepted(id, now, &trace_id), at)).collect();
        // First, so that no reader of the past finds an event neither here nor in the ring nor in the log.
        self.feed.offer(&frames);
        let offered = {
            let mut hot = self.hot.write().unwrap_or_else(PoisonError::into_inner);
            hot.ring.extend(frames.iter().cloned());
            hot.last_id = frames.last().map_or(hot.last_id, |frame| frame.event.id);
            let surplus = hot.ring.len().saturating_sub(self.limits.queue.max(self.limits.replay));
            hot.ring.drain(..surplus);
            hot.seats.len()
        };
        self.counts.published(&frames, at);
        drop(order);
        if let Some(wake) = self.wake.get() {
            wake();
        }
        Accepted { frames, trace_id, offered }
    }

    /// Takes a place. `after` is the id of the last event that the subscriber has seen; without it, it begins now.
    ///
    /// # Errors
    /// All places are taken.
    pub fn subscribe(
        self: &Arc<Self>,
        transport: Transport,
        peer: &str,
        after: Option<u64>,
    ) -> Result<Subscription, Full> {
        let mut hot = self.hot.write().unwrap_or_else(PoisonError::into_inner);
        let taken = hot.seats.values().filter(|seat| seat.transport != Transport::Hung).count();
        if transport != Transport::Hung && taken >= self.limits.subscribers {
            drop(hot);
            self.counts.rejected();
            return Err(Full(self.limits.subscribers));
        }
        let ids = self.kept(&hot);
        let mut replay = Replay { requested_after: after, ..Replay::default() };
        let mut again = VecDeque::new();
        let mut seen = hot.last_id;
        if let Some(after) = after {
            replay.reset = after > ids.last;
            seen = if replay.reset { ids.oldest - 1 } else { after };
            let from = hot.ring.partition_point(|frame| frame.event.id <= seen.max(ids.oldest - 1));
            again = hot.ring.iter().skip(from).cloned().collect();
            replay.replayed = u64::try_from(again.len()).unwrap_or(u64::MAX);
            replay.missed = (hot.last_id - seen) - replay.replayed;
        }
        let number = hot.next_seat;
        hot.next_seat += 1;
        let seat = Arc::new(Seat::new(number, (transport, peer), self.clock.now(), hot.last_id));
        hot.seats.insert(number, Arc::clone(&seat));
        drop(hot);
        Ok(Subscription::new(Arc::clone(self), seat, (again, seen), (replay, ids)))
    }

    /// The ids that a subscriber can still ask for.
    #[must_use]
    pub fn ids(&self) -> IdRange {
        self.kept(&self.hot())
    }

    fn kept(&self, hot: &Hot) -> IdRange {
        let skip = hot.ring.len().saturating_sub(self.limits.replay);
        let oldest = hot.ring.get(skip).map_or(hot.last_id + 1, |frame| frame.event.id);
        IdRange { oldest, last: hot.last_id }
    }

    /// The newest events that are kept, oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Arc<Frame>> {
        let hot = self.hot();
        let skip = hot.ring.len().saturating_sub(self.limits.replay);
        hot.ring.iter().skip(skip).cloned().collect()
    }

    /// All events that need not be looked for in the log: those that it does not have yet, and the newest.
    #[must_use]
    pub fn at_hand(&self) -> AtHand {
        let (newest, last_id) = {
            let hot = self.hot();
            let skip = hot.ring.len().saturating_sub(self.limits.replay);
            (hot.ring.iter().skip(skip).cloned().collect::<Vec<_>>(), hot.last_id)
        };
        // In this order: what left the ring before was offered before that, and what is not waiting any more is written.
        let end = newest.first().map_or(last_id + 1, |frame| frame.event.id);
        let mut frames = self.feed.unwritten();
        frames.truncate(frames.partition_point(|frame| frame.event.id < end));
        frames.extend(newest);
        AtHand { frames, last_id, is_last_given: last_id > self.born_after }
    }

    /// Everything that is counted, at one moment.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.counts.read(self.clock.monotonic(), &self.feed);
        let hot = self.hot();
        counters.drop_count = hot.retired_drops;
        counters.last_event_id = hot.last_id;
        counters.last_event_ts_ms = hot.ring.back().map(|frame| frame.event.ts);
        for seat in hot.seats.values() {
            let (waiting, dropped) = seat.backlog(hot.last_id, self.limits.queue);
            counters.drop_count += dropped;
            counters.deliveries_pending += waiting;
            match seat.transport {
                Transport::Sse => counters.subscribers_sse += 1,
                Transport::Ws => counters.subscribers_ws += 1,
                Transport::Hung => counters.subscribers_hung += 1,
            }
        }
        counters
    }

    /// Every subscriber that is connected, by its number.
    #[must_use]
    pub fn subscribers(&self) -> Vec<SubscriberView> {
        let hot = self.hot();
        hot.seats.values().map(|seat| seat.view(hot.last_id, self.limits.queue)).collect()
    }

    /// Counts a subscriber that was cut off because it took nothing.
    pub fn cut_off(&self) {
        self.counts.slow_disconnect();
    }

    /// Gives a place free. What it lost stays counted.
    pub(super) fn leave(&self, seat: &Seat) {
        let mut hot = self.hot.write().unwrap_or_else(PoisonError::into_inner);
        if hot.seats.remove(&seat.number).is_some() {
            hot.retired_drops += seat.backlog(hot.last_id, self.limits.queue).1;
        }
    }

    pub(super) fn hot(&self) -> std::sync::RwLockReadGuard<'_, Hot> {
        self.hot.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits for the observation log.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> BusLimits {
        self.limits
    }

    /// Names this process among all that ever served.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// When the bus was made.
    #[must_use]
    pub fn started(&self) -> KstTime {
        self.started.0
    }

    /// How long it lives.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started.1)
    }

    /// The clock that stamps events.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
}

/// Counts up with relaxed ordering: counters order nothing.
pub(super) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
