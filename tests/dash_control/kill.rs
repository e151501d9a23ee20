//! The kill switch through its HTTP door.

use daily_ops::contracts::actor::Actor;
use daily_ops::contracts::actor::Role;
use daily_ops::gates::Gates;
use daily_ops::gates::Stop;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::SWITCH;
use crate::TOKEN;
use crate::post;
use crate::serve;
use crate::set;
use crate::site;
use crate::start;

fn rows(site: &crate::client::Site) -> Vec<Value> {
    let bytes = site.store.read(layout::KILL_AUDIT).expect("readable").unwrap_or_default();
    let text = String::from_utf8(bytes).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a14_a_toggle_shows_its_audit_id_everywhere_at_once() {
    let site = site();
    let fresh = site.get(SWITCH).json();
    assert_eq!((&fresh["is_on"], &fresh["status"], &fresh["version"]), (&json!(false), &json!("OFF"), &json!(0)));
    let on = set(&site, json!({"is_on": true, "reason": " drill ", "actor": "kim", "trace_id": "t-1"}));
    let reply = on.json();
    assert_eq!(on.status, 200, "{reply}");
    let audit_id = reply["audit_id"].as_str().expect("an id");
    assert_eq!(audit_id.len(), 36);
    assert_eq!(on.header("x-trace-id"), Some("t-1"));
    for (key, want) in [
        ("ok", json!(true)),
        ("is_on", json!(true)),
        ("status", json!("ON")),
        ("changed", json!(true)),
        ("reason", json!("drill")),
        ("trace_id", json!("t-1")),
        ("version", json!(1)),
        ("audit_persisted", json!(true)),
    ] {
        assert_eq!(reply[key], want, "{key}");
    }
    assert!(reply["ts"].is_i64());
    shown_everywhere(&site, audit_id);
    let row = rows(&site).pop().expect("a row");
    assert_eq!((&row["audit_id"], &row["action"], &row["actor"]), (&json!(audit_id), &json!("kill_on"), &json!("kim")));
    assert_eq!(
        (&row["prev_is_on"], &row["actor_ip"], &row["proved_by"]),
        (&json!(false), &json!("127.0.0.1"), &json!("OPS_TOKEN"))
    );
    let trail = Gates::new(&site.store).newest_audit_entries(9).expect("readable");
    assert_eq!(trail.iter().filter(|entry| entry.after["audit_id"] == audit_id).count(), 1, "one entry of the same id");
}

/// Every view says at once that kim put the switch on, and why.
fn shown_everywhere(site: &crate::client::Site, audit_id: &str) {
    let state = site.get(SWITCH).json();
    assert_eq!(
        (&state["audit_id"], &state["actor"], &state["trace_id"]),
        (&json!(audit_id), &json!("kim"), &json!("t-1"))
    );
    assert_eq!((&state["schema"], &state["contract_version"]), (&json!("KILL_SWITCH_V1"), &json!("v1")));
    let rail = site.get("/api/ops/risk-snapshot").json();
    let shown = json!([rail["risk_level"], rail["kill_switch"], rail["downgrade_level"], rail["mode"]]);
    assert_eq!(shown, json!(["CRITICAL", true, 2, "KILL"]));
    let engine = site.get("/api/v1/ops/state").json();
    assert_eq!(engine["kill"], json!({"is_on": true, "reason": "drill", "audit_id": audit_id}));
    let overview = site.get("/api/ops/overview").json();
    assert_eq!(overview["kill_switch"]["audit_id"], json!(audit_id));
}

#[test]
fn b03_on_stays_on_through_events_and_a_restart() {
    let site = site();
    set(&site, json!({"is_on": true, "reason": "drill"}));
    let is_on = |site: &crate::client::Site| {
        let (state, rail) = (site.get(SWITCH).json(), site.get("/api/ops/risk-snapshot").json());
        state["is_on"] == true && rail["kill_switch"] == true && rail["mode"] == "KILL"
    };
    for n in 0..5 {
        // Whatever an event claims, the switch is the file's.
        let event = json!({"message": n.to_string(), "type": "KillSwitchChanged", "data": {"newStatus": "OFF", "kill_switch": false}});
        let sent = site.post("/api/ops/test-event", Some(&event.to_string()));
        assert_eq!(sent.status, 200, "{}", sent.text);
        assert!(is_on(&site), "after event {n}");
    }
    let version = site.get(SWITCH).json()["version"].clone();
    let crate::client::Site { dir, store, server } = site;
    server.stop();
    let (server, _clock) = serve(&store, daily_ops::backend::DashOptions::default(), Some(TOKEN));
    let site = crate::client::Site { dir, store, server };
    assert!(is_on(&site), "after the restart");
    assert_eq!(site.get(SWITCH).json()["version"], version);
    let off = set(&site, json!({"is_on": false, "reason": "over"})).json();
    assert_eq!((&off["is_on"], &off["version"]), (&json!(false), &json!(2)));
}

#[test]
fn a_refusal_belongs_to_the_trace_of_its_request() {
    let site = site();
    let parent = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let of_parent = Some("4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
    let cases = [
        ("the body's", r#"{"is_on":true,"trace_id":"my-trace"}"#, None, "REASON_REQUIRED", Some("my-trace")),
        ("before the caller's", r#"{"is_on":1,"trace_id":"t"}"#, Some(parent), "INVALID_PARAM", Some("t")),
        ("the caller's", r#"{"is_on":true}"#, Some(parent), "REASON_REQUIRED", of_parent),
        ("the caller's of a broken body", "{", Some(parent), "INVALID_JSON", of_parent),
        ("the caller's of a list", "[]", Some(parent), "BODY_NOT_OBJECT", of_parent),
        ("a bad one", r#"{"is_on":true,"trace_id":7}"#, Some(parent), "INVALID_TRACE_ID", of_parent),
        (
            "a conflict",
            r#"{"is_on":true,"reason":"r","expected_version":9,"trace_id":"t"}"#,
            None,
            "VERSION_CONFLICT",
            Some("t"),
        ),
        ("none", r#"{"is_on":true}"#, None, "REASON_REQUIRED", None),
    ];
    let bearer = format!("Bearer {TOKEN}");
    for (name, body, header, code, trace) in cases {
        let headers: Vec<_> = std::iter::once(("authorization", bearer.as_str())).chain(header).collect();
        let answer = site.call("POST", SWITCH, Some(body), &headers);
        let reply = answer.json();
        assert_eq!((&reply["code"], &reply["trace_id"]), (&json!(code), &json!(trace)), "{name}: {reply}");
        assert_eq!(answer.header("x-trace-id"), trace, "{name}");
    }
}

#[test]
fn a_body_is_read_strictly() {
    let site = site();
    let long = "x".repeat(501);
    let cases = [
        ("empty", String::new(), 422, "INVALID_PARAM"),
        ("no JSON", "{bad".to_owned(), 400, "INVALID_JSON"),
        ("twice", r#"{"is_on":true,"is_on":false,"reason":"r"}"#.to_owned(), 400, "INVALID_JSON"),
        ("a list", "[true]".to_owned(), 422, "BODY_NOT_OBJECT"),
        ("null", "null".to_owned(), 422, "BODY_NOT_OBJECT"),
        ("no switch", r#"{"reason":"r"}"#.to_owned(), 422, "INVALID_PARAM"),
        ("text", r#"{"is_on":"true","reason":"r"}"#.to_owned(), 422, "INVALID_PARAM"),
        ("number", r#"{"is_on":1,"reason":"r"}"#.to_owned(), 422, "INVALID_PARAM"),
        ("the alias's name", r#"{"kill":true,"reason":"r"}"#.to_owned(), 422, "INVALID_PARAM"),
        ("no reason", r#"{"is_on":true}"#.to_owned(), 422, "REASON_REQUIRED"),
        ("blank reason", r#"{"is_on":true,"reason":"  "}"#.to_owned(), 422, "REASON_REQUIRED"),
        ("reason no text", r#"{"is_on":true,"reason":5}"#.to_owned(), 422, "REASON_REQUIRED"),
        ("long reason", format!(r#"{{"is_on":true,"reason":"{long}"}}"#), 422, "REASON_REQUIRED"),
        ("trace", r#"{"is_on":true,"reason":"r","trace_id":"a b"}"#.to_owned(), 422, "INVALID_TRACE_ID"),
        ("trace number", r#"{"is_on":true,"reason":"r","trace_id":7}"#.to_owned(), 422, "INVALID_TRACE_ID"),
        ("version", r#"{"is_on":true,"reason":"r","expected_version":"0"}"#.to_owned(), 422, "INVALID_PARAM"),
        ("version below", r#"{"is_on":true,"reason":"r","expected_version":-1}"#.to_owned(), 422, "INVALID_PARAM"),
        ("force", r#"{"is_on":true,"reason":"r","force":"yes"}"#.to_owned(), 422, "INVALID_PARAM"),
        ("actor", r#"{"is_on":true,"reason":"r","actor":7}"#.to_owned(), 422, "INVALID_PARAM"),
        ("long actor", format!(r#"{{"is_on":true,"reason":"r","actor":"{}"}}"#, &long[..65]), 422, "FIELD_TOO_LONG"),
    ];
    for (name, body, status, code) in cases {
        let answer = post(&site, SWITCH, &body);
        let reply = answer.json();
        assert_eq!((answer.status, &reply["code"]), (status, &json!(code)), "{name}: {reply}");
        assert_eq!(reply["contract_version"], "v1", "{name}");
    }
    assert!(rows(&site).is_empty() && site.get(SWITCH).json()["version"] == 0, "nothing was done");
    let reason = "가".repeat(500);
    assert_eq!(set(&site, json!({"is_on": true, "reason": reason, "confirm": true})).status, 200, "500 characters");
}

#[test]
fn who_is_the_request_else_its_head_else_operator() {
    let site = site();
    let call = |body: Value, actor: Option<&str>| {
        let token = format!("Bearer {TOKEN}");
        let mut headers = vec![("authorization", token.as_str())];
        headers.extend(actor.map(|actor| ("x-actor", actor)));
        assert_eq!(site.call("POST", SWITCH, Some(&body.to_string()), &headers).status, 200);
        rows(&site).pop().expect("a row")["actor"].clone()
    };
    assert_eq!(call(json!({"is_on": true, "reason": "r", "actor": "kim"}), Some("lee")), "kim");
    assert_eq!(call(json!({"is_on": true, "reason": "r"}), Some("lee")), "lee");
    assert_eq!(call(json!({"is_on": true, "reason": "r", "actor": " "}), None), "operator");
}

#[test]
fn a_version_that_somebody_else_changed_is_a_conflict() {
    let site = site();
    let seen = |version: u64, on: bool| json!({"is_on": on, "reason": "r", "expected_version": version});
    assert_eq!(set(&site, seen(0, true)).status, 200);
    let conflict = set(&site, seen(0, false));
    assert_eq!((conflict.status, &conflict.json()["code"]), (409, &json!("VERSION_CONFLICT")));
    assert_eq!(site.get(SWITCH).json()["is_on"], true);
    let again = set(&site, seen(1, true)).json();
    assert_eq!((&again["changed"], &again["version"]), (&json!(false), &json!(1)));
    assert_eq!(rows(&site).pop().expect("a row")["action"], "kill_on_noop");
    assert_eq!(set(&site, seen(1, false)).json()["version"], 2);
    assert_eq!(set(&site, seen(2, false)).json()["changed"], false);
    let actions: Vec<Value> = rows(&site).into_iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions, ["kill_on", "kill_on_noop", "kill_off", "kill_off_noop"]);
}

#[test]
fn the_older_door_does_the_same_and_says_that_it_is_old() {
    let site = site();
    let on = post(&site, "/api/ops/kill", r#"{"kill":true,"reason":"old"}"#);
    assert_eq!((on.status, on.header("deprecation")), (200, Some("true")));
    assert_eq!(on.header("link"), Some("</api/control/kill-switch>; rel=\"successor-version\""));
    assert_eq!(on.json()["is_on"], true);
    let wrong = post(&site, "/api/ops/kill", r#"{"is_on":false,"reason":"old"}"#);
    assert_eq!((wrong.status, &wrong.json()["code"]), (422, &json!("INVALID_PARAM")));
}

#[test]
fn a_body_that_says_both_is_refused_at_both_doors() {
    let site = site();
    set(&site, json!({"is_on": true, "reason": "r"}));
    for path in [SWITCH, "/api/ops/kill"] {
        for body in [r#"{"kill":false,"is_on":true,"reason":"r"}"#, r#"{"is_on":false,"kill":null,"reason":"r"}"#] {
            let answer = post(&site, path, body);
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("INVALID_PARAM")), "{path} {body}");
        }
    }
    let seen = site.get(SWITCH).json();
    assert_eq!((&seen["is_on"], &seen["version"]), (&json!(true), &json!(1)));
    assert_eq!(set(&site, json!({"is_on": false, "reason": "r", "unknown": 1})).status, 200, "others are ignored");
}

#[test]
fn the_emergency_stop_is_a_kill_switch_too() {
    let site = site();
    let admin = Actor::new("op", Role::Admin, "test");
    Gates::new(&site.store).set_stop(Stop::On, &admin, "halt", start()).expect("set");
    let state = site.get(SWITCH).json();
    assert_eq!(
        json!([state["is_on"], state["status"], state["latch_is_on"], state["latch_status"], state["emergency_stop"]]),
        json!([true, "ON", false, "OFF", true]),
        "{state}"
    );
    assert_eq!(state["effective_is_on"], true);
    assert_eq!(site.get("/api/ops/risk-snapshot").json()["mode"], "KILL");
    assert_eq!(site.get("/api/v1/ops/state").json()["kill"]["reason"], "halt");
    // Switching off the kill switch does not touch the stop, and says that it still counts.
    set(&site, json!({"is_on": true, "reason": "r"}));
    let off = set(&site, json!({"is_on": false, "reason": "r"})).json();
    assert_eq!(
        json!([off["is_on"], off["status"], off["latch_is_on"], off["latch_status"], off["effective_is_on"]]),
        json!([true, "ON", false, "OFF", true])
    );
}

#[test]
fn a_switch_that_cannot_be_read_is_on_and_goes_off_by_force_alone() {
    let site = site();
    site.store.write(layout::KILL_SWITCH, b"{\"schema\":").expect("written");
    let state = site.get(SWITCH).json();
    assert_eq!((&state["is_on"], &state["reason"]), (&json!(true), &json!("STATE_UNREADABLE")));
    assert!(state["damage"].is_string());
    let health = site.get("/api/ops/health").json();
    assert_eq!(health["data"]["dashboard"]["overall"], "CRITICAL");
    let refused = set(&site, json!({"is_on": false, "reason": "r"}));
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("KILL_SWITCH_CAUSE_ACTIVE")));
    assert_eq!(set(&site, json!({"is_on": false, "reason": "r", "force": true})).json()["status"], "OFF");
    site.store.write(layout::KILL_SWITCH, b"").expect("written");
    let on = set(&site, json!({"is_on": true, "reason": "again"})).json();
    assert_eq!((&on["changed"], &on["version"]), (&json!(true), &json!(2)), "a version is never given twice");
}

#[test]
fn an_audit_that_cannot_be_written_keeps_it_on_and_never_off() {
    let site = site();
    std::fs::create_dir_all(site.store.path(layout::KILL_AUDIT)).expect("in the way");
    let on = set(&site, json!({"is_on": true, "reason": "r"}));
    assert_eq!((on.status, &on.json()["audit_persisted"]), (200, &json!(false)));
    let again = set(&site, json!({"is_on": true, "reason": "r"}));
    assert_eq!((again.status, &again.json()["audit_persisted"]), (200, &json!(false)));
    let off = set(&site, json!({"is_on": false, "reason": "r"}));
    assert_eq!((off.status, &off.json()["code"]), (500, &json!("AUDIT_WRITE_FAILED")));
    assert_eq!(site.get(SWITCH).json()["is_on"], true);
}
