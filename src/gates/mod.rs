//! The safety switches: what they say, what they allow, and the only way to change them.
//!
//! | file | missing | damaged |
//! |---|---|---|
//! | `state/emergency_stop.json` | off | **on** |
//! | `state/execution_gate.json` | MOCK_ONLY | MOCK_ONLY |
//! | `state/real_sender_enable.json` | off | off, and said so |
//! | `state/kill_switch.json` | off | **on** |
//! | `state/real_enable_windows/…jsonl`, `state/approvals/…jsonl` | none | none |
//!
//! Reading never changes a file. Damaged means: unreadable, no JSON, another schema, an unknown mode, or a switch that is
//! no JSON boolean.

mod approval;
mod audit;
mod head;
mod kill;
mod once;
mod real;
mod safer;
mod switch;
#[cfg(test)]
mod tests;
mod token;
mod verify;
mod window;

pub use crate::contracts::audit::AuditEntry;
pub use approval::ApprovalFault;
pub use approval::LatestApproval;
pub use audit::Change;
pub use kill::Force;
pub use kill::KillFault;
pub use kill::KillOrder;
pub use kill::KillOutcome;
pub use kill::KillPosition;
pub use kill::KillReading;
pub use kill::KillView;
pub use kill::STATE_UNREADABLE;
pub use kill::new_kill_id;
pub use once::OnceADay;
pub use real::RealEnable;
pub use safer::Shortfall;
pub use switch::Origin;
pub use switch::Reading;
pub use switch::Sender;
pub use switch::Stop;
pub use switch::SwitchFault;
pub use switch::Switches;
pub use token::MachineToken;
pub use token::NewToken;
pub use token::TokenFault;
pub use verify::AuditProof;
pub use verify::BrokenLink;
pub use window::LatestWindow;
pub use window::WindowFault;

use std::time::Duration;

use serde::Serialize;

use crate::contracts::GateMode;
use crate::contracts::RunCode;
use crate::store::Store;
use crate::store::StoreFault;
use crate::time::KstTime;

/// How long a change waits for a lock that somebody else holds. Only the emergency stop waits less.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that needs permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Running a live cycle (console only).
    LiveCycle,
    /// Letting a message leave the host.
    Send,
    /// Opening the gate for real execution.
    EnableReal,
}

/// The answer to an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may be done.
    Permit,
    /// It may not; the code is for machines, the text for people.
    Block(RunCode, String),
}

/// The switches of one workspace.
#[derive(Clone, Copy, Debug)]
pub struct Gates<'a> {
    store: &'a Store,
}

impl<'a> Gates<'a> {
    /// The switches of the workspace behind `store`.
    #[must_use]
    pub fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Reads all three switches.
    #[must_use]
    pub fn switches(&self) -> Switches {
        Switches::read(self.store)
    }

    /// Reads approvals and the one-shot window for real execution.
    #[must_use]
    pub fn real_enable(&self, now: KstTime) -> RealEnable {
        RealEnable::read(self.store, now)
    }

    /// Decides about an action from what the files say now.
    #[must_use]
    pub fn permit(&self, action: Action, now: KstTime) -> Permission {
        let switches = self.switches();
        if switches.stop.value {
            return Permission::Block(RunCode::EmergencyStop, switches.stop_text());
        }
        let real = || self.real_enable(now);
        match action {
            Action::LiveCycle => Permission::Permit,
            Action::Send if switches.gate.value != GateMode::RealEnabled => {
                Permission::Block(RunCode::DryRun, format!("the gate is {}", switches.gate.value.as_str()))
            }
            Action::Send if !switches.sender.value => {
                Permission::Block(RunCode::DryRun, "the sender is not enabled".to_owned())
            }
            Action::Send if real().consumed => {
                Permission::Block(RunCode::DryRun, "the one-shot window for sending is used up".to_owned())
            }
            Action::Send | Action::EnableReal => match real().missing() {
                None => Permission::Permit,
                Some(missing) => Permission::Block(RunCode::DryRun, missing),
            },
        }
    }
}

/// Every line of a file that is not blank.
fn lines(store: &Store, file: &str) -> Result<Vec<Vec<u8>>, StoreFault> {
    let bytes = store.read(file)?.unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    Ok(lines.map(<[u8]>::to_vec).collect())
}

/// A document as one line.
fn line_of<T: Serialize>(file: &str, document: &T) -> Result<String, StoreFault> {
    let source = |fault| std::io::Error::new(std::io::ErrorKind::InvalidData, fault);
    serde_json::to_string(document).map_err(|fault| StoreFault {
        verb: "render",
        path: file.to_owned(),
        source: source(fault),
    })
}

/// An id that nobody can guess.
fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
