//! The report pair: badges, the five numbers, the budget, defaults, and what a damaged summary does.

use crate::site::AT;
use crate::site::Site;
use crate::site::json;
use daily_ops::contracts::Document as _;
use daily_ops::contracts::ReconCode;
use daily_ops::contracts::recon::AiReport;
use daily_ops::contracts::recon::Badge;
use daily_ops::contracts::recon::HumanReport;
use daily_ops::contracts::recon::ReconSummary;
use daily_ops::pc::reconcile::Outputs;
use daily_ops::pc::reports;
use daily_ops::store::Store;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

fn summary(edit: &Value) -> ReconSummary {
    let mut document = json!({
        "schema": "RECON_SUMMARY_V1", "generated_at": AT, "period": {"from": "2024-07-01", "to": "2024-12-30"},
        "counts": {"L1_actions": 5, "L2_trades": 3, "L1_L2_delta": 2},
        "kpis": {"gate_open": 11, "chop_block": 12, "bear_block": 13, "executed": 4, "no_data": 15},
        "integrity": {"critical_days": 0, "warning_days": 0, "info_days": 0, "top_codes": []},
    });
    for (key, value) in edit.as_object().expect("an object") {
        document[key] = value.clone();
    }
    ReconSummary::parse(&serde_json::to_vec(&document).expect("JSON")).expect("a summary")
}

fn integrity(critical: u64, warning: u64, codes: &[(&str, u64)]) -> Value {
    let codes: Vec<Value> = codes.iter().map(|(code, days)| json!({"code": code, "days": days})).collect();
    json!({"integrity": {"critical_days": critical, "warning_days": warning, "info_days": 9, "top_codes": codes}})
}

#[test]
fn the_badge_is_the_first_that_fits() {
    let cases = [
        ("nothing found", json!({}), Badge::Green),
        ("notes only", integrity(0, 0, &[]), Badge::Green),
        ("a warning", integrity(0, 1, &[]), Badge::Amber),
        ("a critical day", integrity(1, 1, &[]), Badge::Critical),
        (
            "bootstrap before counts",
            json!({"status": "bootstrap", "integrity": {"critical_days": 1}}),
            Badge::Bootstrap,
        ),
        ("error before all", json!({"status": "error", "integrity": {"critical_days": 1}}), Badge::Error),
    ];
    for (name, edit, want) in cases {
        let summary = summary(&edit);
        assert_eq!(reports::badge(&summary), want, "{name}");
        let at = Stamp::from(AT);
        assert_eq!(reports::human(&summary, &at).headline.status_badge, want, "{name}");
        assert_eq!(reports::ai(&summary, &at).status, want, "{name}");
    }
}

#[test]
fn the_report_for_people_has_five_numbers_in_their_order() {
    let report = reports::human(&summary(&json!({})), &Stamp::from(AT));
    let got: Vec<_> =
        report.kpis.iter().map(|kpi| (kpi.key.as_str(), kpi.label_ko.as_str(), kpi.value, kpi.unit.as_str())).collect();
    let want = [
        ("gate_open_days", "시장 개장", 11, "days"),
        ("executed_days", "체결 발생", 4, "days"),
        ("chop_blocked_days", "횡보장 방어", 12, "days"),
        ("bear_blocked_days", "하락장 방어", 13, "days"),
        ("no_data_days", "데이터 누락", 15, "days"),
    ];
    assert_eq!(got, want);
    assert_eq!(report.headline.period, "2024-07-01~2024-12-30");
    assert_eq!((report.pointers.source.as_str(), report.asof.as_str()), ("daily_ops report", AT));
    assert_eq!(report.pointers.recon_summary_path, "reports/phase_c/latest/recon_summary.json");
}

