//! JSONL files that only grow: finding a line by its number or its place, and reading what was appended.
//!
//! A reader remembers where it stopped and checks that the file is still the one it read: same device and inode, not
//! shorter, and a line end where the last read ended. Otherwise it starts over.

mod index;
mod places;
mod same_file;
mod tail;
#[cfg(test)]
mod tests;

pub use index::LineIndex;
pub(super) use places::lines_at;
pub(super) use same_file::Identity;
pub use tail::Tail;

/// Bytes read at a time.
const CHUNK: usize = 1 << 18;
/// A line longer than this is not parsed.
pub const MAX_LINE: usize = 5 << 20;
/// Handed over in place of a line longer than [`MAX_LINE`]: nothing that any reader takes for a record.
pub const TOO_LONG: &[u8] = b"\0";

/// Where a line stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 1.
    pub number: u64,
    /// The offset of its first byte.
    pub offset: u64,
}
