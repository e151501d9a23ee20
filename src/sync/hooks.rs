//! The hooks of the user's own repository, run as the git program runs them, each within a limit.
//!
//! libgit2 runs none. A publish on the research PC is a commit and a push of its user, whose hooks may guard both; so they
//! are started here: in the work tree's directory, with git's arguments, input and environment, in a process group of their
//! own, which is ended as a whole at the limit. Where hooks lie is what git's configuration says (`core.hooksPath`, else
//! `hooks` of the repository). On Windows git's own `sh` starts them.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use git2::Repository;

use super::fault::one_line;

/// How long one hook may take, unless the caller says otherwise.
pub const HOOK_LIMIT: Duration = Duration::from_secs(120);

/// How long a hook that was asked to end may take for it, and how long its last lines are waited for.
const GRACE: Duration = Duration::from_secs(2);
/// How many of its last lines are kept.
const LINES: usize = 5;
/// No longer line is kept.
const LONGEST: u64 = 4096;

/// Every hook that is run.
const NAMES: &[&str] = &["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-push"];

/// What git itself sets for a hook or takes for a repository: nothing of it may come from the process that started us.
const FOREIGN: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_AUTHOR_DATE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// That hooks run, and how.
#[derive(Clone, Copy, Debug)]
pub struct Hooks<'a> {
    /// How long each may take, usually [`HOOK_LIMIT`].
    pub limit: Duration,
    /// Variables of our environment that a hook has no business with: those that hold secrets.
    pub hidden: &'a [&'a str],
}

impl Hooks<'_> {
    /// Whether the repository has such a hook that may run.
    pub(super) fn there(&self, repo: &Repository, name: &str) -> bool {
        program(repo, name).is_some()
    }

    /// What is to be said about hooks that are there and may not be executed: git leaves them out, too.
    pub(super) fn idle(&self, repo: &Repository) -> Vec<String> {
        let idle =
            |name: &&str| program(repo, name).is_none() && candidates(repo, name).iter().any(|file| file.is_file());
        let told = |name: &str| format!("the hook {name} is not executable and was left out");
        NAMES.iter().copied().filter(idle).map(told).collect()
    }
}

/// One start of one hook.
pub(super) struct Errand {
    name: &'static str,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
    input: Option<String>,
}

impl Errand {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, args: Vec::new(), env: Vec::new(), input: None }
    }

    pub(super) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(OsString::from));
        self
    }

    pub(super) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name, value.as_ref().to_owned()));
        self
    }

    /// What the hook reads from its standard input; nothing otherwise.
    pub(super) fn input(mut self, text: String) -> Self {
        self.input = Some(text);
        self
    }

    /// Runs the hook, if there is one; the text says how it failed.
    pub(super) fn run(&self, repo: &Repository, hooks: &Hooks<'_>) -> Result<(), String> {
        let Some(file) = program(repo, self.name) else { return Ok(()) };
        let root = repo.workdir().unwrap_or(repo.path());
        let mut child = self.start(&file, root, hooks).map_err(|fault| format!("could not be started: {fault}"))?;
        let said = Said::of(&mut child);
        self.feed(&mut child);
        let (status, ended) = within(child, hooks.limit);
        let said = said.last_lines();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        match (ended, status) {
            (Ended::InTime, Ok(status)) if status.success() => Ok(()),
            (Ended::InTime, Ok(status)) => Err(format!("said no ({status}){said}")),
            (Ended::InTime, Err(fault)) => Err(format!("could not be waited for: {fault}")),
            (Ended::Stopped, _) => {
                Err(format!("had not ended after {} s and was stopped{said}", hooks.limit.as_secs_f64()))
            }
        }
    }

    fn start(&self, file: &Path, root: &Path, hooks: &Hooks<'_>) -> io::Result<Child> {
        let mut tried = Err(io::Error::from(io::ErrorKind::NotFound));
        for mut command in ways(file) {
            command.args(&self.args).current_dir(root);
            for name in FOREIGN.iter().chain(hooks.hidden) {
                command.env_remove(name);
            }
            command.env("GIT_PREFIX", "").env("GIT_EDITOR", ":").env("GIT_TERMINAL_PROMPT", "0");
            command.envs(self.env.iter().map(|(name, value)| (name, value)));
            let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
            command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
            own_group(&mut command);
            tried = command.spawn();
            match &tried {
                Err(fault) if may_try_on(fault) => {}
                _ => break,
            }
        }
        tried
    }

    fn feed(&self, child: &mut Child) {
        let (Some(text), Some(mut stdin)) = (self.input.clone(), child.stdin.take()) else { return };
        // A hook that does not read its input may end before it is written; git does not mind either. The thread ends with
        // the hook, because the pipe does.
        let fed = thread::Builder::new().name("hook-input".to_owned()).spawn(move || stdin.write_all(text.as_bytes()));
        drop(fed);
    }
}

/// The hook's file, when git would run it.
fn program(repo: &Repository, name: &str) -> Option<PathBuf> {
    candidates(repo, name).into_iter().find(|file| is_program(file))
}

