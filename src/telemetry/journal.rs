//! The observation log: every event as one line, with samples of the counters and what subscribers lost.
//!
//! One process keeps the log of a workspace. It reads back what the last one wrote, so that ids go on, and writes on a
//! thread of its own: no publish waits for its rows. The log is never read into the bus while it is written.

mod opening;
mod recorder;
mod rows;
mod spool;

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use recorder::Recorder;
use spool::Spool;

use super::bus::Bus;
use crate::store::Store;

pub use opening::JournalFault;
pub use opening::Opened;
pub use opening::ids_of_its_own;
pub(super) use rows::SAMPLE;

/// How long the thread waits for events before it looks at the clock.
const TICK: Duration = Duration::from_millis(100);
/// A disk that takes longer over one step than this stands still.
const STALLED: Duration = Duration::from_secs(4);

/// How the log is kept.
#[derive(Clone, Debug)]
pub struct JournalSettings {
    /// The file, below the workspace.
    pub log: String,
    /// Time between two samples of the counters.
    pub sample: Duration,
    /// The size at which the file is put aside.
    pub max_bytes: u64,
    /// Files that are kept beside the current one.
    pub keep: usize,
    /// Events that are read back at the start, at most.
    pub recall: usize,
}

/// How the observation log is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStatus {
    /// Whether the last write failed or does not end, or nobody writes.
    pub is_failing: bool,
    /// Lines that could not be read at the start.
    pub bad_lines: u64,
    /// When it was last told that rows had been given up, on the clock that never jumps.
    pub losses_told_at: Option<Duration>,
    /// When the newest row was written, in milliseconds since 1970.
    pub last_row_ms: Option<i64>,
    /// The newest event that the disk has.
    pub synced_id: u64,
    /// Bytes written by this process.
    pub bytes_written: u64,
    /// Events that were taken over from the spool.
    pub spool_events: u64,
    /// Lines of the spool that are no events.
    pub spool_bad_lines: u64,
}

/// What the thread tells about itself.
#[derive(Debug, Default)]
struct Shared {
    status: Mutex<JournalStatus>,
    /// Since when it has been busy with the disk; `None` while it waits for events.
    busy_since: Mutex<Option<Duration>>,
    stopping: AtomicBool,
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut JournalStatus)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Says that a step with the disk begins, or that none is under way.
    fn note_work(&self, since: Option<Duration>) {
        *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn is_stalled(&self, now: Duration) -> bool {
        let since = *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| now.saturating_sub(since) >= STALLED)
    }

    fn status(&self) -> JournalStatus {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is doing at a moment, also when the thread itself cannot say.
    fn status_at(&self, now: Duration) -> JournalStatus {
        let status = self.status();
        JournalStatus { is_failing: status.is_failing || self.is_stalled(now), ..status }
    }
}

/// A log that is being kept. Dropping it stops it.
#[derive(Debug)]
pub struct Journal {
    bus: Arc<Bus>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Keeps the log of a bus from now on, and takes over what other processes put into the spool.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(bus: &Arc<Bus>, store: Store, opened: Opened) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut recorder = Recorder::new(Arc::clone(bus), store.clone(), opened, Arc::clone(&shared));
        let mut spool = Spool::new(store);
        let told = Arc::clone(&shared);
        let run = move || {
            while !told.stopping.load(Ordering::Acquire) {
                recorder.turn(TICK);
                spool.turn(&mut recorder);
                told.note_work(None);
            }
            recorder.finish();
            told.note_work(None);
        };
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(run)?;
        Ok(Self { bus: Arc::clone(bus), shared, thread: Mutex::new(Some(thread)) })
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> JournalStatus {
        let ended = self.thread().as_ref().is_some_and(JoinHandle::is_finished);
        let status = self.shared.status_at(self.bus.clock().monotonic());
        JournalStatus { is_failing: status.is_failing || ended, ..status }
    }

    /// Writes what waits, waits for the disk, and lets go of the log.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        let thread = self.thread().take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the observation log's thread ended by a panic");
            }
        }
    }

    fn thread(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
