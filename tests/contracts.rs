//! Every golden example in `contracts/` against the types, the pages and each other: it parses, it is written as it was
//! read, unknown keys do no harm, missing keys do none unless the page calls them required, and a value of another type
//! is a missing one or a fault, never a panic.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[expect(dead_code, reason = "some helpers are for the other test crates")]
mod schemas;

use std::collections::BTreeSet;
use std::path::Path;

use daily_ops::contracts::BundleDecision;
use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::Document;
use daily_ops::contracts::Json;
use daily_ops::contracts::PriceMeta;
use daily_ops::contracts::RunId;
use daily_ops::contracts::StageClass;
use daily_ops::contracts::approval::Approval;
use daily_ops::contracts::approval::ApprovalStatus;
use daily_ops::contracts::approval::Window;
use daily_ops::contracts::approval::WindowConsumed;
use daily_ops::contracts::approval::WindowEnd;
use daily_ops::contracts::audit::AuditHead;
use daily_ops::contracts::bundle::validate;
use daily_ops::contracts::cycle::CycleBundle;
use daily_ops::contracts::cycle::CycleDecision;
use daily_ops::contracts::cycle::CycleReceipt;
use daily_ops::contracts::cycle::CycleResult;
use daily_ops::contracts::daily_report::DailyReport;
use daily_ops::contracts::deps::DepsSnapshot;
use daily_ops::contracts::drill::DrillReport;
use daily_ops::contracts::evidence_index::EvidenceIndex;
use daily_ops::contracts::health::EvidenceHealth;
use daily_ops::contracts::health::HealthDecision;
use daily_ops::contracts::heartbeat::Heartbeat;
use daily_ops::contracts::integrity::Integrity;
use daily_ops::contracts::integrity::payload_sha256;
use daily_ops::contracts::integrity::verify;
use daily_ops::contracts::kill::KillAuditRow;
use daily_ops::contracts::kill::KillSwitch;
use daily_ops::contracts::message::DailyStatusPush;
use daily_ops::contracts::message::IncidentPush;
use daily_ops::contracts::message::MessageKeys;
use daily_ops::contracts::observed::OpsObserved;
use daily_ops::contracts::ops_run::OpsRunHead;
use daily_ops::contracts::ops_run::OpsRunReceipt;
use daily_ops::contracts::ops_run::RunEnd;
use daily_ops::contracts::order_plan::OrderPlan;
use daily_ops::contracts::order_plan::PlanConfirmation;
use daily_ops::contracts::pc_run::PcRun;
use daily_ops::contracts::portfolio::Portfolio;
use daily_ops::contracts::portfolio::PortfolioFault;
use daily_ops::contracts::portfolio::PortfolioSnapshot;
use daily_ops::contracts::publish::PublishResult;
use daily_ops::contracts::push::ConsoleOut;
use daily_ops::contracts::push::DeliveryReceipt;
use daily_ops::contracts::push::LiveFireReceipt;
use daily_ops::contracts::push::Postmortem;
use daily_ops::contracts::push::PushOutbox;
use daily_ops::contracts::push::PushPreview;
use daily_ops::contracts::push::SelfTest;
use daily_ops::contracts::push::SendReceipt;
use daily_ops::contracts::reco::RecoReport;
use daily_ops::contracts::recon::AiReport;
use daily_ops::contracts::recon::HumanReport;
use daily_ops::contracts::recon::ReconDaily;
use daily_ops::contracts::recon::ReconSummary;
use daily_ops::contracts::run::RunRecord;
use daily_ops::contracts::safety::EmergencyStop;
use daily_ops::contracts::safety::ExecutionGate;
use daily_ops::contracts::safety::SenderEnable;
use daily_ops::contracts::summary::OpsSummary;
use daily_ops::contracts::summary::OverallStatus;
use daily_ops::contracts::summary::Risk;
use daily_ops::contracts::summary::Severity;
use daily_ops::contracts::ticket::ReceiptLine;
use daily_ops::contracts::ticket::RequestLine;
use daily_ops::contracts::ticket::ResultLine;
use daily_ops::contracts::ticket::TicketStatus;
use daily_ops::contracts::ticket::documents::DryRun;
use daily_ops::contracts::ticket::documents::ExecutionReceipt;
use daily_ops::contracts::ticket::documents::Preflight;
use daily_ops::contracts::ticket::documents::ReaperReport;
use daily_ops::contracts::ticket::documents::TicketRequest;
use daily_ops::contracts::ticket::documents::TicketResult;
use daily_ops::contracts::token::Tokens;
use daily_ops::contracts::tune::GatekeeperDecision;
use daily_ops::contracts::tune::TuneResult;
use daily_ops::contracts::watch::HoldingReceipt;
use daily_ops::contracts::watch::HoldingState;
use daily_ops::contracts::watch::SpikeReceipt;
use daily_ops::contracts::watch::SpikeState;
use daily_ops::contracts::watch::WatchSettings;
use daily_ops::contracts::watch::WatcherStatus;
use daily_ops::contracts::watch::Watchlist;
use daily_ops::gates::Gates;
use daily_ops::pipeline::History;
use daily_ops::release::Rollback;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Calendar;
use daily_ops::time::Stamp;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::proptest;
use schemas::Schemas;
use schemas::stated;
use serde_json::Value;
use serde_json::json;

const CONTRACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts");

/// Reads as the document's type and writes again.
type Rewrite = fn(&[u8]) -> Result<Vec<u8>, String>;

fn rewritten<D: Document>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let document = D::parse(bytes).map_err(|fault| fault.to_string())?;
    document.to_bytes().map_err(|fault| fault.to_string())
}

/// Whether the program writes the document, which makes the golden its own bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ours {
    Written,
    /// A value of another type makes the whole document unreadable.
    WrittenStrict,
    Read,
}

const TYPED: &[(&str, Rewrite, Ours)] = &[
    ("daily_ops_run_v1", rewritten::<RunRecord>, Ours::WrittenStrict),
    ("ops_summary_v1", rewritten::<OpsSummary>, Ours::Written),
    ("live_cycle_receipt_v1", rewritten::<CycleReceipt>, Ours::Written),
    ("reco_report_v1", rewritten::<RecoReport>, Ours::Written),
    ("order_plan_v1", rewritten::<OrderPlan>, Ours::Written),
    ("deps_snapshot_v1", rewritten::<DepsSnapshot>, Ours::Written),
    ("push_render_preview_v1", rewritten::<PushPreview>, Ours::Written),
    ("push_outbox_v1", rewritten::<PushOutbox>, Ours::Written),
    ("push_delivery_receipt_v2", rewritten::<DeliveryReceipt>, Ours::Written),
    ("console_out_v2", rewritten::<ConsoleOut>, Ours::Written),
    ("push_send_receipt_v1", rewritten::<SendReceipt>, Ours::Written),
    ("live_fire_ops_receipt_v1", rewritten::<LiveFireReceipt>, Ours::Written),
    ("live_fire_postmortem_v1", rewritten::<Postmortem>, Ours::Written),
    ("secrets_self_test_v1", rewritten::<SelfTest>, Ours::Written),
    ("execution_gate_v1", rewritten::<ExecutionGate>, Ours::Written),
    ("real_sender_enable_v1", rewritten::<SenderEnable>, Ours::WrittenStrict),
    ("emergency_stop_v1", rewritten::<EmergencyStop>, Ours::Written),
    ("kill_switch_v1", rewritten::<KillSwitch>, Ours::WrittenStrict),
    ("ops_observed_v1", rewritten::<OpsObserved>, Ours::WrittenStrict),
    ("window_consumed_v1", rewritten::<WindowConsumed>, Ours::Written),
    ("tokens_v1", rewritten::<Tokens>, Ours::WrittenStrict),
    ("rollback_v1", rewritten::<Rollback>, Ours::Written),
    ("tune_result_v1", rewritten::<TuneResult>, Ours::WrittenStrict),
    ("gatekeeper_decision_v3", rewritten::<GatekeeperDecision>, Ours::WrittenStrict),
    ("price_meta_v1", rewritten::<PriceMeta>, Ours::WrittenStrict),
    ("pc_run_v1", rewritten::<PcRun>, Ours::WrittenStrict),
    ("pc_publish_result_v1", rewritten::<PublishResult>, Ours::Written),
    ("reconcile_preflight_v1", rewritten::<Preflight>, Ours::Written),
    ("dryrun_artifact_v1", rewritten::<DryRun>, Ours::Written),
    ("ticket_reaper_report_v1", rewritten::<ReaperReport>, Ours::Written),
    ("evidence_health_report_v1", rewritten::<EvidenceHealth>, Ours::Written),
    ("evidence_index_v1", rewritten::<EvidenceIndex>, Ours::Written),
    ("ops_run_receipt_v1", rewritten::<OpsRunReceipt>, Ours::Written),
    ("ops_drill_report_v1", rewritten::<DrillReport>, Ours::Written),
    ("daily_ops_report_v1", rewritten::<DailyReport>, Ours::Written),
    ("recon_summary_v1", rewritten::<ReconSummary>, Ours::WrittenStrict),
    ("report_human_v1", rewritten::<HumanReport>, Ours::WrittenStrict),
    ("report_ai_v1", rewritten::<AiReport>, Ours::WrittenStrict),
    ("watchlist_v1", rewritten::<Watchlist>, Ours::WrittenStrict),
    ("settings_v1", rewritten::<WatchSettings>, Ours::WrittenStrict),
    ("watcher_status_v1", rewritten::<WatcherStatus>, Ours::Written),
    ("spike_push_receipt_v1", rewritten::<SpikeReceipt>, Ours::Written),
    ("holding_push_receipt_v1", rewritten::<HoldingReceipt>, Ours::Written),
    ("spike_state_v1", rewritten::<SpikeState>, Ours::WrittenStrict),
    ("holding_state_v1", rewritten::<HoldingState>, Ours::WrittenStrict),
    ("daily_status_push_v1", rewritten::<DailyStatusPush>, Ours::Written),
    ("incident_push_v1", rewritten::<IncidentPush>, Ours::Written),
    ("heartbeat_v1", rewritten::<Heartbeat>, Ours::Written),
    ("message_keys_v1", rewritten::<MessageKeys>, Ours::WrittenStrict),
    ("audit_head_v1", rewritten::<AuditHead>, Ours::WrittenStrict),
];

