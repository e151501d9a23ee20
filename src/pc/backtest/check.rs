//! What a simulation's inputs must be; a fault names the parameter, its value and the rule.

use std::fmt::Display;

use super::BacktestFault;
use super::MomentumParams;
use super::Setup;
use super::Strategy;
use crate::trading::GateParams;

/// The longest window that makes sense, in bars: forty years.
const MAX_WINDOW: usize = 10_000;

/// Checks everything that does not need prices.
pub(super) fn check(setup: &Setup<'_>) -> Result<(), BacktestFault> {
    universe(setup)?;
    match &setup.strategy {
        Strategy::MaCross { fast, slow } => {
            window("fast", *fast)?;
            window("slow", *slow)?;
        }
        Strategy::RegimeMaAdx(gate) => gate_params(gate)?,
        Strategy::KrxMomentum(params) => momentum(params)?,
    }
    let costs = &setup.costs;
    rule("commission_rate", costs.commission_rate, (0.0..0.1).contains(&costs.commission_rate), "from 0 to below 0.1")?;
    rule("slippage_rate", costs.slippage_rate, (0.0..0.1).contains(&costs.slippage_rate), "from 0 to below 0.1")?;
    let capital = setup.initial_capital;
    rule("initial_capital", capital, capital > 0.0 && capital <= 1e15, "above 0 and at most 1e15")?;
    rule("end", setup.end, setup.start <= setup.end, "not before start")
}

impl Setup<'_> {
    /// Checks everything that does not need prices.
    ///
    /// # Errors
    /// A parameter breaks its rule.
    pub fn check(&self) -> Result<(), BacktestFault> {
        check(self)
    }
}

fn universe(setup: &Setup<'_>) -> Result<(), BacktestFault> {
    let mut tickers: Vec<&String> = setup.universe.iter().collect();
    tickers.sort_unstable();
    let twice = tickers.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone());
    rule("universe", twice.clone().unwrap_or_default(), twice.is_none(), "a list that names each ticker once")?;
    let count = tickers.len();
    let shown = format!("a list of {count}");
    match setup.strategy {
        Strategy::MaCross { .. } | Strategy::RegimeMaAdx(_) => {
            rule("universe", shown, count == 1, "exactly one ticker")
        }
        Strategy::KrxMomentum(_) => rule("universe", shown, count > 0, "at least one ticker"),
    }
}

fn momentum(params: &MomentumParams) -> Result<(), BacktestFault> {
    let MomentumParams { entry_threshold: entry, exit_threshold: exit, .. } = *params;
    window("momentum_period", params.momentum_period)?;
    rule("exit_threshold", exit, (-1.0..0.0).contains(&exit), "a negative fraction, from -1 to below 0")?;
    rule("entry_threshold", entry, entry > exit && entry < 10.0, "above exit_threshold and below 10")?;
    let positions = params.max_positions;
    rule("max_positions", positions, (1..=1_000).contains(&positions), "a whole number from 1 to 1000")?;
    let most = params.max_position_pct;
    rule("max_position_pct", most, most > 0.0 && most <= 1.0, "a fraction above 0 and at most 1")?;
    let least = params.min_cash_pct;
    rule("min_cash_pct", least, (0.0..1.0).contains(&least), "a fraction from 0 to below 1")?;
    let drift = params.rebalance_threshold;
    rule("rebalance_threshold", drift, (0.0..=1.0).contains(&drift), "a fraction from 0 to 1")?;
    params.gate.as_ref().map_or(Ok(()), gate_params)
}

fn gate_params(params: &GateParams) -> Result<(), BacktestFault> {
    window("ma_short", params.ma_short)?;
    window("ma_long", params.ma_long)?;
    window("adx_period", params.adx_period)?;
    let threshold = params.adx_threshold;
    rule("adx_threshold", threshold, (0.0..=100.0).contains(&threshold), "from 0 to 100")
}

fn window(name: &'static str, bars: usize) -> Result<(), BacktestFault> {
    rule(name, bars, (1..=MAX_WINDOW).contains(&bars), "a whole number of bars from 1 to 10000")
}

fn rule(name: &'static str, value: impl Display, holds: bool, rule: &'static str) -> Result<(), BacktestFault> {
    if holds { Ok(()) } else { Err(BacktestFault::Parameter { name, value: value.to_string(), rule }) }
}
