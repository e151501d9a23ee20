//! The evidence side: the index of what there is, the check whether refs still lead somewhere, and what the summary reads
//! of both.

mod health;
mod index;

pub use health::HealthOutcome;
pub use index::IndexOutcome;

use chrono::TimeDelta;

use crate::contracts::Json;
use crate::contracts::evidence_index::EvidenceIndex;
use crate::contracts::health::EvidenceHealth;
use crate::contracts::health::HealthDecision;
use crate::contracts::ops_run::OpsRunReceipt;
use crate::ops::resolves;
use crate::store::Store;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// The evidence side at one moment.
#[derive(Clone, Debug)]
pub(super) struct EvidenceView {
    pub(super) decision: HealthDecision,
    pub(super) fail_closed_triggered: bool,
    /// The newest snapshot that can be read.
    pub(super) snapshot_ref: Option<String>,
    /// Why the newest report cannot be used.
    pub(super) damage: Option<String>,
    pub(super) index_row_count: u64,
}

/// How long a report that found nothing wrong counts. The ops cycle renews it each hour; a day and a bit without one means
/// that nobody checks, and nothing is known any more.
const GOOD_FOR: TimeDelta = TimeDelta::hours(26);
/// How far ahead of this clock a report may be.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// What the evidence documents say at `now`. `checked` is what a cycle that is still at work has found: its report may not
/// be there. So may that of the last cycle, whose receipt then says it.
pub(super) fn read(store: &Store, now: KstTime, checked: Option<HealthDecision>) -> EvidenceView {
    let view = documents(store, now);
    let failed = match checked {
        Some(decision) => decision == HealthDecision::Fail,
        None => failed_since(store),
    };
    if !failed || view.decision == HealthDecision::Fail {
        return view;
    }
    EvidenceView { decision: HealthDecision::Fail, fail_closed_triggered: true, ..view }
}

/// Whether the newest ops cycle found that the evidence has failed, and no report was made after it.
fn failed_since(store: &Store) -> bool {
    let Stored::Present(run) = store.document::<OpsRunReceipt>(layout::OPS_RUN.latest) else { return false };
    let report = store.document::<EvidenceHealth>(layout::HEALTH.latest).present();
    let reported = report.and_then(|report| report.asof?.instant());
    let is_newer = match (run.started_at.as_ref().and_then(Stamp::instant), reported) {
        (Some(run), Some(report)) => run >= report,
        (_, None) => true,
        (None, Some(_)) => false,
    };
    let health = &run.evidence_health;
    is_newer && (health.fail_closed_triggered || health.decision.as_deref() == Some(HealthDecision::Fail.as_str()))
}

fn documents(store: &Store, now: KstTime) -> EvidenceView {
    let index: Stored<EvidenceIndex> = store.document(layout::EVIDENCE_INDEX.latest);
    let index_row_count = index.present().map_or(0, |index| index.count());
    let (decision, fail_closed_triggered, damage) = match store.document::<EvidenceHealth>(layout::HEALTH.latest) {
        Stored::Present(health) => match outdated(&health, now) {
            Some(why) if health.decision() == HealthDecision::Pass => (HealthDecision::Unknown, false, Some(why)),
            _ => (health.decision(), health.fail_closed_triggered, None),
        },
        Stored::Missing => (HealthDecision::Unknown, false, None),
        Stored::Damaged(why) => (HealthDecision::Unknown, false, Some(why)),
    };
    // Newest by the time in the name, then by the file's time: a file with an odd name comes last.
    let snapshots = store.snapshots(layout::HEALTH.snapshots).unwrap_or_default();
    let snapshot_ref = snapshots.into_iter().map(|file| file.reference).find(|reference| resolves(store, reference));
    EvidenceView { decision, fail_closed_triggered, snapshot_ref, damage, index_row_count }
}

/// Why a report says nothing about this moment.
fn outdated(health: &EvidenceHealth, now: KstTime) -> Option<String> {
    let Some(asof) = health.asof.as_ref().and_then(Stamp::instant) else {
        return Some("the report does not say when it was made".to_owned());
    };
    if now - asof > GOOD_FOR {
        return Some(format!("the report is {} hours old; run an ops cycle", (now - asof).num_hours()));
    }
    (asof - now > AHEAD).then(|| "the report is from the future".to_owned())
}

/// The text of a member; empty when it is missing or no text.
fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}
