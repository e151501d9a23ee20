//! Events that were published, as they are read back: from the bus what it keeps or the log does not have
//! yet, from the observation log what is older.
//! Readers pay for what they ask: the bus only hands out references, and the log is read up to a limit, which is told.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;
use serde::Serializer;
use serde_json::Value;

use super::Dash;
use crate::contracts::event::Event;
use crate::telemetry::Archive;
use crate::telemetry::AtHand;
use crate::telemetry::EventFilter;
use crate::telemetry::Frame;
use crate::telemetry::Row;

/// Bytes of events in one reply.
const BYTES: usize = 32 << 20;
/// Bytes of the log that one request reads.
const LOG_BYTES: u64 = 32 << 20;
/// Bytes of the log that are read for rows that are no events.
const ROW_BYTES: u64 = 4 << 20;
/// The wall clock may have been set back; rows so much older than asked end a search all the same.
const SLACK_MS: i64 = 3_600_000;
/// Holes that a reply lists one by one.
const HOLES: usize = 100;
/// A row that says what subscribers lost.
const DROPS: &str = "backpressure-drop";

/// One event of the past.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    /// As the bus keeps it.
    Live(Arc<Frame>),
    /// As it was read from the log, with the length of its line.
    Kept(Box<Event>, usize),
}

impl Record {
    pub(crate) fn event(&self) -> &Event {
        match self {
            Self::Live(frame) => &frame.event,
            Self::Kept(event, _) => event,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Live(frame) => frame.line.len(),
            Self::Kept(_, bytes) => *bytes,
        }
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
    /// The last id that was looked at, from which a reader goes on.
    pub(crate) scanned_id: Option<u64>,
    /// Ids in between that no event can be shown for.
    pub(crate) missing: Vec<Hole>,
}

/// Ids that were asked for and have no event, neither on the bus nor in the log: given up while the disk failed, lost with
/// a process that was killed, or never given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hole {
    pub(crate) from_id: u64,
    pub(crate) to_id: u64,
    pub(crate) missed: u64,
}

/// How far a search came.
#[derive(Clone, Debug)]
pub(crate) struct Visited {
    /// Whether everything was shown that there is.
    pub(crate) is_all: bool,
    pub(crate) scanned_id: Option<u64>,
    pub(crate) missing: Vec<Hole>,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Point {
    pub(crate) ts: i64,
    pub(crate) event_published: u64,
    pub(crate) drop_count: u64,
    pub(crate) subscribers: u64,
    pub(crate) event_queue_depth: u64,
}

/// What subscribers lost, as the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DropRow {
    pub(crate) ts: i64,
    pub(crate) reason: String,
}

/// Somebody who is shown events: says when to stop.
type See<'s> = dyn FnMut(Record) -> ControlFlow<()> + 's;

/// A search: what is asked for, who is shown it, how far it came, and what was missing on the way.
struct Search<'s> {
    filter: &'s EventFilter,
    order: Order,
    see: &'s mut See<'s>,
    scanned: Option<u64>,
    /// The id that came before the next one, and when it was accepted as far as that is known.
    neighbor: Option<(u64, Option<i64>)>,
    missing: Vec<Hole>,
    /// What is older than asked for was left out, whatever its id.
    is_cut_by_time: bool,
}

impl Search<'_> {
    fn frame(&mut self, frame: &Arc<Frame>) -> ControlFlow<()> {
        if self.filter.matches(&frame.event) {
            (self.see)(Record::Live(Arc::clone(frame)))?;
        }
        self.passed(frame.event.id, frame.event.ts);
        ControlFlow::Continue(())
    }

    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        let Some(id) = row.id else { return ControlFlow::Continue(()) };
        let kinds = &self.filter.kinds;
        let may_pass = kinds.is_empty() || kinds.iter().any(|kind| kind.as_str() == row.kind);
        if may_pass
            && let Some(event) = row.event()
            && self.filter.matches(&event)
        {
            (self.see)(Record::Kept(Box::new(event), row.line.len()))?;
        }
        self.passed(id, row.ts);
        ControlFlow::Continue(())
    }

    fn passed(&mut self, id: u64, ts: i64) {
        self.bounded_by(id, Some(ts));
        self.scanned = Some(id);
    }

    /// Notes what is missing between the last id and this one, as far as it was asked for.
    fn bounded_by(&mut self, id: u64, ts: Option<i64>) {
        let Some((other, other_ts)) = self.neighbor.replace((id, ts)) else { return };
        let (low_ts, high_ts) = if self.order == Order::OldestFirst { (other_ts, ts) } else { (ts, other_ts) };
        let is_before = |at: Option<i64>, limit: Option<i64>| at.zip(limit).is_some_and(|(at, limit)| at < limit);
        if is_before(high_ts, self.filter.since_ms) || is_before(self.filter.until_ms, low_ts) {
            return;
        }
        // The log may be ahead of what was at hand a moment before: an id in the wrong direction bounds nothing.
        let (low, high) = if self.order == Order::OldestFirst { (other, id) } else { (id, other) };
        let from_id = low.max(self.filter.after.unwrap_or(0)).saturating_add(1);
        let to_id = high.min(self.filter.before.unwrap_or(u64::MAX)).saturating_sub(1);
        if from_id > to_id {
            return;
        }
        let missed = to_id - from_id + 1;
        let is_full = self.missing.len() == HOLES;
        match self.missing.last_mut() {
            // What is more than anybody reads is told as one.
            Some(last) if is_full => {
                last.from_id = last.from_id.min(from_id);
                last.to_id = last.to_id.max(to_id);
                last.missed += missed;
            }
            _ => self.missing.push(Hole { from_id, to_id, missed }),
        }
    }
}

