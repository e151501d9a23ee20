//! A message without a backend: straight to the channels that the sender opens, once a day, noted before it leaves.
//!
//! It is sent only while the sender is enabled and the emergency stop is off. The execution gate and its window belong to
//! what the backend does; that the backend is gone must be told without them.

use std::time::Duration;

use crate::contracts::message::DeliveryActual;
use crate::contracts::message::KeyState;
use crate::gates::Gates;
use crate::gates::OnceADay;
use crate::notify::Choice;
use crate::notify::Messenger;
use crate::notify::Outgoing;
use crate::notify::Sent;
use crate::notify::alert::is_suspect;
use crate::notify::verdict::Attempt;
use crate::notify::verdict::judge;
use crate::notify::verdict::within;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Clock;
use crate::time::Stamp;
use crate::time::file_stamp;

use super::control::Control;

/// How long one message may take, and how long it waits for others that are being sent.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a message may keep its sender in all, with a second to spare.
pub(super) const LONGEST: Duration = Duration::from_secs(21);
/// How often a lock that somebody else holds is tried again.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Said when there is no time left, or a signal came, before the message left.
const ENDED: &str = "not sent: it was ended before the message left";
/// How long one channel may take: less, so that one that hangs does not hide what the others answered.
const CALL_LIMIT: Duration = Duration::from_secs(9);
/// The type of these messages in the routing table of channels.
const ALERT: &str = "ALERT";

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
    /// It could not be tried: what must be recorded first could not be, others kept sending, or a signal came.
    Faulty(String),
}

/// Sends a message, and gives its key with what became of it.
pub(super) fn send(direct: &Direct<'_>, control: &Control) -> (String, Told) {
    let stamp = file_stamp(direct.clock.now());
    let key = format!("{}_{}", direct.name, stamp.split('_').next().unwrap_or_default());
    let told = chosen(direct).map_or_else(|why| Ok(Told::NotSent(why)), |choice| tried(direct, &key, choice, control));
    (key, told.unwrap_or_else(|fault| Told::Faulty(fault.to_string())))
}

/// Where it goes, or why it may not leave.
fn chosen(direct: &Direct<'_>) -> Result<Choice, String> {
    let switches = Gates::new(direct.store).switches();
    if switches.stop.value {
        return Err(format!("EMERGENCY_STOP: {}", switches.stop_text()));
    }
    if !switches.sender.value {
        return Err("SENDER_DISABLED: the sender is not enabled".to_owned());
    }
    if may_not_be_shown(direct) {
        return Err("SECRET_INJECTION_SUSPECTED".to_owned());
    }
    let choice = direct.messenger.choose(switches.channels(), ALERT);
    choice.refusal().map_or(Ok(()), |why| Err(why.to_owned()))?;
    Ok(choice)
}

/// What is left of the choice right before the call: a switch or a channel may have been closed.
fn still(direct: &Direct<'_>, choice: Choice) -> Result<Choice, String> {
    chosen(direct)?;
    let choice = choice.still(Gates::new(direct.store).switches().channels());
    choice.refusal().map_or(Ok(()), |why| Err(why.to_owned()))?;
    Ok(choice)
}

/// Whether the text could tell a secret.
pub(super) fn may_not_be_shown(direct: &Direct<'_>) -> bool {
    direct.messenger.secrets.is_told_in(direct.text) || is_suspect(direct.text) || is_suspect(direct.title)
}

/// The messages' lock, waited for as long as one message of somebody else may take; otherwise why it was not got.
fn lock(direct: &Direct<'_>, key: &str, control: &Control) -> Result<Result<RunLock, String>, StoreFault> {
    let until = direct.clock.monotonic() + LIMIT;
    loop {
        let holder = Holder::this_process(key, direct.clock.now(), LIMIT);
        if let LockOutcome::Acquired(held) = direct.store.try_lock(layout::PUSH_LOCK, &holder)? {
            return Ok(Ok(held.lock));
        }
        if direct.clock.monotonic() >= until {
            let waited = LIMIT.as_secs();
            return Ok(Err(format!("not sent: another process has been sending messages for {waited} s")));
        }
        if control.wait(direct.clock, LOOK_EVERY).is_err() {
            return Ok(Err(ENDED.to_owned()));
        }
    }
}

