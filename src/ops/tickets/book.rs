//! Every ticket in a few bytes: where it stands, where its lines lie, and the order of all of them by time.
//!
//! A million tickets take about 120 MiB. No text is kept: what is shown is read from the lines on demand.

use std::collections::HashMap;

use crate::contracts::summary::TicketCounts;
use crate::contracts::ticket::TicketState;
use crate::contracts::ticket::TicketStatus;
use crate::ops::ticket_file::Batch;
use crate::ops::ticket_file::Effect;
use crate::ops::ticket_file::Event;
use crate::ops::ticket_file::Key;
use crate::ops::ticket_file::Source;

/// No line, in place of an offset.
const NO_LINE: u64 = u64::MAX;
/// No time, in place of microseconds: such a ticket is older than every other.
const NO_TIME: i64 = i64::MIN;
/// More new tickets than this are sorted together, fewer are put into their places.
const FEW: usize = 64;

/// What is counted of a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    requested: bool,
    status: Option<TicketStatus>,
    refused: bool,
}

/// Where a ticket's lines lie, and when they were written.
#[derive(Clone, Copy, Debug)]
struct Lines {
    request: u64,
    requested_at: i64,
    result: u64,
    processed_at: i64,
}

impl Default for Lines {
    fn default() -> Self {
        Self { request: NO_LINE, requested_at: NO_TIME, result: NO_LINE, processed_at: NO_TIME }
    }
}

/// One ticket as the book knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) struct Spot {
    pub(in crate::ops) state: TicketState,
    /// Offset of its request line.
    pub(in crate::ops) request: u64,
    /// Offset of its newest result line.
    pub(in crate::ops) result: Option<u64>,
    /// When it was asked for, in microseconds.
    pub(in crate::ops) requested_at: Option<i64>,
    /// When its newest result was written, in microseconds.
    pub(in crate::ops) processed_at: Option<i64>,
}

/// What a line changed, to take it back.
struct Before {
    key: Key,
    /// `None` when the line made the ticket.
    ticket: Option<(Standing, Lines)>,
}

/// All tickets with their counts and their order.
#[derive(Debug, Default)]
pub(in crate::ops) struct Book {
    ids: HashMap<Key, u32>,
    standings: Vec<Standing>,
    lines: Vec<Lines>,
    /// Requested tickets, the oldest first.
    order: Vec<u32>,
    /// Requested tickets that are not in the order yet.
    fresh: Vec<u32>,
    counts: TicketCounts,
    /// Lines of each file.
    seen: [u64; 3],
}

impl Book {
    pub(in crate::ops) fn counts(&self) -> TicketCounts {
        self.counts
    }

    /// The ticket of a key; `None` when nobody asked for it.
    pub(in crate::ops) fn find(&self, key: &Key) -> Option<Spot> {
        self.spot(*self.ids.get(key)?)
    }

    /// How many tickets there are, or stand in one state.
    pub(in crate::ops) fn total(&self, state: Option<TicketState>) -> u64 {
        let counts = &self.counts;
        match state {
            None => self.order.len() as u64,
            Some(TicketState::Open) => counts.open,
            Some(TicketState::Has(TicketStatus::InProgress)) => counts.in_progress,
            Some(TicketState::Has(TicketStatus::Done)) => counts.done,
            Some(TicketState::Has(TicketStatus::Failed)) => counts.failed,
        }
    }

    /// The newest tickets, newest first; only those in `state` when one is given.
    pub(in crate::ops) fn newest(&self, state: Option<TicketState>, limit: usize) -> Vec<Spot> {
        let most = limit.min(usize::try_from(self.total(state)).unwrap_or(usize::MAX));
        self.order
            .iter()
            .rev()
            .filter(|id| self.stands(**id, state))
            .take(most)
            .filter_map(|id| self.spot(*id))
            .collect()
    }

    /// The oldest tickets in a state, oldest first.
    pub(in crate::ops) fn oldest(&self, state: TicketState, limit: usize) -> Vec<Spot> {
        let most = limit.min(usize::try_from(self.total(Some(state))).unwrap_or(usize::MAX));
        self.order
            .iter()
            .filter(|id| self.stands(**id, Some(state)))
            .take(most)
            .filter_map(|id| self.spot(*id))
            .collect()
    }

    fn stands(&self, id: u32, state: Option<TicketState>) -> bool {
        let Some(state) = state else { return true };
        let wanted = match state {
            TicketState::Open => None,
            TicketState::Has(status) => Some(status),
        };
        self.standings.get(id as usize).is_some_and(|standing| standing.status == wanted)
    }

    fn spot(&self, id: u32) -> Option<Spot> {
        let (standing, lines) = (self.standings.get(id as usize)?, self.lines.get(id as usize)?);
        standing.requested.then_some(Spot {
            state: standing.status.map_or(TicketState::Open, TicketState::Has),
            request: lines.request,
            result: (lines.result != NO_LINE).then_some(lines.result),
            requested_at: (lines.requested_at != NO_TIME).then_some(lines.requested_at),
            processed_at: (lines.processed_at != NO_TIME).then_some(lines.processed_at),
        })
    }

    /// Takes over what a file hands over. The order is behind until [`Self::settle`].
    pub(super) fn take(&mut self, batch: Batch) {
        match batch {
            Batch::Restart(source) => self.forget(source),
            Batch::Events(events) => events.iter().for_each(|event| self.apply(event)),
        }
    }

