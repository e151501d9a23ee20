//! The two-minute demo as a program: a checklist, seven timed steps, what must be seen at each, and a folder of evidence.
//!
//! Whoever presents needs nothing but the runbook: each step says what to say and what to show. A check that fails before
//! the start blocks the demo with nothing shown; one that fails on the way is told, and the demo goes on to its end.

mod close;
mod kill;
mod precheck;
mod script;
mod shots;
mod show;
mod steps;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Serialize;

use super::visit::BaseUrl;
use super::visit::Key;
use crate::settings::Lang;
use crate::settings::Secret;
use crate::store::Store;
use crate::time::Clock;

pub(super) use script::Said;

use show::Show;

/// Everything passed.
pub const PASSED: u8 = 0;
/// The checklist said no; nothing was shown.
pub const BLOCKED: u8 = 2;
/// A step failed.
pub const FAILED: u8 = 3;

/// How the time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Speed {
    /// Two minutes by the clock.
    Real,
    /// Without waiting.
    Fast,
}

impl Speed {
    /// As it is typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Fast => "fast",
        }
    }
}

/// Whether the kill switch is part of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillPart {
    /// It is not touched.
    Left,
    /// It is set and taken back at the end.
    Shown,
}

/// Who takes the pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// This browser, without a window.
    Taken(PathBuf),
    /// A person.
    ByHand,
}

/// How long the demo waits for what must come.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For an answer.
    pub answer: Duration,
    /// For an event on a stream or in the log.
    pub event: Duration,
    /// For the greeting of a stream.
    pub hello: Duration,
    /// For a server that was only just started.
    pub ready: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { answer: seconds(3), event: seconds(1), hello: seconds(5), ready: seconds(6) }
    }
}

/// A demo to be performed.
#[derive(Debug)]
pub struct Demo<'a> {
    /// The dashboard.
    pub base: BaseUrl,
    /// The token for what needs one.
    pub key: Option<Key>,
    /// Other secrets that must not get into the evidence.
    pub secrets: Vec<Secret>,
    /// The language of what is said.
    pub lang: Lang,
    /// How the time goes.
    pub speed: Speed,
    /// Whether the kill switch is shown.
    pub kill: KillPart,
    /// Who takes the pictures.
    pub pictures: Pictures,
    /// Who presents.
    pub operator: Option<String>,
    /// The name of this machine.
    pub host: String,
    /// The workspace that the dashboard serves.
    pub store: &'a Store,
    /// The observation log, below the workspace.
    pub log: String,
    /// The folder for the folders of evidence; by default one of the workspace.
    pub evidence: Option<PathBuf>,
    /// Wall clock and schedule.
    pub clock: &'a dyn Clock,
    /// Becomes true when the demo is to end.
    pub interrupted: &'a AtomicBool,
    /// How long it waits.
    pub patience: Patience,
}

/// Where a demo speaks.
pub trait Audience {
    /// A line for the presenter.
    fn say(&mut self, line: &str);
    /// The line of a check.
    fn check(&mut self, line: &str);
    /// A line that nobody may miss.
    fn alarm(&mut self, line: &str) {
        self.say(line);
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mark {
    /// It was seen.
    Pass,
    /// It was looked for and is not so.
    Fail,
    /// Only a person can see it, and nobody has confirmed it.
    Manual,
}

/// What one check came to.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Its name.
    pub id: &'static str,
    /// How it ended.
    pub result: Mark,
    /// What was seen; for a manual one, what is to be seen.
    pub detail: String,
    /// What to do when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// When it was looked at.
    pub ts_iso: String,
}

impl Check {
    /// `PASS|FAIL|MANUAL <id> <detail>`.
    #[must_use]
    pub fn line(&self) -> String {
        let word = match self.result {
            Mark::Pass => "PASS",
            Mark::Fail => "FAIL",
            Mark::Manual => "MANUAL",
        };
        format!("{word} {} {}", self.id, self.detail)
    }
}

/// What the demo came to.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// `DAILY_OPS_DEMO_DASHBOARD_V1`
    pub schema: &'static str,
    /// PASSED, BLOCKED or FAILED.
    pub result: &'static str,
    /// The exit code of the command.
    pub exit_code: u8,
    /// Checks that passed.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Checks that are left to a person; they count neither as passed nor as failed.
    pub manual: Vec<&'static str>,
    /// Every check in its order.
    pub checks: Vec<Check>,
    /// The folder of evidence, if it could be made.
    pub evidence: Option<PathBuf>,
    /// The master log, if it could be written.
    pub master_log: Option<PathBuf>,
    /// Pictures that a person has to take.
    pub manual_required: Vec<String>,
}

impl Outcome {
    /// The last line.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }

    /// The end of what is printed: what is left to a person, if anything, and the last line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        manual_line(&self.manual).into_iter().chain([self.line()]).collect()
    }
}

/// `K manual: <ids>`; nothing when nothing is left to a person.
fn manual_line(manual: &[&str]) -> Option<String> {
    (!manual.is_empty()).then(|| format!("{} manual: {}", manual.len(), manual.join(", ")))
}

/// Performs the demo.
pub fn perform(demo: &Demo<'_>, audience: &mut dyn Audience) -> Outcome {
    let mut show = Show::begin(demo, audience);
    precheck::look(&mut show);
    if show.is_interrupted() {
        show.note_signal();
        show.close(FAILED)
    } else if show.failed() == 0 {
        steps::perform(&mut show);
        show.close(FAILED)
    } else {
        show.close(BLOCKED)
    }
}
