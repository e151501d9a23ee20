//! EVIDENCE_INDEX_V1: the newest pieces of evidence with their refs.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use super::json::sha256_hex;
use crate::time::Stamp;

/// Digits of an evidence id.
const ID_LENGTH: usize = 12;

/// EVIDENCE_INDEX_V1, `reports/ops/evidence/index/evidence_index_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvidenceIndex {
    /// `EVIDENCE_INDEX_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// How many rows the writer counted.
    #[serde(default, deserialize_with = "lenient")]
    pub row_count: u64,
    /// The rows, newest first; `None` when the writer left them out.
    #[serde(default, deserialize_with = "lenient")]
    pub rows: Option<Vec<IndexRow>>,
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

/// One piece of evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRow {
    /// The first twelve digits of the SHA-256 of the ref.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_id: String,
    /// When the evidence was made; null when it does not say.
    #[serde(default, deserialize_with = "lenient")]
    pub created_at: Option<Stamp>,
    /// One line for people.
    #[serde(default, deserialize_with = "lenient")]
    pub title: String,
    /// TICKET_RECEIPT, OPS_RUN, PUSH_SEND, PUSH_POSTMORTEM, SECRETS_SELF_TEST or PHASE_C_LATEST.
    #[serde(default, deserialize_with = "lenient")]
    pub kind: String,
    /// INFO, WARN or ERROR.
    #[serde(default, deserialize_with = "lenient")]
    pub severity: String,
    /// Where it lies.
    #[serde(default, rename = "ref", deserialize_with = "lenient")]
    pub reference: String,
    /// Words to search by.
    #[serde(default, deserialize_with = "lenient")]
    pub tags: Vec<String>,
    /// The line of a ticket file; only for ticket receipts.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub ticket_line_ref: Option<String>,
}

/// The id of the evidence behind a ref.
///
/// ```
/// use daily_ops::contracts::evidence_index::evidence_id;
/// assert_eq!(evidence_id("state/tickets/ticket_receipts.jsonl:line14"), "e454c5da51f1");
/// ```
#[must_use]
pub fn evidence_id(reference: &str) -> String {
    sha256_hex(reference.as_bytes()).chars().take(ID_LENGTH).collect()
}
