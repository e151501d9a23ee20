//! The safety drill: the chain of the ops cycle walked through once with the functions that do the daily work.
//!
//! Nothing leaves the host: messages are rendered for the console, and any other delivery fails the drill. Evidence that
//! fails its check skips all that follows. The whole is as good as its worst step; a step that was skipped is no pass.

use super::Ops;
use super::OpsCycleFault;
use super::OpsFault;
use super::guarded;
use super::push::OwnMessage;
use super::resolves;
use super::resolving;
use crate::contracts::Document as _;
use crate::contracts::EvidenceRef;
use crate::contracts::Json;
use crate::contracts::actor::Actor;
use crate::contracts::drill::DrillInputs;
use crate::contracts::drill::DrillReport;
use crate::contracts::drill::DrillStep;
use crate::contracts::drill::StepResult;
use crate::contracts::health::HealthDecision;
use crate::contracts::push::PushPreview;
use crate::contracts::reason::detail;
use crate::contracts::summary::OpsSummary;
use crate::contracts::summary::OverallStatus;
use crate::gates::Change;
use crate::gates::Gates;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Stamp;

/// The steps in their order.
const STEPS: [(&str, Step); 6] = [
    ("evidence_health", Ops::drill_health),
    ("ops_cycle", Ops::drill_cycle),
    ("ops_summary", Ops::drill_summary),
    ("outbox_preview", Ops::drill_preview),
    ("send_console", Ops::drill_console),
    ("resolver_proof", Ops::drill_resolver),
];
/// Reasons that are listed.
const TOP: usize = 5;
/// What the drill's own message says.
const MESSAGE: &str = "훈련: 콘솔 미리보기 확인용 메시지입니다. 밖으로 나가지 않습니다.";

type Step = fn(&Ops, &mut Walk<'_>) -> Result<DrillStep, OpsFault>;

/// A drill that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct DrillOutcome {
    /// The report.
    pub report: DrillReport,
    /// Where it lies.
    pub published: Published,
}

/// A drill left no report.
#[derive(Debug, thiserror::Error)]
pub enum DrillFault {
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// What the steps hand on.
struct Walk<'a> {
    actor: &'a Actor,
    run_id: &'a str,
    summary: Option<(OpsSummary, String)>,
    refs: Vec<String>,
}

impl Ops {
    /// Runs the drill and stores its report.
    ///
    /// # Errors
    /// The trail of changes or the report cannot be written.
    pub fn run_drill(&self, actor: &Actor) -> Result<DrillOutcome, DrillFault> {
        let started = self.clock.now();
        let run_id = uuid::Uuid::new_v4().to_string();
        let change = Change { action: "drill.run", target: run_id.clone(), ..Change::default() };
        Gates::new(&self.store).record(actor, change, started)?;
        let inputs_observed = self.drill_inputs();
        let mut walk = Walk { actor, run_id: &run_id, summary: None, refs: Vec::new() };
        let steps = self.walk(&mut walk);
        let worst = steps.iter().filter_map(|step| step.result).max();
        // Skipped steps without a failure still are something to look at.
        let overall = match worst {
            Some(StepResult::Pass) => StepResult::Pass,
            Some(StepResult::Warn | StepResult::Skipped) => StepResult::Warn,
            Some(StepResult::Fail) | None => StepResult::Fail,
        };
        let report = DrillReport {
            schema: DrillReport::SCHEMA.to_owned(),
            asof: Some(Stamp::of(started)),
            run_id: Some(run_id.clone()),
            inputs_observed,
            top_fail_reasons: fail_reasons(&steps),
            steps,
            overall_result: Some(overall.as_str().to_owned()),
            evidence_refs: Vec::new(),
        };
        let cited = resolving(&self.store, walk.refs);
        let (report, published) = self.store.publish(layout::DRILL, started, &|snapshot_ref| DrillReport {
            evidence_refs: cited.iter().cloned().chain([snapshot_ref.to_owned()]).collect(),
            ..report.clone()
        })?;
        Ok(DrillOutcome { report, published })
    }

    fn drill_inputs(&self) -> DrillInputs {
        let switches = Gates::new(&self.store).switches();
        let self_test = self.store.read(layout::SELF_TEST.latest).ok().flatten();
        let self_test = self_test.and_then(|bytes| Json::parse(&bytes).ok());
        let decision = self_test.as_ref().and_then(|test| test.get("decision")).and_then(Json::as_str);
        DrillInputs {
            gate_mode: Some(switches.gate.value.as_str().to_owned()),
            emergency_stop_enabled: switches.stop.value,
            sender_enabled: switches.sender.value,
            self_test_passed: decision == Some("SELF_TEST_PASS"),
        }
    }

