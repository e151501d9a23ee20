//! What a run leaves behind, and how it ends when it cannot go well.

use std::time::Duration;

use daily_ops::contracts::Document as _;
use daily_ops::contracts::tune::CheckStatus;
use daily_ops::contracts::tune::TuneResult;
use daily_ops::contracts::tune::TuneStage;
use daily_ops::pc::backtest::BacktestFault;
use daily_ops::pc::backtest::simulate;
use daily_ops::pc::tune::TuneFault;
use daily_ops::pc::tune::guard::Preset;
use daily_ops::pc::tune::lab::Simulate;
use daily_ops::pc::tune::objective::Combine;
use daily_ops::pc::tune::space::Space;
use daily_ops::store::layout;
use daily_ops::trading::Bars;
use serde_json::Value;

use crate::fixture::Bench;
use crate::fixture::RUN;
use crate::fixture::Try;
use crate::fixture::day;
use crate::fixture::done;
use crate::fixture::falling;
use crate::fixture::files;
use crate::fixture::finished;
use crate::fixture::good;

#[test]
fn a_run_that_passes_every_gate_leaves_every_document() {
    let (bench, finished) = done();
    assert_eq!(finished.manifest.stage, TuneStage::Final, "{:#?}", finished.result.gates);
    assert_ne!(finished.verdict.verdict, CheckStatus::Fail, "{:?}", finished.verdict.top_reasons);
    let latest = bench.bytes(layout::TUNE.latest).expect("latest");
    assert_eq!(bench.bytes(&finished.verdict.artifacts.tune_result), Some(latest.clone()), "the snapshot is the same");
    let result = TuneResult::parse(&latest).expect("a result");
    assert_eq!(result, finished.result);
    assert_eq!((result.meta.completed_trials, result.meta.pruned_trials), (12, 0));
    assert_eq!(result.trials_top10.len(), 10);
    assert!(result.trials_top10.is_sorted_by(|a, b| a.score >= b.score));
    assert_eq!(result.best_params, result.trials_top10[0].params);
    assert!(result.judged.test.is_some());
}

#[test]
fn the_run_directory_holds_manifest_verdict_report_and_table() {
    let (bench, _) = done();
    let manifest: Value = serde_json::from_str(&bench.run_file("manifest.json")).expect("JSON");
    assert_eq!((manifest["schema_version"].as_str(), manifest["stage"].as_str()), (Some("4.1"), Some("final")));
    for key in ["run_id", "created_at", "config", "data", "results", "environment", "engine_health"] {
        assert!(!manifest[key].is_null(), "{key}");
    }
    let verdict: Value = serde_json::from_str(&bench.run_file("verdict.json")).expect("JSON");
    for check in ["real_data", "universe", "multi_lookback", "walkforward_presence", "walkforward_validity"] {
        assert_eq!(verdict["checks"][check]["status"], "PASS", "{check}");
        assert!(verdict["checks"][check].get("reason").is_none(), "{check}");
    }
    assert!(bench.run_file("report.md").contains("judged, test"));
    let table = bench.run_file("trials.csv");
    assert_eq!(table.lines().count(), 13);
    assert!(table.starts_with("trial,params_hash,score,pruned,prune_reason,max_positions,momentum_period,stop_loss,"));
    assert!(!bench.has_run_file("crash.json"));
}

