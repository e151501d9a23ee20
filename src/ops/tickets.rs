//! The state of all tickets, kept in memory and brought up to date from what was appended.
//!
//! A ticket exists by its request line. Its state is its newest result line, else OPEN; results and receipts of a ticket
//! that nobody requested are remembered but not counted, as the board shows no such ticket either.

use std::collections::HashMap;
use std::sync::mpsc;

use super::RiskWindow;
use super::recent;
use super::recent::Recent;
use super::ticket_file::Batch;
use super::ticket_file::Effect;
use super::ticket_file::Event;
use super::ticket_file::Key;
use super::ticket_file::Source;
use super::ticket_file::TicketFile;
use crate::contracts::summary::TicketCounts;
use crate::contracts::ticket::TicketStatus;
use crate::store::Store;
use crate::time::KstTime;

/// Most recent lines that are kept, whatever the policy says.
const MAX_EVENTS: usize = 10_000;
/// Batches on their way from the readers to the book.
const IN_FLIGHT: usize = 8;

/// What the three files say now.
#[derive(Debug)]
pub(super) struct TicketsView {
    pub(super) counts: TicketCounts,
    pub(super) recent: Recent,
    /// Lines that cannot be read.
    pub(super) bad_lines: u64,
    /// Files that cannot be read, each with the reason.
    pub(super) unreadable: Vec<String>,
}

/// One ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticket {
    requested: bool,
    status: Option<TicketStatus>,
    refused: bool,
}

/// All tickets with their counts.
#[derive(Debug, Default)]
struct Book {
    tickets: HashMap<Key, Ticket>,
    counts: TicketCounts,
}

/// The three files and the book that was made of them.
#[derive(Debug)]
pub(super) struct TicketIndex {
    capacity: usize,
    requests: TicketFile,
    results: TicketFile,
    receipts: TicketFile,
    book: Book,
}

impl Default for TicketIndex {
    fn default() -> Self {
        Self::with_capacity(RiskWindow::default().max_events)
    }
}

impl TicketIndex {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            requests: TicketFile::new(Source::Requests, 0),
            results: TicketFile::new(Source::Results, capacity),
            receipts: TicketFile::new(Source::Receipts, capacity),
            book: Book::default(),
        }
    }

    /// Reads what was appended and counts.
    pub(super) fn view(&mut self, store: &Store, now: KstTime, window: &RiskWindow) -> TicketsView {
        let max_events = window.max_events.min(MAX_EVENTS);
        if max_events > self.capacity {
            // Lines that were let go are needed after all.
            *self = Self::with_capacity(max_events);
        }
        self.refresh(store);
        let files = [&self.requests, &self.results, &self.receipts];
        let pending: Vec<Event> = files.iter().filter_map(|file| file.pending()).collect();
        let bad_lines = files.iter().map(|file| file.bad_lines()).sum();
        let unreadable = files.iter().filter_map(|file| file.fault().map(str::to_owned)).collect();
        let (results, receipts) = (self.results.recent(max_events), self.receipts.recent(max_events));
        let recent = recent::count(&results, &receipts, now, window);
        TicketsView { counts: self.book.counts_with(&pending), recent, bad_lines, unreadable }
    }

    /// The files are parsed side by side; the book is kept by this thread alone.
    fn refresh(&mut self, store: &Store) {
        let Self { requests, results, receipts, book, .. } = self;
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(IN_FLIGHT);
            for file in [requests, results, receipts] {
                let sender = sender.clone();
                // The receiver outlives every reader, so nothing is lost.
                scope.spawn(move || file.read(store, &mut |batch| sender.send(batch).unwrap_or_default()));
            }
            drop(sender);
            for batch in receiver {
                match batch {
                    Batch::Restart(source) => book.forget(source),
                    Batch::Events(events) => events.iter().for_each(|event| book.apply(event)),
                }
            }
        });
    }
}

impl Book {
    fn apply(&mut self, event: &Event) {
        let ticket = self.tickets.entry(event.key).or_default();
        let before = *ticket;
        match event.effect {
            Effect::Requested => ticket.requested = true,
            Effect::Status(status) => ticket.status = Some(status),
            Effect::Receipt { blocked } => ticket.refused = blocked,
        }
        let after = *ticket;
        self.recount(before, after);
    }

    /// The counts with lines that may still be half written; the book itself stays as it is.
    fn counts_with(&mut self, pending: &[Event]) -> TicketCounts {
        let counts = self.counts;
        let before: Vec<(Key, Option<Ticket>)> =
            pending.iter().map(|event| (event.key, self.tickets.get(&event.key).copied())).collect();
        pending.iter().for_each(|event| self.apply(event));
        let with_pending = std::mem::replace(&mut self.counts, counts);
        for (key, ticket) in before.into_iter().rev() {
            match ticket {
                Some(ticket) => self.tickets.insert(key, ticket),
                None => self.tickets.remove(&key),
            };
        }
        with_pending
    }

    fn forget(&mut self, source: Source) {
        for ticket in self.tickets.values_mut() {
            match source {
                Source::Requests => ticket.requested = false,
                Source::Results => ticket.status = None,
                Source::Receipts => ticket.refused = false,
            }
        }
        self.tickets.retain(|_, ticket| *ticket != Ticket::default());
        self.counts = TicketCounts::default();
        let tickets: Vec<Ticket> = self.tickets.values().copied().collect();
        tickets.into_iter().for_each(|ticket| self.recount(Ticket::default(), ticket));
    }

    fn recount(&mut self, before: Ticket, after: Ticket) {
        if before == after {
            return;
        }
        if let Some(count) = state_count(&mut self.counts, before) {
            *count -= 1;
        }
        if let Some(count) = state_count(&mut self.counts, after) {
            *count += 1;
        }
        self.counts.blocked -= u64::from(is_blocked(before));
        self.counts.blocked += u64::from(is_blocked(after));
    }
}

/// The counter that a ticket belongs to; none when nobody requested it.
fn state_count(counts: &mut TicketCounts, ticket: Ticket) -> Option<&mut u64> {
    ticket.requested.then_some(match ticket.status {
        None => &mut counts.open,
        Some(TicketStatus::InProgress) => &mut counts.in_progress,
        Some(TicketStatus::Done) => &mut counts.done,
        Some(TicketStatus::Failed) => &mut counts.failed,
    })
}

/// Failed, and the last word of the executor was a refusal.
fn is_blocked(ticket: Ticket) -> bool {
    ticket.requested && ticket.refused && ticket.status == Some(TicketStatus::Failed)
}