    fn walk(&self, walk: &mut Walk<'_>) -> Vec<DrillStep> {
        let mut steps: Vec<DrillStep> = Vec::new();
        for (name, step) in STEPS {
            // Only evidence that fails its check ends the walk; what else fails is reported and the next step is tried.
            if steps.first().is_some_and(|first| first.result == Some(StepResult::Fail)) {
                steps.push(DrillStep { name: name.to_owned(), ..ended(StepResult::Skipped, "UPSTREAM_FAIL") });
                continue;
            }
            let start = self.clock.monotonic();
            let done = guarded(|| step(self, walk)).map_err(OpsFault::Defect).and_then(|done| done);
            let done = done.unwrap_or_else(|fault| ended(StepResult::Fail, &fault.to_string()));
            let elapsed = self.clock.monotonic().saturating_sub(start);
            let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            steps.push(DrillStep { name: name.to_owned(), elapsed_ms, ..done });
        }
        steps
    }

    fn drill_health(&self, walk: &mut Walk<'_>) -> Result<DrillStep, OpsFault> {
        if let Err(fault) = self.regenerate_index() {
            tracing::warn!(%fault, "the index of evidence was not made");
        }
        let made = self.regenerate_health()?;
        walk.refs.push(made.published.snapshot_ref.clone());
        let decision = made.report.decision();
        let code = made.report.top_fail_reasons.first().map(|row| row.reason.as_str());
        let step = match decision {
            HealthDecision::Pass => passed(),
            HealthDecision::Warn => ended(StepResult::Warn, "EVIDENCE_HEALTH_WARN"),
            HealthDecision::Fail | HealthDecision::Unknown => ended(StepResult::Fail, code.unwrap_or("FAIL")),
        };
        let snapshot_ref = Some(made.published.snapshot_ref);
        Ok(DrillStep { decision_observed: Some(decision.as_str().to_owned()), snapshot_ref, ..step })
    }

    fn drill_cycle(&self, walk: &mut Walk<'_>) -> Result<DrillStep, OpsFault> {
        let done = match self.run_ops_cycle(walk.actor) {
            Ok(done) => done,
            Err(fault @ OpsCycleFault::Conflict(_)) => {
                let reason = format!("{}: {fault}", Self::CONFLICT_REASON);
                let decision_observed = Some("SKIPPED".to_owned());
                return Ok(DrillStep { decision_observed, ..ended(StepResult::Warn, &reason) });
            }
            Err(OpsCycleFault::Store(fault)) => return Err(fault.into()),
        };
        walk.refs.push(done.published.snapshot_ref.clone());
        let status = done.receipt.overall_status.unwrap_or_default();
        let reason = done.receipt.reason.unwrap_or_default();
        let step = match status.as_str() {
            "DONE" => passed(),
            "DONE_WITH_SKIPS" | "STOPPED" => ended(StepResult::Warn, &reason),
            _ => ended(StepResult::Fail, &reason),
        };
        let snapshot_ref = Some(done.published.snapshot_ref);
        Ok(DrillStep { decision_observed: Some(status), snapshot_ref, ..step })
    }

    fn drill_summary(&self, walk: &mut Walk<'_>) -> Result<DrillStep, OpsFault> {
        let made = self.regenerate_summary()?;
        let snapshot_ref = made.published.snapshot_ref;
        walk.refs.insert(0, snapshot_ref.clone());
        let status = made.summary.overall_status.map(OverallStatus::as_str);
        walk.summary = Some((made.summary, snapshot_ref.clone()));
        let step = if status.is_some() { passed() } else { ended(StepResult::Fail, "NO_STATUS") };
        Ok(DrillStep { decision_observed: status.map(str::to_owned), snapshot_ref: Some(snapshot_ref), ..step })
    }

    fn drill_preview(&self, walk: &mut Walk<'_>) -> Result<DrillStep, OpsFault> {
        if Gates::new(&self.store).switches().stop.value {
            return Ok(ended(StepResult::Skipped, "EMERGENCY_STOP_ACTIVE"));
        }
        let published = self.publish_preview(OwnMessage { id: walk.run_id, text: MESSAGE }, self.clock.now())?;
        walk.refs.push(published.snapshot_ref.clone());
        let preview = self.store.document::<PushPreview>(&published.snapshot_ref).present().unwrap_or_default();
        let step = match preview.rendered.iter().find(|row| row.blocked) {
            None if preview.rendered.is_empty() => ended(StepResult::Fail, "NOTHING_RENDERED"),
            None => passed(),
            Some(held) => ended(StepResult::Warn, held.blocked_reason.as_deref().unwrap_or("BLOCKED")),
        };
        let message_count = Some(preview.rendered.len() as u64);
        Ok(DrillStep { message_count, snapshot_ref: Some(published.snapshot_ref), ..step })
    }

