//! The board: the newest tickets with where they stand. The index says which; their lines are read on demand.

use serde::Serialize;
use serde_json::value::RawValue;

use super::Spot;
use crate::contracts::ticket::RequestRow;
use crate::contracts::ticket::ResultRow;
use crate::contracts::ticket::TicketState;
use crate::ops::Ops;
use crate::ops::OpsFault;
use crate::ops::ticket_file::unmarked;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Stamp;

/// How often the files are read again when they were replaced while the rows were read.
const LOOKS: usize = 3;

/// One row of the board.
#[derive(Clone, Debug, Serialize)]
pub struct BoardRow {
    /// The ticket.
    pub request_id: String,
    /// When it was asked for, as written.
    pub requested_at: Option<Stamp>,
    /// Its kind.
    pub request_type: Option<String>,
    /// The members of its kind, as written.
    pub payload: Option<Box<RawValue>>,
    /// The run that asked.
    pub trace_id: Option<String>,
    /// OPEN, IN_PROGRESS, DONE or FAILED.
    pub current_status: &'static str,
    /// What its newest result says.
    pub last_message: Option<String>,
    /// When that was, as written.
    pub last_processed_at: Option<Stamp>,
}

/// The newest tickets.
#[derive(Clone, Debug)]
pub struct TicketBoard {
    /// Newest first.
    pub rows: Vec<BoardRow>,
    /// How many tickets there are in the state that was asked for.
    pub total: u64,
    /// Lines of the ticket files that cannot be read.
    pub bad_lines: u64,
}

impl Ops {
    /// The newest `limit` tickets, only those in `state` when one is given.
    ///
    /// # Errors
    /// A ticket file cannot be read.
    pub fn ticket_board(&self, state: Option<TicketState>, limit: usize) -> Result<TicketBoard, OpsFault> {
        for _ in 0..LOOKS {
            let mut memory = self.memory();
            let index = &mut memory.tickets;
            let (spots, total) = index.look(&self.store, |book| (book.newest(state, limit), book.total(state)));
            let (bad_lines, unreadable) = (index.bad_lines(), index.unreadable());
            drop(memory);
            if let Some(why) = unreadable.into_iter().next() {
                return Err(OpsFault::Unreadable(why));
            }
            if let Some(rows) = rows(&self.store, &spots)? {
                return Ok(TicketBoard { rows, total, bad_lines });
            }
        }
        Err(OpsFault::Unreadable(format!("{} is replaced all the time", layout::TICKET_REQUESTS)))
    }
}

/// What `keep` leaves of the request lines behind some tickets; `None` for one whose line is no longer where it was.
pub(in crate::ops) fn request_rows(
    store: &Store,
    spots: &[Spot],
    keep: impl Fn(RequestRow) -> RequestRow,
) -> Result<Vec<Option<RequestRow>>, StoreFault> {
    let offsets: Vec<u64> = spots.iter().map(|spot| spot.request).collect();
    store.lines_at(layout::TICKET_REQUESTS, &offsets, |line| RequestRow::read(unmarked(line)).map(&keep))
}

/// What `keep` leaves of the newest result lines behind some tickets; `None` for a ticket without one.
pub(in crate::ops) fn result_rows(
    store: &Store,
    spots: &[Spot],
    keep: impl Fn(ResultRow) -> ResultRow,
) -> Result<Vec<Option<ResultRow>>, StoreFault> {
    let offsets: Vec<u64> = spots.iter().filter_map(|spot| spot.result).collect();
    if offsets.is_empty() {
        return Ok(vec![None; spots.len()]);
    }
    let read = |line: &[u8]| ResultRow::read(unmarked(line)).map(&keep);
    let mut found = store.lines_at(layout::TICKET_RESULTS, &offsets, read)?.into_iter();
    Ok(spots.iter().map(|spot| spot.result.and_then(|_| found.next().flatten())).collect())
}

/// The rows of the board; `None` when a line is no longer where it was, as after a file was replaced.
fn rows(store: &Store, spots: &[Spot]) -> Result<Option<Vec<BoardRow>>, StoreFault> {
    // A foreign line may hold megabytes: each row is cut before the next line is read.
    let requests = request_rows(store, spots, RequestRow::shown)?;
    let results = result_rows(store, spots, ResultRow::shown)?;
    let rows = spots.iter().zip(requests).zip(results).map(|((spot, request), result)| {
        let request = request?;
        if spot.result.is_some() && result.as_ref().is_none_or(|result| result.request_id != request.request_id) {
            return None;
        }
        let (last_message, last_processed_at) =
            result.map(|last| (last.message, last.processed_at)).unwrap_or_default();
        Some(BoardRow {
            request_id: request.request_id,
            requested_at: request.requested_at,
            request_type: request.request_type,
            payload: request.payload,
            trace_id: request.trace_id,
            current_status: spot.state.as_str(),
            last_message,
            last_processed_at,
        })
    });
    Ok(rows.collect())
}
