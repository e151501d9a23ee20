//! The audit trail: every change with who, when, why, from where, before and after, one JSON line each.
//!
//! Each entry holds the hash of the one before, so that a line that is changed, removed or put in between is found by
//! reading the file once. A line that a killed writer left half is no entry: the chain goes on from the last whole one.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::Gates;
use crate::contracts::Json;
use crate::contracts::Text;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;
use crate::contracts::json::sha256_hex;
use crate::store::Durability;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// What the first entry names as the hash before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

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

/// AUDIT_ENTRY_V1: one line of `state/audit/audit.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// `AUDIT_ENTRY_V1`
    pub schema: String,
    /// From 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: Stamp,
    /// Who.
    pub actor: String,
    /// What that somebody may do.
    pub role: Role,
    /// Through which door.
    pub from: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub target: String,
    /// Why.
    pub reason: String,
    /// What was there.
    pub before: Value,
    /// What is there now.
    pub after: Value,
    /// The hash of the entry before.
    pub prev_sha256: String,
    /// SHA-256 of this entry's canonical form without this member.
    pub sha256: String,
}

impl AuditEntry {
    /// The hash that this entry must carry.
    #[must_use]
    pub fn hash(&self) -> Option<String> {
        let bytes = serde_json::to_vec(self).ok()?;
        let Json::Object(mut members) = Json::parse(&bytes).ok()? else { return None };
        members.remove("sha256");
        Some(sha256_hex(Json::Object(members).canonical(Text::Raw).as_bytes()))
    }
}

impl Gates<'_> {
    /// Appends a change to the audit trail. Call it while the lock of what is changed is held, so that `before` is what
    /// was there.
    ///
    /// # Errors
    /// The trail cannot be read or written.
    pub fn record(&self, actor: &Actor, change: Change, now: KstTime) -> Result<AuditEntry, StoreFault> {
        let _held = self.store.exclusive(layout::AUDIT_LOCK)?;
        let last = self.last_entry()?;
        let mut entry = AuditEntry {
            schema: "AUDIT_ENTRY_V1".to_owned(),
            seq: last.as_ref().map_or(1, |last| last.seq + 1),
            at: Stamp::of(now),
            actor: actor.name.clone(),
            role: actor.role,
            from: actor.from.clone(),
            action: change.action.to_owned(),
            target: change.target,
            reason: change.reason,
            before: change.before,
            after: change.after,
            prev_sha256: last.map_or_else(|| GENESIS.to_owned(), |last| last.sha256),
            sha256: String::new(),
        };
        entry.sha256 = entry.hash().unwrap_or_default();
        let line = serde_json::to_string(&entry).map_err(|fault| StoreFault {
            verb: "render",
            path: layout::AUDIT.to_owned(),
            source: std::io::Error::other(fault),
        })?;
        self.store.append(layout::AUDIT, &line, Durability::Durable)?;
        Ok(entry)
    }

    /// The newest whole entry; `None` in an empty trail.
    fn last_entry(&self) -> Result<Option<AuditEntry>, StoreFault> {
        let bytes = self.store.read(layout::AUDIT)?.unwrap_or_default();
        let lines = bytes.split(|byte| *byte == b'\n').rev();
        Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).next())
    }
}
