//! Every cell against the single run with the same parameters, to the bit.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use proptest::prelude::Just;
use proptest::prelude::ProptestConfig;
use proptest::prelude::any;
use proptest::prelude::prop;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;
use proptest::strategy::Strategy as Generate;
use serde_json::json;

use super::*;
use crate::contracts::Document as _;
use crate::contracts::sweep::SweepResult;
use crate::pc::backtest::Costs;
use crate::pc::backtest::metrics::Curve;
use crate::pc::backtest::metrics::Totals;
use crate::pc::backtest::moments::BLOCK;
use crate::pc::backtest::moments::Moments;
use crate::pc::backtest::moments::Sums;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::Instrument;
use crate::trading::known;

const TICKER: &str = "005930";

fn day(text: &str) -> TradingDate {
    text.parse().expect("a date")
}

/// One step of a made-up market.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Open and close against the last close, in thousandths.
    Move(i32, i32),
    /// The same prices again.
    Flat,
    /// No trading.
    Halt,
    /// Opens at the upper or the lower limit.
    Limit(bool),
}

fn step() -> impl Generate<Value = Step> {
    prop_oneof![
        12 => (-60..60, -60..60).prop_map(|(open, close)| Step::Move(open, close)),
        2 => Just(Step::Flat),
        1 => Just(Step::Halt),
        1 => any::<bool>().prop_map(Step::Limit),
    ]
}

fn market_of(start: u32, steps: &[Step]) -> Market {
    let mut bars = Bars::default();
    let mut close = f64::from(start);
    let days = day("2021-03-02").iter_days().take(steps.len());
    for (date, step) in days.zip(steps) {
        let part = |thousandths: i32| (close * (1.0 + f64::from(thousandths) / 1000.0)).round().max(1.0);
        let (open, next) = match step {
            Step::Move(open, next) => (part(*open), part(*next)),
            Step::Flat | Step::Halt => (close, close),
            Step::Limit(upper) => {
                let end = part(if *upper { 300 } else { -300 });
                (end, end)
            }
        };
        bars.push(date, [open, open.max(next), open.min(next), next, 1_000.0]);
        if let Step::Halt = step {
            bars.halted.pop();
            bars.halted.push(true);
        }
        close = next;
    }
    Market::from([(TICKER.to_owned(), bars)])
}

fn setup_of(market: &Market, from: usize, capital: f64) -> Setup<'static> {
    let bars = &market[TICKER];
    let start = bars.date[from.min(bars.len() - 1)];
    Setup {
        strategy: Strategy::MaCross { fast: 1, slow: 2 },
        universe: vec![TICKER.to_owned()],
        instruments: [(TICKER.to_owned(), known(TICKER).map_or(Instrument::unknown(), |(what, _)| what))].into(),
        benchmark: TICKER.to_owned(),
        start,
        end: bars.last_date().expect("bars"),
        costs: Costs::default(),
        initial_capital: capital,
    }
}

/// All figures as bits.
fn bits(metrics: &Metrics) -> Vec<(String, u64)> {
    let value = serde_json::to_value(metrics).expect("an object");
    let fields = value.as_object().expect("an object").iter();
    fields.map(|(name, value)| (name.clone(), value.as_f64().expect("a finite number").to_bits())).collect()
}

fn quiet(threads: usize) -> Control<'static> {
    Control { threads: Some(threads), progress: &|_, _| {} }
}

