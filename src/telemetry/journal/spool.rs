//! Takes over the events that other processes could not post: rename, publish, delete.
//!
//! Every event of the spool is logged with a `spool_id`: its writer's, or one made of the taken file's name and the line's
//! place. A taken file is deleted only when all its events are on the disk. A process that dies before that leaves the file,
//! and the next one leaves out what the log, or a post whose answer never came, already has under the same `spool_id`.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Duration;

use chrono::TimeZone as _;
use serde_json::Value;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;
use uuid::Uuid;

use super::recorder::Recorder;
use crate::contracts::event::DraftDefaults;
use crate::contracts::event::EventDraft;
use crate::contracts::event::NO_TRACE;
use crate::contracts::event::Severity;
use crate::contracts::event::millis_stamp;
use crate::contracts::event::new_trace;
use crate::store::Durability;
use crate::store::LastLine;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::telemetry::Archive;
use crate::telemetry::Row;
use crate::time::KstTime;
use crate::time::file_stamp;
use crate::time::kst;
use crate::time::parse_file_stamp;

const EVERY: Duration = Duration::from_secs(5);
/// How long those who append to the spool are waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Events published together.
const BATCH: usize = 500;
/// How far the log is searched for events that may be in it already: of a new spool those whose post got no answer, after
/// a crash all that were taken over before it.
const SEARCH: u64 = 32 << 20;
const SEARCH_AFTER_CRASH: u64 = 256 << 20;
/// A post and its spooling, and two clocks, are less far apart than this.
const OVERLAP: chrono::TimeDelta = chrono::TimeDelta::hours(6);
/// Bytes of lines that are no events.
const REJECTED_ROOM: u64 = 4 << 20;
const DEFAULTS: DraftDefaults = DraftDefaults { kind: "event", source: "unknown" };
const KEY: &str = "spool_id";

/// The spool of a workspace.
#[derive(Debug)]
pub(super) struct Spool {
    store: Store,
    due: Option<Duration>,
    taking: Option<Taking>,
}

/// A file that is being taken over.
#[derive(Debug)]
struct Taking {
    name: String,
    /// Where the next line starts.
    at: u64,
    /// What was published already, here or before.
    known: HashSet<u128>,
}

impl Spool {
    pub(super) fn new(store: Store) -> Self {
        Self { store, due: None, taking: None }
    }

    /// Takes over what there is, when it is time. While the disk fails events are safer where they are.
    pub(super) fn turn(&mut self, recorder: &mut Recorder) {
        let now = recorder.bus().clock().monotonic();
        if recorder.is_failing() || self.due.is_some_and(|due| now < due) {
            return;
        }
        self.due = Some(now + EVERY);
        recorder.shared().note_work(Some(now));
        if let Err(fault) = self.take_over(recorder) {
            tracing::warn!(%fault, "the spool of events cannot be taken over now");
        }
    }

    fn take_over(&mut self, recorder: &mut Recorder) -> Result<(), StoreFault> {
        // Nothing of it may be taken for the spool, or what is written would be published for ever.
        if is_spool(recorder.log_path()) {
            return Ok(());
        }
        loop {
            let taking = match self.taking.take() {
                Some(taking) => taking,
                None => match self.next_file(recorder.bus().clock().now())? {
                    Some((name, reach)) => Taking { known: self.known((&name, reach), recorder)?, name, at: 0 },
                    None => return Ok(()),
                },
            };
            let taking = self.taking.insert(taking);
            while taking.publish_some(&self.store, recorder)? {
                // What is left is taken over at the next start.
                if recorder.shared().is_stopping() || !recorder.drain() {
                    return Ok(());
                }
            }
            if !(recorder.drain() && recorder.sync()) {
                return Ok(());
            }
            self.store.remove(&taking.name)?;
            self.taking = None;
            if recorder.shared().is_stopping() {
                return Ok(());
            }
        }
    }

    /// Publishes from the next file without waiting for the disk, as if killed there.
    #[cfg(test)]
    pub(super) fn publish_first(&mut self, recorder: &Recorder) -> Result<bool, StoreFault> {
        let Some((name, reach)) = self.next_file(recorder.bus().clock().now())? else { return Ok(false) };
        let mut taking = Taking { known: self.known((&name, reach), recorder)?, name, at: 0 };
        taking.publish_some(&self.store, recorder)
    }

    /// A file that a killed process left, or else the spool, renamed; and how far the log is searched for its events.
    fn next_file(&self, now: KstTime) -> Result<Option<(String, u64)>, StoreFault> {
        let (directory, stem) = place();
        let mut left: Vec<_> = self.store.file_names(directory)?.into_iter().filter(|name| is_taken(name)).collect();
        left.sort();
        if let Some(name) = left.first() {
            return Ok(Some((format!("{directory}/{name}"), SEARCH_AFTER_CRASH)));
        }
        let serial = Uuid::new_v4().simple().to_string();
        let name = format!("{directory}/{stem}_{}_{}.jsonl", file_stamp(now), &serial[..8]);
        let is_taken = self.store.put_aside(layout::EVENT_SPOOL, &name, PATIENCE)?;
        Ok(is_taken.then_some((name, SEARCH)))
    }

