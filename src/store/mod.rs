//! The only reader and writer of a workspace's files.
//!
//! A document is written as a snapshot first and as `latest` second, with the same bytes, each by temporary file, flush
//! and rename. Three states of a file are told apart everywhere: missing, present, damaged. JSONL files only grow.

mod atomic;
pub mod jsonl;
pub mod layout;
mod lease;
mod line_file;
mod line_log;
mod lines;
mod lock;
mod open;
mod refs;
mod retain;
mod snapshot;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

pub use atomic::Durability;
pub use layout::Family;
pub use lease::Lease;
pub use lease::LeaseOutcome;
pub use lease::Leaseholder;
pub use line_file::LastLine;
pub use line_file::LineFile;
pub use line_file::LineVisit;
pub use line_log::Appended;
pub use line_log::LineLog;
pub use line_log::Mark;
pub use line_log::MarkFound;
pub use lock::Acquired;
pub use lock::Holder;
pub use lock::LockOutcome;
pub use lock::RunLock;
pub use refs::Evidence;
pub use refs::ResolveFault;
pub use retain::Act;
pub use retain::PruneReport;
pub use retain::Retention;
pub use retain::Usage;
pub use snapshot::Published;
pub use snapshot::SnapshotFile;

use crate::contracts::Document;
use crate::contracts::DocumentFault;

/// Called after each step of a write with the file that the step made. Tests use it to stop a run in the middle.
pub type WriteObserver = Arc<dyn Fn(&Path) + Send + Sync>;

/// Largest document that is read, in bytes.
const MAX_DOCUMENT: u64 = 16 << 20;

/// A workspace on disk.
#[derive(Clone)]
pub struct Store {
    root: PathBuf,
    observer: Option<WriteObserver>,
    lines: Arc<Mutex<HashMap<PathBuf, jsonl::LineIndex>>>,
}

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {path}: {source}")]
pub struct StoreFault {
    /// `read`, `write`, `list` ...
    pub verb: &'static str,
    /// The file, relative to the workspace.
    pub path: String,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl StoreFault {
    pub(crate) fn new(verb: &'static str, path: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self { verb, path, source }
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored<D> {
    /// There is no file.
    Missing,
    /// The document.
    Present(D),
    /// There is a file, but not this document; the text says why.
    Damaged(String),
}

impl<D> Stored<D> {
    /// The document, if it is there and sound.
    #[must_use]
    pub fn present(self) -> Option<D> {
        match self {
            Self::Present(document) => Some(document),
            Self::Missing | Self::Damaged(_) => None,
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the workspace at `root`; nothing is created.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), observer: None, lines: Arc::default() }
    }

    /// The same workspace with an observer of its writes.
    #[must_use]
    pub fn observed_by(mut self, observer: WriteObserver) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The workspace's directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The full path of a file of the workspace.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Reads a file; `None` when there is none.
    ///
    /// # Errors
    /// The file exists and cannot be read, or is no regular file.
    pub fn read(&self, relative: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        let path = self.path(relative);
        let outcome = open::regular(&path).and_then(|found| match found {
            None => Ok(None),
            Some(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(Some(bytes))
            }
        });
        outcome.map_err(StoreFault::new("read", relative))
    }

    /// Reads the last `reach` bytes of a file and tells whether that is all of it; `None` when there is no file.
    ///
    /// # Errors
    /// The file exists and cannot be read, or is no regular file.
    pub fn read_end(&self, relative: &str, reach: u64) -> Result<Option<(Vec<u8>, bool)>, StoreFault> {
        let outcome = open::regular(&self.path(relative)).and_then(|found| match found {
            None => Ok(None),
            Some(mut file) => {
                let start = file.metadata()?.len().saturating_sub(reach);
                file.seek(io::SeekFrom::Start(start))?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(Some((bytes, start == 0)))
            }
        });
        outcome.map_err(StoreFault::new("read", relative))
    }

    /// Reads a secret: a file that only its owner may read and write. `None` when there is none.
    ///
    /// # Errors
    /// The file exists and cannot be read, is no regular file, or is open to others.
    pub fn read_secret(&self, relative: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        let outcome = open::regular(&self.path(relative)).and_then(|found| match found {
            None => Ok(None),
            Some(mut file) => {
                open::owner_only(&file)?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(Some(bytes))
            }
        });
        outcome.map_err(StoreFault::new("read", relative))
    }

    /// Reads a document. A file that cannot be read, or is larger than 16 MiB, counts as damaged.
    #[must_use]
    pub fn document<D: Document>(&self, relative: &str) -> Stored<D> {
        if std::fs::metadata(self.path(relative)).is_ok_and(|meta| meta.len() > MAX_DOCUMENT) {
            return Stored::Damaged(format!("larger than {MAX_DOCUMENT} bytes"));
        }
        match self.read(relative) {
            Ok(None) => Stored::Missing,
            Ok(Some(bytes)) => match D::parse(&bytes) {
                Ok(document) => Stored::Present(document),
                Err(fault) => Stored::Damaged(fault.to_string()),
            },
            Err(fault) => Stored::Damaged(fault.source.to_string()),
        }
    }

    /// Replaces a file atomically and durably.
    ///
    /// # Errors
    /// The file cannot be written; what was there is unchanged.
    pub fn write(&self, relative: &str, bytes: &[u8]) -> Result<(), StoreFault> {
        self.replace(relative, bytes, Durability::Durable)
    }

    /// Replaces a file that only repeats what a record holds: atomically, but without waiting for the disk.
    ///
    /// # Errors
    /// The file cannot be written; what was there is unchanged.
    pub fn write_view(&self, relative: &str, bytes: &[u8]) -> Result<(), StoreFault> {
        self.replace(relative, bytes, Durability::Buffered)
    }

    fn replace(&self, relative: &str, bytes: &[u8], durability: Durability) -> Result<(), StoreFault> {
        let how = (atomic::Target::Replace, durability);
        atomic::write(&self.path(relative), bytes, how, &|path| self.observe(path))
            .map_err(StoreFault::new("write", relative))
    }

    /// Writes a secret: a file that only its owner can read.
    ///
    /// # Errors
    /// The file cannot be written or its mode not be set; then it is removed.
    pub fn write_secret(&self, relative: &str, bytes: &[u8]) -> Result<(), StoreFault> {
        atomic::write_private(&self.path(relative), bytes, atomic::Target::Replace)
            .map_err(StoreFault::new("write", relative))
    }

    /// Writes a secret that must not exist yet.
    ///
    /// # Errors
    /// The file exists, cannot be written or its mode not be set.
    pub fn write_new_secret(&self, relative: &str, bytes: &[u8]) -> Result<(), StoreFault> {
        atomic::write_private(&self.path(relative), bytes, atomic::Target::New)
            .map_err(StoreFault::new("write", relative))
    }

    /// Replaces a document atomically and durably.
    ///
    /// # Errors
    /// The document cannot be rendered or the file not be written.
    pub fn write_document<D: Document>(&self, relative: &str, document: &D) -> Result<(), StoreFault> {
        let bytes = document.to_bytes().map_err(|fault| StoreFault::new("render", relative)(unrendered(&fault)))?;
        self.write(relative, &bytes)
    }

    /// Replaces a document that only repeats what a record holds: atomically, but without waiting for the disk.
    ///
    /// # Errors
    /// The document cannot be rendered or the file not be written.
    pub fn write_document_view<D: Document>(&self, relative: &str, document: &D) -> Result<(), StoreFault> {
        let bytes = document.to_bytes().map_err(|fault| StoreFault::new("render", relative)(unrendered(&fault)))?;
        self.write_view(relative, &bytes)
    }

    /// Appends one line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&self, relative: &str, line: &str, durability: Durability) -> Result<(), StoreFault> {
        self.append_within(relative, line, (durability, atomic::PATIENCE))
    }

    /// Appends one line, waiting for others that append to the file for `patience` at most.
    ///
    /// # Errors
    /// The file cannot be written, or somebody else holds it all the time.
    pub fn append_within(&self, relative: &str, line: &str, how: (Durability, Duration)) -> Result<(), StoreFault> {
        atomic::append(&self.path(relative), &[line], how, &|path| self.observe(path))
            .map_err(StoreFault::new("append to", relative))
    }

    /// Appends some lines together: all of them or, when that fails, none. A crash leaves whole lines only, perhaps not all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append_all<L: AsRef<str>>(
        &self,
        relative: &str,
        lines: &[L],
        durability: Durability,
    ) -> Result<(), StoreFault> {
        atomic::append(&self.path(relative), lines, (durability, atomic::PATIENCE), &|path| self.observe(path))
            .map_err(StoreFault::new("append to", relative))
    }

