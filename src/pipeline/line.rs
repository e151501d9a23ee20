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

/// Seconds in the two largest units that matter, for people: `43 h 42 min`.
pub(super) fn duration(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600, seconds / 60);
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{minutes} min"),
        7_200..172_800 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
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
    let worst = summary.and_then(|s| live_risks(s).next()).filter(|risk| risk.severity <= Severity::Warn);
    if let Some(risk) = worst {
        // Under a stale bundle the first risk may be a consequence: the cause is named.
        let cause = summary.filter(|s| risk.severity != Severity::Critical && is_stale(record, s));
        let told = cause.map(|s| live_risks(s).find(|risk| risk_reason(risk) == RunCode::BundleStaleWarn.into()));
        return match told {
            None => (risk_reason(risk), Some(risk.message.clone())),
            Some(Some(stale)) => (risk_reason(stale), Some(stale.message.clone())),
            Some(None) => (RunCode::BundleStaleWarn.into(), Some(RunCode::BundleStaleWarn.english().to_owned())),
        };
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
    let stale = is_stale(record, summary);
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

/// Whether the bundle is stale and somebody says so. A bundle that is missing or failed counts as stale too, but is told
/// by a code of its own.
fn is_stale(record: &RunRecord, summary: &OpsSummary) -> bool {
    if record.cycle.bundle_stale != Some(true) {
        return false;
    }
    let told = Reason::from(RunCode::BundleStaleWarn);
    live_risks(summary).any(|risk| risk_reason(risk) == told)
        || record.warnings.iter().any(|found| found.code == told)
        || record.stages.iter().any(|stage| stage.code == RunCode::BundleStale.into())
}

fn live_risks(summary: &OpsSummary) -> impl Iterator<Item = &Risk> {
    summary.top_risks.iter().filter(|risk| !risk.code.starts_with("ORDER_PLAN_"))
}

fn risk_reason(risk: &Risk) -> Reason {
    if risk.code == "BUNDLE_STALE" { RunCode::BundleStaleWarn.into() } else { Reason::reported(&risk.code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::RunId;
    use crate::contracts::run::CycleReport;
    use crate::contracts::run::StageReport;
    use crate::contracts::run::Trigger;
    use crate::time::Stamp;
    use serde_json::json;

    fn record() -> RunRecord {
        let run_id = RunId::try_from("run_20261120_090500_00000001".to_owned()).expect("an id");
        let stages = StageName::ALL.map(|name| StageReport {
            class: StageClass::Ok,
            code: RunCode::Ok.into(),
            ..StageReport::not_reached(name)
        });
        let mut record: RunRecord = serde_json::from_value(json!({
            "schema": "DAILY_OPS_RUN_V1", "run_id": run_id, "trace_id": run_id, "started_at": Stamp::default(),
            "finished_at": null, "trigger": Trigger::Test, "timezone": "Asia/Seoul", "trading_day": true,
            "host_rev_before": null, "host_rev_after": null, "git": null, "stages": stages, "ops_status": "OK",
            "cycle": CycleReport::default(), "warnings": [], "reason": null, "risks": [], "exit_code": 0,
            "snapshot_ref": "", "chain": {"seq": 1, "prev_sha256": ""}, "integrity": {},
        }))
        .expect("a record");
        record.cycle.bundle_stale = Some(false);
        record
    }

    fn set(record: &mut RunRecord, name: StageName, class: StageClass, code: &str) {
        let stage = record.stages.iter_mut().find(|stage| stage.name == name).expect("five stages");
        stage.class = class;
        stage.code = Reason::reported(code);
    }

    fn summary(risks: &serde_json::Value) -> OpsSummary {
        serde_json::from_value(json!({"schema": "OPS_SUMMARY_V1", "overall_status": "OK", "top_risks": risks}))
            .expect("a summary")
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one row per rule of the table")]
    fn the_first_row_that_applies_gives_the_reason() {
        use StageClass::Block;
        use StageClass::Fail;
        use StageClass::Warn;
        type Edit = fn(&mut RunRecord);
        let none = json!([]);
        let warn = json!([{"code": "TICKETS_FAILED", "severity": "WARN", "message": "m"}]);
        let info = json!([{"code": "NO_RECO_YET", "severity": "INFO", "message": "m"}]);
        let stale = json!([{"code": "BUNDLE_STALE", "severity": "WARN", "message": "m"}]);
        let plan = json!([{"code": "ORDER_PLAN_BLOCKED", "severity": "CRITICAL", "message": "m"}, {"code": "X_Y", "severity": "WARN"}]);
        let cases: [(&str, Edit, &serde_json::Value, Option<&str>, &str); 15] = [
            ("failed stage", |r| set(r, StageName::Summary, Fail, "SUMMARY_INVALID"), &warn, None, "SUMMARY_INVALID"),
            (
                "fail before a block wins",
                |r| {
                    set(r, StageName::Health, Fail, "BACKEND_DOWN");
                    set(r, StageName::Summary, Block, "OPS_BLOCKED")
                },
                &none,
                None,
                "BACKEND_DOWN",
            ),
            (
                "a fail that only reads after a block does not",
                |r| {
                    set(r, StageName::LiveCycle, Block, "BUNDLE_STALE");
                    set(r, StageName::Snapshot, Fail, "SNAPSHOT_UNRESOLVED")
                },
                &warn,
                None,
                "BUNDLE_STALE",
            ),
            ("block", |r| set(r, StageName::Summary, Block, "EMERGENCY_STOP"), &warn, None, "EMERGENCY_STOP"),
            (
                "block over git",
                |r| {
                    set(r, StageName::Pull, Warn, "GIT_PULL_FAILED");
                    set(r, StageName::Summary, Block, "OPS_BLOCKED")
                },
                &none,
                None,
                "OPS_BLOCKED",
            ),
            ("git over risks", |r| set(r, StageName::Pull, Warn, "GIT_PULL_FAILED"), &warn, None, "GIT_PULL_FAILED"),
            ("risk", |_| (), &warn, None, "TICKETS_FAILED"),
            ("an informative risk gives none", |_| (), &info, None, "OK"),
            ("stale is written as a warning", |_| (), &stale, None, "BUNDLE_STALE_WARN"),
            ("plan risks of a product without plans are dropped", |_| (), &plan, None, "X_Y"),
            (
                "nothing to do",
                |r| r.cycle.reco = Some("EMPTY_RECO".into()),
                &none,
                Some("NO_ACTION_CASH_ONLY"),
                "NO_ACTION_CASH_ONLY",
            ),
            (
                "empty recommendation",
                |r| r.cycle.reco = Some("EMPTY_RECO".into()),
                &none,
                Some("NO_SIGNAL"),
                "EMPTY_RECO",
            ),
            ("status", |r| r.ops_status = Some("WARN".into()), &none, None, "OPS_WARN"),
            ("no history", |r| r.ops_status = Some("NO_RUN_HISTORY".into()), &none, None, "OPS_NO_RUN_HISTORY"),
            ("ok", |_| (), &none, None, "OK"),
        ];
        for (name, edit, risks, reco, want) in cases {
            let mut record = record();
            edit(&mut record);
            let (reason, detail) = reason_of(&record, Some(&summary(risks)), reco);
            assert_eq!(reason.as_str(), want, "{name}");
            assert!(detail.is_some() || record.stages.iter().any(|s| s.class != StageClass::Ok), "{name}");
        }
    }

    #[test]
    fn the_risks_of_the_line_are_in_order_once_and_well_formed() {
        let row = |code: &str, severity: &str| json!({"code": code, "severity": severity});
        let cases = [
            ("none", json!([]), false, "[]"),
            ("order", json!([row("B", "CRITICAL"), row("A", "WARN")]), false, "[B,A]"),
            ("duplicates", json!([row("A", "WARN"), row("A", "WARN")]), false, "[A]"),
            (
                "text is cut",
                json!([row("A_B: because", "WARN"), row("it broke", "WARN")]),
                false,
                "[A_B,UNMAPPED_CASE]",
            ),
            ("missing code", json!([{"severity": "WARN"}]), false, "[UNMAPPED_CASE]"),
            ("plans are dropped", json!([row("ORDER_PLAN_X", "WARN"), row("A", "WARN")]), false, "[A]"),
            (
                "stale keeps the cause",
                json!([row("BUNDLE_STALE", "WARN"), row("EMPTY_RECO", "WARN")]),
                true,
                "[BUNDLE_STALE_WARN]",
            ),
            (
                "stale keeps what is critical",
                json!([row("EVIDENCE_HEALTH_FAIL", "CRITICAL"), row("BUNDLE_STALE", "WARN"), row("RECO_X", "WARN")]),
                true,
                "[BUNDLE_STALE_WARN,EVIDENCE_HEALTH_FAIL]",
            ),
            ("risks of another type", json!("x"), false, "[]"),
        ];
        for (name, risks, stale, want) in cases {
            let mut record = record();
            record.cycle.bundle_stale = Some(stale);
            record.risks = risks_of(&record, Some(&summary(&risks)));
            let line = summary_line(&record);
            assert!(line.ends_with(&format!("risks={want}")), "{name}: {line}");
        }
    }

    #[test]
    fn a_stale_bundle_that_only_the_receipt_names_still_hides_its_consequences() {
        let risks =
            json!([{"code": "EMPTY_RECO", "severity": "WARN"}, {"code": "NO_STRATEGY_BUNDLE", "severity": "WARN"}]);
        let mut record = record();
        record.cycle.bundle_stale = Some(true);
        let shown = |record: &RunRecord| {
            risks_of(record, Some(&summary(&risks))).iter().map(Reason::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown(&record), ["EMPTY_RECO", "NO_STRATEGY_BUNDLE"], "a missing bundle is not called stale");
        set(&mut record, StageName::LiveCycle, StageClass::Block, "BUNDLE_STALE");
        assert_eq!(shown(&record), ["BUNDLE_STALE_WARN"]);
    }

    #[test]
    fn the_line_and_its_detail_keep_their_form_whatever_comes() {
        let mut record = record();
        record.reason = Some(RunCode::BackendDown.into());
        record.reason_detail = Some(format!("a \"quoted\"\nline\u{2028}{}", "가".repeat(400)));
        record.cycle = CycleReport { snapshot_check: "-".into(), ..CycleReport::default() };
        record.ops_status = None;
        assert_eq!(
            summary_line(&record),
            "DAILY_SUMMARY ops=- live=-/- bundle_stale=true reco=MISSING_RECO order_plan=SKIPPED Reason=BACKEND_DOWN risks=[]"
        );
        let detail = detail_line(&record);
        let inner =
            detail.strip_prefix("Reason=BACKEND_DOWN detail=\"").and_then(|d| d.strip_suffix('"')).expect("its form");
        assert_eq!(inner.chars().count(), 240);
        assert!(inner.starts_with("a 'quoted' line ") && !inner.contains(['"', '\n', '\u{2028}']));
        record.reason_detail = None;
        assert!(detail_line(&record).ends_with("detail=\"DETAIL_SOURCE_UNAVAILABLE\""));
    }

    #[test]
    fn ages_are_told_in_units_of_people() {
        let cases = [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (157_353, "43 h 42 min"),
            (200_000, "2 d 7 h"),
        ];
        for (seconds, want) in cases {
            assert_eq!(duration(seconds), want);
        }
    }

    #[test]
    fn recommendations_are_shown_by_their_table() {
        for (decision, word) in [
            (Some("GENERATED"), "OK"),
            (Some("COMPLETED"), "OK"),
            (Some("EMPTY_RECO"), "EMPTY_RECO"),
            (Some("BLOCKED"), "BLOCKED"),
            (Some("LATER"), "MISSING_RECO"),
            (None, "MISSING_RECO"),
        ] {
            assert_eq!(reco_word(decision), word, "{decision:?}");
        }
    }
}
