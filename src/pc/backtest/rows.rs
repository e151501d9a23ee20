//! The rows of a simulation as documents show them: prices to four decimals, money to two.

use serde::Serialize;

use super::FinalPosition;
use super::Side;
use super::Trade;
use super::rounding::round;
use crate::contracts::backtest::TradeRecord;
use crate::time::TradingDate;
use crate::trading::GateRow;

/// A fill.
pub(super) fn trade_record(trade: &Trade) -> TradeRecord {
    let side = match trade.side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    };
    TradeRecord {
        seq: trade.seq,
        signal_date: trade.signal_date,
        date: trade.date,
        ticker: trade.ticker.clone(),
        side: side.to_owned(),
        qty: trade.qty,
        ref_price: round(trade.ref_price, 4),
        price: round(trade.price, 4),
        notional: round(trade.notional, 2),
        commission: round(trade.commission, 2),
        tax: round(trade.tax, 2),
        slippage: round(trade.slippage, 2),
        realized_pnl: trade.realized_pnl.map(|pnl| round(pnl, 2)),
        reason: trade.reason.to_owned(),
    }
}

/// A position at the end of the window.
#[derive(Serialize)]
pub(super) struct PositionRow<'a> {
    ticker: &'a str,
    qty: i64,
    avg_entry: f64,
    close: f64,
}

impl<'a> PositionRow<'a> {
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
#[derive(Serialize)]
pub(super) struct GateSeriesRow {
    date: TradingDate,
    ma_short: Option<f64>,
    ma_long: Option<f64>,
    adx: Option<f64>,
    gate: &'static str,
    reason: &'static str,
}

impl GateSeriesRow {
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
