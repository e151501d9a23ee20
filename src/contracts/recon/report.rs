//! REPORT_HUMAN_V1 and REPORT_AI_V1: the report pair, `reports/phase_c/latest/report_human.json` and `report_ai.json`.

use serde::Deserialize;
use serde::Serialize;

use super::pretty;
use crate::contracts::document::Document;
use crate::contracts::document::DocumentFault;
use crate::contracts::document::parse_objects;
use crate::time::Stamp;

/// The contract that both reports name.
pub const CONTRACT_ID: &str = "CONTRACT_5";

/// The one word for the whole result, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Badge {
    /// There is no result.
    Error,
    /// There has never been one.
    Bootstrap,
    /// A day's result is not to be relied on.
    Critical,
    /// A day is worth a look.
    Amber,
    /// Nothing was found.
    Green,
}

impl Badge {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Bootstrap => "BOOTSTRAP",
            Self::Critical => "CRITICAL",
            Self::Amber => "AMBER",
            Self::Green => "GREEN",
        }
    }
}

/// The report for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HumanReport {
    /// `CONTRACT_5`
    pub contract_id: String,
    /// `REPORT_HUMAN_V1`
    pub schema_version: String,
    /// When it was made; an older form has `asof` only.
    #[serde(default)]
    pub generated_at: Stamp,
    /// The same time.
    pub asof: Stamp,
    /// The first line.
    pub headline: Headline,
    /// Days by severity.
    pub integrity_summary: IntegrityTotals,
    /// Exactly five, in this order: gate open, executed, chop, bear, no data.
    pub kpis: Vec<Kpi>,
    /// Where the numbers come from.
    pub pointers: ReportPointers,
}

/// The first line of the report for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headline {
    /// `YYYY-MM-DD~YYYY-MM-DD`
    pub period: String,
    /// The one word.
    pub status_badge: Badge,
    /// Trades of both layers.
    pub trade_count: TradeCount,
}

/// Trades of both layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeCount {
    /// Buys and sells of the ledger.
    #[serde(rename = "L1_actions")]
    pub l1_actions: u64,
    /// Trades of the validation run.
    #[serde(rename = "L2_trades")]
    pub l2_trades: u64,
    /// The difference.
    pub delta: i64,
}

/// Days by severity, and at most five codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrityTotals {
    /// Critical days.
    pub critical_total: u64,
    /// Days with a warning.
    pub warning_total: u64,
    /// Days with a note.
    pub info_total: u64,
    /// By days, most first.
    pub top_codes: Vec<CodeCount>,
}

/// A code and its days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeCount {
    /// The code.
    pub code: String,
    /// Days that carry it.
    pub count: u64,
}

/// One number of the report for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kpi {
    /// Its name.
    pub key: String,
    /// Its name in Korean.
    pub label_ko: String,
    /// The number.
    pub value: u64,
    /// `days`
    pub unit: String,
}

/// Where the numbers come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportPointers {
    /// The summary, relative to the workspace.
    pub recon_summary_path: String,
    /// Who made the report; an older form does not say.
    #[serde(default)]
    pub source: String,
}

/// The short report: at most 1200 characters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AiReport {
    /// `CONTRACT_5`
    pub contract_id: String,
    /// `REPORT_AI_V1`
    pub schema_version: String,
    /// When it was made; an older form has `asof` only.
    #[serde(default)]
    pub generated_at: Stamp,
    /// The same time.
    pub asof: Stamp,
    /// Four numbers.
    pub kpi_vector: AiKpis,
    /// What is wrong.
    pub integrity_flags: IntegrityFlags,
    /// The one word.
    pub status: Badge,
}

/// The numbers of the short report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiKpis {
    /// Days with an open gate.
    pub gate_open_days: u64,
    /// Days with trades.
    pub executed_days: u64,
    /// Trades of the validation run.
    #[serde(rename = "L2_trades")]
    pub l2_trades: u64,
    /// Days without usable evidence.
    pub no_data_days: u64,
}

/// What is wrong, for the short report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrityFlags {
    /// Critical days.
    pub critical_total: u64,
    /// At most five critical codes.
    pub critical_codes: Vec<String>,
}

impl Document for HumanReport {
    const SCHEMA: &'static str = "REPORT_HUMAN_V1";
    const SCHEMA_FIELD: &'static str = "schema_version";

    fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        parse_objects(bytes)
    }

    fn to_bytes(&self) -> Result<Vec<u8>, DocumentFault> {
        pretty(self)
    }
}

impl Document for AiReport {
    const SCHEMA: &'static str = "REPORT_AI_V1";
    const SCHEMA_FIELD: &'static str = "schema_version";

    fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        parse_objects(bytes)
    }

    fn to_bytes(&self) -> Result<Vec<u8>, DocumentFault> {
        pretty(self)
    }
}
