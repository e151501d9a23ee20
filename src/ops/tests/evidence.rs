//! The index of evidence and the check of its health, over real files.

use crate::contracts::EvidenceRef;
use crate::contracts::evidence_index::evidence_id;
use crate::contracts::health::HealthDecision;
use crate::ops::tests::site::Site;
use crate::store::layout;
use crate::time::Stamp;

const GOOD: &str = "reports/ops/scheduler/snapshots/ops_run_20261120_090500.json";

fn receipt(refs: &str) -> String {
    format!(r#"{{"schema":"EXECUTION_RECEIPT_V3","request_id":"r","decision":"EXECUTED","evidence_refs":{refs}}}"#)
}

fn send(refs: &str) -> String {
    format!(r#"{{"schema":"PUSH_SEND_RECEIPT_V1","evidence_refs":{refs}}}"#)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row per case")]
fn each_state_of_the_sources_has_its_decision() {
    type Edit = fn(&Site);
    // name, edit, decision, whether it failed closed, the check that is meant, its decision, its reason's start
    type Row = (&'static str, Edit, &'static str, bool, usize, &'static str, &'static str);
    let rows: [Row; 15] = [
        ("nothing at all", |_| (), "WARN", false, 0, "WARN", "NOTHING_CHECKED"),
        ("no send", |_| (), "WARN", false, 1, "WARN", "NOTHING_CHECKED"),
        ("no postmortem", |_| (), "WARN", false, 2, "WARN", "NOTHING_CHECKED"),
        ("no index", |_| (), "WARN", false, 3, "WARN", "there is no index"),
        (
            "receipts without refs",
            |s| s.line(layout::TICKET_RECEIPTS, r#"{"request_id":"r"}"#),
            "WARN",
            false,
            0,
            "WARN",
            "NOTHING_CHECKED",
        ),
        (
            "receipts that resolve",
            |s| s.line(layout::TICKET_RECEIPTS, &receipt(&format!("[\"{GOOD}\"]"))),
            "WARN",
            false,
            0,
            "PASS",
            "100.0% resolvable (1/1)",
        ),
        (
            "receipts that do not",
            |s| s.line(layout::TICKET_RECEIPTS, &receipt(r#"["nope","a\\b"]"#)),
            "FAIL",
            false,
            0,
            "FAIL",
            "0.0% resolvable (0/2)",
        ),
        (
            "a receipt that cites a number",
            |s| s.line(layout::TICKET_RECEIPTS, &receipt("[7]")),
            "FAIL",
            false,
            0,
            "FAIL",
            "0.0%",
        ),
        (
            "a bad line is passed over",
            |s| s.line(layout::TICKET_RECEIPTS, "{x"),
            "WARN",
            false,
            0,
            "WARN",
            "NOTHING_CHECKED",
        ),
        (
            "receipts that are a folder",
            |s| std::fs::create_dir_all(s.store.path(layout::TICKET_RECEIPTS)).expect("made"),
            "FAIL",
            true,
            0,
            "FAIL",
            "CHECK_NOT_MADE",
        ),
        ("send damaged", |s| s.text(layout::SEND.latest, "{"), "FAIL", true, 1, "FAIL", "CHECK_NOT_MADE"),
        ("send of another schema", |s| s.text(layout::SEND.latest, "{}"), "FAIL", true, 1, "FAIL", "CHECK_NOT_MADE"),
        (
            "send cites what is gone",
            |s| s.text(layout::SEND.latest, &send(r#"["reports/ops/push/outbox/snapshots/gone.json"]"#)),
            "FAIL",
            false,
            1,
            "FAIL",
            "0/1 resolvable",
        ),
        ("send whose refs are no list", |s| s.text(layout::SEND.latest, &send("{}")), "FAIL", false, 1, "FAIL", "0/1"),
        ("index damaged", |s| s.text(layout::EVIDENCE_INDEX.latest, "[]"), "FAIL", true, 3, "FAIL", "CHECK_NOT_MADE"),
    ];
    for (name, edit, decision, closed, at, check, reason) in rows {
        let site = Site::empty();
        site.text(GOOD, "{}");
        edit(&site);
        let report = site.ops().regenerate_health().expect(name).report;
        assert_eq!(report.summary.decision.as_deref(), Some(decision), "{name}: {report:?}");
        assert_eq!(report.fail_closed_triggered, closed, "{name}");
        let found = &report.checks[at];
        assert_eq!(found.decision.as_deref(), Some(check), "{name}: {found:?}");
        assert!(found.reason.starts_with(reason), "{name}: {found:?}");
        assert_eq!(report.summary.total, report.summary.pass + report.summary.warn + report.summary.fail, "{name}");
        assert_eq!(decision == "FAIL", !report.top_fail_reasons.is_empty(), "{name}: {report:?}");
    }
}

#[test]
fn only_the_last_twenty_receipts_count() {
    let site = Site::empty();
    site.text(GOOD, "{}");
    site.line(layout::TICKET_RECEIPTS, &receipt(r#"["nope"]"#));
    for _ in 0..20 {
        site.line(layout::TICKET_RECEIPTS, &receipt(&format!("[\"{GOOD}\"]")));
    }
    let report = site.ops().regenerate_health().expect("made").report;
    assert_eq!((report.checks[0].stats.total, report.checks[0].stats.ok), (20, 20));
}

#[test]
fn everything_that_resolves_is_a_pass() {
    let site = Site::empty();
    site.text(GOOD, "{}");
    let refs = format!("[\"{GOOD}\"]");
    site.line(layout::TICKET_RECEIPTS, &receipt(&refs));
    site.text(layout::SEND.latest, &send(&refs));
    let postmortem = format!(r#"{{"schema":"LIVE_FIRE_POSTMORTEM_V1","evidence_refs":{refs}}}"#);
    site.text(layout::POSTMORTEM.latest, &postmortem);
    let ops = site.ops();
    ops.regenerate_index().expect("made");
    let report = ops.regenerate_health().expect("made").report;
    assert_eq!((report.summary.pass, report.decision()), (4, HealthDecision::Pass), "{report:?}");
    assert!(report.top_fail_reasons.is_empty() && !report.fail_closed_triggered);
}

fn numbered(n: usize, decision: &str) -> String {
    format!(
        r#"{{"schema":"EXECUTION_RECEIPT_V3","asof":"2026-11-20T10:{:02}:00+09:00","request_id":"r{n}",
            "request_type":"REQUEST_REPORTS","mode":"DRY_RUN","decision":"{decision}"}}"#,
        n % 60
    )
    .replace('\n', " ")
}

#[test]
fn the_index_is_bounded_newest_first_and_resolves() {
    let site = Site::good();
    for n in 0..60 {
        site.line(layout::TICKET_RECEIPTS, &numbered(n, "EXECUTED"));
    }
    site.line(layout::TICKET_RECEIPTS, "{half");
    for n in 10..40 {
        let file = format!("{}/ops_run_20261119_0905{n}.json", layout::OPS_RUN.snapshots);
        let status = if n == 39 { "FAILED" } else { "DONE" };
        let asof = format!("2026-11-19T09:05:{n}+09:00");
        let run = serde_json::json!({"schema": "OPS_RUN_RECEIPT_V1", "overall_status": status, "asof": asof});
        site.json(&file, &run);
    }
    site.json(layout::SEND.latest, &serde_json::json!({"schema": "OTHER", "decision": "SENT"}));
    site.json(
        layout::POSTMORTEM.latest,
        &serde_json::json!({"schema": "LIVE_FIRE_POSTMORTEM_V1", "overall_safety_status": "UNSAFE"}),
    );
    let made = site.ops().regenerate_index().expect("made");
    let rows = made.index.rows.expect("rows");
    let of = |kind: &str| rows.iter().filter(|row| row.kind == kind).count();
    // The half line is one of the last fifty.
    assert_eq!((of("TICKET_RECEIPT"), of("OPS_RUN"), of("PUSH_SEND"), of("PUSH_POSTMORTEM")), (49, 20, 0, 1));
    assert_eq!(made.index.row_count, rows.len() as u64);
    let times: Vec<_> = rows.iter().map(|row| row.created_at.as_ref().and_then(Stamp::instant)).collect();
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "newest first, without a time last");
    assert_eq!(rows.last().map(|row| (row.kind.as_str(), row.severity.as_str())), Some(("PUSH_POSTMORTEM", "ERROR")));
    for row in &rows {
        let reference = EvidenceRef::parse(&row.reference).expect("allowed");
        assert!(site.store.resolve(&reference).is_ok(), "{}", row.reference);
        assert_eq!(row.evidence_id, evidence_id(&row.reference));
        assert_eq!(row.ticket_line_ref.is_some(), row.kind == "TICKET_RECEIPT");
    }
}

#[test]
fn nothing_is_an_index_without_rows() {
    let site = Site::empty();
    let made = site.ops().regenerate_index().expect("made");
    assert_eq!((made.index.row_count, made.index.rows.map(|rows| rows.len())), (0, Some(0)));
}
