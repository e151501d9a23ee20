//! Why there is no result, and the two rules that come before any row.

use super::Request;
use super::calendar::Days;
use super::inputs::Covered;
use super::inputs::Inputs;
use super::ledger::Trades;
use crate::contracts::Document as _;
use crate::contracts::ReconCode;
use crate::contracts::recon::Coverage;
use crate::contracts::recon::Period;
use crate::contracts::recon::ReconError;
use crate::contracts::recon::ReconSummary;
use crate::contracts::recon::Span;
use crate::time::Stamp;

/// What kind of no it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A rule said no: exit 2.
    Gate,
    /// It could not be done or not be proved: exit 3.
    Fault,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: ReconCode,
    /// For the operator.
    pub message_ko: String,
    /// For the command line: the file, the place and the rule.
    pub message: String,
    pub(super) period: Option<Period>,
    pub(super) coverage: Box<Coverage>,
}

impl Refusal {
    pub(super) fn new(code: ReconCode, message_ko: String, message: String) -> Self {
        Self { code, message_ko, message, period: None, coverage: Box::default() }
    }

    /// What kind of no it is.
    #[must_use]
    pub fn class(&self) -> Class {
        let is_gate = matches!(self.code, ReconCode::CoverageRegression | ReconCode::OutsideEvidence);
        if is_gate { Class::Gate } else { Class::Fault }
    }

    /// The same, with what the inputs tell about coverage.
    pub(super) fn known(mut self, inputs: &Inputs, request: &Request<'_>) -> Self {
        self.coverage.baseline = inputs.baseline_document();
        if self.coverage.current == Span::default() {
            let span = inputs.evidence(request.calendar).ok().and_then(|evidence| evidence.span());
            self.coverage.current = shown(span, "N/A", "N/A");
        }
        let asked = |day: Option<crate::time::TradingDate>| day.map_or_else(|| "N/A".to_owned(), |day| day.to_string());
        self.period.get_or_insert_with(|| Period { from: asked(request.from), to: asked(request.to) });
        self
    }

    /// The same, with the days that were to be compared.
    pub(super) fn within(mut self, period: &Days) -> Self {
        self.period = Some(Period { from: period.from.to_string(), to: period.to.to_string() });
        self
    }

    /// The error form of the summary.
    pub(super) fn summary(&self, generated_at: &Stamp) -> ReconSummary {
        let error = ReconError { code: self.code.as_str().to_owned(), message_ko: self.message_ko.clone() };
        let coverage = Coverage {
            exec_within_evidence: false,
            evidence_no_data_days: None,
            evidence_quality: None,
            ..(*self.coverage).clone()
        };
        ReconSummary {
            status: ReconSummary::error_status(),
            schema: ReconSummary::SCHEMA.to_owned(),
            generated_at: Some(generated_at.clone()),
            period: self.period.clone(),
            error: Some(error),
            coverage: Some(coverage),
            ..ReconSummary::default()
        }
    }
}

/// Two days as documents show them, with words for none.
pub(super) fn shown(days: Option<Days>, no_first: &str, no_last: &str) -> Span {
    match days {
        Some(days) => Span { min_date: days.from.to_string(), max_date: days.to.to_string() },
        None => Span { min_date: no_first.to_owned(), max_date: no_last.to_owned() },
    }
}

/// The rules before any row: the evidence covers the baseline (CR4-1) and every day with trades (CR4-2).
pub(super) fn gates(baseline: Option<&Covered>, evidence: Option<Days>, trades: &Trades) -> Result<(), Refusal> {
    let range =
        |days: Option<Days>| days.map_or_else(|| "없음".to_owned(), |days| format!("{}~{}", days.from, days.to));
    let told =
        |days: Option<Days>| days.map_or_else(|| "nothing".to_owned(), |days| format!("{}..{}", days.from, days.to));
    if let Some(covered) = baseline {
        let due = covered.days;
        if evidence.is_none_or(|found| found.from > due.from || found.to < due.to) {
            let mut refusal = Refusal::new(
                ReconCode::CoverageRegression,
                format!(
                    "증거 데이터 범위({})가 기준 범위({})를 덮지 못합니다. 증거 파일을 복구한 뒤 다시 실행하십시오.",
                    range(evidence),
                    range(Some(due))
                ),
                format!("the evidence covers {}, the baseline demands {}", told(evidence), told(Some(due))),
            );
            refusal.coverage.regression = true;
            refusal.coverage.current = shown(evidence, "N/A", "N/A");
            return Err(refusal);
        }
    }
    let executed = trades.span();
    let Some(days) = executed else { return Ok(()) };
    if evidence.is_some_and(|found| found.contains(days.from) && found.contains(days.to)) {
        return Ok(());
    }
    let mut refusal = Refusal::new(
        ReconCode::OutsideEvidence,
        format!(
            "체결 기간({})이 증거 데이터 범위({})를 벗어났습니다. 증거 데이터를 보충한 뒤 다시 실행하십시오.",
            range(executed),
            range(evidence)
        ),
        format!("trades from {} were executed outside the evidence, which covers {}", told(executed), told(evidence)),
    );
    refusal.coverage.current = shown(evidence, "9999-99-99", "0000-00-00");
    refusal.coverage.execution_range = Some(shown(executed, "N/A", "N/A"));
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::recon::Baseline;

    fn days(from: &str, to: &str) -> Days {
        Days { from: from.parse().expect("a date"), to: to.parse().expect("a date") }
    }

    #[test]
    fn evidence_covers_the_baseline_and_every_day_with_trades() {
        let covered = Covered { document: Baseline::default(), days: days("2024-01-02", "2024-06-28") };
        let trades = |dates: &[&str]| Trades {
            by_day: dates.iter().map(|date| (date.parse().expect("a date"), 1)).collect(),
            actions: 1,
        };
        let full = || Some(days("2024-01-02", "2024-06-28"));
        let (regression, outside) = (Some(ReconCode::CoverageRegression), Some(ReconCode::OutsideEvidence));
        let cases = [
            ("exact", Some(&covered), full(), trades(&["2024-01-02", "2024-06-28"]), None),
            ("starts a day late", Some(&covered), Some(days("2024-01-03", "2024-06-28")), trades(&[]), regression),
            ("ends a day early", Some(&covered), Some(days("2024-01-02", "2024-06-27")), trades(&[]), regression),
            ("wider", Some(&covered), Some(days("2024-01-01", "2024-06-29")), trades(&[]), None),
            ("no evidence", Some(&covered), None, trades(&[]), regression),
            ("no evidence, no baseline, no trades", None, None, trades(&[]), None),
            ("no evidence, trades", None, None, trades(&["2024-03-04"]), outside),
            ("trade before", None, full(), trades(&["2024-01-01", "2024-03-04"]), outside),
            ("trade after", None, full(), trades(&["2024-03-04", "2024-06-29"]), outside),
            ("both broken", Some(&covered), None, trades(&["2024-03-04"]), regression),
        ];
        for (name, baseline, evidence, trades, want) in cases {
            let found = gates(baseline, evidence, &trades).err();
            assert_eq!(found.as_ref().map(|refusal| refusal.code), want, "{name}");
            assert!(found.is_none_or(|refusal| refusal.class() == Class::Gate), "{name}");
        }
        let refusal = gates(None, None, &trades(&["2024-03-04"])).expect_err("outside");
        assert_eq!(refusal.coverage.current, shown(None, "9999-99-99", "0000-00-00"));
        assert!(refusal.message_ko.contains("2024-03-04~2024-03-04") && refusal.message_ko.contains("없음"));
    }
}
