//! One ops cycle: reap what hangs, check the evidence, report the day, do one ticket, make the summary, leave a receipt.
//!
//! The lock comes first. An emergency stop ends the cycle at once, evidence that fails its check ends it before anything
//! else is done; a check that could not be made counts as failed. The summary is a view and is made in each case, so that it
//! shows what stopped the cycle.

use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::Ops;
use super::OpsFault;
use super::TicketStep;
use super::guarded;
use super::resolving;
use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::health::HealthDecision;
use crate::contracts::ops_run::OpsRunReceipt;
use crate::contracts::ops_run::RunCounters;
use crate::contracts::ops_run::RunHealth;
use crate::contracts::ops_run::RunReaper;
use crate::contracts::ops_run::RunSafety;
use crate::contracts::ops_run::RunSummary;
use crate::contracts::ops_run::RunTicket;
use crate::contracts::reason::detail;
use crate::contracts::safety::AllowlistHead;
use crate::contracts::summary::OverallStatus;
use crate::gates::Change;
use crate::gates::Gates;
use crate::store::Lease;
use crate::store::LeaseOutcome;
use crate::store::Leaseholder;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// How long a lock of another program counts without a sign of life.
const LOCK_LIMIT: Duration = Duration::from_secs(60);
/// How often the holder says that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// A ticket that was taken so long ago is failed.
const REAP_SECONDS: u64 = 86_400;
/// At most this many tickets are failed by one cycle.
const REAP_MOST: usize = 50;
/// Codes of failed checks in the receipt.
const TOP: usize = 3;
/// What stands where nothing was done.
const NOT_DONE: &str = "N/A";

const DONE: &str = "DONE";
const DONE_WITH_SKIPS: &str = "DONE_WITH_SKIPS";
const BLOCKED: &str = "BLOCKED";
const STOPPED: &str = "STOPPED";
const FAILED: &str = "FAILED";
const SKIPPED: &str = "SKIPPED";
const EMERGENCY_STOP: &str = "EMERGENCY_STOP_ACTIVE";
const HEALTH_FAIL: &str = "EVIDENCE_HEALTH_FAIL";

/// A cycle that ended and whose receipt is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct OpsCycleOutcome {
    /// OK, BLOCKED, STOPPED or FAILED.
    pub result: &'static str,
    /// The receipt.
    pub receipt: OpsRunReceipt,
    /// Where it lies.
    pub published: Published,
}

/// A cycle left no receipt.
#[derive(Debug, thiserror::Error)]
pub enum OpsCycleFault {
    /// Another cycle holds the lock; the text says who and for how long.
    #[error("{0}")]
    Conflict(String),
    /// The lock or the receipt cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// What the steps of a cycle did so far. A panic leaves it as it was.
#[derive(Debug, Default)]
struct Progress {
    status: &'static str,
    reason: String,
    ran: bool,
    ops_report_ref: String,
    health: RunHealth,
    /// What the check of the evidence came to, once it was made; a check that could not be made has failed.
    checked: Option<HealthDecision>,
    reaper: RunReaper,
    ticket: RunTicket,
    counters: RunCounters,
    summary: RunSummary,
}

impl Progress {
    fn new() -> Self {
        let not_done = || Some(NOT_DONE.to_owned());
        Self {
            health: RunHealth { decision: not_done(), ..RunHealth::default() },
            reaper: RunReaper { decision_observed: not_done(), ..RunReaper::default() },
            summary: RunSummary { decision_observed: not_done(), ..RunSummary::default() },
            ..Self::default()
        }
    }

    fn ends(&mut self, status: &'static str, reason: &str) {
        self.status = status;
        self.reason = detail(reason);
    }

    /// The ticket step of a cycle that does not come to it.
    fn skips_ticket(&mut self, reason: &str) {
        let (decision, reason) = (Some(SKIPPED.to_owned()), Some(detail(reason)));
        self.ticket = RunTicket { decision, reason, ..RunTicket::default() };
    }
}

impl Ops {
    /// Runs one ops cycle and stores its receipt.
    ///
    /// # Errors
    /// Another cycle is running, or the lock or the receipt cannot be written.
    pub fn run_ops_cycle(&self, actor: &Actor) -> Result<OpsCycleOutcome, OpsCycleFault> {
        let started = self.clock.now();
        let run_id = uuid::Uuid::new_v4().to_string();
        let lease = self.ops_cycle_lease(&run_id, started)?;
        self.holding(lease, || {
            let safety = self.safety_snapshot(started);
            let mut progress = Progress::new();
            if let Err(text) = guarded(|| self.ops_steps(&mut progress, actor, &run_id)).and_then(|done| done) {
                progress.ends(FAILED, &text);
                if progress.ticket.decision.is_none() {
                    progress.skips_ticket(FAILED);
                }
            }
            self.close_ops_cycle(progress, (&run_id, started), safety)
        })
    }

    /// What the reply to a conflict says of the ticket step.
    pub const CONFLICT_REASON: &str = "LOCK_CONFLICT_409";

