//! What was told, noted in `state/ops_observed.json`, so that the next start tells what happened in between.
//!
//! It is noted when the disk has every event that was told, never before: a server that dies in between tells them again
//! rather than not at all. What the log has under its `change_id` since the last note is left out then, so an event comes
//! twice only when the log has gone. Only the server that keeps the log reads and writes the file. One that is missing or cannot be read means that what is there is known. A disk that
//! does not take it costs a warning.

use crate::backend::dash::Dash;
use crate::contracts::Document as _;
use crate::contracts::observed::OpsObserved;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Stamp;

use super::Known;

/// Events after which the same is noted again, so that a start reads no more of the log than these and a few.
const FAR_BEHIND: u64 = 10_000;

/// What stands in the file, and what is to.
#[derive(Debug, Default)]
pub(super) struct Notes {
    noted: Option<OpsObserved>,
    wanted: Option<OpsObserved>,
    is_warned: bool,
}

impl Notes {
    /// What an earlier server of this workspace has told.
    pub(super) fn read(&mut self, dash: &Dash) -> Option<OpsObserved> {
        if !dash.keeps_log() {
            return None;
        }
        match dash.store.document::<OpsObserved>(layout::OPS_OBSERVED) {
            Stored::Present(noted) => self.noted = Some(noted),
            Stored::Missing => {}
            Stored::Damaged(why) => {
                tracing::warn!(
                    why,
                    file = layout::OPS_OBSERVED,
                    "what was told cannot be read; what is there is known"
                );
            }
        }
        self.noted.clone()
    }

    /// Notes what is told now, as soon as the disk has the events that told it.
    pub(super) fn keep(&mut self, dash: &Dash, told: OpsObserved) {
        let is_noted = |noted: &OpsObserved| is_same(noted, &told) && told.event_id < noted.event_id + FAR_BEHIND;
        if !dash.keeps_log() || self.noted.as_ref().is_some_and(is_noted) {
            self.wanted = None;
            return;
        }
        let wanted = match self.wanted.take() {
            Some(wanted) if is_same(&wanted, &told) => wanted,
            Some(_) | None => told,
        };
        if dash.journal_status().synced_id < wanted.event_id {
            self.wanted = Some(wanted);
            return;
        }
        match dash.store.write_document(layout::OPS_OBSERVED, &wanted) {
            Ok(()) => {
                self.noted = Some(wanted);
                self.is_warned = false;
            }
            Err(fault) => {
                if !self.is_warned {
                    tracing::warn!(%fault, "what was told cannot be noted; a restart may tell it again");
                }
                self.is_warned = true;
                self.wanted = Some(wanted);
            }
        }
    }
}

/// Whether two notes say the same, whenever they were made.
fn is_same(one: &OpsObserved, other: &OpsObserved) -> bool {
    OpsObserved { asof: other.asof.clone(), event_id: other.event_id, ..one.clone() } == *other
}

impl Known {
    /// What has been told, for the file. A bundle and a run that are still waited for are not.
    pub(super) fn document(&self, dash: &Dash) -> OpsObserved {
        let [gate, sender, stop] = self.switches.clone();
        OpsObserved {
            schema: OpsObserved::SCHEMA.to_owned(),
            asof: Stamp::of(dash.bus.clock().now()),
            event_id: dash.bus.ids().last,
            gate,
            sender,
            stop,
            kill: self.kill.position.clone(),
            kill_version: self.kill.version,
            guardrail: self.rail.clone(),
            bundle_id: self.bundle.bundle_id.clone(),
            bundle_sha256: self.bundle.sha256.clone(),
            run_id: if self.silent.is_some() { self.settled.clone() } else { self.ended.clone() },
            publish_run_id: self.publish.clone(),
        }
    }
}