#[test]
fn the_telemetry_tells_every_trial_between_start_and_end() {
    let (bench, _) = done();
    let events = bench.events();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    let mut want = vec!["TUNE_START"];
    want.extend(["TRIAL_END"; 12]);
    want.push("TUNE_END");
    assert_eq!(names, want);
    for (number, event) in events[1..13].iter().enumerate() {
        let payload = &event["payload"];
        assert_eq!((payload["trial"].as_u64(), event["run_id"].as_str()), (Some(number as u64), Some(RUN)));
        assert_eq!((payload["pruned"].as_bool(), payload["prune_reason"].is_null()), (Some(false), true));
        assert!(payload["metrics"]["sharpe"].is_number() && payload["score"].is_number());
        assert!(event["ts"].as_str().expect("a time").ends_with("+09:00"));
    }
    assert_eq!(events[13]["payload"]["status"], "OK");
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_cores() {
    let run = |threads: usize| {
        let bench = Bench::new();
        let config = bench.config();
        finished(Try { threads, ..Try::default() }.on(&bench, (config, good())));
        files(bench.dir.path())
    };
    let first = run(1);
    assert!(first.len() >= 9, "{:?}", first.keys());
    for threads in [2, 5] {
        assert_eq!(run(threads), first, "{threads} threads");
    }
}

#[test]
fn a_market_that_only_falls_stops_at_a_gate_and_the_test_stays_sealed() {
    let bench = Bench::new();
    let config = bench.config();
    let finished = finished(Try::default().on(&bench, (config, falling())));
    assert_eq!(finished.verdict.verdict, CheckStatus::Fail);
    assert!(finished.manifest.stage < TuneStage::Gate2Passed);
    assert_eq!(finished.result.judged.test, None);
    assert_eq!(finished.result.gates[2].status, CheckStatus::NotReached);
    assert!(!bench.run_file("report.md").contains("judged, test"));
    assert!(bench.bytes(layout::TUNE.latest).is_some(), "a result without promotion is a result");
}

#[test]
fn a_lax_run_warns_and_a_short_range_is_told() {
    let bench = Bench::new();
    let mut config = bench.config();
    config.preset = Preset::Lax;
    config.objective = Combine::MeanMinusSd;
    let finished = finished(Try::default().on(&bench, (config.clone(), good())));
    assert!(finished.verdict.top_reasons.iter().any(|reason| reason.starts_with("preset lax")));
    let bench = Bench::new();
    config.start = day("2024-09-10");
    let fault = Try::default().on(&bench, (config, good())).expect_err("15 months");
    assert!(matches!(fault, TuneFault::Split(_)) && fault.is_refusal(), "{fault}");
    assert!(!bench.store.path("data").exists(), "nothing is made for a range that is refused");
}

#[test]
fn without_a_completed_trial_the_latest_result_stays() {
    let bench = Bench::new();
    let config = bench.config();
    bench.store.write(layout::TUNE.latest, b"the old one").expect("written");
    let refuse: Simulate<'_> = &|_, _| Err(BacktestFault::NoPrices("069500".to_owned()));
    let fault = Try { simulate: refuse, ..Try::default() }.on(&bench, (config, good())).expect_err("nothing completed");
    assert_eq!(fault.to_string(), "no_completed_trials: all 12 trials were pruned (12 RUN_FAILED)");
    assert!(!fault.is_refusal(), "exit 3");
    assert_eq!(bench.text(layout::TUNE.latest), "the old one");
    let end = bench.events().pop().expect("an event");
    assert_eq!((&end["event"], &end["payload"]["status"]), (&"TUNE_END".into(), &"FAIL".into()));
    assert_eq!(end["payload"]["reason"], "no_completed_trials");
    let manifest: Value = serde_json::from_str(&bench.run_file("manifest.json")).expect("JSON");
    assert_eq!(manifest["engine_health"]["status"], "DEGRADED");
    assert_eq!(manifest["engine_health"]["failed_trials"], 12);
}

#[test]
fn equal_parameters_are_run_once() {
    let bench = Bench::new();
    let mut config = bench.config();
    // Three values of which two are the same six decimals.
    config.space = Space::with(&[
        "momentum_period=20..20".to_owned(),
        "max_positions=4..4".to_owned(),
        "stop_loss=-0.03..-0.029999:0.0000004".to_owned(),
    ])
    .expect("a space");
    let finished = finished(Try::default().on(&bench, (config, good())));
    assert_eq!((finished.result.meta.completed_trials, finished.result.meta.pruned_trials), (2, 1));
    assert!(bench.run_file("trials.csv").contains("DUPLICATE_PARAMS: the same as trial"));
}

#[test]
fn the_time_limit_ends_the_search_and_what_is_done_counts() {
    let bench = Bench::new();
    let config = bench.config();
    let slow: Simulate<'_> = &|setup, market| {
        bench.clock.advance(Duration::from_secs(10));
        simulate(setup, market)
    };
    let limited = Try { simulate: slow, timeout: Some(Duration::from_secs(60)), ..Try::default() };
    let finished = finished(limited.on(&bench, (config, good())));
    assert!((1..12).contains(&finished.result.meta.completed_trials), "{}", finished.result.meta.completed_trials);
    assert!(finished.result.meta.timed_out && finished.manifest.results.timed_out);
    assert!(finished.verdict.top_reasons.iter().any(|reason| reason.contains("time limit")));
}

