//! BACKTEST_RESULT_V1: what a simulation of the workspace's parameters gives, `reports/backtest/latest/`.
//!
//! Percent and positive drawdowns. A figure that is not defined is `null`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::document::Document;
use crate::time::Stamp;
use crate::time::TradingDate;

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestResult {
    /// `BACKTEST_RESULT_V1`
    pub schema: String,
    /// The figures of the equity curve and its trades.
    pub summary: Summary,
    /// What holding each ticker would have given.
    pub tickers: BTreeMap<String, TickerFigures>,
    /// At most five tickers with the highest growth.
    pub top_performers: Vec<Performer>,
    /// Fills in order.
    pub trades: Vec<TradeRecord>,
    /// What the result rests on.
    pub meta: Meta,
}

impl Document for BacktestResult {
    const SCHEMA: &'static str = "BACKTEST_RESULT_V1";
}

/// The figures of a simulation; percent unless a field says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Growth a year.
    pub cagr: Option<f64>,
    /// Deepest fall from a running maximum, positive.
    pub mdd: Option<f64>,
    /// Mean over standard deviation of daily returns, a year; a ratio.
    pub sharpe: Option<f64>,
    /// Growth over the window.
    pub total_return: Option<f64>,
    /// Cash at the start, won.
    pub initial_capital: f64,
    /// Equity at the last close, won.
    pub final_value: f64,
    /// Standard deviation of daily returns, a year.
    pub volatility: Option<f64>,
    /// `cagr / mdd`
    pub calmar: Option<f64>,
    /// Share of days with a gain.
    pub win_rate: f64,
    /// Share of sales with a gain.
    pub trade_win_rate: f64,
    /// Fills.
    pub total_trades: usize,
    /// Sales.
    pub sell_trades: usize,
    /// Won.
    pub total_realized_pnl: f64,
    /// Won.
    pub total_commission: f64,
    /// Won.
    pub total_tax: f64,
    /// Won.
    pub total_slippage: f64,
    /// Times a year.
    pub turnover: Option<f64>,
    /// Sessions that end with a position, as a fraction.
    pub exposure_ratio: f64,
    /// Days between first and last session.
    pub calendar_days: i64,
    /// Sessions.
    pub trading_days: usize,
    /// Years between first and last session.
    pub years: f64,
    /// Decisions that wanted exposure or had a candidate.
    pub signal_days: usize,
}

/// Buying a ticker at the first close of the window and holding it; percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TickerFigures {
    /// Growth a year.
    pub cagr: Option<f64>,
    /// Deepest fall of the closes, positive.
    pub mdd: Option<f64>,
    /// Share of days that closed higher.
    pub win_rate: Option<f64>,
    /// The momentum score at the last close, a fraction.
    pub score: Option<f64>,
}

/// A ticker of `top_performers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performer {
    /// The ticker.
    pub ticker: String,
    /// Growth a year, percent.
    pub cagr: f64,
}

/// One fill: prices to four decimals, money to two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradeRecord {
    /// Number from 1.
    pub seq: usize,
    /// The session whose close decided it.
    pub signal_date: TradingDate,
    /// The session of the fill.
    pub date: TradingDate,
    /// The ticker.
    pub ticker: String,
    /// `BUY` or `SELL`
    pub side: String,
    /// Shares.
    pub qty: i64,
    /// The open.
    pub ref_price: f64,
    /// The fill price.
    pub price: f64,
    /// Shares times fill price.
    pub notional: f64,
    /// The broker's part.
    pub commission: f64,
    /// The state's part.
    pub tax: f64,
    /// Shares times the distance between fill and open.
    pub slippage: f64,
    /// What a sale earned; `null` for a purchase.
    pub realized_pnl: Option<f64>,
    /// Why.
    pub reason: String,
}

/// What a result rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// When it was made.
    pub asof: Stamp,
    /// First day of the window as asked for.
    pub start_date: TradingDate,
    /// Last day of the window as asked for.
    pub end_date: TradingDate,
    /// `quick`, `full` or `custom`
    pub mode: String,
    /// The strategy's name.
    pub strategy: String,
    /// The tickers, ascending.
    pub universe: Vec<String>,
    /// The version of the simulator's rules.
    pub engine_version: String,
    /// Fills.
    pub total_trades: usize,
    /// Decisions that wanted exposure or had a candidate.
    pub signal_days: usize,
    /// Where the parameters come from.
    pub param_source: SourceFile,
    /// Every parameter that was used.
    pub params_used: Value,
    /// The price files by ticker.
    pub data: BTreeMap<String, PriceData>,
    /// Their defects by ticker.
    pub quality: BTreeMap<String, DataQuality>,
    /// Equity at each close.
    pub equity_curve: Vec<EquityPoint>,
    /// Change of equity at each close but the first.
    pub daily_returns: Vec<DailyReturn>,
    /// Why the ratio is 0: `std_zero`, `insufficient_data` or `no_nav_history`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharpe_reason: Option<String>,
    /// Why the drawdown is 0: `no_drawdown_from_peak` or `no_nav_history`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mdd_reason: Option<String>,
}

/// A file by name and content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Relative to the workspace.
    pub path: String,
    /// 64 lower-case hex digits.
    pub sha256: String,
}

/// A price file after normalisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceData {
    /// First bar.
    pub first: Option<TradingDate>,
    /// Last bar.
    pub last: Option<TradingDate>,
    /// Bars.
    pub rows: usize,
    /// Of the file.
    pub sha256: String,
}

/// The defects of a price file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataQuality {
    /// Rows of the file.
    pub rows_total: usize,
    /// Rows whose date occurs again.
    pub rows_dropped_duplicate: usize,
    /// Rows on closed days.
    pub rows_dropped_non_session: usize,
    /// Bars without trading.
    pub halted_rows: usize,
    /// Bars whose high or low was moved.
    pub repaired_rows: usize,
    /// Moves beyond the daily limit.
    pub jumps: Vec<PriceJump>,
    /// Sessions without a bar between the first bar and the last.
    pub missing_sessions: Vec<TradingDate>,
    /// Every finding as a sentence.
    pub warnings: Vec<String>,
}

/// A move that the exchange's limits do not permit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceJump {
    /// The day.
    pub date: TradingDate,
    /// `close / previous close - 1`
    pub change: f64,
}

/// Equity at a close.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EquityPoint {
    /// The session.
    pub date: TradingDate,
    /// Won, two decimals.
    pub equity: f64,
}

/// The change of equity from the close before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DailyReturn {
    /// The session.
    pub date: TradingDate,
    /// A fraction, six decimals.
    pub ret: f64,
}
