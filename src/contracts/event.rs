//! The event envelope: the one shape of everything that the bus carries, on every stream, in history, export and log.
//!
//! A draft is what a producer says; the bus adds `id` and the time. Drafts of other programs are read strictly: a fault
//! has a code for machines and names the member, and nothing is repaired except what the contract says.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::time::KstTime;

/// Version of the envelope and of every reply around it.
pub const CONTRACT_VERSION: &str = "v1";
/// The trace of a server event without a cause.
pub const NO_TRACE: &str = "no-trace";
/// Characters of a message.
pub const MAX_MESSAGE: usize = 2000;
/// Characters of a source and of a type.
pub const MAX_NAME: usize = 64;
/// Characters of a trace id.
pub const MAX_TRACE: usize = 128;
/// Bytes of `data`, written compactly.
pub const MAX_DATA: usize = 16 << 10;
/// Levels of `data`, itself included.
pub const MAX_DEPTH: usize = 8;
/// What only the server gives, and the names under which a client's own are kept.
const CLIENTS: [(&str, &str); 4] = [
    ("id", "client_id"),
    ("ts", "client_ts"),
    ("ts_iso", "client_ts_iso"),
    ("contract_version", "client_contract_version"),
];

/// How much an event matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// For the record.
    #[default]
    Info,
    /// Look at it today.
    Warn,
    /// Something did not work.
    Error,
    /// Act now.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warn, Self::Error, Self::Critical];

    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// The severity of a word in any case; `WARNING`, `FATAL` and `CRIT` are read as well.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_ascii_uppercase();
        match word.as_str() {
            "WARNING" => Some(Self::Warn),
            "FATAL" | "CRIT" => Some(Self::Critical),
            known => Self::ALL.into_iter().find(|severity| severity.as_str() == known),
        }
    }
}

/// One event as the bus accepted it. Written as one compact line of JSON, it is the envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `v1`
    pub contract_version: String,
    /// Given by the bus: 1 or more, one more for each event, never used again.
    pub id: u64,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always the same as `type`.
    pub event_type: String,
    /// When the server accepted it, in milliseconds since 1970.
    pub ts: i64,
    /// The same instant in Korean time.
    pub ts_iso: String,
    /// What it belongs to; never empty.
    pub trace_id: String,
    /// Who says so.
    pub source: String,
    /// How much it matters.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// For machines.
    pub data: Map<String, Value>,
}

/// An event that nobody has accepted yet. Members are within their limits.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDraft {
    kind: String,
    source: String,
    severity: Severity,
    message: String,
    trace_id: Option<String>,
    data: Map<String, Value>,
}

/// Which rule a draft breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventCode {
    /// No JSON object.
    BodyNotObject,
    /// The trace id is no short plain text.
    InvalidTraceId,
    /// The type is no short plain word.
    InvalidType,
    /// The severity is no known word.
    InvalidSeverity,
    /// The message is too long.
    MessageTooLong,
    /// Another text is too long.
    FieldTooLong,
    /// `data` is too large or too deep.
    DataTooLarge,
    /// A member holds something else than it should.
    InvalidParam,
}

impl EventCode {
    /// The word in replies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BodyNotObject => "BODY_NOT_OBJECT",
            Self::InvalidTraceId => "INVALID_TRACE_ID",
            Self::InvalidType => "INVALID_TYPE",
            Self::InvalidSeverity => "INVALID_SEVERITY",
            Self::MessageTooLong => "MESSAGE_TOO_LONG",
            Self::FieldTooLong => "FIELD_TOO_LONG",
            Self::DataTooLarge => "DATA_TOO_LARGE",
            Self::InvalidParam => "INVALID_PARAM",
        }
    }
}

/// A draft that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EventFault {
    /// For machines.
    pub code: EventCode,
    /// For people: the member, and the rule.
    pub message: String,
}

