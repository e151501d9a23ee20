//! Publish: exactly the named files go into one commit, and the branch is pushed without force.

use std::fs;
use std::path::Path;

use git2::Direction;
use git2::ErrorCode;
use git2::Index;
use git2::IndexEntry;
use git2::IndexTime;
use git2::Oid;
use git2::Repository;

use super::fault::GitDetail;
use super::fault::GitFault;
use super::fault::one_line;
use super::fault::shown_url;
use super::remote::Remote;
use super::remote::head;
use super::remote::link_above;
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
        let branch = self.ready(&repo).map_err(PublishFault::Precheck)?;
        let url = transfer::address(&repo, self.name, Direction::Push).map_err(PublishFault::Precheck)?;
        let parent = head(&repo).map_err(PublishFault::Precheck)?;
        let entries = entries(&repo, paths)?;
        let made = Draft { branch: &branch, parent, message }.commit(&repo, &entries)?;
        let revision = made.as_ref().map(|(id, _)| *id).or(parent);
        let nothing = || GitFault::new(GitDetail::Unknown, "the branch has no commit to push");
        let revision = revision.ok_or_else(|| PublishFault::Precheck(nothing()))?;
        let text = revision.to_string();
        let pushed = match transfer::push(self, &url, revision) {
            Ok(Pushed::Moved) => true,
            Ok(Pushed::Already) => false,
            Ok(Pushed::Rejected(why)) => return Err(PublishFault::Rejected { revision: text, why: one_line(&why) }),
            Err(fault) => return Err(PublishFault::Push { revision: text, fault }),
        };
        let (commit, files) = made.map(|(id, files)| (Some(id.to_string()), files)).unwrap_or_default();
        Ok(Published { commit, revision: text, files, pushed, remote: shown_url(&url) })
    }

    fn ready(&self, repo: &Repository) -> Result<String, GitFault> {
        repair::settled(repo)?;
        let branch = on_branch(repo, self.branch)?;
        repair::unlocked(&repair::locks(repo, self.name, self.branch, SystemClock::new().now()))?;
        Ok(branch)
    }
}

/// Stores the files' contents and gives their index entries. Objects that no commit names do no harm.
fn entries(repo: &Repository, paths: &[String]) -> Result<Vec<IndexEntry>, PublishFault> {
    let mut sorted: Vec<_> = paths.iter().collect();
    sorted.sort();
    sorted.dedup();
    sorted.into_iter().map(|path| entry(repo, path)).collect()
}

fn entry(repo: &Repository, path: &str) -> Result<IndexEntry, PublishFault> {
    let refused = |why| PublishFault::Path { path: one_line(path), why };
    let plain = PathFault::plain(path).map_err(refused)?;
    let file = repo.workdir().map(|root| root.join(&plain)).ok_or(refused(PathFault::Outside))?;
    let found = fs::symlink_metadata(&file).or(Err(refused(PathFault::Missing)))?;
    if link_above(repo, Path::new(&plain)).is_some() {
        return Err(refused(PathFault::BehindLink));
    }
    if !found.is_file() || plain.len() < path.len() {
        return Err(refused(PathFault::NotAFile));
    }
    let failed = |e: git2::Error| PublishFault::Commit(GitFault::local(&plain, &e));
    let index = repo.index().map_err(failed)?;
    let known = index.get_path(Path::new(&plain), 0).is_some();
    if !known && repo.is_path_ignored(&plain).map_err(failed)? {
        return Err(refused(PathFault::Ignored));
    }
    let id = repo.blob_path(&file).map_err(failed)?;
    Ok(blank(id, if is_executable(&found) { 0o100_755 } else { 0o100_644 }, plain.into_bytes()))
}

#[cfg(unix)]
fn is_executable(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    found.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

/// An entry without file times, which git takes as "look at the file".
fn blank(id: Oid, mode: u32, path: Vec<u8>) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path,
    }
}

struct Draft<'a> {
    branch: &'a str,
    parent: Option<Oid>,
    message: &'a str,
}

impl Draft<'_> {
    fn commit(&self, repo: &Repository, entries: &[IndexEntry]) -> Result<Option<(Oid, Vec<String>)>, PublishFault> {
        let failed = |e: git2::Error| PublishFault::Commit(GitFault::local("git", &e));
        let (tree, files) = self.tree(repo, entries).map_err(failed)?;
        if files.is_empty() {
            return Ok(None);
        }
        let author = repo
            .signature()
            .map_err(|e| if e.code() == ErrorCode::NotFound { PublishFault::NoIdentity } else { failed(e) })?;
        let text = git2::message_prettify(self.message, None).map_err(failed)?;
        let made = (|| {
            let mut lock = repo.transaction()?;
            lock.lock_ref(self.branch)?;
            if repo.refname_to_id(self.branch).ok() != self.parent {
                let class = git2::ErrorClass::Reference;
                return Err(git2::Error::new(ErrorCode::Locked, class, "another process moved the branch"));
            }
            let parent = self.parent.map(|id| repo.find_commit(id)).transpose()?;
            let parents: Vec<_> = parent.iter().collect();
            let id = repo.commit(None, &author, &author, &text, &repo.find_tree(tree)?, &parents)?;
            let mut index = repo.index()?;
            index.read(true)?;
            entries.iter().try_for_each(|entry| index.add(entry))?;
            index.write()?;
            let subject = text.lines().next().unwrap_or_default();
            lock.set_target(self.branch, id, Some(&author), &format!("commit: {subject}"))?;
            lock.commit()?;
            Ok(id)
        })();
        made.map(|id| Some((id, files))).map_err(failed)
    }

    /// The last commit's tree with the entries put in, and the paths that differ. The index is not used, because it may
    /// hold staged work that is nobody's to publish.
    fn tree(&self, repo: &Repository, entries: &[IndexEntry]) -> Result<(Oid, Vec<String>), git2::Error> {
        let old = self.parent.map(|id| repo.find_commit(id)?.tree()).transpose()?;
        let mut index = Index::new()?;
        if let Some(old) = &old {
            index.read_tree(old)?;
        }
        for entry in entries {
            index.add(entry)?;
        }
        let tree = index.write_tree_to(repo)?;
        let new = repo.find_tree(tree)?;
        let diff = repo.diff_tree_to_tree(old.as_ref(), Some(&new), None)?;
        let path = |delta: git2::DiffDelta<'_>| delta.new_file().path_bytes().map(<[u8]>::to_vec);
        let files = diff.deltas().filter_map(path).map(|p| one_line(&String::from_utf8_lossy(&p)));
        Ok((tree, files.collect()))
    }
}

impl PublishFault {
    /// The one line that a log shows.
    #[must_use]
    pub fn line(&self) -> String {
        one_line(&self.to_string())
    }
}
