//! TUNE_RESULT_V1 and GATEKEEPER_DECISION_V3: what a search for parameters found, and whether it may replace what is in
//! force. Percent and positive drawdowns, as everywhere.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Number;
use serde_json::Value;

use super::document::Document;
use crate::time::Stamp;
use crate::time::TradingDate;

/// The values of one trial by parameter name.
pub type TuneParams = BTreeMap<String, Number>;

/// The figures of one simulation that tuning judges by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TuneFigures {
    /// Ratio.
    pub sharpe: f64,
    /// Percent, positive.
    #[serde(rename = "mdd_pct")]
    pub mdd: f64,
    /// Percent.
    pub cagr: f64,
    /// Percent.
    pub total_return: f64,
    /// Fills.
    pub total_trades: usize,
    /// Times a year.
    pub turnover: f64,
    /// Fraction of sessions.
    #[serde(rename = "exposure_ratio")]
    pub exposure: f64,
}

/// The head of the best trial's validation figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneSummary {
    /// Ratio.
    pub sharpe: f64,
    /// Percent, positive.
    pub mdd_pct: f64,
    /// Percent.
    pub cagr: f64,
    /// Percent.
    pub total_return: f64,
}

/// One of the ten best trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneTrialRow {
    /// Number from 0.
    pub trial: usize,
    /// Combined score.
    pub score: f64,
    /// Its values.
    pub params: TuneParams,
    /// Ratio.
    pub sharpe: f64,
    /// Percent, positive.
    pub mdd_pct: f64,
    /// Percent.
    pub cagr: f64,
    /// Fills.
    pub total_trades: usize,
}

/// How a check or a gate came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckStatus {
    /// It holds.
    Pass,
    /// It was not looked at, because an earlier gate said no.
    NotReached,
    /// It holds with a remark.
    Warn,
    /// It does not hold.
    Fail,
}

impl CheckStatus {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::NotReached => "NOT_REACHED",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// One check of a gate with its arithmetic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateCheck {
    /// What was checked: the code that a failure has.
    pub code: String,
    /// How it came out.
    pub status: CheckStatus,
    /// The arithmetic.
    pub detail: String,
}

/// One gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReport {
    /// 1, 2 or 3.
    pub gate: u8,
    /// The worst of its checks.
    pub status: CheckStatus,
    /// Its checks in order.
    pub checks: Vec<GateCheck>,
}

/// The trial that the gates judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneJudged {
    /// Number from 0.
    pub trial: usize,
    /// Its values.
    pub params: TuneParams,
    /// First 16 hex digits of SHA-256 over the canonical values.
    pub params_hash: String,
    /// Combined score.
    pub score: f64,
    /// Figures of the training segment.
    pub train: TuneFigures,
    /// Figures of the validation segment.
    pub validation: TuneFigures,
    /// Figures of the sealed test; null before gate 2 has passed.
    pub test: Option<TuneFigures>,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TuneStage {
    /// Trials.
    Tuning,
    /// The validation holds.
    Gate1Passed,
    /// The walk-forward windows hold.
    Gate2Passed,
    /// The test is revealed.
    Final,
}

impl TuneStage {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tuning => "tuning",
            Self::Gate1Passed => "gate1_passed",
            Self::Gate2Passed => "gate2_passed",
            Self::Final => "final",
        }
    }
}

/// Circumstances of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneMeta {
    /// When it ended.
    pub asof: Stamp,
    /// `tune_YYYYMMDD_HHMMSS_xxxxxx`
    pub run_id: String,
    /// `full` or `custom`.
    pub mode: String,
    /// First day of the range.
    pub start_date: TradingDate,
    /// Last day of the range.
    pub end_date: TradingDate,
    /// The tickers.
    pub universe: Vec<String>,
    /// Trials asked for.
    pub n_trials: usize,
    /// Trials that have a score.
    pub completed_trials: usize,
    /// Trials that were pruned.
    pub pruned_trials: usize,
    /// Seed of the sampler.
    pub seed: u64,
    /// Seconds from start, or from the last resume, to end.
    pub runtime_sec: f64,
    /// The file of the parameters that do not vary.
    pub param_source: TuneSource,
    /// SHA-256 over tickers and their files.
    pub data_fingerprint: String,
    /// The simulator's version.
    pub engine_version: String,
    /// How far the run came.
    pub stage: TuneStage,
    /// `standard` or `lax`.
    pub preset: String,
    /// Whether the time limit ended the search.
    pub timed_out: bool,
}

/// A file and its hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TuneSource {
    /// Relative to the workspace.
    pub path: String,
    /// 64 lower-case hex digits.
    pub sha256: String,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneResult {
    /// `TUNE_RESULT_V1`
    pub schema: String,
    /// Values of the trial with the highest score.
    pub best_params: TuneParams,
    /// Its score.
    pub best_score: f64,
    /// Its validation figures.
    pub best_summary: TuneSummary,
    /// Its fills in the validation segment.
    pub best_total_trades: usize,
    /// At most ten trials, best first.
    pub trials_top10: Vec<TuneTrialRow>,
    /// The trial that the gates judged: the best one that passes gate 1, else the best one.
    pub judged: TuneJudged,
    /// The three gates.
    pub gates: Vec<GateReport>,
    /// PASS, WARN or FAIL.
    pub verdict: CheckStatus,
    /// Circumstances.
    pub meta: TuneMeta,
}

impl Document for TuneResult {
    const SCHEMA: &'static str = "TUNE_RESULT_V1";
}

/// What the promotion check comes to; the worst wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PromotionDecision {
    /// May replace what is in force.
    Promote,
    /// A soft check fails: only by force and with a reason.
    Hold,
    /// A hard check fails.
    Reject,
    /// It cannot be judged.
    Error,
}

impl PromotionDecision {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "PROMOTE",
            Self::Hold => "HOLD",
            Self::Reject => "REJECT",
            Self::Error => "ERROR",
        }
    }
}

/// Whether a failed check can be overruled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckKind {
    /// It cannot.
    Hard,
    /// By force and with a reason.
    Soft,
}

/// One promotion check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionCheck {
    /// `HC1_PARAM_DRIFT_LIMIT` and so on.
    pub id: String,
    /// Hard or soft.
    pub kind: CheckKind,
    /// Whether it holds.
    pub passed: bool,
    /// The arithmetic.
    pub detail: String,
}

/// GATEKEEPER_DECISION_V3
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatekeeperDecision {
    /// `GATEKEEPER_DECISION_V3`
    pub schema: String,
    /// When it was decided.
    pub asof: Stamp,
    /// The tuning run.
    pub run_id: String,
    /// The decision.
    pub decision: PromotionDecision,
    /// Ids of failed checks, or why it cannot be judged.
    pub reasons: Vec<String>,
    /// Every check in order.
    pub checks: Vec<PromotionCheck>,
    /// The parameters in force; null when they cannot be had.
    pub baseline: Option<TuneSource>,
    /// The parameters that were judged; null when they cannot be had.
    pub candidate: Option<Value>,
    /// Whether the parameters were written.
    pub applied: bool,
    /// Why a HOLD was overruled; null when it was not.
    pub forced_reason: Option<String>,
}

impl Document for GatekeeperDecision {
    const SCHEMA: &'static str = "GATEKEEPER_DECISION_V3";
}
