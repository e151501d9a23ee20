//! The commit: one on top of the last, of exactly what was staged, with the user's hooks where the caller wants them.

use std::path::Path;

use git2::ErrorCode;
use git2::Index;
use git2::Oid;
use git2::Repository;
use git2::Signature;

use super::fault::GitFault;
use super::fault::one_line;
use super::history::run_of;
use super::hooks::Errand;
use super::hooks::Hooks;
use super::publish::PublishFault;
use super::remote::Remote;
use super::remote::named;
use super::remote::on_branch;
use super::remote::open;
use super::stage::Staged;
use super::stage::apply;
use crate::store::Store;

/// Where git keeps the message while its hooks look at it.
const MESSAGE: &str = "COMMIT_EDITMSG";

/// A commit that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its hash.
    pub revision: String,
    /// What a hook had to say that changes nothing any more.
    pub notes: Vec<String>,
}

impl Remote<'_> {
    /// Commits what was staged and moves the branch. The author comes from git's configuration.
    ///
    /// With `hooks`, `pre-commit`, `prepare-commit-msg` and `commit-msg` run first as they do for the git program, and may say
    /// no; `post-commit` runs afterwards. A hook may add lines to the message, but not change its subject or its run, and not
    /// change what is committed: that was checked before.
    ///
    /// # Errors
    ///
    /// See [`PublishFault`]; the branch was not moved.
    pub fn commit(&self, staged: &Staged, message: &str, hooks: Option<&Hooks<'_>>) -> Result<Made, PublishFault> {
        let repo = open(self.root).map_err(PublishFault::Precheck)?;
        let branch = on_branch(&repo, self.branch).map_err(PublishFault::Precheck)?;
        let failed = |e: git2::Error| PublishFault::Commit(GitFault::local("git", &e));
        let author = repo
            .signature()
            .map_err(|e| if e.code() == ErrorCode::NotFound { PublishFault::NoIdentity } else { failed(e) })?;
        let text = git2::message_prettify(message, None).map_err(failed)?;
        let text = match hooks {
            Some(hooks) => Asked { repo: &repo, hooks, author: &author, staged }.agreed(text)?,
            None => text,
        };
        let made = Draft { branch: &branch, staged, author: &author, text: &text }.commit(&repo).map_err(failed)?;
        let mut notes = Vec::new();
        if let Some(hooks) = hooks {
            notes = hooks.idle(&repo);
            let ended = Errand::new("post-commit").env("GIT_INDEX_FILE", repo.path().join("index")).run(&repo, hooks);
            notes.extend(ended.err().map(|why| format!("the hook post-commit {why}")));
        }
        Ok(Made { revision: made.to_string(), notes })
    }
}

/// The hooks before a commit.
struct Asked<'a> {
    repo: &'a Repository,
    hooks: &'a Hooks<'a>,
    author: &'a Signature<'a>,
    staged: &'a Staged,
}