#[test]
fn a_time_limit_that_leaves_no_trial_is_told_as_one() {
    let bench = Bench::new();
    let config = bench.config();
    let asked = |_: usize| {
        bench.clock.advance(Duration::from_secs(120));
        false
    };
    let limited = Try { stop: &asked, timeout: Some(Duration::from_secs(60)), ..Try::default() };
    let fault = limited.on(&bench, (config, good())).expect_err("no trial");
    assert_eq!(fault.to_string(), "no_completed_trials: the time limit ended the search before the first trial");
    assert_eq!(bench.events().pop().expect("an event")["payload"]["reason"], "no_completed_trials");
    let bench = Bench::new();
    let config = bench.config();
    let refuse: Simulate<'_> = &|_, _| {
        bench.clock.advance(Duration::from_secs(50));
        Err(BacktestFault::NoPrices("069500".to_owned()))
    };
    let timeout = Some(Duration::from_secs(60));
    let limited = Try { simulate: refuse, timeout, threads: 1, ..Try::default() };
    let fault = limited.on(&bench, (config, good())).expect_err("two trials");
    let want =
        "no_completed_trials: the time limit ended the search after 2 trials, and all were pruned (2 RUN_FAILED)";
    assert_eq!(fault.to_string(), want);
}

#[test]
fn what_could_not_be_measured_is_refused_before_anything_is_made() {
    let bench = Bench::new();
    let mut config = bench.config();
    config.space = Space::with(&["adx_filter_min=15..25".to_owned()]).expect("a space");
    let fault = Try::default().on(&bench, (config.clone(), good())).expect_err("the gate is off");
    assert!(fault.to_string().contains("the gate is off (pc.gate = false)"), "{fault}");
    assert!(!bench.store.path("data").exists());
    config.gate = true;
    finished(Try::default().on(&bench, (config, good())));
}

#[test]
fn a_range_that_starts_before_the_prices_is_refused_with_the_ticker_and_its_first_bar() {
    // The range starts on 2023-01-02; one session is enough to be late.
    let mut late = good();
    let old = late.market["114800"].clone();
    let mut bars = Bars::default();
    for at in old.first_from(day("2023-01-03"))..old.len() {
        bars.push(old.date[at], [old.open[at], old.high[at], old.low[at], old.close[at], old.volume[at]]);
    }
    late.market.insert("114800".to_owned(), bars);
    let cases = [
        ("one ticker is younger", late, "2023-01-01", "114800: its first bar is 2023-01-03"),
        ("the start is before all prices", good(), "2010-01-04", "its first bar is 2021-07-01"),
    ];
    for (name, data, start, want) in cases {
        let bench = Bench::new();
        let mut config = bench.config();
        config.start = day(start);
        let fault = Try::default().on(&bench, (config, data)).expect_err(name);
        assert!(matches!(fault, TuneFault::StartsLater { .. }), "{name}: {fault}");
        assert!(fault.to_string().contains(want), "{name}: {fault}");
        assert!(!bench.store.path("data").exists(), "{name}: no run directory, no crash.json");
    }
    let bench = Bench::new();
    let mut config = bench.config();
    config.start = day("2021-07-01");
    finished(Try::default().on(&bench, (config, good())));
}

#[test]
fn a_panic_in_a_trial_leaves_a_crash_file_and_the_run_can_go_on() {
    let bench = Bench::new();
    let config = bench.config();
    let panics: Simulate<'_> = &|_, _| panic!("the arithmetic is wrong");
    let fault = Try { simulate: panics, ..Try::default() }.on(&bench, (config.clone(), good())).expect_err("a panic");
    assert_eq!(fault.to_string(), "trial 0 panicked: the arithmetic is wrong");
    let crash: Value = serde_json::from_str(&bench.run_file("crash.json")).expect("JSON");
    assert_eq!((crash["error_type"].as_str(), crash["error_msg"].as_str()), (Some("Panic"), Some(&*fault.to_string())));
    assert!(crash["traceback"].as_array().is_some_and(|lines| !lines.is_empty()));
    let end = bench.events().pop().expect("an event");
    assert_eq!(end["payload"]["status"], "FAIL");
    let resumed = Try { how: crate::fixture::How::Resume, ..Try::default() };
    finished(resumed.on(&bench, (config, good())));
    assert!(!bench.has_run_file("crash.json"), "the run did not die after all");
}
