//! Writes rows in the order in which they came, puts full files aside, and waits out a disk that fails.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use chrono::Days;
use chrono::NaiveDate;

use super::JournalSettings;
use super::Shared;
use super::opening::Opened;
use super::rows::Moment;
use super::rows::OwnRows;
use super::rows::Pending;
use crate::contracts::event::EventDraft;
use crate::contracts::event::NO_TRACE;
use crate::contracts::event::Severity;
use crate::store::LineLog;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::telemetry::Bus;
use crate::telemetry::Frame;
use crate::telemetry::feed::Lost;
use crate::telemetry::names::LogNames;
use crate::telemetry::reserve::IdReserve;
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
/// The shortest time between two words about rows that were given up.
const TELL_EVERY: Duration = Duration::from_secs(5);
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
    /// Rows that are not written yet.
    pending: VecDeque<Pending>,
    /// The newest event whose row was written.
    written_id: u64,
    own: OwnRows,
    /// When the next flush of the disk is due; `None` when it has everything.
    sync_at: Option<Duration>,
    /// Until when a failing disk, and a file that cannot be put aside, are left alone.
    retry_at: Option<Duration>,
    rotate_at: Duration,
    /// Before when nothing is said about rows that were given up.
    tell_at: Duration,
    /// `None` when it is not known which ids were given before, and they began far above, or when it has no thread.
    reserve: Option<IdReserve>,
    is_reserve_failing: bool,
    is_sync_failing: bool,
    _lock: RunLock,
}

impl Recorder {
    pub(super) fn new(bus: Arc<Bus>, store: Store, opened: Opened, shared: Arc<Shared>) -> Self {
        let Opened { settings, names, bad_lines, last_row_ms, log, mark, lock, .. } = opened;
        let now = bus.clock().monotonic();
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
        let reserve = mark.and_then(|mark| IdReserve::start(mark, last_id).map_err(unreserved).ok());
        if let Some(reserve) = &reserve {
            bus.ask_before_ids(reserve.gate());
        }
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
            written_id: last_id,
            sync_at: None,
            retry_at: is_failing.then_some(now),
            rotate_at: now,
            tell_at: now,
            reserve,
            is_reserve_failing: false,
            is_sync_failing: false,
            _lock: lock,
        };
        recorder.bus.feed().open();
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
        self.tell_losses();
        self.shared.note_work(None);
    }

    fn watch_reserve(&mut self) {
        let is_failing = self.reserve.as_ref().is_some_and(IdReserve::is_failing);
        if self.is_reserve_failing != is_failing {
            self.is_reserve_failing = is_failing;
            self.tell_state();
        }
    }

    /// Says which rows were given up, once the writer is well and comes after again.
    fn tell_losses(&mut self) {
        let now = self.bus.clock().monotonic();
        if self.is_failing() || now < self.tell_at {
            return;
        }
        let Some(Lost { from_id, to_id, rows }) = self.bus.feed().losses_to_tell(TAKE) else { return };
        self.tell_at = now + TELL_EVERY;
        self.shared.change(|status| status.losses_told_at = Some(now));
        tracing::warn!(rows, from_id, to_id, "the observation log lacks rows: it could not take them in time");
        let message = format!("the observation log lacks {rows} events, the first is {from_id} and the last {to_id}");
        let told = EventDraft::new("obs_rows_lost", "daily_ops", &message)
            .severity(Severity::Warn)
            .with("from_id", from_id)
            .with("to_id", to_id)
            .with("rows", rows);
        self.bus.publish(vec![told], Some(NO_TRACE));
    }

    fn tell_state(&self) {
        let is_failing = self.retry_at.is_some() || self.is_reserve_failing || self.is_sync_failing;
        self.shared.change(|status| status.is_failing = is_failing);
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
        self.tell_at = now;
        self.tell_losses();
        self.drain();
        let own = self.own.due(&self.bus, Moment::Ending);
        self.pending.extend(own);
        self.write();
        let lost = self.pending.len() + self.bus.feed().take_all().len();
        if lost > 0 {
            tracing::error!(rows = lost, "the disk did not take the last rows of the observation log");
        }
        self.sync();
        if let Some(mark) = self.reserve.take().and_then(IdReserve::end)
            && let Err(fault) = mark.close(self.bus.ids().last)
        {
            tracing::warn!(%fault, "the last id cannot be noted");
        }
    }

    fn keep(&mut self, frames: &[Arc<Frame>]) {
        self.pending.extend(frames.iter().map(|frame| Pending {
            line: frame.line.clone(),
            ts: frame.event.ts,
            id: Some(frame.event.id),
        }));
    }

    fn write(&mut self) {
        let now = self.bus.clock().monotonic();
        self.shared.note_work(Some(now));
        self.watch_reserve();
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
                self.tell_state();
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
        self.tell_state();
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
        let Some((first, ts)) = self.pending.front().map(|row| (row.line.len() as u64 + 1, row.ts)) else {
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
        for Pending { line, ts, .. } in &self.pending {
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
        let (mut newest, mut id) = (None, None);
        while let Some(row) = self.pending.pop_front_if(|row| left > row.line.len()) {
            left -= row.line.len() + 1;
            newest = Some(row.ts);
            id = row.id.or(id);
        }
        if let Some(id) = id {
            self.written_id = id;
            self.bus.feed().written(id);
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
                self.flushed();
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
        if !self.is_failing() && self.sync_at.is_some_and(|at| now >= at) {
            self.sync();
        }
    }

    /// Notes that the disk has everything that was written.
    fn flushed(&mut self) {
        self.sync_at = None;
        if std::mem::take(&mut self.is_sync_failing) {
            self.tell_state();
        }
        let synced_id = self.written_id;
        self.shared.change(|status| status.synced_id = synced_id);
    }

    /// Whether nothing that was written waits for a flush.
    #[cfg(test)]
    pub(super) fn is_flushed(&self) -> bool {
        self.sync_at.is_none()
    }

    /// Waits until the disk has every row that was written; `false` when it does not take them.
    pub(super) fn sync(&mut self) -> bool {
        if self.sync_at.is_none() {
            return true;
        }
        self.shared.note_work(Some(self.bus.clock().monotonic()));
        match self.log.as_ref().map_or(Ok(()), LineLog::sync) {
            Ok(()) => {
                self.flushed();
                true
            }
            // Rows go on being written; only that they survive a power cut is not known.
            Err(fault) => {
                if !std::mem::replace(&mut self.is_sync_failing, true) {
                    tracing::error!(%fault, "the observation log is not flushed to the disk");
                }
                self.sync_at = Some(self.bus.clock().monotonic() + RETRY_AFTER);
                self.tell_state();
                false
            }
        }
    }
}

/// Without the thread, nothing notes which ids are given.
fn unreserved(fault: std::io::Error) {
    tracing::error!(%fault, "no thread can note which ids are given: after a kill they may be given again");
}

fn day_of(ts: i64) -> NaiveDate {
    DateTime::from_timestamp_millis(ts).unwrap_or_default().with_timezone(&kst()).date_naive()
}
