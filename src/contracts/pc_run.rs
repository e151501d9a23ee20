//! PC_RUN_V1: the day's work on the PC, stage by stage, `reports/pc/run/latest/pc_run.json`; it stays on the PC.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use crate::time::Stamp;

/// How the day's work or one of its stages ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PcEnd {
    /// Done, or nothing to do.
    Done,
    /// A rule or another party said no.
    Blocked,
    /// Could not be done.
    Fault,
    /// The command or the settings are wrong.
    Usage,
    /// Not begun, because a stage before it did not end well.
    Skipped,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PcStage {
    /// `prepare`, `collect`, `backtest`, `reconcile`, `report`, `bundle` or `publish`
    pub stage: String,
    /// How it ended.
    pub end: PcEnd,
    /// The code that the command of the stage alone would exit with; `null` when it was skipped.
    pub exit_code: Option<u8>,
    /// What to type to do this stage alone.
    pub command: String,
    /// One line for people.
    pub summary: String,
    /// Warnings and causes.
    pub remarks: Vec<String>,
    /// How long it took.
    pub duration_ms: u64,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PcRun {
    /// `PC_RUN_V1`
    pub schema: String,
    /// When the work began.
    pub asof: Stamp,
    /// How it ended: as its first stage that did not end well, else done.
    pub result: PcEnd,
    /// The program's exit code.
    pub exit_code: u8,
    /// The stage that ended the work early.
    pub failed_stage: Option<String>,
    /// The id that the publish carries and the host's run continues; `null` when nothing was published.
    pub run_id: Option<String>,
    /// All seven stages in order.
    pub stages: Vec<PcStage>,
    /// How long everything took.
    pub duration_ms: u64,
}

impl Document for PcRun {
    const SCHEMA: &'static str = "PC_RUN_V1";
}
