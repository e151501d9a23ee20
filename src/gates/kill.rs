//! The GLOBAL kill switch. Missing is off, unreadable is on, and nothing but its file decides it: no event, no log.
//!
//! | asked | file | what happens |
//! |---|---|---|
//! | on | missing, OFF, ARMED | written, then recorded |
//! | on | ON | recorded as a use without effect |
//! | on | unreadable | on already; written, so that it can be read again |
//! | off | missing, OFF | recorded as a use without effect |
//! | off | ON, ARMED | recorded, then written |
//! | off | unreadable | only by force: nobody knows why it was on |
//!
//! Switching on waits for nobody: not for a lock that somebody keeps, not for room on the disk, not for the audit.
//! Switching off is not made when it cannot be recorded. A version is never given twice, also when the file was removed:
//! the audit knows the last one.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::Change;
use super::Gates;
use super::new_id;
use super::switch::seen;
use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::event::millis_stamp;
use crate::contracts::kill::KillAction;
use crate::contracts::kill::KillAuditRow;
use crate::contracts::kill::KillStatus;
use crate::contracts::kill::KillSwitch;
use crate::store::Durability;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;

/// Why an unreadable kill switch counts as on.
pub const STATE_UNREADABLE: &str = "STATE_UNREADABLE";

/// How long switching on waits for a lock.
const ON_PATIENCE: Duration = Duration::from_secs(2);
/// Bytes at the end of the audit in which the last version is looked for.
const AUDIT_REACH: u64 = 64 << 10;

/// The kill switch as it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillReading {
    /// The document, or what counts in its place.
    pub state: KillSwitch,
    /// Why the file cannot be used; then the switch is on.
    pub damage: Option<String>,
}

/// The kill switch beside the emergency stop, which is a kill switch as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillView {
    /// The kill switch alone.
    pub reading: KillReading,
    /// Whether the emergency stop is on or unreadable.
    pub emergency_stop: bool,
    /// Why the emergency stop is on.
    pub stop_reason: String,
}

impl KillView {
    /// Whether new orders are stopped, by either of the two.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.reading.state.is_on || self.emergency_stop
    }

    /// The position that counts.
    #[must_use]
    pub fn status(&self) -> KillStatus {
        if self.is_on() { KillStatus::On } else { self.reading.state.status }
    }
}

/// The position that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillPosition {
    /// No new order.
    On,
    /// Orders may go.
    Off,
}

/// Whether a cause that is still there may be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It may not.
    No,
    /// It may.
    Yes,
}

/// What somebody asks of the kill switch.
#[derive(Clone, Debug)]
pub struct KillOrder {
    /// Names the use, in both audits and in the switch itself; [`new_kill_id`] makes one.
    pub audit_id: String,
    /// The position.
    pub position: KillPosition,
    /// Why.
    pub reason: String,
    /// Who, as the request says.
    pub actor: String,
    /// From where.
    pub actor_ip: String,
    /// What it belongs to.
    pub trace_id: String,
    /// The version that was seen; another one is a conflict.
    pub expected_version: Option<u64>,
    /// Off although its cause is still there.
    pub force: Force,
}

