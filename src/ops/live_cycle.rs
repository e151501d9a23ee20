//! One live cycle: bundle, recommendation, summary, push preview, receipt. One at a time on a workspace.
//!
//! Every document is stored before the one that cites it, so an end in the middle leaves readable documents and the
//! receipt of the cycle before. A cycle that is blocked makes its documents (they say why) but no preview: then nothing
//! was delivered and `push.delivery_actual` is null. Under an emergency stop nothing but the receipt is written. The stop
//! is looked at again before the preview and before the receipt; what was done until then stays in the receipt.

use std::time::Duration;

use super::BundleView;
use super::Ops;
use super::OpsPolicy;
use super::StalePolicy;
use super::guarded;
use super::outcome;
use super::outcome::BundleStanding;
use super::outcome::Facts;
use super::outcome::Part;
use super::outcome::RecoStanding;
use super::push::OwnMessage;
use super::recommend::BLOCKED;
use super::resolving;
use super::turn::Turn;
use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::RunId;
use crate::contracts::cycle::CONSOLE_SIMULATED;
use crate::contracts::cycle::CycleBundle;
use crate::contracts::cycle::CycleDecision;
use crate::contracts::cycle::CyclePush;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::cycle::CycleReco;
use crate::contracts::cycle::CycleSummary;
use crate::contracts::integrity::payload_sha256;
use crate::contracts::reason::CycleReason;
use crate::contracts::reason::RecoReason;
use crate::contracts::reason::detail;
use crate::contracts::reco::PayloadHash;
use crate::contracts::reco::RecoSummary;
use crate::contracts::summary::OverallStatus;
use crate::gates::Action;
use crate::gates::Gates;
use crate::gates::Permission;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// How long a cycle may hold the lock before others call it overdue.
const LIMIT: Duration = Duration::from_secs(300);

/// A cycle that ran and whose receipt is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct CycleOutcome {
    /// The receipt.
    pub receipt: CycleReceipt,
    /// Where it lies.
    pub published: Published,
}

/// A cycle left no receipt.
#[derive(Debug, thiserror::Error)]
pub enum CycleFault {
    /// Another cycle is running on this workspace.
    #[error("another live cycle is running")]
    AlreadyRunning,
    /// The lock or the receipt cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// What the steps of a cycle did so far. A panic leaves it as it was.
#[derive(Debug)]
struct Progress {
    facts: Facts,
    bundle: CycleBundle,
    reco: CycleReco,
    summary: CycleSummary,
    push: CyclePush,
    /// The text that belongs to the reason, newest cause last.
    details: Vec<(CycleReason, String)>,
    /// For the cycle's own message.
    reco_counts: Option<RecoSummary>,
    overall_status: Option<OverallStatus>,
}

impl Progress {
    fn new() -> Self {
        Self {
            facts: Facts {
                stopped: false,
                defect: false,
                bundle: BundleStanding::Missing,
                stale_policy: StalePolicy::Block,
                reco: RecoStanding::NotMade,
                summary: Part::NotDue,
                push: Part::NotDue,
            },
            bundle: not_looked_at(),
            reco: CycleReco::default(),
            summary: CycleSummary::default(),
            push: CyclePush::default(),
            details: Vec::new(),
            reco_counts: None,
            overall_status: None,
        }
    }

    fn explain(&mut self, reason: CycleReason, text: &str) {
        if !text.trim().is_empty() {
            self.details.push((reason, detail(text)));
        }
    }

    fn detail_of(&self, reason: CycleReason) -> Option<String> {
        self.details.iter().find(|(code, _)| *code == reason).map(|(_, text)| text.clone())
    }
}

impl Ops {
    /// Runs one live cycle and stores its receipt. `trace_id` names the run that asked for it; a text that is no run id
    /// is left out.
    ///
    /// # Errors
    /// Another cycle is running, or the lock or the receipt cannot be written.
    pub fn run_cycle(&self, trace_id: Option<&str>) -> Result<CycleOutcome, CycleFault> {
        let now = self.clock.now();
        let cycle_id = uuid::Uuid::new_v4().to_string();
        let holder = Holder::this_process(&cycle_id, now, LIMIT);
        let _held = match self.store.try_lock(layout::CYCLE_LOCK, &holder)? {
            LockOutcome::Acquired(held) => held,
            LockOutcome::Held(_) => return Err(CycleFault::AlreadyRunning),
        };
        let mut progress = Progress::new();
        let worked = guarded(|| self.steps(&mut progress, &cycle_id));
        if let Err(text) = worked.and_then(|worked| worked.map_err(|fault| fault.to_string())) {
            progress.facts.defect = true;
            progress.explain(CycleReason::SystemError, &text);
        }
        let trace_id = trace_id.map(str::to_owned).filter(|text| RunId::try_from(text.clone()).is_ok());
        Ok(self.publish_receipt(CycleReceipt { cycle_id: Some(cycle_id), trace_id, ..receipt(progress) }, now)?)
    }

