//! A sweep as a document.

use super::Cell;
use super::Plan;
use super::Sweep;
use crate::contracts::Document as _;
use crate::contracts::sweep::SweepAxis;
use crate::contracts::sweep::SweepCell;
use crate::contracts::sweep::SweepResult;
use crate::pc::backtest::ENGINE_VERSION;
use crate::pc::backtest::Setup;
use crate::pc::backtest::research::summary;

/// The document of a sweep. It holds no time: the same inputs give the same bytes.
#[must_use]
pub fn document(plan: &Plan<'_>, setup: &Setup<'_>, sweep: &Sweep) -> SweepResult {
    let cell = |(at, cell): (usize, &Cell)| {
        let (metrics, skipped) = match cell {
            Cell::Done(metrics) => (Some(summary(metrics)), None),
            Cell::Skipped(why) => (None, Some(why.clone())),
        };
        SweepCell { params: sweep.params(at), metrics, skipped }
    };
    let mut universe = setup.universe.clone();
    universe.sort_unstable();
    SweepResult {
        schema: SweepResult::SCHEMA.to_owned(),
        strategy: plan.strategy.to_ascii_lowercase(),
        universe,
        start_date: setup.start,
        end_date: setup.end,
        initial_capital: setup.initial_capital,
        commission_rate: setup.costs.commission_rate,
        slippage_rate: setup.costs.slippage_rate,
        engine_version: ENGINE_VERSION.to_owned(),
        params: plan.options.clone(),
        axes: sweep
            .axes
            .iter()
            .map(|axis| SweepAxis { name: axis.name.clone(), values: axis.values.clone() })
            .collect(),
        skipped: sweep.skipped(),
        cells: sweep.cells.iter().enumerate().map(cell).collect(),
    }
}
