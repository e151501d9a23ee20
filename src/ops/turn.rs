//! One document at a time: who holds the turn reads, renders and publishes before anybody else reads.
//!
//! Without it a summary whose switches were read before an emergency stop could become the newest one after it. One turn
//! covers recommendation and summary, because the summary cites the recommendation and a cycle makes both from one
//! reading of the bundle. It is taken by the three public entries and handed down, so nobody waits for himself.

use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use super::Ops;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::RunLock;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;

/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// The right to make documents; dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// When the turn came. Everything is read after it.
    pub(super) now: KstTime,
    /// Let go before `thread`, so that the next thread of this process finds it free.
    _process: RunLock,
    _thread: MutexGuard<'a, ()>,
}

impl Ops {
    /// Waits for the turn: other threads of this process however long they work, other processes for a while.
    ///
    /// # Errors
    /// The lock cannot be made, or another process holds it all the time.
    pub(super) fn turn(&self) -> Result<Turn<'_>, StoreFault> {
        // The mutex guards no data, so a panic of its last holder left nothing half done.
        let thread = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let start = self.clock.monotonic();
        loop {
            let now = self.clock.now();
            match self.store.try_lock(layout::DOCUMENTS_LOCK, &Holder::this_process("", now, PATIENCE))? {
                LockOutcome::Acquired(held) => return Ok(Turn { now, _process: held.lock, _thread: thread }),
                LockOutcome::Held(_) if self.clock.monotonic().saturating_sub(start) < PATIENCE => {
                    self.clock.wait(PAUSE);
                }
                LockOutcome::Held(_) => {
                    return Err(StoreFault { verb: "lock", path: layout::DOCUMENTS_LOCK.to_owned(), source: busy() });
                }
            }
        }
    }
}

fn busy() -> std::io::Error {
    let text = format!("another process has been making documents for {} s", PATIENCE.as_secs());
    std::io::Error::new(std::io::ErrorKind::WouldBlock, text)
}
