//! What waits for the observation log: bounded, so that a slow disk costs rows and never a publish.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bus::Frame;
use super::bus::add;

/// Rows that wait at most.
const ROOM: usize = 10_000;

/// Events on their way to the observation log.
#[derive(Debug, Default)]
pub struct Feed {
    waiting: Mutex<VecDeque<Arc<Frame>>>,
    news: Condvar,
    /// Without a log nothing is kept for it.
    is_open: AtomicBool,
    /// Events offered, taken, and given up.
    offered: AtomicU64,
    taken: AtomicU64,
    dropped: AtomicU64,
}

impl Feed {
    /// From now on somebody takes what is offered.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    pub(super) fn offer(&self, frames: &[Arc<Frame>]) {
        let count = u64::try_from(frames.len()).unwrap_or(u64::MAX);
        add(&self.offered, count);
        if !self.is_open.load(Ordering::Acquire) {
            add(&self.taken, count);
            return;
        }
        let mut waiting = self.lock();
        let room = ROOM.saturating_sub(waiting.len());
        waiting.extend(frames.iter().take(room).cloned());
        drop(waiting);
        let lost = u64::try_from(frames.len().saturating_sub(room)).unwrap_or(u64::MAX);
        add(&self.dropped, lost);
        // What was given up is not pending either.
        add(&self.taken, lost);
        self.news.notify_one();
    }

    /// What waits, at most `most`; waits for news so long when there is nothing.
    #[must_use]
    pub fn take(&self, most: usize, patience: Duration) -> Vec<Arc<Frame>> {
        let waiting = self.lock();
        let (mut waiting, _) = self
            .news
            .wait_timeout_while(waiting, patience, |waiting| waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(most);
        let frames: Vec<_> = waiting.drain(..count).collect();
        drop(waiting);
        add(&self.taken, u64::try_from(count).unwrap_or(u64::MAX));
        frames
    }

    /// Events that were taken or given up since the start.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Events that the log never gets.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Frame>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
