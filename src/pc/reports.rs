//! The report pair, made from a reconciliation's summary and from nothing else: one for people, a short one for programs.
//!
//! What a summary does not say reads as zero or empty; without a summary the pair says BOOTSTRAP. A summary that is there
//! but damaged makes no report at all: the old pair stays, and the command says why.

use crate::contracts::Document;
use crate::contracts::DocumentFault;
use crate::contracts::ReconCode;
use crate::contracts::recon::AiKpis;
use crate::contracts::recon::AiReport;
use crate::contracts::recon::Badge;
use crate::contracts::recon::CONTRACT_ID;
use crate::contracts::recon::CodeCount;
use crate::contracts::recon::Headline;
use crate::contracts::recon::HumanReport;
use crate::contracts::recon::IntegrityFlags;
use crate::contracts::recon::IntegrityTotals;
use crate::contracts::recon::Kpi;
use crate::contracts::recon::Period;
use crate::contracts::recon::ReconSummary;
use crate::contracts::recon::ReportPointers;
use crate::contracts::recon::Severity;
use crate::contracts::recon::TradeCount;
use crate::pc::reconcile::OUTPUT_NAMES;
use crate::pc::reconcile::severity;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Stamp;

/// Most characters of the short report in its compact form.
pub const AI_BUDGET: usize = 1200;
/// Most codes that a report lists.
const MAX_CODES: usize = 5;
/// Who made the reports, as they say themselves.
const SOURCE: &str = "daily_ops report";
const DAILY: &str = OUTPUT_NAMES[0];
const HUMAN: &str = OUTPUT_NAMES[1];
const AI: &str = OUTPUT_NAMES[2];
const SUMMARY: &str = OUTPUT_NAMES[3];
/// The files of the pair.
pub const NAMES: [&str; 2] = [HUMAN, AI];

/// Both reports as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// REPORT_HUMAN_V1
    pub human: Vec<u8>,
    /// REPORT_AI_V1
    pub ai: Vec<u8>,
}

