//! The worker: takes the oldest open ticket, does it as the gate allows, and writes receipt and result.
//!
//! | gate | what happens | acceptance |
//! |---|---|---|
//! | MOCK_ONLY | nothing; it is said so | MOCK_MODE |
//! | DRY_RUN | the plan is written down | DRY_RUN_MODE |
//! | REAL_ENABLED | everything is checked, and it is refused: this program has no real execution | BLOCKED_BY_SAFETY_CHECK |
//!
//! No process is ever started. The receipt comes before the result: a ticket that ended has its receipt. A worker that
//! dies in between leaves its ticket IN_PROGRESS, for the reaper.

use std::time::Duration;

use super::Ops;
use super::OpsFault;
use super::resolves;
use super::ticket_file::Source;
use super::tickets::Desk;
use super::tickets::Safety;
use super::tickets::Spot;
use super::tickets::TAKEN;
use super::tickets::Work;
use super::tickets::artifact;
use super::tickets::request_rows;
use super::tickets::result_rows;
use crate::contracts::Document as _;
use crate::contracts::GateMode;
use crate::contracts::Json;
use crate::contracts::actor::Actor;
use crate::contracts::json::sha256_hex;
use crate::contracts::ticket::RequestRow;
use crate::contracts::ticket::TicketState;
use crate::contracts::ticket::TicketStatus;
use crate::contracts::ticket::documents::Acceptance;
use crate::contracts::ticket::documents::Answers;
use crate::contracts::ticket::documents::Decision;
use crate::contracts::ticket::documents::DryRun;
use crate::contracts::ticket::documents::ExecutionReceipt;
use crate::contracts::ticket::documents::FileProof;
use crate::contracts::ticket::documents::OutputProof;
use crate::contracts::ticket::documents::OutputsProof;
use crate::contracts::ticket::documents::Preflight;
use crate::contracts::ticket::documents::TicketResult;
use crate::contracts::ticket::payload::RequestType;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::kst;

/// How long a worker may hold its lock before others call it overdue.
const LIMIT: Duration = Duration::from_secs(600);
/// Seconds that the file of another program may have been written ahead of this clock.
const AHEAD: i64 = 60;
/// Where the outputs of every kind lie.
const LATEST_DIR: &str = "reports/phase_c/latest/";
/// Why real execution is refused when nothing else stands against it.
const NOT_AVAILABLE: &str = "REAL_NOT_AVAILABLE";

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

impl TicketStep {
    fn idle(decision: &'static str, reason: impl Into<String>) -> Self {
        Self {
            attempted: false,
            selected_request_id: None,
            selected_request_type: None,
            decision,
            reason: reason.into(),
            receipt_ref: None,
        }
    }
}

/// A ticket in the hands of this worker.
struct Taken {
    request: RequestRow,
    kind: Option<RequestType>,
    /// The line that took it.
    line: TicketResult,
}

/// How the work on a ticket ended, before it is written.
#[derive(Debug)]
struct Ended {
    decision: Decision,
    mode: &'static str,
    acceptance: &'static str,
    block_reasons: Vec<String>,
    message: String,
    preflight: Option<String>,
    artifacts: Vec<String>,
}

impl Ops {
    /// Does the oldest open ticket, at most one.
    ///
    /// # Errors
    /// The tickets cannot be read, or a line not be written.
    pub fn work_one_ticket(&self, actor: &Actor) -> Result<TicketStep, OpsFault> {
        let _held = match self.worker_lock()? {
            Ok(lock) => lock,
            Err(why) => return Ok(TicketStep::idle("SKIPPED", why)),
        };
        match self.take_oldest(actor)? {
            None => Ok(TicketStep::idle("NONE", "NO_OPEN_TICKETS")),
            Some(taken) => self.work(&taken, actor),
        }
    }

