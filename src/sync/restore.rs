//! Restore: files of an older commit come back to the work tree; branch and index stay.

use std::collections::BTreeSet;
use std::fs;
use std::path::Component;
use std::path::Path;

use git2::CheckoutNotificationType;
use git2::ObjectType;
use git2::Repository;
use git2::StatusOptions;
use git2::Tree;
use git2::TreeWalkMode;
use git2::TreeWalkResult;
use git2::build::CheckoutBuilder;

use super::fault::GitFault;
use super::fault::one_line;
use super::publish::PathFault;
use super::remote::Remote;
use super::remote::link_above;
use super::remote::named;
use super::remote::open;
use super::repair;

/// What to do with local changes under the paths to restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirtyPolicy {
    /// Change nothing and name them.
    Refuse,
    /// Overwrite them.
    Overwrite,
}

/// A restore was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreFault {
    /// The repository is in no state for it, or writing failed.
    #[error(transparent)]
    Git(#[from] GitFault),
    /// The text names no commit.
    #[error("{revision:?} names no commit of this repository")]
    UnknownRevision {
        /// As it was given.
        revision: String,
    },
    /// A path may not be restored.
    #[error("cannot restore {path:?}: {why}")]
    Path {
        /// As it was given.
        path: String,
        /// The rule.
        why: PathFault,
    },
    /// Local changes would be lost.
    #[error("local changes would be lost: {}", named(paths))]
    Dirty {
        /// The changed paths, sorted.
        paths: Vec<String>,
    },
}

impl Remote<'_> {
    /// Writes the files under `paths` as they were at `revision` and gives the paths written or removed, sorted.
    ///
    /// Files under a restored directory that the revision lacks are removed when they are tracked and left alone when they
    /// are not. No commit is made and nothing is staged, so the restored files show as local changes afterwards.
    ///
    /// # Errors
    ///
    /// Unknown revision, a path outside the work tree or unknown to revision and index, a link in place of a directory, local
    /// changes under [`DirtyPolicy::Refuse`]: nothing was changed. A fault while writing may leave some files written.
    pub fn restore(&self, revision: &str, paths: &[&str], policy: DirtyPolicy) -> Result<Vec<String>, RestoreFault> {
        let repo = open(self.root)?;
        repair::settled(&repo)?;
        let tree = tree_of(&repo, revision)?;
        if paths.is_empty() {
            return Err(RestoreFault::Path { path: String::new(), why: PathFault::Empty });
        }
        let tracked = tracked(&repo)?;
        let wanted = paths.iter().map(|path| checked(&tree, &tracked, path)).collect::<Result<Vec<_>, _>>()?;
        let touched = touched(&repo, &tree, &wanted).map_err(|e| GitFault::local("cannot read the files", &e))?;
        if let Some(link) = touched.iter().find_map(|path| link_above(&repo, Path::new(path))) {
            let path = one_line(&link.display().to_string());
            return Err(RestoreFault::Path { path, why: PathFault::BehindLink });
        }
        if policy == DirtyPolicy::Refuse {
            let dirty = dirty(&repo, &tree, &wanted).map_err(|e| GitFault::local("cannot read the state", &e))?;
            if !dirty.is_empty() {
                return Err(RestoreFault::Dirty { paths: dirty });
            }
        }
        write(&repo, &tree, &wanted).map_err(|e| GitFault::local("cannot write the work tree", &e).into())
    }
}