    /// What the log and the bus have under a `spool_id`, since some time before the file was taken.
    fn known(&self, (name, reach): (&str, u64), recorder: &Recorder) -> Result<HashSet<u128>, StoreFault> {
        let taken = parse_file_stamp(name).and_then(|at| kst().from_local_datetime(&at).single());
        let since = taken.map_or(0, |at| (at - OVERLAP).timestamp_millis());
        let mut known = HashSet::new();
        let finder = memchr::memmem::Finder::new(KEY);
        let archive = Archive::new(self.store.clone(), recorder.log_path());
        archive.newest(reach, |row: &Row<'_>| {
            // A long search is no disk that stands still.
            recorder.shared().note_work(Some(recorder.bus().clock().monotonic()));
            if row.ts < since {
                return ControlFlow::Break(());
            }
            if finder.find(row.line.as_bytes()).is_some() {
                known.extend(row.event().and_then(|event| event.data.get(KEY).and_then(Value::as_str).map(number)));
            }
            ControlFlow::Continue(())
        })?;
        for frame in recorder.bus().at_hand().frames {
            known.extend(frame.event.data.get(KEY).and_then(Value::as_str).map(number));
        }
        Ok(known)
    }
}

impl Taking {
    /// Publishes the next lines; `false` when there is none left.
    fn publish_some(&mut self, store: &Store, recorder: &Recorder) -> Result<bool, StoreFault> {
        let Some(mut file) = store.line_file(&self.name, LastLine::Any)? else { return Ok(false) };
        let (mut drafts, mut bad) = (Vec::new(), Vec::new());
        let mut lines = 0;
        let mut next = self.at;
        let flow = file.forward(self.at, &mut |start, line| {
            if lines == BATCH {
                return ControlFlow::Break(());
            }
            lines += 1;
            next = start + line.len() as u64 + 1;
            match self.draft(start, line) {
                Ok(Some(draft)) => drafts.push(draft),
                Ok(None) => {}
                Err(why) => bad.push((why, String::from_utf8_lossy(line).into_owned())),
            }
            ControlFlow::Continue(())
        })?;
        let count = drafts.len() as u64;
        if !drafts.is_empty() {
            recorder.bus().publish(drafts, None);
        }
        recorder.shared().change(|status| {
            status.spool_events += count;
            status.spool_bad_lines += bad.len() as u64;
        });
        if !bad.is_empty() {
            self.reject(store, recorder, &bad);
        }
        self.at = next;
        Ok(flow.is_break())
    }

    /// Keeps lines that are no events as long as there is room for them, and tells of them.
    fn reject(&self, store: &Store, recorder: &Recorder, bad: &[(String, String)]) {
        let size = std::fs::metadata(store.path(layout::SPOOL_REJECTED)).map_or(0, |meta| meta.len());
        let mut room = REJECTED_ROOM.saturating_sub(size);
        let at = millis_stamp(recorder.bus().clock().now());
        let mut rows = Vec::new();
        for (why, line) in bad {
            let row = json!({"ts_iso": at, "file": self.name, "why": why, "line": line}).to_string();
            let Some(left) = room.checked_sub(row.len() as u64 + 1) else { break };
            room = left;
            rows.push(row);
        }
        let kept = match store.append_all(layout::SPOOL_REJECTED, &rows, Durability::Buffered) {
            Ok(()) => rows.len(),
            Err(fault) => {
                tracing::error!(%fault, "lines of the spool that are no events cannot be kept");
                0
            }
        };
        let why = bad.first().map_or("", |(why, _)| why);
        tracing::warn!(lines = bad.len(), kept, file = self.name, why, "lines of the spool are no events");
        let message = format!("{} lines of the event spool are no events: {why}", bad.len());
        let told = EventDraft::new("spool_rejected", "daily_ops", &message)
            .severity(Severity::Warn)
            .with("lines", bad.len())
            .with("kept", kept)
            .with("file", layout::SPOOL_REJECTED);
        recorder.bus().publish(vec![told], Some(NO_TRACE));
    }

    /// The event of a line; none inside when it was published before.
    fn draft(&mut self, start: u64, line: &[u8]) -> Result<Option<EventDraft>, String> {
        let value: Value = serde_json::from_slice(line).map_err(|fault| fault.to_string())?;
        let given = value.get(KEY).and_then(Value::as_str).map(str::to_owned);
        let draft = EventDraft::parse(value, DEFAULTS).map_err(|fault| fault.to_string())?;
        let id = given.unwrap_or_else(|| made_up(&self.name, start, line));
        if !self.known.insert(number(&id)) {
            return Ok(None);
        }
        // Lines of a spool belong together only when they say so.
        let draft = if draft.trace_id().is_some() { draft } else { draft.trace(&new_trace()) };
        Ok(Some(draft.labeled(KEY, id)))
    }
}

/// The directory of the spool, and its name without the ending.
fn place() -> (&'static str, &'static str) {
    let (directory, name) = layout::EVENT_SPOOL.rsplit_once('/').unwrap_or((".", layout::EVENT_SPOOL));
    (directory, name.strip_suffix(".jsonl").unwrap_or(name))
}

fn is_taken(name: &str) -> bool {
    let rest = name.strip_prefix(place().1).and_then(|rest| rest.strip_prefix('_'));
    rest.is_some_and(|rest| rest.ends_with(".jsonl")) && !layout::SPOOL_REJECTED.ends_with(&format!("/{name}"))
}

/// Whether a path of the workspace is the spool, a file of it that was taken, or what it left.
fn is_spool(path: &str) -> bool {
    let (directory, stem) = place();
    let name = path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| name.starts_with(stem))
}

/// A `spool_id` for a line without one: the same one whenever this line of this file is read.
fn made_up(name: &str, start: u64, line: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{name}:{start}:"));
    hash.update(line);
    Uuid::from_u128(first_half(&hash.finalize())).to_string()
}

/// A `spool_id` as it is remembered.
fn number(id: &str) -> u128 {
    Uuid::parse_str(id).map_or_else(|_| first_half(&Sha256::digest(id)), |id| id.as_u128())
}

fn first_half(digest: &[u8]) -> u128 {
    digest.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}
