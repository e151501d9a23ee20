//! Approvals, windows and the allowlist over HTTP: every code and every empty or damaged state.

use std::time::Duration;

use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::client::Answer;
use crate::client::Site;
use crate::site;
use crate::trail;

const REQUEST: &str = "/api/approvals/real_enable/request";
const APPROVE: &str = "/api/approvals/real_enable/approve";
const LATEST: &str = "/api/approvals/real_enable/latest";
const OPEN: &str = "/api/real_enable_window/request";
const WINDOW: &str = "/api/real_enable_window/latest";
const REVOKE: &str = "/api/real_enable_window/revoke";
const ALLOWLIST: &str = "/api/execution_allowlist";

fn post(site: &Site, path: &str, body: &Value) -> Answer {
    site.post(path, Some(&body.to_string()))
}

fn asked(site: &Site) -> String {
    let answer = post(site, REQUEST, &json!({"requested_by": "op", "reason": "r"}));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["approval_id"].as_str().expect("an id").to_owned()
}

fn approve(site: &Site, id: &str, key: &str, person: &str) -> Answer {
    post(site, APPROVE, &json!({"approval_id": id, "key_id": key, "approver_id": person}))
}

#[test]
fn an_approval_goes_its_way_and_ends_after_a_day() {
    let (site, clock) = site();
    assert_eq!(site.get(LATEST).json()["status"], "not_ready");
    assert_eq!(site.get(LATEST).json()["data"], Value::Null);
    let id = asked(&site);
    assert_eq!(approve(&site, &id, "k1", "kim").json()["status"], "PENDING");
    let done = approve(&site, &id, "k2", "lee").json();
    assert_eq!((&done["status"], &done["keys_count"]), (&json!("APPROVED"), &json!(2)));
    let latest = site.get(LATEST).json();
    assert_eq!((&latest["status"], &latest["data"]["status"]), (&json!("ready"), &json!("APPROVED")));
    let younger = asked(&site);
    assert_eq!(site.get(LATEST).json()["data"]["approval_id"], json!(id), "the one that counts is before a newer one");
    clock.advance(Duration::from_secs(24 * 3600));
    let latest = site.get(LATEST).json();
    assert_eq!((&latest["data"]["approval_id"], &latest["data"]["status"]), (&json!(younger), &json!("EXPIRED")));
    let late = approve(&site, &younger, "k1", "kim");
    assert_eq!((late.status, &late.json()["result"]), (409, &json!("EXPIRED")));
    let actions: Vec<_> = trail(&site).into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["approval.request", "approval.approve", "approval.approve", "approval.request"]);
}

