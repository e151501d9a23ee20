//! Events that were published, as they are read back.

use std::sync::Arc;

use serde::Serialize;
use serde::Serializer;

use super::Dash;
use crate::contracts::event::Event;
use crate::telemetry::EventFilter;
use crate::telemetry::Frame;

/// One event of the past.
#[derive(Clone, Debug)]
pub(crate) struct Record(Arc<Frame>);

impl Record {
    pub(crate) fn event(&self) -> &Event {
        &self.0.event
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
    /// The oldest first.
    OldestFirst,
    /// The newest first.
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

impl Dash {
    /// Events that pass a filter, `limit` of them at most.
    pub(crate) fn find(&self, filter: &EventFilter, limit: usize, order: Order) -> Found {
        let recent = self.bus.recent();
        let passes = |frame: &&Arc<Frame>| filter.matches(&frame.event);
        let one_more = limit.saturating_add(1);
        let mut records: Vec<Record> = match order {
            Order::OldestFirst => recent.iter().filter(passes).take(one_more).cloned().map(Record).collect(),
            Order::NewestFirst => recent.iter().rev().filter(passes).take(one_more).cloned().map(Record).collect(),
        };
        let has_more = records.len() > limit;
        records.truncate(limit);
        Found { records, has_more }
    }
}
