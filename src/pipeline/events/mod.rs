//! What a run tells the event bus while it goes on: that it started, each stage's start and end, and its own end.
//!
//! The bus lives in the server, another process. A thread of its own posts the events, so the run never waits for it
//! but at two places: for at most [`BEFORE_ACTING`] before it asks the server to act or to send messages, so that a stage's start has a lower
//! id than what the stage did, and for at most [`PATIENCE`] at its very end. What the server does not take is put into the
//! spool, which the server empties; after the first such failure everything else of the run goes there too, so that the
//! order stays. Whatever happens here, the record, the warnings and the exit code are the same.
//!
//! All events of a run carry one trace: the id of the publish that the run works on, which is known when stage 1 has
//! pulled. What happened before that is held back until then; `ts` says when it was.
//!
//! A run with a backend of its own spools what that backend's operations tell as well, each before what the run says next.
//!
//! Each object has a `spool_id`. A post whose answer did not come may have worked, and its objects are spooled as well:
//! who takes the spool over leaves out what it has seen under the same `spool_id`.

mod post;
mod spool;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::event::Event;
use crate::contracts::event::EventDraft;
use crate::contracts::event::Severity;
use crate::contracts::run::Ending;
use crate::contracts::run::RunRecord;
use crate::contracts::run::StageName;
use crate::contracts::run::StageReport;
use crate::settings::Secret;
use crate::store::Store;
use crate::time::Clock;

use post::Poster;

/// Who says so.
const SOURCE: &str = "daily_ops";
/// How long the end of a run waits for its events.
pub(super) const PATIENCE: Duration = Duration::from_millis(2500);
/// How long the run waits for the events so far before it asks the server to act. A loopback post takes a millisecond;
/// a server that needs longer gets the request all the same, and only the order of ids suffers.
const BEFORE_ACTING: Duration = Duration::from_millis(250);

/// Where the events of a run go.
#[derive(Clone, Debug, Default)]
pub enum EventsTo {
    /// Nowhere.
    #[default]
    Nowhere,
    /// Into the spool, for a server that is started later, with what the backend in this process tells.
    Spool(Beside),
    /// To the server; into the spool what it does not take.
    Server {
        /// Scheme, host and port without a slash at the end.
        url: String,
        /// The token that was configured. Without one, the server's own of this workspace is shown, and only to an
        /// address of this machine.
        token: Option<Secret>,
    },
}

/// What somebody else in this process tells meanwhile: whatever is new since the last call, in order.
#[derive(Clone)]
pub struct Beside(Arc<dyn Fn() -> Vec<Event> + Send + Sync>);

impl Beside {
    /// Asks `news` for it.
    pub fn new(news: impl Fn() -> Vec<Event> + Send + Sync + 'static) -> Self {
        Self(Arc::new(news))
    }

    fn objects(&self) -> Vec<String> {
        (self.0)().into_iter().map(accepted).collect()
    }
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beside")
    }
}

/// What became of the events, when there is something to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Events that wait in the spool.
    pub(super) spooled: usize,
    /// Events that are lost.
    pub(super) lost: usize,
    /// Why the server did not take them, or the spool.
    pub(super) cause: Option<String>,
}

/// The events of one run.
pub(super) struct Events<'a> {
    clock: &'a dyn Clock,
    began: Duration,
    poster: Option<Poster>,
    beside: Option<Beside>,
    /// Events that wait for the trace.
    held: Vec<(EventDraft, i64)>,
    /// The trace, when it is known.
    trace: Option<String>,
}

impl<'a> Events<'a> {
    pub(super) fn new(to: &EventsTo, store: &Store, clock: &'a dyn Clock) -> Self {
        let poster = match to {
            EventsTo::Nowhere => None,
            EventsTo::Spool(_) | EventsTo::Server { .. } => Some(Poster::new(to, store.clone())),
        };
        let beside = if let EventsTo::Spool(beside) = to { Some(beside.clone()) } else { None };
        Self { clock, began: clock.monotonic(), poster, beside, held: Vec::new(), trace: None }
    }

    pub(super) fn run_started(&mut self, record: &RunRecord) {
        let draft = draft("run_started", &format!("daily run {} started", record.run_id), record)
            .with("name", "daily_run")
            .with("trigger", plain(&record.trigger))
            .with("version", record.version.as_str());
        self.say(draft);
    }

    pub(super) fn stage_started(&mut self, record: &RunRecord, name: StageName) {
        let text = format!("stage {}/5 {} started", name.number(), name.title());
        self.say(of_stage("stage_started", &text, (record, name)));
        if matches!(name, StageName::Summary | StageName::LiveCycle) {
            self.deliver_before_acting();
        }
    }

    /// What follows lets the server act: what was said so far is delivered first, if that is a matter of moments.
    pub(super) fn deliver_before_acting(&self) {
        if let Some(poster) = &self.poster {
            poster.drain(BEFORE_ACTING);
        }
    }

