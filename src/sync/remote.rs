//! The front: a work tree, its remote and the shared branch.

use std::fs;
use std::path::Path;
use std::time::Duration;

use git2::ErrorCode;
use git2::Oid;
use git2::Reference;
use git2::Repository;

use super::fault::GitDetail;
use super::fault::GitFault;
use super::fault::one_line;

/// How long one transfer may take.
pub const TRANSFER_LIMIT: Duration = Duration::from_secs(60);

/// A work tree and the one branch that it shares with a remote.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    /// The directory that holds `.git`.
    pub root: &'a Path,
    /// The remote's name in the repository's configuration, usually `origin`.
    pub name: &'a str,
    /// The branch, without `refs/heads/`.
    pub branch: &'a str,
    /// How long one transfer may take, usually [`TRANSFER_LIMIT`].
    pub limit: Duration,
}

impl Remote<'_> {
    /// Tells the commit hash that the work tree is on; `None` before the first commit.
    ///
    /// # Errors
    ///
    /// The directory is no work tree, or its HEAD cannot be read.
    pub fn revision(&self) -> Result<Option<String>, GitFault> {
        Ok(head(&open(self.root)?)?.map(|id| id.to_string()))
    }

    /// Tells the branch that the work tree is on, whatever the configured one is; `None` for a detached HEAD.
    ///
    /// # Errors
    ///
    /// The directory is no work tree, or its HEAD cannot be read.
    pub fn current_branch(&self) -> Result<Option<String>, GitFault> {
        let repo = open(self.root)?;
        let head = repo.find_reference("HEAD").map_err(|e| GitFault::local("cannot read HEAD", &e))?;
        let target = head.symbolic_target_bytes().map(|name| String::from_utf8_lossy(name).into_owned());
        Ok(target.map(|name| name.trim_start_matches("refs/heads/").to_owned()))
    }

    /// Whether git would leave this path of the work tree alone: it is ignored and not tracked.
    ///
    /// # Errors
    ///
    /// The directory is no work tree, or its rules cannot be read.
    pub fn ignores(&self, path: &str) -> Result<bool, GitFault> {
        let repo = open(self.root)?;
        let failed = |e: git2::Error| GitFault::local("cannot read the ignore rules", &e);
        let tracked = repo.index().map_err(failed)?.get_path(Path::new(path), 0).is_some();
        Ok(!tracked && repo.is_path_ignored(path).map_err(failed)?)
    }

    /// Lists what differs from the last commit, ignored files left out, sorted.
    ///
    /// # Errors
    ///
    /// The directory is no work tree, or its state cannot be read.
    pub fn changed_paths(&self) -> Result<Vec<String>, GitFault> {
        Ok(self.changes()?.into_iter().map(|change| change.path).collect())
    }

    /// Lists what differs from the last commit and how, ignored files left out, sorted by path.
    ///
    /// # Errors
    ///
    /// The directory is no work tree, or its state cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>, GitFault> {
        let repo = open(self.root)?;
        let mut options = git2::StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true);
        let found = repo.statuses(Some(&mut options)).map_err(|e| GitFault::local("cannot read the state", &e))?;
        let change = |entry: git2::StatusEntry<'_>| Change {
            path: one_line(&String::from_utf8_lossy(entry.path_bytes())),
            how: Changed::of(entry.status()),
        };
        let mut changes: Vec<_> = found.iter().map(change).collect();
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes.dedup_by(|a, b| a.path == b.path);
        Ok(changes)
    }
}

/// A path that differs from the last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path with slashes.
    pub path: String,
    /// How it differs.
    pub how: Changed,
}

/// How a path differs from the last commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The last commit lacks it.
    New,
    /// The last commit has it with another content or kind.
    Modified,
    /// The work tree lacks it.
    Deleted,
}

impl Changed {
    fn of(status: git2::Status) -> Self {
        if status.contains(git2::Status::WT_DELETED) || status == git2::Status::INDEX_DELETED {
            Self::Deleted
        } else if status.intersects(git2::Status::WT_NEW | git2::Status::INDEX_NEW) && !status.is_index_deleted() {
            Self::New
        } else {
            Self::Modified
        }
    }
}

/// Opens exactly this directory; a repository around it is another one.
pub(super) fn open(root: &Path) -> Result<Repository, GitFault> {
    let shown = root.display();
    let none = || GitFault::new(GitDetail::NotARepo, format!("{shown} is no git work tree"));
    // The file system is asked first: before its first answer the library reads every root certificate of the machine.
    if [".git", "HEAD"].iter().all(|name| matches!(root.join(name).try_exists(), Ok(false))) {
        return Err(none());
    }
    let repo = Repository::open(root).map_err(|e| {
        if e.code() == ErrorCode::NotFound {
            none()
        } else if e.code() == ErrorCode::Owner {
            let how = "make it yours, or name it in safe.directory of your own git configuration";
            GitFault::new(GitDetail::Unknown, format!("{shown} belongs to another user: {how}"))
        } else {
            GitFault::local(&format!("cannot open {shown}"), &e)
        }
    })?;
    if repo.is_bare() {
        return Err(GitFault::new(GitDetail::NotARepo, format!("{shown} is a bare repository without a work tree")));
    }
    Ok(repo)
}

/// The commit that HEAD names, whatever branch it is on.
pub(super) fn head(repo: &Repository) -> Result<Option<Oid>, GitFault> {
    match repo.head().and_then(|head| head.peel_to_commit()) {
        Ok(commit) => Ok(Some(commit.id())),
        Err(e) if e.code() == ErrorCode::UnbornBranch => Ok(None),
        Err(e) => Err(GitFault::local("cannot read HEAD", &e)),
    }
}

/// Refuses a detached HEAD and every branch but the configured one; gives the branch's full name.
pub(super) fn on_branch(repo: &Repository, branch: &str) -> Result<String, GitFault> {
    let full = format!("refs/heads/{branch}");
    if !Reference::is_valid_name(&full) {
        return Err(GitFault::new(GitDetail::Unknown, format!("{branch:?} is no branch name")));
    }
    let symbolic = repo.find_reference("HEAD").map_err(|e| GitFault::local("cannot read HEAD", &e))?;
    let actual = symbolic.symbolic_target_bytes().map(|name| String::from_utf8_lossy(name).into_owned());
    match actual {
        Some(name) if name == full => Ok(full),
        Some(name) => {
            let name = name.trim_start_matches("refs/heads/");
            Err(GitFault::new(GitDetail::WrongBranch, format!("the work tree is on {name}, configured is {branch}")))
        }
        None => {
            let at = symbolic.target().map(short).unwrap_or_default();
            let text = format!("HEAD is detached at {at}, configured is branch {branch}");
            Err(GitFault::new(GitDetail::WrongBranch, text))
        }
    }
}

/// The first directory of a path that is a link in the work tree. libgit2 writes through it, out of the tree.
pub(super) fn link_above<'a>(repo: &Repository, path: &'a Path) -> Option<&'a Path> {
    let root = repo.workdir()?;
    let above = path.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty());
    let is_link = |part: &&Path| fs::symlink_metadata(root.join(part)).is_ok_and(|found| found.is_symlink());
    above.filter(is_link).last()
}

/// The first seven digits of a hash, as people quote it.
pub(super) fn short(id: Oid) -> String {
    let mut text = id.to_string();
    text.truncate(7);
    text
}

/// At most five paths and the number of the others.
pub(super) fn named(paths: &[String]) -> String {
    const MOST: usize = 5;
    let shown = paths.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match paths.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}