impl EventFault {
    fn new(code: EventCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What a draft of another program is when it does not say.
#[derive(Clone, Copy, Debug)]
pub struct DraftDefaults {
    /// Its type.
    pub kind: &'static str,
    /// Its source.
    pub source: &'static str,
}

impl EventDraft {
    /// A draft of our own. What is longer than the contract allows is cut, because no event may be lost for its length.
    #[must_use]
    pub fn new(kind: &str, source: &str, message: &str) -> Self {
        let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
        let kind = if is_kind(kind) { kind.to_owned() } else { "event".to_owned() };
        Self {
            kind,
            source: cut(source, MAX_NAME),
            severity: Severity::Info,
            message: cut(message, MAX_MESSAGE),
            trace_id: None,
            data: Map::new(),
        }
    }

    /// With this severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// As part of this trace; a text that is no trace id is left out.
    #[must_use]
    pub fn trace(mut self, trace_id: &str) -> Self {
        self.trace_id = is_trace(trace_id).then(|| trace_id.to_owned());
        self
    }

    /// With one member of `data`. When `data` would grow beyond its limit, the member is left out.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        if check_data(&self.data).is_err() {
            self.data.remove(key);
        }
        self
    }

    /// With one short member of `data` that the server needs itself, also when `data` grows beyond its limit by it.
    #[must_use]
    pub fn labeled(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    /// Reads a draft that another program wrote.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn parse(value: Value, defaults: DraftDefaults) -> Result<Self, EventFault> {
        let Value::Object(mut members) = value else {
            return Err(EventFault::new(EventCode::BodyNotObject, "an event must be a JSON object"));
        };
        let kind = read_kind(&mut members)?.unwrap_or_else(|| defaults.kind.to_owned());
        let severity = read_severity(&mut members)?;
        let message = read_text(&mut members, "message", (MAX_MESSAGE, EventCode::MessageTooLong))?;
        let source = read_text(&mut members, "source", (MAX_NAME, EventCode::FieldTooLong))?;
        let trace_id = match members.remove("trace_id") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) if is_trace(&text) => Some(text),
            Some(_) => {
                let rule = "trace_id must be 1 to 128 characters of A-Z a-z 0-9 . _ : -";
                return Err(EventFault::new(EventCode::InvalidTraceId, rule));
            }
        };
        let data = read_data(members)?;
        let source = source.filter(|text| !text.is_empty()).unwrap_or_else(|| defaults.source.to_owned());
        Ok(Self { kind, source, severity, message: message.unwrap_or_default(), trace_id, data })
    }

    /// What it belongs to, if it says so.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.trace_id.as_deref()
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// A member of its data.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Value> {
        self.data.get(key)
    }

    /// The draft as a request body: what [`EventDraft::parse`] reads back.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "type": self.kind, "source": self.source, "severity": self.severity, "message": self.message,
            "trace_id": self.trace_id, "data": self.data,
        })
    }

    /// The event that the draft becomes; without a trace of its own it has the given one.
    #[must_use]
    pub fn accepted(self, id: u64, at: KstTime, trace_id: &str) -> Event {
        Event {
            contract_version: CONTRACT_VERSION.to_owned(),
            id,
            event_type: self.kind.clone(),
            kind: self.kind,
            ts: at.timestamp_millis(),
            ts_iso: millis_stamp(at),
            trace_id: self.trace_id.unwrap_or_else(|| trace_id.to_owned()),
            source: self.source,
            severity: self.severity,
            message: self.message,
            data: self.data,
        }
    }
}

