//! RECON_SUMMARY_V1: what a reconciliation came to, `reports/phase_c/latest/recon_summary.json`.
//!
//! One document has two forms: the result, and the error form with `status` `error` that says why there is none. A key
//! that is missing reads as zero or empty; a value of another type makes the whole document unreadable, because a count
//! that reads as zero would look like a good day.

use serde::Deserialize;
use serde::Serialize;

use super::daily::Severity;
use super::pretty;
use crate::contracts::document::Document;
use crate::contracts::document::DocumentFault;
use crate::contracts::document::parse_objects;
use crate::time::Stamp;

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReconSummary {
    /// `error`, or `bootstrap` before the first reconciliation; absent in a result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `RECON_SUMMARY_V1`
    pub schema: String,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<Stamp>,
    /// The days compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// How trades are counted: `TRADE_COUNT_POLICY_V1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trade_count_policy_id: Option<String>,
    /// Trades of both layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Days by what the gate said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kpis: Option<Kpis>,
    /// Days by what is wrong with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrity: Option<IntegrityCounts>,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ReconError>,
    /// Which days the evidence covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// The inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// `krx`; absent where every weekday counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
}

/// Two days, both included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Period {
    /// The first.
    pub from: String,
    /// The last.
    pub to: String,
}

/// Trades of both layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Buys and sells of the ledger.
    #[serde(rename = "L1_actions")]
    pub l1_actions: u64,
    /// Trades of the validation run.
    #[serde(rename = "L2_trades")]
    pub l2_trades: u64,
    /// The difference; expected, not an error.
    #[serde(rename = "L1_L2_delta")]
    pub l1_l2_delta: i64,
}

/// Days by what the gate said; the first three and `no_data` add up to the number of days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kpis {
    /// The gate was open.
    pub gate_open: u64,
    /// Shut for want of a trend.
    pub chop_block: u64,
    /// Shut by a falling market.
    pub bear_block: u64,
    /// Days with trades.
    pub executed: u64,
    /// Days without usable evidence.
    pub no_data: u64,
}

/// Days by severity, and the codes behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IntegrityCounts {
    /// Days whose result is not to be relied on.
    pub critical_days: u64,
    /// Days worth a look.
    pub warning_days: u64,
    /// Days worth knowing.
    pub info_days: u64,
    /// By days, most first, then by code.
    pub top_codes: Vec<CodeDays>,
    /// What holds for the whole period and counts no day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_codes: Option<Vec<GlobalCode>>,
}

/// A code and its days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CodeDays {
    /// The code.
    pub code: String,
    /// Days that carry it.
    pub days: u64,
}

/// A code of the whole period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GlobalCode {
    /// The code.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// The numbers behind it.
    pub detail: String,
}

/// Why there is no result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReconError {
    /// A code of [`crate::contracts::ReconCode`].
    pub code: String,
    /// For the operator, in Korean.
    pub message_ko: String,
}

/// Which days the evidence covers, and which it has to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// Days without usable evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence_no_data_days: Option<u64>,
    /// Whether the evidence covers less than the baseline.
    pub regression: bool,
    /// Whether every day with trades is covered.
    pub exec_within_evidence: bool,
    /// What has to be covered.
    pub baseline: Baseline,
    /// What is covered.
    pub current: Span,
    /// First and last day with trades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_range: Option<Span>,
    /// What cleaning the evidence found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence_quality: Option<EvidenceQuality>,
}

/// The days that evidence must cover; empty without a baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// The benchmark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// First day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_date: Option<String>,
    /// Last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_date: Option<String>,
}

/// First and last day; `N/A` when there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Span {
    /// First day.
    pub min_date: String,
    /// Last day.
    pub max_date: String,
}

/// Rows of the evidence file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvidenceQuality {
    /// Rows in the file.
    pub rows_total: u64,
    /// Dropped because a later row has the same day.
    pub rows_dropped_duplicate: u64,
    /// Dropped because the exchange was closed.
    pub rows_dropped_non_session: u64,
    /// Days without trading in the ticker.
    pub halted_rows: u64,
    /// Rows whose high or low did not enclose the other prices.
    pub repaired_rows: u64,
}

/// What the result was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// When.
    pub generated_at: Stamp,
    /// By which rules: `C-R.5`.
    pub reconciler_version: String,
    /// The policies applied.
    pub policy_ids: Vec<String>,
    /// LEDGER, EVIDENCE, VALIDATION, BASELINE.
    pub sources: Vec<Source>,
}

/// One input file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Which input.
    pub name: String,
    /// Where, relative to the root, with forward slashes.
    pub path: String,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtime_iso: Option<Stamp>,
    /// Its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// SHA-256 of the bytes as stored, 64 lower-case hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// `File Not Found`, in place of the three above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The status of the error form.
const ERROR: &str = "error";
/// The status before the first reconciliation.
const BOOTSTRAP: &str = "bootstrap";

impl ReconSummary {
    /// What stands for a result that was never made.
    #[must_use]
    pub fn bootstrap() -> Self {
        Self {
            status: Some(BOOTSTRAP.to_owned()),
            schema: Self::SCHEMA.to_owned(),
            period: Some(Period::default_period()),
            ..Self::default()
        }
    }

    /// The status of an error form.
    #[must_use]
    pub fn error_status() -> Option<String> {
        Some(ERROR.to_owned())
    }

    /// Whether this is the error form.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.status.as_deref() == Some(ERROR)
    }

    /// Whether this stands for a result that was never made.
    #[must_use]
    pub fn is_bootstrap(&self) -> bool {
        self.status.as_deref() == Some(BOOTSTRAP)
    }
}

impl Period {
    /// The days that the reference compared; they stand where a document names none.
    #[must_use]
    pub fn default_period() -> Self {
        Self { from: "2024-01-01".to_owned(), to: "2025-12-31".to_owned() }
    }
}

impl Document for ReconSummary {
    const SCHEMA: &'static str = "RECON_SUMMARY_V1";

    fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        let read: Self = parse_objects(bytes)?;
        match read.status.as_deref() {
            None | Some(ERROR | BOOTSTRAP) => Ok(read),
            Some(other) => {
                Err(DocumentFault::Shape(format!("status is {other:?}; a result has none, else error or bootstrap")))
            }
        }
    }

    fn to_bytes(&self) -> Result<Vec<u8>, DocumentFault> {
        pretty(self)
    }
}
