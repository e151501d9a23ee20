//! Which parameters may replace those in force, and that nothing else does.

use daily_ops::contracts::Document as _;
use daily_ops::contracts::StrategyParams;
use daily_ops::contracts::tune::GatekeeperDecision;
use daily_ops::contracts::tune::PromotionDecision;
use daily_ops::contracts::tune::TuneFigures;
use daily_ops::contracts::tune::TuneStage;
use daily_ops::pc::params;
use daily_ops::pc::tune::guard::Preset;
use daily_ops::pc::tune::input::fee_table_sha256;
use daily_ops::pc::tune::promotion::Conditions;
use daily_ops::pc::tune::promotion::Promotion;
use daily_ops::pc::tune::promotion::promote;
use daily_ops::pc::tune::rundir::Manifest;
use daily_ops::pc::tune::rundir::RunDir;
use daily_ops::pc::tune::space::Space;
use daily_ops::store::layout;
use serde_json::Number;

use crate::fixture::Bench;
use crate::fixture::RUN;
use crate::fixture::done;

/// A finished run whose figures are set to ones that pass every check, and then edited.
fn run_with(edit: impl FnOnce(&mut Manifest)) -> Bench {
    let (bench, _) = done();
    let dir = RunDir::new(&bench.store, &bench.clock, RUN);
    let mut manifest = dir.manifest().expect("readable").expect("there");
    let test = TuneFigures {
        sharpe: 1.5,
        mdd: 8.0,
        total_return: 9.0,
        total_trades: 40,
        exposure: 0.9,
        ..TuneFigures::default()
    };
    let judged = manifest.results.judged.as_mut().expect("judged");
    judged.params.insert("momentum_period".to_owned(), Number::from(22));
    judged.validation.mdd = 9.0;
    judged.test = Some(test);
    let baseline = manifest.results.baseline.as_mut().expect("a baseline");
    baseline.test = Some(TuneFigures { total_return: 5.0, ..test });
    edit(&mut manifest);
    dir.write_manifest(&manifest).expect("written");
    bench
}

fn conditions() -> Conditions {
    Conditions { fee_table_sha256: fee_table_sha256(None), gate: false }
}

fn tried(bench: &Bench, force: Option<&str>) -> Promotion {
    promote(&bench.store, &bench.clock, &conditions(), (RUN, force)).expect("judged")
}

/// Makes `max_drawdown_pct` of the parameters in force, and of the run, another one.
fn allow(bench: &Bench, max_drawdown_pct: f64) {
    let mut document = params::resolve(&bench.store).expect("parameters").document;
    document.params["risk_limits"]["max_drawdown_pct"] = max_drawdown_pct.into();
    bench.store.write_document(layout::STRATEGY_PARAMS.latest, &document).expect("written");
    let dir = RunDir::new(&bench.store, &bench.clock, RUN);
    let mut manifest = dir.manifest().expect("readable").expect("there");
    manifest.config.params = document.params;
    manifest.config.param_source.sha256 = params::resolve(&bench.store).expect("parameters").sha256;
    dir.write_manifest(&manifest).expect("written");
}

fn judged_test(manifest: &mut Manifest) -> &mut TuneFigures {
    manifest.results.judged.as_mut().and_then(|judged| judged.test.as_mut()).expect("a test")
}

fn set(manifest: &mut Manifest, name: &str, value: i64) {
    manifest.results.judged.as_mut().expect("judged").params.insert(name.to_owned(), Number::from(value));
}

