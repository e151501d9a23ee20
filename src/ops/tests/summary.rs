//! The summary: every input that is missing, damaged or telling.

use std::path::Path;

use serde_json::json;

use crate::contracts::summary::OpsSummary;
use crate::contracts::summary::OverallStatus;
use crate::contracts::summary::TicketCounts;
use crate::ops::Health;
use crate::ops::tests::site::NOW;
use crate::ops::tests::site::SHARED;
use crate::ops::tests::site::Site;
use crate::ops::tests::site::copy_tree;
use crate::ops::tests::site::stale;
use crate::store::Stored;
use crate::store::layout;

fn codes(summary: &OpsSummary) -> Vec<&str> {
    summary.top_risks.iter().map(|risk| risk.code.as_str()).collect()
}

fn made(site: &Site) -> OpsSummary {
    let ops = site.ops();
    let outcome = ops.regenerate_summary().expect("made");
    assert_eq!(ops.latest_summary(), Stored::Present(outcome.summary.clone()));
    outcome.summary
}

#[test]
fn a_good_workspace_is_ok_after_its_first_cycle() {
    let site = Site::good();
    let before = made(&site);
    assert_eq!((before.overall_status, codes(&before)), (Some(OverallStatus::Ok), vec!["NO_RECO_YET"]));
    site.ops().run_cycle(None).expect("ran");
    let after = made(&site);
    assert_eq!((after.overall_status, codes(&after)), (Some(OverallStatus::Ok), vec![]));
    let reco = after.reco.expect("a block");
    assert!(reco.present && reco.snapshot_ref.is_some_and(|text| text.starts_with(layout::RECO.snapshots)));
    let bundle = after.strategy_bundle.expect("a block");
    assert_eq!((bundle.present, bundle.stale, bundle.issues.len()), (true, false, 0));
    assert_eq!(after.push.expect("a block").outbox_row_count, 1);
    let runs = after.last_run_triplet.expect("a block");
    assert_eq!(runs.last_done.expect("a run").as_str(), "2026-11-20T09:05:00.000000+09:00");
}

