//! The same document in every wrapper that the backend's releases have used, through the real client.

use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;

/// Every wrapper of a document; `true` where a document is in it.
fn families(document: &Value) -> Vec<(&'static str, Value, bool)> {
    vec![
        ("rows", json!({"status": "ready", "rows": [document], "error": null}), true),
        ("rows with older ones", json!({"status": "ready", "rows": [document, {"overall_status": "BLOCKED"}]}), true),
        ("data", json!({"status": "ready", "data": document, "error": null}), true),
        ("row", json!({"status": "ready", "row": document}), true),
        ("raw", document.clone(), true),
        ("rows in detail", json!({"detail": {"status": "ready", "rows": [document]}}), true),
        ("raw in detail", json!({"detail": document}), true),
        ("empty rows", json!({"status": "ready", "rows": []}), false),
        ("null rows", json!({"status": "ready", "rows": null}), false),
        ("rows as an object", json!({"status": "ready", "rows": document}), false),
        ("null data", json!({"status": "ready", "data": null}), false),
        ("data as a list", json!({"status": "ready", "data": [document]}), false),
        ("a bare list", json!([document]), false),
        ("text", json!(document.to_string()), false),
    ]
}

#[test]
fn the_summary_is_found_in_every_wrapper() {
    let host = Host::new();
    let document = site::summary_with("WARN", &[site::risk("TICKETS_FAILED", "WARN")]);
    for (name, reply, found) in families(&document) {
        let fake = Fake::new();
        fake.says(site::SUMMARY, 200, reply);
        let ran = host.daily(&fake, &[]);
        let (exit, reason) = if found { (0, "TICKETS_FAILED") } else { (3, "SUMMARY_INVALID") };
        host.proves(name, &ran, exit, reason);
        assert_eq!(fake.asked(site::RUN_CYCLE), usize::from(found), "{name}");
    }
}

#[test]
fn the_receipt_is_found_in_every_wrapper() {
    let host = Host::new();
    for (name, reply, found) in families(&site::receipt()) {
        let fake = Fake::new();
        fake.says(site::CYCLE, 200, reply);
        let ran = host.daily(&fake, &[]);
        let (exit, reason) = if found { (0, "OK") } else { (3, "LIVE_PARSE_FAILED") };
        host.proves(name, &ran, exit, reason);
        assert_eq!(fake.asked(site::RUN_CYCLE), 1, "{name}");
        assert_eq!(fake.asked(site::RESOLVE), usize::from(found), "{name}");
    }
}

#[test]
fn the_snapshot_is_found_in_every_wrapper_that_says_ready() {
    let host = Host::new();
    let view = site::view(&site::receipt());
    let row = view["rows"][0].clone();
    for (name, reply, found) in [
        ("rows", view, true),
        ("row", json!({"status": "ready", "row": row}), true),
        ("no status", json!({"rows": [row]}), false),
        ("not ready", json!({"status": "not_ready", "rows": [row]}), false),
    ] {
        let fake = Fake::new();
        fake.says(site::RESOLVE, 200, reply);
        let (exit, reason) = if found { (0, "OK") } else { (3, "SNAPSHOT_UNRESOLVED") };
        host.proves(name, &host.daily(&fake, &[]), exit, reason);
    }
}

#[test]
fn a_regeneration_answers_by_result_or_by_document_in_any_wrapper() {
    let host = Host::new();
    let document = site::summary("WARN");
    for (name, reply, found) in families(&document).into_iter().filter(|(name, _, _)| *name != "raw in detail") {
        let fake = Fake::new();
        fake.says(site::REGENERATE, 200, reply);
        let (exit, reason) = if found { (0, "OK") } else { (3, "SUMMARY_REGEN_FAILED") };
        host.proves(name, &host.daily(&fake, &[]), exit, reason);
    }
}
