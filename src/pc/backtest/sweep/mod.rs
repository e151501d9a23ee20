//! A sweep: one simulation for each combination of parameters, on all cores.
//!
//! Every cell is what [`super::simulate`] gives for its parameters, to the bit, and stands at the same place whatever the
//! number of threads. `ma_cross` has a kernel of its own, which shares everything that the cells have in common; every
//! other strategy is simulated a cell at a time.

mod axis;
mod document;
mod kernel;
mod stretch;
mod surface;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use rayon::iter::IndexedParallelIterator as _;
use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSliceMut as _;

use super::BacktestFault;
use super::Market;
use super::Options;
use super::Setup;
use super::Strategy;
use super::check::check;
use super::engine::simulate;
use super::lanes;
use super::lanes::Lanes;
use super::lanes::Work;
use super::metrics::Metrics;
pub use axis::Axis;
pub use document::document;
use kernel::Kernel;
use kernel::Scratch;
pub use surface::Measure;
pub use surface::Neighbors;
pub use surface::Surface;

/// The most cells of a sweep. A million take 200 MB.
pub const MAX_CELLS: usize = 1_000_000;

/// Cells that a thread takes at a time.
const CHUNK: usize = 64;

/// What is swept.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The strategy's name.
    pub strategy: &'a str,
    /// The parameters that are the same in every cell.
    pub options: &'a Options,
    /// The others; the last one varies fastest.
    pub axes: &'a [Axis],
}

/// How it is swept.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Threads; `None`: one for each core.
    pub threads: Option<usize>,
    /// Is told from any thread how many cells are done, and of how many.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// One combination of parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// What it gives.
    Done(Metrics),
    /// Why it makes no sense.
    Skipped(String),
}

impl fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl Cell {
    /// The figures, if there are any.
    #[must_use]
    pub fn metrics(&self) -> Option<&Metrics> {
        match self {
            Self::Done(metrics) => Some(metrics),
            Self::Skipped(_) => None,
        }
    }
}

/// What a sweep gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The axes as planned.
    pub axes: Vec<Axis>,
    /// The cells; the last axis varies fastest.
    pub cells: Vec<Cell>,
}

/// A sweep cannot be run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SweepFault {
    /// An axis breaks its rule.
    #[error("--sweep {text:?} {rule}")]
    Axis {
        /// The axis as given, or its name.
        text: String,
        /// The rule.
        rule: &'static str,
    },
    /// There are too many cells.
    #[error("{0} cells are too many: at most {MAX_CELLS} a sweep")]
    TooMany(usize),
    /// No cell is left.
    #[error("none of {count} cells can be simulated: {why}")]
    NoCell {
        /// How many there would be.
        count: usize,
        /// Why the first one cannot.
        why: String,
    },
    /// The simulation refuses.
    #[error(transparent)]
    Backtest(#[from] BacktestFault),
    /// The threads cannot be started.
    #[error("cannot start {count} threads: {why}")]
    Threads {
        /// How many.
        count: usize,
        /// Why.
        why: String,
    },
}

impl Sweep {
    /// The place of a cell on each axis.
    #[must_use]
    pub fn place(&self, cell: usize) -> Vec<usize> {
        place(&self.axes, cell)
    }

    /// The parameters of a cell that the axes set.
    #[must_use]
    pub fn params(&self, cell: usize) -> Options {
        let at = self.axes.iter().zip(self.place(cell));
        at.filter_map(|(axis, at)| Some((axis.name.clone(), axis.values.get(at)?.clone()))).collect()
    }

    /// How many cells make no sense.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.cells.iter().filter(|cell| cell.metrics().is_none()).count()
    }
}

/// Which instructions the kernel of `ma_cross` uses on this processor: `AVX2` or `baseline`. The results are the same.
#[must_use]
pub fn instructions() -> &'static str {
    lanes::instructions()
}

