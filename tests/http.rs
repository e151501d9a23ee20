//! The backend over real sockets: every route, every guard, every code.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod client;

use std::io::Read as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use client::Answer;
use client::Site;
use client::raw;
use client::receive;
use client::request;
use daily_ops::backend::ROUTES;
use daily_ops::backend::ServeFault;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::backend::Verb;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

const SUMMARY: &str = "/api/ops/summary/latest";
const STOP: &str = "/api/emergency_stop";

#[test]
fn every_route_answers_json_on_an_empty_workspace() {
    let site = Site::new();
    for route in ROUTES {
        let path = route.path.replace("{id}", "ops_run_20260111_160535.json");
        let answer = site.call(route.verb.as_str(), &path, None, &[]);
        let body = answer.json();
        let want: &[u16] = match (route.verb, route.path) {
            (Verb::Get, "/api/evidence/resolve") => &[422],
            (Verb::Get, path) if path.ends_with("{id}") => &[404],
            (Verb::Get, _) => &[200],
            (Verb::Post, _) => &[400, 422],
        };
        assert!(want.contains(&answer.status), "{} {path}: {} {body}", route.verb.as_str(), answer.status);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let open = answer.header("access-control-allow-origin");
        assert_eq!(open, (route.verb == Verb::Get).then_some("*"), "{path}");
        if answer.status == 200 {
            for key in ["status", "schema", "asof", "error"] {
                assert!(body.as_object().is_some_and(|body| body.contains_key(key)), "{path} lacks {key}: {body}");
            }
        }
        // The other method of the same path is 405 unless it is a route too.
        let other = if route.verb == Verb::Get { "POST" } else { "GET" };
        if !ROUTES.iter().any(|r| r.path == route.path && r.verb.as_str() == other) {
            let answer = site.call(other, &path, None, &[]);
            assert_eq!(
                (answer.status, answer.json()),
                (405, json!({"detail": "Method Not Allowed"})),
                "{other} {path}"
            );
            assert!(answer.header("allow").is_some_and(|allow| allow.contains(route.verb.as_str())), "{path}");
        }
    }
}

/// One row of a table of requests: name, method, path, body, status, and members of the reply by JSON pointer.
type Row = (&'static str, &'static str, &'static str, Option<&'static str>, u16, Value);

fn check(site: &Site, rows: &[Row]) {
    for (name, method, path, body, status, want) in rows {
        let answer = site.call(method, path, *body, &[]);
        let got = answer.json();
        assert_eq!(answer.status, *status, "{name}: {got}");
        for (pointer, value) in want.as_object().expect("pointers") {
            assert_eq!(got.pointer(pointer), Some(value), "{name} at {pointer}: {got}");
        }
    }
}

#[test]
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