impl Remote<'_> {
    /// The commit hash that a revision, however it is written, means now.
    ///
    /// # Errors
    ///
    /// Unknown revision.
    pub fn resolve(&self, revision: &str) -> Result<String, RestoreFault> {
        let repo = open(self.root)?;
        let found = repo.revparse_single(revision).and_then(|object| object.peel_to_commit());
        let unknown = |_: git2::Error| RestoreFault::UnknownRevision { revision: one_line(revision) };
        found.map(|commit| commit.id().to_string()).map_err(unknown)
    }

    /// Those of `paths` that `revision` or the work tree's own commit has; what both lack cannot be restored.
    ///
    /// # Errors
    ///
    /// Unknown revision, a path outside the work tree, or a revision that has none of the paths.
    pub fn restorable<'p>(&self, revision: &str, paths: &[&'p str]) -> Result<Vec<&'p str>, RestoreFault> {
        let repo = open(self.root)?;
        let (tree, tracked) = (tree_of(&repo, revision)?, tracked(&repo)?);
        let has = |path: &&str| tree.get_path(Path::new(path)).is_ok();
        if !paths.iter().any(has) {
            let path = one_line(&paths.join(", "));
            return Err(RestoreFault::Path { path, why: PathFault::NotInRevision });
        }
        let mut known = Vec::new();
        for path in paths {
            match checked(&tree, &tracked, path) {
                Ok(_) => known.push(*path),
                Err(RestoreFault::Path { why: PathFault::NotInRevision, .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(known)
    }
}

/// The paths of the index.
fn tracked(repo: &Repository) -> Result<Vec<String>, GitFault> {
    let index = repo.index().map_err(|e| GitFault::local("cannot read the index", &e))?;
    Ok(index.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()).collect())
}

fn tree_of<'a>(repo: &'a Repository, revision: &str) -> Result<Tree<'a>, RestoreFault> {
    let found = repo.revparse_single(revision).and_then(|object| object.peel_to_commit());
    let unknown = |_: git2::Error| RestoreFault::UnknownRevision { revision: one_line(revision) };
    found.and_then(|commit| commit.tree()).map_err(unknown)
}

/// A path inside the work tree that the revision or the index knows, without a slash at its end.
fn checked(tree: &Tree<'_>, tracked: &[String], path: &str) -> Result<String, RestoreFault> {
    let refused = |why| RestoreFault::Path { path: one_line(path), why };
    let plain = PathFault::plain(path).map_err(refused)?;
    let wanted = [plain];
    if tree.get_path(Path::new(&wanted[0])).is_err() && !tracked.iter().any(|file| is_under(&wanted, file)) {
        return Err(refused(PathFault::NotInRevision));
    }
    let [plain] = wanted;
    Ok(plain)
}

/// Local changes of tracked files, and untracked or ignored files that stand where the revision has one.
fn dirty(repo: &Repository, tree: &Tree<'_>, wanted: &[String]) -> Result<Vec<String>, git2::Error> {
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true);
    options.include_ignored(true).recurse_ignored_dirs(true).disable_pathspec_match(true);
    for path in wanted {
        options.pathspec(path.as_str());
    }
    let found = repo.statuses(Some(&mut options))?;
    let mut paths = BTreeSet::new();
    for entry in &found {
        let path = String::from_utf8_lossy(entry.path_bytes()).into_owned();
        let ours = !entry.status().is_wt_new() && !entry.status().is_ignored();
        if ours || stands_in(tree, path.trim_end_matches('/')) {
            paths.insert(one_line(&path));
        }
    }
    paths.extend(wanted.iter().filter_map(|path| blocked(repo, path)));
    Ok(paths.into_iter().collect())
}

/// Whether the revision has the path, or has a file where the path needs a directory.
fn stands_in(tree: &Tree<'_>, path: &str) -> bool {
    let mut above = Path::new(path).ancestors().skip(1).filter(|part| !part.as_os_str().is_empty());
    let is_file = |part: &Path| tree.get_path(part).is_ok_and(|entry| entry.kind() != Some(ObjectType::Tree));
    tree.get_path(Path::new(path)).is_ok() || above.any(is_file)
}

/// A file that stands where a directory of the path should be.
fn blocked(repo: &Repository, path: &str) -> Option<String> {
    let root = repo.workdir()?;
    let mut above = Path::new(path).ancestors().skip(1).filter(|part| !part.as_os_str().is_empty());
    let blocking = |part: &&Path| fs::symlink_metadata(root.join(part)).is_ok_and(|found| !found.is_dir());
    above.find(blocking).map(|part| one_line(&part.display().to_string()))
}

