//! The ops cycle, the daily report and the drill: every end, every document, every ref.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::contracts::EvidenceRef;
use crate::contracts::actor::Actor;
use crate::contracts::daily_report::DailyReport;
use crate::contracts::drill::DrillReport;
use crate::contracts::drill::StepResult;
use crate::contracts::evidence_index::EvidenceIndex;
use crate::contracts::health::EvidenceHealth;
use crate::contracts::ops_run::OpsRunReceipt;
use crate::contracts::summary::OpsSummary;
use crate::contracts::summary::OverallStatus;
use crate::ops::OpsCycleFault;
use crate::ops::OpsCycleOutcome;
use crate::ops::tests::site::NOW;
use crate::ops::tests::site::SHARED;
use crate::ops::tests::site::Site;
use crate::ops::tests::site::copy_tree;
use crate::store::Store;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Stamp;

const STOP: &str = r#"{"schema":"EMERGENCY_STOP_V1","enabled":true,"reason":"drill"}"#;
const BROKEN: &str = r#"{"request_id":"r","decision":"EXECUTED","evidence_refs":["reports/ops/gone.json"]}"#;
const REQUEST: &str = r#"{"schema":"TICKET_REQUEST_V1","request_id":"206c5ca5-6baf-4d97-8483-c32e0fd5411c","requested_at":"2026-11-20T10:00:00+09:00","request_type":"ACKNOWLEDGE","payload":{"message_id":"m"},"status":"OPEN"}"#;

fn actor() -> Actor {
    Actor::program("test")
}

fn run(site: &Site) -> OpsCycleOutcome {
    site.ops().run_ops_cycle(&actor()).expect("a receipt")
}

/// Every ref of a document, by the names of its members.
fn refs_of(value: &Value, is_ref: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_ref && !text.is_empty() => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| refs_of(item, is_ref, found)),
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let is_ref = ["ref", "refs", "_ref", "_refs"].iter().any(|end| key.ends_with(end));
            refs_of(value, is_ref, found);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every document that the cycle and the drill write: it reads back, and what it cites resolves.
fn every_ref_resolves(store: &Store, name: &str) -> usize {
    let latest = [
        layout::OPS_RUN.latest,
        layout::EVIDENCE_INDEX.latest,
        layout::SUMMARY.latest,
        layout::DRILL.latest,
        layout::OPS_REPORT,
    ];
    let mut refs = Vec::new();
    for file in latest {
        let Ok(Some(bytes)) = store.read(file) else { continue };
        refs_of(&serde_json::from_slice(&bytes).expect(name), false, &mut refs);
    }
    for text in &refs {
        let reference = EvidenceRef::parse(text).unwrap_or_else(|fault| panic!("{name}: {text}: {fault}"));
        store.resolve(&reference).unwrap_or_else(|fault| panic!("{name}: {text}: {fault}"));
    }
    refs.len()
}

