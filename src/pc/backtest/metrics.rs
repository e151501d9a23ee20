//! The figures of an equity curve and its trades, each with its formula. Percent unless a field says otherwise.

use serde::Serialize;

use crate::time::TradingDate;

/// Sessions in a year.
pub const SESSIONS_PER_YEAR: f64 = 252.0;

/// The figures of a simulation. Every one is finite.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Cash at the start, won.
    pub initial_capital: f64,
    /// Equity at the last close, won.
    pub final_value: f64,
    /// `(final / initial - 1) * 100`
    pub total_return: f64,
    /// `((final / initial)^(1/years) - 1) * 100`; 0 without a span.
    pub cagr: f64,
    /// Standard deviation of daily returns (denominator n-1) times `sqrt(252) * 100`.
    pub volatility: f64,
    /// Mean over standard deviation of daily returns times `sqrt(252)`; 0 when the deviation is 0 or one return is there.
    pub sharpe: f64,
    /// Deepest fall from a running maximum, positive.
    pub mdd: f64,
    /// `cagr / mdd`; 0 when `mdd` is 0.
    pub calmar: f64,
    /// Share of daily returns above 0.
    pub win_rate: f64,
    /// Share of sales that earned something; 0 without sales.
    pub trade_win_rate: f64,
    /// Fills.
    pub total_trades: usize,
    /// Sales among them.
    pub sell_trades: usize,
    /// Sum of realized profit and loss, won.
    pub total_realized_pnl: f64,
    /// Sum of commissions, won.
    pub total_commission: f64,
    /// Sum of taxes, won.
    pub total_tax: f64,
    /// Sum of slippage, won.
    pub total_slippage: f64,
    /// Notional of both sides over twice the mean equity, a year.
    pub turnover: f64,
    /// Sessions that end with a position, as a fraction of all.
    pub exposure_ratio: f64,
    /// Days between first and last session.
    pub calendar_days: i64,
    /// Sessions.
    pub trading_days: usize,
    /// `calendar_days / 365.25`
    pub years: f64,
    /// Decisions that wanted exposure or had a candidate.
    pub signal_days: usize,
}

/// What the equity curve does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Fills.
    pub trades: usize,
    /// Sales.
    pub sells: usize,
    /// Sales that earned something.
    pub winning_sells: usize,
    /// Notional of both sides.
    pub notional: f64,
    /// Realized profit and loss.
    pub realized_pnl: f64,
    /// Commissions.
    pub commission: f64,
    /// Taxes.
    pub tax: f64,
    /// Slippage.
    pub slippage: f64,
    /// Sessions that end with a position.
    pub held_sessions: usize,
    /// Decisions that wanted exposure or had a candidate.
    pub signal_days: usize,
}

/// The equity at each close of a window.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    /// First session.
    pub first: TradingDate,
    /// Last session.
    pub last: TradingDate,
    /// Cash at the start.
    pub initial_capital: f64,
    /// Equity of each session; at least one.
    pub equity: &'a [f64],
}

impl Metrics {
    /// Computes every figure.
    #[must_use]
    pub fn of(curve: &Curve<'_>, totals: &Totals) -> Self {
        #![expect(clippy::cast_precision_loss, reason = "counts of days and trades are far below 2^52")]
        let equity = curve.equity;
        let calendar_days = (curve.last - curve.first).num_days();
        let years = calendar_days as f64 / 365.25;
        let last = equity.last().copied().unwrap_or(curve.initial_capital);
        let growth = last / curve.initial_capital;
        let returns = Returns::of(equity);
        let mdd = max_drawdown(equity);
        let cagr = if years > 0.0 { (growth.powf(1.0 / years) - 1.0) * 100.0 } else { 0.0 };
        let mean_equity = equity.iter().sum::<f64>() / equity.len().max(1) as f64;
        let share = |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        Self {
            initial_capital: curve.initial_capital,
            final_value: last,
            total_return: (growth - 1.0) * 100.0,
            cagr,
            volatility: returns.sd * SESSIONS_PER_YEAR.sqrt() * 100.0,
            sharpe: if returns.sd > 0.0 { returns.mean / returns.sd * SESSIONS_PER_YEAR.sqrt() } else { 0.0 },
            mdd,
            calmar: if mdd > 0.0 { cagr / mdd } else { 0.0 },
            win_rate: share(returns.above_zero, returns.count) * 100.0,
            trade_win_rate: share(totals.winning_sells, totals.sells) * 100.0,
            total_trades: totals.trades,
            sell_trades: totals.sells,
            total_realized_pnl: totals.realized_pnl,
            total_commission: totals.commission,
            total_tax: totals.tax,
            total_slippage: totals.slippage,
            turnover: if years > 0.0 { totals.notional / (2.0 * mean_equity) / years } else { 0.0 },
            exposure_ratio: share(totals.held_sessions, equity.len()),
            calendar_days,
            trading_days: equity.len(),
            years,
            signal_days: totals.signal_days,
        }
    }
}

