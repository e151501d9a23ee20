//! Stage 4, row by row.

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
fn a_cycle_without_a_proper_answer_ends_the_run_and_is_never_repeated() {
    const CODE: &str = "LIVE_RUN_FAILED";
    check(&[
        ("500", |f| f.says(site::RUN_CYCLE, 500, json!({"result": "FAILED"})), &[], 3, CODE, AT_CYCLE),
        ("404", |f| f.says(site::RUN_CYCLE, 404, json!({"detail": "Not Found"})), &[], 3, CODE, AT_CYCLE),
        ("400", |f| f.says(site::RUN_CYCLE, 400, json!({"detail": "bad"})), &[], 3, CODE, AT_CYCLE),
        ("409, other", |f| f.says(site::RUN_CYCLE, 409, json!({"result": "SKIPPED"})), &[], 3, CODE, AT_CYCLE),
        ("422", |f| f.says(site::RUN_CYCLE, 422, json!({"detail": [{"msg": "m"}]})), &[], 3, CODE, AT_CYCLE),
        ("empty", |f| f.on(site::RUN_CYCLE, &[Reply::Text(200, "")]), &[], 3, CODE, AT_CYCLE),
        ("HTML", |f| f.on(site::RUN_CYCLE, &[Reply::Text(200, "<p>")]), &[], 3, CODE, AT_CYCLE),
        ("list", |f| f.says(site::RUN_CYCLE, 200, json!([])), &[], 3, CODE, AT_CYCLE),
        ("redirect", |f| f.on(site::RUN_CYCLE, &[Reply::Redirect]), &[], 3, CODE, AT_CYCLE),
        ("reset", |f| f.on(site::RUN_CYCLE, &[Reply::Reset]), &[], 3, CODE, AT_CYCLE),
        ("cut off", |f| f.on(site::RUN_CYCLE, &[Reply::Cut(200)]), &[], 3, CODE, AT_CYCLE),
        ("17 MiB", |f| f.on(site::RUN_CYCLE, &[Reply::Huge]), &[], 3, CODE, AT_CYCLE),
        ("no HTTP", |f| f.on(site::RUN_CYCLE, &[Reply::Noise]), &[], 3, CODE, AT_CYCLE),
        (
            "guard",
            |f| f.says(site::RUN_CYCLE, 400, json!({"result": "BLOCKED", "message": "confirm"})),
            &[],
            3,
            "LIVE_CONFIRM_REJECTED",
            AT_CYCLE,
        ),
        (
            "another run",
            |f| f.says(site::RUN_CYCLE, 409, json!({"result": "CONFLICT", "message": "busy"})),
            &[],
            2,
            "LIVE_CONFLICT",
            AT_CYCLE,
        ),
        (
            "another run, in detail",
            |f| f.says(site::RUN_CYCLE, 409, json!({"detail": {"result": "CONFLICT"}})),
            &[],
            2,
            "LIVE_CONFLICT",
            AT_CYCLE,
        ),
    ]);
}

#[test]
fn a_receipt_that_is_not_proved_ends_the_run() {
    const CODE: &str = "LIVE_PARSE_FAILED";
    fn with(fake: &Fake, edit: impl Fn(&mut Value)) -> &Fake {
        fake.shows(&site::receipt_with(edit))
    }
    check(&[
        ("404", |f| f.says(site::CYCLE, 404, json!({"detail": "Not Found"})), &[], 3, CODE, AT_CYCLE),
        ("500", |f| f.says(site::CYCLE, 500, site::rows(&site::receipt())), &[], 3, CODE, AT_CYCLE),
        ("HTML", |f| f.on(site::CYCLE, &[Reply::Text(200, "<html>")]), &[], 3, CODE, AT_CYCLE),
        ("empty", |f| f.on(site::CYCLE, &[Reply::Text(200, "")]), &[], 3, CODE, AT_CYCLE),
        ("no row", |f| f.says(site::CYCLE, 200, json!({"rows": []})), &[], 3, CODE, AT_CYCLE),
        ("cut off", |f| f.on(site::CYCLE, &[Reply::Cut(200)]), &[], 3, CODE, AT_CYCLE),
        ("no decision", |f| with(f, |d| d["decision"] = json!(null)), &[], 3, CODE, AT_CYCLE),
        ("unknown decision", |f| with(f, |d| d["decision"] = json!("UNKNOWN")), &[], 3, CODE, AT_CYCLE),
        ("no result", |f| with(f, |d| drop(d.as_object_mut().map(|d| d.remove("result")))), &[], 3, CODE, AT_CYCLE),
        ("unknown result", |f| with(f, |d| d["result"] = json!("FINE")), &[], 3, CODE, AT_CYCLE),
        ("a number", |f| with(f, |d| d["decision"] = json!(1)), &[], 3, CODE, AT_CYCLE),
        (
            "yesterday's receipt",
            |f| with(f, |d| d["cycle_id"] = json!("89492fab-0000-4000-8000-000000000000")),
            &[],
            3,
            "LIVE_RECEIPT_MISMATCH",
            AT_CYCLE,
        ),
        (
            "changed after it was sealed",
            |f| {
                let mut receipt = site::receipt();
                receipt["push"]["delivery_actual"] = json!("TELEGRAM");
                f.shows(&receipt)
            },
            &[],
            3,
            "LIVE_INTEGRITY_MISMATCH",
            AT_CYCLE,
        ),
        ("system error", |f| f.shows(&site::blocked("SYSTEM_ERROR: boom")), &[], 3, "SYSTEM_ERROR", AT_CYCLE),
        ("failed", |f| with(f, |d| d["result"] = json!("FAILED")), &[], 3, "LIVE_FAILED", AT_CYCLE),
        (
            "failed in part",
            |f| {
                with(f, |d| {
                    d["result"] = json!("FAILED");
                    d["decision"] = json!("PARTIAL");
                    d["reason"] = json!("PUSH_FAILED");
                })
            },
            &[],
            3,
            "PUSH_FAILED",
            AT_CYCLE,
        ),
    ]);
}

