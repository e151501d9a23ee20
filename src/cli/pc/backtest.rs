//! `daily_ops pc backtest`: the workspace's parameters, a case file, or a strategy named on the command line.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use serde_json::Value;

use super::sweep;
use super::sweep::Subject;
use super::sweep::SweepArgs;
use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::exit::DONE;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::pc::backtest::BacktestFault;
use crate::pc::backtest::GATE_PARAMETERS;
use crate::pc::backtest::Market;
use crate::pc::backtest::MomentumParams;
use crate::pc::backtest::Options;
use crate::pc::backtest::Outcome;
use crate::pc::backtest::Setup;
use crate::pc::backtest::Strategy;
use crate::pc::backtest::case::Beside;
use crate::pc::backtest::case::Case;
use crate::pc::backtest::case::CaseCosts;
use crate::pc::backtest::case::CaseFault;
use crate::pc::backtest::case::CaseFile;
use crate::pc::backtest::case::instrument_of;
use crate::pc::backtest::inputs;
use crate::pc::backtest::inputs::InputFault;
use crate::pc::backtest::inputs::Origins;
use crate::pc::backtest::inputs::Prices;
use crate::pc::backtest::research;
use crate::pc::backtest::research::Documents;
use crate::pc::backtest::research::ResearchFault;
use crate::pc::backtest::research::Terms;
use crate::pc::backtest::screen::Screen;
use crate::pc::backtest::simulate;
use crate::pc::backtest::window::Mode;
use crate::pc::backtest::window::Window;
use crate::pc::prices::Normalized;
use crate::pc::prices::Origin;
use crate::pc::prices::PriceFault;
use crate::store::Store;
use crate::store::layout;
use crate::time::Clock as _;
use crate::time::SystemClock;
use crate::time::TradingDate;
use crate::trading::FeeTable;
use crate::trading::known;

/// `pc backtest`
#[derive(Debug, Args)]
pub(in crate::cli) struct BacktestArgs {
    /// Run a case file (BACKTEST_GOLDEN_V1)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["strategy", "start", "end", "mode"])]
    case: Option<PathBuf>,
    /// Run a strategy with parameters from the command line: ma_cross, regime_ma_adx or krx_momentum_v1
    #[arg(long, value_name = "NAME", requires = "ticker")]
    strategy: Option<String>,
    /// A ticker of the universe; repeatable
    #[arg(long, value_name = "TICKER", requires = "strategy")]
    ticker: Vec<String>,
    /// What a ticker is that the built-in table does not know: stock, kosdaq, konex, etf, etn or index
    #[arg(long, value_name = "KIND", requires = "strategy")]
    instrument: Option<String>,
    /// A parameter of the strategy; repeatable
    #[arg(long, value_name = "KEY=VALUE", requires = "strategy")]
    param: Vec<String>,
    #[command(flatten)]
    sweep: SweepArgs,
    /// The directory of price files; by default the workspace's cache
    #[arg(long, value_name = "DIR")]
    prices: Option<PathBuf>,
    /// A table of sale taxes (KRX_FEES_V1) in place of the one that is built in
    #[arg(long, value_name = "FILE")]
    fees: Option<PathBuf>,
    /// Write the result of a case or a strategy to a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// First day of the window
    #[arg(long, value_name = "DATE")]
    start: Option<TradingDate>,
    /// Last day of the window
    #[arg(long, value_name = "DATE")]
    end: Option<TradingDate>,
    /// Window up to yesterday: quick is 180 days, full 1095 (the default for the workspace)
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArg {
    Quick,
    Full,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Quick => Self::Quick,
            ModeArg::Full => Self::Full,
        }
    }
}

