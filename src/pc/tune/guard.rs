//! Guardrails, anomalies and the three gates, each check with its arithmetic.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::contracts::tune::CheckStatus;
use crate::contracts::tune::GateCheck;
use crate::contracts::tune::GateReport;
use crate::trading::indicator::population_sd;

use super::segment::Figures;

/// A Sharpe ratio above this is an error of the simulation until proved otherwise.
const SHARPE_TOO_HIGH: f64 = 5.0;
/// So is a yearly growth above this, percent.
const CAGR_TOO_HIGH: f64 = 100.0;
/// How many times the training drawdown the validation's may be, and the percent that is fine in any case.
const MDD_CONSISTENT: (f64, f64) = (1.2, 10.0);
/// A trial must be among this many by its validation Sharpe ratio.
pub(super) const TOP_BY_SHARPE: usize = 5;
/// Gate 2: fewest walk-forward windows.
pub(super) const MIN_WINDOWS: usize = 3;
/// Gate 2: least stability, least share of windows that earned something.
const WALK_FORWARD: (f64, f64) = (1.0, 0.60);
/// Gate 3: a validation below the first and a test above the second do not belong together.
const DIVERGENCE: (f64, f64) = (0.0, 1.5);

/// How strict the guardrails are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The limits of the product.
    #[default]
    Standard,
    /// For trying things out; nothing found under it may be promoted.
    Lax,
}

impl Preset {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Lax => "lax",
        }
    }

    /// Fewest trades, least exposure, highest turnover.
    fn limits(self) -> (usize, f64, f64) {
        match self {
            Self::Standard => (30, 0.30, 24.0),
            Self::Lax => (5, 0.05, 50.0),
        }
    }
}

fn check(code: &str, holds: bool, (failure, detail): (CheckStatus, String)) -> GateCheck {
    GateCheck { code: code.to_owned(), status: if holds { CheckStatus::Pass } else { failure }, detail }
}

fn must(code: &str, holds: bool, detail: String) -> GateCheck {
    check(code, holds, (CheckStatus::Fail, detail))
}

/// A gate whose status is that of its worst check.
#[must_use]
pub fn report(gate: u8, checks: Vec<GateCheck>) -> GateReport {
    let status = checks.iter().map(|check| check.status).max().unwrap_or(CheckStatus::NotReached);
    GateReport { gate, status, checks }
}

/// A gate that was not looked at.
#[must_use]
pub fn not_reached(gate: u8) -> GateReport {
    GateReport { gate, status: CheckStatus::NotReached, checks: Vec::new() }
}

/// Whether a gate lets the run go on.
#[must_use]
pub fn passes(report: &GateReport) -> bool {
    matches!(report.status, CheckStatus::Pass | CheckStatus::Warn)
}

/// The sign between the two sides of a comparison as it came out.
fn sign(holds: bool, (yes, no): (&'static str, &'static str)) -> &'static str {
    if holds { yes } else { no }
}

const AT_LEAST: (&str, &str) = (">=", "<");
const AT_MOST: (&str, &str) = ("<=", ">");

/// Trades, exposure and turnover of the validation segment.
fn guardrails(validation: &Figures, preset: Preset) -> Vec<GateCheck> {
    let (min_trades, min_exposure, max_turnover) = preset.limits();
    let Figures { total_trades, exposure, turnover, .. } = *validation;
    let mut checks = Vec::new();
    if total_trades == 0 {
        checks.push(must("NO_ORDERS", false, "the validation segment has no trade".to_owned()));
    }
    let holds = total_trades >= min_trades;
    checks.push(must("LOW_TRADES", holds, format!("trades {total_trades} {} {min_trades}", sign(holds, AT_LEAST))));
    let holds = exposure >= min_exposure;
    let detail = format!("exposure {exposure:.3} {} {min_exposure:.2}", sign(holds, AT_LEAST));
    checks.push(must("LOW_EXPOSURE", holds, detail));
    let holds = turnover <= max_turnover;
    let detail = format!("turnover {turnover:.1} a year {} {max_turnover}", sign(holds, AT_MOST));
    checks.push(must("HIGH_TURNOVER", holds, detail));
    checks
}