#[test]
fn five_codes_are_listed_and_the_short_report_lists_critical_ones_only() {
    let found = integrity(
        3,
        1,
        &[
            ("IC_EVIDENCE_PRICE_JUMP", 9),
            ("IC_DATA_MISSING_WITH_EXECUTION", 3),
            ("IC_L1_L2_MISMATCH", 2),
            ("IC_EXECUTION_ON_CLOSED_DAY", 1),
            ("IC_EXECUTED_BUT_FINAL_BLOCK", 1),
            ("IC_OF_ANOTHER_PROGRAM", 1),
        ],
    );
    let summary = summary(&found);
    let at = Stamp::from(AT);
    let people = reports::human(&summary, &at).integrity_summary;
    assert_eq!((people.critical_total, people.warning_total, people.info_total, people.top_codes.len()), (3, 1, 9, 5));
    assert_eq!((people.top_codes[0].code.as_str(), people.top_codes[0].count), ("IC_EVIDENCE_PRICE_JUMP", 9));
    let short = reports::ai(&summary, &at).integrity_flags;
    let want = [
        "IC_DATA_MISSING_WITH_EXECUTION",
        "IC_EXECUTION_ON_CLOSED_DAY",
        "IC_EXECUTED_BUT_FINAL_BLOCK",
        "IC_OF_ANOTHER_PROGRAM",
    ];
    assert_eq!((short.critical_total, short.critical_codes.as_slice()), (3, want.map(str::to_owned).as_slice()));
}

