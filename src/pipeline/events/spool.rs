//! The spool: events that no server has taken, one JSON object a line, bounded.
//!
//! What is written outlives the process at once, and a power cut after some seconds: the record is what must not be lost.

use std::time::Duration;

use crate::store::Durability;
use crate::store::Store;
use crate::store::layout;

/// It never grows beyond this.
pub(super) const ROOM: u64 = 4 << 20;
/// How long others that write or empty it are waited for.
const PATIENCE: Duration = Duration::from_millis(400);

/// Appends the lines that there is room for, the first ones first.
///
/// # Errors
/// How many are lost, and why.
pub(super) fn keep(store: &Store, lines: &[String]) -> Result<(), (usize, String)> {
    let size = std::fs::metadata(store.path(layout::EVENT_SPOOL)).map_or(0, |meta| meta.len());
    let mut room = ROOM.saturating_sub(size);
    let mut kept: Vec<&str> = Vec::new();
    for line in lines {
        let needed = line.len() as u64 + 1;
        if needed > room {
            break;
        }
        room -= needed;
        kept.push(line);
    }
    if !kept.is_empty() {
        let how = (Durability::Buffered, PATIENCE);
        store
            .append_within(layout::EVENT_SPOOL, &kept.join("\n"), how)
            .map_err(|fault| (lines.len(), fault.to_string()))?;
    }
    match lines.len() - kept.len() {
        0 => Ok(()),
        lost => Err((lost, format!("{} holds {} MiB already", layout::EVENT_SPOOL, ROOM >> 20))),
    }
}
