//! What real execution needs beside the switches: approvals by two keys, one-shot windows, and whether the window for
//! sending is used up.
//!
//! These documents give permission, so their readers are strict where it matters: a count, a key list or a status of
//! another type makes the whole line unreadable, and an unreadable line permits nothing.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use crate::time::KstTime;
use crate::time::Stamp;

/// Keys that an approval needs, from as many people.
pub const KEYS_REQUIRED: u32 = 2;
/// An approval's life in seconds, from the request.
pub const APPROVAL_SECONDS: i64 = 24 * 3600;
/// A window's longest life in seconds.
pub const WINDOW_SECONDS: i64 = 3600;
/// How many seconds two clocks of one host may differ.
const CLOCKS_DIFFER: i64 = 300;
/// What a window may execute: the two kinds of tickets that have a command.
pub const WINDOW_TYPES: [&str; 2] = ["REQUEST_RECONCILE", "REQUEST_REPORTS"];

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApprovalStatus {
    /// Keys are missing.
    Pending,
    /// All keys are there.
    Approved,
    /// Its day is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl ApprovalStatus {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Expired => "EXPIRED",
            Self::Revoked => "REVOKED",
        }
    }
}

/// One person's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalKey {
    /// Which key.
    pub key_id: String,
    /// Whose it is.
    pub provided_by: String,
    /// When it was given.
    #[serde(default, deserialize_with = "lenient")]
    pub provided_at: Stamp,
}

/// REAL_ENABLE_APPROVAL_V1: one line of `state/approvals/real_enable_approvals.jsonl`. The newest line of an id counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// `REAL_ENABLE_APPROVAL_V1`
    pub schema: String,
    /// Which approval.
    pub approval_id: String,
    /// When it was asked for.
    #[serde(default, deserialize_with = "lenient")]
    pub requested_at: Stamp,
    /// Who asked.
    #[serde(default, deserialize_with = "lenient")]
    pub requested_by: String,
    /// `REAL_ENABLED`
    #[serde(default, deserialize_with = "lenient")]
    pub mode_target: String,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: String,
    /// When it stops to count.
    #[serde(default, deserialize_with = "lenient")]
    pub expires_at: Stamp,
    /// How many keys it needs; never fewer than two.
    #[serde(default = "keys_required")]
    pub keys_required: u32,
    /// The keys so far.
    #[serde(default)]
    pub keys: Vec<ApprovalKey>,
    /// Where it stands.
    pub status: ApprovalStatus,
}

impl Document for Approval {
    const SCHEMA: &'static str = "REAL_ENABLE_APPROVAL_V1";
}

impl Approval {
    /// Whether its time has come and not passed; stamps that are no times are past.
    #[must_use]
    pub fn is_alive(&self, now: KstTime) -> bool {
        alive((&self.requested_at, &self.expires_at), APPROVAL_SECONDS, now)
    }

    /// Whether enough different keys of different people are there.
    #[must_use]
    pub fn has_all_keys(&self) -> bool {
        let distinct = |field: fn(&ApprovalKey) -> &str| {
            let words = self.keys.iter().map(|key| same_word(field(key))).filter(|word| !word.is_empty());
            words.collect::<std::collections::BTreeSet<_>>().len()
        };
        let needed = usize::try_from(self.keys_required.max(KEYS_REQUIRED)).unwrap_or(usize::MAX);
        distinct(|key| &key.key_id) >= needed && distinct(|key| &key.provided_by) >= needed
    }

    /// The status as people must see it: an approval past its time is EXPIRED whatever its line says.
    #[must_use]
    pub fn shown(mut self, now: KstTime) -> Self {
        if self.status != ApprovalStatus::Revoked && !self.is_alive(now) {
            self.status = ApprovalStatus::Expired;
        }
        self
    }
}

/// A name as it is compared: `Kim` and ` kim` are not two people, nor is a name with characters that nobody sees.
#[must_use]
pub fn same_word(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    seen.trim().to_lowercase()
}

/// Characters without a width, marks of direction, fillers, selectors and tags, and control characters.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Where a window stands. The first of these that is true counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WindowState {
    /// Its time is over.
    Expired,
    /// Its one execution was used.
    Consumed,
    /// Somebody closed it.
    Revoked,
    /// It is open.
    Active,
}

impl WindowState {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "EXPIRED",
            Self::Consumed => "CONSUMED",
            Self::Revoked => "REVOKED",
            Self::Active => "ACTIVE",
        }
    }
}

