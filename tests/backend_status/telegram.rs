//! Messages that leave, messages that may not, and messages of which nobody knows whether they left.

use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::Desk;
use crate::STATUS;
use crate::at;
use crate::bot;
use crate::bot::Bot;
use crate::bot::Mood;
use crate::messenger;

fn desk(bot: &Bot) -> Desk {
    let desk = Desk::with(messenger(&bot.url(), "1s"));
    desk.open();
    desk
}

/// Nothing that the backend wrote or said holds a secret.
fn keeps_its_secrets(desk: &Desk, said: &Value) {
    let mut folders = vec![desk.site.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(&path).expect("read")).into_owned();
            for secret in [bot::TOKEN, bot::CHAT, "AAfake"] {
                assert!(!text.contains(secret), "{} tells a secret", path.display());
            }
        }
    }
    let said = said.to_string();
    assert!(!said.contains("AAfake") && !said.contains(bot::CHAT), "{said}");
}

#[test]
fn a_message_leaves_once_and_is_recorded() {
    let bot = Bot::new(Mood::Fine);
    let desk = desk(&bot);
    let made = desk.send(STATUS);
    assert_eq!(made["delivery_actual"], "TELEGRAM", "{made}");
    let receipt = &made["send_receipt"];
    assert_eq!((receipt["decision"].as_str(), receipt["http_status"].as_u64()), (Some("SENT"), Some(200)), "{made}");
    assert_eq!(desk.send(STATUS)["message"], "already sent today");
    bot.await_requests(1);
    let asked = bot.requests();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with(&format!("POST /bot{}/sendMessage ", bot::TOKEN)), "{asked:?}");
    assert!(asked[0].contains("[Daily status]"), "{asked:?}");
    assert_eq!(desk.json(layout::MESSAGE_KEYS)["keys"][0]["state"], "DELIVERED");
    let audit = desk.site.store.read(layout::AUDIT).expect("readable").expect("an entry");
    let audit = String::from_utf8(audit).expect("text");
    assert!(audit.contains("message.send") && audit.contains("daily_status_20261120"), "{audit}");
    keeps_its_secrets(&desk, &made);
}

#[test]
fn no_message_leaves_without_its_entry_and_no_receipt_is_lost_for_one() {
    let bot = Bot::new(Mood::Fine);
    let desk = desk(&bot);
    let trail = desk.site.store.path(layout::AUDIT);
    std::fs::create_dir_all(&trail).expect("made");
    for path in [STATUS, &format!("{STATUS}&mode=test"), "/api/push/incident/send?confirm=true&kind=OPS_FAILED"] {
        assert_eq!(desk.site.post(path, None).status, 500, "{path}");
    }
    assert_eq!(bot.requests().len(), 0, "without an entry nothing leaves");
    assert!(!desk.site.store.path(layout::MESSAGE_KEYS).exists(), "the day stays free");
    std::fs::remove_dir(&trail).expect("removed");
    bot.set(Mood::Hang);
    let made = std::thread::scope(|scope| {
        let sending = scope.spawn(|| desk.send(STATUS));
        bot.await_requests(1);
        let entry = std::fs::read_to_string(&trail).expect("an entry before the call");
        assert!(entry.contains("message.send") && entry.contains("ATTEMPTED"), "{entry}");
        // The trail breaks while the message is under way.
        std::fs::remove_file(&trail).expect("removed");
        std::fs::create_dir_all(&trail).expect("made");
        sending.join().expect("sent")
    });
    assert_eq!(made["delivery_actual"], "TELEGRAM_ERROR", "{made}");
    assert_eq!(made["send_receipt"]["decision"], "UNKNOWN", "{made}");
    let kept = desk.json(layout::DAILY_STATUS.latest);
    assert_eq!(kept["send_receipt"], made["send_receipt"], "the receipt is kept");
    assert_eq!(desk.json(layout::MESSAGE_KEYS)["keys"][0]["state"], "UNKNOWN");
}

#[test]
fn a_message_that_was_refused_has_a_second_entry_that_says_so() {
    let bot = Bot::new(Mood::Status(401));
    let desk = desk(&bot);
    desk.send(STATUS);
    desk.send(STATUS);
    let trail = desk.site.store.read(layout::AUDIT).expect("readable").expect("entries");
    let entries = String::from_utf8(trail).expect("text");
    let entries: Vec<Value> = entries.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<_> = entries.iter().map(|entry| (&entry["action"], &entry["of_seq"], &entry["before"])).collect();
    let (send, failed) = (json!("message.send"), json!({"state": "FAILED"}));
    let (one, three, null) = (json!(1), json!(3), Value::Null);
    let want = [(&send, &null, &null), (&send, &one, &null), (&send, &null, &failed), (&send, &three, &null)];
    assert_eq!(told, want, "{entries:?}");
    assert!(
        entries[1]["reason"].as_str().is_some_and(|why| why.contains("TELEGRAM_FAILED: UNAUTHORIZED")),
        "{entries:?}"
    );
}

