//! A shared repository, the PC's work tree and the host's.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use daily_ops::sync::GitDetail;
use daily_ops::sync::Identity;
use daily_ops::sync::PullOutcome;
use daily_ops::sync::Pulled;
use daily_ops::sync::Remote;
use daily_ops::sync::clone;
use daily_ops::sync::create_bare;
use git2::Repository;
use tempfile::TempDir;

pub(crate) const BRANCH: &str = "main";
pub(crate) const PC: Identity<'static> = Identity { name: "Research", email: "pc@example.invalid" };

/// Brings a site into the state of a case.
pub(crate) type Prepare = fn(&Site);

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) bare: PathBuf,
    pub(crate) pc: PathBuf,
    pub(crate) host: PathBuf,
}

impl Site {
    /// Both work trees are at one commit with `a.json`, `b.json` and `reports/latest/r.json`.
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name);
        let (bare, pc, host) = (path("shared.git"), path("pc"), path("host"));
        create_bare(&bare, BRANCH).unwrap();
        clone(bare.to_str().unwrap(), &pc, BRANCH, PC).unwrap();
        let site = Self { dir, bare, pc, host };
        site.publish("first", &[("a.json", "a1"), ("b.json", "b1"), ("reports/latest/r.json", "r1")]);
        clone(site.bare.to_str().unwrap(), &site.host, BRANCH, PC).unwrap();
        assert_eq!(read(&site.host, "reports/latest/r.json"), "r1");
        site
    }

    pub(crate) fn host(&self) -> Remote<'_> {
        remote(&self.host)
    }

    pub(crate) fn pc(&self) -> Remote<'_> {
        remote(&self.pc)
    }

    /// Writes, commits and pushes on the PC; gives the commit hash.
    pub(crate) fn publish(&self, subject: &str, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            write(&self.pc, path, text);
        }
        let paths: Vec<_> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        self.pc().publish(&paths, subject).unwrap().commit.unwrap()
    }

    /// Commits whatever the PC's work tree holds, deletions too, and pushes it.
    pub(crate) fn publish_all(&self, subject: &str) -> String {
        let id = commit_all(&self.pc, subject);
        self.pc().publish(&[], subject).unwrap();
        id
    }

    pub(crate) fn point_host_at(&self, url: &str) {
        Repository::open(&self.host).unwrap().remote_set_url("origin", url).unwrap();
    }

    /// Everything on the host that a pull may change: files, index and branch.
    pub(crate) fn host_state(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.host, &mut found);
        let git = self.host.join(".git");
        found.extend(
            ["index", "HEAD", "refs/heads/main"]
                .map(|name| (git.join(name), fs::read(git.join(name)).unwrap_or_default())),
        );
        found
    }

    /// Pulls on the host, expects the detail, and expects that nothing changed.
    pub(crate) fn refused(&self, name: &str, detail: GitDetail) -> Pulled {
        let before = self.host_state();
        let pulled = self.host().pull();
        assert_eq!((pulled.outcome, pulled.detail), (PullOutcome::Failed, Some(detail)), "{name}: {}", pulled.message);
        assert_eq!(pulled.before, pulled.after, "{name}");
        assert!(self.host_state() == before, "{name}: the work tree, the index or the branch changed");
        assert!(!pulled.message.contains('\n') && !pulled.message.is_empty(), "{name}");
        pulled
    }

    /// Pulls on the host and expects that it is at `commit` with a clean tree apart from `left`.
    pub(crate) fn updated(&self, name: &str, commit: &str, left: &[&str]) -> Pulled {
        let pulled = self.host().pull();
        assert_eq!(pulled.outcome, PullOutcome::Updated, "{name}: {}", pulled.message);
        assert_eq!(pulled.after.as_deref(), Some(commit), "{name}");
        assert_eq!(self.host().changed_paths().unwrap(), left, "{name}");
        pulled
    }
}

pub(crate) fn remote(root: &Path) -> Remote<'_> {
    Remote { root, name: "origin", branch: BRANCH, limit: Duration::from_secs(20) }
}

pub(crate) fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test prepares its files itself")]
    fs::write(file, text).unwrap();
}

pub(crate) fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap()
}

pub(crate) fn commit_all(root: &Path, subject: &str) -> String {
    let repo = Repository::open(root).unwrap();
    let mut index = repo.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    index.update_all(["*"], None).unwrap();
    index.write().unwrap();
    let tree = repo.find_tree(index.write_tree().unwrap()).unwrap();
    let author = repo.signature().unwrap();
    let parent = repo.head().ok().map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = parent.iter().collect();
    repo.commit(Some("HEAD"), &author, &author, subject, &tree, &parents).unwrap().to_string()
}

fn collect(dir: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.file_name().is_some_and(|name| name == ".git") {
            continue;
        }
        let kind = fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            collect(&path, found);
        } else if kind.is_symlink() {
            found.push((path.clone(), fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
}
