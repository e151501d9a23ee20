//! The two messages of a day: each once a day and kind, recorded before it leaves, never sent twice by itself.
//!
//! | how it ended | `delivery_actual` | its key |
//! |---|---|---|
//! | the gates say no, or there is no provider | CONSOLE_SIMULATED | used |
//! | the text is held back, or the keys cannot be read | CONSOLE_SIMULATED | free |
//! | Telegram took it | TELEGRAM | used |
//! | Telegram refused it (4xx), or no connection was made | TELEGRAM_FAILED | free |
//! | no answer, a 5xx, a broken answer, a killed process | TELEGRAM_ERROR | used |
//! | the same, when not Telegram alone was called | DELIVERED, NOT_DELIVERED, DELIVERY_UNKNOWN | as above |
//! | some channels took it, others did not | DELIVERED_PARTLY | used |
//!
//! A test leaves no trace in the keys and in `latest`.
//!
//! The entry of the audit trail is written before the call. What comes back is kept whatever becomes of the trail then.

mod daily_status;
mod heartbeat;
mod incident;

use std::time::Duration;

pub use heartbeat::HeartbeatView;
pub use incident::Report;

use super::Ops;
use super::OpsFault;
use crate::contracts::Document;
use crate::contracts::RunCode;
use crate::contracts::actor::Actor;
use crate::contracts::audit::AuditEntry;
use crate::contracts::channel::Channels;
use crate::contracts::message::DeliveryActual;
use crate::contracts::message::KeyState;
use crate::contracts::message::MessageMode;
use crate::contracts::message::MessageReceipt;
use crate::gates::Action;
use crate::gates::Change;
use crate::gates::Gates;
use crate::gates::OnceADay;
use crate::gates::Permission;
use crate::notify::Outgoing;
use crate::notify::alert::HELD_BACK;
use crate::notify::alert::is_suspect;
use crate::notify::verdict::delivered_word;
use crate::notify::verdict::judge;
use crate::notify::verdict::within;
use crate::store::Family;
use crate::store::Published;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::file_stamp;

/// A caller waits ten seconds for its answer; the message must have ended before.
const LIMIT: Duration = Duration::from_secs(8);

/// What became of a request for a message.
#[derive(Clone, Debug, PartialEq)]
pub enum MessageOutcome<D> {
    /// A document was made.
    Made(Box<D>),
    /// The day's message has left before, or may have.
    Skipped {
        /// Its key.
        idempotency_key: String,
        /// For people.
        message: String,
    },
}

/// How one document gets its delivery.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Delivery {
    pub(super) actual: Option<DeliveryActual>,
    pub(super) because: Option<String>,
    pub(super) receipt: Option<MessageReceipt>,
    pub(super) text: String,
}

impl Delivery {
    fn state(&self) -> KeyState {
        self.actual.map_or(KeyState::Unknown, state_of)
    }
}

/// One message on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter<'a> {
    /// The family of its normal documents.
    pub(super) family: Family,
    /// The family of its tests; its `latest` is never written.
    pub(super) tests: Family,
    /// The key without day: `daily_status`, `incident_<KIND>`.
    pub(super) name: &'a str,
    /// Its type in the routing table of channels.
    pub(super) push_type: &'a str,
    pub(super) mode: MessageMode,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
}

/// What the sender needs to know of a stored document.
pub(super) trait Message: Document + Clone {
    /// Its key.
    fn key(&self) -> &str;
    /// How it went.
    fn delivery(&self) -> Option<DeliveryActual>;
    /// The same document with its key and its delivery.
    fn with(self, key: &str, delivery: &Delivery) -> Self;
    /// The same document with its snapshot.
    fn at(self, snapshot_ref: &str) -> Self;
}