#[test]
fn every_switch_that_says_no_keeps_the_message_here() {
    let cases = [
        (
            "stop on",
            layout::STOP,
            r#"{"schema":"EMERGENCY_STOP_V1","enabled":true,"reason":"drill"}"#,
            "EMERGENCY_STOP: drill",
        ),
        ("stop unreadable", layout::STOP, "{", "EMERGENCY_STOP_UNREADABLE"),
        ("gate closed", layout::GATE, r#"{"schema":"EXECUTION_GATE_V1","mode":"DRY_RUN"}"#, "the gate is DRY_RUN"),
        ("gate unreadable", layout::GATE, "{", "the gate is MOCK_ONLY"),
        (
            "sender off",
            layout::SENDER,
            r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":false}"#,
            "the sender is not enabled",
        ),
        ("sender unreadable", layout::SENDER, "{", "the sender is not enabled"),
        ("no approval", layout::APPROVALS, "", "no approval"),
        ("no window", layout::WINDOWS, "", "no window"),
        ("window used up", layout::WINDOW_CONSUMED, r#"{"schema":"WINDOW_CONSUMED_V1","consumed":true}"#, "used up"),
    ];
    for (name, file, text, why) in cases {
        let bot = Bot::new(Mood::Fine);
        let desk = desk(&bot);
        desk.site.store.write(file, text.as_bytes()).expect("written");
        for made in [desk.send(STATUS), desk.incident("kind=OPS_FAILED").json()] {
            assert_eq!(made["delivery_actual"], "CONSOLE_SIMULATED", "{name}: {made}");
            let because = made["not_sent_because"].as_str().expect("a reason");
            assert!(because.contains(why), "{name}: {because}");
        }
        assert_eq!(desk.send(&format!("{STATUS}&mode=test"))["delivery_actual"], "CONSOLE_SIMULATED", "{name}");
        assert_eq!(bot.requests().len(), 0, "{name}");
    }
    let bot = Bot::new(Mood::Fine);
    let past = desk(&bot);
    past.clock.jump_to(at("2026-11-20T10:00:01+09:00"));
    assert_eq!(past.send(STATUS)["delivery_actual"], "CONSOLE_SIMULATED", "the window is over");
    let nameless = Desk::new();
    nameless.open();
    let made = nameless.send(STATUS);
    assert_eq!(made["not_sent_because"], "NO_PROVIDER: TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID without a value");
}

#[test]
fn a_refusal_leaves_the_key_free_and_an_unknown_end_uses_it_up() {
    let cases = [
        ("does not know the token", Mood::Status(401), "TELEGRAM_FAILED", true),
        ("later", Mood::Status(429), "TELEGRAM_FAILED", true),
        ("broken", Mood::Status(500), "TELEGRAM_ERROR", false),
        ("bad gateway", Mood::Status(502), "TELEGRAM_ERROR", false),
        ("silent", Mood::Hang, "TELEGRAM_ERROR", false),
    ];
    for (name, mood, delivery, again) in cases {
        let bot = Bot::new(mood);
        let desk = desk(&bot);
        let made = desk.send(STATUS);
        assert_eq!(made["delivery_actual"], delivery, "{name}: {made}");
        assert_eq!(desk.json(layout::DAILY_STATUS.latest)["delivery_actual"], delivery, "{name}");
        if mood == Mood::Status(429) {
            assert_eq!(made["send_receipt"]["retry_after_seconds"], 17, "{made}");
        }
        bot.set(Mood::Fine);
        let second = desk.send(STATUS);
        assert_eq!(second["skipped"], !again, "{name}: {second}");
        assert_eq!(bot.requests().len(), if again { 2 } else { 1 }, "{name}");
        keeps_its_secrets(&desk, &made);
    }
    let gone = Bot::new(Mood::Fine).url();
    let refused = Desk::with(messenger(&gone, "1s"));
    refused.open();
    let made = refused.send(STATUS);
    assert_eq!(
        (made["delivery_actual"].as_str(), made["send_receipt"]["error_class"].as_str()),
        (Some("TELEGRAM_FAILED"), Some("CONNECT"))
    );
    assert_eq!(refused.send(STATUS)["skipped"], false);
}

#[test]
fn requests_at_once_send_one_message() {
    let bot = Bot::new(Mood::Fine);
    let desk = desk(&bot);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| desk.send(STATUS));
            scope.spawn(|| desk.incident("kind=OPS_FAILED"));
        }
    });
    assert_eq!(bot.requests().len(), 2, "one status, one incident");
}

#[test]
fn tests_are_sent_each_time_and_leave_the_day_free() {
    let bot = Bot::new(Mood::Fine);
    let desk = desk(&bot);
    for _ in 0..3 {
        assert_eq!(desk.send(&format!("{STATUS}&mode=test"))["delivery_actual"], "TELEGRAM");
    }
    assert_eq!(desk.send(STATUS)["delivery_actual"], "TELEGRAM");
    assert_eq!(bot.requests().len(), 4);
}

#[test]
fn a_text_with_the_value_of_a_secret_is_held_back() {
    let bot = Bot::new(Mood::Fine);
    let desk = desk(&bot);
    let made = desk.incident(&format!("kind=OPS_FAILED&reason={}", bot::TOKEN)).json();
    assert_eq!((made["message"].as_str(), made["reason"].as_str()), (Some("[BLOCKED]"), Some("[BLOCKED]")), "{made}");
    assert_eq!(bot.requests().len(), 0);
    let log = format!("fine\nhttps://api.telegram.org/bot{}/sendMessage\n", bot::TOKEN);
    desk.site.store.write(layout::RUN_LOG, log.as_bytes()).expect("written");
    let made = desk.incident("kind=LIVE_FAILED").json();
    assert_eq!(made["delivery_actual"], "TELEGRAM", "{made}");
    assert_eq!(made["message"].as_str().map(|text| text.contains("  fine\n  [BLOCKED]")), Some(true), "{made}");
    desk.site.store.remove(layout::RUN_LOG).expect("removed");
    keeps_its_secrets(&desk, &made);
    assert_eq!(json!(bot.requests()).to_string().matches("AAfake").count(), 1, "only in the address");
}
