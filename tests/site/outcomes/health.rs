//! Stage 2, row by row.

use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;
use crate::outcomes::ALL;
use crate::outcomes::AT_HEALTH;
use crate::outcomes::check;

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
