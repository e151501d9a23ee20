//! Changes towards safety: the emergency stop, a gate that closes, a sender that is switched off, a window or a token that
//! is revoked.
//!
//! Nothing may keep them from being made, so they are made first and recorded second, and a lock is waited for only so
//! long. On a full disk a switch's file is emptied, which needs no room: an empty stop is on, an empty gate is MOCK_ONLY,
//! an empty sender is off. What could not be done beside the change is told afterwards.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::Change;
use super::Gates;
use super::SwitchFault;
use super::Switches;
use super::switch::gate_of;
use super::switch::seen;
use super::window::Windows;
use super::window::at_state;
use super::window::revocation;
use crate::contracts::Document;
use crate::contracts::GateMode;
use crate::contracts::actor::Actor;
use crate::contracts::approval::WindowState;
use crate::contracts::safety::EmergencyStop;
use crate::contracts::safety::ExecutionGate;
use crate::store::Durability;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;

/// How long the emergency stop waits for a lock.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

const UNTOLD: &str = "the audit trail could not be written";

/// A change towards safety that was made, and what could not be done beside it.
#[derive(Debug)]
pub struct Shortfall {
    /// What counts now.
    done: String,
    /// What was not done, and why not.
    troubles: Vec<(&'static str, StoreFault)>,
}

impl Shortfall {
    fn of(done: impl Into<String>) -> Self {
        Self { done: done.into(), troubles: Vec::new() }
    }

    fn note(&mut self, what: &'static str, outcome: Result<(), StoreFault>) {
        self.troubles.extend(outcome.err().map(|fault| (what, fault)));
    }

    fn ended(self) -> Result<(), Self> {
        if self.troubles.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The first of the faults.
    #[must_use]
    pub fn into_fault(self) -> StoreFault {
        let told = self.to_string();
        let first = self.troubles.into_iter().next().map(|(_, fault)| fault);
        first.unwrap_or_else(|| StoreFault::new("write", layout::AUDIT)(std::io::Error::other(told)))
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.done)?;
        for (n, (what, fault)) in self.troubles.iter().enumerate() {
            write!(f, "{}{what}: {fault}", if n == 0 { ", but " } else { "; " })?;
        }
        Ok(())
    }
}

impl From<Shortfall> for SwitchFault {
    fn from(short: Shortfall) -> Self {
        Self::NotRecorded(short)
    }
}

/// A switch's file and what it is to hold.
pub(super) struct Position<'d, D> {
    pub(super) file: &'static str,
    pub(super) document: &'d D,
    /// Whether the switches, as they are read, stand at least as safe.
    pub(super) is_safe: &'d dyn Fn(&Switches) -> bool,
}

