//! Stage 4: one live cycle is run, its receipt read back, proved and judged, decision first.

use serde_json::Value;

use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::Reason;
use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::cycle::CONSOLE_SIMULATED;
use crate::contracts::cycle::CycleDecision;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::cycle::CycleResult;
use crate::contracts::integrity::Integrity;
use crate::contracts::integrity::verify;
use crate::contracts::run::Warning;
use crate::contracts::unwrap;
use crate::pipeline::client::Answer;
use crate::pipeline::client::CallFault;
use crate::pipeline::client::Stop;
use crate::pipeline::safety::warning;
use crate::time::KstTime;

use super::Judged;

/// A receipt may be this much older than the run before it counts as another run's.
const SLACK_SECONDS: i64 = 60;

/// What counts as a block in a receipt that is not simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Delivery {
    /// Another delivery is a warning.
    Warn,
    /// Another delivery blocks.
    Strict,
}

/// Judges the answer of the run; the cycle's id when the cycle was run.
pub(in crate::pipeline) fn judge_run(answer: &Result<Answer, CallFault>) -> Result<Option<String>, Judged> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(CallFault::Ended(Stop::Interrupted)) => {
            return Err(Judged::fail(
                RunCode::Interrupted,
                "a signal came while the live cycle was running; it may have run",
            ));
        }
        Err(CallFault::Ended(Stop::RunTimeout)) => {
            return Err(Judged::fail(
                RunCode::RunTimeout,
                "the limit of the whole run was reached while the live cycle was running; it may have run",
            ));
        }
        Err(fault) => {
            let hint = "the cycle may have run and is not repeated; look at the latest receipt";
            return Err(Judged::no_answer(RunCode::LiveRunFailed, fault, hint));
        }
    };
    let outer = answer.json().and_then(Value::as_object);
    let reply = outer.and_then(|o| o.get("detail")).and_then(Value::as_object).or(outer);
    let result = reply.and_then(|r| r.get("result")).and_then(Value::as_str);
    let failed = |code: RunCode| Judged::fail(code, answer.excerpt()).with_status(answer.status);
    match (answer.status, result, reply) {
        (400, Some("BLOCKED"), _) => Err(failed(RunCode::LiveConfirmRejected)),
        (409, Some("CONFLICT"), _) => {
            Err(Judged::block(RunCode::LiveConflict, answer.excerpt()).with_status(answer.status))
        }
        (200..=299, _, Some(reply)) => {
            let row = answer.json().and_then(|json| unwrap(json, CycleReceipt::SCHEMA));
            let id = [Some(reply), row].into_iter().flatten().find_map(|object| object.get("cycle_id")?.as_str());
            let id = id.map(str::to_owned);
            let refused = result == Some("BLOCKED") || reply.get("status").and_then(Value::as_str) == Some("error");
            if id.is_none() && refused { Err(failed(RunCode::LiveRunFailed)) } else { Ok(id) }
        }
        _ => Err(failed(RunCode::LiveRunFailed)),
    }
}

/// What ties a receipt to this run.
#[derive(Clone, Copy, Debug)]
pub(in crate::pipeline) enum Tie<'a> {
    /// The id that the run's answer gave.
    Cycle(&'a str),
    /// The answer gave no id: the receipt must not be older than the run.
    Since(KstTime),
    /// Any receipt will do: nothing was run.
    None,
}

/// Takes the receipt out of an answer and proves it: same cycle, known words, matching hash.
pub(in crate::pipeline) fn read_receipt(
    answer: &Result<Answer, CallFault>,
    tie: Tie<'_>,
) -> Result<(CycleReceipt, Vec<Warning>), Judged> {
    let answer = answer.as_ref().map_err(|fault| Judged::no_answer(RunCode::LiveParseFailed, fault, ""))?;
    let unusable = |why: &str| {
        Judged::fail(RunCode::LiveParseFailed, format!("{why}: {}", answer.excerpt())).with_status(answer.status)
    };
    if answer.status != 200 {
        return Err(unusable("no receipt"));
    }
    let row = answer.json().and_then(|reply| unwrap(reply, CycleReceipt::SCHEMA)).ok_or_else(|| unusable("no row"))?;
    let receipt: CycleReceipt =
        serde_json::from_value(Value::Object(row.clone())).map_err(|fault| unusable(&fault.to_string()))?;
    let mut warnings = untied(&receipt, tie)?;
    if receipt.decision.is_none() || receipt.result.is_none() {
        return Err(unusable("decision or result is missing or unknown"));
    }
    match Json::of(row).map(|json| verify(&json)) {
        Ok(Integrity::Proven) => {}
        Ok(Integrity::Mismatch { stated, computed }) => {
            let text = format!("the receipt states {stated:.16}…, its content gives {computed:.16}…");
            // A block stays a block: what it says is not acted on.
            if receipt.decision != Some(CycleDecision::Blocked) {
                return Err(Judged::fail(RunCode::LiveIntegrityMismatch, text).with_status(200));
            }
            warnings.push(warning(RunCode::LiveIntegrityMismatch, text));
        }
        Ok(Integrity::Unproven) => warnings.push(warning(RunCode::LiveIntegrityUnproven, String::new())),
        Err(fault) => return Err(unusable(&fault.to_string())),
    }
    Ok((receipt, warnings))
}

