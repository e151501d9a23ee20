//! PUSH_DELIVERY_RECEIPT_V2: where each message could go. It goes to the console only; the outbox keeps it for a sending.

use std::collections::BTreeSet;

use super::HELD_BACK;
use super::INJECTION;
use super::MATRIX;
use super::is_held_back;
use super::is_told;
use super::line_of;
use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::json::sha256_hex;
use crate::contracts::push::CandidateInfo;
use crate::contracts::push::ConsoleMessage;
use crate::contracts::push::ConsoleOut;
use crate::contracts::push::DeliveryDecision;
use crate::contracts::push::DeliveryReceipt;
use crate::contracts::push::DeliveryRouting;
use crate::contracts::push::DeliverySummary;
use crate::contracts::push::OutboxMessage;
use crate::contracts::push::OutboxSummary;
use crate::contracts::push::PushMessage;
use crate::contracts::push::PushMessages;
use crate::contracts::push::PushOutbox;
use crate::gates::Change;
use crate::gates::Gates;
use crate::notify::Channel;
use crate::notify::Messenger;
use crate::ops::Ops;
use crate::ops::resolves;
use crate::store::Durability;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

const CONSOLE_ONLY: &str = "CONSOLE_ONLY";
const CONSOLE_ONLY_MODE: &str = "CONSOLE_ONLY_MODE";
const NO_SECRETS: &str = "NO_SECRETS_FOR_ANY_CHANNEL";
const NOT_ALLOWED: &str = "PUSH_TYPE_NOT_ALLOWED";
/// More messages of one file are not delivered.
const MOST: usize = 1000;

/// A delivery that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryOutcome {
    /// What was decided.
    pub receipt: DeliveryReceipt,
    /// Where the outbox lies.
    pub outbox: Published,
    /// Why the messages could not be read, when they could not.
    pub damage: Option<String>,
}

/// What is decided about one message.
#[derive(Debug)]
struct Routed {
    message: OutboxMessage,
    candidates: Vec<String>,
    reason: &'static str,
}

/// What the messages' file holds.
#[derive(Debug, Default)]
struct Found {
    messages: Vec<OutboxMessage>,
    skipped: u64,
    damage: Option<String>,
}