#[test]
fn bodies_that_say_nothing_are_refused_by_name() {
    let (site, _clock) = site();
    let id = asked(&site);
    let cases = [
        (REQUEST, json!({"requested_by": "op"}), 422, "/detail/0/loc/1", "reason"),
        (REQUEST, json!({"reason": "r"}), 422, "/detail/0/loc/1", "requested_by"),
        (REQUEST, json!({"requested_by": "op", "reason": " "}), 400, "/result", "FAIL"),
        (REQUEST, json!({"requested_by": "", "reason": "r"}), 400, "/result", "FAIL"),
        (APPROVE, json!({"approval_id": id, "key_id": "k"}), 422, "/detail/0/loc/1", "approver_id"),
        (APPROVE, json!({"approval_id": id, "key_id": " ", "approver_id": "a"}), 400, "/result", "FAIL"),
        (APPROVE, json!({"approval_id": id, "key_id": "k", "approver_id": " "}), 400, "/result", "FAIL"),
        (
            APPROVE,
            json!({"approval_id": "none", "key_id": "k", "approver_id": "a"}),
            404,
            "/message",
            "Approval not found",
        ),
        (OPEN, json!({"ttl_seconds": 60}), 422, "/detail/0/loc/1", "reason"),
        (OPEN, json!({"reason": ""}), 400, "/result", "FAIL"),
        (OPEN, json!({"reason": "r", "ttl_seconds": 0}), 422, "/detail/0/type", "greater_than_equal"),
        (OPEN, json!({"reason": "r", "ttl_seconds": -600}), 422, "/detail/0/type", "greater_than_equal"),
        (OPEN, json!({"reason": "r", "ttl_seconds": 3601}), 422, "/detail/0/type", "less_than_equal"),
        (OPEN, json!({"reason": "r", "ttl_seconds": "600"}), 422, "/detail/0/type", "int_type"),
        (REVOKE, json!({"reason": "r"}), 422, "/detail/0/loc/1", "window_id"),
        (REVOKE, json!({"window_id": "none"}), 404, "/result", "FAIL"),
    ];
    for (path, body, status, pointer, want) in cases {
        let answer = post(&site, path, &body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
        assert_eq!(answer.json().pointer(pointer), Some(&json!(want)), "{path} {body}: {}", answer.text);
    }
    assert_eq!(trail(&site).len(), 1, "what is refused changes nothing");
}

#[test]
fn a_window_is_closed_although_the_trail_is_broken_and_none_is_opened() {
    let (site, _) = site();
    let window = post(&site, OPEN, &json!({"reason": "r"})).json()["data"]["window_id"].clone();
    site.store.write(layout::AUDIT, b"").expect("written");
    let answer = post(&site, REVOKE, &json!({"window_id": window, "reason": "halt"}));
    assert_eq!((answer.status, &answer.json()["result"]), (500, &json!("FAIL")), "{}", answer.text);
    let said = answer.json()["message"].as_str().expect("a message").to_owned();
    assert!(said.contains("is closed, but the audit trail could not be written"), "{said}");
    assert_eq!(site.get(WINDOW).json()["row_count"], 0);
    assert_eq!(post(&site, OPEN, &json!({"reason": "r"})).status, 500);
    assert_eq!(site.get(WINDOW).json()["row_count"], 0);
}

#[test]
fn one_window_is_open_at_a_time_until_it_expires_or_is_revoked() {
    let (site, clock) = site();
    let rows = || site.get(WINDOW).json()["rows"].as_array().expect("rows").len();
    assert_eq!((rows(), site.get(WINDOW).json()["row_count"].as_u64()), (0, Some(0)));
    let first = post(&site, OPEN, &json!({"reason": "r"})).json();
    assert_eq!((&first["result"], &first["schema"]), (&json!("OK"), &json!("REAL_ENABLE_WINDOW_V1")));
    let window = &first["data"];
    assert_eq!(window["created_at"], "2026-11-21T09:05:00.000000+09:00");
    assert_eq!(window["expires_at"], "2026-11-21T09:15:00.000000+09:00", "ten minutes when nothing is said");
    assert_eq!(window["allowed_request_types"], json!(["REQUEST_RECONCILE", "REQUEST_REPORTS"]));
    assert_eq!((&window["max_real_executions"], &window["status"]), (&json!(1), &json!("ACTIVE")));
    assert_eq!(site.get(WINDOW).json()["rows"], json!([window]));
    let second = post(&site, OPEN, &json!({"reason": "r"}));
    assert_eq!((second.status, &second.json()["result"]), (409, &json!("CONFLICT")));
    clock.advance(Duration::from_secs(600));
    assert_eq!(rows(), 0);
    let third = post(&site, OPEN, &json!({"reason": "r", "ttl_seconds": 3600})).json();
    let id = third["data"]["window_id"].as_str().expect("an id");
    let closed = post(&site, REVOKE, &json!({"window_id": id})).json();
    assert_eq!(closed, json!({"result": "OK", "window_id": id, "status": "REVOKED"}));
    assert_eq!(rows(), 0);
}

#[test]
fn files_that_cannot_be_read_are_empty_and_say_so() {
    let (site, _clock) = site();
    let id = asked(&site);
    assert_eq!(post(&site, OPEN, &json!({"reason": "r"})).status, 200);
    for (file, path) in [
        ("state/approvals/real_enable_approvals.jsonl", LATEST),
        ("state/real_enable_windows/real_enable_windows.jsonl", WINDOW),
    ] {
        let whole = site.store.read(file).expect("readable").expect("a file");
        site.store.write(file, &[&whole[..], b"{half"].concat()).expect("written");
        let answer = site.get(path);
        assert_eq!(answer.status, 200);
        assert!(answer.json()["warning"].as_str().is_some_and(|text| text.contains("1 unreadable")), "{}", answer.text);
    }
    assert_eq!(site.get(WINDOW).json()["row_count"], 0, "a line behind it may have closed it");
    let answer = approve(&site, &id, "k1", "kim");
    assert_eq!((answer.status, &answer.json()["result"]), (409, &json!("CONFLICT")));
    assert_eq!(post(&site, OPEN, &json!({"reason": "r"})).status, 200, "a new one can be opened");
    for file in ["state/approvals/real_enable_approvals.jsonl", "state/real_enable_windows/real_enable_windows.jsonl"] {
        site.store.remove(file).expect("removed");
        std::fs::create_dir(site.store.path(file)).expect("made");
    }
    assert_eq!(site.get(LATEST).json()["status"], "not_ready");
    assert_eq!(site.get(WINDOW).json()["row_count"], 0);
    assert_eq!(approve(&site, &id, "k1", "kim").status, 500, "not the same as an unknown one");
}

#[test]
fn the_allowlist_is_shown_as_it_is_and_damage_allows_nothing() {
    let (site, _clock) = site();
    let file = "docs/contracts/execution_allowlist_v1.json";
    let missing = site.get(ALLOWLIST);
    assert_eq!((missing.status, &missing.json()["status"]), (404, &json!("error")));
    assert!(missing.json()["message"].is_string());
    for text in [
        "{",
        "[]",
        "{}",
        r#"{"schema":"OTHER_V1"}"#,
        r#"{"schema":"REAL_EXECUTION_ALLOWLIST_V1","rules":{},"rules":{}}"#,
    ] {
        site.store.write(file, text.as_bytes()).expect("written");
        let answer = site.get(ALLOWLIST);
        assert_eq!((answer.status, &answer.json()["data"]), (500, &Value::Null), "{text}");
        assert!(answer.json()["message"].as_str().is_some_and(|m| m.contains("nothing is allowed")), "{text}");
    }
    let document = json!({"schema": "REAL_EXECUTION_ALLOWLIST_V1", "version": "1.0", "rules": {"X": {"n": 1.50}}});
    site.store.write(file, document.to_string().as_bytes()).expect("written");
    let answer = site.get(ALLOWLIST).json();
    assert_eq!((&answer["status"], &answer["data"]), (&json!("ready"), &document));
    assert_eq!(answer["immutable_path"], file);
    assert_eq!(site.call("POST", ALLOWLIST, Some("{}"), &[]).status, 405, "nobody changes it here");
}

#[test]
fn the_gate_opens_with_everything_and_closes_with_the_stop() {
    let (site, clock) = site();
    let open = || post(&site, "/api/execution_gate", &json!({"mode": "REAL_ENABLED", "reason": "go"})).status;
    assert_eq!(open(), 409, "no approval");
    let id = asked(&site);
    approve(&site, &id, "k1", "kim");
    assert_eq!(open(), 409, "one key");
    approve(&site, &id, "k2", "lee");
    assert_eq!(open(), 409, "no window");
    post(&site, OPEN, &json!({"reason": "r", "ttl_seconds": 60}));
    assert_eq!(open(), 200);
    assert_eq!(site.get("/api/ops/health").json()["data"]["window_active"], true);
    post(&site, "/api/emergency_stop", &json!({"enabled": true, "reason": "halt"}));
    assert_eq!(site.get("/api/execution_gate").json()["data"]["mode"], "MOCK_ONLY");
    assert_eq!(open(), 409, "the stop is on");
    post(&site, "/api/emergency_stop", &json!({"enabled": false}));
    clock.advance(Duration::from_secs(60));
    assert_eq!(open(), 409, "the window is over");
}
