//! The worker: takes the oldest open ticket, does it as the gate allows, and writes result and receipt.

use super::Ops;
use super::OpsFault;
use crate::contracts::actor::Actor;

/// What became of the ticket step of an ops cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketStep {
    /// Whether a ticket was taken.
    pub attempted: bool,
    /// The ticket.
    pub selected_request_id: Option<String>,
    /// Its kind.
    pub selected_request_type: Option<String>,
    /// PROCESSED, SKIPPED or NONE.
    pub decision: &'static str,
    /// TICKET_PROCESSED_OK, NO_OPEN_TICKETS, or why not.
    pub reason: String,
    /// The receipt's line.
    pub receipt_ref: Option<String>,
}

impl Ops {
    /// Does the oldest open ticket, at most one.
    ///
    /// # Errors
    /// The tickets cannot be read, or a line not be written.
    pub fn work_one_ticket(&self, _actor: &Actor) -> Result<TicketStep, OpsFault> {
        Err(OpsFault::Defect("the worker is not built yet".to_owned()))
    }
}