fn swept(axes: &[&str], setup: &Setup<'_>, market: &Market, threads: usize) -> Result<Sweep, SweepFault> {
    let axes = axes.iter().map(|text| Axis::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let plan = Plan { strategy: "ma_cross", options: &Options::new(), axes: &axes };
    sweep(&plan, setup, market, &quiet(threads))
}

/// How many cells with figures were compared.
fn assert_cells_equal_single_runs(sweep: &Sweep, setup: &Setup<'_>, market: &Market, every: usize) -> usize {
    let mut compared = 0;
    for (at, cell) in sweep.cells.iter().enumerate().step_by(every) {
        let strategy = Strategy::of_options("ma_cross", &sweep.params(at)).expect("parameters");
        let Cell::Done(metrics) = cell else {
            assert!(matches!(strategy, Strategy::MaCross { fast, slow } if fast >= slow), "{strategy:?}: {cell:?}");
            continue;
        };
        let alone = simulate(&Setup { strategy: strategy.clone(), ..setup.clone() }, market).expect("a run").metrics;
        assert_eq!(bits(metrics), bits(&alone), "{strategy:?}");
        compared += 1;
    }
    compared
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_cell_is_the_single_run(
        steps in prop::collection::vec(step(), 2..260),
        (from, start) in (0_usize..60, prop_oneof![5_u32..50, 900_u32..3_000, 40_000_u32..90_000]),
        capital in prop_oneof![Just(1e7), Just(100_000.0), Just(333.0), 30.0..1e15_f64],
        (fast, slow) in (1_usize..9, 2_usize..30),
    ) {
        let market = market_of(start, &steps);
        let setup = setup_of(&market, from, capital);
        let axes = [format!("fast={fast}..{}", fast + 3), format!("slow={slow}..{}", slow + 4)];
        let axes: Vec<&str> = axes.iter().map(String::as_str).collect();
        match swept(&axes, &setup, &market, 1) {
            Ok(found) => drop(assert_cells_equal_single_runs(&found, &setup, &market, 1)),
            Err(SweepFault::NoCell { .. }) => prop_assert!(fast >= slow + 4),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn a_flat_block_may_be_left_out_and_lanes_do_not_matter(
        runs in prop::collection::vec((1_usize..70, prop_oneof![Just(0), -40..40_i32], 1.0..1e9_f64), 1..12),
        scale in 1.0..1e12_f64,
    ) {
        let mut equity = vec![scale];
        for (length, change, wobble) in runs {
            for i in 0..length {
                let last = equity[equity.len() - 1];
                let shake = if change == 0 { 0.0 } else { (wobble * (i + 1) as f64 % 7.0 - 3.0) / 1e3 };
                equity.push(last * (1.0 + f64::from(change) / 1e4 + shake));
            }
        }
        struct Whole<'a>(&'a [f64]);
        impl Work for Whole<'_> {
            type Output = Moments;

            #[inline(always)]
            fn on<L: Lanes>(self, lanes: L) -> Moments {
                Moments::of(lanes, self.0)
            }
        }
        let plain = Moments::of(lanes::Plain, &equity);
        prop_assert_eq!(plain, lanes::on_best(Whole(&equity)));
        let mut padded = equity.clone();
        padded.resize(equity.len().next_multiple_of(BLOCK) + BLOCK + 1, equity[equity.len() - 1]);
        let mut sums = Sums::new(lanes::Plain);
        for block in 0..(equity.len() - 1).div_ceil(BLOCK) {
            let places = &padded[block * BLOCK..=(block + 1) * BLOCK];
            if places.windows(2).any(|pair| pair[0].to_bits() != pair[1].to_bits()) {
                sums.add_blocks(&padded, (block, block + 1));
            }
        }
        prop_assert_eq!(plain, sums.end());
        let naive = Naive::of(&equity);
        let curve = Curve { first: day("2021-01-04"), last: day("2023-01-04"), initial_capital: scale, equity: &equity };
        let found = Metrics::of(&curve, &Totals { notional: scale, ..Totals::default() });
        for (name, found, want) in [
            ("volatility", found.volatility, naive.volatility),
            ("sharpe", found.sharpe, naive.sharpe),
            ("mdd", found.mdd, naive.mdd),
            ("win_rate", found.win_rate, naive.win_rate),
            ("turnover", found.turnover, scale / (2.0 * naive.mean_equity) / found.years),
        ] {
            prop_assert!((found - want).abs() <= 1e-9 * want.abs().max(1.0), "{}: {}, expected {}", name, found, want);
        }
    }
}

/// The formulas as the specification writes them.
struct Naive {
    volatility: f64,
    sharpe: f64,
    mdd: f64,
    win_rate: f64,
    mean_equity: f64,
}

impl Naive {
    fn of(equity: &[f64]) -> Self {
        let returns: Vec<f64> = equity.windows(2).map(|pair| (pair[1] - pair[0]) / pair[0]).collect();
        let count = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / count;
        let sd = (returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)).sqrt();
        // Equal returns differ by rounding only; that is no deviation.
        let sd = if returns.len() < 2 || sd <= 1e-13 * mean.abs() { 0.0 } else { sd };
        let mut peak = 0.0_f64;
        let falls = equity.iter().map(|value| {
            peak = peak.max(*value);
            1.0 - value / peak
        });
        Self {
            volatility: sd * 252.0_f64.sqrt() * 100.0,
            sharpe: if sd > 0.0 { mean / sd * 252.0_f64.sqrt() } else { 0.0 },
            mdd: falls.fold(0.0, f64::max) * 100.0,
            win_rate: returns.iter().filter(|r| **r > 0.0).count() as f64 / count * 100.0,
            mean_equity: equity.iter().sum::<f64>() / equity.len() as f64,
        }
    }
}

