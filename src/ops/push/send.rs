//! PUSH_SEND_RECEIPT_V1: one message leaves, if everything allows it, and at most once.
//!
//! Before the channel is called the windows are used up, and an audit entry and a line with decision ATTEMPTED are on the
//! disk. A process that
//! is killed during the call therefore neither sends again nor forgets that it may have sent. That line names each channel
//! that is about to be called; a message of which one channel may have taken its copy is never sent again to any.

use super::FORMATTER;
use super::HELD_BACK;
use super::INJECTION;
use super::checks::Ready;
use super::checks::Refused;
use super::checks::goes_somewhere;
use super::checks::switches_allow;
use super::headline;
use super::is_told;
use super::line_of;
use super::plain;
use super::window;
use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::channel::ChannelDecision;
use crate::contracts::channel::Channels;
use crate::contracts::message::MessageReceipt;
use crate::contracts::push::OutboxMessage;
use crate::contracts::push::SendDecision;
use crate::contracts::push::SendReceipt;
use crate::contracts::push::TelegramSeen;
use crate::gates::Change;
use crate::gates::Gates;
use crate::gates::Sender;
use crate::gates::SwitchFault;
use crate::notify::Messenger;
use crate::notify::Outgoing;
use crate::notify::verdict::delivered_word;
use crate::notify::verdict::judge;
use crate::ops::Ops;
use crate::ops::resolves;
use crate::ops::resolving;
use crate::store::Durability;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Characters of a text that are handed to a channel; each channel cuts further.
const MAX_TEXT: usize = 16_000;

/// A sending that was decided and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct SendOutcome {
    /// What became of it.
    pub receipt: SendReceipt,
    /// Where it lies.
    pub published: Published,
}

/// What happens to the sender before a message is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SenderAfter {
    /// It stays as it is.
    Kept,
    /// It is disabled.
    Disabled,
}

/// What became of the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Windows {
    /// Somebody was faster; this sending used none.
    Kept,
    /// They are used up.
    Used,
}

/// A message that passed all checks, and what became of it.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) receipt: SendReceipt,
    pub(super) windows: Windows,
}

/// One sending, known to its helpers.
#[derive(Debug)]
pub(super) struct Sending<'a> {
    pub(super) messenger: &'a Messenger,
    pub(super) actor: &'a Actor,
    /// The channels that the sender names.
    pub(super) named: Channels,
    pub(super) after: SenderAfter,
}

impl Ops {
    /// Sends the first message of the outbox that was not sent before, if everything allows it.
    ///
    /// # Errors
    /// A file cannot be written. When that was the attempt's own record, nothing was sent.
    pub fn run_send(&self, actor: &Actor) -> Result<SendOutcome, StoreFault> {
        let _held = self.store.exclusive(layout::PUSH_LOCK)?;
        let now = self.clock.now();
        let messenger = self.messenger();
        let checked = self.check_send(&messenger, now)?;
        let sending = Sending { messenger: &messenger, actor, named: checked.named, after: SenderAfter::Kept };
        let receipt = match checked.verdict {
            Ok(ready) => self.attempt(&sending, ready)?.receipt,
            Err(refused) => refusal(&sending, refused),
        };
        self.publish_send(receipt, actor)
    }

