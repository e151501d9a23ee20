//! What may be deleted: old snapshots and old log lines, never what a `latest` document refers to, never JSONL state.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::collections::HashMap;

use serde::Serialize;

use super::SnapshotFile;
use super::Store;
use super::StoreFault;
use super::atomic;
use super::layout;
use crate::contracts::evidence::allowed_files;
use crate::contracts::json::Json;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Newest snapshots of a directory.
    pub snapshots: usize,
    /// Last lines of a log.
    pub log_lines: usize,
}

/// What a prune did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PruneReport {
    /// Snapshots, oldest first in each directory.
    pub removed: Vec<String>,
    /// Bytes that became free.
    pub freed_bytes: u64,
    /// Old snapshots that stay because a `latest` document refers to them.
    pub kept_referenced: Vec<String>,
    /// Logs with the number of lines that were cut.
    pub cut_logs: Vec<(String, usize)>,
    /// Logs that a running job is writing.
    pub skipped: Vec<String>,
}

/// Space taken by one family of files.
#[derive(Clone, Debug, Serialize)]
pub struct Usage {
    /// Directory or file.
    pub path: String,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Whether to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Delete and cut.
    Now,
    /// Only say what would happen.
    DryRun,
}

impl Store {
    /// Space taken per directory under `reports`, `state` and `logs`, largest first.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn usage(&self) -> Result<Vec<Usage>, StoreFault> {
        let mut rows = Vec::new();
        for top in ["reports", "state", layout::LOGS] {
            self.measure(top, &mut rows)?;
        }
        rows.sort_by(|a: &Usage, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
        Ok(rows)
    }

    fn measure(&self, directory: &str, rows: &mut Vec<Usage>) -> Result<(), StoreFault> {
        let Ok(entries) = std::fs::read_dir(self.path(directory)) else { return Ok(()) };
        let mut own = Usage { path: directory.to_owned(), files: 0, bytes: 0 };
        for entry in entries {
            let entry = entry.map_err(StoreFault::new("list", directory))?;
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                self.measure(&format!("{directory}/{}", entry.file_name().to_string_lossy()), rows)?;
            } else {
                own.files += 1;
                own.bytes += meta.len();
            }
        }
        if own.files > 0 {
            rows.push(own);
        }
        Ok(())
    }

    /// Deletes old snapshots and leftover temporary files, and cuts logs.
    ///
    /// # Errors
    /// A file cannot be listed, deleted or rewritten; what was done until then stays done.
    pub fn prune(&self, keep: Retention, act: Act) -> Result<PruneReport, StoreFault> {
        let mut report = PruneReport::default();
        let referenced = self.referenced();
        let mut directories: Vec<&str> = layout::FAMILIES.iter().map(|family| family.snapshots).collect();
        directories.push(layout::OLD_OPS_RUN_SNAPSHOTS);
        for directory in directories {
            let is_chained = directory == layout::RUN.snapshots;
            let mut old: Vec<SnapshotFile> = self.by_age(directory)?.into_iter().skip(keep.snapshots).collect();
            // Oldest first: a prune that is killed on the way leaves no hole among the records.
            while let Some(file) = old.pop() {
                if referenced.contains(&file.reference) {
                    report.kept_referenced.push(file.reference);
                    if is_chained {
                        // The newer ones stay too: a record may only be gone when all before it are.
                        break;
                    }
                    continue;
                }
                if act == Act::Now {
                    self.remove(&file.reference)?;
                }
                report.freed_bytes += file.size_bytes;
                report.removed.push(file.reference);
            }
        }
        self.prune_logs(keep, act, &mut report)?;
        Ok(report)
    }

    /// The snapshots of a directory, newest first. Run records go by their place in the chain: after a clock was set back
    /// their names do not say which is older, and a record that is gone before an older one reads as a broken link.
    fn by_age(&self, directory: &str) -> Result<Vec<SnapshotFile>, StoreFault> {
        let mut files = self.snapshots(directory)?;
        if directory == layout::RUN.snapshots {
            let chain = self.read(layout::RUN_CHAIN)?.unwrap_or_default();
            let named = |line: &[u8]| {
                let line = Json::parse(line).ok()?;
                line.get("snapshot_ref").and_then(Json::as_str).map(str::to_owned)
            };
            let places: HashMap<String, usize> =
                chain.split(|b| *b == b'\n').enumerate().filter_map(|(i, line)| Some((named(line)?, i))).collect();
            files.sort_by_key(|file| Reverse(places.get(&file.reference).copied().unwrap_or(usize::MAX)));
        }
        Ok(files)
    }

    fn prune_logs(&self, keep: Retention, act: Act, report: &mut PruneReport) -> Result<(), StoreFault> {
        let busy = self.lock_holder(layout::RUN_LOCK)?.is_some();
        let Ok(entries) = std::fs::read_dir(self.path(layout::LOGS)) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let relative = format!("{}/{name}", layout::LOGS);
            if !name.ends_with(".log") || !entry.path().is_file() {
                continue;
            }
            if busy && relative == layout::RUN_LOG {
                report.skipped.push(relative);
                continue;
            }
            let Some(text) = self.read(&relative)? else { continue };
            let lines = memchr::memchr_iter(b'\n', &text).count();
            let Some(cut) = lines.checked_sub(keep.log_lines).filter(|cut| *cut > 0) else { continue };
            let start = memchr::memchr_iter(b'\n', &text).nth(cut - 1).map_or(0, |end| end + 1);
            match act {
                Act::DryRun => {}
                // The server keeps its log open: a new file under the old name would never be written.
                Act::Now if relative == layout::BACKEND_LOG => {
                    atomic::cut_in_place(&self.path(&relative), start as u64)
                        .map_err(StoreFault::new("cut", &relative))?;
                }
                Act::Now => self.write(&relative, &text[start..])?,
            }
            report.freed_bytes += start as u64;
            report.cut_logs.push((relative, cut));
        }
        Ok(())
    }

    /// Every text in a `latest` document that could be a ref.
    fn referenced(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for file in allowed_files() {
            if let Ok(Some(bytes)) = self.read(file)
                && let Ok(json) = Json::parse(&bytes)
            {
                collect(&json, &mut found);
            }
        }
        found
    }

    /// Removes temporary files that a killed writer left in the directories of documents.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn sweep_temporaries(&self) -> Result<usize, StoreFault> {
        let mut swept = 0;
        let mut directories: BTreeSet<String> = BTreeSet::new();
        for family in layout::FAMILIES {
            directories.insert(family.snapshots.to_owned());
            directories.extend(family.latest.rsplit_once('/').map(|(dir, _)| dir.to_owned()));
        }
        directories.insert(layout::LOGS.to_owned());
        directories.insert("reports/ops/cron_proof".to_owned());
        for directory in directories {
            let Ok(entries) = std::fs::read_dir(self.path(&directory)) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let ours = name.rsplit('.').nth(2).and_then(|pid| pid.parse::<u32>().ok());
                let dead = ours.is_some_and(|pid| pid != std::process::id() && !is_alive(pid));
                if atomic::is_temp(&name) && dead && self.remove(&format!("{directory}/{name}"))? {
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }
}

