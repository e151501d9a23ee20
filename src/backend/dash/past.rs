//! Events that were published, as they are read back. Readers pay for what they ask: the bus only hands out references.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;
use serde::Serializer;

use super::Dash;
use crate::contracts::event::Event;
use crate::telemetry::EventFilter;
use crate::telemetry::Frame;

/// Bytes of events in one reply.
const BYTES: usize = 32 << 20;

/// One event of the past.
#[derive(Clone, Debug)]
pub(crate) struct Record(Arc<Frame>);

impl Record {
    pub(crate) fn event(&self) -> &Event {
        &self.0.event
    }

    /// Length of its line.
    fn bytes(&self) -> usize {
        self.0.line.len()
    }
}

impl Serialize for Record {
    /// The envelope, unmodified.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.event().serialize(serializer)
    }
}

/// Which events come first, and are kept when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    OldestFirst,
    NewestFirst,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// In the order in which they were asked for.
    pub(crate) records: Vec<Record>,
    /// Whether there is more, or may be more.
    pub(crate) has_more: bool,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Point {
    pub(crate) ts: i64,
    pub(crate) event_published: u64,
    pub(crate) drop_count: u64,
    pub(crate) subscribers: u64,
    pub(crate) event_queue_depth: u64,
}

impl Dash {
    /// Shows events that pass a filter, one after the other, until it is told to stop. Says whether all were shown.
    pub(crate) fn visit(
        &self,
        filter: &EventFilter,
        order: Order,
        see: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> bool {
        let recent = self.bus.recent();
        let passing = recent.into_iter().filter(|frame| filter.matches(&frame.event)).map(Record);
        let stopped = match order {
            Order::OldestFirst => passing.into_iter().try_for_each(see),
            Order::NewestFirst => passing.into_iter().rev().try_for_each(see),
        };
        stopped.is_continue()
    }

    /// Events that pass a filter, `limit` of them at most.
    pub(crate) fn find(&self, filter: &EventFilter, limit: usize, order: Order) -> Found {
        self.find_where(filter, &|_| true, limit, order)
    }

    /// Events that pass a filter and one more rule.
    pub(crate) fn find_where(
        &self,
        filter: &EventFilter,
        rule: &dyn Fn(&Event) -> bool,
        limit: usize,
        order: Order,
    ) -> Found {
        let (mut records, mut bytes) = (Vec::new(), 0);
        let is_all = self.visit(filter, order, &mut |record| {
            if !rule(record.event()) {
                return ControlFlow::Continue(());
            }
            bytes += record.bytes();
            if records.len() == limit || (bytes > BYTES && !records.is_empty()) {
                return ControlFlow::Break(());
            }
            records.push(record);
            ControlFlow::Continue(())
        });
        Found { records, has_more: !is_all }
    }

    /// The counters over time, oldest first and now at last.
    pub(crate) fn points(&self, _since_ms: i64, _most: usize) -> Vec<Point> {
        let counters = self.bus.counters();
        vec![Point {
            ts: self.bus.clock().now().timestamp_millis(),
            event_published: counters.published,
            drop_count: counters.drop_count,
            subscribers: counters.subscribers(),
            event_queue_depth: counters.pending(),
        }]
    }
}