pub(super) fn backtest(args: &BacktestArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    if args.case.is_none() && args.strategy.is_none() {
        return of_workspace(args, global, output);
    }
    if let Some(out) = &args.out {
        out_place(out)?;
    }
    let fees = fee_table(args.fees.as_deref())?;
    let dir = price_dir(args, global)?;
    let (file, files, mut warnings) = match (&args.case, &args.strategy) {
        (Some(case), _) => of_case(case, &dir)?,
        (None, strategy) => of_strategy(args, strategy.as_deref().unwrap_or_default(), &dir)?,
    };
    let setup = file.setup(&fees).map_err(refused)?;
    let is_sweep = !args.sweep.sweep.is_empty();
    checked(&setup, is_sweep.then_some(&file.case.strategy)).map_err(|fault| refused(fault.into()))?;
    inputs::judge(&files, Window { start: setup.start, end: setup.end, mode: "custom" }).map_err(unusable)?;
    let prices = told_of(&dir, files)?;
    if is_sweep {
        warnings.extend(prices.warnings().cloned());
        // On the workspace's own prices the newest sweep is kept there: `pc report` draws it.
        let kept = match &args.prices {
            None if args.out.is_none() => Some(Context::load(global)?.store.path(layout::SWEEP)),
            _ => None,
        };
        let (market, out) = (&prices.market, args.out.as_deref().or(kept.as_deref()));
        let subject = Subject { file: &file, setup: &setup, market, warnings: &warnings, out };
        return sweep::run(&args.sweep, &subject, output);
    }
    let (outcome, took) = timed(&setup, &prices.market)?;
    warnings.extend(prices.warnings().cloned());
    let beside = Beside { warnings, compute_ms: (took.as_secs_f64() * 1e6).round() / 1e3 };
    if let Some(out) = &args.out {
        write(out, &file.render(&outcome, &prices.market).map_err(refused)?)?;
    }
    if output.is_json() {
        output.line(file.render_with(&outcome, &prices.market, &beside).map_err(refused)?.trim_end());
        return Ok(DONE);
    }
    let source = args.case.as_deref().map_or("the command line".into(), Path::to_string_lossy);
    for warning in &beside.warnings[..beside.warnings.len() - prices.warnings().count()] {
        output.remark(&format!("⚠️ {warning}"));
    }
    let screen = Screen { setup: &setup, outcome: &outcome, prices: &prices, source: &source };
    screen.lines().iter().for_each(|line| output.line(line));
    output.line(&format!("computed in {:.3} ms", beside.compute_ms));
    if let Some(out) = &args.out {
        output.line(&format!("written: {}", out.display()));
    }
    Ok(DONE)
}

/// The prices and, where a document stands beside a file, what it says. A directory that somebody names need not be a
/// cache, so a file without one is no news here.
fn told_of(dir: &Path, files: Vec<Normalized>) -> Result<Prices, Failure> {
    let mut origins: Origins = inputs::origins(dir, &files).map_err(unusable)?;
    origins.retain(|_, origin| *origin != Origin::Unrecorded);
    Ok(Prices::of(files).with_origins(&origins))
}

/// Checks what does not need prices. The axes of a sweep take the place of some parameters, so that only its cells can
/// be judged: here the strategy then counts as one with its defaults.
fn checked(setup: &Setup<'_>, swept: Option<&String>) -> Result<(), BacktestFault> {
    match swept {
        None => setup.check(),
        Some(name) => Setup { strategy: Strategy::of_options(name, &Options::new())?, ..setup.clone() }.check(),
    }
}

/// A case, its prices, and what is to be said about it.
type Prepared = (CaseFile, Vec<Normalized>, Vec<String>);

fn of_case(path: &Path, dir: &Path) -> Result<Prepared, Failure> {
    let bytes = std::fs::read(path).map_err(|why| anyhow::anyhow!("cannot read {}: {why}", path.display()))?;
    let file = CaseFile::parse(&bytes).map_err(|fault| match refused(fault) {
        Failure::Usage(text) => Failure::Usage(format!("{}: {text}", path.display())),
        other @ (Failure::Blocked(_) | Failure::Fault(_)) => {
            Failure::Fault(anyhow::anyhow!("{}: {}", path.display(), other.text()))
        }
    })?;
    let files = prices_of(&file, dir)?;
    Ok((file, files, Vec::new()))
}

