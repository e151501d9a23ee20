//! One daily run from the lock to the sealed record.
//!
//! Ways in: the scheduler, a person, a test. Ways out, all with a record, a summary line and proof files: done, warned,
//! blocked, failed, interrupted, out of time, a defect. Only a refusal (somebody else runs) touches nothing.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::contracts::BundlePolicy;
use crate::contracts::Document as _;
use crate::contracts::Reason;
use crate::contracts::RunCode;
use crate::contracts::RunId;
use crate::contracts::StageClass;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::run::CycleReport;
use crate::contracts::run::Ending;
use crate::contracts::run::RunRecord;
use crate::contracts::run::StageName;
use crate::contracts::run::StageReport;
use crate::contracts::run::Trigger;
use crate::contracts::summary::OpsSummary;
use crate::contracts::verdict_of;
use crate::gates::Gates;
use crate::gates::Switches;
use crate::settings::PipelineSettings;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Calendar;
use crate::time::Clock;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::kst;
use crate::time::line_stamp;

use super::client::Backend;
use super::control::Control;
use super::control::Ended;
use super::line;
use super::perform;
use super::record;
use super::safety;
use super::safety::warning;
use super::stages::Judged;
use super::story::Keep;
use super::story::Sink;
use super::story::Story;

/// The run is due at this minute of the day in Korea.
const DUE: (u32, u32) = (9, 5);
/// A start up to this much before or after the due minute is on time.
const ON_TIME_MINUTES: i64 = 5;

/// Where policies about bundles come from; asked anew for every run, because keys change.
pub type BundleRules<'a> = &'a dyn Fn() -> Result<BundlePolicy, String>;

/// Everything outside the run that it works with.
pub struct Site<'a> {
    /// The workspace.
    pub store: &'a Store,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The backend.
    pub backend: Backend,
    /// What the host accepts as a bundle.
    pub bundle_rules: BundleRules<'a>,
    /// The zone of the host, for the record.
    pub host_zone: String,
    /// Set by a signal.
    pub interrupted: Arc<AtomicBool>,
    /// Two runs of one second are told apart by this.
    pub salt: u32,
}

impl std::fmt::Debug for Site<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("store", &self.store).field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// Whether stage 1 pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// It does.
    Yes,
    /// It is skipped.
    No,
}

/// Whether the run acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Act,
    /// It only reads, and writes nothing.
    DryRun,
}

/// How one run is to be done.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// What started it.
    pub trigger: Trigger,
    /// Whether stage 1 pulls.
    pub pull: Pull,
    /// Whether it acts.
    pub mode: Mode,
}

/// Why a run did not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// ALREADY_RUNNING.
    pub code: RunCode,
    /// For people.
    pub text: String,
}

/// How a run ended.
#[derive(Debug)]
pub struct RunOutcome {
    /// 0, 2 or 3.
    pub exit_code: u8,
    /// The record; `None` after a refusal.
    pub record: Option<RunRecord>,
    /// Why the run did not begin.
    pub refusal: Option<Refusal>,
    /// What was not written at the end, when something was not.
    pub unsealed: Option<String>,
}

impl RunOutcome {
    /// The lines of the result: two of state, and the summary line.
    #[must_use]
    pub fn result_lines(&self) -> Vec<String> {
        let Some(record) = &self.record else { return Vec::new() };
        let part = |value: &Option<String>| value.as_deref().unwrap_or("-").to_owned();
        let cycle = &record.cycle;
        vec![
            format!("Ops: {} | Cycle: {} {}", part(&record.ops_status), part(&cycle.result), part(&cycle.decision)),
            format!("Delivery: {} | Snapshot: {}", part(&cycle.delivery_actual), cycle.snapshot_check),
            line::summary_line(record),
        ]
    }
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) options: RunOptions,
    pub(super) policy: &'a PipelineSettings,
    pub(super) control: Control,
    pub(super) story: Story<'a>,
    pub(super) record: RunRecord,
    pub(super) started: KstTime,
    pub(super) switches: Switches,
    pub(super) summary: Option<OpsSummary>,
    pub(super) receipt: Option<CycleReceipt>,
    pub(super) root: PathBuf,
}