fn is_under(wanted: &[String], path: &str) -> bool {
    wanted.iter().any(|w| path == w || path.strip_prefix(w.as_str()).is_some_and(|rest| rest.starts_with('/')))
}

/// Every file that a restore may write or remove: those of the revision and the tracked ones.
fn touched(repo: &Repository, tree: &Tree<'_>, wanted: &[String]) -> Result<BTreeSet<String>, git2::Error> {
    let mut paths = BTreeSet::new();
    tree.walk(TreeWalkMode::PreOrder, |directory, entry| {
        let path = format!("{directory}{}", String::from_utf8_lossy(entry.name_bytes()));
        if entry.kind() != Some(ObjectType::Tree) && is_under(wanted, &path) {
            paths.insert(path);
        }
        TreeWalkResult::Ok
    })?;
    let tracked = repo.index()?;
    let tracked = tracked.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned());
    paths.extend(tracked.filter(|path| is_under(wanted, path)));
    Ok(paths)
}

fn write(repo: &Repository, tree: &Tree<'_>, wanted: &[String]) -> Result<Vec<String>, git2::Error> {
    let tracked = repo.index()?;
    let mut changed = BTreeSet::new();
    let mut options = CheckoutBuilder::new();
    options.force().update_index(false).disable_pathspec_match(true);
    for path in wanted {
        options.path(path.as_str());
    }
    options.notify_on(CheckoutNotificationType::UPDATED | CheckoutNotificationType::DIRTY);
    options.notify(|_, path, _, _, _| {
        changed.extend(path.map(|p| one_line(&p.to_string_lossy())));
        true
    });
    repo.checkout_tree(tree.as_object(), Some(&mut options))?;
    drop(options);
    for entry in tracked.iter() {
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        if is_under(wanted, &path) && tree.get_path(Path::new(&path)).is_err() {
            changed.insert(one_line(&path));
        }
    }
    Ok(changed.into_iter().collect())
}

impl PathFault {
    /// The path with slashes and without one at its end; refuses what leaves the work tree or enters `.git`.
    pub(super) fn plain(path: &str) -> Result<String, Self> {
        let trimmed = path.trim_end_matches('/');
        if trimmed.is_empty() {
            return Err(if path.is_empty() { Self::Empty } else { Self::Outside });
        }
        let inside = Path::new(trimmed).components().all(|part| match part {
            Component::Normal(name) => !name.eq_ignore_ascii_case(".git"),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => false,
        });
        let odd = trimmed.contains(['\\', '\0']) || trimmed.split('/').any(|part| part.is_empty() || part == ".");
        if inside && !odd { Ok(trimmed.to_owned()) } else { Err(Self::Outside) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside_the_work_tree() {
        let cases = [
            ("file", "reports/a.json", Ok("reports/a.json")),
            ("directory", "reports/latest/", Ok("reports/latest")),
            ("dots in a name", "reports/a..json", Ok("reports/a..json")),
            ("empty", "", Err(PathFault::Empty)),
            ("root", "/", Err(PathFault::Outside)),
            ("absolute", "/etc/passwd", Err(PathFault::Outside)),
            ("parent", "reports/../../x", Err(PathFault::Outside)),
            ("here", "./reports", Err(PathFault::Outside)),
            ("here inside", "reports/./a", Err(PathFault::Outside)),
            ("two slashes", "reports//a", Err(PathFault::Outside)),
            ("git's own", ".git/config", Err(PathFault::Outside)),
            ("git's own, other case", "a/.GIT/hooks", Err(PathFault::Outside)),
            ("backslash", "reports\\a", Err(PathFault::Outside)),
            ("zero byte", "a\0b", Err(PathFault::Outside)),
        ];
        for (name, path, want) in cases {
            assert_eq!(PathFault::plain(path), want.map(str::to_owned), "{name}");
        }
    }
}