    fn steps(&self, progress: &mut Progress, cycle_id: &str) -> Result<(), StoreFault> {
        if self.is_stopped(progress, self.clock.now()) {
            return Ok(());
        }
        let turn = self.turn()?;
        let policy = (self.policy)();
        progress.facts.stale_policy = policy.as_ref().map_or(StalePolicy::Block, |policy| policy.stale_policy);
        let view = self.bundle_at(&policy, turn.now);
        bundle_step(progress, &view);
        self.reco_step(progress, &view, &turn);
        self.summary_step(progress, &view, &policy, &turn);
        if self.is_stopped(progress, turn.now) {
            return Ok(());
        }
        if outcome::outcome(&progress.facts).1 != CycleDecision::Blocked {
            self.push_step(progress, cycle_id, turn.now);
        }
        // A stop that came meanwhile is what the receipt says; what was done before it stays told.
        self.is_stopped(progress, turn.now);
        Ok(())
    }

    /// Looks at the emergency stop anew and notes it.
    fn is_stopped(&self, progress: &mut Progress, now: KstTime) -> bool {
        let Permission::Block(_, why) = Gates::new(&self.store).permit(Action::LiveCycle, now) else { return false };
        progress.facts.stopped = true;
        progress.explain(CycleReason::EmergencyStop, &why);
        true
    }

    fn reco_step(&self, progress: &mut Progress, view: &BundleView, turn: &Turn<'_>) {
        let made = match self.publish_reco(Ok(view), turn) {
            Ok(made) => made,
            Err(fault) => return progress.explain(CycleReason::RecoFail, &fault.to_string()),
        };
        let report = made.report;
        let broke = report.reason.as_deref() == Some(RecoReason::SystemError.as_str());
        progress.facts.reco = match report.decision.as_deref() {
            _ if broke => RecoStanding::NotMade,
            Some(BLOCKED) => RecoStanding::Blocked,
            _ => RecoStanding::Made,
        };
        let why = if broke { CycleReason::RecoFail } else { CycleReason::RecoBlocked };
        progress.explain(why, report.reason_detail.as_deref().unwrap_or_default());
        progress.reco_counts = report.summary;
        progress.reco = CycleReco {
            success: !broke,
            latest_ref: Some(made.published.latest_ref.to_owned()),
            snapshot_ref: Some(made.published.snapshot_ref),
            decision: report.decision,
            reason: report.reason,
            evidence_refs: report.evidence_refs,
        };
    }

    fn summary_step(
        &self,
        progress: &mut Progress,
        view: &BundleView,
        policy: &Result<OpsPolicy, String>,
        turn: &Turn<'_>,
    ) {
        match self.publish_summary((view, None), policy, turn) {
            Ok(made) => {
                progress.facts.summary = Part::Done;
                progress.overall_status = made.summary.overall_status;
                progress.summary = CycleSummary {
                    success: true,
                    latest_ref: Some(made.published.latest_ref.to_owned()),
                    snapshot_ref: Some(made.published.snapshot_ref),
                };
            }
            Err(fault) => {
                progress.facts.summary = Part::Broken;
                progress.explain(CycleReason::SummaryFail, &fault.to_string());
            }
        }
    }

    fn push_step(&self, progress: &mut Progress, cycle_id: &str, now: KstTime) {
        let text = status_text(progress);
        match self.publish_preview(OwnMessage { id: cycle_id, text: &text }, now) {
            Ok(published) => {
                progress.facts.push = Part::Done;
                progress.push = CyclePush {
                    success: true,
                    preview_ref: Some(published.snapshot_ref),
                    send_receipt_ref: None,
                    delivery_actual: Some(CONSOLE_SIMULATED.to_owned()),
                };
            }
            Err(fault) => {
                progress.facts.push = Part::Broken;
                progress.explain(CycleReason::PushFail, &fault.to_string());
            }
        }
    }

