//! The check commands: one thing done and verified, said in one line that scripts have read for years.
//!
//! The lines are kept byte for byte. A check that fails says ❌ and the cause. `UNKNOWN` in a result, a decision or an
//! overall status is never a pass.

use serde_json::Value;

use crate::contracts::Document as _;
use crate::contracts::EvidenceRef;
use crate::contracts::RunCode;
use crate::contracts::cycle::CycleDecision;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::cycle::CycleResult;
use crate::contracts::summary::OpsSummary;
use crate::contracts::summary::OverallStatus;
use crate::contracts::unwrap;
use crate::gates::Action;
use crate::gates::Gates;
use crate::gates::Permission;
use crate::time::Clock;

use super::client::Backend;
use super::client::Stop;
use super::control::Control;
use super::stages::Judged;
use super::stages::health;
use super::stages::live_cycle;
use super::stages::live_cycle::Tie;
use super::stages::snapshot;
use super::stages::summary;

/// Whether a check acts before it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckMode {
    /// It runs or regenerates first.
    Run,
    /// It only reads what is there.
    NoRun,
}

/// What a check says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckOutcome {
    /// 0, 2 or 3.
    pub exit_code: u8,
    /// The result, line by line.
    pub lines: Vec<String>,
    /// Warnings and the cause of a failure, each with its mark.
    pub remarks: Vec<String>,
}

impl CheckOutcome {
    fn of(line: String) -> Self {
        Self { exit_code: 0, lines: vec![line], remarks: Vec::new() }
    }

    fn failed(exit_code: u8, cause: &str) -> Self {
        Self { exit_code, lines: Vec::new(), remarks: vec![format!("❌ {cause}")] }
    }

    fn judged(judged: &Judged) -> Self {
        let block = judged.class == crate::contracts::StageClass::Block;
        let cause = format!("{}: {}", judged.code, judged.detail.as_deref().unwrap_or_default());
        Self::failed(if block { 2 } else { 3 }, &cause)
    }

    fn warn(&mut self, text: &str) {
        self.remarks.push(format!("⚠️ {text}"));
    }

    fn fail(mut self, exit_code: u8, cause: &str) -> Self {
        self.exit_code = exit_code;
        self.remarks.push(format!("❌ {cause}"));
        self
    }
}

/// Runs a live cycle, reads its receipt back and resolves its snapshot.
#[must_use]
pub fn check_live_cycle(
    backend: &Backend,
    control: &Control,
    clock: &dyn Clock,
    gates: &Gates<'_>,
    mode: CheckMode,
) -> CheckOutcome {
    let mut cycle_id = None;
    if mode == CheckMode::Run {
        if let Permission::Block(code, why) = gates.permit(Action::LiveCycle, clock.now()) {
            return CheckOutcome::failed(2, &format!("{code}: {why}; the live cycle was not run"));
        }
        match live_cycle::judge_run(&backend.run_cycle(control, clock)) {
            Ok(id) => cycle_id = id,
            Err(judged) => return CheckOutcome::judged(&judged),
        }
    }
    let answer = backend.get(control, clock, "/api/live/cycle/latest");
    let receipt = match live_cycle::read_receipt(&answer, cycle_id.as_deref().map_or(Tie::None, Tie::Cycle)) {
        Ok((receipt, _)) => receipt,
        Err(judged) => {
            let row =
                answer.ok().as_ref().and_then(|a| a.json().and_then(|r| unwrap(r, CycleReceipt::SCHEMA)).cloned());
            let read = row.and_then(|row| serde_json::from_value::<CycleReceipt>(Value::Object(row)).ok());
            // A receipt that can be read but not be understood is shown with UNKNOWN before the cause.
            let line = read.filter(|r| r.result.is_none() || r.decision.is_none()).map(|r| live_line(&r));
            let mut outcome = CheckOutcome::judged(&judged);
            outcome.lines.extend(line);
            return outcome;
        }
    };
    let mut outcome = CheckOutcome::of(live_line(&receipt));
    let reference = match snapshot::reference(&receipt) {
        Ok(reference) => reference.to_owned(),
        Err((judged, _)) => return CheckOutcome::failed(2, &cause(&judged)),
    };
    let (judged, shown) =
        snapshot::judge(&backend.resolve(control, clock, &reference), &reference, receipt.cycle_id.as_deref());
    if shown != snapshot::Shown::Ok {
        return CheckOutcome::failed(2, &cause(&judged));
    }
    let delivery = receipt.push.as_ref().and_then(|p| p.delivery_actual.as_deref());
    if receipt.decision != Some(CycleDecision::Blocked) && delivery != Some(crate::contracts::cycle::CONSOLE_SIMULATED)
    {
        outcome.warn(&format!("{}: {}", RunCode::DeliveryNotSimulated, delivery.unwrap_or("missing")));
    }
    outcome
}

fn cause(judged: &Judged) -> String {
    format!("{}: {}", judged.code, judged.detail.as_deref().unwrap_or_default())
}

fn live_line(receipt: &CycleReceipt) -> String {
    let text = |value: Option<&str>| value.unwrap_or("UNKNOWN").to_owned();
    let bundle = receipt.bundle.as_ref();
    format!(
        "LIVE: {} {} | bundle={} stale={} | reco={} | delivery={} | snapshot_ref=OK",
        receipt.result.map_or("UNKNOWN", CycleResult::as_str),
        receipt.decision.map_or("UNKNOWN", CycleDecision::as_str),
        text(bundle.and_then(|b| b.decision.as_deref())),
        bundle.is_none_or(|b| b.stale),
        text(receipt.reco.as_ref().and_then(|r| r.decision.as_deref())),
        text(receipt.push.as_ref().and_then(|p| p.delivery_actual.as_deref())),
    )
}

