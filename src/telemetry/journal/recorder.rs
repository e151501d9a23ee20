//! Writes rows in the order in which they came, puts full files aside, and waits out a disk that fails.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use chrono::Days;
use chrono::NaiveDate;

use super::JournalSettings;
use super::Shared;
use super::opening::Opened;
use super::rows::Moment;
use super::rows::OwnRows;
use crate::store::LineLog;
use crate::store::Mark;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::telemetry::Bus;
use crate::telemetry::Frame;
use crate::telemetry::names::LogNames;
use crate::time::kst;
use crate::time::parse_file_stamp;

/// Events taken at a time, and bytes written at a time.
const TAKE: usize = 1000;
const WRITE: usize = 1 << 20;
/// How long a first event waits for others that come with it: one write for all.
const LINGER: Duration = Duration::from_millis(5);
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// How long a disk that failed is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Days after which a file that was put aside is removed.
const KEEP_DAYS: u64 = 30;

/// The one writer of the log.
#[derive(Debug)]
pub(super) struct Recorder {
    bus: Arc<Bus>,
    store: Store,
    settings: JournalSettings,
    names: LogNames,
    shared: Arc<Shared>,
    log: Option<LineLog>,
    /// The day of the rows in the current file.
    day: NaiveDate,
    /// Rows that are not written yet, with their times.
    pending: VecDeque<(Bytes, i64)>,
    /// The newest event that was taken to be written.
    taken_id: u64,
    own: OwnRows,
    /// When the next flush of the disk is due; `None` when it has everything.
    sync_at: Option<Duration>,
    /// Until when a failing disk, and a file that cannot be put aside, are left alone.
    retry_at: Option<Duration>,
    rotate_at: Duration,
    mark: Option<Arc<Mark>>,
    _lock: RunLock,
}

impl Recorder {
    pub(super) fn new(bus: Arc<Bus>, store: Store, opened: Opened, shared: Arc<Shared>) -> Self {
        let Opened { settings, names, bad_lines, last_row_ms, log, mark, lock, .. } = opened;
        let now = bus.clock().monotonic();
        let mark = mark.map(Arc::new);
        if let Some(mark) = &mark {
            let mark = Arc::clone(mark);
            bus.on_ids(move |newest| mark.set(newest));
        }
        let today = bus.clock().now().with_timezone(&kst()).date_naive();
        let is_failing = log.is_none();
        let last_id = bus.ids().last;
        let has_rows = log.as_ref().is_some_and(|log| log.bytes() > 0);
        shared.change(|status| {
            status.bad_lines = bad_lines;
            status.last_row_ms = last_row_ms;
            status.is_failing = is_failing;
            status.synced_id = last_id;
        });
        bus.feed().open();
        let recorder = Self {
            own: OwnRows::new(settings.sample, now),
            day: last_row_ms.filter(|_| has_rows).map_or(today, day_of),
            bus,
            store,
            settings,
            names,
            shared,
            log,
            pending: VecDeque::new(),
            taken_id: last_id,
            sync_at: None,
            retry_at: is_failing.then_some(now),
            rotate_at: now,
            mark,
            _lock: lock,
        };
        recorder.sweep();
        recorder
    }

