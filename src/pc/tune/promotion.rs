//! Whether the parameters that a run found may replace those in force, and the replacing.

use serde_json::Value;

use crate::contracts::Document as _;
use crate::contracts::StrategyParams;
use crate::contracts::tune::CheckKind;
use crate::contracts::tune::CheckStatus;
use crate::contracts::tune::GatekeeperDecision;
use crate::contracts::tune::PromotionCheck;
use crate::contracts::tune::PromotionDecision;
use crate::contracts::tune::TuneJudged;
use crate::contracts::tune::TuneSource;
use crate::contracts::tune::TuneStage;
use crate::pc::backtest::ENGINE_VERSION;
use crate::pc::params;
use crate::pc::params::ParamSource;
use crate::store::Published;
use crate::store::Store;
use crate::store::layout;
use crate::time::Clock;
use crate::time::Stamp;

use super::TuneFault;
use super::guard;
use super::guard::Preset;
use super::rundir::Baseline;
use super::rundir::Manifest;
use super::rundir::RunDir;
use super::segment::Figures;
use super::space::Space;
use super::space::applied;
use super::space::published_range;
use super::space::round6;
use super::verdict::Verdict;

/// How far a number may be from the one in force, as a share of it.
pub const MAX_DRIFT: f64 = 0.25;
/// Least similarity over the search space.
const MIN_SIMILARITY: f64 = 0.70;
/// Deepest drawdown in any case, percent; the parameters in force may allow less.
const MAX_MDD: f64 = 15.0;
/// Trades against the baseline's.
const TRADES: (f64, f64) = (0.5, 2.0);
/// Exposure.
const EXPOSURE: (f64, f64) = (0.30, 1.00);
/// The name of the decision in the run directory.
pub const DECISION_FILE: &str = "gatekeeper_decision.json";

/// The worst that checks come to: a hard one rejects, a soft one holds.
#[must_use]
pub fn decision_of(checks: &[PromotionCheck]) -> PromotionDecision {
    let failed = |check: &&PromotionCheck| !check.passed;
    let worst = checks.iter().filter(failed).map(|check| match check.kind {
        CheckKind::Hard => PromotionDecision::Reject,
        CheckKind::Soft => PromotionDecision::Hold,
    });
    worst.max().unwrap_or(PromotionDecision::Promote)
}

fn check(id: &str, kind: CheckKind, (passed, detail): (bool, String)) -> PromotionCheck {
    PromotionCheck { id: id.to_owned(), kind, passed, detail }
}

/// Every number of a parameter document with its path.
fn numbers(value: &Value, path: &str, found: &mut Vec<(String, f64)>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let dot = if path.is_empty() { "" } else { "." };
                numbers(inner, &format!("{path}{dot}{key}"), found);
            }
        }
        Value::Number(number) => found.extend(number.as_f64().map(|number| (path.to_owned(), number))),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => {}
    }
}

/// Each numeric parameter within a quarter of the one in force.
fn drift(in_force: &Value, candidate: &Value) -> (bool, String) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    numbers(in_force, "", &mut before);
    numbers(candidate, "", &mut after);
    let mut wrong = Vec::new();
    for (path, new) in &after {
        match before.iter().find(|(other, _)| other == path) {
            Some((_, old)) if (new - old).abs() <= MAX_DRIFT * old.abs() + 1e-9 => {}
            Some((_, old)) if *old == 0.0 => wrong.push(format!("{path} {old} -> {new}")),
            Some((_, old)) => wrong.push(format!("{path} {old} -> {new} ({:+.0} %)", (new - old) / old.abs() * 100.0)),
            None => wrong.push(format!("{path} none -> {new}")),
        }
    }
    wrong.extend(
        before
            .iter()
            .filter(|(path, _)| !after.iter().any(|(other, _)| other == path))
            .map(|(path, old)| format!("{path} {old} -> none")),
    );
    if wrong.is_empty() {
        return (true, format!("{} numbers within 25 % of those in force", after.len()));
    }
    (false, format!("further than 25 %: {}", wrong.join(", ")))
}

