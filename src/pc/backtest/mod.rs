//! The research backtest: daily bars, a decision at each close, its fills at the next session's open.
//!
//! A bar-level simulator made for speed. It shares bars, instruments, fees, indicators and the gate with
//! [`crate::trading`]. The same inputs give the same bytes: no clock, no randomness, no hash order anywhere.

mod book;
pub mod case;
mod check;
mod engine;
mod holding;
pub mod inputs;
mod lanes;
mod ledger;
pub mod metrics;
mod moments;
pub mod oos;
mod options;
pub mod research;
mod rounding;
mod rows;
pub mod screen;
mod signals;
pub mod sweep;
mod timeline;
pub mod window;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::contracts::strategy_params::Frequency;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::FeeFault;
use crate::trading::FeeTable;
use crate::trading::GateParams;
use crate::trading::GateRow;
use crate::trading::Instrument;
pub use engine::simulate;
pub use holding::Holding;
pub use holding::holding;
pub use ledger::ledger;
use metrics::Metrics;
pub use options::GATE_PARAMETERS;
pub use options::Options;
pub use options::STRATEGIES;

/// The version of the rules here. It changes when the same inputs give another result.
pub const ENGINE_VERSION: &str = "daily-bars-1";

/// Normalised bars by ticker.
pub type Market = BTreeMap<String, Bars>;

/// Buys and sells one ticker by its moving averages, its own trend gate, or ranks a universe by momentum.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// Long while the fast mean is above the slow one.
    MaCross {
        /// Window of the fast mean.
        fast: usize,
        /// Window of the slow mean.
        slow: usize,
    },
    /// Long while the gate passes.
    RegimeMaAdx(GateParams),
    /// Holds the tickers with the highest momentum.
    KrxMomentum(MomentumParams),
}

/// Parameters of `krx_momentum_v1`. Fractions, not percent; stops are negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MomentumParams {
    /// Window of the score.
    pub momentum_period: usize,
    /// Smallest score that opens a position.
    pub entry_threshold: f64,
    /// Largest score, and largest return since entry, that closes one; from -1 up to, but not, 0.
    pub exit_threshold: f64,
    /// Most tickers held.
    pub max_positions: usize,
    /// Largest share of equity in one ticker at the decision.
    pub max_position_pct: f64,
    /// Share of equity that stays cash.
    pub min_cash_pct: f64,
    /// Weight drift that is left alone.
    pub rebalance_threshold: f64,
    /// When new positions may be opened.
    pub rebalance: Frequency,
    /// The gate over the whole portfolio; `None`: off.
    pub gate: Option<GateParams>,
}

impl Default for MomentumParams {
    fn default() -> Self {
        Self {
            momentum_period: 20,
            entry_threshold: 0.02,
            exit_threshold: -0.03,
            max_positions: 4,
            max_position_pct: 0.25,
            min_cash_pct: 0.10,
            rebalance_threshold: 0.01,
            rebalance: Frequency::Daily,
            gate: None,
        }
    }
}

/// What a trade costs, as fractions of its notional. Nothing is rounded and there is no least commission.
#[derive(Clone, Copy, Debug)]
pub struct Costs<'a> {
    /// Broker's commission, each side.
    pub commission_rate: f64,
    /// Distance between the open and the fill, each side.
    pub slippage_rate: f64,
    /// Sale taxes by date.
    pub fees: &'a FeeTable,
}

impl Default for Costs<'_> {
    fn default() -> Self {
        Self { commission_rate: 0.00015, slippage_rate: 0.001, fees: FeeTable::krx() }
    }
}

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// The rules.
    pub strategy: Strategy,
    /// The tickers; their order changes nothing.
    pub universe: Vec<String>,
    /// What each ticker is; one that is missing counts as [`Instrument::unknown`].
    pub instruments: BTreeMap<String, Instrument>,
    /// The gate's ticker; by default 069500.
    pub benchmark: String,
    /// First day of the window.
    pub start: TradingDate,
    /// Last day of the window.
    pub end: TradingDate,
    /// What a trade costs.
    pub costs: Costs<'a>,
    /// Cash at the start, in won.
    pub initial_capital: f64,
}

/// Which way a trade goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Side {
    /// Into the ticker.
    Buy,
    /// Out of it.
    Sell,
}

/// One fill. Prices and money in won, not rounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Trade {
    /// Number from 1.
    pub seq: usize,
    /// The session at whose close it was decided.
    pub signal_date: TradingDate,
    /// The session of the fill.
    pub date: TradingDate,
    /// The ticker.
    pub ticker: String,
    /// Which way.
    pub side: Side,
    /// Shares.
    pub qty: i64,
    /// The open.
    pub ref_price: f64,
    /// The fill price: the open and slippage.
    pub price: f64,
    /// Shares times fill price.
    pub notional: f64,
    /// The broker's part.
    pub commission: f64,
    /// The state's part.
    pub tax: f64,
    /// Shares times the distance between fill and open.
    pub slippage: f64,
    /// What a sale earned against its part of the cost basis; `None` for a purchase.
    pub realized_pnl: Option<f64>,
    /// Why.
    pub reason: &'static str,
}

/// A position at the end of the window.
#[derive(Clone, Debug, PartialEq)]
pub struct FinalPosition {
    /// The ticker.
    pub ticker: String,
    /// Shares.
    pub qty: i64,
    /// Purchase notional a share, commission left out.
    pub avg_entry: f64,
    /// Cost basis that is left: purchase notional and commission.
    pub basis: f64,
    /// The last close.
    pub close: f64,
}

/// One session as the ledger tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct DayRow {
    /// The session.
    pub date: TradingDate,
    /// Equity at its close.
    pub equity: f64,
    /// Market value of the positions at its close.
    pub market_value: f64,
    /// Fills during it.
    pub fills: usize,
    /// Entries that the close asked for.
    pub potential_signals: usize,
    /// The gate at its close; `None`: off.
    pub gate: Option<GateRow>,
}

/// Orders that did not fill on their day. The close of that day decides again, so one intention may count several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lapsed {
    /// The ticker opened at the day's limit.
    pub limit: usize,
    /// It was halted or had no bar.
    pub halt: usize,
}

/// What a simulation gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Sessions of the window in order.
    pub days: Vec<DayRow>,
    /// Fills in order.
    pub trades: Vec<Trade>,
    /// What is held at the end, by ticker.
    pub final_positions: Vec<FinalPosition>,
    /// The figures.
    pub metrics: Metrics,
    /// What did not fill.
    pub lapsed: Lapsed,
}

/// A simulation cannot be run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BacktestFault {
    /// A parameter is out of its range.
    #[error("{name} is {value}, must be {rule}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// There is no such strategy.
    #[error("no strategy {name}; there are {known}", name = .0, known = STRATEGIES.join(", "))]
    UnknownStrategy(String),
    /// The strategy has no such parameter.
    #[error("no parameter {name}; there are {known}")]
    UnknownParameter {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A ticker has no bars.
    #[error("no prices for {0}")]
    NoPrices(String),
    /// No ticker has a bar inside the window.
    #[error("no session between {start} and {end} has a bar")]
    EmptyWindow {
        /// First day.
        start: TradingDate,
        /// Last day.
        end: TradingDate,
    },
    /// The fee table does not cover the window.
    #[error(transparent)]
    Fees(#[from] FeeFault),
}

#[cfg(test)]
mod tests;
