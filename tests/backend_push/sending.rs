//! What a sending and a live fire leave behind.

use std::path::Path;
use std::sync::Arc;

use daily_ops::contracts::actor::Actor;
use daily_ops::store::Durability;
use daily_ops::store::Store;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::FIRE;
use crate::SEND;
use crate::client::Site;
use crate::everything;
use crate::fake::Act;
use crate::fake::Fake;
use crate::lines;
use crate::open;
use crate::ops;
use crate::outbox;
use crate::put;
use crate::read;
use crate::site;
use crate::window;
use crate::yes;

fn resolves(site: &Site, reference: &Value) {
    let reference = reference.as_str().expect("a ref");
    let answer = site.get(&format!("/api/evidence/resolve?ref={reference}"));
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("ready")), "{reference}");
}

#[test]
fn a_message_leaves_once_and_everything_is_written_down() {
    let fake = yes();
    let site = site(&fake);
    assert_eq!(site.post("/api/push/send/run", None).status, 400, "it must be confirmed");
    let reply = site.post(SEND, None).json();
    assert_eq!(
        (&reply["result"], &reply["decision"], &reply["blocked_reason"]),
        (&json!("SENT"), &json!("SENT"), &Value::Null)
    );
    let seen = fake.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].contains("[ALERT] 제목\\n본문"), "{}", seen[0]);
    let receipt = site.get("/api/push/send/latest").json()["data"].clone();
    assert_eq!(
        (&receipt["decision"], &receipt["http_status"], &receipt["message_id"]),
        (&json!("SENT"), &json!(200), &json!("m1"))
    );
    assert_eq!(receipt["secrets_status_observed"], json!({"TELEGRAM_BOT_TOKEN": true, "TELEGRAM_CHAT_ID": true}));
    receipt["evidence_refs"].as_array().expect("refs").iter().for_each(|reference| resolves(&site, reference));
    resolves(&site, &reply["snapshot_path"]);
    let decisions: Vec<Value> =
        lines(&site.store, layout::SEND_RECEIPTS).iter().map(|line| line["decision"].clone()).collect();
    assert_eq!(decisions, ["ATTEMPTED", "SENT"]);
    assert_eq!(read(&site.store, layout::WINDOW_CONSUMED)["consumed"], true);
    assert_eq!(lines(&site.store, layout::WINDOWS).last().expect("a line")["event"], "CONSUME");
    let audit: Vec<Value> = lines(&site.store, layout::AUDIT).iter().map(|line| line["action"].clone()).collect();
    assert!(audit.contains(&json!("push.send")) && audit.len() >= 3, "{audit:?}");
}

#[test]
fn a_message_that_left_never_leaves_again() {
    let fake = yes();
    let site = site(&fake);
    assert_eq!(site.post(SEND, None).json()["result"], "SENT");
    // The same again: the window is used up. With a new one the message is known to have left.
    assert_eq!(site.post(SEND, None).json()["blocked_reason"], "NO_MESSAGES");
    put(
        &site.store,
        layout::OUTBOX.latest,
        &json!({"schema": "PUSH_OUTBOX_V1", "messages": [
        {"message_id": "m2", "push_type": "ALERT", "title": "둘째"}]}),
    );
    assert_eq!(site.post(SEND, None).json()["blocked_reason"], "WINDOW_CONSUMED");
    site.store.remove(layout::WINDOW_CONSUMED).expect("removed");
    assert_eq!(site.post(SEND, None).json()["blocked_reason"], "WINDOW_INACTIVE");
    put(&site.store, layout::WINDOWS, &window("w2"));
    put(&site.store, layout::OUTBOX.latest, &outbox("본문"));
    assert_eq!(site.post(SEND, None).json()["blocked_reason"], "NO_MESSAGES", "never sent twice");
    assert_eq!(fake.seen().len(), 1);
}

#[test]
fn a_failed_sending_uses_the_window_up_and_only_a_certain_failure_may_be_tried_again() {
    let cases = [
        ("unauthorized", 401, "", "UNAUTHORIZED", true),
        ("rate limited", 429, "retry-after: 7\r\n", "RATE_LIMITED", true),
        ("server error", 502, "", "SERVER_ERROR", false),
        ("garbage", 200, "", "RESPONSE_INVALID", false),
    ];
    for (name, status, headers, class, again) in cases {
        let planted = format!("https://api.telegram.org/bot{}/sendMessage", crate::TOKEN);
        let fake = Fake::http(move |_| Act::status(status, headers, &planted));
        let site = site(&fake);
        let reply = site.post(SEND, None);
        assert_eq!(reply.json()["result"], "FAILED", "{name}: {}", reply.text);
        let receipt = site.get("/api/push/send/latest").json()["data"].clone();
        assert_eq!((&receipt["error_class"], &receipt["http_status"]), (&json!(class), &json!(status)), "{name}");
        assert_eq!(receipt["retry_after_seconds"].as_u64(), (status == 429).then_some(7), "{name}");
        assert_eq!(fake.seen().len(), 1, "{name}: not repeated");
        assert_eq!(site.post(SEND, None).json()["decision"], if again { "BLOCKED" } else { "SKIPPED" }, "{name}");
        site.store.remove(layout::WINDOW_CONSUMED).expect("removed");
        put(&site.store, layout::WINDOWS, &window("w2"));
        site.post(SEND, None);
        assert_eq!(fake.seen().len(), if again { 2 } else { 1 }, "{name}");
        let told = everything(site.dir.path()) + &reply.text;
        assert!(!told.contains("planted"), "{name}");
    }
}

