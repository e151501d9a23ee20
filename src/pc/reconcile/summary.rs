//! The summary of the rows: counts, coverage, provenance.

use std::collections::BTreeMap;

use super::calendar::CalendarMode;
use super::calendar::Days;
use super::evidence::Evidence;
use super::inputs::Inputs;
use super::ledger::Trades;
use super::refusal::shown;
use super::rows::severity;
use crate::contracts::Document as _;
use crate::contracts::ReconCode;
use crate::contracts::recon::CodeDays;
use crate::contracts::recon::Counts;
use crate::contracts::recon::Coverage;
use crate::contracts::recon::DailyReason;
use crate::contracts::recon::EvidenceStatus;
use crate::contracts::recon::Gate;
use crate::contracts::recon::GlobalCode;
use crate::contracts::recon::IntegrityCounts;
use crate::contracts::recon::Kpis;
use crate::contracts::recon::Period;
use crate::contracts::recon::Provenance;
use crate::contracts::recon::ReconDaily;
use crate::contracts::recon::ReconSummary;
use crate::contracts::recon::Severity;
use crate::time::Stamp;

const TRADE_COUNT_POLICY: &str = "TRADE_COUNT_POLICY_V1";
const POLICIES: [&str; 3] = [TRADE_COUNT_POLICY, "COVERAGE_BASELINE_V1", "INTEGRITY_POLICY_V1"];
/// The rules by which the reference made the archived results; ours are the same.
const VERSION: &str = "C-R.5";

/// What passed the gates, with its rows.
pub(super) struct Judged {
    pub(super) calendar: CalendarMode,
    pub(super) period: Days,
    pub(super) trades: Trades,
    pub(super) evidence: Evidence,
    pub(super) daily: Vec<ReconDaily>,
}

impl Judged {
    /// The documents.
    pub(super) fn documents(self, inputs: &Inputs, generated_at: &Stamp) -> (ReconSummary, Vec<ReconDaily>) {
        let counts = counts(self.trades.actions, inputs.l2_trades);
        let kpis = kpis(&self.daily);
        let is_krx = self.calendar == CalendarMode::Krx;
        let global_codes = is_krx.then(|| global_codes(counts));
        let summary = ReconSummary {
            schema: ReconSummary::SCHEMA.to_owned(),
            generated_at: Some(generated_at.clone()),
            period: Some(Period { from: self.period.from.to_string(), to: self.period.to.to_string() }),
            trade_count_policy_id: Some(TRADE_COUNT_POLICY.to_owned()),
            counts: Some(counts),
            kpis: Some(kpis),
            integrity: Some(IntegrityCounts { global_codes, ..integrity(&self.daily) }),
            coverage: Some(Coverage {
                evidence_no_data_days: Some(kpis.no_data),
                regression: false,
                exec_within_evidence: true,
                baseline: inputs.baseline_document(),
                current: shown(self.evidence.span(), "N/A", "N/A"),
                execution_range: Some(shown(self.trades.span(), "N/A", "N/A")),
                evidence_quality: self.evidence.quality,
            }),
            provenance: Some(Provenance {
                generated_at: generated_at.clone(),
                reconciler_version: VERSION.to_owned(),
                policy_ids: POLICIES.map(str::to_owned).to_vec(),
                sources: inputs.sources.clone(),
            }),
            calendar: is_krx.then(|| self.calendar.as_str().to_owned()),
            ..ReconSummary::default()
        };
        (summary, self.daily)
    }
}

fn counts(l1_actions: u64, l2_trades: u64) -> Counts {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Counts { l1_actions, l2_trades, l1_l2_delta: signed(l1_actions) - signed(l2_trades) }
}

fn kpis(daily: &[ReconDaily]) -> Kpis {
    let days = |is: &dyn Fn(&ReconDaily) -> bool| daily.iter().filter(|row| is(row)).count() as u64;
    Kpis {
        gate_open: days(&|row| row.precheck.gate_decision == Gate::Pass),
        chop_block: days(&|row| row.precheck.reason == DailyReason::ChopBlock),
        bear_block: days(&|row| row.precheck.reason == DailyReason::BearBlock),
        executed: days(&|row| row.execution.executed),
        no_data: days(&|row| row.evidence.status != EvidenceStatus::Ok),
    }
}

fn integrity(daily: &[ReconDaily]) -> IntegrityCounts {
    let days = |severity| daily.iter().filter(|row| row.integrity.severity == severity).count() as u64;
    let mut by_code: BTreeMap<&str, u64> = BTreeMap::new();
    for code in daily.iter().flat_map(|row| &row.integrity.codes) {
        *by_code.entry(code).or_default() += 1;
    }
    let mut top_codes: Vec<CodeDays> =
        by_code.into_iter().map(|(code, days)| CodeDays { code: code.to_owned(), days }).collect();
    // The map is in order of code, and the sort keeps that order among equals.
    top_codes.sort_by_key(|code| std::cmp::Reverse(code.days));
    IntegrityCounts {
        critical_days: days(Severity::Critical),
        warning_days: days(Severity::Warning),
        info_days: days(Severity::Info),
        top_codes,
        global_codes: None,
    }
}

/// A difference of the two counts is expected and worth knowing; it belongs to no day.
fn global_codes(counts: Counts) -> Vec<GlobalCode> {
    let code = ReconCode::CountMismatch;
    let found = GlobalCode {
        code: code.as_str().to_owned(),
        severity: severity(code),
        detail: format!("delta={}", counts.l1_l2_delta),
    };
    Some(found).filter(|_| counts.l1_l2_delta != 0).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_the_counts_is_told_once_and_only_when_there_is_one() {
        for (name, l1, l2, want) in
            [("more", 579, 531, Some("delta=48")), ("less", 1, 3, Some("delta=-2")), ("equal", 7, 7, None)]
        {
            let found = global_codes(counts(l1, l2));
            assert_eq!(found.first().map(|code| code.detail.as_str()), want, "{name}");
            assert!(found.iter().all(|code| code.severity == Severity::Info && code.code == "IC_L1_L2_MISMATCH"));
        }
    }
}