/// REAL_ENABLE_WINDOW_V1, event CREATE: a line of `state/real_enable_windows/real_enable_windows.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// `REAL_ENABLE_WINDOW_V1`
    pub schema: String,
    /// `CREATE`
    pub event: String,
    /// Which window.
    pub window_id: String,
    /// When it was opened.
    #[serde(default, deserialize_with = "lenient")]
    pub created_at: Stamp,
    /// When it closes by itself.
    #[serde(default, deserialize_with = "lenient")]
    pub expires_at: Stamp,
    /// Who opened it.
    #[serde(default, deserialize_with = "lenient")]
    pub created_by: String,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: String,
    /// What may be executed.
    #[serde(default, deserialize_with = "lenient")]
    pub allowed_request_types: Vec<String>,
    /// How often; never more than once.
    #[serde(default = "one")]
    pub max_real_executions: u32,
    /// How often it was used when the line was written.
    #[serde(default)]
    pub real_executions_used: u32,
    /// Where it stood when the line was written, which is ACTIVE; in a reply, where it stands now.
    pub status: WindowState,
}

impl Document for Window {
    const SCHEMA: &'static str = "REAL_ENABLE_WINDOW_V1";
}

impl Window {
    /// Whether it could be open by what its own line says.
    #[must_use]
    pub fn is_usable(&self, now: KstTime) -> bool {
        let unused = self.real_executions_used < self.max_real_executions.min(1);
        !self.window_id.is_empty() && self.status == WindowState::Active && unused && self.is_alive(now)
    }

    /// Whether its time has come and not passed; stamps that are no times are past.
    #[must_use]
    pub fn is_alive(&self, now: KstTime) -> bool {
        alive((&self.created_at, &self.expires_at), WINDOW_SECONDS, now)
    }
}

/// REAL_ENABLE_WINDOW_V1, events REVOKE and CONSUME: what closes a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowEnd {
    /// `REAL_ENABLE_WINDOW_V1`
    #[serde(default)]
    pub schema: String,
    /// `REVOKE` or `CONSUME`
    pub event: String,
    /// Which window; empty closes whichever is open.
    #[serde(default)]
    pub window_id: String,
    /// When it was revoked.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Stamp>,
    /// When it was used.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub consumed_at: Option<Stamp>,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: String,
}

/// WINDOW_CONSUMED_V1, `state/real_sender_window_consumed.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowConsumed {
    /// `WINDOW_CONSUMED_V1`
    pub schema: String,
    /// Whether the one window for sending is used up.
    pub consumed: bool,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub consumed_at: Option<Stamp>,
}

impl Document for WindowConsumed {
    const SCHEMA: &'static str = "WINDOW_CONSUMED_V1";
}

fn keys_required() -> u32 {
    KEYS_REQUIRED
}

fn one() -> u32 {
    1
}

/// Whether `now` lies in a life of at most `limit` seconds whose stamps are both sound. One that begins later than clocks
/// may differ is not believed: it would count for as long as its writer liked.
fn alive((start, end): (&Stamp, &Stamp), limit: i64, now: KstTime) -> bool {
    start.instant().zip(end.instant()).is_some_and(|(start, end)| {
        let life = (end - start).num_seconds();
        (1..=limit).contains(&life) && now < end && (start - now).num_seconds() <= CLOCKS_DIFFER
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_type_makes_a_line_unreadable_where_it_could_permit() {
        let approval = r#"{"schema":"REAL_ENABLE_APPROVAL_V1","approval_id":"a","status":"APPROVED","keys":[]}"#;
        let cases = [
            ("whole", approval.to_owned(), true),
            ("status unknown", approval.replace("APPROVED\"", "YES\""), false),
            ("keys are a text", approval.replace("[]", "\"two\""), false),
            ("a key without a person", approval.replace("[]", r#"[{"key_id":"k"}]"#), false),
            ("id is a number", approval.replace("\"a\"", "1"), false),
            ("requested by a number", approval.replace("\"keys\"", "\"requested_by\":7,\"keys\""), true),
            ("twice", approval.replace("\"keys\"", "\"status\":\"PENDING\",\"keys\""), false),
        ];
        for (name, text, readable) in cases {
            assert_eq!(Approval::parse(text.as_bytes()).is_ok(), readable, "{name}");
        }
        let used = r#"{"schema":"REAL_ENABLE_WINDOW_V1","event":"CREATE","window_id":"w","status":"ACTIVE","real_executions_used":"0"}"#;
        assert!(Window::parse(used.as_bytes()).is_err(), "a count that is a text");
    }
}
