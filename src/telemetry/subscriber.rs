//! One subscriber: where it stands in the list of events, what it lost, and what it is handed next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::bus::Bus;
use super::bus::Frame;
use super::bus::IdRange;
use super::bus::Replay;
use super::bus::add;
use crate::time::KstTime;

/// How events reach a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Server-sent events.
    Sse,
    /// A WebSocket.
    Ws,
    /// Not at all: a subscriber that never reads, for rehearsals.
    Hung,
}

/// Why a subscriber misses events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// It was too slow.
    SlowConsumer,
    /// It came back too late.
    ReplayEvicted,
}

/// A hole in what a subscriber sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first id that it misses.
    pub from_id: u64,
    /// The last one.
    pub to_id: u64,
    /// How many.
    pub missed: u64,
    /// Why.
    pub reason: GapReason,
}

/// The next thing for a subscriber.
#[derive(Clone, Debug)]
pub enum Item {
    /// An event.
    Event(Arc<Frame>),
    /// A hole before the next event.
    Gap(Gap),
}

/// One subscriber as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriberView {
    /// Its number in this process.
    pub id: u64,
    /// How events reach it.
    pub transport: Transport,
    /// Its address.
    pub peer: String,
    /// When it came, in milliseconds since 1970.
    pub connected_ms: i64,
    /// Events that wait for it.
    pub queue_depth: u64,
    /// Events that it lost.
    pub dropped: u64,
    /// Events that it was handed.
    pub delivered: u64,
    /// When it was last handed something, in milliseconds since 1970; null before that.
    pub last_write_ms: Option<i64>,
}

/// The place of a subscriber, as the bus sees it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) number: u64,
    pub(super) transport: Transport,
    peer: String,
    came: KstTime,
    /// The newest event that it was handed or lost.
    cursor: AtomicU64,
    dropped: AtomicU64,
    delivered: AtomicU64,
    replaying: AtomicU64,
    /// 0: never.
    last_write_ms: AtomicI64,
}

impl Seat {
    pub(super) fn new(number: u64, (transport, peer): (Transport, &str), came: KstTime, cursor: u64) -> Self {
        Self {
            number,
            transport,
            peer: peer.to_owned(),
            came,
            cursor: AtomicU64::new(cursor),
            dropped: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            replaying: AtomicU64::new(0),
            last_write_ms: AtomicI64::new(0),
        }
    }

    /// Events that wait, and events that are lost so far.
    pub(super) fn backlog(&self, last_id: u64, queue: usize) -> (u64, u64) {
        let behind = last_id.saturating_sub(self.cursor.load(Ordering::Acquire));
        let queue = u64::try_from(queue).unwrap_or(u64::MAX);
        let waiting = behind.min(queue) + self.replaying.load(Ordering::Relaxed);
        (waiting, self.dropped.load(Ordering::Acquire) + behind.saturating_sub(queue))
    }

    pub(super) fn view(&self, last_id: u64, queue: usize) -> SubscriberView {
        let (queue_depth, dropped) = self.backlog(last_id, queue);
        let last_write = self.last_write_ms.load(Ordering::Relaxed);
        SubscriberView {
            id: self.number,
            transport: self.transport,
            peer: self.peer.clone(),
            connected_ms: self.came.timestamp_millis(),
            queue_depth,
            dropped,
            delivered: self.delivered.load(Ordering::Relaxed),
            last_write_ms: (last_write > 0).then_some(last_write),
        }
    }
}

/// A subscriber's own end. Dropping it gives the place free.
#[derive(Debug)]
pub struct Subscription {
    bus: Arc<Bus>,
    seat: Arc<Seat>,
    again: VecDeque<Arc<Frame>>,
    /// The newest id that is accounted for, while `again` is handed out.
    seen: u64,
    /// The newest id when it came.
    start: u64,
    replay: Replay,
    ids: IdRange,
}

