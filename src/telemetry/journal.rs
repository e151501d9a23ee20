//! The observation log: every event as one line, with samples of the counters and what subscribers lost.

/// How the observation log is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStatus {
    /// Whether the last write failed.
    pub is_failing: bool,
    /// Lines that could not be read at the start.
    pub bad_lines: u64,
    /// When the newest row was written, in milliseconds since 1970.
    pub last_row_ms: Option<i64>,
    /// Bytes written by this process.
    pub bytes_written: u64,
}