    pub(super) fn bus(&self) -> &Arc<Bus> {
        &self.bus
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn log_path(&self) -> &str {
        self.names.current()
    }

    /// Whether rows wait for a disk that fails.
    pub(super) fn is_failing(&self) -> bool {
        self.retry_at.is_some()
    }

    /// Takes what waits, for which it waits `patience` at most, and writes what is due.
    pub(super) fn turn(&mut self, patience: Duration) {
        if self.is_failing() {
            // What is not taken waits in the feed, which is bounded and counts what it gives up.
            std::thread::park_timeout(patience);
        } else {
            let first = self.bus.feed().take(TAKE, patience);
            if !first.is_empty() && first.len() < TAKE && !patience.is_zero() {
                std::thread::park_timeout(LINGER);
            }
            self.keep(&first);
            let more = self.bus.feed().take(TAKE, Duration::ZERO);
            self.keep(&more);
            let own = self.own.due(&self.bus, Moment::Running);
            self.pending.extend(own);
        }
        self.write();
        self.sync_when_due();
    }

    /// Writes everything that was published so far; `false` when the disk fails.
    pub(super) fn drain(&mut self) -> bool {
        loop {
            let frames = self.bus.feed().take(TAKE, Duration::ZERO);
            self.keep(&frames);
            self.write();
            if self.is_failing() || frames.is_empty() {
                return !self.is_failing();
            }
        }
    }

    /// Writes everything, the last word on losses too, and notes that no more ids are given.
    pub(super) fn finish(&mut self) {
        let now = self.bus.clock().monotonic();
        self.retry_at = self.retry_at.map(|_| now);
        self.drain();
        let own = self.own.due(&self.bus, Moment::Ending);
        self.pending.extend(own);
        self.write();
        let lost = self.pending.len() + self.bus.feed().take(usize::MAX, Duration::ZERO).len();
        if lost > 0 {
            tracing::error!(rows = lost, "the disk did not take the last rows of the observation log");
        }
        self.sync();
        if let Some(mark) = &self.mark
            && let Err(fault) = mark.close(self.bus.ids().last)
        {
            tracing::warn!(%fault, "the last id cannot be noted");
        }
    }

    fn keep(&mut self, frames: &[Arc<Frame>]) {
        self.taken_id = frames.last().map_or(self.taken_id, |frame| frame.event.id);
        self.pending.extend(frames.iter().map(|frame| (frame.line.clone(), frame.event.ts)));
    }

    fn write(&mut self) {
        let now = self.bus.clock().monotonic();
        if self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        let mut outcome = if self.log.is_none() { self.reopen() } else { Ok(()) };
        while outcome.is_ok() && !self.pending.is_empty() {
            outcome = self.write_some();
        }
        match outcome {
            Ok(()) if self.retry_at.is_some() => {
                self.retry_at = None;
                self.shared.change(|status| status.is_failing = false);
                tracing::info!("the observation log is written again");
            }
            Ok(()) => {}
            Err(fault) => self.failed(&fault),
        }
    }

    fn failed(&mut self, fault: &StoreFault) {
        if self.retry_at.is_none() {
            tracing::error!(%fault, "the observation log is not written");
        }
        self.retry_at = Some(self.bus.clock().monotonic() + RETRY_AFTER);
        self.shared.change(|status| status.is_failing = true);
    }

    fn reopen(&mut self) -> Result<(), StoreFault> {
        self.log = Some(self.store.line_log(self.names.current())?);
        self.day = self.bus.clock().now().with_timezone(&kst()).date_naive();
        Ok(())
    }

    /// Writes rows that belong into one file.
    fn write_some(&mut self) -> Result<(), StoreFault> {
        if self.log.as_ref().is_none_or(|log| !log.is_there()) {
            self.reopen()?;
        }
        let Some((first, ts)) = self.pending.front().map(|(line, ts)| (line.len() as u64 + 1, *ts)) else {
            return Ok(());
        };
        let filled = self.log.as_ref().map_or(0, LineLog::bytes);
        let day = day_of(ts);
        if filled > 0 && (day > self.day || filled + first > self.settings.max_bytes) {
            self.rotate(day);
        }
        if filled == 0 {
            self.day = self.day.max(day);
        }
        let Some(log) = &mut self.log else { return Ok(()) };
        let mut room = self.settings.max_bytes.saturating_sub(log.bytes());
        let mut batch = Vec::new();
        for (line, ts) in &self.pending {
            let length = line.len() as u64 + 1;
            let fits = length <= room && day_of(*ts) <= self.day && batch.len() < WRITE;
            // One row is always written, whatever its length.
            if !fits && !batch.is_empty() {
                break;
            }
            room = room.saturating_sub(length);
            batch.extend_from_slice(line);
            batch.push(b'\n');
        }
        let done = log.append(&batch);
        self.written(done.bytes);
        done.fault.map_or(Ok(()), Err)
    }

    /// Forgets the rows that stand in these bytes.
    fn written(&mut self, bytes: usize) {
        let mut left = bytes;
        let mut newest = None;
        while let Some((line, ts)) = self.pending.front()
            && left > line.len()
        {
            left -= line.len() + 1;
            newest = Some(*ts);
            self.pending.pop_front();
        }
        if bytes == 0 {
            return;
        }
        self.sync_at.get_or_insert(self.bus.clock().monotonic() + SYNC_EVERY);
        self.shared.change(|status| {
            status.bytes_written += bytes as u64;
            status.last_row_ms = newest.or(status.last_row_ms);
        });
    }

    /// Puts the file aside. When that fails the log goes on in it, and it is tried again later.
    fn rotate(&mut self, day: NaiveDate) {
        let now = self.bus.clock().monotonic();
        if now < self.rotate_at {
            return;
        }
        let name = self.names.next(&self.store, self.bus.clock().now());
        let done = match (name, &mut self.log) {
            (Ok(name), Some(log)) => log.rotate(&name),
            (Err(fault), _) => Err(fault),
            (Ok(_), None) => Ok(()),
        };
        match done {
            Ok(()) => {
                self.day = day;
                self.sync_at = None;
                self.sweep();
            }
            Err(fault) => {
                tracing::error!(%fault, "the observation log cannot be put aside: it grows on");
                self.rotate_at = now + SYNC_EVERY;
            }
        }
    }

    /// Removes files that were put aside and are too many or too old.
    fn sweep(&self) {
        let names = match self.names.rotated(&self.store) {
            Ok(names) => names,
            Err(fault) => {
                tracing::warn!(%fault, "old observation logs cannot be listed");
                return;
            }
        };
        let today = self.bus.clock().now().with_timezone(&kst()).naive_local();
        let oldest = today.checked_sub_days(Days::new(KEEP_DAYS)).unwrap_or(today);
        let surplus = names.len().saturating_sub(self.settings.keep);
        for (index, name) in names.iter().enumerate() {
            let is_old = parse_file_stamp(name).is_some_and(|at| at < oldest);
            if (index < surplus || is_old)
                && let Err(fault) = self.store.remove(name)
            {
                tracing::warn!(%fault, "an old observation log stays");
            }
        }
    }

    fn sync_when_due(&mut self) {
        let now = self.bus.clock().monotonic();
        if self.sync_at.is_some_and(|at| now >= at) {
            self.sync();
        }
    }

    /// Waits until the disk has every row that was written; `false` when it does not take them.
    pub(super) fn sync(&mut self) -> bool {
        if self.sync_at.is_none() {
            return true;
        }
        match self.log.as_ref().map_or(Ok(()), LineLog::sync) {
            Ok(()) => {
                self.sync_at = None;
                if self.pending.is_empty() {
                    self.shared.change(|status| status.synced_id = self.taken_id);
                }
                true
            }
            Err(fault) => {
                self.failed(&fault);
                false
            }
        }
    }
}

fn day_of(ts: i64) -> NaiveDate {
    DateTime::from_timestamp_millis(ts).unwrap_or_default().with_timezone(&kst()).date_naive()
}
