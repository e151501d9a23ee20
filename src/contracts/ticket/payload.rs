//! The kinds of tickets and what the payload of each must hold.

use crate::contracts::Json;

/// Longest text of a payload, in characters.
const MAX_TEXT: usize = 200;
/// Longest payload as it is written, in bytes.
const MAX_BYTES: usize = 16 << 10;
/// Deepest nesting of a payload.
const MAX_DEPTH: usize = 16;

/// A kind of ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestType {
    /// Reconcile signals and executions.
    Reconcile,
    /// Make the reports anew.
    Reports,
    /// Somebody read a message.
    Acknowledge,
}

/// A member of a payload is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {why}")]
pub struct PayloadFault {
    /// The member, `payload.mode`.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl RequestType {
    /// Every kind, in the order an error message lists them.
    pub const ALL: [Self; 3] = [Self::Reconcile, Self::Reports, Self::Acknowledge];

    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reconcile => "REQUEST_RECONCILE",
            Self::Reports => "REQUEST_REPORTS",
            Self::Acknowledge => "ACKNOWLEDGE",
        }
    }

    /// The kind of a word; `None` for any other word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether a payload holds what this kind needs. Members beyond are nobody's business.
    ///
    /// # Errors
    /// The first member that does not.
    pub fn check(self, payload: &Json) -> Result<(), PayloadFault> {
        match self {
            Self::Reconcile => {
                one_of(payload, "mode", "payload.mode", &["FULL", "INCREMENTAL"])?;
                short_text(payload, "reason", "payload.reason")
            }
            Self::Reports => {
                one_of(payload, "mode", "payload.mode", &["RE-EVALUATE", "REGEN"])?;
                one_of(payload, "scope", "payload.scope", &["PHASE_C_LATEST"])?;
                short_text(payload, "reason", "payload.reason")
            }
            Self::Acknowledge => {
                let field = "payload.message_id";
                match payload.get("message_id") {
                    Some(Json::String(id)) if !id.trim().is_empty() => short_text(payload, "message_id", field),
                    _ => Err(fault(field, "must be a text that is not empty")),
                }
            }
        }
    }
}

/// Whether a text has at most so many characters.
///
/// # Errors
/// It is longer; the fault names the member.
pub fn limited(field: &'static str, text: &str, most: usize) -> Result<(), PayloadFault> {
    // No text has more characters than bytes, so a long one is counted only when it may be too long.
    if text.len() <= most || text.chars().nth(most).is_none() {
        return Ok(());
    }
    Err(fault(field, format!("must be at most {most} characters")))
}

/// Whether a payload, as JSON text, is small enough to be stored and shown: 16 KiB, and 16 levels deep.
///
/// # Errors
/// It is not.
pub fn is_small(text: &str) -> Result<(), PayloadFault> {
    if text.len() > MAX_BYTES {
        return Err(fault("payload", format!("must be at most {MAX_BYTES} bytes")));
    }
    // No text is deeper than it has opening brackets, so most are only counted.
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > MAX_DEPTH && depth(text) > MAX_DEPTH {
        return Err(fault("payload", format!("must be at most {MAX_DEPTH} levels deep")));
    }
    Ok(())
}

/// How deep lists and objects of a JSON text stand inside each other.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn fault(field: &'static str, why: impl Into<String>) -> PayloadFault {
    PayloadFault { field, why: why.into() }
}

fn one_of(payload: &Json, key: &str, field: &'static str, words: &[&str]) -> Result<(), PayloadFault> {
    match payload.get(key).and_then(Json::as_str) {
        Some(word) if words.contains(&word) => Ok(()),
        _ => {
            let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            Err(fault(field, format!("must be one of [{}]", words.join(", "))))
        }
    }
}

