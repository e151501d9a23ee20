//! The run record: begun before anything acts, rewritten after every stage, sealed once on every way out.
//!
//! Sealing writes, in this order: the snapshot, the line of the chain, the summary line and its detail, the proof files,
//! and `latest`. Each step looks first whether it is done, so that a record whose process was killed in between is
//! sealed by the next run with the same result.

use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::StageClass;
use crate::contracts::integrity::payload_sha256;
use crate::contracts::reason::RunCode;
use crate::contracts::run::ChainLink;
use crate::contracts::run::RunRecord;
use crate::contracts::run::StageReport;
use crate::store::Durability;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::line_stamp;

use super::history::ChainLine;
use super::history::History;
use super::line;

/// How many of the newest runs may have ended within the second of a killed one.
const NEWEST: usize = 50;

/// What was found of earlier runs when a run starts.
pub(super) struct Before {
    /// The link for the new record.
    pub(super) link: ChainLink,
    /// The newest record, sealed.
    pub(super) latest: Option<RunRecord>,
    /// An earlier run that had not finished, now sealed.
    pub(super) killed: Option<RunRecord>,
    /// What is wrong with the records as they are.
    pub(super) broken: Option<String>,
}

/// Looks at the records, finishes what a killed run left and says where the chain goes on.
pub(super) fn recover(store: &Store, now: KstTime) -> Result<Before, StoreFault> {
    let mut broken = None;
    let mut killed = None;
    let mut latest = match store.document::<RunRecord>(layout::RUN.latest) {
        Stored::Present(record) => Some(record),
        Stored::Missing => None,
        Stored::Damaged(why) => {
            broken = Some(format!("{} cannot be read: {why}", layout::RUN.latest));
            None
        }
    };
    if let Some(record) = latest.take() {
        let unfinished = record.finished_at.is_none();
        let sealed = if unfinished { close(store, record, now) } else { record };
        if unfinished {
            seal(store, &sealed)?;
            killed = Some(sealed.clone());
        }
        latest = Some(sealed);
    }
    let last = ChainLine::last(store)?;
    if let (Some(record), None) = (&latest, &broken) {
        broken = differs(last.as_ref(), record);
    }
    let link = match (&last, &latest) {
        (Some(last), Some(record)) if record.chain.seq > last.seq => {
            ChainLink { seq: record.chain.seq + 1, prev_sha256: record.integrity.payload_sha256.clone() }
        }
        (Some(last), _) => ChainLink { seq: last.seq + 1, prev_sha256: last.sha256.clone() },
        (None, Some(record)) => {
            ChainLink { seq: record.chain.seq + 1, prev_sha256: record.integrity.payload_sha256.clone() }
        }
        (None, None) => ChainLink { seq: 1, prev_sha256: String::new() },
    };
    Ok(Before { link, latest, killed, broken })
}

/// What is wrong between the newest record and the end of the chain.
fn differs(last: Option<&ChainLine>, record: &RunRecord) -> Option<String> {
    let line = ChainLine::of(record);
    match last {
        Some(last) if last.seq == line.seq && last.sha256 == line.sha256 => None,
        // A chain that goes on after `latest` belongs to runs whose last step was lost; the chain is the truth.
        Some(last) if last.seq > line.seq => None,
        _ => Some(format!(
            "the chain does not end with record {} of {}; see `daily_ops runs verify`",
            line.seq, record.run_id
        )),
    }
}

/// Ends the record of a run whose process died: by its own snapshot if it got that far, else as KILLED.
fn close(store: &Store, mut record: RunRecord, now: KstTime) -> RunRecord {
    if let Stored::Present(sealed) = store.document::<RunRecord>(&record.snapshot_ref)
        && sealed.run_id == record.run_id
    {
        return sealed;
    }
    if !matches!(store.read(&record.snapshot_ref), Ok(None)) {
        // The name was free only as far as the run could see: another run's record has it.
        record.snapshot_ref = store.free_snapshot_ref(layout::RUN, record.started_at.instant().unwrap_or(now));
    }
    // After a block or a fault the stages that follow were not due: nothing was under way in them.
    let decided = record.stages.iter().any(|stage| matches!(stage.class, StageClass::Block | StageClass::Fail));
    let open = |stage: &&mut StageReport| !decided && stage.code == RunCode::NotReached.into();
    let reached = record.stages.iter_mut().find(open);
    let place = reached.map_or_else(
        || "after the last stage".to_owned(),
        |stage| {
            stage.class = StageClass::Fail;
            stage.code = RunCode::Killed.into();
            format!("during stage {}/5 {}", stage.n, stage.name.title())
        },
    );
    record.finished_at = Some(Stamp::of(now));
    record.exit_code = Some(3);
    record.reason = Some(RunCode::Killed.into());
    record.reason_detail = Some(format!("the process ended {place}; the time of the end is when that was noticed"));
    sign(&mut record);
    record
}