/// A market that rises and falls in waves of several lengths.
fn waves(count: usize) -> Market {
    let step = |i: usize| {
        let at = i as f64;
        let move_of = |shift: f64| ((at + shift) * 0.05).sin() * 14.0 + ((at + shift) * 0.31).sin() * 9.0;
        Step::Move(move_of(0.3) as i32, move_of(1.0) as i32)
    };
    market_of(60_000, &(0..count).map(step).collect::<Vec<_>>())
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let market = waves(700);
    let setup = setup_of(&market, 40, 1e7);
    let axes = ["fast=2..20", "slow=15..60"];
    let one = swept(&axes, &setup, &market, 1).expect("a sweep");
    for threads in [2, 3, 8] {
        assert_eq!(swept(&axes, &setup, &market, threads).as_ref(), Ok(&one), "{threads} threads");
    }
    assert_eq!((one.cells.len(), one.skipped()), (19 * 46, 21), "15..20 meets itself");
    let other = swept(&["slow=15..60", "fast=2..20"], &setup, &market, 2).expect("a sweep");
    assert_eq!(other.params(1), json!({"slow": 15, "fast": 3}).as_object().expect("an object").clone());
    assert_eq!(other.cells[1], one.cells[46], "the order of the axes only moves the cells");
    assert!(assert_cells_equal_single_runs(&one, &setup, &market, 7) > 100);
}

#[test]
fn one_axis_leaves_the_other_window_at_its_default_or_its_given_value() {
    let market = waves(300);
    let setup = setup_of(&market, 0, 1e7);
    let found = swept(&["fast=2..6"], &setup, &market, 1).expect("a sweep");
    assert_eq!(assert_cells_equal_single_runs(&found, &setup, &market, 1), 5);
    let options = json!({"fast": 4}).as_object().expect("an object").clone();
    let axes = [Axis::parse("slow=3..9").expect("an axis")];
    let plan = Plan { strategy: "ma_cross", options: &options, axes: &axes };
    let found = sweep(&plan, &setup, &market, &quiet(1)).expect("a sweep");
    let alone = Setup { strategy: Strategy::MaCross { fast: 4, slow: 9 }, ..setup.clone() };
    assert_eq!(found.cells[6], Cell::Done(simulate(&alone, &market).expect("a run").metrics));
    assert_eq!(found.skipped(), 2);
}

#[test]
fn prices_that_are_no_positive_numbers_go_the_general_way() {
    let mut market = waves(120);
    market.get_mut(TICKER).expect("bars").close[60] = 0.0;
    let setup = setup_of(&market, 0, 1e7);
    let found = swept(&["fast=2..4", "slow=5..9"], &setup, &market, 2).expect("a sweep");
    for (at, cell) in found.cells.iter().enumerate() {
        let strategy = Strategy::of_options("ma_cross", &found.params(at)).expect("parameters");
        let alone = simulate(&Setup { strategy, ..setup.clone() }, &market).expect("a run");
        assert_eq!(format!("{cell:?}"), format!("{:?}", Cell::Done(alone.metrics)));
    }
}

