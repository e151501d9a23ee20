//! What the page reads of stored documents: only what it shows. A part that is missing or of another shape is left out.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::pc::chart::Surface;
use crate::time::TradingDate;

/// The parts of BACKTEST_RESULT_V1 that are shown.
#[derive(Clone, Debug, Deserialize)]
pub struct BacktestView {
    /// The figures, by their names.
    pub summary: BTreeMap<String, serde_json::Value>,
    /// Buying and holding each ticker.
    #[serde(default)]
    pub tickers: BTreeMap<String, HoldingView>,
    /// Fills in order.
    #[serde(default)]
    pub trades: Vec<TradeView>,
    /// Where it comes from.
    pub meta: MetaView,
}

/// A ticker bought on the first and valued on the last session.
#[derive(Clone, Debug, Deserialize)]
pub struct HoldingView {
    /// Percent a year.
    pub cagr: Option<f64>,
    /// Percent, positive.
    pub mdd: Option<f64>,
}

/// A fill.
#[derive(Clone, Debug, Deserialize)]
pub struct TradeView {
    /// Session of the fill.
    pub date: TradingDate,
    /// The ticker.
    pub ticker: String,
    /// `BUY` or `SELL`
    pub side: String,
    /// Shares.
    pub qty: i64,
    /// Won a share.
    pub price: f64,
    /// Won; none for a purchase.
    pub realized_pnl: Option<f64>,
    /// The code.
    pub reason: String,
}

/// The part `meta`.
#[derive(Clone, Debug, Deserialize)]
pub struct MetaView {
    /// When it was computed.
    #[serde(default)]
    pub asof: String,
    /// First day.
    #[serde(default)]
    pub start_date: String,
    /// Last day.
    #[serde(default)]
    pub end_date: String,
    /// Name of the strategy.
    #[serde(default)]
    pub strategy: String,
    /// The tickers.
    #[serde(default)]
    pub universe: Vec<String>,
    /// Equity at each close.
    #[serde(default)]
    pub equity_curve: Vec<EquityPoint>,
}

/// Equity at one close.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct EquityPoint {
    /// The session.
    pub date: TradingDate,
    /// Won.
    pub equity: f64,
}

/// The parts of RECON_SUMMARY_V1 that are shown.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ReconView {
    /// `error` when a gate refused.
    pub status: Option<String>,
    /// What the refusal says.
    pub error: Option<ErrorView>,
    /// First and last day.
    #[serde(default)]
    pub period: PeriodView,
    /// Actions and trades.
    #[serde(default)]
    pub counts: CountsView,
    /// Days by their kind.
    #[serde(default)]
    pub kpis: KpisView,
    /// Findings.
    #[serde(default)]
    pub integrity: IntegrityView,
}

/// A refusal.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ErrorView {
    /// The code.
    #[serde(default)]
    pub code: String,
    /// The text, in Korean.
    #[serde(default)]
    pub message_ko: String,
}

/// First and last day.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PeriodView {
    /// First day.
    #[serde(default)]
    pub from: String,
    /// Last day.
    #[serde(default)]
    pub to: String,
}

/// Actions and trades.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct CountsView {
    /// Actions of the ledger.
    #[serde(default, rename = "L1_actions")]
    pub actions: i64,
    /// Trades of the validation run.
    #[serde(default, rename = "L2_trades")]
    pub trades: i64,
}

/// Days by their kind.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KpisView {
    /// The gate passed.
    pub gate_open: u32,
    /// No trend.
    pub chop_block: u32,
    /// Falling.
    pub bear_block: u32,
    /// Something was done.
    pub executed: u32,
    /// Not known.
    pub no_data: u32,
}

/// Findings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IntegrityView {
    /// Days by severity.
    pub critical_days: u32,
    /// Days by severity.
    pub warning_days: u32,
    /// Codes and how many days they name.
    pub top_codes: Vec<CodeView>,
}

/// A code and its days.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CodeView {
    /// The code.
    pub code: String,
    /// How many days.
    pub days: u32,
}

/// The head of the bundle in force.
#[derive(Clone, Debug, Default)]
pub struct BundleView {
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
    pub badge: String,
    /// The simulation.
    pub backtest: Option<BacktestView>,
    /// A name, and its closes at each session of the curve.
    pub held: Option<(String, Vec<f64>)>,
    /// The reconciliation.
    pub recon: Option<ReconView>,
    /// The newest sweep.
    pub sweep: Option<Surface>,
    /// The bundle in force.
    pub bundle: Option<BundleView>,
    /// What a reader must know before believing the figures.
    pub warnings: Vec<String>,
}
