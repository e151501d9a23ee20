//! `daily_ops pc tune`: search, resume, promote.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::context::salt;
use crate::cli::exit::BLOCKED;
use crate::cli::exit::DONE;
use crate::cli::exit::FAULT;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::tune::CheckStatus;
use crate::contracts::tune::PromotionDecision;
use crate::contracts::tune::TuneFigures;
use crate::contracts::tune::TuneSource;
use crate::contracts::tune::TuneStage;
use crate::pc::backtest::BacktestFault;
use crate::pc::backtest::Costs;
use crate::pc::backtest::MomentumParams;
use crate::pc::backtest::case::BENCHMARK;
use crate::pc::backtest::inputs::InputFault;
use crate::pc::backtest::simulate;
use crate::pc::backtest::window::Mode;
use crate::pc::backtest::window::Window;
use crate::pc::params;
use crate::pc::tune;
use crate::pc::tune::End;
use crate::pc::tune::Finished;
use crate::pc::tune::Progress;
use crate::pc::tune::Site;
use crate::pc::tune::TuneFault;
use crate::pc::tune::config::CostConfig;
use crate::pc::tune::config::DEFAULT_SEED;
use crate::pc::tune::config::DEFAULT_TRIALS;
use crate::pc::tune::config::TuneConfig;
use crate::pc::tune::config::TuneData;
use crate::pc::tune::guard::Preset;
use crate::pc::tune::input;
use crate::pc::tune::input::Files;
use crate::pc::tune::input::Place;
use crate::pc::tune::lab::LabFault;
use crate::pc::tune::objective::Combine;
use crate::pc::tune::outputs;
use crate::pc::tune::promotion;
use crate::pc::tune::promotion::Conditions;
use crate::pc::tune::promotion::Promotion;
use crate::pc::tune::rundir::RunDir;
use crate::pc::tune::rundir::run_id;
use crate::pc::tune::space::Space;
use crate::store::layout;
use crate::time::Clock as _;
use crate::time::TradingDate;
use crate::trading::FeeTable;