/// The key of a message of a day in Korea.
fn key_of(letter: &Letter<'_>, now: KstTime) -> String {
    let stamp = file_stamp(now);
    match letter.mode {
        MessageMode::Normal => format!("{}_{}", letter.name, stamp.split('_').next().unwrap_or_default()),
        MessageMode::Test => format!("test_{}_{stamp}", letter.name),
    }
}

impl Ops {
    /// Sends a message once. `now` is the time at which the lock was got; the key's day comes from it.
    pub(super) fn deliver<M: Message>(
        &self,
        once: &OnceADay<'_>,
        letter: &Letter<'_>,
        document: M,
        actor: &Actor,
    ) -> Result<MessageOutcome<M>, OpsFault> {
        let now = self.clock.now();
        let key = key_of(letter, now);
        if letter.mode == MessageMode::Test {
            let mut entry = None;
            let delivery = self.try_to_send(letter, now, &mut || {
                entry = Some(self.audit(actor, &key, None)?);
                Ok(())
            })?;
            self.audit_end(actor, entry, &delivery);
            let made = self.keep_test(letter, &document.with(&key, &delivery), now)?;
            return Ok(MessageOutcome::Made(Box::new(made)));
        }
        let known = match self.standing::<M>(once, letter, &key) {
            Ok(state) => state,
            Err(why) => return self.simulated(letter, document, (&key, &why), now),
        };
        if let Some(state) = known.filter(|state| state.uses_up()) {
            if state == KeyState::Attempted {
                self.close_attempt(once, letter, document, &key)?;
            }
            let message = repeated(state).to_owned();
            return Ok(MessageOutcome::Skipped { idempotency_key: key, message });
        }
        let mut entry: Option<AuditEntry> = None;
        let delivery = self.try_to_send(letter, now, &mut || {
            let written = entry.insert(self.audit(actor, &key, known)?);
            let noted = once.note(&key, KeyState::Attempted, self.clock.now());
            noted.inspect_err(|fault| self.audit_failure(actor, written.clone(), &fault.to_string()))
        })?;
        let is_tried = entry.is_some();
        // Both are written whatever becomes of the other: the key against a second message, the document for the receipt.
        let noted = if is_tried { once.note(&key, delivery.state(), self.clock.now()) } else { Ok(()) };
        let made = self.publish_message(letter.family, &document.with(&key, &delivery), now);
        self.audit_end(actor, entry, &delivery);
        noted?;
        let made = made?;
        if !is_tried && delivery.text != HELD_BACK {
            once.note(&key, KeyState::Simulated, self.clock.now())?;
        }
        Ok(MessageOutcome::Made(Box::new(made)))
    }

    /// Asks everything that may say no, and only then calls. `before` runs right before the call.
    fn try_to_send(
        &self,
        letter: &Letter<'_>,
        now: KstTime,
        before: &mut dyn FnMut() -> Result<(), StoreFault>,
    ) -> Result<Delivery, OpsFault> {
        let text = self.shown(letter);
        let only_here = |because: String, text: String| Delivery {
            actual: Some(DeliveryActual::ConsoleSimulated),
            because: Some(because),
            receipt: None,
            text,
        };
        if text == HELD_BACK {
            return Ok(only_here("SECRET_INJECTION_SUSPECTED".to_owned(), text));
        }
        if let Permission::Block(code, why) = Gates::new(&self.store).permit(Action::Send, now) {
            return Ok(only_here(refusal(code, &why), text));
        }
        let messenger = match (self.policy)() {
            Ok(policy) => policy.messenger,
            Err(why) => return Ok(only_here(format!("POLICY_UNREADABLE: {why}"), text)),
        };
        let opened = || Gates::new(&self.store).switches().channels();
        let choice = messenger.choose(opened(), letter.push_type);
        if let Some(why) = choice.refusal() {
            return Ok(only_here(why.to_owned(), text));
        }
        before()?;
        // The switches may have been turned since they were asked; nobody may be late by more than the note took.
        if let Permission::Block(code, why) = Gates::new(&self.store).permit(Action::Send, self.clock.now()) {
            return Ok(only_here(refusal(code, &why), text));
        }
        let choice = choice.still(opened());
        if let Some(why) = choice.refusal() {
            return Ok(only_here(why.to_owned(), text));
        }
        let begun = Stamp::of(self.clock.now());
        let called = within(messenger, LIMIT).send_all(&choice.go, Outgoing { title: letter.title, text: &text });
        let attempt = judge(&called, &choice.skipped, delivered_word(&choice.go), begun);
        Ok(Delivery { actual: Some(attempt.delivery), because: None, receipt: Some(attempt.receipt), text })
    }

