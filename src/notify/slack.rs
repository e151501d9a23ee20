//! A webhook that takes `{"text": ...}`. Its address is the secret, so no text about a failure holds it.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::Outgoing;
use super::Sent;
use super::web;
use super::web::Answer;

pub(super) fn send(address: &str, message: Outgoing<'_>, limit: Duration) -> Sent {
    if !web::is_safe(address) {
        return Sent::failed("BAD_SECRET", "SLACK_WEBHOOK_URL must be https, or http on this machine");
    }
    match web::post(address, &json!({"text": message.joined()}), limit) {
        Ok(answer) => judged(&answer),
        Err(failed) => failed,
    }
}

fn judged(answer: &Answer) -> Sent {
    let (class, message) = match answer.status {
        200 | 201 | 202 | 204 if is_yes(&answer.body) => return Sent::Delivered { http_status: Some(answer.status) },
        200..=299 => {
            ("RESPONSE_INVALID", "the answer is none of a webhook; whether it was delivered is unknown".to_owned())
        }
        status @ (401 | 404) => ("UNAUTHORIZED", format!("the webhook does not know its address (HTTP {status})")),
        status @ (400 | 403 | 410) => ("REJECTED", format!("the webhook refused the message (HTTP {status})")),
        status => web::class_of(status, "the webhook"),
    };
    let retry_after = answer.retry_after.filter(|_| answer.status == 429 || answer.status == 503);
    Sent::Failed { http_status: Some(answer.status), class, message, retry_after }
}

/// `ok`, nothing, or an object that says ok or success: what the known services answer. A page in HTML is no yes.
fn is_yes(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let says = |value: &Value| value.get("ok").or_else(|| value.get("success")) == Some(&Value::Bool(true));
    text.is_empty() || text.eq_ignore_ascii_case("ok") || serde_json::from_str(text).is_ok_and(|value| says(&value))
}