/// `pc tune`
#[derive(Debug, Args)]
pub(in crate::cli) struct TuneArgs {
    /// First day of the range; by default 1,095 days before its end
    #[arg(long, value_name = "DATE")]
    start: Option<TradingDate>,
    /// Last day of the range; by default the newest session that every ticker has
    #[arg(long, value_name = "DATE")]
    end: Option<TradingDate>,
    /// Trials [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    trials: Option<u32>,
    /// Seed of the sampler: the same seed, the same trials [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Start no trial later than this after the first one, such as 90s or 10m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// Search other values of a parameter: momentum_period, stop_loss, max_positions, entry_threshold,
    /// max_position_pct, min_cash_pct or adx_filter_min; repeatable
    #[arg(long, value_name = "NAME=A..B[:STEP]", allow_hyphen_values = true)]
    space: Vec<String>,
    /// Search only values within 25 % of those in force, as a promotion asks; its other checks are still to pass
    #[arg(long)]
    near: bool,
    /// Guardrails; what is found under lax cannot be promoted [default: standard]
    #[arg(long, value_name = "NAME")]
    preset: Option<PresetArg>,
    /// How the scores of 3, 6 and 12 months become one [default: min]
    #[arg(long, value_name = "NAME")]
    objective: Option<ObjectiveArg>,
    /// The directory of price files; by default the workspace's cache
    #[arg(long, value_name = "DIR")]
    prices: Option<PathBuf>,
    /// A table of sale taxes (KRX_FEES_V1) in place of the one that is built in
    #[arg(long, value_name = "FILE")]
    fees: Option<PathBuf>,
    /// Continue a run that was killed or interrupted
    #[arg(long, value_name = "RUN_ID", conflicts_with = "promote")]
    resume: Option<String>,
    /// Judge a finished run against the parameters in force, and put its parameters in their place
    #[arg(long, value_name = "RUN_ID")]
    promote: Option<String>,
    /// Overrule a HOLD; needs a reason
    #[arg(long, requires = "promote", requires = "reason")]
    force: bool,
    /// Why a HOLD is overruled; it is recorded
    #[arg(long, value_name = "TEXT", requires = "force")]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PresetArg {
    Standard,
    Lax,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ObjectiveArg {
    /// The worst window counts
    Min,
    /// The mean less one standard deviation
    MeanMinusSd,
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("a number and s, m or h, such as 10m".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_none| "a number and s, m or h, such as 10m".to_owned())?;
    if number == 0 {
        return Err("no trial could start; at least 1s".to_owned());
    }
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

pub(super) fn tune(args: &TuneArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    let context = Context::load(global)?;
    output.set_log_format(context.settings.output.log_format);
    if let Some(run_id) = &args.promote {
        return promote(args, run_id, &context, output);
    }
    context.heed_signals()?;
    let fees = Fees::named(args.fees.as_deref(), &context)?;
    let (config, data) = prepared(args, &context, (&fees, output))?;
    let resumed = args.resume.clone();
    let id = resumed.clone().unwrap_or_else(|| run_id(context.clock.now(), salt()));
    output.story(&format!("{id}: {} trials on {} to {}", config.n_trials, config.start, config.end));
    let interrupted = Arc::clone(&context.interrupted);
    let stop = move |_done: usize| interrupted.load(Ordering::Relaxed);
    let bar = bar(global.quiet || output.is_json());
    let progress = |progress: &Progress| show(&bar, progress);
    let site = Site {
        store: &context.store,
        clock: context.clock.as_ref(),
        fees: &fees.table,
        simulate: &simulate,
        stop: &stop,
        progress: &progress,
        timeout: args.timeout,
    };
    let ended = if resumed.is_some() {
        tune::resume(&site, &id, (config, data))
    } else {
        tune::run(&site, &id, (config, data))
    };
    bar.finish_and_clear();
    let refused = |fault: TuneFault| {
        if args.start.is_none() && matches!(fault, TuneFault::StartsLater { .. }) {
            // Nobody asked for this start: the prices are too short for the usual range.
            return Failure::Fault(fault.into());
        }
        refused(fault)
    };
    match ended.map_err(refused)? {
        End::Finished(finished) => Ok(told(&finished, output)),
        End::Interrupted { done, total } => Err(Failure::Fault(anyhow::anyhow!(
            "interrupted after {done} of {total} trials; go on with: daily_ops pc tune --resume {id}"
        ))),
    }
}

/// The tax table and its hash.
struct Fees {
    table: FeeTable,
    sha256: String,
}

impl Fees {
    /// The named table, else the setting's, else the one that is built in.
    fn named(file: Option<&Path>, context: &Context) -> Result<Self, Failure> {
        let named = context.settings.pc.fee_table_file.first().map(|file| context.store.root().join(file));
        let Some(file) = file.or(named.as_deref()) else {
            return Ok(Self { table: FeeTable::krx().clone(), sha256: input::fee_table_sha256(None) });
        };
        let bytes = std::fs::read(file).map_err(|why| anyhow::anyhow!("cannot read {}: {why}", file.display()))?;
        let table = FeeTable::parse(&bytes).map_err(|why| Failure::Usage(format!("{}: {why}", file.display())))?;
        Ok(Self { table, sha256: input::fee_table_sha256(Some(&bytes)) })
    }
}

/// Configuration and prices. What a resumed run does not get as a flag comes from its manifest.
fn prepared(
    args: &TuneArgs,
    context: &Context,
    (fees, output): (&Fees, &Output),
) -> Result<(TuneConfig, TuneData), Failure> {
    let stored = match &args.resume {
        Some(id) => {
            Some(tune::stored(&RunDir::new(&context.store, context.clock.as_ref(), id)).map_err(refused)?.config)
        }
        None => None,
    };
    let source = params::resolve(&context.store)?;
    let settings = &context.settings.pc;
    let dir = prices(args, context)?;
    let mut tickers = source.values.universe.clone();
    if settings.gate {
        tickers.push(BENCHMARK.to_owned());
    }
    let place = if args.prices.is_some() { Place::Named } else { Place::Collected };
    let files = Files::read((dir.as_path(), place), &tickers).map_err(unusable)?;
    let (start, end, mode) = range(args, context, (&files, stored.as_ref(), output))?;
    files.remarks().iter().for_each(|remark| output.story(&format!("⚠️ {remark}")));
    let data = files.over((start, end)).map_err(unusable)?;
    let costs = Costs::default();
    let config = TuneConfig {
        mode,
        start,
        end,
        space: space(args, (stored.as_ref(), &source.document.params))?,
        n_trials: args
            .trials
            .map_or_else(|| stored.as_ref().map_or(DEFAULT_TRIALS, |stored| stored.n_trials), |trials| trials as usize),
        seed: args.seed.or(stored.as_ref().map(|stored| stored.seed)).unwrap_or(DEFAULT_SEED),
        preset: preset(args.preset).or(stored.as_ref().map(|stored| stored.preset)).unwrap_or_default(),
        objective: objective(args.objective).or(stored.as_ref().map(|stored| stored.objective)).unwrap_or_default(),
        strategy: source.document.strategy.clone(),
        version: source.document.version.clone(),
        params: source.document.params.clone(),
        param_source: TuneSource { path: source.path, sha256: source.sha256 },
        costs: CostConfig {
            commission_rate: costs.commission_rate,
            slippage_rate: costs.slippage_rate,
            fee_table_sha256: fees.sha256.clone(),
        },
        #[expect(clippy::cast_precision_loss, reason = "the setting is at most 10^15 won")]
        initial_capital: settings.initial_capital as f64,
        rebalance_threshold: MomentumParams::default().rebalance_threshold,
        gate: settings.gate,
    };
    Ok((config, data))
}

fn preset(asked: Option<PresetArg>) -> Option<Preset> {
    asked.map(|asked| match asked {
        PresetArg::Standard => Preset::Standard,
        PresetArg::Lax => Preset::Lax,
    })
}

fn objective(asked: Option<ObjectiveArg>) -> Option<Combine> {
    asked.map(|asked| match asked {
        ObjectiveArg::Min => Combine::Min,
        ObjectiveArg::MeanMinusSd => Combine::MeanMinusSd,
    })
}

fn space(args: &TuneArgs, (stored, params): (Option<&TuneConfig>, &serde_json::Value)) -> Result<Space, Failure> {
    if let Some(stored) = stored.filter(|_| args.space.is_empty() && !args.near) {
        return Ok(stored.space.clone());
    }
    let space = Space::with(&args.space).map_err(|fault| Failure::Usage(fault.to_string()))?;
    Ok(if args.near { space.near(params, promotion::MAX_DRIFT) } else { space })
}

/// First day, last day and mode.
fn range(
    args: &TuneArgs,
    context: &Context,
    (files, stored, output): (&Files, Option<&TuneConfig>, &Output),
) -> Result<(TradingDate, TradingDate, String), Failure> {
    if let Some(stored) = stored.filter(|_| args.start.is_none() && args.end.is_none()) {
        return Ok((stored.start, stored.end, stored.mode.clone()));
    }
    let now = context.clock.now();
    let today = Window::at(now, Mode::Full, (None, args.end)).map_err(|fault| Failure::Usage(fault.to_string()))?;
    let Some(last) = files.last_common() else {
        return Err(Failure::Fault(anyhow::anyhow!("a price file has no bar")));
    };
    if args.end.is_none() && (today.end - last).num_days() > 5 {
        output.remark(&format!(
            "⚠️ the prices end on {last}, and so does the range: daily_ops pc collect fetches newer ones"
        ));
    }
    let newest = today.end.min(last);
    let (start, end, mode) = input::range(newest, (args.start, args.end.map(|_| today.end)));
    if start > end {
        return Err(Failure::Usage(format!("--start {start} is after the end of the range, {end}")));
    }
    Ok((start, end, mode.to_owned()))
}

fn prices(args: &TuneArgs, context: &Context) -> Result<PathBuf, Failure> {
    match args.prices.as_deref() {
        Some(dir) if !dir.is_dir() => Err(Failure::Usage(format!("--prices {} is no directory", dir.display()))),
        Some(dir) => Ok(Path::to_path_buf(dir)),
        None => Ok(context.store.path(layout::PRICES)),
    }
}

fn unusable(fault: InputFault) -> Failure {
    Failure::Fault(fault.into())
}

fn refused(fault: TuneFault) -> Failure {
    let is_usage = matches!(
        fault,
        TuneFault::NoSuchRun(_)
            | TuneFault::Unmeasured(_)
            | TuneFault::StartsLater { .. }
            | TuneFault::Lab(LabFault::Backtest(BacktestFault::Parameter { .. }))
    );
    if fault.is_refusal() {
        Failure::Blocked(fault.to_string())
    } else if is_usage {
        Failure::Usage(fault.to_string())
    } else {
        Failure::Fault(fault.into())
    }
}

fn bar(is_hidden: bool) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if is_hidden {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let form = "{bar:30} {pos}/{len} trials  {per_sec}  {eta} left  {msg}";
    // The form is a constant; a bar without it is a bar all the same.
    bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_plain| ProgressStyle::default_bar()));
    bar
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.total as u64);
    if progress.done == progress.resumed {
        // What an earlier process did must not count for the rate.
        bar.set_position(progress.done as u64);
        bar.reset_eta();
    }
    bar.set_position(progress.done as u64);
    if let Some(best) = progress.best {
        bar.set_message(format!("best {best:.4}"));
    }
}

