//! Every answer of the ticket endpoints by table.

use std::sync::Arc;

use daily_ops::ops::OpsPolicy;
use daily_ops::store::layout;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

use crate::client::Site;

fn site() -> Site {
    let now = Stamp::from("2026-11-20T20:00:00+09:00").instant().expect("a time");
    Site::with(|store| store, Arc::new(SimClock::at(now)), OpsPolicy::default())
}

fn create(site: &Site) -> String {
    let body = r#"{"request_type":"REQUEST_RECONCILE","payload":{"mode":"FULL","reason":"r"}}"#;
    let answer = site.post("/api/tickets", Some(body));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["request_id"].as_str().expect("an id").to_owned()
}

fn change(site: &Site, what: &str, body: &Value) -> (u16, Value) {
    let answer = site.post(&format!("/api/tickets/{what}"), Some(&body.to_string()));
    (answer.status, answer.json())
}

#[test]
fn a_ticket_is_refused_by_the_name_of_what_is_wrong() {
    let site = site();
    let kind = |kind: &str, payload: &str| format!(r#"{{"request_type":"{kind}","payload":{payload}}}"#);
    // name, body, status, pointer, value
    let cases: [(&str, String, u16, &str, Value); 13] = [
        ("no body", String::new(), 422, "/detail/0/loc", json!(["body"])),
        ("no type", r#"{"payload":{}}"#.into(), 422, "/detail/0/loc", json!(["body", "request_type"])),
        ("no payload", r#"{"request_type":"ACKNOWLEDGE"}"#.into(), 422, "/detail/0/loc", json!(["body", "payload"])),
        ("payload a list", kind("ACKNOWLEDGE", "[]"), 422, "/detail/0/type", json!("dict_type")),
        ("payload null", kind("ACKNOWLEDGE", "null"), 422, "/detail/0/type", json!("dict_type")),
        ("another type", kind("REQUEST_TRADE", "{}"), 400, "/result", json!("FAIL")),
        ("no mode", kind("REQUEST_RECONCILE", "{}"), 400, "/field", json!("payload.mode")),
        ("no scope", kind("REQUEST_REPORTS", r#"{"mode":"REGEN"}"#), 400, "/field", json!("payload.scope")),
        ("no message", kind("ACKNOWLEDGE", "{}"), 400, "/field", json!("payload.message_id")),
        ("NaN", kind("ACKNOWLEDGE", r#"{"message_id":"m","x":NaN}"#), 422, "/detail/0/type", json!("json_invalid")),
        (
            "two keys of one name",
            kind("ACKNOWLEDGE", r#"{"message_id":"m","message_id":"n"}"#),
            422,
            "/detail/0/type",
            json!("json_invalid"),
        ),
        (
            "trace too long",
            format!(
                r#"{{"request_type":"ACKNOWLEDGE","payload":{{"message_id":"m"}},"trace_id":"{}"}}"#,
                "x".repeat(201)
            ),
            400,
            "/field",
            json!("trace_id"),
        ),
        (
            "trace a number",
            r#"{"request_type":"ACKNOWLEDGE","payload":{"message_id":"m"},"trace_id":7}"#.into(),
            422,
            "/detail/0/loc",
            json!(["body", "trace_id"]),
        ),
    ];
    for (name, body, status, pointer, want) in cases {
        let answer = site.post("/api/tickets", Some(&body));
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        assert_eq!(answer.json().pointer(pointer), Some(&want), "{name}: {}", answer.text);
    }
    assert_eq!(site.store.read(layout::TICKET_REQUESTS).expect("readable"), None, "nothing was written");
    assert_eq!(site.store.read(layout::AUDIT).expect("readable"), None, "nothing was recorded");
}

#[test]
fn what_was_written_is_shown_newest_first_and_recorded_once_a_change() {
    let site = site();
    let body = r#"{"request_type":"ACKNOWLEDGE","payload":{"message_id":"한글 \"m\"","n":[1.50]},"trace_id":null}"#;
    let made = site.post("/api/tickets", Some(body)).json();
    assert_eq!((&made["result"], &made["status"], &made["appended"]), (&json!("OK"), &json!("OPEN"), &json!(true)));
    assert!(made["requested_at"].as_str().expect("a time").ends_with("+09:00"));
    let second = create(&site);
    let (status, taken) = change(&site, "consume", &json!({"request_id": second, "processor_id": "w1"}));
    assert_eq!((status, &taken["new_status"]), (200, &json!("IN_PROGRESS")));
    let end = json!({"request_id": second, "status": "FAILED", "message": "exit 1", "processor_id": "w1", "artifacts": ["a"]});
    assert_eq!(change(&site, "complete", &end).1["new_status"], json!("FAILED"));
    let board = site.get("/api/tickets/latest").json();
    assert_eq!((&board["status"], &board["row_count"], &board["total"]), (&json!("ready"), &json!(2), &json!(2)));
    assert_eq!((&board["bad_lines"], &board["error"]), (&json!(0), &Value::Null));
    // The clock stands still, so the later line is the newer ticket.
    assert_eq!(board["rows"][0]["request_id"], json!(second));
    assert_eq!(
        (&board["rows"][0]["last_message"], &board["rows"][0]["current_status"]),
        (&json!("exit 1"), &json!("FAILED"))
    );
    let first = &board["rows"][1];
    assert_eq!(first["payload"], json!({"message_id": "한글 \"m\"", "n": [1.5]}));
    for key in ["trace_id", "last_message", "last_processed_at"] {
        assert_eq!(first[key], Value::Null, "{key}");
    }
    let audit = String::from_utf8(site.store.read(layout::AUDIT).expect("readable").expect("there")).expect("text");
    let entries: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<(&str, &str)> =
        entries.iter().map(|e| (e["action"].as_str().expect("text"), e["reason"].as_str().expect("text"))).collect();
    assert_eq!(
        told,
        [
            ("ticket.create", ""),
            ("ticket.create", "r"),
            ("ticket.consume", "Ticket taken"),
            ("ticket.complete", "exit 1")
        ]
    );
    assert_eq!(entries[2]["target"], json!(second));
    assert_eq!(
        (&entries[3]["before"]["status"], &entries[3]["after"]["status"]),
        (&json!("IN_PROGRESS"), &json!("FAILED"))
    );
}

#[test]
fn terminal_states_are_final_and_conflicts_say_where_the_ticket_stands() {
    let site = site();
    let id = create(&site);
    let take = json!({"request_id": id});
    let end = |status: &str| json!({"request_id": id, "status": status});
    let steps: [(&str, &str, Value, u16, Value); 12] = [
        ("before it is taken", "complete", end("DONE"), 409, json!("OPEN")),
        ("bad word", "complete", end("MAYBE"), 400, Value::Null),
        ("nobody", "consume", json!({"request_id": "zzz"}), 404, Value::Null),
        ("empty", "consume", json!({"request_id": ""}), 404, Value::Null),
        ("nobody to complete", "complete", json!({"request_id": "zzz", "status": "DONE"}), 404, Value::Null),
        ("taken", "consume", take.clone(), 200, Value::Null),
        ("taken twice", "consume", take.clone(), 409, json!("IN_PROGRESS")),
        (
            "artifacts no texts",
            "complete",
            json!({"request_id": id, "status": "DONE", "artifacts": [1]}),
            422,
            Value::Null,
        ),
        ("done", "complete", end("DONE"), 200, Value::Null),
        ("done twice", "complete", end("DONE"), 409, json!("DONE")),
        ("failed after done", "complete", end("FAILED"), 409, json!("DONE")),
        ("taken after done", "consume", take, 409, json!("DONE")),
    ];
    for (name, what, body, status, current) in steps {
        let (got, answer) = change(&site, what, &body);
        assert_eq!(
            (got, answer.get("current_status").cloned().unwrap_or_default()),
            (status, current),
            "{name}: {answer}"
        );
    }
}

#[test]
fn the_board_shows_as_many_as_asked_for_in_the_state_asked_for() {
    let site = site();
    let ids: Vec<String> = (0..5).map(|_| create(&site)).collect();
    for id in &ids[..2] {
        change(&site, "consume", &json!({"request_id": id}));
    }
    site.store.append(layout::TICKET_RESULTS, "no json", daily_ops::store::Durability::Buffered).expect("written");
    let cases = [
        ("", 5, 5),
        ("?limit=2", 2, 5),
        ("?status=OPEN", 3, 3),
        ("?status=OPEN&limit=1", 1, 3),
        ("?status=IN_PROGRESS", 2, 2),
        ("?status=DONE", 0, 0),
        ("?limit=1000&other=x", 5, 5),
    ];
    for (query, rows, total) in cases {
        let board = site.get(&format!("/api/tickets/latest{query}")).json();
        assert_eq!((&board["row_count"], &board["total"]), (&json!(rows), &json!(total)), "{query}");
        assert_eq!((board["rows"].as_array().map(Vec::len), &board["bad_lines"]), (Some(rows), &json!(1)), "{query}");
    }
    for query in
        ["?limit=0", "?limit=1001", "?limit=x", "?limit=-1", "?limit=", "?status=open", "?status=", "?status=BLOCKED"]
    {
        assert_eq!(site.get(&format!("/api/tickets/latest{query}")).status, 422, "{query}");
    }
    site.store.remove(layout::TICKET_RESULTS).expect("removed");
    assert_eq!(
        site.get("/api/tickets/latest?status=OPEN").json()["total"],
        json!(5),
        "a file that is gone is read anew"
    );
    std::fs::create_dir_all(site.dir.path().join(layout::TICKET_RESULTS)).expect("made");
    let board = site.get("/api/tickets/latest").json();
    assert_eq!(
        (&board["status"], &board["error"]["code"], &board["row_count"]),
        (&json!("error"), &json!("READ_ERROR"), &json!(0))
    );
    let (status, answer) = change(&site, "consume", &json!({"request_id": ids[3]}));
    assert_eq!((status, &answer["result"]), (500, &json!("FAILED")), "unreadable is never permission");
}

#[test]
fn the_reaper_answers_when_there_is_nothing_something_and_damage() {
    let site = site();
    let latest = || site.get("/api/tickets/reaper/latest").json();
    let empty = latest();
    assert_eq!(
        (&empty["status"], &empty["decision"], &empty["message"]),
        (&json!("empty"), &json!("NONE"), &json!("No reaper report yet"))
    );
    let run = |body: Option<&str>| {
        let answer = site.post("/api/tickets/reaper/run?confirm=true", body);
        (answer.status, answer.json())
    };
    let (status, none) = run(None);
    assert_eq!((status, &none["result"], &none["decision"]), (200, &json!("OK"), &json!("NONE")));
    assert_eq!((&latest()["status"], &latest()["decision"]), (&json!("ready"), &json!("NONE")), "NONE is stored too");
    for id in ["a", "b", "c"] {
        let append = |file: &str, line: String| {
            site.store.append(file, &line, daily_ops::store::Durability::Buffered).expect("written")
        };
        append(layout::TICKET_REQUESTS, format!(r#"{{"request_id":"{id}","requested_at":"2026-11-01T00:00:00"}}"#));
        append(
            layout::TICKET_RESULTS,
            format!(r#"{{"request_id":"{id}","status":"IN_PROGRESS","processed_at":"2026-11-01T00:00:00"}}"#),
        );
    }
    let (_, some) = run(Some(r#"{"threshold_seconds":3600,"max_clean":2}"#));
    assert_eq!(
        (&some["decision"], &some["stale_count"], &some["cleaned_count"]),
        (&json!("CLEANED"), &json!(3), &json!(2))
    );
    let report = latest();
    assert_eq!((&report["cleaned_items"][1]["request_id"], &report["error"]), (&json!("b"), &Value::Null));
    for path in
        report["evidence_refs"].as_array().expect("refs").iter().chain([&some["latest_path"], &some["snapshot_path"]])
    {
        let answer = site.get(&format!("/api/evidence/resolve?ref={}", path.as_str().expect("text")));
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("ready")), "{path}");
    }
    for body in
        [r#"{"threshold_seconds":-1}"#, r#"{"max_clean":"5"}"#, r#"{"max_clean":1.5}"#, r#"{"max_clean":1001}"#, "[]"]
    {
        assert_eq!(run(Some(body)).0, 422, "{body}");
    }
    site.store.write(layout::REAPER.latest, b"{").expect("written");
    assert_eq!(
        (&latest()["status"], &latest()["decision"], &latest()["error"]["code"]),
        (&json!("error"), &json!("ERROR"), &json!("READ_ERROR"))
    );
}

#[test]
fn a_preflight_is_stored_under_a_plain_id_only() {
    let site = site();
    let check = |id: &str, kind: &str, payload: Value| {
        let body = json!({"request_id": id, "request_type": kind, "payload": payload}).to_string();
        let answer = site.post("/api/deps/reconcile/check", Some(&body));
        (answer.status, answer.json())
    };
    let full = || json!({"mode": "FULL"});
    let (status, answer) = check("test-1", "REQUEST_RECONCILE", full());
    assert_eq!((status, &answer["decision"]), (200, &json!("PREFLIGHT_FAIL")), "no inputs, no list");
    assert_eq!(answer["artifact_path"], json!("reports/tickets/preflight/test-1.json"));
    let stored = site.store.read("reports/tickets/preflight/test-1.json").expect("readable").expect("there");
    let stored: Value = serde_json::from_slice(&stored).expect("JSON");
    assert_eq!((&stored["schema"], &stored["decision"]), (&json!("RECONCILE_PREFLIGHT_V1"), &answer["decision"]));
    let long = "x".repeat(65);
    for id in ["", "../x", "a/b", "a.b", "a_b", "한", long.as_str()] {
        let (status, answer) = check(id, "REQUEST_RECONCILE", full());
        assert_eq!((status, &answer["field"]), (400, &json!("request_id")), "{id:?}");
    }
    assert_eq!(check("a", "REQUEST_TRADE", full()).0, 400);
    assert_eq!(check("a", "REQUEST_RECONCILE", json!({})).1["field"], json!("payload.mode"));
    assert_eq!(check("a", "REQUEST_RECONCILE", json!([])).0, 422);
}
