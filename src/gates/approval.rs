//! Approvals by two keys: asking, approving, and which one counts.
//!
//! The file only grows; the newest line of an id is the approval. A line that cannot be read and follows an approval may
//! have been the one that took it back, so everything before it is closed and must be asked for anew.

use super::Gates;
use super::audit::Change;
use crate::contracts::Document;
use crate::contracts::actor::Actor;
use crate::contracts::approval::APPROVAL_SECONDS;
use crate::contracts::approval::Approval;
use crate::contracts::approval::ApprovalKey;
use crate::contracts::approval::ApprovalStatus;
use crate::contracts::approval::KEYS_REQUIRED;
use crate::contracts::approval::same_word;
use crate::store::Durability;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// An approval was not asked for or not approved.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalFault {
    /// A text that must say something says nothing.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// There is no such approval.
    #[error("Approval not found")]
    Unknown,
    /// Its day is over.
    #[error("Approval expired")]
    Expired,
    /// It is not waiting for keys any more.
    #[error("Status is already {}", .0.as_str())]
    Decided(ApprovalStatus),
    /// A line behind it cannot be read and may have taken it back.
    #[error("a line behind this approval cannot be read and may have taken it back; request a new one")]
    Doubtful,
    /// The same key again.
    #[error("Key already provided")]
    SameKey,
    /// The same person again.
    #[error("Approver already provided a key")]
    SamePerson,
    /// The file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// The approval to show, and whether the file has lines that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatestApproval {
    /// An approval that counts, else the newest one; its status is what it comes to now.
    pub approval: Option<Approval>,
    /// Lines that cannot be read.
    pub bad_lines: usize,
}

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    /// Each id's newest line, oldest first, and whether a line behind it cannot be read.
    newest: Vec<(Approval, Standing)>,
    pub(super) bad_lines: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Sure,
    Doubtful,
}

impl Approvals {
    pub(super) fn read(store: &Store) -> Result<Self, StoreFault> {
        let mut all = Self::default();
        for line in super::lines(store, layout::APPROVALS)? {
            match Approval::parse(&line).ok().filter(|approval| !approval.approval_id.is_empty()) {
                Some(approval) => {
                    all.newest.retain(|(known, _)| known.approval_id != approval.approval_id);
                    all.newest.push((approval, Standing::Sure));
                }
                None => {
                    all.bad_lines += 1;
                    all.newest.iter_mut().for_each(|(_, standing)| *standing = Standing::Doubtful);
                }
            }
        }
        Ok(all)
    }

    /// The newest approval that permits.
    pub(super) fn counting(&self, now: KstTime) -> Option<&Approval> {
        let counts = |(approval, standing): &&(Approval, Standing)| {
            *standing == Standing::Sure
                && approval.status == ApprovalStatus::Approved
                && approval.has_all_keys()
                && approval.is_alive(now)
        };
        self.newest.iter().rev().find(counts).map(|(approval, _)| approval)
    }

    /// The one to show: the one that counts, else the one that was asked for last.
    fn latest(&self, now: KstTime) -> Option<Approval> {
        if let Some(approval) = self.counting(now) {
            return Some(approval.clone());
        }
        let (approval, standing) = self.newest.iter().max_by_key(|(approval, _)| approval.requested_at.instant())?;
        let mut shown = approval.clone().shown(now);
        if shown.status == ApprovalStatus::Approved {
            // It says APPROVED and does not count: a line behind it is unreadable, or its keys are not those of two people.
            let taken_back = *standing == Standing::Doubtful;
            shown.status = if taken_back { ApprovalStatus::Revoked } else { ApprovalStatus::Pending };
        }
        Some(shown)
    }

    fn find(&self, id: &str) -> Option<&(Approval, Standing)> {
        self.newest.iter().find(|(approval, _)| approval.approval_id == id)
    }
}

