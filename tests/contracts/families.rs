//! What single families promise beyond that: chains and hashes that prove, lines that permit, documents that belong together.

use daily_ops::contracts::BundleDecision;
use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::Document;
use daily_ops::contracts::Json;
use daily_ops::contracts::approval::Approval;
use daily_ops::contracts::approval::ApprovalStatus;
use daily_ops::contracts::approval::Window;
use daily_ops::contracts::approval::WindowEnd;
use daily_ops::contracts::bundle::validate;
use daily_ops::contracts::cycle::CycleReceipt;
use daily_ops::contracts::health::EvidenceHealth;
use daily_ops::contracts::health::HealthDecision;
use daily_ops::contracts::integrity::Integrity;
use daily_ops::contracts::integrity::payload_sha256;
use daily_ops::contracts::integrity::verify;
use daily_ops::contracts::kill::KillAuditRow;
use daily_ops::contracts::ops_run::OpsRunHead;
use daily_ops::contracts::ops_run::RunEnd;
use daily_ops::contracts::order_plan::OrderPlan;
use daily_ops::contracts::order_plan::PlanConfirmation;
use daily_ops::contracts::portfolio::Portfolio;
use daily_ops::contracts::portfolio::PortfolioFault;
use daily_ops::contracts::portfolio::PortfolioSnapshot;
use daily_ops::contracts::recon::ReconDaily;
use daily_ops::contracts::run::RunRecord;
use daily_ops::contracts::ticket::ReceiptLine;
use daily_ops::contracts::ticket::RequestLine;
use daily_ops::contracts::ticket::ResultLine;
use daily_ops::contracts::ticket::TicketStatus;
use daily_ops::contracts::ticket::documents::ExecutionReceipt;
use daily_ops::contracts::ticket::documents::TicketRequest;
use daily_ops::contracts::ticket::documents::TicketResult;
use daily_ops::gates::Gates;
use daily_ops::pipeline::History;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Calendar;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

use super::support::all_places;
use super::support::bytes_of;
use super::support::fields;
use super::support::golden;
use super::support::is_required;
use super::support::removed;
use super::support::text;
use super::typed::rewritten;

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