/// Lists whose rows belong to the strategy and are passed on as they are.
const OPAQUE: &[&str] = &["top_picks", "holding_actions", "recommendations"];
/// Objects whose keys are names of parameters: every key in them is data and is passed on.
const BY_NAME: &[&str] = &["best_params", "params", "candidate", "last_sent", "last_alert", "positions", "packages"];

fn text(file: &str) -> String {
    std::fs::read_to_string(Path::new(CONTRACTS).join(file)).unwrap_or_else(|fault| panic!("{file}: {fault}"))
}

fn golden(name: &str) -> Value {
    serde_json::from_str(&text(&format!("{name}.json"))).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

fn bytes_of(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("JSON")
}

/// One row of a page's table: the field's path and whether it is required.
fn fields(name: &str) -> Vec<(String, bool)> {
    let page = text(&format!("{name}.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(field, rest)| (field.to_owned(), rest.contains("(required)"))).collect()
}

fn is_required(fields: &[(String, bool)], path: &str) -> bool {
    path == "schema" || fields.iter().any(|(field, required)| field == path && *required)
}

/// Every place of a document: its JSON pointer, and its path as the pages write it.
fn places(value: &Value, pointer: &str, path: &str, found: &mut Vec<(String, String)>) {
    let mut enter = |key: &str, inner: &Value, path: String| {
        let pointer = format!("{pointer}/{key}");
        found.push((pointer.clone(), path.clone()));
        if !OPAQUE.contains(&key) {
            places(inner, &pointer, &path, found);
        }
    };
    match value {
        Value::Object(map) => {
            let dot = if path.is_empty() { "" } else { "." };
            map.iter().for_each(|(key, inner)| enter(key, inner, format!("{path}{dot}{key}")));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, inner)| enter(&i.to_string(), inner, format!("{path}[]")));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn all_places(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    places(value, "", "", &mut found);
    found
}

fn removed(document: &Value, pointer: &str) -> Value {
    let mut document = document.clone();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).expect("a place") {
        Value::Object(map) => drop(map.remove(key)),
        Value::Array(items) => drop(items.remove(key.parse().expect("an index"))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("no container at {parent}"),
    }
    document
}

#[test]
fn each_golden_is_written_as_it_was_read() {
    for (name, rewrite, ours) in TYPED {
        let file = text(&format!("{name}.json"));
        let again = rewrite(file.as_bytes()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(rewrite(&again).as_ref(), Ok(&again), "{name}: what is written is read the same");
        if *ours != Ours::Read {
            assert_eq!(String::from_utf8(again).expect("text"), file, "{name}: the golden is the program's own bytes");
        }
    }
}

#[test]
fn each_day_of_the_reconciliation_is_written_as_it_was_read() {
    let file = text("recon_daily_v1.jsonl");
    let fields = fields("recon_daily_v1");
    for line in file.lines() {
        assert_eq!(
            rewritten::<ReconDaily>(line.as_bytes()).map(|bytes| bytes == format!("{line}\n").as_bytes()),
            Ok(true),
            "{line}"
        );
        let document: Value = serde_json::from_str(line).expect("JSON");
        for (pointer, path) in all_places(&document) {
            if path.ends_with("[]") {
                continue;
            }
            let parsed = rewritten::<ReconDaily>(&bytes_of(&removed(&document, &pointer)));
            assert_eq!(parsed.is_err(), is_required(&fields, &path), "without {pointer}: {parsed:?}");
        }
    }
}

#[test]
fn the_lines_that_permit_are_written_as_they_were_read() {
    let same = |line: &str, written: String| assert_eq!(written, line);
    let mut statuses = Vec::new();
    for line in text("real_enable_approval_v1.jsonl").lines() {
        let approval = Approval::parse(line.as_bytes()).expect(line);
        statuses.push((approval.status, approval.keys.len(), approval.has_all_keys()));
        same(line, serde_json::to_string(&approval).expect("JSON"));
        let document: Value = serde_json::from_str(line).expect("JSON");
        let fields = fields("real_enable_approval_v1");
        for (pointer, path) in all_places(&document).into_iter().filter(|(_, path)| !path.contains('[')) {
            let parsed = Approval::parse(&bytes_of(&removed(&document, &pointer)));
            assert_eq!(parsed.is_err(), is_required(&fields, &path), "without {pointer}: {parsed:?}");
        }
        let mut newer = document.clone();
        newer["zz_new"] = json!({"a": 1});
        assert_eq!(Approval::parse(&bytes_of(&newer)), Ok(approval));
    }
    let (pending, approved) = (ApprovalStatus::Pending, ApprovalStatus::Approved);
    assert_eq!(statuses, [(pending, 0, false), (pending, 1, false), (approved, 2, true)]);
    let windows = text("real_enable_window_v1.jsonl");
    let (first, last) = windows.trim_end().split_once('\n').expect("two lines");
    same(first, serde_json::to_string(&Window::parse(first.as_bytes()).expect("a window")).expect("JSON"));
    same(last, serde_json::to_string(&serde_json::from_str::<WindowEnd>(last).expect("an end")).expect("JSON"));
}

#[test]
fn the_golden_of_the_audit_trail_is_a_whole_chain() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    store.write(layout::AUDIT, text("audit_entry_v1.jsonl").as_bytes()).expect("written");
    store.write(layout::AUDIT_HEAD, text("audit_head_v1.json").as_bytes()).expect("written");
    let proof = Gates::new(&store).verify_audit(None).expect("readable");
    assert_eq!((proof.entries, proof.torn_lines, proof.is_good()), (11, 0, true), "{proof:?}");
    for entry in Gates::new(&store).newest_audit_entries(20).expect("readable") {
        assert_eq!(entry.hash().as_ref(), Some(&entry.sha256), "{}", entry.seq);
    }
}

#[test]
fn the_goldens_of_one_reconciliation_belong_together() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let goldens = [
        ("recon_summary.json", "recon_summary_v1.json"),
        ("report_human.json", "report_human_v1.json"),
        ("report_ai.json", "report_ai_v1.json"),
    ];
    for (file, golden) in goldens {
        store.write(file, text(golden).as_bytes()).expect("written");
    }
    daily_ops::pc::reports::check(&store, "").expect("the pair says what the summary says");
    let kpis = &golden("recon_summary_v1")["kpis"];
    let days: u64 =
        ["gate_open", "chop_block", "bear_block", "no_data"].iter().filter_map(|key| kpis[key].as_u64()).sum();
    assert_eq!(text("recon_daily_v1.jsonl").lines().count() as u64, days);
}

#[test]
fn an_old_reader_ignores_new_keys_at_every_level() {
    for (name, rewrite, _) in TYPED {
        let document = golden(name);
        let want = rewrite(&bytes_of(&document)).expect("readable");
        let mut objects: Vec<_> = all_places(&document).into_iter().map(|(pointer, _)| pointer).collect();
        objects.push(String::new());
        let mut tried = 0;
        for pointer in objects {
            if pointer.split('/').any(|key| BY_NAME.contains(&key)) {
                continue;
            }
            let mut newer = document.clone();
            let Some(Value::Object(map)) = newer.pointer_mut(&pointer) else { continue };
            map.insert("zz_new".to_owned(), json!({"a": [1, null, "x"]}));
            map.insert("새로운".to_owned(), json!(7));
            assert_eq!(rewrite(&bytes_of(&newer)).as_ref(), Ok(&want), "{name}: new keys at {pointer:?}");
            tried += 1;
        }
        assert!(tried > 0, "{name}");
    }
}

/// An older program reads a newer document, changes nothing that it knows, and writes it again: what it leaves must still be
/// that document for the newer program.
#[test]
fn what_an_old_writer_makes_of_new_data_is_still_the_document() {
    let schemas = Schemas::load();
    for (name, rewrite, ours) in TYPED {
        if *ours == Ours::Read {
            continue;
        }
        let mut newer = golden(name);
        newer.as_object_mut().expect("an object").insert("zz_new".to_owned(), json!({"a": 1}));
        let left: Value = serde_json::from_slice(&rewrite(&bytes_of(&newer)).expect("readable")).expect("JSON");
        let schema = stated(&left).expect("a schema").to_owned();
        assert_eq!(schemas.faults(&schema, &left).as_deref(), Some(&[][..]), "{name}");
        assert_eq!(left, golden(name), "{name}: nothing that was known is lost");
    }
}

#[test]
fn a_new_reader_does_without_keys_that_are_not_required() {
    for (name, rewrite, _) in TYPED {
        let document = golden(name);
        let fields = fields(name);
        for (pointer, path) in all_places(&document) {
            let parsed = rewrite(&bytes_of(&removed(&document, &pointer)));
            assert_eq!(parsed.is_err(), is_required(&fields, &path), "{name}: without {pointer}: {parsed:?}");
        }
    }
}

#[test]
fn a_value_of_another_type_is_missing_or_a_fault_and_never_a_panic() {
    let others = [
        json!(null),
        json!(true),
        json!(-7),
        json!(0.5),
        json!("x"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"x": [0]}),
    ];
    for (name, rewrite, ours) in TYPED {
        let document = golden(name);
        let fields = fields(name);
        let kind = |value: &Value| std::mem::discriminant(value);
        for (pointer, path) in all_places(&document) {
            for other in &others {
                let mut damaged = document.clone();
                let place = damaged.pointer_mut(&pointer).expect("a place");
                if kind(place) == kind(other) {
                    continue;
                }
                *place = other.clone();
                let parsed = rewrite(&bytes_of(&damaged));
                if *ours == Ours::WrittenStrict || is_required(&fields, &path) {
                    continue;
                }
                let parsed = parsed.unwrap_or_else(|fault| panic!("{name}: {pointer} is {other}: {fault}"));
                let parsed: Value = serde_json::from_slice(&parsed).expect("JSON");
                let top = pointer.split('/').nth(1).expect("a key");
                for (key, value) in document.as_object().expect("an object") {
                    if key != top && *ours == Ours::Written {
                        assert_eq!(parsed.get(key), Some(value), "{name}: {pointer} is {other}: {key} changed too");
                    }
                }
            }
        }
    }
}

#[test]
fn required_fields_of_another_type_are_faults() {
    let cases = [
        ("execution_gate_v1", "mode", json!(1)),
        ("execution_gate_v1", "mode", json!("REAL")),
        ("real_sender_enable_v1", "enabled", json!("false")),
        ("emergency_stop_v1", "enabled", json!(0)),
        ("emergency_stop_v1", "schema", json!("EMERGENCY_STOP_V2")),
        ("kill_switch_v1", "is_on", json!("false")),
        ("kill_switch_v1", "status", json!("KILLED")),
        ("daily_ops_run_v1", "stages", json!({})),
        ("daily_ops_run_v1", "run_id", json!("a b")),
        ("daily_ops_run_v1", "exit_code", json!(256)),
    ];
    for (name, key, value) in cases {
        let (_, rewrite, _) = TYPED.iter().find(|(typed, _, _)| *typed == name).expect("typed");
        let mut document = golden(name);
        document[key] = value.clone();
        assert!(rewrite(&bytes_of(&document)).is_err(), "{name}: {key} is {value}");
    }
}

#[test]
fn each_golden_that_states_a_hash_proves_it() {
    for name in [
        "daily_ops_run_v1",
        "live_cycle_receipt_v1",
        "reco_report_v1",
        "strategy_bundle_v1",
        "portfolio_snapshot_v1",
        "order_plan_v1",
    ] {
        let document = golden(name);
        assert_eq!(verify(&Json::of(&document).expect("canonical")), Integrity::Proven, "{name}");
    }
}

#[test]
fn the_goldens_of_one_run_belong_together() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let record = RunRecord::parse(text("daily_ops_run_v1.json").as_bytes()).expect("a record");
    store.write(layout::RUN_CHAIN, text("daily_ops_chain_v1.jsonl").as_bytes()).expect("written");
    store.write(&record.snapshot_ref, text("daily_ops_run_v1.json").as_bytes()).expect("written");
    let report = History::new(&store).verify(Some(&record.integrity.payload_sha256)).expect("readable");
    assert_eq!((report.records, report.pruned, report.broken), (2, 1, None));
    let receipt = CycleReceipt::parse(text("live_cycle_receipt_v1.json").as_bytes()).expect("a receipt");
    assert_eq!((&record.cycle.cycle_id, &record.cycle.snapshot_ref), (&receipt.cycle_id, &receipt.snapshot_ref));
    assert_eq!(receipt.trace_id.as_deref(), Some(record.trace_id.as_str()));
    let bundle = golden("strategy_bundle_v1");
    assert_eq!(receipt.bundle.and_then(|b| b.bundle_id).as_deref(), bundle["bundle_id"].as_str());
    let result = golden("daily_ops_run_result_v1");
    assert_eq!(result["record"], golden("daily_ops_run_v1"));
    assert_eq!((result["exit_code"].as_u64(), result["result"].as_str()), (Some(0), Some("DONE")));
}

#[test]
fn the_bundle_is_valid_and_grows_outside_its_strategy_only() {
    let document = golden("strategy_bundle_v1");
    let now = Stamp::from(document["created_at"].as_str().expect("text")).instant().expect("a time");
    // The key of the demo is gone; an unverified signature is a warning where that is allowed.
    let policy = BundlePolicy { allow_unsigned: true, ..BundlePolicy::default() };
    let judged = |document: &Value| validate(Some(&bytes_of(document)), &policy, now);
    assert_eq!(judged(&document).decision, BundleDecision::Warn, "{:?}", judged(&document));
    let mut newer = document.clone();
    newer["zz_new"] = json!(1);
    newer["source"]["zz_new"] = json!(1);
    assert_eq!(judged(&newer).decision, BundleDecision::Warn);
    newer["strategy"]["zz_new"] = json!(1);
    assert_eq!(judged(&newer).decision, BundleDecision::Fail, "the hash covers unknown keys too");
    newer["integrity"]["payload_sha256"] = json!(payload_sha256(&Json::of(&newer).expect("canonical")));
    assert_eq!(judged(&newer).decision, BundleDecision::Warn);
    let fields = fields("strategy_bundle_v1");
    for (pointer, path) in all_places(&document) {
        if path.ends_with("[]") || path.starts_with("strategy.scorer") || path.starts_with("strategy.holding_action") {
            continue;
        }
        let mut old = removed(&document, &pointer);
        if pointer.starts_with("/strategy/") {
            old["integrity"]["payload_sha256"] = json!(payload_sha256(&Json::of(&old).expect("canonical")));
        }
        let failed = judged(&old).decision == BundleDecision::Fail;
        let group = matches!(path.as_str(), "integrity.signature")
            || (!fields.iter().any(|(field, _)| *field == path) && !path.starts_with("compat."));
        assert!(group || failed == (is_required(&fields, &path) || path.starts_with("compat.")), "without {pointer}");
    }
}

#[test]
fn the_portfolio_is_read_and_needs_no_field_but_its_tickers() {
    let document = golden("portfolio_snapshot_v1");
    let read = |document: &Value| Portfolio::read(&bytes_of(document));
    let found = read(&document).expect("a portfolio");
    assert_eq!((found.cash, found.total_value, found.holdings.len()), (5_000_000.0, 9_503_400.0, 2));
    for (pointer, path) in all_places(&document) {
        let mut old = removed(&document, &pointer);
        old["integrity"] = Value::Null;
        assert_eq!(read(&old).is_err(), path == "holdings[].ticker", "without {pointer}: {:?}", read(&old));
    }
    let mut newer = document.clone();
    newer["zz_new"] = json!(1);
    assert!(read(&newer).is_ok());
    newer["holdings"][0]["zz_new"] = json!(1);
    assert_eq!(read(&newer), Err(PortfolioFault::Hash), "the hash covers unknown keys too");
    let bytes = text("portfolio_snapshot_v1.json");
    let written = rewritten::<PortfolioSnapshot>(bytes.as_bytes()).map(String::from_utf8);
    assert_eq!(written, Ok(Ok(bytes)), "the golden is what the backend writes");
}

#[test]
fn a_confirmation_is_read_whole_or_not_at_all_and_names_the_golden_plan() {
    let line = text("order_plan_confirmation_v1.jsonl");
    let read = PlanConfirmation::parse(line.as_bytes()).expect("a confirmation");
    assert_eq!(format!("{}\n", serde_json::to_string(&read).expect("JSON")), line);
    let document: Value = serde_json::from_str(&line).expect("JSON");
    let fields = fields("order_plan_confirmation_v1");
    for (pointer, path) in all_places(&document) {
        let parsed = PlanConfirmation::parse(&bytes_of(&removed(&document, &pointer)));
        assert_eq!(parsed.is_err(), is_required(&fields, &path), "without {pointer}");
    }
    let plan = OrderPlan::parse(text("order_plan_v1.json").as_bytes()).expect("a plan");
    let hash = plan.integrity.as_ref().map(|integrity| integrity.payload_sha256.clone());
    assert_eq!((read.plan_id, Some(read.payload_sha256)), (plan.plan_id, hash));
    assert_eq!((read.source_sha256.is_some(), read.source_sha256), (true, plan.source.sha256()));
}

#[test]
fn each_ticket_line_is_written_as_it_was_read() {
    fn again<T: serde::Serialize + serde::de::DeserializeOwned>(line: &str) -> String {
        let line: T = serde_json::from_str(line).expect("a line");
        serde_json::to_string(&line).expect("JSON")
    }
    type Again = fn(&str) -> String;
    let files: [(&str, Again); 4] = [
        ("kill_audit_v1.jsonl", again::<KillAuditRow>),
        ("ticket_request_v1.jsonl", again::<TicketRequest>),
        ("ticket_result_v1.jsonl", again::<TicketResult>),
        ("execution_receipt_v3.jsonl", again::<ExecutionReceipt>),
    ];
    for (file, again) in files {
        let ours = text(file);
        let ours: Vec<&str> = ours.lines().filter(|line| !line.contains("EXECUTION_RECEIPT_V1")).collect();
        assert!(!ours.is_empty(), "{file}");
        ours.iter().for_each(|line| assert_eq!(again(line), *line, "{file}"));
    }
}

#[test]
fn what_is_only_read_is_understood() {
    let health = EvidenceHealth::parse(text("evidence_health_report_v1.json").as_bytes()).expect("a report");
    assert_eq!(health.decision(), HealthDecision::Warn);
    let receipt = OpsRunHead::parse(text("ops_run_receipt_v1.json").as_bytes()).expect("a receipt");
    assert_eq!(receipt.end(), Some(RunEnd::Done));
    assert_eq!(receipt.at().map(Stamp::as_str), Some("2026-11-21T08:55:00.250000+09:00"));
    for key in ["asof", "finished_at", "started_at", "overall_status", "run_id"] {
        let old = removed(&golden("ops_run_receipt_v1"), &format!("/{key}"));
        assert!(OpsRunHead::parse(&bytes_of(&old)).is_ok(), "without {key}");
    }
    let requests = text("ticket_request_v1.jsonl");
    let results = text("ticket_result_v1.jsonl");
    let receipts = text("execution_receipt_v3.jsonl");
    let request: RequestLine<'_> = serde_json::from_str(requests.trim()).expect("a line");
    let states: Vec<TicketStatus> = results
        .lines()
        .map(|line| {
            let line: ResultLine<'_> = serde_json::from_str(line).expect("a line");
            assert_eq!(line.request_id, request.request_id);
            line.status
        })
        .collect();
    assert_eq!(states, [TicketStatus::InProgress, TicketStatus::Done]);
    let blocked: Vec<bool> = receipts
        .lines()
        .map(|line| {
            let line: ReceiptLine<'_> = serde_json::from_str(line).expect("a line");
            assert!(line.is_known());
            line.is_blocked()
        })
        .collect();
    assert_eq!(blocked, [false, true, true]);
    let today = Stamp::from("2026-11-20T09:05:00+09:00").instant().expect("a time").date_naive();
    assert!(Calendar::krx().session(today).expect("covered").is_some());
}

#[test]
fn each_golden_has_a_page_that_names_its_fields_and_a_row_in_the_index() {
    let index = text("README.md");
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(CONTRACTS).expect("listed") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        // The JSON Schemas have a test of their own.
        if name == "README.md" || name == "decisions" || name.ends_with(".schema.json") {
            continue;
        }
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.');
        assert!(plain, "{name}: lower-case snake only");
        assert!(index.contains(&format!("]({name})")), "{name} is not in contracts/README.md");
        names.insert(name);
    }
    for name in &names {
        let stem = name.split('.').next().unwrap_or_default();
        let page = if stem == "krx_calendar" { "krx_calendar_v1" } else { stem };
        assert!(names.contains(&format!("{page}.md")), "{name} has no page");
        if name.ends_with(".md") {
            let golden = [format!("{stem}.json"), format!("{stem}.jsonl"), "krx_calendar.json".to_owned()];
            assert!(golden.iter().any(|file| names.contains(file)), "{name} has no golden");
            continue;
        }
        let fields = fields(page);
        for line in
            if name.ends_with(".jsonl") { text(name).lines().map(str::to_owned).collect() } else { vec![text(name)] }
        {
            let document: Value = serde_json::from_str(&line).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            // Published forms that never had their page's name in them.
            let nameless = ["daily_ledger_v1", "oos_validation_v1"].contains(&page) && document.get("schema").is_none();
            let name_of = |key: &str| document.get(key).and_then(Value::as_str);
            let shown = name_of("schema").or_else(|| name_of("schema_version")).unwrap_or_default().to_lowercase();
            assert!(shown == page || nameless || shown.starts_with("execution_receipt_v"), "{name} holds {shown}");
            for key in document.as_object().expect("an object").keys() {
                assert!(fields.iter().any(|(field, _)| field == key), "{page}.md does not name {key}");
            }
        }
    }
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z_]{1,12}", "[ -~]{0,20}", "[가-힣 \"\\\\\n\t]{0,8}", ".{0,12}"]
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), words().prop_map(Some)]
}