/// Simulates every combination. `setup.strategy` is not looked at.
///
/// # Errors
/// An axis is unknown, given twice, also among the fixed parameters, or holds a value of the wrong kind; there are too
/// many cells or none; or the simulation refuses for a reason that is no cell's own.
pub fn sweep(plan: &Plan<'_>, setup: &Setup<'_>, market: &Market, control: &Control<'_>) -> Result<Sweep, SweepFault> {
    let count = checked_count(plan)?;
    let lines = strategies_by_axis(plan)?;
    let mut cells = vec![Cell::Skipped(String::new()); count];
    match windows(plan, &lines, count)? {
        Some(windows) => {
            for strategy in lines.into_iter().flatten() {
                check(&Setup { strategy, ..setup.clone() })?;
            }
            cross(&windows, setup, market, (control, &mut cells))?;
        }
        None => general(plan, setup, market, (control, &mut cells))?,
    }
    match cells.first() {
        Some(Cell::Skipped(why)) if cells.iter().all(|cell| cell.metrics().is_none()) => {
            Err(SweepFault::NoCell { count, why: why.clone() })
        }
        _ => Ok(Sweep { axes: plan.axes.to_vec(), cells }),
    }
}

fn checked_count(plan: &Plan<'_>) -> Result<usize, SweepFault> {
    let fault = |axis: &Axis, rule| Err(SweepFault::Axis { text: axis.name.clone(), rule });
    for (at, axis) in plan.axes.iter().enumerate() {
        if plan.axes[..at].iter().any(|other| other.name == axis.name) {
            return fault(axis, "is given twice");
        }
        if plan.options.contains_key(&axis.name) {
            return fault(axis, "is also given as a fixed parameter");
        }
        if axis.values.is_empty() {
            return fault(axis, "has no value");
        }
    }
    let count = plan.axes.iter().fold(1_usize, |count, axis| count.saturating_mul(axis.values.len()));
    if count > MAX_CELLS { Err(SweepFault::TooMany(count)) } else { Ok(count) }
}

/// For each axis the strategies with one of its values and nothing else of the axes: every name and kind is checked here.
fn strategies_by_axis(plan: &Plan<'_>) -> Result<Vec<Vec<Strategy>>, SweepFault> {
    let with = |axis: &Axis| {
        let one = |value: &serde_json::Value| {
            let mut options = plan.options.clone();
            options.insert(axis.name.clone(), value.clone());
            Ok(Strategy::of_options(plan.strategy, &options)?)
        };
        axis.values.iter().map(one).collect()
    };
    plan.axes.iter().map(with).collect()
}

/// The windows of every cell of `ma_cross`; `None` for another strategy.
fn windows(plan: &Plan<'_>, lines: &[Vec<Strategy>], count: usize) -> Result<Option<Vec<Windows>>, SweepFault> {
    let Strategy::MaCross { fast, slow } = Strategy::of_options(plan.strategy, plan.options)? else { return Ok(None) };
    let of_cell = |cell: usize| {
        let mut windows = (fast, slow);
        let mut left = cell;
        for (axis, line) in plan.axes.iter().zip(lines).rev() {
            match &line[left % line.len()] {
                Strategy::MaCross { fast, .. } if axis.name == "fast" => windows.0 = *fast,
                Strategy::MaCross { slow, .. } => windows.1 = *slow,
                Strategy::RegimeMaAdx(_) | Strategy::KrxMomentum(_) => {}
            }
            left /= line.len();
        }
        windows
    };
    Ok(Some((0..count).map(of_cell).collect()))
}

/// The fast and the slow window.
type Windows = (usize, usize);

/// The place of a cell on each axis; the last one varies fastest.
fn place(axes: &[Axis], cell: usize) -> Vec<usize> {
    let mut left = cell;
    let mut found: Vec<usize> = axes
        .iter()
        .rev()
        .map(|axis| {
            let at = left % axis.values.len();
            left /= axis.values.len();
            at
        })
        .collect();
    found.reverse();
    found
}

