//! May a message leave? One order of questions for every way of sending; the first no is the answer.
//!
//! | # | question | answer |
//! |---|---|---|
//! | 1 | emergency stop on or unreadable | BLOCKED EMERGENCY_STOP |
//! | 2 | gate not REAL_ENABLED | SKIPPED NOT_REAL_GATE |
//! | 3 | sender off or unreadable | SKIPPED SENDER_DISABLED |
//! | 4 | no passed self-test, or no channel that the sender opens has all its names | BLOCKED SELF_TEST_FAIL |
//! | 5 | nothing in the outbox that such a channel takes and that was not handed over before | SKIPPED NO_MESSAGES |
//! | 6 | the one-shot window is used up, or approval and window are not there | BLOCKED WINDOW_CONSUMED, WINDOW_INACTIVE |
//! | 7 | the text could tell a secret | BLOCKED SECRET_INJECTION_SUSPECTED |

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::INJECTION;
use super::is_held_back;
use super::self_test::PASS;
use crate::contracts::Document as _;
use crate::contracts::GateMode;
use crate::contracts::channel::ChannelDecision;
use crate::contracts::channel::Channels;
use crate::contracts::push::OutboxMessage;
use crate::contracts::push::PrecheckSummary;
use crate::contracts::push::PushOutbox;
use crate::contracts::push::SendDecision;
use crate::contracts::push::SendReceipt;
use crate::gates::Action;
use crate::gates::Gates;
use crate::gates::Permission;
use crate::gates::Switches;
use crate::notify::Choice;
use crate::notify::Messenger;
use crate::notify::verdict::never_arrived;
use crate::ops::Ops;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;

/// What was read, and what it comes to.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) precheck: PrecheckSummary,
    /// The channels that the sender names.
    pub(super) named: Channels,
    pub(super) outbox_snapshot: Option<String>,
    pub(super) verdict: Result<Ready, Refused>,
}

/// Everything says yes.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) message: OutboxMessage,
    pub(super) choice: Choice,
    pub(super) window_id: String,
}

/// The first no.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) decision: SendDecision,
    pub(super) reason: &'static str,
    pub(super) text: String,
    pub(super) message: Option<Box<OutboxMessage>>,
}

impl Refused {
    fn blocked(reason: &'static str, text: impl Into<String>) -> Self {
        Self { decision: SendDecision::Blocked, reason, text: text.into(), message: None }
    }

    pub(super) fn consumed() -> Self {
        Self::blocked("WINDOW_CONSUMED", "the one-shot window for sending is used up")
    }

    pub(super) fn inactive(text: impl Into<String>) -> Self {
        Self::blocked("WINDOW_INACTIVE", text)
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
        let opened = switches.channels();
        let verdict = switches_allow(&switches)
            .and_then(|()| secrets_allow(self_test.as_deref(), messenger, opened))
            .and_then(|()| chosen(outbox, &before, |push_type| messenger.choose(opened, push_type)))
            .and_then(|(message, choice)| {
                self.window_allows(&message, now).map(|window_id| Ready { message, choice, window_id })
            })
            .and_then(|ready| text_allows(ready, messenger));
        Ok(Checked { precheck, named: switches.named_channels(), outbox_snapshot, verdict })
    }

    fn window_allows(&self, message: &OutboxMessage, now: KstTime) -> Result<String, Refused> {
        let gates = Gates::new(&self.store);
        let real = gates.real_enable(now);
        let no = |refused: Refused| Err(Refused { message: Some(Box::new(message.clone())), ..refused });
        if real.consumed {
            return no(Refused::consumed());
        }
        if let Some(missing) = real.missing() {
            return no(Refused::inactive(missing));
        }
        // The gates have the last word about sending, whatever was asked here.
        match (gates.permit(Action::Send, now), real.window_id) {
            (Permission::Permit, Some(window_id)) => Ok(window_id),
            (Permission::Permit, None) => no(Refused::inactive("no window is open")),
            (Permission::Block(_, why), _) => no(Refused::blocked("GATES_REFUSE", why)),
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
    let by_row = |decision| matches!(decision, ChannelDecision::Sent | ChannelDecision::Unknown);
    match receipt.decision {
        Some(SendDecision::Skipped | SendDecision::Blocked) => false,
        Some(SendDecision::Failed) => {
            !receipt.error_class.as_deref().is_some_and(never_arrived)
                || receipt.channels.iter().any(|row| by_row(row.decision))
        }
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

/// Whether a channel is left, also asked again right before a message is handed over.
pub(super) fn goes_somewhere(choice: &Choice) -> Result<(), Refused> {
    choice.refusal().map_or(Ok(()), |why| Err(Refused::skipped("SENDER_DISABLED", why)))
}

fn secrets_allow(self_test: Option<&str>, messenger: &Messenger, opened: Channels) -> Result<(), Refused> {
    let missing: Vec<_> = opened.iter().map(|channel| messenger.missing(channel)).collect();
    let text = match self_test {
        Some(PASS) if missing.iter().any(Vec::is_empty) => return Ok(()),
        Some(PASS) => format!("without a value: {}", missing.concat().join(", ")),
        Some(_) => "the last self-test did not pass".to_owned(),
        None => "no self-test was run, or its result cannot be read".to_owned(),
    };
    Err(Refused::blocked("SELF_TEST_FAIL", text))
}

/// The first message of the outbox that has a text, has a channel and was not handed over before, with its channels.
fn chosen(
    outbox: Stored<PushOutbox>,
    before: &BTreeSet<String>,
    choose: impl Fn(&str) -> Choice,
) -> Result<(OutboxMessage, Choice), Refused> {
    let none = |text: String| Err(Refused::skipped("NO_MESSAGES", text));
    let messages = match outbox {
        Stored::Present(outbox) => outbox.messages,
        Stored::Missing => return none("there is no outbox".to_owned()),
        Stored::Damaged(why) => return none(format!("the outbox cannot be read: {why}")),
    };
    let total = messages.len();
    let fits = |message: &OutboxMessage| {
        let says = |text: &str| !text.trim().is_empty();
        !message.message_id.is_empty()
            && (says(&message.title) || says(&message.content))
            && !before.contains(&message.message_id)
    };
    // Why the first one that could leave has nowhere to go.
    let mut nowhere = None;
    for message in messages.into_iter().filter(fits) {
        let choice = choose(&message.push_type);
        match choice.refusal() {
            None => return Ok((message, choice)),
            Some(why) => nowhere = nowhere.or_else(|| Some(why.to_owned())),
        }
    }
    let nowhere = nowhere.map(|why| format!(" ({why})")).unwrap_or_default();
    match total {
        0 => none("the outbox is empty".to_owned()),
        _ => {
            none(format!("none of the {total} messages of the outbox has a text, an open channel and is new{nowhere}"))
        }
    }
}

fn text_allows(ready: Ready, messenger: &Messenger) -> Result<Ready, Refused> {
    if is_held_back(&ready.message, &messenger.secrets) {
        let text = "the text could tell a secret";
        return Err(Refused { message: Some(Box::new(ready.message)), ..Refused::blocked(INJECTION, text) });
    }
    Ok(ready)
}
