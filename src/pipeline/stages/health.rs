//! Stage 2: is the backend there, and what does it say about the switches.

use serde_json::Value;

use crate::contracts::RunCode;
use crate::contracts::envelope::error_of;
use crate::contracts::unwrap;
use crate::pipeline::client::Answer;
use crate::pipeline::client::CallFault;
use crate::pipeline::safety::Reported;
use crate::pipeline::safety::warning;

use super::Judged;

/// The hint names the service manager only: a second backend started by hand beside the managed one was a fault once.
const HINT: &str =
    "see and restart it with `systemctl status daily-ops-backend` and `systemctl restart daily-ops-backend`";

/// Judges the answer of `/api/ops/health`.
pub(in crate::pipeline) fn judge(answer: &Result<Answer, CallFault>) -> (Judged, Reported) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => return (Judged::no_answer(RunCode::BackendDown, fault, HINT), Reported::default()),
    };
    if answer.status != 200 {
        let judged = Judged::fail(RunCode::BackendDown, format!("{}; {HINT}", answer.excerpt()));
        return (judged.with_status(answer.status), Reported::default());
    }
    let Some(reply) = answer.json().and_then(Value::as_object) else {
        let judged = Judged::fail(RunCode::BackendBadResponse, format!("no JSON object: {}", answer.excerpt()));
        return (judged.with_status(200), Reported::default());
    };
    // The word stands beside `data`; a wrapper of another family has both inside its row.
    let row = answer.json().and_then(|json| unwrap(json, "OPS_HEALTH_V1"));
    let health = [Some(reply), row].into_iter().flatten().find_map(|object| object.get("health")?.as_str());
    let reported = Reported::from_health(row);
    let judged = match (reply.get("status").and_then(Value::as_str), health) {
        (Some("error"), _) | (_, Some("ERROR")) => {
            let (code, message) = error_of(&Value::Object(reply.clone())).unwrap_or_default();
            Judged::fail(RunCode::BackendUnhealthy, format!("the backend is in error: {code} {message}"))
        }
        (_, Some("OK")) => Judged::ok(RunCode::BackendOk, ""),
        (_, Some("STOPPED")) => Judged::ok(RunCode::BackendStopped, "the emergency stop is on"),
        (_, Some("WARNING")) => warned(RunCode::BackendWarning, "health is WARNING"),
        (_, Some(other)) => warned(RunCode::BackendWarning, &format!("health is an unknown word: {other:.40}")),
        (_, None) => warned(RunCode::BackendWarning, "the answer has no field health"),
    };
    (judged.with_status(200), reported)
}

fn warned(code: RunCode, detail: &str) -> Judged {
    Judged::ok(code, detail).warned(vec![warning(code, detail.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::StageClass;
    use crate::pipeline::client::Body;
    use crate::pipeline::client::Stop;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn every_answer_has_its_class_and_code() {
        let json = |status, value| Ok(Answer { status, body: Body::Json(value) });
        use StageClass::Fail;
        use StageClass::Ok as Fine;
        use StageClass::Warn;
        let cases = [
            ("no connection", Err(CallFault::NoConnection("refused".into())), Fail, "BACKEND_DOWN"),
            ("timeout", Err(CallFault::Timeout(Duration::from_secs(5))), Fail, "BACKEND_DOWN"),
            ("broken", Err(CallFault::Broken("reset".into())), Fail, "BACKEND_DOWN"),
            ("too large", Err(CallFault::TooLarge(200)), Fail, "BACKEND_DOWN"),
            ("signal", Err(CallFault::Ended(Stop::Interrupted)), Fail, "INTERRUPTED"),
            ("run over", Err(CallFault::Ended(Stop::RunTimeout)), Fail, "RUN_TIMEOUT"),
            ("500", json(500, json!({"health": "OK"})), Fail, "BACKEND_DOWN"),
            ("404", json(404, json!({"detail": "Not Found"})), Fail, "BACKEND_DOWN"),
            ("302", Ok(Answer { status: 302, body: Body::Empty }), Fail, "BACKEND_DOWN"),
            ("html", Ok(Answer { status: 200, body: Body::Other("<html>".into()) }), Fail, "BACKEND_BAD_RESPONSE"),
            ("empty", Ok(Answer { status: 200, body: Body::Empty }), Fail, "BACKEND_BAD_RESPONSE"),
            ("list", json(200, json!([])), Fail, "BACKEND_BAD_RESPONSE"),
            ("text", json(200, json!("OK")), Fail, "BACKEND_BAD_RESPONSE"),
            ("status error", json(200, json!({"status": "error", "health": "OK"})), Fail, "BACKEND_UNHEALTHY"),
            ("health error", json(200, json!({"status": "ready", "health": "ERROR"})), Fail, "BACKEND_UNHEALTHY"),
            ("stopped", json(200, json!({"status": "ready", "health": "STOPPED"})), Fine, "BACKEND_STOPPED"),
            ("warning", json(200, json!({"status": "ready", "health": "WARNING"})), Warn, "BACKEND_WARNING"),
            ("ok", json(200, json!({"status": "ready", "health": "OK"})), Fine, "BACKEND_OK"),
            ("missing", json(200, json!({"status": "ready"})), Warn, "BACKEND_WARNING"),
            ("in rows", json(200, json!({"status": "ready", "rows": [{"health": "OK"}]})), Fine, "BACKEND_OK"),
            ("in data", json(200, json!({"status": "ready", "data": {"health": "OK"}})), Fine, "BACKEND_OK"),
            ("another type", json(200, json!({"status": 7, "health": ["OK"]})), Warn, "BACKEND_WARNING"),
        ];
        for (name, answer, class, code) in cases {
            let (judged, _) = judge(&answer);
            assert_eq!((judged.class, judged.code.as_str()), (class, code), "{name}");
            if code == "BACKEND_DOWN" {
                let detail = judged.detail.expect("a detail");
                assert!(detail.contains("HTTP ") && !detail.contains("uvicorn"), "{name}: {detail}");
            }
        }
    }
}
