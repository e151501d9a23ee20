//! Gate, sender and emergency stop: reading them safely, changing them with a reason.

use super::Action;
use super::Change;
use super::Gates;
use super::Permission;
use super::Shortfall;
use super::safer::Position;
use crate::contracts::Document;
use crate::contracts::GateMode;
use crate::contracts::actor::Actor;
use crate::contracts::channel::Channels;
use crate::contracts::safety::EmergencyStop;
use crate::contracts::safety::ExecutionGate;
use crate::contracts::safety::SenderEnable;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Where a reading comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file.
    File,
    /// There is no file; the default counts.
    Missing,
    /// The file cannot be used; the safe value counts. The text says why.
    Damaged(String),
}

/// One switch as it counts, with where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<T, D> {
    /// What counts.
    pub value: T,
    /// Why it counts.
    pub origin: Origin,
    /// The document behind it, when there is one.
    pub document: Option<D>,
}

impl<T, D: Document> Reading<T, D> {
    fn of(stored: Stored<D>, missing: T, damaged: T, value: impl Fn(&D) -> T) -> Self {
        match stored {
            Stored::Present(document) => {
                Self { value: value(&document), origin: Origin::File, document: Some(document) }
            }
            Stored::Missing => Self { value: missing, origin: Origin::Missing, document: None },
            Stored::Damaged(why) => Self { value: damaged, origin: Origin::Damaged(why), document: None },
        }
    }

    /// Why the file cannot be used; `None` when it can or is not there.
    #[must_use]
    pub fn damage(&self) -> Option<&str> {
        if let Origin::Damaged(why) = &self.origin { Some(why) } else { None }
    }
}

/// All three switches at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Switches {
    /// How far execution may go.
    pub gate: Reading<GateMode, ExecutionGate>,
    /// Whether messages may leave the host.
    pub sender: Reading<bool, SenderEnable>,
    /// Whether everything stands still.
    pub stop: Reading<bool, EmergencyStop>,
}

impl Switches {
    pub(super) fn read(store: &Store) -> Self {
        let mock = GateMode::MockOnly;
        Self {
            gate: Reading::of(store.document(layout::GATE), mock, mock, |gate: &ExecutionGate| gate.mode),
            sender: Reading::of(store.document(layout::SENDER), false, false, |sender: &SenderEnable| sender.enabled),
            stop: Reading::of(store.document(layout::STOP), false, true, |stop: &EmergencyStop| stop.enabled),
        }
    }

    /// The channels that messages may leave by now: none while the sender is off.
    #[must_use]
    pub fn channels(&self) -> Channels {
        if self.sender.value { self.named_channels() } else { Channels::default() }
    }

    /// The channels that the sender's document names, on or off. Older documents name none and mean Telegram.
    #[must_use]
    pub fn named_channels(&self) -> Channels {
        self.sender.document.as_ref().and_then(|sender| sender.channel).unwrap_or(Channels::TELEGRAM_ONLY)
    }

    /// Why the stop counts as on, for people.
    #[must_use]
    pub fn stop_text(&self) -> String {
        match (&self.stop.origin, self.stop.document.as_ref().and_then(|d| d.reason.as_deref())) {
            (Origin::Damaged(why), _) => format!("EMERGENCY_STOP_UNREADABLE: {}: {why}", layout::STOP),
            (_, Some(reason)) => reason.to_owned(),
            _ => String::new(),
        }
    }

    /// The files that cannot be used, each with the reason.
    #[must_use]
    pub fn damaged(&self) -> Vec<(&'static str, String)> {
        [(layout::GATE, self.gate.damage()), (layout::SENDER, self.sender.damage()), (layout::STOP, self.stop.damage())]
            .into_iter()
            .filter_map(|(file, why)| Some((file, why?.to_owned())))
            .collect()
    }
}

