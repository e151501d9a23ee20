//! What the PC reconciled and reported, read as it was published. Nothing here is made on the host.

use serde_json::value::RawValue;

use super::Ops;
use crate::contracts::Json;
use crate::contracts::json::decode;
use crate::contracts::recon::ReconSummary;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Stamp;

/// The summary of a reconciliation as it may be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum SummaryView {
    /// There is none.
    Missing,
    /// There is none, although there are days: a publish that was cut short.
    DaysWithoutSummary,
    /// It cannot be used; the text says why.
    Damaged(String),
    /// The document, and the time that it states.
    Present(Box<ReconSummary>),
}

/// The days of a reconciliation.
#[derive(Debug, Default)]
pub struct DaysView {
    /// Every line that is an object, as it is written.
    pub rows: Vec<Box<RawValue>>,
    /// Lines that are none.
    pub bad_lines: usize,
}

impl Ops {
    /// The summary of the newest reconciliation.
    #[must_use]
    pub fn recon_summary(&self) -> SummaryView {
        match self.store.document::<ReconSummary>(layout::RECON_SUMMARY) {
            Stored::Present(summary) => SummaryView::Present(Box::new(summary)),
            Stored::Damaged(why) => SummaryView::Damaged(why),
            Stored::Missing if self.store.path(layout::RECON_DAILY).exists() => SummaryView::DaysWithoutSummary,
            Stored::Missing => SummaryView::Missing,
        }
    }

    /// The days of the newest reconciliation; a line that is no JSON object is counted and left out. A file that cannot
    /// be read is damaged.
    #[must_use]
    pub fn recon_days(&self) -> Stored<DaysView> {
        let bytes = match self.store.read(layout::RECON_DAILY) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Stored::Missing,
            Err(fault) => return Stored::Damaged(fault.source.to_string()),
        };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut found = DaysView::default();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace)) {
            match object(line) {
                Some(row) => found.rows.push(row),
                None => found.bad_lines += 1,
            }
        }
        Stored::Present(found)
    }
}

impl SummaryView {
    /// The time that a summary states: when it was made.
    #[must_use]
    pub fn stated_at(&self) -> Option<&Stamp> {
        match self {
            Self::Present(summary) => summary.generated_at.as_ref(),
            Self::Missing | Self::DaysWithoutSummary | Self::Damaged(_) => None,
        }
    }
}

/// One line, read as strictly as any document and handed on as it is.
fn object(line: &[u8]) -> Option<Box<RawValue>> {
    let json = Json::parse(line).ok()?;
    if !json.is_object() {
        return None;
    }
    serde_json::from_str(decode(line).ok()?.trim()).ok()
}
