//! The figures of an equity curve and its trades, each with its formula. Percent unless a field says otherwise.

use serde::Serialize;

use super::lanes::Lanes;
use super::lanes::Work;
use super::lanes::on_best;
use super::moments::Fall;
use super::moments::Moments;
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

/// What the figures need of an equity curve.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) first: TradingDate,
    pub(super) last: TradingDate,
    pub(super) initial_capital: f64,
    /// Sessions.
    pub(super) count: usize,
    /// Equity at the last close.
    pub(super) last_value: f64,
    pub(super) moments: Moments,
    /// The deepest fall as a fraction.
    pub(super) deepest: f64,
}

impl Metrics {
    /// Computes every figure.
    #[must_use]
    pub fn of(curve: &Curve<'_>, totals: &Totals) -> Self {
        let shape = Shape {
            first: curve.first,
            last: curve.last,
            initial_capital: curve.initial_capital,
            count: curve.equity.len(),
            last_value: curve.equity.last().copied().unwrap_or(curve.initial_capital),
            moments: on_best(WholeCurve(curve.equity)),
            deepest: deepest_fall(curve.equity),
        };
        Self::of_shape(&shape, totals)
            .unwrap_or_else(|spread| Self::with_spread(&shape, totals, spread.of(curve.equity)))
    }

    /// The figures without the curve itself; for a curve whose squares do not tell its spread, that fact.
    pub(super) fn of_shape(shape: &Shape, totals: &Totals) -> Result<Self, NeedsCurve> {
        let spread = Spread::of(shape)?;
        Ok(Self::with_spread(shape, totals, spread))
    }

    fn with_spread(shape: &Shape, totals: &Totals, spread: Spread) -> Self {
        let calendar_days = (shape.last - shape.first).num_days();
        let years = number_of_days(calendar_days) / 365.25;
        let growth = shape.last_value / shape.initial_capital;
        let mdd = shape.deepest * 100.0;
        let cagr = if years > 0.0 { (growth.powf(1.0 / years) - 1.0) * 100.0 } else { 0.0 };
        // Every step raises the equity of its own session and all later ones.
        let mean_equity = shape.last_value - shape.moments.weighted / number(shape.count.max(1));
        let share = |part: f64, whole: usize| if whole == 0 { 0.0 } else { part / number(whole) };
        Self {
            initial_capital: shape.initial_capital,
            final_value: shape.last_value,
            total_return: (growth - 1.0) * 100.0,
            cagr,
            volatility: spread.sd * SESSIONS_PER_YEAR.sqrt() * 100.0,
            sharpe: if spread.sd > 0.0 { spread.mean / spread.sd * SESSIONS_PER_YEAR.sqrt() } else { 0.0 },
            mdd,
            calmar: if mdd > 0.0 { cagr / mdd } else { 0.0 },
            win_rate: share(shape.moments.above, shape.count.saturating_sub(1)) * 100.0,
            trade_win_rate: share(number(totals.winning_sells), totals.sells) * 100.0,
            total_trades: totals.trades,
            sell_trades: totals.sells,
            total_realized_pnl: totals.realized_pnl,
            total_commission: totals.commission,
            total_tax: totals.tax,
            total_slippage: totals.slippage,
            turnover: if years > 0.0 { totals.notional / (2.0 * mean_equity) / years } else { 0.0 },
            exposure_ratio: share(number(totals.held_sessions), shape.count),
            calendar_days,
            trading_days: shape.count,
            years,
            signal_days: totals.signal_days,
        }
    }
}

/// Mean and standard deviation of daily returns, denominator n-1; 0 for fewer than two.
#[derive(Clone, Copy, Debug)]
struct Spread {
    mean: f64,
    sd: f64,
}

/// The sums of a curve do not tell its spread: nearly all of the squares is the mean's.
#[derive(Clone, Copy, Debug)]
pub(super) struct NeedsCurve {
    mean: f64,
}

/// How small a part of the squares the spread may be. Ten of sixteen digits are left there.
const WEAK: f64 = 1e-6;

/// A spread that is a smaller part of the mean is the rounding of equal returns.
const NOISE: f64 = 1e-13;

impl Spread {
    fn of(shape: &Shape) -> Result<Self, NeedsCurve> {
        let count = shape.count.saturating_sub(1);
        if count == 0 {
            return Ok(Self { mean: 0.0, sd: 0.0 });
        }
        let Moments { sum, squares, .. } = shape.moments;
        let mean = sum / number(count);
        if count == 1 {
            return Ok(Self { mean, sd: 0.0 });
        }
        let spread = squares - mean * sum;
        let tells = spread >= WEAK * squares && spread.is_finite();
        if tells { Ok(Self { mean, sd: (spread / number(count - 1)).sqrt() }) } else { Err(NeedsCurve { mean }) }
    }
}

impl NeedsCurve {
    /// The spread by a second pass.
    fn of(self, equity: &[f64]) -> Spread {
        let mean = self.mean;
        let square = |pair: &[f64]| {
            let off = (pair[1] - pair[0]) / pair[0] - mean;
            off * off
        };
        let sum: f64 = equity.windows(2).map(square).sum();
        let sd = (sum / number(equity.len().saturating_sub(2).max(1))).sqrt();
        Spread { mean, sd: if sd > NOISE * mean.abs() { sd } else { 0.0 } }
    }
}

/// The moments of a whole curve on this processor's lanes.
struct WholeCurve<'a>(&'a [f64]);

impl Work for WholeCurve<'_> {
    type Output = Moments;

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) -> Moments {
        Moments::of(lanes, self.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of days and trades are far below 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of days are far below 2^52")]
fn number_of_days(days: i64) -> f64 {
    days as f64
}

/// The deepest fall from a running maximum, in percent, positive.
#[must_use]
pub fn max_drawdown(equity: &[f64]) -> f64 {
    deepest_fall(equity) * 100.0
}

/// The same as a fraction.
fn deepest_fall(equity: &[f64]) -> f64 {
    let mut fall = Fall::new();
    fall.see_all(equity);
    fall.deepest
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
