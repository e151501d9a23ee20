//! The reaper: a ticket that was taken and never finished is failed after a while.

use serde_json::json;

use super::Ops;
use super::OpsFault;
use super::resolving;
use super::ticket_file::Source;
use super::tickets::Desk;
use super::tickets::Spot;
use super::tickets::TicketFault;
use super::tickets::request_rows;
use super::tickets::result_rows;
use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::ticket::RequestRow;
use crate::contracts::ticket::ResultRow;
use crate::contracts::ticket::TicketState;
use crate::contracts::ticket::TicketStatus;
use crate::contracts::ticket::documents::Cleaned;
use crate::contracts::ticket::documents::ReaperReport;
use crate::contracts::ticket::documents::TicketResult;
use crate::gates::Change;
use crate::store::Published;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Who fails a ticket here.
const PROCESSOR: &str = "TICKET_REAPER";
/// How the message of such a line starts; it marks a clean-up, which is no failure of the work.
const MARK: &str = "AUTO_CLEANUP_STALE_IN_PROGRESS";

/// Most tickets that one run fails, whoever asks: it holds their lock meanwhile.
const MOST: usize = 1000;
/// Seconds that a writer's clock may be ahead of this one.
const AHEAD: i64 = 300;

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

/// A ticket that was taken too long ago.
struct Stale {
    spot: Spot,
    /// `None` when neither its last line nor its request says a time.
    age: Option<i64>,
}

impl Ops {
    /// Fails every ticket that has been IN_PROGRESS for longer than `threshold_seconds`, at most `max_clean` of them and
    /// 1000, the ones asked for first before the others.
    ///
    /// # Errors
    /// The tickets cannot be read, or a line or the report not be written.
    pub fn reap_tickets(
        &self,
        threshold_seconds: u64,
        max_clean: usize,
        actor: &Actor,
    ) -> Result<ReaperOutcome, OpsFault> {
        let desk = self.ticket_desk()?;
        let now = desk.now;
        let state = TicketState::Has(TicketStatus::InProgress);
        let taken = desk.book(|book| book.oldest(state, usize::MAX))?;
        let threshold = i64::try_from(threshold_seconds).unwrap_or(i64::MAX);
        let stale = taken.into_iter().map(|spot| Stale { spot, age: age(&spot, now) });
        // Without any time nobody could ever say that it is stale, and it would stay for ever.
        let mut stale: Vec<Stale> = stale.filter(|stale| stale.age.is_none_or(|age| age > threshold)).collect();
        let stale_count = stale.len() as u64;
        stale.truncate(max_clean.min(MOST));
        let (cleaned, lines) = self.lines_of(&desk, &stale, threshold_seconds)?;
        let first = desk.next_line(Source::Results);
        let refs: Vec<String> =
            (first..).zip(&lines).map(|(number, _)| format!("{}:line{number}", layout::TICKET_RESULTS)).collect();
        let decision = if cleaned.is_empty() { "NONE" } else { "CLEANED" };
        if !cleaned.is_empty() {
            let change = Change {
                action: "ticket.reap",
                target: layout::TICKET_RESULTS.to_owned(),
                reason: format!("{MARK}: threshold={threshold_seconds}s"),
                before: json!({"status": state.as_str(), "stale_count": stale_count}),
                after: json!({"status": "FAILED", "request_ids": ids(&cleaned)}),
            };
            desk.recorded(actor, change, || desk.append_all(Source::Results, &lines))?;
        }
        let report = ReaperReport {
            schema: ReaperReport::SCHEMA.to_owned(),
            asof: Some(Stamp::of(now)),
            decision: decision.to_owned(),
            threshold_seconds,
            stale_count,
            cleaned_count: cleaned.len() as u64,
            cleaned_items: cleaned,
            evidence_refs: resolving(&self.store, refs),
        };
        let (report, published) = self.store.publish(layout::REAPER, now, &|_| report.clone())?;
        Ok(ReaperOutcome { decision: report.decision, stale_count, cleaned_count: report.cleaned_count, published })
    }

    /// The rows of the report and the lines that fail the tickets.
    fn lines_of(
        &self,
        desk: &Desk<'_>,
        stale: &[Stale],
        threshold: u64,
    ) -> Result<(Vec<Cleaned>, Vec<TicketResult>), OpsFault> {
        let spots: Vec<Spot> = stale.iter().map(|stale| stale.spot).collect();
        let requests = request_rows(&self.store, &spots, |row| RequestRow { payload: None, trace_id: None, ..row })?;
        let results = result_rows(&self.store, &spots, ResultRow::shown)?;
        let (mut cleaned, mut lines) = (Vec::new(), Vec::new());
        for ((stale, request), last) in stale.iter().zip(requests).zip(results) {
            // The line was there a moment ago, and nobody else may change the file: then it is not to be relied on.
            let Some(request) = request else { continue };
            let age = stale.age.map_or_else(|| "unknown".to_owned(), |age| format!("{age}s"));
            let message = format!("{MARK}: threshold={threshold}s, age={age}");
            let line = desk.result(&request.request_id, TicketStatus::Failed, PROCESSOR, &message);
            lines.push(line);
            cleaned.push(Cleaned {
                request_id: request.request_id,
                request_type: request.request_type,
                last_processed_at: last.and_then(|last| last.processed_at),
                reason: message,
            });
        }
        Ok((cleaned, lines))
    }
}

fn ids(cleaned: &[Cleaned]) -> Vec<&str> {
    cleaned.iter().map(|item| item.request_id.as_str()).collect()
}

/// Seconds since the ticket was taken, or, when that line says no time, since it was asked for.
fn age(spot: &Spot, now: KstTime) -> Option<i64> {
    let age = |at: i64| now.timestamp_micros().saturating_sub(at).div_euclid(1_000_000);
    // A time in the future is none: the ticket would stay for ever.
    let known = |at: Option<i64>| at.map(age).filter(|age| *age >= -AHEAD);
    known(spot.processed_at).or_else(|| known(spot.requested_at))
}

impl From<TicketFault> for OpsFault {
    fn from(fault: TicketFault) -> Self {
        match fault {
            TicketFault::Store(fault) => Self::Store(fault),
            TicketFault::Payload(_) | TicketFault::NotFound | TicketFault::Conflict { .. } => {
                Self::Unreadable(fault.to_string())
            }
        }
    }
}
