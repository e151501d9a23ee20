//! May a message leave? One order of questions for every way of sending; the first no is the answer.
//!
//! | # | question | answer |
//! |---|---|---|
//! | 1 | emergency stop on or unreadable | BLOCKED EMERGENCY_STOP |
//! | 2 | gate not REAL_ENABLED | SKIPPED NOT_REAL_GATE |
//! | 3 | sender off or unreadable | SKIPPED SENDER_DISABLED |
//! | 4 | no passed self-test, or a name of the channel without a value | BLOCKED SELF_TEST_FAIL |
//! | 5 | nothing in the outbox that the channel takes and that was not handed over before | SKIPPED NO_MESSAGES |
//! | 6 | the one-shot window is used up, or approval and window are not there | BLOCKED WINDOW_CONSUMED, WINDOW_INACTIVE |
//! | 7 | the text could tell a secret | BLOCKED SECRET_INJECTION_SUSPECTED |

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::INJECTION;
use super::is_held_back;
use super::self_test::PASS;
use super::takes;
use crate::contracts::Document as _;
use crate::contracts::GateMode;
use crate::contracts::push::OutboxMessage;
use crate::contracts::push::PrecheckSummary;
use crate::contracts::push::PushOutbox;
use crate::contracts::push::SendDecision;
use crate::contracts::push::SendReceipt;
use crate::gates::Action;
use crate::gates::Gates;
use crate::gates::Permission;
use crate::gates::Switches;
use crate::notify::Channel;
use crate::notify::Messenger;
use crate::ops::Ops;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;

/// The one channel that the sender may open.
pub(super) const CHANNEL: Channel = Channel::Telegram;
/// Classes of failures after which it is certain that nothing arrived.
const NOT_ARRIVED: [&str; 7] =
    ["CONNECT", "UNAUTHORIZED", "REJECTED", "RATE_LIMITED", "BAD_SECRET", "BAD_ADDRESS", "NOT_CONFIGURED"];

/// What was read, and what it comes to.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) precheck: PrecheckSummary,
    pub(super) outbox_snapshot: Option<String>,
    pub(super) verdict: Result<Ready, Refused>,
}

/// Everything says yes.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) message: OutboxMessage,
    pub(super) window_id: String,
}

/// The first no.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) decision: SendDecision,
    pub(super) reason: &'static str,
    pub(super) text: String,
    pub(super) message: Option<OutboxMessage>,
}

impl Refused {
    fn blocked(reason: &'static str, text: impl Into<String>) -> Self {
        Self { decision: SendDecision::Blocked, reason, text: text.into(), message: None }
    }

    fn skipped(reason: &'static str, text: impl Into<String>) -> Self {
        Self { decision: SendDecision::Skipped, ..Self::blocked(reason, text) }
    }
}

impl Ops {
    /// Asks all questions. Nothing is changed.
    ///
    /// # Errors
    /// It cannot be read what was handed over before.
    pub(super) fn check_send(&self, messenger: &Messenger, now: KstTime) -> Result<Checked, StoreFault> {
        let gates = Gates::new(&self.store);
        let switches = gates.switches();
        let self_test = self.self_test_decision();
        let outbox = self.store.document::<PushOutbox>(layout::OUTBOX.latest);
        let precheck = PrecheckSummary {
            gate_mode: switches.gate.value.as_str().to_owned(),
            self_test: self_test.clone(),
            emergency_stop: switches.stop.value,
            sender_enabled: switches.sender.value,
            window_active: gates.real_enable(now).window_active(),
            outbox_row_count: if let Stored::Present(outbox) = &outbox { outbox.messages.len() as u64 } else { 0 },
        };
        let outbox_snapshot = if let Stored::Present(outbox) = &outbox { outbox.snapshot_ref.clone() } else { None };
        let before = self.handed_over()?;
        let verdict = switches_allow(&switches)
            .and_then(|()| secrets_allow(self_test.as_deref(), messenger))
            .and_then(|()| chosen(outbox, &before))
            .and_then(|message| self.window_allows(&message, now).map(|window_id| Ready { message, window_id }))
            .and_then(|ready| text_allows(ready, messenger));
        Ok(Checked { precheck, outbox_snapshot, verdict })
    }

