//! What the reconciliation reads of a simulation: the daily ledger and the validation by year and month.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::time::Stamp;
use crate::time::TradingDate;

/// One session of the ledger. Readers accept reasons that they do not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// The session.
    pub date: TradingDate,
    /// `OPEN` or `BLOCKED`: the gate at this close; `OPEN` without a gate.
    pub status: String,
    /// `bull`, `bear`, `neutral` or `unknown`; `unknown` without a gate.
    pub regime: String,
    /// Whether the gate blocks because the market has no trend.
    pub is_chop: bool,
    /// Entries that this close asked for, also while the gate blocks.
    pub potential_signals: usize,
    /// Fills during this session.
    pub actual_trades: usize,
    /// `EXECUTED`, the gate's reason, `NO_SIGNAL` or `NONE`; the first that holds.
    pub primary_reason: String,
}

/// The schema of [`OosValidation`].
pub const OOS_SCHEMA: &str = "OOS-MONTHLY-1.0";

/// Each year of a window simulated afresh, and its months.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OosValidation {
    /// `OOS-MONTHLY-1.0`
    pub schema_version: String,
    /// When it was made.
    pub generated_at: Stamp,
    /// The years by number.
    pub years: BTreeMap<String, OosYear>,
}

/// One year with its own capital.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OosYear {
    /// First and last session.
    pub period: Period,
    /// The year's figures.
    pub summary: OosSummary,
    /// Its months.
    pub monthly: Vec<OosMonth>,
}

/// First and last session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First session.
    pub start: TradingDate,
    /// Last session.
    pub end: TradingDate,
}

/// The figures of a year.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OosSummary {
    /// Growth, percent.
    pub total_return_pct: f64,
    /// Deepest fall, percent, positive.
    pub mdd_pct: f64,
    /// Purchases and sales.
    pub trades: usize,
    /// Sessions that end with a position, as a fraction.
    pub exposure_ratio: f64,
}

/// The figures of a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OosMonth {
    /// `YYYY-MM`
    pub month: String,
    /// Growth against the last equity of the month before in the same year, for the first month against its first
    /// equity; percent.
    pub return_pct: f64,
    /// Deepest fall, from that equity on; percent, positive.
    pub mdd_pct: f64,
    /// Purchases and sales by date of fill.
    pub trades: usize,
    /// Sessions.
    pub trade_days: usize,
    /// Sessions that end with a position, as a fraction.
    pub exposure_ratio: f64,
}
