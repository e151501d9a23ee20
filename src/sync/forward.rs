//! The fast-forward: work tree, index and branch move together or stay.
//!
//! The branch is locked first, then the work tree is written in safe mode, then the branch moves. What fails in between is
//! taken back. A process killed in between leaves files that equal the new commit; the next pull accepts those.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use git2::CheckoutNotificationType;
use git2::ErrorCode;
use git2::Oid;
use git2::Repository;
use git2::Tree;
use git2::build::CheckoutBuilder;

use super::fault::GitDetail;
use super::fault::GitFault;
use super::fault::one_line;
use super::remote::link_above;
use super::remote::named;
use super::remote::open;

/// A move of `branch` from one commit to another: a descendant of it, or the same data on newer ground.
pub(super) struct Step<'a> {
    pub(super) branch: &'a str,
    pub(super) from: Option<Oid>,
    pub(super) to: Oid,
    /// What the reflog says.
    pub(super) why: &'static str,
}

impl Step<'_> {
    /// Moves work tree, index and branch.
    pub(super) fn take(&self, repo: &Repository) -> Result<(), GitFault> {
        let local = |e: git2::Error| GitFault::local("cannot move the branch", &e);
        let mut lock = repo.transaction().map_err(local)?;
        lock.lock_ref(self.branch).map_err(local)?;
        if repo.refname_to_id(self.branch).ok() != self.from {
            return Err(GitFault::new(GitDetail::Locked, "another git process moved the branch meanwhile"));
        }
        let old = self.from.map(|id| repo.find_commit(id)?.tree()).transpose().map_err(local)?;
        let new = repo.find_commit(self.to).and_then(|commit| commit.tree()).map_err(local)?;
        let changes = Changes::between(repo, old.as_ref(), &new)?;
        changes.refuse_staged(repo)?;
        changes.write(repo, &new)?;
        let moved = lock.set_target(self.branch, self.to, None, self.why).and_then(|()| lock.commit());
        moved.map_err(|e| changes.taken_back(repo, GitFault::local("cannot move the branch", &e)))
    }
}

/// The paths in which two trees differ, with the blob on either side.
struct Changes {
    base: Option<Oid>,
    rows: Vec<Change>,
}

struct Change {
    path: Vec<u8>,
    old: Option<Oid>,
    new: Option<Oid>,
}

impl Change {
    fn name(&self) -> String {
        one_line(&String::from_utf8_lossy(&self.path))
    }
}

impl Changes {
    fn between(repo: &Repository, old: Option<&Tree<'_>>, new: &Tree<'_>) -> Result<Self, GitFault> {
        let diff = repo.diff_tree_to_tree(old, Some(new), None);
        let diff = diff.map_err(|e| GitFault::local("cannot compare the commits", &e))?;
        let rows = diff.deltas().filter_map(|delta| {
            let path = delta.new_file().path_bytes().or(delta.old_file().path_bytes())?.to_vec();
            let blob = |side: git2::DiffFile<'_>| Some(side.id()).filter(|id| !id.is_zero() && side.exists());
            Some(Change { path, old: blob(delta.old_file()), new: blob(delta.new_file()) })
        });
        Ok(Self { base: old.map(|tree| tree.id()), rows: rows.collect() })
    }

    /// Staged work on a path that the step changes would be lost without a trace, because only the files are compared
    /// by the checkout.
    fn refuse_staged(&self, repo: &Repository) -> Result<(), GitFault> {
        let mut index = repo.index().map_err(|e| GitFault::local("cannot read the index", &e))?;
        index.read(true).map_err(|e| GitFault::local("cannot read the index", &e))?;
        let staged = |row: &&Change| {
            let entry = index.get_path(as_path(&row.path), 0).map(|entry| entry.id);
            entry != row.old && entry != row.new
        };
        let paths: Vec<_> = self.rows.iter().filter(staged).map(Change::name).collect();
        if paths.is_empty() { Ok(()) } else { Err(in_the_way(&paths)) }
    }

