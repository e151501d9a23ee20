//! Gate, sender, stop, kill switch, and the guardrail that they come to.
//!
//! Each change has a trace: that of the request through this server that made it; else `audit-N`, N the number of its
//! entry in the audit trail; else one that is made up, for a change by hand. What is recorded after it is made may be seen
//! before. The kill switch names its trace itself, else its use.

use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::backend::dash::guardrail::Guardrail;
use crate::contracts::Document;
use crate::contracts::event::Event;
use crate::contracts::event::NO_TRACE;
use crate::contracts::event::is_trace;
use crate::contracts::event::new_trace;
use crate::contracts::json::sha256_hex;
use crate::contracts::kill::KillStatus;
use crate::contracts::kill::KillSwitch;
use crate::gates::Gates;
use crate::gates::KillReading;
use crate::gates::Reading;
use crate::ops::Ops;
use crate::store::layout;

use super::Change;
use super::Glance;
use super::Known;
use super::OwnWord;
use super::words;

/// What a switch stands at whose file cannot be read: it is not told apart by its safe value.
const UNREADABLE: &str = "UNREADABLE";

/// One of the three switches as it is read now.
pub(super) struct SwitchNow {
    file: &'static str,
    /// How it stands, in one word.
    pub(super) position: String,
    reason: String,
    /// The document as the audit trail has it.
    document: Option<Value>,
}

impl SwitchNow {
    fn of<T, D: Document>(file: &'static str, reading: &Reading<T, D>, word: &str) -> Self {
        let document = reading.document.as_ref().and_then(|document| serde_json::to_value(document).ok());
        let stated = document.as_ref().and_then(|document| document.get("reason")?.as_str());
        let reason = reading.damage().or(stated).unwrap_or_default().to_owned();
        let position = if reading.damage().is_some() { UNREADABLE } else { word }.to_owned();
        Self { file, position, reason, document }
    }

    /// When it was set, as the document says.
    fn at(&self) -> Option<&str> {
        self.document.as_ref()?.get("updated_at")?.as_str()
    }

    /// Whether this stop has closed that gate.
    fn has_closed(&self, gate: &Self) -> bool {
        self.position == "ON" && gate.file == layout::GATE && self.at().is_some() && self.at() == gate.at()
    }
}

/// Gate, sender and stop as they are read now.
pub(super) fn read(ops: &Ops) -> [SwitchNow; 3] {
    let on = |on: bool| if on { "ON" } else { "OFF" };
    let read = Gates::new(ops.store()).switches();
    [
        SwitchNow::of(layout::GATE, &read.gate, read.gate.value.as_str()),
        SwitchNow::of(layout::SENDER, &read.sender, on(read.sender.value)),
        SwitchNow::of(layout::STOP, &read.stop, on(read.stop.value)),
    ]
}

/// How the kill switch stood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KillSeen {
    pub(super) position: String,
    pub(super) version: u64,
}

impl KillSeen {
    pub(super) fn of(reading: &KillReading) -> Self {
        let word = if reading.damage.is_some() { UNREADABLE } else { reading.state.status.as_str() };
        Self { position: word.to_owned(), version: reading.state.version }
    }

    /// The position that counts: what is not known to be off is on.
    fn status(&self) -> KillStatus {
        match self.position.as_str() {
            "OFF" => KillStatus::Off,
            "ARMED" => KillStatus::Armed,
            _ => KillStatus::On,
        }
    }
}

impl Known {
    /// Takes over what an event told of a switch or the guardrail.
    pub(super) fn turn(&mut self, event: &Event) {
        let text = |key| event.data.get(key).and_then(Value::as_str);
        match (event.kind.as_str(), text("file"), text("after"), text("newStatus")) {
            ("safety_changed", Some(layout::KILL_SWITCH), Some(after), _) => self.kill.position = after.to_owned(),
            ("safety_changed", Some(file), Some(after), _) => {
                let files = [layout::GATE, layout::SENDER, layout::STOP];
                let switches = self.switches.iter_mut().zip(files);
                switches.filter(|(_, one)| *one == file).for_each(|(position, _)| after.clone_into(position));
            }
            ("KillSwitchChanged", _, _, Some(status)) => {
                self.kill.version = event.data.get("version").and_then(Value::as_u64).unwrap_or(self.kill.version);
                // The other source says it in the event before, and whether the file can be read.
                if event.source == "control" {
                    status.clone_into(&mut self.kill.position);
                }
            }
            ("guardrail_update", ..) => {
                self.rail = Guardrail::position_told(event).unwrap_or_else(|| std::mem::take(&mut self.rail));
            }
            _ => {}
        }
    }
}

