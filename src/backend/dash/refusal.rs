//! How the dashboard's endpoints say no: one shape, a code for machines at the top, words for people below.

use axum::http::StatusCode;

use crate::backend::reply::Fields;
use crate::backend::reply::Problem;
use crate::backend::reply::Reply;
use crate::contracts::event::CONTRACT_VERSION;
use crate::contracts::event::EventFault;
use crate::time::KstTime;

/// A refusal of the dashboard's family. `trace_id` is the request's own, when it has one.
pub(crate) fn refuse((status, code): (StatusCode, &str), message: &str, trace_id: Option<&str>, now: KstTime) -> Reply {
    Fields::new()
        .with("status", "error")
        .with("schema", "DAILY_OPS_ERROR_V1")
        .asof_now(now)
        .with("error", &Problem { code, message })
        .with("code", code)
        .with("contract_version", CONTRACT_VERSION)
        .with("trace_id", &trace_id)
        .reply(status)
}

/// A parameter outside its rule.
pub(crate) fn invalid_param(name: &str, rule: &str, now: KstTime) -> Reply {
    refuse((StatusCode::UNPROCESSABLE_ENTITY, "INVALID_PARAM"), &format!("{name} {rule}"), None, now)
}

/// An event that breaks a rule.
pub(crate) fn bad_event(fault: &EventFault, trace_id: Option<&str>, now: KstTime) -> Reply {
    refuse((StatusCode::UNPROCESSABLE_ENTITY, fault.code.as_str()), &fault.message, trace_id, now)
}

/// The names that the guards' refusals have in this family.
pub(crate) fn code_of(code: &'static str) -> &'static str {
    match code {
        "FOREIGN_HOST" | "HOST_UNCLEAR" => "HOST_NOT_ALLOWED",
        "FOREIGN_ORIGIN" => "ORIGIN_NOT_ALLOWED",
        "TOKEN_REQUIRED" => "AUTH_MISSING",
        "TOKEN_INVALID" => "AUTH_INVALID",
        "ROLE_TOO_LOW" => "ROLE_INSUFFICIENT",
        "TOO_MANY_WRONG_TOKENS" | "BUSY" => "RATE_LIMITED",
        "INTERNAL_ERROR" => "INTERNAL",
        other => other,
    }
}
