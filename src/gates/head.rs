//! The end of the audit trail: its last entry, and `head.json`, which names that entry so that a trail that was cut off is
//! noticed. It is noted after each entry, so it may be one entry behind when a process dies in between.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::Gates;
use crate::contracts::Json;
use crate::contracts::audit::AuditEntry;
use crate::contracts::audit::AuditHead;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;

/// How far before the end the last entry is looked for, in bytes: a little first, and never more than the last.
const REACHES: [u64; 3] = [64 << 10, 512 << 10, 4 << 20];

impl Gates<'_> {
    /// The newest entry; `None` in an empty trail. Reads the end of the file only. Half lines of killed writers are passed
    /// over.
    ///
    /// # Errors
    /// The trail cannot be read, its newest entry does not hold, or it does not end where the noted head says.
    pub(super) fn last_entry(&self) -> Result<Option<AuditEntry>, StoreFault> {
        let last = self.newest_line()?;
        if let Some(head) = self.noted_head()? {
            let seq = last.as_ref().map_or(0, |last| last.seq);
            let at_head = match &last {
                Some(last) if last.seq == head.seq => Some(last.sha256.as_str()),
                Some(last) if last.seq == head.seq.saturating_add(1) => Some(last.prev_sha256.as_str()),
                Some(_) | None => None,
            };
            let differs = if seq < head.seq { Some(missing(&head, seq)) } else { another(&head, at_head) };
            if let Some(why) = differs {
                return Err(unsound(why));
            }
        }
        Ok(last)
    }

    fn newest_line(&self) -> Result<Option<AuditEntry>, StoreFault> {
        for reach in REACHES {
            let Some((bytes, whole)) = self.store.read_end(layout::AUDIT, reach)? else { return Ok(None) };
            // The first line of a part may lack its beginning.
            let start = if whole { 0 } else { memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |end| end + 1) };
            for line in bytes[start..].split(|byte| *byte == b'\n').rev() {
                if let Some(entry) = sound(line)? {
                    return Ok(Some(entry));
                }
            }
            if whole {
                return Ok(None);
            }
        }
        Err(unsound(format!("it ends in a line longer than {} bytes", REACHES[REACHES.len() - 1])))
    }

    /// The number of the newest entry that put this document there; `None` when the end of the trail names none. An entry may
    /// be missing for a moment: a change towards safety is recorded after it is made.
    #[must_use]
    pub fn entry_that_set(&self, target: &str, document: &Value) -> Option<u64> {
        let (bytes, _) = self.store.read_end(layout::AUDIT, REACHES[1]).ok()??;
        let mut entries = bytes.rsplit(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let is_it = |entry: &AuditEntry| entry.target == target && entry.outcome.is_none() && entry.after == *document;
        entries.find(is_it).map(|entry| entry.seq)
    }

    /// The head that was noted; `None` when none was.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn noted_head(&self) -> Result<Option<AuditHead>, StoreFault> {
        match self.store.document::<AuditHead>(layout::AUDIT_HEAD) {
            Stored::Present(head) => Ok(Some(head)),
            Stored::Missing => Ok(None),
            Stored::Damaged(why) => {
                let why = format!("{why}; look at `daily_ops audit verify`, then remove the file");
                Err(StoreFault::new("use", layout::AUDIT_HEAD)(std::io::Error::other(why)))
            }
        }
    }

    /// What a head that was noted says against a trail of `entries` that was walked: `found` is the hash of its entry.
    pub(super) fn head_fault(&self, head: &AuditHead, entries: u64, found: Option<&str>) -> Option<String> {
        if entries < head.seq {
            return Some(missing(head, entries));
        }
        if head.seq > 0 && found != Some(head.sha256.as_str()) {
            return another(head, Some(found.unwrap_or_default()));
        }
        // Entries may have come since: the head is asked again.
        let now = self.noted_head().ok().flatten().map_or(head.seq, |head| head.seq);
        (entries > now.saturating_add(1))
            .then(|| format!("{} names entry {now}, and {entries} are there: some came without it", layout::AUDIT_HEAD))
    }
}

/// The number after that of the last entry.
pub(super) fn seq_after(last: Option<&AuditEntry>) -> Result<u64, StoreFault> {
    let next = last.map_or(Some(1), |last| last.seq.checked_add(1));
    next.ok_or_else(|| unsound("the last entry has the largest number there is".to_owned()))
}

/// The entry of a line; `None` for a half line.
fn sound(line: &[u8]) -> Result<Option<AuditEntry>, StoreFault> {
    if Json::parse(line).is_err() && serde_json::from_slice::<IgnoredAny>(line).is_err() {
        return Ok(None);
    }
    let entry: AuditEntry =
        serde_json::from_slice(line).map_err(|fault| unsound(format!("its last line is no audit entry: {fault}")))?;
    if entry.schema == AuditEntry::SCHEMA && AuditEntry::hash_of_line(line).as_ref() == Some(&entry.sha256) {
        Ok(Some(entry))
    } else {
        Err(unsound(format!("its last entry, {}, does not have the hash that it names", entry.seq)))
    }
}

fn missing(head: &AuditHead, last: u64) -> String {
    let (file, seq) = (layout::AUDIT_HEAD, head.seq);
    let first = last.saturating_add(1);
    format!("entries {first} to {seq} are missing: {file} names entry {seq}, sha256 {}, as the last one", head.sha256)
}

fn another(head: &AuditHead, found: Option<&str>) -> Option<String> {
    let found = found.filter(|found| *found != head.sha256)?;
    Some(format!("entry {} has sha256 {found}, {} names {}", head.seq, layout::AUDIT_HEAD, head.sha256))
}

fn unsound(why: String) -> StoreFault {
    StoreFault::new("append to", layout::AUDIT)(std::io::Error::new(std::io::ErrorKind::InvalidData, why))
}

#[cfg(test)]
mod tests;
