//! The validation by year: each year of the window simulated afresh with its own capital, told by month.

use std::collections::BTreeMap;

use chrono::Datelike as _;

use super::BacktestFault;
use super::DayRow;
use super::Market;
use super::Outcome;
use super::Setup;
use super::engine::simulate;
use super::metrics::max_drawdown;
use super::rounding::round;
use crate::contracts::validation::OOS_SCHEMA;
use crate::contracts::validation::OosMonth;
use crate::contracts::validation::OosSummary;
use crate::contracts::validation::OosValidation;
use crate::contracts::validation::OosYear;
use crate::contracts::validation::Period;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::TradingDate;

/// Simulates each calendar year that has a session inside the setup's window.
///
/// # Errors
/// A simulation refuses.
pub fn validate_by_year(setup: &Setup<'_>, market: &Market, now: KstTime) -> Result<OosValidation, BacktestFault> {
    let mut years = BTreeMap::new();
    for year in setup.start.year()..=setup.end.year() {
        let day = |month, day| TradingDate::from_ymd_opt(year, month, day);
        let (Some(first), Some(last)) = (day(1, 1), day(12, 31)) else { continue };
        let part = Setup { start: setup.start.max(first), end: setup.end.min(last), ..setup.clone() };
        match simulate(&part, market) {
            Ok(outcome) => years.extend(year_of(&outcome).map(|told| (year.to_string(), told))),
            Err(BacktestFault::EmptyWindow { .. }) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(OosValidation { schema_version: OOS_SCHEMA.to_owned(), generated_at: Stamp::of(now), years })
}

fn year_of(outcome: &Outcome) -> Option<OosYear> {
    let (first, last) = (outcome.days.first()?, outcome.days.last()?);
    let metrics = &outcome.metrics;
    let mut monthly: Vec<OosMonth> = Vec::new();
    let mut base = first.equity;
    for days in outcome.days.chunk_by(|a, b| a.date.month() == b.date.month()) {
        monthly.push(month_of(days, base));
        base = days.last().map_or(base, |day| day.equity);
    }
    Some(OosYear {
        period: Period { start: first.date, end: last.date },
        summary: OosSummary {
            total_return_pct: round(metrics.total_return, 4),
            mdd_pct: round(metrics.mdd, 4),
            trades: metrics.total_trades,
            exposure_ratio: round(metrics.exposure_ratio, 6),
        },
        monthly,
    })
}

/// One month; `base` is the equity that its growth is measured against.
fn month_of(days: &[DayRow], base: f64) -> OosMonth {
    #![expect(clippy::cast_precision_loss, reason = "counts of days")]
    let equity: Vec<f64> = std::iter::once(base).chain(days.iter().map(|day| day.equity)).collect();
    let last = equity.last().copied().unwrap_or(base);
    let held = days.iter().filter(|day| day.market_value > 0.0).count();
    OosMonth {
        month: days.first().map(|day| day.date.format("%Y-%m").to_string()).unwrap_or_default(),
        return_pct: round((last / base - 1.0) * 100.0, 4),
        mdd_pct: round(max_drawdown(&equity), 4),
        trades: days.iter().map(|day| day.fills).sum(),
        trade_days: days.len(),
        exposure_ratio: round(held as f64 / days.len().max(1) as f64, 6),
    }
}
