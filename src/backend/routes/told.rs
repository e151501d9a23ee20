//! What the operations API tells the event bus: each operation that a handler has finished, in the trace of its request.
//!
//! An event holds the result as its reply states it at top level, in code words only: no body, no free text, no secret.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Map;
use serde_json::Value;

use super::Call;
use super::Route;
use super::Verb;
use crate::backend::dash::refusal::TRACE_HEADER;
use crate::backend::reply::Reply;
use crate::contracts::event::EventDraft;
use crate::contracts::event::Severity;
use crate::contracts::event::is_trace;
use crate::contracts::event::new_trace;
use crate::contracts::event::trace_of_parent;
use crate::telemetry::Bus;

/// The source of the events that tell of an operation.
pub const OPERATIONS: &str = "backend";
/// The operations that set a switch; a live fire switches the sender off when it ends.
const SETTERS: [&str; 4] =
    ["/api/execution_gate", "/api/real_sender_enable", "/api/emergency_stop", "/api/ops/push/live_fire/run"];
/// The trace of a request as W3C writes it.
const PARENT_HEADER: HeaderName = HeaderName::from_static("traceparent");
/// What an operation is when its row says nothing else.
pub(super) const OPERATION: &str = "operation_finished";
/// Members of a reply that say how it went.
const SAID: [&str; 3] = ["result", "decision", "reason"];
/// Characters of a code word.
const WORD: usize = 64;

impl Route {
    /// Whether the bus is told of it here; rows of the dashboard see to themselves.
    pub(super) const fn is_told(&self) -> bool {
        matches!(self.verb, Verb::Post) && !self.is_dash()
    }

    /// Whether it sets gate, sender or stop, so that the change belongs to its request.
    pub(super) fn sets_a_switch(&self) -> bool {
        SETTERS.contains(&self.path)
    }
}

/// The trace that a request names in its headers.
pub(super) fn trace_of(headers: &HeaderMap) -> Option<String> {
    let named = headers.get(&TRACE_HEADER).and_then(|value| value.to_str().ok()).filter(|trace| is_trace(trace));
    named.map(str::to_owned).or_else(|| parent_of(headers))
}

/// The trace of whoever calls. Two such headers name none.
pub(super) fn parent_of(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(&PARENT_HEADER).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    trace_of_parent(value.to_str().ok()?)
}

/// The trace of an operation: of the headers, else of the body, else a new one.
pub(super) fn trace_of_call(call: &Call) -> String {
    let in_body = || {
        let body: Map<String, Value> = serde_json::from_slice(&call.body).ok()?;
        body.get("trace_id")?.as_str().filter(|trace| is_trace(trace)).map(str::to_owned)
    };
    trace_of(&call.headers).or_else(in_body).unwrap_or_else(new_trace)
}

/// Gives a reply the trace that it belongs to, unless it has one.
pub(super) fn traced(mut response: Response, trace: Option<String>) -> Response {
    if !response.headers().contains_key(TRACE_HEADER) {
        let value = HeaderValue::from_str(&trace.unwrap_or_else(new_trace)).ok();
        response.headers_mut().extend(value.map(|value| (TRACE_HEADER, value)));
    }
    response
}

/// Tells the bus of an operation that a handler has finished.
pub(super) fn tell(bus: &Bus, (route, trace): (&Route, &str), call: &Call, (reply, took): (&Reply, Duration)) {
    let said = said(reply, &call.body);
    let status = reply.status.as_u16();
    let shown: Vec<&str> = said.iter().map(|(_, word)| word.as_str()).collect();
    let text = format!("{} {}: {status} {}", route.verb.as_str(), route.path, shown.join(" "));
    let mut draft = EventDraft::new(route.event, OPERATIONS, text.trim_end())
        .trace(trace)
        .severity(severity_of(reply.status, &said))
        .with("operation", route.path)
        .with("status", status)
        .with("actor", call.actor.name.as_str())
        .with("duration_ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    if !route.schema.is_empty() {
        draft = draft.with("schema", route.schema);
    }
    for (key, word) in said {
        draft = draft.with(key, word);
    }
    bus.publish(vec![draft], Some(trace));
}