#[test]
fn every_state_of_the_workspace_gives_its_receipt() {
    type Edit = fn(&Site);
    let cases: [(&str, Edit, &str, &str, &str); 5] = [
        ("stopped", |s| s.text(layout::STOP, STOP), "STOPPED", "EMERGENCY_STOP_ACTIVE", "N/A"),
        ("stop damaged", |s| s.text(layout::STOP, "{"), "STOPPED", "EMERGENCY_STOP_ACTIVE", "N/A"),
        ("refs lead nowhere", |s| s.line(layout::TICKET_RECEIPTS, BROKEN), "BLOCKED", "EVIDENCE_HEALTH_FAIL", "FAIL"),
        ("send damaged", |s| s.text(layout::SEND.latest, "{"), "BLOCKED", "EVIDENCE_HEALTH_FAIL", "FAIL"),
        (
            "a table in place of the report",
            |s| std::fs::create_dir_all(s.store.path(layout::OPS_REPORT)).expect("made"),
            "DONE",
            "",
            "WARN",
        ),
    ];
    for (name, edit, status, reason, health) in cases {
        let site = Site::good();
        edit(&site);
        let done = run(&site);
        let receipt = &done.receipt;
        let ended = receipt.overall_status.as_deref().expect(name);
        assert!(ended.starts_with(status), "{name}: {receipt:?}");
        assert!(reason.is_empty() || receipt.reason.as_deref() == Some(reason), "{name}: {receipt:?}");
        assert_eq!(receipt.evidence_health.decision.as_deref(), Some(health), "{name}");
        assert_eq!(site.store.document(layout::OPS_RUN.latest), Stored::Present(receipt.clone()), "{name}");
        assert_eq!(site.store.document(&done.published.snapshot_ref), Stored::Present(receipt.clone()), "{name}");
        assert_eq!(receipt.run_id.as_deref() == Some("N/A"), status == "STOPPED", "{name}");
        let not_worked = status != "DONE";
        assert_eq!(receipt.ops_report_ref.is_empty(), not_worked || name.starts_with("a table"), "{name}");
        assert_eq!(receipt.counters.skips_this_run == 1, receipt.ticket_step.decision.as_deref() == Some("SKIPPED"));
        let audited = site.store.read(layout::AUDIT).expect("readable").unwrap_or_default();
        assert_eq!(audited.windows(13).any(|part| part == b"ops_cycle.run"), status != "STOPPED", "{name}");
        assert!(every_ref_resolves(&site.store, name) > 1, "{name}");
        assert_eq!(site.store.read(layout::OPS_CYCLE_LOCK).expect("readable"), Some(Vec::new()), "{name}: let go");
    }
}

#[test]
fn evidence_that_fails_blocks_before_any_ticket_and_recovers() {
    let site = Site::good();
    site.line(layout::TICKET_REQUESTS, REQUEST);
    site.line(layout::TICKET_RECEIPTS, BROKEN);
    let ops = site.ops();
    let done = ops.run_ops_cycle(&actor()).expect("a receipt");
    assert_eq!((done.result, done.receipt.overall_status.as_deref()), ("BLOCKED", Some("BLOCKED")));
    assert_eq!(done.receipt.counters.tickets_open, 1);
    assert_eq!(site.store.read(layout::TICKET_RESULTS).expect("readable"), None, "no ticket is touched");
    assert_eq!(site.store.read(layout::OPS_REPORT).expect("readable"), None, "nothing downstream");
    assert_eq!(done.receipt.evidence_health.top_fail_reasons, ["INVALID_REF"]);
    let summary: OpsSummary = site.store.document(layout::SUMMARY.latest).present().expect("a summary");
    assert_eq!(summary.overall_status, Some(OverallStatus::Blocked));
    assert_eq!(summary.top_risks.first().map(|risk| risk.code.as_str()), Some("EVIDENCE_HEALTH_FAIL"));
    site.store.remove(layout::TICKET_RECEIPTS).expect("repaired");
    let done = ops.run_ops_cycle(&actor()).expect("a receipt");
    assert!(done.receipt.overall_status.expect("a status").starts_with("DONE"));
    assert_ne!(done.receipt.ops_summary.decision_observed.as_deref(), Some("BLOCKED"));
}

#[test]
fn a_check_that_cannot_be_written_down_blocks_like_one_that_failed() {
    let site = Site::good();
    let ops = site.ops();
    ops.run_ops_cycle(&actor()).expect("a receipt");
    std::fs::remove_dir_all(site.store.path(layout::HEALTH.snapshots)).expect("removed");
    site.text(layout::HEALTH.snapshots, "no directory");
    let done = ops.run_ops_cycle(&actor()).expect("a receipt");
    assert_eq!((done.result, done.receipt.evidence_health.fail_closed_triggered), ("BLOCKED", true));
    assert_eq!(done.receipt.ops_summary.decision_observed.as_deref(), Some("BLOCKED"), "the cycle's own summary");
    for name in ["the next summary", "and the one after it"] {
        let summary = ops.regenerate_summary().expect("made").summary;
        assert_eq!(summary.overall_status, Some(OverallStatus::Blocked), "{name}");
        assert_eq!(summary.guard.map(|guard| guard.evidence_health.fail_closed_triggered), Some(true), "{name}");
    }
    site.store.remove(layout::HEALTH.snapshots).expect("repaired");
    let done = ops.run_ops_cycle(&actor()).expect("a receipt");
    assert_ne!(done.receipt.ops_summary.decision_observed.as_deref(), Some("BLOCKED"));
}