impl Subscription {
    pub(super) fn new(
        bus: Arc<Bus>,
        seat: Arc<Seat>,
        (again, seen): (VecDeque<Arc<Frame>>, u64),
        (replay, ids): (Replay, IdRange),
    ) -> Self {
        let start = ids.last;
        seat.replaying.store(u64::try_from(again.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Self { bus, seat, again, seen, start, replay, ids }
    }

    /// What it is told first.
    #[must_use]
    pub fn replay(&self) -> Replay {
        self.replay
    }

    /// The ids that were kept when it came.
    #[must_use]
    pub fn ids(&self) -> IdRange {
        self.ids
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.seat.number
    }

    /// Events that wait for it, and events that it lost.
    #[must_use]
    pub fn backlog(&self) -> (u64, u64) {
        let hot = self.bus.hot();
        self.seat.backlog(hot.last_id, self.bus.limits().queue)
    }

    /// The next items, up to about `bytes` of events; empty when there is nothing new.
    #[must_use]
    pub fn take(&mut self, bytes: usize) -> Vec<Item> {
        let mut items = Vec::new();
        if self.seen < self.start {
            self.take_again(bytes, &mut items);
        } else {
            self.take_live(bytes, &mut items);
        }
        items
    }

    /// What was published before it came: handed out whatever the length of its queue, holes told.
    fn take_again(&mut self, bytes: usize, items: &mut Vec<Item>) {
        let mut room = bytes;
        while let Some(frame) = self.again.front() {
            if room == 0 {
                break;
            }
            let id = frame.event.id;
            if id > self.seen + 1 {
                items.push(gap(self.seen + 1, id - 1, GapReason::ReplayEvicted));
            }
            self.seen = id;
            room = room.saturating_sub(frame.sse.len());
            items.extend(self.again.pop_front().map(Item::Event));
        }
        if self.again.is_empty() && self.seen < self.start {
            items.push(gap(self.seen + 1, self.start, GapReason::ReplayEvicted));
            self.seen = self.start;
        }
        self.seat.replaying.store(u64::try_from(self.again.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn take_live(&mut self, bytes: usize, items: &mut Vec<Item>) {
        let queue = u64::try_from(self.bus.limits().queue).unwrap_or(u64::MAX);
        let hot = self.bus.hot();
        let mut cursor = self.seat.cursor.load(Ordering::Acquire);
        let lost = hot.last_id.saturating_sub(cursor).saturating_sub(queue);
        if lost > 0 {
            items.push(gap(cursor + 1, cursor + lost, GapReason::SlowConsumer));
            cursor += lost;
        }
        let from = hot.ring.partition_point(|frame| frame.event.id <= cursor);
        let mut room = bytes;
        for frame in hot.ring.iter().skip(from) {
            if room == 0 {
                break;
            }
            cursor = frame.event.id;
            room = room.saturating_sub(frame.sse.len());
            items.push(Item::Event(Arc::clone(frame)));
        }
        // Under the lock, so that nobody counts the same loss twice or not at all.
        add(&self.seat.dropped, lost);
        self.seat.cursor.store(cursor, Ordering::Release);
    }

    /// Says that items were written to the socket. What was published before the subscriber came is a delivery as well, but
    /// its age says nothing about how fast events are delivered.
    pub fn wrote(&self, items: &[Item]) {
        let (now, at) = (self.bus.clock.now(), self.bus.clock.monotonic());
        let mut events = 0;
        for item in items {
            if let Item::Event(frame) = item {
                events += 1;
                let took = (frame.event.id > self.start).then(|| at.saturating_sub(frame.at));
                self.bus.counts.delivered(self.seat.transport, took);
            }
        }
        add(&self.seat.delivered, events);
        self.seat.last_write_ms.store(now.timestamp_millis(), Ordering::Relaxed);
    }

    /// Says that text frames of a WebSocket were written, control frames included.
    pub fn wrote_messages(&self, count: usize) {
        self.bus.counts.ws_messages(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Whether events from before it came are still to be handed out.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.seen < self.start
    }

    /// The bus behind it.
    #[must_use]
    pub fn bus(&self) -> &Arc<Bus> {
        &self.bus
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.bus.leave(&self.seat);
    }
}

fn gap(from_id: u64, to_id: u64, reason: GapReason) -> Item {
    Item::Gap(Gap { from_id, to_id, missed: to_id - from_id + 1, reason })
}
