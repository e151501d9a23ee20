//! Runs simulations for tuning: one point over one span, and one trial over the look-back windows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::contracts::DocumentFault;
use crate::contracts::JsonFault;
use crate::contracts::ParamValues;
use crate::contracts::StrategyParams;
use crate::pc::backtest::BacktestFault;
use crate::pc::backtest::Costs;
use crate::pc::backtest::Market;
use crate::pc::backtest::MomentumParams;
use crate::pc::backtest::Outcome;
use crate::pc::backtest::Setup;
use crate::pc::backtest::Strategy;
use crate::pc::backtest::case::BENCHMARK;
use crate::time::Stamp;
use crate::trading::FeeTable;
use crate::trading::GateParams;
use crate::trading::Instrument;

use super::config::TuneConfig;
use super::objective;
use super::segment::Cache;
use super::segment::CacheFault;
use super::segment::Figures;
use super::segment::Ground;
use super::space::Point;
use super::space::applied;
use super::space::params_hash;
use super::split::Segment;
use super::split::Splits;

/// The simulator, as a value: the tests of the sealed test look at what it is handed.
pub type Simulate<'a> = &'a (dyn Fn(&Setup<'_>, &Market) -> Result<Outcome, BacktestFault> + Sync);

/// A simulation for tuning did not come to figures.
#[derive(Debug, thiserror::Error)]
pub enum LabFault {
    /// The simulator refused; such a trial is pruned.
    #[error(transparent)]
    Backtest(#[from] BacktestFault),
    /// The parameters break a rule; such a trial is pruned.
    #[error(transparent)]
    Params(#[from] DocumentFault),
    /// A remembered simulation belongs to other parameters; the run ends.
    #[error(transparent)]
    Cache(#[from] CacheFault),
    /// A number is not finite; the run ends.
    #[error(transparent)]
    Json(#[from] JsonFault),
}

impl LabFault {
    /// Whether only the trial is lost.
    #[must_use]
    pub fn is_of_the_trial(&self) -> bool {
        matches!(self, Self::Backtest(_) | Self::Params(_))
    }
}

/// A look-back window's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookBack {
    /// Its months.
    pub months: u32,
    /// The window, clamped to the validation segment.
    pub segment: Segment,
    /// Its score.
    pub score: f64,
}

/// One trial of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Number from 0.
    pub trial: usize,
    /// Its values.
    pub params: Point,
    /// Their identity.
    pub params_hash: String,
    /// The combined score; null when pruned.
    pub score: Option<f64>,
    /// Why it was pruned; null when it was not.
    pub prune_reason: Option<String>,
    /// Figures of the validation segment; null when nothing was simulated.
    pub validation: Option<Figures>,
    /// The scores of the look-back windows.
    pub look_backs: Vec<LookBack>,
}

impl Trial {
    /// Score and validation figures of a trial that was completed.
    #[must_use]
    pub fn completed(&self) -> Option<(f64, &Figures)> {
        Some((self.score?, self.validation.as_ref()?))
    }
}

/// A point, its number and its identity.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Number from 0.
    pub trial: usize,
    /// Its values.
    pub point: Point,
    /// Their identity.
    pub hash: String,
    /// The earlier trial with the same identity.
    pub duplicate_of: Option<usize>,
}

/// Numbers and names the points of a search.
///
/// # Errors
/// A value is not finite.
pub fn candidates(points: Vec<Point>) -> Result<Vec<Candidate>, JsonFault> {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let number = |(trial, point): (usize, Point)| {
        let hash = params_hash(&point)?;
        let earliest = *first.entry(hash.clone()).or_insert(trial);
        Ok(Candidate { trial, point, hash, duplicate_of: (earliest != trial).then_some(earliest) })
    };
    points.into_iter().enumerate().map(number).collect()
}

/// Everything that a simulation of this run needs beside its point, its span and its bars.
pub struct Lab<'a> {
    config: &'a TuneConfig,
    fees: &'a FeeTable,
    simulate: Simulate<'a>,
    ground: Ground,
    instruments: BTreeMap<String, Instrument>,
    cache: Cache,
}

impl std::fmt::Debug for Lab<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab").field("ground", &self.ground).finish_non_exhaustive()
    }
}

impl<'a> Lab<'a> {
    /// Sets up.
    ///
    /// # Errors
    /// A number of the configuration is not finite.
    pub fn new(
        config: &'a TuneConfig,
        (fees, simulate): (&'a FeeTable, Simulate<'a>),
        data_fingerprint: &str,
    ) -> Result<Self, JsonFault> {
        let universe = config.params.get("universe").and_then(Value::as_array).cloned().unwrap_or_default();
        let known = |ticker: &Value| {
            let ticker = ticker.as_str()?;
            Some((ticker.to_owned(), crate::trading::known(ticker)?.0))
        };
        Ok(Self {
            config,
            fees,
            simulate,
            ground: config.ground(data_fingerprint)?,
            instruments: universe.iter().filter_map(known).collect(),
            cache: Cache::default(),
        })
    }