/// One minus the mean distance over the parameters that were searched, each as a share of its published range. The run's
/// own grid is no measure: a wider search would make the same step look smaller.
fn similarity(space: &Space, baseline: &Baseline, judged: &TuneJudged) -> (bool, String) {
    #![expect(clippy::cast_precision_loss, reason = "a handful of parameters")]
    let distance = |(name, _): (&str, &super::space::Grid)| {
        let old = baseline.params.get(name).and_then(serde_json::Number::as_f64);
        let new = judged.params.get(name).and_then(serde_json::Number::as_f64);
        let (Some(old), Some(new), Some(range)) = (old, new, published_range(name)) else { return 1.0 };
        let difference = (new - old).abs();
        if difference == 0.0 { 0.0 } else { (difference / range).min(1.0) }
    };
    let distances: Vec<f64> = space.grids().map(distance).collect();
    let found = 1.0 - distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    let holds = found >= MIN_SIMILARITY;
    (
        holds,
        format!("1 - mean(|difference| / range) = {found:.3} {} {MIN_SIMILARITY:.2}", if holds { ">=" } else { "<" }),
    )
}

/// The drawdown against the parameters' own limit, which may be stricter than the general one and never looser.
fn risk(judged: &TuneJudged, test: &Figures, max_drawdown_pct: f64) -> (bool, String) {
    let limit = MAX_MDD.min(round6(100.0 * max_drawdown_pct));
    let holds = judged.validation.mdd <= limit && test.mdd <= limit;
    let sign = if holds { "<=" } else { ">" };
    let detail = format!(
        "max(validation {:.2} %, test {:.2} %) {sign} {limit} % = min({MAX_MDD} %, max_drawdown_pct {max_drawdown_pct})",
        judged.validation.mdd, test.mdd
    );
    (holds, detail)
}

fn trades(test: &Figures, baseline: &Figures) -> (bool, String) {
    #![expect(clippy::cast_precision_loss, reason = "a count of trades is far below 2^52")]
    let (low, high) = TRADES;
    if baseline.total_trades == 0 {
        return (false, format!("test {} against 0 trades of the parameters in force", test.total_trades));
    }
    let ratio = test.total_trades as f64 / baseline.total_trades as f64;
    let holds = ratio >= low && ratio <= high;
    let told = if holds { "within" } else { "outside of" };
    (holds, format!("test {} / {} = {ratio:.2} {told} {low}..{high}", test.total_trades, baseline.total_trades))
}

fn improvement(test: &Figures, baseline: &Figures) -> (bool, String) {
    let holds = test.total_return > baseline.total_return;
    let sign = if holds { ">" } else { "<=" };
    (
        holds,
        format!(
            "test return {:.2} % {sign} {:.2} % of the parameters in force",
            test.total_return, baseline.total_return
        ),
    )
}

fn exposure(test: &Figures) -> (bool, String) {
    let (low, high) = EXPOSURE;
    let holds = test.exposure >= low && test.exposure <= high;
    (
        holds,
        format!(
            "test exposure {:.3} {} {low:.2}..{high:.2}",
            test.exposure,
            if holds { "within" } else { "outside of" }
        ),
    )
}

/// What simulations depend on beside parameters and prices, as it is now. A run that was made otherwise says nothing
/// about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// SHA-256 of the tax table in force.
    pub fee_table_sha256: String,
    /// Whether the market gate applies.
    pub gate: bool,
}

