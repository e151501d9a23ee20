//! The newest ops run of each kind, over all snapshots in both directories. A snapshot is read once.

use std::collections::HashMap;

use crate::contracts::ops_run::OpsRunHead;
use crate::contracts::ops_run::RunEnd;
use crate::contracts::summary::LastRuns;
use crate::store::SnapshotFile;
use crate::store::Store;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::kst;

/// What is remembered of the snapshots.
#[derive(Debug, Default)]
pub(super) struct RunHistory {
    seen: HashMap<String, Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    mtime: Option<Stamp>,
    size_bytes: u64,
    run: Option<(RunEnd, KstTime)>,
}

impl RunHistory {
    /// The newest run of each kind; `None` when there was no run ever. What cannot be read is no run.
    pub(super) fn last_runs(&mut self, store: &Store) -> Option<LastRuns> {
        let mut known = HashMap::new();
        for directory in [layout::OPS_RUN.snapshots, layout::OLD_OPS_RUN_SNAPSHOTS] {
            for file in store.snapshots(directory).unwrap_or_default() {
                // Daily reports lie in the older directory too.
                if file.name.starts_with(layout::OPS_RUN.kind) {
                    let seen = self.look(store, &file);
                    known.insert(file.reference, seen);
                }
            }
        }
        self.seen = known;
        let latest = read(store, layout::OPS_RUN.latest, None);
        let runs: Vec<_> = self.seen.values().filter_map(|seen| seen.run).chain(latest).collect();
        let newest = |end| runs.iter().filter(|(kind, _)| *kind == end).map(|(_, at)| *at).max().map(Stamp::of);
        (!runs.is_empty()).then(|| LastRuns {
            last_done: newest(RunEnd::Done),
            last_failed: newest(RunEnd::Failed),
            last_blocked: newest(RunEnd::Blocked),
        })
    }

    fn look(&self, store: &Store, file: &SnapshotFile) -> Seen {
        match self.seen.get(&file.reference) {
            Some(seen) if seen.mtime == file.mtime && seen.size_bytes == file.size_bytes => seen.clone(),
            _ => Seen {
                mtime: file.mtime.clone(),
                size_bytes: file.size_bytes,
                run: read(store, &file.reference, file.stamp),
            },
        }
    }
}

/// The run behind a file; its time is the record's own, else the one in the file's name.
fn read(store: &Store, path: &str, named: Option<chrono::NaiveDateTime>) -> Option<(RunEnd, KstTime)> {
    let head = OpsRunHead::parse(&store.read(path).ok()??).ok()?;
    let named = named.and_then(|at| at.and_local_timezone(kst()).single());
    Some((head.end()?, head.at().and_then(Stamp::instant).or(named)?))
}