#[test]
fn another_strategy_is_simulated_a_cell_at_a_time() {
    let market = waves(400);
    let setup = setup_of(&market, 100, 1e7);
    let axes = ["exit_threshold=-0.04..-0.02:0.01", "momentum_period=10..14", "entry_threshold=-0.03..0.01:0.02"];
    let axes: Vec<Axis> = axes.iter().map(|text| Axis::parse(text).expect("an axis")).collect();
    let plan = Plan { strategy: "krx_momentum_v1", options: &Options::new(), axes: &axes };
    let found = sweep(&plan, &setup, &market, &quiet(2)).expect("a sweep");
    assert_eq!(found.cells.len(), 45);
    // An entry at or below the exit makes no sense.
    assert_eq!(found.skipped(), 10);
    for (at, cell) in found.cells.iter().enumerate() {
        let strategy = Strategy::of_options("krx_momentum_v1", &found.params(at)).expect("parameters");
        match (cell, simulate(&Setup { strategy, ..setup.clone() }, &market)) {
            (Cell::Done(metrics), Ok(outcome)) => assert_eq!(bits(metrics), bits(&outcome.metrics)),
            (Cell::Skipped(why), Err(fault)) => assert_eq!(*why, fault.to_string()),
            (cell, outcome) => panic!("{cell:?}: {outcome:?}"),
        }
    }
}

#[test]
fn a_wrong_sweep_names_its_rule() {
    let market = waves(100);
    let setup = setup_of(&market, 0, 1e7);
    let cases: [(&[&str], &str); 8] = [
        (&["fats=2..4"], "no parameter fats"),
        (&["fast=2..4", "fast=5..6"], "\"fast\" is given twice"),
        (&["fast=0..4"], "fast is 0, must be a whole number of bars from 1 to 10000"),
        (&["slow=9990..10001"], "slow is 10001, must be"),
        (&["fast=-2..4"], "fast is -2, must be a whole number"),
        (&["fast=0.5..2.5:0.5"], "fast is 0.5, must be a whole number"),
        (&["fast=50..60", "slow=10..20"], "none of 121 cells can be simulated: fast (50) is not below slow (10)"),
        (&["fast=1..2000", "slow=2001..3000"], "2000000 cells are too many: at most 1000000"),
    ];
    for (axes, want) in cases {
        let fault = swept(axes, &setup, &market, 1).expect_err(want).to_string();
        assert!(fault.contains(want), "{axes:?}: {fault}");
    }
    let options = json!({"fast": 4}).as_object().expect("an object").clone();
    let axes = [Axis::parse("fast=3..9").expect("an axis")];
    let plan = Plan { strategy: "ma_cross", options: &options, axes: &axes };
    let fault = sweep(&plan, &setup, &market, &quiet(1)).expect_err("given twice").to_string();
    assert!(fault.contains("also given as a fixed parameter"), "{fault}");
    let empty = Setup { start: day("1999-01-04"), end: day("1999-12-30"), ..setup };
    assert!(matches!(
        swept(&["fast=2..4"], &empty, &market, 1),
        Err(SweepFault::Backtest(BacktestFault::EmptyWindow { .. }))
    ));
}

#[test]
fn the_progress_reaches_the_end() {
    let market = waves(200);
    let setup = setup_of(&market, 0, 1e7);
    let axes = [Axis::parse("fast=2..20").expect("an axis"), Axis::parse("slow=21..60").expect("an axis")];
    let plan = Plan { strategy: "ma_cross", options: &Options::new(), axes: &axes };
    let (most, calls) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = |done: usize, total: usize| {
        assert_eq!(total, 760);
        most.fetch_max(done, Ordering::Relaxed);
        calls.fetch_add(1, Ordering::Relaxed);
    };
    sweep(&plan, &setup, &market, &Control { threads: Some(2), progress: &progress }).expect("a sweep");
    assert_eq!((most.into_inner(), calls.into_inner()), (760, 12));
}

