//! RECO_REPORT_V1: what the bundle's signals recommend. Both published forms are read, the later one is written.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use crate::time::Stamp;

/// RECO_REPORT_V1, `reports/live/reco/latest/reco_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecoReport {
    /// `RECO_REPORT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// UUID.
    #[serde(default, deserialize_with = "lenient")]
    pub report_id: Option<String>,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub created_at: Option<Stamp>,
    /// The same instant; later readers look for it here.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub asof: Option<Stamp>,
    /// The bundle it was made from; null without one.
    #[serde(default, deserialize_with = "lenient")]
    pub source_bundle: Option<SourceBundle>,
    /// GENERATED, EMPTY_RECO or BLOCKED.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
    /// A code; older writers add text after a colon.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// The text that belongs to the code.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub reason_detail: Option<String>,
    /// The base form's list; never written here.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub recommendations: Option<Vec<serde_json::Value>>,
    /// The strategy's picks, best first.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub top_picks: Option<Vec<serde_json::Value>>,
    /// What to do with what is held.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub holding_actions: Option<Vec<serde_json::Value>>,
    /// Counts.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: Option<RecoSummary>,
    /// The limits that were observed; null when nothing was generated.
    #[serde(default, deserialize_with = "lenient")]
    pub constraints_applied: Option<Constraints>,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
    /// The hash.
    #[serde(default, deserialize_with = "lenient")]
    pub integrity: Option<PayloadHash>,
}

impl Document for RecoReport {
    const SCHEMA: &'static str = "RECO_REPORT_V1";
}

/// `integrity` of documents that carry nothing but a hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadHash {
    /// 64 lower-case hex digits over the section that `integrity::hashed_section` names.
    #[serde(default, deserialize_with = "lenient")]
    pub payload_sha256: String,
}

/// `source_bundle`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceBundle {
    /// The bundle's id.
    #[serde(default, deserialize_with = "lenient")]
    pub bundle_id: Option<String>,
    /// The strategy's name.
    #[serde(default, deserialize_with = "lenient")]
    pub strategy_name: Option<String>,
    /// The strategy's version.
    #[serde(default, deserialize_with = "lenient")]
    pub strategy_version: Option<String>,
    /// Where the bundle lies.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub latest_ref: Option<String>,
    /// When the bundle was made.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Stamp>,
    /// PASS, WARN or FAIL.
    #[serde(default, deserialize_with = "lenient")]
    pub bundle_decision: Option<String>,
    /// The bundle's payload hash.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub integrity: Option<PayloadHash>,
}

/// `summary`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecoSummary {
    /// Rows.
    pub total_positions: u64,
    /// ADD and BUY.
    pub buy_count: u64,
    /// SELL and REDUCE.
    pub sell_count: u64,
    /// HOLD.
    pub hold_count: u64,
    /// Share of cash, 0 to 1; 1 without weights.
    pub cash_pct: f64,
}

impl Default for RecoSummary {
    fn default() -> Self {
        Self { total_positions: 0, buy_count: 0, sell_count: 0, hold_count: 0, cash_pct: 1.0 }
    }
}

/// `constraints_applied`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Constraints {
    /// Largest share of one position, 0 to 1.
    pub max_position_pct: f64,
    /// Most positions.
    pub max_positions: u64,
    /// Least share of cash, 0 to 1.
    pub min_cash_pct: f64,
}
