//! What a trial is worth, and when it is worth nothing.

use serde::Deserialize;
use serde::Serialize;

use super::segment::Figures;

/// Weight of the drawdown, given in percent, against the Sharpe ratio.
const MDD_WEIGHT: f64 = 2.0;
/// Cost of one trade.
const TRADE_WEIGHT: f64 = 0.0002;
/// A trial with a deeper drawdown is pruned, percent.
pub const PRUNE_MDD: f64 = 20.0;
/// A trial with more trades is pruned.
pub const PRUNE_TRADES: usize = 900;

/// How the scores of the look-back windows become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The worst window counts.
    #[default]
    Min,
    /// The mean less one population standard deviation.
    MeanMinusSd,
}

impl Combine {
    /// One score of several; `None` of none.
    #[must_use]
    pub fn of(self, scores: &[f64]) -> Option<f64> {
        #![expect(clippy::cast_precision_loss, reason = "three windows")]
        if scores.is_empty() {
            return None;
        }
        Some(match self {
            Self::Min => scores.iter().copied().fold(f64::INFINITY, f64::min),
            Self::MeanMinusSd => {
                let mean = scores.iter().sum::<f64>() / scores.len() as f64;
                mean - crate::trading::indicator::population_sd(scores.iter().copied())
            }
        })
    }
}

/// `sharpe - 2 * mdd / 100 - 0.0002 * trades`; more is better.
#[must_use]
pub fn score(figures: &Figures) -> f64 {
    #![expect(clippy::cast_precision_loss, reason = "a count of trades is far below 2^52")]
    figures.sharpe - MDD_WEIGHT * figures.mdd / 100.0 - TRADE_WEIGHT * figures.total_trades as f64
}

/// Why a trial's validation run takes it out of the search.
#[must_use]
pub fn prune_reason(validation: &Figures) -> Option<String> {
    if validation.mdd > PRUNE_MDD {
        return Some(format!("MDD_ABOVE_LIMIT: {:.2} % > {PRUNE_MDD} %", validation.mdd));
    }
    (validation.total_trades > PRUNE_TRADES)
        .then(|| format!("TRADES_ABOVE_LIMIT: {} > {PRUNE_TRADES}", validation.total_trades))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(sharpe: f64, mdd: f64, total_trades: usize) -> Figures {
        Figures { sharpe, mdd, total_trades, ..Figures::default() }
    }

    #[test]
    fn the_published_example_scores_as_stated() {
        assert!((score(&figures(1.2, 10.0, 100)) - 0.98).abs() < 1e-12);
    }

    #[test]
    fn a_deep_drawdown_or_too_many_trades_are_pruned_strictly_above_the_limit() {
        let cases = [
            ("fine", 19.0, 100, None),
            ("at both limits", 20.0, 900, None),
            ("deep", 20.01, 100, Some("MDD_ABOVE_LIMIT")),
            ("busy", 5.0, 901, Some("TRADES_ABOVE_LIMIT")),
        ];
        for (name, mdd, trades, want) in cases {
            let found = prune_reason(&figures(1.0, mdd, trades));
            assert_eq!(found.as_deref().map(|text| text.split(':').next().unwrap_or_default()), want, "{name}");
        }
    }

    #[test]
    fn scores_of_windows_become_one() {
        assert_eq!(Combine::Min.of(&[0.5, -0.25, 2.0]), Some(-0.25));
        let found = Combine::MeanMinusSd.of(&[1.0, 3.0]).expect("a score");
        assert!((found - 1.0).abs() < 1e-12, "{found}");
        assert_eq!(Combine::Min.of(&[]), None);
    }
}
