//! SWEEP_RESULT_V1: one simulation for each combination of parameters.
//!
//! Percent and positive drawdowns, every figure to six decimals. A cell's figures are those of a single run with its
//! parameters.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::backtest::Summary;
use super::document::Document;
use crate::time::TradingDate;

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepResult {
    /// `SWEEP_RESULT_V1`
    pub schema: String,
    /// The strategy's name.
    pub strategy: String,
    /// The tickers.
    pub universe: Vec<String>,
    /// First day of the window.
    pub start_date: TradingDate,
    /// Last day of the window.
    pub end_date: TradingDate,
    /// Cash at the start, won.
    pub initial_capital: f64,
    /// Commission of each side as a fraction.
    pub commission_rate: f64,
    /// Distance between open and fill, each side, as a fraction.
    pub slippage_rate: f64,
    /// The version of the simulator's rules.
    pub engine_version: String,
    /// The parameters that every cell has in common.
    pub params: Map<String, Value>,
    /// The parameters that vary; the last one varies fastest.
    pub axes: Vec<SweepAxis>,
    /// Cells without figures.
    pub skipped: usize,
    /// Every cell in the order of the axes.
    pub cells: Vec<SweepCell>,
}

impl Document for SweepResult {
    const SCHEMA: &'static str = "SWEEP_RESULT_V1";
}

/// A parameter that varies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepAxis {
    /// Its name.
    pub name: String,
    /// Its values, ascending.
    pub values: Vec<Value>,
}

/// One combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepCell {
    /// The values of the axes.
    pub params: Map<String, Value>,
    /// The figures; `null` for a cell that makes no sense.
    pub metrics: Option<Summary>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}
