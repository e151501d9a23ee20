//! Changing tickets: one caller at a time over all processes, and the appended line is the truth.
//!
//! Whoever holds the lock of the tickets has read every line before it decides, so of many that take one ticket exactly
//! one wins. The audit entry comes before the line: a change that cannot be recorded is not made. A line that cannot be
//! written after its entry gets a second entry that says so.

use std::sync::MutexGuard;

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Book;
use super::Spot;
use crate::contracts::Json;
use crate::contracts::Text;
use crate::contracts::actor::Actor;
use crate::contracts::ticket::TicketState;
use crate::contracts::ticket::TicketStatus;
use crate::contracts::ticket::documents::TicketRequest;
use crate::contracts::ticket::documents::TicketResult;
use crate::contracts::ticket::payload;
use crate::contracts::ticket::payload::PayloadFault;
use crate::contracts::ticket::payload::RequestType;
use crate::contracts::ticket::payload::limited;
use crate::gates::Change;
use crate::gates::Gates;
use crate::ops::Memory;
use crate::ops::Ops;
use crate::ops::ticket_file::Source;
use crate::ops::ticket_file::key_of;
use crate::store::Durability;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Longest id or name, message and artifact, in characters, and most artifacts: every text that is stored is read again
/// for each board.
const MAX_NAME: usize = 200;
const MAX_MESSAGE: usize = 2000;
const MAX_ARTIFACT: usize = 512;
const MAX_ARTIFACTS: usize = 64;

/// A ticket was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TicketFault {
    /// A member of the request or of its payload is missing, wrong or too long.
    #[error(transparent)]
    Payload(#[from] PayloadFault),
    /// Nobody asked for such a ticket.
    #[error("Ticket not found")]
    NotFound,
    /// The ticket stands elsewhere.
    #[error("Cannot {verb}. Current status: {}", .state.as_str())]
    Conflict {
        /// `consume` or `complete`.
        verb: &'static str,
        /// Where it stands.
        state: TicketState,
    },
    /// A file cannot be read or written; whether the line was written is not known.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// A ticket that somebody asks for.
#[derive(Clone, Debug)]
pub struct TicketDraft {
    /// Its kind.
    pub kind: RequestType,
    /// The members of its kind.
    pub payload: Json,
    /// The run that asks.
    pub trace_id: Option<String>,
}

/// How a ticket that was taken ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Finished well or badly.
    pub done: Outcome,
    /// What happened.
    pub message: String,
    /// Who says so.
    pub processor: String,
    /// What was made.
    pub artifacts: Vec<String>,
}

/// The two ends of a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// DONE.
    Done,
    /// FAILED.
    #[default]
    Failed,
}

impl Outcome {
    /// The end of a word; `None` for any other word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "DONE" => Some(Self::Done),
            "FAILED" => Some(Self::Failed),
            _ => None,
        }
    }

    fn status(self) -> TicketStatus {
        match self {
            Self::Done => TicketStatus::Done,
            Self::Failed => TicketStatus::Failed,
        }
    }
}

impl Ops {
    /// Opens a ticket. Its line is on the disk when this returns.
    ///
    /// # Errors
    /// The payload is wrong, a text is too long, or a line cannot be written.
    pub fn create_ticket(&self, draft: &TicketDraft, actor: &Actor) -> Result<TicketRequest, TicketFault> {
        draft.kind.check(&draft.payload)?;
        limited("trace_id", draft.trace_id.as_deref().unwrap_or_default(), MAX_NAME)?;
        let written = draft.payload.canonical(Text::Raw);
        payload::is_small(&written)?;
        let _held = self.store.exclusive(layout::TICKETS_LOCK)?;
        // The time under the lock, so that the order of the lines is the order of their times.
        let now = self.clock.now();
        let payload = RawValue::from_string(written).map_err(unrendered)?;
        let request = TicketRequest {
            schema: "TICKET_REQUEST_V1".to_owned(),
            request_id: uuid::Uuid::new_v4().to_string(),
            requested_at: Stamp::of(now),
            request_type: draft.kind.as_str().to_owned(),
            payload,
            status: TicketState::Open.as_str().to_owned(),
            trace_id: draft.trace_id.clone(),
        };
        let line = line_of(&request)?;
        let reason = draft.payload.get("reason").and_then(Json::as_str).unwrap_or_default().to_owned();
        let change = Change {
            action: "ticket.create",
            target: request.request_id.clone(),
            reason,
            before: serde_json::Value::Null,
            after: json!({"status": request.status, "request_type": request.request_type}),
        };
        Gates::new(&self.store)
            .recorded(actor, change, now, || self.store.append(layout::TICKET_REQUESTS, &line, Durability::Durable))?;
        Ok(request)
    }

    /// Takes an open ticket. Of many callers, in this process and others, one wins.
    ///
    /// # Errors
    /// There is no such ticket, it is not open, or a file cannot be read or written.
    pub fn consume_ticket(&self, id: &str, processor: &str, actor: &Actor) -> Result<TicketResult, TicketFault> {
        limited("request_id", id, MAX_NAME)?;
        limited("processor_id", processor, MAX_NAME)?;
        let desk = self.ticket_desk()?;
        let spot = desk.find(id)?;
        if spot.state != TicketState::Open {
            return Err(TicketFault::Conflict { verb: "consume", state: spot.state });
        }
        let result = desk.result(id, TicketStatus::InProgress, processor, TAKEN);
        desk.change("ticket.consume", actor, spot.state, &result)?;
        Ok(result)
    }