impl Gates<'_> {
    /// Puts the stop on, closes the gate and revokes the open window. Nothing may keep the stop from being put on: not a
    /// lock that somebody keeps, not a full disk, not a trail that cannot be written.
    pub(super) fn halt(
        &self,
        stop: &EmergencyStop,
        actor: &Actor,
        reason: &str,
        now: KstTime,
    ) -> Result<(), SwitchFault> {
        let held = self.store.exclusive_within(layout::SWITCH_LOCK, STOP_PATIENCE);
        let _held = held.inspect_err(|fault| tracing::warn!(%fault, "the emergency stop goes on without its lock"));
        let mut short = Shortfall::of("the emergency stop is ON");
        let is_safe = |read: &Switches| read.stop.value;
        let stop = Position { file: layout::STOP, document: stop, is_safe: &is_safe };
        let change = Change::new("stop.set", layout::STOP, reason);
        let (put, stop_change) = self.put(&stop, change);
        // The gate is closed also when the stop could not be put on: then it is all that can be done.
        let system = Actor::new("emergency_stop_system", actor.role, actor.from.clone());
        let why = format!("Emergency Stop activated: {reason}");
        let gate = gate_of(GateMode::MockOnly, &system, &why, now);
        let is_safe = |read: &Switches| read.gate.value == GateMode::MockOnly;
        let gate = Position { file: layout::GATE, document: &gate, is_safe: &is_safe };
        let change = Change::new("gate.set", layout::GATE, &why);
        let (closed, gate_change) = self.put::<ExecutionGate>(&gate, change);
        let on = put.map(|trouble| short.troubles.extend(trouble));
        match closed {
            Ok(trouble) => short.troubles.extend(trouble),
            Err(fault) => short.troubles.push(("the gate could not be closed", fault)),
        }
        if on.is_ok() {
            self.tell(&mut short, (actor, stop_change), (now, STOP_PATIENCE));
        }
        self.tell(&mut short, (&system, gate_change), (now, STOP_PATIENCE));
        self.close_window(&mut short, &system, &why, now);
        on?;
        Ok(short.ended()?)
    }

    /// Makes a change towards safety, then records it.
    pub(super) fn make_safe<D: Document>(
        &self,
        to: &Position<'_, D>,
        done: String,
        (actor, change): (&Actor, Change),
        now: KstTime,
    ) -> Result<(), SwitchFault> {
        let mut short = Shortfall::of(done);
        let (put, change) = self.put(to, change);
        match put {
            Ok(trouble) => short.troubles.extend(trouble),
            Err(fault) => {
                if let Ok(entry) = self.record(actor, change, now) {
                    self.record_failure(actor, entry, &fault.to_string(), now);
                }
                return Err(fault.into());
            }
        }
        self.tell(&mut short, (actor, change), (now, super::PATIENCE));
        Ok(short.ended()?)
    }

    /// Makes a change that takes something away from somebody, then records it. `done` says what counts afterwards.
    pub(super) fn made_first<E>(
        &self,
        done: String,
        (actor, change): (&Actor, Change),
        now: KstTime,
        act: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<Shortfall> + fmt::Display,
    {
        if let Err(fault) = act() {
            if let Ok(entry) = self.record(actor, change, now) {
                self.record_failure(actor, entry, &fault.to_string(), now);
            }
            return Err(fault);
        }
        let mut short = Shortfall::of(done);
        self.tell(&mut short, (actor, change), (now, super::PATIENCE));
        Ok(short.ended()?)
    }

    /// Writes a switch, or empties its file when that is not possible. What counts is what is read afterwards.
    #[expect(clippy::type_complexity, reason = "a change and how it went")]
    fn put<D: Document>(
        &self,
        to: &Position<'_, D>,
        change: Change,
    ) -> (Result<Option<(&'static str, StoreFault)>, StoreFault>, Change) {
        let change = Change { before: seen(self.store.document::<D>(to.file)), ..change }.to(to.document);
        let Err(fault) = self.store.write_document(to.file, to.document) else { return (Ok(None), change) };
        if !(to.is_safe)(&self.switches())
            && let Err(also) = self.store.make_empty(to.file)
        {
            tracing::error!(%also, "a switch could neither be written nor emptied");
        }
        if !(to.is_safe)(&self.switches()) {
            return (Err(fault), change);
        }
        let after: Value = serde_json::json!({"unwritten": fault.to_string()});
        (Ok(Some(("its file could not be written and was emptied", fault))), Change { after, ..change })
    }

    /// Records a change that was made. Once the trail has failed it is not tried again: each try may wait.
    fn tell(&self, short: &mut Shortfall, (actor, change): (&Actor, Change), (now, patience): (KstTime, Duration)) {
        if short.troubles.iter().all(|(what, _)| *what != UNTOLD) {
            let outcome = self.record_within(actor, change, (now, patience));
            short.note(UNTOLD, outcome.map(drop));
        }
    }

    /// Revokes the window that is open, without its lock when somebody keeps that: a line that ends a window only closes.
    fn close_window(&self, short: &mut Shortfall, actor: &Actor, reason: &str, now: KstTime) {
        const WHAT: &str = "the window for real execution could not be revoked";
        let held = self.store.exclusive_within(layout::APPROVALS_LOCK, STOP_PATIENCE);
        let _held = held.inspect_err(|fault| tracing::warn!(%fault, "the window is revoked without its lock"));
        let all = match Windows::read(self.store) {
            Ok(all) => all,
            Err(fault) => return short.note(WHAT, Err(fault)),
        };
        let Some(window) = all.open(now) else { return };
        let line = super::line_of(layout::WINDOWS, &revocation(window, reason, now));
        let how = (Durability::Durable, STOP_PATIENCE);
        match line.and_then(|line| self.store.append_within(layout::WINDOWS, &line, how)) {
            Ok(()) => {
                let change = Change::new("window.revoke", window.window_id.as_str(), reason)
                    .of(&at_state(window, WindowState::Active))
                    .to(&at_state(window, WindowState::Revoked));
                self.tell(short, (actor, change), (now, STOP_PATIENCE));
            }
            Err(fault) => short.note(WHAT, Err(fault)),
        }
    }
}

#[cfg(test)]
mod tests;