impl Asked<'_> {
    /// Asks the hooks; gives the message as they leave it.
    fn agreed(&self, text: String) -> Result<String, PublishFault> {
        let any = ["pre-commit", "prepare-commit-msg", "commit-msg"];
        if !any.iter().any(|name| self.hooks.there(self.repo, name)) {
            return Ok(text);
        }
        // Git gives the hooks of a commit of named paths an index of its own; the real one may hold other work.
        let file = self.repo.path().join(format!("daily-ops-publish-{}.index", std::process::id()));
        let asked = self.ask(&file, text);
        // It is of no use to anybody afterwards; a left one does no harm.
        std::fs::remove_file(&file).ok();
        asked
    }

    fn ask(&self, file: &Path, text: String) -> Result<String, PublishFault> {
        let failed = |e: git2::Error| PublishFault::Commit(GitFault::local("git", &e));
        self.write_index(file).map_err(failed)?;
        self.run("pre-commit", &[], file)?;
        let store = Store::new(self.repo.path());
        let unsaved = |why: String| PublishFault::Commit(GitFault::new(super::GitDetail::Unknown, why));
        store.write(MESSAGE, text.as_bytes()).map_err(|fault| unsaved(fault.to_string()))?;
        let shown = self.repo.path().join(MESSAGE);
        // As git names it, which some hooks rely on.
        let shown = self.repo.workdir().and_then(|root| shown.strip_prefix(root).ok()).unwrap_or(&shown);
        let shown = shown.to_string_lossy();
        self.run("prepare-commit-msg", &[&shown, "message"], file)?;
        self.run("commit-msg", &[&shown], file)?;
        let left = store.read(MESSAGE).map_err(|fault| unsaved(fault.to_string()))?.unwrap_or_default();
        self.unchanged(file)?;
        let left = git2::message_prettify(String::from_utf8_lossy(&left).as_ref(), None).map_err(failed)?;
        if left.lines().next() != text.lines().next() || run_of(&left) != run_of(&text) {
            let why = "changed the subject or the run of the message, by which the host knows the commit".to_owned();
            return Err(PublishFault::Hook { hook: "commit-msg", why });
        }
        Ok(left)
    }

    fn write_index(&self, file: &Path) -> Result<(), git2::Error> {
        let mut index = Index::open(file)?;
        index.clear()?;
        if let Some(parent) = self.staged.parent {
            index.read_tree(&self.repo.find_commit(parent)?.tree()?)?;
        }
        apply(&mut index, &self.staged.entries, &self.staged.removed)?;
        index.write()
    }

    fn run(&self, hook: &'static str, args: &[&str], index: &Path) -> Result<(), PublishFault> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (when, offset) = (self.author.when().seconds(), self.author.when().offset_minutes());
        let sign = if offset < 0 { '-' } else { '+' };
        let date = format!("@{when} {sign}{:02}{:02}", offset.abs() / 60, offset.abs() % 60);
        let errand = Errand::new(hook)
            .args(args)
            .env("GIT_INDEX_FILE", index)
            .env("GIT_AUTHOR_NAME", text(self.author.name_bytes()))
            .env("GIT_AUTHOR_EMAIL", text(self.author.email_bytes()))
            .env("GIT_AUTHOR_DATE", date);
        errand.run(self.repo, self.hooks).map_err(|why| PublishFault::Hook { hook, why })
    }

    /// Refuses when a hook changed the index or the files: what would be committed is not what was checked.
    fn unchanged(&self, file: &Path) -> Result<(), PublishFault> {
        let failed = |e: git2::Error| PublishFault::Commit(GitFault::local("git", &e));
        let mut index = Index::open(file).map_err(failed)?;
        let tree = index.write_tree_to(self.repo).map_err(failed)?;
        let mut changed: Vec<String> = Vec::new();
        if tree != self.staged.tree {
            let old = self.repo.find_tree(self.staged.tree).map_err(failed)?;
            let new = self.repo.find_tree(tree).map_err(failed)?;
            let diff = self.repo.diff_tree_to_tree(Some(&old), Some(&new), None).map_err(failed)?;
            let paths = diff.deltas().filter_map(|delta| delta.new_file().path_bytes().map(<[u8]>::to_vec));
            changed.extend(paths.map(|path| one_line(&String::from_utf8_lossy(&path))));
        }
        let root = self.repo.workdir().unwrap_or(self.repo.path());
        for entry in &self.staged.entries {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            if self.repo.blob_path(&root.join(&path)).ok() != Some(entry.id) {
                changed.push(path);
            }
        }
        changed.sort();
        changed.dedup();
        if changed.is_empty() {
            return Ok(());
        }
        let why = format!("changed what was to be committed, which had been checked: {}", named(&changed));
        Err(PublishFault::Hook { hook: "pre-commit", why })
    }
}

struct Draft<'a> {
    branch: &'a str,
    staged: &'a Staged,
    author: &'a Signature<'a>,
    text: &'a str,
}

impl Draft<'_> {
    fn commit(&self, repo: &Repository) -> Result<Oid, git2::Error> {
        let mut lock = repo.transaction()?;
        lock.lock_ref(self.branch)?;
        if repo.refname_to_id(self.branch).ok() != self.staged.parent {
            let class = git2::ErrorClass::Reference;
            return Err(git2::Error::new(ErrorCode::Locked, class, "another process moved the branch"));
        }
        let parent = self.staged.parent.map(|id| repo.find_commit(id)).transpose()?;
        let parents: Vec<_> = parent.iter().collect();
        let tree = repo.find_tree(self.staged.tree)?;
        let id = repo.commit(None, self.author, self.author, self.text, &tree, &parents)?;
        let mut index = repo.index()?;
        index.read(true)?;
        apply(&mut index, &self.staged.entries, &self.staged.removed)?;
        index.write()?;
        let subject = self.text.lines().next().unwrap_or_default();
        lock.set_target(self.branch, id, Some(self.author), &format!("commit: {subject}"))?;
        lock.commit()?;
        Ok(id)
    }
}
