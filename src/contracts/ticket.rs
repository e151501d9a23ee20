//! The lines of the three ticket files, as far as they are read. Hundreds of thousands of lines pass through these
//! types, so texts are borrowed from the line where its form allows.
//!
//! A line without a request id, with a status outside its list or with a field twice is a bad line.

use std::borrow::Cow;

use serde::Deserialize;
use serde::Serialize;

use super::document::lenient;
use crate::time::Stamp;

/// Names of a receipt's schema; lines of any other version are passed over.
const RECEIPTS: [&str; 3] = ["EXECUTION_RECEIPT_V1", "EXECUTION_RECEIPT_V2", "EXECUTION_RECEIPT_V3"];

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

/// A text of a line, borrowed unless it holds escapes.
#[derive(Debug, Deserialize)]
pub struct LineText<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// TICKET_REQUEST_V1
#[derive(Debug, Deserialize)]
pub struct RequestLine<'a> {
    /// The ticket.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
}

/// TICKET_RESULT_V1, as far as the state of a ticket needs it.
#[derive(Debug, Deserialize)]
pub struct ResultLine<'a> {
    /// The ticket.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// Its state from here on.
    pub status: TicketStatus,
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
