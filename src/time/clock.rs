//! The clock as a parameter, so that a run can be replayed on any day.

use std::fmt::Debug;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use super::KstTime;
use super::kst;

/// Tells the time and measures durations.
pub trait Clock: Debug + Send + Sync {
    /// The wall clock in Korean time. It may jump; never measure with it.
    fn now(&self) -> KstTime;
    /// Time since an arbitrary start. It never jumps.
    fn monotonic(&self) -> Duration;
    /// Waits, so that a simulated clock can pass the time instead.
    fn wait(&self, duration: Duration);
}

/// The machine's own clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts the monotonic measure at zero.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
    fn now(&self) -> KstTime {
        chrono::Utc::now().with_timezone(&kst())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn wait(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// A clock that only moves when told to.
#[derive(Debug)]
pub struct SimClock {
    state: Mutex<(KstTime, Duration)>,
}

impl SimClock {
    /// Stands at `now` until it is moved.
    #[must_use]
    pub fn at(now: KstTime) -> Self {
        Self { state: Mutex::new((now, Duration::ZERO)) }
    }

    /// Lets time pass: wall clock and monotonic measure move together.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += chrono::Duration::from_std(by).unwrap_or_default();
        state.1 += by;
    }

    /// Sets the wall clock alone, forwards or backwards, as an administrator or a time server would.
    pub fn jump_to(&self, now: KstTime) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = now;
    }
}

impl Clock for SimClock {
    fn now(&self) -> KstTime {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn monotonic(&self) -> Duration {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn wait(&self, duration: Duration) {
        self.advance(duration);
    }
}
