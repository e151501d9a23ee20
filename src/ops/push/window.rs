//! Using up the two one-shot windows before a message is handed over: first the one for real execution, which can be
//! opened again, then the one for sending, which cannot.
//!
//! `consume_window` and `consume_sender_window` stand in for the functions of the same names in the gates, which own both
//! files, and do what those do.

use serde_json::json;

use super::checks::Refused;
use crate::contracts::actor::Actor;
use crate::gates::Change;
use crate::gates::Gates;
use crate::store::Durability;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// A window was not used up.
#[derive(Debug)]
enum WindowFault {
    /// It is not open any more.
    NotOpen,
    /// The window for sending was used before.
    SenderUsed,
    /// A file cannot be written.
    Store(StoreFault),
}

impl From<StoreFault> for WindowFault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

/// Uses both windows up; the inner result is a no of somebody who was faster.
///
/// # Errors
/// A file cannot be read or written.
pub(super) fn use_up(
    store: &Store,
    window_id: &str,
    actor: &Actor,
    reason: &str,
    now: KstTime,
) -> Result<Result<(), Refused>, StoreFault> {
    let used =
        consume_window(store, window_id, actor, reason, now).and_then(|()| consume_sender_window(store, actor, now));
    match used {
        Ok(()) => Ok(Ok(())),
        Err(WindowFault::SenderUsed) => Ok(Err(Refused::consumed())),
        Err(WindowFault::NotOpen) => Ok(Err(Refused::inactive("the window was closed meanwhile"))),
        Err(WindowFault::Store(fault)) => Err(fault),
    }
}

/// Uses the one execution of a window.
fn consume_window(
    store: &Store,
    window_id: &str,
    actor: &Actor,
    reason: &str,
    now: KstTime,
) -> Result<(), WindowFault> {
    let _held = store.exclusive(layout::APPROVALS_LOCK)?;
    if Gates::new(store).real_enable(now).window_id.as_deref() != Some(window_id) {
        return Err(WindowFault::NotOpen);
    }
    let event = json!({
        "schema": "REAL_ENABLE_WINDOW_V1",
        "event": "CONSUME",
        "window_id": window_id,
        "consumed_at": Stamp::of(now),
        "reason": reason,
    });
    store.append(layout::WINDOWS, &event.to_string(), Durability::Durable)?;
    let change = Change {
        action: "window.consume",
        target: window_id.to_owned(),
        reason: reason.to_owned(),
        before: "ACTIVE".into(),
        after: "CONSUMED".into(),
    };
    Gates::new(store).record(actor, change, now)?;
    Ok(())
}

/// Uses the one window for sending. Nothing in this program opens it again.
fn consume_sender_window(store: &Store, actor: &Actor, now: KstTime) -> Result<(), WindowFault> {
    let _held = store.exclusive(layout::APPROVALS_LOCK)?;
    if Gates::new(store).real_enable(now).consumed {
        return Err(WindowFault::SenderUsed);
    }
    let document = json!({"schema": "WINDOW_CONSUMED_V1", "consumed": true, "consumed_at": Stamp::of(now)});
    store.write(layout::WINDOW_CONSUMED, format!("{document:#}\n").as_bytes())?;
    let change = Change {
        action: "sender_window.consume",
        target: layout::WINDOW_CONSUMED.to_owned(),
        reason: "the window for sending is used".to_owned(),
        before: false.into(),
        after: true.into(),
    };
    Gates::new(store).record(actor, change, now)?;
    Ok(())
}
