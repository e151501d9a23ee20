//! The Bot API: one POST a message, plain text, no repeats, no redirects.
//!
//! The token is part of the address, so no text of the HTTP library and none of the other side is ever passed on: every
//! message about a failure is put together here from a status code and from phrases known in advance.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::Outgoing;
use super::Sent;
use super::web;
use super::web::Answer;

/// The longest text that the Bot API takes, in UTF-16 code units.
const MAX_TEXT: usize = 4096;
/// What ends a text that was cut.
const CUT: &str = "…";
/// What the Bot API says about requests that it refuses, as far as it helps a person.
const KNOWN: [&str; 6] = [
    "chat not found",
    "bot was blocked by the user",
    "bot was kicked",
    "message text is empty",
    "message is too long",
    "not enough rights",
];

pub(super) fn send(base: &str, (token, chat): (&str, &str), message: Outgoing<'_>, limit: Duration) -> Sent {
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_alphanumeric() || b":_-".contains(&b)) {
        return Sent::failed("BAD_SECRET", "TELEGRAM_BOT_TOKEN holds characters that no token has");
    }
    if !web::is_safe(base) {
        return Sent::failed("BAD_ADDRESS", "push.telegram_url must be https, or http on this machine");
    }
    let address = format!("{}/bot{token}/sendMessage", base.trim_end_matches('/'));
    let text = cut(&message.joined());
    match web::post(&address, &json!({"chat_id": chat, "text": text}), limit) {
        Ok(answer) => judged(&answer),
        Err(failed) => failed,
    }
}

fn judged(answer: &Answer) -> Sent {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let description = said["description"].as_str().unwrap_or_default();
    let phrase = KNOWN.iter().find(|known| description.contains(**known));
    let because = phrase.map(|phrase| format!(": {phrase}")).unwrap_or_default();
    let (class, message) = match (answer.status, said["ok"].as_bool()) {
        (200, Some(true)) => return Sent::Delivered { http_status: Some(200) },
        (200, Some(false)) => ("REJECTED", format!("the Bot API refused the message{because}")),
        (200, None) => {
            ("RESPONSE_INVALID", "the answer is none of the Bot API; whether it was delivered is unknown".to_owned())
        }
        (401 | 404, _) => ("UNAUTHORIZED", format!("the Bot API does not know the token (HTTP {})", answer.status)),
        (400 | 403, _) => ("REJECTED", format!("the Bot API refused the message (HTTP {}){because}", answer.status)),
        (status, _) => web::class_of(status, "the Bot API"),
    };
    let retry_after = said["parameters"]["retry_after"].as_u64().map(web::wait).or(answer.retry_after);
    Sent::Failed {
        http_status: Some(answer.status),
        class,
        message,
        retry_after: retry_after.filter(|_| answer.status == 429 || answer.status == 503),
    }
}

/// The text, or as much of it as fits, with a mark.
fn cut(text: &str) -> String {
    if text.encode_utf16().count() <= MAX_TEXT {
        return text.to_owned();
    }
    let mut room = MAX_TEXT - CUT.encode_utf16().count();
    let kept: String = text
        .chars()
        .take_while(|c| {
            let fits = c.len_utf16() <= room;
            room -= if fits { c.len_utf16() } else { room };
            fits
        })
        .collect();
    kept + CUT
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters_and_marked() {
        assert_eq!(cut(&"가".repeat(4096)), "가".repeat(4096));
        let long = cut(&"가".repeat(4097));
        assert_eq!((long.chars().count(), long.ends_with(CUT)), (4096, true));
        let wide = cut(&"𝒳".repeat(3000));
        assert!(wide.encode_utf16().count() <= 4096 && wide.ends_with("𝒳…"));
    }

    proptest! {
        #[test]
        fn prop_a_cut_text_is_the_start_of_the_text(text in "[a가𝒳\n]{0,5000}") {
            let short = cut(&text);
            prop_assert!(short.encode_utf16().count() <= MAX_TEXT);
            prop_assert!(text == short || text.starts_with(short.trim_end_matches('…')));
        }
    }
}