    /// The worker's lock, or who has it.
    fn worker_lock(&self) -> Result<Result<RunLock, String>, StoreFault> {
        let now = self.clock.now();
        if let Some(why) = foreign_holder(&self.store, now)? {
            return Ok(Err(why));
        }
        let holder = Holder::this_process(&uuid::Uuid::new_v4().to_string(), now, LIMIT);
        Ok(match self.store.try_lock(layout::WORKER_LOCK, &holder)? {
            LockOutcome::Acquired(held) => Ok(held.lock),
            LockOutcome::Held(other) => {
                let since = other.held_seconds(now).map_or_else(|| "unknown".to_owned(), |s| format!("{s}s"));
                Err(format!("WORKER_LOCKED: pid {} for {since}", other.pid))
            }
        })
    }

    fn take_oldest(&self, actor: &Actor) -> Result<Option<Taken>, OpsFault> {
        let desk = self.ticket_desk()?;
        let oldest = desk.book(|book| book.oldest(TicketState::Open, 1))?;
        if oldest.is_empty() {
            return Ok(None);
        }
        let request = request_rows(&self.store, &oldest, |row| row)?.into_iter().next().flatten();
        let request =
            request.ok_or_else(|| OpsFault::Unreadable(format!("a line of {} is gone", layout::TICKET_REQUESTS)))?;
        let processor = format!("worker_{}", std::process::id());
        let line = desk.result(&request.request_id, TicketStatus::InProgress, &processor, TAKEN);
        desk.change("ticket.work", actor, TicketState::Open, &line)?;
        let kind = request.request_type.as_deref().and_then(RequestType::parse);
        Ok(Some(Taken { request, kind, line }))
    }

    fn work(&self, taken: &Taken, actor: &Actor) -> Result<TicketStep, OpsFault> {
        let outputs = taken.kind.map_or([].as_slice(), |kind| Work::of(kind).outputs);
        let before: Vec<FileProof> = outputs.iter().map(|file| proof(&self.store, file)).collect();
        let now = self.clock.now();
        let safety = Safety::read(&self.store, taken.kind, now);
        let ended = self.execute(taken, &safety, now)?;
        let targets = outputs.iter().zip(before).map(|(file, before)| {
            let after = proof(&self.store, file);
            let verified = after.exists && after.sha256.is_some();
            OutputProof { path: (*file).to_owned(), changed: before.sha256 != after.sha256, before, after, verified }
        });
        let receipt = ExecutionReceipt {
            schema: "EXECUTION_RECEIPT_V3".to_owned(),
            asof: Stamp::of(self.clock.now()),
            receipt_id: uuid::Uuid::new_v4().to_string(),
            request_id: taken.request.request_id.clone(),
            request_type: taken.request.request_type.clone().unwrap_or_default(),
            mode: ended.mode.to_owned(),
            decision: ended.decision,
            exit_code: None,
            outputs_proof: OutputsProof { latest_dir: LATEST_DIR.to_owned(), targets: targets.collect() },
            acceptance: Acceptance { pass: ended.decision == Decision::Executed, reason: ended.acceptance.to_owned() },
            safety_checks: safety.checks,
            preflight_artifact_path: ended.preflight.clone(),
            block_reasons: ended.block_reasons.clone(),
        };
        self.finish(taken, ended, &receipt, actor)
    }

    /// Writes receipt and result, if the ticket is still this worker's.
    fn finish(
        &self,
        taken: &Taken,
        ended: Ended,
        receipt: &ExecutionReceipt,
        actor: &Actor,
    ) -> Result<TicketStep, OpsFault> {
        let desk = self.ticket_desk()?;
        let spot = desk.find(&taken.request.request_id)?;
        let mut step = TicketStep {
            attempted: true,
            selected_request_id: Some(taken.request.request_id.clone()),
            selected_request_type: taken.request.request_type.clone(),
            ..TicketStep::idle("SKIPPED", format!("TICKET_CHANGED_MEANWHILE: {}", spot.state.as_str()))
        };
        if !is_ours(&self.store, spot, &taken.line)? {
            return Ok(step);
        }
        let number = desk.next_line(Source::Receipts);
        let status = if ended.decision == Decision::Executed { TicketStatus::Done } else { TicketStatus::Failed };
        let result = TicketResult {
            artifacts: ended.artifacts,
            ..desk.result(&taken.request.request_id, status, &taken.line.processor_id, &ended.message)
        };
        let change = Desk::change_of("ticket.work", spot.state, &result);
        desk.recorded(actor, change, || {
            desk.append(Source::Receipts, receipt)?;
            desk.append(Source::Results, &result)
        })?;
        step.decision = "PROCESSED";
        step.reason = match ended.block_reasons.first() {
            None => "TICKET_PROCESSED_OK".to_owned(),
            Some(why) => format!("TICKET_BLOCKED: {why}"),
        };
        let reference = format!("{}:line{number}", layout::TICKET_RECEIPTS);
        step.receipt_ref = resolves(&self.store, &reference).then_some(reference);
        Ok(step)
    }

