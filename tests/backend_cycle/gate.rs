//! Evidence that fails its check blocks the cycle, the summary, the drill and the daily run, and lets go when repaired.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use crate::client::Site;
use crate::client::raw;
use crate::client::request;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Durability;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

const HEALTH: &str = "/api/evidence/health/regenerate?confirm=true";
const CYCLE: &str = "/api/ops/cycle/run?confirm=true";
const DRILL: &str = "/api/ops/drill/run?confirm=true";
const SUMMARY: &str = "/api/ops/summary/regenerate?confirm=true";
/// A receipt whose refs lead nowhere.
const BROKEN: &str = r#"{"schema":"EXECUTION_RECEIPT_V3","request_id":"r","decision":"EXECUTED","evidence_refs":["reports/ops/summary/snapshots/gone.json","nope"]}"#;
const TICKET: &str = r#"{"request_type":"ACKNOWLEDGE","payload":{"message_id":"m1"}}"#;

fn posted(site: &Site, path: &str) -> Value {
    let answer = site.post(path, None);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

fn damage(store: &Store) {
    store.append(layout::TICKET_RECEIPTS, BROKEN, Durability::Durable).expect("written");
}

/// What every part says while the evidence fails its check.
fn all_is_blocked(site: &Site) {
    assert_eq!(posted(site, HEALTH)["decision"], "FAIL");
    let told = site.get("/api/evidence/health/latest").json();
    assert_eq!(
        (&told["summary"]["decision"], &told["fail_closed_triggered"]),
        (&json!("FAIL"), &json!(false)),
        "{told}"
    );
    assert_eq!(told["checks"][0]["stats"]["fail_reasons"][0]["decision"], "NOT_FOUND", "{told}");

    let cycle = posted(site, CYCLE);
    assert_eq!(cycle["data"]["overall_status"], "BLOCKED", "{cycle}");
    assert_eq!(cycle["data"]["reason"], "EVIDENCE_HEALTH_FAIL", "{cycle}");
    assert_eq!(cycle["data"]["ticket_step"]["attempted"], false, "{cycle}");
    assert_eq!(site.store.read(layout::TICKET_RESULTS).expect("readable"), None, "no ticket is touched");
    assert_eq!(posted(site, SUMMARY)["overall_status"], "BLOCKED");
    let summary = site.get("/api/ops/summary/latest").json();
    assert_eq!(summary["rows"][0]["top_risks"][0]["code"], "EVIDENCE_HEALTH_FAIL", "{summary}");
    let drill = posted(site, DRILL);
    assert_eq!(drill["overall_result"], "FAIL", "{drill}");
    for step in ["ops_cycle", "ops_summary", "outbox_preview", "send_console", "resolver_proof"] {
        assert_eq!(drill["steps_summary"][step], "SKIPPED", "{drill}");
    }
}

#[test]
fn a_failed_check_blocks_all_that_follows_and_recovers() {
    let site = Site::new();
    let ticket = site.post("/api/tickets", Some(TICKET));
    assert_eq!(ticket.status, 200, "{}", ticket.text);
    damage(&site.store);
    all_is_blocked(&site);
    site.store.remove(layout::TICKET_RECEIPTS).expect("repaired");
    let cycle = posted(&site, CYCLE);
    assert_eq!(cycle["data"]["result"], "OK", "{cycle}");
    assert_eq!(cycle["data"]["evidence_health"]["decision"], "WARN", "nothing to check is no pass: {cycle}");
    assert_eq!(cycle["data"]["ticket_step"]["decision"], "PROCESSED", "{cycle}");
    assert_eq!(posted(&site, SUMMARY)["overall_status"], "WARN");
    assert_ne!(posted(&site, DRILL)["overall_result"], "FAIL");
}

/// Runs the real program on a workspace and gives its exit code with all that it said.
fn program(root: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", root);
    let ran = command.args(["--root", root.to_str().expect("text")]).args(args).output().expect("ran");
    let text = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    (ran.status.code(), text)
}

#[test]
fn the_real_daily_run_ends_with_a_block_and_posts_no_live_cycle() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path();
    let (code, said) = program(root, &["init", root.to_str().expect("text")]);
    assert_eq!(code, Some(0), "{said}");
    let store = Store::new(root);
    let policy = || Ok(OpsPolicy::default());
    let ops = daily_ops::ops::Ops::new(store.clone(), Arc::new(SystemClock::new()), Box::new(policy));
    let fresh = ops.regenerate_health().expect("checked").report;
    assert_eq!(fresh.summary.decision.as_deref(), Some("WARN"), "a new workspace is not damaged");

    damage(&store);
    ops.regenerate_health().expect("checked");
    let (code, said) = program(root, &["run", "--embedded", "--no-git-pull"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("EVIDENCE_HEALTH_FAIL"), "{said}");
    assert_eq!(store.read(layout::CYCLE.latest).expect("readable"), None, "no live cycle ran: {said}");

    store.remove(layout::TICKET_RECEIPTS).expect("repaired");
    ops.regenerate_health().expect("checked");
    let (_, said) = program(root, &["run", "--embedded", "--no-git-pull"]);
    assert!(!said.contains("EVIDENCE_HEALTH_FAIL"), "{said}");
    assert!(store.read(layout::CYCLE.latest).expect("readable").is_some(), "the live cycle runs again: {said}");
}

#[test]
fn the_check_command_runs_a_cycle_on_our_own_backend() {
    let site = Site::new();
    let root = site.dir.path();
    let url = format!("api_url={}", site.server.url());
    let check = || program(root, &["check", "ops-cycle", "--set", &url]);
    let (code, said) = check();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("[OPS_CYCLE] DONE overall=DONE reason=NO_OPEN_TICKETS evidence=WARN"), "{said}");
    damage(&site.store);
    let (code, said) = check();
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.starts_with("[OPS_CYCLE] BLOCKED overall=BLOCKED reason=EVIDENCE_HEALTH_FAIL evidence=FAIL"),
        "{said}"
    );
}

#[test]
fn of_two_cycles_at_once_one_is_refused() {
    let (begun, has_begun) = mpsc::channel();
    let (let_go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let observer = move |_: &Path| {
        begun.send(()).ok();
        wait.lock().expect("not poisoned").recv().ok();
    };
    let site =
        Site::with(|store| store.observed_by(Arc::new(observer)), Arc::new(SystemClock::new()), OpsPolicy::default());
    let address = site.server.address();
    let first = std::thread::spawn(move || raw(address, request("POST", CYCLE, None, &[]).as_bytes()));
    has_begun.recv_timeout(Duration::from_secs(20)).expect("the cycle writes");
    let second = site.post(CYCLE, None);
    let told = &second.json()["detail"];
    assert_eq!((second.status, &told["result"]), (409, &json!("SKIPPED")), "{told}");
    assert_eq!(told["overall_status"], "DONE_WITH_SKIPS", "{told}");
    assert_eq!(told["ticket_step"]["reason"], "LOCK_CONFLICT_409", "{told}");
    assert!(told["reason"].as_str().is_some_and(|text| text.contains("has held state/ops_runner.lock for")), "{told}");
    drop(let_go);
    assert_eq!(first.join().expect("an answer").status, 200);
    assert_eq!(site.post(CYCLE, None).status, 200, "the lock is free again");
}
