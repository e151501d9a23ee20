//! Reading the observation log back, beyond what the bus keeps: the current file and those put aside, from either end.
//!
//! Ids rise through all files, so a page of events is found by halving and not by reading all of them. A line that
//! somebody is writing is left for the next reading. Files that are put aside meanwhile are neither missed nor read twice.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::Deserialize;
use serde_json::Value;

use super::names::LogNames;
use crate::contracts::event::Event;
use crate::store::LastLine;
use crate::store::LineFile;
use crate::store::Store;
use crate::store::StoreFault;

/// The largest id that programs which read numbers as floating point still tell from its neighbors. A row with a larger
/// one is no row of ours.
pub const MAX_ID: u64 = 1 << 53;
/// A stretch that is read rather than halved.
const SHORT: u64 = 64 << 10;

/// The observation log of a workspace, to be read.
#[derive(Clone, Debug)]
pub struct Archive {
    store: Store,
    names: LogNames,
}

/// One row of the observation log.
#[derive(Debug)]
pub struct Row<'a> {
    /// The row as it stands in the file, without its end.
    pub line: &'a str,
    /// The event's id; `None` in the rows that are no events.
    pub id: Option<u64>,
    /// The event's type, `metrics-sample` or `backpressure-drop`.
    pub kind: Cow<'a, str>,
    /// When, in milliseconds since 1970.
    pub ts: i64,
}

/// How much of the log was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether the reading came to the end of what there is: neither the limit nor the visitor ended it.
    pub is_complete: bool,
    /// Bytes that were read.
    pub bytes: u64,
    /// Lines that are no rows.
    pub bad_lines: u64,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    ts: i64,
}

impl<'a> Row<'a> {
    /// Reads a line; `None` when it is no row.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let Head { id, kind, ts } = serde_json::from_str(line).ok()?;
        let is_sound = id.is_none_or(|id| (1..=MAX_ID).contains(&id));
        is_sound.then_some(Self { line, id, kind, ts })
    }

    /// The event; `None` when the row is none, or lacks a member of the envelope.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        self.id.and_then(|_| serde_json::from_str(self.line).ok())
    }

    /// The row of one sample of the counters; `None` when the row is something else. A client's event of the same type is.
    #[must_use]
    pub fn sample(&self) -> Option<Value> {
        let is_sample = self.id.is_none() && self.kind == super::journal::SAMPLE;
        if is_sample { serde_json::from_str(self.line).ok() } else { None }
    }
}

/// Told of each line: the row, unless it is none, and the line.
pub(super) type LineVisit<'v> = dyn FnMut(Option<&Row<'_>>, &[u8]) -> ControlFlow<()> + 'v;

/// What a reading has done so far.
struct Walk<'v> {
    seen: Seen,
    limit: u64,
    visit: &'v mut LineVisit<'v>,
}

impl Walk<'_> {
    fn line(&mut self, line: &[u8]) -> ControlFlow<()> {
        let bytes = line.len() as u64 + 1;
        if self.seen.bytes + bytes > self.limit {
            return ControlFlow::Break(());
        }
        self.seen.bytes += bytes;
        let row = Row::parse(line);
        self.seen.bad_lines += u64::from(row.is_none());
        (self.visit)(row.as_ref(), line)
    }
}

impl Archive {
    /// The log at `log` in the workspace, with the files that were put aside from it. Nothing is opened yet.
    #[must_use]
    pub fn new(store: Store, log: &str) -> Self {
        Self { store, names: LogNames::of(log) }
    }

