//! The speed of a parameter sweep: 4,680 cells of `ma_cross` (fast 2..40, slow 41..160) over one ticker, every figure of
//! every cell. `cargo bench --bench sweep [-- PRICES_DIR]`, by default `../shared/data/prices`; without that file over
//! made-up bars.
//!
//! Prints one line for each window and number of threads: the time of the whole sweep, preparation and all, and
//! bars x cells a second; for one thread also by the processor time that it had, which a busy machine does not lengthen. One and two threads take turns, so that what else the machine does meets both alike. Also the
//! same cells as single runs, and the process from start to exit with its peak memory.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a measurement ends at the first surprise")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use daily_ops::pc::backtest::Costs;
use daily_ops::pc::backtest::Market;
use daily_ops::pc::backtest::Options;
use daily_ops::pc::backtest::Setup;
use daily_ops::pc::backtest::Strategy;
use daily_ops::pc::backtest::simulate;
use daily_ops::pc::backtest::sweep::Axis;
use daily_ops::pc::backtest::sweep::Control;
use daily_ops::pc::backtest::sweep::Plan;
use daily_ops::pc::backtest::sweep::instructions;
use daily_ops::pc::backtest::sweep::sweep;
use daily_ops::pc::prices::read_file;
use daily_ops::time::TradingDate;
use daily_ops::trading::Bars;
use daily_ops::trading::known;

const TICKER: &str = "005930";
const ROUNDS: usize = 60;
const PROCESSES: usize = 40;

fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").expect("printed");
}

fn main() {
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).map(PathBuf::from);
    let dir = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/prices"));
    let file = dir.join(format!("{TICKER}.parquet"));
    let (bars, source) = match read_file(&file) {
        Ok(raw) => (raw.bars, "real bars"),
        Err(_none) => (made_up(1_472), "made-up bars"),
    };
    let market = Market::from([(TICKER.to_owned(), bars)]);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    say(&format!("{TICKER}, {source}, {cores} cores, lanes {}, {ROUNDS} rounds of each row", instructions()));
    let bars = &market[TICKER];
    let (first, last) = (bars.first_date().expect("bars"), bars.last_date().expect("bars"));
    for start in [first, "2021-01-04".parse().expect("a date")] {
        measure(&setup(start, last), &market);
    }
    if file.exists() {
        processes(&dir);
    }
}

fn setup(start: TradingDate, end: TradingDate) -> Setup<'static> {
    let what = known(TICKER).expect("a known ticker").0;
    Setup {
        strategy: Strategy::MaCross { fast: 5, slow: 20 },
        universe: vec![TICKER.to_owned()],
        instruments: BTreeMap::from([(TICKER.to_owned(), what)]),
        benchmark: "069500".to_owned(),
        start,
        end,
        costs: Costs::default(),
        initial_capital: 1e7,
    }
}

fn measure(setup: &Setup<'_>, market: &Market) {
    let axes = ["fast=2..40", "slow=41..160"].map(|text| Axis::parse(text).expect("an axis"));
    let plan = Plan { strategy: "ma_cross", options: &Options::new(), axes: &axes };
    let once = |threads: usize| {
        let start = Instant::now();
        let found = sweep(&plan, setup, market, &Control { threads: Some(threads), progress: &|_, _| {} });
        let took = start.elapsed();
        let found = found.expect("a sweep");
        let sessions = found.cells[0].metrics().expect("figures").trading_days;
        (took, found.cells.len() * sessions)
    };
    let mut times: [Vec<Duration>; 2] = Default::default();
    let (mut work, mut own) = (0, Duration::ZERO);
    for _ in 0..ROUNDS {
        for threads in [1, 2] {
            let before = processor_time();
            let (took, bars_by_cells) = once(threads);
            if threads == 1 {
                own += processor_time().saturating_sub(before);
            }
            times[threads - 1].push(took);
            work = bars_by_cells;
        }
    }
    for (at, times) in times.iter_mut().enumerate() {
        say(&format!("{}..{}, {} thread(s): {}", setup.start, setup.end, at + 1, rate(times, work)));
    }
    let mean = own / u32::try_from(ROUNDS).expect("a small number");
    say(&format!("{}..{}, 1 thread(s), processor time: {}", setup.start, setup.end, rate(&mut [mean], work)));
    let mut singles = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        for (fast, slow) in (2..=40).map(|fast| (fast, 41 + fast * 2)) {
            let alone = Setup { strategy: Strategy::MaCross { fast, slow }, ..setup.clone() };
            simulate(&alone, market).expect("a run");
        }
        singles.push(start.elapsed());
    }
    say(&format!("{}..{}, 39 single runs: {}", setup.start, setup.end, rate(&mut singles, work / 120)));
}

