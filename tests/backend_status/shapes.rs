//! What is asked, what is answered, what is kept.

use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::Desk;
use crate::INCIDENT_LATEST;
use crate::STATUS;
use crate::STATUS_LATEST;

#[test]
fn before_the_first_message_the_latest_is_not_found() {
    let desk = Desk::new();
    for (path, schema) in [(STATUS_LATEST, "DAILY_STATUS_PUSH_V1"), (INCIDENT_LATEST, "INCIDENT_PUSH_V1")] {
        let said = desk.get(path);
        assert_eq!(said["error"]["code"], "NOT_FOUND", "{path}");
        for (key, want) in [
            ("result", json!("NOT_FOUND")),
            ("status", json!("empty")),
            ("schema", json!(schema)),
            ("asof", Value::Null),
            ("rows", json!([])),
            ("row_count", json!(0)),
        ] {
            assert_eq!(said[key], want, "{path} {key}");
        }
    }
    desk.site.store.write(layout::DAILY_STATUS.latest, b"{").expect("written");
    let said = desk.get(STATUS_LATEST);
    assert_eq!((said["result"].as_str(), said["error"]["code"].as_str()), (Some("ERROR"), Some("READ_ERROR")));
}

#[test]
fn a_day_has_one_status_with_every_field_and_its_refs_resolve() {
    let desk = Desk::new();
    assert_eq!(desk.site.post("/api/ops/summary/regenerate?confirm=true", None).status, 200);
    assert_eq!(desk.site.post("/api/live/cycle/run?confirm=true", None).status, 200);
    let made = desk.send(STATUS);
    let wanted = [
        ("result", json!("OK")),
        ("skipped", json!(false)),
        ("idempotency_key", json!("daily_status_20261120")),
        ("mode", json!("normal")),
        ("delivery_actual", json!("CONSOLE_SIMULATED")),
        ("not_sent_because", json!("DRY_RUN: the gate is MOCK_ONLY")),
        ("live_status", json!({"result": "OK", "decision": "BLOCKED", "asof": made["live_status"]["asof"]})),
        ("bundle", json!({"decision": "NO_BUNDLE", "stale": true})),
    ];
    for (key, want) in wanted {
        assert_eq!(made[key], want, "{key}: {made}");
    }
    let keys = ["asof", "ops_status", "reco", "reco_items", "top_risks", "message", "snapshot_ref", "evidence_refs"];
    assert!(keys.iter().all(|key| made.get(key).is_some()), "{made}");
    assert!(made["message"].as_str().expect("text").contains("Bundle: NO_BUNDLE (stale)"), "{made}");
    let latest = desk.get(STATUS_LATEST);
    assert_eq!((latest["result"].as_str(), latest["row_count"].as_u64()), (Some("OK"), Some(1)));
    assert_eq!(latest["rows"][0], desk.json(layout::DAILY_STATUS.latest));
    let reference = made["snapshot_ref"].as_str().expect("a ref");
    assert_eq!(desk.json(reference), latest["rows"][0], "snapshot and latest hold the same");
    let refs = made["evidence_refs"].as_array().expect("refs").iter().chain([&made["snapshot_ref"]]);
    for reference in refs.map(|reference| reference.as_str().expect("a ref")) {
        let view = desk.get(&format!("/api/evidence/resolve?ref={reference}"));
        assert_eq!(view["status"], "ready", "{reference}");
    }
    let again = desk.send(STATUS);
    let skipped = json!({"result": "OK", "skipped": true, "idempotency_key": "daily_status_20261120",
        "message": "already shown today; nothing left the host"});
    assert_eq!(again, skipped);
    assert_eq!(desk.snapshots(layout::DAILY_STATUS.snapshots), 1);
}

