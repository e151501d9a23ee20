//! A message without a backend: straight to Telegram, once a day, noted before it leaves.
//!
//! It is sent only while the sender is enabled and the emergency stop is off. The execution gate and its window belong to
//! what the backend does; that the backend is gone must be told without them.

use std::time::Duration;

use crate::contracts::message::DeliveryActual;
use crate::contracts::message::KeyState;
use crate::gates::Gates;
use crate::gates::OnceADay;
use crate::notify::Channel;
use crate::notify::Messenger;
use crate::notify::Outgoing;
use crate::notify::alert::is_suspect;
use crate::notify::verdict::Attempt;
use crate::notify::verdict::judge;
use crate::notify::verdict::within;
use crate::notify::verdict::without_value;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Clock;
use crate::time::Stamp;
use crate::time::file_stamp;

use super::control::Control;

/// How long one message may take.
const LIMIT: Duration = Duration::from_secs(10);
/// What a message needs to leave.
const NAMES: [&str; 2] = ["TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"];

/// One message and its way out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direct<'a> {
    pub(super) store: &'a Store,
    pub(super) clock: &'a dyn Clock,
    pub(super) messenger: &'a Messenger,
    /// The key without its day.
    pub(super) name: &'a str,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Something says no; the key is as free as before.
    NotSent(String),
    /// It left before today, or may have.
    Repeated(String),
    /// It was tried.
    Tried(Attempt),
    /// What must be recorded first could not be.
    Faulty(String),
}

/// Sends a message, and gives its key with what became of it.
pub(super) fn send(direct: &Direct<'_>, control: &Control) -> (String, Told) {
    let stamp = file_stamp(direct.clock.now());
    let key = format!("{}_{}", direct.name, stamp.split('_').next().unwrap_or_default());
    let told = refused(direct).map_or_else(|| tried(direct, &key, control), |why| Ok(Told::NotSent(why)));
    (key, told.unwrap_or_else(|fault| Told::Faulty(fault.to_string())))
}

/// Why it may not leave.
fn refused(direct: &Direct<'_>) -> Option<String> {
    let switches = Gates::new(direct.store).switches();
    if switches.stop.value {
        return Some(format!("EMERGENCY_STOP: {}", switches.stop_text()));
    }
    if !switches.sender.value {
        return Some("SENDER_DISABLED: the sender is not enabled".to_owned());
    }
    if may_not_be_shown(direct) {
        return Some("SECRET_INJECTION_SUSPECTED".to_owned());
    }
    let missing: Vec<&str> = NAMES.into_iter().filter(|name| !direct.messenger.secrets.is_present(name)).collect();
    (!missing.is_empty()).then(|| without_value(&missing))
}

/// Whether the text could tell a secret.
pub(super) fn may_not_be_shown(direct: &Direct<'_>) -> bool {
    direct.messenger.secrets.is_told_in(direct.text) || is_suspect(direct.text) || is_suspect(direct.title)
}

fn tried(direct: &Direct<'_>, key: &str, control: &Control) -> Result<Told, StoreFault> {
    let now = direct.clock.now();
    let once = match direct.store.try_lock(layout::PUSH_LOCK, &Holder::this_process(key, now, LIMIT))? {
        LockOutcome::Acquired(held) => OnceADay::of_fallback(direct.store, held.lock),
        LockOutcome::Held(_) => return Ok(Told::NotSent("another process is sending a message".to_owned())),
    };
    match once.look(key) {
        Err(why) => return Ok(Told::NotSent(why)),
        Ok(Some(row)) if row.state == KeyState::Delivered => {
            return Ok(Told::Repeated("already sent today".to_owned()));
        }
        Ok(Some(row)) if matches!(row.state, KeyState::Attempted | KeyState::Unknown) => {
            let why = "an earlier attempt of today may have arrived; it is not sent again";
            return Ok(Told::Repeated(why.to_owned()));
        }
        // What was only shown was never told to anybody, and nobody can be asked now.
        Ok(_) => {}
    }
    once.note(key, KeyState::Attempted, now)?;
    if let Some(why) = refused(direct) {
        once.note(key, KeyState::Failed, direct.clock.now())?;
        return Ok(Told::NotSent(why));
    }
    let begun = Stamp::of(direct.clock.now());
    let messenger = within(direct.messenger.clone(), LIMIT);
    let (title, text) = (direct.title.to_owned(), direct.text.to_owned());
    let asked = control
        .ask(direct.clock, LIMIT, move || messenger.send(Channel::Telegram, Outgoing { title: &title, text: &text }));
    let sent = asked.unwrap_or(crate::notify::Sent::Failed {
        http_status: None,
        class: "TIMEOUT",
        message: "the call did not come back".to_owned(),
        retry_after: None,
    });
    let attempt = judge(&sent, DeliveryActual::FallbackCurl, begun);
    once.note(key, attempt.state, direct.clock.now())?;
    Ok(Told::Tried(attempt))
}