/// The pair cannot be made or not be relied on.
#[derive(Debug, thiserror::Error)]
pub enum ReportFault {
    /// A document is not what it has to be.
    #[error("{code}: {file}: {why}")]
    Document {
        /// The code.
        code: ReconCode,
        /// The file.
        file: &'static str,
        /// The rule that broke.
        why: String,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl ReportFault {
    fn of(code: ReconCode, file: &'static str, why: String) -> Self {
        Self::Document { code, file, why }
    }

    /// There is no complete result to report on.
    pub(super) fn not_ready(file: &'static str, why: String) -> Self {
        Self::of(ReconCode::ReconNotReady, file, why)
    }

    /// The code; a file that cannot be written has none.
    #[must_use]
    pub fn code(&self) -> Option<ReconCode> {
        match self {
            Self::Document { code, .. } => Some(*code),
            Self::Store(_) => None,
        }
    }
}

/// The one word for a result: the first that fits.
#[must_use]
pub fn badge(summary: &ReconSummary) -> Badge {
    let integrity = summary.integrity.clone().unwrap_or_default();
    if summary.is_error() {
        Badge::Error
    } else if summary.is_bootstrap() {
        Badge::Bootstrap
    } else if integrity.critical_days > 0 {
        Badge::Critical
    } else if integrity.warning_days > 0 {
        Badge::Amber
    } else {
        Badge::Green
    }
}

/// The report for people.
#[must_use]
pub fn human(summary: &ReconSummary, made_at: &Stamp) -> HumanReport {
    let period = summary.period.clone().unwrap_or_else(Period::default_period);
    let (counts, kpis) = (summary.counts.unwrap_or_default(), summary.kpis.unwrap_or_default());
    let integrity = summary.integrity.clone().unwrap_or_default();
    let rows = [
        ("gate_open_days", "시장 개장", kpis.gate_open),
        ("executed_days", "체결 발생", kpis.executed),
        ("chop_blocked_days", "횡보장 방어", kpis.chop_block),
        ("bear_blocked_days", "하락장 방어", kpis.bear_block),
        ("no_data_days", "데이터 누락", kpis.no_data),
    ];
    let kpi = |(key, label_ko, value): (&str, &str, u64)| Kpi {
        key: key.to_owned(),
        label_ko: label_ko.to_owned(),
        value,
        unit: "days".to_owned(),
    };
    let top = integrity.top_codes.into_iter().take(MAX_CODES);
    HumanReport {
        contract_id: CONTRACT_ID.to_owned(),
        schema_version: HumanReport::SCHEMA.to_owned(),
        generated_at: made_at.clone(),
        asof: made_at.clone(),
        headline: Headline {
            period: format!("{}~{}", period.from, period.to),
            status_badge: badge(summary),
            trade_count: TradeCount {
                l1_actions: counts.l1_actions,
                l2_trades: counts.l2_trades,
                delta: counts.l1_l2_delta,
            },
        },
        integrity_summary: IntegrityTotals {
            critical_total: integrity.critical_days,
            warning_total: integrity.warning_days,
            info_total: integrity.info_days,
            top_codes: top.map(|code| CodeCount { code: code.code, count: code.days }).collect(),
        },
        kpis: rows.map(kpi).to_vec(),
        pointers: ReportPointers { recon_summary_path: layout::RECON_SUMMARY.to_owned(), source: SOURCE.to_owned() },
    }
}

/// The short report.
#[must_use]
pub fn ai(summary: &ReconSummary, made_at: &Stamp) -> AiReport {
    let (counts, kpis) = (summary.counts.unwrap_or_default(), summary.kpis.unwrap_or_default());
    let integrity = summary.integrity.clone().unwrap_or_default();
    // A code that nobody here knows may be critical.
    let is_critical = |code: &str| ReconCode::parse(code).is_none_or(|code| severity(code) == Severity::Critical);
    let codes = integrity.top_codes.into_iter().map(|code| code.code).filter(|code| is_critical(code));
    AiReport {
        contract_id: CONTRACT_ID.to_owned(),
        schema_version: AiReport::SCHEMA.to_owned(),
        generated_at: made_at.clone(),
        asof: made_at.clone(),
        kpi_vector: AiKpis {
            gate_open_days: kpis.gate_open,
            executed_days: kpis.executed,
            l2_trades: counts.l2_trades,
            no_data_days: kpis.no_data,
        },
        integrity_flags: IntegrityFlags {
            critical_total: integrity.critical_days,
            critical_codes: codes.take(MAX_CODES).collect(),
        },
        status: badge(summary),
    }
}

/// Both reports as bytes.
///
/// # Errors
/// The short report is over its budget, or a report cannot be rendered.
pub fn pair(summary: &ReconSummary, made_at: &Stamp) -> Result<Pair, ReportFault> {
    let short = ai(summary, made_at);
    let unrendered = |fault: String| ReportFault::not_ready(SUMMARY, fault);
    let compact = serde_json::to_string(&short).map_err(|fault| unrendered(fault.to_string()))?;
    let length = compact.chars().count();
    if length > AI_BUDGET {
        let why = format!("{length} characters, {AI_BUDGET} are allowed; the reports were not replaced");
        return Err(ReportFault::of(ReconCode::AiReportBudget, AI, why));
    }
    let bytes = |fault: DocumentFault| unrendered(fault.to_string());
    Ok(Pair { human: human(summary, made_at).to_bytes().map_err(bytes)?, ai: short.to_bytes().map_err(bytes)? })
}

/// The summary in a directory; without one and without days, what stands for a result that was never made.
///
/// # Errors
/// The summary is damaged, or lies half-written: days without a summary.
pub fn read_summary(store: &Store, directory: &str) -> Result<ReconSummary, ReportFault> {
    match read::<ReconSummary>(store, directory, SUMMARY, ReconCode::ReconNotReady)? {
        Some(summary) => Ok(summary),
        None if store.read(&at(directory, DAILY))?.is_some() => {
            let why = format!("missing although {DAILY} is there: a reconciliation ended half way; make it again");
            Err(ReportFault::not_ready(SUMMARY, why))
        }
        None => Ok(ReconSummary::bootstrap()),
    }
}

/// Writes both reports beside the summary.
///
/// # Errors
/// There is no sound summary, the short report is over its budget, or a file cannot be written.
pub fn write(store: &Store, directory: &str, made_at: &Stamp) -> Result<ReconSummary, ReportFault> {
    let summary = read_summary(store, directory)?;
    let pair = pair(&summary, made_at)?;
    store.write(&at(directory, HUMAN), &pair.human)?;
    store.write(&at(directory, AI), &pair.ai)?;
    Ok(summary)
}

/// Whether the pair in a directory is the one that its summary makes. The badge, for a caller that goes by it.
///
/// # Errors
/// The summary or a report is missing, damaged, or of another result.
pub fn check(store: &Store, directory: &str) -> Result<Badge, ReportFault> {
    let Some(summary) = read::<ReconSummary>(store, directory, SUMMARY, ReconCode::ReconNotReady)? else {
        return Err(ReportFault::not_ready(SUMMARY, "missing".to_owned()));
    };
    let missing = |file| move || ReportFault::of(ReconCode::ReportNotReady, file, "missing".to_owned());
    let people: HumanReport = read(store, directory, HUMAN, ReconCode::ReportNotReady)?.ok_or_else(missing(HUMAN))?;
    let short: AiReport = read(store, directory, AI, ReconCode::ReportNotReady)?.ok_or_else(missing(AI))?;
    let foreign = |file| {
        let why = format!("does not say what {SUMMARY} says; make the reports again");
        ReportFault::of(ReconCode::ReportSchemaMismatch, file, why)
    };
    // Another maker's pointers are as good as ours.
    let due = HumanReport { pointers: people.pointers.clone(), ..human(&summary, &people.asof) };
    if due != (HumanReport { generated_at: people.asof.clone(), ..people.clone() }) {
        return Err(foreign(HUMAN));
    }
    if ai(&summary, &short.asof) != (AiReport { generated_at: short.asof.clone(), ..short.clone() }) {
        return Err(foreign(AI));
    }
    if people.asof != short.asof {
        return Err(foreign(AI));
    }
    Ok(badge(&summary))
}

/// A document of the directory; `damaged` is what a file that is no such JSON is called.
fn read<D: Document>(
    store: &Store,
    directory: &str,
    file: &'static str,
    damaged: ReconCode,
) -> Result<Option<D>, ReportFault> {
    let Some(bytes) = store.read(&at(directory, file))? else { return Ok(None) };
    let code = |fault: &DocumentFault| match fault {
        DocumentFault::WrongSchema { .. } | DocumentFault::Shape(_) | DocumentFault::NotAnObject => {
            ReconCode::ReportSchemaMismatch
        }
        DocumentFault::Json(_) => damaged,
    };
    D::parse(&bytes).map(Some).map_err(|fault| ReportFault::of(code(&fault), file, fault.to_string()))
}

fn at(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}
