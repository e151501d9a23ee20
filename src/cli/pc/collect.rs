//! `daily_ops pc collect`

use clap::Args;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::pc::collect::CollectFault;
use crate::pc::collect::CollectReport;
use crate::pc::collect::Mode;
use crate::pc::collect::Step;
use crate::pc::collect::Tools;
use crate::pc::collect::Wanted;
use crate::pc::collect::collect as collect_prices;
use crate::pc::collect::generate;
use crate::pc::params;
use crate::pc::params::ParamsFault;
use crate::pc::vendors::Client;
use crate::pc::vendors::Naver;
use crate::pc::vendors::Quote;
use crate::pc::vendors::Realtime;
use crate::pc::vendors::Yahoo;
use crate::pc::vendors::is_index;
use crate::pc::vendors::is_ticker;
use crate::settings::PcSettings;
use crate::time::Calendar;
use crate::time::Clock as _;
use crate::time::TradingDate;
use crate::trading::known;

/// `pc collect`
#[derive(Debug, Args)]
pub(in crate::cli) struct CollectArgs {
    /// Tickers (six characters, or ^NAME of an index); the universe of the parameters otherwise
    #[arg(value_name = "TICKER")]
    tickers: Vec<String>,
    /// First day of the histories; `pc.history_start` otherwise
    #[arg(long, value_name = "DATE")]
    from: Option<TradingDate>,
    /// Fetch everything anew, and replace files of any origin
    #[arg(long, conflicts_with = "offline")]
    force: bool,
    /// Fetch nothing: only say which files reach the last completed session
    #[arg(long)]
    offline: bool,
    /// Write generated prices in place of fetched ones; the same seed makes the same files
    #[arg(long, value_name = "SEED", conflicts_with = "offline")]
    synthetic: Option<u64>,
    /// Show the prices of this moment and store nothing
    #[arg(long, conflicts_with_all = ["from", "force", "offline", "synthetic"])]
    quotes: bool,
}

pub(super) fn collect(args: &CollectArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    let context = Context::load(global)?;
    let tickers = tickers_of(args, &context)?;
    let vendors = &context.settings.pc;
    if args.quotes {
        return quotes(&tickers, &context, output);
    }
    let from = args.from.unwrap_or(vendors.history_start);
    let today = context.clock.now().date_naive();
    if from > today {
        return Err(Failure::Usage(format!("--from {from} is after today, {today}")));
    }
    let mode = match (args.force, args.offline) {
        (true, _) => Mode::Refetch,
        (_, true) => Mode::Offline,
        _ => Mode::Fetch,
    };
    let wanted = Wanted { tickers, from, mode };
    let naver = Naver::new(client(&vendors.naver_url, vendors));
    let yahoo = Yahoo::new(client(&vendors.yahoo_url, vendors));
    let tools = Tools {
        store: &context.store,
        clock: context.clock.as_ref(),
        calendar: Calendar::krx(),
        vendors: [&naver, &yahoo],
    };
    let outcome = match args.synthetic {
        Some(seed) => generate(&wanted, seed, tools),
        None => {
            let bar = progress(wanted.tickers.len(), global);
            let outcome = collect_prices(&wanted, tools, &mut |step| show(&bar, step));
            bar.finish_and_clear();
            outcome
        }
    };
    told(&outcome.map_err(failure)?, output)
}

fn told(report: &CollectReport, output: &Output) -> Result<u8, Failure> {
    output.result(report, || report.lines());
    if report.not_fresh.is_empty() {
        return Ok(exit::DONE);
    }
    // The report is the result; a second document would spoil it.
    output.remark(&format!(
        "❌ not up to the last completed session {}: {}",
        report.last_session,
        report.not_fresh.join(", ")
    ));
    Ok(exit::FAULT)
}

fn client(url: &str, settings: &PcSettings) -> Client {
    Client::new(url, settings.vendor_limit, settings.vendor_pause)
}

/// The tickers named, each once, or the universe.
fn tickers_of(args: &CollectArgs, context: &Context) -> Result<Vec<String>, Failure> {
    let named = if args.tickers.is_empty() {
        let source = params::resolve(&context.store).map_err(|fault| match fault {
            ParamsFault::Missing => Failure::Usage(format!("{fault}; name the tickers to collect")),
            ParamsFault::Store(_) | ParamsFault::Unusable { .. } | ParamsFault::Strategy { .. } => {
                Failure::Fault(fault.into())
            }
        })?;
        source.values.universe
    } else {
        args.tickers.clone()
    };
    let mut tickers: Vec<String> = Vec::new();
    for ticker in named {
        if !is_ticker(&ticker) {
            return Err(Failure::Usage(format!(
                "{ticker:?} is no ticker: six digits or capital letters as in 069500, or ^NAME of an index as in ^KS11"
            )));
        }
        if !tickers.contains(&ticker) {
            tickers.push(ticker);
        }
    }
    Ok(tickers)
}

fn failure(fault: CollectFault) -> Failure {
    match fault {
        CollectFault::Running(_) | CollectFault::WouldOverwrite(_) => Failure::Blocked(fault.to_string()),
        CollectFault::NotGenerated { .. } | CollectFault::Synthetic(_) => Failure::Usage(fault.to_string()),
        CollectFault::Calendar(_) | CollectFault::Store(_) | CollectFault::Stuck(_) => Failure::Fault(fault.into()),
    }
}

/// A bar on a terminal; elsewhere it hides itself.
fn progress(total: usize, global: &Global) -> ProgressBar {
    if global.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, step: &Step) {
    bar.set_position(u64::try_from(step.done).unwrap_or_default());
    bar.set_length(u64::try_from(step.total).unwrap_or_default());
    bar.set_message(format!("{} from {}", step.ticker, step.vendor));
}

fn quotes(tickers: &[String], context: &Context, output: &Output) -> Result<u8, Failure> {
    let settings = &context.settings.pc;
    if let Some(index) = tickers.iter().find(|ticker| is_index(ticker)) {
        return Err(Failure::Usage(format!("{index} is an index; --quotes knows shares and funds only")));
    }
    let vendor = Realtime::new(client(&settings.naver_realtime_url, settings));
    let found = vendor.quotes(tickers, context.clock.as_ref()).map_err(|fault| anyhow::anyhow!("quotes: {fault}"))?;
    let unknown: Vec<&str> =
        tickers.iter().filter(|code| found.iter().all(|quote| quote.ticker != **code)).map(String::as_str).collect();
    let asof = crate::time::Stamp::of(context.clock.now());
    let document = serde_json::json!({"schema": "PC_QUOTES_V1", "asof": asof, "quotes": found, "unknown": unknown});
    output.result(&document, || found.iter().map(line).collect());
    if unknown.is_empty() {
        return Ok(exit::DONE);
    }
    output.remark(&format!("❌ the vendor has no quote of {}", unknown.join(", ")));
    Ok(exit::FAULT)
}

fn line(quote: &Quote) -> String {
    let own = known(&quote.ticker).map(|(_, name)| name);
    let name = quote.name.as_deref().or(own).unwrap_or_default();
    let shown = |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
    format!(
        "{:<7} {:>12.0} won  {:>10} ({} %)  volume {}  value {}  nav {}  {name}",
        quote.ticker,
        quote.price,
        shown(quote.change, 0),
        shown(quote.change_pct, 2),
        shown(quote.volume, 0),
        shown(quote.value_krw, 0),
        shown(quote.nav, 2),
    )
}
