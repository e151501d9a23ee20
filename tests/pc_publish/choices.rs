//! What the operator can choose: bundle or state alone, an error as it is, a dry run, only before a session.

use daily_ops::contracts::publish::PublishCode;
use daily_ops::contracts::publish::PublishEnd;
use daily_ops::pc::publish::ErrorSummary;
use daily_ops::pc::publish::GeneratedPrices;
use daily_ops::pc::publish::PublishClass;
use daily_ops::pc::publish::PublishDays;
use daily_ops::pc::publish::PublishMode;
use daily_ops::pc::publish::PublishWhat;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use serde_json::Value;
use serde_json::json;

use crate::site::Site;
use crate::site::at;
use crate::site::head;
use crate::site::line;
use crate::site::message;
use crate::site::read;
use crate::site::remote;
use crate::site::snapshot;
use crate::site::write;

#[test]
fn the_bundle_alone_has_its_own_subject_and_leaves_the_rest() {
    let mut site = Site::new();
    site.options.what = PublishWhat::Bundle;
    let outcome = site.done("bundle");
    assert_eq!(outcome.result.files, [layout::BUNDLE.latest.to_owned(), snapshot(site.clock.now())]);
    assert!(message(&site.pc).starts_with("bundle(pc): publish 20261120_190000\n\nbundle: "), "{}", message(&site.pc));
    assert!(!message(&site.pc).contains("recon:"));
    let left = remote(&site.pc).changed_paths().expect("readable");
    assert_eq!(left.len(), 4, "the reports wait for their own publish: {left:?}");
    site.options.what = PublishWhat::Everything;
    assert_eq!(site.done("the rest").result.files.len(), 4);
}

#[test]
fn state_travels_on_request_only() {
    let mut site = Site::new();
    let params = layout::STRATEGY_PARAMS.latest;
    write(&site.pc, params, "{\"schema\": \"STRATEGY_PARAMS_V1\"}\n");
    let other = "state/research/latest/params_latest.json";
    write(&site.pc, other, "{\"schema\": \"STRATEGY_PARAMS_V1\"}\n");
    site.done("without it");
    assert_eq!(remote(&site.pc).changed_paths().expect("readable").len(), 2);
    site.options.what = PublishWhat::State;
    let outcome = site.done("with it");
    assert_eq!(outcome.result.files, [other, params]);
    assert_eq!(message(&site.pc), "state: update via ui\n\nDaily-Ops-Run: run_20261120_190000_00000007\n");
    write(&site.pc, params, "{\"api_key\": \"x\"}\n");
    site.refused("a secret", PublishCode::PublishInvalid);
    write(&site.pc, params, include_str!("../../contracts/portfolio_snapshot_v1.json"));
    let said = site.refused("a portfolio", PublishCode::PublishInvalid);
    assert!(said.contains(params) && said.contains("a portfolio is personal"), "{said}");
    write(&site.pc, params, "{}\n");
    let said = site.refused("no schema", PublishCode::PublishInvalid);
    assert!(said.contains("schema must be one of"), "{said}");
}

#[test]
fn a_portfolio_does_not_travel_beside_the_parameters() {
    let site = Site::new();
    let file = "state/live/portfolio.json";
    write(&site.pc, file, include_str!("../../contracts/portfolio_snapshot_v1.json"));
    let said = site.refused("a portfolio", PublishCode::PublishInvalid);
    assert!(said.contains(file) && said.contains("a portfolio is personal"), "{said}");
}

#[test]
fn generated_prices_travel_only_when_they_may() {
    let mut site = Site::new();
    let generated = |bundle: &mut Value| bundle["scorer"]["data_source"] = "SYNTHETIC".into();
    let now = site.clock.now();
    let bundle = site.bundle(now, &generated);
    write(&site.pc, &snapshot(now), &bundle);
    write(&site.pc, layout::BUNDLE.latest, &bundle);
    let said = site.refused("not asked for", PublishCode::PublishInvalid);
    assert!(said.contains(layout::BUNDLE.latest) && said.contains("--allow-synthetic"), "{said}");
    site.options.generated_prices = GeneratedPrices::Allowed;
    site.done("asked for");
    assert!(message(&site.pc).contains("\nprices: SYNTHETIC\n"), "{}", message(&site.pc));
}

#[test]
fn a_file_above_its_limit_is_refused_by_its_size() {
    let cases = [(layout::RECON_DAILY, 10_000_001, "10000000"), (layout::BUNDLE.latest, 1_000_001, "1000000")];
    for (file, size, limit) in cases {
        let site = Site::new();
        write(&site.pc, file, &" ".repeat(size));
        let said = site.refused(file, PublishCode::PublishInvalid);
        assert!(said.contains(&format!("{file}: has {size} bytes, more than the limit of {limit}")), "{said}");
    }
}

#[test]
fn a_kept_commit_of_state_does_not_send_the_next_publish_apart() {
    let mut site = Site::new();
    write(&site.pc, layout::STRATEGY_PARAMS.latest, "{\"schema\": \"STRATEGY_PARAMS_V1\"}\n");
    let theirs = site.waiting(&[&[("src/main.py", "2\n")]]);
    site.options.what = PublishWhat::State;
    site.hook("pre-push", "exit 1\n");
    let kept = site.publish().result;
    assert!(kept.commit.is_some() && !kept.pushed, "{}", kept.message);
    std::fs::remove_file(site.pc.join(".git/hooks/pre-push")).expect("removed");
    site.move_main(theirs[0]);
    site.options.what = PublishWhat::Everything;
    site.done("on top of both");
    assert_eq!(line(&site.pc, theirs[0]).len(), 2, "the kept commit and the new one");
}

