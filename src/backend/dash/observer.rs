//! The observer: sees what other processes change in the workspace and tells it on the bus.
//!
//! It looks once a second and after each POST of the operations API: at the switches, the kill switch, the strategy
//! bundle and the newest daily run. A file is read only when it looks different. What is there at the first look is known
//! and tells nothing. What the observer publishes changes no file, so it never answers itself.
//!
//! Which publish of the PC a pull brought is known from the daily run's record, the one document of the host that names
//! it: its trace is the publish's run id.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::TryLockError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::Dash;
use super::guardrail::Guardrail;
use crate::backend::cache::Look;
use crate::contracts::Document;
use crate::contracts::event::EventDraft;
use crate::contracts::event::NO_TRACE;
use crate::contracts::event::Severity;
use crate::contracts::event::is_trace;
use crate::contracts::kill::KillStatus;
use crate::contracts::kill::KillSwitch;
use crate::contracts::run::RunRecord;
use crate::gates::Gates;
use crate::gates::KillReading;
use crate::gates::Reading;
use crate::gates::Switches;
use crate::ops::DailyRun;
use crate::ops::Ops;
use crate::store::layout;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How long a finished run is given to tell so itself, the way through the spool included.
const OWN_WORDS: Duration = Duration::from_secs(12);

/// Uses of the kill switch that are remembered.
const OWN_USES: usize = 64;

/// The files, in the order of [`Known::looks`].
const FILES: [&str; 6] =
    [layout::GATE, layout::SENDER, layout::STOP, layout::KILL_SWITCH, layout::BUNDLE.latest, layout::RUN.latest];

/// What the observer has seen; empty before the first look.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    known: Mutex<Option<Known>>,
    /// Uses of the kill switch by this server's own door, which tells of them itself.
    own_uses: Mutex<VecDeque<String>>,
}

impl Observer {
    /// Leaves it to this use of the kill switch to tell of itself.
    pub(crate) fn leave_to_its_maker(&self, audit_id: &str) {
        let mut own = self.own_uses.lock().unwrap_or_else(PoisonError::into_inner);
        own.push_back(audit_id.to_owned());
        if own.len() > OWN_USES {
            own.pop_front();
        }
    }

    fn is_own(&self, audit_id: &str) -> bool {
        let own = self.own_uses.lock().unwrap_or_else(PoisonError::into_inner);
        own.iter().any(|known| known == audit_id)
    }
}

#[derive(Debug)]
struct Known {
    looks: [Option<Look>; FILES.len()],
    /// Gate, sender and stop: how each stood.
    switches: [String; 3],
    kill: KillReading,
    rail: Guardrail,
    bundle: BundleSeen,
    /// The newest run that ended, by its id.
    ended: Option<String>,
    /// The newest publish that a run named.
    publish: Option<String>,
    /// A run that ended and has not said so on the bus, and since when that is known.
    silent: Option<(Box<DailyRun>, Duration)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct BundleSeen {
    bundle_id: Option<String>,
    created_at: Option<String>,
    decision: Value,
}

impl BundleSeen {
    fn read(ops: &Ops) -> Self {
        let found = ops.bundle().validation;
        Self {
            bundle_id: found.bundle_id,
            created_at: found.created_at.map(|at| at.as_str().to_owned()),
            decision: serde_json::to_value(found.decision).unwrap_or_default(),
        }
    }
}

/// Looks until the server stops.
pub(crate) async fn watch(dash: Arc<Dash>, ops: Arc<Ops>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let (dash, ops) = (Arc::clone(&dash), Arc::clone(&ops));
        let looked = tokio::task::spawn_blocking(move || dash.look(&ops)).await;
        if let Err(fault) = looked {
            tracing::error!(%fault, "the observer of the workspace's files failed once");
        }
    }
}

impl Dash {
    /// Looks at the files now and tells what changed.
    pub(crate) fn look(&self, ops: &Ops) {
        self.look_after(ops, NO_TRACE);
    }