/// Figures that are too good, and a validation that does not look like its training.
fn anomalies(train: &Figures, validation: &Figures) -> Vec<GateCheck> {
    let sharpe = |figures: &Figures| {
        let holds = figures.sharpe <= SHARPE_TOO_HIGH;
        (holds, format!("{:.3} {} {SHARPE_TOO_HIGH}", figures.sharpe, sign(holds, AT_MOST)))
    };
    let (holds, detail) = sharpe(validation);
    let mut checks = vec![must("SHARPE_TOO_HIGH", holds, format!("validation sharpe {detail}"))];
    let (holds, detail) = sharpe(train);
    let detail = (CheckStatus::Warn, format!("training sharpe {detail}"));
    checks.push(check("SHARPE_TOO_HIGH_TRAIN", holds, detail));
    let holds = validation.cagr <= CAGR_TOO_HIGH;
    let detail = format!("validation cagr {:.1} % {} {CAGR_TOO_HIGH} %", validation.cagr, sign(holds, AT_MOST));
    checks.push(must("CAGR_TOO_HIGH", holds, detail));
    let (times, floor) = MDD_CONSISTENT;
    let limit = (times * train.mdd).max(floor);
    let holds = validation.mdd <= limit;
    let sign = sign(holds, AT_MOST);
    let detail = format!(
        "validation mdd {:.2} % {sign} max({times} * training {:.2} %, {floor} %) = {limit:.2} %",
        validation.mdd, train.mdd
    );
    checks.push(must("MDD_INCONSISTENT", holds, detail));
    checks
}

/// The place of a validation Sharpe ratio among trials with other parameters, from 1. `others` are the hash and the
/// Sharpe ratio of every trial.
#[must_use]
pub fn sharpe_rank(hash: &str, sharpe: f64, others: &[(String, f64)]) -> usize {
    let mut seen = BTreeSet::new();
    let distinct = others.iter().filter(|(other, _)| other != hash && seen.insert(other.as_str()));
    1 + distinct.filter(|(_, other)| *other > sharpe).count()
}

/// Gate 1: guardrails, anomalies, and a place among the best by validation Sharpe ratio.
#[must_use]
pub fn gate1(train: &Figures, validation: &Figures, rank: usize, preset: Preset) -> GateReport {
    let mut checks = guardrails(validation, preset);
    checks.extend(anomalies(train, validation));
    let holds = rank <= TOP_BY_SHARPE;
    let detail =
        format!("rank {rank} by validation sharpe {:.3} {} {TOP_BY_SHARPE}", validation.sharpe, sign(holds, AT_MOST));
    checks.push(must("SHARPE_RANK", holds, detail));
    report(1, checks)
}

/// Mean Sharpe ratio out of sample over its population deviation plus a tenth; 0 without windows.
#[must_use]
pub fn stability(sharpes: &[f64]) -> f64 {
    #![expect(clippy::cast_precision_loss, reason = "a handful of windows")]
    if sharpes.is_empty() {
        return 0.0;
    }
    let mean = sharpes.iter().sum::<f64>() / sharpes.len() as f64;
    mean / (population_sd(sharpes.iter().copied()) + 0.1)
}