/// What the reply says at top level, in code words. A reason that the request brought along is the request's, not ours.
fn said(reply: &Reply, body: &[u8]) -> Vec<(&'static str, String)> {
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(&reply.body) else { return Vec::new() };
    let word = |key: &'static str| {
        let word = members.get(key)?.as_str().filter(|text| is_word(text))?;
        let is_echo = key == "reason" && memchr::memmem::find(body, word.as_bytes()).is_some();
        (!is_echo).then(|| (key, word.to_owned()))
    };
    SAID.into_iter().filter_map(word).collect()
}

fn is_word(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    (1..=WORD).contains(&text.len()) && text.bytes().all(allowed)
}

/// The status decides; a reply that is fine as HTTP and says that its work was blocked or failed is not green.
fn severity_of(status: StatusCode, said: &[(&str, String)]) -> Severity {
    if status.is_server_error() {
        return Severity::Error;
    }
    if !status.is_success() {
        return Severity::Warn;
    }
    let worst = said.iter().filter(|(key, _)| *key != "reason").map(|(_, word)| match word.as_str() {
        "FAILED" | "FAIL" | "ERROR" => Severity::Error,
        "BLOCKED" | "BLOCK" | "CONFLICT" | "PARTIAL" | "WARN" | "STOPPED" => Severity::Warn,
        _ => Severity::Info,
    });
    worst.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::reply::Fields;

    #[test]
    fn the_trace_is_the_header_s_else_the_parent_s() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let uuid = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
        let cases = [
            (vec![], None),
            (vec![(TRACE_HEADER, "run_1")], Some("run_1")),
            (vec![(TRACE_HEADER, "run_1"), (PARENT_HEADER, parent)], Some("run_1")),
            (vec![(TRACE_HEADER, "no id"), (PARENT_HEADER, parent)], Some(uuid)),
            (vec![(TRACE_HEADER, ""), (PARENT_HEADER, "oops")], None),
        ];
        for (headers, want) in cases {
            let pairs = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            assert_eq!(trace_of(&pairs.collect()).as_deref(), want, "{headers:?}");
        }
    }

    #[test]
    fn only_code_words_of_the_reply_are_told_and_no_reason_that_the_request_brought() {
        let reply = |result: &str, reason: &str| Fields::new().with("result", result).with("reason", reason).ok();
        let cases = [
            (reply("OK", "SUCCESS"), "", vec![("result", "OK"), ("reason", "SUCCESS")]),
            (reply("OK", "somebody said so"), "", vec![("result", "OK")]),
            (reply("OK", "MY_SECRET_1"), r#"{"reason":"MY_SECRET_1"}"#, vec![("result", "OK")]),
            (reply("", &"A".repeat(65)), "", Vec::new()),
            (Reply::new(StatusCode::OK, "[1]".into()), "", Vec::new()),
        ];
        for (reply, body, want) in cases {
            let found = said(&reply, body.as_bytes());
            let found: Vec<_> = found.iter().map(|(key, word)| (*key, word.as_str())).collect();
            assert_eq!(found, want);
        }
    }

    #[test]
    fn the_severity_is_the_status_s_and_a_failure_behind_200_is_not_green() {
        let cases = [
            (200, "OK", Severity::Info),
            (200, "BLOCKED", Severity::Warn),
            (200, "FAILED", Severity::Error),
            (409, "CONFLICT", Severity::Warn),
            (400, "BLOCKED", Severity::Warn),
            (500, "FAILED", Severity::Error),
            (303, "OK", Severity::Warn),
        ];
        for (status, word, want) in cases {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(severity_of(status, &[("result", word.to_owned())]), want, "{status} {word}");
            assert_eq!(
                severity_of(StatusCode::OK, &[("reason", word.to_owned())]),
                Severity::Info,
                "a reason is no result"
            );
        }
    }
}
