//! Tickets: the lines of the three ticket files as they are read, and ([`documents`], [`payload`]) what is written.
//!
//! A million lines pass through the types of this page, so texts are borrowed from the line where its form allows.
//! A line without a request id, with a status outside its list or with a field twice is a bad line.

pub mod documents;
pub mod payload;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;

use super::document::lenient;
use crate::time::Stamp;

/// Names of a receipt's schema; lines of any other version are passed over.
const RECEIPTS: [&str; 3] = ["EXECUTION_RECEIPT_V1", "EXECUTION_RECEIPT_V2", "EXECUTION_RECEIPT_V3"];

/// Characters that are shown of a text.
const SHOWN: usize = 500;

/// A text with a mark where it was cut.
fn cut(text: String) -> String {
    // No text has more characters than bytes, so only a long one is counted.
    if text.len() <= SHOWN {
        return text;
    }
    match text.char_indices().nth(SHOWN) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn cut_stamp(stamp: Stamp) -> Stamp {
    if stamp.as_str().len() <= SHOWN { stamp } else { Stamp::from(cut(stamp.as_str().to_owned()).as_str()) }
}

/// Where a ticket stands after a result row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TicketStatus {
    /// Taken by a worker.
    InProgress,
    /// Finished well.
    Done,
    /// Finished badly.
    Failed,
}

impl TicketStatus {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Done => "DONE",
            Self::Failed => "FAILED",
        }
    }
}

/// Where a ticket stands: OPEN until a result row says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TicketState {
    /// Nobody has taken it.
    Open,
    /// As its newest result row says.
    Has(TicketStatus),
}

impl TicketState {
    /// Every state, in the order of a ticket's life.
    pub const ALL: [Self; 4] = [
        Self::Open,
        Self::Has(TicketStatus::InProgress),
        Self::Has(TicketStatus::Done),
        Self::Has(TicketStatus::Failed),
    ];

    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Has(status) => status.as_str(),
        }
    }

    /// The state of a word; `None` for any other word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A text that counts as missing when it is no text, borrowed unless it holds escapes.
#[derive(Debug, Default)]
pub struct Loose<'a>(pub Option<Cow<'a, str>>);

impl Loose<'_> {
    /// The instant that the text names, in microseconds.
    #[must_use]
    pub fn micros(&self) -> Option<i64> {
        Stamp::from(&**self.0.as_ref()?).instant().map(|at| at.timestamp_micros())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Loose(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Loose(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }
}

/// A text; a value of another type counts as missing. Unlike [`lenient`] it builds no tree: a page of the board reads
/// thousands of them.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Loose::deserialize(deserializer)?.0.map(Cow::into_owned))
}

/// A time as written; a value of another type counts as missing.
fn stamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Stamp>, D::Error> {
    Ok(Loose::deserialize(deserializer)?.0.as_deref().map(Stamp::from))
}

/// A text of a line, borrowed unless it holds escapes.
#[derive(Debug, Deserialize)]
pub struct LineText<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// TICKET_REQUEST_V1, as far as the order of tickets needs it.
#[derive(Debug, Deserialize)]
pub struct RequestLine<'a> {
    /// The ticket.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// When it was asked for.
    #[serde(borrow, default)]
    pub requested_at: Loose<'a>,
}

/// TICKET_REQUEST_V1, as far as it is shown.
#[derive(Clone, Debug, Deserialize)]
pub struct RequestRow {
    /// The ticket.
    pub request_id: String,
    /// When it was asked for, as written.
    #[serde(default, deserialize_with = "stamp")]
    pub requested_at: Option<Stamp>,
    /// Its kind.
    #[serde(default, deserialize_with = "text")]
    pub request_type: Option<String>,
    /// The members of its kind, as written.
    #[serde(default)]
    pub payload: Option<Box<RawValue>>,
    /// The run that asked.
    #[serde(default, deserialize_with = "text")]
    pub trace_id: Option<String>,
}

impl RequestRow {
    /// Reads a line that counts as a request. Of one whose members cannot be shown, the id is left.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        let bare = |line: RequestLine<'_>| Self {
            request_id: line.request_id.into_owned(),
            requested_at: None,
            request_type: None,
            payload: None,
            trace_id: None,
        };
        serde_json::from_slice(line).or_else(|_| serde_json::from_slice(line).map(bare)).ok()
    }
}

impl RequestRow {
    /// The row as it is shown: long texts cut, a payload beyond the limits left out.
    #[must_use]
    pub fn shown(self) -> Self {
        Self {
            request_id: cut(self.request_id),
            requested_at: self.requested_at.map(cut_stamp),
            request_type: self.request_type.map(cut),
            payload: self.payload.filter(|payload| payload::is_small(payload.get()).is_ok()),
            trace_id: self.trace_id.map(cut),
        }
    }
}

