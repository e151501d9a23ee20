//! Where the branch stands against the remote's, and bringing it there: a fast-forward, or our own data put on top.
//!
//! A push that failed leaves a data commit that the remote lacks. When the remote has moved meanwhile, that is no work of
//! two people: the commit is made again on the remote's newest, entry by entry, provided that no commit there touches what
//! is published. Nothing is merged. Anything else that went apart is left alone.

use std::collections::BTreeSet;
use std::fmt;

use git2::Commit;
use git2::Delta;
use git2::Direction;
use git2::Index;
use git2::Oid;
use git2::Repository;
use git2::Sort;

use super::fault::GitDetail;
use super::fault::GitFault;
use super::fault::one_line;
use super::forward::Step;
use super::history::run_of;
use super::remote::Remote;
use super::remote::head;
use super::remote::named;
use super::remote::open;
use super::remote::short;
use super::repair;
use super::stage::blank;
use super::transfer;
use crate::time::Clock as _;
use crate::time::SystemClock;

/// Which paths hold data of a publish. A commit that names its run and touches nothing else is one of ours.
#[derive(Clone, Copy)]
pub struct DataPaths<'a>(pub &'a dyn Fn(&str) -> bool);

impl fmt::Debug for DataPaths<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataPaths")
    }
}

/// Whether something is done or only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Work tree, index and branch follow.
    Act,
    /// Only objects are added.
    Look,
}

/// Where the branch stands, after what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many commits of the remote were or would be taken over.
    pub taken: usize,
    /// How many data commits of ours were or would be made again on top of them.
    pub replayed: usize,
    /// Subjects of the commits that the remote lacks, oldest first.
    pub ahead: Vec<String>,
    /// What else was seen.
    pub notes: Vec<String>,
}

impl Remote<'_> {
    /// Refuses a work tree that is in no state for a publish: no repository, another branch or none, a merge or its like
    /// begun, a lock in the way, no remote.
    ///
    /// # Errors
    ///
    /// The first of these that holds; nothing was changed.
    pub fn ready_to_publish(&self) -> Result<(), GitFault> {
        let repo = open(self.root)?;
        self.ready(&repo)?;
        for direction in [Direction::Fetch, Direction::Push] {
            transfer::address(&repo, self.name, direction)?;
        }
        if repo.config().is_ok_and(|config| config.get_bool("commit.gpgSign").unwrap_or(false)) {
            // An unsigned commit where signed ones are wanted is not for us to decide, and a key may ask for a word.
            let way_out = "commits are not signed here; set it to false for this repository, or publish by hand";
            return Err(GitFault::new(GitDetail::Unknown, format!("commit.gpgSign is on: {way_out}")));
        }
        repo.signature()
            .map(drop)
            .or(Err(GitFault::new(GitDetail::Unknown, "git's configuration has no user.name and user.email")))
    }

    /// Downloads and brings the branch to the remote's newest commit, by fast-forward or with our own data commits on top.
    /// Local changes of files that the remote did not touch stay.
    ///
    /// # Errors
    ///
    /// The download failed, the histories went apart, or local changes are in the way: the work tree is as it was.
    pub fn catch_up(&self, data: DataPaths<'_>, reach: Reach) -> Result<Standing, GitFault> {
        let repo = open(self.root)?;
        let url = transfer::address(&repo, self.name, Direction::Fetch)?;
        let locks = repair::locks(&repo, self.name, self.branch, SystemClock::new().now());
        let tip = transfer::download(self, &url).map_err(|fault| repair::aged(fault, &locks))?;
        // Objects that the other thread added are seen by a repository opened after it.
        let repo = open(self.root)?;
        let mut standing = Standing::default();
        let Some(tip) = tip else {
            standing.ahead = subjects(&repo, None)?;
            return Ok(standing);
        };
        if reach == Reach::Act {
            self.remember(&repo, tip, &mut standing.notes);
        }
        let taken = self.carry(&repo, tip, data, reach)?;
        let repo = open(self.root)?;
        standing.ahead = subjects(&repo, Some(tip))?;
        Ok(Standing { taken: taken.0, replayed: taken.1, ..standing })
    }

    /// Moves the branch onto `tip`; gives the number of commits taken over and made again.
    pub(super) fn carry(
        &self,
        repo: &Repository,
        tip: Oid,
        data: DataPaths<'_>,
        reach: Reach,
    ) -> Result<(usize, usize), GitFault> {
        let unread = |e: git2::Error| GitFault::local("cannot compare the histories", &e);
        let from = head(repo)?;
        let (ahead, behind) = match from {
            Some(from) => repo.graph_ahead_behind(from, tip).map_err(unread)?,
            None => (0, 1),
        };
        if behind == 0 {
            return Ok((0, 0));
        }
        let to = match from.filter(|_| ahead > 0) {
            Some(from) => Replay::of(repo, from, tip, data)?.made(repo, tip).map_err(unread)?,
            None => tip,
        };
        if reach == Reach::Act {
            let branch = self.ready(repo)?;
            let why = if ahead > 0 { "publish: our data on top" } else { "publish: fast-forward" };
            Step { branch: &branch, from, to, why }.take(repo)?;
        }
        Ok((behind, ahead))
    }
}

