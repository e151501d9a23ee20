//! `daily_ops pc backtest --sweep ...`: a simulation for each combination of parameters.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use serde::Serialize;

use super::backtest::refused;
use super::backtest::write;
use crate::cli::exit::DONE;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::Document as _;
use crate::contracts::sweep::SweepResult;
use crate::pc::backtest::Market;
use crate::pc::backtest::Setup;
use crate::pc::backtest::case::CaseFile;
use crate::pc::backtest::metrics::Metrics;
use crate::pc::backtest::sweep::Axis;
use crate::pc::backtest::sweep::Cell;
use crate::pc::backtest::sweep::Control;
use crate::pc::backtest::sweep::Measure;
use crate::pc::backtest::sweep::Plan;
use crate::pc::backtest::sweep::Sweep;
use crate::pc::backtest::sweep::SweepFault;
use crate::pc::backtest::sweep::document;
use crate::pc::backtest::sweep::sweep;
use crate::time::Clock as _;
use crate::time::SystemClock;

/// The flags of a sweep.
#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    /// Run every value from A to B, both included, in steps of 1 or STEP; repeatable, all combinations are run
    #[arg(long, value_name = "KEY=A..B[:STEP]", requires = "strategy", allow_hyphen_values = true)]
    pub(super) sweep: Vec<String>,
    /// What a sweep's cells are ranked by
    #[arg(long, value_name = "MEASURE", requires = "sweep", default_value = "sharpe")]
    sort: SortArg,
    /// How many of a sweep's best cells are shown
    #[arg(long, value_name = "COUNT", requires = "sweep", default_value = "10")]
    top: usize,
    /// Threads of a sweep; by default one for each core
    #[arg(long, value_name = "COUNT", requires = "sweep", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

impl SweepArgs {
    /// Whether a parameter is an axis.
    pub(super) fn varies(&self, name: &str) -> bool {
        self.sweep.iter().any(|axis| axis.split('=').next().is_some_and(|varied| varied.trim() == name))
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SortArg {
    Sharpe,
    Return,
    Cagr,
    Calmar,
    Mdd,
}

impl From<SortArg> for Measure {
    fn from(sort: SortArg) -> Self {
        match sort {
            SortArg::Sharpe => Self::Sharpe,
            SortArg::Return => Self::Return,
            SortArg::Cagr => Self::Cagr,
            SortArg::Calmar => Self::Calmar,
            SortArg::Mdd => Self::Mdd,
        }
    }
}

/// What is swept.
pub(super) struct Subject<'a> {
    pub(super) file: &'a CaseFile,
    pub(super) setup: &'a Setup<'a>,
    pub(super) market: &'a Market,
    pub(super) warnings: &'a [String],
    /// Where the document goes.
    pub(super) out: Option<&'a Path>,
}

/// The document with what a caller at a prompt wants to know besides; it alone differs between two runs.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    document: &'a SweepResult,
    warnings: &'a [String],
    threads: usize,
    compute_ms: f64,
    bars_x_cells_per_second: f64,
}

pub(super) fn run(args: &SweepArgs, subject: &Subject<'_>, output: &Output) -> Result<u8, Failure> {
    let axes: Vec<Axis> = args.sweep.iter().map(|text| Axis::parse(text)).collect::<Result<_, _>>().map_err(failure)?;
    let case = &subject.file.case;
    let plan = Plan { strategy: &case.strategy, options: &case.params, axes: &axes };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or(cores, usize::from);
    let (found, took) = told(&plan, subject, (threads, output))?;
    let result = (subject.out.is_some() || output.is_json()).then(|| document(&plan, subject.setup, &found));
    if let (Some(out), Some(result)) = (subject.out, &result) {
        write(out, &String::from_utf8(result.to_bytes()?)?)?;
    }
    let idle = idle(&found);
    let warnings: Vec<String> = subject.warnings.iter().cloned().chain(idle).collect();
    let speed = Speed { took, threads, rate: rate(&found, took) };
    if let (true, Some(document)) = (output.is_json(), &result) {
        output.document(&Answer {
            document,
            warnings: &warnings,
            threads,
            compute_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
            bars_x_cells_per_second: speed.rate.round(),
        });
        return Ok(DONE);
    }
    for warning in &warnings {
        output.remark(&format!("⚠️ {warning}"));
    }
    lines(&found, subject, (args, &speed)).iter().for_each(|line| output.line(line));
    if let Some(out) = subject.out {
        output.line(&format!("written: {}", out.display()));
    }
    Ok(DONE)
}

