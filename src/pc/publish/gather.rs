//! What would travel: the files of the kinds that are published, those that are there and those that went.

use std::collections::BTreeSet;

use super::Publisher;
use super::paths;
use super::paths::PublishWhat;
use crate::store::StoreFault;
use crate::store::layout;
use crate::sync::Change;
use crate::sync::Changed;

/// The files of one publish.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    pub(super) what: PublishWhat,
    /// Files that are there, sorted. Of the bundle's snapshots only those that the last commit lacks.
    pub(super) present: BTreeSet<String>,
    /// Files that the last commit has and the work tree lacks.
    pub(super) removed: Vec<String>,
}

impl Publisher<'_> {
    /// Looks which files there are. `changes` are those of the work tree, from which ignored files are left out.
    pub(super) fn gathered(&self, changes: &[Change]) -> Result<Gathered, StoreFault> {
        let what = self.options.what;
        let ours = || changes.iter().filter(|change| what.has_path(&change.path));
        let mut present: BTreeSet<String> =
            paths::fixed(what).into_iter().filter(|file| self.store.path(file).exists()).collect();
        for directory in paths::open_ended(what) {
            let listed = self.store.snapshots(directory)?;
            present.extend(listed.into_iter().map(|file| file.reference).filter(|file| what.has_path(file)));
        }
        present.extend(ours().filter(|change| change.how != Changed::Deleted).map(|change| change.path.clone()));
        let once = format!("{}/", layout::BUNDLE.snapshots);
        let known = self.known(&present, &once)?;
        present.retain(|file| !known.contains(file));
        let removed = ours().filter(|change| change.how == Changed::Deleted).map(|change| change.path.clone());
        Ok(Gathered { what, present, removed: removed.collect() })
    }

    /// Snapshots that the last commit has: they were published in their time.
    fn known(&self, present: &BTreeSet<String>, prefix: &str) -> Result<BTreeSet<String>, StoreFault> {
        let snapshots: Vec<String> = present.iter().filter(|file| file.starts_with(prefix)).cloned().collect();
        let committed = self.git().committed(&snapshots);
        committed.map_err(|fault| StoreFault::new("look up", prefix)(std::io::Error::other(fault.message)))
    }
}