#[test]
fn a_status_shows_at_most_five_rows_of_the_recommendation() {
    let desk = Desk::new();
    let row = |n: usize| json!({"action": "BUY", "ticker": format!("{n:06}"), "name": "종목\u{7}", "weight_pct": 0.125, "score": 7.5});
    let report = json!({"schema": "RECO_REPORT_V1", "decision": "GENERATED", "reason": "SUCCESS: text",
        "holding_actions": (0..7).map(row).collect::<Vec<_>>()});
    desk.site.store.write(layout::RECO.latest, report.to_string().as_bytes()).expect("written");
    let plan = json!({"schema": "ORDER_PLAN_V1", "plan_id": "p1", "decision": "GENERATED", "orders": [{}, {}]});
    desk.site.store.write(layout::ORDER_PLAN.latest, plan.to_string().as_bytes()).expect("written");
    let made = desk.send(STATUS);
    assert_eq!(made["reco"], json!({"decision": "GENERATED", "reason": "SUCCESS", "items_count": 7}));
    let items = made["reco_items"].as_array().expect("rows");
    assert_eq!(items.len(), 5);
    let first = json!({"action": "BUY", "ticker": "000000", "name": "종목 ", "weight_pct": 0.125, "signal_score": 7.5});
    assert_eq!(items[0], first);
    assert_eq!(made["order_plan"]["orders_count"], 2);
    let message = made["message"].as_str().expect("text");
    assert!(message.contains("  1. BUY 000000 종목  12.5% score 7.5"), "{message}");
    assert!(message.contains("Order plan: GENERATED 2 orders"), "{message}");
}

#[test]
fn what_cannot_be_asked_is_refused_by_name() {
    let desk = Desk::new();
    let cases = [
        ("not confirmed", "/api/push/daily_status/send", 400, "Confirm"),
        ("not confirmed", "/api/push/incident/send?kind=OPS_FAILED", 400, "Confirm"),
        ("unknown mode", "/api/push/daily_status/send?confirm=true&mode=loud", 422, "mode"),
        ("unknown mode", "/api/push/incident/send?confirm=true&kind=OPS_FAILED&mode=", 422, "mode"),
        ("no kind", "/api/push/incident/send?confirm=true", 422, "kind"),
        ("unknown kind", "/api/push/incident/send?confirm=true&kind=FIRE", 400, "ORDER_PLAN_FAILED"),
        ("kind in lower case", "/api/push/incident/send?confirm=true&kind=ops_failed", 400, "MARKET_DATA_DOWN"),
    ];
    for (name, path, status, told) in cases {
        let answer = desk.site.post(path, None);
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        assert!(answer.text.contains(told), "{name}: {}", answer.text);
    }
    let list = desk.incident("kind=FIRE").json();
    assert_eq!((list["result"].as_str(), list["kinds"].as_array().map(Vec::len)), (Some("ERROR"), Some(10)));
    let made: Vec<_> = std::fs::read_dir(desk.site.dir.path()).expect("listed").collect();
    assert!(made.is_empty(), "a refusal wrote something: {made:?}");
}

#[test]
fn an_incident_is_made_once_a_kind_and_day_with_its_severity() {
    let desk = Desk::new();
    let kinds = [
        ("BACKEND_DOWN", "CRITICAL"),
        ("OPS_FAILED", "HIGH"),
        ("OPS_BLOCKED", "HIGH"),
        ("LIVE_FAILED", "HIGH"),
        ("LIVE_BLOCKED", "HIGH"),
        ("SNAPSHOT_FAILED", "HIGH"),
        ("GIT_PULL_FAILED", "MEDIUM"),
        ("PUSH_FAILED", "MEDIUM"),
        ("MARKET_DATA_DOWN", "HIGH"),
        ("ORDER_PLAN_FAILED", "HIGH"),
    ];
    for (kind, severity) in kinds {
        let reason = "%EA%B0%80".repeat(150);
        let made = desk.incident(&format!("kind={kind}&step=4%2F5&reason={reason}")).json();
        assert_eq!(made["idempotency_key"], format!("incident_{kind}_20261120"), "{made}");
        assert_eq!((made["severity"].as_str(), made["step"].as_str()), (Some(severity), Some("4/5")), "{kind}");
        assert_eq!(made["reason"].as_str().map(|text| text.chars().count()), Some(100), "{kind}");
        let name = format!("{}/incident_{kind}_20261120_", layout::INCIDENT.snapshots);
        assert!(made["snapshot_ref"].as_str().is_some_and(|text| text.starts_with(&name)), "{made}");
        assert_eq!(desk.get(INCIDENT_LATEST)["rows"][0]["kind"], kind);
        let again = desk.incident(&format!("kind={kind}&reason=other")).json();
        assert_eq!(again["skipped"], true, "{kind}");
    }
    assert_eq!(desk.snapshots(layout::INCIDENT.snapshots), kinds.len());
}

