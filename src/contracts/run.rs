//! DAILY_OPS_RUN_V1: the record of one daily run, rewritten after every stage and linked to the record before it.
//!
//! `chain` holds the number of the run and the SHA-256 of the previous record's `integrity`; `integrity` covers
//! everything else in this record. Changing, removing or reordering a record therefore breaks a link that can be named.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::ids::RunId;
use super::reason::Reason;
use super::reco::PayloadHash;
use super::verdict::StageClass;
use crate::time::Stamp;

/// What started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The scheduler.
    Cron,
    /// A person.
    Manual,
    /// A test.
    Test,
}

/// The five stages, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Repository update.
    Pull,
    /// Backend health.
    Health,
    /// Ops summary.
    Summary,
    /// Live cycle.
    LiveCycle,
    /// Snapshot of the receipt.
    Snapshot,
}

impl StageName {
    /// All stages in order.
    pub const ALL: [Self; 5] = [Self::Pull, Self::Health, Self::Summary, Self::LiveCycle, Self::Snapshot];

    /// The title of the stage's line.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Pull => "Repository update",
            Self::Health => "Backend health",
            Self::Summary => "Ops summary",
            Self::LiveCycle => "Live cycle",
            Self::Snapshot => "Snapshot",
        }
    }

    /// 1 to 5.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Pull => 1,
            Self::Health => 2,
            Self::Summary => 3,
            Self::LiveCycle => 4,
            Self::Snapshot => 5,
        }
    }
}

/// One stage of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReport {
    /// 1 to 5.
    pub n: u8,
    /// Which.
    pub name: StageName,
    /// How it ended.
    pub class: StageClass,
    /// Why.
    pub code: Reason,
    /// For people; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The status of the answer that decided, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl StageReport {
    /// A stage that has not been reached.
    #[must_use]
    pub fn not_reached(name: StageName) -> Self {
        Self {
            n: name.number(),
            name,
            class: StageClass::Skipped,
            code: super::reason::RunCode::NotReached.into(),
            detail: None,
            http_status: None,
            elapsed_ms: 0,
        }
    }
}

/// `git`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitReport {
    /// One of the four GIT_PULL codes.
    pub code: Reason,
    /// TIMEOUT, AUTH, NETWORK, DIVERGED ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// `cycle`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CycleReport {
    /// The cycle's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle_id: Option<String>,
    /// OK or FAILED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// COMPLETED, PARTIAL or BLOCKED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// A code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How it was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_actual: Option<String>,
    /// The receipt's snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
    /// Whether the bundle was stale; `None` when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle_stale: Option<bool>,
    /// The recommendation's decision, normalised for the summary line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reco: Option<String>,
    /// OK, SKIP, N/A, or `-` when not checked.
    pub snapshot_check: String,
}

/// `safety`: what the safety files said before anything acted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SafetyReport {
    /// The execution gate's mode.
    pub gate: String,
    /// Whether the sender is enabled.
    pub sender: bool,
    /// Whether the emergency stop is on, or unreadable.
    pub stop: bool,
    /// Whether a window for real execution is open; `None` when nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<bool>,
    /// Files that could not be read, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// `bundle`: what the run itself proved about the bundle on disk before anything acted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BundleReport {
    /// PASS, WARN, FAIL or NO_BUNDLE.
    pub decision: String,
    /// Too old, of unknown age, or invalid.
    pub stale: bool,
    /// Whether a known key signed it.
    pub signature_verified: bool,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle_id: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Stamp>,
    /// Whole seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<i64>,
    /// What stands against it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<String>,
}

/// `chain`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainLink {
    /// Number of the record, from 1.
    pub seq: u64,
    /// SHA-256 of the previous record's canonical form; empty for the first.
    pub prev_sha256: String,
}

/// A warning of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Which.
    pub code: Reason,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// DAILY_OPS_RUN_V1, `reports/ops/daily_ops/latest/daily_ops_latest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// `DAILY_OPS_RUN_V1`
    pub schema: String,
    /// This run.
    pub run_id: RunId,
    /// The id that the PC's publish started, or this run's own.
    pub trace_id: RunId,
    /// When it started.
    pub started_at: Stamp,
    /// When it ended; null while it runs, and for ever if it was killed.
    pub finished_at: Option<Stamp>,
    /// What started it.
    pub trigger: Trigger,
    /// The zone of all stamps: `Asia/Seoul`.
    pub timezone: String,
    /// The zone of the host.
    #[serde(default)]
    pub host_zone: String,
    /// Whether the exchange trades today; null when the calendar does not know.
    pub trading_day: Option<bool>,
    /// Whether the run started after its hour.
    #[serde(default)]
    pub late: bool,
    /// Whether an earlier run of the day had succeeded.
    #[serde(default)]
    pub rerun: bool,
    /// Whether it only read.
    #[serde(default)]
    pub dry_run: bool,
    /// Program version.
    #[serde(default)]
    pub version: String,
    /// Revision before stage 1.
    pub host_rev_before: Option<String>,
    /// Revision after stage 1.
    pub host_rev_after: Option<String>,
    /// Stage 1 in short.
    pub git: Option<GitReport>,
    /// The safety files.
    #[serde(default)]
    pub safety: SafetyReport,
    /// The bundle on disk.
    #[serde(default)]
    pub bundle: Option<BundleReport>,
    /// Always five.
    pub stages: Vec<StageReport>,
    /// The status the summary line shows.
    pub ops_status: Option<String>,
    /// The live cycle.
    pub cycle: CycleReport,
    /// Everything that should be looked at.
    pub warnings: Vec<Warning>,
    /// The one reason.
    pub reason: Option<Reason>,
    /// Text that belongs to the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_detail: Option<String>,
    /// The risks of the summary line.
    pub risks: Vec<Reason>,
    /// 0, 2 or 3; null while it runs.
    pub exit_code: Option<u8>,
    /// This record's own snapshot.
    pub snapshot_ref: String,
    /// The link to the record before.
    pub chain: ChainLink,
    /// SHA-256 of everything else in this record.
    pub integrity: PayloadHash,
}

impl Document for RunRecord {
    const SCHEMA: &'static str = "DAILY_OPS_RUN_V1";
}

impl RunRecord {
    /// How the run ended, in words for people; `None` while it has not.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        let warned = !self.warnings.is_empty() || self.stages.iter().any(|stage| stage.class == StageClass::Warn);
        self.exit_code.map(|code| match code {
            0 if warned => Ending::Warned,
            0 => Ending::Done,
            2 => Ending::Blocked,
            _ => Ending::Failed,
        })
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything verified.
    Done,
    /// Verified, with something to look at.
    Warned,
    /// A rule said no.
    Blocked,
    /// Not done or not verified.
    Failed,
}
