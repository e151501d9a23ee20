//! Portfolio, order plan, confirmation, reconciliation, reports and dependencies over real requests.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "the raw side of the client is for the other test crate")]
mod client;

use std::sync::Arc;

use client::Answer;
use client::Site;
use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::Json;
use daily_ops::contracts::integrity::payload_sha256;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::layout;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

const UPSERT: &str = "/api/portfolio/upsert?confirm=true";
const PLAN: &str = "/api/order_plan/regenerate?confirm=true";
const CONFIRM: &str = "/api/order_plan/confirm";
const EXPORT: &str = "/api/order_plan/export";

/// A Friday before the session.
fn site() -> Site {
    let now = Stamp::from("2026-11-20T08:50:00+09:00").instant().expect("a time");
    let bundle = BundlePolicy { allow_unsigned: true, ..BundlePolicy::default() };
    Site::with(|store| store, Arc::new(SimClock::at(now)), OpsPolicy { bundle, ..OpsPolicy::default() })
}

/// The golden bundle with the picks and closes of the worked example.
fn example(site: &Site) {
    let mut doc: Value = serde_json::from_str(include_str!("../../contracts/strategy_bundle_v1.json")).expect("JSON");
    let prices = [("229200", 15_580), ("122630", 47_540), ("069500", 60_720), ("114800", 2_440)];
    doc["created_at"] = "2026-11-20T07:00:00+09:00".into();
    doc["strategy"]["universe"] = prices.iter().map(|(ticker, _)| *ticker).collect();
    doc["strategy"]["risk_limits"]["max_position_pct"] = 0.25.into();
    doc["strategy"]["position_limits"] = json!({"max_positions": 4, "min_cash_pct": 0.1});
    let picks: Vec<_> = prices.iter().map(|(ticker, _)| json!({"ticker": ticker, "score": 65.0})).collect();
    let closes =
        prices.iter().map(|(ticker, close)| ((*ticker).to_owned(), json!({"close": close, "date": "2026-11-19"})));
    doc["strategy"]["scorer"] =
        json!({"status": "OK", "top_picks": picks, "prices": closes.collect::<serde_json::Map<_, _>>()});
    doc["strategy"]["holding_action"] = json!({"status": "NO_ACTION", "items": []});
    doc["integrity"]["payload_sha256"] = json!(payload_sha256(&Json::of(&doc).expect("canonical")));
    site.store.write(layout::BUNDLE.latest, doc.to_string().as_bytes()).expect("written");
    assert_eq!(site.post("/api/reco/regenerate?confirm=true", None).json()["decision"], "GENERATED");
}

fn has(answer: &Answer, status: u16, rows: &[(&str, Value)], name: &str) {
    let body = answer.json();
    assert_eq!(answer.status, status, "{name}: {body}");
    for (pointer, want) in rows {
        assert_eq!(body.pointer(pointer), Some(want), "{name}: {pointer} in {body}");
    }
}

