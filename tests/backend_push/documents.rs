//! Messages, outbox, preview, delivery and secrets: what is shown, and what is shown when there is nothing or damage.

use daily_ops::contracts::Document as _;
use daily_ops::contracts::push::DeliveryReceipt;
use daily_ops::contracts::push::LiveFireReceipt;
use daily_ops::contracts::push::Postmortem;
use daily_ops::contracts::push::PushMessage;
use daily_ops::contracts::push::PushMessages;
use daily_ops::contracts::push::PushOutbox;
use daily_ops::contracts::push::SafetyStatus;
use daily_ops::contracts::push::SelfTest;
use daily_ops::contracts::push::SendDecision;
use daily_ops::contracts::push::SendReceipt;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::client::Site;
use crate::everything;
use crate::fake::Fake;
use crate::put;
use crate::read;
use crate::site;
use crate::yes;

/// Address, schema of the envelope, file, status without it, member that holds the document.
const LATEST: [(&str, &str, &str, &str, &str); 7] = [
    ("/api/push/latest", "PUSH_MESSAGE_V1", layout::PUSH_MESSAGES, "not_ready", "rows"),
    ("/api/push/delivery/latest", "PUSH_DELIVERY_RECEIPT_V1", layout::DELIVERY, "empty", "data"),
    ("/api/push/preview/latest", "PUSH_RENDER_PREVIEW_V1", layout::PREVIEW.latest, "empty", "data"),
    ("/api/push/send/latest", "PUSH_SEND_RECEIPT_V1", layout::SEND.latest, "empty", "data"),
    ("/api/ops/push/postmortem/latest", "LIVE_FIRE_POSTMORTEM_V1", layout::POSTMORTEM.latest, "empty", "data"),
    ("/api/ops/push/live_fire/latest", "LIVE_FIRE_OPS_RECEIPT_V1", layout::LIVE_FIRE.latest, "empty", "data"),
    ("/api/secrets/self_test", "SECRETS_SELF_TEST_V1", layout::SELF_TEST.latest, "empty", "rows"),
];