    fn publish_receipt(&self, receipt: CycleReceipt, now: KstTime) -> Result<CycleOutcome, StoreFault> {
        let made = [
            receipt.bundle.as_ref().and_then(|bundle| bundle.latest_ref.clone()),
            receipt.reco.as_ref().and_then(|reco| reco.snapshot_ref.clone()),
            receipt.ops_summary.as_ref().and_then(|summary| summary.snapshot_ref.clone()),
            receipt.push.as_ref().and_then(|push| push.preview_ref.clone()),
            Some(layout::STOP.to_owned()).filter(|_| receipt.reason.as_deref() == Some("EMERGENCY_STOP")),
        ];
        let cited = resolving(&self.store, made.into_iter().flatten());
        let (receipt, published) = self.store.publish(layout::CYCLE, now, &|snapshot_ref| {
            let own = [snapshot_ref, layout::CYCLE.latest].map(str::to_owned);
            let mut receipt = CycleReceipt {
                schema: CycleReceipt::SCHEMA.to_owned(),
                asof: Some(Stamp::of(now)),
                snapshot_ref: Some(snapshot_ref.to_owned()),
                evidence_refs: own.into_iter().chain(cited.iter().cloned()).collect(),
                ..receipt.clone()
            };
            receipt.integrity = Json::of(&receipt)
                .ok()
                .and_then(|json| payload_sha256(&json))
                .map(|payload_sha256| PayloadHash { payload_sha256 });
            receipt
        })?;
        Ok(CycleOutcome { receipt, published })
    }
}

/// The receipt of what was done, without its names and times.
fn receipt(progress: Progress) -> CycleReceipt {
    let (result, decision, reason) = outcome::outcome(&progress.facts);
    CycleReceipt {
        result: Some(result),
        decision: Some(decision),
        reason: Some(reason.as_str().to_owned()),
        reason_detail: progress.detail_of(reason),
        bundle: Some(progress.bundle),
        reco: Some(progress.reco),
        ops_summary: Some(progress.summary),
        push: Some(progress.push),
        ..CycleReceipt::default()
    }
}

fn bundle_step(progress: &mut Progress, view: &BundleView) {
    let found = &view.validation;
    progress.facts.bundle = BundleStanding::of(found);
    let issues = found.issues.join("; ");
    progress.explain(CycleReason::BundleFail, &issues);
    progress.explain(CycleReason::BundleStale, found.stale_reason.as_deref().unwrap_or_default());
    progress.bundle = CycleBundle {
        success: found.valid,
        latest_ref: view.latest_ref.clone(),
        decision: Some(found.decision.as_str().to_owned()),
        stale: found.stale,
        valid: found.valid,
        bundle_id: found.bundle_id.clone(),
        strategy_name: found.strategy_name.clone(),
        evidence_refs: view.refs(),
        error: Some(detail(&issues)).filter(|text| !text.is_empty()),
    };
}

/// A bundle that nobody looked at is not known to be fresh.
fn not_looked_at() -> CycleBundle {
    CycleBundle {
        success: false,
        latest_ref: None,
        decision: None,
        stale: true,
        valid: false,
        bundle_id: None,
        strategy_name: None,
        evidence_refs: Vec::new(),
        error: None,
    }
}

/// The cycle's own message, in Korean.
fn status_text(progress: &Progress) -> String {
    let (_, decision, reason) = outcome::outcome(&progress.facts);
    let strategy = progress.bundle.strategy_name.as_deref().unwrap_or("-");
    let bundle = progress.bundle.decision.as_deref().unwrap_or("-");
    let reco = progress.reco.decision.as_deref().unwrap_or("-");
    let counts = progress.reco_counts.unwrap_or_default();
    let status = progress.overall_status.map_or("-", OverallStatus::as_str);
    format!(
        "라이브 사이클 {} ({reason})\n{}\n번들 {strategy} {bundle} · 추천 {reco} (매수 {} / 매도 {} / 보유 {}) · 운영 상태 {status}",
        decision.as_str(),
        reason.korean(),
        counts.buy_count,
        counts.sell_count,
        counts.hold_count,
    )
}