/// A switch was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SwitchFault {
    /// A reason is needed for this change.
    #[error("a reason is required to {0}")]
    NoReason(&'static str),
    /// Another switch, approval or window says no.
    #[error("the gate cannot be opened: {0}")]
    Refused(String),
    /// The change was made, and something beside it was not: most often the audit trail could not be told.
    #[error("{0}")]
    NotRecorded(Shortfall),
    /// The file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl Gates<'_> {
    /// Sets the gate's mode. `REAL_ENABLED` needs a reason, the stop off, an approval and an open window.
    ///
    /// # Errors
    /// The change is refused or cannot be written.
    pub fn set_gate(
        &self,
        mode: GateMode,
        actor: &Actor,
        reason: &str,
        now: KstTime,
    ) -> Result<ExecutionGate, SwitchFault> {
        if mode == GateMode::RealEnabled {
            if reason.trim().is_empty() {
                return Err(SwitchFault::NoReason("enable real execution"));
            }
            self.may_open(now)?;
        }
        // Between the check and the write nobody may set the stop, revoke the window or approve: it would be overwritten.
        // So it is asked again here, under both locks, which are always taken in this order.
        let _held = self.store.exclusive_within(layout::SWITCH_LOCK, super::PATIENCE)?;
        let _approvals = if mode == GateMode::RealEnabled {
            let held = self.store.exclusive_within(layout::APPROVALS_LOCK, super::PATIENCE)?;
            self.may_open(now)?;
            Some(held)
        } else {
            None
        };
        let gate = gate_of(mode, actor, reason, now);
        let change = Change::new("gate.set", layout::GATE, reason);
        if mode < self.switches().gate.value {
            let is_safe = |read: &Switches| read.gate.value <= mode;
            let to = Position { file: layout::GATE, document: &gate, is_safe: &is_safe };
            self.make_safe(&to, format!("the gate is no further open than {}", mode.as_str()), (actor, change), now)?;
        } else {
            let before = self.store.document::<ExecutionGate>(layout::GATE);
            let change = change.of(&seen(before)).to(&gate);
            self.recorded(actor, change, now, || self.store.write_document(layout::GATE, &gate))?;
        }
        Ok(gate)
    }

    fn may_open(&self, now: KstTime) -> Result<(), SwitchFault> {
        match self.permit(Action::EnableReal, now) {
            Permission::Permit => Ok(()),
            Permission::Block(_, why) => Err(SwitchFault::Refused(why)),
        }
    }

    /// Sets the emergency stop. Switching it on needs a reason, closes the gate to MOCK_ONLY and revokes the open window;
    /// switching it off leaves both where they are.
    ///
    /// # Errors
    /// The reason is missing, or a file cannot be written. The stop is written before everything else. What fails beside
    /// it is told and does not keep it off.
    pub fn set_stop(
        &self,
        enabled: Stop,
        actor: &Actor,
        reason: &str,
        now: KstTime,
    ) -> Result<EmergencyStop, SwitchFault> {
        let on = enabled == Stop::On;
        if on && reason.trim().is_empty() {
            return Err(SwitchFault::NoReason("switch the emergency stop on"));
        }
        let stop = EmergencyStop {
            schema: EmergencyStop::SCHEMA.to_owned(),
            enabled: on,
            updated_at: Some(Stamp::of(now)),
            updated_by: Some(actor.name.clone()),
            reason: Some(reason.to_owned()),
        };
        if on {
            self.halt(&stop, actor, reason, now)?;
        } else {
            let _held = self.store.exclusive_within(layout::SWITCH_LOCK, super::PATIENCE)?;
            let before = self.store.document::<EmergencyStop>(layout::STOP);
            let change = Change::new("stop.set", layout::STOP, reason).of(&seen(before)).to(&stop);
            self.recorded(actor, change, now, || self.store.write_document(layout::STOP, &stop))?;
        }
        Ok(stop)
    }

    /// Enables the sender for the channels that are named, or disables it. Enabling needs a reason.
    ///
    /// # Errors
    /// The reason is missing, or the file cannot be written.
    pub fn set_sender(
        &self,
        enabled: Sender,
        actor: &Actor,
        reason: &str,
        now: KstTime,
    ) -> Result<SenderEnable, SwitchFault> {
        let (on, channels) = match enabled {
            Sender::On(channels) => (true, channels),
            Sender::Off => (false, Channels::TELEGRAM_ONLY),
        };
        if on && reason.trim().is_empty() {
            return Err(SwitchFault::NoReason("enable the sender"));
        }
        let _held = self.store.exclusive_within(layout::SWITCH_LOCK, super::PATIENCE)?;
        let sender = SenderEnable {
            schema: SenderEnable::SCHEMA.to_owned(),
            enabled: on,
            channel: Some(channels),
            updated_at: Some(Stamp::of(now)),
            updated_by: Some(actor.name.clone()),
            reason: Some(if reason.is_empty() { "Disabled" } else { reason }.to_owned()),
        };
        let change = Change::new("sender.set", layout::SENDER, reason);
        if on {
            let before = self.store.document::<SenderEnable>(layout::SENDER);
            let change = change.of(&seen(before)).to(&sender);
            self.recorded(actor, change, now, || self.store.write_document(layout::SENDER, &sender))?;
        } else {
            let is_safe = |read: &Switches| !read.sender.value;
            let to = Position { file: layout::SENDER, document: &sender, is_safe: &is_safe };
            self.make_safe(&to, "the sender is disabled".to_owned(), (actor, change), now)?;
        }
        Ok(sender)
    }
}

