//! `verify` and `list`.

use daily_ops::store::layout;
use serde_json::Value;

use crate::desk::Desk;
use crate::desk::last_session;

#[test]
fn verify_answers_with_its_exit_code() {
    let desk = Desk::ready();
    let none = desk.bundle(&["verify"]);
    assert!(none.code == Some(2) && none.said("NO_BUNDLE"), "{none:?}");
    assert_eq!(desk.bundle(&["verify", "nothing.json"]).code, Some(2));
    assert_eq!(desk.bundle(&[]).code, Some(0));
    let week = (last_session() + chrono::Days::new(8)).format("%Y-%m-%dT20:00:00+09:00").to_string();
    let past = "2026-01-01T09:00:00+09:00";
    let cases = [
        ("now", &["verify"][..], 0, "PASS fresh"),
        ("a week on", &["verify", "--at", &week], 2, "BUNDLE_STALE"),
        ("before it was made", &["verify", "--at", past], 2, "CREATED_AT_IN_FUTURE"),
        ("no time", &["verify", "--at", "tomorrow"], 64, "is no time"),
        ("a directory", &["verify", "state"], 3, "cannot read state"),
        ("by name", &["verify", layout::BUNDLE.latest], 0, "PASS fresh"),
    ];
    for (name, args, code, text) in cases {
        let ran = desk.bundle(args);
        assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
        assert!(ran.said(text), "{name}: {ran:?}");
    }
    desk.write("broken.json", "{");
    let ran = desk.bundle(&["verify", "broken.json", "--json"]);
    assert_eq!((ran.code, ran.json()["usable"].as_bool()), (Some(2), Some(false)));
    assert_eq!(ran.json()["validation"]["decision"], "FAIL");
}

#[test]
fn every_issue_is_told() {
    let desk = Desk::ready();
    assert_eq!(desk.bundle(&[]).code, Some(0));
    let mut bundle = desk.latest().expect("a bundle");
    bundle["strategy"]["scorer"]["prices"]["069500"]["close"] = (-1).into();
    bundle["strategy"]["regime"]["code"] = "BULL".into();
    bundle["evidence_refs"] = serde_json::json!(["../../etc/passwd"]);
    desk.write("forged.json", &bundle.to_string());
    let ran = desk.bundle(&["verify", "forged.json"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for issue in [
        "RANGE: strategy.scorer.prices.069500.close is -1",
        "RANGE: strategy.regime.code is \"BULL\"",
        "EVIDENCE_REF_UNSAFE",
        "PAYLOAD_SHA256_MISMATCH",
    ] {
        assert!(ran.stdout.contains(issue), "{issue}: {}", ran.stdout);
    }
}

#[test]
fn a_list_is_newest_first_and_ends_at_twenty() {
    let desk = Desk::ready();
    assert!(desk.bundle(&["list"]).said("no bundle is kept yet"));
    assert_eq!(desk.bundle(&[]).code, Some(0));
    let newest = desk.snapshots().remove(0);
    for n in 0..25 {
        desk.write(&format!("{}/strategy_bundle_20260101_0000{n:02}.json", layout::BUNDLE.snapshots), "{}");
    }
    desk.write(&format!("{}/strategy_bundle_20260101_000024_2.json", layout::BUNDLE.snapshots), "[]");
    let told = desk.bundle(&["list", "--json"]).json();
    let rows = told["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), told["snapshots"].as_u64()), (20, Some(27)));
    let file = |row: &Value| row["file"].as_str().and_then(|file| file.rsplit('/').next()).map(str::to_owned);
    let first: Vec<_> = rows.iter().take(3).filter_map(file).collect();
    let want = [newest.as_str(), "strategy_bundle_20260101_000024_2.json", "strategy_bundle_20260101_000024.json"];
    assert_eq!(first, want);
    assert_eq!((rows[0]["is_latest"].as_bool(), rows[0]["decision"].as_str()), (Some(true), Some("PASS")));
    assert_eq!((rows[1]["is_latest"].as_bool(), rows[1]["decision"].as_str()), (Some(false), Some("FAIL")));
    let text = desk.bundle(&["list"]).stdout;
    assert!(text.starts_with("* ") && text.contains("and 7 older ones"), "{text}");
}
