//! Staging: the files of a commit as objects and a tree, beside the index, which may hold work that is nobody's to publish.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use git2::ErrorCode;
use git2::Index;
use git2::IndexEntry;
use git2::IndexTime;
use git2::Oid;
use git2::Repository;

use super::fault::GitFault;
use super::fault::one_line;
use super::publish::PathFault;
use super::publish::PublishFault;
use super::remote::Remote;
use super::remote::head;
use super::remote::link_above;
use super::remote::open;

/// What one commit would change. Objects that no commit names do no harm.
pub struct Staged {
    pub(super) parent: Option<Oid>,
    pub(super) tree: Oid,
    pub(super) entries: Vec<IndexEntry>,
    pub(super) removed: Vec<String>,
    files: Vec<String>,
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("parent", &self.parent).field("files", &self.files).finish_non_exhaustive()
    }
}

impl Staged {
    /// The paths that differ from the last commit, sorted; none means that there is nothing to commit.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }
}

impl Remote<'_> {
    /// Prepares a commit of exactly `paths` as they are in the work tree, and without `removed`. Neither the index nor the
    /// branch changes.
    ///
    /// # Errors
    ///
    /// A path may not be published, or an object cannot be written.
    pub fn stage(&self, paths: &[String], removed: &[String]) -> Result<Staged, PublishFault> {
        let repo = open(self.root).map_err(PublishFault::Precheck)?;
        let parent = head(&repo).map_err(PublishFault::Precheck)?;
        let entries = entries(&repo, paths)?;
        let plain =
            |path: &String| PathFault::plain(path).map_err(|why| PublishFault::Path { path: one_line(path), why });
        let removed = removed.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
        let failed = |e: git2::Error| PublishFault::Commit(GitFault::local("git", &e));
        let (tree, files) = tree(&repo, parent, &entries, &removed).map_err(failed)?;
        Ok(Staged { parent, tree, entries, removed, files })
    }

    /// Those of `paths` that the last commit has, whatever their content.
    ///
    /// # Errors
    ///
    /// The directory is no work tree, or the commit cannot be read.
    pub fn committed(&self, paths: &[String]) -> Result<BTreeSet<String>, GitFault> {
        let repo = open(self.root)?;
        let Some(at) = head(&repo)? else { return Ok(BTreeSet::new()) };
        let tree = repo.find_commit(at).and_then(|commit| commit.tree());
        let tree = tree.map_err(|e| GitFault::local("cannot read the last commit", &e))?;
        Ok(paths.iter().filter(|path| tree.get_path(Path::new(path)).is_ok()).cloned().collect())
    }

    /// Those of `paths` that git ignores and does not know yet: they would never travel.
    ///
    /// # Errors
    ///
    /// The directory is no work tree, or its rules cannot be read.
    pub fn ignored(&self, paths: &[String]) -> Result<Vec<String>, GitFault> {
        let repo = open(self.root)?;
        let unread = |e: git2::Error| GitFault::local("cannot read what git ignores", &e);
        let index = repo.index().map_err(unread)?;
        let mut found = Vec::new();
        for path in paths {
            let known = index.get_path(Path::new(path), 0).is_some();
            if !known && repo.is_path_ignored(path).map_err(unread)? {
                found.push(path.clone());
            }
        }
        Ok(found)
    }
}

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
pub(super) fn blank(id: Oid, mode: u32, path: Vec<u8>) -> IndexEntry {
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

/// The last commit's tree with the entries put in, and the paths that differ.
fn tree(
    repo: &Repository,
    parent: Option<Oid>,
    entries: &[IndexEntry],
    removed: &[String],
) -> Result<(Oid, Vec<String>), git2::Error> {
    let old = parent.map(|id| repo.find_commit(id)?.tree()).transpose()?;
    let mut index = Index::new()?;
    if let Some(old) = &old {
        index.read_tree(old)?;
    }
    apply(&mut index, entries, removed)?;
    let tree = index.write_tree_to(repo)?;
    let new = repo.find_tree(tree)?;
    let diff = repo.diff_tree_to_tree(old.as_ref(), Some(&new), None)?;
    let path = |delta: git2::DiffDelta<'_>| delta.new_file().path_bytes().map(<[u8]>::to_vec);
    let files = diff.deltas().filter_map(path).map(|p| one_line(&String::from_utf8_lossy(&p)));
    Ok((tree, files.collect()))
}

/// Puts entries into an index and takes paths out of it.
pub(super) fn apply(index: &mut Index, entries: &[IndexEntry], removed: &[String]) -> Result<(), git2::Error> {
    entries.iter().try_for_each(|entry| index.add(entry))?;
    removed.iter().try_for_each(|path| match index.remove_path(Path::new(path)) {
        Err(e) if e.code() != ErrorCode::NotFound => Err(e),
        _ => Ok(()),
    })
}
