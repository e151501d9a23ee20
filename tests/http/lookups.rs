//! Ops runs by id and documents by ref.

use crate::client::Site;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

#[test]
#[expect(clippy::too_many_lines, reason = "one row per case")]
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
#[expect(clippy::too_many_lines, reason = "one row per case")]
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
