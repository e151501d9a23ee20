//! Buying a ticker at the first close of a window and holding it to the last: what a strategy has to beat.

use serde::Serialize;

use super::BacktestFault;
use super::Market;
use super::metrics::max_drawdown;
use super::timeline::bars_of;
use crate::time::TradingDate;

/// The figures of holding. Percent; `None` where the window has too few bars to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Holding {
    /// Growth a year from the first close to the last.
    pub cagr: Option<f64>,
    /// Deepest fall of the closes from a running maximum, positive.
    pub mdd: Option<f64>,
    /// Share of days that closed higher.
    pub win_rate: Option<f64>,
    /// Growth over the whole window.
    pub total_return: Option<f64>,
}

/// The figures of holding a ticker over its bars inside the window.
///
/// # Errors
/// The ticker has no bars at all.
pub fn holding(
    market: &Market,
    ticker: &str,
    (start, end): (TradingDate, TradingDate),
) -> Result<Holding, BacktestFault> {
    #![expect(clippy::cast_precision_loss, reason = "counts of days are far below 2^52")]
    let bars = bars_of(market, ticker)?;
    let (from, to) = (bars.first_from(start), bars.date.partition_point(|date| *date <= end));
    let closes = bars.close.get(from..to).unwrap_or_default();
    let ([first, .., last], Some(dates)) = (closes, bars.date.get(from..to)) else { return Ok(Holding::default()) };
    let days = (dates[dates.len() - 1] - dates[0]).num_days();
    let growth = last / first;
    let rises = closes.windows(2).filter(|pair| pair[1] / pair[0] - 1.0 > 0.0).count();
    let defined = |value: f64| Some(value).filter(|value| value.is_finite());
    Ok(Holding {
        cagr: defined((growth.powf(365.25 / days as f64) - 1.0) * 100.0),
        mdd: defined(max_drawdown(closes)),
        win_rate: defined(rises as f64 / (closes.len() - 1) as f64 * 100.0),
        total_return: defined((growth - 1.0) * 100.0),
    })
}
