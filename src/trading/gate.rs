//! The market gate: whether the benchmark's trend permits exposure, decided at each close.

use serde::Serialize;

use super::bars::Bars;
use super::indicator::Line;
use super::indicator::adx;
use super::indicator::adx_wilder;
use super::indicator::sma;

/// How the directional index is averaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdxMethod {
    /// By simple means.
    #[default]
    Simple,
    /// Recursively, after Wilder.
    Wilder,
}

/// The gate's parameters, in bars and points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateParams {
    /// Window of the short mean.
    pub ma_short: usize,
    /// Window of the long mean.
    pub ma_long: usize,
    /// Window of the directional index.
    pub adx_period: usize,
    /// Below it the market has no trend.
    pub adx_threshold: f64,
    /// How the directional index is averaged.
    pub adx_method: AdxMethod,
}

impl Default for GateParams {
    fn default() -> Self {
        Self { ma_short: 60, ma_long: 120, adx_period: 30, adx_threshold: 17.5, adx_method: AdxMethod::Simple }
    }
}

/// Whether exposure is permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GateDecision {
    /// Permitted.
    Pass,
    /// Not permitted.
    Block,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GateReason {
    /// Nothing blocks.
    None,
    /// The benchmark has no bar that day.
    NoData,
    /// A window is not full yet.
    DataMissing,
    /// The market has no trend.
    ChopBlock,
    /// The short mean is below the long one.
    BearBlock,
}

/// What the market is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Rising.
    Bull,
    /// Falling.
    Bear,
    /// Without trend.
    Neutral,
    /// Not known.
    Unknown,
}

impl GateDecision {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Block => "BLOCK",
        }
    }
}

impl GateReason {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::NoData => "NO_DATA",
            Self::DataMissing => "DATA_MISSING",
            Self::ChopBlock => "CHOP_BLOCK",
            Self::BearBlock => "BEAR_BLOCK",
        }
    }

    /// What the market is called for this reason.
    #[must_use]
    pub fn regime(self) -> Regime {
        match self {
            Self::None => Regime::Bull,
            Self::NoData | Self::DataMissing => Regime::Unknown,
            Self::ChopBlock => Regime::Neutral,
            Self::BearBlock => Regime::Bear,
        }
    }

    /// Whether exposure is permitted.
    #[must_use]
    pub fn decision(self) -> GateDecision {
        if self == Self::None { GateDecision::Pass } else { GateDecision::Block }
    }
}

impl Regime {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bull => "bull",
            Self::Bear => "bear",
            Self::Neutral => "neutral",
            Self::Unknown => "unknown",
        }
    }
}

/// The gate at one bar's close.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateRow {
    /// The short mean of closes.
    pub ma_short: Option<f64>,
    /// The long mean of closes.
    pub ma_long: Option<f64>,
    /// The directional index, 0 to 100.
    pub adx: Option<f64>,
    /// Why the gate is open or shut; a missing bar has no row.
    pub reason: GateReason,
}

/// The gate at each bar of the benchmark: the first rule that matches decides.
#[must_use]
pub fn gate_rows(bars: &Bars, params: &GateParams) -> Vec<GateRow> {
    let (short, long) = (sma(&bars.close, params.ma_short), sma(&bars.close, params.ma_long));
    let trend = match params.adx_method {
        AdxMethod::Simple => adx(bars, params.adx_period),
        AdxMethod::Wilder => adx_wilder(bars, params.adx_period),
    };
    let at = |line: &Line, i| line.at(i);
    let row = |i| {
        let (ma_short, ma_long, adx) = (at(&short, i), at(&long, i), at(&trend, i));
        let reason = match (ma_short, ma_long, adx) {
            (Some(_), Some(_), Some(adx)) if adx < params.adx_threshold => GateReason::ChopBlock,
            (Some(short), Some(long), Some(_)) if short < long => GateReason::BearBlock,
            (Some(_), Some(_), Some(_)) => GateReason::None,
            _ => GateReason::DataMissing,
        };
        GateRow { ma_short, ma_long, adx, reason }
    };
    (0..bars.len()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bars that rise or fall by a fixed step.
    fn trend(step: f64, count: usize) -> Bars {
        let mut bars = Bars::default();
        let first: crate::time::TradingDate = "2024-01-02".parse().expect("a date");
        let mut close = 10_000.0;
        for day in first.iter_days().take(count) {
            bars.push(day, [close, close + 20.0, close - 20.0, close, 1.0]);
            close += step;
        }
        bars
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let params = GateParams { ma_short: 3, ma_long: 6, adx_period: 3, ..GateParams::default() };
        let high_bar = GateParams { adx_threshold: 100.1, ..params };
        let cases = [
            ("windows not full", trend(10.0, 8), params, 4, GateReason::DataMissing),
            ("rising", trend(10.0, 8), params, 7, GateReason::None),
            ("falling", trend(-10.0, 8), params, 7, GateReason::BearBlock),
            ("no trend before falling", trend(-10.0, 8), high_bar, 7, GateReason::ChopBlock),
            (
                "threshold itself passes",
                trend(10.0, 8),
                GateParams { adx_threshold: 100.0, ..params },
                7,
                GateReason::None,
            ),
            ("flat: no directional index", trend(0.0, 12), params, 11, GateReason::DataMissing),
        ];
        for (name, bars, params, at, want) in cases {
            assert_eq!(gate_rows(&bars, &params)[at].reason, want, "{name}");
        }
        assert_eq!(GateReason::ChopBlock.regime(), Regime::Neutral);
        assert_eq!(GateReason::None.decision(), GateDecision::Pass);
    }
}