#[test]
fn nothing_and_damage_are_told_apart_from_a_document() {
    let site = Site::new();
    for (path, schema, file, empty, member) in LATEST {
        let get = || {
            let answer = site.get(path);
            let body = answer.json();
            assert_eq!((answer.status, body["schema"].as_str()), (200, Some(schema)), "{path}: {body}");
            assert!(body.get("asof").is_some() && body.get("error").is_some(), "{path}: {body}");
            body
        };
        let body = get();
        assert_eq!(body["status"], empty, "{path}");
        assert!(body[member].is_null() || body[member] == json!([]), "{path}: {body}");
        assert!(!body["error"].is_null(), "{path}");
        for damage in ["{half", "", "[]", "{}", r#"{"schema":"OTHER_V1"}"#] {
            site.store.write(file, damage.as_bytes()).expect("written");
            let body = get();
            assert_eq!(
                (body["status"].as_str(), body["error"]["code"].as_str()),
                (Some("error"), Some("READ_ERROR")),
                "{path}"
            );
            assert!(body[member].is_null() || body[member] == json!([]), "{path}: {body}");
        }
        let own = if schema == "PUSH_DELIVERY_RECEIPT_V1" { "PUSH_DELIVERY_RECEIPT_V2" } else { schema };
        let document = json!({"schema": own, "asof": "2026-11-21T10:00:00+09:00", "zz": 1, "rows": [{"a": 1}]});
        put(&site.store, file, &document);
        let body = get();
        assert_eq!((body["status"].as_str(), &body["error"]), (Some("ready"), &Value::Null), "{path}");
        assert_eq!(body["asof"], "2026-11-21T10:00:00+09:00", "{path}");
        assert!(body.to_string().contains(r#""a":1"#), "{path}: handed on as it is written");
    }
    assert_eq!(site.get("/api/push/latest").json()["row_count"], 1);
}

fn messages(rows: &Value) -> Value {
    json!({"schema": "PUSH_MESSAGE_V1", "status": "ready", "asof": "2026-11-21T08:00:00+09:00", "rows": rows})
}

fn row(id: &str, kind: &str, body: &str) -> Value {
    json!({"message_id": id, "type": kind, "title_ko": "제목", "body_ko": body, "actions": [{"label_ko": "열기"}]})
}

/// A workspace whose PC wants nine things to be said, six of them usable.
fn delivered(fake: &Fake) -> (Site, Value) {
    let site = site(fake);
    let planted = format!("see {}", crate::TOKEN);
    let rows = json!([
        row("a", "PUSH_DIAGNOSIS_ALERT", "첫째"),
        row("b", "PUSH_MARKET_STATE_BRIEF", "둘째"),
        row("c", "PUSH_ACTION_REQUEST", "셋째"),
        row("d", "OTHER", "넷째"),
        row("e", "PUSH_DIAGNOSIS_ALERT", &planted),
        row("a", "PUSH_DIAGNOSIS_ALERT", "again"),
        7,
        {"message_id": "f"},
        {"type": "PUSH_DIAGNOSIS_ALERT", "body_ko": "no id"},
    ]);
    put(&site.store, layout::PUSH_MESSAGES, &messages(&rows));
    let reply = site.post("/api/push/delivery/run?confirm=true", None).json();
    (site, reply)
}

#[test]
fn a_delivery_fills_the_outbox_with_words_and_shows_them_on_the_console() {
    let fake = yes();
    let (site, reply) = delivered(&fake);
    let data = &reply["data"];
    assert_eq!(data["summary"], json!({"total_messages": 6, "console": 6, "external": 0, "skipped": 3}), "{reply}");
    let routing = json!({"mode": "CONSOLE_ONLY", "external_candidate": true, "candidate_channels": ["TELEGRAM"], "blocked_reason": null});
    assert_eq!((&data["routing"], &data["delivery_actual"]), (&routing, &json!("CONSOLE")));
    let receipt = read(&site.store, layout::DELIVERY);
    let reasons: Vec<&str> = receipt["decisions"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["reason_code"].as_str().expect("a code"))
        .collect();
    assert_eq!(
        reasons,
        [
            "CONSOLE_ONLY_MODE",
            "CONSOLE_ONLY_MODE",
            "CONSOLE_ONLY_MODE",
            "PUSH_TYPE_NOT_ALLOWED",
            "SECRET_INJECTION_SUSPECTED",
            "CONSOLE_ONLY_MODE"
        ]
    );
}

#[test]
fn the_outbox_is_shown_as_each_channel_would_and_holds_no_secret() {
    let fake = yes();
    let (site, _) = delivered(&fake);
    let receipt = read(&site.store, layout::DELIVERY);
    let outbox = read(&site.store, layout::OUTBOX.latest);
    assert_eq!(
        (&outbox["messages"][1]["push_type"], &outbox["messages"][1]["content"]),
        (&json!("DAILY_REPORT"), &json!("둘째"))
    );
    assert_eq!(outbox["messages"][4]["content"], "[BLOCKED]");
    for file in [&receipt["outbox_snapshot_path"], &receipt["preview_ref"], &receipt["outbox_latest_path"]] {
        let answer = site.get(&format!("/api/evidence/resolve?ref={}", file.as_str().expect("a ref")));
        assert_eq!(answer.json()["status"], "ready", "{file}");
    }
    let preview = site.get("/api/push/preview/latest").json();
    let channels: Vec<(&str, &str)> = preview["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["message_id"].as_str().expect("an id"), row["channel"].as_str().expect("a channel")))
        .filter(|(id, _)| ["a", "b"].contains(id))
        .collect();
    assert_eq!(
        channels,
        [
            ("a", "CONSOLE"),
            ("a", "TELEGRAM"),
            ("a", "SLACK"),
            ("b", "CONSOLE"),
            ("b", "TELEGRAM"),
            ("b", "SLACK"),
            ("b", "EMAIL")
        ]
    );
    assert!(preview.to_string().contains("Subject: [DAILY_REPORT] 제목"));
    assert_eq!(read(&site.store, layout::CONSOLE_OUT)["messages"].as_array().map(Vec::len), Some(6));
    assert!(fake.seen().is_empty(), "a delivery calls nobody");
    site.store.remove(layout::PUSH_MESSAGES).expect("removed");
    assert!(!everything(site.dir.path()).contains("planted"), "no document holds a secret");
}

#[test]
fn no_messages_and_messages_that_cannot_be_read_are_told_apart() {
    let site = Site::new();
    let none = site.post("/api/push/delivery/run?confirm=true", None).json();
    assert_eq!(
        (&none["data"]["routing"]["blocked_reason"], &none["data"]["result"]),
        (&json!("NO_MESSAGES"), &json!("OK"))
    );
    site.store.write(layout::PUSH_MESSAGES, b"{half").expect("written");
    let damaged = site.post("/api/push/delivery/run?confirm=true", None).json();
    assert_eq!(
        (&damaged["status"], &damaged["data"]["routing"]["blocked_reason"]),
        (&json!("error"), &json!("PUSH_FILE_UNREADABLE"))
    );
}

#[test]
fn without_secrets_every_message_stays_for_that_reason() {
    let site = Site::new();
    put(&site.store, layout::PUSH_MESSAGES, &messages(&json!([row("a", "OTHER", "x")])));
    let data = site.post("/api/push/delivery/run?confirm=true", None).json()["data"].clone();
    assert_eq!(data["routing"]["blocked_reason"], "NO_SECRETS_FOR_ANY_CHANNEL");
    assert_eq!(read(&site.store, layout::DELIVERY)["decisions"][0]["reason_code"], "NO_SECRETS_FOR_ANY_CHANNEL");
}

#[test]
fn secrets_are_told_by_name_only() {
    let fake = yes();
    let with = site(&fake);
    let body = with.get("/api/secrets/status").json();
    assert_eq!((&body["row_count"], &body["rows"][0]["provider"]), (&json!(1), &json!("ENV_ONLY")));
    let secrets = body["rows"][0]["secrets"].as_object().expect("names");
    assert_eq!(secrets.len(), 7);
    let has = |name: &str| secrets[name] == json!({"present": true});
    assert_eq!((has("TELEGRAM_BOT_TOKEN"), has("SMTP_PASS"), has("EMAIL_TO")), (true, true, false));
    let run = with.post("/api/secrets/self_test/run?confirm=true", None).json();
    assert_eq!((&run["result"], &run["decision"]), (&json!("OK"), &json!("SELF_TEST_PASS")));
    assert_eq!(run["reason"], "TELEGRAM channel ready (3 secrets present)");
    let shown = with.get("/api/secrets/self_test").json();
    assert_eq!(
        shown["rows"][0]["missing_required_by_channel"],
        json!({"TELEGRAM": [], "SLACK": ["SLACK_WEBHOOK_URL"], "EMAIL": ["SMTP_HOST", "SMTP_USER", "EMAIL_TO"]})
    );
    let told = everything(with.dir.path()) + &body.to_string() + &run.to_string() + &shown.to_string();
    assert!(!told.contains("planted") && !told.contains("987654321"));
    let without = Site::new();
    let run = without.post("/api/secrets/self_test/run?confirm=true", None).json();
    assert_eq!((&run["decision"], &run["reason"]), (&json!("SELF_TEST_FAIL"), &json!("No external channel ready")));
}

#[test]
fn older_real_documents_are_read() {
    let data = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/oci"));
    if !data.is_dir() {
        return;
    }
    let bytes = |file: &str| std::fs::read(data.join(file)).unwrap_or_else(|fault| panic!("{file}: {fault}"));
    let lines = String::from_utf8(bytes(layout::SEND_RECEIPTS)).expect("text");
    let receipts: Vec<SendReceipt> =
        lines.lines().map(|line| SendReceipt::parse(line.as_bytes()).expect("a receipt")).collect();
    assert!(receipts.iter().any(|receipt| receipt.decision == Some(SendDecision::Sent)));
    assert!(receipts.iter().all(|receipt| receipt.decision.is_some() && receipt.send_id.is_some()));
    let outbox = PushOutbox::parse(&bytes(layout::OUTBOX.latest)).expect("an outbox");
    assert_eq!((outbox.messages.len(), outbox.messages[0].push_type.as_str()), (1, "ALERT"));
    let old = bytes("reports/ops/push/postmortem/snapshots/postmortem_20260110_145434.json");
    let old = Postmortem::parse(&old).expect("a postmortem");
    assert_eq!((old.overall_safety_status, old.evidence_refs), (Some(SafetyStatus::Safe), Vec::new()));
    assert!(LiveFireReceipt::parse(&bytes(layout::LIVE_FIRE.latest)).is_ok_and(|receipt| !receipt.attempted));
    let older = "at/309d1710/reports/ops/push/push_delivery_latest.json";
    for file in [layout::DELIVERY, older] {
        let receipt = DeliveryReceipt::parse(&bytes(file)).expect(file);
        assert_eq!(receipt.routing.mode, "CONSOLE_ONLY", "{file}");
    }
    assert!(SelfTest::parse(&bytes(layout::SELF_TEST.latest)).is_ok_and(|test| test.present_count == 2));
    assert!(
        PushMessages::parse(&bytes(layout::PUSH_MESSAGES))
            .is_ok_and(|found| found.rows.iter().all(|row| PushMessage::of(row).is_some()))
    );
}