impl Conditions {
    /// Why a run was made under other ones; `None` when it was not.
    fn difference(&self, manifest: &Manifest) -> Option<String> {
        let config = &manifest.config;
        let gate = |is_on: bool| if is_on { "on" } else { "off" };
        let rows = [
            ("engine_version", manifest.environment.engine_version.as_str(), ENGINE_VERSION),
            ("fee_table_sha256", config.costs.fee_table_sha256.as_str(), self.fee_table_sha256.as_str()),
            ("gate", gate(config.gate), gate(self.gate)),
        ];
        let differences: Vec<String> = rows
            .iter()
            .filter(|(_, there, here)| there != here)
            .map(|(name, there, here)| format!("{name} {there} in the run, {here} in force"))
            .collect();
        (!differences.is_empty()).then(|| format!("CONDITIONS_CHANGED: {}; tune again", differences.join("; ")))
    }
}

/// What a promotion is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The run.
    pub manifest: &'a Manifest,
    /// Its verdict.
    pub verdict: &'a Verdict,
    /// The parameters in force now.
    pub in_force: &'a ParamSource,
    /// The rest of what is in force now.
    pub conditions: &'a Conditions,
}

/// Every check in order.
///
/// # Errors
/// Why it cannot be judged: something that the checks need is missing.
pub fn checks(evidence: Evidence<'_>) -> Result<Vec<PromotionCheck>, String> {
    let Evidence { manifest, verdict, in_force, conditions } = evidence;
    let then = &manifest.config.param_source.sha256;
    if *then != in_force.sha256 {
        return Err(format!(
            "BASELINE_CHANGED: {} has sha256 {}, the run compared with {then}; tune again",
            in_force.path, in_force.sha256
        ));
    }
    if let Some(why) = manifest.config.unmeasured() {
        return Err(format!("UNMEASURED: {why}"));
    }
    if let Some(difference) = conditions.difference(manifest) {
        return Err(difference);
    }
    let results = &manifest.results;
    let judged = results.judged.as_ref().ok_or("MISSING_KEY: manifest.json results.judged")?;
    let baseline = results.baseline.as_ref().ok_or("MISSING_KEY: manifest.json results.baseline")?;
    let (hard, soft) = (CheckKind::Hard, CheckKind::Soft);
    let is_final = manifest.stage == TuneStage::Final;
    let preset = manifest.config.preset;
    let candidate = applied(&manifest.config.params, &judged.params);
    let mut checks = vec![
        check("PRE1_GATES_PASSED", hard, (is_final, format!("stage {}", manifest.stage.as_str()))),
        check("PRE2_STANDARD_PRESET", hard, (preset == Preset::Standard, format!("preset {}", preset.as_str()))),
        check(
            "PRE3_RUN_VERDICT",
            hard,
            (verdict.verdict != CheckStatus::Fail, format!("verdict {}", verdict.verdict.as_str())),
        ),
        check("HC1_PARAM_DRIFT_LIMIT", hard, drift(&in_force.document.params, &candidate)),
        check("HC2_SIMILARITY_MIN", hard, similarity(&manifest.config.space, baseline, judged)),
    ];
    if !is_final {
        // There is no test figure to judge by, and none is made: the run is rejected as it is.
        return Ok(checks);
    }
    let test = judged.test.as_ref().ok_or("MISSING_KEY: manifest.json results.judged.test")?;
    let before = baseline.test.as_ref().ok_or("MISSING_KEY: manifest.json results.baseline.test")?;
    checks.push(check("HC3_RISK_BOUNDS", hard, risk(judged, test, in_force.values.max_drawdown_pct)));
    checks.push(check("HC4_TRADE_SANITY", hard, trades(test, before)));
    checks.push(check("SC1_RETURN_IMPROVEMENT", soft, improvement(test, before)));
    checks.push(check("SC2_EXPOSURE_NORMALIZATION", soft, exposure(test)));
    checks.push(check("SC3_VAL_TEST_DIVERGENCE", soft, guard::divergence(&judged.validation, test)));
    Ok(checks)
}

/// A promotion: the decision, and where the parameters were written.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The decision.
    pub decision: GatekeeperDecision,
    /// The parameters' snapshot and latest copy; `None` when nothing was written.
    pub published: Option<Published>,
}