    fn execute(&self, taken: &Taken, safety: &Safety, now: KstTime) -> Result<Ended, OpsFault> {
        let mode = mode_word(safety.gate);
        if safety.checks.emergency_stop {
            return Ok(blocked(mode, vec!["EMERGENCY_STOP".to_owned()]));
        }
        let Some(kind) = taken.kind else {
            return Ok(blocked(mode, vec!["UNKNOWN_REQUEST_TYPE".to_owned()]));
        };
        if kind == RequestType::Acknowledge {
            return Ok(acknowledged(safety.gate));
        }
        let Some((preflight, path)) = self.preflight(&taken.request.request_id, kind, safety, now)? else {
            return Ok(blocked(mode, vec!["REQUEST_ID_NOT_SAFE".to_owned()]));
        };
        let ended = match safety.gate {
            GateMode::MockOnly => executed(mode, "MOCK_MODE", format!("[MOCK_ONLY] Simulated {}", kind.as_str())),
            GateMode::DryRun => match payload_fault(taken, kind) {
                Some(why) => blocked(mode, vec![why]),
                None => self.dry_run(taken, &preflight, now)?,
            },
            GateMode::RealEnabled => refused(safety, &preflight, payload_fault(taken, kind)),
        };
        let mut artifacts = vec![path.clone()];
        artifacts.extend(ended.artifacts);
        Ok(Ended { preflight: Some(path), artifacts, ..ended })
    }

    /// Writes down what would be run.
    fn dry_run(&self, taken: &Taken, preflight: &Preflight, now: KstTime) -> Result<Ended, OpsFault> {
        let Some(path) = artifact("dryrun", &taken.request.request_id) else {
            return Ok(blocked("DRY_RUN", vec!["REQUEST_ID_NOT_SAFE".to_owned()]));
        };
        let plan = DryRun {
            schema: DryRun::SCHEMA.to_owned(),
            asof: Some(Stamp::of(now)),
            request_id: preflight.request_id.clone(),
            request_type: preflight.request_type.clone(),
            valid: preflight.is_pass(),
            plan_ref: preflight.effective_plan.clone(),
            checks: Answers::from(&preflight.checks),
            errors: preflight.fail_reasons.clone(),
        };
        self.store.write_document(&path, &plan)?;
        let message = format!("[DRY_RUN] Would run `{}`; {}", plan.plan_ref.join(" "), preflight.decision);
        Ok(Ended { artifacts: vec![path], ..executed("DRY_RUN", "DRY_RUN_MODE", message) })
    }
}

/// Who holds the lock by the mere file, as other programs do: only the file's age says when that ends. A holder of our own
/// kind is judged by the system's lock.
fn foreign_holder(store: &Store, now: KstTime) -> Result<Option<String>, StoreFault> {
    let Some(bytes) = store.read(layout::WORKER_LOCK)? else { return Ok(None) };
    let ours = |holder: &Holder| holder.pid != 0;
    if bytes.iter().all(u8::is_ascii_whitespace) || serde_json::from_slice::<Holder>(&bytes).is_ok_and(|h| ours(&h)) {
        return Ok(None);
    }
    let age = modified(store, layout::WORKER_LOCK).map(|at| (now - at).num_seconds());
    let limit = i64::try_from(LIMIT.as_secs()).unwrap_or(i64::MAX);
    // A file from the future would hold for ever.
    Ok(age.is_none_or(|age| (-AHEAD..=limit).contains(&age)).then(|| {
        let age = age.map_or_else(|| "unknown".to_owned(), |age| format!("{}s", age.max(0)));
        format!("WORKER_LOCKED: by another program for {age}")
    }))
}

