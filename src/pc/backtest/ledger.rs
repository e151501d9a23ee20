//! The daily ledger: one line a session, in the words of the reconciliation.

use serde::Deserialize;
use serde::Serialize;

use super::DayRow;
use super::Outcome;
use crate::time::TradingDate;
use crate::trading::GateDecision;
use crate::trading::GateReason;

/// One session. Readers accept reasons that they do not know.
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

impl LedgerRow {
    fn of(day: &DayRow) -> Self {
        let reason = day.gate.map(|row| row.reason);
        let blocked = reason.filter(|reason| reason.decision() == GateDecision::Block);
        let primary = match (day.fills, blocked, day.potential_signals) {
            (1.., ..) => "EXECUTED",
            (_, Some(reason), _) => reason.as_str(),
            (_, None, 0) => "NO_SIGNAL",
            _ => "NONE",
        };
        Self {
            date: day.date,
            status: if blocked.is_some() { "BLOCKED" } else { "OPEN" }.to_owned(),
            regime: reason.map_or("unknown", |reason| reason.regime().as_str()).to_owned(),
            is_chop: reason == Some(GateReason::ChopBlock),
            potential_signals: day.potential_signals,
            actual_trades: day.fills,
            primary_reason: primary.to_owned(),
        }
    }
}

/// The ledger of a simulation.
#[must_use]
pub fn ledger(outcome: &Outcome) -> Vec<LedgerRow> {
    outcome.days.iter().map(LedgerRow::of).collect()
}