    /// Makes a file empty, which works on a full disk as well. For a switch whose empty file is its safe position.
    ///
    /// # Errors
    /// The file cannot be opened or made.
    pub fn make_empty(&self, relative: &str) -> Result<(), StoreFault> {
        open::emptied(&self.path(relative)).map_err(StoreFault::new("empty", relative))
    }

    /// Ends a last line that a killed writer left without an end, so that whatever it says counts from now on.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn end_line(&self, relative: &str) -> Result<(), StoreFault> {
        atomic::end_line(&self.path(relative)).map_err(StoreFault::new("write", relative))
    }

    /// What `read` makes of the lines that start at some offsets of a JSONL file, as [`jsonl::Tail`] tells them, one line in
    /// memory at a time. A missing file has no line.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn lines_at<T>(
        &self,
        relative: &str,
        offsets: &[u64],
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<Option<T>>, StoreFault> {
        jsonl::lines_at(&self.path(relative), offsets, read).map_err(StoreFault::new("read", relative))
    }

    /// Removes a file; `false` when there was none.
    ///
    /// # Errors
    /// The file exists and cannot be removed.
    pub fn remove(&self, relative: &str) -> Result<bool, StoreFault> {
        match std::fs::remove_file(self.path(relative)) {
            Ok(()) => Ok(true),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(fault) => Err(StoreFault::new("remove", relative)(fault)),
        }
    }

    /// Why the workspace's directory cannot be used; `None` when it can.
    #[must_use]
    pub fn root_fault(&self) -> Option<String> {
        match std::fs::metadata(&self.root) {
            Ok(meta) if meta.is_dir() => None,
            Ok(_) => Some("the workspace is no directory".to_owned()),
            Err(fault) => Some(format!("the workspace cannot be read: {fault}")),
        }
    }

    /// Share of the disk that is still free for this user, 0 to 1; `None` when the system does not say.
    #[must_use]
    pub fn free_disk(&self) -> Option<f64> {
        open::free_share(&self.root)
    }

    /// Bytes of the disk that this user may still fill; `None` when the system does not say.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        open::free_bytes(&self.root)
    }

    /// Whether this user may list a directory of the workspace and make files in it, as far as permissions and mounts say.
    #[must_use]
    pub fn may_write_in(&self, relative: &str) -> bool {
        let path = self.path(relative);
        path.is_dir() && open::may_write_in(&path)
    }

    fn observe(&self, path: &Path) {
        if let Some(observer) = &self.observer {
            observer(path);
        }
    }
}

fn unrendered(fault: &DocumentFault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault.to_string())
}
