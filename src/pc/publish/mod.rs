//! Publishing: ten steps from the work tree to the shared branch, in order, each with its own code for saying no.
//!
//! Only data travels: exactly the files of [`PublishWhat`], in one commit, pushed without force under the run id that the
//! host continues. Before the commit nothing changes but the branch, which follows the remote. A commit that cannot be pushed
//! is kept; the next publish pushes it, on top of what the remote has got meanwhile when that touches no data. The user's
//! hooks run. No step asks a question, and no text shows a secret.

mod gather;
mod message;
mod pair;
mod paths;
mod secrets;
mod validate;
mod words;

use std::time::Duration;

pub use pair::ErrorSummary;
pub use paths::PublishWhat;
pub use secrets::KeyMaterial;
use validate::Findings;

use gather::Gathered;
use message::Told;
use validate::Content;
use validate::Novelty;

use crate::contracts::BundlePolicy;
use crate::contracts::Document as _;
use crate::contracts::RunId;
use crate::contracts::json::sha256;
use crate::contracts::publish::PublishCode;
use crate::contracts::publish::PublishEnd;
use crate::contracts::publish::PublishResult;
use crate::store::Acquired;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::Store;
use crate::store::layout;
use crate::sync::DataPaths;
use crate::sync::GitDetail;
use crate::sync::GitFault;
use crate::sync::Hooks;
use crate::sync::PathFault;
use crate::sync::PublishFault;
use crate::sync::Reach;
use crate::sync::Remote;
use crate::sync::Staged;
use crate::sync::Standing;
use crate::time::Calendar;
use crate::time::Clock;
use crate::time::Stamp;

/// A publish that holds the lock for longer is looked at.
const LOCK_LIMIT: Duration = Duration::from_secs(600);
/// A session follows when it opens within this time.
const FOLLOWS_HOURS: i64 = 24;

/// Whether a publish acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublishMode {
    /// It does.
    #[default]
    Act,
    /// It says what it would do.
    DryRun,
}

/// What a bundle that was made of generated prices means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GeneratedPrices {
    /// It is not published: a host could take it for real.
    #[default]
    Refused,
    /// It is, and the commit says so.
    Allowed,
}

/// On which days a publish happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublishDays {
    /// On every day.
    #[default]
    All,
    /// Only when a session opens within a day.
    BeforeSession,
}

/// What a publish is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishOptions {
    /// Which files.
    pub what: PublishWhat,
    /// What an error of the reconciliation means.
    pub error_summary: ErrorSummary,
    /// What generated prices mean.
    pub generated_prices: GeneratedPrices,
    /// Whether it acts.
    pub mode: PublishMode,
    /// On which days.
    pub days: PublishDays,
}

/// One publish and everything that it needs.
#[derive(Debug)]
pub struct Publisher<'a> {
    /// The workspace.
    pub store: &'a Store,
    /// The time.
    pub clock: &'a dyn Clock,
    /// The remote's name in git's configuration.
    pub remote: &'a str,
    /// The branch that both sides share.
    pub branch: &'a str,
    /// How long one fetch or push may take.
    pub git_limit: Duration,
    /// The user's hooks.
    pub hooks: Hooks<'a>,
    /// Which bundles are sound.
    pub policy: &'a BundlePolicy,
    /// Keys of ours that must not be in any file.
    pub keys: &'a [KeyMaterial],
    /// What to do.
    pub options: PublishOptions,
}

/// How the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishClass {
    /// Done, or nothing to do.
    Done,
    /// A rule or another party said no.
    Refused,
    /// Something could not be done.
    Fault,
}

/// A publish that ended, one way or another.
#[derive(Clone, Debug)]
pub struct PublishOutcome {
    /// The document.
    pub result: PublishResult,
    /// What people read, in its fixed order; empty when it ended early.
    pub lines: Vec<String>,
    /// How the process is to end.
    pub class: PublishClass,
}