    /// Uses up the windows, writes the attempt down, and hands the message over.
    pub(super) fn attempt(&self, sending: &Sending<'_>, ready: Ready) -> Result<Attempt, StoreFault> {
        let now = self.clock.now();
        let (title, text) = (headline(&ready.message), plain(&ready.message.content, MAX_TEXT));
        let shown = [title.as_str(), text.as_str()].join("\n");
        let receipt = SendReceipt {
            asof: Some(Stamp::of(now)),
            decision: Some(SendDecision::Attempted),
            channel: Some(Channels::of(&ready.choice.go).names()),
            channels: ready.choice.about_to(),
            text_preview: Some(plain(shown.trim(), MAX_TEXT)),
            ..of_message(sending, Some(&ready.message))
        };
        let reason = format!("push send {}", receipt.send_id.as_deref().unwrap_or_default());
        if let Err(refused) = window::use_up(&self.store, &ready.window_id, sending.actor, &reason, now)? {
            return Ok(Attempt { receipt: refused_late(receipt, refused), windows: Windows::Kept });
        }
        let line = line_of(&receipt)?;
        Gates::new(&self.store).recorded(sending.actor, change_of(&receipt), now, || {
            self.store.append(layout::SEND_RECEIPTS, &line, Durability::Durable)
        })?;
        // Somebody may have closed a switch or a channel while this was written.
        let switches = Gates::new(&self.store).switches();
        let choice = ready.choice.still(switches.channels());
        if let Err(refused) = switches_allow(&switches).and_then(|()| goes_somewhere(&choice)) {
            return Ok(Attempt { receipt: refused_late(receipt, refused), windows: Windows::Used });
        }
        if sending.after == SenderAfter::Disabled {
            self.disable_sender(sending.actor, now)?;
        }
        let called = sending.messenger.send_all(&choice.go, Outgoing { title: &title, text: &text });
        let judged = judge(&called, &choice.skipped, delivered_word(&choice.go), Stamp::of(now));
        Ok(Attempt { receipt: outcome(receipt, judged.receipt), windows: Windows::Used })
    }

    pub(super) fn disable_sender(&self, actor: &Actor, now: KstTime) -> Result<(), StoreFault> {
        let outcome = Gates::new(&self.store).set_sender(Sender::Off, actor, "a live fire was attempted", now);
        match outcome {
            Ok(_) => Ok(()),
            Err(SwitchFault::Store(fault)) => Err(fault),
            Err(SwitchFault::NotRecorded(short)) => Err(short.into_fault()),
            Err(other @ (SwitchFault::NoReason(_) | SwitchFault::Refused(_))) => Err(StoreFault {
                verb: "write",
                path: layout::SENDER.to_owned(),
                source: std::io::Error::other(other.to_string()),
            }),
        }
    }

    /// Stores a receipt. A refusal is recorded before; what became of an attempt is kept in any case, as the attempt itself
    /// was recorded before its call.
    pub(super) fn publish_send(&self, receipt: SendReceipt, actor: &Actor) -> Result<SendOutcome, StoreFault> {
        let now = self.clock.now();
        let change = change_of(&receipt);
        let gates = Gates::new(&self.store);
        if !receipt.decision.is_some_and(SendDecision::is_attempt) {
            return gates.recorded(actor, change, now, || self.keep_send(receipt, now));
        }
        let kept = self.keep_send(receipt, now)?;
        gates.record(actor, change, now)?;
        Ok(kept)
    }

    /// Writes the line first, then snapshot and latest.
    fn keep_send(&self, receipt: SendReceipt, now: KstTime) -> Result<SendOutcome, StoreFault> {
        let preview = layout::PREVIEW.latest;
        let receipt = SendReceipt {
            preview_ref: resolves(&self.store, preview).then(|| preview.to_owned()),
            asof: Some(Stamp::of(now)),
            ..receipt
        };
        let line = line_of(&receipt)?;
        self.store.append(layout::SEND_RECEIPTS, &line, Durability::Durable)?;
        let cited =
            resolving(&self.store, [layout::OUTBOX.latest, preview, layout::SELF_TEST.latest].map(str::to_owned));
        let (receipt, published) = self.store.publish(layout::SEND, now, &|snapshot_ref| SendReceipt {
            evidence_refs: [snapshot_ref, layout::SEND.latest]
                .map(str::to_owned)
                .into_iter()
                .chain(cited.iter().cloned())
                .collect(),
            snapshot_ref: Some(snapshot_ref.to_owned()),
            ..receipt.clone()
        })?;
        Ok(SendOutcome { receipt, published })
    }
}

