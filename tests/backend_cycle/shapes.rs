//! What each endpoint of the cycle's family answers: empty, whole, damaged.

use crate::client::Site;
use daily_ops::store::layout;
use serde_json::json;

#[test]
fn without_documents_each_says_so() {
    let site = Site::new();
    let index = site.get("/api/evidence/index/latest").json();
    assert_eq!(
        (&index["status"], &index["asof"], &index["error"]["code"]),
        (&json!("ready"), &json!(null), &json!("NO_INDEX_YET"))
    );
    assert_eq!((&index["row_count"], &index["rows"]), (&json!(0), &json!([])));
    let health = site.get("/api/evidence/health/latest").json();
    assert_eq!((&health["status"], &health["error"]["code"]), (&json!("ready"), &json!("NO_REPORT_YET")));
    assert_eq!(health["summary"], json!({"total": 0, "pass": 0, "warn": 0, "fail": 0, "decision": "UNKNOWN"}));
    let drill = site.get("/api/ops/drill/latest").json();
    assert_eq!(
        (&drill["status"], &drill["row"], &drill["error"]["code"]),
        (&json!("not_ready"), &json!(null), &json!("NO_DRILL_YET"))
    );
    let daily = site.get("/api/ops/daily").json();
    assert_eq!(
        (&daily["status"], &daily["row_count"]),
        (&json!("ready"), &json!(1)),
        "made when there is none: {daily}"
    );
    assert!(site.store.read(layout::OPS_REPORT).expect("readable").is_some());
}

#[test]
fn damaged_documents_are_read_errors_and_the_daily_report_is_made_anew() {
    let site = Site::new();
    for file in [layout::EVIDENCE_INDEX.latest, layout::HEALTH.latest, layout::DRILL.latest, layout::OPS_REPORT] {
        site.store.write(file, b"{half").expect("written");
    }
    for path in ["/api/evidence/index/latest", "/api/evidence/health/latest", "/api/ops/drill/latest"] {
        let reply = site.get(path).json();
        assert_eq!(
            (&reply["status"], &reply["error"]["code"]),
            (&json!("error"), &json!("READ_ERROR")),
            "{path}: {reply}"
        );
    }
    assert_eq!(site.get("/api/evidence/health/latest").json()["summary"]["decision"], "UNKNOWN");
    assert_eq!(site.get("/api/ops/daily").json()["rows"][0]["schema"], "DAILY_OPS_REPORT_V1");
}

#[test]
fn what_is_regenerated_is_what_is_read() {
    let site = Site::new();
    let made = site.post("/api/evidence/index/regenerate?confirm=true", None).json();
    assert_eq!((&made["result"], &made["generated"]), (&json!("OK"), &json!(true)), "{made}");
    assert_eq!(made["latest_path"], layout::EVIDENCE_INDEX.latest);
    assert_eq!(site.get("/api/evidence/index/latest").json()["error"], json!(null));
    let made = site.post("/api/evidence/health/regenerate?confirm=true", None).json();
    assert_eq!((&made["result"], &made["decision"]), (&json!("OK"), &json!("WARN")), "{made}");
    let read = site.get("/api/evidence/health/latest").json();
    assert_eq!((&read["summary"]["decision"], &read["schema"]), (&json!("WARN"), &json!("EVIDENCE_HEALTH_REPORT_V1")));
    let first = site.post("/api/ops/daily/regenerate?confirm=true", None).json();
    let second = site.post("/api/ops/daily/regenerate?confirm=true", None).json();
    assert_eq!((&first["snapshot_skipped"], &second["snapshot_skipped"]), (&json!(false), &json!(true)));
    assert_eq!(first["report"]["schema"], "DAILY_OPS_REPORT_V1");
    let cycle = site.post("/api/ops/cycle/run?confirm=true", None).json();
    assert_eq!(
        (&cycle["status"], &cycle["schema"], &cycle["row_count"]),
        (&json!("ready"), &json!("OPS_CYCLE_RUN_V2"), &json!(1))
    );
    assert!(cycle["asof"].as_str().is_some_and(|text| text.ends_with("+09:00")), "a time, not a path: {cycle}");
    for key in
        ["result", "overall_status", "reason", "run_id", "snapshot_path", "ticket_step", "counters", "evidence_health"]
    {
        assert!(cycle["data"].get(key).is_some(), "{key}: {cycle}");
    }
    let latest = site.get("/api/ops/scheduler/latest").json();
    assert_eq!(latest["rows"][0]["run_id"], cycle["data"]["run_id"]);
    let listed = site.get("/api/ops/scheduler/snapshots").json();
    let row = &listed["rows"][0];
    assert_eq!(row["filename"], row["snapshot_id"], "both names: {listed}");
    let id = row["filename"].as_str().expect("a name");
    assert_eq!(site.get(&format!("/api/ops/scheduler/snapshots/{id}")).json()["data"], latest["rows"][0]);
}

#[test]
fn a_stop_is_wrapped_like_the_rest() {
    let site = Site::new();
    let stop = site.post("/api/emergency_stop", Some(r#"{"enabled":true,"reason":"drill"}"#));
    assert_eq!(stop.status, 200, "{}", stop.text);
    let cycle = site.post("/api/ops/cycle/run?confirm=true", None).json();
    assert_eq!((&cycle["status"], &cycle["data"]["result"]), (&json!("ready"), &json!("STOPPED")), "{cycle}");
    assert_eq!((&cycle["data"]["reason"], &cycle["data"]["run_id"]), (&json!("EMERGENCY_STOP_ACTIVE"), &json!("N/A")));
    assert_eq!(site.get("/api/ops/summary/latest").json()["rows"][0]["overall_status"], "STOPPED");
}
