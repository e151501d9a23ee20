//! The commits of the branch as a person lists them, and the run that published each.

use std::str::FromStr as _;

use chrono::DateTime;
use git2::Repository;

use super::fault::GitFault;
use super::fault::one_line;
use super::remote::Remote;
use super::remote::head;
use super::remote::open;
use super::remote::short;
use crate::contracts::RunId;
use crate::time::KstTime;
use crate::time::kst;

/// The trailer in which a publish names its run: `Daily-Ops-Run: <id>`.
pub const RUN_TRAILER: &str = "Daily-Ops-Run";

/// How many commits are searched for the newest run.
const SEARCHED: usize = 20;

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The full hash.
    pub hash: String,
    /// Its first seven digits.
    pub short: String,
    /// When it was committed.
    pub time: KstTime,
    /// Who wrote it.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// The run that published it, when it says so.
    pub run_id: Option<RunId>,
}

impl Remote<'_> {
    /// Lists at most `count` commits from HEAD along first parents, newest first.
    ///
    /// # Errors
    ///
    /// The directory is no work tree, or a commit cannot be read.
    pub fn history(&self, count: usize) -> Result<Vec<Commit>, GitFault> {
        let repo = open(self.root)?;
        if head(&repo)?.is_none() {
            return Ok(Vec::new());
        }
        walk(&repo, count).map_err(|e| GitFault::local("cannot read the history", &e))
    }
}

/// The run named by the newest of the last commits that names one.
pub(super) fn newest_run(repo: &Repository) -> Option<RunId> {
    walk(repo, SEARCHED).ok()?.into_iter().find_map(|commit| commit.run_id)
}

fn walk(repo: &Repository, count: usize) -> Result<Vec<Commit>, git2::Error> {
    let mut walk = repo.revwalk()?;
    walk.simplify_first_parent()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL)?;
    walk.push_head()?;
    walk.take(count).map(|id| Ok(described(&repo.find_commit(id?)?))).collect()
}

fn described(commit: &git2::Commit<'_>) -> Commit {
    let text = |bytes: &[u8]| one_line(&String::from_utf8_lossy(bytes));
    Commit {
        hash: commit.id().to_string(),
        short: short(commit.id()),
        time: DateTime::from_timestamp(commit.time().seconds(), 0).unwrap_or_default().with_timezone(&kst()),
        author: text(commit.author().name_bytes()),
        subject: text(commit.summary_bytes().unwrap_or_default()),
        run_id: run_of(&String::from_utf8_lossy(commit.message_bytes())),
    }
}

pub(super) fn run_of(message: &str) -> Option<RunId> {
    let trailers = git2::message_trailers_strs(message).ok()?;
    let mut runs = trailers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(RUN_TRAILER));
    runs.find_map(|(_, value)| RunId::try_from(String::from_str(value.trim()).ok()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_from_the_trailer_only() {
        let cases = [
            ("alone", "Daily recon update\n\nDaily-Ops-Run: run_1\n", Some("run_1")),
            ("after a body", "Update\n\nbundle: b1\nrecon: ok\n\nDaily-Ops-Run: run_2\n", Some("run_2")),
            ("in one block", "Update\n\nbundle: b1\nDaily-Ops-Run: run_3\n", Some("run_3")),
            ("other case", "Update\n\ndaily-ops-run: run_4\n", Some("run_4")),
            ("no end of line", "Update\n\nDaily-Ops-Run: run_5", Some("run_5")),
            ("in the subject", "Daily-Ops-Run: run_6\n", None),
            ("in the text", "Update\n\nWe set Daily-Ops-Run: run_7\nin the text\n\nmore text\n", None),
            ("no id", "Update\n\nDaily-Ops-Run: ../x y\n", None),
            ("empty", "", None),
        ];
        for (name, message, want) in cases {
            assert_eq!(run_of(message).as_ref().map(RunId::as_str), want, "{name}");
        }
    }
}
