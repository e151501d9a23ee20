//! What each route answers, with and without documents.

use crate::Row;
use crate::STOP;
use crate::SUMMARY;
use crate::check;
use crate::client::Site;
use daily_ops::backend::ROUTES;
use daily_ops::backend::Route;
use daily_ops::backend::Verb;
use daily_ops::store::layout;
use serde_json::json;

/// What a route answers that is asked without anything on a workspace without anything.
fn without_anything(route: &Route) -> &'static [u16] {
    let needs = route.confirm.is_some() || route.body.iter().any(|member| member.needed);
    match (route.verb, route.path) {
        (Verb::Get, "/api/evidence/resolve") => &[422],
        (Verb::Get, "/api/execution_allowlist" | "/api/ops/scheduler/snapshots/{id}") => &[404],
        (Verb::Get, _) => &[200],
        (Verb::Post, _) if needs => &[400, 422],
        (Verb::Post, _) => &[200],
    }
}

/// What every reply carries, whatever it says.
const SECURITY: [(&str, &str); 3] =
    [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")];

#[test]
fn every_route_answers_json_on_an_empty_workspace() {
    let site = Site::new();
    for route in ROUTES {
        let path = route.path.replace("{id}", "ops_run_20260111_160535.json");
        let answer = site.call(route.verb.as_str(), &path, None, &[]);
        let body = answer.json();
        assert!(
            without_anything(route).contains(&answer.status),
            "{} {path}: {} {body}",
            route.verb.as_str(),
            answer.status
        );
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        for (name, value) in SECURITY {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        if answer.status == 200 && route.verb == Verb::Get && path != "/api/openapi.json" {
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

#[test]
#[expect(clippy::too_many_lines, reason = "one row per case")]
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
#[expect(clippy::too_many_lines, reason = "one row per case")]
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
                json!({"/status": "ready", "/data/mode": "MOCK_ONLY",
                "/data/reason": "EXECUTION_GATE_UNREADABLE", "/error": null}),
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
#[expect(clippy::too_many_lines, reason = "one row per case")]
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
fn a_report_that_proves_nothing_is_no_recommendation() {
    let site = Site::new();
    let zeros = "0".repeat(64);
    // name, document, whether it is shown
    let cases = [
        ("no decision", json!({"schema": "RECO_REPORT_V1"}), false),
        ("an unknown decision", json!({"schema": "RECO_REPORT_V1", "decision": "MAYBE"}), false),
        (
            "another hash",
            json!({"schema": "RECO_REPORT_V1", "decision": "GENERATED", "top_picks": [], "holding_actions": [],
                "integrity": {"payload_sha256": zeros}}),
            false,
        ),
        ("no hash", json!({"schema": "RECO_REPORT_V1", "decision": "EMPTY_RECO", "recommendations": []}), true),
    ];
    for (name, document, shown) in cases {
        site.store.write(layout::RECO.latest, document.to_string().as_bytes()).expect("written");
        let answer = site.get("/api/reco/latest").json();
        assert_eq!(answer["status"], if shown { "ready" } else { "error" }, "{name}: {answer}");
        assert_eq!(answer["summary"]["present"], shown, "{name}");
        assert_eq!(answer["error"]["code"], if shown { json!(null) } else { json!("READ_ERROR") }, "{name}");
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