    /// From the end of the first stage on, the trace is known.
    pub(super) fn stage_finished(&mut self, record: &RunRecord, report: &StageReport) {
        self.settle(record);
        let (n, title) = (report.n, report.name.title());
        let class = plain(&report.class);
        let status = class.as_str().unwrap_or_default();
        let text = format!("stage {n}/5 {title}: {status} {}", report.code);
        let draft = of_stage("stage_finished", &text, (record, report.name))
            .severity(severity_of(report.class))
            .with("status", status)
            .with("reason", report.code.to_string())
            .with("duration_ms", report.elapsed_ms);
        self.say(match report.http_status {
            Some(status) => draft.with("http_status", status),
            None => draft,
        });
    }

    /// The run is over and its record sealed, or not.
    pub(super) fn run_finished(&mut self, record: &RunRecord) {
        self.settle(record);
        let (status, severity) = outcome(record);
        let reason = record.reason.as_ref().map(ToString::to_string).unwrap_or_default();
        let exit = record.exit_code.unwrap_or(3);
        let took = self.clock.monotonic().saturating_sub(self.began);
        let draft = draft("run_finished", &format!("daily run {status}: {reason} (exit {exit})"), record)
            .severity(severity)
            .with("name", "daily_run")
            .with("status", status)
            .with("reason", reason)
            .with("exit_code", exit)
            .with("duration_ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
            .with("record_ref", record.snapshot_ref.as_str());
        self.say(draft);
        if let Some(poster) = &self.poster {
            poster.hurry();
        }
    }

    /// Waits until everything is delivered or spooled, at most [`PATIENCE`].
    pub(super) fn close(&mut self) -> Told {
        self.tell_beside();
        self.poster.take().map(|poster| poster.close(PATIENCE)).unwrap_or_default()
    }

    /// Passes on what was told beside the run. What came before the trace is known waits where it is.
    fn tell_beside(&self) {
        if let (Some(poster), Some(beside), Some(_)) = (&self.poster, &self.beside, &self.trace) {
            poster.send(beside.objects());
        }
    }

    fn say(&mut self, draft: EventDraft) {
        self.tell_beside();
        let Some(poster) = &mut self.poster else { return };
        let at = self.clock.now().timestamp_millis();
        match &self.trace {
            Some(trace) => poster.send(vec![object(draft, at, trace)]),
            None => self.held.push((draft, at)),
        }
    }

    /// Lets go what waited for the trace.
    fn settle(&mut self, record: &RunRecord) {
        if self.trace.is_some() {
            return;
        }
        let trace = record.trace_id.as_str();
        let held = std::mem::take(&mut self.held);
        if let Some(poster) = &mut self.poster {
            poster.send(held.into_iter().map(|(draft, at)| object(draft, at, trace)).collect());
        }
        self.trace = Some(trace.to_owned());
    }
}

/// One object as it is posted and spooled: one line.
fn object(draft: EventDraft, at: i64, trace: &str) -> String {
    let mut value = draft.trace(trace).to_json();
    value["ts"] = at.into();
    value["spool_id"] = uuid::Uuid::new_v4().to_string().into();
    value.to_string()
}

/// An event that a bus of this process has accepted, as it is spooled.
fn accepted(event: Event) -> String {
    let (kind, at, trace) = (event.kind, event.ts, event.trace_id);
    let mut value = serde_json::json!({
        "type": kind, "source": event.source, "severity": event.severity, "message": event.message, "trace_id": trace,
        "data": event.data, "ts": at,
    });
    value["spool_id"] = uuid::Uuid::new_v4().to_string().into();
    value.to_string()
}

fn draft(kind: &str, message: &str, record: &RunRecord) -> EventDraft {
    EventDraft::new(kind, SOURCE, message).with("run_id", record.run_id.as_str())
}

fn of_stage(kind: &str, message: &str, (record, name): (&RunRecord, StageName)) -> EventDraft {
    draft(kind, message, record).with("stage", name.number()).with("name", plain(&name))
}

/// The word that documents have for it.
fn plain<T: serde::Serialize>(word: &T) -> Value {
    serde_json::to_value(word).unwrap_or_default()
}

/// A rule that says no is what rules are for: somebody should look. What could not be done is an error.
fn severity_of(class: StageClass) -> Severity {
    match class {
        StageClass::Ok | StageClass::Skipped => Severity::Info,
        StageClass::Warn | StageClass::Block => Severity::Warn,
        StageClass::Fail => Severity::Error,
    }
}

fn outcome(record: &RunRecord) -> (&'static str, Severity) {
    if record.reason == Some(RunCode::LateRunSkipped.into()) {
        return ("skipped", Severity::Warn);
    }
    match record.ending() {
        Some(Ending::Done) => ("done", Severity::Info),
        Some(Ending::Warned) => ("warned", Severity::Warn),
        Some(Ending::Blocked) => ("blocked", Severity::Warn),
        Some(Ending::Failed) | None => ("failed", Severity::Error),
    }
}

#[cfg(test)]
mod tests;
