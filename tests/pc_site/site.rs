//! A PC, a shared repository and a host, prepared once and copied for each test. Their directories have blanks and Korean
//! letters in their names.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use daily_ops::contracts::SigningKey;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::sync::Identity;
use daily_ops::sync::Remote;
use daily_ops::sync::clone;
use daily_ops::sync::create_bare;
use git2::Oid;
use git2::Repository;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_daily_ops");
pub(crate) const RUN: &[&str] = &["--json", "pc", "run", "--synthetic", "7"];
pub(crate) const STAGES: [&str; 7] = ["prepare", "collect", "backtest", "reconcile", "report", "bundle", "publish"];

const WHO: Identity<'static> = Identity { name: "연구 PC", email: "pc@example.invalid" };
const PARAMS: &str = include_str!("../../contracts/strategy_params_v1.json");
const SECRET: &str = "state/secrets/bundle_ed25519.key";
const PUBLIC: &str = "state/secrets/bundle_ed25519.pub";

/// How far a site has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Parameters and the key are there; nothing was published.
    Fresh,
    /// One day's work is published, and the host knows the key.
    Made,
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|fault| panic!("{fault}: {}", self.all()))
    }

    /// Expects the exit code.
    pub(crate) fn ends(self, name: &str, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{name}: {}", self.all());
        self
    }
}

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) bare: PathBuf,
    pub(crate) pc: PathBuf,
    pub(crate) host: PathBuf,
}

/// Both stages of the prepared site, kept as long as a test uses it.
static PREPARED: Mutex<Weak<[Site; 2]>> = Mutex::new(Weak::new());

impl Site {
    /// A copy of the prepared site, with copies of its own.
    pub(crate) fn at(stage: Stage) -> Self {
        let prepared = prepared();
        let model = &prepared[usize::from(stage == Stage::Made)];
        let site = Self::places();
        copy(model.home(), site.home());
        for root in [&site.pc, &site.host] {
            if root.exists() {
                site.points(root);
            }
        }
        site
    }

    fn places() -> Self {
        let dir = TempDir::new().expect("a directory");
        let path = |name: &str| dir.path().join("한글 폴더").join(name);
        let (bare, pc, host) = (path("공유 저장소.git"), path("연구 PC"), path("운영 서버"));
        std::fs::create_dir_all(path("")).expect("a directory");
        Self { dir, bare, pc, host }
    }

    fn home(&self) -> &Path {
        self.bare.parent().expect("a parent")
    }

    fn points(&self, root: &Path) {
        let url = text(&self.bare);
        Repository::open(root).expect("a repository").remote_set_url("origin", url).expect("set");
    }

    /// Parameters, the ignore list and the key, as a person would set them up.
    fn fresh() -> Self {
        let site = Self::places();
        create_bare(&site.bare, "main").expect("a repository");
        clone(text(&site.bare), &site.pc, "main", WHO).expect("a clone");
        site.pc(&["init", text(&site.pc)]).ends("init", 0);
        write(&site.pc, layout::STRATEGY_PARAMS.latest, PARAMS);
        write(&site.pc, "notes.txt", "1\n");
        site.share("start");
        site.pc(&["pc", "bundle", "keygen"]).ends("keygen", 0);
        write(&site.pc, "daily_ops.toml", &format!("[bundle]\ned25519_key_file = \"{SECRET}\"\n"));
        site
    }

    fn made(fresh: &Self) -> Self {
        let site = Self::places();
        copy(fresh.home(), site.home());
        site.points(&site.pc);
        site.pc(RUN).ends("the first day", 0);
        site.new_host();
        let public = read(&site.pc, PUBLIC);
        write(&site.host, PUBLIC, &public);
        write(&site.host, "daily_ops.toml", &format!("[bundle]\ned25519_public_key_file = \"{PUBLIC}\"\n"));
        site
    }

    /// Clones the host and makes a workspace of it.
    pub(crate) fn new_host(&self) {
        clone(text(&self.bare), &self.host, "main", WHO).expect("a clone");
        self.on_host(&["init", text(&self.host)]).ends("init", 0);
        assert_eq!(
            remote(&self.host).changed_paths().expect("readable"),
            [""; 0],
            "init changes nothing that is tracked"
        );
    }

    /// The program on the PC.
    pub(crate) fn pc(&self, args: &[&str]) -> Ran {
        ran(self.command(&self.pc).args(args))
    }

    /// The program on the host.
    pub(crate) fn on_host(&self, args: &[&str]) -> Ran {
        ran(self.command(&self.host).args(args))
    }

