//! Left-overs of other git processes: lock files and half-done merges. They are found and named, never removed.

use std::fmt;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use chrono::DateTime;
use chrono::Utc;
use git2::Repository;
use git2::RepositoryState;

use super::fault::GitDetail;
use super::fault::GitFault;
use crate::time::KstTime;

/// A lock file and its age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LockFile {
    shown: String,
    age_seconds: Option<i64>,
    pub(super) hinders: bool,
}

impl fmt::Display for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.age_seconds {
            Some(age) => write!(f, "lock file {} is {age} s old", self.shown),
            None => write!(f, "lock file {} is there, its age is unknown", self.shown),
        }
    }
}

/// The lock files that a pull, a push or a process beside them may meet.
pub(super) fn locks(repo: &Repository, remote: &str, branch: &str, now: KstTime) -> Vec<LockFile> {
    let (own, common) = (repo.path(), repo.commondir());
    let rows: [(PathBuf, bool); 7] = [
        (own.join("index.lock"), true),
        (own.join("HEAD.lock"), true),
        (common.join(format!("refs/heads/{branch}.lock")), true),
        (common.join(format!("refs/remotes/{remote}/{branch}.lock")), false),
        (own.join("FETCH_HEAD.lock"), false),
        (common.join("shallow.lock"), false),
        (common.join("packed-refs.lock"), false),
    ];
    let root = repo.workdir().unwrap_or(own);
    rows.iter()
        .filter_map(|(path, hinders)| lock_file(path, root, now).map(|l| LockFile { hinders: *hinders, ..l }))
        .collect()
}

fn lock_file(path: &Path, root: &Path, now: KstTime) -> Option<LockFile> {
    let found = fs::symlink_metadata(path).ok()?;
    let age = found.modified().ok().map(|at| now.signed_duration_since(DateTime::<Utc>::from(at)).num_seconds().max(0));
    let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
    Some(LockFile { shown, age_seconds: age, hinders: false })
}

/// Refuses when a lock is in the way.
pub(super) fn unlocked(found: &[LockFile]) -> Result<(), GitFault> {
    match found.iter().find(|lock| lock.hinders) {
        Some(lock) => Err(GitFault::new(GitDetail::Locked, format!("{lock}: {WAY_OUT}"))),
        None => Ok(()),
    }
}

/// Names the lock files in a fault that met one, because libgit2 does not tell their age.
pub(super) fn aged(fault: GitFault, found: &[LockFile]) -> GitFault {
    let names: Vec<_> = found.iter().map(ToString::to_string).collect();
    match fault.detail == GitDetail::Locked && !names.is_empty() {
        true => GitFault::new(GitDetail::Locked, format!("{}: {WAY_OUT} ({fault})", names.join(", "))),
        false => fault,
    }
}

const WAY_OUT: &str = "another git process is at work or was killed; remove the file when none runs";

/// Refuses when a merge or its like was begun and not ended.
pub(super) fn settled(repo: &Repository) -> Result<(), GitFault> {
    let begun = match repo.state() {
        RepositoryState::Clean => None,
        RepositoryState::Merge => Some("a merge"),
        RepositoryState::Revert | RepositoryState::RevertSequence => Some("a revert"),
        RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some("a cherry-pick"),
        RepositoryState::Bisect => Some("a bisect"),
        RepositoryState::Rebase | RepositoryState::RebaseInteractive | RepositoryState::RebaseMerge => Some("a rebase"),
        RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => Some("a patch series"),
    };
    let unmerged = || repo.index().is_ok_and(|index| index.has_conflicts());
    let begun = begun.or_else(|| unmerged().then_some("a merge (unmerged paths are left)"));
    match begun {
        Some(what) => {
            Err(GitFault::new(GitDetail::MergeInProgress, format!("{what} was begun and not ended in this work tree")))
        }
        None => Ok(()),
    }
}