#[test]
fn the_worked_example_goes_from_the_bundle_to_the_confirmed_export() {
    let site = site();
    has(&site.get("/api/portfolio/latest"), 200, &[("/status", json!("not_ready")), ("/data", json!(null))], "none");
    has(&site.get("/api/order_plan/latest"), 200, &[("/error/code", json!("NO_ORDER_PLAN"))], "none");
    has(&site.get(EXPORT), 200, &[("/status", json!("not_ready")), ("/data", json!(null))], "none");
    example(&site);
    has(&site.post(PLAN, None), 200, &[("/decision", json!("BLOCKED")), ("/reason", json!("NO_PORTFOLIO"))], "no cash");
    let seed = site.post(UPSERT, Some(r#"{"updated_by":"manual_seed"}"#));
    has(&seed, 200, &[("/total_value", json!(10_000_000)), ("/updated_by", json!("manual_seed"))], "seed");
    has(
        &site.post(UPSERT, Some(r#"{"updated_by":"manual_seed"}"#)),
        409,
        &[("/code", json!("PORTFOLIO_EXISTS"))],
        "twice",
    );
    let made = site.post(PLAN, None);
    has(
        &made,
        200,
        &[("/action", json!("CREATED")), ("/decision", json!("COMPLETED")), ("/orders_count", json!(4))],
        "plan",
    );
    has(&site.post(PLAN, None), 200, &[("/action", json!("SKIP"))], "again");
    let plan = site.get("/api/order_plan/latest");
    let want = [("/state", json!("NEED_HUMAN_CONFIRM")), ("/data/cash_debug/planned_buy_notional", json!(8_971_780))];
    has(&plan, 200, &want, "plan");
    let quantities: Vec<_> =
        plan.json()["data"]["orders"].as_array().expect("orders").iter().map(|o| o["quantity"].clone()).collect();
    assert_eq!(quantities, [144, 47, 37, 921]);
    let unconfirmed =
        [("/error/code", json!("NEED_HUMAN_CONFIRM")), ("/state", json!("NEED_HUMAN_CONFIRM")), ("/data", json!(null))];
    has(&site.get(EXPORT), 409, &unconfirmed, "export");

    confirm_and_export(&site, &made.json(), &plan.json()["data"]["orders"]);
}

/// A person confirms the plan, fetches its orders, and the stop takes them back.
fn confirm_and_export(site: &Site, made: &Value, orders: &Value) {
    let said = |sha: &Value, who: &str| {
        json!({"plan_id": made["plan_id"], "payload_sha256": sha, "operator_id": who, "reason": "read and agreed"})
            .to_string()
    };
    let sha = &made["payload_sha256"];
    has(&site.post(CONFIRM, Some("{}")), 422, &[], "nothing said");
    has(&site.post(CONFIRM, Some(&said(sha, " "))), 400, &[("/field", json!("operator_id"))], "nobody");
    has(
        &site.post(CONFIRM, Some(&said(&json!("0".repeat(64)), "kim"))),
        409,
        &[("/code", json!("PLAN_CHANGED"))],
        "other",
    );
    has(
        &site.post(CONFIRM, Some(&said(sha, "kim"))),
        200,
        &[("/result", json!("OK")), ("/state", json!("PREP_READY"))],
        "kim",
    );
    has(&site.post(CONFIRM, Some(&said(sha, "kim"))), 200, &[("/result", json!("ALREADY_CONFIRMED"))], "kim again");
    has(&site.post(CONFIRM, Some(&said(sha, "lee"))), 409, &[("/code", json!("ALREADY_CONFIRMED"))], "lee");
    let export = site.get(EXPORT);
    let want = [
        ("/status", json!("ready")),
        ("/schema", json!("ORDER_PLAN_EXPORT_V1")),
        ("/data/state", json!("PREP_READY")),
        ("/data/confirmation/operator_id", json!("kim")),
        ("/data/payload_sha256", sha.clone()),
        ("/data/orders", orders.clone()),
    ];
    has(&export, 200, &want, "export");
    has(&site.get("/api/order_plan/latest"), 200, &[("/state", json!("PREP_READY"))], "confirmed");
    let stop = r#"{"enabled":true,"reason":"drill"}"#;
    assert_eq!(site.post("/api/emergency_stop", Some(stop)).status, 200);
    has(&site.get(EXPORT), 409, &[("/error/code", json!("EMERGENCY_STOP")), ("/data", json!(null))], "stopped");
    has(&site.post(CONFIRM, Some(&said(sha, "kim"))), 409, &[("/code", json!("EMERGENCY_STOP"))], "stopped");
}

#[test]
fn a_portfolio_is_taken_whole_or_refused_by_the_name_of_its_field() {
    let site = site();
    let row = r#"{"ticker":"069500","name":"KODEX 200","quantity":37,"avg_price":60720.5,"current_price":61000}"#;
    let cases = [
        ("not confirmed", "/api/portfolio/upsert", r#"{"cash":1,"holdings":[]}"#.to_owned(), 400, None),
        ("no cash", UPSERT, r#"{"holdings":[]}"#.to_owned(), 422, None),
        ("cash a text", UPSERT, r#"{"cash":"1","holdings":[]}"#.to_owned(), 422, None),
        ("holdings an object", UPSERT, r#"{"cash":1,"holdings":{}}"#.to_owned(), 422, None),
        ("negative cash", UPSERT, r#"{"cash":-1,"holdings":[]}"#.to_owned(), 400, Some("cash")),
        (
            "unknown writer",
            UPSERT,
            r#"{"cash":1,"holdings":[],"updated_by":"cron"}"#.to_owned(),
            400,
            Some("updated_by"),
        ),
        ("ticker twice", UPSERT, format!(r#"{{"cash":1,"holdings":[{row},{row}]}}"#), 400, Some("holdings[1].ticker")),
        (
            "negative quantity",
            UPSERT,
            r#"{"cash":1,"holdings":[{"ticker":"069500","quantity":-3,"avg_price":1}]}"#.to_owned(),
            400,
            Some("holdings[0].quantity"),
        ),
        ("a key twice", UPSERT, r#"{"cash":1,"cash":2,"holdings":[]}"#.to_owned(), 422, None),
    ];
    for (name, path, body, status, field) in cases {
        let answer = site.post(path, Some(&body));
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        if let Some(field) = field {
            assert_eq!(answer.json()["field"], field, "{name}");
        }
        assert!(!site.store.path(layout::PORTFOLIO.latest).exists(), "{name}: nothing is written");
    }
    let good = format!(r#"{{"cash":5000000,"holdings":[{row}],"updated_by":"ui"}}"#);
    let want = [("/result", json!("OK")), ("/total_value", json!(7_257_000)), ("/cash_ratio_pct", json!(68.9))];
    has(&site.post(UPSERT, Some(&good)), 200, &want, "good");
    let want = [
        ("/status", json!("ready")),
        ("/data/holdings/0/market_value", json!(2_257_000)),
        ("/data/holdings/0/avg_price", json!(60720.5)),
        ("/data/updated_by", json!("ui")),
        ("/error", json!(null)),
    ];
    has(&site.get("/api/portfolio/latest"), 200, &want, "good");
    site.store.write(layout::PORTFOLIO.latest, br#"{"cash":-987}"#).expect("written");
    let damaged = site.get("/api/portfolio/latest");
    has(&damaged, 200, &[("/status", json!("error")), ("/error/code", json!("READ_ERROR"))], "damaged");
    assert!(!damaged.text.contains("987"));
}

#[test]
fn reconciliation_and_reports_say_what_is_there_and_what_is_not() {
    let site = site();
    let get = |path: &str| site.get(path);
    has(
        &get("/api/recon/summary"),
        200,
        &[("/status", json!("not_ready")), ("/error", json!("A1_FILE_NOT_FOUND"))],
        "none",
    );
    has(&get("/api/recon/daily"), 200, &[("/status", json!("not_ready")), ("/rows", json!([]))], "none");
    for path in ["/api/report/human", "/api/report/ai"] {
        has(&get(path), 200, &[("/result", json!("FAIL")), ("/error/code", json!("IC_REPORT_NOT_READY"))], path);
    }
    let days = "{\"schema\":\"RECON_DAILY_V1\",\"n\":1.50}\nnot json\n[1]\n\n{\"n\":NaN}\n{\"n\":2}\n";
    site.store.write(layout::RECON_DAILY, days.as_bytes()).expect("written");
    let inconsistent = [("/status", json!("error")), ("/error", json!("IC_SUMMARY_INCONSISTENT_WITH_DAILY"))];
    has(&get("/api/recon/summary"), 200, &inconsistent, "days alone");
    let want = [
        ("/status", json!("ready")),
        ("/asof", json!("2026-11-20")),
        ("/row_count", json!(2)),
        ("/bad_lines", json!(3)),
        ("/rows/1/n", json!(2)),
    ];
    let answer = get("/api/recon/daily");
    has(&answer, 200, &want, "days");
    assert!(answer.text.contains("1.50"), "numbers keep their digits");
    let goldens = [
        (layout::RECON_SUMMARY, include_str!("../../contracts/recon_summary_v1.json"), "/api/recon/summary"),
        (layout::REPORT_HUMAN, include_str!("../../contracts/report_human_v1.json"), "/api/report/human"),
        (layout::REPORT_AI, include_str!("../../contracts/report_ai_v1.json"), "/api/report/ai"),
    ];
    for (file, golden, path) in goldens {
        site.store.write(file, golden.as_bytes()).expect("written");
        let (answer, golden): (_, Value) = (get(path), serde_json::from_str(golden).expect("JSON"));
        let body = answer.json();
        for (key, value) in golden.as_object().expect("an object") {
            assert_eq!(body.get(key), Some(value), "{path}: {key}");
        }
        for key in ["status", "schema", "asof", "error"] {
            assert!(body.get(key).is_some(), "{path} lacks {key}");
        }
        if path.starts_with("/api/report") {
            assert_eq!(body["data"], golden, "{path}");
        }
        site.store.write(file, b"{not json").expect("written");
        let body = get(path).json();
        let code = if path.starts_with("/api/report") { &body["error"]["code"] } else { &body["error"] };
        let want = if path.starts_with("/api/report") { "IC_REPORT_SCHEMA_MISMATCH" } else { "A3_JSON_INVALID" };
        assert_eq!((body["status"].as_str(), code.as_str()), (Some("error"), Some(want)), "{path}");
    }
    let bootstrap = r#"{"status":"bootstrap","schema":"RECON_SUMMARY_V1","asof":"2026-01-03T20:00:00","notes":"n"}"#;
    site.store.write(layout::RECON_SUMMARY, bootstrap.as_bytes()).expect("written");
    let want = [("/status", json!("bootstrap")), ("/asof", json!("2026-01-03T20:00:00")), ("/error", json!(null))];
    has(&get("/api/recon/summary"), 200, &want, "the document's own words stand");
}

#[test]
fn dependencies_are_those_of_one_program() {
    let site = site();
    let want = [
        ("/status", json!("ready")),
        ("/schema", json!("RECONCILE_DEPENDENCY_V2")),
        ("/rows/0/all_deps_ok", json!(true)),
        ("/rows/0/required_missing", json!([])),
        ("/rows/0/python_version", json!(null)),
        ("/rows/0/program_version", json!(env!("CARGO_PKG_VERSION"))),
    ];
    has(&site.get("/api/deps/reconcile"), 200, &want, "reconcile");
    let none = [("/status", json!("not_ready")), ("/rows", json!([])), ("/error/code", json!("NO_SNAPSHOT_YET"))];
    has(&site.get("/api/deps/snapshot"), 200, &none, "none");
    has(
        &site.post("/api/deps/snapshot?confirm=true", None),
        200,
        &[("/result", json!("OK")), ("/all_deps_ok", json!(true))],
        "written",
    );
    let found = site.get("/api/deps/snapshot");
    has(
        &found,
        200,
        &[("/status", json!("ready")), ("/row_count", json!(1)), ("/rows/0/python_version", json!(null))],
        "read",
    );
    assert!(found.json()["rows"][0]["packages"].get("serde_json").is_some());
    let old =
        r#"{"schema":"DEPS_SNAPSHOT_V1","python_version":"3.13.5","packages":{"pandas":"2.3.3"},"all_deps_ok":false}"#;
    site.store.write(layout::DEPS_SNAPSHOT, old.as_bytes()).expect("written");
    has(&site.get("/api/deps/snapshot"), 200, &[("/status", json!("missing_deps"))], "an older one");
}

#[test]
fn a_bundle_is_kept_on_request() {
    let site = site();
    let keep = "/api/strategy_bundle/regenerate_snapshot";
    has(
        &site.post(keep, Some("{}")),
        400,
        &[("/result", json!("BLOCKED")), ("/snapshot_ref", json!(null))],
        "not confirmed",
    );
    let answer = site.post(keep, Some(r#"{"confirm":true}"#));
    has(&answer, 400, &[("/result", json!("FAILED")), ("/snapshot_ref", json!(null))], "none");
    assert!(answer.json()["message"].as_str().is_some_and(|text| text.starts_with("NO_BUNDLE_YET")));
    example(&site);
    let answer = site.post(keep, Some(r#"{"confirm":true}"#));
    has(&answer, 200, &[("/result", json!("OK"))], "kept");
    let reference = answer.json()["snapshot_ref"].as_str().expect("a ref").to_owned();
    has(
        &site.get(&format!("/api/evidence/resolve?ref={reference}")),
        200,
        &[("/status", json!("ready"))],
        "it resolves",
    );
    site.store.write(layout::BUNDLE.latest, b"{").expect("written");
    has(&site.post(keep, Some(r#"{"confirm":true}"#)), 400, &[("/result", json!("FAILED"))], "damaged");
}

#[test]
fn an_audit_trail_that_cannot_be_written_lets_nothing_be_replaced() {
    let site = site();
    example(&site);
    assert_eq!(site.post(UPSERT, Some(r#"{"updated_by":"manual_seed"}"#)).status, 200);
    let before = site.get("/api/portfolio/latest").json()["data"].clone();
    std::fs::remove_file(site.store.path(layout::AUDIT)).expect("removed");
    std::fs::create_dir(site.store.path(layout::AUDIT)).expect("a directory in the trail's place");
    let want = [("/result", json!("FAILED")), ("/code", json!("WRITE_ERROR"))];
    has(&site.post(UPSERT, Some(r#"{"cash":777,"holdings":[]}"#)), 500, &want, "portfolio");
    assert_eq!(site.get("/api/portfolio/latest").json()["data"], before);
    let want = [("/result", json!("FAILED")), ("/reason", json!("WRITE_ERROR")), ("/plan_id", json!(null))];
    has(&site.post(PLAN, None), 500, &want, "plan");
    has(&site.get("/api/order_plan/latest"), 200, &[("/status", json!("not_ready"))], "no plan is there");
}

#[test]
fn a_plan_that_cannot_be_stored_is_a_fault_and_leaves_none() {
    let site = site();
    site.store.write("reports/live/order_plan", b"a file where a directory is due").expect("written");
    let want = [("/result", json!("FAILED")), ("/decision", json!("BLOCKED")), ("/reason", json!("WRITE_ERROR"))];
    has(&site.post(PLAN, None), 500, &want, "no room");
    assert_eq!(site.post(PLAN, None).json()["plan_id"], json!(null));
}