impl Ops {
    /// Reads the messages of the PC, decides where each could go, fills the outbox and shows them on the console.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn run_delivery(&self, actor: &Actor) -> Result<DeliveryOutcome, StoreFault> {
        let _held = self.store.exclusive(layout::PUSH_LOCK)?;
        let now = self.clock.now();
        let messenger = self.messenger();
        let mut found = self.messages_of_pc();
        let damage = found.damage.take();
        let routed: Vec<Routed> =
            std::mem::take(&mut found.messages).into_iter().map(|message| route(message, &messenger)).collect();
        let mut receipt = self.delivery_receipt(&routed, &messenger, now);
        receipt.summary.skipped = found.skipped;
        if damage.is_some() {
            receipt.routing.blocked_reason = Some("PUSH_FILE_UNREADABLE".to_owned());
        }
        let change = Change {
            action: "push.delivery",
            target: layout::OUTBOX.latest.to_owned(),
            reason: receipt.routing.blocked_reason.clone().unwrap_or_default(),
            before: serde_json::Value::Null,
            after: serde_json::json!({"delivery_run_id": receipt.delivery_run_id, "messages": routed.len()}),
        };
        let made = Gates::new(&self.store).recorded(actor, change, now, || self.deliver_routed(receipt, &routed, now));
        made.map(|(receipt, outbox)| DeliveryOutcome { receipt, outbox, damage })
    }

    /// Writes outbox, preview, console and receipt.
    fn deliver_routed(
        &self,
        mut receipt: DeliveryReceipt,
        routed: &[Routed],
        now: KstTime,
    ) -> Result<(DeliveryReceipt, Published), StoreFault> {
        let outbox = self.publish_outbox(&receipt, routed, now)?;
        receipt.outbox_latest_path = Some(outbox.latest_ref.to_owned());
        receipt.outbox_snapshot_path = Some(outbox.snapshot_ref.clone());
        receipt.preview_ref = Some(self.publish_outbox_preview(now)?.snapshot_ref);
        self.store.write_document(layout::CONSOLE_OUT, &console_out(&receipt, routed))?;
        self.store.append(layout::DELIVERY_RECEIPTS, &line_of(&receipt)?, Durability::Durable)?;
        self.store.write_document(layout::DELIVERY, &receipt)?;
        Ok((receipt, outbox))
    }

    fn messages_of_pc(&self) -> Found {
        let rows = match self.store.document::<PushMessages>(layout::PUSH_MESSAGES) {
            Stored::Present(document) => document.rows,
            Stored::Missing => return Found::default(),
            Stored::Damaged(why) => return Found { damage: Some(why), ..Found::default() },
        };
        let mut found = Found::default();
        let mut ids = BTreeSet::new();
        for row in &rows {
            // A second message of one id would be a second chance to send the first one again.
            let message = PushMessage::of(row).map(from_pc).filter(|message| ids.insert(message.message_id.clone()));
            match message {
                Some(message) if found.messages.len() < MOST => found.messages.push(message),
                _ => found.skipped += 1,
            }
        }
        found
    }

    fn delivery_receipt(&self, routed: &[Routed], messenger: &Messenger, now: KstTime) -> DeliveryReceipt {
        let switches = Gates::new(&self.store).switches();
        let gate = Some(switches.gate.value.as_str().to_owned());
        let secrets_available = Channel::OUTSIDE.iter().any(|channel| messenger.missing(*channel).is_empty());
        let decisions = routed.iter().map(|one| DeliveryDecision {
            message_id: one.message.message_id.clone(),
            channel_decision: Channel::Console.as_str().to_owned(),
            channel_target: "console".to_owned(),
            reason_code: one.reason.to_owned(),
            candidate_info: CandidateInfo {
                external_candidate: !one.candidates.is_empty(),
                candidate_channels: one.candidates.clone(),
            },
        });
        let self_test = resolves(&self.store, layout::SELF_TEST.latest).then(|| layout::SELF_TEST.latest.to_owned());
        DeliveryReceipt {
            schema: DeliveryReceipt::SCHEMA.to_owned(),
            delivery_run_id: Some(uuid::Uuid::new_v4().to_string()),
            asof: Some(Stamp::of(now)),
            gate_mode: gate.clone(),
            emergency_stop_enabled: switches.stop.value,
            secrets_available,
            summary: DeliverySummary {
                total_messages: routed.len() as u64,
                console: routed.len() as u64,
                external: 0,
                skipped: 0,
            },
            decisions: decisions.collect(),
            routing: routing(routed, secrets_available),
            secrets_status_ref: Some("api:/api/secrets/status".to_owned()),
            channel_matrix_version: Some(MATRIX.to_owned()),
            gate_mode_observed: gate,
            delivery_actual: Some(Channel::Console.as_str().to_owned()),
            secrets_self_test_ref: self_test,
            secrets_self_test_decision_observed: self.self_test_decision(),
            secrets_provider_observed: Some(messenger.secrets.provider().to_owned()),
            outbox_schema_observed: Some(PushOutbox::SCHEMA.to_owned()),
            ..DeliveryReceipt::default()
        }
    }

    fn publish_outbox(
        &self,
        receipt: &DeliveryReceipt,
        routed: &[Routed],
        now: KstTime,
    ) -> Result<Published, StoreFault> {
        let outbox = PushOutbox {
            schema: PushOutbox::SCHEMA.to_owned(),
            outbox_id: Some(uuid::Uuid::new_v4().to_string()),
            asof: receipt.asof.clone(),
            delivery_run_id: receipt.delivery_run_id.clone(),
            gate_mode_observed: receipt.gate_mode.clone(),
            delivery_policy: Some(CONSOLE_ONLY.to_owned()),
            self_test_decision_observed: receipt.secrets_self_test_decision_observed.clone(),
            messages: routed.iter().map(|one| one.message.clone()).collect(),
            summary: OutboxSummary {
                total_messages: routed.len() as u64,
                console_bound: routed.len() as u64,
                external_candidate: routed.iter().filter(|one| !one.candidates.is_empty()).count() as u64,
            },
            snapshot_ref: None,
        };
        let (_, published) = self.store.publish(layout::OUTBOX, now, &|snapshot_ref| PushOutbox {
            snapshot_ref: Some(snapshot_ref.to_owned()),
            ..outbox.clone()
        })?;
        Ok(published)
    }
}