#[test]
fn a_workspace_without_documents_says_so_in_each_family() {
    let rows: &[Row] = &[
        (
            "summary",
            "GET",
            SUMMARY,
            None,
            200,
            json!({"": {
            "status": "ready", "schema": "OPS_SUMMARY_V1", "asof": null, "row_count": 1,
            "rows": [{"overall_status": "NO_RUN_HISTORY", "guard": null, "last_run_triplet": null, "tickets": null,
                "push": null, "evidence": null, "top_risks": []}],
            "error": {"code": "NO_SUMMARY_YET", "message": "Ops summary not generated yet."}}}),
        ),
        (
            "cycle",
            "GET",
            "/api/live/cycle/latest",
            None,
            200,
            json!({"/status": "no_cycle_yet", "/row_count": 0,
            "/rows": [], "/snapshots": [], "/error": {"code": "NO_CYCLE_YET", "message": "No live cycle receipt found"}}),
        ),
        (
            "reco",
            "GET",
            "/api/reco/latest",
            None,
            200,
            json!({"/status": "no_reco_yet", "/report": null,
            "/summary/present": false, "/summary/decision": "NO_RECO_YET", "/error/code": "NO_RECO_YET"}),
        ),
        (
            "bundle",
            "GET",
            "/api/strategy_bundle/latest",
            None,
            200,
            json!({"/status": "not_ready", "/bundle": null,
            "/validation/decision": "NO_BUNDLE", "/validation/valid": false, "/validation/stale": true,
            "/summary/present": false, "/summary/latest_ref": null, "/error/code": "NO_BUNDLE"}),
        ),
        (
            "ops run",
            "GET",
            "/api/ops/scheduler/latest",
            None,
            200,
            json!({"/status": "not_ready", "/rows": [],
            "/error": {"code": "NO_RUN_HISTORY", "message": "No run history yet."}}),
        ),
        (
            "ops runs",
            "GET",
            "/api/ops/scheduler/snapshots",
            None,
            200,
            json!({"/status": "ready", "/rows": [],
            "/row_count": 0, "/directory": "reports/ops/scheduler/snapshots"}),
        ),
        (
            "gate",
            "GET",
            "/api/execution_gate",
            None,
            200,
            json!({"/data": {"schema": "EXECUTION_GATE_V1",
            "mode": "MOCK_ONLY", "updated_at": null, "updated_by": null, "reason": "Default (no gate file)"}}),
        ),
        (
            "stop",
            "GET",
            STOP,
            None,
            200,
            json!({"/status": "ready",
            "/data": {"enabled": false, "updated_at": null, "updated_by": null, "reason": null}}),
        ),
        (
            "sender",
            "GET",
            "/api/real_sender_enable",
            None,
            200,
            json!({"/status": "ready", "/data": {"enabled": false,
            "channel": "TELEGRAM_ONLY", "updated_at": null, "updated_by": null, "reason": "Not configured"}}),
        ),
        (
            "health",
            "GET",
            "/health",
            None,
            200,
            json!({"/components/BACKEND/status": "UP", "/components/STORE/status": "UP"}),
        ),
    ];
    check(&Site::new(), rows);
}

