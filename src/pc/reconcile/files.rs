//! The four files of a result, written so that a half-written result cannot be taken for a whole one.
//!
//! The old summary goes first and the new one comes last: where a summary lies, the files beside it belong to it. A kill
//! in between leaves no summary, which every reader takes for "no result".

use super::Reconciled;
use crate::contracts::Document as _;
use crate::contracts::DocumentFault;
use crate::pc::reports;
use crate::pc::reports::ReportFault;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::file_stamp;

/// The files of a result, in the order in which they are written.
pub const OUTPUT_NAMES: [&str; 4] = [
    name_of(layout::RECON_DAILY),
    name_of(layout::REPORT_HUMAN),
    name_of(layout::REPORT_AI),
    name_of(layout::RECON_SUMMARY),
];

/// The last part of a path.
const fn name_of(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b'/' {
        start -= 1;
    }
    path.split_at(start).1
}

/// The files of one result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// In the order of [`OUTPUT_NAMES`]; the error form has no days.
    files: [Option<Vec<u8>>; 4],
}

impl Outputs {
    /// Renders a result. The reports are made from the summary alone.
    ///
    /// # Errors
    /// A document cannot be rendered, or the short report is too long.
    pub fn of(result: &Reconciled, made_at: &Stamp) -> Result<Self, ReportFault> {
        let unrendered = |fault: DocumentFault| ReportFault::not_ready(OUTPUT_NAMES[0], fault.to_string());
        let pair = reports::pair(&result.summary, made_at)?;
        let daily = match &result.refusal {
            Some(_) => None,
            None => {
                let mut lines = Vec::with_capacity(result.daily.len() * 480);
                result.daily.iter().try_for_each(|day| day.push_line(&mut lines)).map_err(unrendered)?;
                Some(lines)
            }
        };
        let summary = result.summary.to_bytes().map_err(unrendered)?;
        Ok(Self { files: [daily, Some(pair.human), Some(pair.ai), Some(summary)] })
    }

    fn present(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        OUTPUT_NAMES.into_iter().zip(&self.files).filter_map(|(name, bytes)| Some((name, bytes.as_deref()?)))
    }

    /// Puts the files in place of older ones in a directory; the names that were written.
    ///
    /// # Errors
    /// A file cannot be removed or written; then there is no summary, or the old one with all its files.
    pub fn replace(&self, store: &Store, directory: &str) -> Result<Vec<String>, StoreFault> {
        let at = |name: &str| if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        store.remove(&at(OUTPUT_NAMES[3]))?;
        for (name, bytes) in OUTPUT_NAMES.into_iter().zip(&self.files) {
            match bytes {
                Some(bytes) => store.write(&at(name), bytes)?,
                // An old file beside a new error would be served as the error's own.
                None => drop(store.remove(&at(name))?),
            }
        }
        Ok(self.present().map(|(name, _)| at(name)).collect())
    }

    /// Keeps the files as a snapshot that never changes; its directory. A second snapshot of one second gets `_2`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn snapshot(&self, store: &Store, at: KstTime) -> Result<String, StoreFault> {
        let name = |n: u32| {
            let tail = if n > 1 { format!("_{n}") } else { String::new() };
            format!("{}/{}{tail}", layout::RECON_SNAPSHOTS, file_stamp(at))
        };
        let free = (1..).map(name).find(|directory| !store.path(directory).exists());
        let directory = free.unwrap_or_else(|| name(1));
        for (name, bytes) in self.present() {
            store.write_new(&format!("{directory}/{name}"), bytes)?;
        }
        Ok(directory)
    }
}