pub(super) fn gate_of(mode: GateMode, actor: &Actor, reason: &str, now: KstTime) -> ExecutionGate {
    ExecutionGate {
        schema: ExecutionGate::SCHEMA.to_owned(),
        mode,
        updated_at: Some(Stamp::of(now)),
        updated_by: Some(actor.name.clone()),
        reason: Some(reason.to_owned()),
    }
}

/// What was there, for the audit trail: the document, nothing, or why it could not be read.
pub(super) fn seen<D: Document>(stored: Stored<D>) -> serde_json::Value {
    match stored {
        Stored::Present(document) => serde_json::to_value(document).unwrap_or_default(),
        Stored::Missing => serde_json::Value::Null,
        Stored::Damaged(why) => serde_json::json!({"unreadable": why}),
    }
}

/// The emergency stop's two positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Everything stands still.
    On,
    /// Normal.
    Off,
}

/// The sender's two positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Messages may leave the host by these channels.
    On(Channels),
    /// They may not.
    Off,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::actor::Role;
    use crate::time::Clock as _;
    use crate::time::SystemClock;

    fn op() -> Actor {
        Actor::new("op", Role::Admin, "test")
    }

    fn workspace() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        (dir, store)
    }

    #[test]
    fn missing_and_damaged_files_give_the_safe_reading() {
        let (_dir, store) = workspace();
        let gates = Gates::new(&store);
        let none = gates.switches();
        assert_eq!((none.gate.value, none.sender.value, none.stop.value), (GateMode::MockOnly, false, false));
        assert!(none.damaged().is_empty());
        let bad: [&[u8]; 6] = [
            b"",
            b"{not json",
            b"[]",
            b"{}",
            br#"{"schema":"OTHER_V1","mode":"REAL_ENABLED","enabled":false}"#,
            br#"{"schema":"EMERGENCY_STOP_V1","enabled":"false","mode":"REAL"}"#,
        ];
        for bytes in bad {
            for file in [layout::GATE, layout::SENDER, layout::STOP] {
                store.write(file, bytes).expect("written");
            }
            let read = gates.switches();
            assert_eq!(
                (read.gate.value, read.sender.value, read.stop.value),
                (GateMode::MockOnly, false, true),
                "{bytes:?}"
            );
            assert_eq!(read.damaged().len(), 3);
            assert!(read.stop_text().starts_with("EMERGENCY_STOP_UNREADABLE"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_in_place_of_a_switch_is_damage() {
        let (dir, store) = workspace();
        std::fs::create_dir_all(dir.path().join(layout::STOP)).expect("made");
        assert!(Gates::new(&store).switches().stop.value);
    }

    #[test]
    fn the_stop_closes_the_gate_and_does_not_open_it_again() {
        let (_dir, store) = workspace();
        let gates = Gates::new(&store);
        let now = SystemClock::new().now();
        gates.set_gate(GateMode::DryRun, &op(), "usual", now).expect("set");
        assert!(matches!(gates.set_stop(Stop::On, &op(), " ", now), Err(SwitchFault::NoReason(_))));
        gates.set_stop(Stop::On, &op(), "drill", now).expect("set");
        let on = gates.switches();
        assert_eq!((on.stop.value, on.gate.value), (true, GateMode::MockOnly));
        let gate = on.gate.document.expect("a file");
        assert_eq!(gate.updated_by.as_deref(), Some("emergency_stop_system"));
        assert_eq!(gate.reason.as_deref(), Some("Emergency Stop activated: drill"));
        gates.set_stop(Stop::Off, &op(), "", now).expect("set");
        let off = gates.switches();
        assert_eq!((off.stop.value, off.gate.value), (false, GateMode::MockOnly));
    }

    #[test]
    fn real_execution_needs_everything() {
        let (_dir, store) = workspace();
        let gates = Gates::new(&store);
        let now = Stamp::from("2026-01-10T16:10:00+09:00").instant().expect("a time");
        let refused = |why: &str| match gates.set_gate(GateMode::RealEnabled, &op(), "go", now) {
            Err(SwitchFault::Refused(text)) => assert!(text.contains(why), "{text}"),
            other => panic!("{why}: {other:?}"),
        };
        refused("approval");
        store
            .write(layout::APPROVALS, br#"{"schema":"REAL_ENABLE_APPROVAL_V1","approval_id":"a","requested_at":"2026-01-10T16:00:00","expires_at":"2026-01-11T16:00:00","keys":[{"key_id":"k1","provided_by":"a"},{"key_id":"k2","provided_by":"b"}],"status":"APPROVED"}"#)
            .expect("written");
        refused("window");
        store
            .write(layout::WINDOWS, br#"{"schema":"REAL_ENABLE_WINDOW_V1","event":"CREATE","window_id":"w","created_at":"2026-01-10T16:05:00","expires_at":"2026-01-10T16:15:00","status":"ACTIVE"}"#)
            .expect("written");
        assert!(matches!(gates.set_gate(GateMode::RealEnabled, &op(), "", now), Err(SwitchFault::NoReason(_))));
        gates.set_gate(GateMode::RealEnabled, &op(), "go", now).expect("everything is there");
        store.write(layout::STOP, b"{").expect("written");
        refused("EMERGENCY_STOP_UNREADABLE");
    }

    #[test]
    fn a_stop_beside_an_opening_gate_always_wins() {
        let (_dir, store) = workspace();
        let now = Stamp::from("2026-01-10T16:10:00+09:00").instant().expect("a time");
        store
            .write(layout::APPROVALS, br#"{"schema":"REAL_ENABLE_APPROVAL_V1","approval_id":"a","requested_at":"2026-01-10T16:00:00","expires_at":"2026-01-11T16:00:00","keys":[{"key_id":"k1","provided_by":"a"},{"key_id":"k2","provided_by":"b"}],"status":"APPROVED"}"#)
            .expect("written");
        store
            .write(layout::WINDOWS, br#"{"schema":"REAL_ENABLE_WINDOW_V1","event":"CREATE","window_id":"w","created_at":"2026-01-10T16:05:00","expires_at":"2026-01-10T16:15:00","status":"ACTIVE"}"#)
            .expect("written");
        for round in 0..30 {
            let gates = Gates::new(&store);
            gates.set_stop(Stop::Off, &op(), "", now).expect("set");
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| gates.set_gate(GateMode::RealEnabled, &op(), "go", now).is_ok());
                }
                scope.spawn(|| gates.set_stop(Stop::On, &op(), "halt", now).expect("set"));
            });
            let end = gates.switches();
            assert_eq!((end.stop.value, end.gate.value), (true, GateMode::MockOnly), "round {round}");
        }
    }
}
