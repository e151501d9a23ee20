//! The set-up of the server's log: one line an event on standard error, stamped in Korean time, without color codes.

use std::fmt;

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::time::Clock as _;
use crate::time::SystemClock;
use crate::time::line_stamp;

struct KoreanTime(SystemClock);

impl FormatTime for KoreanTime {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        write!(out, "[{}]", line_stamp(self.0.now()))
    }
}

/// Sends the log lines of this process to standard error from now on. A second call changes nothing.
pub fn init_logging() {
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_timer(KoreanTime(SystemClock::new()));
    // Already set up: the first set-up stays.
    lines.try_init().ok();
}