/// Why a publish ends before its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct PublishStop {
    /// Which step, and what kind of no.
    pub code: PublishCode,
    /// What happened and what to do; secrets are taken out where it leaves the publisher.
    pub message: String,
}

impl PublishStop {
    fn new(code: PublishCode, message: impl AsRef<str>) -> Self {
        Self { code, message: message.as_ref().to_owned() }
    }
}

/// What is known so far; it goes into the document whichever way the publish ends.
#[derive(Debug, Default)]
struct Progress {
    commit: Option<String>,
    files: Vec<String>,
    pushed: bool,
    remote: Option<String>,
    warnings: Vec<String>,
    content: Content,
    ahead: Vec<String>,
}

impl Publisher<'_> {
    /// Publishes under `run_id`, which the commit names.
    ///
    /// The outcome is also written to `reports/pc/publish/latest/` and to the log, except by a dry run and when another publish
    /// holds the lock, whose files they are.
    #[must_use]
    pub fn publish(&self, run_id: &RunId) -> PublishOutcome {
        let started = self.clock.monotonic();
        let mut progress = Progress::default();
        let lock = match self.options.mode {
            PublishMode::DryRun => Ok(None),
            PublishMode::Act => self.lock(run_id).map(Some),
        };
        let lock = match lock {
            Ok(lock) => lock,
            Err((stop, class)) => {
                let result = self.result(run_id, &Err(stop), progress, self.clock.monotonic() - started);
                return PublishOutcome { result, lines: Vec::new(), class };
            }
        };
        let left_by = lock.as_ref().and_then(|taken| taken.left_by.as_ref());
        progress.warnings.extend(left_by.map(|dead| format!("the publish of process {} was killed", dead.pid)));
        let ended = self.steps(run_id, &mut progress);
        let class = match &ended {
            Ok(_) | Err(PublishStop { code: PublishCode::NoFollowingSession, .. }) => PublishClass::Done,
            Err(stop) if stop.code.is_refusal() => PublishClass::Refused,
            Err(_) => PublishClass::Fault,
        };
        let told = Told::of(self, &ended, &progress);
        let result = self.result(run_id, &ended, progress, self.clock.monotonic() - started);
        let lines = told.lines(self, &result);
        let mut outcome = PublishOutcome { result, lines, class };
        if self.options.mode == PublishMode::Act {
            self.keep(&mut outcome);
        }
        drop(lock);
        outcome
    }

    /// Steps 1, 2 and 4 alone: the day's work starts with them, so that its outputs are made on the newest tree.
    ///
    /// # Errors
    /// The work tree is in no state for a publish, holds other changes, or went apart from the remote.
    pub fn prepare(&self) -> Result<Vec<String>, PublishStop> {
        let mut progress = Progress::default();
        let prepared =
            self.precheck().and_then(|()| self.only_data_changed()).and_then(|()| self.caught_up(&mut progress));
        match prepared {
            Ok(_) => Ok(progress.warnings.iter().map(|text| self.shown(text)).collect()),
            Err(stop) => Err(PublishStop { message: self.shown(&stop.message), ..stop }),
        }
    }

    /// A text of a hook, of the remote or of git, without secrets.
    fn shown(&self, text: &str) -> String {
        secrets::masked(text, self.keys)
    }

    fn steps(&self, run_id: &RunId, progress: &mut Progress) -> Result<PublishEnd, PublishStop> {
        self.before_session()?;
        self.precheck()?;
        self.only_data_changed()?;
        self.none_ignored()?;
        let standing = self.caught_up(progress)?;
        let files = self.valid(progress)?;
        let staged = self.staged(&files)?;
        progress.files = staged.files().to_vec();
        if self.options.mode == PublishMode::DryRun {
            progress.ahead = standing.map(|standing| standing.ahead).unwrap_or_default();
            return Ok(if staged.files().is_empty() { PublishEnd::NoChanges } else { PublishEnd::Ok });
        }
        let is_new = !staged.files().is_empty();
        if is_new {
            self.committed(run_id, &staged, progress)?;
        }
        // Without an answer of the remote nobody knows whether it has everything.
        if is_new || standing.is_none_or(|standing| !standing.ahead.is_empty()) {
            self.pushed(progress)?;
        }
        self.clean_afterwards()?;
        Ok(if is_new { PublishEnd::Ok } else { PublishEnd::NoChanges })
    }

    fn git(&self) -> Remote<'_> {
        Remote { root: self.store.root(), name: self.remote, branch: self.branch, limit: self.git_limit }
    }

    /// One publish at a time.
    fn lock(&self, run_id: &RunId) -> Result<Acquired, (PublishStop, PublishClass)> {
        let now = self.clock.now();
        let holder = Holder::this_process(run_id.as_str(), now, LOCK_LIMIT);
        match self.store.try_lock(layout::PUBLISH_LOCK, &holder) {
            Ok(LockOutcome::Acquired(taken)) => Ok(taken),
            Ok(LockOutcome::Held(other)) => {
                let held = other.held_seconds(now).map_or_else(String::new, |seconds| format!(" for {seconds} s"));
                let (class, hint) = if other.is_overdue(now) {
                    (PublishClass::Fault, "; that is too long, look at that process")
                } else {
                    (PublishClass::Refused, "")
                };
                let text = format!("process {} has been publishing{held}{hint}", other.pid);
                Err((PublishStop::new(PublishCode::AlreadyRunning, text), class))
            }
            Err(fault) => Err((PublishStop::new(PublishCode::PublishPrecheck, fault.to_string()), PublishClass::Fault)),
        }
    }

    /// Nothing is published for a morning without a session, where that was asked for.
    fn before_session(&self) -> Result<(), PublishStop> {
        if self.options.days == PublishDays::All {
            return Ok(());
        }
        let now = self.clock.now();
        let unknown =
            |fault: crate::time::CalendarFault| PublishStop::new(PublishCode::PublishPrecheck, fault.to_string());
        let next = Calendar::krx().next_open(now).map_err(unknown)?;
        if next.open - now <= chrono::Duration::hours(FOLLOWS_HOURS) {
            return Ok(());
        }
        let text = format!("the next session opens on {}, not within {FOLLOWS_HOURS} hours; nothing to do", next.date);
        Err(PublishStop::new(PublishCode::NoFollowingSession, text))
    }

    /// Step 1: a work tree on its branch, nothing begun, nothing locked, a remote, an author.
    fn precheck(&self) -> Result<(), PublishStop> {
        self.git().ready_to_publish().map_err(|fault| precheck(&fault))
    }

    /// Step 2: nothing else is changed.
    fn only_data_changed(&self) -> Result<(), PublishStop> {
        let changes = self.git().changes().map_err(|fault| precheck(&fault))?;
        let foreign = paths::foreign(&changes);
        if foreign.is_empty() {
            return Ok(());
        }
        let text =
            format!("changed and not part of a publish; commit, remove or ignore: {}", message::listed(&foreign));
        Err(PublishStop::new(PublishCode::PublishDirty, text))
    }

    /// Step 3: git knows or wants every file that is to travel.
    fn none_ignored(&self) -> Result<(), PublishStop> {
        let files = self.look()?;
        let mut all: Vec<String> = files.present.into_iter().collect();
        all.extend(paths::fixed(self.options.what));
        let ignored = self.git().ignored(&all).map_err(|fault| precheck(&fault))?;
        if ignored.is_empty() { Ok(()) } else { Err(not_wanted(&ignored)) }
    }

    /// Step 4: the branch follows the remote. Without an answer of the remote the work goes on, and is kept as a commit.
    fn caught_up(&self, progress: &mut Progress) -> Result<Option<Standing>, PublishStop> {
        // A commit of ours that was kept may hold any kind of data, whatever this publish was asked for.
        let ours = |path: &str| paths::kind(path).is_some();
        let reach = if self.options.mode == PublishMode::DryRun { Reach::Look } else { Reach::Act };
        match self.git().catch_up(DataPaths(&ours), reach) {
            Ok(standing) => {
                progress.warnings.extend(standing.notes.iter().cloned());
                Ok(Some(standing))
            }
            Err(fault) if matches!(fault.detail, GitDetail::Network | GitDetail::Timeout | GitDetail::Auth) => {
                progress.warnings.push(format!("the remote did not answer, going on: {fault}"));
                Ok(None)
            }
            Err(fault) => Err(PublishStop::new(
                match fault.detail {
                    GitDetail::Diverged | GitDetail::LocalChanges => PublishCode::PublishDiverged,
                    GitDetail::Unknown => PublishCode::PublishPushFailed,
                    GitDetail::NotARepo
                    | GitDetail::GitMissing
                    | GitDetail::Timeout
                    | GitDetail::Auth
                    | GitDetail::Network
                    | GitDetail::WrongBranch
                    | GitDetail::Locked
                    | GitDetail::MergeInProgress => PublishCode::PublishPrecheck,
                },
                format!("{fault}; nothing was changed"),
            )),
        }
    }

    /// Step 5: every file is what it has to be, they belong together, and none holds a secret.
    fn valid(&self, progress: &mut Progress) -> Result<Checked, PublishStop> {
        let changes = self.git().changes().map_err(|fault| precheck(&fault))?;
        let is_new = changes.iter().any(|change| self.options.what.has_path(&change.path));
        let files = self.look()?;
        let mut found = Findings::default();
        self.sized(&files, &mut found);
        if !found.rows.is_empty() {
            return Err(PublishStop::new(PublishCode::PublishInvalid, message::listed(&found.rows)));
        }
        let before = self.hashes(&files)?;
        let novelty = if is_new { Novelty::New } else { Novelty::Committed };
        let content = self.validated(&files, novelty, &mut found);
        if !found.rows.is_empty() {
            return Err(PublishStop::new(PublishCode::PublishInvalid, message::listed(&found.rows)));
        }
        progress.warnings.extend(content.warnings.iter().cloned());
        progress.content = content;
        Ok(Checked { files, hashes: before })
    }

    /// Step 6: exactly these files, as they were checked.
    fn staged(&self, checked: &Checked) -> Result<Staged, PublishStop> {
        let present: Vec<String> = checked.files.present.iter().cloned().collect();
        let staged = self.git().stage(&present, &checked.files.removed).map_err(|fault| match fault {
            PublishFault::Path { path, why: PathFault::Ignored } => not_wanted(&[path]),
            PublishFault::Path { .. } => PublishStop::new(PublishCode::PublishInvalid, fault.line()),
            PublishFault::Precheck(_)
            | PublishFault::NoIdentity
            | PublishFault::Commit(_)
            | PublishFault::Hook { .. }
            | PublishFault::Rejected { .. }
            | PublishFault::Push { .. } => PublishStop::new(PublishCode::PublishCommit, fault.line()),
        })?;
        if self.hashes(&checked.files)? != checked.hashes {
            let text = "a file changed while it was checked; publish again when nothing writes them";
            return Err(PublishStop::new(PublishCode::PublishInvalid, text));
        }
        Ok(staged)
    }

    /// Step 7: one commit, after the user's hooks agreed.
    fn committed(&self, run_id: &RunId, staged: &Staged, progress: &mut Progress) -> Result<(), PublishStop> {
        let text = message::commit_message(self.options.what, &progress.content, run_id, self.clock.now());
        let made = self.git().commit(staged, &text, Some(&self.hooks));
        let made = made.map_err(|fault| PublishStop::new(PublishCode::PublishCommit, fault.line()))?;
        progress.commit = Some(made.revision);
        progress.warnings.extend(made.notes.iter().cloned());
        Ok(())
    }

    /// Steps 8 and 9: the push, followed by a few more on a remote that moved; the commit is kept whatever happens.
    fn pushed(&self, progress: &mut Progress) -> Result<(), PublishStop> {
        let ours = |path: &str| paths::kind(path).is_some();
        let delivered = self.git().deliver(DataPaths(&ours), Some(&self.hooks));
        // Our commit may have been made again under another hash.
        if let (Some(_), Ok(Some(revision))) = (&progress.commit, self.git().revision()) {
            progress.commit = Some(revision);
        }
        let delivered = delivered.map_err(|fault| {
            let code = match fault {
                PublishFault::Rejected { .. } => PublishCode::PublishPushRejected,
                PublishFault::Precheck(_)
                | PublishFault::Path { .. }
                | PublishFault::NoIdentity
                | PublishFault::Commit(_)
                | PublishFault::Hook { .. }
                | PublishFault::Push { .. } => PublishCode::PublishPushFailed,
            };
            PublishStop::new(code, fault.line())
        })?;
        progress.pushed = delivered.pushed;
        progress.remote = Some(delivered.remote);
        if delivered.rounds > 0 {
            progress.warnings.push(format!("the remote had moved {} times; our data is on top", delivered.rounds));
        }
        Ok(())
    }

    /// Step 10: nothing is left changed.
    fn clean_afterwards(&self) -> Result<(), PublishStop> {
        let unread = |fault: GitFault| PublishStop::new(PublishCode::PublishNotClean, fault.to_string());
        let left = paths::left_over(&self.git().changes().map_err(unread)?, self.options.what);
        if left.is_empty() {
            return Ok(());
        }
        let text = format!("still changed after the publish: {}", message::listed(&left));
        Err(PublishStop::new(PublishCode::PublishNotClean, text))
    }

    fn look(&self) -> Result<Gathered, PublishStop> {
        let changes = self.git().changes().map_err(|fault| precheck(&fault))?;
        self.gathered(&changes).map_err(|fault| PublishStop::new(PublishCode::PublishInvalid, fault.to_string()))
    }

    fn hashes(&self, files: &Gathered) -> Result<Vec<Option<[u8; 32]>>, PublishStop> {
        let hash = |file| Ok(self.store.read(file)?.map(|bytes| sha256(&bytes)));
        let all: Result<_, crate::store::StoreFault> = files.present.iter().map(|file| hash(file)).collect();
        all.map_err(|fault| PublishStop::new(PublishCode::PublishInvalid, fault.to_string()))
    }

    fn result(
        &self,
        run_id: &RunId,
        ended: &Result<PublishEnd, PublishStop>,
        progress: Progress,
        took: Duration,
    ) -> PublishResult {
        let (end, code) = match ended {
            Ok(end) => (*end, None),
            Err(stop) if stop.code == PublishCode::NoFollowingSession => (PublishEnd::NoChanges, Some(stop.code)),
            Err(stop) => (PublishEnd::Failed, Some(stop.code)),
        };
        let message = match ended {
            Ok(end) => message::done(*end, &progress, self.options.mode),
            Err(stop) => stop.message.clone(),
        };
        PublishResult {
            schema: PublishResult::SCHEMA.to_owned(),
            asof: Stamp::of(self.clock.now()),
            run_id: run_id.as_str().to_owned(),
            result: end,
            code,
            message: self.shown(&message),
            commit: progress.commit,
            branch: self.branch.to_owned(),
            remote: progress.remote,
            files: progress.files,
            pushed: progress.pushed,
            dry_run: self.options.mode == PublishMode::DryRun,
            warnings: progress.warnings.iter().map(|text| self.shown(text)).collect(),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Files that were checked, with the hashes that they had then.
struct Checked {
    files: Gathered,
    hashes: Vec<Option<[u8; 32]>>,
}

fn precheck(fault: &GitFault) -> PublishStop {
    PublishStop::new(PublishCode::PublishPrecheck, fault.to_string())
}

fn not_wanted(ignored: &[String]) -> PublishStop {
    let text = format!("git ignores what has to travel; change .gitignore: {}", message::listed(ignored));
    PublishStop::new(PublishCode::PublishPathIgnored, text)
}
