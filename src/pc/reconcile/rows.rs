//! One row for each day: the ledger's word beside the gate's.

use super::calendar::CalendarMode;
use super::calendar::Days;
use super::calendar::is_session;
use super::calendar::is_weekday;
use super::evidence::Evidence;
use super::ledger::Trades;
use crate::contracts::Document as _;
use crate::contracts::ReconCode;
use crate::contracts::recon::DailyExecution;
use crate::contracts::recon::DailyGate;
use crate::contracts::recon::DailyIntegrity;
use crate::contracts::recon::DailyLedger;
use crate::contracts::recon::DailyPointers;
use crate::contracts::recon::DailyReason;
use crate::contracts::recon::EvidenceStatus;
use crate::contracts::recon::Gate;
use crate::contracts::recon::ReconDaily;
use crate::contracts::recon::Severity;
use crate::time::TradingDate;

/// What a row is made from.
pub(super) struct Sides<'a> {
    pub(super) calendar: CalendarMode,
    pub(super) trades: &'a Trades,
    pub(super) evidence: &'a Evidence,
    /// File names of ledger and evidence.
    pub(super) names: (&'a str, &'a str),
}

/// The days of a period, in order.
pub(super) fn rows(sides: &Sides<'_>, period: &Days) -> Vec<ReconDaily> {
    let counts = |date: &TradingDate| match sides.calendar {
        CalendarMode::Weekday => is_weekday(*date),
        CalendarMode::Krx => is_session(*date) || sides.trades.on(*date) > 0,
    };
    period.each().filter(counts).map(|date| row(sides, date)).collect()
}

fn row(sides: &Sides<'_>, date: TradingDate) -> ReconDaily {
    let actions = sides.trades.on(date);
    let executed = actions > 0;
    let (evidence, reason) = sides.evidence.on(date);
    let gate_decision = if reason == DailyReason::None { Gate::Pass } else { Gate::Block };
    let precheck = DailyGate { gate_decision, reason };
    let overridden = DailyGate { gate_decision: Gate::Pass, reason: DailyReason::ExecutedSotOverride };
    let outcome = if executed { overridden } else { precheck };
    let facts = Facts {
        executed,
        status: evidence.status,
        gate: outcome.gate_decision,
        closed: sides.calendar == CalendarMode::Krx && !is_session(date),
        jumps: sides.calendar == CalendarMode::Krx && sides.evidence.jumps_on(date),
    };
    let has_bar = evidence.status != EvidenceStatus::NoData;
    let (ledger_name, evidence_name) = sides.names;
    ReconDaily {
        schema: ReconDaily::SCHEMA.to_owned(),
        trade_date: date.to_string(),
        l1: DailyLedger { actions },
        evidence,
        precheck,
        outcome,
        execution: DailyExecution { executed },
        integrity: facts.integrity(),
        pointers: DailyPointers {
            l1_source: executed.then(|| ledger_name.to_owned()),
            evidence_source: has_bar.then(|| evidence_name.to_owned()),
        },
    }
}

/// What the codes of a day rest on.
struct Facts {
    executed: bool,
    status: EvidenceStatus,
    gate: Gate,
    closed: bool,
    jumps: bool,
}

impl Facts {
    fn integrity(&self) -> DailyIntegrity {
        let found = [
            (ReconCode::ExecutionOnClosedDay, self.executed && self.closed),
            (ReconCode::DataMissingWithExecution, self.executed && self.status != EvidenceStatus::Ok),
            // What was executed is let through, so this cannot happen; if it ever does, it must be seen.
            (ReconCode::ExecutedButFinalBlock, self.executed && self.gate == Gate::Block),
            (ReconCode::EvidencePriceJump, self.jumps),
        ];
        let codes = found.into_iter().filter(|(_, fires)| *fires).map(|(code, _)| code);
        let severity = codes.clone().map(severity).max().unwrap_or_default();
        DailyIntegrity { severity, codes: codes.map(|code| code.as_str().to_owned()).collect() }
    }
}

/// How bad a code is.
#[must_use]
pub fn severity(code: ReconCode) -> Severity {
    if code == ReconCode::EvidencePriceJump {
        Severity::Warning
    } else if code == ReconCode::CountMismatch {
        Severity::Info
    } else {
        Severity::Critical
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_a_day_fires_on_its_facts_and_on_nothing_less() {
        let good =
            || Facts { executed: true, status: EvidenceStatus::Ok, gate: Gate::Pass, closed: false, jumps: false };
        let missing = "IC_DATA_MISSING_WITH_EXECUTION";
        let closed = "IC_EXECUTION_ON_CLOSED_DAY";
        let jump = "IC_EVIDENCE_PRICE_JUMP";
        let cases: [(&str, Facts, &[&str], Severity); 9] = [
            ("a good day", good(), &[], Severity::None),
            ("no data", Facts { status: EvidenceStatus::NoData, ..good() }, &[missing], Severity::Critical),
            (
                "windows not full",
                Facts { status: EvidenceStatus::DataMissing, ..good() },
                &[missing],
                Severity::Critical,
            ),
            (
                "no data, no trade",
                Facts { status: EvidenceStatus::NoData, executed: false, ..good() },
                &[],
                Severity::None,
            ),
            ("blocked", Facts { gate: Gate::Block, ..good() }, &["IC_EXECUTED_BUT_FINAL_BLOCK"], Severity::Critical),
            ("blocked, no trade", Facts { gate: Gate::Block, executed: false, ..good() }, &[], Severity::None),
            (
                "closed, and so without a bar",
                Facts { closed: true, status: EvidenceStatus::NoData, ..good() },
                &[closed, missing],
                Severity::Critical,
            ),
            ("closed, no trade", Facts { closed: true, executed: false, ..good() }, &[], Severity::None),
            ("jump", Facts { jumps: true, executed: false, ..good() }, &[jump], Severity::Warning),
        ];
        for (name, facts, codes, severity) in cases {
            let found = facts.integrity();
            assert_eq!((found.codes.as_slice(), found.severity), (owned(codes).as_slice(), severity), "{name}");
        }
    }

    fn owned(codes: &[&str]) -> Vec<String> {
        codes.iter().map(|code| (*code).to_owned()).collect()
    }
}