/// Sweeps on threads of its own, while this one tells how far it is. The time is the sweep's alone.
fn told(
    plan: &Plan<'_>,
    subject: &Subject<'_>,
    (threads, output): (usize, &Output),
) -> Result<(Sweep, Duration), Failure> {
    let clock = SystemClock::new();
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        let clock = &clock;
        let work = scope.spawn(move || {
            // Who listens no longer has lost nothing but the story.
            let progress = move |done: usize, total: usize| sender.send((done, total)).unwrap_or_default();
            let before = clock.monotonic();
            let found =
                sweep(plan, subject.setup, subject.market, &Control { threads: Some(threads), progress: &progress });
            (found, clock.monotonic().saturating_sub(before))
        });
        let mut teller = Teller::new(output, clock);
        for (done, total) in receiver {
            teller.tell(done, total);
        }
        teller.end();
        match work.join() {
            Ok((found, took)) => Ok((found.map_err(failure)?, took)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// What is wrong with the axes is wrong usage.
fn failure(fault: SweepFault) -> Failure {
    match fault {
        SweepFault::Backtest(fault) => refused(fault.into()),
        SweepFault::Axis { .. } | SweepFault::TooMany(_) | SweepFault::NoCell { .. } => {
            Failure::Usage(fault.to_string())
        }
        SweepFault::Threads { .. } => Failure::Fault(fault.into()),
    }
}

/// A warning when axes change nothing: neighbors that differ in such an axis alone have the same figures.
fn idle(found: &Sweep) -> Option<String> {
    let mut stride = found.cells.len();
    let mut idle = Vec::new();
    for axis in &found.axes {
        let count = axis.values.len();
        let block = stride;
        stride /= count.max(1);
        let is_same = |at: usize| match (found.cells[at].metrics(), found.cells[at - stride].metrics()) {
            (Some(one), Some(other)) => one == other,
            (one, other) => one.is_none() && other.is_none(),
        };
        if count > 1 && (0..found.cells.len()).filter(|at| at % block >= stride).all(is_same) {
            idle.push(axis.name.as_str());
        }
    }
    let names = idle.join(", ");
    (!idle.is_empty()).then(|| format!("no effect here: {names} (cells that differ in nothing else are equal)"))
}

/// How fast it was.
struct Speed {
    took: Duration,
    threads: usize,
    /// Bars x cells a second.
    rate: f64,
}

fn rate(found: &Sweep, took: Duration) -> f64 {
    let bars: usize = found.cells.iter().filter_map(|cell| Some(cell.metrics()?.trading_days)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = bars as f64 / took.as_secs_f64().max(1e-9);
    rate
}

/// A bar with rate and time left where standard error is a terminal; else a line now and then of what takes long.
struct Teller<'a> {
    output: &'a Output,
    clock: &'a SystemClock,
    bar: Option<ProgressBar>,
    /// Seconds of the last line.
    told: u64,
    start: Duration,
    /// The most cells done that were told; threads may report out of order.
    most: usize,
}

/// Between two lines of the story, in seconds.
const PAUSE: u64 = 10;

impl<'a> Teller<'a> {
    fn new(output: &'a Output, clock: &'a SystemClock) -> Self {
        let bar = (!output.is_quiet()).then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()));
        let bar = bar.filter(|bar| !bar.is_hidden());
        if let Some(bar) = &bar {
            let form = "{bar:30} {pos}/{len} cells, {per_sec}, {eta} left";
            // The form is a constant; were it wrong, the plain bar would do.
            bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_wrong| ProgressStyle::default_bar()));
        }
        Self { output, clock, bar, told: 0, start: clock.monotonic(), most: 0 }
    }

    fn tell(&mut self, done: usize, total: usize) {
        self.most = self.most.max(done);
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(self.most as u64);
            return;
        }
        let seconds = (self.clock.monotonic() - self.start).as_secs();
        if seconds >= self.told + PAUSE {
            self.told = seconds;
            let (done, left) = (self.most as u64, (total - self.most) as u64);
            let rate = (done / seconds).max(1);
            self.output.story(&format!("{done} of {total} cells, {rate} a second, {} s left", left.div_ceil(rate)));
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn lines(found: &Sweep, subject: &Subject<'_>, (args, speed): (&SweepArgs, &Speed)) -> Vec<String> {
    let measure = Measure::from(args.sort);
    let best = found.best(measure, args.top.max(1));
    let sessions = best.first().and_then(|at| found.cells[*at].metrics()).map_or(0, |figures| figures.trading_days);
    let case = &subject.file.case;
    let (start, end) = (subject.setup.start, subject.setup.end);
    let mut lines =
        vec![format!("{} {}, {start} to {end}, {sessions} sessions", case.strategy, case.universe.join(" "))];
    let skipped = match found.skipped() {
        0 => String::new(),
        count => format!(" ({count} skipped: {})", why(found)),
    };
    lines.push(format!("{} cells{skipped}: {}", found.cells.len(), axes(found)));
    lines.push(format!(
        "computed in {:.3} ms on {} thread{}: {} bars x cells a second",
        speed.took.as_secs_f64() * 1e3,
        speed.threads,
        if speed.threads == 1 { "" } else { "s" },
        many(speed.rate)
    ));
    lines.push(String::new());
    if args.top > 0 {
        lines.extend(table(found, &best, measure));
        lines.push(String::new());
    }
    lines.extend(shape(found, best.first().copied(), measure));
    lines
}

/// A large number in words.
fn many(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{:.0} million", value / 1e6),
        _ if value >= 1e3 => format!("{:.0} thousand", value / 1e3),
        _ => format!("{value:.0}"),
    }
}