#[test]
fn an_old_report_that_found_nothing_wrong_says_nothing_and_an_old_failure_still_counts() {
    let site = Site::good();
    let now = Stamp::from(NOW).instant().expect("a time");
    let before = |hours| Stamp::of(now - chrono::TimeDelta::hours(hours)).as_str().to_owned();
    for (name, at, decision, want) in [
        ("an hour old", before(1), "PASS", "PASS"),
        ("a day old", before(25), "PASS", "PASS"),
        ("two days old", before(48), "PASS", "UNKNOWN"),
        ("from the future", before(-1), "PASS", "UNKNOWN"),
        ("no time", String::new(), "PASS", "UNKNOWN"),
        ("old warning", before(500), "WARN", "WARN"),
        ("old failure", before(500), "FAIL", "FAIL"),
    ] {
        let report = json!({"schema": "EVIDENCE_HEALTH_REPORT_V1", "asof": at, "summary": {"decision": decision}});
        site.json(layout::HEALTH.latest, &report);
        let summary = site.ops().regenerate_summary().expect("made").summary;
        let found = summary.guard.and_then(|guard| guard.evidence_health.decision);
        assert_eq!(found.as_deref(), Some(want), "{name}");
    }
}

#[test]
fn the_summary_of_a_quiet_day_says_warn_and_never_unknown() {
    let site = Site::good();
    site.store.remove(layout::HEALTH.latest).expect("removed");
    let ops = site.ops();
    ops.run_ops_cycle(&actor()).expect("a receipt");
    let summary = ops.regenerate_summary().expect("made").summary;
    let codes: Vec<&str> = summary.top_risks.iter().map(|risk| risk.code.as_str()).collect();
    assert!(codes.contains(&"EVIDENCE_HEALTH_WARN") && !codes.contains(&"EVIDENCE_HEALTH_UNKNOWN"), "{codes:?}");
    assert_eq!(summary.overall_status, Some(OverallStatus::Warn), "nothing to check is no pass");
    assert!(summary.last_run_triplet.expect("runs").last_done.is_some());
}

#[test]
fn a_second_cycle_is_refused_while_the_first_one_works() {
    let site = Site::good();
    let (inside, is_inside) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let gate = Mutex::new((inside, may_go_on));
    let first = AtomicUsize::new(0);
    let ops = site.ops_observed(Arc::new(move |_: &Path| {
        if first.fetch_add(1, Ordering::SeqCst) == 0 {
            let gate = gate.lock().expect("unpoisoned");
            gate.0.send(()).expect("somebody waits");
            gate.1.recv_timeout(Duration::from_secs(20)).expect("told to go on");
        }
    }));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| ops.run_ops_cycle(&actor()));
        is_inside.recv_timeout(Duration::from_secs(20)).expect("the first is inside");
        site.clock.advance(Duration::from_secs(7));
        let refused = site.ops().run_ops_cycle(&actor());
        let Err(OpsCycleFault::Conflict(text)) = refused else { panic!("{refused:?}") };
        assert!(text.contains("has held state/ops_runner.lock for 7 s"), "{text}");
        go_on.send(()).expect("the first waits");
        assert!(running.join().expect("no panic").is_ok());
    });
    assert!(site.ops().run_ops_cycle(&actor()).is_ok(), "the lock is free again");
    // The file's time is the machine's, and a file from the future is nobody's.
    site.clock.jump_to(crate::time::Clock::now(&crate::time::SystemClock::new()));
    site.text(layout::OPS_CYCLE_LOCK, "{half");
    assert!(matches!(site.ops().run_ops_cycle(&actor()), Err(OpsCycleFault::Conflict(_))), "of another program");
}

