//! Rounding for documents: figures to a fixed number of decimals, never a negative zero.

use super::metrics::Metrics;

/// `value` to `decimals` places: the decimal number nearest to the exact value of the float, as documents of other
/// programs have it. What is not finite stays as it is.
pub(super) fn round(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().map_or(value, |rounded: f64| rounded + 0.0)
}

/// Every figure to six decimals.
pub(super) fn rounded(metrics: &Metrics) -> Metrics {
    let six = |value| round(value, 6);
    Metrics {
        initial_capital: six(metrics.initial_capital),
        final_value: six(metrics.final_value),
        total_return: six(metrics.total_return),
        cagr: six(metrics.cagr),
        volatility: six(metrics.volatility),
        sharpe: six(metrics.sharpe),
        mdd: six(metrics.mdd),
        calmar: six(metrics.calmar),
        win_rate: six(metrics.win_rate),
        trade_win_rate: six(metrics.trade_win_rate),
        total_realized_pnl: six(metrics.total_realized_pnl),
        total_commission: six(metrics.total_commission),
        total_tax: six(metrics.total_tax),
        total_slippage: six(metrics.total_slippage),
        turnover: six(metrics.turnover),
        exposure_ratio: six(metrics.exposure_ratio),
        years: six(metrics.years),
        ..metrics.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_by_their_exact_value() {
        let cases = [
            // 1.005 is a little less than its text, 23551.425 too.
            (1.005, 2, 1.0),
            (23_551.425, 2, 23_551.42),
            (2.675_1, 2, 2.68),
            (1e18, 6, 1e18),
            (81_681.600_000_1, 4, 81_681.6),
        ];
        for (value, decimals, want) in cases {
            assert_eq!(round(value, decimals).to_bits(), f64::to_bits(want), "{value} to {decimals}");
        }
        assert!(round(-0.000_000_1, 2).is_sign_positive());
        assert!(round(f64::NAN, 2).is_nan() && round(f64::INFINITY, 2).is_infinite());
    }
}
