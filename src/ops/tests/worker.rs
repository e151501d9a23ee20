//! The worker: what each gate makes of a ticket, what stands against it, and what a crash leaves.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::contracts::EvidenceRef;
use crate::contracts::Json;
use crate::contracts::actor::Actor;
use crate::contracts::ticket::documents::DryRun;
use crate::contracts::ticket::documents::ExecutionReceipt;
use crate::contracts::ticket::documents::Preflight;
use crate::contracts::ticket::payload::RequestType;
use crate::ops::Ops;
use crate::ops::TicketDraft;
use crate::ops::TicketStep;
use crate::ops::tests::site::NOW;
use crate::ops::tests::site::Site;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::layout;
use crate::time::Clock as _;

fn actor() -> Actor {
    Actor::program("test")
}

fn ask(ops: &Ops, kind: &str) -> String {
    let payload = match kind {
        "REQUEST_RECONCILE" => r#"{"mode":"FULL"}"#,
        "REQUEST_REPORTS" => r#"{"mode":"REGEN","scope":"PHASE_C_LATEST"}"#,
        _ => r#"{"message_id":"m"}"#,
    };
    let kind = RequestType::parse(kind).expect("a kind");
    let payload = Json::parse(payload.as_bytes()).expect("JSON");
    ops.create_ticket(&TicketDraft { kind, payload, trace_id: None }, &actor()).expect("made").request_id
}

fn gate(site: &Site, mode: &str) {
    site.json(layout::GATE, &json!({"schema": "EXECUTION_GATE_V1", "mode": mode}));
}

/// Everything that real execution asks for, as far as files can say it.
fn allow_everything(site: &Site) {
    gate(site, "REAL_ENABLED");
    let approval = json!({
        "schema": "REAL_ENABLE_APPROVAL_V1", "approval_id": "a", "status": "APPROVED",
        "requested_at": "2026-11-20T19:00:00+09:00", "expires_at": "2026-11-21T19:00:00+09:00",
        "requested_by": "x", "mode_target": "REAL_ENABLED", "reason": "r", "keys_required": 2,
        "keys": [{"key_id": "k1", "provided_by": "p1", "provided_at": NOW}, {"key_id": "k2", "provided_by": "p2", "provided_at": NOW}],
    });
    site.line(layout::APPROVALS, &approval.to_string());
    let window = json!({
        "schema": "REAL_ENABLE_WINDOW_V1", "event": "CREATE", "window_id": "w", "status": "ACTIVE",
        "created_at": "2026-11-20T19:55:00+09:00", "expires_at": "2026-11-20T20:05:00+09:00", "created_by": "x", "reason": "r",
        "allowed_request_types": ["REQUEST_RECONCILE", "REQUEST_REPORTS"],
        "max_real_executions": 1, "real_executions_used": 0,
    });
    site.line(layout::WINDOWS, &window.to_string());
    let rule = |command: &str| json!({"real_command_allowlist": [["daily_ops", "pc", command]]});
    site.json(
        layout::ALLOWLIST,
        &json!({
            "schema": "REAL_EXECUTION_ALLOWLIST_V1", "version": "1.0",
            "allowed_request_types": ["REQUEST_RECONCILE", "REQUEST_REPORTS"],
            "rules": {"REQUEST_RECONCILE": rule("reconcile"), "REQUEST_REPORTS": rule("report")},
        }),
    );
    for file in [layout::DAILY_LEDGER, layout::OOS_VALIDATION, layout::RECON_SUMMARY] {
        site.text(file, "{}");
    }
}

fn receipt(site: &Site, step: &TicketStep) -> ExecutionReceipt {
    let reference = step.receipt_ref.as_ref().expect("a receipt");
    let found = site.store.resolve(&EvidenceRef::parse(reference).expect("a ref")).expect("resolves");
    serde_json::from_str(found.data.get()).expect("a receipt")
}

fn board_state(ops: &Ops, id: &str) -> (String, String) {
    let board = ops.ticket_board(None, 1000).expect("a board");
    let row = board.rows.into_iter().find(|row| row.request_id == id).expect("a row");
    (row.current_status.to_owned(), row.last_message.unwrap_or_default())
}

fn stop(site: &Site) {
    site.json(layout::STOP, &json!({"schema": "EMERGENCY_STOP_V1", "enabled": true}));
}