/// Does one daily run.
pub fn run_daily(site: &Site<'_>, policy: &PipelineSettings, options: RunOptions, sink: &mut dyn Sink) -> RunOutcome {
    let started = site.clock.now();
    let run_id = RunId::new(started, site.salt);
    // Held until the very end of the run.
    let mut held = None;
    let mut lock_fault = None;
    if options.mode == Mode::Act {
        let holder = Holder::this_process(run_id.as_str(), started, policy.run_limit);
        match site.store.try_lock(layout::RUN_LOCK, &holder) {
            Ok(LockOutcome::Acquired(acquired)) => held = Some(acquired),
            Ok(LockOutcome::Held(other)) => return already_running(&other, started),
            Err(fault) => lock_fault = Some(fault),
        }
    }
    let keep = if options.mode == Mode::Act { Keep::Log } else { Keep::Nothing };
    let mut run = Run {
        site,
        options,
        policy,
        control: Control::new(Arc::clone(&site.interrupted), site.clock, policy.run_limit),
        story: Story::new(site.store, site.clock, sink, keep),
        record: blank(site, options, run_id, started),
        started,
        switches: Gates::new(site.store).switches(),
        summary: None,
        receipt: None,
        root: site.store.root().to_owned(),
    };
    let takeover = held.as_ref().and_then(|acquired| acquired.left_by.clone());
    let begun = lock_fault.map_or_else(|| run.begin(takeover.as_ref()), Err);
    match begun {
        Ok(Start::Go) => run.stages(),
        Ok(Start::Skip(text)) => run.skip_late(text),
        Err(fault) => run.fail_before(&fault),
    }
    let outcome = run.finish();
    drop(held);
    outcome
}

/// Whether a run goes on after its beginning.
enum Start {
    Go,
    Skip(String),
}

/// Somebody else runs: nothing is touched. Past its own limit, the other run is a fault to look at.
fn already_running(other: &Holder, now: KstTime) -> RunOutcome {
    let held = other.held_seconds(now).map_or_else(|| "?".to_owned(), |s| s.to_string());
    let who = format!("pid {} holds {} for {held} s with run {}", other.pid, layout::RUN_LOCK, other.run_id);
    let (exit_code, text) = if other.is_overdue(now) {
        (3, format!("{who}; its limit was {} s: look at pid {} before anything else", other.limit_seconds, other.pid))
    } else {
        (2, format!("{who}; wait for it or look with `daily_ops runs show latest`"))
    };
    let refusal = Refusal { code: RunCode::AlreadyRunning, text };
    RunOutcome { exit_code, record: None, refusal: Some(refusal), unsealed: None }
}

fn blank(site: &Site<'_>, options: RunOptions, run_id: RunId, started: KstTime) -> RunRecord {
    RunRecord {
        schema: RunRecord::SCHEMA.to_owned(),
        trace_id: run_id.clone(),
        run_id,
        started_at: Stamp::of(started),
        finished_at: None,
        trigger: options.trigger,
        timezone: "Asia/Seoul".to_owned(),
        host_zone: site.host_zone.clone(),
        trading_day: None,
        late: false,
        rerun: false,
        dry_run: options.mode == Mode::DryRun,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host_rev_before: None,
        host_rev_after: None,
        git: None,
        safety: safety::local(&Gates::new(site.store).switches()),
        bundle: None,
        stages: StageName::ALL.map(StageReport::not_reached).to_vec(),
        ops_status: None,
        cycle: CycleReport { snapshot_check: "-".to_owned(), ..CycleReport::default() },
        warnings: Vec::new(),
        reason: None,
        reason_detail: None,
        risks: Vec::new(),
        exit_code: None,
        snapshot_ref: site.store.free_snapshot_ref(layout::RUN, started),
        chain: crate::contracts::run::ChainLink::default(),
        integrity: crate::contracts::reco::PayloadHash::default(),
    }
}

