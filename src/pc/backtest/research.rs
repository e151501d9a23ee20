//! The simulation of the workspace's parameters, and the three documents that the day's later stages read.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::BacktestFault;
use super::Costs;
use super::ENGINE_VERSION;
use super::MomentumParams;
use super::Outcome;
use super::Setup;
use super::Strategy;
use super::case::BENCHMARK;
use super::engine::simulate;
use super::holding::holding;
use super::inputs::InputFault;
use super::inputs::Prices;
use super::inputs::judge;
use super::inputs::origins;
use super::inputs::read;
use super::ledger::ledger;
use super::metrics::Metrics;
use super::oos::validate_by_year;
use super::rounding::round;
use super::rounding::rounded;
use super::rows::trade_record;
use super::screen::Screen;
use super::window::Window;
use crate::contracts::Document as _;
use crate::contracts::backtest::BacktestResult;
use crate::contracts::backtest::DailyReturn;
use crate::contracts::backtest::EquityPoint;
use crate::contracts::backtest::Meta;
use crate::contracts::backtest::Performer;
use crate::contracts::backtest::SourceFile;
use crate::contracts::backtest::Summary;
use crate::contracts::backtest::TickerFigures;
use crate::contracts::validation::LedgerRow;
use crate::contracts::validation::OosValidation;
use crate::pc::params;
use crate::pc::params::ParamSource;
use crate::pc::params::ParamsFault;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::Published;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::trading::FeeTable;
use crate::trading::GateParams;
use crate::trading::Instrument;
use crate::trading::indicator::momentum;
use crate::trading::known;

/// How long a simulation may hold its workspace.
const LOCK_LIMIT: Duration = Duration::from_secs(600);

/// What the settings say about a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Cash at the start in won.
    pub initial_capital: u64,
    /// Whether the gate applies.
    pub gate: bool,
    /// Sale taxes by date.
    pub fees: &'a FeeTable,
}

/// Everything that a result is a function of.
#[derive(Clone, Copy, Debug)]
pub struct Research<'a> {
    /// The parameters.
    pub params: &'a ParamSource,
    /// The prices.
    pub prices: &'a Prices,
    /// The days.
    pub window: Window,
    /// The settings.
    pub terms: Terms<'a>,
    /// What the documents are stamped with.
    pub now: KstTime,
}

/// What a simulation of the workspace's parameters leaves behind.
#[derive(Clone, Debug)]
pub struct Documents {
    /// The simulation itself.
    pub outcome: Outcome,
    /// `reports/backtest/latest/backtest_result.json`
    pub result: BacktestResult,
    /// `reports/validation/daily_ledger.jsonl`
    pub ledger: Vec<LedgerRow>,
    /// `reports/validation/oos_validation.json`
    pub validation: OosValidation,
    /// The simulation on one screen.
    pub screen: Vec<String>,
}

/// The documents and where they lie.
#[derive(Clone, Debug)]
pub struct Done {
    /// The documents.
    pub documents: Documents,
    /// The result's snapshot and latest copy.
    pub published: Published,
}