/// What this thread had of a processor so far, waiting left out; zero where the system does not say.
fn processor_time() -> Duration {
    // The account of a running thread is brought up to date when it gives way.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn rate(times: &mut [Duration], work: usize) -> String {
    times.sort();
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let millions = |time: Duration| work as f64 / time.as_secs_f64() / 1e6;
    let (best, median) = (times[0], times[times.len() / 2]);
    format!(
        "median {:.2} ms, {:.0} million bars x cells/s; best {:.2} ms, {:.0} million",
        median.as_secs_f64() * 1e3,
        millions(median),
        best.as_secs_f64() * 1e3,
        millions(best)
    )
}

/// The commands from start to exit: one run, the whole sweep, and the reconciliation of two years.
fn processes(dir: &Path) {
    let out = tempfile::tempdir().expect("a directory");
    let prices = dir.to_string_lossy().into_owned();
    let case = dir.join("../reconcile/product_krx/case.json").to_string_lossy().into_owned();
    let to = out.path().to_string_lossy().into_owned();
    let one = ["--strategy", "ma_cross", "--ticker", TICKER, "--start", "2021-01-04", "--json", "--prices", &prices];
    let sweep = [&one[..], &["--sweep", "fast=2..40", "--sweep", "slow=41..160"]].concat();
    let reconcile = ["--case", &case, "--out", &to];
    for (name, command, arguments) in [
        ("one run", "backtest", &one[..]),
        ("the sweep with its document", "backtest", &sweep),
        ("reconcile two years, four documents", "reconcile", &reconcile),
    ] {
        let mut times = Vec::new();
        let mut peak = 0;
        for _ in 0..PROCESSES {
            let mut process = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
            process.args(["pc", command]).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
            let (took, memory, code) = run(process);
            assert_eq!(code, Some(0), "{name} must succeed to be measured");
            times.push(took);
            peak = peak.max(memory);
        }
        times.sort();
        say(&format!(
            "process, {name}: median {:.1} ms, best {:.1} ms over {PROCESSES}; peak memory {:.1} MiB",
            times[PROCESSES / 2].as_secs_f64() * 1e3,
            times[0].as_secs_f64() * 1e3,
            f64::from(peak) / 1024.0
        ));
    }
}

/// Wall time from start to exit, the highest resident memory seen in KiB, and the exit code.
fn run(mut command: Command) -> (Duration, u32, Option<i32>) {
    let start = Instant::now();
    let mut child = command.spawn().expect("started");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(ended) = child.try_wait().expect("waited") {
            return (start.elapsed(), peak, ended.code());
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let seen = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        peak = peak.max(seen.unwrap_or(0));
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Bars that rise and fall in waves, for a clone without data.
fn made_up(count: usize) -> Bars {
    let mut bars = Bars::default();
    let mut close = 60_000.0_f64;
    let first: TradingDate = "2020-01-02".parse().expect("a date");
    for (at, date) in first.iter_days().take(count).enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a day's number")]
        let at = at as f64;
        let open = (close * (1.0 + (at * 0.7).sin() / 200.0)).round();
        let next = (close * (1.0 + (at * 0.05).sin() / 80.0 + (at * 0.31).sin() / 110.0)).round();
        bars.push(date, [open, open.max(next), open.min(next), next, 1e6]);
        close = next;
    }
    bars
}