impl Glance<'_> {
    /// Tells which switches were moved, and gives the trace that the guardrail's change belongs to.
    pub(super) fn switches(&self, known: &mut Known) -> Option<String> {
        let now = read(self.ops);
        let changed: Vec<_> =
            known.switches.iter_mut().zip(&now).filter(|(before, now)| **before != now.position).collect();
        let files: Vec<&SwitchNow> = changed.iter().map(|(_, now)| *now).collect();
        let traces = self.traces(&files);
        let mut cause = None;
        for ((before, now), trace) in changed.into_iter().zip(traces) {
            let moved = (before.as_str(), now.position.as_str());
            let draft = words::safety_changed(now.file, moved, &now.reason);
            let id = words::change_id(&[now.file, moved.0, moved.1, &self.content(now.file)]);
            let at = now.at().map(str::to_owned);
            self.tell(vec![Change { at, ..self.change(draft, id) }], &trace);
            before.clone_from(&now.position);
            // The stop comes last, and decides.
            if now.file != layout::SENDER {
                cause = Some(trace);
            }
        }
        cause
    }

    /// The trace of each change. The gate that the emergency stop has closed belongs to the stop.
    fn traces(&self, changed: &[&SwitchNow]) -> Vec<String> {
        if let Some(trace) = self.dash.observer.cause() {
            return vec![trace; changed.len()];
        }
        let gates = Gates::new(self.ops.store());
        let entry = |switch: &SwitchNow| gates.entry_that_set(switch.file, switch.document.as_ref()?);
        let trace = |switch: &SwitchNow| entry(switch).map_or_else(new_trace, |seq| format!("audit-{seq}"));
        let stop = changed.iter().find(|switch| switch.file == layout::STOP).map(|stop| (*stop, trace(stop)));
        let of = |switch: &&SwitchNow| match &stop {
            Some((stop, trace)) if switch.file == layout::STOP || stop.has_closed(switch) => trace.clone(),
            Some(_) | None => trace(switch),
        };
        changed.iter().map(of).collect()
    }

    /// A kill switch that somebody else set.
    pub(super) fn kill(&self, known: &mut Known) {
        let reading = Gates::new(self.ops.store()).kill_switch();
        let now = KillSeen::of(&reading);
        if now == known.kill {
            known.unsaid = None;
            return;
        }
        let own_word = self.dash.observer.own_word(&reading.state.audit_id);
        if own_word == Some(OwnWord::Coming) && !self.is_over(*known.unsaid.get_or_insert_with(|| self.now())) {
            // It will tell of itself; until then it is not known.
            return;
        }
        known.unsaid = None;
        let before = std::mem::replace(&mut known.kill, now);
        match own_word {
            // What has moved the guardrail since then is a change after it.
            Some(OwnWord::Told(position)) => {
                known.rail = position;
                return;
            }
            Some(OwnWord::Same) => return,
            Some(OwnWord::Coming) | None => {}
        }
        let rail = self.dash.guardrail(self.ops);
        let rail_before = std::mem::replace(&mut known.rail, rail.position());
        let (state, status) = (&reading.state, before.status());
        let id = words::kill_change_id(status, state);
        if !self.is_first() {
            self.dash.note_recovery(status, state.status);
        }
        let reason = reading.damage.as_deref().unwrap_or(&state.reason);
        let moved = (before.position.as_str(), known.kill.position.as_str());
        let at = Some(state.ts_iso.clone()).filter(|at| !at.is_empty());
        let of = |draft, id| Change { at: at.clone(), ..self.change(draft, id) };
        let changes = vec![
            of(words::safety_changed(layout::KILL_SWITCH, moved, reason), id.clone()),
            of(words::kill_changed(status, state, "trading"), id),
            of(rail.event(self.recoveries()), self.rail_id((&rail_before, &known.rail))),
        ];
        self.tell(changes, &trace_of(state));
    }

    /// The guardrail, when something else than the kill switch has moved it.
    pub(super) fn rail(&self, known: &mut Known, cause: Option<String>) {
        let now = self.dash.guardrail(self.ops);
        let position = now.position();
        if position == known.rail {
            return;
        }
        let id = self.rail_id((&known.rail, &position));
        // What follows from the core's health alone has no cause that could be named.
        let trace = cause.or_else(|| self.dash.observer.cause()).unwrap_or_else(|| NO_TRACE.to_owned());
        self.tell(vec![self.change(now.event(self.recoveries()), id)], &trace);
        known.rail = position;
    }

    fn rail_id(&self, (before, after): (&str, &str)) -> String {
        let [gate, stop, kill] = [layout::GATE, layout::STOP, layout::KILL_SWITCH].map(|file| self.content(file));
        words::change_id(&["guardrail", before, after, &gate, &stop, &kill])
    }

    fn recoveries(&self) -> u64 {
        self.dash.recoveries.load(Ordering::Relaxed)
    }

    /// The hash of a file; nothing when there is none.
    fn content(&self, file: &str) -> String {
        let bytes = self.ops.store().read(file).ok().flatten();
        bytes.map(|bytes| sha256_hex(&bytes)).unwrap_or_default()
    }
}

/// The trace that the kill switch names, else its use, else one of its own.
fn trace_of(state: &KillSwitch) -> String {
    let named = [&state.trace_id, &state.audit_id].into_iter().find(|id| is_trace(id) && *id != NO_TRACE);
    named.cloned().unwrap_or_else(new_trace)
}