    /// Looks at the files after a request of this trace was done. What somebody else changed in the same second is told
    /// under it as well: nobody could tell the two apart.
    pub(crate) fn look_after(&self, ops: &Ops, trace: &str) {
        self.has_recent_drops();
        // Somebody looks already, or will within a second: nobody waits here, and the emergency stop least of all.
        let mut known = match self.observer.known.try_lock() {
            Ok(known) => known,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let looks = FILES.map(|file| Look::at(&ops.store().path(file)));
        match known.as_mut() {
            Some(known) => self.compare(ops, known, (looks, trace)),
            None => *known = Some(Known::first(self, ops, looks)),
        }
    }

    fn compare(&self, ops: &Ops, known: &mut Known, (looks, trace): ([Option<Look>; FILES.len()], &str)) {
        // Where the file system tells nothing, every file is read.
        let differs: Vec<&str> = FILES
            .into_iter()
            .zip(looks.iter().zip(&known.looks))
            .filter(|(_, (now, before))| now.is_none() || now != before)
            .map(|(file, _)| file)
            .collect();
        let is_changed = |files: &[&str]| files.iter().any(|file| differs.contains(file));
        if is_changed(&[layout::GATE, layout::SENDER, layout::STOP]) {
            self.compare_switches(ops, known, trace);
        }
        if is_changed(&[layout::KILL_SWITCH]) {
            self.compare_kill(ops, known);
        }
        if is_changed(&[layout::GATE, layout::STOP, layout::KILL_SWITCH]) {
            self.compare_rail(ops, known, trace);
        }
        if is_changed(&[layout::BUNDLE.latest]) {
            self.compare_bundle(ops, known);
        }
        if is_changed(&[layout::RUN.latest]) {
            self.compare_run(ops, known);
        }
        self.tell_of_silent(known);
        known.looks = looks;
    }

    fn compare_switches(&self, ops: &Ops, known: &mut Known, trace: &str) {
        let read = Gates::new(ops.store()).switches();
        let now = positions(&read);
        let reasons = [reason(&read.gate), reason(&read.sender), reason(&read.stop)];
        let files = [layout::GATE, layout::SENDER, layout::STOP];
        for (at, (before, now)) in known.switches.iter_mut().zip(now).enumerate() {
            if *before != now
                && let (Some(file), Some(reason)) = (files.get(at), reasons.get(at))
            {
                self.tell(safety_changed(file, (before, &now), reason), trace);
                *before = now;
            }
        }
    }

    /// A kill switch that somebody else set.
    fn compare_kill(&self, ops: &Ops, known: &mut Known) {
        let now = Gates::new(ops.store()).kill_switch();
        if now == known.kill {
            return;
        }
        if self.observer.is_own(&now.state.audit_id) {
            known.rail = self.guardrail(ops);
            known.kill = now;
            return;
        }
        let (before, after) = (position_of(&known.kill), position_of(&now));
        if before != after || known.kill.state.version != now.state.version {
            let reason = now.damage.clone().unwrap_or_else(|| now.state.reason.clone());
            let trace = Some(now.state.trace_id.as_str()).filter(|trace| is_trace(trace)).unwrap_or(NO_TRACE);
            self.note_recovery(&known.kill.state, &now.state);
            let change = safety_changed(layout::KILL_SWITCH, (before, after), &reason);
            let told = kill_changed(&known.kill.state, &now.state, "trading");
            known.rail = self.guardrail(ops);
            let rail = known.rail.event(self.recoveries.load(Ordering::Relaxed));
            self.bus.publish(vec![change, told, rail], Some(trace));
        }
        known.kill = now;
    }

    fn compare_rail(&self, ops: &Ops, known: &mut Known, trace: &str) {
        let now = self.guardrail(ops);
        if !now.is_like(&known.rail) {
            self.tell(now.event(self.recoveries.load(Ordering::Relaxed)), trace);
            known.rail = now;
        }
    }

    fn compare_bundle(&self, ops: &Ops, known: &mut Known) {
        let now = BundleSeen::read(ops);
        if now == known.bundle {
            return;
        }
        let is_well = now.decision == "PASS";
        let decision = now.decision.as_str().unwrap_or_default();
        let message = format!("strategy bundle {}: {decision}", now.bundle_id.as_deref().unwrap_or("-"));
        let draft = EventDraft::new("bundle_changed", "daily_ops", &message)
            .severity(if is_well { Severity::Info } else { Severity::Warn })
            .with("file", layout::BUNDLE.latest)
            .with("before", known.bundle.bundle_id.clone())
            .with("after", now.bundle_id.clone())
            .with("created_at", now.created_at.clone())
            .with("decision", now.decision.clone());
        self.tell(draft, NO_TRACE);
        known.bundle = now;
    }

    fn compare_run(&self, ops: &Ops, known: &mut Known) {
        // A record that cannot be read is no news: the health tells of it.
        let Some(record) = ops.latest_daily_run().present() else { return };
        if let Some(publish) = publish_of(&record).filter(|publish| known.publish.as_ref() != Some(publish)) {
            self.tell(publish_seen(&record, &publish), &publish);
            known.publish = Some(publish);
        }
        let Some(ended) = ended(&record).filter(|ended| known.ended.as_ref() != Some(ended)) else { return };
        known.ended = Some(ended);
        let run = Box::new(DailyRun::of(&record));
        if let Some((earlier, _)) = known.silent.replace((run, self.bus.clock().monotonic())) {
            self.tell_unless_told(&earlier);
        }
    }

    fn tell_of_silent(&self, known: &mut Known) {
        let Some((run, since)) = &known.silent else { return };
        let waited = self.bus.clock().monotonic().saturating_sub(*since);
        if self.is_told(run) {
            known.silent = None;
        } else if waited >= OWN_WORDS {
            self.tell_unless_told(run);
            known.silent = None;
        }
    }

    fn tell_unless_told(&self, run: &DailyRun) {
        if !self.is_told(run) {
            self.tell(run_finished(run), &run.trace_id);
        }
    }

    /// Whether the run itself has said that it ended.
    fn is_told(&self, run: &DailyRun) -> bool {
        let frames = self.bus.recent();
        let of_run = |event: &&crate::contracts::event::Event| {
            event.kind == "run_finished" && event.data.get("run_id").and_then(Value::as_str) == Some(&run.run_id)
        };
        frames.iter().rev().map(|frame| &frame.event).any(|event| of_run(&event))
    }

    /// Counts that orders were let go again.
    pub(crate) fn note_recovery(&self, before: &KillSwitch, now: &KillSwitch) {
        if before.is_on && !now.is_on {
            self.recoveries.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn tell(&self, draft: EventDraft, trace: &str) {
        self.bus.publish(vec![draft], Some(trace));
    }
}

impl Known {
    fn first(dash: &Dash, ops: &Ops, looks: [Option<Look>; FILES.len()]) -> Self {
        let gates = Gates::new(ops.store());
        let record = ops.latest_daily_run().present();
        Self {
            looks,
            switches: positions(&gates.switches()),
            kill: gates.kill_switch(),
            rail: dash.guardrail(ops),
            bundle: BundleSeen::read(ops),
            ended: record.as_ref().and_then(ended),
            publish: record.as_ref().and_then(publish_of),
            silent: None,
        }
    }
}

/// How each switch stands, in one word; one that cannot be read is not told apart by its safe value.
fn positions(read: &Switches) -> [String; 3] {
    let on = |on: bool| if on { "ON" } else { "OFF" };
    let word = |damage: Option<&str>, word: &str| if damage.is_some() { "UNREADABLE" } else { word }.to_owned();
    [
        word(read.gate.damage(), read.gate.value.as_str()),
        word(read.sender.damage(), on(read.sender.value)),
        word(read.stop.damage(), on(read.stop.value)),
    ]
}

fn position_of(kill: &KillReading) -> &'static str {
    if kill.damage.is_some() { "UNREADABLE" } else { kill.state.status.as_str() }
}

fn reason<T, D: Document>(reading: &Reading<T, D>) -> String {
    let document = reading.document.as_ref().and_then(|document| serde_json::to_value(document).ok());
    let stated = document.as_ref().and_then(|document| document.get("reason")?.as_str());
    reading.damage().or(stated).unwrap_or_default().to_owned()
}

fn safety_changed(file: &str, (before, after): (&str, &str), reason: &str) -> EventDraft {
    EventDraft::new("safety_changed", "daily_ops", &format!("{file}: {before} -> {after}: {reason}"))
        .severity(Severity::Warn)
        .with("file", file)
        .with("before", before)
        .with("after", after)
        .with("reason", reason)
}

/// The event of a kill switch that was set; `source` is `control` for this server's own door.
pub(crate) fn kill_changed(before: &KillSwitch, now: &KillSwitch, source: &str) -> EventDraft {
    let message = format!("kill switch {} by {}: {}", now.status.as_str(), now.actor, now.reason);
    EventDraft::new("KillSwitchChanged", source, &message)
        .severity(if now.status == KillStatus::On { Severity::Critical } else { Severity::Warn })
        .with("scope", "GLOBAL")
        .with("prevStatus", before.status.as_str())
        .with("newStatus", now.status.as_str())
        .with("reason", now.reason.as_str())
        .with("actor", now.actor.as_str())
        .with("details", serde_json::json!({}))
        .with("audit_id", now.audit_id.as_str())
        .with("version", now.version)
}

/// The publish that a run's pull brought, by its run id.
fn publish_of(record: &RunRecord) -> Option<String> {
    (record.trace_id != record.run_id).then(|| record.trace_id.to_string())
}

fn ended(record: &RunRecord) -> Option<String> {
    record.exit_code.and(record.finished_at.as_ref()).map(|_| record.run_id.to_string())
}

fn publish_seen(record: &RunRecord, publish: &str) -> EventDraft {
    let bundle = record.bundle.as_ref().and_then(|bundle| bundle.bundle_id.clone());
    EventDraft::new("publish_seen", "daily_ops", &format!("the publish {publish} of the PC arrived"))
        .with("publish_run_id", publish)
        .with("run_id", record.run_id.as_str())
        .with("revision", record.host_rev_after.clone())
        .with("bundle_id", bundle)
}

fn run_finished(run: &DailyRun) -> EventDraft {
    let severity = match run.result {
        "DONE" => Severity::Info,
        "WARNED" | "BLOCKED" => Severity::Warn,
        _ => Severity::Error,
    };
    let message = format!("daily run {}: {}", run.result, run.reason.as_deref().unwrap_or("-"));
    EventDraft::new("run_finished", "daily_ops", &message)
        .severity(severity)
        .with("run_id", run.run_id.as_str())
        .with("status", run.result)
        .with("exit_code", run.exit_code)
        .with("duration_ms", run.duration_ms)
        .with("reason", run.reason.clone())
        // It is taken from the record, because the run did not say so itself.
        .with("from_record", true)
}

#[cfg(test)]
mod tests;