    fn write(&self, repo: &Repository, new: &Tree<'_>) -> Result<(), GitFault> {
        let conflicts = match self.attempt(repo, new, &BTreeSet::new()) {
            Ok(()) => return Ok(()),
            Err((error, conflicts)) if conflicts.is_empty() => {
                return Err(self.taken_back(repo, GitFault::local("cannot write the work tree", &error)));
            }
            Err((_, conflicts)) => conflicts,
        };
        let harmless: BTreeSet<_> = conflicts.iter().filter(|path| self.loses_nothing(repo, path)).cloned().collect();
        if harmless.len() < conflicts.len() {
            let paths: Vec<_> =
                conflicts.difference(&harmless).map(|p| one_line(&String::from_utf8_lossy(p))).collect();
            return Err(in_the_way(&paths));
        }
        let mut same = CheckoutBuilder::new();
        same.force().disable_pathspec_match(true);
        for path in &harmless {
            same.path(path.as_slice());
        }
        let first = repo.checkout_tree(new.as_object(), Some(&mut same)).map_err(|e| (e, BTreeSet::new()));
        let both = first.and_then(|()| self.attempt(repo, new, &harmless));
        both.map_err(|(e, _)| self.taken_back(repo, GitFault::local("cannot write the work tree", &e)))
    }

    /// One safe checkout. libgit2 names every conflict before it touches the first file.
    fn attempt(
        &self,
        repo: &Repository,
        new: &Tree<'_>,
        accepted: &BTreeSet<Vec<u8>>,
    ) -> Result<(), (git2::Error, BTreeSet<Vec<u8>>)> {
        let mut conflicts = BTreeSet::new();
        let mut options = CheckoutBuilder::new();
        options.safe().overwrite_ignored(false).allow_conflicts(!accepted.is_empty());
        options.notify_on(CheckoutNotificationType::CONFLICT);
        options.notify(|_, path, _, _, _| {
            let path = path.map(|p| p.as_os_str().as_encoded_bytes().to_vec()).unwrap_or_default();
            let go_on = accepted.is_empty() || accepted.contains(&path);
            conflicts.insert(path);
            go_on
        });
        let ended = repo.checkout_tree(new.as_object(), Some(&mut options));
        drop(options);
        ended.map_err(|e| if e.code() == ErrorCode::Conflict { (e, conflicts) } else { (e, BTreeSet::new()) })
    }

    /// Whether the file is gone, or holds what the new commit holds: a pull that was killed leaves both.
    fn loses_nothing(&self, repo: &Repository, path: &[u8]) -> bool {
        let Some(row) = self.rows.iter().find(|row| row.path == path) else { return false };
        if link_above(repo, as_path(path)).is_some() {
            return false;
        }
        let Some(file) = repo.workdir().map(|root| root.join(as_path(path))) else { return false };
        match fs::symlink_metadata(&file) {
            Ok(found) if found.is_file() => row.new.is_some() && repo.blob_path(&file).ok() == row.new,
            Ok(_) => false,
            Err(e) => e.kind() == ErrorKind::NotFound,
        }
    }

    /// Puts the old files back after a failure in the middle. The safe checkout has proved that they held no local work.
    fn taken_back(&self, repo: &Repository, fault: GitFault) -> GitFault {
        let Some(root) = repo.workdir() else { return fault };
        let undone = open(root).and_then(|repo| self.undo(&repo).map_err(|e| GitFault::local("undo", &e)));
        match undone {
            Ok(()) => fault,
            Err(_) if self.is_as_before(root) => fault,
            Err(e) => GitFault::new(fault.detail, format!("{fault}; some files may be newer than the branch ({e})")),
        }
    }

    fn undo(&self, repo: &Repository) -> Result<(), git2::Error> {
        let Some(base) = self.base.filter(|_| !self.rows.is_empty()) else { return Ok(()) };
        let mut options = CheckoutBuilder::new();
        options.force().remove_untracked(true).disable_pathspec_match(true);
        for row in &self.rows {
            options.path(row.path.as_slice());
        }
        repo.checkout_tree(repo.find_tree(base)?.as_object(), Some(&mut options))
    }

