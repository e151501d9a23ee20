//! Stage 5, row by row.

use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;
use crate::outcomes::ALL;
use crate::outcomes::AT_CYCLE;
use crate::outcomes::check;

#[test]
fn a_snapshot_that_is_not_proved_is_exit_three() {
    const OPEN: &str = "SNAPSHOT_UNRESOLVED";
    fn named(fake: &Fake, reference: Value) -> &Fake {
        fake.shows(&site::receipt_with(|d| d["snapshot_ref"] = reference.clone()))
    }
    fn other_kind(fake: &Fake) -> &Fake {
        let mut view = site::view(&site::receipt());
        view["rows"][0]["source"]["kind"] = json!("JSONL");
        fake.says(site::RESOLVE, 200, view)
    }
    check(&[
        ("null", |f| named(f, json!(null)), &[], 3, "SNAPSHOT_REF_MISSING", AT_CYCLE),
        ("empty", |f| named(f, json!("")), &[], 3, "SNAPSHOT_REF_MISSING", AT_CYCLE),
        ("a number", |f| named(f, json!(7)), &[], 3, "SNAPSHOT_REF_MISSING", AT_CYCLE),
        ("backslash", |f| named(f, json!("reports\\live\\x.json")), &[], 3, "SNAPSHOT_REF_INVALID", AT_CYCLE),
        ("traversal", |f| named(f, json!("reports/../etc/passwd")), &[], 3, "SNAPSHOT_REF_INVALID", AT_CYCLE),
        ("not allowed", |f| named(f, json!("state/secrets/tokens.json")), &[], 3, "SNAPSHOT_REF_INVALID", AT_CYCLE),
        ("404", |f| f.says(site::RESOLVE, 404, json!({"detail": "gone"})), &[], 3, OPEN, ALL),
        ("reset", |f| f.on(site::RESOLVE, &[Reply::Reset]), &["pipeline.get_tries=1"], 3, OPEN, ALL),
        ("HTML", |f| f.on(site::RESOLVE, &[Reply::Text(200, "<html>")]), &[], 3, OPEN, ALL),
        (
            "error with 200",
            |f| f.says(site::RESOLVE, 200, json!({"status": "error", "rows": [], "error": "PARSE_ERROR"})),
            &[],
            3,
            OPEN,
            ALL,
        ),
        ("another kind", other_kind, &[], 3, OPEN, ALL),
        (
            "another cycle",
            |f| f.says(site::RESOLVE, 200, site::view(&json!({"cycle_id": "x"}))),
            &[],
            3,
            "SNAPSHOT_MISMATCH",
            ALL,
        ),
        (
            "lenient",
            |f| f.says(site::RESOLVE, 404, json!({"detail": "gone"})),
            &["pipeline.snapshot_policy=warn"],
            0,
            "OK",
            ALL,
        ),
    ]);
}

#[test]
fn a_reading_call_is_tried_twice_and_a_second_answer_counts() {
    let (host, fake) = (Host::new(), Fake::new());
    for (path, document) in [
        (site::SUMMARY, site::rows(&site::summary("OK"))),
        (site::CYCLE, site::rows(&site::receipt())),
        (site::RESOLVE, site::view(&site::receipt())),
    ] {
        fake.on(path, &[Reply::Reset, Reply::Json(200, document)]);
    }
    let ran = host.daily(&fake, &[]);
    host.proves("second try", &ran, 0, "OK");
    assert_eq!((fake.asked(site::CYCLE), fake.asked(site::RESOLVE)), (2, 2));
}