#[test]
fn an_empty_workspace_warns() {
    let summary = made(&Site::empty());
    assert_eq!(summary.overall_status, Some(OverallStatus::Warn));
    assert_eq!(codes(&summary), ["EVIDENCE_HEALTH_UNKNOWN", "NO_STRATEGY_BUNDLE", "NO_RECO_YET"]);
    assert_eq!(summary.push.expect("a block").last_send_decision, "N/A");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row per input")]
fn known_bad_input_yields_its_risk() {
    type Edit = fn(&Site);
    let warn = OverallStatus::Warn;
    let blocked = OverallStatus::Blocked;
    let cases: [(&str, Edit, &str, OverallStatus); 20] = [
        (
            "stop on",
            |s| s.text(layout::STOP, r#"{"schema":"EMERGENCY_STOP_V1","enabled":true}"#),
            "EMERGENCY_STOP",
            OverallStatus::Stopped,
        ),
        ("stop half written", |s| s.text(layout::STOP, "{\"sch"), "EMERGENCY_STOP", OverallStatus::Stopped),
        ("gate half written", |s| s.text(layout::GATE, "{"), "SAFETY_UNREADABLE", warn),
        (
            "sender of another type",
            |s| s.text(layout::SENDER, r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":1}"#),
            "SAFETY_UNREADABLE",
            warn,
        ),
        ("health fail", |s| s.health("FAIL"), "EVIDENCE_HEALTH_FAIL", blocked),
        ("health warn", |s| s.health("WARN"), "EVIDENCE_HEALTH_WARN", warn),
        ("health of another word", |s| s.health("FINE"), "EVIDENCE_HEALTH_UNKNOWN", warn),
        ("health half written", |s| s.text(layout::HEALTH.latest, "{\"schema\":"), "EVIDENCE_HEALTH_UNKNOWN", warn),
        (
            "ticket failed",
            |s| {
                s.line(
                    layout::TICKET_RESULTS,
                    &format!(r#"{{"request_id":"a","status":"FAILED","processed_at":"{NOW}"}}"#),
                )
            },
            "TICKETS_FAILED",
            warn,
        ),
        (
            "ticket blocked",
            |s| {
                s.line(layout::TICKET_RECEIPTS, &format!(r#"{{"request_id":"a","decision":"BLOCKED","asof":"{NOW}"}}"#))
            },
            "TICKETS_BLOCKED",
            warn,
        ),
        ("no bundle", |s| drop(s.store.remove(layout::BUNDLE.latest)), "NO_STRATEGY_BUNDLE", warn),
        ("bundle half written", |s| s.text(layout::BUNDLE.latest, "{\"schema\":"), "BUNDLE_INTEGRITY_FAIL", blocked),
        ("bundle empty", |s| s.text(layout::BUNDLE.latest, ""), "BUNDLE_INTEGRITY_FAIL", blocked),
        ("bundle stale", |s| s.bundle(stale), "BUNDLE_STALE", warn),
        (
            "reco blocked",
            |s| {
                s.json(
                    layout::RECO.latest,
                    &json!({"schema": "RECO_REPORT_V1", "decision": "BLOCKED", "reason": "SYSTEM_ERROR: x"}),
                )
            },
            "RECO_BLOCKED",
            blocked,
        ),
        (
            "reco empty",
            |s| {
                s.json(
                    layout::RECO.latest,
                    &json!({"schema": "RECO_REPORT_V1", "decision": "EMPTY_RECO", "reason": "NO_SIGNAL"}),
                )
            },
            "EMPTY_RECO",
            warn,
        ),
        ("reco half written", |s| s.text(layout::RECO.latest, "{"), "RECO_UNREADABLE", warn),
        (
            "reco without a decision",
            |s| s.json(layout::RECO.latest, &json!({"schema": "RECO_REPORT_V1"})),
            "RECO_UNREADABLE",
            warn,
        ),
        (
            "reco of another decision",
            |s| s.json(layout::RECO.latest, &json!({"schema": "RECO_REPORT_V1", "decision": "generated"})),
            "RECO_UNREADABLE",
            warn,
        ),
        (
            "reco changed after it was hashed",
            |s| {
                let bytes = s.store.read(layout::RECO.latest).expect("readable").expect("there");
                let text = String::from_utf8(bytes).expect("text");
                assert!(text.contains("REDUCE_NOT_IN_PICKS"));
                s.text(layout::RECO.latest, &text.replace("REDUCE_NOT_IN_PICKS", "X"));
            },
            "RECO_UNREADABLE",
            warn,
        ),
    ];
    for (name, edit, code, status) in cases {
        let site = Site::good();
        site.ops().run_cycle(None).expect(name);
        edit(&site);
        let summary = made(&site);
        assert_eq!(summary.overall_status, Some(status), "{name}: {:?}", summary.top_risks);
        assert_eq!(codes(&summary)[0], code, "{name}");
        assert!(summary.top_risks.iter().all(|risk| crate::contracts::reason::is_code(&risk.code)), "{name}");
        let bundle = summary.strategy_bundle.expect(name);
        assert_eq!(bundle.present, name != "no bundle", "{name}: a bundle that fails is there");
    }
}

#[test]
fn every_input_half_written_at_once_still_gives_a_summary_and_a_receipt() {
    let site = Site::good();
    site.ops().run_cycle(None).expect("ran");
    let files = [
        layout::GATE,
        layout::SENDER,
        layout::STOP,
        layout::WINDOWS,
        layout::APPROVALS,
        layout::ALLOWLIST,
        layout::OUTBOX.latest,
        layout::SEND.latest,
        layout::EVIDENCE_INDEX.latest,
        layout::OPS_REPORT,
        layout::TICKET_REQUESTS,
        layout::TICKET_RESULTS,
        layout::TICKET_RECEIPTS,
        layout::HEALTH.latest,
        layout::OPS_RUN.latest,
        layout::BUNDLE.latest,
        layout::RECO.latest,
        layout::SUMMARY.latest,
        layout::CYCLE.latest,
        layout::PREVIEW.latest,
        "reports/ops/scheduler/snapshots/ops_run_20261120_090500.json",
        "reports/ops/evidence/health/snapshots/health_20261120_090000.json",
    ];
    for half in ["{\"schema\": \"", "", "\u{feff}", "[]", "null", "{\"schema\":\"X\"}\n{"] {
        files.iter().for_each(|file| site.text(file, half));
        let summary = made(&site);
        assert_eq!(summary.overall_status, Some(OverallStatus::Stopped), "{half:?}");
        assert_eq!(codes(&summary)[..2], ["EMERGENCY_STOP", "BUNDLE_INTEGRITY_FAIL"], "{half:?}");
        assert_eq!(summary.top_risks.len(), 5, "{half:?}");
        assert_eq!(
            summary.guard.as_ref().and_then(|guard| guard.evidence_health.snapshot_ref.clone()).is_some(),
            half == "[]" || half == "null",
            "a snapshot is cited only when it resolves: {half:?}"
        );
        assert!(site.ops().run_cycle(None).is_ok(), "{half:?}");
        assert_eq!(site.ops().health().health, Health::Stopped, "{half:?}");
    }
    // The stop alone mended: now the bundle blocks.
    site.text(layout::STOP, r#"{"schema":"EMERGENCY_STOP_V1","enabled":false}"#);
    let receipt = site.ops().run_cycle(None).expect("ran").receipt;
    assert_eq!(receipt.reason.as_deref(), Some("BUNDLE_FAIL"));
}

#[test]
fn a_report_about_an_earlier_bundle_does_not_hold_up_the_next_cycle() {
    let site = Site::good();
    let good = site.store.read(layout::BUNDLE.latest).expect("read").expect("there");
    for (name, break_it) in [
        ("damaged", (|s: &Site| s.text(layout::BUNDLE.latest, "{")) as fn(&Site)),
        ("stale", |s| s.bundle(stale)),
        ("gone", |s| drop(s.store.remove(layout::BUNDLE.latest))),
    ] {
        break_it(&site);
        site.ops().run_cycle(None).expect(name);
        let broken = made(&site);
        assert_ne!(broken.overall_status, Some(OverallStatus::Ok), "{name}");
        assert!(codes(&broken).iter().any(|code| ["RECO_BLOCKED", "EMPTY_RECO"].contains(code)), "{name}");
        site.store.write(layout::BUNDLE.latest, &good).expect("written");
        let mended = made(&site);
        assert_eq!(
            (mended.overall_status, codes(&mended)),
            (Some(OverallStatus::Ok), vec!["RECO_SUPERSEDED"]),
            "{name}"
        );
        site.ops().run_cycle(None).expect(name);
        assert_eq!(codes(&made(&site)), Vec::<&str>::new(), "{name}");
    }
}

#[test]
fn the_newest_run_of_each_kind_is_found_over_both_directories_and_all_schemas() {
    let site = Site::good();
    let run = |file: &str, schema: &str, key: &str, word: &str, at: &str| {
        site.json(file, &json!({"schema": schema, key: word, "finished_at": at}));
    };
    let (new, old) = (layout::OPS_RUN.snapshots, layout::OLD_OPS_RUN_SNAPSHOTS);
    let v2 = "OPS_CYCLE_RUN_V2";
    run(
        &format!("{old}/ops_run_20260104_131653.json"),
        "OPS_RUN_SNAPSHOT_V1",
        "status",
        "FAILED",
        "2026-01-04T13:16:53",
    );
    run(
        &format!("{old}/ops_run_20260104_131654.json"),
        "OPS_RUN_SNAPSHOT_V1",
        "status",
        "STOPPED",
        "2026-01-04T13:16:54",
    );
    run(&format!("{new}/ops_run_b_fail_20260111_155032.json"), v2, "overall_status", "BLOCKED", "2026-01-11T15:37:56");
    run(&format!("{new}/ops_run_zzz.json"), v2, "overall_status", "DONE", "2025-01-01T00:00:00");
    run(&format!("{old}/ops_run_20261120_120000.json"), v2, "overall_status", "DONE_WITH_SKIPS", "2026-11-20T12:00:00");
    run(
        &format!("{old}/ops_report_20261120.json"),
        "OPS_RUN_RECEIPT_V1",
        "overall_status",
        "FAILED",
        "2026-11-20T12:00:00",
    );
    site.text(&format!("{new}/ops_run_20261120_130000.json"), "{half");
    let ops = site.ops();
    let runs = || ops.regenerate_summary().expect("made").summary.last_run_triplet.expect("a block");
    let text = |stamp: Option<crate::time::Stamp>| stamp.map(|at| at.as_str()[..19].to_owned()).unwrap_or_default();
    let first = runs();
    assert_eq!(text(first.last_done), "2026-11-20T12:00:00");
    assert_eq!(text(first.last_failed), "2026-01-04T13:16:53");
    assert_eq!(text(first.last_blocked), "2026-01-11T15:37:56");
    // A new snapshot, a mended one and a removed one are noticed.
    run(&format!("{new}/ops_run_20261120_130000.json"), v2, "overall_status", "FAILED", "2026-11-20T13:00:00");
    site.store.remove(&format!("{old}/ops_run_20261120_120000.json")).expect("removed");
    let second = runs();
    assert_eq!(text(second.last_failed), "2026-11-20T13:00:00");
    assert_eq!(text(second.last_done), "2026-11-20T09:05:00");
}

#[test]
fn the_newest_health_snapshot_is_chosen_by_its_time_not_by_its_name() {
    let site = Site::good();
    let report = json!({"schema": "EVIDENCE_HEALTH_REPORT_V1", "summary": {"decision": "PASS"}});
    for name in ["health_pre_b_20260111_152856", "health_zzz", "health_20261120_080000"] {
        site.json(&format!("{}/{name}.json", layout::HEALTH.snapshots), &report);
    }
    site.json(layout::EVIDENCE_INDEX.latest, &json!({"schema": "EVIDENCE_INDEX_V1", "row_count": 9, "rows": [{}, {}]}));
    let summary = made(&site);
    let guard = summary.guard.expect("a block");
    assert!(guard.evidence_health.snapshot_ref.expect("a ref").ends_with("health_20261120_090000.json"));
    assert_eq!(summary.evidence.expect("a block").index_row_count, 2);
}

#[test]
fn health_says_one_word() {
    let site = Site::good();
    let health = || site.ops().health();
    assert_eq!((health().health, health().last_ops_report), (Health::Ok, None));
    site.json(layout::ALLOWLIST, &json!({"schema": "REAL_EXECUTION_ALLOWLIST_V1", "version": "1.0"}));
    site.json(
        layout::OPS_REPORT,
        &json!({"schema": "DAILY_OPS_REPORT_V1", "asof": NOW, "summary": {"done": 1}, "last_done": {"at": NOW}}),
    );
    site.text(layout::GATE, r#"{"schema":"EXECUTION_GATE_V1","mode":"REAL_ENABLED"}"#);
    assert_eq!((health().health, health().window_active), (Health::Warning, false));
    site.line(
        layout::WINDOWS,
        r#"{"schema":"REAL_ENABLE_WINDOW_V1","event":"CREATE","window_id":"w","created_at":"2026-11-20T19:55:00+09:00","expires_at":"2026-11-20T20:10:00+09:00","status":"ACTIVE"}"#,
    );
    let open = health();
    assert_eq!((open.health, open.window_active), (Health::Ok, true));
    assert_eq!(
        serde_json::to_value(&open).expect("json"),
        json!({"health": "OK", "emergency_stop": {"enabled": false, "reason": ""}, "execution_gate_mode": "REAL_ENABLED",
            "window_active": true, "allowlist_version": "1.0", "last_ops_report": {"asof": NOW, "summary": {"done": 1},
            "last_done": {"at": NOW}, "last_failed": null, "last_blocked": null}, "warnings": [], "error": null})
    );
    site.text(layout::ALLOWLIST, "{");
    site.text(layout::OPS_REPORT, r#"{"schema":"OTHER"}"#);
    let unread = health();
    assert_eq!((unread.health, unread.allowlist_version, unread.last_ops_report), (Health::Ok, None, None));
    let names: Vec<_> = unread.warnings.iter().filter_map(|text| text.split(':').next()).collect();
    assert_eq!(names, [layout::ALLOWLIST, layout::OPS_REPORT]);
    site.store.remove(layout::ALLOWLIST).expect("removed");
    site.store.remove(layout::OPS_REPORT).expect("removed");
    site.text(layout::STOP, "{");
    site.text(layout::GATE, "{");
    let stopped = health();
    assert_eq!((stopped.health, stopped.warnings.len()), (Health::Stopped, 2));
    assert!(stopped.emergency_stop.reason.starts_with("EMERGENCY_STOP_UNREADABLE"));
    let nowhere = crate::ops::Ops::new(
        crate::store::Store::new(site.store.path("gone")),
        site.clock.clone(),
        Box::new(|| Err(String::new())),
    );
    assert_eq!(nowhere.health().health, Health::Error);
}

#[test]
fn the_real_workspace_gives_the_captured_summary() {
    let root = Path::new(SHARED).join("oci");
    if !root.is_dir() {
        return;
    }
    let site = Site::empty();
    copy_tree(&root.join("state"), &site.store, "state");
    copy_tree(&root.join("reports"), &site.store, "reports");
    let captured = std::fs::read(root.join("captured/ops_summary_latest.json")).expect("readable");
    let captured: serde_json::Value = serde_json::from_slice(&captured).expect("json");
    let row = &captured["rows"][0];
    let summary = made(&site);
    assert_eq!(serde_json::to_value(summary.overall_status).expect("json"), row["overall_status"]);
    let tickets = summary.tickets.expect("a block");
    assert_eq!(tickets, TicketCounts { open: 0, in_progress: 1, done: 14, failed: 12, blocked: 8 });
    assert_eq!(summary.evidence.as_ref().map(|e| e.index_row_count), Some(24));
    assert_eq!(serde_json::to_value(&summary.push).expect("json"), row["push"]);
    let runs = summary.last_run_triplet.expect("a block");
    let at = |stamp: Option<crate::time::Stamp>| stamp.map(|at| at.as_str().to_owned()).unwrap_or_default();
    assert_eq!(at(runs.last_done), format!("{}+09:00", row["last_run_triplet"]["last_done"].as_str().expect("a time")));
    assert_eq!(at(runs.last_blocked), "2026-01-11T15:37:56.040074+09:00");
    let guard = summary.guard.expect("a block");
    assert!(guard.evidence_health.snapshot_ref.expect("a ref").ends_with("health_20260112_211959.json"));
    assert!(site.ops().run_cycle(None).is_ok());
}
