//! The JSON body of a request that brings events, and the trace that the request belongs to.

use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use serde_json::Map;
use serde_json::Value;

use super::App;
use super::Call;
use crate::backend::dash::refusal::refuse;
use crate::backend::reply::Reply;
use crate::backend::routes::told::parent_of;
use crate::contracts::Json;
use crate::contracts::JsonFault;
use crate::contracts::event::is_trace;
use crate::contracts::json::decode;

/// The body of a request, and the trace that the request belongs to.
pub(super) struct Given {
    /// The members of the body.
    pub(super) members: Map<String, Value>,
    /// As the body says, else as the header `traceparent` says.
    pub(super) trace_id: Option<String>,
}

/// A body member that breaks its rule.
pub(super) fn invalid(app: &App, rule: &str, trace_id: Option<&str>) -> Reply {
    refuse((StatusCode::UNPROCESSABLE_ENTITY, "INVALID_PARAM"), rule, trace_id, app.now())
}

/// Reads the JSON object of a request. No body at all is an empty object, whatever the content type says.
pub(super) fn given(app: &App, call: &Call) -> Result<Given, Reply> {
    let parent = parent_of(&call.headers);
    let no = |status, code, why: &str| refuse((status, code), why, parent.as_deref(), app.now());
    if call.body.is_empty() {
        return Ok(Given { members: Map::new(), trace_id: parent });
    }
    if !says_json(&call.headers) {
        let why = "a body needs the header Content-Type: application/json";
        return Err(no(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", why));
    }
    match parse(&call.body) {
        Ok(Value::Object(members)) => {
            let own = members.get("trace_id").and_then(Value::as_str).filter(|text| is_trace(text));
            let trace_id = own.map(str::to_owned).or(parent);
            Ok(Given { members, trace_id })
        }
        Ok(_) => Err(no(StatusCode::UNPROCESSABLE_ENTITY, "BODY_NOT_OBJECT", "the body must be a JSON object")),
        Err(fault @ JsonFault::TooDeep) => {
            Err(no(StatusCode::UNPROCESSABLE_ENTITY, "DATA_TOO_LARGE", &fault.to_string()))
        }
        Err(fault) => Err(no(StatusCode::BAD_REQUEST, "INVALID_JSON", &format!("the body is {}", why(&fault)))),
    }
}

fn why(fault: &JsonFault) -> String {
    match fault {
        JsonFault::Empty => "not JSON: it holds nothing but white space".to_owned(),
        JsonFault::DuplicateKey(_) | JsonFault::NotFinite(_) => format!("not accepted: {fault}"),
        JsonFault::NotUtf8(_) | JsonFault::Syntax(_) | JsonFault::TooDeep => fault.to_string(),
    }
}

/// Read twice: the strict reader refuses what two readers could understand in two ways, the other one makes the value.
fn parse(bytes: &[u8]) -> Result<Value, JsonFault> {
    Json::parse(bytes)?;
    serde_json::from_str(decode(bytes)?).map_err(|fault| JsonFault::Syntax(fault.to_string()))
}

/// Whether exactly one header says that the body is JSON; parameters such as a charset may follow.
fn says_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = values.next().and_then(|value| value.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) && values.next().is_none()
}