/// A name for one use of the kill switch.
#[must_use]
pub fn new_kill_id() -> String {
    new_id()
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct KillOutcome {
    /// How it stood before.
    pub before: KillSwitch,
    /// How it counts now.
    pub now: KillReading,
    /// Whether anything changed.
    pub changed: bool,
    /// Whether both audits hold it.
    pub audit_persisted: bool,
    /// What could not be done beside the change.
    pub troubles: Vec<String>,
}

/// The kill switch was not changed.
#[derive(Debug, thiserror::Error)]
pub enum KillFault {
    /// Somebody changed it since the version that was seen.
    #[error("the kill switch is at version {found}, not {expected}: somebody changed it; look again")]
    Conflict {
        /// The version that was seen.
        expected: u64,
        /// The version that it has.
        found: u64,
    },
    /// Its cause is still there.
    #[error("the kill switch stays on: {0}; `force` switches it off all the same")]
    CauseActive(String),
    /// The use cannot be recorded; nothing was changed.
    #[error("the kill switch was left as it is, because its use cannot be recorded: {0}")]
    NotAudited(#[source] StoreFault),
    /// The file cannot be written.
    #[error("the kill switch was not set: {0}")]
    Store(#[from] StoreFault),
}

/// What could not be done beside a change.
#[derive(Default)]
struct Troubles {
    unwritten: Option<String>,
    unrecorded: Vec<String>,
}

impl Troubles {
    fn note(&mut self, fault: &StoreFault) {
        tracing::error!(%fault, "a use of the kill switch could not be recorded");
        self.unrecorded.push(format!("its use could not be recorded: {fault}"));
    }
}

/// A use while it is made.
struct Use<'a> {
    order: &'a KillOrder,
    asker: &'a Actor,
    before: KillReading,
    version: u64,
    now: KstTime,
}

impl Use<'_> {
    fn state(&self, status: KillStatus) -> KillSwitch {
        KillSwitch {
            schema: KillSwitch::SCHEMA.to_owned(),
            is_on: status == KillStatus::On,
            status,
            reason: self.order.reason.clone(),
            audit_id: self.order.audit_id.clone(),
            trace_id: self.order.trace_id.clone(),
            actor: self.order.actor.clone(),
            ts: self.now.timestamp_millis(),
            ts_iso: millis_stamp(self.now),
            version: self.version,
        }
    }

    fn row(&self, action: KillAction) -> KillAuditRow {
        KillAuditRow {
            schema: KillAuditRow::SCHEMA.to_owned(),
            ts: self.now.timestamp_millis(),
            ts_iso: millis_stamp(self.now),
            audit_id: self.order.audit_id.clone(),
            trace_id: self.order.trace_id.clone(),
            action,
            reason: self.order.reason.clone(),
            actor: self.order.actor.clone(),
            proved_by: self.asker.name.clone(),
            actor_ip: self.order.actor_ip.clone(),
            prev_is_on: self.before.state.is_on,
            version: self.version,
        }
    }

    /// The entry of the product's audit trail.
    fn change(&self, action: &'static str, (before, after): (Value, Value)) -> Change {
        Change { before, after, ..Change::new(action, layout::KILL_SWITCH, self.order.reason.clone()) }
    }

    fn ended(self, now: KillReading, changed: bool, troubles: Troubles) -> KillOutcome {
        let audit_persisted = troubles.unrecorded.is_empty();
        let troubles = troubles.unwritten.into_iter().chain(troubles.unrecorded).collect();
        KillOutcome { before: self.before.state, now, changed, audit_persisted, troubles }
    }
}

impl Gates<'_> {
    /// Reads the kill switch. Nothing else decides it: no event, no log.
    #[must_use]
    pub fn kill_switch(&self) -> KillReading {
        match self.store.document::<KillSwitch>(layout::KILL_SWITCH) {
            Stored::Present(state) if state.is_on == (state.status == KillStatus::On) => {
                KillReading { state, damage: None }
            }
            Stored::Missing => KillReading { state: in_place(KillStatus::Off, ""), damage: None },
            Stored::Present(_) => unreadable("is_on and status disagree".to_owned()),
            Stored::Damaged(why) => unreadable(why),
        }
    }

    /// Reads the kill switch and the emergency stop together.
    #[must_use]
    pub fn kill_view(&self) -> KillView {
        let switches = self.switches();
        KillView {
            reading: self.kill_switch(),
            emergency_stop: switches.stop.value,
            stop_reason: if switches.stop.value { switches.stop_text() } else { String::new() },
        }
    }

    /// Sets the kill switch.
    ///
    /// # Errors
    /// Another version was expected, the cause persists, or a file cannot be written. Switching on fails only when its
    /// file can neither be written nor emptied.
    pub fn set_kill_switch(&self, order: &KillOrder, asker: &Actor, now: KstTime) -> Result<KillOutcome, KillFault> {
        let is_on = order.position == KillPosition::On;
        let patience = if is_on { ON_PATIENCE } else { super::PATIENCE };
        let held = self.store.exclusive_within(layout::KILL_LOCK, patience);
        let _held = match held {
            Ok(held) => Some(held),
            Err(fault) if is_on => {
                tracing::warn!(%fault, "the kill switch goes on without its lock");
                None
            }
            Err(fault) => return Err(fault.into()),
        };
        let before = self.kill_switch();
        let found = before.state.version;
        if let Some(expected) = order.expected_version.filter(|expected| *expected != found) {
            return Err(KillFault::Conflict { expected, found });
        }
        let version = found.max(self.last_audited_version());
        let mut this = Use { order, asker, before, version, now };
        let is_there = match order.position {
            KillPosition::On => this.before.state.is_on && this.before.damage.is_none(),
            KillPosition::Off => this.before.state.status == KillStatus::Off,
        };
        if is_there {
            // Nothing changes, so the version stays the one that everybody sees.
            this.version = found;
            return self.nothing_to_set(this);
        }
        this.version += 1;
        match order.position {
            KillPosition::On => self.switch_on(this),
            KillPosition::Off => self.switch_off(this),
        }
    }

    /// Written first, recorded second.
    fn switch_on(&self, this: Use<'_>) -> Result<KillOutcome, KillFault> {
        let seen = seen(self.store.document::<KillSwitch>(layout::KILL_SWITCH));
        let state = this.state(KillStatus::On);
        let mut troubles = Troubles::default();
        let mut after = serde_json::to_value(&state).unwrap_or_default();
        if let Err(fault) = self.store.write_document(layout::KILL_SWITCH, &state) {
            if !self.kill_switch().state.is_on
                && let Err(also) = self.store.make_empty(layout::KILL_SWITCH)
            {
                tracing::error!(%also, "the kill switch could neither be written nor emptied");
            }
            if !self.kill_switch().state.is_on {
                return Err(fault.into());
            }
            after = json!({"audit_id": this.order.audit_id, "unwritten": fault.to_string()});
            troubles.unwritten = Some(format!("its file could not be written and is unreadable, which is on: {fault}"));
        }
        let change = this.change("kill.set", (seen, after));
        let told = self.record_within(this.asker, change, (this.now, ON_PATIENCE)).map(drop);
        let row = self.append_row(&this.row(KillAction::KillOn), ON_PATIENCE);
        for fault in [told, row].into_iter().filter_map(Result::err) {
            troubles.note(&fault);
        }
        let now = self.kill_switch();
        Ok(this.ended(now, true, troubles))
    }

    /// Recorded first, written second.
    fn switch_off(&self, this: Use<'_>) -> Result<KillOutcome, KillFault> {
        if let Some(why) = this.before.damage.as_ref().filter(|_| this.order.force == Force::No) {
            return Err(KillFault::CauseActive(format!("{} cannot be read: {why}", layout::KILL_SWITCH)));
        }
        let seen = seen(self.store.document::<KillSwitch>(layout::KILL_SWITCH));
        let state = this.state(KillStatus::Off);
        let change = this.change("kill.set", (seen, serde_json::to_value(&state).unwrap_or_default()));
        let entry = self.record(this.asker, change, this.now).map_err(KillFault::NotAudited)?;
        if let Err(fault) = self.append_row(&this.row(KillAction::KillOff), super::PATIENCE) {
            self.record_failure(this.asker, entry, &fault.to_string(), this.now);
            return Err(KillFault::NotAudited(fault));
        }
        // Somebody may have switched it on without the lock in the meantime: that counts.
        let found = self.kill_switch();
        let outcome = if found == this.before {
            self.store.write_document(layout::KILL_SWITCH, &state).map_err(KillFault::from)
        } else {
            let (expected, found) = (this.before.state.version, found.state.version);
            Err(KillFault::Conflict { expected, found })
        };
        if let Err(fault) = outcome {
            self.record_failure(this.asker, entry, &fault.to_string(), this.now);
            if let Err(also) = self.append_row(&this.row(KillAction::KillOffFailed), super::PATIENCE) {
                tracing::error!(%also, "switching the kill switch off failed, and its audit could not be told");
            }
            return Err(fault);
        }
        let now = KillReading { state, damage: None };
        Ok(this.ended(now, true, Troubles::default()))
    }

    /// It stands where it is asked to be. Also that is recorded.
    fn nothing_to_set(&self, this: Use<'_>) -> Result<KillOutcome, KillFault> {
        let is_on = this.order.position == KillPosition::On;
        let (action, patience) =
            if is_on { (KillAction::KillOnNoop, ON_PATIENCE) } else { (KillAction::KillOffNoop, super::PATIENCE) };
        let state = serde_json::to_value(&this.before.state).unwrap_or_default();
        let after = json!({"audit_id": this.order.audit_id, "status": this.before.state.status});
        let change = this.change("kill.noop", (state, after));
        let told = self.record_within(this.asker, change, (this.now, patience)).map(drop);
        let row = self.append_row(&this.row(action), patience);
        let faults: Vec<StoreFault> = [told, row].into_iter().filter_map(Result::err).collect();
        let now = this.before.clone();
        match faults.into_iter().next() {
            Some(fault) if !is_on => Err(KillFault::NotAudited(fault)),
            fault => {
                let mut troubles = Troubles::default();
                fault.iter().for_each(|fault| troubles.note(fault));
                Ok(this.ended(now, false, troubles))
            }
        }
    }

    fn append_row(&self, row: &KillAuditRow, patience: Duration) -> Result<(), StoreFault> {
        let line = super::line_of(layout::KILL_AUDIT, row)?;
        self.store.append_within(layout::KILL_AUDIT, &line, (Durability::Durable, patience))
    }

    /// The highest version at the end of the audit; 0 without one that can be read.
    fn last_audited_version(&self) -> u64 {
        let Ok(Some((bytes, _))) = self.store.read_end(layout::KILL_AUDIT, AUDIT_REACH) else { return 0 };
        let rows = bytes.split(|byte| *byte == b'\n').filter_map(|line| KillAuditRow::parse(line).ok());
        rows.map(|row| row.version).max().unwrap_or(0)
    }
}

fn unreadable(why: String) -> KillReading {
    KillReading { state: in_place(KillStatus::On, STATE_UNREADABLE), damage: Some(why) }
}

fn in_place(status: KillStatus, reason: &str) -> KillSwitch {
    KillSwitch {
        schema: KillSwitch::SCHEMA.to_owned(),
        is_on: status == KillStatus::On,
        status,
        reason: reason.to_owned(),
        audit_id: String::new(),
        trace_id: crate::contracts::event::NO_TRACE.to_owned(),
        actor: String::new(),
        ts: 0,
        ts_iso: String::new(),
        version: 0,
    }
}
