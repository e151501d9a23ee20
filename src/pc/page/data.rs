//! What the page shows, and how it is gathered from a workspace: stored documents, and the closes of the benchmark.
//!
//! A part that is missing is left out; a part that is there but damaged becomes a warning on the page.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contracts::Document;
use crate::contracts::StrategyParams;
use crate::contracts::backtest::BacktestResult;
use crate::contracts::price_meta::PriceMeta;
use crate::contracts::price_meta::VendorName;
use crate::contracts::recon::Badge;
use crate::contracts::recon::ReconSummary;
use crate::contracts::sweep::SweepResult;
use crate::pc::chart::Surface;
use crate::pc::prices::load_market;
use crate::store::Store;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Calendar;
use crate::time::KstTime;
use crate::time::TradingDate;
use crate::time::line_stamp;
use crate::trading::known;

/// What is held for comparison.
const BENCHMARK: &str = "069500";

/// The head of the bundle in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BundleHead {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created_at: String,
    /// The market as the bundle calls it.
    pub regime: String,
    /// The best tickers and their scores.
    pub picks: Vec<(String, f64)>,
}

/// Everything the page may show; what is absent is left out.
#[derive(Clone, Debug, Default)]
pub struct PageData {
    /// When the page is made, as it is shown.
    pub generated_at: String,
    /// The badge of the report pair.
    pub badge: Option<Badge>,
    /// The simulation.
    pub backtest: Option<BacktestResult>,
    /// A name, and its closes at each session of the curve.
    pub held: Option<(String, Vec<f64>)>,
    /// The reconciliation.
    pub recon: Option<ReconSummary>,
    /// The newest sweep over two parameters.
    pub sweep: Option<Surface>,
    /// The bundle in force.
    pub bundle: Option<BundleHead>,
    /// What a reader must know before believing the figures.
    pub warnings: Vec<String>,
}

/// Gathers what the workspace has; `recon` and its badge come from the report pair that is made at the same time.
#[must_use]
pub fn gather(store: &Store, recon: (ReconSummary, Badge), now: KstTime) -> PageData {
    let mut data = PageData { generated_at: line_stamp(now), badge: Some(recon.1), ..PageData::default() };
    data.recon = Some(recon.0).filter(|summary| summary.kpis.is_some() || summary.error.is_some());
    data.backtest = sound(store, layout::BACKTEST.latest, &mut data.warnings);
    let sweep: Option<SweepResult> = sound(store, layout::SWEEP, &mut data.warnings);
    data.sweep = sweep.as_ref().and_then(surface);
    data.bundle = store.read(layout::BUNDLE.latest).ok().flatten().and_then(|bytes| bundle_head(&bytes));
    if let Some(backtest) = &data.backtest {
        let dates: Vec<TradingDate> = backtest.meta.equity_curve.iter().map(|point| point.date).collect();
        data.held = held(store, &dates);
        for (ticker, quality) in &backtest.meta.quality {
            data.warnings.extend(quality.warnings.iter().map(|warning| format!("{ticker}: {warning}")));
        }
        data.warnings.extend(made_up(store, backtest.meta.data.keys()));
    }
    data
}

fn sound<D: Document>(store: &Store, path: &str, warnings: &mut Vec<String>) -> Option<D> {
    match store.document(path) {
        Stored::Present(document) => Some(document),
        Stored::Missing => None,
        Stored::Damaged(why) => {
            warnings.push(format!("{path}: {why}"));
            None
        }
    }
}

/// Figures from generated prices must never pass for market figures.
fn made_up<'a>(store: &Store, tickers: impl Iterator<Item = &'a String>) -> Option<String> {
    let synthetic = |ticker: &&String| {
        let meta: Stored<PriceMeta> = store.document(&format!("{}/{ticker}.meta.json", layout::PRICES));
        matches!(meta, Stored::Present(meta) if meta.vendor == VendorName::Synthetic)
    };
    let found: Vec<&str> = tickers.filter(synthetic).map(String::as_str).collect();
    (!found.is_empty()).then(|| format!("합성 시세 / generated prices, no market data: {}", found.join(", ")))
}

/// The benchmark's close at each session, the one before where it has no bar.
fn held(store: &Store, dates: &[TradingDate]) -> Option<(String, Vec<f64>)> {
    let tickers = [BENCHMARK.to_owned()];
    let market = load_market(&store.path(layout::PRICES), &tickers, &BTreeMap::new(), Calendar::krx()).ok()?;
    let bars = &market.get(BENCHMARK)?.bars;
    let close = |date: &TradingDate| {
        let after = bars.date.partition_point(|other| other <= date);
        after.checked_sub(1).and_then(|at| bars.close.get(at)).copied()
    };
    let closes: Vec<f64> = dates.iter().map(close).collect::<Option<_>>()?;
    let name = known(BENCHMARK).map_or(BENCHMARK, |(_, name)| name);
    Some((name.to_owned(), closes))
}

/// The surface of a sweep over exactly two whole-number parameters.
fn surface(sweep: &SweepResult) -> Option<Surface> {
    let [first, second] = sweep.axes.as_slice() else { return None };
    let whole = |params: &serde_json::Map<String, Value>, name: &str| params.get(name).and_then(Value::as_i64);
    let cell = |cell: &crate::contracts::sweep::SweepCell| {
        let key = (whole(&cell.params, &first.name)?, whole(&cell.params, &second.name)?);
        Some((key, cell.metrics.as_ref()?.sharpe?))
    };
    Some(Surface {
        x_name: first.name.clone(),
        y_name: second.name.clone(),
        value_name: format!("{} {} · Sharpe", sweep.strategy, sweep.universe.join(" ")),
        cells: sweep.cells.iter().filter_map(cell).collect(),
    })
    .filter(|surface| !surface.cells.is_empty())
}

fn bundle_head(bytes: &[u8]) -> Option<BundleHead> {
    let bundle: Value = serde_json::from_slice(bytes).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let strategy = &bundle["strategy"];
    let pick = |pick: &Value| Some((pick["ticker"].as_str()?.to_owned(), pick["score"].as_f64()?));
    let picks = strategy["scorer"]["top_picks"].as_array().map(|picks| picks.iter().filter_map(pick).collect());
    let name = StrategyParams::of_strategy(strategy, "".into()).strategy;
    let regime = match (text(&strategy["regime"]["code"]), text(&strategy["regime"]["reason"])) {
        (code, reason) if reason.is_empty() => code,
        (code, reason) => format!("{code} ({reason})"),
    };
    let id = format!("{} {name}", text(&bundle["bundle_id"]));
    Some(BundleHead { id, created_at: text(&bundle["created_at"]), regime, picks: picks.unwrap_or_default() })
}
