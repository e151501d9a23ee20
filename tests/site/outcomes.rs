//! Every row of the stage tables, end to end: exit code, reason, what was asked, what was left behind.

use daily_ops::contracts::Json;
use daily_ops::contracts::integrity::payload_sha256;
use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;

/// What is done to the fine backend.
type Script = fn(&Fake) -> &Fake;

/// Name, script, settings, exit code, reason, and how often health, regeneration, cycle and resolver were asked.
type Row = (&'static str, Script, &'static [&'static str], i32, &'static str, [usize; 4]);

/// Nothing after health.
const AT_HEALTH: [usize; 4] = [1, 0, 0, 0];
/// Nothing after the summary.
const AT_SUMMARY: [usize; 4] = [1, 1, 0, 0];
/// Nothing after the cycle.
const AT_CYCLE: [usize; 4] = [1, 1, 1, 0];
/// Everything.
const ALL: [usize; 4] = [1, 1, 1, 1];

/// Does one run a row, all in one workspace, so that the records also make one chain.
fn check(rows: &[Row]) {
    let host = Host::new();
    for (name, script, settings, exit, reason, counts) in rows {
        let fake = Fake::new();
        script(&fake);
        let set: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let ran = host.daily(&fake, &set);
        let record = host.proves(name, &ran, *exit, reason);
        let asked = [site::HEALTH, site::REGENERATE, site::RUN_CYCLE, site::RESOLVE].map(|path| fake.asked(path));
        assert_eq!(asked, *counts, "{name}: health, regenerate, cycle, resolve\n{}", ran.stderr);
        agrees(name, &record, &ran.stderr);
    }
}

/// The record's stages tell the same as the exit code, and the last line of the story as well.
fn agrees(name: &str, record: &Value, story: &str) {
    let classes: Vec<&str> =
        record["stages"].as_array().expect("stages").iter().map(|s| s["class"].as_str().expect("a class")).collect();
    let first_bad = classes.iter().find(|class| matches!(**class, "block" | "fail"));
    let expected = match first_bad {
        None => 0,
        Some(&"block") => 2,
        Some(_) => 3,
    };
    assert_eq!(record["exit_code"], expected, "{name}: {classes:?}");
    let last = story.lines().last().unwrap_or_default();
    let word = match expected {
        0 => "] done",
        2 => "] blocked: ",
        _ => "] failed: ",
    };
    assert!(last.contains(word), "{name}: {last}");
    if let Some(stopped) = classes.iter().position(|class| *class == "fail") {
        assert!(classes[stopped + 1..].iter().all(|class| *class == "skipped"), "{name}: {classes:?}");
    }
}

#[test]
fn an_unusable_health_answer_ends_the_run_before_anything_acts() {
    check(&[
        ("500", |f| f.says(site::HEALTH, 500, site::health()), &[], 3, "BACKEND_DOWN", AT_HEALTH),
        ("404", |f| f.says(site::HEALTH, 404, json!({"detail": "Not Found"})), &[], 3, "BACKEND_DOWN", AT_HEALTH),
        ("redirect", |f| f.on(site::HEALTH, &[Reply::Redirect]), &[], 3, "BACKEND_DOWN", AT_HEALTH),
        ("reset", |f| f.on(site::HEALTH, &[Reply::Reset]), &[], 3, "BACKEND_DOWN", AT_HEALTH),
        ("cut off", |f| f.on(site::HEALTH, &[Reply::Cut(200)]), &[], 3, "BACKEND_DOWN", AT_HEALTH),
        ("no HTTP", |f| f.on(site::HEALTH, &[Reply::Noise]), &[], 3, "BACKEND_DOWN", AT_HEALTH),
        ("17 MiB", |f| f.on(site::HEALTH, &[Reply::Huge]), &[], 3, "BACKEND_DOWN", AT_HEALTH),
        ("HTML", |f| f.on(site::HEALTH, &[Reply::Text(200, "<html>")]), &[], 3, "BACKEND_BAD_RESPONSE", AT_HEALTH),
        ("empty", |f| f.on(site::HEALTH, &[Reply::Text(200, "")]), &[], 3, "BACKEND_BAD_RESPONSE", AT_HEALTH),
        ("list", |f| f.says(site::HEALTH, 200, json!([])), &[], 3, "BACKEND_BAD_RESPONSE", AT_HEALTH),
        ("null", |f| f.says(site::HEALTH, 200, json!(null)), &[], 3, "BACKEND_BAD_RESPONSE", AT_HEALTH),
        (
            "status error",
            |f| f.says(site::HEALTH, 200, json!({"status": "error", "health": "OK"})),
            &[],
            3,
            "BACKEND_UNHEALTHY",
            AT_HEALTH,
        ),
        (
            "health error",
            |f| f.says(site::HEALTH, 200, json!({"status": "ready", "health": "ERROR"})),
            &[],
            3,
            "BACKEND_UNHEALTHY",
            AT_HEALTH,
        ),
    ]);
}

#[test]
fn a_usable_health_answer_lets_the_run_go_on() {
    check(&[
        ("stopped", |f| f.says(site::HEALTH, 200, json!({"health": "STOPPED"})), &[], 0, "OK", ALL),
        ("warning", |f| f.says(site::HEALTH, 200, json!({"health": "WARNING"})), &[], 0, "OK", ALL),
        ("missing", |f| f.says(site::HEALTH, 200, json!({"status": "ready", "error": null})), &[], 0, "OK", ALL),
        ("unknown word", |f| f.says(site::HEALTH, 200, json!({"health": "SPLENDID"})), &[], 0, "OK", ALL),
        ("another type", |f| f.says(site::HEALTH, 200, json!({"health": 7, "data": [1]})), &[], 0, "OK", ALL),
        ("no sender API", |f| f.on(site::SENDER, &[Reply::Reset]), &[], 0, "OK", ALL),
    ]);
}

#[test]
fn a_regeneration_that_is_not_proved_ends_the_run_and_is_never_repeated() {
    const CODE: &str = "SUMMARY_REGEN_FAILED";
    check(&[
        ("500", |f| f.says(site::REGENERATE, 500, json!({"result": "OK"})), &[], 3, CODE, AT_SUMMARY),
        ("404", |f| f.says(site::REGENERATE, 404, json!({})), &[], 3, CODE, AT_SUMMARY),
        ("empty", |f| f.on(site::REGENERATE, &[Reply::Text(200, "")]), &[], 3, CODE, AT_SUMMARY),
        ("HTML", |f| f.on(site::REGENERATE, &[Reply::Text(200, "<h1>OK</h1>")]), &[], 3, CODE, AT_SUMMARY),
        ("redirect", |f| f.on(site::REGENERATE, &[Reply::Redirect]), &[], 3, CODE, AT_SUMMARY),
        ("reset", |f| f.on(site::REGENERATE, &[Reply::Reset]), &[], 3, CODE, AT_SUMMARY),
        ("cut off", |f| f.on(site::REGENERATE, &[Reply::Cut(200)]), &[], 3, CODE, AT_SUMMARY),
        ("17 MiB", |f| f.on(site::REGENERATE, &[Reply::Huge]), &[], 3, CODE, AT_SUMMARY),
        ("failed", |f| f.says(site::REGENERATE, 200, json!({"result": "FAILED"})), &[], 3, CODE, AT_SUMMARY),
        ("other case", |f| f.says(site::REGENERATE, 200, json!({"result": "ok"})), &[], 3, CODE, AT_SUMMARY),
        ("truth", |f| f.says(site::REGENERATE, 200, json!({"result": true})), &[], 3, CODE, AT_SUMMARY),
        ("list", |f| f.says(site::REGENERATE, 200, json!(["OK"])), &[], 3, CODE, AT_SUMMARY),
        ("document", |f| f.says(site::REGENERATE, 200, site::summary("OK")), &[], 0, "OK", ALL),
        ("created", |f| f.says(site::REGENERATE, 201, json!({"result": "OK"})), &[], 0, "OK", ALL),
    ]);
}

#[test]
fn a_summary_that_cannot_be_read_ends_the_run() {
    const CODE: &str = "SUMMARY_INVALID";
    check(&[
        ("404", |f| f.says(site::SUMMARY, 404, json!({"detail": "Not Found"})), &[], 3, CODE, AT_SUMMARY),
        ("500", |f| f.says(site::SUMMARY, 500, site::rows(&site::summary("OK"))), &[], 3, CODE, AT_SUMMARY),
        ("201", |f| f.says(site::SUMMARY, 201, site::rows(&site::summary("OK"))), &[], 3, CODE, AT_SUMMARY),
        ("HTML", |f| f.on(site::SUMMARY, &[Reply::Text(200, "<html>")]), &[], 3, CODE, AT_SUMMARY),
        ("empty", |f| f.on(site::SUMMARY, &[Reply::Text(200, "  \n")]), &[], 3, CODE, AT_SUMMARY),
        ("reset", |f| f.on(site::SUMMARY, &[Reply::Reset]), &[], 3, CODE, AT_SUMMARY),
        ("cut off", |f| f.on(site::SUMMARY, &[Reply::Cut(200)]), &[], 3, CODE, AT_SUMMARY),
        ("no row", |f| f.says(site::SUMMARY, 200, json!({"status": "ready", "rows": []})), &[], 3, CODE, AT_SUMMARY),
        ("null", |f| f.says(site::SUMMARY, 200, json!({"rows": null})), &[], 3, CODE, AT_SUMMARY),
        ("text", |f| f.says(site::SUMMARY, 200, json!({"rows": ["OK"]})), &[], 3, CODE, AT_SUMMARY),
        ("unknown", |f| f.says(site::SUMMARY, 200, site::rows(&site::summary("UNKNOWN"))), &[], 3, CODE, AT_SUMMARY),
        ("lower case", |f| f.says(site::SUMMARY, 200, site::rows(&site::summary("ok"))), &[], 3, CODE, AT_SUMMARY),
        (
            "another name",
            |f| f.says(site::SUMMARY, 200, json!({"rows": [{"ops_status": "OK"}]})),
            &[],
            3,
            CODE,
            AT_SUMMARY,
        ),
        (
            "another type",
            |f| f.says(site::SUMMARY, 200, json!({"rows": [{"overall_status": ["OK"]}]})),
            &[],
            3,
            CODE,
            AT_SUMMARY,
        ),
    ]);
}

#[test]
fn a_summary_that_blocks_stops_the_live_cycle_and_a_warning_does_not() {
    fn says<'a>(fake: &'a Fake, document: &Value) -> &'a Fake {
        fake.says(site::SUMMARY, 200, site::rows(document))
    }
    check(&[
        ("blocked", |f| says(f, &site::summary("BLOCKED")), &[], 2, "OPS_BLOCKED", AT_SUMMARY),
        ("stopped", |f| says(f, &site::summary("STOPPED")), &[], 2, "OPS_STOPPED", AT_SUMMARY),
        (
            "emergency stop",
            |f| {
                let mut document = site::summary("STOPPED");
                document["guard"]["emergency_stop"]["enabled"] = json!(true);
                says(f, &document)
            },
            &[],
            2,
            "EMERGENCY_STOP",
            AT_SUMMARY,
        ),
        ("no history", |f| says(f, &site::summary("NO_RUN_HISTORY")), &[], 0, "OPS_NO_RUN_HISTORY", ALL),
        ("warn without risks", |f| says(f, &site::summary("WARN")), &[], 0, "OPS_WARN", ALL),
        (
            "warn with a risk",
            |f| says(f, &site::summary_with("WARN", &[site::risk("TICKETS_FAILED", "WARN")])),
            &[],
            0,
            "TICKETS_FAILED",
            ALL,
        ),
        (
            "a risk that is only information",
            |f| says(f, &site::summary_with("OK", &[site::risk("NOTE", "INFO")])),
            &[],
            0,
            "OK",
            ALL,
        ),
        (
            "a risk that is no code",
            |f| says(f, &site::summary_with("WARN", &[site::risk("some text", "CRITICAL")])),
            &[],
            0,
            "UNMAPPED_CASE",
            ALL,
        ),
        (
            "a risk with text",
            |f| says(f, &site::summary_with("WARN", &[site::risk("DISK_LOW: \"4 %\"", "CRITICAL")])),
            &[],
            0,
            "DISK_LOW",
            ALL,
        ),
        (
            "order plan",
            |f| says(f, &site::summary_with("WARN", &[site::risk("ORDER_PLAN_FAILED", "CRITICAL")])),
            &[],
            0,
            "OPS_WARN",
            ALL,
        ),
    ]);
}