fn of_strategy(args: &BacktestArgs, strategy: &str, dir: &Path) -> Result<Prepared, Failure> {
    let (instrument, mut warnings) = instruments(args)?;
    let mut params = serde_json::Map::new();
    for pair in &args.param {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| Failure::Usage(format!("--param {pair:?} is not KEY=VALUE")))?;
        let number = serde_json::from_str(value).ok().filter(|value: &Value| value.is_number() || value.is_boolean());
        let twice = params.insert(key.to_owned(), number.unwrap_or_else(|| value.into())).is_some();
        if twice {
            return Err(Failure::Usage(format!("--param {key} is given twice")));
        }
    }
    // The days are known when the prices are; until then any do.
    let any = TradingDate::default();
    let case = Case {
        name: format!("{strategy}_{}", args.ticker.join("_")),
        strategy: strategy.to_owned(),
        universe: args.ticker.clone(),
        benchmark: None,
        instrument,
        start: args.start.unwrap_or(any),
        end: args.end.unwrap_or(any),
        initial_capital: None,
        params,
    };
    let mut file = CaseFile { case, costs: CaseCosts::default() };
    file.take_account_options().map_err(refused)?;
    let files = prices_of(&file, dir)?;
    (file.case.start, file.case.end) = window(args, &files)?;
    let parsed = Strategy::of_options(strategy, &file.case.params).map_err(|fault| refused(fault.into()))?;
    warnings.extend(idle_gate(&parsed, |name| file.case.params.contains_key(name) || args.sweep.varies(name)));
    for (name, value) in parsed.options() {
        let has_other_name = name == "adx_threshold"
            && (file.case.params.contains_key("adx_filter_min") || args.sweep.varies("adx_filter_min"));
        if !has_other_name && !args.sweep.varies(&name) {
            file.case.params.entry(name).or_insert(value);
        }
    }
    if let Strategy::MaCross { fast, slow } = parsed
        && fast >= slow
        && args.sweep.sweep.is_empty()
    {
        warnings.push(format!("fast ({fast}) is not below slow ({slow}): this buys weakness, not strength"));
    }
    Ok((file, files, warnings))
}

/// A warning when parameters of the gate are given, but not the gate.
fn idle_gate(strategy: &Strategy, is_given: impl Fn(&str) -> bool) -> Option<String> {
    let Strategy::KrxMomentum(MomentumParams { gate: None, .. }) = strategy else { return None };
    let idle: Vec<&str> = GATE_PARAMETERS.iter().copied().filter(|name| is_given(name)).collect();
    let verb = if idle.len() == 1 { "does" } else { "do" };
    (!idle.is_empty()).then(|| format!("{} {verb} nothing without --param gate=true", idle.join(", ")))
}

/// The kind of each ticker: the table's, else the flag's, else a stock.
///
/// # Errors
/// The flag's word is no kind, whether or not a ticker needs it.
fn instruments(args: &BacktestArgs) -> Result<(BTreeMap<String, String>, Vec<String>), Failure> {
    let mut warnings = Vec::new();
    if let (Some(word), Some(ticker)) = (&args.instrument, args.ticker.first()) {
        instrument_of(ticker, Some(word)).map_err(refused)?;
    }
    let mut kind = |ticker: &String| {
        let word = match (known(ticker), &args.instrument) {
            (Some((what, _)), word) => {
                let kind = what.kind.as_str();
                if let Some(word) = word {
                    warnings.push(format!("--instrument {word} is ignored for {ticker}: the table says {kind}"));
                }
                kind.to_owned()
            }
            (None, Some(word)) => word.clone(),
            (None, None) => {
                warnings
                    .push(format!("{ticker} is not in the table of instruments: taxed as a stock of the main board"));
                "stock".to_owned()
            }
        };
        (ticker.clone(), word)
    };
    let kinds = args.ticker.iter().map(&mut kind).collect();
    Ok((kinds, warnings))
}

/// The named window, else the one of the mode, else every day that all tickers have in common.
fn window(args: &BacktestArgs, files: &[Normalized]) -> Result<(TradingDate, TradingDate), Failure> {
    if let Some(mode) = args.mode {
        let now = SystemClock::new().now();
        let found = Window::at(now, mode.into(), (args.start, args.end)).map_err(|fault| refused(fault.into()))?;
        return Ok((found.start, found.end));
    }
    let traded = || files.iter().filter(|file| args.ticker.contains(&file.ticker));
    let first = traded().filter_map(|file| file.bars.first_date()).max();
    let last = traded().filter_map(|file| file.bars.last_date()).min();
    let (Some(first), Some(last)) = (first, last) else {
        return Err(Failure::Fault(anyhow::anyhow!("a price file has no bar: {}", args.ticker.join(", "))));
    };
    Ok((args.start.unwrap_or(first), args.end.unwrap_or(last)))
}

/// The prices that a case needs: of its universe, and of the benchmark when a gate asks for it.
fn prices_of(file: &CaseFile, dir: &Path) -> Result<Vec<Normalized>, Failure> {
    let setup = file.setup(FeeTable::krx()).map_err(refused)?;
    let mut tickers = setup.universe;
    if let Strategy::KrxMomentum(params) = setup.strategy
        && params.gate.is_some()
    {
        tickers.push(setup.benchmark);
    }
    inputs::read(dir, &tickers, &setup.instruments).map_err(unusable)
}