#[test]
fn the_best_cells_and_their_surroundings_are_found() {
    let figures = |sharpe: f64, mdd: f64, total_trades: usize| {
        Cell::Done(Metrics { sharpe, mdd, total_trades, ..Metrics::default() })
    };
    let axes = vec![Axis::parse("a=1..3").expect("an axis"), Axis::parse("b=1..3").expect("an axis")];
    let cells = [1.0, 1.1, 0.9, 1.0, 9.0, 1.0, 1.1, -0.5, 3.0];
    let mut cells: Vec<Cell> = cells.iter().map(|sharpe| figures(*sharpe, 10.0 - sharpe, 4)).collect();
    cells[2] = Cell::Skipped("no".to_owned());
    cells[7] = figures(-0.5, 0.0, 0);
    let sweep = Sweep { axes, cells };
    assert_eq!(sweep.best(Measure::Sharpe, 3), [4, 8, 1]);
    assert_eq!(sweep.best(Measure::Sharpe, 99).len(), 8);
    assert_eq!(sweep.best(Measure::Mdd, 2), [4, 8], "a cell without trades comes last");
    assert_eq!(sweep.best(Measure::Mdd, 8).last(), Some(&7));
    let surface = sweep.surface(Measure::Sharpe).expect("cells");
    assert_eq!((surface.cells, surface.lowest, surface.median, surface.highest), (8, -0.5, 1.0, 9.0));
    let near = sweep.neighbors(4, Measure::Sharpe).expect("neighbours");
    assert_eq!((near.count, near.worst, near.is_lonely), (7, -0.5, true));
    assert_eq!(sweep.neighbors(0, Measure::Sharpe).map(|near| near.count), Some(3), "a corner");
    assert_eq!(sweep.neighbors(2, Measure::Sharpe), None, "a cell without figures");
    assert_eq!(sweep.place(5), [1, 2]);
}

/// The real ticker, where the shared data is.
fn real() -> Option<Market> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/prices/005930.parquet");
    file.exists().then(|| {
        let bars = crate::pc::prices::read_file(&file).expect("readable").bars;
        Market::from([(TICKER.to_owned(), bars)])
    })
}

#[test]
fn the_golden_is_what_a_sweep_writes() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/sweep_result_v1.json");
    let bytes = std::fs::read(file).expect("readable");
    let golden = SweepResult::parse(&bytes).expect("a sweep");
    assert_eq!(golden.to_bytes().expect("bytes"), bytes);
    let count: usize = golden.axes.iter().map(|axis| axis.values.len()).product();
    assert_eq!((count, golden.skipped), (golden.cells.len(), 3));
    for cell in &golden.cells {
        assert_eq!(cell.metrics.is_none(), cell.skipped.is_some());
    }
    let Some(market) = real() else { return };
    let mut setup = setup_of(&market, 0, 1e7);
    setup.start = golden.start_date;
    let axes = ["fast=4..6", "slow=5..6"].map(|text| Axis::parse(text).expect("an axis"));
    let plan = Plan { strategy: "ma_cross", options: &Options::new(), axes: &axes };
    let found = sweep(&plan, &setup, &market, &quiet(2)).expect("a sweep");
    assert_eq!(document(&plan, &setup, &found), golden);
}

#[test]
fn a_sample_of_a_real_sweep_is_the_single_run() {
    let Some(market) = real() else { return };
    for from in [0, 248] {
        let setup = setup_of(&market, from, 1e7);
        let found = swept(&["fast=2..40", "slow=41..160"], &setup, &market, 2).expect("a sweep");
        assert_eq!((found.cells.len(), found.skipped()), (4_680, 0));
        assert!(assert_cells_equal_single_runs(&found, &setup, &market, 23) > 200);
    }
}