fn figures(figures: &TuneFigures) -> String {
    format!(
        "sharpe {:.3}  mdd {:.2} %  cagr {:.2} %  return {:.2} %  trades {}  turnover {:.1}  exposure {:.2}",
        figures.sharpe,
        figures.mdd,
        figures.cagr,
        figures.total_return,
        figures.total_trades,
        figures.turnover,
        figures.exposure
    )
}

fn told(finished: &Finished, output: &Output) -> u8 {
    output.result(&finished.result, || lines(finished));
    if tune::is_refused(finished) { BLOCKED } else { DONE }
}

fn lines(finished: &Finished) -> Vec<String> {
    let Finished { result, verdict, manifest } = finished;
    let meta = &result.meta;
    let splits = &manifest.results.splits;
    let is_revealed = result.judged.test.is_some();
    let mut lines = vec![
        format!(
            "run      {}  {} trials: {} completed, {} pruned  seed {}  {:.1} s",
            meta.run_id,
            meta.completed_trials + meta.pruned_trials,
            meta.completed_trials,
            meta.pruned_trials,
            meta.seed,
            meta.runtime_sec
        ),
        format!(
            "range    train {}  validation {}  test {} ({})",
            splits.train,
            splits.validation,
            splits.test,
            if is_revealed { "revealed" } else { "sealed" }
        ),
        format!("best     score {:.4}  {}", result.best_score, outputs::params_line(&result.best_params)),
        format!(
            "         validation sharpe {:.3}  mdd {:.2} %  cagr {:.2} %  trades {}",
            result.best_summary.sharpe, result.best_summary.mdd_pct, result.best_summary.cagr, result.best_total_trades
        ),
    ];
    if result.judged.params != result.best_params {
        let (score, params) = (result.judged.score, outputs::params_line(&result.judged.params));
        lines.push(format!("judged   score {score:.4}  {params}: the best one that passes gate 1"));
        lines.push(format!("         validation {}", figures(&result.judged.validation)));
    }
    if let Some(baseline) = &manifest.results.baseline {
        lines.push(format!("in force validation {}", figures(&baseline.validation)));
    }
    lines.extend(result.gates.iter().flat_map(outputs::gate_lines));
    if let Some(test) = &result.judged.test {
        lines.push(format!("test     {}", figures(test)));
    }
    lines.push(format!("verdict  {}", verdict.verdict.as_str()));
    let is_told = |reason: &&String| !reason.starts_with("gate ");
    lines.extend(verdict.top_reasons.iter().filter(is_told).map(|reason| format!("  - {reason}")));
    lines.push(format!("written  {}, {}", layout::TUNE.latest, verdict.artifacts.report));
    lines.push(format!("next     {}", next(finished)));
    lines
}