/// What a receipt says, for the audit trail.
fn change_of(receipt: &SendReceipt) -> Change {
    Change {
        action: "push.send",
        target: layout::SEND.latest.to_owned(),
        reason: receipt.blocked_reason.clone().unwrap_or_default(),
        before: serde_json::Value::Null,
        after: serde_json::json!({
            "send_id": receipt.send_id, "channel": receipt.channel, "decision": receipt.decision, "message_id": receipt.message_id,
            "http_status": receipt.http_status, "error_class": receipt.error_class,
        }),
    }
}

/// The receipt of a no.
pub(super) fn refusal(sending: &Sending<'_>, refused: Refused) -> SendReceipt {
    let held = (refused.reason == INJECTION).then(|| HELD_BACK.to_owned());
    SendReceipt {
        decision: Some(refused.decision),
        blocked_reason: Some(refused.reason.to_owned()),
        reason_detail: Some(refused.text),
        text_preview: held,
        ..of_message(sending, refused.message.as_deref())
    }
}

/// The receipt of a no that came after the checks, before the message was handed over.
fn refused_late(mut receipt: SendReceipt, refused: Refused) -> SendReceipt {
    for row in receipt.channels.iter_mut().filter(|row| row.decision == ChannelDecision::Unknown) {
        row.decision = ChannelDecision::Skipped;
        row.reason = Some(format!("{}: {}", refused.reason, refused.text));
    }
    SendReceipt {
        decision: Some(SendDecision::Blocked),
        blocked_reason: Some(refused.reason.to_owned()),
        reason_detail: Some(refused.text),
        text_preview: None,
        ..receipt
    }
}

fn of_message(sending: &Sending<'_>, message: Option<&OutboxMessage>) -> SendReceipt {
    let secrets = &sending.messenger.secrets;
    // An id or a kind that could tell a secret is as dangerous as a text. Otherwise the id stays exactly what it is: by it
    // the next sending knows that this message was handed over.
    let shown = |text: &str| if is_told(text, secrets) { HELD_BACK.to_owned() } else { text.to_owned() };
    SendReceipt {
        schema: SendReceipt::SCHEMA.to_owned(),
        send_id: Some(uuid::Uuid::new_v4().to_string()),
        channel: Some(sending.named.names()),
        message_id: message.map(|message| shown(&message.message_id)),
        request_type: message.map(|message| shown(&message.push_type)),
        formatter_ref: Some(FORMATTER.to_owned()),
        secrets_status_observed: TelegramSeen {
            token: secrets.is_present("TELEGRAM_BOT_TOKEN"),
            chat: secrets.is_present("TELEGRAM_CHAT_ID"),
        },
        ..SendReceipt::default()
    }
}

/// The receipt of an attempt that ended. A message that may have arrived is FAILED with a class that is no certain failure.
fn outcome(receipt: SendReceipt, judged: MessageReceipt) -> SendReceipt {
    let is_sent = judged.decision == "SENT";
    SendReceipt {
        decision: Some(if is_sent { SendDecision::Sent } else { SendDecision::Failed }),
        channel: Some(judged.channel),
        channels: judged.channels,
        http_status: judged.http_status,
        error_class: judged.error_class,
        error_message_sanitized: judged.error_message,
        retry_after_seconds: judged.retry_after_seconds,
        ..receipt
    }
}

impl SendOutcome {
    /// One line for people.
    #[must_use]
    pub fn message(&self) -> String {
        let decision = self.receipt.decision.map_or("", SendDecision::as_str);
        let detail = self.receipt.reason_detail.as_deref().or(self.receipt.error_message_sanitized.as_deref());
        match (self.receipt.blocked_reason.as_deref(), detail) {
            (Some("EMERGENCY_STOP"), _) => format!("{decision} by Emergency Stop"),
            (_, Some(detail)) => format!("{decision}: {detail}"),
            _ => decision.to_owned(),
        }
    }
}