/// RFC 3339 in Korean time with milliseconds.
#[must_use]
pub fn millis_stamp(at: KstTime) -> String {
    at.with_timezone(&crate::time::kst()).format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// Whether a text may be a type.
#[must_use]
pub fn is_kind(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

/// Whether a text may be a trace id.
#[must_use]
pub fn is_trace(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
    (1..=MAX_TRACE).contains(&text.len()) && text.bytes().all(allowed)
}

/// A trace id as it is compared and searched: in small letters, without hyphens, since other tools write the same id with
/// and without them.
#[must_use]
pub fn plain_trace(text: &str) -> String {
    text.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect()
}

/// A new trace id: a version 4 UUID in small letters with hyphens.
#[must_use]
pub fn new_trace() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The trace id of a W3C `traceparent` header, written as a UUID; `None` when the header is not one.
#[must_use]
pub fn trace_of_parent(header: &str) -> Option<String> {
    let mut parts = header.trim().split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let known = is_hex(version, 2) && version != "ff" && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    let all_zero = |text: &str| text.bytes().all(|b| b == b'0');
    if !known || all_zero(trace) || all_zero(parent) || (version == "00" && parts.next().is_some()) {
        return None;
    }
    uuid::Uuid::parse_str(trace).ok().map(|id| id.hyphenated().to_string())
}

fn read_kind(members: &mut Map<String, Value>) -> Result<Option<String>, EventFault> {
    let (kind, alias) = (members.remove("type"), members.remove("event_type"));
    match kind.filter(|value| !value.is_null()).or(alias.filter(|value| !value.is_null())) {
        None => Ok(None),
        Some(Value::String(text)) if is_kind(&text) => Ok(Some(text)),
        Some(_) => {
            Err(EventFault::new(EventCode::InvalidType, "type must be 1 to 64 characters of A-Z a-z 0-9 _ . : -"))
        }
    }
}

fn read_severity(members: &mut Map<String, Value>) -> Result<Severity, EventFault> {
    let (severity, level) = (members.remove("severity"), members.remove("level"));
    match severity.filter(|value| !value.is_null()).or(level.filter(|value| !value.is_null())) {
        None => Ok(Severity::Info),
        Some(value) => value.as_str().and_then(Severity::parse).ok_or_else(|| {
            EventFault::new(EventCode::InvalidSeverity, "severity must be INFO, WARN, ERROR or CRITICAL")
        }),
    }
}

fn read_text(
    members: &mut Map<String, Value>,
    key: &str,
    (most, code): (usize, EventCode),
) -> Result<Option<String>, EventFault> {
    match members.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= most => Ok(Some(text)),
        Some(Value::String(text)) => {
            let length = text.chars().count();
            Err(EventFault::new(code, format!("{key} has {length} characters, at most {most} are allowed")))
        }
        Some(_) => Err(EventFault::new(EventCode::InvalidParam, format!("{key} must be a text"))),
    }
}

/// `data` and, beside it, every member that the envelope does not know.
fn read_data(mut members: Map<String, Value>) -> Result<Map<String, Value>, EventFault> {
    let mut data = match members.remove("data") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(data)) => data,
        Some(_) => return Err(EventFault::new(EventCode::InvalidParam, "data must be an object")),
    };
    // The server gives these itself; what a client says of them is kept beside.
    for (own, kept) in CLIENTS {
        if let Some(value) = members.remove(own).filter(|value| !value.is_null()) {
            add(&mut data, (own, kept), value)?;
        }
    }
    for (key, value) in members {
        add(&mut data, (&key, &key), value)?;
    }
    check_data(&data)?;
    Ok(data)
}

/// Nothing that a client says is lost without a word: two values of one name are refused.
fn add(data: &mut Map<String, Value>, (key, name): (&str, &str), value: Value) -> Result<(), EventFault> {
    match data.get(name) {
        Some(known) if *known != value => {
            let rule = format!("{key} stands beside data, where {name} has another value: give it once");
            Err(EventFault::new(EventCode::InvalidParam, rule))
        }
        _ => {
            data.insert(name.to_owned(), value);
            Ok(())
        }
    }
}

fn check_data(data: &Map<String, Value>) -> Result<(), EventFault> {
    if data.values().any(|value| depth(value) >= MAX_DEPTH) {
        return Err(EventFault::new(EventCode::DataTooLarge, format!("data is deeper than {MAX_DEPTH} levels")));
    }
    let mut size = Counter(0);
    serde_json::to_writer(&mut size, data).ok();
    if size.0 > MAX_DATA {
        let why = format!("data has {} bytes, at most {MAX_DATA} are allowed", size.0);
        return Err(EventFault::new(EventCode::DataTooLarge, why));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Counts what is written to it.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