/// The workspace's simulation failed.
#[derive(Debug, thiserror::Error)]
pub enum ResearchFault {
    /// No parameters.
    #[error(transparent)]
    Params(#[from] ParamsFault),
    /// No prices, or bad ones.
    #[error(transparent)]
    Input(#[from] InputFault),
    /// The simulation refuses.
    #[error(transparent)]
    Backtest(#[from] BacktestFault),
    /// A document cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// Another process simulates this workspace.
    #[error("ALREADY_RUNNING: process {} has been simulating this workspace since {}", .0.pid, .0.started_at)]
    Running(Holder),
    /// The same, for longer than it may.
    #[error("process {} has been simulating this workspace since {}, which is too long; look at it", .0.pid, .0.started_at)]
    Stuck(Holder),
}

/// Simulates the workspace's parameters on its cached prices and writes the documents: the result first, then what
/// rests on the same run.
///
/// # Errors
/// No parameters, no or bad prices, a refused simulation, or a file that cannot be written.
pub fn run(store: &Store, terms: Terms<'_>, (window, now): (Window, KstTime)) -> Result<Done, ResearchFault> {
    let _lock = locked(store, now)?;
    let params = params::resolve(store)?;
    let mut tickers = params.values.universe.clone();
    if terms.gate && !tickers.iter().any(|ticker| ticker == BENCHMARK) {
        tickers.push(BENCHMARK.to_owned());
    }
    let dir = store.path(layout::PRICES);
    let files = read(&dir, &tickers, &BTreeMap::new())?;
    let origins = origins(&dir, &files)?;
    judge(&files, window)?;
    let prices = Prices::of(files).with_origins(&origins);
    let documents = Research { params: &params, prices: &prices, window, terms, now }.documents()?;
    let published = documents.write(store, now)?;
    Ok(Done { documents, published })
}

/// One simulation of a workspace at a time: its documents belong together.
fn locked(store: &Store, now: KstTime) -> Result<RunLock, ResearchFault> {
    match store.try_lock(layout::BACKTEST_LOCK, &Holder::this_process("pc backtest", now, LOCK_LIMIT))? {
        LockOutcome::Acquired(taken) => Ok(taken.lock),
        LockOutcome::Held(other) if other.is_overdue(now) => Err(ResearchFault::Stuck(other)),
        LockOutcome::Held(other) => Err(ResearchFault::Running(other)),
    }
}

impl Documents {
    fn write(&self, store: &Store, now: KstTime) -> Result<Published, StoreFault> {
        let (_, published) = store.publish(layout::BACKTEST, now, &|_snapshot| self.result.clone())?;
        store.write(layout::DAILY_LEDGER, self.ledger_text().as_bytes())?;
        let mut bytes = serde_json::to_vec_pretty(&self.validation).unwrap_or_default();
        bytes.push(b'\n');
        store.write(layout::OOS_VALIDATION, &bytes)?;
        Ok(published)
    }

    /// The ledger as it is stored: one compact object a line.
    #[must_use]
    pub fn ledger_text(&self) -> String {
        // Texts and whole numbers always render.
        self.ledger.iter().map(|row| serde_json::to_string(row).unwrap_or_default() + "\n").collect()
    }
}

impl Research<'_> {
    /// What is simulated.
    #[must_use]
    pub fn setup(&self) -> Setup<'_> {
        let values = &self.params.values;
        let default = MomentumParams::default();
        let gate = GateParams::default();
        let gate = GateParams { adx_threshold: values.adx_filter_min.unwrap_or(gate.adx_threshold), ..gate };
        let what = |ticker: &String| known(ticker).map_or_else(Instrument::unknown, |(what, _)| what);
        #[expect(clippy::cast_precision_loss, reason = "the setting is far below 2^53")]
        let initial_capital = self.terms.initial_capital as f64;
        Setup {
            strategy: Strategy::KrxMomentum(MomentumParams {
                momentum_period: values.momentum_period,
                entry_threshold: values.entry_threshold,
                exit_threshold: values.exit_threshold,
                max_positions: values.max_positions,
                max_position_pct: values.max_position_pct,
                min_cash_pct: values.min_cash_pct,
                rebalance_threshold: default.rebalance_threshold,
                rebalance: values.frequency,
                gate: self.terms.gate.then_some(gate),
            }),
            universe: values.universe.clone(),
            instruments: values.universe.iter().map(|ticker| (ticker.clone(), what(ticker))).collect(),
            benchmark: BENCHMARK.to_owned(),
            start: self.window.start,
            end: self.window.end,
            costs: Costs { fees: self.terms.fees, ..Costs::default() },
            initial_capital,
        }
    }

    /// Simulates and tells; nothing is written.
    ///
    /// # Errors
    /// The simulation refuses.
    pub fn documents(&self) -> Result<Documents, BacktestFault> {
        let setup = self.setup();
        let outcome = simulate(&setup, &self.prices.market)?;
        let tickers = self.tickers(&setup)?;
        let result = BacktestResult {
            schema: BacktestResult::SCHEMA.to_owned(),
            summary: summary(&outcome.metrics),
            top_performers: top_performers(&tickers),
            tickers,
            trades: outcome.trades.iter().map(trade_record).collect(),
            meta: self.meta(&setup, &outcome),
        };
        let validation = validate_by_year(&setup, &self.prices.market, self.now)?;
        let source = format!("{}, sha256 {}", self.params.path, self.params.sha256.get(..12).unwrap_or_default());
        let screen = Screen { setup: &setup, outcome: &outcome, prices: self.prices, source: &source }.lines();
        Ok(Documents { ledger: ledger(&outcome), outcome, result, validation, screen })
    }

    fn tickers(&self, setup: &Setup<'_>) -> Result<BTreeMap<String, TickerFigures>, BacktestFault> {
        let mut tickers = BTreeMap::new();
        for ticker in &setup.universe {
            let held = holding(&self.prices.market, ticker, (setup.start, setup.end))?;
            let four = |value: Option<f64>| value.map(|value| round(value, 4));
            let score = self.prices.market.get(ticker).and_then(|bars| {
                let last = bars.date.partition_point(|date| *date <= setup.end).checked_sub(1)?;
                momentum(&bars.close, self.params.values.momentum_period).at(last)
            });
            let figures = TickerFigures {
                cagr: four(held.cagr),
                mdd: four(held.mdd),
                win_rate: four(held.win_rate),
                score: score.map(|score| round(score, 6)),
            };
            tickers.insert(ticker.clone(), figures);
        }
        Ok(tickers)
    }

    fn meta(&self, setup: &Setup<'_>, outcome: &Outcome) -> Meta {
        let mut universe = setup.universe.clone();
        universe.sort_unstable();
        let days = &outcome.days;
        let point = |day: &super::DayRow| EquityPoint { date: day.date, equity: round(day.equity, 2) };
        let change = |pair: &[super::DayRow]| DailyReturn {
            date: pair[1].date,
            ret: round(pair[1].equity / pair[0].equity - 1.0, 6),
        };
        Meta {
            asof: Stamp::of(self.now),
            start_date: self.window.start,
            end_date: self.window.end,
            mode: self.window.mode.to_owned(),
            strategy: self.params.document.strategy.clone(),
            universe,
            engine_version: ENGINE_VERSION.to_owned(),
            total_trades: outcome.metrics.total_trades,
            signal_days: outcome.metrics.signal_days,
            param_source: SourceFile { path: self.params.path.clone(), sha256: self.params.sha256.clone() },
            params_used: self.params_used(setup),
            data: self.prices.data.clone(),
            quality: self.prices.quality.clone(),
            equity_curve: days.iter().map(point).collect(),
            daily_returns: days.windows(2).map(change).collect(),
            sharpe_reason: sharpe_reason(&outcome.metrics),
            mdd_reason: mdd_reason(&outcome.metrics),
        }
    }

    /// Every parameter that the result depends on, defaults included.
    fn params_used(&self, setup: &Setup<'_>) -> Value {
        let values = &self.params.values;
        let gate = GateParams::default();
        json!({
            "momentum_period": values.momentum_period,
            "volatility_period": values.volatility_period,
            "entry_threshold": values.entry_threshold,
            "exit_threshold": values.exit_threshold,
            "max_positions": values.max_positions,
            "min_cash_pct": values.min_cash_pct,
            "max_position_pct": values.max_position_pct,
            "max_drawdown_pct": values.max_drawdown_pct,
            "frequency": values.frequency,
            "time_kst": values.time_kst,
            "rebalance_threshold": MomentumParams::default().rebalance_threshold,
            "gate": self.terms.gate,
            "benchmark": setup.benchmark,
            "ma_short": gate.ma_short,
            "ma_long": gate.ma_long,
            "adx_period": gate.adx_period,
            "adx_threshold": values.adx_filter_min.unwrap_or(gate.adx_threshold),
            "initial_capital": setup.initial_capital,
            "commission_rate": setup.costs.commission_rate,
            "slippage_rate": setup.costs.slippage_rate,
        })
    }
}

pub(super) fn summary(metrics: &Metrics) -> Summary {
    let m = rounded(metrics);
    let defined = |value: f64| Some(value).filter(|value| value.is_finite());
    Summary {
        cagr: defined(m.cagr),
        mdd: defined(m.mdd),
        sharpe: defined(m.sharpe),
        total_return: defined(m.total_return),
        initial_capital: m.initial_capital,
        final_value: m.final_value,
        volatility: defined(m.volatility),
        calmar: defined(m.calmar),
        win_rate: m.win_rate,
        trade_win_rate: m.trade_win_rate,
        total_trades: m.total_trades,
        sell_trades: m.sell_trades,
        total_realized_pnl: m.total_realized_pnl,
        total_commission: m.total_commission,
        total_tax: m.total_tax,
        total_slippage: m.total_slippage,
        turnover: defined(m.turnover),
        exposure_ratio: m.exposure_ratio,
        calendar_days: m.calendar_days,
        trading_days: m.trading_days,
        years: m.years,
        signal_days: m.signal_days,
    }
}

/// Why the ratio says nothing; `None` when it does.
fn sharpe_reason(metrics: &Metrics) -> Option<String> {
    let reason = match metrics.trading_days {
        0 => "no_nav_history",
        // Two sessions make one return, which has no deviation.
        1 | 2 => "insufficient_data",
        _ if metrics.volatility > 0.0 => return None,
        _ => "std_zero",
    };
    Some(reason.to_owned())
}

fn mdd_reason(metrics: &Metrics) -> Option<String> {
    let reason = match metrics.trading_days {
        0 => "no_nav_history",
        _ if metrics.mdd > 0.0 => return None,
        _ => "no_drawdown_from_peak",
    };
    Some(reason.to_owned())
}

fn top_performers(tickers: &BTreeMap<String, TickerFigures>) -> Vec<Performer> {
    let found =
        tickers.iter().filter_map(|(ticker, figures)| Some(Performer { ticker: ticker.clone(), cagr: figures.cagr? }));
    let mut found: Vec<Performer> = found.collect();
    // The map is in ascending order of ticker, and the sort is stable.
    found.sort_by(|a, b| b.cagr.total_cmp(&a.cagr));
    found.truncate(5);
    found
}