/// Moments of daily returns.
#[derive(Clone, Copy, Debug)]
struct Returns {
    count: usize,
    above_zero: usize,
    mean: f64,
    /// With denominator n-1; 0 for fewer than two returns.
    sd: f64,
}

impl Returns {
    fn of(equity: &[f64]) -> Self {
        #![expect(clippy::cast_precision_loss, reason = "counts of days are far below 2^52")]
        let returns = || equity.windows(2).map(|pair| pair[1] / pair[0] - 1.0);
        let count = equity.len().saturating_sub(1);
        let above_zero = returns().filter(|r| *r > 0.0).count();
        let mean = if count > 0 { returns().sum::<f64>() / count as f64 } else { 0.0 };
        let sd = if count > 1 {
            (returns().map(|r| (r - mean) * (r - mean)).sum::<f64>() / (count - 1) as f64).sqrt()
        } else {
            0.0
        };
        Self { count, above_zero, mean, sd }
    }
}

/// The deepest fall from a running maximum, in percent, positive.
#[must_use]
pub fn max_drawdown(equity: &[f64]) -> f64 {
    let step = |(peak, deepest): (f64, f64), value: &f64| {
        let peak = peak.max(*value);
        (peak, deepest.max(1.0 - value / peak))
    };
    equity.iter().fold((f64::NEG_INFINITY, 0.0), step).1 * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_follow_their_formulas() {
        let day = |text: &str| text.parse().expect("a date");
        let equity = [100.0, 110.0, 99.0, 99.0, 121.0];
        let curve =
            Curve { first: day("2024-01-02"), last: day("2025-01-01"), initial_capital: 100.0, equity: &equity };
        let totals = Totals { sells: 4, winning_sells: 1, held_sessions: 3, notional: 211.6, ..Totals::default() };
        let found = Metrics::of(&curve, &totals);
        let years = 365.0 / 365.25;
        let cases = [
            ("total_return", found.total_return, 21.0),
            ("cagr", found.cagr, (1.21_f64.powf(1.0 / years) - 1.0) * 100.0),
            ("mdd", found.mdd, 10.0),
            ("win_rate", found.win_rate, 50.0),
            ("trade_win_rate", found.trade_win_rate, 25.0),
            ("exposure_ratio", found.exposure_ratio, 0.6),
            ("turnover", found.turnover, 1.0 / years),
            ("calmar", found.calmar, found.cagr / 10.0),
        ];
        for (name, found, want) in cases {
            assert!((found - want).abs() < 1e-9, "{name}: {found}, expected {want}");
        }
    }

    #[test]
    fn what_is_undefined_is_zero() {
        let day = "2024-01-02".parse().expect("a date");
        for equity in [&[100.0][..], &[100.0, 100.0], &[100.0, 101.0]] {
            let found =
                Metrics::of(&Curve { first: day, last: day, initial_capital: 100.0, equity }, &Totals::default());
            assert_eq!([found.sharpe, found.mdd, found.calmar, found.cagr, found.turnover], [0.0; 5], "{equity:?}");
        }
    }
}