    fn ops_cycle_lease(&self, run_id: &str, now: KstTime) -> Result<Lease, OpsCycleFault> {
        let holder = Leaseholder::this_process(run_id, now);
        match self.store.try_lease(layout::OPS_CYCLE_LOCK, holder, now, LOCK_LIMIT)? {
            LeaseOutcome::Acquired(lease) => Ok(lease),
            LeaseOutcome::Held(other) => Err(OpsCycleFault::Conflict(who(&other, now))),
        }
    }

    /// Does the work while another thread says every now and then that the holder lives, and lets go at its end.
    fn holding<T>(&self, mut lease: Lease, work: impl FnOnce() -> T) -> T {
        let (end, ended) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while ended.recv_timeout(SIGN_OF_LIFE) == Err(RecvTimeoutError::Timeout) {
                    if let Err(fault) = lease.refresh(self.clock.now()) {
                        tracing::warn!(%fault, "the lock of the ops cycle cannot be written");
                    }
                }
            });
            let done = work();
            drop(end);
            done
        })
    }

    fn safety_snapshot(&self, now: KstTime) -> RunSafety {
        let gates = Gates::new(&self.store);
        let switches = gates.switches();
        RunSafety {
            emergency_stop_enabled: switches.stop.value,
            execution_gate_mode: Some(switches.gate.value.as_str().to_owned()),
            window_active: gates.real_enable(now).window_active(),
            allowlist_version: self
                .store
                .document::<AllowlistHead>(layout::ALLOWLIST)
                .present()
                .and_then(|list| list.version),
        }
    }

    fn ops_steps(&self, progress: &mut Progress, actor: &Actor, run_id: &str) -> Result<(), String> {
        if self.meets_stop(progress) {
            return Ok(());
        }
        let change = Change { action: "ops_cycle.run", target: run_id.to_owned(), ..Change::default() };
        Gates::new(&self.store).record(actor, change, self.clock.now()).map_err(|fault| fault.to_string())?;
        progress.ran = true;
        self.reaper_step(progress, actor);
        let health = self.health_step(progress);
        progress.checked = Some(health);
        if health == HealthDecision::Fail {
            progress.ends(BLOCKED, HEALTH_FAIL);
            progress.skips_ticket(HEALTH_FAIL);
            return Ok(());
        }
        self.report_step(progress);
        // What came before took its time: a stop that came meanwhile still holds.
        if self.meets_stop(progress) {
            return Ok(());
        }
        self.ticket_step(progress, actor);
        Ok(())
    }

    fn meets_stop(&self, progress: &mut Progress) -> bool {
        let stopped = Gates::new(&self.store).switches().stop.value;
        if stopped {
            progress.ends(STOPPED, EMERGENCY_STOP);
            progress.skips_ticket(EMERGENCY_STOP);
        }
        stopped
    }

    /// A reaper that cannot work is noted; whether tickets can be worked on is for the worker to find out.
    fn reaper_step(&self, progress: &mut Progress, actor: &Actor) {
        let worked = guarded(|| self.reap_tickets(REAP_SECONDS, REAP_MOST, actor));
        progress.reaper = match worked.map_err(OpsFault::Defect).and_then(|reaped| reaped) {
            Ok(reaped) => RunReaper {
                decision_observed: Some(reaped.decision),
                cleaned_count: reaped.cleaned_count,
                latest_ref: Some(reaped.published.latest_ref.to_owned()),
                snapshot_ref: Some(reaped.published.snapshot_ref),
            },
            Err(fault) => {
                tracing::warn!(%fault, "the reaper did not work");
                RunReaper { decision_observed: Some("ERROR".to_owned()), ..RunReaper::default() }
            }
        };
    }

    /// Index first, because the check looks at it. What cannot be checked has failed.
    fn health_step(&self, progress: &mut Progress) -> HealthDecision {
        let indexed = guarded(|| self.regenerate_index());
        if let Err(fault) = indexed.map_err(OpsFault::Defect).and_then(|made| made) {
            tracing::warn!(%fault, "the index of evidence was not made");
        }
        let checked = guarded(|| self.regenerate_health());
        match checked.map_err(OpsFault::Defect).and_then(|made| made) {
            Ok(made) => {
                let report = made.report;
                let decision = report.decision();
                progress.health = RunHealth {
                    decision: Some(decision.as_str().to_owned()),
                    generated_at: report.asof,
                    latest_ref: Some(made.published.latest_ref.to_owned()),
                    snapshot_ref: Some(made.published.snapshot_ref),
                    top_fail_reasons: report.top_fail_reasons.into_iter().take(TOP).map(|row| row.reason).collect(),
                    fail_closed_triggered: report.fail_closed_triggered,
                    error_summary: None,
                };
                decision
            }
            Err(fault) => {
                progress.health = RunHealth {
                    decision: Some(HealthDecision::Fail.as_str().to_owned()),
                    fail_closed_triggered: true,
                    error_summary: Some(detail(&fault.to_string())),
                    ..RunHealth::default()
                };
                HealthDecision::Fail
            }
        }
    }

    /// A report that cannot be made is only logged.
    fn report_step(&self, progress: &mut Progress) {
        let made = guarded(|| self.regenerate_daily());
        match made.map_err(OpsFault::Defect).and_then(|made| made) {
            Ok(_) => layout::OPS_REPORT.clone_into(&mut progress.ops_report_ref),
            Err(fault) => tracing::warn!(%fault, "the daily report was not made"),
        }
    }

    fn ticket_step(&self, progress: &mut Progress, actor: &Actor) {
        let worked = guarded(|| self.work_one_ticket(actor));
        let step = worked.map_err(OpsFault::Defect).and_then(|step| step).unwrap_or_else(|fault| TicketStep {
            attempted: true,
            selected_request_id: None,
            selected_request_type: None,
            decision: SKIPPED,
            reason: format!("TICKET_PROCESS_ERROR: {fault}"),
            receipt_ref: None,
        });
        let status = if step.decision == SKIPPED { DONE_WITH_SKIPS } else { DONE };
        progress.ends(status, &step.reason);
        progress.ticket = RunTicket {
            attempted: step.attempted,
            selected_request_id: step.selected_request_id,
            selected_request_type: step.selected_request_type,
            decision: Some(step.decision.to_owned()),
            reason: Some(detail(&step.reason)),
            receipt_ref: step.receipt_ref,
        };
    }

    /// Counts, makes the summary and stores the receipt, however the steps ended.
    fn close_ops_cycle(
        &self,
        mut progress: Progress,
        (run_id, started): (&str, KstTime),
        safety: RunSafety,
    ) -> Result<OpsCycleOutcome, OpsCycleFault> {
        let checked = progress.checked;
        match guarded(|| self.summary_of(checked)).map_err(OpsFault::Defect).and_then(|made| made) {
            Ok(made) => {
                let counts = made.summary.tickets.unwrap_or_default();
                progress.counters = RunCounters {
                    tickets_open: counts.open,
                    tickets_in_progress: counts.in_progress,
                    tickets_done: counts.done,
                    tickets_failed: counts.failed,
                    tickets_blocked: counts.blocked,
                    skips_this_run: u64::from(progress.ticket.decision.as_deref() == Some(SKIPPED)),
                };
                let decision = made.summary.overall_status.map(OverallStatus::as_str);
                progress.summary = RunSummary {
                    decision_observed: decision.map(str::to_owned),
                    latest_ref: Some(made.published.latest_ref.to_owned()),
                    snapshot_ref: Some(made.published.snapshot_ref),
                };
            }
            Err(fault) => {
                progress.summary.decision_observed = Some("ERROR".to_owned());
                // A stop or a block stays what it is; it is the worse news.
                if ![STOPPED, BLOCKED, FAILED].contains(&progress.status) {
                    progress.ends(FAILED, &format!("SUMMARY_FAIL: {fault}"));
                }
            }
        }
        self.publish_ops_run(progress, (run_id, started), safety)
    }

    fn publish_ops_run(
        &self,
        progress: Progress,
        (run_id, started): (&str, KstTime),
        safety: RunSafety,
    ) -> Result<OpsCycleOutcome, OpsCycleFault> {
        let now = self.clock.now();
        let cited = [
            progress.summary.snapshot_ref.clone(),
            progress.health.latest_ref.clone(),
            progress.reaper.snapshot_ref.clone(),
            progress.health.snapshot_ref.clone(),
            progress.ticket.receipt_ref.clone(),
            Some(progress.ops_report_ref.clone()),
            Some(layout::STOP.to_owned()).filter(|_| progress.status == STOPPED),
        ];
        let result = match progress.status {
            STOPPED | BLOCKED | FAILED => progress.status,
            _ => "OK",
        };
        let receipt = OpsRunReceipt {
            schema: OpsRunReceipt::SCHEMA.to_owned(),
            run_id: Some(if progress.ran { run_id } else { NOT_DONE }.to_owned()),
            asof: Some(Stamp::of(now)),
            started_at: Some(Stamp::of(started)),
            finished_at: Some(Stamp::of(now)),
            overall_status: Some(progress.status.to_owned()),
            reason: Some(progress.reason),
            ops_report_ref: progress.ops_report_ref,
            evidence_health: progress.health,
            ticket_reaper: progress.reaper,
            ticket_step: progress.ticket,
            safety_snapshot: safety,
            counters: progress.counters,
            ops_summary: progress.summary,
            evidence_refs: resolving(&self.store, cited.into_iter().flatten()),
        };
        let (receipt, published) = self.store.publish(layout::OPS_RUN, now, &|_snapshot_ref| receipt.clone())?;
        Ok(OpsCycleOutcome { result, receipt, published })
    }
}

/// Who holds the lock and for how long.
fn who(holder: &Leaseholder, now: KstTime) -> String {
    let run = if holder.run_id.is_empty() { "an unknown run" } else { holder.run_id.as_str() };
    let file = layout::OPS_CYCLE_LOCK;
    match holder.held_seconds(now) {
        Some(seconds) => format!("another ops cycle is running: {run} has held {file} for {seconds} s"),
        None => format!("another ops cycle is running: {run} holds {file}, nobody says since when"),
    }
}