/// Name, workspace, kind, and of its receipt: mode, decision, acceptance, first reason; state of the ticket.
type Case = (&'static str, fn(&Site), &'static str, [&'static str; 5]);

const CASES: &[Case] = &[
    ("no gate file", |_| (), "REQUEST_RECONCILE", ["MOCK_ONLY", "EXECUTED", "MOCK_MODE", "", "DONE"]),
    ("mock", |s| gate(s, "MOCK_ONLY"), "REQUEST_REPORTS", ["MOCK_ONLY", "EXECUTED", "MOCK_MODE", "", "DONE"]),
    (
        "damaged gate",
        |s| s.text(layout::GATE, "{"),
        "REQUEST_REPORTS",
        ["MOCK_ONLY", "EXECUTED", "MOCK_MODE", "", "DONE"],
    ),
    ("mock acknowledged", |s| gate(s, "MOCK_ONLY"), "ACKNOWLEDGE", ["MOCK_ONLY", "EXECUTED", "MOCK_MODE", "", "DONE"]),
    ("dry run", |s| gate(s, "DRY_RUN"), "REQUEST_RECONCILE", ["DRY_RUN", "EXECUTED", "DRY_RUN_MODE", "", "DONE"]),
    (
        "acknowledged under an open gate",
        allow_everything,
        "ACKNOWLEDGE",
        ["DRY_RUN", "EXECUTED", "DRY_RUN_MODE", "", "DONE"],
    ),
    (
        "everything allows it",
        allow_everything,
        "REQUEST_RECONCILE",
        ["REAL", "BLOCKED", "BLOCKED_BY_SAFETY_CHECK", "REAL_NOT_AVAILABLE", "FAILED"],
    ),
    (
        "everything allows reports",
        allow_everything,
        "REQUEST_REPORTS",
        ["REAL", "BLOCKED", "BLOCKED_BY_SAFETY_CHECK", "REAL_NOT_AVAILABLE", "FAILED"],
    ),
    (
        "no approval",
        |s| {
            allow_everything(s);
            drop(s.store.remove(layout::APPROVALS));
        },
        "REQUEST_REPORTS",
        ["REAL", "BLOCKED", "BLOCKED_BY_SAFETY_CHECK", "APPROVAL_NOT_APPROVED", "FAILED"],
    ),
    (
        "no window",
        |s| {
            allow_everything(s);
            drop(s.store.remove(layout::WINDOWS));
        },
        "REQUEST_REPORTS",
        ["REAL", "BLOCKED", "BLOCKED_BY_SAFETY_CHECK", "WINDOW_NOT_ACTIVE", "FAILED"],
    ),
    (
        "no list",
        |s| {
            allow_everything(s);
            drop(s.store.remove(layout::ALLOWLIST));
        },
        "REQUEST_REPORTS",
        ["REAL", "BLOCKED", "BLOCKED_BY_SAFETY_CHECK", "NOT_ON_ALLOWLIST", "FAILED"],
    ),
    (
        "an input is missing",
        |s| {
            allow_everything(s);
            drop(s.store.remove(layout::DAILY_LEDGER));
        },
        "REQUEST_RECONCILE",
        [
            "REAL",
            "BLOCKED",
            "PREFLIGHT_FAIL",
            "PREFLIGHT_FAIL: input_ready_check: missing: reports/validation/daily_ledger.jsonl",
            "FAILED",
        ],
    ),
    (
        "stopped",
        stop,
        "REQUEST_REPORTS",
        ["MOCK_ONLY", "BLOCKED", "BLOCKED_BY_SAFETY_CHECK", "EMERGENCY_STOP", "FAILED"],
    ),
    (
        "stop damaged",
        |s| s.text(layout::STOP, "{"),
        "ACKNOWLEDGE",
        ["MOCK_ONLY", "BLOCKED", "BLOCKED_BY_SAFETY_CHECK", "EMERGENCY_STOP", "FAILED"],
    ),
    (
        "stopped under an open gate",
        |s| {
            allow_everything(s);
            s.text(layout::STOP, "{");
        },
        "REQUEST_REPORTS",
        ["REAL", "BLOCKED", "BLOCKED_BY_SAFETY_CHECK", "EMERGENCY_STOP", "FAILED"],
    ),
];

#[test]
fn each_gate_makes_its_own_of_a_ticket_and_real_execution_never_happens() {
    for (name, edit, kind, [mode, decision, acceptance, reason, state]) in CASES.iter().copied() {
        let site = Site::empty();
        edit(&site);
        let ops = site.ops();
        let id = ask(&ops, kind);
        let step = ops.work_one_ticket(&actor()).expect(name);
        assert_eq!((step.decision, step.attempted), ("PROCESSED", true), "{name}");
        let ok = if reason.is_empty() { "TICKET_PROCESSED_OK".to_owned() } else { format!("TICKET_BLOCKED: {reason}") };
        assert_eq!(step.reason, ok, "{name}");
        assert_eq!(
            (step.selected_request_id.as_ref(), step.selected_request_type.as_deref()),
            (Some(&id), Some(kind)),
            "{name}"
        );
        let receipt = receipt(&site, &step);
        let told = serde_json::to_value(&receipt).expect("JSON");
        assert_eq!(
            [&told["mode"], &told["decision"], &told["acceptance"]["reason"]],
            [mode, decision, acceptance],
            "{name}"
        );
        assert_eq!(receipt.acceptance.pass, decision == "EXECUTED", "{name}");
        assert_eq!(receipt.block_reasons.first().map(String::as_str).unwrap_or_default(), reason, "{name}");
        assert_eq!((receipt.exit_code, told["request_id"].as_str()), (None, Some(id.as_str())), "{name}");
        assert!(
            receipt.outputs_proof.targets.iter().all(|t| !t.changed && t.before == t.after),
            "{name}: nothing is run"
        );
        assert_eq!(board_state(&ops, &id).0, state, "{name}");
        assert_eq!(ops.work_one_ticket(&actor()).expect(name).reason, "NO_OPEN_TICKETS", "{name}");
        let blocked = ops.regenerate_summary().expect(name).summary.tickets.expect("counts").blocked;
        assert_eq!(blocked, u64::from(decision == "BLOCKED"), "{name}");
    }
}

#[test]
fn a_dry_run_writes_down_its_plan_and_what_stands_against_it() {
    let site = Site::empty();
    gate(&site, "DRY_RUN");
    let ops = site.ops();
    let id = ask(&ops, "REQUEST_REPORTS");
    site.text(layout::REPORT_HUMAN, "{}");
    let step = ops.work_one_ticket(&actor()).expect("worked");
    let path = format!("reports/tickets/preflight/{id}.json");
    let preflight: Preflight = site.store.document(&path).present().expect("a preflight");
    let plan: DryRun = site.store.document(&format!("reports/tickets/dryrun/{id}.json")).present().expect("a plan");
    assert_eq!(plan.plan_ref, ["daily_ops", "pc", "report"]);
    assert_eq!((plan.valid, &plan.errors), (false, &preflight.fail_reasons));
    let checks = serde_json::to_value(plan.checks).expect("JSON");
    let want = json!({"import_check": true, "input_ready_check": false, "output_writable_check": true,
        "allowlist_check": false, "gate_check": true});
    assert_eq!(checks, want);
    let receipt = receipt(&site, &step);
    assert_eq!(receipt.preflight_artifact_path, Some(path));
    let targets: Vec<(bool, bool)> =
        receipt.outputs_proof.targets.iter().map(|t| (t.after.exists, t.verified)).collect();
    assert_eq!(targets, [(true, true), (false, false)]);
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(receipt.outputs_proof.targets[0].after.sha256.as_deref(), Some(hash));
    let (state, message) = board_state(&ops, &id);
    assert_eq!(state, "DONE");
    assert_eq!(message, "[DRY_RUN] Would run `daily_ops pc report`; PREFLIGHT_FAIL");
}

#[test]
fn lines_of_older_programs_are_taken_oldest_first_and_what_is_wrong_with_them_is_refused() {
    let site = Site::empty();
    gate(&site, "DRY_RUN");
    let line = |id: &str, at: &str, kind: &str, payload: Value| {
        site.line(
            layout::TICKET_REQUESTS,
            &json!({"request_id": id, "requested_at": at, "request_type": kind, "payload": payload}).to_string(),
        );
    };
    line("late", "2026-01-03T14:00:00", "ACKNOWLEDGE", json!({}));
    line("no-mode", "2026-01-02T14:00:00", "REQUEST_RECONCILE", json!({"reason": "x"}));
    line("../../etc", "2026-01-01T14:00:00", "REQUEST_RECONCILE", json!({"mode": "FULL"}));
    line("other", "2026-01-01T13:00:00+09:00", "REQUEST_TRADE", json!({}));
    let ops = site.ops();
    let worked: Vec<(String, String)> = (0..4)
        .map(|_| ops.work_one_ticket(&actor()).expect("worked"))
        .map(|step| (step.selected_request_id.expect("a ticket"), step.reason))
        .collect();
    let want = [
        ("other", "TICKET_BLOCKED: UNKNOWN_REQUEST_TYPE"),
        ("../../etc", "TICKET_BLOCKED: REQUEST_ID_NOT_SAFE"),
        ("no-mode", "TICKET_BLOCKED: PAYLOAD_INVALID: payload.mode must be one of ['FULL', 'INCREMENTAL']"),
        ("late", "TICKET_PROCESSED_OK"),
    ];
    assert_eq!(worked, want.map(|(id, reason)| (id.to_owned(), reason.to_owned())));
}

#[test]
fn a_second_worker_waits_for_nobody_and_takes_nothing() {
    let site = Site::empty();
    let ops = site.ops();
    ask(&ops, "ACKNOWLEDGE");
    let holder = Holder::this_process("r", site.clock.now(), Duration::from_secs(600));
    let held = site.store.try_lock(layout::WORKER_LOCK, &holder).expect("works");
    assert!(matches!(held, LockOutcome::Acquired(_)));
    let step = ops.work_one_ticket(&actor()).expect("worked");
    assert_eq!((step.decision, step.attempted), ("SKIPPED", false));
    assert!(step.reason.starts_with("WORKER_LOCKED: pid "), "{}", step.reason);
    drop(held);
    assert_eq!(ops.work_one_ticket(&actor()).expect("worked").decision, "PROCESSED");
    // What a program without the system's locks leaves is believed for as long as it is young.
    let now = crate::time::SystemClock::new().now();
    for (name, text, age, want) in [
        ("another program", r#"{"run_id":"x","locked_at":"2026-11-20T20:00:00"}"#, 590, "SKIPPED"),
        ("unreadable", "{", 590, "SKIPPED"),
        ("another program, too old", r#"{"run_id":"x","locked_at":"2026-11-20T20:00:00"}"#, 660, "NONE"),
        ("unreadable, too old", "{", 660, "NONE"),
        ("from the future", r#"{"run_id":"x"}"#, -70, "NONE"),
        ("a dead worker of ours", r#"{"pid":4000000,"run_id":"x"}"#, 0, "NONE"),
        ("let go", "", 0, "NONE"),
    ] {
        site.text(layout::WORKER_LOCK, text);
        site.clock.jump_to(now + chrono::Duration::seconds(age));
        let step = ops.work_one_ticket(&actor()).expect(name);
        assert_eq!(step.decision, want, "{name}: {}", step.reason);
    }
}

#[test]
fn a_worker_that_dies_leaves_its_ticket_to_the_reaper() {
    let site = Site::empty();
    let (id, armed) = (ask(&site.ops(), "REQUEST_RECONCILE"), Arc::new(AtomicBool::new(true)));
    let trigger = armed.clone();
    let dying = site.ops_observed(Arc::new(move |path| {
        assert!(!(path.to_string_lossy().contains("preflight") && trigger.load(Ordering::SeqCst)), "killed");
    }));
    assert!(catch_unwind(AssertUnwindSafe(|| dying.work_one_ticket(&actor()))).is_err());
    armed.store(false, Ordering::SeqCst);
    let ops = site.ops();
    assert_eq!(board_state(&ops, &id).0, "IN_PROGRESS");
    assert_eq!(site.store.read(layout::TICKET_RECEIPTS).expect("readable"), None);
    assert_eq!(ops.work_one_ticket(&actor()).expect("worked").reason, "NO_OPEN_TICKETS", "nobody takes it again");
    site.clock.advance(Duration::from_secs(86_401));
    assert_eq!(ops.reap_tickets(86_400, 50, &actor()).expect("reaped").cleaned_count, 1);
    assert_eq!(board_state(&ops, &id).0, "FAILED");
}

#[test]
fn a_ticket_that_was_failed_meanwhile_stays_failed_and_gets_no_receipt() {
    let site = Site::empty();
    let id = ask(&site.ops(), "REQUEST_RECONCILE");
    let other = Arc::new(site.ops());
    let (reaper, once, clock) = (other.clone(), AtomicBool::new(true), site.clock.clone());
    let slow = site.ops_observed(Arc::new(move |path| {
        if path.to_string_lossy().ends_with(".json")
            && path.to_string_lossy().contains("preflight")
            && once.swap(false, Ordering::SeqCst)
        {
            clock.advance(Duration::from_secs(86_401));
            assert_eq!(reaper.reap_tickets(86_400, 50, &actor()).expect("reaped").cleaned_count, 1);
        }
    }));
    let step = slow.work_one_ticket(&actor()).expect("worked");
    assert_eq!((step.decision, step.reason.as_str()), ("SKIPPED", "TICKET_CHANGED_MEANWHILE: FAILED"));
    assert_eq!((step.attempted, step.receipt_ref), (true, None));
    assert_eq!(board_state(&other, &id).0, "FAILED");
    assert_eq!(site.store.read(layout::TICKET_RECEIPTS).expect("readable"), None);
}