    /// The text, or what stands in its place when it could tell a secret.
    fn shown(&self, letter: &Letter<'_>) -> String {
        let suspect = [letter.title, letter.text].into_iter().any(is_suspect);
        let told = suspect || self.message_secrets().is_told_in(letter.text);
        if told { HELD_BACK.to_owned() } else { letter.text.to_owned() }
    }

    /// How far a key has come: by the keys' files, and by the day's own snapshots should the file be gone.
    fn standing<M: Message>(
        &self,
        once: &OnceADay<'_>,
        letter: &Letter<'_>,
        key: &str,
    ) -> Result<Option<KeyState>, String> {
        let noted = once.look(key)?.map(|row| row.state);
        if noted.is_some_and(KeyState::uses_up) {
            return Ok(noted);
        }
        let day = key.rsplit('_').next().unwrap_or_default();
        let files = self.store.snapshots(letter.family.snapshots).map_err(|fault| fault.to_string())?;
        for file in files.iter().filter(|file| file.name.starts_with(&format!("{}_{day}_", letter.family.kind))) {
            match self.store.document::<M>(&file.reference) {
                Stored::Present(made) if made.key() == key => match made.delivery() {
                    Some(went) if state_of(went) == KeyState::Delivered => return Ok(Some(KeyState::Delivered)),
                    Some(went) if state_of(went) == KeyState::Unknown => return Ok(Some(KeyState::Unknown)),
                    Some(_) | None => {}
                },
                // Without a row a damaged document of the day may be the one that was delivered.
                Stored::Damaged(_) if noted.is_none() => return Ok(Some(KeyState::Unknown)),
                Stored::Present(_) | Stored::Missing | Stored::Damaged(_) => {}
            }
        }
        Ok(noted)
    }

    /// A process died between the note and the answer: the message may have left. It is said once, and never sent again.
    fn close_attempt<M: Message>(
        &self,
        once: &OnceADay<'_>,
        letter: &Letter<'_>,
        document: M,
        key: &str,
    ) -> Result<(), OpsFault> {
        // Nobody knows which channels were called; the sender's document is the best guess.
        let named = Gates::new(&self.store).switches().named_channels();
        let is_telegram = named == Channels::TELEGRAM_ONLY;
        let delivery = Delivery {
            actual: Some(if is_telegram { DeliveryActual::TelegramError } else { DeliveryActual::DeliveryUnknown }),
            because: Some("ATTEMPT_UNKNOWN: an earlier attempt did not come back".to_owned()),
            receipt: None,
            text: self.shown(letter),
        };
        self.publish_message(letter.family, &document.with(key, &delivery), self.clock.now())?;
        Ok(once.note(key, KeyState::Unknown, self.clock.now())?)
    }

    fn simulated<M: Message>(
        &self,
        letter: &Letter<'_>,
        document: M,
        (key, because): (&str, &str),
        now: KstTime,
    ) -> Result<MessageOutcome<M>, OpsFault> {
        let delivery = Delivery {
            actual: Some(DeliveryActual::ConsoleSimulated),
            because: Some(because.to_owned()),
            receipt: None,
            text: self.shown(letter),
        };
        let made = self.publish_message(letter.family, &document.with(key, &delivery), now)?;
        Ok(MessageOutcome::Made(Box::new(made)))
    }

