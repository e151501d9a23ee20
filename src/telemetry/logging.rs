//! The set-up of the server's log: one line an event on standard error, stamped in Korean time, without color codes.

use std::fmt;

use tracing::Event;
use tracing::Subscriber;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::FormatEvent;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format;
use tracing_subscriber::fmt::format::Format;
use tracing_subscriber::fmt::format::Full;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::registry::LookupSpan;

use crate::time::Clock as _;
use crate::time::SystemClock;
use crate::time::line_stamp;

struct KoreanTime(SystemClock);

impl FormatTime for KoreanTime {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        write!(out, "[{}]", line_stamp(self.0.now()))
    }
}

/// One event, one line, whatever text it holds: nobody writes a second line into the log, or speaks to a terminal.
struct OneLine(Format<Full, KoreanTime>);

impl OneLine {
    fn new() -> Self {
        Self(format().with_ansi(false).with_target(false).with_timer(KoreanTime(SystemClock::new())))
    }
}

impl<S, N> FormatEvent<S, N> for OneLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        for c in line.strip_suffix('\n').unwrap_or(&line).chars() {
            if c.is_control() {
                write!(out, "{}", c.escape_default())?;
            } else {
                out.write_char(c)?;
            }
        }
        out.write_char('\n')
    }
}

/// Sends the log lines of this process to standard error from now on. A second call changes nothing.
pub fn init_logging() {
    let lines = tracing_subscriber::fmt().event_format(OneLine::new()).with_writer(std::io::stderr);
    // Already set up: the first set-up stays.
    lines.try_init().ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn control_characters_of_whatever_text_are_escaped_and_an_event_stays_one_line() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let out = Arc::new(file.reopen().expect("open"));
        let lines = tracing_subscriber::fmt().event_format(OneLine::new()).with_writer(out);
        let forged = "no such file\n[2026-11-21 09:00:00] INFO all is well\r\u{1b}[2J\u{7}\u{0}\t\u{9b}31m\u{7f}";
        tracing::subscriber::with_default(lines.finish(), || {
            tracing::warn!(fault = %forged, text = forged, "가 {forged}");
            tracing::info!("plain\n");
        });
        let text = std::fs::read_to_string(file.path()).expect("UTF-8");
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        assert!(lines.len() == 2 && text.ends_with('\n'), "{text:?}");
        assert!(lines.iter().all(|line| line.starts_with('[') && !line.contains(char::is_control)), "{text:?}");
        assert!(lines[0].contains(" WARN ") && lines[0].contains("가 no such file\\n[2026"), "{text:?}");
        assert_eq!(lines[0].matches("all is well").count(), 3, "nothing is lost: {text:?}");
        assert!(lines[1].ends_with(" INFO plain\\n"), "{text:?}");
    }
}
