//! The documents of a reconciliation: one line a day, the summary, and the report pair made from the summary.
//!
//! The forms are those that readers of the reference know, to the byte: the keys in this order, `", "` and `": "` between
//! the parts of a line, no newline after the last brace of a document.

mod daily;
mod line;
mod report;
mod summary;

pub use daily::DailyEvidence;
pub use daily::DailyExecution;
pub use daily::DailyGate;
pub use daily::DailyIntegrity;
pub use daily::DailyLedger;
pub use daily::DailyPointers;
pub use daily::DailyReason;
pub use daily::EvidenceRegime;
pub use daily::EvidenceStatus;
pub use daily::Gate;
pub use daily::ReconDaily;
pub use daily::Severity;
pub use daily::two_decimals;
pub use report::AiKpis;
pub use report::AiReport;
pub use report::Badge;
pub use report::CONTRACT_ID;
pub use report::CodeCount;
pub use report::Headline;
pub use report::HumanReport;
pub use report::IntegrityFlags;
pub use report::IntegrityTotals;
pub use report::Kpi;
pub use report::ReportPointers;
pub use report::TradeCount;
pub use summary::Baseline;
pub use summary::CodeDays;
pub use summary::Counts;
pub use summary::Coverage;
pub use summary::EvidenceQuality;
pub use summary::GlobalCode;
pub use summary::IntegrityCounts;
pub use summary::Kpis;
pub use summary::Period;
pub use summary::Provenance;
pub use summary::ReconError;
pub use summary::ReconSummary;
pub use summary::Source;
pub use summary::Span;

use super::document::DocumentFault;

/// The bytes of a document of this family: two-space indent, UTF-8 as it is, no newline at the end.
fn pretty<T: serde::Serialize>(document: &T) -> Result<Vec<u8>, DocumentFault> {
    serde_json::to_vec_pretty(document).map_err(|fault| DocumentFault::Shape(fault.to_string()))
}
