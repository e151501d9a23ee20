//! Stage 3: the ops summary is regenerated, read back and judged.

use serde_json::Value;

use crate::contracts::Document as _;
use crate::contracts::RunCode;
use crate::contracts::summary::OpsSummary;
use crate::contracts::summary::OverallStatus;
use crate::contracts::unwrap;
use crate::pipeline::client::Answer;
use crate::pipeline::client::CallFault;
use crate::pipeline::safety::warning;
use crate::time::KstTime;
use crate::time::Stamp;

use super::Judged;

/// A document may be this much older than the run before it counts as not fresh.
const SLACK_SECONDS: i64 = 60;

/// Judges the answer of the regeneration; `None` when it is fine.
pub(in crate::pipeline) fn judge_regenerate(answer: &Result<Answer, CallFault>) -> Option<Judged> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => return Some(Judged::no_answer(RunCode::SummaryRegenFailed, fault, "")),
    };
    let said_ok = answer.json().is_some_and(|reply| reply.get("result").and_then(Value::as_str) == Some("OK"));
    let is_document =
        || answer.json().and_then(read).is_some_and(|s| s.schema == OpsSummary::SCHEMA && s.overall_status.is_some());
    if answer.is_success() && (said_ok || is_document()) {
        return None;
    }
    Some(Judged::fail(RunCode::SummaryRegenFailed, answer.excerpt()).with_status(answer.status))
}

/// Takes the summary out of an answer, whatever its wrapper. A field of another type counts as missing.
pub(in crate::pipeline) fn read(reply: &Value) -> Option<OpsSummary> {
    let row = unwrap(reply, OpsSummary::SCHEMA)?;
    serde_json::from_value(Value::Object(row.clone())).ok()
}

/// Judges the summary that was read back.
pub(in crate::pipeline) fn judge_latest(
    answer: &Result<Answer, CallFault>,
    started: KstTime,
) -> (Judged, Option<OpsSummary>) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => return (Judged::no_answer(RunCode::SummaryInvalid, fault, ""), None),
    };
    let invalid = || (Judged::fail(RunCode::SummaryInvalid, answer.excerpt()).with_status(answer.status), None);
    if answer.status != 200 {
        return invalid();
    }
    let Some(summary) = answer.json().and_then(read) else { return invalid() };
    let Some(status) = summary.overall_status else { return invalid() };
    let stopped = summary.guard.as_ref().and_then(|g| g.emergency_stop.enabled) == Some(true);
    let said = format!("overall_status {}", status.as_str());
    let judged = match status {
        // The switch counts whatever the status beside it says.
        _ if stopped => Judged::block(RunCode::EmergencyStop, said),
        OverallStatus::Blocked => Judged::block(RunCode::OpsBlocked, blocked_by(&summary)),
        OverallStatus::Stopped => Judged::block(RunCode::OpsStopped, said),
        OverallStatus::Ok => Judged::ok(RunCode::SummaryOk, said),
        OverallStatus::Warn | OverallStatus::NoRunHistory => {
            Judged::new(crate::contracts::StageClass::Warn, RunCode::SummaryOk, said)
        }
    };
    (judged.with_status(200).warned(not_fresh(&summary, started).into_iter().collect()), Some(summary))
}

fn blocked_by(summary: &OpsSummary) -> String {
    match summary.top_risks.first() {
        Some(risk) => format!("overall_status BLOCKED: {} {}", risk.code, risk.message),
        None => "overall_status BLOCKED".to_owned(),
    }
}

