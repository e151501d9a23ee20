//! The rows of a simulation as documents show them: prices to four decimals, money to two.

use serde::Serialize;

use super::FinalPosition;
use super::Side;
use super::Trade;
use super::rounding::round;
use crate::time::TradingDate;
use crate::trading::GateRow;

/// A fill.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct TradeRow<'a> {
    seq: usize,
    signal_date: TradingDate,
    date: TradingDate,
    ticker: &'a str,
    side: Side,
    qty: i64,
    ref_price: f64,
    price: f64,
    notional: f64,
    commission: f64,
    tax: f64,
    slippage: f64,
    realized_pnl: Option<f64>,
    reason: &'static str,
}

impl<'a> TradeRow<'a> {
    /// Rounds a fill.
    pub(super) fn of(trade: &'a Trade) -> Self {
        Self {
            seq: trade.seq,
            signal_date: trade.signal_date,
            date: trade.date,
            ticker: &trade.ticker,
            side: trade.side,
            qty: trade.qty,
            ref_price: round(trade.ref_price, 4),
            price: round(trade.price, 4),
            notional: round(trade.notional, 2),
            commission: round(trade.commission, 2),
            tax: round(trade.tax, 2),
            slippage: round(trade.slippage, 2),
            realized_pnl: trade.realized_pnl.map(|pnl| round(pnl, 2)),
            reason: trade.reason,
        }
    }
}

/// A position at the end of the window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PositionRow<'a> {
    ticker: &'a str,
    qty: i64,
    avg_entry: f64,
    close: f64,
}

impl<'a> PositionRow<'a> {
    /// Rounds a position.
    pub(super) fn of(position: &'a FinalPosition) -> Self {
        Self {
            ticker: &position.ticker,
            qty: position.qty,
            avg_entry: round(position.avg_entry, 4),
            close: round(position.close, 4),
        }
    }
}

/// The gate at a close.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct GateSeriesRow {
    date: TradingDate,
    ma_short: Option<f64>,
    ma_long: Option<f64>,
    adx: Option<f64>,
    gate: &'static str,
    reason: &'static str,
}

impl GateSeriesRow {
    /// Rounds a gate's row.
    pub(super) fn of(date: TradingDate, row: &GateRow) -> Self {
        let four = |value: Option<f64>| value.map(|value| round(value, 4));
        Self {
            date,
            ma_short: four(row.ma_short),
            ma_long: four(row.ma_long),
            adx: four(row.adx),
            gate: row.reason.decision().as_str(),
            reason: row.reason.as_str(),
        }
    }
}