#[test]
fn a_summary_from_before_the_run_is_a_warning_only_when_its_stamp_names_a_zone() {
    for (name, asof, warned) in [
        ("with a zone", "2020-01-02T09:05:00+09:00", true),
        ("in UTC", "2020-01-02T00:05:00Z", true),
        ("without a zone", "2020-01-02T09:05:00.123456", false),
    ] {
        let (host, fake) = (Host::new(), Fake::new());
        let mut document = site::summary("OK");
        document["asof"] = json!(asof);
        fake.says(site::SUMMARY, 200, site::rows(&document));
        let ran = host.daily(&fake, &[]);
        host.proves(name, &ran, 0, "OK");
        assert_eq!(host.warnings().contains(&"SUMMARY_NOT_FRESH".to_owned()), warned, "{name}");
    }
}

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
fn health_is_tried_again_only_while_nobody_listens() {
    let (host, free) = (Host::new(), Fake::new().address());
    // The fake backend of the line above is gone, so its port refuses.
    let refused = host.daily_at(&format!("http://{free}"), &["--set", "pipeline.health_tries=3"]);
    let record = host.proves("refused", &refused, 3, "BACKEND_DOWN");
    let detail = record["stages"][1]["detail"].as_str().expect("a detail");
    assert!(detail.contains("HTTP 000") && detail.contains("systemctl"), "{detail}");
    let log = host.root().join("logs/daily_ops.log");
    let running = host.start_at(
        &format!("http://{free}"),
        &["--no-git-pull", "--set", "pipeline.health_tries=10", "--set", "pipeline.retry_pause=500ms"],
    );
    site::until("the second run's stage 2", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.matches("[2/5]").count() == 2)
    });
    let late = Fake::at(free);
    let ran = running.wait();
    host.proves("a backend that comes up late", &ran, 0, "OK");
    assert_eq!(late.asked(site::HEALTH), 1);
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