fn tried(direct: &Direct<'_>, key: &str, choice: Choice, control: &Control) -> Result<Told, StoreFault> {
    let once = match lock(direct, key, control)? {
        Ok(held) => OnceADay::of_fallback(direct.store, held),
        Err(why) => return Ok(Told::Faulty(why)),
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
    // A note of an attempt that is never made would use up the day.
    if control.check(direct.clock).is_err() {
        return Ok(Told::Faulty(ENDED.to_owned()));
    }
    once.note(key, KeyState::Attempted, direct.clock.now())?;
    let choice = match still(direct, choice) {
        Ok(choice) => choice,
        Err(why) => {
            once.note(key, KeyState::Failed, direct.clock.now())?;
            return Ok(Told::NotSent(why));
        }
    };
    if control.check(direct.clock).is_err() {
        once.note(key, KeyState::Failed, direct.clock.now())?;
        return Ok(Told::Faulty(ENDED.to_owned()));
    }
    let attempt = called(direct, &choice, control);
    once.note(key, attempt.state, direct.clock.now())?;
    Ok(Told::Tried(attempt))
}

fn called(direct: &Direct<'_>, choice: &Choice, control: &Control) -> Attempt {
    let begun = Stamp::of(direct.clock.now());
    let messenger = within(direct.messenger.clone(), CALL_LIMIT);
    let (title, text, go) = (direct.title.to_owned(), direct.text.to_owned(), choice.go.clone());
    let asked =
        control.ask(direct.clock, LIMIT, move || messenger.send_all(&go, Outgoing { title: &title, text: &text }));
    let lost = || Sent::Failed {
        http_status: None,
        class: "TIMEOUT",
        message: "the call did not come back".to_owned(),
        retry_after: None,
    };
    let sent = asked.unwrap_or_else(|_ended| choice.go.iter().map(|channel| (*channel, lost())).collect());
    judge(&sent, &choice.skipped, DeliveryActual::FallbackCurl, begun)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::notify::Channel;
    use crate::settings::MessageSecrets;
    use crate::settings::Settings;
    use crate::time::SimClock;

    /// A place that may send, to an address where nobody listens.
    fn ready(dir: &Path) -> (Store, SimClock, Messenger) {
        let store = Store::new(dir);
        store.write(layout::SENDER, br#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":true}"#).expect("written");
        let clock = SimClock::at(Stamp::from("2026-11-20T09:05:00+09:00").instant().expect("a time"));
        let flags = BTreeMap::from([("push.telegram_url", "http://127.0.0.1:1".to_owned())]);
        let settings = Settings::load(dir, &BTreeMap::new(), &flags).expect("settings");
        let env = Channel::Telegram.needs().iter().map(|name| ((*name).to_owned(), "4242:for-tests-only".to_owned()));
        let secrets = MessageSecrets::read(Path::new("/nonexistent"), &env.collect());
        (store, clock, Messenger { settings: settings.push, secrets })
    }

    fn told((store, clock, messenger): &(Store, SimClock, Messenger), control: &Control) -> Told {
        send(&Direct { store, clock, messenger, name: "incident_BACKEND_DOWN", title: "t", text: "x" }, control).1
    }

    #[test]
    fn a_lock_that_stays_held_is_waited_for_and_then_said() {
        let dir = tempfile::tempdir().expect("a directory");
        let site = ready(dir.path());
        let holder = Holder::this_process("other", site.1.now(), LIMIT);
        let held = site.0.try_lock(layout::PUSH_LOCK, &holder).expect("locked");
        let control = Control::new(Arc::default(), &site.1, LONGEST);
        let why = "not sent: another process has been sending messages for 10 s";
        assert_eq!(told(&site, &control), Told::Faulty(why.to_owned()));
        assert!((LIMIT..LIMIT + Duration::from_secs(1)).contains(&site.1.monotonic()), "{:?}", site.1.monotonic());
        assert!(!site.0.path(layout::FALLBACK_KEYS).exists(), "the key stays free");
        drop(held);
        assert!(matches!(told(&site, &control), Told::Tried(_)));
    }

    #[test]
    fn what_was_ended_before_it_asked_has_noted_no_attempt() {
        let dir = tempfile::tempdir().expect("a directory");
        let site = ready(dir.path());
        let interrupted = Control::new(Arc::new(AtomicBool::new(true)), &site.1, LONGEST);
        let out_of_time = Control::new(Arc::default(), &site.1, Duration::ZERO);
        for control in [interrupted, out_of_time] {
            assert_eq!(told(&site, &control), Told::Faulty(ENDED.to_owned()));
            assert!(!site.0.path(layout::FALLBACK_KEYS).exists(), "the key stays free");
        }
    }
}