#[test]
fn an_incident_shows_the_last_lines_of_the_run_without_what_may_not_leave() {
    let desk = Desk::new();
    let log = "one\ntwo\nthree\nincident: not sent: NO_PROVIDER: TELEGRAM_BOT_TOKEN without a value\nfive\nsix\n";
    desk.site.store.write(layout::RUN_LOG, log.as_bytes()).expect("written");
    let made = desk.incident("kind=LIVE_FAILED&reason=LIVE_RUN_FAILED").json();
    let message = made["message"].as_str().expect("text");
    assert!(
        message.contains("Last lines:\n  two\n  three\n  [BLOCKED]\n  five\n  six\nNext: daily_ops explain"),
        "{message}"
    );
    assert_eq!(made["not_sent_because"], "DRY_RUN: the gate is MOCK_ONLY");
}

#[test]
fn a_text_that_could_pull_a_value_in_is_held_back_and_costs_no_key() {
    let desk = Desk::new();
    for reason in ["%24%7BHOME%7D", "%7B%7Bx%7D%7D", "%24(id)", "telegram_bot_token"] {
        let answer = desk.incident(&format!("kind=OPS_FAILED&reason={reason}"));
        let made = answer.json();
        assert_eq!(
            (made["message"].as_str(), made["reason"].as_str()),
            (Some("[BLOCKED]"), Some("[BLOCKED]")),
            "{made}"
        );
        assert_eq!(made["not_sent_because"], "SECRET_INJECTION_SUSPECTED", "{reason}");
    }
    let made = desk.incident("kind=OPS_FAILED&reason=clean").json();
    assert_eq!((made["skipped"].as_bool(), made["reason"].as_str()), (Some(false), Some("clean")), "{made}");
}

#[test]
fn health_tells_how_the_daily_run_lives() {
    let desk = Desk::new();
    let cases = [
        ("never ran", None, "UP", "MISSING"),
        (
            "good",
            Some(
                json!({"result": "DONE", "started_at": "2026-11-20T09:05:00+09:00", "last_success_at": "2026-11-20T09:05:09+09:00"}),
            ),
            "UP",
            "UP",
        ),
        (
            "too old",
            Some(
                json!({"result": "DONE", "started_at": "2026-11-18T09:05:00+09:00", "last_success_at": "2026-11-18T09:05:09+09:00"}),
            ),
            "DEGRADED",
            "DEGRADED",
        ),
        (
            "blocked",
            Some(
                json!({"result": "BLOCKED", "started_at": "2026-11-20T09:05:00+09:00", "last_success_at": "2026-11-19T09:05:09+09:00"}),
            ),
            "DEGRADED",
            "DEGRADED",
        ),
        (
            "from the future",
            Some(
                json!({"result": "DONE", "started_at": "2026-11-21T09:05:00+09:00", "last_success_at": "2026-11-21T09:05:09+09:00"}),
            ),
            "DEGRADED",
            "DEGRADED",
        ),
        (
            "against itself",
            Some(
                json!({"result": "DONE", "exit_code": 3, "started_at": "2026-11-20T09:05:00+09:00", "last_success_at": "2026-11-20T09:05:09+09:00"}),
            ),
            "DEGRADED",
            "DEGRADED",
        ),
        ("damaged", Some(json!([])), "DEGRADED", "DEGRADED"),
    ];
    for (name, heartbeat, overall, component) in cases {
        if let Some(mut heartbeat) = heartbeat {
            if heartbeat.is_object() {
                heartbeat["schema"] = json!("HEARTBEAT_V1");
            }
            desk.site.store.write(layout::HEARTBEAT, heartbeat.to_string().as_bytes()).expect("written");
        }
        let said = desk.get("/health");
        let beat = &said["components"]["HEARTBEAT"];
        // The disk of the machine that tests may be nearly full, which is worse than any heartbeat.
        let is_disk = said["components"]["DISK"]["status"] != "UP";
        assert!(is_disk || said["status"] == overall, "{name}: {said}");
        assert_eq!(beat["status"], component, "{name}: {said}");
        assert_eq!(beat["why"].is_null(), component == "UP", "{name}: {said}");
        assert!(beat.get("last_success_at").is_some(), "{name}: {said}");
    }
}
