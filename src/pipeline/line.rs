//! The one summary line of a run, its reason and its risks.
//!
//! `DAILY_SUMMARY ops=… live=…/… bundle_stale=… reco=… order_plan=… Reason=… risks=[…]`

use crate::contracts::Reason;
use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::run::RunRecord;
use crate::contracts::run::StageName;
use crate::contracts::summary::OpsSummary;
use crate::contracts::summary::Risk;
use crate::contracts::summary::Severity;

/// Longest detail, in characters.
const DETAIL_LENGTH: usize = 240;

/// The summary line of a finished record.
pub(super) fn summary_line(record: &RunRecord) -> String {
    let cycle = &record.cycle;
    let risks: Vec<&str> = record.risks.iter().map(Reason::as_str).collect();
    format!(
        "DAILY_SUMMARY ops={} live={}/{} bundle_stale={} reco={} order_plan=SKIPPED Reason={} risks=[{}]",
        record.ops_status.as_deref().unwrap_or("-"),
        cycle.result.as_deref().unwrap_or("-"),
        cycle.decision.as_deref().unwrap_or("-"),
        cycle.bundle_stale.unwrap_or(true),
        cycle.reco.as_deref().unwrap_or("MISSING_RECO"),
        record.reason.as_ref().map_or(crate::contracts::reason::UNMAPPED_CASE, Reason::as_str),
        risks.join(","),
    )
}

/// The detail line of a finished record: one line, no double quotes inside, at most 240 characters of detail.
pub(super) fn detail_line(record: &RunRecord) -> String {
    let reason = record.reason.as_ref().map_or(crate::contracts::reason::UNMAPPED_CASE, Reason::as_str);
    let detail = record.reason_detail.as_deref().unwrap_or("DETAIL_SOURCE_UNAVAILABLE");
    format!("Reason={reason} detail=\"{}\"", sanitized(detail))
}

fn sanitized(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' => '\'',
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => ' ',
            c => c,
        })
        .take(DETAIL_LENGTH)
        .collect()
}

/// How the recommendation is shown.
pub(super) fn reco_word(decision: Option<&str>) -> String {
    match decision {
        Some("GENERATED" | "COMPLETED") => "OK",
        Some("EMPTY_RECO") => "EMPTY_RECO",
        Some("BLOCKED") => "BLOCKED",
        _ => "MISSING_RECO",
    }
    .to_owned()
}

/// The reason of a run and the text that belongs to it: the first row of the table that applies.
pub(super) fn reason_of(
    record: &RunRecord,
    summary: Option<&OpsSummary>,
    reco_reason: Option<&str>,
) -> (Reason, Option<String>) {
    let of_class = |class: StageClass| record.stages.iter().find(|stage| stage.class == class);
    let acting = || record.stages.iter().take_while(|stage| stage.class != StageClass::Block);
    let told = |stage: &crate::contracts::run::StageReport| (stage.code.clone(), stage.detail.clone());
    if let Some(failed) = acting().find(|stage| stage.class == StageClass::Fail) {
        return told(failed);
    }
    if let Some(blocked) = of_class(StageClass::Block) {
        return told(blocked);
    }
    let pulled = record.stages.iter().find(|stage| stage.name == StageName::Pull);
    if let Some(pull) = pulled.filter(|stage| stage.code == RunCode::GitPullFailed.into()) {
        return told(pull);
    }
    let worst = summary.and_then(|s| live_risks(s).next());
    if let Some(risk) = worst.filter(|risk| risk.severity <= Severity::Warn) {
        return (risk_reason(risk), Some(risk.message.clone()));
    }
    if let Some(code) = no_action(record, reco_reason) {
        return (code, Some("the recommendation holds nothing to do".to_owned()));
    }
    match record.ops_status.as_deref() {
        Some("OK") | None => (RunCode::Ok.into(), Some(RunCode::Ok.english().to_owned())),
        Some(status) => (Reason::reported(&format!("OPS_{status}")), Some(format!("the ops summary says {status}"))),
    }
}

fn no_action(record: &RunRecord, reco_reason: Option<&str>) -> Option<Reason> {
    let code = reco_reason.map(Reason::reported).filter(|code| code.as_str().starts_with("NO_ACTION_"));
    let empty = record.cycle.reco.as_deref() == Some("EMPTY_RECO");
    code.or_else(|| empty.then(|| Reason::reported("EMPTY_RECO")))
}

/// The risks of the line: in order, without duplicates, and without those of parts that the product does not have. Under
/// a stale bundle everything that follows from it is dropped: only the cause and what is CRITICAL stay.
pub(super) fn risks_of(record: &RunRecord, summary: Option<&OpsSummary>) -> Vec<Reason> {
    let mut risks: Vec<Reason> = Vec::new();
    let Some(summary) = summary else { return risks };
    let stale = record.cycle.bundle_stale == Some(true)
        && live_risks(summary).any(|risk| matches!(risk_reason(risk).as_str(), "BUNDLE_STALE_WARN"));
    if stale {
        risks.push(RunCode::BundleStaleWarn.into());
    }
    for risk in live_risks(summary) {
        let code = risk_reason(risk);
        if (!stale || risk.severity == Severity::Critical) && !risks.contains(&code) {
            risks.push(code);
        }
    }
    risks
}

fn live_risks(summary: &OpsSummary) -> impl Iterator<Item = &Risk> {
    summary.top_risks.iter().filter(|risk| !risk.code.starts_with("ORDER_PLAN_"))
}

fn risk_reason(risk: &Risk) -> Reason {
    if risk.code == "BUNDLE_STALE" { RunCode::BundleStaleWarn.into() } else { Reason::reported(&risk.code) }
}