/// The reason of the first cell that was skipped.
fn why(found: &Sweep) -> &str {
    let mut reasons = found.cells.iter().filter_map(|cell| match cell {
        Cell::Skipped(why) => Some(why.as_str()),
        Cell::Done(_) => None,
    });
    reasons.next().unwrap_or_default()
}

fn axes(found: &Sweep) -> String {
    let ends = |axis: &Axis| match axis.values.as_slice() {
        [one] => format!("{} {one}", axis.name),
        [first, .., last] => format!("{} {first}..{last}", axis.name),
        [] => axis.name.clone(),
    };
    found.axes.iter().map(ends).collect::<Vec<_>>().join(", ")
}

fn table(found: &Sweep, best: &[usize], measure: Measure) -> Vec<String> {
    let width = |axis: &Axis| axis.name.len().max(6);
    let names: String = found.axes.iter().map(|axis| format!("  {:>1$}", axis.name, width(axis))).collect();
    let head = format!("best by {}", measure.field());
    let title = format!(
        "{:>4}{names}  {:>8}  {:>9}  {:>8}  {:>7}  {:>7}  {:>6}",
        "#", "sharpe", "return %", "cagr %", "mdd %", "calmar", "trades"
    );
    let row = |(rank, at): (usize, &usize)| {
        let m: &Metrics = found.cells.get(*at)?.metrics()?;
        let values = found.axes.iter().zip(found.place(*at));
        let values: String =
            values.map(|(axis, at)| format!("  {:>1$}", axis.values[at].to_string(), width(axis))).collect();
        Some(format!(
            "{:>4}{values}  {:>8.3}  {:>9.2}  {:>8.2}  {:>7.2}  {:>7.3}  {:>6}",
            rank + 1,
            m.sharpe,
            m.total_return,
            m.cagr,
            m.mdd,
            m.calmar,
            m.total_trades
        ))
    };
    [head, title].into_iter().chain(best.iter().enumerate().filter_map(row)).collect()
}

/// Fewer cells have no surroundings to speak of.
const FEW: usize = 20;

/// The whole surface, and whether its best cell stands alone.
fn shape(found: &Sweep, best: Option<usize>, measure: Measure) -> Vec<String> {
    let name = measure.field();
    let count = found.cells.len() - found.skipped();
    let mut lines = Vec::new();
    if let Some(all) = found.surface(measure) {
        let above = match measure {
            Measure::Mdd => String::new(),
            Measure::Sharpe | Measure::Return | Measure::Cagr | Measure::Calmar => {
                format!(", {:.0} % above 0", all.above_zero * 100.0)
            }
        };
        lines.push(format!(
            "all cells: {name} from {:.3} to {:.3}, median {:.3}{above}",
            all.lowest, all.highest, all.median
        ));
    }
    let near = best.and_then(|best| Some((found.cells.get(best)?.metrics()?, found.neighbors(best, measure)?)));
    if let Some((own, near)) = near {
        let verdict = match near.is_lonely {
            _ if count < FEW => "",
            true => ": a lonely peak",
            false => ": its surroundings agree",
        };
        lines.push(format!(
            "around the best: {:.3} against a mean of {:.3} and a worst of {:.3} of {} neighbors{verdict}",
            measure.of(own),
            near.mean,
            near.worst,
            near.count
        ));
    }
    if count > 1 {
        lines.push(format!("The best of {count} was chosen on these days; other days will be less kind to it."));
    }
    lines
}