/// The outbox's form of a message of the PC.
fn from_pc(message: PushMessage) -> OutboxMessage {
    let push_type = match message.kind.as_str() {
        "PUSH_DIAGNOSIS_ALERT" => "ALERT",
        "PUSH_MARKET_STATE_BRIEF" => "DAILY_REPORT",
        "PUSH_ACTION_REQUEST" => "SIGNAL",
        other => other,
    };
    let message_id = if message.message_id.trim().is_empty() {
        // The same words without an id are the same message, so that they are not sent twice.
        let words = format!("{push_type}\n{}\n{}", message.title_ko, message.body_ko);
        format!("push_{}", sha256_hex(words.as_bytes()).chars().take(16).collect::<String>())
    } else {
        message.message_id.clone()
    };
    OutboxMessage {
        message_id,
        push_type: push_type.to_owned(),
        title: message.title_ko.trim().to_owned(),
        content: message.body_ko.trim_end().to_owned(),
        actions: message.actions.into_iter().map(|action| action.label_ko).filter(|label| !label.is_empty()).collect(),
        target_channels: vec![Channel::Console.as_str().to_owned()],
        blocked_reason: None,
    }
}

fn route(message: OutboxMessage, messenger: &Messenger) -> Routed {
    let is_ready = |channel: &Channel| messenger.missing(*channel).is_empty();
    let ready: Vec<Channel> = Channel::OUTSIDE.into_iter().filter(is_ready).collect();
    let takers = ready.iter().filter(|channel| channel.takes(&message.push_type));
    let candidates: Vec<String> = takers.map(|channel| channel.as_str().to_owned()).collect();
    if is_held_back(&message, &messenger.secrets) {
        let held = |text: &str| if is_told(text, &messenger.secrets) { HELD_BACK.to_owned() } else { text.to_owned() };
        let message = OutboxMessage {
            message_id: held(&message.message_id),
            push_type: held(&message.push_type),
            title: HELD_BACK.to_owned(),
            content: HELD_BACK.to_owned(),
            actions: Vec::new(),
            blocked_reason: Some(INJECTION.to_owned()),
            ..message
        };
        return Routed { message, candidates: Vec::new(), reason: INJECTION };
    }
    let reason = if ready.is_empty() {
        NO_SECRETS
    } else if candidates.is_empty() {
        NOT_ALLOWED
    } else {
        CONSOLE_ONLY_MODE
    };
    Routed { message: OutboxMessage { blocked_reason: Some(reason.to_owned()), ..message }, candidates, reason }
}

fn routing(routed: &[Routed], secrets_available: bool) -> DeliveryRouting {
    let union = |channel: &Channel| routed.iter().any(|one| one.candidates.iter().any(|c| c == channel.as_str()));
    let candidates: Vec<String> =
        Channel::OUTSIDE.iter().filter(|channel| union(channel)).map(|channel| channel.as_str().to_owned()).collect();
    let all = |reason: &str| routed.iter().all(|one| one.reason == reason);
    let blocked_reason = if routed.is_empty() {
        Some("NO_MESSAGES")
    } else if !secrets_available {
        Some(NO_SECRETS)
    } else if !candidates.is_empty() {
        None
    } else if all(INJECTION) {
        Some(INJECTION)
    } else {
        Some(NOT_ALLOWED)
    };
    DeliveryRouting {
        mode: CONSOLE_ONLY.to_owned(),
        external_candidate: !candidates.is_empty(),
        candidate_channels: candidates,
        blocked_reason: blocked_reason.map(str::to_owned),
    }
}

fn console_out(receipt: &DeliveryReceipt, routed: &[Routed]) -> ConsoleOut {
    let shown = |one: &Routed| ConsoleMessage {
        message_id: one.message.message_id.clone(),
        title: one.message.title.clone(),
        content: one.message.content.clone(),
        push_type: one.message.push_type.clone(),
        reason_code: one.reason.to_owned(),
    };
    ConsoleOut {
        schema: ConsoleOut::SCHEMA.to_owned(),
        delivery_run_id: receipt.delivery_run_id.clone(),
        asof: receipt.asof.clone(),
        messages: routed.iter().map(shown).collect(),
    }
}
