//! Reading the audit trail: its newest entries, and the proof that its chain is whole.

use std::collections::VecDeque;
use std::io;

use serde::Serialize;

use super::Gates;
use crate::contracts::Json;
use crate::contracts::audit::AuditEntry;
use crate::contracts::audit::GENESIS;
use crate::store::StoreFault;
use crate::store::jsonl::Tail;
use crate::store::layout;

/// What a walk over the whole trail found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditProof {
    /// Whether there is a file.
    pub is_there: bool,
    /// Whole entries up to the first broken link.
    pub entries: u64,
    /// Lines that a killed writer left half. They are no entries and break nothing.
    pub torn_lines: u64,
    /// The hash of the last entry that was checked: note it elsewhere, and `--expect` finds out when entries are cut off.
    pub head_sha256: Option<String>,
    /// The first broken link.
    pub broken: Option<BrokenLink>,
    /// Whether the expected hash is one of the chain's; absent when none was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_expected: Option<bool>,
    /// What `head.json` says against the trail: what is missing, or that it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_fault: Option<String>,
}

/// Where the chain breaks and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenLink {
    /// The line, from 1.
    pub line: u64,
    /// The entry's own number, when it has one.
    pub seq: Option<u64>,
    /// What differs.
    pub what: String,
}

impl AuditProof {
    /// Whether nothing is broken, nothing is missing at the end and what was expected is there.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.broken.is_none() && self.has_expected != Some(false) && self.head_fault.is_none()
    }
}

struct Walk<'a> {
    proof: AuditProof,
    head: String,
    expect: Option<&'a str>,
    /// The number of the entry that the noted head names, and that entry's hash in the trail.
    anchor: (u64, Option<String>),
}

impl Walk<'_> {
    fn line(&mut self, number: u64, line: &[u8]) {
        if self.proof.broken.is_some() || line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        // A half line is no JSON. What is JSON and no entry was put there by somebody.
        if Json::parse(line).is_err() && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err() {
            self.proof.torn_lines += 1;
            return;
        }
        let Ok(entry) = serde_json::from_slice::<AuditEntry>(line) else {
            self.broken(number, None, "the line is no audit entry".to_owned());
            return;
        };
        let seq = self.proof.entries + 1;
        let differs = [
            (entry.schema != AuditEntry::SCHEMA).then(|| format!("schema is {}", entry.schema)),
            (entry.seq != seq).then(|| format!("seq is {}, {seq} is due", entry.seq)),
            (entry.prev_sha256 != self.head)
                .then(|| format!("prev_sha256 is {}, the entry before has {}", entry.prev_sha256, self.head)),
            match AuditEntry::hash_of_line(line) {
                Some(hash) if hash == entry.sha256 => None,
                Some(hash) => Some(format!("sha256 is {}, the line hashes to {hash}", entry.sha256)),
                None => Some("the line cannot be hashed".to_owned()),
            },
        ];
        let differs: Vec<String> = differs.into_iter().flatten().collect();
        if !differs.is_empty() {
            self.broken(number, Some(entry.seq), differs.join("; "));
            return;
        }
        self.proof.entries = seq;
        if self.expect == Some(entry.sha256.as_str()) {
            self.proof.has_expected = Some(true);
        }
        if self.anchor.0 == seq {
            self.anchor.1 = Some(entry.sha256.clone());
        }
        self.head = entry.sha256;
    }

    fn broken(&mut self, line: u64, seq: Option<u64>, what: String) {
        self.proof.broken = Some(BrokenLink { line, seq, what });
    }
}

impl Gates<'_> {
    /// Walks the whole trail and checks each entry's number, hash and link. `expect` is the hash of an entry that was
    /// noted earlier.
    ///
    /// # Errors
    /// The trail cannot be read.
    pub fn verify_audit(&self, expect: Option<&str>) -> Result<AuditProof, StoreFault> {
        let proof = AuditProof { has_expected: expect.map(|_| false), ..AuditProof::default() };
        // The head is read before the trail, so that entries that come meanwhile are only more than it names.
        let noted = self.noted_head();
        let anchor = (noted.as_ref().map_or(0, |head| head.as_ref().map_or(0, |head| head.seq)), None);
        let mut walk = Walk { proof, head: GENESIS.to_owned(), expect, anchor };
        let is_there = self.each_line(&mut |number, line| walk.line(number, line))?;
        walk.proof.is_there = is_there;
        walk.proof.head_fault = match noted {
            Ok(None) => None,
            // Where the chain ends is not known behind a broken link, which is told.
            Ok(Some(_)) if walk.proof.broken.is_some() => None,
            Ok(Some(head)) => self.head_fault(&head, walk.proof.entries, walk.anchor.1.as_deref()),
            Err(fault) => Some(fault.to_string()),
        };
        if walk.proof.entries > 0 {
            walk.proof.head_sha256 = Some(walk.head);
        }
        Ok(walk.proof)
    }

    /// The newest entries, oldest first. Lines that cannot be read are passed over; `verify_audit` counts them.
    ///
    /// # Errors
    /// The trail cannot be read.
    pub fn newest_audit_entries(&self, count: usize) -> Result<Vec<AuditEntry>, StoreFault> {
        let mut newest = VecDeque::new();
        self.each_line(&mut |_, line| {
            if let Ok(entry) = serde_json::from_slice::<AuditEntry>(line) {
                newest.push_back(entry);
                if newest.len() > count {
                    newest.pop_front();
                }
            }
        })?;
        Ok(newest.into())
    }

    /// Hands over every line of the trail, one without an end as well; `false` when there is no trail.
    fn each_line(&self, each: &mut dyn FnMut(u64, &[u8])) -> Result<bool, StoreFault> {
        let path = self.store.path(layout::AUDIT);
        if self.store.read_end(layout::AUDIT, 0)?.is_none() {
            return Ok(false);
        }
        let fault = |source: io::Error| StoreFault { verb: "read", path: layout::AUDIT.to_owned(), source };
        let mut tail = Tail::default();
        let rest = tail.read(&path, &mut || {}, &mut |place, line| each(place.number, line)).map_err(fault)?;
        if !rest.is_empty() {
            each(tail.lines() + 1, &rest);
        }
        Ok(true)
    }
}
