//! AUDIT_ENTRY_V1: one change with who, when, why, from where, before and after, and the hash that ties it to the one
//! before it. AUDIT_HEAD_V1: which entry is the last one.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::actor::Role;
use super::document::Document;
use super::json::Json;
use super::json::Text;
use super::json::sha256_hex;
use crate::time::Stamp;

/// What the first entry names as the hash before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What became of a change whose entry was written first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// It was not made after all.
    Failed,
}

/// One line of `state/audit/audit.jsonl`.
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
    /// What is there from now on.
    pub after: Value,
    /// What became of an earlier entry's change; only in an entry about that entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The number of that earlier entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_seq: Option<u64>,
    /// The hash of the entry before.
    pub prev_sha256: String,
    /// SHA-256 of this entry's canonical form without this member.
    pub sha256: String,
}

impl AuditEntry {
    /// `AUDIT_ENTRY_V1`
    pub const SCHEMA: &'static str = "AUDIT_ENTRY_V1";

    /// The hash that this entry must carry.
    #[must_use]
    pub fn hash(&self) -> Option<String> {
        Self::hash_of_line(&serde_json::to_vec(self).ok()?)
    }

    /// The hash that a line must carry, whatever members a later writer has added to it.
    #[must_use]
    pub fn hash_of_line(line: &[u8]) -> Option<String> {
        let Json::Object(mut members) = Json::parse(line).ok()? else { return None };
        members.remove("sha256");
        Some(sha256_hex(Json::Object(members).canonical(Text::Raw).as_bytes()))
    }
}

/// AUDIT_HEAD_V1, `state/audit/head.json`: the last entry, noted after it was appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// `AUDIT_HEAD_V1`
    pub schema: String,
    /// The entry's number.
    pub seq: u64,
    /// The entry's hash.
    pub sha256: String,
}

impl Document for AuditHead {
    const SCHEMA: &'static str = "AUDIT_HEAD_V1";
}

impl AuditHead {
    /// The head of a trail that ends with `entry`.
    #[must_use]
    pub fn of(entry: &AuditEntry) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), seq: entry.seq, sha256: entry.sha256.clone() }
    }
}
