//! What the observation log does not have yet: bounded, so that a slow disk costs rows and never a publish.
//!
//! An event stays here until its row is written, so that whoever reads the past finds it in one of the two places.

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
    queue: Mutex<Queue>,
    news: Condvar,
    /// Without a log nothing is kept for it.
    is_open: AtomicBool,
    /// Events that the log's writer took, and those that were given up.
    taken: AtomicU64,
    dropped: AtomicU64,
    /// The most that ever waited.
    depth_max: AtomicU64,
}

/// Events without a row.
#[derive(Debug, Default)]
struct Queue {
    /// First those that the writer has in hand, then those that wait for it.
    frames: VecDeque<Arc<Frame>>,
    in_hand: usize,
    /// What was given up since that was last told.
    lost: Option<Lost>,
}

/// Events that the log never gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// The first of them.
    pub(super) from_id: u64,
    /// The last one; not each in between need be lost.
    pub(super) to_id: u64,
    /// How many.
    pub(super) rows: u64,
}

impl Queue {
    fn waiting(&self) -> usize {
        self.frames.len() - self.in_hand
    }

    fn give_up(&mut self, frames: &[Arc<Frame>]) {
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return };
        let (from_id, rows) = self.lost.map_or((first.event.id, 0), |lost| (lost.from_id, lost.rows));
        self.lost = Some(Lost { from_id, to_id: last.event.id, rows: rows + count(frames.len()) });
    }
}

impl Feed {
    /// From now on somebody takes what is offered.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    pub(super) fn offer(&self, frames: &[Arc<Frame>]) {
        if !self.is_open.load(Ordering::Acquire) {
            add(&self.taken, count(frames.len()));
            return;
        }
        let mut queue = self.lock();
        let room = ROOM.saturating_sub(queue.waiting()).min(frames.len());
        queue.frames.extend(frames[..room].iter().cloned());
        queue.give_up(&frames[room..]);
        let depth = queue.waiting();
        drop(queue);
        self.depth_max.fetch_max(count(depth), Ordering::Relaxed);
        add(&self.dropped, count(frames.len() - room));
        self.news.notify_one();
    }

    /// What waits, at most `most`; waits for news so long when there is nothing. It stays here until it is written.
    #[must_use]
    pub fn take(&self, most: usize, patience: Duration) -> Vec<Arc<Frame>> {
        let queue = self.lock();
        let (mut queue, _) = self
            .news
            .wait_timeout_while(queue, patience, |queue| queue.waiting() == 0)
            .unwrap_or_else(PoisonError::into_inner);
        let end = queue.in_hand + queue.waiting().min(most);
        let frames: Vec<_> = queue.frames.range(queue.in_hand..end).cloned().collect();
        queue.in_hand = end;
        drop(queue);
        add(&self.taken, count(frames.len()));
        frames
    }

    /// Takes everything that waits, for good.
    #[must_use]
    pub fn take_all(&self) -> Vec<Arc<Frame>> {
        let frames = self.take(usize::MAX, Duration::ZERO);
        if let Some(last) = frames.last() {
            self.written(last.event.id);
        }
        frames
    }

    /// Says that the log has everything that was taken, up to this id.
    pub(super) fn written(&self, id: u64) {
        let mut queue = self.lock();
        let end = queue.frames.partition_point(|frame| frame.event.id <= id).min(queue.in_hand);
        let done: Vec<_> = queue.frames.drain(..end).collect();
        queue.in_hand -= end;
        // Publishing must not wait until so many events are freed.
        drop(queue);
        drop(done);
    }

    /// Everything that the log does not have and will get, oldest first.
    #[must_use]
    pub fn unwritten(&self) -> Vec<Arc<Frame>> {
        self.lock().frames.iter().cloned().collect()
    }

    /// Whether events were given up and nobody told of it yet.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.lock().lost.is_some()
    }

    /// What was given up since the last call, when the writer comes after again: fewer than `few` events wait for it.
    pub(super) fn losses_to_tell(&self, few: usize) -> Option<Lost> {
        let mut queue = self.lock();
        if queue.waiting() < few { queue.lost.take() } else { None }
    }

    /// Events that the log's writer took since the start.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Events that the log never gets.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The most events that waited for the log's writer at once.
    #[must_use]
    pub fn depth_max_seen(&self) -> u64 {
        self.depth_max.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(frames: usize) -> u64 {
    u64::try_from(frames).unwrap_or(u64::MAX)
}