/// Whether the receipt may be another run's; a warning where it cannot be told.
fn untied(receipt: &CycleReceipt, tie: Tie<'_>) -> Result<Vec<Warning>, Judged> {
    let mismatch = |text: String| Judged::fail(RunCode::LiveReceiptMismatch, text).with_status(200);
    match (tie, receipt.cycle_id.as_deref(), receipt.asof.as_ref()) {
        (Tie::Cycle(run), Some(read), _) if run != read => {
            Err(mismatch(format!("the run is {run}, the receipt read back is {read}")))
        }
        (Tie::Since(start), _, Some(asof)) if asof.has_offset() => {
            let old = asof.instant().is_some_and(|at| at < start - chrono::Duration::seconds(SLACK_SECONDS));
            let text = format!("the run gave no cycle_id and the receipt is of {asof}, before this run");
            if old { Err(mismatch(text)) } else { Ok(Vec::new()) }
        }
        (Tie::Since(_), _, _) => {
            let text = "the run gave no cycle_id, so the receipt cannot be tied to it".to_owned();
            Ok(vec![warning(RunCode::LiveIntegrityUnproven, text)])
        }
        _ => Ok(Vec::new()),
    }
}

/// Judges a proved receipt.
pub(in crate::pipeline) fn judge_receipt(receipt: &CycleReceipt, proof: Vec<Warning>, delivery: Delivery) -> Judged {
    let reason = receipt.reason.as_deref().map_or_else(|| Reason::reported(""), Reason::reported);
    let text = receipt.reason_detail.as_deref().or_else(|| tail_of(receipt.reason.as_deref())).unwrap_or_default();
    let result = receipt.result.map_or("-", CycleResult::as_str);
    let decision = receipt.decision.map_or("-", CycleDecision::as_str);
    let said = format!("{result} {decision} {reason} {text}").trim_end().to_owned();
    match (receipt.decision, receipt.result) {
        (Some(CycleDecision::Blocked), _)
            if receipt.reason.as_deref().is_some_and(|r| r.starts_with("SYSTEM_ERROR")) =>
        {
            Judged::fail(RunCode::SystemError, said)
        }
        (Some(CycleDecision::Blocked), _) => Judged::block(reason, said).warned(proof),
        (_, Some(CycleResult::Failed)) => {
            let broke = !matches!(reason.as_str(), "SUCCESS" | crate::contracts::reason::UNMAPPED_CASE);
            Judged::fail(if broke { reason } else { RunCode::LiveFailed.into() }, said)
        }
        _ => judge_done(receipt, proof, delivery, &said),
    }
    .with_status(200)
}

/// Judges a receipt of a cycle that was neither blocked nor broken.
fn judge_done(receipt: &CycleReceipt, mut warnings: Vec<Warning>, delivery: Delivery, said: &str) -> Judged {
    let actual = receipt.push.as_ref().and_then(|push| push.delivery_actual.as_deref());
    if actual != Some(CONSOLE_SIMULATED) {
        let text = format!("delivery_actual is {}", actual.unwrap_or("missing"));
        if delivery == Delivery::Strict {
            return Judged::block(RunCode::DeliveryNotSimulated, text).warned(warnings);
        }
        warnings.push(warning(RunCode::DeliveryNotSimulated, text));
    }
    let bundle = receipt.bundle.as_ref();
    if bundle.and_then(|b| b.decision.as_deref()) == Some("NO_BUNDLE") {
        warnings.push(warning(RunCode::NoBundle, "the cycle ran without a bundle".to_owned()));
    }
    if bundle.is_none_or(|b| b.stale) {
        warnings.push(warning(RunCode::BundleStaleWarn, String::new()));
    }
    if let Some(reco) = &receipt.reco
        && matches!(reco.decision.as_deref(), Some("EMPTY_RECO" | "BLOCKED"))
    {
        let code = Reason::reported(reco.reason.as_deref().unwrap_or_default());
        warnings.push(Warning { code, detail: reco.decision.clone() });
    }
    let class = if receipt.decision == Some(CycleDecision::Partial) { StageClass::Warn } else { StageClass::Ok };
    Judged::new(class, RunCode::LiveOk, said).warned(warnings)
}

