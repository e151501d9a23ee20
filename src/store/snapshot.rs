//! Immutable snapshots and the `latest` copy.

use chrono::NaiveDateTime;

use super::Durability;
use super::Family;
use super::Store;
use super::StoreFault;
use super::atomic;
use super::unrendered;
use crate::contracts::Document;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::file_stamp;
use crate::time::kst;
use crate::time::parse_file_stamp;

/// Where a document was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The snapshot's ref.
    pub snapshot_ref: String,
    /// The latest copy's ref.
    pub latest_ref: &'static str,
}

/// One snapshot in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// File name.
    pub name: String,
    /// Its ref.
    pub reference: String,
    /// The time in its name, in Korean time.
    pub stamp: Option<NaiveDateTime>,
    /// When the file was last changed.
    pub mtime: Option<Stamp>,
    /// Its size in bytes.
    pub size_bytes: u64,
}

impl Store {
    /// A name for a snapshot of `family` made at `at` that no file has yet: `_2`, `_3` ... after the first of a second.
    #[must_use]
    pub fn free_snapshot_ref(&self, family: Family, at: KstTime) -> String {
        let name = |n: u32| {
            let tail = if n > 1 { format!("_{n}") } else { String::new() };
            format!("{}/{}_{}{tail}.json", family.snapshots, family.kind, file_stamp(at))
        };
        (1..).map(name).find(|reference| !self.path(reference).exists()).unwrap_or_else(|| name(1))
    }

    /// Writes a document as a new snapshot and then as `latest`. `render` gets the snapshot's ref, so that the document
    /// can name it before either file is written.
    ///
    /// # Errors
    /// A file cannot be written. After a fault between the two files the snapshot stands and `latest` is the old one.
    pub fn publish<D: Document>(
        &self,
        family: Family,
        at: KstTime,
        render: &dyn Fn(&str) -> D,
    ) -> Result<(D, Published), StoreFault> {
        loop {
            let snapshot_ref = self.free_snapshot_ref(family, at);
            let document = render(&snapshot_ref);
            let bytes =
                document.to_bytes().map_err(|fault| StoreFault::new("render", family.latest)(unrendered(&fault)))?;
            match self.write_new(&snapshot_ref, &bytes) {
                // Another writer took the name between the look and the rename. A file in place of the directory gives
                // the same error; then there is no such snapshot and no other name would help.
                Err(fault)
                    if fault.source.kind() == std::io::ErrorKind::AlreadyExists
                        && self.path(&snapshot_ref).exists() => {}
                Err(fault) => return Err(fault),
                Ok(()) => {
                    self.write(family.latest, &bytes)?;
                    return Ok((document, Published { snapshot_ref, latest_ref: family.latest }));
                }
            }
        }
    }

    /// Writes a document as the snapshot of a name that was chosen before, and then as `latest`: for a document whose
    /// content is written down elsewhere before it is stored.
    ///
    /// # Errors
    /// The name is taken by now, or a file cannot be written. After a fault between the two files the snapshot stands and
    /// `latest` is the old one.
    pub fn publish_as<D: Document>(
        &self,
        family: Family,
        snapshot_ref: String,
        document: &D,
    ) -> Result<Published, StoreFault> {
        let bytes =
            document.to_bytes().map_err(|fault| StoreFault::new("render", family.latest)(unrendered(&fault)))?;
        self.write_new(&snapshot_ref, &bytes)?;
        self.write(family.latest, &bytes)?;
        Ok(Published { snapshot_ref, latest_ref: family.latest })
    }

    /// Writes a file that must not exist yet.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn write_new(&self, relative: &str, bytes: &[u8]) -> Result<(), StoreFault> {
        atomic::write(&self.path(relative), bytes, (atomic::Target::New, Durability::Durable), &|path| {
            self.observe(path)
        })
        .map_err(StoreFault::new("write", relative))
    }

    /// The JSON files of a directory, newest first by the time in their name, then by the file's time, then by name. A
    /// missing directory is empty.
    ///
    /// # Errors
    /// The directory exists and cannot be read.
    pub fn snapshots(&self, directory: &str) -> Result<Vec<SnapshotFile>, StoreFault> {
        let entries = match std::fs::read_dir(self.path(directory)) {
            Ok(entries) => entries,
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(fault) => return Err(StoreFault::new("list", directory)(fault)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreFault::new("list", directory))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // A file that vanishes while the directory is read was pruned.
            let Ok(meta) = entry.metadata() else { continue };
            if !meta.is_file() || !name.ends_with(".json") || atomic::is_temp(&name) {
                continue;
            }
            let mtime = meta
                .modified()
                .ok()
                .map(|at| Stamp::of(chrono::DateTime::<chrono::Utc>::from(at).with_timezone(&kst())));
            files.push(SnapshotFile {
                reference: format!("{directory}/{name}"),
                stamp: parse_file_stamp(&name),
                mtime,
                size_bytes: meta.len(),
                name,
            });
        }
        files.sort_by(|a, b| {
            let key = |f: &SnapshotFile| (f.stamp, f.mtime.as_ref().map(|m| m.as_str().to_owned()), serial(&f.name));
            key(b).cmp(&key(a)).then_with(|| b.name.cmp(&a.name))
        });
        Ok(files)
    }
}

/// The collision number at the end of a snapshot's name, 1 without one.
fn serial(name: &str) -> u32 {
    let stem = name.trim_end_matches(".json");
    match stem.rsplit_once('_') {
        Some((head, tail)) if tail.len() < 6 && parse_file_stamp(head).is_some() => tail.parse().unwrap_or(1),
        _ => 1,
    }
}