/// Writes the record as it is after a stage.
pub(super) fn progress(store: &Store, record: &mut RunRecord) -> Result<(), StoreFault> {
    sign(record);
    store.write_document(layout::RUN.latest, record)
}

/// Writes everything that a finished run leaves behind; see the module's description. What can be written is written,
/// whatever fails; the proof of the exit code then says 3.
pub(super) fn seal(store: &Store, record: &RunRecord) -> Result<(), StoreFault> {
    let kept = keep(store, record);
    let (at, summary) = (ended_at(record), line::summary_line(record));
    let steps = [
        store.write_view(layout::SUMMARY_LATEST, format!("{summary}\n").as_bytes()),
        store.write_view(layout::SUMMARY_DETAIL, format!("{}\n", line::detail_line(record)).as_bytes()),
        store.write_view(layout::PROOF_DONE, format!("{at} KST\n").as_bytes()),
        // Without its snapshot the record stays open: the next run seals it.
        if kept.is_ok() { store.write_document(layout::RUN.latest, record) } else { Ok(()) },
    ];
    let outcome = std::iter::once(kept).chain(steps).find(Result::is_err).unwrap_or(Ok(()));
    let code = if outcome.is_ok() { record.exit_code.unwrap_or(3) } else { 3 };
    let proved = store.write_view(layout::PROOF_EXIT, format!("{code}\n").as_bytes());
    outcome.and(proved)
}

/// The lasting part: snapshot, chain, summary log. A record that never got its place in the chain has none.
fn keep(store: &Store, record: &RunRecord) -> Result<(), StoreFault> {
    let snapshot = &record.snapshot_ref;
    if record.chain.seq == 0 {
        let lost = std::io::Error::other("the run ended before it had a place in the chain");
        return Err(StoreFault::new("write", snapshot)(lost));
    }
    // Only a run that got as far as its snapshot before it was killed may have written its summary line already.
    let resumed = store.read(snapshot)?.is_some();
    if !resumed {
        let bytes = record.to_bytes().map_err(|fault| {
            StoreFault::new("render", snapshot)(std::io::Error::new(std::io::ErrorKind::InvalidData, fault.to_string()))
        })?;
        store.write_new(snapshot, &bytes)?;
    }
    let line = ChainLine::of(record);
    if ChainLine::last(store)?.is_none_or(|last| last.seq < line.seq) {
        store.append(layout::RUN_CHAIN, &line.text(), Durability::Durable)?;
    }
    if !resumed || !is_logged(store, record)? {
        store.append(layout::SUMMARY_LOG, &stamped_line(record), Durability::Durable)?;
    }
    Ok(())
}

fn ended_at(record: &RunRecord) -> String {
    record.finished_at.as_ref().and_then(Stamp::instant).map(line_stamp).unwrap_or_default()
}

fn stamped_line(record: &RunRecord) -> String {
    format!("[{}] {}", ended_at(record), line::summary_line(record))
}

/// Whether the summary log has this run's line. Equal runs of one second have equal lines: each counts as one.
fn is_logged(store: &Store, record: &RunRecord) -> Result<bool, StoreFault> {
    let stamped = stamped_line(record);
    let others = History::new(store).list(NEWEST)?.into_iter().flatten();
    let equal = others.filter(|other| other.run_id != record.run_id && stamped_line(other) == stamped).count();
    let logged = store.read(layout::SUMMARY_LOG)?.unwrap_or_default();
    let lines = logged.split(|byte| *byte == b'\n').rev().take(NEWEST);
    Ok(lines.filter(|line| *line == stamped.as_bytes()).count() > equal)
}

/// Writes the proof that a run started.
pub(super) fn prove_start(store: &Store, at: KstTime, revision: Option<&str>) -> Result<(), StoreFault> {
    let text = format!("{} KST\n{}\n", line_stamp(at), revision.unwrap_or("no revision"));
    store.write_view(layout::PROOF_START, text.as_bytes())
}

/// Computes the record's hash.
pub(super) fn sign(record: &mut RunRecord) {
    // A record holds texts and whole numbers only, so it always has a canonical form.
    record.integrity.payload_sha256 = Json::of(record).ok().and_then(|json| payload_sha256(&json)).unwrap_or_default();
}