fn modified(store: &Store, file: &str) -> Option<KstTime> {
    let at = std::fs::metadata(store.path(file)).ok()?.modified().ok()?;
    Some(chrono::DateTime::<chrono::Utc>::from(at).with_timezone(&kst()))
}

/// Whether the newest line of a ticket is still the one that took it.
fn is_ours(store: &Store, spot: Spot, line: &TicketResult) -> Result<bool, StoreFault> {
    let newest = result_rows(store, &[spot], |row| row)?.into_iter().next().flatten();
    Ok(spot.state == TicketState::Has(TicketStatus::InProgress)
        && newest.is_some_and(|newest| newest.result_id.as_ref() == Some(&line.result_id)))
}

/// What is wrong with a payload that was stored without being checked.
fn payload_fault(taken: &Taken, kind: RequestType) -> Option<String> {
    let text = taken.request.payload.as_ref().map_or("null", |payload| payload.get());
    match Json::parse(text.as_bytes()) {
        Ok(payload) => kind.check(&payload).err().map(|fault| format!("PAYLOAD_INVALID: {fault}")),
        Err(fault) => Some(format!("PAYLOAD_INVALID: {fault}")),
    }
}

fn mode_word(gate: GateMode) -> &'static str {
    match gate {
        GateMode::MockOnly => "MOCK_ONLY",
        GateMode::DryRun => "DRY_RUN",
        GateMode::RealEnabled => "REAL",
    }
}

fn executed(mode: &'static str, acceptance: &'static str, message: String) -> Ended {
    Ended {
        decision: Decision::Executed,
        mode,
        acceptance,
        block_reasons: Vec::new(),
        message,
        preflight: None,
        artifacts: Vec::new(),
    }
}

fn blocked(mode: &'static str, reasons: Vec<String>) -> Ended {
    Ended {
        decision: Decision::Blocked,
        acceptance: "BLOCKED_BY_SAFETY_CHECK",
        message: format!("[BLOCKED] {}", reasons.join(", ")),
        block_reasons: reasons,
        ..executed(mode, "", String::new())
    }
}

/// An acknowledgement is done by being written down. That is no real execution, whatever the gate says.
fn acknowledged(gate: GateMode) -> Ended {
    match gate {
        GateMode::MockOnly => executed("MOCK_ONLY", "MOCK_MODE", "[MOCK_ONLY] Acknowledged".to_owned()),
        GateMode::DryRun | GateMode::RealEnabled => {
            executed("DRY_RUN", "DRY_RUN_MODE", "[DRY_RUN] Acknowledged".to_owned())
        }
    }
}

/// Real execution: everything is checked as if it could be done, and then it is refused all the same.
fn refused(safety: &Safety, preflight: &Preflight, payload: Option<String>) -> Ended {
    let mut reasons = safety.against_real();
    reasons.extend(payload);
    let only_preflight = reasons.is_empty() && !preflight.is_pass();
    reasons.extend(preflight.fail_reasons.iter().map(|why| format!("PREFLIGHT_FAIL: {why}")));
    if reasons.is_empty() {
        reasons.push(NOT_AVAILABLE.to_owned());
    }
    let ended = blocked("REAL", reasons);
    if only_preflight { Ended { acceptance: "PREFLIGHT_FAIL", ..ended } } else { ended }
}

fn proof(store: &Store, file: &str) -> FileProof {
    match store.read(file) {
        Ok(None) => FileProof::default(),
        Ok(Some(bytes)) => FileProof {
            exists: true,
            mtime_iso: modified(store, file).map(Stamp::of),
            size_bytes: Some(bytes.len() as u64),
            sha256: Some(sha256_hex(&bytes)),
        },
        // It is there and cannot be read: no hash, so nothing is verified.
        Err(_) => FileProof { exists: true, ..FileProof::default() },
    }
}
