//! What can end a run from outside: a signal and the limit of the whole run.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::time::Clock;

/// How often a waiting run looks for a signal.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Ends a run early.
#[derive(Clone, Debug)]
pub struct Control {
    interrupted: Arc<AtomicBool>,
    ends_at: Duration,
}

/// Why waiting ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A signal came.
    Interrupted,
    /// The whole run's limit is used up.
    OutOfTime,
    /// The call itself took longer than its limit.
    CallTimeout,
    /// The thread that asked died.
    Died,
}

impl Control {
    /// A run that may take `limit` from now on; setting `interrupted` ends it.
    #[must_use]
    pub fn new(interrupted: Arc<AtomicBool>, clock: &dyn Clock, limit: Duration) -> Self {
        Self { interrupted, ends_at: clock.monotonic() + limit }
    }

    /// Time left for the run; zero when it is used up.
    #[must_use]
    pub fn left(&self, clock: &dyn Clock) -> Duration {
        self.ends_at.saturating_sub(clock.monotonic())
    }

    /// Whether the run must end now.
    ///
    /// # Errors
    /// It must; the value says why.
    pub fn check(&self, clock: &dyn Clock) -> Result<(), Ended> {
        if self.interrupted.load(Ordering::SeqCst) {
            Err(Ended::Interrupted)
        } else if self.left(clock).is_zero() {
            Err(Ended::OutOfTime)
        } else {
            Ok(())
        }
    }

    /// Lets time pass in small steps, so that a signal is seen.
    ///
    /// # Errors
    /// The run ended meanwhile.
    pub fn wait(&self, clock: &dyn Clock, duration: Duration) -> Result<(), Ended> {
        let mut left = duration;
        while !left.is_zero() {
            self.check(clock)?;
            let step = left.min(LOOK_EVERY);
            clock.wait(step);
            left -= step;
        }
        self.check(clock)
    }

    /// Asks on a thread of its own and waits for the answer, at most `limit`. A signal or a limit ends the waiting at
    /// once, whatever the asking thread hangs in; what it still brings is thrown away.
    ///
    /// # Errors
    /// There was no answer in time.
    pub fn ask<T: Send + 'static>(
        &self,
        clock: &dyn Clock,
        limit: Duration,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Ended> {
        self.check(clock)?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            // Nobody listens any more when the waiting has ended.
            sender.send(question()).ok();
        });
        let mut waited = Duration::ZERO;
        while waited < limit {
            let step = LOOK_EVERY.min(limit - waited);
            match receiver.recv_timeout(step) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(Ended::Died),
                Err(RecvTimeoutError::Timeout) => {
                    waited += step;
                    self.check(clock)?;
                }
            }
        }
        Err(Ended::CallTimeout)
    }
}