/// `ma_cross`: the kernel, or one simulation a cell where the prices are too odd for it.
fn cross(
    windows: &[Windows],
    setup: &Setup<'_>,
    market: &Market,
    (control, cells): (&Control<'_>, &mut [Cell]),
) -> Result<(), SweepFault> {
    let setup_of = |(fast, slow)| Setup { strategy: Strategy::MaCross { fast, slow }, ..setup.clone() };
    let makes_sense = |(fast, slow): Windows| fast < slow;
    let mut lengths: Vec<usize> = windows.iter().filter(|w| makes_sense(**w)).flat_map(|(f, s)| [*f, *s]).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let kernel = Kernel::of(&setup_of((1, 2)), market, lengths.into_iter())?;
    let skipped = |(fast, slow)| Cell::Skipped(format!("fast ({fast}) is not below slow ({slow})"));
    in_chunks((control, cells), |scratch, first, chunk| {
        let windows = &windows[first..first + chunk.len()];
        if let Some(kernel) = &kernel {
            let scratch = scratch.get_or_insert_with(|| kernel.scratch());
            lanes::on_best(CrossCells { kernel, windows, cells: chunk, scratch });
        }
        for (cell, pair) in chunk.iter_mut().zip(windows) {
            if !makes_sense(*pair) {
                *cell = skipped(*pair);
            } else if cell.metrics().is_none() {
                *cell = Cell::Done(simulate(&setup_of(*pair), market)?.metrics);
            }
        }
        Ok(())
    })
}

/// Some cells of `ma_cross`.
struct CrossCells<'a> {
    kernel: &'a Kernel,
    windows: &'a [Windows],
    cells: &'a mut [Cell],
    scratch: &'a mut Scratch,
}

impl Work for CrossCells<'_> {
    type Output = ();

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        for (cell, windows) in self.cells.iter_mut().zip(self.windows) {
            if let Some(metrics) = self.kernel.cell(lanes, *windows, self.scratch) {
                *cell = Cell::Done(metrics);
            }
        }
    }
}

/// One simulation a cell. Parameters that do not go together make a cell that is skipped.
fn general(
    plan: &Plan<'_>,
    setup: &Setup<'_>,
    market: &Market,
    (control, cells): (&Control<'_>, &mut [Cell]),
) -> Result<(), SweepFault> {
    in_chunks((control, cells), |_scratch, first, chunk| {
        for (at, cell) in chunk.iter_mut().enumerate() {
            let mut options = plan.options.clone();
            for (axis, at) in plan.axes.iter().zip(place(plan.axes, first + at)) {
                options.insert(axis.name.clone(), axis.values[at].clone());
            }
            let strategy = Strategy::of_options(plan.strategy, &options)?;
            let setup = Setup { strategy, ..setup.clone() };
            *cell = match simulate(&setup, market) {
                Ok(outcome) => Cell::Done(outcome.metrics),
                Err(fault @ BacktestFault::Parameter { .. }) => Cell::Skipped(fault.to_string()),
                Err(fault) => return Err(fault),
            };
        }
        Ok(())
    })
}

/// Lets threads fill the cells, some at a time; each keeps its scratch. The first fault in the order of cells counts.
fn in_chunks(
    (control, cells): (&Control<'_>, &mut [Cell]),
    fill: impl Fn(&mut Option<Scratch>, usize, &mut [Cell]) -> Result<(), BacktestFault> + Sync,
) -> Result<(), SweepFault> {
    let total = cells.len();
    let done = AtomicUsize::new(0);
    let step = |scratch: &mut Option<Scratch>, (at, chunk): (usize, &mut [Cell])| -> Result<(), BacktestFault> {
        fill(scratch, at * CHUNK, chunk)?;
        (control.progress)(done.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len(), total);
        Ok(())
    };
    let threads = control.threads.unwrap_or_else(rayon::current_num_threads).max(1);
    if threads == 1 {
        let mut scratch = None;
        return Ok(cells.chunks_mut(CHUNK).enumerate().try_for_each(|chunk| step(&mut scratch, chunk))?);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|why| SweepFault::Threads { count: threads, why: why.to_string() })?;
    pool.install(|| {
        let outcomes: Vec<Result<(), BacktestFault>> =
            cells.par_chunks_mut(CHUNK).enumerate().map_init(|| None, step).collect();
        outcomes.into_iter().collect::<Result<(), _>>()
    })?;
    Ok(())
}
