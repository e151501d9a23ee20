//! RECON_DAILY_V1: one day of a reconciliation, `reports/phase_c/latest/recon_daily.jsonl`.

use serde::Deserialize;
use serde::Serialize;

use super::line;
use crate::contracts::document::Document;
use crate::contracts::document::DocumentFault;
use crate::contracts::document::parse_objects;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReconDaily {
    /// `RECON_DAILY_V1`
    pub schema: String,
    /// The day, `YYYY-MM-DD`.
    pub trade_date: String,
    /// What the ledger says.
    pub l1: DailyLedger,
    /// What the market says.
    pub evidence: DailyEvidence,
    /// The market gate at this close.
    pub precheck: DailyGate,
    /// The gate after the ledger's word: what was executed was let through.
    #[serde(rename = "final")]
    pub outcome: DailyGate,
    /// Whether anything was executed.
    pub execution: DailyExecution,
    /// What is wrong with the day.
    pub integrity: DailyIntegrity,
    /// Where the numbers come from.
    pub pointers: DailyPointers,
}

/// The ledger's part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyLedger {
    /// Buys and sells of the day.
    pub actions: u64,
}

/// The market's part; the numbers are 0.0 where they are not defined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DailyEvidence {
    /// Whether the numbers can be used.
    pub status: EvidenceStatus,
    /// What the market is called.
    pub regime: EvidenceRegime,
    /// The directional index, two decimals.
    pub adx: f64,
    /// The short mean of closes, two decimals.
    pub ma_short: f64,
    /// The long mean of closes, two decimals.
    pub ma_long: f64,
}

/// A decision of the gate and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyGate {
    /// The decision.
    pub gate_decision: Gate,
    /// Why.
    pub reason: DailyReason,
}

/// Whether the ledger has trades that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyExecution {
    /// `l1.actions` is above 0.
    pub executed: bool,
}

/// The day's codes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyIntegrity {
    /// The highest severity of the codes.
    pub severity: Severity,
    /// What was found.
    pub codes: Vec<String>,
}

/// Names of the files behind the day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyPointers {
    /// The ledger's file name on a day with trades.
    pub l1_source: Option<String>,
    /// The evidence's file name on a day with a bar.
    pub evidence_source: Option<String>,
}

/// Whether the evidence of a day can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EvidenceStatus {
    /// It can.
    Ok,
    /// There is no bar.
    NoData,
    /// A window is not full.
    DataMissing,
}

/// What the market is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceRegime {
    /// Rising.
    Bull,
    /// Falling.
    Bear,
    /// Without trend.
    Neutral,
    /// Not known.
    Unknown,
}

/// Open or shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Gate {
    /// Open.
    Pass,
    /// Shut.
    Block,
}

/// Why a gate is open or shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DailyReason {
    /// Nothing blocks.
    None,
    /// The market has no trend.
    ChopBlock,
    /// The market falls.
    BearBlock,
    /// There is no bar.
    NoData,
    /// A window is not full.
    DataMissing,
    /// The ledger has trades; it is the source of truth for what was executed.
    ExecutedSotOverride,
}

/// How bad a code is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Nothing was found.
    #[default]
    None,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// The result is not to be relied on.
    Critical,
}

impl Severity {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }
}

impl ReconDaily {
    /// Appends the day as one line.
    ///
    /// # Errors
    /// A number is not finite.
    pub fn push_line(&self, out: &mut Vec<u8>) -> Result<(), DocumentFault> {
        let numbers = [self.evidence.adx, self.evidence.ma_short, self.evidence.ma_long];
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(DocumentFault::Shape(format!("{}: a number is not finite", self.trade_date)));
        }
        line::push(self, out).map_err(|fault| DocumentFault::Shape(fault.to_string()))
    }
}

impl Document for ReconDaily {
    const SCHEMA: &'static str = "RECON_DAILY_V1";

    fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        parse_objects(bytes)
    }

    fn to_bytes(&self) -> Result<Vec<u8>, DocumentFault> {
        let mut out = Vec::new();
        self.push_line(&mut out)?;
        Ok(out)
    }
}

/// Rounds to two decimals as the research PC does: the decimal form of the exact value, ties to the even digit.
///
/// ```
/// use daily_ops::contracts::recon::two_decimals;
/// assert_eq!([0.125, 0.375, 2.675, 8.0].map(two_decimals), [0.12, 0.38, 2.67, 8.0]);
/// ```
#[must_use]
pub fn two_decimals(value: f64) -> f64 {
    // Formatting is exact to the last digit of the value; multiplying by 100 would round before the rounding.
    format!("{value:.2}").parse().unwrap_or(value)
}