#[test]
fn an_end_after_any_write_leaves_readable_documents_and_a_free_lock() {
    let mut ended = 0;
    for at in 0..200 {
        let site = Site::good();
        site.line(layout::TICKET_REQUESTS, REQUEST);
        let count = AtomicUsize::new(0);
        // From one write on, every write fails, as on a disk that went away.
        let ops = site.ops_observed(Arc::new(move |_: &Path| {
            assert!(count.fetch_add(1, Ordering::SeqCst) < at, "the disk is gone");
        }));
        let whole = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ops.run_ops_cycle(&actor())))
            .is_ok_and(|done| done.is_ok_and(|done| done.result == "OK"));
        let readable = [
            !matches!(site.store.document::<OpsRunReceipt>(layout::OPS_RUN.latest), Stored::Damaged(_)),
            !matches!(site.store.document::<EvidenceHealth>(layout::HEALTH.latest), Stored::Damaged(_)),
            !matches!(site.store.document::<EvidenceIndex>(layout::EVIDENCE_INDEX.latest), Stored::Damaged(_)),
            !matches!(site.store.document::<OpsSummary>(layout::SUMMARY.latest), Stored::Damaged(_)),
            !matches!(site.store.document::<DailyReport>(layout::OPS_REPORT), Stored::Damaged(_)),
        ];
        assert_eq!(readable, [true; 5], "after write {at}");
        let again = site.ops().run_ops_cycle(&actor());
        assert!(again.is_ok(), "after write {at}: the next cycle runs: {again:?}");
        every_ref_resolves(&site.store, "after the end");
        if whole {
            ended = at;
            break;
        }
    }
    assert!(ended > 10, "the cycle was ended in each of its writes: {ended}");
}

#[test]
fn a_drill_is_as_good_as_its_worst_step() {
    type Edit = fn(&Site);
    use StepResult::Fail;
    use StepResult::Pass;
    use StepResult::Skipped;
    use StepResult::Warn;
    let outbox =
        json!({"schema": "PUSH_OUTBOX_V1", "messages": [{"message_id": "m", "push_type": "A", "title": "${X}"}]});
    let held_back = outbox.to_string();
    // name, edit, overall, results from the third step on
    let cases: [(&str, Edit, &str, [StepResult; 4]); 4] = [
        ("good", |_| (), "WARN", [Pass, Pass, Pass, Pass]),
        ("evidence fails", |s| s.line(layout::TICKET_RECEIPTS, BROKEN), "FAIL", [Skipped; 4]),
        ("stopped", |s| s.text(layout::STOP, STOP), "WARN", [Pass, Skipped, Skipped, Pass]),
        (
            "no summary can be written",
            |s| {
                s.store.remove(layout::SUMMARY.latest).expect("removed");
                std::fs::create_dir_all(s.store.path(layout::SUMMARY.latest)).expect("made");
            },
            "FAIL",
            [Fail, Pass, Pass, Skipped],
        ),
    ];
    for (name, edit, overall, results) in cases {
        let site = Site::good();
        edit(&site);
        let done = site.ops().run_drill(&actor()).expect(name);
        let report = done.report;
        let got: Vec<StepResult> = report.steps.iter().filter_map(|step| step.result).collect();
        assert_eq!(report.overall_result.as_deref(), Some(overall), "{name}: {report:?}");
        assert_eq!(got[2..], results, "{name}: {report:?}");
        assert_eq!(got.len(), 6, "{name}");
        assert_eq!(site.store.document::<DrillReport>(layout::DRILL.latest), Stored::Present(report.clone()), "{name}");
        assert!(!report.inputs_observed.self_test_passed, "{name}: nobody tested the secrets");
        if name != "no summary can be written" {
            assert!(every_ref_resolves(&site.store, name) > 2, "{name}");
        }
        if name == "evidence fails" {
            assert!(report.steps[1..].iter().all(|step| step.reason.as_deref() == Some("UPSTREAM_FAIL")));
            assert_eq!(report.top_fail_reasons, ["evidence_health: INVALID_REF"]);
        }
    }
    let site = Site::good();
    site.text(layout::OUTBOX.latest, &held_back);
    site.json(layout::SELF_TEST.latest, &json!({"schema": "SECRETS_SELF_TEST_V1", "decision": "SELF_TEST_PASS"}));
    let report = site.ops().run_drill(&actor()).expect("made").report;
    assert_eq!(report.steps[3].result, Some(Warn), "a message that is held back: {report:?}");
    assert!(report.inputs_observed.self_test_passed);
}

