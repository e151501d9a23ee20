//! Publish: exactly the named files go into one commit, and the branch is pushed without force.

use git2::Direction;
use git2::Repository;

use super::fault::GitDetail;
use super::fault::GitFault;
use super::fault::one_line;
use super::fault::shown_url;
use super::remote::Remote;
use super::remote::on_branch;
use super::remote::open;
use super::repair;
use super::transfer;
use super::transfer::Pushed;
use crate::time::Clock;
use crate::time::SystemClock;

/// What a publish did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The commit that was made; `None` when the files are as in the last commit.
    pub commit: Option<String>,
    /// The commit hash that the branch is at.
    pub revision: String,
    /// The paths that the commit changed, sorted.
    pub files: Vec<String>,
    /// Whether the remote's branch moved; `false` when it was there already.
    pub pushed: bool,
    /// The remote's address as it may be shown.
    pub remote: String,
}

/// Why a path cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// No path was given.
    #[error("no path was given")]
    Empty,
    /// It leaves the work tree or enters git's own files.
    #[error("it is not a plain path inside the work tree")]
    Outside,
    /// A link stands where one of its directories should be, so the file would be somewhere else.
    #[error("a link stands in place of one of its directories")]
    BehindLink,
    /// The revision has nothing of that name.
    #[error("the revision does not have it")]
    NotInRevision,
    /// There is no such file.
    #[error("there is no such file")]
    Missing,
    /// It is a directory, a link or a device.
    #[error("it is no regular file")]
    NotAFile,
    /// It is ignored by git, so it would never travel again.
    #[error("git ignores it")]
    Ignored,
}

/// A publish was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishFault {
    /// The work tree or its branch is in no state for it; nothing was changed.
    #[error(transparent)]
    Precheck(GitFault),
    /// A path may not be published; nothing was changed.
    #[error("cannot publish {path:?}: {why}")]
    Path {
        /// As it was given.
        path: String,
        /// The rule.
        why: PathFault,
    },
    /// Git's configuration names no author; nothing was changed.
    #[error("git's configuration has no user.name and user.email")]
    NoIdentity,
    /// The commit could not be made; the branch was not moved.
    #[error("cannot commit: {0}")]
    Commit(GitFault),
    /// A hook of the commit said no, did not end, or changed what was to be committed; the branch was not moved.
    #[error("cannot commit: the hook {hook} {why}")]
    Hook {
        /// The hook's name.
        hook: &'static str,
        /// How it ended and its last lines.
        why: String,
    },
    /// The remote has moved or refused; the commit is kept.
    #[error("the push was rejected, commit {revision} is kept: {why}")]
    Rejected {
        /// The commit hash that the branch is at.
        revision: String,
        /// What the remote holds or said.
        why: String,
    },
    /// The push did not end well; the commit is kept and the next publish pushes it.
    #[error("the push failed, commit {revision} is kept: {fault}")]
    Push {
        /// The commit hash that the branch is at.
        revision: String,
        /// The cause.
        fault: GitFault,
    },
}

impl Remote<'_> {
    /// Commits exactly `paths` as they are in the work tree and pushes the branch.
    ///
    /// Anything else that is changed or staged stays as it is. Files equal to the last commit make no commit; commits that
    /// the remote lacks are pushed all the same. The author comes from git's configuration.
    ///
    /// # Errors
    ///
    /// See [`PublishFault`]; a failed push keeps the commit.
    pub fn publish(&self, paths: &[String], message: &str) -> Result<Published, PublishFault> {
        let repo = open(self.root).map_err(PublishFault::Precheck)?;
        self.ready(&repo).map_err(PublishFault::Precheck)?;
        let url = transfer::address(&repo, self.name, Direction::Push).map_err(PublishFault::Precheck)?;
        let staged = self.stage(paths, &[])?;
        let made = if staged.files().is_empty() { None } else { Some(self.commit(&staged, message, None)?.revision) };
        let nothing = || GitFault::new(GitDetail::Unknown, "the branch has no commit to push");
        let revision = made.as_ref().map(|hash| git2::Oid::from_str(hash).ok()).unwrap_or(staged.parent);
        let revision = revision.ok_or_else(|| PublishFault::Precheck(nothing()))?;
        let text = revision.to_string();
        let pushed = match transfer::push(self, &url, revision) {
            Ok(Pushed::Moved) => true,
            Ok(Pushed::Already) => false,
            Ok(Pushed::Rejected(why)) => return Err(PublishFault::Rejected { revision: text, why: one_line(&why) }),
            Err(fault) => return Err(PublishFault::Push { revision: text, fault }),
        };
        let files = staged.files().to_vec();
        Ok(Published { commit: made, revision: text, files, pushed, remote: shown_url(&url) })
    }

    pub(super) fn ready(&self, repo: &Repository) -> Result<String, GitFault> {
        repair::settled(repo)?;
        let branch = on_branch(repo, self.branch)?;
        repair::unlocked(&repair::locks(repo, self.name, self.branch, SystemClock::new().now()))?;
        Ok(branch)
    }
}

impl PublishFault {
    /// The one line that a log shows.
    #[must_use]
    pub fn line(&self) -> String {
        one_line(&self.to_string())
    }
}
