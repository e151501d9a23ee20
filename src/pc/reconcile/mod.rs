//! Reconciliation: what the ledger says was done, against what the market gate permitted on the same days.
//!
//! [`reconcile`] reads four files and gives documents, nothing else: same inputs, same bytes. Two rules come before any
//! row: the evidence covers what the baseline covers, and every day with trades. Where a rule says no, or a file that is
//! there cannot be read, the result is the error form, never an older result.
//!
//! Two calendars exist. `krx` compares sessions on cleaned evidence. `weekday` repeats what the reference did, to the
//! byte and with its quirks, so that its archived results can be proved.

mod calendar;
mod evidence;
mod files;
mod inputs;
mod ledger;
mod refusal;
mod rows;
mod summary;

use std::path::Path;

pub use calendar::CalendarMode;
pub use files::OUTPUT_NAMES;
pub use files::Outputs;
pub use inputs::InputFiles;
pub use inputs::shown_path;
pub use refusal::Class;
pub use refusal::Refusal;
pub use rows::severity;

use crate::contracts::ReconCode;
use crate::contracts::recon::ReconDaily;
use crate::contracts::recon::ReconSummary;
use crate::time::Stamp;
use crate::time::TradingDate;

use inputs::Inputs;
use rows::Sides;
use summary::Judged;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Which days count, and how the evidence is read.
    pub calendar: CalendarMode,
    /// First day; by default the ledger's first.
    pub from: Option<TradingDate>,
    /// Last day; by default the ledger's last.
    pub to: Option<TradingDate>,
    /// The input files.
    pub files: InputFiles,
    /// The directory that paths in the documents are relative to.
    pub root: &'a Path,
}

/// The documents of one reconciliation.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconciled {
    /// The summary, or its error form.
    pub summary: ReconSummary,
    /// The days; none in the error form.
    pub daily: Vec<ReconDaily>,
    /// Why there is no result.
    pub refusal: Option<Refusal>,
    /// What was read as missing although a file is there.
    pub warnings: Vec<String>,
}

/// Compares the ledger with the gate. `generated_at` is the only thing in the documents that is not from the inputs.
#[must_use]
pub fn reconcile(request: &Request<'_>, generated_at: &Stamp) -> Reconciled {
    let inputs = Inputs::read(request);
    match judge(request, &inputs) {
        Ok(judged) => {
            let (summary, daily) = judged.documents(&inputs, generated_at);
            Reconciled { summary, daily, refusal: None, warnings: inputs.warnings }
        }
        Err(refusal) => refused(refusal, inputs.warnings, generated_at),
    }
}

fn judge(request: &Request<'_>, inputs: &Inputs) -> Result<Judged, Refusal> {
    let known = |refusal: Refusal| refusal.known(inputs, request);
    let period = inputs.period(request).map_err(known)?;
    let evidence = inputs.evidence(request.calendar).map_err(known)?;
    let known = |refusal: Refusal| refusal.known(inputs, request).within(&period);
    let baseline = inputs.baseline().map_err(known)?;
    let trades = inputs.trades(request.calendar, &period).map_err(known)?;
    refusal::gates(baseline, evidence.span(), &trades).map_err(known)?;
    let names = inputs.names();
    let sides = Sides { calendar: request.calendar, trades: &trades, evidence: &evidence, names };
    let daily = rows::rows(&sides, &period);
    Ok(Judged { calendar: request.calendar, period, trades, evidence, daily })
}

fn refused(refusal: Refusal, warnings: Vec<String>, generated_at: &Stamp) -> Reconciled {
    Reconciled { summary: refusal.summary(generated_at), daily: Vec::new(), refusal: Some(refusal), warnings }
}

/// Reconciles twice and compares: a result that cannot be repeated, or that names no input, is none.
#[must_use]
pub fn verified(mut run: impl FnMut() -> Reconciled, generated_at: &Stamp) -> Reconciled {
    let (first, second) = (run(), run());
    if first.without_time() != second.without_time() {
        let message =
            "같은 입력으로 두 번 실행한 대사 결과가 서로 다릅니다. 실행 중에 입력 파일이 바뀌지 않았는지 확인하십시오.";
        return refused(first.no_proof(ReconCode::NonDeterministic, message), first.warnings, generated_at);
    }
    let sources = first.summary.provenance.as_ref().map(|provenance| provenance.sources.as_slice()).unwrap_or_default();
    if first.refusal.is_none() && !sources.iter().any(|source| source.sha256.is_some()) {
        let message = "대사 결과에 확인된 입력 파일이 하나도 없어 출처를 증명할 수 없습니다.";
        return refused(first.no_proof(ReconCode::ProvenanceMissing, message), first.warnings, generated_at);
    }
    first
}

impl Reconciled {
    /// The documents without the time at which they were made.
    fn without_time(&self) -> Self {
        let mut same = self.clone();
        same.summary.generated_at = None;
        if let Some(provenance) = &mut same.summary.provenance {
            provenance.generated_at = Stamp::default();
        }
        same
    }

    fn no_proof(&self, code: ReconCode, message_ko: &str) -> Refusal {
        let mut refusal = Refusal::new(code, message_ko.to_owned(), code.english().to_owned());
        refusal.period.clone_from(&self.summary.period);
        *refusal.coverage = self.summary.coverage.clone().unwrap_or_default();
        refusal
    }
}