fn result(id: &str, status: &str, at: &str) -> String {
    json!({"request_id": id, "status": status, "processed_at": at, "message": "m"}).to_string()
}

#[test]
fn a_day_is_counted_by_ticket_in_korean_time() {
    let site = Site::empty();
    for line in [
        result("old", "DONE", "2026-11-19T23:59:59+09:00"),
        result("a", "IN_PROGRESS", "2026-11-20T00:00:00+09:00"),
        result("a", "DONE", "2026-11-20T09:00:00"),
        "{half".to_owned(),
        result("b", "IN_PROGRESS", "2026-11-19T15:00:00Z"),
        result("b", "FAILED", "2026-11-20T10:00:00+09:00"),
        result("c", "IN_PROGRESS", "2026-11-20T11:00:00+09:00"),
        result("late", "DONE", "2026-11-21T00:00:00+09:00"),
    ] {
        site.line(layout::TICKET_RESULTS, &line);
    }
    let blocked = |id: &str, reason: &str, at: &str| {
        json!({"schema": "EXECUTION_RECEIPT_V3", "request_id": id, "request_type": "REQUEST_REPORTS", "decision": "BLOCKED",
            "asof": at, "acceptance": {"pass": false, "reason": reason},
            "safety_checks": {"emergency_stop": true, "allowlist_pass": false}})
        .to_string()
    };
    site.line(layout::TICKET_RECEIPTS, &blocked("x", "OLD", "2026-11-19T10:00:00+09:00"));
    site.line(layout::TICKET_RECEIPTS, &blocked("b", "PREFLIGHT_FAIL", "2026-11-20T10:00:00+09:00"));
    let real = json!({"request_id": "a", "request_type": "REQUEST_RECONCILE", "mode": "REAL", "decision": "EXECUTED",
        "exit_code": 0, "asof": "2026-11-20T09:00:00+09:00", "acceptance": {"pass": true},
        "outputs_proof": {"targets": [{"path": "p", "changed": true}, {"path": "q", "changed": false}]}});
    site.line(layout::TICKET_RECEIPTS, &real.to_string());
    let consumed = r#"{"event":"CONSUME","window_id":"w","consumed_at":"2026-11-20T09:00:00+09:00"}"#;
    site.line(layout::WINDOWS, consumed);
    let stopped = json!({"schema": "OPS_RUN_RECEIPT_V1", "overall_status": "STOPPED"});
    site.json("reports/ops/scheduler/snapshots/ops_run_20261120_080000.json", &stopped);
    site.json("reports/ops/scheduler/snapshots/ops_run_20261119_080000.json", &stopped);
    let made = site.ops().regenerate_daily().expect("made");
    let report = made.report;
    let day = &report.summary;
    let counts = (day.tickets_total, day.done, day.failed, day.blocked, day.events_total);
    assert_eq!(counts, (3, 1, 1, 1, 5), "{report:?}");
    assert_eq!(report.period.as_deref(), Some("2026-11-20"));
    let named =
        |end: Option<crate::contracts::daily_report::TicketEnd>| end.map(|end| (end.request_id, end.request_type));
    assert_eq!(named(report.last_done), Some(("a".to_owned(), Some("REQUEST_RECONCILE".to_owned()))));
    assert_eq!(named(report.last_failed), Some(("b".to_owned(), Some("REQUEST_REPORTS".to_owned()))));
    assert_eq!(report.last_blocked.and_then(|end| end.reason).as_deref(), Some("PREFLIGHT_FAIL"));
    assert_eq!(report.artifacts_written, ["p"]);
    assert_eq!(report.last_real_execution.map(|real| (real.exit_code, real.acceptance_pass)), Some((Some(0), true)));
    let hits = &report.safety_counters;
    assert_eq!(
        (hits.window_consumed_count, hits.emergency_stop_hits, hits.allowlist_violation_hits, hits.preflight_fail_hits),
        (1, 2, 1, 1)
    );
    assert!(!made.snapshot_skipped && site.ops().regenerate_daily().expect("made").snapshot_skipped);
    assert!(site.store.read("reports/ops/daily/snapshots/ops_report_20261120.json").expect("readable").is_some());
    site.text(layout::OPS_REPORT, "{");
    site.ops().ensure_daily().expect("made anew");
    assert!(site.store.document::<DailyReport>(layout::OPS_REPORT).present().is_some());
}