/// One row: name, edit, decision, ids of the failed checks.
type Case = (&'static str, fn(&mut Manifest), PromotionDecision, &'static [&'static str]);

fn cases() -> [Case; 17] {
    use PromotionDecision::Error;
    use PromotionDecision::Hold;
    use PromotionDecision::Promote;
    use PromotionDecision::Reject;
    [
        ("fine", |_| (), Promote, &[]),
        ("a quarter more", |m| set(m, "momentum_period", 25), Promote, &[]),
        ("more than a quarter", |m| set(m, "momentum_period", 26), Reject, &["HC1_PARAM_DRIFT_LIMIT"]),
        ("mdd 15", |m| judged_test(m).mdd = 15.0, Promote, &[]),
        ("mdd above 15", |m| judged_test(m).mdd = 15.1, Reject, &["HC3_RISK_BOUNDS"]),
        (
            "validation mdd above 15",
            |m| m.results.judged.as_mut().expect("judged").validation.mdd = 15.1,
            Reject,
            &["HC3_RISK_BOUNDS"],
        ),
        ("half the trades", |m| judged_test(m).total_trades = 20, Promote, &[]),
        ("fewer than half", |m| judged_test(m).total_trades = 19, Reject, &["HC4_TRADE_SANITY"]),
        ("more than twice", |m| judged_test(m).total_trades = 81, Reject, &["HC4_TRADE_SANITY"]),
        ("no better", |m| judged_test(m).total_return = 5.0, Hold, &["SC1_RETURN_IMPROVEMENT"]),
        ("rarely invested", |m| judged_test(m).exposure = 0.29, Hold, &["SC2_EXPOSURE_NORMALIZATION"]),
        (
            "soft and hard",
            |m| *judged_test(m) = TuneFigures { mdd: 20.0, total_return: 1.0, ..*judged_test(m) },
            Reject,
            &["HC3_RISK_BOUNDS", "SC1_RETURN_IMPROVEMENT"],
        ),
        (
            "not final",
            |m| {
                m.stage = TuneStage::Gate1Passed;
                m.results.judged.as_mut().expect("judged").test = None;
            },
            Reject,
            &["PRE1_GATES_PASSED"],
        ),
        ("lax", |m| m.config.preset = Preset::Lax, Reject, &["PRE2_STANDARD_PRESET"]),
        (
            "no test",
            |m| m.results.judged.as_mut().expect("judged").test = None,
            Error,
            &["MISSING_KEY: manifest.json results.judged.test"],
        ),
        ("no baseline", |m| m.results.baseline = None, Error, &["MISSING_KEY: manifest.json results.baseline"]),
        ("nothing judged", |m| m.results.judged = None, Error, &["MISSING_KEY: manifest.json results.judged"]),
    ]
}

/// Parameters that are unlike, and figures that do not belong together.
fn further_cases() -> [Case; 3] {
    use PromotionDecision::Hold;
    use PromotionDecision::Promote;
    use PromotionDecision::Reject;
    [
        (
            "unlike",
            |m| {
                set(m, "momentum_period", 60);
                set(m, "max_positions", 2);
            },
            Reject,
            &["HC1_PARAM_DRIFT_LIMIT", "HC2_SIMILARITY_MIN"],
        ),
        (
            "bad in validation and splendid in the test",
            |m| {
                m.results.judged.as_mut().expect("judged").validation.sharpe = -0.1;
                judged_test(m).sharpe = 1.6;
            },
            Hold,
            &["SC3_VAL_TEST_DIVERGENCE"],
        ),
        (
            "bad in validation and good in the test",
            |m| m.results.judged.as_mut().expect("judged").validation.sharpe = -0.1,
            Promote,
            &[],
        ),
    ]
}

#[test]
fn each_check_has_its_weight_and_the_worst_decides() {
    for (name, edit, want, reasons) in cases().into_iter().chain(further_cases()) {
        let bench = run_with(edit);
        let before = bench.bytes(layout::STRATEGY_PARAMS.latest);
        let done = tried(&bench, None);
        assert_eq!(
            (done.decision.decision, &done.decision.reasons[..]),
            (want, &reasons.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>()[..]),
            "{name}"
        );
        let is_promoted = want == PromotionDecision::Promote;
        assert_eq!((done.decision.applied, done.published.is_some()), (is_promoted, is_promoted), "{name}");
        assert_eq!(bench.bytes(layout::STRATEGY_PARAMS.latest) != before, is_promoted, "{name}");
        let stored = bench.run_file("gatekeeper_decision.json");
        assert_eq!(GatekeeperDecision::parse(stored.as_bytes()).expect("a decision"), done.decision, "{name}");
    }
}

#[test]
fn the_drawdown_limit_is_that_of_the_parameters_in_force_and_never_above_fifteen() {
    // The run's drawdowns: 9 % in validation, 8 % in the test.
    let cases = [(0.089, false, "8.9 %"), (0.09, true, "9 %"), (0.15, true, "15 %"), (0.5, true, "15 %")];
    for (max_drawdown_pct, holds, limit) in cases {
        let bench = run_with(|_| ());
        allow(&bench, max_drawdown_pct);
        let decision = tried(&bench, None).decision;
        let check = decision.checks.iter().find(|check| check.id == "HC3_RISK_BOUNDS").expect("the check");
        assert_eq!((check.passed, decision.applied), (holds, holds), "{max_drawdown_pct}: {:?}", decision.reasons);
        let want = format!("{limit} = min(15 %, max_drawdown_pct {max_drawdown_pct})");
        assert!(check.detail.ends_with(&want), "{max_drawdown_pct}: {}", check.detail);
    }
    let bench = run_with(|m| judged_test(m).mdd = 15.1);
    allow(&bench, 0.5);
    assert_eq!(tried(&bench, None).decision.reasons, ["HC3_RISK_BOUNDS"]);
}

#[test]
fn similarity_is_measured_on_the_published_ranges_whatever_was_searched() {
    for grid in ["momentum_period=18..24", "momentum_period=8..200"] {
        let space = Space::with(&[grid.to_owned()]).expect("a space");
        let bench = run_with(|m| {
            m.config.space = space;
            set(m, "momentum_period", 24);
            set(m, "max_positions", 3);
        });
        let decision = tried(&bench, None).decision;
        let check = decision.checks.iter().find(|check| check.id == "HC2_SIMILARITY_MIN").expect("the check");
        // 1 - (4/52 + 1/4 + 0) / 3
        assert_eq!(check.detail, "1 - mean(|difference| / range) = 0.891 >= 0.70", "{grid}");
    }
}

#[test]
fn a_run_that_searched_what_the_gate_alone_reads_is_not_promoted_with_the_gate_off() {
    let space = Space::with(&["adx_filter_min=15..25".to_owned()]).expect("a space");
    let decision = tried(&run_with(|m| m.config.space = space), None).decision;
    assert_eq!((decision.decision, decision.applied), (PromotionDecision::Error, false));
    assert!(decision.reasons[0].starts_with("UNMEASURED: --space adx_filter_min"), "{:?}", decision.reasons);
}

#[test]
fn a_run_under_other_conditions_cannot_be_judged() {
    type Edit = fn(&mut Manifest);
    let cases: [(&str, Edit, &str); 4] = [
        ("simulator", |m| m.environment.engine_version = "daily-bars-0".to_owned(), "engine_version daily-bars-0 in"),
        ("tax table", |m| m.config.costs.fee_table_sha256 = "0".repeat(64), "fee_table_sha256 0000"),
        ("gate", |m| m.config.gate = true, "gate on in the run, off in force"),
        (
            "all",
            |m| {
                m.config.gate = true;
                m.environment.engine_version = "daily-bars-0".to_owned();
            },
            "in force; gate on in the run, off in force; tune again",
        ),
    ];
    for (name, edit, want) in cases {
        let bench = run_with(edit);
        let done = tried(&bench, Some("it will be fine"));
        assert_eq!((done.decision.decision, done.decision.applied), (PromotionDecision::Error, false), "{name}");
        let reason = &done.decision.reasons[0];
        assert!(reason.starts_with("CONDITIONS_CHANGED: ") && reason.contains(want), "{name}: {reason}");
    }
}

#[test]
fn a_promotion_writes_the_parameters_and_only_the_searched_ones_change() {
    let bench = run_with(|_| ());
    let before = params::resolve(&bench.store).expect("parameters");
    let done = tried(&bench, None);
    let after = params::resolve(&bench.store).expect("parameters");
    assert_eq!(after.values.momentum_period, 22);
    let mut want = before.document.params.clone();
    want["lookbacks"]["momentum_period"] = 22.into();
    let judged = &done.decision.candidate.expect("a candidate");
    want["position_limits"]["max_positions"] = judged["position_limits"]["max_positions"].clone();
    assert_eq!((&after.document.params, judged), (&want, &want));
    let published = done.published.expect("published");
    assert_eq!(bench.bytes(&published.snapshot_ref), bench.bytes(layout::STRATEGY_PARAMS.latest));
    StrategyParams::parse(bench.text(&published.snapshot_ref).as_bytes()).expect("a document");
    let again = tried(&bench, None);
    assert_eq!(again.decision.decision, PromotionDecision::Error, "the run compared with what is no longer in force");
    assert!(again.decision.reasons[0].starts_with("BASELINE_CHANGED"), "{:?}", again.decision.reasons);
}

#[test]
fn force_overrules_a_hold_with_its_reason_and_nothing_else() {
    let bench = run_with(|m| judged_test(m).total_return = 1.0);
    let done = tried(&bench, Some("  the return of one window\nis no argument "));
    assert_eq!((done.decision.decision, done.decision.applied), (PromotionDecision::Hold, true));
    assert_eq!(done.decision.forced_reason.as_deref(), Some("the return of one window is no argument"));
    let bench = run_with(|m| judged_test(m).mdd = 30.0);
    let done = tried(&bench, Some("I know better"));
    assert_eq!((done.decision.decision, done.decision.applied), (PromotionDecision::Reject, false));
    assert_eq!(done.decision.forced_reason, None);
}

#[test]
fn what_cannot_be_read_is_an_error_and_never_a_promotion() {
    type Break = fn(&Bench);
    let file = |name: &str| format!("data/tuning_runs/{RUN}/{name}");
    let cases: [(&str, Break, &str); 5] = [
        ("manifest gone", |b| drop(b.store.remove(&format!("data/tuning_runs/{RUN}/manifest.json"))), "RUN_UNREADABLE"),
        (
            "manifest damaged",
            |b| b.store.write(&format!("data/tuning_runs/{RUN}/manifest.json"), b"{}").expect("w"),
            "RUN_UNREADABLE",
        ),
        ("verdict gone", |b| drop(b.store.remove(&format!("data/tuning_runs/{RUN}/verdict.json"))), "RUN_UNFINISHED"),
        ("parameters gone", |b| drop(b.store.remove(layout::STRATEGY_PARAMS.latest)), "BASELINE_UNREADABLE"),
        (
            "parameters damaged",
            |b| b.store.write(layout::STRATEGY_PARAMS.latest, b"{").expect("w"),
            "BASELINE_UNREADABLE",
        ),
    ];
    for (name, damage, want) in cases {
        let bench = run_with(|_| ());
        damage(&bench);
        let done = tried(&bench, Some("it will be fine"));
        assert_eq!((done.decision.decision, done.decision.applied), (PromotionDecision::Error, false), "{name}");
        assert!(done.decision.reasons[0].starts_with(want), "{name}: {:?}", done.decision.reasons);
    }
    let bench = run_with(|_| ());
    let failed = bench.run_file("verdict.json").replacen("\"verdict\": \"PASS\"", "\"verdict\": \"FAIL\"", 1);
    bench.store.write(&file("verdict.json"), failed.as_bytes()).expect("written");
    assert_eq!(tried(&bench, None).decision.reasons, ["PRE3_RUN_VERDICT"]);
    for unknown in ["tune_20200101_000000_000000", "../../state", ""] {
        assert!(promote(&bench.store, &bench.clock, &conditions(), (unknown, None)).is_err(), "{unknown:?}");
    }
}