impl Gates<'_> {
    /// Asks for real execution. Two people must approve within a day.
    ///
    /// # Errors
    /// The reason is empty, or a file cannot be written.
    pub fn request_approval(&self, actor: &Actor, reason: &str, now: KstTime) -> Result<Approval, ApprovalFault> {
        if reason.trim().is_empty() {
            return Err(ApprovalFault::Empty("reason"));
        }
        let _held = self.store.exclusive_within(layout::APPROVALS_LOCK, super::PATIENCE)?;
        let approval = Approval {
            schema: Approval::SCHEMA.to_owned(),
            approval_id: super::new_id(),
            requested_at: Stamp::of(now),
            requested_by: actor.name.clone(),
            mode_target: "REAL_ENABLED".to_owned(),
            reason: reason.to_owned(),
            expires_at: Stamp::of(now + chrono::Duration::seconds(APPROVAL_SECONDS)),
            keys_required: KEYS_REQUIRED,
            keys: Vec::new(),
            status: ApprovalStatus::Pending,
        };
        let change = Change::new("approval.request", approval.approval_id.as_str(), reason).to(&approval);
        self.recorded(actor, change, now, || self.append_approval(&approval))?;
        Ok(approval)
    }

    /// Adds the actor's key to an approval, which is APPROVED with the last key that it needs.
    ///
    /// # Errors
    /// The approval is unknown, over, decided or doubtful; the key or the person is there already; or a file cannot be
    /// read or written.
    pub fn approve(&self, id: &str, key_id: &str, actor: &Actor, now: KstTime) -> Result<Approval, ApprovalFault> {
        let (key_id, person) = (key_id.trim(), actor.name.trim());
        for (name, text) in [("key_id", key_id), ("approver_id", person)] {
            if same_word(text).is_empty() {
                return Err(ApprovalFault::Empty(name));
            }
        }
        let _held = self.store.exclusive_within(layout::APPROVALS_LOCK, super::PATIENCE)?;
        let all = Approvals::read(self.store)?;
        let (before, standing) = all.find(id).ok_or(ApprovalFault::Unknown)?;
        waits_for_keys(before, *standing, now)?;
        let given = |field: fn(&ApprovalKey) -> &str, word: &str| {
            before.keys.iter().any(|key| same_word(field(key)) == same_word(word))
        };
        if given(|key| &key.key_id, key_id) {
            return Err(ApprovalFault::SameKey);
        }
        if given(|key| &key.provided_by, person) {
            return Err(ApprovalFault::SamePerson);
        }
        let mut after = before.clone();
        let provided_at = Stamp::of(now);
        after.keys.push(ApprovalKey { key_id: key_id.to_owned(), provided_by: person.to_owned(), provided_at });
        if after.has_all_keys() {
            after.status = ApprovalStatus::Approved;
        }
        let change = Change::new("approval.approve", id, format!("key {key_id}")).of(before).to(&after);
        self.recorded(actor, change, now, || self.append_approval(&after))?;
        Ok(after)
    }

    /// The approval to show.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn latest_approval(&self, now: KstTime) -> Result<LatestApproval, StoreFault> {
        let all = Approvals::read(self.store)?;
        Ok(LatestApproval { approval: all.latest(now), bad_lines: all.bad_lines })
    }

    fn append_approval(&self, approval: &Approval) -> Result<(), StoreFault> {
        let line = super::line_of(layout::APPROVALS, approval)?;
        self.store.append(layout::APPROVALS, &line, Durability::Durable)
    }
}

fn waits_for_keys(approval: &Approval, standing: Standing, now: KstTime) -> Result<(), ApprovalFault> {
    if !approval.is_alive(now) {
        return Err(ApprovalFault::Expired);
    }
    if approval.status != ApprovalStatus::Pending {
        return Err(ApprovalFault::Decided(approval.status));
    }
    if standing == Standing::Doubtful { Err(ApprovalFault::Doubtful) } else { Ok(()) }
}
