//! Which ids may be given: no id is given twice, not even after a kill, and no publish waits for a disk that stands still.
//!
//! A file beside the log, the mark, says which id is the highest that may have been given. A thread of its own keeps it a
//! little ahead of the events, and at the newest one itself as soon as there is a pause, so that a kill leaves no hole
//! behind a quiet moment and a small one behind a busy one. A publish that needs more than is noted waits for the thread,
//! [`PATIENCE`] once: what a killed process wrote is kept by the system, so a note takes no longer than a call to it.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::store::Mark;

/// Ids noted ahead of the events while they come.
const AHEAD: u64 = 256;
/// How long a publish waits for a note. Whoever needs longer stands still: events then go on without notes until it is back.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long no event comes before the mark is set back to the newest one.
const PAUSE: Duration = Duration::from_millis(100);

/// The ids that a bus may give.
#[derive(Debug)]
pub(super) struct IdReserve {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Mark>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// The newest id that was given, or is about to be.
    given: u64,
    /// What the mark says, or less while it is being set back.
    noted: u64,
    /// What it has to say.
    wanted: u64,
    /// The last note did not come in time, or failed: nobody waits.
    is_late: bool,
    /// The last note failed.
    is_failing: bool,
    has_ended: bool,
}

impl IdReserve {
    /// Keeps a mark that says `newest`, the newest id that was given.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(mark: Mark, newest: u64) -> std::io::Result<Self> {
        let (is_late, is_failing, has_ended) = (false, false, false);
        let state = State { given: newest, noted: newest, wanted: newest, is_late, is_failing, has_ended };
        let shared = Arc::new(Shared { state: Mutex::new(state), change: Condvar::new() });
        let inner = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("ids".to_owned()).spawn(move || inner.keep(mark))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// What gives ids asks here first.
    pub(super) fn gate(&self) -> IdGate {
        IdGate(Arc::clone(&self.shared))
    }

    /// Whether the mark could not be set.
    #[must_use]
    pub(super) fn is_failing(&self) -> bool {
        self.shared.lock().is_failing
    }

    /// Gives up the mark; `None` when its thread has ended by a defect.
    #[must_use]
    pub(super) fn end(mut self) -> Option<Mark> {
        self.stop()
    }

    fn stop(&mut self) -> Option<Mark> {
        self.shared.lock().has_ended = true;
        self.shared.change.notify_all();
        self.thread.take()?.join().ok()
    }
}

impl Drop for IdReserve {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The side of the reserve that gives ids.
#[derive(Debug)]
pub(super) struct IdGate(Arc<Shared>);

impl IdGate {
    /// Ids up to this one are about to be given.
    pub(super) fn pass(&self, last: u64) {
        let mut state = self.0.lock();
        state.given = last;
        if last <= state.noted || state.has_ended {
            return;
        }
        state.wanted = last + AHEAD;
        self.0.change.notify_all();
        if state.is_late {
            return;
        }
        let waits = |state: &mut State| state.noted < last && !state.is_late && !state.has_ended;
        let waited = self.0.change.wait_timeout_while(state, PATIENCE, waits);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_late |= timeout.timed_out();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the mark until the end.
    fn keep(&self, mark: Mark) -> Mark {
        while let Some(number) = self.due() {
            let noted = mark.set(number);
            let mut state = self.lock();
            let was_failing = std::mem::replace(&mut state.is_failing, noted.is_err());
            match &noted {
                // It may say less than before; what was asked for meanwhile comes next.
                Ok(()) => state.noted = number,
                Err(fault) if !was_failing => {
                    tracing::error!(%fault, "it cannot be noted which ids are given: after a kill they may be given again");
                }
                Err(_) => {}
            }
            // Who is late has caught up only when it has noted all that was given meanwhile.
            state.is_late = noted.is_err() || (state.is_late && state.noted < state.given);
            drop(state);
            self.change.notify_all();
        }
        mark
    }

    /// Waits for what the mark has to say next; `None` at the end.
    fn due(&self) -> Option<u64> {
        let mut state = self.lock();
        while !state.has_ended {
            if state.is_failing {
                // Tried again after a while, whoever asks meanwhile.
                let waits = |state: &mut State| !state.has_ended;
                let waited = self.change.wait_timeout_while(state, PAUSE, waits);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                if !state.has_ended {
                    return Some(state.wanted);
                }
            } else if state.wanted > state.noted {
                return Some(state.wanted);
            } else if state.noted == state.given {
                state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                let before = state.given;
                state = self.change.wait_timeout(state, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
                if state.given == before && state.wanted <= state.noted && !state.has_ended {
                    // From here on, a publish waits until more is noted.
                    (state.noted, state.wanted) = (before, before);
                    return Some(before);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