    /// Tells of the rows of all kinds, newest first, up to `limit` bytes of them and until the visitor says break.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn newest(&self, limit: u64, mut visit: impl FnMut(&Row<'_>) -> ControlFlow<()>) -> Result<Seen, StoreFault> {
        self.back((None, limit, LastLine::Whole), &mut |row, _| row.map_or(ControlFlow::Continue(()), &mut visit))
    }

    /// The same, beginning below the event with the id `before`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn newest_before(
        &self,
        before: u64,
        limit: u64,
        mut visit: impl FnMut(&Row<'_>) -> ControlFlow<()>,
    ) -> Result<Seen, StoreFault> {
        self.back((Some(before), limit, LastLine::Whole), &mut |row, _| {
            row.map_or(ControlFlow::Continue(()), &mut visit)
        })
    }

    /// Tells of the rows of all kinds, oldest first, from the first event with an id above `after` on, up to `limit` bytes
    /// of them and until the visitor says break.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn oldest_after(
        &self,
        after: u64,
        limit: u64,
        mut visit: impl FnMut(&Row<'_>) -> ControlFlow<()>,
    ) -> Result<Seen, StoreFault> {
        let mut told = |row: Option<&Row<'_>>, _: &[u8]| row.map_or(ControlFlow::Continue(()), &mut visit);
        let mut walk = Walk { seen: Seen::default(), limit, visit: &mut told };
        let mut files = self.files(LastLine::Whole)?;
        let first = after.saturating_add(1);
        // The oldest file that matters is the newest one that begins with an event of an id that is not wanted.
        let mut from = files.len().saturating_sub(1);
        for (index, file) in files.iter_mut().enumerate() {
            let stop = file.bytes();
            if matches!(first_event(file, 0, stop)?, Some(found) if found.id < first) {
                from = index;
                break;
            }
        }
        let mut is_first = true;
        for file in files.iter_mut().take(from + 1).rev() {
            let start = if is_first { place_of(file, first)? } else { 0 };
            is_first = false;
            if file.forward(start, &mut |_, line| walk.line(line))?.is_break() {
                return Ok(walk.seen);
            }
        }
        Ok(Seen { is_complete: true, ..walk.seen })
    }

    pub(super) fn back(
        &self,
        (before, limit, last): (Option<u64>, u64, LastLine),
        visit: &mut LineVisit<'_>,
    ) -> Result<Seen, StoreFault> {
        let mut told = |row: Option<&Row<'_>>, line: &[u8]| visit(row, line);
        let mut walk = Walk { seen: Seen::default(), limit, visit: &mut told };
        for mut file in self.files(last)? {
            let end = match before {
                Some(id) => place_of(&mut file, id)?,
                None => file.bytes(),
            };
            if file.backward(end, &mut |_, line| walk.line(line))?.is_break() {
                return Ok(walk.seen);
            }
        }
        Ok(Seen { is_complete: true, ..walk.seen })
    }

    /// Whether there is any file of the log.
    ///
    /// # Errors
    /// A directory or file cannot be read.
    pub(super) fn is_there(&self) -> Result<bool, StoreFault> {
        Ok(!self.files(LastLine::Any)?.is_empty())
    }

    /// All files, newest first. The current one is opened first: when it is put aside meanwhile, it is met twice and left
    /// out once.
    fn files(&self, last: LastLine) -> Result<Vec<LineFile>, StoreFault> {
        let mut files: Vec<LineFile> = self.store.line_file(self.names.current(), last)?.into_iter().collect();
        for name in self.names.rotated(&self.store)?.iter().rev() {
            // One that was removed since is too old to be missed.
            if let Some(file) = self.store.line_file(name, LastLine::Any)?
                && !files.iter().any(|known| known.is_same(&file))
            {
                files.push(file);
            }
        }
        Ok(files)
    }
}

/// Where an event's row starts and ends.
struct Found {
    id: u64,
    start: u64,
    end: u64,
}

/// The first event whose row starts in a stretch of a file.
fn first_event(file: &mut LineFile, from: u64, stop: u64) -> Result<Option<Found>, StoreFault> {
    let mut found = None;
    // Either way of ending is one.
    let _either = file.forward(from, &mut |start, line| {
        if start >= stop {
            return ControlFlow::Break(());
        }
        match Row::parse(line).and_then(|row| row.id) {
            Some(id) => {
                found = Some(Found { id, start, end: start + line.len() as u64 + 1 });
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    })?;
    Ok(found)
}

/// Where the first event with this id or a higher one starts; the end of the file when it has none.
fn place_of(file: &mut LineFile, id: u64) -> Result<u64, StoreFault> {
    // Events before `low` have lower ids, those from `high` on have not.
    let (mut low, mut high) = (0, file.bytes());
    while high - low > SHORT {
        let middle = low + (high - low) / 2;
        match first_event(file, middle, high)? {
            Some(found) if found.id < id => low = found.end.min(high),
            Some(_) | None => high = middle,
        }
    }
    loop {
        match first_event(file, low, u64::MAX)? {
            Some(found) if found.id < id => low = found.end,
            Some(found) => return Ok(found.start),
            None => return Ok(file.bytes()),
        }
    }
}

#[cfg(test)]
mod tests;