impl ResultRow {
    /// The row as it is shown: long texts cut.
    #[must_use]
    pub fn shown(self) -> Self {
        Self {
            request_id: cut(self.request_id),
            result_id: self.result_id.map(cut),
            message: self.message.map(cut),
            processed_at: self.processed_at.map(cut_stamp),
        }
    }

    /// Reads a line that counts as a result. Of one whose members cannot be shown, the id is left.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        let bare = |line: ResultLine<'_>| Self {
            request_id: line.request_id.into_owned(),
            result_id: None,
            message: None,
            processed_at: None,
        };
        serde_json::from_slice(line).or_else(|_| serde_json::from_slice(line).map(bare)).ok()
    }
}

/// TICKET_RESULT_V1, as far as it is shown.
#[derive(Clone, Debug, Deserialize)]
pub struct ResultRow {
    /// The ticket.
    pub request_id: String,
    /// The line's own id; rows of older reapers have none.
    #[serde(default, deserialize_with = "text")]
    pub result_id: Option<String>,
    /// What happened.
    #[serde(default, deserialize_with = "text")]
    pub message: Option<String>,
    /// When, as written.
    #[serde(default, deserialize_with = "stamp")]
    pub processed_at: Option<Stamp>,
}

/// TICKET_RESULT_V1, as far as the state of a ticket needs it.
#[derive(Debug, Deserialize)]
pub struct ResultLine<'a> {
    /// The ticket.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// Its state from here on.
    pub status: TicketStatus,
    /// When.
    #[serde(borrow, default)]
    pub processed_at: Loose<'a>,
}

/// TICKET_RESULT_V1, as far as the recent window needs it.
#[derive(Debug, Deserialize)]
pub struct ResultEvent {
    /// The ticket's state from here on.
    pub status: TicketStatus,
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    pub processed_at: Option<Stamp>,
    /// What happened.
    #[serde(default, deserialize_with = "lenient")]
    pub message: String,
}

/// EXECUTION_RECEIPT_V1 to V3, as far as the state of a ticket needs it.
#[derive(Debug, Deserialize)]
pub struct ReceiptLine<'a> {
    /// Which version.
    #[serde(borrow, default)]
    schema: Option<LineText<'a>>,
    /// The ticket.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// EXECUTED, BLOCKED or FAILED; the first version has `result` instead.
    #[serde(borrow, default)]
    decision: Option<LineText<'a>>,
    /// DONE or FAILED.
    #[serde(borrow, default)]
    result: Option<LineText<'a>>,
}

impl ReceiptLine<'_> {
    /// Whether this is a version that is understood. A line that does not say is.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.schema.as_ref().is_none_or(|schema| RECEIPTS.contains(&&*schema.0))
    }

    /// Whether a guard refused the execution.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.decision.as_ref().or(self.result.as_ref()).is_some_and(|word| word.0 == "BLOCKED")
    }
}

/// When a receipt of any version was written.
#[derive(Debug, Default, Deserialize)]
pub struct ReceiptTime {
    #[serde(default, deserialize_with = "lenient")]
    asof: Option<Stamp>,
    #[serde(default, deserialize_with = "lenient")]
    issued_at: Option<Stamp>,
    #[serde(default, deserialize_with = "lenient")]
    finished_at: Option<Stamp>,
    #[serde(default, deserialize_with = "lenient")]
    started_at: Option<Stamp>,
}

