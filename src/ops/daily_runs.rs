//! The daily runs as their records tell them, newest first, for those who only look.

use serde::Serialize;

use super::Ops;
use crate::contracts::StageClass;
use crate::contracts::run::Ending;
use crate::contracts::run::RunRecord;
use crate::contracts::run::Trigger;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Stamp;

/// Records that one look reads at most.
const MOST: usize = 500;

/// One daily run in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DailyRun {
    /// This run.
    pub run_id: String,
    /// The id that the PC's publish started, or the run's own.
    pub trace_id: String,
    /// When it started.
    pub started_at: Stamp,
    /// When it ended; null while it runs, and for ever if it was killed.
    pub finished_at: Option<Stamp>,
    /// From start to end; null without an end.
    pub duration_ms: Option<u64>,
    /// 0, 2 or 3; null without an end.
    pub exit_code: Option<u8>,
    /// RUNNING, DONE, WARNED, BLOCKED or FAILED.
    pub result: &'static str,
    /// The code of the reason; null when there is none.
    pub reason: Option<String>,
    /// Text that belongs to the reason.
    pub reason_detail: Option<String>,
    /// What started it.
    pub trigger: Trigger,
    /// Whether the exchange traded; null when the calendar did not know.
    pub trading_day: Option<bool>,
    /// Whether it only read.
    pub dry_run: bool,
    /// How many things should be looked at.
    pub warnings: usize,
    /// Its record.
    pub snapshot_ref: String,
    /// All five stages.
    pub stages: Vec<DailyStage>,
}

/// One stage of a daily run in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DailyStage {
    /// 1 to 5.
    pub n: u8,
    /// The title.
    pub name: &'static str,
    /// How it ended.
    pub class: StageClass,
    /// Why.
    pub code: String,
    /// How long it took.
    pub duration_ms: u64,
}

impl DailyRun {
    /// A record in short.
    #[must_use]
    pub fn of(record: &RunRecord) -> Self {
        let times = record.started_at.instant().zip(record.finished_at.as_ref().and_then(Stamp::instant));
        let duration_ms = times.and_then(|(from, to)| u64::try_from((to - from).num_milliseconds()).ok());
        let stages = record.stages.iter().map(|stage| DailyStage {
            n: stage.n,
            name: stage.name.title(),
            class: stage.class,
            code: stage.code.to_string(),
            duration_ms: stage.elapsed_ms,
        });
        Self {
            run_id: record.run_id.to_string(),
            trace_id: record.trace_id.to_string(),
            started_at: record.started_at.clone(),
            finished_at: record.finished_at.clone(),
            duration_ms,
            exit_code: record.exit_code,
            result: match record.ending() {
                None => "RUNNING",
                Some(Ending::Done) => "DONE",
                Some(Ending::Warned) => "WARNED",
                Some(Ending::Blocked) => "BLOCKED",
                Some(Ending::Failed) => "FAILED",
            },
            reason: record.reason.as_ref().map(ToString::to_string),
            reason_detail: record.reason_detail.clone(),
            trigger: record.trigger,
            trading_day: record.trading_day,
            dry_run: record.dry_run,
            warnings: record.warnings.len(),
            snapshot_ref: record.snapshot_ref.clone(),
            stages: stages.collect(),
        }
    }
}

impl Ops {
    /// The newest daily runs, newest first, 500 at most; records that cannot be read are left out. One that is under way,
    /// or was killed, is among them.
    #[must_use]
    pub fn daily_runs(&self, limit: usize) -> Vec<DailyRun> {
        let limit = limit.min(MOST);
        let files = self.store.snapshots(layout::RUN.snapshots).unwrap_or_default();
        let sealed = files.iter().filter_map(|file| self.run_record(&file.reference)).take(limit);
        let mut runs: Vec<DailyRun> = sealed.map(|record| DailyRun::of(&record)).collect();
        if let Some(latest) = self.run_record(layout::RUN.latest)
            && !runs.iter().any(|run| run.run_id == latest.run_id.as_str())
        {
            runs.insert(0, DailyRun::of(&latest));
            runs.truncate(limit);
        }
        runs
    }

    /// The whole record of one daily run; `None` when there is none of this id that can be read.
    #[must_use]
    pub fn daily_run(&self, run_id: &str) -> Option<RunRecord> {
        let is_it = |record: &RunRecord| record.run_id.as_str() == run_id;
        if let Some(latest) = self.run_record(layout::RUN.latest).filter(is_it) {
            return Some(latest);
        }
        let files = self.store.snapshots(layout::RUN.snapshots).unwrap_or_default();
        files.iter().filter_map(|file| self.run_record(&file.reference)).take(MOST).find(is_it)
    }

    /// The newest record as stored, sealed or not.
    #[must_use]
    pub fn latest_daily_run(&self) -> Stored<RunRecord> {
        self.store.document(layout::RUN.latest)
    }

    fn run_record(&self, file: &str) -> Option<RunRecord> {
        self.store.document(file).present()
    }
}