    /// Finishes a ticket that was taken.
    ///
    /// # Errors
    /// There is no such ticket, it is not in progress, or a file cannot be read or written.
    pub fn complete_ticket(&self, id: &str, end: &Completion, actor: &Actor) -> Result<TicketResult, TicketFault> {
        limited("request_id", id, MAX_NAME)?;
        end.check()?;
        let desk = self.ticket_desk()?;
        let spot = desk.find(id)?;
        if spot.state != TicketState::Has(TicketStatus::InProgress) {
            return Err(TicketFault::Conflict { verb: "complete", state: spot.state });
        }
        let result = TicketResult {
            artifacts: end.artifacts.clone(),
            ..desk.result(id, end.done.status(), &end.processor, &end.message)
        };
        desk.change("ticket.complete", actor, spot.state, &result)?;
        Ok(result)
    }

    /// Waits for the lock of the tickets.
    pub(in crate::ops) fn ticket_desk(&self) -> Result<Desk<'_>, StoreFault> {
        let held = self.store.exclusive(layout::TICKETS_LOCK)?;
        Ok(Desk { ops: self, now: self.clock.now(), _held: held })
    }
}

impl Completion {
    fn check(&self) -> Result<(), PayloadFault> {
        limited("processor_id", &self.processor, MAX_NAME)?;
        limited("message", &self.message, MAX_MESSAGE)?;
        if self.artifacts.len() > MAX_ARTIFACTS {
            return Err(PayloadFault { field: "artifacts", why: format!("must be at most {MAX_ARTIFACTS} texts") });
        }
        self.artifacts.iter().try_for_each(|artifact| limited("artifacts", artifact, MAX_ARTIFACT))
    }
}

/// What a line says when a ticket is taken.
pub(in crate::ops) const TAKEN: &str = "Ticket taken";

/// The lock of the tickets with what its holder may do.
pub(in crate::ops) struct Desk<'a> {
    ops: &'a Ops,
    /// When the lock came.
    pub(in crate::ops) now: KstTime,
    _held: RunLock,
}

impl Desk<'_> {
    fn store(&self) -> &Store {
        &self.ops.store
    }

    /// Looks at every ticket, all lines included.
    pub(in crate::ops) fn book<T>(&self, look: impl FnOnce(&Book) -> T) -> Result<T, StoreFault> {
        let mut memory: MutexGuard<'_, Memory> = self.ops.memory();
        Ok(look(memory.tickets.settled(self.store())?))
    }

    /// The ticket of an id.
    pub(in crate::ops) fn find(&self, id: &str) -> Result<Spot, TicketFault> {
        let key = key_of(id).ok_or(TicketFault::NotFound)?;
        self.book(|book| book.find(&key))?.ok_or(TicketFault::NotFound)
    }

    /// The number that the next line of a file will have. The book was looked at before.
    pub(in crate::ops) fn next_line(&self, source: Source) -> u64 {
        self.ops.memory().tickets.next_line(source)
    }

    /// A result line of now.
    pub(in crate::ops) fn result(
        &self,
        id: &str,
        status: TicketStatus,
        processor: &str,
        message: &str,
    ) -> TicketResult {
        TicketResult {
            schema: "TICKET_RESULT_V1".to_owned(),
            result_id: uuid::Uuid::new_v4().to_string(),
            request_id: id.to_owned(),
            processed_at: Stamp::of(self.now),
            status,
            processor_id: processor.to_owned(),
            message: message.to_owned(),
            artifacts: Vec::new(),
        }
    }

    /// Appends a line that is on the disk when this returns.
    pub(in crate::ops) fn append<T: Serialize>(&self, source: Source, line: &T) -> Result<(), StoreFault> {
        self.append_all(source, std::slice::from_ref(line))
    }

    /// Appends some lines together, with one wait for the disk.
    pub(in crate::ops) fn append_all<T: Serialize>(&self, source: Source, lines: &[T]) -> Result<(), StoreFault> {
        let lines = lines.iter().map(line_of).collect::<Result<Vec<String>, StoreFault>>()?;
        self.store().append_all(source.file(), &lines, Durability::Durable)
    }

    /// Records a change of one ticket, then appends the result line that makes it.
    pub(in crate::ops) fn change(
        &self,
        action: &'static str,
        actor: &Actor,
        before: TicketState,
        after: &TicketResult,
    ) -> Result<(), StoreFault> {
        self.recorded(actor, Self::change_of(action, before, after), || self.append(Source::Results, after))
    }

    /// What a result line changes.
    pub(in crate::ops) fn change_of(action: &'static str, before: TicketState, after: &TicketResult) -> Change {
        Change {
            action,
            target: after.request_id.clone(),
            reason: after.message.clone(),
            before: json!({"status": before.as_str()}),
            after: json!({
                "status": after.status,
                "result_id": after.result_id,
                "processor_id": after.processor_id,
            }),
        }
    }

    /// Records any change, then makes it under this lock.
    pub(in crate::ops) fn recorded(
        &self,
        actor: &Actor,
        change: Change,
        act: impl FnOnce() -> Result<(), StoreFault>,
    ) -> Result<(), StoreFault> {
        Gates::new(self.store()).recorded(actor, change, self.now, act)
    }
}

/// One line of a file.
fn line_of<T: Serialize>(value: &T) -> Result<String, StoreFault> {
    serde_json::to_string(value).map_err(unrendered)
}

fn unrendered(fault: serde_json::Error) -> StoreFault {
    StoreFault { verb: "render", path: "a ticket's line".to_owned(), source: std::io::Error::other(fault) }
}