impl Run<'_> {
    fn acts(&self) -> bool {
        self.options.mode == Mode::Act
    }

    /// Everything before stage 1: earlier records, the calendar, the header, the safety files, the first record.
    fn begin(&mut self, left_by: Option<&Holder>) -> Result<Start, StoreFault> {
        if self.acts() {
            let before = record::recover(self.site.store, self.started)?;
            self.record.chain = before.link;
            self.record.rerun = self.is_rerun(before.latest.as_ref());
            if let Some(killed) = before.killed {
                let text = format!("{}: {}", killed.run_id, killed.reason_detail.unwrap_or_default());
                self.warn(RunCode::PreviousRunKilled, text);
            } else if let Some(holder) = left_by {
                let text = format!("pid {} with {} left its lock; the lock is taken over", holder.pid, holder.run_id);
                self.warn(RunCode::PreviousRunKilled, text);
            }
            if let Some(broken) = before.broken {
                self.warn(RunCode::ChainBroken, broken);
            }
            // After a killed run the name may have been taken by the record just sealed.
            self.record.snapshot_ref = self.site.store.free_snapshot_ref(layout::RUN, self.started);
        }
        self.look_at_calendar();
        self.header();
        if self.acts() {
            let revision = perform::revision(self);
            record::prove_start(self.site.store, self.started, revision.as_deref())?;
            self.record.host_rev_before.clone_from(&revision);
            self.record.host_rev_after = revision;
        }
        if let Some(text) = self.too_late() {
            return Ok(Start::Skip(text));
        }
        if self.acts() {
            record::progress(self.site.store, &mut self.record)?;
        }
        Ok(Start::Go)
    }

    fn is_rerun(&self, latest: Option<&RunRecord>) -> bool {
        let today = self.started.with_timezone(&kst()).date_naive();
        let succeeded = |run: &RunRecord| {
            let day = run.started_at.instant().map(|at| at.date_naive());
            let skipped = run.reason == Some(RunCode::LateRunSkipped.into());
            day == Some(today) && run.exit_code == Some(0) && !skipped
        };
        let history = super::history::History::new(self.site.store);
        latest.is_some_and(succeeded) || history.list(20).is_ok_and(|runs| runs.iter().flatten().any(succeeded))
    }

    fn look_at_calendar(&mut self) {
        let today = self.started.with_timezone(&kst()).date_naive();
        match Calendar::krx().session(today) {
            Ok(session) => self.record.trading_day = Some(session.is_some()),
            Err(fault) => self.warn(RunCode::CalendarUnknown, fault.to_string()),
        }
    }

    fn header(&mut self) {
        let record = &self.record;
        let today = self.started.with_timezone(&kst()).date_naive();
        let day = match record.trading_day {
            Some(true) => "yes".to_owned(),
            Some(false) => {
                format!("no ({}); nothing may be ordered", Calendar::krx().closed_for(today).unwrap_or("closed"))
            }
            None => "unknown; nothing may be ordered".to_owned(),
        };
        let trigger = format!("{:?}", record.trigger).to_lowercase();
        let dry = if record.dry_run { " dry-run" } else { "" };
        let lines = [
            format!(
                "daily_ops {} {} trigger={trigger}{dry}; times are Asia/Seoul, the host is in {}",
                record.version, record.run_id, record.host_zone
            ),
            format!("trading day: {day}; backend {}", self.site.backend.url()),
            safety::header(&record.safety),
        ];
        for line in lines {
            self.story.say(&line);
        }
        for found in safety::local_warnings(&self.switches) {
            self.note(found);
        }
    }

    /// A start of the scheduler that comes too late does nothing; `None` when it is in time.
    fn too_late(&mut self) -> Option<String> {
        let due = last_due(self.started)?;
        let late = self.started - due;
        if self.options.trigger != Trigger::Cron || late <= chrono::Duration::minutes(ON_TIME_MINUTES) {
            return None;
        }
        self.record.late = true;
        let text = format!("{} min after {}", late.num_minutes(), line_stamp(due));
        let limit = chrono::Duration::from_std(self.policy.max_late).unwrap_or(chrono::Duration::MAX);
        if late > limit {
            return Some(format!("{text}; the limit is {} min", limit.num_minutes()));
        }
        self.warn(RunCode::LateRun, text);
        None
    }

    fn skip_late(&mut self, text: String) {
        self.story.say(&format!("– {}: {text}", RunCode::LateRunSkipped));
        for stage in &mut self.record.stages {
            stage.code = RunCode::LateRunSkipped.into();
        }
        self.record.reason = Some(RunCode::LateRunSkipped.into());
        self.record.reason_detail = Some(text);
        self.record.exit_code = Some(0);
    }

    /// The first record cannot be written: nothing has acted, and nothing will.
    fn fail_before(&mut self, fault: &StoreFault) {
        let judged = Judged::fail(RunCode::StoreFailed, fault.to_string());
        self.close_stage(0, judged, Duration::ZERO);
    }

    /// All five stages. A defect in one of them ends like a fault.
    fn stages(&mut self) {
        for (index, name) in StageName::ALL.into_iter().enumerate() {
            let since = self.site.clock.monotonic();
            let judged = match self.control.check(self.site.clock) {
                Err(ended) => ended_early(ended),
                Ok(()) if !self.is_due(name) => continue,
                Ok(()) => {
                    self.story.starts(name);
                    catch_unwind(AssertUnwindSafe(|| perform::stage(self, name)))
                        .unwrap_or_else(|_panic| Judged::fail(RunCode::Panicked, format!("in stage {}", name.title())))
                }
            };
            let elapsed = self.site.clock.monotonic().saturating_sub(since);
            self.close_stage(index, judged, elapsed);
            let stored = if self.acts() { record::progress(self.site.store, &mut self.record) } else { Ok(()) };
            if let Err(fault) = stored {
                // What cannot be recorded must not go on. A block or fault already found stays the stage's own.
                let fine = matches!(self.class_of(name), StageClass::Ok | StageClass::Warn | StageClass::Skipped);
                if fine {
                    self.close_stage(index, Judged::fail(RunCode::StoreFailed, fault.to_string()), elapsed);
                }
                return;
            }
            if self.class_of(name) == StageClass::Fail {
                return;
            }
        }
    }

    fn class_of(&self, name: StageName) -> StageClass {
        self.record.stages.iter().find(|stage| stage.name == name).map_or(StageClass::Skipped, |stage| stage.class)
    }

    /// After a block nothing acts any more; the snapshot of a receipt that there is, is still checked.
    fn is_due(&self, name: StageName) -> bool {
        let blocked = self.record.stages.iter().any(|stage| stage.class == StageClass::Block);
        !blocked || (name == StageName::Snapshot && self.receipt.is_some())
    }

    fn close_stage(&mut self, index: usize, judged: Judged, elapsed: Duration) {
        let Some(name) = StageName::ALL.get(index).copied() else { return };
        let report = StageReport {
            n: name.number(),
            name,
            class: judged.class,
            code: judged.code,
            detail: judged.detail,
            http_status: judged.http_status,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        };
        self.story.ended(&report);
        for found in judged.warnings {
            if found.code != report.code {
                self.note(found);
            } else if !self.record.warnings.contains(&found) {
                self.record.warnings.push(found);
            }
        }
        if let Some(stage) = self.record.stages.get_mut(index) {
            *stage = report;
        }
    }

    pub(super) fn warn(&mut self, code: RunCode, detail: String) {
        self.note(warning(code, detail));
    }

    pub(super) fn note(&mut self, found: crate::contracts::run::Warning) {
        if self.record.warnings.contains(&found) {
            return;
        }
        let detail = found.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        self.story.say(&format!("⚠️ {}{detail}", found.code));
        self.record.warnings.push(found);
    }

    /// The last reading, the verdict, the seal.
    fn finish(mut self) -> RunOutcome {
        if self.record.exit_code.is_none() {
            // A defect while closing must not cost the record.
            if catch_unwind(AssertUnwindSafe(|| perform::last_look(&mut self))).is_err() {
                self.warn(RunCode::Panicked, "in the last look".to_owned());
            }
            self.conclude();
        }
        self.record.finished_at = Some(Stamp::of(self.site.clock.now()));
        record::sign(&mut self.record);
        let mut outcome =
            RunOutcome { exit_code: self.record.exit_code.unwrap_or(3), record: None, refusal: None, unsealed: None };
        if self.acts()
            && let Err(fault) = record::seal(self.site.store, &self.record)
        {
            self.story.say(&format!("❌ {}: {fault}", RunCode::StoreFailed));
            outcome.exit_code = 3;
            outcome.unsealed = Some(fault.to_string());
            self.record.exit_code = Some(3);
            self.record.reason = Some(RunCode::StoreFailed.into());
            self.record.reason_detail = Some(fault.to_string());
        }
        self.last_words();
        outcome.record = Some(self.record);
        outcome
    }

    fn conclude(&mut self) {
        let classes: Vec<StageClass> = self.record.stages.iter().map(|stage| stage.class).collect();
        let verdict = verdict_of(&classes);
        let reco_reason = self.receipt.as_ref().and_then(|r| r.reco.as_ref()).and_then(|r| r.reason.clone());
        let (reason, detail) = line::reason_of(&self.record, self.summary.as_ref(), reco_reason.as_deref());
        self.record.exit_code = Some(verdict.exit_code());
        self.record.reason = Some(reason);
        self.record.reason_detail = detail;
        self.record.risks = line::risks_of(&self.record, self.summary.as_ref());
    }

    fn last_words(&mut self) {
        let reason = self.record.reason.as_ref().map_or_else(String::new, Reason::to_string);
        let exit = self.record.exit_code.unwrap_or(3);
        let word = match self.record.ending() {
            Some(Ending::Done) => "done",
            Some(Ending::Warned) => "done with warnings",
            Some(Ending::Blocked) => "blocked",
            Some(Ending::Failed) | None => "failed",
        };
        self.story.say(&format!("{word}: {reason} (exit {exit}); `daily_ops explain` says why"));
        let outcome = RunOutcome { exit_code: exit, record: Some(self.record.clone()), refusal: None, unsealed: None };
        if self.acts() {
            for line in outcome.result_lines() {
                self.story.log(&line);
            }
        }
    }
}

fn ended_early(ended: Ended) -> Judged {
    match ended {
        Ended::Interrupted => Judged::fail(RunCode::Interrupted, "a signal ended the run"),
        Ended::OutOfTime | Ended::CallTimeout | Ended::Died => {
            Judged::fail(RunCode::RunTimeout, "the limit of the whole run was reached")
        }
    }
}

/// The newest due time that is not more than five minutes ahead of `now`.
fn last_due(now: KstTime) -> Option<KstTime> {
    let soon = now.with_timezone(&kst()) + chrono::Duration::minutes(ON_TIME_MINUTES);
    let due = |day: chrono::NaiveDate| day.and_hms_opt(DUE.0, DUE.1, 0)?.and_local_timezone(kst()).single();
    let today = soon.date_naive();
    due(today).filter(|at| *at <= soon).or_else(|| due(today.pred_opt()?))
}