    /// Where a delivery would send the waiting messages. Anything but the console fails the drill.
    fn drill_console(&self, walk: &mut Walk<'_>) -> Result<DrillStep, OpsFault> {
        if Gates::new(&self.store).switches().stop.value {
            return Ok(ended(StepResult::Skipped, "EMERGENCY_STOP_ACTIVE"));
        }
        let made = self.run_delivery(walk.actor)?;
        walk.refs.push(made.outbox.snapshot_ref);
        let delivery = made.receipt.delivery_actual;
        let is_simulated = delivery.as_deref().is_some_and(is_console);
        let step = if is_simulated { passed() } else { ended(StepResult::Fail, "NOT_CONSOLE") };
        Ok(DrillStep { delivery_actual: delivery, ..step })
    }

    /// Resolves what the summary cites, and the summary itself.
    fn drill_resolver(&self, walk: &mut Walk<'_>) -> Result<DrillStep, OpsFault> {
        let Some((summary, snapshot_ref)) = &walk.summary else {
            return Ok(ended(StepResult::Skipped, "NO_SUMMARY"));
        };
        let refs = refs_of(summary, snapshot_ref);
        let broken = refs.iter().find(|reference| !resolves(&self.store, reference));
        let step = match broken {
            None => passed(),
            Some(reference) => {
                let why = EvidenceRef::parse(reference).map_or("INVALID_REF", |_| "NOT_RESOLVED");
                ended(StepResult::Fail, &format!("{why}: {reference}"))
            }
        };
        Ok(DrillStep { refs_checked: Some(refs.len() as u64), ..step })
    }
}

/// Every ref of a summary, and its own.
fn refs_of(summary: &OpsSummary, own: &str) -> Vec<String> {
    let guard = summary.guard.iter().filter_map(|guard| guard.evidence_health.snapshot_ref.clone());
    let recent = summary.tickets_recent.iter().flat_map(|recent| recent.failed_line_refs.clone());
    let bundle = summary.strategy_bundle.iter().filter_map(|bundle| bundle.latest_ref.clone());
    let reco = summary.reco.iter().flat_map(|reco| {
        [reco.latest_ref.clone(), reco.snapshot_ref.clone()].into_iter().flatten().chain(reco.evidence_refs.clone())
    });
    let risks = summary.top_risks.iter().flat_map(|risk| risk.evidence_refs.clone());
    [own.to_owned()].into_iter().chain(guard).chain(recent).chain(bundle).chain(reco).chain(risks).collect()
}

/// CONSOLE and its forms.
fn is_console(delivery: &str) -> bool {
    delivery == "CONSOLE" || delivery.starts_with("CONSOLE_")
}

fn passed() -> DrillStep {
    DrillStep { result: Some(StepResult::Pass), ..DrillStep::default() }
}

fn ended(result: StepResult, reason: &str) -> DrillStep {
    DrillStep { result: Some(result), reason: Some(detail(reason)), ..DrillStep::default() }
}

/// `step: reason` of what failed, then of what warned.
fn fail_reasons(steps: &[DrillStep]) -> Vec<String> {
    let of = |result: StepResult| {
        steps
            .iter()
            .filter(move |step| step.result == Some(result))
            .map(move |step| format!("{}: {}", step.name, step.reason.as_deref().unwrap_or_else(|| result.as_str())))
    };
    of(StepResult::Fail).chain(of(StepResult::Warn)).take(TOP).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_of_the_console_are_the_console() {
        for word in ["CONSOLE", "CONSOLE_SIMULATED"] {
            assert!(is_console(word), "{word}");
        }
        for word in ["TELEGRAM", "CONSOLES", "", "console", "TELEGRAM_CONSOLE"] {
            assert!(!is_console(word), "{word}");
        }
    }

    #[test]
    fn the_failures_come_before_the_warnings() {
        let step = |name: &str, result| DrillStep { name: name.to_owned(), ..ended(result, "R") };
        let steps = [step("a", StepResult::Warn), step("b", StepResult::Fail), step("c", StepResult::Skipped)];
        assert_eq!(fail_reasons(&steps), ["b: R", "a: R"]);
    }
}