fn timed(setup: &Setup<'_>, market: &Market) -> Result<(Outcome, Duration), Failure> {
    let clock = SystemClock::new();
    let before = clock.monotonic();
    let outcome = simulate(setup, market).map_err(|fault| refused(fault.into()))?;
    Ok((outcome, clock.monotonic().saturating_sub(before)))
}

fn price_dir(args: &BacktestArgs, global: &Global) -> Result<PathBuf, Failure> {
    match &args.prices {
        Some(dir) if dir.is_dir() => Ok(dir.clone()),
        Some(dir) => Err(Failure::Usage(format!("--prices {} is no directory", dir.display()))),
        None => Ok(Context::load(global)?.store.path(layout::PRICES)),
    }
}

fn fee_table(file: Option<&Path>) -> Result<FeeTable, Failure> {
    let Some(file) = file else { return Ok(FeeTable::krx().clone()) };
    let bytes = std::fs::read(file).map_err(|why| anyhow::anyhow!("cannot read {}: {why}", file.display()))?;
    FeeTable::parse(&bytes).map_err(|why| Failure::Usage(format!("{}: {why}", file.display())))
}

/// The directory and the name of `--out`. A directory that is not there is more likely misspelled than wanted.
fn out_place(out: &Path) -> Result<(&Path, &OsStr), Failure> {
    let name = out.file_name().ok_or_else(|| Failure::Usage(format!("--out {} names no file", out.display())))?;
    let dir = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if !dir.is_dir() {
        return Err(Failure::Usage(format!("--out {}: {} is no directory", out.display(), dir.display())));
    }
    Ok((dir, name))
}

pub(super) fn write(out: &Path, text: &str) -> Result<(), Failure> {
    let (dir, name) = out_place(out)?;
    Ok(Store::new(dir).write(&name.to_string_lossy(), text.as_bytes())?)
}

fn of_workspace(args: &BacktestArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    if args.prices.is_some() || args.out.is_some() {
        return Err(Failure::Usage("--prices and --out go with --case or --strategy".to_owned()));
    }
    let context = Context::load(global)?;
    output.set_log_format(context.settings.output.log_format);
    let now = context.clock.now();
    let mode = args.mode.map_or(Mode::Full, Mode::from);
    let window = Window::at(now, mode, (args.start, args.end)).map_err(|fault| refused(fault.into()))?;
    let settings = &context.settings.pc;
    let named = settings.fee_table_file.first().map(|file| context.store.root().join(file));
    let fees = fee_table(args.fees.as_deref().or(named.as_deref()))?;
    let terms = Terms { initial_capital: settings.initial_capital, gate: settings.gate, fees: &fees };
    let done = research::run(&context.store, terms, (window, now)).map_err(|fault| match fault {
        ResearchFault::Backtest(fault) => refused(fault.into()),
        ResearchFault::Input(fault) => unusable(fault),
        fault @ ResearchFault::Running(_) => Failure::Blocked(fault.to_string()),
        other @ (ResearchFault::Params(_) | ResearchFault::Store(_) | ResearchFault::Stuck(_)) => {
            Failure::Fault(other.into())
        }
    })?;
    let Documents { result, screen, .. } = &done.documents;
    output.result(result, || {
        let written = [done.published.snapshot_ref.as_str(), layout::DAILY_LEDGER, layout::OOS_VALIDATION];
        screen.iter().cloned().chain(written.iter().map(|path| format!("written  {path}"))).collect()
    });
    Ok(DONE)
}

/// A parameter out of its range is wrong usage; prices that are not there are a fault.
pub(super) fn refused(fault: CaseFault) -> Failure {
    match fault {
        CaseFault::Backtest(
            fault @ (BacktestFault::Parameter { .. }
            | BacktestFault::UnknownParameter { .. }
            | BacktestFault::UnknownStrategy(_)),
        ) => Failure::Usage(fault.to_string()),
        other @ (CaseFault::Shape(_) | CaseFault::Backtest(_)) => Failure::Fault(other.into()),
    }
}

fn unusable(fault: InputFault) -> Failure {
    match fault {
        InputFault::Price(PriceFault::Ticker { .. }) => Failure::Usage(fault.to_string()),
        InputFault::Price(_) | InputFault::Quality(_) | InputFault::Origin(_) => Failure::Fault(fault.into()),
    }
}