#[test]
fn a_receipt_that_blocks_is_exit_two_and_its_snapshot_is_still_looked_at() {
    check(&[
        ("bundle fail", |f| f.shows(&site::blocked("BUNDLE_FAIL")), &[], 2, "BUNDLE_FAIL", ALL),
        ("bundle stale", |f| f.shows(&site::blocked("BUNDLE_STALE")), &[], 2, "BUNDLE_STALE", ALL),
        ("no bundle", |f| f.shows(&site::blocked("NO_BUNDLE")), &[], 2, "NO_BUNDLE", ALL),
        ("reco", |f| f.shows(&site::blocked("RECO_BLOCKED")), &[], 2, "RECO_BLOCKED", ALL),
        ("stop", |f| f.shows(&site::blocked("EMERGENCY_STOP")), &[], 2, "EMERGENCY_STOP", ALL),
        ("unknown code", |f| f.shows(&site::blocked("SOMETHING_NEW")), &[], 2, "SOMETHING_NEW", ALL),
        ("code with text", |f| f.shows(&site::blocked("BUNDLE_FAIL: two \"issues\"\n")), &[], 2, "BUNDLE_FAIL", ALL),
        ("text", |f| f.shows(&site::blocked("no idea why")), &[], 2, "UNMAPPED_CASE", ALL),
        ("nothing", |f| f.shows(&site::blocked("")), &[], 2, "UNMAPPED_CASE", ALL),
        (
            "blocked although it failed",
            |f| {
                f.shows(&site::receipt_with(|d| {
                    d["decision"] = json!("BLOCKED");
                    d["result"] = json!("FAILED");
                    d["reason"] = json!("BUNDLE_FAIL");
                }))
            },
            &[],
            2,
            "BUNDLE_FAIL",
            ALL,
        ),
        (
            "with a snapshot that does not resolve",
            |f| f.shows(&site::blocked("NO_BUNDLE")).says(site::RESOLVE, 404, json!({"detail": "gone"})),
            &[],
            2,
            "NO_BUNDLE",
            ALL,
        ),
    ]);
}

#[test]
fn a_receipt_that_does_not_block_warns_of_what_is_odd() {
    let unsealed = |integrity: Value| {
        let mut receipt = site::bare_receipt();
        receipt["integrity"] = integrity;
        receipt
    };
    fn with(edit: fn(&mut Value)) -> Value {
        site::receipt_with(edit)
    }
    let cases: [(&str, Value, &[&str]); 10] = [
        ("delivery", with(|d| d["push"]["delivery_actual"] = json!("TELEGRAM")), &["DELIVERY_NOT_SIMULATED"]),
        ("delivery missing", with(|d| d["push"] = json!({"success": true})), &["DELIVERY_NOT_SIMULATED"]),
        ("stale", with(|d| d["bundle"]["stale"] = json!(true)), &["BUNDLE_STALE_WARN"]),
        ("stale missing", with(|d| d["bundle"] = json!({"decision": "PASS"})), &["BUNDLE_STALE_WARN"]),
        ("stale as text", with(|d| d["bundle"]["stale"] = json!("false")), &["BUNDLE_STALE_WARN"]),
        ("no bundle", with(|d| d["bundle"]["decision"] = json!("NO_BUNDLE")), &["NO_BUNDLE"]),
        (
            "empty reco",
            with(|d| d["reco"] = json!({"decision": "EMPTY_RECO", "reason": "NO_ACTION_TODAY"})),
            &["NO_ACTION_TODAY"],
        ),
        ("no hash", unsealed(json!(null)), &["LIVE_INTEGRITY_UNPROVEN"]),
        ("hash that is none", unsealed(json!({"payload_sha256": "abc"})), &["LIVE_INTEGRITY_UNPROVEN"]),
        ("partial", with(|d| d["decision"] = json!("PARTIAL")), &[]),
    ];
    for (name, receipt, expected) in cases {
        let (host, fake) = (Host::new(), Fake::new());
        fake.shows(&receipt);
        let ran = host.daily(&fake, &[]);
        let reason = if name == "empty reco" { "NO_ACTION_TODAY" } else { "OK" };
        let record = host.proves(name, &ran, 0, reason);
        let warnings = host.warnings();
        for code in expected {
            assert!(warnings.contains(&(*code).to_owned()), "{name}: {warnings:?}");
        }
        let found = warnings.iter().filter(|code| !code.starts_with("PC_REPORT")).count();
        assert_eq!(found, expected.len(), "{name}: {warnings:?}");
        assert_eq!(record["cycle"]["bundle_stale"], name.contains("stale"), "{name}");
    }
}

#[test]
fn strict_delivery_blocks_what_is_not_simulated() {
    const STRICT: &[&str] = &["pipeline.strict_delivery=true"];
    check(&[
        (
            "elsewhere",
            |f| f.shows(&site::receipt_with(|d| d["push"]["delivery_actual"] = json!("TELEGRAM"))),
            STRICT,
            2,
            "DELIVERY_NOT_SIMULATED",
            ALL,
        ),
        (
            "missing",
            |f| f.shows(&site::receipt_with(|d| d["push"] = json!(null))),
            STRICT,
            2,
            "DELIVERY_NOT_SIMULATED",
            ALL,
        ),
        ("simulated", |f| f, STRICT, 0, "OK", ALL),
    ]);
}
