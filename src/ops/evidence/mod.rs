//! The evidence side: the index of what there is, the check whether refs still lead somewhere, and what the summary reads
//! of both.

mod health;
mod index;

pub use health::HealthOutcome;
pub use index::IndexOutcome;

use crate::contracts::Json;
use crate::contracts::evidence_index::EvidenceIndex;
use crate::contracts::health::EvidenceHealth;
use crate::contracts::health::HealthDecision;
use crate::ops::resolves;
use crate::store::Store;
use crate::store::Stored;
use crate::store::layout;

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

pub(super) fn read(store: &Store) -> EvidenceView {
    let index: Stored<EvidenceIndex> = store.document(layout::EVIDENCE_INDEX.latest);
    let index_row_count = index.present().map_or(0, |index| index.count());
    let (decision, fail_closed_triggered, damage) = match store.document::<EvidenceHealth>(layout::HEALTH.latest) {
        Stored::Present(health) => (health.decision(), health.fail_closed_triggered, None),
        Stored::Missing => (HealthDecision::Unknown, false, None),
        Stored::Damaged(why) => (HealthDecision::Unknown, false, Some(why)),
    };
    // Newest by the time in the name, then by the file's time: a file with an odd name comes last.
    let snapshots = store.snapshots(layout::HEALTH.snapshots).unwrap_or_default();
    let snapshot_ref = snapshots.into_iter().map(|file| file.reference).find(|reference| resolves(store, reference));
    EvidenceView { decision, fail_closed_triggered, snapshot_ref, damage, index_row_count }
}

/// The text of a member; empty when it is missing or no text.
fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}
