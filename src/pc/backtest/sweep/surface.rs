//! What a sweep's surface looks like: its best cells, their neighbours, and how the rest is spread.

use std::cmp::Ordering;

use super::Metrics;
use super::Sweep;

/// What cells are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The highest first.
    Sharpe,
    /// The highest total return first.
    Return,
    /// The highest growth a year first.
    Cagr,
    /// The highest growth over drawdown first.
    Calmar,
    /// The smallest first.
    Mdd,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 5] = [Self::Sharpe, Self::Return, Self::Cagr, Self::Calmar, Self::Mdd];

    /// Its field in documents.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Sharpe => "sharpe",
            Self::Return => "total_return",
            Self::Cagr => "cagr",
            Self::Calmar => "calmar",
            Self::Mdd => "mdd",
        }
    }

    /// Its value.
    #[must_use]
    pub fn of(self, metrics: &Metrics) -> f64 {
        match self {
            Self::Sharpe => metrics.sharpe,
            Self::Return => metrics.total_return,
            Self::Cagr => metrics.cagr,
            Self::Calmar => metrics.calmar,
            Self::Mdd => metrics.mdd,
        }
    }

    /// The better one first.
    fn order(self, a: &Metrics, b: &Metrics) -> Ordering {
        let (a_value, b_value) = (self.of(a), self.of(b));
        match self {
            // Who never trades falls least; that is no merit.
            Self::Mdd => (a.total_trades == 0).cmp(&(b.total_trades == 0)).then(a_value.total_cmp(&b_value)),
            Self::Sharpe | Self::Return | Self::Cagr | Self::Calmar => b_value.total_cmp(&a_value),
        }
    }
}

/// How the values of a measure are spread over the cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// Cells with figures.
    pub cells: usize,
    /// The smallest value.
    pub lowest: f64,
    /// The lower one of the two in the middle.
    pub median: f64,
    /// The largest value.
    pub highest: f64,
    /// Share of the cells above 0.
    pub above_zero: f64,
}

/// A cell against the cells one step away on each axis, diagonals included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbors {
    /// How many there are.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their worst value.
    pub worst: f64,
    /// Whether the cell stands alone: its neighbours' mean is nearer to the median of all cells than to its own value.
    pub is_lonely: bool,
}

impl Sweep {
    /// The best cells, at most `count`; equal ones in the order of cells.
    #[must_use]
    pub fn best(&self, measure: Measure, count: usize) -> Vec<usize> {
        let done = self.cells.iter().enumerate().filter_map(|(at, cell)| Some((at, cell.metrics()?)));
        let mut ranked: Vec<(usize, &Metrics)> = done.collect();
        let order = |a: &(usize, &Metrics), b: &(usize, &Metrics)| measure.order(a.1, b.1).then(a.0.cmp(&b.0));
        if count < ranked.len() {
            ranked.select_nth_unstable_by(count, order);
            ranked.truncate(count);
        }
        ranked.sort_unstable_by(order);
        ranked.into_iter().map(|(at, _)| at).collect()
    }

    /// How a measure is spread; `None` without cells.
    #[must_use]
    pub fn surface(&self, measure: Measure) -> Option<Surface> {
        let mut values: Vec<f64> = self.cells.iter().filter_map(|cell| Some(measure.of(cell.metrics()?))).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let above = values.iter().filter(|value| **value > 0.0).count();
        #[expect(clippy::cast_precision_loss, reason = "at most a million cells")]
        let above_zero = above as f64 / values.len() as f64;
        Some(Surface { cells: values.len(), lowest, median: values[(values.len() - 1) / 2], highest, above_zero })
    }

    /// A cell against its neighbours; `None` when it has none with figures.
    #[must_use]
    pub fn neighbors(&self, cell: usize, measure: Measure) -> Option<Neighbors> {
        let own = measure.of(self.cells.get(cell)?.metrics()?);
        let place = self.place(cell);
        let near = self.around(&place).into_iter().filter(|at| *at != cell);
        let values: Vec<f64> = near.filter_map(|at| Some(measure.of(self.cells.get(at)?.metrics()?))).collect();
        let worst = match measure {
            Measure::Mdd => values.iter().copied().max_by(f64::total_cmp)?,
            Measure::Sharpe | Measure::Return | Measure::Cagr | Measure::Calmar => {
                values.iter().copied().min_by(f64::total_cmp)?
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "a few neighbours")]
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let median = self.surface(measure)?.median;
        let is_lonely = (own - mean).abs() > (mean - median).abs();
        Some(Neighbors { count: values.len(), mean, worst, is_lonely })
    }

    /// The cells at most one step from a place on every axis, itself included, in order.
    fn around(&self, place: &[usize]) -> Vec<usize> {
        self.axes.iter().zip(place).fold(vec![0], |found, (axis, at)| {
            let steps = at.saturating_sub(1)..=(at + 1).min(axis.values.len() - 1);
            found.iter().flat_map(|base| steps.clone().map(move |step| base * axis.values.len() + step)).collect()
        })
    }
}
