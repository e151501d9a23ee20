//! What an attempt to send came to: its delivery, its key and its receipt.

use std::time::Duration;

use super::Messenger;
use super::Sent;
use crate::contracts::message::DeliveryActual;
use crate::contracts::message::KeyState;
use crate::contracts::message::MessageReceipt;
use crate::time::Stamp;

/// Classes that say by themselves that nothing arrived.
const KNOWN: [&str; 4] = ["CONNECT", "BAD_ADDRESS", "BAD_SECRET", "REJECTED"];

/// One attempt, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How the message went.
    pub delivery: DeliveryActual,
    /// What that means for its key.
    pub state: KeyState,
    /// The attempt itself.
    pub receipt: MessageReceipt,
}

/// Judges what a Telegram call came to. Only an answer that refuses (4xx), or a connection that was never made, is a known
/// failure. Everything else may have arrived: a 5xx may come from a proxy behind which the message was taken.
#[must_use]
pub fn judge(sent: &Sent, delivered: DeliveryActual, begun: Stamp) -> Attempt {
    let receipt = |decision: &str, http_status| MessageReceipt {
        channel: "TELEGRAM".to_owned(),
        decision: decision.to_owned(),
        attempted_at: Some(begun.clone()),
        http_status,
        ..MessageReceipt::default()
    };
    match sent {
        Sent::Delivered { http_status } => {
            Attempt { delivery: delivered, state: KeyState::Delivered, receipt: receipt("SENT", *http_status) }
        }
        Sent::NotConfigured(names) => Attempt {
            delivery: DeliveryActual::ConsoleSimulated,
            state: KeyState::Failed,
            receipt: MessageReceipt { error_message: Some(without_value(names)), ..receipt("FAILED", None) },
        },
        Sent::Failed { http_status, class, message, retry_after } => {
            let never_left = KNOWN.contains(class) || http_status.is_some_and(|status| (400..500).contains(&status));
            let (delivery, state, word) = if never_left {
                (DeliveryActual::TelegramFailed, KeyState::Failed, "FAILED")
            } else {
                (DeliveryActual::TelegramError, KeyState::Unknown, "UNKNOWN")
            };
            let receipt = MessageReceipt {
                error_class: Some((*class).to_owned()),
                error_message: Some(message.clone()),
                retry_after_seconds: retry_after.map(|wait| wait.as_secs()),
                ..receipt(word, *http_status)
            };
            Attempt { delivery, state, receipt }
        }
    }
}

/// The same messenger with a limit that a waiting caller can bear.
#[must_use]
pub fn within(mut messenger: Messenger, most: Duration) -> Messenger {
    let limit = messenger.settings.limit;
    messenger.settings.limit = if limit.is_zero() { most } else { limit.min(most) };
    messenger
}

/// The text for names that have no value.
#[must_use]
pub fn without_value(names: &[&str]) -> String {
    format!("NO_PROVIDER: {} without a value", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_or_no_connection_leaves_the_key_free() {
        let failed = |http_status, class| Sent::Failed {
            http_status,
            class,
            message: "m".to_owned(),
            retry_after: Some(Duration::from_secs(7)),
        };
        let cases = [
            ("delivered", Sent::Delivered { http_status: Some(200) }, "TELEGRAM", KeyState::Delivered),
            ("refused", failed(Some(401), "UNAUTHORIZED"), "TELEGRAM_FAILED", KeyState::Failed),
            ("too many", failed(Some(429), "RATE_LIMITED"), "TELEGRAM_FAILED", KeyState::Failed),
            ("server", failed(Some(502), "SERVER_ERROR"), "TELEGRAM_ERROR", KeyState::Unknown),
            ("no connection", failed(None, "CONNECT"), "TELEGRAM_FAILED", KeyState::Failed),
            ("refused in a good status", failed(Some(200), "REJECTED"), "TELEGRAM_FAILED", KeyState::Failed),
            ("an address that is none", failed(None, "BAD_ADDRESS"), "TELEGRAM_FAILED", KeyState::Failed),
            ("timeout", failed(None, "TIMEOUT"), "TELEGRAM_ERROR", KeyState::Unknown),
            ("no JSON", failed(Some(200), "RESPONSE_INVALID"), "TELEGRAM_ERROR", KeyState::Unknown),
            ("a class of later", failed(None, "SOMETHING"), "TELEGRAM_ERROR", KeyState::Unknown),
            ("no names", Sent::NotConfigured(vec!["X"]), "CONSOLE_SIMULATED", KeyState::Failed),
        ];
        for (name, sent, delivery, state) in cases {
            let attempt = judge(&sent, DeliveryActual::Telegram, Stamp::default());
            assert_eq!((attempt.delivery.as_str(), attempt.state), (delivery, state), "{name}");
            let json = serde_json::to_value(attempt.delivery).expect("JSON");
            assert_eq!(json, delivery, "{name}");
        }
    }
}