/// What a person would type now.
fn next(finished: &Finished) -> String {
    let meta = &finished.result.meta;
    if meta.preset == Preset::Lax.as_str() {
        return "daily_ops pc tune --preset standard, because nothing found under lax can be promoted".to_owned();
    }
    if finished.verdict.verdict != CheckStatus::Fail && meta.stage == TuneStage::Final {
        return format!("daily_ops pc tune --promote {}", meta.run_id);
    }
    format!(
        "read {}, then search elsewhere: daily_ops pc tune --near, or --space NAME=A..B",
        finished.verdict.artifacts.report
    )
}

fn promote(args: &TuneArgs, run_id: &str, context: &Context, output: &Output) -> Result<u8, Failure> {
    let reason = args.reason.as_deref().filter(|reason| !reason.trim().is_empty());
    if args.force && reason.is_none() {
        return Err(Failure::Usage("--force needs a --reason that says something".to_owned()));
    }
    let force = reason.filter(|_| args.force);
    let conditions =
        Conditions { fee_table_sha256: Fees::named(None, context)?.sha256, gate: context.settings.pc.gate };
    let done =
        promotion::promote(&context.store, context.clock.as_ref(), &conditions, (run_id, force)).map_err(refused)?;
    output.result(&done.decision, || promotion_lines(&done));
    Ok(match done.decision.decision {
        _ if done.decision.applied => DONE,
        PromotionDecision::Error => FAULT,
        PromotionDecision::Promote | PromotionDecision::Hold | PromotionDecision::Reject => BLOCKED,
    })
}

fn promotion_lines(done: &Promotion) -> Vec<String> {
    let decision = &done.decision;
    let mut lines = vec![format!("decision {} for {}", decision.decision.as_str(), decision.run_id)];
    for check in &decision.checks {
        let word = if check.passed { "pass" } else { "FAIL" };
        lines.push(format!("  {word}  {:<27}  {}", check.id, check.detail));
    }
    if decision.checks.is_empty() {
        lines.extend(decision.reasons.iter().map(|reason| format!("  {reason}")));
    }
    match &done.published {
        Some(published) => {
            lines.push(format!("written  {}, {}", published.latest_ref, published.snapshot_ref));
            lines.push("next     daily_ops pc backtest, then daily_ops pc bundle".to_owned());
        }
        None if decision.decision == PromotionDecision::Hold => {
            lines.push(format!("next     daily_ops pc tune --promote {} --force --reason TEXT", decision.run_id));
        }
        None => lines.push("nothing was written: the parameters in force stay".to_owned()),
    }
    lines
}
