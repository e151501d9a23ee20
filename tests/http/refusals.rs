//! What is turned away, with which code and which words.

use crate::Row;
use crate::STOP;
use crate::SUMMARY;
use crate::check;
use crate::client::Answer;
use crate::client::Site;
use crate::client::raw;
use serde_json::json;

#[test]
#[expect(clippy::too_many_lines, reason = "one row per case")]
fn requests_that_make_no_sense_are_answered_as_the_reference_does() {
    let guard = "Confirm guard: set confirm=true to proceed";
    let rows: &[Row] = &[
        ("unknown path", "GET", "/api/does_not_exist", None, 404, json!({"": {"detail": "Not Found"}})),
        ("unknown path, change", "POST", "/x", Some("{}"), 404, json!({"/detail": "Not Found"})),
        ("slash at the end", "GET", "/api/ops/summary/latest/", None, 404, json!({"/detail": "Not Found"})),
        ("double slash", "GET", "//api/ops/summary/latest", None, 404, json!({"/detail": "Not Found"})),
        ("unknown method", "DELETE", SUMMARY, None, 405, json!({"/detail": "Method Not Allowed"})),
        (
            "cycle without confirm",
            "POST",
            "/api/live/cycle/run",
            None,
            400,
            json!({"": {"result": "BLOCKED", "message": guard, "cycle_id": null}}),
        ),
        ("cycle not confirmed", "POST", "/api/live/cycle/run?confirm=No", None, 400, json!({"/result": "BLOCKED"})),
        (
            "cycle, confirm in a body",
            "POST",
            "/api/live/cycle/run",
            Some(r#"{"confirm":true}"#),
            400,
            json!({"/result": "BLOCKED"}),
        ),
        (
            "cycle maybe",
            "POST",
            "/api/live/cycle/run?confirm=maybe",
            None,
            422,
            json!({"": {"detail": [{
            "type": "bool_parsing", "loc": ["query", "confirm"], "input": "maybe",
            "msg": "Input should be a valid boolean, unable to interpret input"}]}}),
        ),
        (
            "cycle confirmed twice",
            "POST",
            "/api/live/cycle/run?confirm=true&confirm=false",
            None,
            422,
            json!({"/detail/0/type": "duplicate", "/detail/0/input": ["true", "false"]}),
        ),
        (
            "summary without confirm",
            "POST",
            "/api/ops/summary/regenerate",
            None,
            400,
            json!({"": {"result": "BLOCKED", "message": guard}}),
        ),
        (
            "reco without anything",
            "POST",
            "/api/reco/regenerate",
            None,
            400,
            json!({"": {"result": "BLOCKED", "message": guard, "report_id": null}}),
        ),
        ("reco with an empty body", "POST", "/api/reco/regenerate", Some("{}"), 400, json!({"/result": "BLOCKED"})),
        (
            "reco with a text",
            "POST",
            "/api/reco/regenerate",
            Some(r#"{"confirm":"true"}"#),
            422,
            json!({"/detail/0/type": "bool_type", "/detail/0/loc": ["body", "confirm"], "/detail/0/input": "true"}),
        ),
        (
            "reco with a list",
            "POST",
            "/api/reco/regenerate?confirm=true",
            Some("[]"),
            422,
            json!({"/detail/0/type": "model_attributes_type", "/detail/0/loc": ["body"]}),
        ),
        (
            "no ref",
            "GET",
            "/api/evidence/resolve",
            None,
            422,
            json!({"": {"detail": [{"type": "missing", "loc": ["query", "ref"], "msg": "Field required", "input": null}]}}),
        ),
        (
            "two refs",
            "GET",
            "/api/evidence/resolve?ref=state/emergency_stop.json&ref=state/execution_gate.json",
            None,
            422,
            json!({"/detail/0/type": "duplicate"}),
        ),
        (
            "ref in another encoding",
            "GET",
            "/api/evidence/resolve?ref=%b0%a1",
            None,
            422,
            json!({"/detail/0/type": "url_encoding"}),
        ),
        ("gate without a body", "POST", "/api/execution_gate", None, 422, json!({"/detail/0/loc": ["body"]})),
        (
            "gate without a reason",
            "POST",
            "/api/execution_gate",
            Some(r#"{"mode":"DRY_RUN"}"#),
            422,
            json!({"": {"detail": [
            {"type": "missing", "loc": ["body", "reason"], "msg": "Field required", "input": {"mode": "DRY_RUN"}}]}}),
        ),
        (
            "gate of another mode",
            "POST",
            "/api/execution_gate",
            Some(r#"{"mode":"XX","reason":"r"}"#),
            400,
            json!({"": {"result": "FAIL", "message": "Invalid mode. Must be one of ['MOCK_ONLY', 'DRY_RUN', 'REAL_ENABLED']"}}),
        ),
        (
            "gate opened without approval",
            "POST",
            "/api/execution_gate",
            Some(r#"{"mode":"REAL_ENABLED","reason":"r"}"#),
            409,
            json!({"/result": "FAIL"}),
        ),
        (
            "gate opened without a reason",
            "POST",
            "/api/execution_gate",
            Some(r#"{"mode":"REAL_ENABLED","reason":" "}"#),
            400,
            json!({"/result": "FAIL"}),
        ),
        (
            "stop as text",
            "POST",
            STOP,
            Some(r#"{"enabled":"false"}"#),
            422,
            json!({"/detail/0/type": "bool_type", "/detail/0/input": "false"}),
        ),
        ("stop without a reason", "POST", STOP, Some(r#"{"enabled":true}"#), 400, json!({"/result": "FAIL"})),
        (
            "stop by a number",
            "POST",
            STOP,
            Some(r#"{"enabled":false,"operator_id":7}"#),
            422,
            json!({"/detail/0/loc": ["body", "operator_id"], "/detail/0/type": "string_type", "/detail/0/input": 7}),
        ),
        ("stop, half a body", "POST", STOP, Some(r#"{"enabled":fal"#), 422, json!({"/detail/0/type": "json_invalid"})),
        (
            "stop, said twice",
            "POST",
            STOP,
            Some(r#"{"enabled":true,"enabled":false}"#),
            422,
            json!({"/detail/0/type": "json_invalid"}),
        ),
        (
            "sender without a reason",
            "POST",
            "/api/real_sender_enable",
            Some(r#"{"enabled":true}"#),
            400,
            json!({"": {"detail": {"error": "reason is required when enabling"}}}),
        ),
    ];
    let site = Site::new();
    check(&site, rows);
    let left: Vec<_> = std::fs::read_dir(site.dir.path()).expect("listed").collect();
    assert!(left.is_empty(), "a refused request leaves nothing behind: {left:?}");
}

pub(crate) fn problem(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert_eq!((&body["status"], &body["schema"]), (&json!("error"), &json!("DAILY_OPS_ERROR_V1")), "{body}");
    assert!(body["asof"].is_string() && body["error"]["message"].is_string(), "{body}");
    (answer.status, body["error"]["code"].as_str().expect("a code").to_owned())
}

#[test]
fn health_is_told_to_monitors_that_name_no_host_and_under_no_foreign_name() {
    let site = Site::new();
    let foreign = site.call("GET", "/health", None, &[("host", "evil.example")]);
    assert_eq!(problem(&foreign), (403, "FOREIGN_HOST".to_owned()));
    for request in ["GET /health HTTP/1.0\r\n\r\n", "GET /health HTTP/1.1\r\nhost: localhost:8000\r\n\r\n"] {
        assert_eq!(raw(site.server.address(), request.as_bytes()).status, 200, "{request}");
    }
}

#[test]
fn foreign_hosts_foreign_pages_and_large_bodies_are_turned_away() {
    let site = Site::new();
    let forbidden = (403, "FOREIGN_HOST".to_owned());
    for path in [SUMMARY, "/api/does_not_exist", "/api/evidence/resolve?ref=x"] {
        let answer = site.call("GET", path, None, &[("host", "evil.example:8000")]);
        assert_eq!(problem(&answer), forbidden, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(problem(&site.call("POST", STOP, Some("{}"), &[("host", "evil.example")])), forbidden);
    assert_eq!(
        problem(&raw(site.server.address(), b"GET /api/ops/summary/latest HTTP/1.0\r\n\r\n")),
        forbidden,
        "no host"
    );
    for host in ["localhost", "[::1]:8000", "127.0.0.1:1"] {
        assert_eq!(site.call("GET", SUMMARY, None, &[("host", host)]).status, 200, "{host}");
    }
    let body = Some(r#"{"enabled":false}"#);
    for origin in ["http://evil.example", "null", "http://localhost:8000", "http://127.0.0.1:3000"] {
        let answer = site.call("POST", STOP, body, &[("origin", origin)]);
        assert_eq!(problem(&answer), (403, "FOREIGN_ORIGIN".to_owned()), "{origin}");
        assert_eq!(site.call("GET", STOP, None, &[("origin", origin)]).status, 200, "reads are open: {origin}");
    }
    assert_eq!(site.call("POST", STOP, body, &[("origin", "http://127.0.0.1:8000")]).status, 200);
    let large = format!(r#"{{"enabled":false,"reason":"{}"}}"#, "x".repeat(5000));
    assert_eq!(problem(&site.post(STOP, Some(&large))), (413, "BODY_TOO_LARGE".to_owned()));
    let chunked = format!(
        "POST {STOP} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    assert_eq!(problem(&raw(site.server.address(), chunked.as_bytes())), (413, "BODY_TOO_LARGE".to_owned()));
}