/// Judges a run and writes its parameters on PROMOTE, or on HOLD with a reason to overrule it. The decision is written
/// into the run directory in any case.
///
/// # Errors
/// There is no such run, or a file cannot be written.
pub fn promote(
    store: &Store,
    clock: &dyn Clock,
    conditions: &Conditions,
    (run_id, force): (&str, Option<&str>),
) -> Result<Promotion, TuneFault> {
    let dir = RunDir::new(store, clock, run_id);
    if !super::rundir::is_run_id(run_id) || !store.path(&dir.file("")).is_dir() {
        return Err(TuneFault::NoSuchRun(run_id.to_owned()));
    }
    let now = clock.now();
    let mut decision = GatekeeperDecision {
        schema: GatekeeperDecision::SCHEMA.to_owned(),
        asof: Stamp::of(now),
        run_id: run_id.to_owned(),
        decision: PromotionDecision::Error,
        reasons: Vec::new(),
        checks: Vec::new(),
        baseline: None,
        candidate: None,
        applied: false,
        forced_reason: None,
    };
    let document = match judged((store, conditions), &dir, &mut decision) {
        Ok(document) => document,
        Err(reason) => {
            decision.reasons = vec![reason];
            None
        }
    };
    let is_forced = decision.decision == PromotionDecision::Hold && force.is_some();
    let may = decision.decision == PromotionDecision::Promote || is_forced;
    if is_forced {
        decision.forced_reason = force.map(one_line);
    }
    store.write_document(&dir.file(DECISION_FILE), &decision)?;
    let (true, Some(mut document)) = (may, document) else { return Ok(Promotion { decision, published: None }) };
    document.asof = Stamp::of(now);
    let (_, published) = store.publish(layout::STRATEGY_PARAMS, now, &|_| document.clone())?;
    decision.applied = true;
    store.write_document(&dir.file(DECISION_FILE), &decision)?;
    dir.log(&format!("promoted: {} -> {}", decision.decision.as_str(), published.snapshot_ref))?;
    Ok(Promotion { decision, published: Some(published) })
}

/// Fills the decision in; the parameters that it would write.
fn judged(
    (store, conditions): (&Store, &Conditions),
    dir: &RunDir<'_>,
    decision: &mut GatekeeperDecision,
) -> Result<Option<StrategyParams>, String> {
    let manifest = dir.manifest().map_err(|fault| format!("RUN_UNREADABLE: {fault}"))?;
    let manifest = manifest.ok_or_else(|| format!("RUN_UNREADABLE: no {}", dir.file("manifest.json")))?;
    let verdict = dir.verdict().map_err(|fault| format!("RUN_UNREADABLE: {fault}"))?;
    let verdict = verdict.ok_or_else(|| format!("RUN_UNFINISHED: no {}", dir.file("verdict.json")))?;
    let in_force = params::resolve(store).map_err(|fault| format!("BASELINE_UNREADABLE: {fault}"))?;
    decision.baseline = Some(TuneSource { path: in_force.path.clone(), sha256: in_force.sha256.clone() });
    let evidence = Evidence { manifest: &manifest, verdict: &verdict, in_force: &in_force, conditions };
    decision.checks = checks(evidence)?;
    let judged = manifest.results.judged.as_ref().ok_or("MISSING_KEY: manifest.json results.judged")?;
    let document = StrategyParams { params: applied(&in_force.document.params, &judged.params), ..in_force.document };
    document.values().map_err(|fault| format!("PARAMS_INVALID: {fault}"))?;
    decision.candidate = Some(document.params.clone());
    decision.decision = decision_of(&decision.checks);
    let failed = decision.checks.iter().filter(|check| !check.passed);
    decision.reasons = failed.map(|check| check.id.clone()).collect();
    Ok(Some(document))
}

/// A person's reason as one line of at most 240 characters.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(240).collect()
}
