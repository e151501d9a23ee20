//! Using up the two one-shot windows before a message is handed over: first the one for real execution, which can be
//! opened again, then the one for sending, which cannot.

use super::checks::Refused;
use crate::contracts::actor::Actor;
use crate::gates::Gates;
use crate::gates::WindowFault;
use crate::store::Store;
use crate::store::StoreFault;
use crate::time::KstTime;

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
    let gates = Gates::new(store);
    let used =
        gates.consume_window(window_id, actor, reason, now).and_then(|()| gates.consume_sender_window(actor, now));
    match used {
        Ok(()) => Ok(Ok(())),
        Err(WindowFault::SenderUsed) => Ok(Err(Refused::consumed())),
        Err(WindowFault::Store(fault)) => Err(fault),
        Err(WindowFault::NotRecorded(short)) => Err(short.into_fault()),
        Err(WindowFault::NotOpen(_) | WindowFault::Unknown | WindowFault::Empty(_) | WindowFault::StillOpen(_)) => {
            Ok(Err(Refused::inactive("the window was closed meanwhile")))
        }
    }
}