#[test]
fn a_long_history_behind_the_day_is_not_read() {
    let site = Site::empty();
    let line = |day: u32, n: u32| result(&format!("t{n}"), "DONE", &format!("2026-11-{day}T10:00:00+09:00"));
    let text: String = (0..3000).map(|n| line(18, n) + "\n").chain((0..700).map(|n| line(20, n) + "\n")).collect();
    site.text(layout::TICKET_RESULTS, &text);
    let report = site.ops().regenerate_daily().expect("made").report;
    assert_eq!((report.summary.tickets_total, report.summary.done), (700, 700));
}

#[test]
fn the_reference_s_own_day_is_counted_and_its_last_runs_are_found() {
    let data = Path::new(SHARED).join("oci");
    if !data.is_dir() {
        return;
    }
    let site = Site::empty();
    for folder in ["reports", "state"] {
        copy_tree(&data.join(folder), &site.store, folder);
    }
    site.clock.jump_to(Stamp::from("2026-01-04T17:06:55+09:00").instant().expect("a time"));
    let report = site.ops().regenerate_daily().expect("made").report;
    // The reference counts the ten lines of these five tickets as tickets.
    assert_eq!((report.summary.tickets_total, report.summary.events_total), (5, 10));
    assert_eq!((report.summary.done, report.summary.failed, report.summary.blocked), (3, 2, 2));
    let top: Vec<(&str, u64)> = report.blocked_reasons_top.iter().map(|row| (row.reason.as_str(), row.count)).collect();
    assert_eq!(top, [("BLOCKED_BY_SAFETY_CHECK", 2)]);
    let real = report.last_real_execution.expect("one was real");
    assert!(real.request_id.starts_with("eecfcd84") && real.exit_code == Some(0) && real.acceptance_pass);
    let last = report.last_blocked.expect("one was blocked");
    assert!(last.request_id.starts_with("8e9ef2f1") && last.request_type.as_deref() == Some("REQUEST_REPORTS"));
    assert_eq!(report.safety_counters.window_consumed_count, 2);
    let runs = site.ops().regenerate_summary().expect("made").summary.last_run_triplet.expect("runs");
    let text = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.as_str()[..19].to_owned());
    assert_eq!(text(runs.last_done).as_deref(), Some("2026-01-12T21:19:59"));
    assert_eq!(text(runs.last_failed), None);
    assert_eq!(text(runs.last_blocked).as_deref(), Some("2026-01-11T15:37:56"), "over all snapshots of both folders");
}
