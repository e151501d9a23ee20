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
use crate::contracts::RunCode;
use crate::contracts::RunId;
use crate::contracts::StageClass;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::run::CycleReport;
use crate::contracts::run::RunRecord;
use crate::contracts::run::StageName;
use crate::contracts::run::StageReport;
use crate::contracts::run::Trigger;
use crate::contracts::summary::OpsSummary;
use crate::gates::Gates;
use crate::gates::Switches;
use crate::settings::PipelineSettings;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Clock;
use crate::time::KstTime;
use crate::time::Stamp;

use super::announce::Outside;
use super::client::Backend;
use super::control::Control;
use super::control::Ended;
use super::events::Events;
use super::events::EventsTo;
use super::heartbeat;
use super::heartbeat::Ping;
use super::line;
use super::opening::Start;
use super::perform;
use super::record;
use super::safety;
use super::safety::warning;
use super::stages::Judged;
use super::story::Keep;
use super::story::Sink;
use super::story::Story;

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
    /// Free space below this part of the disk is a warning, in percent.
    pub low_disk_percent: u8,
    /// Who is told.
    pub outside: Outside,
    /// Where the events of a run go; a dry run has none.
    pub events: EventsTo,
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
    pub(super) events: Events<'a>,
    /// The backend; once stage 1 has ended, it is told the trace with every call.
    pub(super) backend: Backend,
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
    let acts = options.mode == Mode::Act;
    let keep = if acts { Keep::Log } else { Keep::Nothing };
    let mut run = Run {
        site,
        options,
        policy,
        control: Control::new(Arc::clone(&site.interrupted), site.clock, policy.run_limit),
        story: Story::new(site.store, site.clock, sink, keep),
        events: Events::new(if acts { &site.events } else { &EventsTo::Nowhere }, site.store, site.clock),
        backend: site.backend.clone(),
        record: blank(site, options, run_id, started),
        started,
        switches: Gates::new(site.store).switches(),
        summary: None,
        receipt: None,
        root: site.store.root().to_owned(),
    };
    run.events.run_started(&run.record);
    let takeover = held.as_ref().and_then(|acquired| acquired.left_by.clone());
    let guarded =
        catch_unwind(AssertUnwindSafe(|| match lock_fault.map_or_else(|| run.begin(takeover.as_ref()), Err) {
            Ok(Start::Go) => {
                run.beat_start();
                run.stages();
            }
            Ok(Start::Skip(text)) => run.skip_late(text),
            Err(fault) => run.fail_before(&fault),
        }));
    if guarded.is_err() {
        // A defect outside the stages: the first stage that has not ended carries it.
        let open = run.record.stages.iter().position(|stage| stage.code == RunCode::NotReached.into());
        let judged = Judged::fail(RunCode::Panicked, "between the stages");
        let open = open.unwrap_or(StageName::ALL.len() - 1);
        run.close_stage(open, judged, Duration::ZERO);
        run.tell_stage(open);
    }
    let outcome = run.finish();
    drop(held);
    outcome
}

/// Somebody else runs: nothing is touched. Past its own limit, the other run is a fault to look at.
fn already_running(other: &Holder, now: KstTime) -> RunOutcome {
    let who = match other.held_seconds(now) {
        _ if other.pid == 0 => {
            format!("another process has just taken {} and has not said who it is", layout::RUN_LOCK)
        }
        Some(held) => {
            let held = line::duration(held);
            format!("pid {} holds {} for {held} with run {}", other.pid, layout::RUN_LOCK, other.run_id)
        }
        None => format!("pid {} holds {} since an unknown time with run {}", other.pid, layout::RUN_LOCK, other.run_id),
    };
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
    pub(super) fn acts(&self) -> bool {
        self.options.mode == Mode::Act
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
        self.tell_stage(0);
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
                    self.events.stage_started(&self.record, name);
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
                self.tell_stage(index);
                return;
            }
            self.tell_stage(index);
            if self.class_of(name) == StageClass::Fail {
                return;
            }
        }
    }

    /// Tells the bus how a stage ended, as the record has it. From the first one on the trace is known.
    fn tell_stage(&mut self, index: usize) {
        if let Some(report) = self.record.stages.get(index) {
            self.events.stage_finished(&self.record, report);
        }
        self.backend = self.site.backend.clone().for_run(self.record.trace_id.as_str());
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

    /// Writes the heartbeat of a start and calls the address. That neither works is told, and changes nothing.
    fn beat_start(&mut self) {
        if !self.acts() {
            return;
        }
        if let Err(fault) = heartbeat::started(self.site.store, &self.record, self.started) {
            self.warn(RunCode::HeartbeatFailed, fault.to_string());
        }
        if let Some(Err(why)) = self.ping(Ping::Start) {
            self.warn(RunCode::PingFailed, why);
        }
    }

    /// Calls the address of the dead man's switch, when there is one.
    pub(super) fn ping(&self, what: Ping) -> Option<Result<(), String>> {
        self.site.outside.ping_url.as_ref().map(|url| heartbeat::ping(url, what, self.site.clock))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::client::Limits;
    use crate::pipeline::history::History;
    use crate::settings::Settings;
    use crate::time::SimClock;
    use std::collections::BTreeMap;

    #[test]
    fn a_defect_ends_like_a_fault_with_its_record_sealed() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let clock = SimClock::at(Stamp::from("2026-11-20T09:05:00+09:00").instant().expect("a time"));
        let settings = Settings::load(dir.path(), &BTreeMap::new(), &BTreeMap::new()).expect("defaults");
        let defect = || panic!("a defect");
        let site = Site {
            store: &store,
            clock: &clock,
            backend: Backend::new("http://127.0.0.1:9", Limits::from(&settings.pipeline)),
            bundle_rules: &defect,
            host_zone: "UTC".to_owned(),
            interrupted: Arc::default(),
            salt: 7,
            low_disk_percent: 0,
            outside: Outside::default(),
            events: EventsTo::Nowhere,
        };
        let options = RunOptions { trigger: Trigger::Test, pull: Pull::No, mode: Mode::Act };
        let mut story: Vec<String> = Vec::new();
        let outcome = run_daily(&site, &settings.pipeline, options, &mut story);
        assert_eq!(outcome.exit_code, 3);
        let record = outcome.record.expect("a record");
        assert_eq!(record.reason.map(|r| r.to_string()).as_deref(), Some("PANICKED"));
        assert_eq!(record.stages.first().map(|s| s.class), Some(StageClass::Fail));
        assert!(record.stages.iter().skip(1).all(|s| s.class == StageClass::Skipped));
        let report = History::new(&store).verify(None).expect("readable");
        assert_eq!((report.records, report.broken), (1, None));
        let logged = store.read(layout::SUMMARY_LOG).expect("readable").unwrap_or_default();
        assert_eq!(memchr::memchr_iter(b'\n', &logged).count(), 1, "one summary line");
        assert!(story.iter().any(|line| line.contains("PANICKED")));
    }
}