#[test]
fn a_live_fire_closes_window_and_sender_whatever_becomes_of_it() {
    for (name, status) in [("delivered", 200), ("refused", 403), ("broken", 500)] {
        let fake = Fake::http(move |_| Act::status(status, "", r#"{"ok":true}"#));
        let site = site(&fake);
        assert_eq!(site.post("/api/ops/push/live_fire/run", None).status, 400, "it must be confirmed");
        let reply = site.post(FIRE, None).json();
        let want = json!({"result": "OK", "attempted": true, "blocked_reason": null, "window_consumed": true, "sender_disabled_after": true});
        for (key, value) in want.as_object().expect("members") {
            assert_eq!(&reply[key], value, "{name}: {key}: {reply}");
        }
        assert_eq!(fake.seen().len(), 1, "{name}");
        assert_eq!(read(&site.store, layout::SENDER)["enabled"], false, "{name}");
        assert_eq!(read(&site.store, layout::WINDOW_CONSUMED)["consumed"], true, "{name}");
        let receipt = site.get("/api/ops/push/live_fire/latest").json()["data"].clone();
        assert_eq!(receipt["send_http_status"], status, "{name}");
        assert_eq!(
            receipt["precheck_summary"],
            json!({"gate_mode": "REAL_ENABLED", "self_test": "SELF_TEST_PASS",
            "emergency_stop": false, "sender_enabled": true, "window_active": true, "outbox_row_count": 1})
        );
        receipt["refs"].as_object().expect("refs").values().for_each(|reference| resolves(&site, reference));
        resolves(&site, &reply["snapshot_path"]);
        let look = site.get("/api/ops/push/postmortem/latest").json()["data"].clone();
        assert_eq!(
            (&look["overall_safety_status"], &look["send_attempt_observed"]["attempted"]),
            (&json!("SAFE"), &json!(true))
        );
        look["evidence_refs"].as_array().expect("refs").iter().for_each(|reference| resolves(&site, reference));
        assert_eq!(site.post(FIRE, None).json()["blocked_reason"], "SENDER_DISABLED", "{name}");
        assert_eq!(fake.seen().len(), 1, "{name}");
    }
}

#[test]
fn the_look_back_says_unsafe_while_something_stands_open_or_cannot_be_read() {
    let fake = yes();
    let site = site(&fake);
    let look = || site.post("/api/ops/push/postmortem/regenerate?confirm=true", None).json();
    let unsafe_one = look();
    assert_eq!(
        (&unsafe_one["overall_safety_status"], &unsafe_one["kill_switch_verified"]),
        (&json!("UNSAFE"), &json!(false))
    );
    site.post(SEND, None);
    assert_eq!(look()["overall_safety_status"], "UNSAFE", "a sending leaves the sender as it is");
    site.post("/api/real_sender_enable", Some(r#"{"enabled":false}"#));
    assert_eq!(look()["overall_safety_status"], "SAFE");
    site.store.write(layout::SENDER, b"{half").expect("written");
    assert_eq!(look()["overall_safety_status"], "UNSAFE");
    site.store.remove(layout::SENDER).expect("removed");
    assert_eq!(look()["overall_safety_status"], "SAFE");
    site.store.remove(layout::WINDOW_CONSUMED).expect("removed");
    assert_eq!(look()["overall_safety_status"], "UNSAFE", "something was sent and the window is open");
}

#[test]
fn of_many_at_once_one_sends() {
    let fake = yes();
    let site = site(&fake);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let site = &site;
            scope.spawn(move || site.post(if n % 2 == 0 { SEND } else { FIRE }, None));
        }
    });
    assert_eq!(fake.seen().len(), 1);
}

#[test]
fn what_cannot_be_recorded_is_neither_sent_nor_delivered() {
    let fake = yes();
    let site = site(&fake);
    std::fs::create_dir_all(site.store.path(layout::AUDIT)).expect("made");
    let before = read(&site.store, layout::OUTBOX.latest);
    assert_eq!(site.post(SEND, None).status, 500);
    assert_eq!(site.post("/api/push/delivery/run?confirm=true", None).status, 500);
    assert_eq!((fake.seen().len(), read(&site.store, layout::OUTBOX.latest)), (0, before));
    assert!(lines(&site.store, layout::SEND_RECEIPTS).is_empty());
}

#[test]
fn a_live_fire_that_cannot_be_recorded_changes_nothing_and_one_that_lost_its_trail_leaves_no_sender_open() {
    let actor = Actor::program("test");
    let fake = yes();
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    open(&store);
    std::fs::create_dir_all(store.path(layout::AUDIT)).expect("made");
    assert!(ops(&fake, &store, None).run_live_fire(&actor).is_err());
    assert_eq!(store.read(layout::WINDOW_CONSUMED).expect("readable"), None);
    assert_eq!(read(&store, layout::SENDER)["enabled"], true);
    assert_eq!(store.read(layout::LIVE_FIRE.latest).expect("readable"), None);

    // The trail goes when the windows are used up: the attempt cannot be written down, so nothing is sent.
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    open(&store);
    let trail = store.path(layout::AUDIT);
    let breaking = Arc::new(move |path: &Path| {
        if path.to_string_lossy().ends_with(layout::WINDOW_CONSUMED) && trail.is_file() {
            std::fs::remove_file(&trail).expect("removed");
            std::fs::create_dir(&trail).expect("made");
        }
    });
    assert!(ops(&fake, &store, Some(breaking)).run_live_fire(&actor).is_err());
    assert_eq!(read(&store, layout::WINDOW_CONSUMED)["consumed"], true);
    assert_eq!((read(&store, layout::SENDER)["enabled"].clone(), fake.seen().len()), (json!(false), 0));
}

#[test]
fn the_audit_entry_of_an_attempt_stands_before_its_call() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    open(&store);
    let trail = store.clone();
    let fake = Fake::http(move |_| {
        let told = lines(&trail, layout::AUDIT).iter().any(|l| l["after"]["decision"] == "ATTEMPTED");
        Act::status(if told { 200 } else { 400 }, "", r#"{"ok":true}"#)
    });
    let sent = ops(&fake, &store, None).run_send(&Actor::program("test")).expect("decided");
    assert_eq!(sent.receipt.http_status, Some(200));
}

#[test]
fn a_switch_that_closes_after_the_checks_keeps_the_message_back() {
    let stop = r#"{"schema":"EMERGENCY_STOP_V1","enabled":true,"reason":"drill"}"#;
    let gate = r#"{"schema":"EXECUTION_GATE_V1","mode":"MOCK_ONLY"}"#;
    let sender = r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":false}"#;
    let window = r#"{"event":"REVOKE","window_id":"w1"}"#;
    // The write after which somebody else closes something, and whether the windows are used up by then.
    let cases = [
        ("send_receipts.jsonl", layout::STOP, stop, "EMERGENCY_STOP", true),
        ("send_receipts.jsonl", layout::GATE, gate, "NOT_REAL_GATE", true),
        ("send_receipts.jsonl", layout::SENDER, sender, "SENDER_DISABLED", true),
        ("window_consumed.json", layout::STOP, stop, "EMERGENCY_STOP", true),
        ("audit.jsonl", layout::STOP, stop, "EMERGENCY_STOP", true),
    ];
    for (after, file, text, reason, used) in cases {
        for is_fire in [false, true] {
            let fake = yes();
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::new(dir.path());
            open(&store);
            let other = store.clone();
            let ops = ops(
                &fake,
                &store,
                Some(Arc::new(move |path: &Path| {
                    if path.to_string_lossy().ends_with(after) && !text.is_empty() {
                        other.write(file, text.as_bytes()).expect("written");
                    }
                })),
            );
            let actor = Actor::program("test");
            let got = if is_fire {
                let receipt = ops.run_live_fire(&actor).expect("decided").receipt;
                assert_eq!(
                    (receipt.attempted, receipt.window_consumed, receipt.sender_disabled_after),
                    (false, used, used)
                );
                assert_eq!(read(&store, layout::SENDER)["enabled"], false, "{reason}");
                receipt.blocked_reason
            } else {
                ops.run_send(&actor).expect("decided").receipt.blocked_reason
            };
            assert_eq!((got.as_deref(), fake.seen().len()), (Some(reason), 0), "{after} {file}");
            let last = lines(&store, layout::SEND_RECEIPTS).pop().expect("a line");
            assert_eq!(
                (&last["decision"], &last["blocked_reason"]),
                (&json!("BLOCKED"), &json!(reason)),
                "{after} {file}"
            );
        }
    }
    // The window goes between the checks and its use: another process is just recording its own use of it.
    let fake = yes();
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    open(&store);
    let held = store.exclusive(layout::APPROVALS_LOCK).expect("held");
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| ops(&fake, &store, None).run_send(&Actor::program("test")).expect("decided"));
        store.append(layout::WINDOWS, window, Durability::Durable).expect("written");
        drop(held);
        assert_eq!(sending.join().expect("ended").receipt.blocked_reason.as_deref(), Some("WINDOW_INACTIVE"));
    });
    assert!(fake.seen().is_empty());
}
