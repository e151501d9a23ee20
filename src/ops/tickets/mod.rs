//! The state of all tickets, kept in memory and brought up to date from what was appended.
//!
//! A ticket exists by its request line. Its state is its newest result line, else OPEN; results and receipts of a ticket
//! that nobody requested are remembered but not counted, as the board shows no such ticket either.

mod board;
mod book;
mod change;
mod preflight;

use std::sync::mpsc;

pub use board::BoardRow;
pub use board::TicketBoard;
pub(super) use board::request_rows;
pub(super) use board::result_rows;
pub(super) use book::Book;
pub(super) use book::Spot;
pub use change::Completion;
pub(super) use change::Desk;
pub use change::Outcome;
pub(super) use change::TAKEN;
pub use change::TicketDraft;
pub use change::TicketFault;
pub(super) use preflight::Safety;
pub(super) use preflight::Work;
pub(super) use preflight::artifact;
pub use preflight::is_artifact_id;

use super::RiskWindow;
use super::recent;
use super::recent::Recent;
use super::ticket_file::Event;
use super::ticket_file::Source;
use super::ticket_file::TicketFile;
use crate::contracts::summary::TicketCounts;
use crate::store::Store;
use crate::store::StoreFault;
use crate::time::KstTime;

/// Most recent lines that are kept, whatever the policy says.
const MAX_EVENTS: usize = 10_000;
/// More new bytes than this are parsed by a thread for each file.
const MUCH: u64 = 1 << 20;
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

    fn files(&self) -> [&TicketFile; 3] {
        [&self.requests, &self.results, &self.receipts]
    }

    /// Lines that cannot be read.
    pub(super) fn bad_lines(&self) -> u64 {
        self.files().iter().map(|file| file.bad_lines()).sum()
    }

    /// Files that cannot be read, each with the reason.
    pub(super) fn unreadable(&self) -> Vec<String> {
        self.files().iter().filter_map(|file| file.fault().map(str::to_owned)).collect()
    }

    /// The number that the next line of a file will have.
    pub(super) fn next_line(&self, source: Source) -> u64 {
        match source {
            Source::Requests => self.requests.next_line(),
            Source::Results => self.results.next_line(),
            Source::Receipts => self.receipts.next_line(),
        }
    }

    /// Reads what was appended and counts.
    pub(super) fn view(&mut self, store: &Store, now: KstTime, window: &RiskWindow) -> TicketsView {
        let max_events = window.max_events.min(MAX_EVENTS);
        if max_events > self.capacity {
            // Lines that were let go are needed after all.
            *self = Self::with_capacity(max_events);
        }
        let counts = self.look(store, Book::counts);
        let (results, receipts) = (self.results.recent(max_events), self.receipts.recent(max_events));
        let recent = recent::count(&results, &receipts, now, window);
        TicketsView { counts, recent, bad_lines: self.bad_lines(), unreadable: self.unreadable() }
    }

    /// Reads what was appended and looks at the book, last lines that lack only their end included.
    pub(super) fn look<T>(&mut self, store: &Store, look: impl FnOnce(&Book) -> T) -> T {
        self.refresh(store);
        let pending: Vec<Event> = self.files().iter().filter_map(|file| file.pending()).collect();
        self.book.with_pending(&pending, look)
    }

    /// The book after every half line was ended, for a change: what is there counts, and the next line is a line of its own.
    /// To be called under the lock of the tickets.
    ///
    /// # Errors
    /// A file cannot be read or ended; nothing may be changed then.
    pub(super) fn settled(&mut self, store: &Store) -> Result<&Book, StoreFault> {
        self.refresh(store);
        let half: Vec<&'static str> =
            self.files().iter().filter(|file| file.is_within_a_line()).map(|file| file.path()).collect();
        if !half.is_empty() {
            half.into_iter().try_for_each(|file| store.end_line(file))?;
            self.refresh(store);
        }
        match self.files().iter().find_map(|file| Some((file.path(), file.fault()?))) {
            Some((path, why)) => Err(StoreFault::new("read", path)(std::io::Error::other(why.to_owned()))),
            None => Ok(&self.book),
        }
    }

    fn refresh(&mut self, store: &Store) {
        if self.files().iter().map(|file| file.unread(store)).sum::<u64>() > MUCH {
            self.read_side_by_side(store);
        } else {
            // A few lines are read sooner than threads start, and on a busy host each thread waits for its turn.
            let Self { requests, results, receipts, book, .. } = self;
            for file in [requests, results, receipts] {
                file.read(store, &mut |batch| book.take(batch));
            }
        }
        self.book.settle();
    }

    /// The files are parsed side by side; the book is kept by this thread alone.
    fn read_side_by_side(&mut self, store: &Store) {
        let Self { requests, results, receipts, book, .. } = self;
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(IN_FLIGHT);
            for file in [requests, results, receipts] {
                let sender = sender.clone();
                // The receiver outlives every reader, so nothing is lost.
                scope.spawn(move || file.read(store, &mut |batch| sender.send(batch).unwrap_or_default()));
            }
            drop(sender);
            receiver.into_iter().for_each(|batch| book.take(batch));
        });
    }
}