fn list() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(words(), 0..4)
}

/// Any JSON, three levels deep.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(words(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn prop_a_receipt_is_read_as_it_was_written(
        (cycle_id, trace_id, reason, snapshot_ref) in (maybe(), maybe(), maybe(), maybe()),
        (evidence_refs, error) in (list(), maybe()),
        (result, decision) in (any::<Option<bool>>(), 0..4_usize),
        (stale, valid) in any::<(bool, bool)>(),
        at in maybe(),
    ) {
        let decisions = [None, Some(CycleDecision::Completed), Some(CycleDecision::Partial), Some(CycleDecision::Blocked)];
        let receipt = CycleReceipt {
            schema: CycleReceipt::SCHEMA.to_owned(),
            cycle_id: cycle_id.clone(), trace_id, reason, snapshot_ref, evidence_refs: evidence_refs.clone(),
            asof: at.as_deref().map(Stamp::from),
            result: result.map(|ok| if ok { CycleResult::Ok } else { CycleResult::Failed }),
            decision: decisions[decision],
            bundle: Some(CycleBundle {
                success: valid, latest_ref: None, decision: error.clone(), stale, valid, bundle_id: cycle_id,
                strategy_name: None, evidence_refs, error,
            }),
            ..CycleReceipt::default()
        };
        assert_eq!(CycleReceipt::parse(&receipt.to_bytes().expect("bytes")), Ok(receipt));
    }

    #[test]
    fn prop_a_summary_is_read_as_it_was_written(
        risks in proptest::collection::vec((words(), 0..3_usize, words(), list()), 0..5),
        (status, stop) in (0..6_usize, any::<Option<bool>>()),
        counts in any::<[u64; 3]>(),
        share in -1e9..1e9_f64,
        reason in maybe(),
    ) {
        let statuses = [None, Some(OverallStatus::Ok), Some(OverallStatus::Warn), Some(OverallStatus::Blocked),
            Some(OverallStatus::Stopped), Some(OverallStatus::NoRunHistory)];
        let severities = [Severity::Critical, Severity::Warn, Severity::Info];
        let mut summary = OpsSummary::parse(text("ops_summary_v1.json").as_bytes()).expect("a summary");
        summary.overall_status = statuses[status];
        summary.top_risks = risks.into_iter()
            .map(|(code, severity, message, evidence_refs)| Risk { code, severity: severities[severity], message, evidence_refs })
            .collect();
        if let Some(guard) = &mut summary.guard {
            guard.emergency_stop.enabled = stop;
        }
        if let Some(tickets) = &mut summary.tickets {
            (tickets.open, tickets.done, tickets.failed) = (counts[0], counts[1], counts[2]);
        }
        if let Some(reco) = &mut summary.reco {
            reco.reason = reason;
            reco.summary = reco.summary.map(|mut s| { s.cash_pct = share; s });
        }
        assert_eq!(OpsSummary::parse(&summary.to_bytes().expect("bytes")), Ok(summary));
    }

    #[test]
    fn prop_a_record_is_read_as_it_was_written(
        (detail, ops_status, rev) in (maybe(), maybe(), maybe()),
        classes in proptest::collection::vec(0..5_usize, 5),
        (elapsed, seq, status) in any::<(u64, u64, Option<u16>)>(),
        run in "[A-Za-z0-9_-]{1,64}",
        (trading_day, late, exit) in any::<(Option<bool>, bool, Option<u8>)>(),
    ) {
        let all = [StageClass::Ok, StageClass::Warn, StageClass::Block, StageClass::Fail, StageClass::Skipped];
        let mut record = RunRecord::parse(text("daily_ops_run_v1.json").as_bytes()).expect("a record");
        record.run_id = RunId::try_from(run).expect("an id");
        record.reason_detail = detail;
        record.ops_status = ops_status;
        record.host_rev_before = rev;
        record.trading_day = trading_day;
        record.late = late;
        record.exit_code = exit;
        record.chain.seq = seq;
        for (stage, class) in record.stages.iter_mut().zip(classes) {
            stage.class = all[class];
            stage.elapsed_ms = elapsed;
            stage.http_status = status;
        }
        assert_eq!(RunRecord::parse(&record.to_bytes().expect("bytes")), Ok(record));
    }

    #[test]
    fn prop_no_value_in_any_field_makes_a_reader_panic(index in 0..TYPED.len(), place in any::<u32>(), value in anything()) {
        let (name, rewrite, _) = TYPED[index];
        let mut document = golden(name);
        let places = all_places(&document);
        let (pointer, _) = &places[place as usize % places.len()];
        *document.pointer_mut(pointer).expect("a place") = value;
        // Whatever is read can be written and read again.
        if let Ok(again) = rewrite(&bytes_of(&document)) {
            assert_eq!(rewrite(&again).as_ref(), Ok(&again), "{name} {pointer}");
        }
    }
}
