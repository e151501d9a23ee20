//! The keys of a day: Korea's midnight, tests, damage, and a process that died in between.

use daily_ops::store::layout;
use serde_json::json;

use crate::Desk;
use crate::STATUS;
use crate::STATUS_LATEST;
use crate::at;

const TEST: &str = "/api/push/daily_status/send?confirm=true&mode=test";

#[test]
fn the_day_of_a_key_is_koreas_whatever_the_stamp_says() {
    let desk = Desk::new();
    let cases = [
        ("2026-11-20T23:59:59+09:00", "daily_status_20261120", false),
        ("2026-11-21T00:00:00+09:00", "daily_status_20261121", false),
        ("2026-11-20T16:00:00Z", "daily_status_20261121", true),
        ("2026-11-21T14:59:59Z", "daily_status_20261121", true),
        ("2026-11-21T15:00:00Z", "daily_status_20261122", false),
    ];
    for (now, key, skipped) in cases {
        desk.clock.jump_to(at(now));
        let said = desk.send(STATUS);
        assert_eq!((said["idempotency_key"].as_str(), said["skipped"].as_bool()), (Some(key), Some(skipped)), "{now}");
    }
}

#[test]
fn a_test_is_always_made_and_leaves_the_day_alone() {
    let desk = Desk::new();
    let first = desk.send(TEST);
    assert_eq!(first["idempotency_key"], "test_daily_status_20261120_090510");
    assert_eq!(desk.get(STATUS_LATEST)["result"], "NOT_FOUND", "a test is never the latest");
    assert_eq!(desk.send(TEST)["skipped"], false, "again in the same second");
    assert!(desk.site.store.read(layout::MESSAGE_KEYS).expect("readable").is_none(), "a test notes no key");
    let normal = desk.send(STATUS);
    assert_eq!((normal["skipped"].as_bool(), normal["mode"].as_str()), (Some(false), Some("normal")));
    assert_eq!(desk.send(TEST)["mode"], "test");
    assert_eq!(desk.get(STATUS_LATEST)["rows"][0]["idempotency_key"], "daily_status_20261120");
    assert_eq!(desk.send(STATUS)["skipped"], true, "a test does not open the day again");
    let incident = |mode: &str| desk.incident(&format!("kind=OPS_FAILED&mode={mode}")).json();
    assert_eq!(incident("test")["idempotency_key"], "test_incident_OPS_FAILED_20261120_090510");
    assert_eq!(incident("normal")["skipped"], false);
    assert_eq!(incident("test")["skipped"], false);
    assert_eq!(incident("normal")["skipped"], true);
    for file in desk.site.store.snapshots(layout::DAILY_STATUS.snapshots).expect("listed") {
        assert_eq!(
            file.name.starts_with("daily_status_test_"),
            desk.json(&file.reference)["mode"] == "test",
            "{file:?}"
        );
    }
}

#[test]
fn a_damaged_latest_does_not_open_the_day_again() {
    let desk = Desk::new();
    assert_eq!(desk.send(STATUS)["skipped"], false);
    for text in ["", "{", "[]", "{}"] {
        desk.site.store.write(layout::DAILY_STATUS.latest, text.as_bytes()).expect("written");
        assert_eq!(desk.send(STATUS)["skipped"], true, "{text:?}");
    }
    desk.site.store.remove(layout::DAILY_STATUS.latest).expect("removed");
    assert_eq!(desk.send(STATUS)["skipped"], true);
}

#[test]
fn without_its_keys_the_day_is_told_by_its_snapshots() {
    let cases = [
        ("delivered", Some("TELEGRAM"), true),
        ("may have arrived", Some("TELEGRAM_ERROR"), true),
        ("by the fallback", Some("FALLBACK_CURL"), true),
        ("refused", Some("TELEGRAM_FAILED"), false),
        ("shown here only", Some("CONSOLE_SIMULATED"), false),
        ("damaged", None, true),
    ];
    for (name, delivery, skipped) in cases {
        let desk = Desk::new();
        let text = delivery.map_or_else(
            || "{".to_owned(),
            |delivery| {
                json!({"schema": "DAILY_STATUS_PUSH_V1", "idempotency_key": "daily_status_20261120", "delivery_actual": delivery})
                    .to_string()
            },
        );
        let file = format!("{}/daily_status_20261120_090501.json", layout::DAILY_STATUS.snapshots);
        desk.site.store.write(&file, text.as_bytes()).expect("written");
        assert_eq!(desk.send(STATUS)["skipped"], skipped, "{name}");
    }
}

#[test]
fn keys_that_cannot_be_read_permit_nothing_and_say_so() {
    for file in [layout::MESSAGE_KEYS, layout::FALLBACK_KEYS] {
        let desk = Desk::new();
        desk.site.store.write(file, b"{").expect("written");
        let made = desk.send(STATUS);
        assert_eq!(made["delivery_actual"], "CONSOLE_SIMULATED");
        let why = made["not_sent_because"].as_str().expect("a reason");
        assert!(why.starts_with("KEYS_UNREADABLE") && why.contains(file), "{why}");
        desk.site.store.remove(file).expect("removed");
        assert_eq!(desk.send(STATUS)["skipped"], false, "the key was not used up");
    }
}

#[test]
fn what_a_dead_process_began_is_not_sent_again_and_is_said_once() {
    let desk = Desk::new();
    let keys = json!({"schema": "MESSAGE_KEYS_V1", "keys": [
        {"key": "daily_status_20261120", "state": "ATTEMPTED", "at": "2026-11-20T09:05:09+09:00"}]});
    desk.site.store.write(layout::MESSAGE_KEYS, keys.to_string().as_bytes()).expect("written");
    let said = desk.send(STATUS);
    assert_eq!(said["skipped"], true);
    assert!(said["message"].as_str().is_some_and(|text| text.contains("may have arrived")), "{said}");
    let latest = desk.json(layout::DAILY_STATUS.latest);
    assert_eq!(latest["delivery_actual"], "TELEGRAM_ERROR");
    assert!(latest["not_sent_because"].as_str().is_some_and(|text| text.starts_with("ATTEMPT_UNKNOWN")), "{latest}");
    assert_eq!(desk.json(layout::MESSAGE_KEYS)["keys"][0]["state"], "UNKNOWN");
    assert_eq!(desk.send(STATUS)["skipped"], true);
    assert_eq!(desk.snapshots(layout::DAILY_STATUS.snapshots), 1, "said once");
    desk.clock.jump_to(at("2026-11-21T09:05:00+09:00"));
    assert_eq!(desk.send(STATUS)["skipped"], false, "the next day is free");
}

#[test]
fn requests_at_once_make_one_message() {
    let desk = Desk::new();
    let made: usize = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| desk.send(STATUS)["skipped"] == false)).collect();
        asked.into_iter().map(|thread| usize::from(thread.join().expect("answered"))).sum()
    });
    assert_eq!((made, desk.snapshots(layout::DAILY_STATUS.snapshots)), (1, 1));
}