/// A text that may be left out, or be null.
fn short_text(payload: &Json, key: &str, field: &'static str) -> Result<(), PayloadFault> {
    match payload.get(key) {
        None | Some(Json::Null) => Ok(()),
        Some(Json::String(text)) if text.chars().count() <= MAX_TEXT => Ok(()),
        Some(Json::String(_)) => Err(fault(field, format!("must be at most {MAX_TEXT} characters"))),
        Some(_) => Err(fault(field, "must be a text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_small_by_its_bytes_and_its_depth() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let cases = [
            ("empty", "{}".to_owned(), true),
            ("16 KiB", format!("\"{}\"", "x".repeat(MAX_BYTES - 2)), true),
            ("a byte more", format!("\"{}\"", "x".repeat(MAX_BYTES - 1)), false),
            ("16 deep", nested(16), true),
            ("17 deep", nested(17), false),
            ("17 deep, of objects", format!("{}1{}", r#"{"a":"#.repeat(17), "}".repeat(17)), false),
            ("side by side", format!("[{}1]", "[],".repeat(40)), true),
            ("brackets in a text", format!(r#"["{}\"{}\\"]"#, "[".repeat(40), "{".repeat(40)), true),
        ];
        for (name, text, want) in cases {
            assert_eq!(is_small(&text).is_ok(), want, "{name}");
        }
        assert!(limited("x", &"가".repeat(200), 200).is_ok());
        assert_eq!(limited("x", &"가".repeat(201), 200).map_err(|fault| fault.field), Err("x"));
    }

    #[test]
    fn each_kind_asks_for_its_members_by_name() {
        let long = format!(r#"{{"mode":"FULL","reason":"{}"}}"#, "가".repeat(201));
        let fits = format!(r#"{{"mode":"FULL","reason":"{}"}}"#, "가".repeat(200));
        let cases = [
            ("full", "REQUEST_RECONCILE", r#"{"mode":"FULL","reason":"r"}"#, None),
            ("incremental, no reason", "REQUEST_RECONCILE", r#"{"mode":"INCREMENTAL"}"#, None),
            ("reason null", "REQUEST_RECONCILE", r#"{"mode":"FULL","reason":null}"#, None),
            ("more members", "REQUEST_RECONCILE", r#"{"mode":"FULL","note":[1]}"#, None),
            ("reason of 200", "REQUEST_RECONCILE", &fits, None),
            ("reason of 201", "REQUEST_RECONCILE", &long, Some("payload.reason")),
            ("reason a number", "REQUEST_RECONCILE", r#"{"mode":"FULL","reason":7}"#, Some("payload.reason")),
            ("no mode", "REQUEST_RECONCILE", r#"{"reason":"r"}"#, Some("payload.mode")),
            ("another mode", "REQUEST_RECONCILE", r#"{"mode":"REGEN"}"#, Some("payload.mode")),
            ("mode in small", "REQUEST_RECONCILE", r#"{"mode":"full"}"#, Some("payload.mode")),
            ("mode a list", "REQUEST_RECONCILE", r#"{"mode":["FULL"]}"#, Some("payload.mode")),
            ("regen", "REQUEST_REPORTS", r#"{"mode":"REGEN","scope":"PHASE_C_LATEST","reason":"t"}"#, None),
            ("re-evaluate", "REQUEST_REPORTS", r#"{"mode":"RE-EVALUATE","scope":"PHASE_C_LATEST"}"#, None),
            ("no scope", "REQUEST_REPORTS", r#"{"mode":"REGEN"}"#, Some("payload.scope")),
            ("another scope", "REQUEST_REPORTS", r#"{"mode":"REGEN","scope":"ALL"}"#, Some("payload.scope")),
            ("nothing", "REQUEST_REPORTS", "{}", Some("payload.mode")),
            ("message", "ACKNOWLEDGE", r#"{"message_id":"m1"}"#, None),
            ("no message", "ACKNOWLEDGE", r#"{"message":"m1"}"#, Some("payload.message_id")),
            ("blank message", "ACKNOWLEDGE", r#"{"message_id":" "}"#, Some("payload.message_id")),
            ("message null", "ACKNOWLEDGE", r#"{"message_id":null}"#, Some("payload.message_id")),
        ];
        for (name, kind, payload, want) in cases {
            let payload = Json::parse(payload.as_bytes()).expect(name);
            let kind = RequestType::parse(kind).expect(name);
            assert_eq!(kind.check(&payload).err().map(|fault| fault.field), want, "{name}");
        }
        assert_eq!(RequestType::parse("NOPE"), None);
    }
}
