//! Pull: download, compare revisions, move by fast-forward or say why not.

use git2::Direction;
use git2::ErrorCode;
use git2::Oid;
use git2::Repository;

use super::fault::GitDetail;
use super::fault::GitFault;
use super::fault::shown_url;
use super::forward::Step;
use super::history::newest_run;
use super::remote::Remote;
use super::remote::head;
use super::remote::on_branch;
use super::remote::open;
use super::remote::short;
use super::repair;
use super::transfer;
use crate::contracts::RunId;
use crate::time::Clock;
use crate::time::SystemClock;

/// How a pull ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullOutcome {
    /// The work tree moved to a newer revision.
    Updated,
    /// The remote has nothing that the work tree lacks.
    NoChanges,
    /// The work tree was not updated and is as it was.
    Failed,
}

/// What a pull did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// How it ended.
    pub outcome: PullOutcome,
    /// The commit hash before, when there was one.
    pub before: Option<String>,
    /// The commit hash after, read again.
    pub after: Option<String>,
    /// Why it failed.
    pub detail: Option<GitDetail>,
    /// One line for people, without any secret.
    pub message: String,
    /// What else was seen: lock files with their age, commits that the remote lacks.
    pub notes: Vec<String>,
    /// The run that published the newest of the last 20 commits that name one.
    pub run_id: Option<RunId>,
}

impl Remote<'_> {
    /// Brings the work tree to the remote's newest commit by fast-forward, or leaves it as it is.
    ///
    /// It ends within the limit plus the time to write the files. It never merges, never stashes and never prompts.
    #[must_use]
    pub fn pull(&self) -> Pulled {
        let mut notes = Vec::new();
        let before = open(self.root).and_then(|repo| head(&repo)).ok().flatten();
        let ended = self.updated(&mut notes);
        let repo = open(self.root).ok();
        let after = repo.as_ref().and_then(|repo| head(repo).ok().flatten());
        let run_id = repo.as_ref().and_then(newest_run);
        let (outcome, detail, message) = match ended {
            Ok(url) if after != before => {
                let from = before.map_or_else(|| "nothing".to_owned(), short);
                let to = after.map(short).unwrap_or_default();
                (
                    PullOutcome::Updated,
                    None,
                    format!("{} moved from {from} to {to} of {}", self.branch, shown_url(&url)),
                )
            }
            Ok(url) => {
                let at = after.map(short).unwrap_or_default();
                let text = format!("{} is at {at}, {} has nothing newer", self.branch, shown_url(&url));
                (PullOutcome::NoChanges, None, text)
            }
            Err(fault) => (PullOutcome::Failed, Some(fault.detail), fault.to_string()),
        };
        let hash = |id: Oid| id.to_string();
        Pulled { outcome, before: before.map(hash), after: after.map(hash), detail, message, notes, run_id }
    }

    fn updated(&self, notes: &mut Vec<String>) -> Result<String, GitFault> {
        let repo = open(self.root)?;
        repair::settled(&repo)?;
        let branch = on_branch(&repo, self.branch)?;
        let url = transfer::address(&repo, self.name, Direction::Fetch)?;
        let locks = repair::locks(&repo, self.name, self.branch, SystemClock::new().now());
        notes.extend(locks.iter().map(ToString::to_string));
        let missing = || GitFault::new(GitDetail::Unknown, format!("{}: no branch {}", shown_url(&url), self.branch));
        let to = transfer::download(self, &url).map_err(|fault| repair::aged(fault, &locks))?.ok_or_else(missing)?;
        // Objects that the other thread added are seen by a repository opened after it.
        let repo = open(self.root)?;
        let from = head(&repo)?;
        self.remember(&repo, to, notes);
        if from == Some(to) {
            return Ok(url);
        }
        if let Some(from) = from {
            match relation(&repo, from, to)? {
                Relation::Behind => {}
                Relation::Ahead(count) => {
                    notes.push(format!("{} holds {count} commits that the remote lacks", self.branch));
                    return Ok(url);
                }
                Relation::Apart => return Err(apart(from, to)),
            }
        }
        repair::unlocked(&repair::locks(&repo, self.name, self.branch, SystemClock::new().now()))?;
        Step { branch: &branch, from, to, why: "pull: fast-forward" }.take(&repo)?;
        Ok(url)
    }

    /// Moves the remote-tracking branch, which is for people; nothing depends on it.
    pub(super) fn remember(&self, repo: &Repository, tip: Oid, notes: &mut Vec<String>) {
        let name = format!("refs/remotes/{}/{}", self.name, self.branch);
        if repo.refname_to_id(&name).ok() == Some(tip) {
            return;
        }
        match repo.reference(&name, tip, true, "pull") {
            Ok(_) => {}
            Err(e) if e.code() == ErrorCode::Locked => notes.push(format!("{name} is locked and was not moved")),
            Err(e) => notes.push(GitFault::local(&format!("{name} was not moved"), &e).message),
        }
    }
}

enum Relation {
    Behind,
    Ahead(usize),
    Apart,
}

fn relation(repo: &Repository, ours: Oid, theirs: Oid) -> Result<Relation, GitFault> {
    let count = repo.graph_ahead_behind(ours, theirs);
    let (ahead, behind) = count.map_err(|e| GitFault::local("cannot compare the histories", &e))?;
    Ok(match (ahead, behind) {
        (0, _) => Relation::Behind,
        (ahead, 0) => Relation::Ahead(ahead),
        _ => Relation::Apart,
    })
}

fn apart(ours: Oid, theirs: Oid) -> GitFault {
    let text = format!("the histories went apart: ours is {ours}, theirs is {theirs}; only a fast-forward is allowed");
    GitFault::new(GitDetail::Diverged, text)
}
