//! How the dashboard's endpoints say no: one shape, a code for machines at the top, words for people below.

use axum::http::HeaderName;
use axum::http::StatusCode;

use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::contracts::event::CONTRACT_VERSION;
use crate::contracts::event::EventFault;
use crate::time::KstTime;

/// The header that carries a trace id.
pub(crate) const TRACE_HEADER: HeaderName = HeaderName::from_static("x-trace-id");

/// A refusal of the dashboard's family. `trace_id` is the request's own, when it has one.
pub(crate) fn refuse((status, code): (StatusCode, &str), message: &str, trace_id: Option<&str>, now: KstTime) -> Reply {
    traced(shape(code, message, trace_id, now).reply(status), trace_id)
}

fn traced(reply: Reply, trace_id: Option<&str>) -> Reply {
    match trace_id {
        Some(trace_id) => reply.with_header(TRACE_HEADER, trace_id),
        None => reply,
    }
}

fn shape(code: &str, message: &str, trace_id: Option<&str>, now: KstTime) -> Fields {
    Fields::new()
        .with("status", "error")
        .with("schema", "DAILY_OPS_ERROR_V1")
        .asof_now(now)
        .with("error", &Problem { code, message })
        .with("code", code)
        .with("contract_version", CONTRACT_VERSION)
        .with("trace_id", &trace_id)
}

/// A parameter outside its rule.
pub(crate) fn invalid_param(name: &str, rule: &str, now: KstTime) -> Reply {
    refuse((StatusCode::UNPROCESSABLE_ENTITY, "INVALID_PARAM"), &format!("{name} {rule}"), None, now)
}

/// An event that breaks a rule.
pub(crate) fn bad_event(fault: &EventFault, trace_id: Option<&str>, now: KstTime) -> Reply {
    refuse((StatusCode::UNPROCESSABLE_ENTITY, fault.code.as_str()), &fault.message, trace_id, now)
}

/// The first event of a batch that breaks a rule, and its place in the batch.
pub(crate) fn bad_item(index: usize, fault: &EventFault, trace_id: Option<&str>, now: KstTime) -> Reply {
    let message = format!("events[{index}]: {}", fault.message);
    let fields = shape(fault.code.as_str(), &message, trace_id, now).with("index", &index);
    traced(fields.reply(StatusCode::UNPROCESSABLE_ENTITY), trace_id)
}

/// The names that the guards' refusals have in this family.
pub(crate) fn code_of(code: &'static str) -> &'static str {
    match code {
        "FOREIGN_HOST" | "HOST_UNCLEAR" => "HOST_NOT_ALLOWED",
        "FOREIGN_ORIGIN" => "ORIGIN_NOT_ALLOWED",
        "TOKEN_REQUIRED" => "AUTH_MISSING",
        "TOKEN_INVALID" => "AUTH_INVALID",
        "ROLE_TOO_LOW" => "ROLE_INSUFFICIENT",
        "TOO_MANY_WRONG_TOKENS" => "RATE_LIMITED",
        "INTERNAL_ERROR" => "INTERNAL",
        other => other,
    }
}
