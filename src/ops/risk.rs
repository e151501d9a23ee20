//! Which risks stand against the operation, and the status that follows from them.
//!
//! The list is made in table order, sorted by severity without disturbing that order, and cut at five.

use super::evidence::EvidenceView;
use super::recommend::BLOCKED;
use super::recommend::EMPTY_RECO;
use super::recommend::GENERATED;
use super::tickets::TicketsView;
use crate::contracts::BundleDecision;
use crate::contracts::Reason;
use crate::contracts::Validation;
use crate::contracts::health::HealthDecision;
use crate::contracts::reason::RecoReason;
use crate::contracts::reason::detail;
use crate::contracts::reco::RecoReport;
use crate::contracts::summary::OverallStatus;
use crate::contracts::summary::Risk;
use crate::contracts::summary::Severity;
use crate::gates::Switches;
use crate::store::Stored;
use crate::store::layout;

/// At most this many risks are shown.
const SHOWN: usize = 5;

/// Everything that a status is made of.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) switches: &'a Switches,
    pub(super) evidence: &'a EvidenceView,
    pub(super) tickets: &'a TicketsView,
    pub(super) bundle: &'a Validation,
    pub(super) reco: &'a Stored<RecoReport>,
    /// Whether an ops run ever ended.
    pub(super) has_run: bool,
}

/// The status and all risks, worst first. Refs are as they should be; whether they resolve is not looked at.
pub(super) fn assess(facts: &Facts<'_>) -> (OverallStatus, Vec<Risk>) {
    let mut risks = Vec::new();
    guard_risks(facts, &mut risks);
    ticket_risks(facts.tickets, &mut risks);
    bundle_risks(facts.bundle, &mut risks);
    reco_risks(facts, &mut risks);
    let status = overall(facts, &risks);
    risks.extend(fallback(status, &risks));
    risks.sort_by_key(|risk| risk.severity);
    risks.truncate(SHOWN);
    (status, risks)
}

/// The emergency stop first; else the worst of the table and the risks.
fn overall(facts: &Facts<'_>, risks: &[Risk]) -> OverallStatus {
    if facts.switches.stop.value {
        return OverallStatus::Stopped;
    }
    let table = match facts.evidence.decision {
        HealthDecision::Fail => OverallStatus::Blocked,
        HealthDecision::Warn => OverallStatus::Warn,
        HealthDecision::Pass | HealthDecision::Unknown if !facts.has_run => OverallStatus::NoRunHistory,
        HealthDecision::Pass | HealthDecision::Unknown => OverallStatus::Ok,
    };
    let raised = risks.iter().map(|risk| match risk.severity {
        Severity::Critical => OverallStatus::Blocked,
        Severity::Warn => OverallStatus::Warn,
        Severity::Info => OverallStatus::Ok,
    });
    raised.fold(table, OverallStatus::max)
}

/// A bad status never stands without a risk.
fn fallback(status: OverallStatus, risks: &[Risk]) -> Option<Risk> {
    let severity = match status {
        OverallStatus::Ok | OverallStatus::NoRunHistory => return None,
        OverallStatus::Warn => Severity::Warn,
        OverallStatus::Blocked | OverallStatus::Stopped => Severity::Critical,
    };
    let code = format!("OPS_{}", status.as_str());
    let message = format!("The status is {} and no single risk explains it", status.as_str());
    risks.is_empty().then(|| risk(&code, severity, message, &[]))
}

fn guard_risks(facts: &Facts<'_>, risks: &mut Vec<Risk>) {
    let switches = facts.switches;
    if switches.stop.value {
        let text = switches.stop_text();
        let message = if text.is_empty() { "The emergency stop is on".to_owned() } else { text };
        risks.push(risk("EMERGENCY_STOP", Severity::Critical, message, &[layout::STOP]));
    }
    let damaged = switches.damaged();
    let others: Vec<_> = damaged.iter().filter(|(file, _)| *file != layout::STOP).collect();
    if !others.is_empty() {
        let files: Vec<&str> = others.iter().map(|(file, _)| *file).collect();
        let texts: Vec<String> = others.iter().map(|(file, why)| format!("{file}: {why}")).collect();
        let message = format!("Counts as its safe value: {}", texts.join("; "));
        risks.push(risk("SAFETY_UNREADABLE", Severity::Warn, message, &files));
    }
    let evidence = facts.evidence;
    let (severity, message) = match (evidence.decision, &evidence.damage) {
        (HealthDecision::Pass, _) => return,
        (HealthDecision::Fail, _) => (Severity::Critical, "The evidence health check failed".to_owned()),
        (HealthDecision::Warn, _) => (Severity::Warn, "The evidence health check has warnings".to_owned()),
        (HealthDecision::Unknown, Some(why)) => (Severity::Warn, format!("The health report cannot be read: {why}")),
        (HealthDecision::Unknown, None) => (Severity::Warn, "There is no evidence health report".to_owned()),
    };
    let mut refs = vec![layout::HEALTH.latest];
    refs.extend(evidence.snapshot_ref.as_deref());
    risks.push(risk(&format!("EVIDENCE_HEALTH_{}", evidence.decision.as_str()), severity, message, &refs));
}

