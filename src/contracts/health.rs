//! EVIDENCE_HEALTH_REPORT_V1: whether the refs inside stored documents still lead somewhere.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use crate::time::Stamp;

/// EVIDENCE_HEALTH_REPORT_V1, `reports/ops/evidence/health/health_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvidenceHealth {
    /// `EVIDENCE_HEALTH_REPORT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The days before it was made; informative.
    #[serde(default, deserialize_with = "lenient")]
    pub period: HealthPeriod,
    /// Counts and the decision.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: HealthSummary,
    /// One row a check.
    #[serde(default, deserialize_with = "lenient")]
    pub checks: Vec<HealthCheck>,
    /// At most five, the most frequent first.
    #[serde(default, deserialize_with = "lenient")]
    pub top_fail_reasons: Vec<ReasonCount>,
    /// Whether a check that could not be made counted as failed.
    #[serde(default, deserialize_with = "lenient")]
    pub fail_closed_triggered: bool,
}

impl Document for EvidenceHealth {
    const SCHEMA: &'static str = "EVIDENCE_HEALTH_REPORT_V1";
}

/// `period`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthPeriod {
    /// Where it starts.
    #[serde(default, deserialize_with = "lenient")]
    pub from: Option<Stamp>,
    /// Where it ends.
    #[serde(default, deserialize_with = "lenient")]
    pub to: Option<Stamp>,
}

/// `summary`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSummary {
    /// Checks.
    #[serde(default, deserialize_with = "lenient")]
    pub total: u64,
    /// Checks that passed.
    #[serde(default, deserialize_with = "lenient")]
    pub pass: u64,
    /// Checks that warned.
    #[serde(default, deserialize_with = "lenient")]
    pub warn: u64,
    /// Checks that failed.
    #[serde(default, deserialize_with = "lenient")]
    pub fail: u64,
    /// PASS, WARN or FAIL.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
}

/// One row of `checks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Which check.
    #[serde(default, deserialize_with = "lenient")]
    pub name: String,
    /// PASS, WARN or FAIL.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
    /// Why, for people.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: String,
    /// What was counted.
    #[serde(default, deserialize_with = "lenient")]
    pub stats: HealthStats,
}

/// `checks[].stats`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthStats {
    /// Refs that were looked at.
    #[serde(default, deserialize_with = "lenient")]
    pub total: u64,
    /// Refs that resolve.
    #[serde(default, deserialize_with = "lenient")]
    pub ok: u64,
    /// Refs that do not.
    #[serde(default, deserialize_with = "lenient")]
    pub fail: u64,
    /// The first refs that do not, each with the reason.
    #[serde(default, deserialize_with = "lenient")]
    pub fail_reasons: Vec<RefFailure>,
}

/// One ref that does not resolve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefFailure {
    /// The ref as it is written.
    #[serde(default, rename = "ref", deserialize_with = "lenient")]
    pub reference: String,
    /// INVALID_REF, NOT_FOUND or PARSE_ERROR.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: String,
    /// For people.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: String,
}

/// One row of a list of reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The code.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: String,
    /// How often.
    #[serde(default, deserialize_with = "lenient")]
    pub count: u64,
}

/// The reasons by how often they were given, the most frequent first, at most `shown`.
#[must_use]
pub fn most_frequent<'a>(reasons: impl IntoIterator<Item = &'a str>, shown: usize) -> Vec<ReasonCount> {
    let mut counts: Vec<ReasonCount> = Vec::new();
    for reason in reasons {
        match counts.iter_mut().find(|row| row.reason == reason) {
            Some(row) => row.count += 1,
            None => counts.push(ReasonCount { reason: reason.to_owned(), count: 1 }),
        }
    }
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
    counts.truncate(shown);
    counts
}

/// What the evidence's health counts as, from best to worst; nobody knows is not on the scale and comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthDecision {
    /// Nobody said, or nobody can read what was said.
    Unknown,
    /// All checks passed.
    Pass,
    /// One warned.
    Warn,
    /// One failed.
    Fail,
}

impl HealthDecision {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl EvidenceHealth {
    /// The decision; an unknown word counts as unknown.
    #[must_use]
    pub fn decision(&self) -> HealthDecision {
        match self.summary.decision.as_deref() {
            Some("PASS") => HealthDecision::Pass,
            Some("WARN") => HealthDecision::Warn,
            Some("FAIL") => HealthDecision::Fail,
            _ => HealthDecision::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_the_most_frequent_comes_first() {
        let counted = most_frequent(["B", "A", "C", "A", "C", "A"], 2);
        let pairs: Vec<(&str, u64)> = counted.iter().map(|row| (row.reason.as_str(), row.count)).collect();
        assert_eq!(pairs, [("A", 3), ("C", 2)]);
        assert!(most_frequent([], 5).is_empty());
    }
}
