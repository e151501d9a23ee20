//! The summary line, its detail and the hash of the record.

use daily_ops::contracts::Json;
use daily_ops::contracts::integrity::payload_sha256;
use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;

#[test]
fn the_summary_line_follows_the_summary_after_the_last_stage() {
    let (host, fake) = (Host::new(), Fake::new());
    let later = site::summary_with("WARN", &[site::risk("LATER", "WARN"), site::risk("LATER", "INFO")]);
    fake.on(site::SUMMARY, &[Reply::Json(200, site::rows(&site::summary("OK"))), Reply::Json(200, site::rows(&later))]);
    let ran = host.daily(&fake, &[]);
    host.proves("reread", &ran, 0, "LATER");
    assert!(ran.stdout.contains("DAILY_SUMMARY ops=WARN ") && ran.stdout.contains(" risks=[LATER]"), "{}", ran.stdout);
    fake.on(site::SUMMARY, &[Reply::Json(200, site::rows(&site::summary("OK"))), Reply::Json(500, json!({}))]);
    let ran = host.daily(&fake, &[]);
    host.proves("reread failed", &ran, 0, "OK");
    assert!(host.warnings().contains(&"SUMMARY_REREAD_FAILED".to_owned()), "{:?}", host.warnings());
    assert!(ran.stdout.contains("DAILY_SUMMARY ops=OK "), "{}", ran.stdout);
}

#[test]
fn a_stale_bundle_hides_the_risks_that_follow_from_it() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.shows(&site::receipt_with(|d| d["bundle"]["stale"] = json!(true)));
    let risks = [
        site::risk("DISK_FULL", "CRITICAL"),
        site::risk("BUNDLE_STALE", "WARN"),
        site::risk("EMPTY_RECO", "WARN"),
        site::risk("RECO_BLOCKED", "WARN"),
        site::risk("ORDER_PLAN_MISSING", "CRITICAL"),
    ];
    fake.says(site::SUMMARY, 200, site::rows(&site::summary_with("WARN", &risks)));
    let ran = host.daily(&fake, &[]);
    host.proves("stale", &ran, 0, "DISK_FULL");
    assert!(ran.stdout.contains(" bundle_stale=true "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with(" risks=[BUNDLE_STALE_WARN,DISK_FULL]\n"), "{}", ran.stdout);
}

#[test]
fn the_hash_of_a_record_covers_all_of_it() {
    let (host, fake) = (Host::new(), Fake::new());
    let ran = host.daily(&fake, &[]);
    let mut record = host.proves("hash", &ran, 0, "OK");
    let stated = record["integrity"]["payload_sha256"].clone();
    let computed = |record: &Value| payload_sha256(&Json::of(record).expect("plain values"));
    assert_eq!(computed(&record).as_deref(), stated.as_str());
    record["exit_code"] = json!(2);
    assert_ne!(computed(&record).as_deref(), stated.as_str());
}

#[test]
fn a_long_detail_is_cut_by_characters_and_kept_on_one_line() {
    let (host, fake) = (Host::new(), Fake::new());
    let long = "번들 \"오류\"\t\r\n\u{2028}".repeat(200);
    fake.shows(&site::receipt_with(|d| {
        d["decision"] = json!("BLOCKED");
        d["reason"] = json!("BUNDLE_FAIL");
        d["reason_detail"] = json!(long);
    }));
    let ran = host.daily(&fake, &[]);
    host.proves("long", &ran, 2, "BUNDLE_FAIL");
    let detail = host.read("logs/daily_summary.detail.latest");
    assert_eq!(detail.chars().count(), "Reason=BUNDLE_FAIL detail=\"\"\n".chars().count() + 240, "{detail}");
    assert!(!detail.contains('\u{2028}'), "{detail}");
}
