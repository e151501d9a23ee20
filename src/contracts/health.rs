//! The two evidence documents that a summary reads: EVIDENCE_HEALTH_REPORT_V1 and EVIDENCE_INDEX_V1.

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
    /// Counts and the decision.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: HealthSummary,
    /// Whether a check that could not be made counted as failed.
    #[serde(default, deserialize_with = "lenient")]
    pub fail_closed_triggered: bool,
}

impl Document for EvidenceHealth {
    const SCHEMA: &'static str = "EVIDENCE_HEALTH_REPORT_V1";
}

/// `summary`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSummary {
    /// PASS, WARN or FAIL.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
}

/// What the evidence's health counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthDecision {
    /// All checks passed.
    Pass,
    /// One warned.
    Warn,
    /// One failed.
    Fail,
    /// Nobody said, or nobody can read what was said.
    Unknown,
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

/// EVIDENCE_INDEX_V1, `reports/ops/evidence/index/evidence_index_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvidenceIndex {
    /// `EVIDENCE_INDEX_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// How many rows the writer counted.
    #[serde(default, deserialize_with = "lenient")]
    pub row_count: u64,
    /// The rows.
    #[serde(default, deserialize_with = "lenient")]
    pub rows: Option<Vec<serde_json::Value>>,
}

impl Document for EvidenceIndex {
    const SCHEMA: &'static str = "EVIDENCE_INDEX_V1";
}

impl EvidenceIndex {
    /// How many rows there really are; what the writer counted only when it left the rows out.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rows.as_ref().map_or(self.row_count, |rows| rows.len() as u64)
    }
}