impl Dash {
    /// Shows events that pass a filter, one after the other, until it is told to stop.
    pub(crate) fn visit<'s>(&'s self, filter: &'s EventFilter, order: Order, see: &'s mut See<'s>) -> Visited {
        let AtHand { frames, last_id, is_last_given } = self.bus.at_hand();
        // What lies below all that there is was never asked for by a reader who begins at 0.
        let bottom = filter.after.filter(|after| *after > 0);
        // Ids that a killed server may have given and nobody wrote count as missing; another server's are no business here.
        let newest = (is_last_given || self.keeps_log()).then_some(last_id + 1);
        let top = filter.before.filter(|before| *before <= last_id).or(newest);
        let neighbor = if order == Order::OldestFirst { bottom } else { top }.map(|id| (id, None));
        let mut search =
            Search { filter, order, see, scanned: None, neighbor, missing: Vec::new(), is_cut_by_time: false };
        let (done, end) = match order {
            Order::NewestFirst => {
                let done = frames.iter().rev().try_for_each(|frame| search.frame(frame));
                (if done.is_continue() { self.older(&frames, &mut search) } else { done }, bottom)
            }
            Order::OldestFirst => {
                let done = self.older_forward(&frames, &mut search);
                (if done.is_continue() { frames.iter().try_for_each(|frame| search.frame(frame)) } else { done }, top)
            }
        };
        if let (ControlFlow::Continue(()), false, Some(end)) = (done, search.is_cut_by_time, end) {
            search.bounded_by(end, None);
        }
        Visited { is_all: done.is_continue(), scanned_id: search.scanned, missing: search.missing }
    }

    /// The log below what is at hand, newest first. Break: not everything was looked at.
    fn older(&self, at_hand: &[Arc<Frame>], search: &mut Search<'_>) -> ControlFlow<()> {
        let Some((archive, seam)) = self.log_below(at_hand, search.filter) else { return ControlFlow::Continue(()) };
        let (after, since) = (search.filter.after.unwrap_or(0), search.filter.since_ms);
        let start = seam.min(search.filter.before.unwrap_or(u64::MAX));
        let mut is_end = false;
        let seen = archive.newest_before(start, LOG_BYTES, |row| {
            if row.id.is_some() {
                search.is_cut_by_time = since.is_some_and(|since| row.ts < since.saturating_sub(SLACK_MS));
                is_end = search.is_cut_by_time || row.id.is_some_and(|id| id <= after);
                if is_end {
                    return ControlFlow::Break(());
                }
            }
            search.row(row)
        });
        match seen {
            Ok(seen) if seen.is_complete || is_end => ControlFlow::Continue(()),
            Ok(_) => ControlFlow::Break(()),
            Err(fault) => unreadable(&fault),
        }
    }

    /// The log below what is at hand, oldest first.
    fn older_forward(&self, at_hand: &[Arc<Frame>], search: &mut Search<'_>) -> ControlFlow<()> {
        let Some((archive, seam)) = self.log_below(at_hand, search.filter) else { return ControlFlow::Continue(()) };
        let end = seam.min(search.filter.before.unwrap_or(u64::MAX));
        let mut is_end = false;
        let seen = archive.oldest_after(search.filter.after.unwrap_or(0), LOG_BYTES, |row| {
            is_end = row.id.is_some_and(|id| id >= end);
            if is_end { ControlFlow::Break(()) } else { search.row(row) }
        });
        match seen {
            Ok(seen) if seen.is_complete || is_end => ControlFlow::Continue(()),
            Ok(_) => ControlFlow::Break(()),
            Err(fault) => unreadable(&fault),
        }
    }

    /// The log, and the first id that need not be read from it; `None` when nothing is wanted from there.
    fn log_below(&self, at_hand: &[Arc<Frame>], filter: &EventFilter) -> Option<(Archive, u64)> {
        let seam = at_hand.first().map_or(u64::MAX, |frame| frame.event.id);
        let is_wanted = filter.after.is_none_or(|after| after.saturating_add(1) < seam) && seam > 1;
        self.archive().filter(|_| is_wanted).map(|archive| (archive, seam))
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
        let mut see = |record: Record| {
            if !rule(record.event()) {
                return ControlFlow::Continue(());
            }
            bytes += record.bytes();
            if records.len() == limit || (bytes > BYTES && !records.is_empty()) {
                return ControlFlow::Break(());
            }
            records.push(record);
            ControlFlow::Continue(())
        };
        let Visited { is_all, scanned_id, missing } = self.visit(filter, order, &mut see);
        Found { records, has_more: !is_all, scanned_id, missing }
    }

    /// The oldest id that can be asked for.
    pub(crate) fn oldest_id(&self) -> u64 {
        let mut oldest = None;
        if let Some(archive) = self.archive() {
            // Without a log that can be read, the bus says what there is.
            let _read = archive.oldest_after(0, ROW_BYTES, |row| {
                oldest = row.id;
                if oldest.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        let kept = self.bus.at_hand();
        let kept = kept.frames.first().map_or(kept.last_id + 1, |frame| frame.event.id);
        oldest.map_or(kept, |oldest| oldest.min(kept))
    }

    /// The counters over time, oldest first and now at last: the newest sample of each of `most` stretches of time. Says
    /// whether samples may be missing.
    pub(crate) fn points(&self, since_ms: i64, most: usize) -> (Vec<Point>, bool) {
        let now = self.bus.clock().now().timestamp_millis();
        let counters = self.bus.counters();
        let stretches = i64::try_from(most).unwrap_or(i64::MAX).saturating_sub(1).max(1);
        let stretch = ((now - since_ms) / stretches + 1).max(1);
        let (mut points, mut is_end, mut is_all) = (BTreeMap::new(), false, true);
        if let Some(archive) = self.archive() {
            let seen = archive.newest(LOG_BYTES, |row| {
                if row.ts < since_ms.saturating_sub(SLACK_MS) {
                    is_end = true;
                    return ControlFlow::Break(());
                }
                let place = (row.ts - since_ms).div_euclid(stretch);
                if (since_ms..=now).contains(&row.ts)
                    && !points.contains_key(&place)
                    && let Some(sample) = row.sample()
                {
                    points.insert(place, point(&sample, row.ts));
                }
                ControlFlow::Continue(())
            });
            is_all = seen.is_ok_and(|seen| seen.is_complete || is_end);
        }
        let mut points: Vec<Point> = points.into_values().collect();
        points.push(Point {
            ts: now,
            event_published: counters.published,
            drop_count: counters.drop_count,
            subscribers: counters.subscribers(),
            event_queue_depth: counters.pending(),
        });
        (points, !is_all)
    }

    /// What the log says about losses of subscribers, newest first.
    pub(crate) fn drop_rows(&self, limit: usize) -> Vec<DropRow> {
        let mut rows = Vec::new();
        if let Some(archive) = self.archive() {
            // A log that cannot be read is told by the health; here its rows are missing.
            let _read = archive.newest(ROW_BYTES, |row| {
                if row.id.is_none() && row.kind == DROPS {
                    rows.extend(drop_row(row));
                }
                if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
        }
        rows
    }
}

fn unreadable(fault: &dyn std::fmt::Display) -> ControlFlow<()> {
    tracing::warn!(%fault, "the observation log cannot be read back");
    ControlFlow::Break(())
}

fn point(sample: &Value, ts: i64) -> Point {
    let count = |name: &str| sample.get(name).and_then(Value::as_u64).unwrap_or_default();
    Point {
        ts,
        event_published: count("event_published"),
        drop_count: count("drop_count"),
        subscribers: count("subscribers"),
        event_queue_depth: count("event_queue_depth"),
    }
}

fn drop_row(row: &Row<'_>) -> Option<DropRow> {
    let value: Value = serde_json::from_str(row.line).ok()?;
    let count = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (lost, all) = (count("dropped_since_last"), count("drop_count"));
    let who = value.get("subscriber_id").and_then(Value::as_u64);
    let who = who.map_or_else(|| "subscribers".to_owned(), |id| format!("subscriber {id}"));
    Some(DropRow { ts: row.ts, reason: format!("{who} lost {lost} events, all lost {all} since the server started") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_counts_only_between_events_of_the_time_that_was_asked_for() {
        // Ids 1, 5 and 9, accepted at 100, 200 and 300.
        let (old, new) = ((2, 4, 3), (6, 8, 3));
        for (name, since_ms, until_ms, want) in [
            ("all", None, None, vec![old, new]),
            ("from the middle", Some(200), None, vec![old, new]),
            ("after the middle", Some(201), None, vec![new]),
            ("to the middle", None, Some(200), vec![old, new]),
            ("before the middle", None, Some(199), vec![old]),
            ("after all", Some(301), None, vec![]),
        ] {
            let filter = EventFilter { since_ms, until_ms, ..EventFilter::default() };
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let mut see = |_: Record| ControlFlow::Continue(());
                let (scanned, neighbor, missing) = (None, None, Vec::new());
                let mut search =
                    Search { filter: &filter, order, see: &mut see, scanned, neighbor, missing, is_cut_by_time: false };
                let mut events = [(1, 100), (5, 200), (9, 300)];
                if order == Order::NewestFirst {
                    events.reverse();
                }
                events.into_iter().for_each(|(id, ts)| search.passed(id, ts));
                let mut found: Vec<_> =
                    search.missing.iter().map(|hole| (hole.from_id, hole.to_id, hole.missed)).collect();
                found.sort_unstable();
                assert_eq!(found, want, "{name} {order:?}");
            }
        }
    }
}
