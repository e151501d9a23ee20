//! Whether a file is the one that was read before, although it has grown: by its identity and by its last bytes.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;

/// Bytes at the end of what was read that are compared with the file before it is read on.
const MEMORY: u64 = 256;

/// Which file was read, as far as the system can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    #[cfg(unix)]
    pub(in crate::store) fn of(meta: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { device: meta.dev(), inode: meta.ino() }
    }

    #[cfg(not(unix))]
    pub(in crate::store) fn of(_meta: &std::fs::Metadata) -> Self {
        Self::default()
    }
}

/// The last bytes of the complete lines that were read, the end of the last one included. A file that took the place of
/// another one may have its inode and be longer; it hardly has its bytes at the same place.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending(Vec<u8>);

impl Ending {
    /// The bytes before `offset`.
    pub(super) fn of(file: &mut File, offset: u64) -> io::Result<Self> {
        let length = offset.min(MEMORY);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        file.seek(SeekFrom::Start(offset - length))?;
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            // Cut off meanwhile: the length tells that the next time.
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(Self::default()),
            Err(fault) => Err(fault),
        }
    }

    /// Whether the bytes still stand before `offset`.
    pub(super) fn holds(&self, file: &mut File, offset: u64) -> io::Result<bool> {
        let mut found = vec![0; self.0.len()];
        file.seek(SeekFrom::Start(offset.saturating_sub(self.0.len() as u64)))?;
        match file.read_exact(&mut found) {
            Ok(()) => Ok(found == self.0),
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}