    fn is_as_before(&self, root: &Path) -> bool {
        let Ok(repo) = open(root) else { return false };
        self.rows.iter().all(|row| {
            let file = root.join(as_path(&row.path));
            let there = fs::symlink_metadata(&file).is_ok();
            match row.old {
                Some(old) => there && repo.blob_path(&file).is_ok_and(|id| id == old),
                None => !there,
            }
        })
    }
}

fn in_the_way(paths: &[String]) -> GitFault {
    let text = format!("local changes are in the way of the update: {}", named(paths));
    GitFault::new(GitDetail::LocalChanges, text)
}

#[cfg(unix)]
fn as_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn as_path(bytes: &[u8]) -> &Path {
    Path::new(std::str::from_utf8(bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;
    use crate::sync::Identity;
    use crate::sync::Remote;
    use crate::sync::TRANSFER_LIMIT;
    use crate::sync::clone;
    use crate::sync::create_bare;

    const BRANCH: &str = "refs/heads/main";

    fn remote(root: &Path) -> Remote<'_> {
        Remote { root, name: "origin", branch: "main", limit: TRANSFER_LIMIT }
    }

    fn put(root: &Path, path: &str, text: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut File::create(file).unwrap(), text.as_bytes()).unwrap();
    }

    /// A work tree at its second commit with the objects of the third; gives both.
    fn site() -> (TempDir, PathBuf, Oid, Oid) {
        let dir = TempDir::new().unwrap();
        let (bare, root) = (dir.path().join("shared.git"), dir.path().join("pc"));
        create_bare(&bare, "main").unwrap();
        clone(bare.to_str().unwrap(), &root, "main", Identity { name: "x", email: "x@example.invalid" }).unwrap();
        let mut commits = Vec::new();
        for (n, paths) in [("1", ["a.json", "b.json"]), ("2", ["a.json", "new/n.json"])] {
            paths.iter().for_each(|path| put(&root, path, n));
            let made = remote(&root).publish(&paths.map(str::to_owned), n).unwrap();
            commits.push(Oid::from_str(&made.revision).unwrap());
        }
        let repo = Repository::open(&root).unwrap();
        let first = repo.find_object(commits[0], None).unwrap();
        repo.reset(&first, git2::ResetType::Hard, None).unwrap();
        assert!(!root.join("new/n.json").exists());
        (dir, root, commits[0], commits[1])
    }

    #[test]
    fn a_step_that_fails_in_the_middle_is_taken_back() {
        let (_dir, root, from, to) = site();
        let lock = root.join(".git/index.lock");
        File::create(&lock).unwrap();
        let step = Step { branch: BRANCH, from: Some(from), to, why: "test" };
        let fault = step.take(&open(&root).unwrap()).unwrap_err();
        assert_eq!(fault.detail, GitDetail::Locked, "{fault}");
        assert!(!fault.message.contains("newer"), "{fault}");
        assert_eq!(fs::read_to_string(root.join("a.json")).unwrap(), "1");
        assert!(!root.join("new/n.json").exists());
        assert_eq!(remote(&root).revision().unwrap(), Some(from.to_string()));
        fs::remove_file(lock).unwrap();
        assert_eq!(remote(&root).changed_paths().unwrap(), Vec::<String>::new());
        step.take(&open(&root).unwrap()).unwrap();
        assert_eq!(remote(&root).revision().unwrap(), Some(to.to_string()));
    }

    #[test]
    fn a_branch_that_moved_meanwhile_is_left_alone() {
        let (_dir, root, from, to) = site();
        let step = Step { branch: BRANCH, from: Some(to), to: from, why: "test" };
        assert_eq!(step.take(&open(&root).unwrap()).unwrap_err().detail, GitDetail::Locked);
        assert_eq!(remote(&root).revision().unwrap(), Some(from.to_string()));
    }
}