#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    let Ok(pid) = i32::try_from(pid) else { return false };
    rustix::process::Pid::from_raw(pid)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Without a way to ask, every process counts as alive: what it may be writing stays.
#[cfg(not(unix))]
fn is_alive(_pid: u32) -> bool {
    true
}

fn collect(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::String(text) if text.contains('/') => {
            found.insert(text.clone());
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Object(map) => map.values().for_each(|item| collect(item, found)),
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Float(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_and_so_does_what_latest_names() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        for minute in 10..20 {
            store
                .write(&format!("reports/ops/summary/snapshots/ops_summary_20260111_17{minute}00.json"), b"{}")
                .expect("written");
        }
        store.write("reports/ops/summary/snapshots/zzz.json", b"{}").expect("written");
        let named = "reports/ops/summary/snapshots/ops_summary_20260111_171000.json";
        store
            .write(layout::CYCLE.latest, format!(r#"{{"ops_summary":{{"snapshot_ref":"{named}"}}}}"#).as_bytes())
            .expect("written");
        store.write("logs/daily_ops.log", b"1\n2\n3\n4\n5\n").expect("written");
        let keep = Retention { snapshots: 3, log_lines: 2 };
        let planned = store.prune(keep, Act::DryRun).expect("works");
        assert_eq!(store.snapshots("reports/ops/summary/snapshots").expect("works").len(), 11);
        let report = store.prune(keep, Act::Now).expect("works");
        assert_eq!(report.removed, planned.removed);
        assert_eq!(report.kept_referenced, [named]);
        let left: Vec<_> =
            store.snapshots("reports/ops/summary/snapshots").expect("works").into_iter().map(|f| f.name).collect();
        assert_eq!(left.len(), 4, "{left:?}");
        assert!(left[0].contains("171900") && left[3].contains("171000"));
        assert_eq!(store.read("logs/daily_ops.log").expect("works").as_deref(), Some(b"4\n5\n".as_slice()));
        assert_eq!(store.prune(keep, Act::Now).expect("works").removed.len(), 0, "a second prune finds nothing");
    }

    #[test]
    fn run_records_go_in_the_order_of_the_chain() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        // The clock was set back after the second run.
        let days = ["20261103", "20261104", "20261101", "20261102"];
        let name = |day: &str| format!("{}/daily_ops_{day}_090500.json", layout::RUN.snapshots);
        for day in days {
            store.write(&name(day), b"{}").expect("written");
            let line = format!(r#"{{"snapshot_ref":"{}"}}"#, name(day));
            store.append(layout::RUN_CHAIN, &line, crate::store::Durability::Durable).expect("written");
        }
        let keep = |snapshots| Retention { snapshots, log_lines: 9 };
        let report = store.prune(keep(2), Act::DryRun).expect("works");
        assert_eq!(report.removed, [name("20261103"), name("20261104")]);
        let latest = format!(r#"{{"ref":"{}"}}"#, name("20261104"));
        store.write(layout::SUMMARY.latest, latest.as_bytes()).expect("written");
        let report = store.prune(keep(1), Act::Now).expect("works");
        assert_eq!((report.removed, report.kept_referenced), (vec![name("20261103")], vec![name("20261104")]));
    }
}
