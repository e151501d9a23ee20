//! Rolling back: the published files of an earlier revision in the work tree, while the daily pull stands still.
//!
//! `state/rollback.json` is written before the files change and removed after they are back, so that a run in between
//! never pulls over a half-done rollback. Nothing is committed on the host.

use serde::Deserialize;
use serde::Serialize;

use crate::contracts::Document;
use crate::contracts::document::lenient;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::sync::DirtyPolicy;
use crate::sync::GitFault;
use crate::sync::Remote;
use crate::sync::RestoreFault;
use crate::time::KstTime;
use crate::time::Stamp;

/// ROLLBACK_V1, `state/rollback.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// `ROLLBACK_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// The revision of the work tree.
    #[serde(default, deserialize_with = "lenient")]
    pub from_rev: Option<String>,
    /// The revision whose files were restored.
    #[serde(default, deserialize_with = "lenient")]
    pub to_rev: String,
    /// The restored paths.
    #[serde(default, deserialize_with = "lenient")]
    pub paths: Vec<String>,
    /// Who.
    #[serde(default, deserialize_with = "lenient")]
    pub by: String,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: String,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub at: Option<Stamp>,
}

impl Document for Rollback {
    const SCHEMA: &'static str = "ROLLBACK_V1";
}

/// A rollback was not done or not undone; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RollbackFault {
    /// The files cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreFault),
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitFault),
    /// The record cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// There is nothing to release.
    #[error("no rollback is active: {} does not exist", layout::ROLLBACK)]
    NotActive,
    /// The work tree has no commit to return to.
    #[error("the work tree has no commit")]
    NoCommit,
}

/// The rollback in force, if any. A damaged record is one too.
#[must_use]
pub fn active(store: &Store) -> Stored<Rollback> {
    store.document(layout::ROLLBACK)
}

/// Restores the published files of `revision`.
///
/// # Errors
/// The revision is unknown, a file has local changes, or something cannot be written.
pub fn roll_back(
    store: &Store,
    remote: &Remote<'_>,
    revision: &str,
    dirty: DirtyPolicy,
    change: (&str, &str, KstTime),
) -> Result<Rollback, RollbackFault> {
    let (by, reason, at) = change;
    let paths = remote.restorable(revision, layout::HANDOFF_PATHS)?;
    let before = store.read(layout::ROLLBACK)?;
    let mut record = Rollback {
        schema: Rollback::SCHEMA.to_owned(),
        from_rev: remote.revision()?,
        to_rev: remote.resolve(revision)?,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        by: by.to_owned(),
        reason: reason.to_owned(),
        at: Some(Stamp::of(at)),
    };
    store.write_document(layout::ROLLBACK, &record)?;
    match remote.restore(revision, &paths, dirty) {
        Ok(paths) => {
            record.paths = paths;
            store.write_document(layout::ROLLBACK, &record)?;
            Ok(record)
        }
        Err(fault) => {
            match before {
                Some(bytes) => store.write(layout::ROLLBACK, &bytes)?,
                None => drop(store.remove(layout::ROLLBACK)?),
            }
            Err(fault.into())
        }
    }
}

/// Returns the published files to the work tree's own revision and lets the daily pull go on.
///
/// # Errors
/// There is no rollback, or the files cannot be restored; the record then stays.
pub fn release(store: &Store, remote: &Remote<'_>) -> Result<Vec<String>, RollbackFault> {
    if store.read(layout::ROLLBACK)?.is_none() {
        return Err(RollbackFault::NotActive);
    }
    let revision = remote.revision()?.ok_or(RollbackFault::NoCommit)?;
    let known = remote.restorable(&revision, layout::HANDOFF_PATHS)?;
    let mut paths = remote.restore(&revision, &known, DirtyPolicy::Overwrite)?;
    // What only the earlier revision had came with the rollback and goes with it.
    let brought = active(store).present().map(|record| record.paths).unwrap_or_default();
    for path in brought.iter().filter(|path| is_published(path)) {
        let gone = remote.restorable(&revision, &[path.as_str()]).is_err();
        if gone && store.path(path).is_file() && store.remove(path)? {
            paths.push(path.clone());
        }
    }
    store.remove(layout::ROLLBACK)?;
    Ok(paths)
}

fn is_published(path: &str) -> bool {
    let below = |dir: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
    layout::HANDOFF_PATHS.iter().any(|dir| below(dir)) && !path.split('/').any(|part| part == "..")
}