    /// The parameters of a point: the ones in force with the point's values.
    fn values(&self, point: &Point) -> Result<ParamValues, DocumentFault> {
        let document = StrategyParams {
            schema: "STRATEGY_PARAMS_V1".to_owned(),
            asof: Stamp::default(),
            strategy: self.config.strategy.clone(),
            version: self.config.version.clone(),
            params: applied(&self.config.params, point),
        };
        document.values()
    }

    /// The figures of one point over one span. `market` needs no bar after the span.
    ///
    /// # Errors
    /// The parameters break a rule, the simulator refuses, or the cache holds something else under this key.
    pub fn figures(
        &self,
        (point, hash): (&Point, &str),
        segment: Segment,
        market: &Market,
    ) -> Result<Figures, LabFault> {
        let key = self.ground.key(hash, segment)?;
        if let Some(figures) = self.cache.get(&key, hash)? {
            return Ok(figures);
        }
        let values = self.values(point)?;
        let gate = self.config.gate.then(|| {
            let default = GateParams::default();
            GateParams { adx_threshold: values.adx_filter_min.unwrap_or(default.adx_threshold), ..default }
        });
        let strategy = Strategy::KrxMomentum(MomentumParams {
            momentum_period: values.momentum_period,
            entry_threshold: values.entry_threshold,
            exit_threshold: values.exit_threshold,
            max_positions: values.max_positions,
            max_position_pct: values.max_position_pct,
            min_cash_pct: values.min_cash_pct,
            rebalance_threshold: self.config.rebalance_threshold,
            rebalance: values.frequency,
            gate,
        });
        let costs = &self.config.costs;
        let setup = Setup {
            strategy,
            universe: values.universe,
            instruments: self.instruments.clone(),
            benchmark: BENCHMARK.to_owned(),
            start: segment.start,
            end: segment.end,
            costs: Costs {
                commission_rate: costs.commission_rate,
                slippage_rate: costs.slippage_rate,
                fees: self.fees,
            },
            initial_capital: self.config.initial_capital,
        };
        let metrics = (self.simulate)(&setup, market)?.metrics;
        let figures = Figures {
            sharpe: metrics.sharpe,
            mdd: metrics.mdd,
            cagr: metrics.cagr,
            total_return: metrics.total_return,
            total_trades: metrics.total_trades,
            turnover: metrics.turnover,
            exposure: metrics.exposure_ratio,
        };
        self.cache.put(&key, hash, figures);
        Ok(figures)
    }

    /// Runs one trial: the validation segment first, because that may end it, then the look-back windows.
    ///
    /// # Errors
    /// The cache is wrong. A trial that cannot be simulated is no error: it is pruned.
    pub fn trial(&self, candidate: &Candidate, splits: &Splits, market: &Market) -> Result<Trial, LabFault> {
        let mut trial = Trial {
            trial: candidate.trial,
            params: candidate.point.clone(),
            params_hash: candidate.hash.clone(),
            score: None,
            prune_reason: None,
            validation: None,
            look_backs: Vec::new(),
        };
        if let Some(earlier) = candidate.duplicate_of {
            trial.prune_reason = Some(format!("DUPLICATE_PARAMS: the same as trial {earlier}"));
            return Ok(trial);
        }
        match self.scored(&mut trial, splits, market) {
            Ok(()) => Ok(trial),
            Err(fault) if fault.is_of_the_trial() => {
                trial.score = None;
                trial.prune_reason = Some(format!("RUN_FAILED: {fault}"));
                Ok(trial)
            }
            Err(fault) => Err(fault),
        }
    }

    fn scored(&self, trial: &mut Trial, splits: &Splits, market: &Market) -> Result<(), LabFault> {
        let (point, hash) = (trial.params.clone(), trial.params_hash.clone());
        let validation = self.figures((&point, &hash), splits.validation, market)?;
        trial.validation = Some(validation);
        trial.prune_reason = objective::prune_reason(&validation);
        if trial.prune_reason.is_some() {
            return Ok(());
        }
        for (months, segment) in splits.look_backs() {
            let figures = self.figures((&point, &hash), segment, market)?;
            trial.look_backs.push(LookBack { months, segment, score: objective::score(&figures) });
        }
        let scores: Vec<f64> = trial.look_backs.iter().map(|window| window.score).collect();
        trial.score = self.config.objective.of(&scores);
        Ok(())
    }
}

/// The point of the parameters in force: the same names, the values of the document.
#[must_use]
pub fn baseline_point(config: &TuneConfig) -> Point {
    let value = |name: &str, like: &serde_json::Number| {
        let number = super::space::current(&config.params, name)?;
        #[expect(clippy::cast_possible_truncation, reason = "integers of the space are below 251")]
        if like.is_f64() { serde_json::Number::from_f64(number) } else { Some((number as i64).into()) }
    };
    let names = config.space.point(0);
    names.iter().filter_map(|(name, like)| Some((name.clone(), value(name, like)?))).collect()
}
