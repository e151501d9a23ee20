//! The start: who may keep the log, what the last process wrote, and which ids were never given.

use std::ops::ControlFlow;
use std::time::Duration;

use super::JournalSettings;
use crate::contracts::event::Event;
use crate::store::Holder;
use crate::store::LastLine;
use crate::store::LineLog;
use crate::store::LockOutcome;
use crate::store::Mark;
use crate::store::MarkFound;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::telemetry::archive::Archive;
use crate::telemetry::archive::MAX_ID;
use crate::telemetry::archive::Row;
use crate::telemetry::names::LogNames;
use crate::time::KstTime;

/// How much of the log is read back.
const TAIL: u64 = 4 << 20;
/// More events than can be published between two flushes of the disk: what a power cut may take with it.
const POWER_CUT: u64 = 1_000_000;

/// Why a process does not keep the log.
#[derive(Debug, thiserror::Error)]
pub enum JournalFault {
    /// Another one does.
    #[error(
        "process {pid} keeps the observation log of this workspace: this server keeps its events in memory only; stop one \
         of the two, and start this one again to have its events on disk"
    )]
    Held {
        /// Its process; 0 when it did not say.
        pid: u32,
    },
    /// It cannot be told whether another one does.
    #[error("{0}: this server keeps its events in memory only until it is started again")]
    Lock(#[from] StoreFault),
}

/// The log of a workspace in the hands of this process, and what stood in it.
#[derive(Debug)]
pub struct Opened {
    /// The newest events, oldest first.
    pub earlier: Vec<Event>,
    /// No event has a higher id.
    pub last_id: u64,
    pub(super) settings: JournalSettings,
    pub(super) names: LogNames,
    pub(super) bad_lines: u64,
    /// When the newest row was written, in milliseconds since 1970.
    pub(super) last_row_ms: Option<i64>,
    pub(super) log: Option<LineLog>,
    pub(super) mark: Option<Mark>,
    /// Held as long as the log is kept.
    pub(super) lock: RunLock,
}

/// The first id of a process that cannot know which ids others give: no log ever gets there by counting, and no two
/// processes begin at the same one.
#[must_use]
pub fn ids_of_its_own(now: KstTime) -> u64 {
    u64::try_from(now.timestamp_micros()).unwrap_or(0).min(MAX_ID / 2)
}

impl Opened {
    /// Takes the log of a workspace and reads its end. A disk that fails is no reason to stop: the log is tried again later.
    ///
    /// # Errors
    /// Another process keeps the log, or the lock cannot be made.
    pub fn open(store: &Store, settings: JournalSettings, now: KstTime) -> Result<Self, JournalFault> {
        let lock = take_lock(store, now)?;
        let names = LogNames::of(&settings.log);
        let archive = Archive::new(store.clone(), &settings.log);
        let was_there = archive.is_there();
        let log = store.line_log(&settings.log).inspect_err(|fault| tracing::error!(%fault, "no observation log"));
        let tail = Tail::read(&archive, settings.recall);
        let last_id = was_there.and_then(|was_there| match (&tail, was_there) {
            (_, false) => Ok(0),
            (Ok(tail), true) => tail.last_id(&archive, store.read_mark(&names.mark())?),
            (Err(_), true) => Err(StoreFault::new("read", &settings.log)(std::io::ErrorKind::Other.into())),
        });
        let noted = last_id.and_then(|last_id| Ok((last_id, store.mark(&names.mark(), last_id)?)));
        let (last_id, mark) = match noted {
            Ok((last_id, mark)) => (last_id, Some(mark)),
            Err(fault) => {
                let last_id = ids_of_its_own(now);
                tracing::error!(%fault, last_id, "it is not known which ids were given: new ones begin far above");
                (last_id, None)
            }
        };
        let tail = tail.unwrap_or_else(|fault| {
            tracing::error!(%fault, "the observation log cannot be read back");
            Tail::default()
        });
        let (bad_lines, last_row_ms) = (tail.bad_lines, tail.last_row_ms);
        let earlier = tail.events.into_iter().rev().collect();
        Ok(Self { earlier, last_id, settings, names, bad_lines, last_row_ms, log: log.ok(), mark, lock })
    }
}

fn take_lock(store: &Store, now: KstTime) -> Result<RunLock, JournalFault> {
    let holder = Holder::this_process("serve", now, Duration::ZERO);
    match store.try_lock(layout::OBSERVATION_LOCK, &holder) {
        Ok(LockOutcome::Acquired(acquired)) => Ok(acquired.lock),
        Ok(LockOutcome::Held(holder)) => Err(JournalFault::Held { pid: holder.pid }),
        // On a full disk nobody can sign; the lock itself needs no room.
        Err(_unsigned) => Ok(store.exclusive_within(layout::OBSERVATION_LOCK, Duration::ZERO)?),
    }
}

/// The end of the log.
#[derive(Debug, Default)]
struct Tail {
    /// Newest first.
    events: Vec<Event>,
    highest: u64,
    bad_lines: u64,
    last_row_ms: Option<i64>,
    is_all: bool,
}

impl Tail {
    fn read(archive: &Archive, recall: usize) -> Result<Self, StoreFault> {
        let mut tail = Self::default();
        let seen = archive.back((None, TAIL, LastLine::Any), &mut |row, line| {
            tail.line(row, line, recall);
            ControlFlow::Continue(())
        })?;
        tail.is_all = seen.is_complete;
        Ok(tail)
    }

    fn line(&mut self, row: Option<&Row<'_>>, line: &[u8], recall: usize) {
        let Some(row) = row else {
            self.bad_lines += 1;
            self.highest = self.highest.max(torn_id(line));
            return;
        };
        self.last_row_ms = self.last_row_ms.or(Some(row.ts));
        let Some(id) = row.id else { return };
        self.highest = self.highest.max(id);
        let lowest = self.events.last().map_or(u64::MAX, |event| event.id);
        match row.event() {
            None => self.bad_lines += 1,
            Some(event) if id < lowest && self.events.len() < recall => self.events.push(event),
            // A repeated row, or more than is asked for.
            Some(_) => {}
        }
    }

    /// The highest id that may have been given.
    fn last_id(&self, archive: &Archive, mark: MarkFound) -> Result<u64, StoreFault> {
        match mark {
            MarkFound::Number(number, true) => Ok(number.min(MAX_ID).max(self.highest)),
            MarkFound::Number(number, false) => Ok(number.min(MAX_ID).max(self.highest) + POWER_CUT),
            MarkFound::Damaged => Ok(self.far_back(archive)? + POWER_CUT),
            MarkFound::Missing => self.far_back(archive),
        }
    }

    /// The highest id in the log, however far back: after a quiet week the end holds samples only.
    fn far_back(&self, archive: &Archive) -> Result<u64, StoreFault> {
        let mut highest = self.highest;
        if highest == 0 && !self.is_all {
            archive.newest(u64::MAX, |row| match row.id {
                Some(id) => {
                    highest = id;
                    ControlFlow::Break(())
                }
                None => ControlFlow::Continue(()),
            })?;
        }
        Ok(highest)
    }
}

/// The id at the front of an envelope that was cut off; 0 when it cannot be told.
fn torn_id(line: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(&line[..line.len().min(256)]);
    let Some((digits, _)) = text.split_once("\"id\":").and_then(|(_, rest)| rest.split_once(',')) else { return 0 };
    digits.trim().parse().ok().filter(|id| *id <= MAX_ID).unwrap_or(0)
}