/// Gate 2: enough walk-forward windows, out of which the parameters earned something steadily.
#[must_use]
pub fn gate2(out_samples: &[Figures]) -> GateReport {
    #![expect(clippy::cast_precision_loss, reason = "a handful of windows")]
    let (min_stability, min_wins) = WALK_FORWARD;
    let count = out_samples.len();
    let sharpes: Vec<f64> = out_samples.iter().map(|figures| figures.sharpe).collect();
    let holds = count >= MIN_WINDOWS;
    let mut checks =
        vec![must("WALKFORWARD_WINDOWS", holds, format!("{count} windows {} {MIN_WINDOWS}", sign(holds, AT_LEAST)))];
    let found = stability(&sharpes);
    let holds = found >= min_stability;
    let mean = if count == 0 { 0.0 } else { sharpes.iter().sum::<f64>() / count as f64 };
    let sd = if count == 0 { 0.0 } else { population_sd(sharpes.iter().copied()) };
    let detail =
        format!("stability {mean:.3} / ({sd:.3} + 0.1) = {found:.3} {} {min_stability:.1}", sign(holds, AT_LEAST));
    checks.push(must("WALKFORWARD_STABILITY", holds, detail));
    let wins = sharpes.iter().filter(|sharpe| **sharpe > 0.0).count();
    let rate = if count == 0 { 0.0 } else { wins as f64 / count as f64 };
    let holds = rate >= min_wins;
    let detail =
        format!("{wins} of {count} windows with sharpe > 0 = {rate:.2} {} {min_wins:.2}", sign(holds, AT_LEAST));
    checks.push(must("WALKFORWARD_WIN_RATE", holds, detail));
    let trades: usize = out_samples.iter().map(|figures| figures.total_trades).sum();
    let holds = trades >= 1;
    checks.push(must(
        "WALKFORWARD_TRADES",
        holds,
        format!("{trades} trades out of sample {} 1", sign(holds, AT_LEAST)),
    ));
    report(2, checks)
}

/// Whether test and validation belong together, with the arithmetic. A promotion asks too, because gate 3 never fails.
#[must_use]
pub fn divergence(validation: &Figures, test: &Figures) -> (bool, String) {
    let (below, above) = DIVERGENCE;
    let holds = !(validation.sharpe < below && test.sharpe > above);
    let detail = format!(
        "validation sharpe {:.3}, test sharpe {:.3}; critical when below {below} and above {above}",
        validation.sharpe, test.sharpe
    );
    (holds, detail)
}

