//! The reaper: a ticket that was taken and never finished is failed after a while.

use super::Ops;
use super::OpsFault;
use crate::contracts::actor::Actor;
use crate::store::Published;

/// What a run of the reaper did, with its stored report.
#[derive(Clone, Debug, PartialEq)]
pub struct ReaperOutcome {
    /// NONE or CLEANED.
    pub decision: String,
    /// Tickets that were past the threshold.
    pub stale_count: u64,
    /// Tickets that were failed.
    pub cleaned_count: u64,
    /// Where the report lies.
    pub published: Published,
}

impl Ops {
    /// Fails every ticket that has been IN_PROGRESS for longer than `threshold_seconds`, at most `max_clean` of them.
    ///
    /// # Errors
    /// The tickets cannot be read, or a line or the report not be written.
    pub fn reap_tickets(
        &self,
        _threshold_seconds: u64,
        _max_clean: usize,
        _actor: &Actor,
    ) -> Result<ReaperOutcome, OpsFault> {
        Err(OpsFault::Defect("the reaper is not built yet".to_owned()))
    }
}
