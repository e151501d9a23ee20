//! The audit trail: every change with who, when, why, from where, before and after, one JSON line each.
//!
//! Each entry holds the hash of the one before, so that a line that is changed, removed or put in between is found by
//! reading the file once. A line that a killed writer left half is no entry: the chain goes on from the last whole one.
//!
//! `head.json` names the last entry, so that entries cut off the end are missed: see `head`.
//!
//! An entry is written before its change is made, changes towards safety excepted, so no change is there without its entry. When the change then fails, a
//! second entry says so. A process that dies in between leaves an entry whose `after` the next entry of the same target
//! does not have as its `before`.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::Gates;
use crate::contracts::actor::Actor;
use crate::contracts::audit::AuditEntry;
use crate::contracts::audit::AuditHead;
use crate::contracts::audit::GENESIS;
use crate::contracts::audit::Outcome;
use crate::contracts::json::sha256_hex;
use crate::store::Durability;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Longest entry. What is before and after in a longer one is named by its hash.
const LONGEST: usize = 256 << 10;
/// Characters that are kept of a reason whose entry would be too long.
const LONGEST_REASON: usize = 2000;

/// A change as its maker describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// What was done: `gate.set`, `ticket.create`, `token.revoke` ...
    pub action: &'static str,
    /// What it was done to: a file, an id.
    pub target: String,
    /// Why, in the words of who asked.
    pub reason: String,
    /// What was there; null when there was nothing.
    pub before: Value,
    /// What is there now.
    pub after: Value,
}

impl Change {
    /// A change of something from nothing to nothing.
    #[must_use]
    pub fn new(action: &'static str, target: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { action, target: target.into(), reason: reason.into(), before: Value::Null, after: Value::Null }
    }

    /// With what was there.
    #[must_use]
    pub fn of<T: Serialize + ?Sized>(self, before: &T) -> Self {
        // Documents of texts, numbers and switches always render.
        Self { before: serde_json::to_value(before).unwrap_or_default(), ..self }
    }

    /// With what is there from now on.
    #[must_use]
    pub fn to<T: Serialize + ?Sized>(self, after: &T) -> Self {
        Self { after: serde_json::to_value(after).unwrap_or_default(), ..self }
    }
}

impl Gates<'_> {
    /// Appends a change to the audit trail. Call it while the lock of what is changed is held, so that `before` is what
    /// was there.
    ///
    /// # Errors
    /// The trail cannot be read or written.
    pub fn record(&self, actor: &Actor, change: Change, now: KstTime) -> Result<AuditEntry, StoreFault> {
        self.record_within(actor, change, (now, super::PATIENCE))
    }

    /// Appends a change, waiting for others for `patience` at most.
    pub(super) fn record_within(
        &self,
        actor: &Actor,
        change: Change,
        when: (KstTime, Duration),
    ) -> Result<AuditEntry, StoreFault> {
        self.enter(actor, (change, None), when)
    }

    /// Records a change, then makes it. A change that fails gets a second entry that says so.
    ///
    /// # Errors
    /// The trail cannot be written, and then nothing was done; or the fault of `act`.
    pub fn recorded<T, E>(
        &self,
        actor: &Actor,
        change: Change,
        now: KstTime,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<StoreFault> + std::fmt::Display,
    {
        let entry = self.record(actor, change, now)?;
        act().inspect_err(|fault| self.record_failure(actor, entry, &fault.to_string(), now))
    }

    /// Appends that the change of an entry failed, and why. It is a remark on what is recorded already, so a trail that
    /// cannot be written costs a line of the log and not what the caller still has to keep.
    pub fn record_failure(&self, actor: &Actor, entry: AuditEntry, why: &str, now: KstTime) {
        let action = entry.action.clone();
        let change = Change { action: "", target: entry.target, reason: why.to_owned(), ..Change::default() };
        let about = About { seq: entry.seq, action: entry.action };
        if let Err(fault) = self.enter(actor, (change, Some(about)), (now, super::PATIENCE)) {
            tracing::error!(%action, %fault, "a change failed, and the audit trail could not be told");
        }
    }

    fn enter(
        &self,
        actor: &Actor,
        (change, about): (Change, Option<About>),
        (now, patience): (KstTime, Duration),
    ) -> Result<AuditEntry, StoreFault> {
        let _held = self.store.exclusive_within(layout::AUDIT_LOCK, patience)?;
        let last = self.last_entry()?;
        let (action, of_seq) = match about {
            Some(about) => (about.action, Some(about.seq)),
            None => (change.action.to_owned(), None),
        };
        let mut entry = AuditEntry {
            schema: AuditEntry::SCHEMA.to_owned(),
            seq: super::head::seq_after(last.as_ref())?,
            at: Stamp::of(now),
            actor: actor.name.clone(),
            role: actor.role,
            from: actor.from.clone(),
            action,
            target: change.target,
            reason: change.reason,
            before: change.before,
            after: change.after,
            outcome: of_seq.map(|_| Outcome::Failed),
            of_seq,
            prev_sha256: last.map_or_else(|| GENESIS.to_owned(), |last| last.sha256),
            sha256: String::new(),
        };
        let mut line = sealed(&mut entry)?;
        if line.len() > LONGEST {
            shorten(&mut entry);
            line = sealed(&mut entry)?;
        }
        self.store.append_within(layout::AUDIT, &line, (Durability::Durable, patience))?;
        if let Err(fault) = self.store.write_document(layout::AUDIT_HEAD, &AuditHead::of(&entry)) {
            // The entry is on disk, and the next one notes the head anew.
            tracing::error!(%fault, "the head of the audit trail could not be noted");
        }
        Ok(entry)
    }
}

/// Which earlier entry an entry is about.
struct About {
    seq: u64,
    action: String,
}

/// Puts the hash into an entry and gives its line.
fn sealed(entry: &mut AuditEntry) -> Result<String, StoreFault> {
    entry.sha256 = entry.hash().unwrap_or_default();
    super::line_of(layout::AUDIT, entry)
}

fn shorten(entry: &mut AuditEntry) {
    for value in [&mut entry.before, &mut entry.after] {
        let text = value.to_string();
        if text.len() > LONGEST / 4 {
            *value = serde_json::json!({"omitted_bytes": text.len(), "sha256": sha256_hex(text.as_bytes())});
        }
    }
    for text in [&mut entry.reason, &mut entry.target, &mut entry.actor] {
        if text.chars().count() > LONGEST_REASON {
            *text = text.chars().take(LONGEST_REASON).chain(['…']).collect();
        }
    }
}