/// Gate 3: the test is on record. It never fails by itself; a test that contradicts its validation is a critical
/// anomaly, told as a warning for the person who promotes.
#[must_use]
pub fn gate3(validation: &Figures, test: &Figures) -> GateReport {
    let (holds, detail) = divergence(validation, test);
    let revealed = format!(
        "sharpe {:.3}, mdd {:.2} %, return {:.2} %, trades {}",
        test.sharpe, test.mdd, test.total_return, test.total_trades
    );
    report(
        3,
        vec![must("TEST_REVEALED", true, revealed), check("VAL_TEST_DIVERGENCE", holds, (CheckStatus::Warn, detail))],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fine() -> Figures {
        Figures {
            sharpe: 1.2,
            mdd: 8.0,
            cagr: 20.0,
            total_return: 9.0,
            total_trades: 40,
            turnover: 12.0,
            exposure: 0.8,
        }
    }

    fn failed(report: &GateReport) -> Vec<&str> {
        report
            .checks
            .iter()
            .filter(|check| check.status == CheckStatus::Fail)
            .map(|check| check.code.as_str())
            .collect()
    }

    #[test]
    fn each_row_of_the_guardrail_table_has_its_code() {
        type Edit = fn(&mut Figures);
        let cases: [(&str, Edit, &[&str]); 14] = [
            ("fine", |_| (), &[]),
            ("30 trades", |f| f.total_trades = 30, &[]),
            ("29 trades", |f| f.total_trades = 29, &["LOW_TRADES"]),
            ("no trade", |f| f.total_trades = 0, &["NO_ORDERS", "LOW_TRADES"]),
            ("exposure 0.30", |f| f.exposure = 0.30, &[]),
            ("exposure 0.29", |f| f.exposure = 0.29, &["LOW_EXPOSURE"]),
            ("turnover 24", |f| f.turnover = 24.0, &[]),
            ("turnover above 24", |f| f.turnover = 24.1, &["HIGH_TURNOVER"]),
            ("sharpe 5", |f| f.sharpe = 5.0, &[]),
            ("sharpe above 5", |f| f.sharpe = 5.01, &["SHARPE_TOO_HIGH"]),
            ("cagr 100", |f| f.cagr = 100.0, &[]),
            ("cagr above 100", |f| f.cagr = 100.1, &["CAGR_TOO_HIGH"]),
            ("mdd at the floor", |f| f.mdd = 10.0, &[]),
            ("mdd above training", |f| f.mdd = 12.1, &["MDD_INCONSISTENT"]),
        ];
        for (name, edit, want) in cases {
            let mut validation = fine();
            edit(&mut validation);
            let found = gate1(&Figures { mdd: 10.0, ..fine() }, &validation, 1, Preset::Standard);
            assert_eq!(failed(&found), want, "{name}");
            assert_eq!(passes(&found), want.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_training_that_is_too_good_only_warns() {
        let found = gate1(&Figures { sharpe: 6.0, ..fine() }, &fine(), 1, Preset::Standard);
        assert_eq!((found.status, passes(&found)), (CheckStatus::Warn, true));
    }

    #[test]
    fn the_lax_preset_has_its_own_limits() {
        let cases = [(5, 0.05, 50.0, &[][..]), (4, 0.04, 50.1, &["LOW_TRADES", "LOW_EXPOSURE", "HIGH_TURNOVER"])];
        for (total_trades, exposure, turnover, want) in cases {
            let validation = Figures { total_trades, exposure, turnover, ..fine() };
            assert_eq!(failed(&gate1(&fine(), &validation, 1, Preset::Lax)), want);
        }
    }

    #[test]
    fn the_rank_counts_other_parameters_once() {
        let others = [("a", 3.0), ("a", 3.0), ("b", 2.0), ("c", 1.0), ("me", 9.0)];
        let others: Vec<(String, f64)> = others.map(|(hash, sharpe)| (hash.to_owned(), sharpe)).into();
        assert_eq!(sharpe_rank("me", 1.5, &others), 3);
        assert_eq!(failed(&gate1(&fine(), &fine(), 5, Preset::Standard)), [""; 0]);
        assert_eq!(failed(&gate1(&fine(), &fine(), 6, Preset::Standard)), ["SHARPE_RANK"]);
    }

    #[test]
    fn gate_2_needs_windows_stability_wins_and_a_trade() {
        let windows = |sharpes: &[f64], trades: usize| {
            sharpes.iter().map(|s| Figures { sharpe: *s, total_trades: trades, ..fine() }).collect::<Vec<_>>()
        };
        let cases: [(&str, Vec<Figures>, &[&str]); 6] = [
            ("steady", windows(&[1.0, 1.1, 0.9], 5), &[]),
            ("two windows", windows(&[1.0, 1.0], 5), &["WALKFORWARD_WINDOWS"]),
            ("unsteady", windows(&[3.0, 0.1, 0.1], 5), &["WALKFORWARD_STABILITY"]),
            ("losing", windows(&[-1.0, -1.0, 1.0], 5), &["WALKFORWARD_STABILITY", "WALKFORWARD_WIN_RATE"]),
            ("no trade", windows(&[1.0, 1.0, 1.0], 0), &["WALKFORWARD_TRADES"]),
            (
                "no window",
                Vec::new(),
                &["WALKFORWARD_WINDOWS", "WALKFORWARD_STABILITY", "WALKFORWARD_WIN_RATE", "WALKFORWARD_TRADES"],
            ),
        ];
        for (name, out_samples, want) in cases {
            assert_eq!(failed(&gate2(&out_samples)), want, "{name}");
        }
        assert!((stability(&[1.0, 3.0]) - 2.0 / 1.1).abs() < 1e-12);
        // 0.6 exactly is enough.
        assert!(!failed(&gate2(&windows(&[2.0, 2.0, 2.0, -0.1, -0.1], 1))).contains(&"WALKFORWARD_WIN_RATE"));
    }

    #[test]
    fn gate_3_records_and_never_fails() {
        let test = Figures { sharpe: 1.6, ..fine() };
        let divergent = gate3(&Figures { sharpe: -0.1, ..fine() }, &test);
        assert_eq!((divergent.status, passes(&divergent)), (CheckStatus::Warn, true));
        for (validation, test) in [(-0.1, 1.5), (0.0, 3.0), (1.0, -2.0)] {
            let found = gate3(&Figures { sharpe: validation, ..fine() }, &Figures { sharpe: test, ..fine() });
            assert_eq!(found.status, CheckStatus::Pass, "{validation} {test}");
        }
    }
}