    /// Takes over what a line says. The order is behind until [`Self::settle`].
    fn apply(&mut self, event: &Event) {
        let id = *self.ids.entry(event.key).or_insert_with(|| {
            self.standings.push(Standing::default());
            self.lines.push(Lines::default());
            u32::try_from(self.standings.len() - 1).unwrap_or(u32::MAX)
        });
        self.seen[source_of(event.effect) as usize] += 1;
        let at = id as usize;
        let (Some(standing), Some(lines)) = (self.standings.get_mut(at), self.lines.get_mut(at)) else { return };
        let before = *standing;
        match event.effect {
            // Asked for twice is one ticket, and the first request counts.
            Effect::Requested { .. } if standing.requested => {}
            Effect::Requested { at } => {
                standing.requested = true;
                (lines.request, lines.requested_at) = (event.offset, at.unwrap_or(NO_TIME));
                self.fresh.push(id);
            }
            Effect::Status { status, at } => {
                standing.status = Some(status);
                (lines.result, lines.processed_at) = (event.offset, at.unwrap_or(NO_TIME));
            }
            Effect::Receipt { blocked } => standing.refused = blocked,
        }
        let after = *standing;
        recount(&mut self.counts, before, after);
    }

    /// Brings the order up to date.
    pub(super) fn settle(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        let lines = &self.lines;
        let place = |id: &u32| lines.get(*id as usize).map(|lines| (lines.requested_at, lines.request));
        if fresh.len() <= FEW {
            for id in fresh {
                let at = self.order.partition_point(|other| place(other) <= place(&id));
                self.order.insert(at, id);
            }
            return;
        }
        self.order.extend(fresh);
        if !self.order.is_sorted_by_key(place) {
            self.order.sort_by_cached_key(place);
        }
    }

    /// Looks at the book as it is with lines that may still be half written, which then are taken back.
    pub(super) fn with_pending<T>(&mut self, pending: &[Event], look: impl FnOnce(&Self) -> T) -> T {
        let (counts, seen) = (self.counts, self.seen);
        let mut before = Vec::new();
        for event in pending {
            let ticket = self
                .ids
                .get(&event.key)
                .and_then(|id| Some((*self.standings.get(*id as usize)?, *self.lines.get(*id as usize)?)));
            before.push(Before { key: event.key, ticket });
            self.apply(event);
        }
        self.settle();
        let seen_now = look(self);
        for was in before.into_iter().rev() {
            self.take_back(&was);
        }
        (self.counts, self.seen) = (counts, seen);
        seen_now
    }

    fn take_back(&mut self, was: &Before) {
        let Some(id) = self.ids.get(&was.key).copied() else { return };
        let at = id as usize;
        let was_requested = was.ticket.is_some_and(|(standing, _)| standing.requested);
        let is_requested = self.standings.get(at).is_some_and(|standing| standing.requested);
        if is_requested && !was_requested {
            self.order.retain(|other| *other != id);
        }
        match was.ticket {
            Some((standing, lines)) => {
                if let (Some(s), Some(l)) = (self.standings.get_mut(at), self.lines.get_mut(at)) {
                    (*s, *l) = (standing, lines);
                }
            }
            None => {
                // It is the last one: lines are taken back in the opposite order.
                self.ids.remove(&was.key);
                self.standings.pop();
                self.lines.pop();
            }
        }
    }

    /// Forgets what came from one file.
    fn forget(&mut self, source: Source) {
        if std::mem::take(&mut self.seen[source as usize]) == 0 {
            return;
        }
        if self.seen == [0; 3] {
            *self = Self::default();
            return;
        }
        let counts = &mut self.counts;
        for (standing, lines) in self.standings.iter_mut().zip(&mut self.lines) {
            let before = *standing;
            match source {
                Source::Requests => {
                    standing.requested = false;
                    (lines.request, lines.requested_at) = (NO_LINE, NO_TIME);
                }
                Source::Results => {
                    standing.status = None;
                    (lines.result, lines.processed_at) = (NO_LINE, NO_TIME);
                }
                Source::Receipts => standing.refused = false,
            }
            recount(counts, before, *standing);
        }
        if source == Source::Requests {
            self.order.clear();
            self.fresh.clear();
        }
    }
}

fn source_of(effect: Effect) -> Source {
    match effect {
        Effect::Requested { .. } => Source::Requests,
        Effect::Status { .. } => Source::Results,
        Effect::Receipt { .. } => Source::Receipts,
    }
}

fn recount(counts: &mut TicketCounts, before: Standing, after: Standing) {
    if before == after {
        return;
    }
    if let Some(count) = state_count(counts, before) {
        *count -= 1;
    }
    if let Some(count) = state_count(counts, after) {
        *count += 1;
    }
    counts.blocked -= u64::from(is_blocked(before));
    counts.blocked += u64::from(is_blocked(after));
}

/// The counter that a ticket belongs to; none when nobody requested it.
fn state_count(counts: &mut TicketCounts, ticket: Standing) -> Option<&mut u64> {
    ticket.requested.then_some(match ticket.status {
        None => &mut counts.open,
        Some(TicketStatus::InProgress) => &mut counts.in_progress,
        Some(TicketStatus::Done) => &mut counts.done,
        Some(TicketStatus::Failed) => &mut counts.failed,
    })
}

/// Failed, and the last word of the executor was a refusal.
fn is_blocked(ticket: Standing) -> bool {
    ticket.requested && ticket.refused && ticket.status == Some(TicketStatus::Failed)
}
