//! The pages of past runs.

use serde_json::Value;
use serde_json::json;

use crate::RECORD;
use crate::RUN;
use crate::client::Site;
use crate::values;
use crate::with_run;

fn record(change: impl FnOnce(&mut Value)) -> String {
    let mut record: Value = serde_json::from_str(RECORD).expect("a record");
    change(&mut record);
    record.to_string()
}

fn place(site: &Site, stamp: &str, text: &str) {
    let file = format!("reports/ops/daily_ops/snapshots/daily_ops_{stamp}.json");
    site.store.write(&file, text.as_bytes()).expect("written");
}

#[test]
fn a_run_is_shown_with_its_stages_its_receipt_and_its_evidence() {
    let site = with_run();
    let answer = site.get(&format!("/ops/runs/{RUN}"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let page = answer.text;
    for word in [
        "GIT_PULL_UPDATED",
        "BACKEND_OK",
        "SUMMARY_OK",
        "LIVE_OK",
        "SNAPSHOT_OK",
        "CONSOLE_SIMULATED",
        "EVIDENCE_HEALTH_UNKNOWN",
        "There is no evidence health report",
        "2026-11-21 14:46:37",
        "라이브 사이클이 실행되고 영수증이 검증되었습니다.",
        "The live cycle ran and its receipt was verified.",
        "97bb6f6978ebb8eb7ffe2b154a55b081be735ee2349fb6761b9f46a9d877b10c",
        "data-i18n=\"proof.ok\"",
        "href=\"/ops/runs\"",
        "href=\"/ops#q=run_20261121_144637_da89dfd2\"",
    ] {
        assert!(page.contains(word), "{word}");
    }
    assert_eq!(values(&page, "data-stage"), ["1", "2", "3", "4", "5"]);
    let refs = values(&page, "data-ref");
    assert_eq!(refs[0], "reports/ops/daily_ops/snapshots/daily_ops_20261121_144637.json");
    assert!(refs.contains(&"reports/live/cycle/snapshots/live_cycle_20261121_144637.json"), "{refs:?}");
    let resolved = site.get(&format!("/api/evidence/resolve?ref={}", refs[0])).json();
    assert_eq!(resolved["rows"][0]["data"]["run_id"], RUN);
}

#[test]
fn a_record_that_was_changed_after_its_seal_says_so() {
    let site = Site::new();
    place(&site, "20261121_144637", &record(|run| run["exit_code"] = json!(3)));
    let page = site.get(&format!("/ops/runs/{RUN}")).text;
    assert!(page.contains("data-i18n=\"proof.bad\"") && !page.contains("data-i18n=\"proof.ok\""));
}

#[test]
fn a_run_that_has_not_ended_is_shown_as_that() {
    let site = Site::new();
    let text = record(|run| {
        run["finished_at"] = Value::Null;
        run["exit_code"] = Value::Null;
    });
    site.store.write("reports/ops/daily_ops/latest/daily_ops_latest.json", text.as_bytes()).expect("written");
    let page = site.get(&format!("/ops/runs/{RUN}")).text;
    assert!(page.contains("data-i18n=\"result.RUNNING\"") && page.contains("data-i18n=\"one.unfinished\""));
    assert_eq!(values(&page, "data-ref")[0], "reports/ops/daily_ops/latest/daily_ops_latest.json");
    assert!(site.get("/ops/runs").text.contains("data-result=\"RUNNING\""));
}

#[test]
fn an_unknown_run_is_not_found_in_words() {
    let site = with_run();
    for id in ["nobody", "run_20261121_144637_00000000", "..", "%2e%2e%2fx", "a%20b", &"x".repeat(65), "%3Cb%3E"] {
        let answer = site.get(&format!("/ops/runs/{id}"));
        assert_eq!(answer.status, 404, "{id}");
        assert!(!answer.text.contains("<b>") && !answer.text.contains("GIT_PULL"), "{id}");
    }
    let answer = site.get("/ops/runs/nobody");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.text.contains("이 실행을 찾을 수 없습니다"));
}

#[test]
fn b08_markup_in_a_stored_record_is_shown_as_text() {
    const EVIL: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>";
    let site = Site::new();
    let text = record(|run| {
        run["reason_detail"] = json!(EVIL);
        run["ops_status"] = json!(EVIL);
        run["version"] = json!(EVIL);
        run["stages"][0]["detail"] = json!(EVIL);
        run["stages"][0]["code"] = json!(EVIL);
        run["warnings"] = json!([{"code": "LATE_RUN", "detail": EVIL}]);
        run["cycle"]["snapshot_ref"] = json!(EVIL);
        run["cycle"]["delivery_actual"] = json!(EVIL);
        run["safety"]["gate"] = json!(EVIL);
        run["integrity"]["payload_sha256"] = json!(EVIL);
    });
    place(&site, "20261121_144637", &text);
    place(&site, "20261120_144637", "{\"schema\": \"<img src=x>\"");
    for path in [format!("/ops/runs/{RUN}"), "/ops/runs".to_owned()] {
        let page = site.get(&path).text;
        assert!(page.contains("&lt;script&gt;alert(1)"), "{path}");
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{path}");
        assert!(!page.contains("\"><img"), "{path}");
    }
}

#[test]
fn the_runs_are_a_chart_and_a_table_of_the_same_runs() {
    let site = Site::new();
    let now = daily_ops::time::Clock::now(&daily_ops::time::SystemClock::new());
    for (back, exit, id) in [(0, 0, "run_a"), (1, 2, "run_b"), (2, 3, "run_c")] {
        let day = now - std::time::Duration::from_secs(86_400 * back);
        let (from, to) = (day.format("%Y-%m-%dT09:05:00+09:00"), day.format("%Y-%m-%dT09:05:07+09:00"));
        let text = record(|run| {
            run["run_id"] = json!(id);
            run["exit_code"] = json!(exit);
            run["started_at"] = json!(from.to_string());
            run["finished_at"] = json!(to.to_string());
        });
        place(&site, &day.format("%Y%m%d_090500").to_string(), &text);
    }
    let page = site.get("/ops/runs").text;
    let (chart, table) = page.split_once("id=\"runsTable\"").expect("a chart and a table");
    assert_eq!(values(chart, "data-run"), ["run_c", "run_b", "run_a"], "the oldest first");
    assert_eq!(values(table, "data-run"), ["run_a", "run_b", "run_c"], "the newest first");
    assert_eq!(values(chart, "data-result"), ["FAILED", "BLOCKED", "WARNED"]);
    for word in ["role=\"img\"", "<title id=\"chartTitle\"", "<desc id=\"chartDesc\"", "class=\"legend\"", "7.0 s"] {
        assert!(page.contains(word), "{word}");
    }
    assert!(table.contains("href=\"/ops/runs/run_b\""));
}

#[test]
fn records_that_cannot_be_read_are_named_and_an_empty_history_says_so() {
    let site = Site::new();
    assert!(site.get("/ops/runs").text.contains("data-i18n=\"runs.empty\""));
    place(&site, "20261120_090500", "{oops");
    let page = site.get("/ops/runs").text;
    assert!(page.contains("data-i18n=\"runs.damaged\"") && page.contains("daily_ops_20261120_090500.json"));
}