/// Regenerates the ops summary, reads it back and resolves the refs that prove its health.
#[must_use]
pub fn check_ops_summary(backend: &Backend, control: &Control, clock: &dyn Clock, mode: CheckMode) -> CheckOutcome {
    if mode == CheckMode::Run
        && let Some(judged) = summary::judge_regenerate(&backend.regenerate_summary(control, clock))
    {
        return CheckOutcome::judged(&judged);
    }
    let answer = backend.get(control, clock, "/api/ops/summary/latest");
    let ready = answer.as_ref().ok().filter(|answer| answer.status == 200);
    let Some(found) = ready.and_then(|answer| summary::read(answer.json()?)) else {
        let text = answer.map_or_else(|fault| fault.to_string(), |answer| answer.excerpt());
        return CheckOutcome::failed(3, &format!("{}: {text}", RunCode::SummaryInvalid));
    };
    let health = found.guard.as_ref().map(|guard| &guard.evidence_health);
    let reference = health.and_then(|health| health.snapshot_ref.as_deref()).filter(|text| !text.is_empty());
    let mut outcome = CheckOutcome::default();
    let mut resolves = |reference: &str| match resolved(backend, control, clock, reference) {
        Ok(()) => true,
        Err(why) => {
            outcome.warn(&format!("{reference} does not resolve: {why}"));
            false
        }
    };
    let shown = match reference {
        None => "N/A",
        Some(reference) if resolves(reference) => "OK",
        Some(_) => "SKIP",
    };
    for risk in found.top_risks.iter().filter(|risk| risk.code.starts_with("EVIDENCE_HEALTH_")) {
        for reference in risk.evidence_refs.iter().filter(|text| Some(text.as_str()) != reference) {
            resolves(reference);
        }
    }
    outcome.lines = summary_lines(&found, shown);
    if found.overall_status.is_none() {
        return outcome.fail(3, &format!("{}: overall_status is missing or unknown", RunCode::SummaryInvalid));
    }
    outcome
}

fn summary_lines(found: &OpsSummary, shown: &str) -> Vec<String> {
    let health = found.guard.as_ref().and_then(|guard| guard.evidence_health.decision.as_deref());
    let recent = found.tickets_recent.as_ref();
    let count = |value: Option<u64>| value.map_or_else(|| "UNKNOWN".to_owned(), |n| n.to_string());
    let codes: Vec<&str> = found.top_risks.iter().map(|risk| risk.code.as_str()).collect();
    vec![
        format!(
            "OPS: {} | health={} | snapshot={shown}",
            found.overall_status.map_or("UNKNOWN", OverallStatus::as_str),
            health.unwrap_or("UNKNOWN"),
        ),
        format!(
            "tickets_recent: failed={} excluded={}",
            count(recent.map(|r| r.failed)),
            count(recent.map(|r| r.excluded_cleanup_failed))
        ),
        format!("top_risks: [{}]", codes.join(",")),
    ]
}

fn resolved(backend: &Backend, control: &Control, clock: &dyn Clock, reference: &str) -> Result<(), String> {
    EvidenceRef::parse(reference).map_err(|fault| fault.to_string())?;
    let answer = backend.resolve(control, clock, reference).map_err(|fault| fault.to_string())?;
    let ready = answer.json().is_some_and(|reply| {
        reply.get("status").and_then(Value::as_str) == Some("ready") && unwrap(reply, "EVIDENCE_VIEW_V1").is_some()
    });
    if answer.status == 200 && ready { Ok(()) } else { Err(answer.excerpt()) }
}

/// Runs an ops cycle on a healthy backend.
#[must_use]
pub fn check_ops_cycle(backend: &Backend, control: &Control, clock: &dyn Clock) -> CheckOutcome {
    let (judged, _) = health::judge(&backend.health(control, clock));
    if judged.class == crate::contracts::StageClass::Fail {
        return CheckOutcome::judged(&judged);
    }
    let answer = match backend.run_ops_cycle(control, clock) {
        Ok(answer) => answer,
        Err(super::client::CallFault::Ended(Stop::Interrupted)) => {
            return CheckOutcome::failed(3, "INTERRUPTED: a signal came; the ops cycle may have run");
        }
        Err(fault) => {
            return CheckOutcome::failed(3, &format!("the ops cycle got no answer and may have run: {fault}"));
        }
    };
    if answer.status == 404 {
        return CheckOutcome::failed(3, &format!("this backend has no ops cycle: {}", answer.excerpt()));
    }
    let document = answer.json().and_then(|reply| unwrap(reply, "OPS_CYCLE_RUN_V2"));
    let Some(document) = document.filter(|_| answer.is_success() || answer.status == 409) else {
        return CheckOutcome::failed(3, &answer.excerpt());
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("N/A").to_owned();
    let counter = |key: &str| {
        let value = document.get("counters").and_then(|c| c.get(key)).and_then(Value::as_u64);
        value.map_or_else(|| "N/A".to_owned(), |n| n.to_string())
    };
    let status = text(document.get("overall_status"));
    let outcome = CheckOutcome::of(format!(
        "[OPS_CYCLE] {status} overall={status} reason={} evidence={} tickets(f/d/b)={}/{}/{}",
        text(document.get("reason")),
        text(document.get("evidence_health").and_then(|health| health.get("decision"))),
        counter("tickets_failed"),
        counter("tickets_done"),
        counter("tickets_blocked"),
    ));
    match status.as_str() {
        "DONE" | "DONE_WITH_SKIPS" | "WARN" | "STOPPED" | "SKIPPED" => outcome,
        "BLOCKED" => outcome.fail(2, "the ops cycle is BLOCKED"),
        _ => outcome.fail(3, &format!("the ops cycle is {status}")),
    }
}