#[test]
fn damaged_documents_are_errors_and_damaged_switches_are_safe() {
    let site = Site::new();
    let families = [layout::SUMMARY, layout::CYCLE, layout::RECO, layout::OPS_RUN, layout::BUNDLE];
    let damages: [&[u8]; 4] =
        [b"{not json", b"", b"[]", br#"{"schema":"OTHER_V1","enabled":false,"mode":"REAL_ENABLED"}"#];
    for damage in damages {
        for file in families.map(|family| family.latest).into_iter().chain([layout::GATE, layout::STOP, layout::SENDER])
        {
            site.store.write(file, damage).expect("written");
        }
        let read_error = json!({"/status": "error", "/error/code": "READ_ERROR"});
        let rows: &[Row] = &[
            (
                "summary",
                "GET",
                SUMMARY,
                None,
                200,
                json!({"/status": "error", "/row_count": 0, "/error/code": "READ_ERROR"}),
            ),
            ("cycle", "GET", "/api/live/cycle/latest", None, 200, read_error.clone()),
            ("reco", "GET", "/api/reco/latest", None, 200, read_error.clone()),
            ("ops run", "GET", "/api/ops/scheduler/latest", None, 200, read_error),
            (
                "bundle",
                "GET",
                "/api/strategy_bundle/latest",
                None,
                200,
                json!({"/status": "not_ready", "/bundle": null,
                "/validation/decision": "FAIL", "/summary/latest_ref": layout::BUNDLE.latest, "/error/code": "FAIL"}),
            ),
            (
                "gate",
                "GET",
                "/api/execution_gate",
                None,
                200,
                json!({"/status": "ready", "/data/mode": "MOCK_ONLY", "/error": null}),
            ),
            (
                "stop",
                "GET",
                STOP,
                None,
                200,
                json!({"/status": "ready", "/data/enabled": true,
                "/data/reason": "EMERGENCY_STOP_UNREADABLE", "/error": null}),
            ),
            (
                "sender",
                "GET",
                "/api/real_sender_enable",
                None,
                200,
                json!({"/status": "error", "/data/enabled": false,
                "/error/code": "READ_ERROR"}),
            ),
            ("resolve", "GET", "/api/evidence/resolve?ref=state/emergency_stop.json", None, 200, json!({})),
        ];
        check(&site, rows);
        for path in ["/api/execution_gate", STOP] {
            assert!(site.get(path).json()["warning"].is_string(), "{path}");
        }
    }
    let gate = site.post("/api/execution_gate", Some(r#"{"mode":"REAL_ENABLED","reason":"go"}"#));
    assert_eq!(gate.status, 409, "an unreadable stop is on: {}", gate.text);
}

#[test]
fn switches_are_changed_with_who_and_why() {
    let site = Site::new();
    let rows: &[Row] = &[
        (
            "gate",
            "POST",
            "/api/execution_gate",
            Some(r#"{"mode":"DRY_RUN","reason":"usual"}"#),
            200,
            json!({"/result": "OK", "/mode": "DRY_RUN"}),
        ),
        (
            "gate reads",
            "GET",
            "/api/execution_gate",
            None,
            200,
            json!({"/data/mode": "DRY_RUN", "/data/updated_by": "local_api", "/data/reason": "usual"}),
        ),
        (
            "stop",
            "POST",
            STOP,
            Some(r#"{"enabled":true,"operator_id":"kim","reason":"훈련"}"#),
            200,
            json!({"/result": "OK", "/enabled": true}),
        ),
        (
            "stop reads",
            "GET",
            STOP,
            None,
            200,
            json!({"/data/enabled": true, "/data/updated_by": "kim", "/data/reason": "훈련"}),
        ),
        (
            "gate closed with it",
            "GET",
            "/api/execution_gate",
            None,
            200,
            json!({"/data/mode": "MOCK_ONLY", "/data/updated_by": "emergency_stop_system"}),
        ),
        ("stop off", "POST", STOP, Some(r#"{"enabled":false}"#), 200, json!({"/enabled": false})),
        (
            "stop off reads",
            "GET",
            STOP,
            None,
            200,
            json!({"/data/enabled": false, "/data/updated_by": "local_operator"}),
        ),
        (
            "sender on",
            "POST",
            "/api/real_sender_enable",
            Some(r#"{"enabled":true,"reason":"test"}"#),
            200,
            json!({"": {"result": "OK", "enabled": true, "channel": "TELEGRAM_ONLY"}}),
        ),
        (
            "sender off",
            "POST",
            "/api/real_sender_enable",
            Some(r#"{"enabled":false,"reason":null}"#),
            200,
            json!({"/enabled": false}),
        ),
        (
            "sender reads",
            "GET",
            "/api/real_sender_enable",
            None,
            200,
            json!({"/data/enabled": false, "/data/updated_by": "local_api", "/data/reason": "Disabled"}),
        ),
    ];
    check(&site, rows);
}

#[test]
fn a_document_is_handed_on_as_it_is_written_and_anew_when_it_changes() {
    let site = Site::new();
    let first = r#"{"schema": "OPS_SUMMARY_V1", "asof": "2026-01-11T17:32:24", "overall_status": "WARN", "later": {"n": 1.50}}"#;
    site.store.write(layout::SUMMARY.latest, first.as_bytes()).expect("written");
    for _ in 0..3 {
        let answer = site.get(SUMMARY);
        assert!(answer.text.contains(r#""later":{"n":1.50}"#), "unknown keys and digits stay: {}", answer.text);
        assert_eq!(answer.json()["asof"], "2026-01-11T17:32:24");
    }
    for status in ["OK", "BLOCKED", "OK", "BLOCKED"] {
        let text = format!(r#"{{"schema":"OPS_SUMMARY_V1","overall_status":"{status}"}}"#);
        site.store.write(layout::SUMMARY.latest, text.as_bytes()).expect("written");
        assert_eq!(site.get(SUMMARY).json()["rows"][0]["overall_status"], *status);
    }
    site.store.remove(layout::SUMMARY.latest).expect("removed");
    assert_eq!(site.get(SUMMARY).json()["error"]["code"], "NO_SUMMARY_YET");
}

#[test]
fn a_kept_reply_carries_the_time_of_its_request() {
    let site = Site::new();
    let stop = r#"{"schema":"EMERGENCY_STOP_V1","enabled":false}"#;
    site.store.write(layout::STOP, stop.as_bytes()).expect("written");
    let times: Vec<String> = (0..4).map(|_| site.get(STOP).json()["asof"].to_string()).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[test]
fn ops_runs_are_listed_from_both_directories_and_shown_by_id() {
    let site = Site::new();
    let (new, old) = (layout::OPS_RUN.snapshots, layout::OLD_OPS_RUN_SNAPSHOTS);
    let run = |asof: &str| format!(r#"{{"schema":"OPS_CYCLE_RUN_V2","asof":"{asof}","overall_status":"DONE"}}"#);
    for minute in 10..35 {
        let name = format!("ops_run_20260111_16{minute}00.json");
        let directory = if minute % 2 == 0 { new } else { old };
        site.store.write(&format!("{directory}/{name}"), run("2026-01-11T16:00:00").as_bytes()).expect("written");
    }
    site.store.write(&format!("{old}/ops_report_20260112.json"), b"{}").expect("written");
    site.store.write(&format!("{old}/ops_run_20260111_161000.json"), run("shadowed").as_bytes()).expect("written");
    site.store.write(&format!("{new}/ops_run_bad.json"), b"{oops").expect("written");
    let list = site.get("/api/ops/scheduler/snapshots").json();
    let names: Vec<&str> =
        list["rows"].as_array().expect("rows").iter().filter_map(|row| row["filename"].as_str()).collect();
    assert_eq!((names.len(), names[0], names[1]), (20, "ops_run_bad.json", "ops_run_20260111_163400.json"));
    assert!(list["rows"].as_array().expect("rows").iter().all(|row| row["snapshot_id"] == row["filename"]));
    let view = "/api/ops/scheduler/snapshots";
    let rows: &[(&str, String, u16, Value)] = &[
        (
            "new directory first",
            format!("{view}/ops_run_20260111_161000.json"),
            200,
            json!({"/schema": "OPS_CYCLE_RUN_V2", "/snapshot_id": "ops_run_20260111_161000.json", "/asof": "2026-01-11T16:00:00"}),
        ),
        (
            "old directory",
            format!("{view}/ops_run_20260111_161100.json"),
            200,
            json!({"/status": "ready", "/error": null}),
        ),
        (
            "damaged",
            format!("{view}/ops_run_bad.json"),
            500,
            json!({"/detail/error/code": "READ_ERROR", "/detail/schema": "OPS_SNAPSHOT_VIEWER_V1"}),
        ),
        (
            "absent",
            format!("{view}/nope.json"),
            404,
            json!({"/detail/error": {"code": "NOT_FOUND", "message": "Snapshot not found: nope.json"}}),
        ),
        (
            "blank in the name",
            format!("{view}/bad%20id"),
            400,
            json!({"/detail/error": {"code": "INVALID_ID", "message": "Invalid snapshot_id format: bad id"}}),
        ),
        ("no json name", format!("{view}/ops_run"), 400, json!({"/detail/error/code": "INVALID_ID"})),
        ("encoded traversal", format!("{view}/..%2F..%2Fx.json"), 400, json!({"/detail/error/code": "INVALID_ID"})),
        ("two dots", format!("{view}/a..json"), 400, json!({"/detail/error/code": "INVALID_ID"})),
        ("other encoding", format!("{view}/%ff.json"), 400, json!({"/detail/error/code": "INVALID_ID"})),
        ("no id", format!("{view}/"), 404, json!({"/detail": "Not Found"})),
        ("two parts", format!("{view}/a/b.json"), 404, json!({"/detail": "Not Found"})),
    ];
    for (name, path, status, want) in rows {
        let answer = site.get(path);
        let got = answer.json();
        assert_eq!(answer.status, *status, "{name}: {got}");
        for (pointer, value) in want.as_object().expect("pointers") {
            assert_eq!(got.pointer(pointer), Some(value), "{name} at {pointer}: {got}");
        }
    }
}

#[test]
fn evidence_is_resolved_or_refused_by_code() {
    let site = Site::new();
    let reco = layout::RECO.snapshots;
    site.store.write(layout::STOP, br#"{ "a": 1.0 }"#).expect("written");
    site.store.write(layout::TICKET_RESULTS, b"{\"n\":1}\n\n{oops\n").expect("written");
    for (name, bytes) in [
        ("bad", b"{oops".as_slice()),
        ("empty", b""),
        ("bom", b"\xef\xbb\xbf{\"a\":1}"),
        ("big", &vec![b' '; (5 << 20) + 1]),
    ] {
        site.store.write(&format!("{reco}/{name}.json"), bytes).expect("written");
    }
    let rows: &[(&str, u16, &str, Value)] = &[
        (
            "state/emergency_stop.json",
            200,
            "",
            json!({"/rows/0": {"ref": "state/emergency_stop.json", "data": {"a": 1.0},
            "source": {"kind": "JSON", "path": "state/emergency_stop.json", "line": null}}, "/row_count": 1, "/status": "ready"}),
        ),
        ("state%2Femergency_stop.json", 200, "", json!({"/row_count": 1})),
        (
            "state/tickets/ticket_results.jsonl:line1",
            200,
            "",
            json!({"/rows/0/data": {"n": 1}, "/rows/0/source":
            {"kind": "JSONL_LINE", "path": "state/tickets/ticket_results.jsonl", "line": 1}}),
        ),
        (
            "state/tickets/ticket_results.jsonl:line2",
            404,
            "NOT_FOUND",
            json!({"/detail/error/message": "Line 2 is empty or out of range"}),
        ),
        (
            "state/tickets/ticket_results.jsonl:line3",
            200,
            "PARSE_ERROR",
            json!({"/status": "error", "/row_count": 0, "/rows": []}),
        ),
        ("state/tickets/ticket_results.jsonl:line9", 404, "NOT_FOUND", json!({})),
        (
            "state/tickets/ticket_results.jsonl:line0",
            400,
            "INVALID_REF",
            json!({"/detail/error/message": "Line number must be >= 1"}),
        ),
        (
            "state/execution_gate.json",
            404,
            "NOT_FOUND",
            json!({"/detail/error/message": "File not found: state/execution_gate.json"}),
        ),
        ("../../etc/passwd", 400, "INVALID_REF", json!({"/detail/error/message": "Dangerous token detected: .."})),
        (
            "state%252Femergency_stop.json",
            400,
            "INVALID_REF",
            json!({"/detail/error/message": "Dangerous token detected: %2f"}),
        ),
        ("%252e%252e/x", 400, "INVALID_REF", json!({"/detail/error/message": "Dangerous token detected: %2e"})),
        ("state/emergency_stop.json%0a", 400, "INVALID_REF", json!({"/detail/schema": "EVIDENCE_VIEW_V1"})),
        ("state/secrets/tokens.json", 400, "INVALID_REF", json!({"/detail/status": "error"})),
        ("", 400, "INVALID_REF", json!({})),
        ("reports/live/reco/snapshots/bad.json", 200, "PARSE_ERROR", json!({"/row_count": 0, "/rows": []})),
        ("reports/live/reco/snapshots/empty.json", 200, "PARSE_ERROR", json!({"/row_count": 0})),
        ("reports/live/reco/snapshots/bom.json", 200, "", json!({"/rows/0/data": {"a": 1}})),
        ("reports/live/reco/snapshots/big.json", 200, "PARSE_ERROR", json!({"/row_count": 0})),
    ];
    for (reference, status, code, want) in rows {
        let answer = site.get(&format!("/api/evidence/resolve?ref={reference}"));
        let got = answer.json();
        let outer = got.get("detail").unwrap_or(&got);
        assert_eq!(
            (answer.status, outer["error"]["code"].as_str().unwrap_or_default()),
            (*status, *code),
            "{reference}: {got}"
        );
        for (pointer, value) in want.as_object().expect("pointers") {
            assert_eq!(got.pointer(pointer), Some(value), "{reference} at {pointer}: {got}");
        }
    }
}

fn problem(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert_eq!((&body["status"], &body["schema"]), (&json!("error"), &json!("DAILY_OPS_ERROR_V1")), "{body}");
    assert!(body["asof"].is_string() && body["error"]["message"].is_string(), "{body}");
    (answer.status, body["error"]["code"].as_str().expect("a code").to_owned())
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
    assert_eq!(site.call("GET", "/health", None, &[("host", "evil.example")]).status, 200, "health is open");
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
    for origin in ["http://evil.example", "null", "http://localhost:3000", "https://127.0.0.1:8000"] {
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

#[test]
fn a_connection_serves_many_requests_and_a_broken_one_hurts_nobody() {
    let site = Site::new();
    let mut stream = TcpStream::connect(site.server.address()).expect("connected");
    // Halves of requests that never end.
    let _half: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(site.server.address()).expect("connected");
            stream
                .write_all(b"POST /api/emergency_stop HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{")
                .expect("sent");
            stream
        })
        .collect();
    for _ in 0..50 {
        stream.write_all(request("GET", SUMMARY, None, &[]).as_bytes()).expect("sent");
        assert_eq!(receive(&mut stream).status, 200);
    }
    let mut broken = TcpStream::connect(site.server.address()).expect("connected");
    broken.write_all(b"\x16\x03\x01 no http\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    broken.read_to_end(&mut answer).ok();
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{:?}", String::from_utf8_lossy(&answer));
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(40_000));
    assert!(matches!(raw(site.server.address(), long.as_bytes()).status, 414 | 431));
    assert_eq!(site.get(SUMMARY).status, 200);
}

#[test]
fn a_panic_in_a_handler_is_a_reply_and_the_server_lives() {
    let panics = |store: Store| store.observed_by(Arc::new(|_| panic!("a defect of this test")));
    let site = Site::with(panics, Arc::new(SystemClock::new()), OpsPolicy::default());
    for _ in 0..3 {
        let answer = site.post(STOP, Some(r#"{"enabled":false}"#));
        assert_eq!(problem(&answer), (500, "INTERNAL_ERROR".to_owned()));
        assert_eq!(site.get(SUMMARY).status, 200);
    }
}

#[test]
fn a_confirmed_change_makes_documents_that_the_reads_then_show() {
    let site = Site::new();
    let summary = site.post("/api/ops/summary/regenerate?confirm=1", None);
    let reply = summary.json();
    assert_eq!(
        (summary.status, &reply["result"], &reply["schema"]),
        (200, &json!("OK"), &json!("OPS_SUMMARY_V1")),
        "{reply}"
    );
    let shown = site.get(SUMMARY).json();
    assert_eq!(shown["rows"][0]["overall_status"], reply["overall_status"]);
    let snapshot = reply["snapshot_path"].as_str().expect("a ref");
    let resolved = site.get(&format!("/api/evidence/resolve?ref={snapshot}")).json();
    assert_eq!(resolved["rows"][0]["data"], shown["rows"][0], "the snapshot is the document");
    for (path, body) in
        [("/api/reco/regenerate?confirm=yes", None), ("/api/reco/regenerate", Some(r#"{"confirm":true}"#))]
    {
        let made = site.post(path, body).json();
        assert_eq!((&made["result"], &made["saved_to"]), (&json!("OK"), &json!(layout::RECO.latest)), "{made}");
        let shown = site.get("/api/reco/latest").json();
        assert_eq!(
            (&shown["report"]["report_id"], &shown["summary"]["decision"]),
            (&made["report_id"], &made["decision"])
        );
        assert_eq!(shown["snapshots"].as_array().map(|list| !list.is_empty() && list.len() <= 5), Some(true));
    }
    for (header, trace) in [("run_20261120_090500_0000002a", Some("run_20261120_090500_0000002a")), ("no run id", None)]
    {
        let run = site.call("POST", "/api/live/cycle/run?confirm=TRUE", None, &[("X-Daily-Ops-Run", header)]);
        let made = run.json();
        let keys = ["result", "cycle_id", "decision", "reason", "saved_to", "snapshot_ref", "delivery_actual"];
        assert!(run.status == 200 && keys.iter().all(|key| made.get(*key).is_some()), "{made}");
        let shown = site.get("/api/live/cycle/latest").json();
        let receipt = &shown["rows"][0];
        assert_eq!((&receipt["cycle_id"], receipt["trace_id"].as_str()), (&made["cycle_id"], trace), "{header}");
        assert_eq!(shown["snapshots"][0]["ref"], made["snapshot_ref"]);
    }
}

#[test]
fn what_cannot_be_stored_is_a_fault_in_json() {
    let site = Site::new();
    for folder in ["reports", "state"] {
        site.store.write(folder, b"a file in the place of a folder").expect("written");
    }
    let rows: &[Row] = &[
        ("summary", "POST", "/api/ops/summary/regenerate?confirm=true", None, 500, json!({"/detail/result": "FAILED"})),
        (
            "reco",
            "POST",
            "/api/reco/regenerate?confirm=true",
            None,
            500,
            json!({"/result": "FAILED", "/report_id": null}),
        ),
        (
            "cycle",
            "POST",
            "/api/live/cycle/run?confirm=true",
            None,
            500,
            json!({"/result": "FAILED", "/cycle_id": null}),
        ),
        ("stop", "POST", STOP, Some(r#"{"enabled":false}"#), 500, json!({"/result": "FAIL"})),
        ("stop reads", "GET", STOP, None, 200, json!({"/data/enabled": true})),
        ("health", "GET", "/health", None, 503, json!({"/status": "DOWN", "/components/STORE/status": "DOWN"})),
    ];
    check(&site, rows);
}

/// A store whose writes wait until they are let go, and what says that one has begun.
fn waiting(store: Store) -> (Store, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (begun, has_begun) = mpsc::channel();
    let (let_go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let observer = move |_: &std::path::Path| {
        begun.send(()).ok();
        wait.lock().expect("not poisoned").recv().ok();
    };
    (store.observed_by(Arc::new(observer)), has_begun, let_go)
}

#[test]
fn stopping_lets_the_running_request_end_and_takes_no_new_one() {
    let mut parts = None;
    let wait = |store: Store| {
        let (store, begun, let_go) = waiting(store);
        parts = Some((begun, let_go));
        store
    };
    let site = Site::with(wait, Arc::new(SystemClock::new()), OpsPolicy::default());
    let (begun, let_go) = parts.expect("made");
    let address = site.server.address();
    let mut idle = TcpStream::connect(address).expect("connected");
    idle.write_all(request("GET", SUMMARY, None, &[]).as_bytes()).expect("sent");
    assert_eq!(receive(&mut idle).status, 200);
    let running =
        std::thread::spawn(move || raw(address, request("POST", STOP, Some(r#"{"enabled":false}"#), &[]).as_bytes()));
    begun.recv_timeout(Duration::from_secs(10)).expect("the write has begun");
    let Site { dir: _dir, server, .. } = site;
    let (stop, stopped) = mpsc::channel();
    let stopping = std::thread::spawn(move || server.wait_for(&stopped));
    stop.send(()).expect("sent");
    // The idle connection ends at once; by then the server takes no more.
    assert_eq!(idle.read(&mut [0; 64]).expect("ended, not reset"), 0);
    assert!(!stopping.is_finished(), "the running request is waited for");
    drop(let_go);
    assert_eq!(running.join().expect("an answer").status, 200);
    stopping.join().expect("stopped");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_second_cycle_is_told_that_one_is_running() {
    let mut parts = None;
    let wait = |store: Store| {
        let (store, begun, let_go) = waiting(store);
        parts = Some((begun, let_go));
        store
    };
    let site = Site::with(wait, Arc::new(SystemClock::new()), OpsPolicy::default());
    let (begun, let_go) = parts.expect("made");
    let address = site.server.address();
    let run = "/api/live/cycle/run?confirm=true";
    let first = std::thread::spawn(move || raw(address, request("POST", run, None, &[]).as_bytes()));
    begun.recv_timeout(Duration::from_secs(10)).expect("the cycle writes");
    let second = site.post(run, None);
    let reply = second.json();
    assert_eq!((second.status, &reply["result"]), (409, &json!("CONFLICT")), "{reply}");
    assert!(reply["message"].is_string());
    drop(let_go);
    assert_eq!(first.join().expect("an answer").status, 200);
    assert_eq!(site.post(run, None).status, 200, "the lock is free again");
}

#[test]
fn a_taken_port_and_a_foreign_address_are_explained() {
    let site = Site::new();
    let ops =
        || Arc::new(Ops::new(site.store.clone(), Arc::new(SystemClock::new()), Box::new(|| Ok(OpsPolicy::default()))));
    let port = site.server.address().port();
    let fault = Server::start(ops(), &ServeOptions { port, ..ServeOptions::default() }).expect_err("taken");
    let text = fault.to_string();
    assert!(matches!(fault, ServeFault::PortInUse { .. }));
    assert!(
        text.contains(&port.to_string()) && text.contains("service manager") && text.contains("daily_ops serve"),
        "{text}"
    );
    assert!(!text.contains("--port") && !text.contains("another port"), "no second backend is suggested: {text}");
    for host in ["0.0.0.0", "10.0.0.1", "::"] {
        let host: IpAddr = host.parse().expect("an address");
        let fault =
            Server::start(ops(), &ServeOptions { host, port: 0, ..ServeOptions::default() }).expect_err("refused");
        assert!(matches!(fault, ServeFault::NotLoopback { .. }) && fault.to_string().contains(&host.to_string()));
    }
    assert_eq!(site.server.url(), format!("http://127.0.0.1:{port}"));
}
