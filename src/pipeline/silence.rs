//! `check heartbeat`: whether the daily run still lives, as somebody else sees it. No data is never a pass.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::contracts::Document as _;
use crate::contracts::heartbeat::Heartbeat;
use crate::contracts::heartbeat::Pulse;
use crate::notify::Messenger;
use crate::notify::alert::Alert;
use crate::settings::Lang;
use crate::store::Store;
use crate::store::layout;
use crate::time::Clock;
use crate::time::Stamp;
use crate::time::line_stamp;
use crate::time::spoken;

use super::announce::last_lines;
use super::client::Backend;
use super::control::Control;
use super::fallback;
use super::fallback::Direct;
use super::fallback::Told;

/// Largest heartbeat that is read.
const MAX_FILE: u64 = 64 << 10;

/// Where the heartbeat comes from.
#[derive(Clone, Debug)]
pub enum HeartbeatSource {
    /// A file somewhere.
    File(PathBuf),
    /// The backend's own word.
    Backend(Box<Backend>),
}

/// What is checked.
#[derive(Debug)]
pub struct SilenceCheck<'a> {
    /// The workspace of this machine: its log, and the keys of its alerts.
    pub store: &'a Store,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Where the heartbeat comes from.
    pub source: HeartbeatSource,
    /// How old the last good run may be.
    pub max_age: Duration,
    /// The language of the alert.
    pub lang: Lang,
    /// Where the alert is sent to; `None` to send none.
    pub notify: Option<Messenger>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// 0 fresh, 2 too old or the last run was bad, 3 unreadable, missing or from the future.
    pub exit_code: u8,
    /// One line.
    pub line: String,
    /// The alert, when it is not fresh.
    pub alert: Vec<String>,
    /// What became of the alert's message, when one was asked for.
    pub notified: Option<String>,
}

/// Checks the heartbeat.
#[must_use]
pub fn check_heartbeat(check: &SilenceCheck<'_>, control: &Control) -> Alarm {
    let now = check.clock.now();
    let max_age = i64::try_from(check.max_age.as_secs()).unwrap_or(i64::MAX);
    let found = heartbeat(check, control);
    let (pulse, heartbeat) = match found {
        Err(why) => (Pulse::Unusable(why), Heartbeat::default()),
        Ok(heartbeat) => (heartbeat.judge(now, max_age), heartbeat),
    };
    let (exit_code, word, age) = match &pulse {
        Pulse::Fresh => (0, "FRESH", String::new()),
        Pulse::Bad(_) => (2, "BAD", String::new()),
        Pulse::Stale { age, .. } => (2, "STALE", format!(" | age={}", spoken(*age))),
        Pulse::Unusable(_) => (3, "UNUSABLE", String::new()),
    };
    let shown = |stamp: Option<&Stamp>| stamp.and_then(Stamp::instant).map_or_else(|| "-".to_owned(), line_stamp);
    let line = format!(
        "HEARTBEAT: {word} | last_success={}{age} | bad_runs={} | run={}",
        shown(heartbeat.last_success_at.as_ref()),
        heartbeat.consecutive_failures,
        if heartbeat.run_id.is_empty() { "-" } else { heartbeat.run_id.as_str() },
    );
    let Some(why) = pulse.why() else { return Alarm { exit_code, line, alert: Vec::new(), notified: None } };
    let since = heartbeat.since().map(|stamp| format!("{} KST", shown(Some(stamp))));
    let alert = Alert {
        title: format!("[CRITICAL] HEARTBEAT_{word}"),
        why,
        since,
        bad_runs: heartbeat.consecutive_failures,
        lines: beside(check).map(|store| last_lines(&store, layout::SUMMARY_LOG)).unwrap_or_default(),
        next: "daily_ops explain".to_owned(),
    };
    let text = format!("{}\n{}", alert.title, alert.text(check.lang));
    let notified = check.notify.as_ref().map(|messenger| tell(check, control, (&alert.title, &text), messenger));
    Alarm { exit_code, line, alert: text.lines().map(str::to_owned).collect(), notified }
}

/// The workspace whose log belongs to the heartbeat: the one around the file, when it lies in a `state` directory. Of a
/// backend or a lone copy nothing is shown: the log that lies here is that of another machine.
fn beside(check: &SilenceCheck<'_>) -> Option<Store> {
    let HeartbeatSource::File(path) = &check.source else { return None };
    let around = path.parent().filter(|state| state.ends_with("state")).and_then(std::path::Path::parent);
    around.map(Store::new)
}

fn tell(check: &SilenceCheck<'_>, control: &Control, (title, text): (&str, &str), messenger: &Messenger) -> String {
    let direct = Direct { store: check.store, clock: check.clock, messenger, name: "heartbeat_alert", title, text };
    match fallback::send(&direct, control).1 {
        Told::NotSent(why) => format!("not sent: {why}"),
        Told::Repeated(why) | Told::Faulty(why) => why,
        Told::Tried(attempt) => attempt.delivery.as_str().to_owned(),
    }
}

fn heartbeat(check: &SilenceCheck<'_>, control: &Control) -> Result<Heartbeat, String> {
    match &check.source {
        HeartbeatSource::File(path) => {
            let shown = path.display();
            let meta = std::fs::metadata(path).map_err(|fault| format!("{shown}: {fault}"))?;
            if !meta.is_file() || meta.len() > MAX_FILE {
                return Err(format!("{shown}: no heartbeat file"));
            }
            let bytes = std::fs::read(path).map_err(|fault| format!("{shown}: {fault}"))?;
            Heartbeat::parse(&bytes).map_err(|fault| format!("{shown}: {fault}"))
        }
        HeartbeatSource::Backend(backend) => asked(backend, check.clock, control),
    }
}

fn asked(backend: &Backend, clock: &dyn Clock, control: &Control) -> Result<Heartbeat, String> {
    let answer = backend.get(control, clock, "/health").map_err(|fault| fault.to_string())?;
    // DOWN comes as 503 with the same body, and the heartbeat in it is still a heartbeat.
    let component = answer.json().and_then(|reply| reply.pointer("/components/HEARTBEAT")).filter(|c| c.is_object());
    let Some(component) = component else { return Err(format!("no heartbeat: {}", answer.excerpt())) };
    if component.get("schema").and_then(Value::as_str) != Some(Heartbeat::SCHEMA) {
        let why = component.get("why").and_then(Value::as_str).unwrap_or("the backend has none");
        return Err(format!("no heartbeat: {why}"));
    }
    Heartbeat::parse(component.to_string().as_bytes()).map_err(|fault| fault.to_string())
}
