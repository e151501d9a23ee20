//! The GLOBAL kill switch: reading it. Missing is off, unreadable is on.

use super::Gates;
use crate::contracts::kill::KillStatus;
use crate::contracts::kill::KillSwitch;
use crate::store::Stored;
use crate::store::layout;

/// Why an unreadable kill switch counts as on.
pub const STATE_UNREADABLE: &str = "STATE_UNREADABLE";

/// The kill switch as it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillReading {
    /// The document, or what counts in its place.
    pub state: KillSwitch,
    /// Why the file cannot be used; then the switch is on.
    pub damage: Option<String>,
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
}

fn unreadable(why: String) -> KillReading {
    KillReading { state: in_place(KillStatus::On, STATE_UNREADABLE), damage: Some(why) }
}

fn in_place(status: KillStatus, reason: &str) -> KillSwitch {
    KillSwitch {
        schema: "KILL_SWITCH_V1".to_owned(),
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