/// Where the hook's file may be.
fn candidates(repo: &Repository, name: &str) -> Vec<PathBuf> {
    let configured = repo.config().ok().and_then(|config| config.get_path("core.hooksPath").ok());
    let root = repo.workdir().unwrap_or(repo.path());
    let directory = configured.map_or_else(|| repo.commondir().join("hooks"), |path| root.join(path));
    let mut files = vec![directory.join(name)];
    if cfg!(windows) {
        files.push(directory.join(format!("{name}.exe")));
    }
    files
}

#[cfg(unix)]
pub(super) fn is_program(file: &Path) -> bool {
    let found = std::fs::metadata(file).is_ok_and(|found| found.is_file());
    found && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
pub(super) fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// The ways to start the file, in the order in which they are tried.
#[cfg(unix)]
fn ways(file: &Path) -> Vec<Command> {
    let mut shell = Command::new("/bin/sh");
    shell.arg(file);
    vec![Command::new(file), shell]
}

/// A file without a first line that names its program is given to the shell, as git does.
#[cfg(unix)]
fn may_try_on(fault: &io::Error) -> bool {
    fault.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error())
}

#[cfg(not(unix))]
fn ways(file: &Path) -> Vec<Command> {
    if file.extension().is_some_and(|end| end == "exe") {
        return vec![Command::new(file)];
    }
    let shells = ["sh.exe", r"C:\Program Files\Git\bin\sh.exe", r"C:\Program Files\Git\usr\bin\sh.exe"];
    let script = file.to_string_lossy().replace('\\', "/");
    let with = |shell: &str| {
        let mut command = Command::new(shell);
        command.arg(&script);
        command
    };
    shells.into_iter().map(with).collect()
}

#[cfg(not(unix))]
fn may_try_on(fault: &io::Error) -> bool {
    fault.kind() == io::ErrorKind::NotFound
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

enum Ended {
    InTime,
    Stopped,
}

/// Waits no longer than the limit, then ends the hook with everything that it started in its group.
fn within(child: Child, limit: Duration) -> (io::Result<ExitStatus>, Ended) {
    let id = child.id();
    let (answer, answers) = channel();
    let wait = move || {
        let mut child = child;
        // Nobody listens any more when the hook does not end even when it is killed.
        drop(answer.send(child.wait()));
    };
    if let Err(fault) = thread::Builder::new().name("hook".to_owned()).spawn(wait) {
        kill(id, Urge::Force);
        return (Err(fault), Ended::InTime);
    }
    if let Ok(status) = answers.recv_timeout(limit) {
        return (status, Ended::InTime);
    }
    kill(id, Urge::Ask);
    let asked = answers.recv_timeout(GRACE);
    // The group may hold more than its first process.
    kill(id, Urge::Force);
    let gone = || io::Error::from(io::ErrorKind::TimedOut);
    let status = asked.or_else(|_| answers.recv_timeout(GRACE)).unwrap_or_else(|_| Err(gone()));
    (status, Ended::Stopped)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Urge {
    Ask,
    Force,
}

#[cfg(unix)]
fn kill(id: u32, urge: Urge) {
    use rustix::process::Pid;
    use rustix::process::Signal;
    let signal = if urge == Urge::Ask { Signal::TERM } else { Signal::KILL };
    if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // A group that has ended already is what is wanted.
        rustix::process::kill_process_group(group, signal).ok();
    }
}

#[cfg(not(unix))]
fn kill(id: u32, urge: Urge) {
    let mut command = Command::new("taskkill");
    command.args(["/T", "/PID", &id.to_string()]);
    if urge == Urge::Force {
        command.arg("/F");
    }
    // A tree that has ended already is what is wanted.
    drop(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status());
}

/// What a hook says, read beside it so that it never waits for us.
struct Said {
    lines: Receiver<Vec<String>>,
    readers: usize,
}

impl Said {
    fn of(child: &mut Child) -> Self {
        let (told, lines) = channel();
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ];
        let mut readers = 0;
        for stream in streams.into_iter().flatten() {
            let told = told.clone();
            let read = move || drop(told.send(tail(stream)));
            readers += usize::from(thread::Builder::new().name("hook-output".to_owned()).spawn(read).is_ok());
        }
        Self { lines, readers }
    }

    /// The last lines of both streams. A process that the hook left behind keeps a stream open; it is not waited for.
    fn last_lines(self) -> String {
        let mut all = Vec::new();
        for _ in 0..self.readers {
            all.extend(self.lines.recv_timeout(GRACE).unwrap_or_default());
        }
        let from = all.len().saturating_sub(LINES);
        one_line(&all.get(from..).unwrap_or_default().join(" / "))
    }
}

fn tail(stream: impl Read) -> Vec<String> {
    let mut stream = BufReader::new(stream);
    let mut kept = std::collections::VecDeque::new();
    loop {
        let mut line = Vec::new();
        match stream.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return kept.into(),
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        if !text.is_empty() {
            kept.push_back(text);
        }
        if kept.len() > LINES {
            kept.pop_front();
        }
    }
}
