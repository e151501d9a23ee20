//! OPS_SUMMARY_V1: everything read, judged and written down.

use super::BundleView;
use super::Ops;
use super::OpsFault;
use super::OpsPolicy;
use super::evidence;
use super::guarded;
use super::resolves;
use super::resolving;
use super::risk;
use super::turn::Turn;
use crate::contracts::BundleDecision;
use crate::contracts::Document as _;
use crate::contracts::health::HealthDecision;
use crate::contracts::push::PushOutbox;
use crate::contracts::push::SendHead;
use crate::contracts::reco::RecoReport;
use crate::contracts::summary::BundleState;
use crate::contracts::summary::EvidenceState;
use crate::contracts::summary::GateGuard;
use crate::contracts::summary::Guard;
use crate::contracts::summary::HealthGuard;
use crate::contracts::summary::OpsSummary;
use crate::contracts::summary::PushState;
use crate::contracts::summary::RecoState;
use crate::contracts::summary::Risk;
use crate::contracts::summary::StopGuard;
use crate::gates::Gates;
use crate::store::Published;
use crate::store::Store;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// A summary that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryOutcome {
    /// The summary.
    pub summary: OpsSummary,
    /// Where it lies.
    pub published: Published,
    /// Lines of the ticket files that cannot be read and were passed over.
    pub bad_lines: u64,
}

impl Ops {
    /// Makes the summary anew.
    ///
    /// # Errors
    /// The summary cannot be stored, or the program met a defect of its own.
    pub fn regenerate_summary(&self) -> Result<SummaryOutcome, OpsFault> {
        self.summary_of(None)
    }

    /// The summary of a cycle that has checked the evidence itself, whether or not it could write that down.
    pub(super) fn summary_of(&self, checked: Option<HealthDecision>) -> Result<SummaryOutcome, OpsFault> {
        let turn = self.turn()?;
        guarded(|| {
            let policy = (self.policy)();
            let view = self.bundle_at(&policy, turn.now);
            self.publish_summary((&view, checked), &policy, &turn)
        })
        .map_err(OpsFault::Defect)?
    }

    pub(super) fn publish_summary(
        &self,
        seen: (&BundleView, Option<HealthDecision>),
        policy: &Result<OpsPolicy, String>,
        turn: &Turn<'_>,
    ) -> Result<SummaryOutcome, OpsFault> {
        let (summary, bad_lines) = self.summarize(seen, policy, turn.now);
        let (summary, published) = self.store.publish(layout::SUMMARY, turn.now, &|_snapshot_ref| summary.clone())?;
        Ok(SummaryOutcome { summary, published, bad_lines })
    }

    fn summarize(
        &self,
        (view, checked): (&BundleView, Option<HealthDecision>),
        policy: &Result<OpsPolicy, String>,
        now: KstTime,
    ) -> (OpsSummary, u64) {
        let store = &self.store;
        let window = policy.as_ref().map(|policy| policy.risk.clone()).unwrap_or_default();
        let mut memory = self.memory();
        let tickets = memory.tickets.view(store, now, &window);
        let last_runs = memory.runs.last_runs(store);
        drop(memory);
        let switches = Gates::new(store).switches();
        let evidence = evidence::read(store, now, checked);
        let reco = self.latest_reco();
        let (overall_status, risks) = risk::assess(&risk::Facts {
            switches: &switches,
            evidence: &evidence,
            tickets: &tickets,
            bundle: &view.validation,
            reco: &reco,
            has_run: last_runs.is_some(),
        });
        let mut recent = tickets.recent.counts;
        recent.failed_line_refs = resolving(store, recent.failed_line_refs);
        let health_decision = evidence.decision.as_str().to_owned();
        let summary = OpsSummary {
            schema: OpsSummary::SCHEMA.to_owned(),
            asof: Some(Stamp::of(now)),
            overall_status: Some(overall_status),
            guard: Some(Guard {
                evidence_health: HealthGuard {
                    decision: Some(health_decision.clone()),
                    fail_closed_triggered: evidence.fail_closed_triggered,
                    snapshot_ref: evidence.snapshot_ref,
                },
                emergency_stop: StopGuard { enabled: Some(switches.stop.value) },
                execution_gate: GateGuard { mode: Some(switches.gate.value) },
            }),
            last_run_triplet: Some(last_runs.unwrap_or_default()),
            tickets: Some(tickets.counts),
            tickets_recent: Some(recent),
            push: Some(push_state(store, switches.sender.value)),
            evidence: Some(EvidenceState { index_row_count: evidence.index_row_count, health_decision }),
            strategy_bundle: Some(bundle_state(view)),
            reco: Some(reco_state(store, reco)),
            top_risks: risks
                .into_iter()
                .map(|risk| Risk { evidence_refs: resolving(store, risk.evidence_refs), ..risk })
                .collect(),
        };
        (summary, tickets.bad_lines)
    }
}

fn push_state(store: &Store, sender_enabled: bool) -> PushState {
    let outbox = store.document::<PushOutbox>(layout::OUTBOX.latest).present();
    let send = store.document::<SendHead>(layout::SEND.latest).present();
    PushState {
        outbox_row_count: outbox.map_or(0, |outbox| outbox.messages.len() as u64),
        last_send_decision: send.and_then(|send| send.decision).unwrap_or_else(|| "N/A".to_owned()),
        sender_enabled,
    }
}

fn bundle_state(view: &BundleView) -> BundleState {
    let found = &view.validation;
    BundleState {
        present: found.decision != BundleDecision::NoBundle,
        decision: Some(found.decision),
        latest_ref: view.latest_ref.clone(),
        bundle_id: found.bundle_id.clone(),
        created_at: found.created_at.clone(),
        strategy_name: found.strategy_name.clone(),
        strategy_version: found.strategy_version.clone(),
        stale: found.stale,
        issues: found.issues.clone(),
    }
}

fn reco_state(store: &Store, reco: Stored<RecoReport>) -> RecoState {
    let Stored::Present(report) = reco else { return RecoState::default() };
    let snapshot_ref = snapshot_of(store, &report);
    let mut source_bundle = report.source_bundle;
    if let Some(source) = &mut source_bundle {
        source.latest_ref = source.latest_ref.take().filter(|text| resolves(store, text));
    }
    RecoState {
        present: true,
        decision: report.decision,
        reason: report.reason,
        latest_ref: Some(layout::RECO.latest.to_owned()),
        snapshot_ref,
        report_id: report.report_id,
        created_at: report.created_at,
        source_bundle,
        summary: report.summary,
        evidence_refs: resolving(store, report.evidence_refs),
    }
}

/// The snapshot with the same report: the one that the report names, else the newest if it is the same.
fn snapshot_of(store: &Store, report: &RecoReport) -> Option<String> {
    let is_same = |reference: &String| match store.document::<RecoReport>(reference) {
        Stored::Present(other) => other.report_id.is_some() && other.report_id == report.report_id,
        Stored::Missing | Stored::Damaged(_) => false,
    };
    let named = report.evidence_refs.iter().filter(|text| text.starts_with(layout::RECO.snapshots)).cloned();
    let newest = store.snapshots(layout::RECO.snapshots).unwrap_or_default().into_iter().map(|file| file.reference);
    named.chain(newest.take(1)).find(|reference| resolves(store, reference) && is_same(reference))
}