    /// The host's daily run.
    pub(crate) fn host_run(&self) -> Ran {
        self.on_host(&["run", "--embedded"])
    }

    /// The host's daily run and its record.
    pub(crate) fn host_ends(&self, name: &str, code: i32) -> Value {
        self.host_run().ends(name, code);
        let record = json(&self.host, layout::RUN.latest);
        assert_eq!(record["exit_code"], code, "{name}");
        record
    }

    fn command(&self, root: &Path) -> Command {
        let mut command = self.plain();
        command.arg("--root").arg(root);
        command
    }

    /// The program with an environment of its own.
    fn plain(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", self.dir.path()).env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).current_dir("/");
        command
    }

    /// What a person types who repeats a command that the program told.
    pub(crate) fn typed(&self, told: &str) -> Ran {
        let rest = told.strip_prefix("daily_ops ").unwrap_or_else(|| panic!("{told:?} is no command of ours"));
        let mut shell = Command::new("sh");
        shell.env_clear().env("HOME", self.dir.path()).env("PATH", "/usr/bin:/bin").current_dir("/");
        ran(shell.args(["-c", &format!("\"$0\" {rest}"), PROGRAM]))
    }

    /// Where the shared branch is.
    pub(crate) fn main(&self) -> Oid {
        Repository::open(&self.bare).expect("a repository").refname_to_id("refs/heads/main").expect("a branch")
    }

    /// Commits whatever the PC's work tree holds, deletions too, and pushes it.
    pub(crate) fn share(&self, subject: &str) {
        commit_all(&self.pc, subject);
        remote(&self.pc).publish(&[], subject).expect("pushed");
    }

    /// The key that the PC signs with.
    pub(crate) fn key(&self) -> SigningKey {
        SigningKey::ed25519(read(&self.pc, SECRET).trim()).expect("a key")
    }

    /// What the PC said about its newest day.
    pub(crate) fn kept(&self) -> Value {
        json(&self.pc, layout::PC_RUN)
    }
}

/// The prepared site; made by the first test that wants it and kept while any other holds it.
fn prepared() -> Arc<[Site; 2]> {
    let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
    prepared.upgrade().unwrap_or_else(|| {
        let fresh = Site::fresh();
        let made = Site::made(&fresh);
        let both = Arc::new([fresh, made]);
        *prepared = Arc::downgrade(&both);
        both
    })
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("listed") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a kind").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

pub(crate) fn remote(root: &Path) -> Remote<'_> {
    Remote { root, name: "origin", branch: "main", limit: Duration::from_secs(20) }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

pub(crate) fn write(root: &Path, file: &str, content: &str) {
    Store::new(root).write(file, content.as_bytes()).expect("written");
}

pub(crate) fn read(root: &Path, file: &str) -> String {
    std::fs::read_to_string(root.join(file)).unwrap_or_else(|fault| panic!("{file}: {fault}"))
}

pub(crate) fn json(root: &Path, file: &str) -> Value {
    serde_json::from_str(&read(root, file)).unwrap_or_else(|fault| panic!("{file}: {fault}"))
}

pub(crate) fn head(root: &Path) -> Oid {
    Repository::open(root).expect("a repository").head().expect("a head").target().expect("a commit")
}

/// The message of the newest commit.
pub(crate) fn message(root: &Path) -> String {
    let repo = Repository::open(root).expect("a repository");
    repo.find_commit(head(root)).expect("a commit").message().expect("text").to_owned()
}

/// Commits whatever a work tree holds, deletions too.
pub(crate) fn commit_all(root: &Path, subject: &str) {
    let repo = Repository::open(root).expect("a repository");
    let mut index = repo.index().expect("an index");
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).expect("added");
    index.update_all(["*"], None).expect("updated");
    index.write().expect("written");
    let tree = repo.find_tree(index.write_tree().expect("a tree")).expect("a tree");
    let author = repo.signature().expect("an author");
    let parent = repo.head().ok().map(|head| head.peel_to_commit().expect("a commit"));
    let parents: Vec<_> = parent.iter().collect();
    repo.commit(Some("HEAD"), &author, &author, subject, &tree, &parents).expect("a commit");
}

/// A field of every stage of the day's work, in order.
pub(crate) fn of_stages<'a>(told: &'a Value, field: &str) -> Vec<&'a Value> {
    told["stages"].as_array().expect("a list").iter().map(|stage| &stage[field]).collect()
}