impl ReceiptTime {
    /// The first stamp that is a time.
    #[must_use]
    pub fn at(&self) -> Option<&Stamp> {
        [&self.asof, &self.issued_at, &self.finished_at, &self.started_at]
            .into_iter()
            .flatten()
            .find(|stamp| stamp.instant().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_borrowed_unless_they_are_escaped() {
        let plain: RequestLine<'_> =
            serde_json::from_str(r#"{"request_id":"abc","payload":{"x":[1]}}"#).expect("a line");
        assert!(matches!(plain.request_id, Cow::Borrowed("abc")));
        let escaped: RequestLine<'_> = serde_json::from_str(r#"{"request_id":"\u0061bc"}"#).expect("a line");
        assert_eq!(escaped.request_id, "abc");
        let receipt: ReceiptLine<'_> =
            serde_json::from_str(r#"{"request_id":"abc","decision":"BLOCKED"}"#).expect("a line");
        assert!(matches!(receipt.decision, Some(LineText(Cow::Borrowed("BLOCKED")))));
    }

    #[test]
    fn a_time_of_another_type_is_a_missing_time_and_no_bad_line() {
        let at = 1_763_596_800_000_000;
        let cases = [
            (r#""2025-11-20T09:00:00.000000+09:00""#, Some(at)),
            (r#""2025-11-20T09:00:00""#, Some(at)),
            (r#""2025-11-20T00:00:00Z""#, Some(at)),
            (r#""2025-11-20T09:00\u003a00""#, Some(at)),
            (r#""yesterday""#, None),
            ("null", None),
            ("true", None),
            ("-1", None),
            ("1763596800", None),
            ("1.5e9", None),
            (r#"[{"a":[1]}]"#, None),
            (r#"{"a":{"b":[]}}"#, None),
        ];
        for (value, want) in cases {
            let text = format!(r#"{{"request_id":"a","status":"DONE","processed_at":{value},"requested_at":{value}}}"#);
            let line: ResultLine<'_> = serde_json::from_str(&text).expect(value);
            assert_eq!(line.processed_at.micros(), want, "{value}");
            let line: RequestLine<'_> = serde_json::from_str(&text).expect(value);
            assert_eq!(line.requested_at.micros(), want, "{value}");
        }
    }

    #[test]
    fn a_line_that_counts_can_always_be_shown_by_its_id() {
        let line = br#"{"request_id":"a","status":"DONE","request_type":1e999,"message":1e999}"#;
        assert!(serde_json::from_slice::<RequestLine<'_>>(line).is_ok());
        assert_eq!(RequestRow::read(line).map(|row| row.request_id).as_deref(), Some("a"));
        assert_eq!(ResultRow::read(line).map(|row| row.request_id).as_deref(), Some("a"));
        assert!(RequestRow::read(b"{}").is_none() && ResultRow::read(b"{").is_none());
        let row = RequestRow::read(br#"{"request_id":"a","payload":{"b": [1.50]},"trace_id":7}"#).expect("a row");
        assert_eq!(row.payload.as_deref().map(RawValue::get), Some(r#"{"b": [1.50]}"#));
        assert_eq!(row.trace_id, None);
        let line =
            br#"{"request_id":"a","requested_at":[1],"request_type":"\u0061b","trace_id":null,"message":{"b":[]},
            "processed_at":"x","result_id":1.5}"#;
        let row = RequestRow::read(line).expect("a row");
        assert_eq!((row.requested_at, row.request_type.as_deref(), row.trace_id), (None, Some("ab"), None));
        let row = ResultRow::read(line).expect("a row");
        assert_eq!((row.message, row.result_id, row.processed_at), (None, None, Some(Stamp::from("x"))));
    }

    #[test]
    fn a_shown_row_holds_short_texts_and_a_small_payload() {
        let long = "가".repeat(700);
        let text = |payload: &str| {
            format!(
                r#"{{"request_id":"{long}","requested_at":"{long}","request_type":"{long}","trace_id":"{long}",
                "processed_at":"{long}","message":"{long}","result_id":"{long}","payload":{payload}}}"#
            )
        };
        let cut = format!("{}…", "가".repeat(500));
        let small = text(r#"{"a":[1.50]}"#);
        let row = RequestRow::read(small.as_bytes()).expect("a row").shown();
        assert_eq!([Some(row.request_id), row.request_type, row.trace_id], [(); 3].map(|()| Some(cut.clone())));
        assert_eq!(row.requested_at.map(|at| at.as_str().to_owned()), Some(cut.clone()));
        assert_eq!(row.payload.as_deref().map(RawValue::get), Some(r#"{"a":[1.50]}"#));
        let row = ResultRow::read(small.as_bytes()).expect("a row").shown();
        assert_eq!([Some(row.request_id), row.result_id, row.message], [(); 3].map(|()| Some(cut.clone())));
        assert_eq!(row.processed_at.map(|at| at.as_str().to_owned()), Some(cut));
        for (name, payload) in
            [("long", format!("\"{}\"", "x".repeat(20_000))), ("deep", format!("{}{}", "[".repeat(20), "]".repeat(20)))]
        {
            let row = RequestRow::read(text(&payload).as_bytes()).expect(name).shown();
            assert!(row.payload.is_none(), "{name}");
        }
    }

    #[test]
    fn a_state_is_one_of_four_words() {
        for state in TicketState::ALL {
            assert_eq!(TicketState::parse(state.as_str()), Some(state));
        }
        assert_eq!(TicketState::parse("open"), None);
    }

    #[test]
    fn the_three_versions_of_a_receipt_are_told_apart() {
        let cases = [
            (r#"{"schema":"EXECUTION_RECEIPT_V1","request_id":"a","result":"DONE"}"#, true, false),
            (r#"{"schema":"EXECUTION_RECEIPT_V1","request_id":"a","result":"BLOCKED"}"#, true, true),
            (r#"{"schema":"EXECUTION_RECEIPT_V2","request_id":"a","decision":"BLOCKED"}"#, true, true),
            (r#"{"schema":"EXECUTION_RECEIPT_V3","request_id":"a","decision":"EXECUTED"}"#, true, false),
            (r#"{"schema":"EXECUTION_RECEIPT_V9","request_id":"a","decision":"BLOCKED"}"#, false, true),
            (r#"{"request_id":"a","decision":null}"#, true, false),
        ];
        for (text, known, blocked) in cases {
            let line: ReceiptLine<'_> = serde_json::from_str(text).expect(text);
            assert_eq!((line.is_known(), line.is_blocked()), (known, blocked), "{text}");
        }
    }
}