#[test]
fn without_a_summary_the_pair_says_bootstrap() {
    let site = Site::new();
    let store = Store::new(site.path("out"));
    let made = reports::write(&store, "", &Stamp::from(AT)).expect("written");
    assert_eq!(reports::badge(&made), Badge::Bootstrap);
    let people = HumanReport::parse(site.read("out/report_human.json").as_bytes()).expect("a report");
    assert_eq!(people.headline.period, "2024-01-01~2025-12-31");
    assert!(people.kpis.iter().all(|kpi| kpi.value == 0));
    // Keys that are missing read as zero, and a period as the default.
    site.write("out/recon_summary.json", r#"{"schema": "RECON_SUMMARY_V1", "status": "error"}"#);
    reports::write(&store, "", &Stamp::from(AT)).expect("written");
    let short = AiReport::parse(site.read("out/report_ai.json").as_bytes()).expect("a report");
    assert_eq!((short.status, short.kpi_vector.no_data_days), (Badge::Error, 0));
}

#[test]
fn a_damaged_summary_makes_no_report_and_leaves_the_old_pair() {
    let good = Site::new();
    let (not_ready, mismatch) = (ReconCode::ReconNotReady, ReconCode::ReportSchemaMismatch);
    let cases = [
        ("half", r#"{"schema": "RECON_SUMMARY_V1", "kpis": {"#, not_ready),
        ("empty", "", not_ready),
        ("key twice", r#"{"schema": "RECON_SUMMARY_V1", "schema": "RECON_SUMMARY_V1"}"#, not_ready),
        ("list", "[]", mismatch),
        ("other schema", r#"{"schema": "RECON_SUMMARY_V2"}"#, mismatch),
        ("no schema", "{}", mismatch),
        ("status", r#"{"schema": "RECON_SUMMARY_V1", "status": "fine"}"#, mismatch),
        ("count as text", r#"{"schema": "RECON_SUMMARY_V1", "integrity": {"critical_days": "3"}}"#, mismatch),
        ("negative count", r#"{"schema": "RECON_SUMMARY_V1", "kpis": {"gate_open": -1}}"#, mismatch),
        ("list as object", r#"{"schema": "RECON_SUMMARY_V1", "integrity": []}"#, mismatch),
        ("filled list as object", r#"{"schema": "RECON_SUMMARY_V1", "kpis": [1, 2, 3, 4, 5]}"#, mismatch),
    ];
    let store = Store::new(good.path("out"));
    Outputs::of(&good.krx(), &Stamp::from(AT)).expect("rendered").replace(&store, "").expect("written");
    let before = (good.read("out/report_human.json"), good.read("out/report_ai.json"));
    for (name, text, want) in cases {
        good.write("out/recon_summary.json", text);
        let fault = reports::write(&store, "", &Stamp::from("2030-01-01T00:00:00+09:00")).expect_err(name);
        assert_eq!(fault.code(), Some(want), "{name}: {fault}");
        assert!(fault.to_string().contains("recon_summary.json"), "{name}: {fault}");
        assert_eq!((good.read("out/report_human.json"), good.read("out/report_ai.json")), before, "{name}");
    }
}

#[test]
fn a_short_report_over_its_budget_replaces_nothing() {
    let site = Site::new();
    let store = Store::new(site.path("out"));
    let with_code = |length: usize| {
        let codes = [("X".repeat(length), 1)];
        let codes: Vec<(&str, u64)> = codes.iter().map(|(code, days)| (code.as_str(), *days)).collect();
        summary(&integrity(1, 0, &codes))
    };
    let room = {
        let compact = serde_json::to_string(&reports::ai(&with_code(0), &Stamp::from(AT))).expect("JSON");
        reports::AI_BUDGET - compact.chars().count()
    };
    let write = |summary: &ReconSummary| {
        store.write("recon_summary.json", &summary.to_bytes().expect("rendered")).expect("written");
        reports::write(&store, "", &Stamp::from(AT))
    };
    assert!(write(&with_code(room)).is_ok(), "exactly 1200 characters");
    let before = (site.read("out/report_human.json"), site.read("out/report_ai.json"));
    let fault = write(&with_code(room + 1)).expect_err("1201 characters");
    assert_eq!(fault.code(), Some(ReconCode::AiReportBudget));
    assert_eq!((site.read("out/report_human.json"), site.read("out/report_ai.json")), before);
}

#[test]
fn a_pair_is_proved_against_its_summary() {
    let site = Site::new();
    let store = Store::new(site.path("out"));
    let (ready, missing, mismatch) =
        (ReconCode::ReconNotReady, ReconCode::ReportNotReady, ReconCode::ReportSchemaMismatch);
    type Edit = fn(&Site);
    let edit = |site: &Site, file: &str, from: &str, to: &str| {
        let text = site.read(&format!("out/{file}"));
        assert!(text.contains(from), "{file}: {text}");
        site.write(&format!("out/{file}"), &text.replacen(from, to, 1));
    };
    let remade = || Outputs::of(&site.krx(), &Stamp::from(AT)).expect("rendered").replace(&store, "").expect("written");
    let cases: [(&str, Edit, ReconCode); 7] = [
        ("no summary", |s| s.remove("out/recon_summary.json"), ready),
        ("no report for people", |s| s.remove("out/report_human.json"), missing),
        ("no short report", |s| s.remove("out/report_ai.json"), missing),
        ("half a report", |s| s.write("out/report_ai.json", "{"), missing),
        ("another report", |s| s.write("out/report_ai.json", r#"{"schema_version": "REPORT_AI_V2"}"#), mismatch),
        ("no object", |s| s.write("out/report_human.json", "3"), mismatch),
        ("old forms", |s| s.write("out/report_human.json", r#"{"schema_version": "REPORT_HUMAN_V1"}"#), mismatch),
    ];
    for (name, damage, want) in cases {
        remade();
        assert_eq!(reports::check(&store, "").expect(name), Badge::Green);
        damage(&site);
        assert_eq!(reports::check(&store, "").expect_err(name).code(), Some(want), "{name}");
    }
    let foreign = [
        ("report_human.json", "\"value\": ", "\"value\": 1"),
        ("report_human.json", "GREEN", "AMBER"),
        ("report_ai.json", "\"L2_trades\": 4", "\"L2_trades\": 5"),
        ("report_ai.json", "\"asof\": \"2025", "\"asof\": \"2024"),
        ("recon_summary.json", "\"executed\": 3", "\"executed\": 4"),
    ];
    for (file, from, to) in foreign {
        remade();
        edit(&site, file, from, to);
        assert_eq!(reports::check(&store, "").expect_err(file).code(), Some(mismatch), "{file}: {to}");
    }
    assert!(json(&site.read("out/report_ai.json")).is_object());
}