#[test]
fn parameters_of_the_research_travel_with_the_reports_and_leave_with_them() {
    let site = Site::new();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts/decision_params_v1.json");
    write(&site.pc, layout::DECISION_PARAMS, &std::fs::read_to_string(golden).expect("readable"));
    assert!(site.done("with").result.files.contains(&layout::DECISION_PARAMS.to_owned()));
    std::fs::remove_file(site.pc.join(layout::DECISION_PARAMS)).expect("removed");
    site.clock.advance(std::time::Duration::from_secs(60));
    site.work();
    assert!(site.done("without").result.files.contains(&layout::DECISION_PARAMS.to_owned()));
    let pulled = remote(&site.other).pull();
    assert_eq!(pulled.detail, None);
    assert!(!site.other.join(layout::DECISION_PARAMS).exists());
}

#[test]
fn an_error_travels_when_it_is_allowed_and_takes_the_old_rows_away() {
    let mut site = Site::new();
    site.done("a good day");
    site.clock.advance(std::time::Duration::from_secs(60));
    site.work();
    let stamp = "2026-11-20T19:01:00+09:00";
    let error = json!({
        "schema": "RECON_SUMMARY_V1", "status": "error", "generated_at": stamp,
        "period": {"from": "2026-11-19", "to": "2026-11-20"}, "error": {"code": "IC_COVERAGE_REGRESSION", "message_ko": "범위"},
    });
    let edit = |path: &str, edit: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(&read(&site.pc, path)).expect("JSON");
        edit(&mut document);
        write(&site.pc, path, &format!("{document:#}\n"));
    };
    write(&site.pc, layout::RECON_SUMMARY, &format!("{error:#}\n"));
    std::fs::remove_file(site.pc.join(layout::RECON_DAILY)).expect("removed");
    edit(layout::REPORT_HUMAN, &|human| {
        human["headline"]["status_badge"] = "ERROR".into();
        human["headline"]["trade_count"] = json!({"L1_actions": 0, "L2_trades": 0, "delta": 0});
        human["kpis"].as_array_mut().expect("a list").iter_mut().for_each(|kpi| kpi["value"] = 0.into());
    });
    edit(layout::REPORT_AI, &|ai| {
        ai["status"] = "ERROR".into();
        ai["kpi_vector"] = json!({"gate_open_days": 0, "executed_days": 0, "L2_trades": 0, "no_data_days": 0});
    });
    site.refused("not allowed", PublishCode::PublishInvalid);
    site.options.error_summary = ErrorSummary::Allowed;
    let outcome = site.done("allowed");
    assert!(outcome.result.files.contains(&layout::RECON_DAILY.to_owned()), "{:?}", outcome.result.files);
    assert!(message(&site.pc).contains("\nrecon: ERROR\n"));
    assert_eq!(remote(&site.other).pull().detail, None);
    assert!(!site.other.join(layout::RECON_DAILY).exists(), "old rows are not served");
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let mut site = Site::new();
    let theirs = site.waiting(&[&[("src/main.py", "2\n")]]);
    site.move_main(theirs[0]);
    site.options.mode = PublishMode::DryRun;
    let before = (site.state(), site.main());
    let outcome = site.publish();
    assert_eq!(
        (outcome.class, outcome.result.result),
        (PublishClass::Done, PublishEnd::Ok),
        "{}",
        outcome.result.message
    );
    assert!(outcome.result.dry_run && !outcome.result.pushed && outcome.result.commit.is_none());
    assert_eq!(outcome.result.files.len(), 6);
    assert!(outcome.result.message.starts_with("would commit and push 6 files"), "{}", outcome.result.message);
    assert!((site.state(), site.main()) == before, "something changed");
    for file in [layout::PUBLISH_RESULT, layout::PUBLISH_LOG, layout::PUBLISH_LOCK] {
        assert!(!site.pc.join(file).exists(), "{file}");
    }
    write(&site.pc, "src/main.py", "3\n");
    assert_eq!(site.publish().result.code, Some(PublishCode::PublishDirty), "it refuses what a publish refuses");
    assert_eq!(head(&site.pc), head(&site.pc));
}

#[test]
fn only_before_a_session_means_the_next_day() {
    let cases = [
        ("friday evening", "2026-11-20T19:00:00+09:00", false),
        ("saturday evening", "2026-11-21T19:00:00+09:00", false),
        ("sunday evening", "2026-11-22T19:00:00+09:00", true),
        ("monday morning", "2026-11-23T08:00:00+09:00", true),
        ("monday evening", "2026-11-23T19:00:00+09:00", true),
        ("the evening before the last day of the year", "2026-12-30T19:00:00+09:00", false),
    ];
    for (name, now, publishes) in cases {
        let mut site = Site::new();
        site.options.days = PublishDays::BeforeSession;
        std::fs::remove_file(site.pc.join(snapshot(site.clock.now()))).expect("removed");
        site.clock.jump_to(at(now));
        site.work();
        let before = site.main();
        let outcome = site.publish();
        assert_eq!(outcome.class, PublishClass::Done, "{name}: {}", outcome.result.message);
        assert_eq!(site.main() != before, publishes, "{name}");
        let code = (!publishes).then_some(PublishCode::NoFollowingSession);
        assert_eq!(outcome.result.code, code, "{name}");
        let end = if publishes { PublishEnd::Ok } else { PublishEnd::NoChanges };
        assert_eq!(outcome.result.result, end, "{name}");
    }
}