/// The data commits that are to be made again.
struct Replay<'r> {
    commits: Vec<Commit<'r>>,
}

impl<'r> Replay<'r> {
    /// The commits of ours that the remote lacks, when they may be made again on top of its own.
    fn of(repo: &'r Repository, ours: Oid, theirs: Oid, data: DataPaths<'_>) -> Result<Self, GitFault> {
        let unread = |e: git2::Error| GitFault::local("cannot compare the histories", &e);
        let apart = |why: String| {
            let text = format!("the histories went apart: ours is {ours}, theirs is {theirs}; {why}");
            Err(GitFault::new(GitDetail::Diverged, text))
        };
        if repo.merge_base(ours, theirs).is_err() {
            return apart("they have no commit in common, the remote was rewritten".to_owned());
        }
        let mut touched = BTreeSet::new();
        let commits = between(repo, Some(theirs), ours).map_err(unread)?;
        for commit in &commits {
            let paths = paths(repo, commit).map_err(unread)?;
            let is_data = commit.parent_count() == 1 && paths.iter().all(|path| (data.0)(path));
            if !is_data || run_of(&String::from_utf8_lossy(commit.message_bytes())).is_none() {
                return apart(format!("{} is no data commit of a publish, only those are moved", short(commit.id())));
            }
            touched.extend(paths);
        }
        let mut conflicts = BTreeSet::new();
        for commit in between(repo, Some(ours), theirs).map_err(unread)? {
            let paths = paths(repo, &commit).map_err(unread)?;
            conflicts.extend(paths.into_iter().filter(|path| (data.0)(path) || meets(&touched, path)));
        }
        if conflicts.is_empty() {
            return Ok(Self { commits });
        }
        let conflicts: Vec<_> = conflicts.iter().map(|path| one_line(path)).collect();
        apart(format!("the remote's commits touch what is published: {}", named(&conflicts)))
    }

    /// Makes the commits again, each with exactly its own entries; author, time and message stay.
    fn made(&self, repo: &Repository, onto: Oid) -> Result<Oid, git2::Error> {
        let committer = repo.signature()?;
        let mut tip = repo.find_commit(onto)?;
        for commit in &self.commits {
            let mut index = Index::new()?;
            index.read_tree(&tip.tree()?)?;
            let diff = repo.diff_tree_to_tree(Some(&commit.parent(0)?.tree()?), Some(&commit.tree()?), None)?;
            for delta in diff.deltas() {
                let (old, new) = (delta.old_file(), delta.new_file());
                if delta.status() == Delta::Deleted {
                    index.remove_path(old.path().unwrap_or(std::path::Path::new("")))?;
                } else {
                    let path = new.path_bytes().unwrap_or_default().to_vec();
                    index.add(&blank(new.id(), u32::from(new.mode()), path))?;
                }
            }
            let tree = repo.find_tree(index.write_tree_to(repo)?)?;
            let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
            let id = repo.commit(None, &commit.author(), &committer, &message, &tree, &[&tip])?;
            tip = repo.find_commit(id)?;
        }
        Ok(tip.id())
    }
}

/// Whether a path is one of ours, or a file in place of one of our directories or the other way round.
fn meets(ours: &BTreeSet<String>, path: &str) -> bool {
    let inside = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    ours.iter().any(|own| own == path || inside(own, path) || inside(path, own))
}

/// The commits that `to` has and `from` lacks, oldest first.
fn between<'r>(repo: &'r Repository, from: Option<Oid>, to: Oid) -> Result<Vec<Commit<'r>>, git2::Error> {
    let mut walk = repo.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
    walk.push(to)?;
    if let Some(from) = from {
        walk.hide(from)?;
    }
    walk.map(|id| repo.find_commit(id?)).collect()
}

/// The paths that a commit changes against its first parent.
fn paths(repo: &Repository, commit: &Commit<'_>) -> Result<Vec<String>, git2::Error> {
    let old = commit.parents().next().map(|parent| parent.tree()).transpose()?;
    let diff = repo.diff_tree_to_tree(old.as_ref(), Some(&commit.tree()?), None)?;
    let path = |bytes: Option<&[u8]>| bytes.map(|path| String::from_utf8_lossy(path).into_owned());
    Ok(diff
        .deltas()
        .flat_map(|d| [path(d.old_file().path_bytes()), path(d.new_file().path_bytes())])
        .flatten()
        .collect())
}

fn subjects(repo: &Repository, tip: Option<Oid>) -> Result<Vec<String>, GitFault> {
    let Some(ours) = head(repo)? else { return Ok(Vec::new()) };
    let commits = between(repo, tip, ours).map_err(|e| GitFault::local("cannot compare the histories", &e))?;
    let subject = |commit: &Commit<'_>| one_line(&String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default()));
    Ok(commits.iter().map(subject).collect())
}