    fn publish_message<M: Message>(&self, family: Family, document: &M, now: KstTime) -> Result<M, OpsFault> {
        let (made, _) = self.store.publish(family, now, &|reference| document.clone().at(reference))?;
        Ok(made)
    }

    fn keep_test<M: Message>(&self, letter: &Letter<'_>, document: &M, now: KstTime) -> Result<M, OpsFault> {
        Ok(keep_beside(&self.store, letter.tests, document, now)?.0)
    }

    /// Records that a message is about to leave.
    fn audit(&self, actor: &Actor, key: &str, known: Option<KeyState>) -> Result<AuditEntry, StoreFault> {
        let state = |state: KeyState| serde_json::json!({"state": state});
        let change = Change {
            action: "message.send",
            target: key.to_owned(),
            reason: String::new(),
            before: known.map(state).unwrap_or_default(),
            after: state(KeyState::Attempted),
        };
        Gates::new(&self.store).record(actor, change, self.clock.now())
    }

    /// Records that an announced message is known not to have left. How others ended stands in their document.
    fn audit_end(&self, actor: &Actor, entry: Option<AuditEntry>, delivery: &Delivery) {
        let Some(entry) = entry.filter(|_| matches!(delivery.state(), KeyState::Failed | KeyState::Simulated)) else {
            return;
        };
        let receipt = delivery.receipt.as_ref().and_then(|receipt| receipt.error_class.clone());
        let word = delivery.actual.map(DeliveryActual::as_str).unwrap_or_default();
        let why = delivery.because.clone().or(receipt).unwrap_or_default();
        self.audit_failure(actor, entry, &format!("{word}: {why}"));
    }

    fn audit_failure(&self, actor: &Actor, entry: AuditEntry, why: &str) {
        Gates::new(&self.store).record_failure(actor, entry, why, self.clock.now());
    }
}

/// Writes a snapshot and no `latest`.
fn keep_beside<M: Message>(
    store: &Store,
    family: Family,
    document: &M,
    now: KstTime,
) -> Result<(M, Published), StoreFault> {
    loop {
        let snapshot_ref = store.free_snapshot_ref(family, now);
        let made = document.clone().at(&snapshot_ref);
        let bytes = made.to_bytes().map_err(|fault| StoreFault {
            verb: "render",
            path: snapshot_ref.clone(),
            source: std::io::Error::other(fault.to_string()),
        })?;
        match store.write_new(&snapshot_ref, &bytes) {
            Err(fault)
                if fault.source.kind() == std::io::ErrorKind::AlreadyExists && store.path(&snapshot_ref).exists() => {}
            Err(fault) => return Err(fault),
            Ok(()) => return Ok((made, Published { snapshot_ref, latest_ref: family.latest })),
        }
    }
}

fn state_of(went: DeliveryActual) -> KeyState {
    match went {
        DeliveryActual::Telegram
        | DeliveryActual::FallbackCurl
        | DeliveryActual::Delivered
        | DeliveryActual::DeliveredPartly => KeyState::Delivered,
        // The gates closed, or a name lost its value, after the note: nothing left.
        DeliveryActual::ConsoleSimulated => KeyState::Simulated,
        DeliveryActual::TelegramFailed | DeliveryActual::NotDelivered => KeyState::Failed,
        DeliveryActual::TelegramError | DeliveryActual::DeliveryUnknown => KeyState::Unknown,
    }
}

fn refusal(code: RunCode, why: &str) -> String {
    format!("{code}: {why}")
}

fn repeated(state: KeyState) -> &'static str {
    match state {
        KeyState::Delivered => "already sent today",
        KeyState::Simulated | KeyState::Failed => "already shown today; nothing left the host",
        KeyState::Attempted | KeyState::Unknown => "an earlier attempt of today may have arrived; it is not sent again",
    }
}