    fn window_allows(&self, message: &OutboxMessage, now: KstTime) -> Result<String, Refused> {
        let gates = Gates::new(&self.store);
        let real = gates.real_enable(now);
        let refused = |reason: &'static str, text: String| {
            Err(Refused { message: Some(message.clone()), ..Refused::blocked(reason, text) })
        };
        if real.consumed {
            return refused("WINDOW_CONSUMED", "the one-shot window for sending is used up".to_owned());
        }
        if let Some(missing) = real.missing() {
            return refused("WINDOW_INACTIVE", missing);
        }
        // The gates have the last word about sending, whatever was asked here.
        match (gates.permit(Action::Send, now), real.window_id) {
            (Permission::Permit, Some(window_id)) => Ok(window_id),
            (Permission::Permit, None) => refused("WINDOW_INACTIVE", "no window is open".to_owned()),
            (Permission::Block(_, why), _) => refused("GATES_REFUSE", why),
        }
    }

    /// The messages that were handed to a channel, or may have been. A line that cannot be read says nothing: an attempt
    /// is on the disk as a whole line before anything is handed over.
    fn handed_over(&self) -> Result<BTreeSet<String>, StoreFault> {
        let bytes = self.store.read(layout::SEND_RECEIPTS)?.unwrap_or_default();
        let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| SendReceipt::parse(line).ok());
        let mut newest: BTreeMap<String, (String, bool)> = BTreeMap::new();
        for (line, receipt) in (0..).zip(lines) {
            let Some(message_id) = receipt.message_id.clone().filter(|id| !id.is_empty()) else { continue };
            let send_id = receipt.send_id.clone().unwrap_or_else(|| format!("line {line}"));
            newest.insert(send_id, (message_id, may_have_arrived(&receipt)));
        }
        Ok(newest.into_values().filter(|(_, arrived)| *arrived).map(|(message_id, _)| message_id).collect())
    }
}

fn may_have_arrived(receipt: &SendReceipt) -> bool {
    match receipt.decision {
        Some(SendDecision::Skipped | SendDecision::Blocked) => false,
        Some(SendDecision::Failed) => !receipt.error_class.as_deref().is_some_and(|class| NOT_ARRIVED.contains(&class)),
        Some(SendDecision::Sent | SendDecision::Attempted) | None => true,
    }
}

/// The three switches, also asked again right before a message is handed over.
pub(super) fn switches_allow(switches: &Switches) -> Result<(), Refused> {
    if switches.stop.value {
        return Err(Refused::blocked("EMERGENCY_STOP", "Emergency stop active"));
    }
    if switches.gate.value != GateMode::RealEnabled {
        return Err(Refused::skipped("NOT_REAL_GATE", format!("Gate is {}", switches.gate.value.as_str())));
    }
    if !switches.sender.value {
        return Err(Refused::skipped("SENDER_DISABLED", "the sender is not enabled"));
    }
    Ok(())
}

fn secrets_allow(self_test: Option<&str>, messenger: &Messenger) -> Result<(), Refused> {
    let missing = messenger.missing(CHANNEL);
    let text = match self_test {
        Some(PASS) if missing.is_empty() => return Ok(()),
        Some(PASS) => format!("without a value: {}", missing.join(", ")),
        Some(_) => "the last self-test did not pass".to_owned(),
        None => "no self-test was run, or its result cannot be read".to_owned(),
    };
    Err(Refused::blocked("SELF_TEST_FAIL", text))
}

/// The first message of the outbox that has a text, suits the channel and was not handed over before.
fn chosen(outbox: Stored<PushOutbox>, before: &BTreeSet<String>) -> Result<OutboxMessage, Refused> {
    let none = |text: String| Err(Refused::skipped("NO_MESSAGES", text));
    let messages = match outbox {
        Stored::Present(outbox) => outbox.messages,
        Stored::Missing => return none("there is no outbox".to_owned()),
        Stored::Damaged(why) => return none(format!("the outbox cannot be read: {why}")),
    };
    let total = messages.len();
    let fits = |message: &OutboxMessage| {
        let says = |text: &str| !text.trim().is_empty();
        takes(CHANNEL, &message.push_type)
            && !message.message_id.is_empty()
            && (says(&message.title) || says(&message.content))
            && !before.contains(&message.message_id)
    };
    match messages.into_iter().find(fits) {
        Some(message) => Ok(message),
        None if total == 0 => none("the outbox is empty".to_owned()),
        None => none(format!("none of the {total} messages of the outbox has a text for the channel and is new")),
    }
}

fn text_allows(ready: Ready, messenger: &Messenger) -> Result<Ready, Refused> {
    if is_held_back(&ready.message, &messenger.secrets) {
        let text = "the text could tell a secret";
        return Err(Refused { message: Some(ready.message), ..Refused::blocked(INJECTION, text) });
    }
    Ok(ready)
}
