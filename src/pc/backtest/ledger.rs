//! The daily ledger: one line a session, in the words of the reconciliation.

use super::DayRow;
use super::Outcome;
use crate::contracts::validation::LedgerRow;
use crate::trading::GateDecision;
use crate::trading::GateReason;

/// The ledger of a simulation.
#[must_use]
pub fn ledger(outcome: &Outcome) -> Vec<LedgerRow> {
    outcome.days.iter().map(row).collect()
}

fn row(day: &DayRow) -> LedgerRow {
    let reason = day.gate.map(|row| row.reason);
    let blocked = reason.filter(|reason| reason.decision() == GateDecision::Block);
    let primary = match (day.fills, blocked, day.potential_signals) {
        (1.., ..) => "EXECUTED",
        (_, Some(reason), _) => reason.as_str(),
        (_, None, 0) => "NO_SIGNAL",
        _ => "NONE",
    };
    LedgerRow {
        date: day.date,
        status: if blocked.is_some() { "BLOCKED" } else { "OPEN" }.to_owned(),
        regime: reason.map_or("unknown", |reason| reason.regime().as_str()).to_owned(),
        is_chop: reason == Some(GateReason::ChopBlock),
        potential_signals: day.potential_signals,
        actual_trades: day.fills,
        primary_reason: primary.to_owned(),
    }
}
