//! The story of a run, line by line: `[YYYY-MM-DD HH:MM:SS] text` in Korean time, to whoever watches and to the log.

use crate::contracts::StageClass;
use crate::contracts::run::StageName;
use crate::contracts::run::StageReport;
use crate::store::Durability;
use crate::store::Store;
use crate::store::layout;
use crate::time::Clock;
use crate::time::line_stamp;

/// Somebody who watches a run.
pub trait Sink {
    /// Takes one line without its end.
    fn line(&mut self, line: &str);
}

impl Sink for Vec<String> {
    fn line(&mut self, line: &str) {
        self.push(line.to_owned());
    }
}

/// Whether the story is also kept in `logs/daily_ops.log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is.
    Log,
    /// It is not: the run must not write.
    Nothing,
}

pub(super) struct Story<'a> {
    store: &'a Store,
    clock: &'a dyn Clock,
    sink: &'a mut dyn Sink,
    keep: Keep,
}

impl<'a> Story<'a> {
    pub(super) fn new(store: &'a Store, clock: &'a dyn Clock, sink: &'a mut dyn Sink, keep: Keep) -> Self {
        Self { store, clock, sink, keep }
    }

    /// Says one line. A log that cannot be written is said once and then left alone: the record is what counts.
    pub(super) fn say(&mut self, text: &str) {
        let line = format!("[{}] {text}", line_stamp(self.clock.now()));
        self.sink.line(&line);
        if self.keep == Keep::Log
            && let Err(fault) = self.store.append(layout::RUN_LOG, &line, Durability::Buffered)
        {
            self.keep = Keep::Nothing;
            self.sink.line(&format!("[{}] ⚠️ {fault}", line_stamp(self.clock.now())));
        }
    }

    /// Keeps a line in the log that the watcher gets by another way.
    pub(super) fn log(&mut self, text: &str) {
        let line = format!("[{}] {text}", line_stamp(self.clock.now()));
        if self.keep == Keep::Log {
            // The log is a story; a failure was or will be said by the lines that are.
            self.store.append(layout::RUN_LOG, &line, Durability::Buffered).ok();
        }
    }

    /// Says that a stage starts.
    pub(super) fn starts(&mut self, stage: StageName) {
        self.say(&format!("[{}/5] {}", stage.number(), stage.title()));
    }

    /// Says how a stage ended.
    pub(super) fn ended(&mut self, report: &StageReport) {
        let mark = match report.class {
            StageClass::Ok => "✓",
            StageClass::Warn => "⚠️",
            StageClass::Block | StageClass::Fail => "❌",
            StageClass::Skipped => "–",
        };
        let detail = report.detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        self.say(&format!("{mark} {}{detail}", report.code));
    }
}