fn ticket_risks(tickets: &TicketsView, risks: &mut Vec<Risk>) {
    let recent = &tickets.recent.counts;
    let days = recent.window_days;
    if recent.failed > 0 {
        let message = format!("{} ticket results say FAILED within {days} days", recent.failed);
        let refs: Vec<&str> = recent.failed_line_refs.iter().map(String::as_str).collect();
        risks.push(risk("TICKETS_FAILED", Severity::Warn, message, &refs));
    }
    if recent.blocked > 0 {
        let message = format!("{} ticket receipts say BLOCKED within {days} days", recent.blocked);
        let refs: Vec<&str> = tickets.recent.blocked_line_refs.iter().map(String::as_str).collect();
        risks.push(risk("TICKETS_BLOCKED", Severity::Warn, message, &refs));
    }
    if !tickets.unreadable.is_empty() {
        let message = format!("Ticket files cannot be read: {}", tickets.unreadable.join("; "));
        risks.push(risk("TICKETS_UNREADABLE", Severity::Warn, message, &[]));
    }
}

fn bundle_risks(bundle: &Validation, risks: &mut Vec<Risk>) {
    let latest = [layout::BUNDLE.latest];
    match bundle.decision {
        BundleDecision::NoBundle => {
            risks.push(risk("NO_STRATEGY_BUNDLE", Severity::Warn, "There is no strategy bundle".to_owned(), &[]));
        }
        BundleDecision::Fail => {
            let message = format!("The strategy bundle failed validation: {}", bundle.issues.join("; "));
            risks.push(risk("BUNDLE_INTEGRITY_FAIL", Severity::Critical, message, &latest));
        }
        BundleDecision::Pass | BundleDecision::Warn if bundle.stale => {
            let why = bundle.stale_reason.as_deref().unwrap_or("of unknown age");
            risks.push(risk("BUNDLE_STALE", Severity::Warn, format!("The strategy bundle is stale: {why}"), &latest));
        }
        BundleDecision::Pass | BundleDecision::Warn => {}
    }
}

fn reco_risks(facts: &Facts<'_>, risks: &mut Vec<Risk>) {
    let latest = [layout::RECO.latest];
    let report = match facts.reco {
        Stored::Missing => {
            let message = "No recommendation was ever made".to_owned();
            return risks.push(risk("NO_RECO_YET", Severity::Info, message, &[]));
        }
        Stored::Damaged(why) => {
            let message = format!("The newest recommendation cannot be read: {why}");
            return risks.push(risk("RECO_UNREADABLE", Severity::Warn, message, &latest));
        }
        Stored::Present(report) => report,
    };
    let reason = report.reason.as_deref().unwrap_or("no reason");
    let (code, severity, what) = match report.decision.as_deref() {
        Some(BLOCKED) => ("RECO_BLOCKED", Severity::Critical, "blocked"),
        Some(EMPTY_RECO) => ("EMPTY_RECO", Severity::Warn, "empty"),
        Some(GENERATED) => return,
        Some(_) | None => {
            let message = "The newest recommendation has no known decision".to_owned();
            return risks.push(risk("RECO_UNREADABLE", Severity::Warn, message, &latest));
        }
    };
    // A report about an earlier bundle must not hold up the cycle that would replace it.
    let (code, severity) =
        if is_superseded(report, facts.bundle) { ("RECO_SUPERSEDED", Severity::Info) } else { (code, severity) };
    risks.push(risk(code, severity, format!("The newest recommendation is {what}: {reason}"), &latest));
}

/// Whether a report speaks about another state of the bundle than today's.
fn is_superseded(report: &RecoReport, bundle: &Validation) -> bool {
    let reason = report.reason.as_deref().map(Reason::reported);
    let still_so = match reason.as_ref().and_then(|reason| RecoReason::parse(reason.as_str())) {
        Some(RecoReason::NoBundle) => bundle.decision == BundleDecision::NoBundle,
        Some(RecoReason::BundleFail) => bundle.decision == BundleDecision::Fail,
        Some(RecoReason::BundleStale) => bundle.valid && bundle.stale,
        Some(RecoReason::Success | RecoReason::NoSignal | RecoReason::SystemError) | None => true,
    };
    let of = report.source_bundle.as_ref().and_then(|source| source.bundle_id.as_deref());
    let another = of.zip(bundle.bundle_id.as_deref()).is_some_and(|(then, today)| then != today);
    !still_so || another
}

fn risk(code: &str, severity: Severity, message: String, refs: &[&str]) -> Risk {
    let evidence_refs = refs.iter().map(|text| (*text).to_owned()).collect();
    Risk { code: code.to_owned(), severity, message: detail(&message), evidence_refs }
}

#[cfg(test)]
mod tests;