/// Only a stamp that names its zone is judged: a bare one of a host in UTC would look nine hours old.
fn not_fresh(summary: &OpsSummary, started: KstTime) -> Option<crate::contracts::run::Warning> {
    let asof = summary.asof.as_ref().filter(|stamp| stamp.has_offset())?;
    let at = asof.instant()?;
    let old = at < started - chrono::Duration::seconds(SLACK_SECONDS);
    old.then(|| {
        let text = format!("asof {asof}, this run started {}", Stamp::of(started));
        warning(RunCode::SummaryNotFresh, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::StageClass;
    use crate::pipeline::client::Body;
    use serde_json::json;

    fn json(status: u16, value: Value) -> Result<Answer, CallFault> {
        Ok(Answer { status, body: Body::Json(value) })
    }

    fn started() -> KstTime {
        Stamp::from("2026-11-20T09:05:00+09:00").instant().expect("a time")
    }

    #[test]
    fn a_regeneration_succeeds_by_result_or_by_document() {
        let document = json!({"schema": "OPS_SUMMARY_V1", "overall_status": "WARN"});
        let cases = [
            ("result", json(200, json!({"result": "OK"})), true),
            ("result, created", json(201, json!({"result": "OK"})), true),
            ("document", json(200, document.clone()), true),
            ("document in rows", json(200, json!({"schema": "X", "rows": [document.clone()]})), true),
            (
                "document of unknown status",
                json(200, json!({"schema": "OPS_SUMMARY_V1", "overall_status": "X"})),
                false,
            ),
            ("failed", json(500, json!({"detail": {"result": "FAILED", "reason": "x"}})), false),
            ("ok but 500", json(500, json!({"result": "OK"})), false),
            ("result failed", json(200, json!({"result": "FAILED"})), false),
            ("result of another type", json(200, json!({"result": true})), false),
            ("neither", json(200, json!({})), false),
            ("list", json(200, json!(["OK"])), false),
            ("empty", Ok(Answer { status: 200, body: Body::Empty }), false),
            ("html", Ok(Answer { status: 200, body: Body::Other("<html>".into()) }), false),
            ("guard", json(400, json!({"result": "BLOCKED"})), false),
            ("no connection", Err(CallFault::NoConnection("x".into())), false),
        ];
        for (name, answer, fine) in cases {
            let judged = judge_regenerate(&answer);
            assert_eq!(judged.is_none(), fine, "{name}");
            assert!(judged.is_none_or(|j| j.code.as_str() == "SUMMARY_REGEN_FAILED" && j.detail.is_some()), "{name}");
        }
    }

    #[test]
    fn the_status_read_back_decides() {
        let row = |row: Value| json(200, json!({"status": "ready", "rows": [row], "error": null}));
        let status = |status: &str| row(json!({"schema": "OPS_SUMMARY_V1", "overall_status": status}));
        use StageClass::Block;
        use StageClass::Fail;
        use StageClass::Ok as Fine;
        use StageClass::Warn;
        let stopped = json!({"overall_status": "STOPPED", "guard": {"emergency_stop": {"enabled": true}}});
        let under = json!({"overall_status": "OK", "guard": {"emergency_stop": {"enabled": true}}});
        let old = json!({"overall_status": "OK", "asof": "2026-11-20T09:03:59+09:00"});
        let recent = json!({"overall_status": "OK", "asof": "2026-11-20T09:04:01+09:00"});
        let bare = json!({"overall_status": "OK", "asof": "2026-11-20T00:05:00"});
        let cases = [
            ("ok", status("OK"), Fine, "SUMMARY_OK"),
            ("warn", status("WARN"), Warn, "SUMMARY_OK"),
            ("no history", status("NO_RUN_HISTORY"), Warn, "SUMMARY_OK"),
            ("blocked", status("BLOCKED"), Block, "OPS_BLOCKED"),
            ("stopped", status("STOPPED"), Block, "OPS_STOPPED"),
            ("emergency stop", row(stopped), Block, "EMERGENCY_STOP"),
            ("emergency stop under a fine status", row(under), Block, "EMERGENCY_STOP"),
            ("unknown", status("FINE"), Fail, "SUMMARY_INVALID"),
            ("missing", row(json!({"schema": "OPS_SUMMARY_V1"})), Fail, "SUMMARY_INVALID"),
            ("another type", row(json!({"overall_status": ["OK"]})), Fail, "SUMMARY_INVALID"),
            ("row of another type", row(json!("OK")), Fail, "SUMMARY_INVALID"),
            ("no row", json(200, json!({"status": "error", "rows": []})), Fail, "SUMMARY_INVALID"),
            ("raw", json(200, json!({"overall_status": "OK"})), Fine, "SUMMARY_OK"),
            ("data", json(200, json!({"data": {"overall_status": "OK"}})), Fine, "SUMMARY_OK"),
            ("not found", json(404, json!({"overall_status": "OK"})), Fail, "SUMMARY_INVALID"),
            ("html", Ok(Answer { status: 200, body: Body::Other("x".into()) }), Fail, "SUMMARY_INVALID"),
            ("timeout", Err(CallFault::Broken("x".into())), Fail, "SUMMARY_INVALID"),
            ("old", row(old), Warn, "SUMMARY_OK"),
            ("recent", row(recent), Fine, "SUMMARY_OK"),
            ("bare stamp is not judged", row(bare), Fine, "SUMMARY_OK"),
        ];
        for (name, answer, class, code) in cases {
            let (judged, _) = judge_latest(&answer, started());
            assert_eq!((judged.class, judged.code.as_str()), (class, code), "{name}");
            let stale = judged.warnings.iter().any(|w| w.code.as_str() == "SUMMARY_NOT_FRESH");
            assert_eq!(stale, name == "old", "{name}");
        }
    }
}
