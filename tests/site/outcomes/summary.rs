//! Stage 3, row by row.

use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;
use crate::outcomes::ALL;
use crate::outcomes::AT_SUMMARY;
use crate::outcomes::check;

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
#[expect(clippy::too_many_lines, reason = "one row per status")]
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