fn tail_of(reason: Option<&str>) -> Option<&str> {
    reason?.split_once(':').map(|(_, text)| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::integrity::payload_sha256;
    use crate::pipeline::client::Body;
    use serde_json::json;
    use std::time::Duration;

    fn json(status: u16, value: Value) -> Result<Answer, CallFault> {
        Ok(Answer { status, body: Body::Json(value) })
    }

    #[test]
    fn the_answer_of_the_run_is_judged_without_a_second_try() {
        let cases = [
            ("run", json(200, json!({"result": "OK", "cycle_id": "c"})), Ok(Some("c"))),
            ("run, failed inside", json(200, json!({"result": "FAILED", "cycle_id": "c"})), Ok(Some("c"))),
            ("no id", json(200, json!({})), Ok(None)),
            ("id in rows", json(200, json!({"rows": [{"cycle_id": "c"}]})), Ok(Some("c"))),
            ("error with 200", json(200, json!({"status": "error", "error": "x"})), Err("LIVE_RUN_FAILED")),
            (
                "blocked without an id",
                json(200, json!({"result": "BLOCKED", "cycle_id": null})),
                Err("LIVE_RUN_FAILED"),
            ),
            ("id of another type", json(200, json!({"cycle_id": 7})), Ok(None)),
            ("guard", json(400, json!({"result": "BLOCKED", "cycle_id": null})), Err("LIVE_CONFIRM_REJECTED")),
            ("guard in detail", json(400, json!({"detail": {"result": "BLOCKED"}})), Err("LIVE_CONFIRM_REJECTED")),
            ("bad request", json(400, json!({"detail": "x"})), Err("LIVE_RUN_FAILED")),
            ("conflict", json(409, json!({"result": "CONFLICT", "message": "m"})), Err("LIVE_CONFLICT")),
            ("another 409", json(409, json!({"result": "SKIPPED"})), Err("LIVE_RUN_FAILED")),
            ("500", json(500, json!({"result": "FAILED"})), Err("LIVE_RUN_FAILED")),
            ("redirect", json(302, json!({})), Err("LIVE_RUN_FAILED")),
            ("list", json(200, json!([])), Err("LIVE_RUN_FAILED")),
            ("empty", Ok(Answer { status: 200, body: Body::Empty }), Err("LIVE_RUN_FAILED")),
            ("html", Ok(Answer { status: 200, body: Body::Other("x".into()) }), Err("LIVE_RUN_FAILED")),
            ("timeout", Err(CallFault::Timeout(Duration::from_secs(1))), Err("LIVE_RUN_FAILED")),
            ("signal", Err(CallFault::Ended(Stop::Interrupted)), Err("INTERRUPTED")),
        ];
        for (name, answer, want) in cases {
            let got = judge_run(&answer).map_err(|judged| {
                assert_eq!(judged.class == StageClass::Block, name == "conflict", "{name}");
                judged.code.as_str().to_owned()
            });
            assert_eq!(got, want.map(|id| id.map(str::to_owned)).map_err(str::to_owned), "{name}");
        }
    }

    fn receipt(edit: impl Fn(&mut Value)) -> Value {
        let mut doc = json!({
            "schema": "LIVE_CYCLE_RECEIPT_V1", "cycle_id": "c", "result": "OK", "decision": "COMPLETED", "reason": "SUCCESS",
            "bundle": {"success": true, "decision": "PASS", "stale": false}, "reco": {"decision": "GENERATED", "reason": "SUCCESS"},
            "ops_summary": {"success": true}, "push": {"success": true, "delivery_actual": "CONSOLE_SIMULATED"},
            "snapshot_ref": "reports/live/cycle/snapshots/x.json", "integrity": {},
        });
        edit(&mut doc);
        let sha = payload_sha256(&Json::of(&doc).expect("valid"));
        if doc["integrity"] == json!({}) {
            doc["integrity"]["payload_sha256"] = sha.into();
        }
        doc
    }

    fn judged(doc: Value, delivery: Delivery) -> Judged {
        let answer = json(200, json!({"status": "ready", "rows": [doc], "error": null}));
        match read_receipt(&answer, Tie::Cycle("c")) {
            Ok((receipt, proof)) => judge_receipt(&receipt, proof, delivery),
            Err(judged) => judged,
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one row per rule of the stage")]
    fn every_receipt_has_its_class_and_code() {
        use StageClass::Block;
        use StageClass::Fail;
        use StageClass::Ok as Fine;
        use StageClass::Warn;
        type Edit = fn(&mut Value);
        let cases: [(&str, Edit, StageClass, &str, &str); 31] = [
            ("completed", |_| (), Fine, "LIVE_OK", ""),
            (
                "partial",
                |d| {
                    d["decision"] = "PARTIAL".into();
                    d["reason"] = "BUNDLE_STALE".into()
                },
                Warn,
                "LIVE_OK",
                "",
            ),
            (
                "partial failed",
                |d| {
                    d["decision"] = "PARTIAL".into();
                    d["result"] = "FAILED".into();
                    d["reason"] = "SUMMARY_FAIL".into()
                },
                Fail,
                "SUMMARY_FAIL",
                "",
            ),
            ("completed failed", |d| d["result"] = "FAILED".into(), Fail, "LIVE_FAILED", ""),
            (
                "blocked stale",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = "BUNDLE_STALE".into()
                },
                Block,
                "BUNDLE_STALE",
                "",
            ),
            (
                "blocked stale with text",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = "BUNDLE_STALE: 31 h".into()
                },
                Block,
                "BUNDLE_STALE",
                "",
            ),
            (
                "blocked no bundle",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = "NO_BUNDLE".into()
                },
                Block,
                "NO_BUNDLE",
                "",
            ),
            (
                "blocked reco",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = "RECO_BLOCKED".into()
                },
                Block,
                "RECO_BLOCKED",
                "",
            ),
            (
                "blocked stop",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = "EMERGENCY_STOP".into()
                },
                Block,
                "EMERGENCY_STOP",
                "",
            ),
            (
                "blocked and failed, as the reference says it",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["result"] = "FAILED".into();
                    d["reason"] = "BUNDLE_FAIL".into()
                },
                Block,
                "BUNDLE_FAIL",
                "",
            ),
            (
                "system error",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["result"] = "FAILED".into();
                    d["reason"] = "SYSTEM_ERROR: KeyError".into()
                },
                Fail,
                "SYSTEM_ERROR",
                "",
            ),
            (
                "system error of another kind",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = "SYSTEM_ERROR_DB".into()
                },
                Fail,
                "SYSTEM_ERROR",
                "",
            ),
            (
                "blocked, hash differs",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = "BUNDLE_STALE".into();
                    d["integrity"] = json!({"payload_sha256": "0".repeat(64)})
                },
                Block,
                "BUNDLE_STALE",
                "LIVE_INTEGRITY_MISMATCH",
            ),
            (
                "blocked for a new reason",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = "NEW_RULE_7".into()
                },
                Block,
                "NEW_RULE_7",
                "",
            ),
            (
                "blocked for no code",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = "because".into()
                },
                Block,
                "UNMAPPED_CASE",
                "",
            ),
            (
                "blocked without reason",
                |d| {
                    d["decision"] = "BLOCKED".into();
                    d["reason"] = Value::Null
                },
                Block,
                "UNMAPPED_CASE",
                "",
            ),
            ("decision missing", |d| d["decision"] = Value::Null, Fail, "LIVE_PARSE_FAILED", ""),
            ("decision unknown", |d| d["decision"] = "DONE".into(), Fail, "LIVE_PARSE_FAILED", ""),
            ("result of another type", |d| d["result"] = json!(["OK"]), Fail, "LIVE_PARSE_FAILED", ""),
            ("another cycle", |d| d["cycle_id"] = "d".into(), Fail, "LIVE_RECEIPT_MISMATCH", ""),
            ("cycle id missing", |d| d["cycle_id"] = Value::Null, Fine, "LIVE_OK", ""),
            (
                "hash differs",
                |d| d["integrity"] = json!({"payload_sha256": "0".repeat(64)}),
                Fail,
                "LIVE_INTEGRITY_MISMATCH",
                "",
            ),
            (
                "hash no hash",
                |d| d["integrity"] = json!({"payload_sha256": "none"}),
                Warn,
                "LIVE_OK",
                "LIVE_INTEGRITY_UNPROVEN",
            ),
            ("no integrity", |d| d["integrity"] = Value::Null, Warn, "LIVE_OK", "LIVE_INTEGRITY_UNPROVEN"),
            (
                "delivery other",
                |d| d["push"]["delivery_actual"] = "TELEGRAM".into(),
                Warn,
                "LIVE_OK",
                "DELIVERY_NOT_SIMULATED",
            ),
            ("delivery missing", |d| d["push"] = json!({}), Warn, "LIVE_OK", "DELIVERY_NOT_SIMULATED"),
            ("stale", |d| d["bundle"]["stale"] = true.into(), Warn, "LIVE_OK", "BUNDLE_STALE_WARN"),
            ("stale missing", |d| d["bundle"] = json!({"decision": "PASS"}), Warn, "LIVE_OK", "BUNDLE_STALE_WARN"),
            ("bundle of another type", |d| d["bundle"] = "x".into(), Warn, "LIVE_OK", "BUNDLE_STALE_WARN"),
            (
                "no bundle",
                |d| d["bundle"] = json!({"decision": "NO_BUNDLE", "stale": false}),
                Warn,
                "LIVE_OK",
                "NO_BUNDLE",
            ),
            (
                "empty reco",
                |d| d["reco"] = json!({"decision": "EMPTY_RECO", "reason": "NO_SIGNAL"}),
                Warn,
                "LIVE_OK",
                "NO_SIGNAL",
            ),
        ];
        for (name, edit, class, code, told) in cases {
            let got = judged(receipt(edit), Delivery::Warn);
            assert_eq!((got.class, got.code.as_str()), (class, code), "{name}: {got:?}");
            let said = got.warnings.iter().any(|w| w.code.as_str() == told);
            assert_eq!(said, !told.is_empty(), "{name}: {got:?}");
        }
        let strict = judged(receipt(|d| d["push"]["delivery_actual"] = "TELEGRAM".into()), Delivery::Strict);
        assert_eq!((strict.class, strict.code.as_str()), (Block, "DELIVERY_NOT_SIMULATED"));
    }

    #[test]
    fn without_a_receipt_nothing_is_judged() {
        let cases = [
            ("no row", json(200, json!({"status": "no_cycle_yet", "rows": []}))),
            ("not found", json(404, json!({"detail": "Not Found"}))),
            ("500", json(500, receipt(|_| ()))),
            ("row of another type", json(200, json!({"rows": ["x"]}))),
            ("html", Ok(Answer { status: 200, body: Body::Other("x".into()) })),
            ("broken", Err(CallFault::Broken("x".into()))),
        ];
        for (name, answer) in cases {
            let judged = read_receipt(&answer, Tie::Cycle("c")).expect_err(name);
            assert_eq!((judged.class, judged.code.as_str()), (StageClass::Fail, "LIVE_PARSE_FAILED"), "{name}");
        }
        assert!(read_receipt(&json(200, receipt(|_| ())), Tie::Cycle("c")).is_ok(), "a raw receipt is one");
    }

    #[test]
    fn without_an_id_a_receipt_must_not_be_older_than_the_run() {
        let start = crate::time::Stamp::from("2026-11-20T09:05:00+09:00").instant().expect("a time");
        let cases = [
            ("2020-01-01T00:00:00+09:00", Err("LIVE_RECEIPT_MISMATCH")),
            ("2026-11-20T09:03:59+09:00", Err("LIVE_RECEIPT_MISMATCH")),
            ("2026-11-20T09:05:01+09:00", Ok("")),
            ("2026-11-20T00:05:01Z", Ok("")),
            ("2020-01-01T00:00:00", Ok("LIVE_INTEGRITY_UNPROVEN")),
        ];
        for (asof, want) in cases {
            let answer = json(200, receipt(|d| d["asof"] = asof.into()));
            let got = read_receipt(&answer, Tie::Since(start));
            let got = got.map(|(_, w)| w.first().map(|w| w.code.to_string()).unwrap_or_default());
            let got = got.map_err(|judged| judged.code.to_string());
            assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned), "{asof}");
        }
    }
}
