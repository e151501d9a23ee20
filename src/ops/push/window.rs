//! Using up the one-shot windows. The gates own them; these two stand in for `Gates::consume_window` and
//! `Gates::consume_sender_window` and have their names and arguments.

use serde_json::json;

use crate::contracts::actor::Actor;
use crate::gates::Change;
use crate::gates::Gates;
use crate::store::Durability;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Closes a window for real execution: it was used.
pub(super) fn consume_window(
    store: &Store,
    window_id: &str,
    actor: &Actor,
    reason: &str,
    now: KstTime,
) -> Result<(), StoreFault> {
    let _held = store.exclusive(layout::APPROVALS_LOCK)?;
    let event = json!({
        "schema": "REAL_ENABLE_WINDOW_V1",
        "event": "CONSUME",
        "window_id": window_id,
        "consumed_at": Stamp::of(now),
        "consumed_by": actor.name,
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
    Gates::new(store).record(actor, change, now).map(drop)
}

/// Uses up the one-shot window for sending. Nothing in this program opens it again.
pub(super) fn consume_sender_window(store: &Store, actor: &Actor, now: KstTime) -> Result<(), StoreFault> {
    let _held = store.exclusive(layout::APPROVALS_LOCK)?;
    let document = json!({"schema": "WINDOW_CONSUMED_V1", "consumed": true, "consumed_at": Stamp::of(now)});
    store.write(layout::WINDOW_CONSUMED, format!("{document:#}\n").as_bytes())?;
    let change = Change {
        action: "sender_window.consume",
        target: layout::WINDOW_CONSUMED.to_owned(),
        reason: "a message is about to be handed over".to_owned(),
        before: false.into(),
        after: true.into(),
    };
    Gates::new(store).record(actor, change, now).map(drop)
}
