//! What an attempt to send came to: its delivery, its key and its receipt, with a row for each channel.
//!
//! | the channels that were called | decision | its key |
//! |---|---|---|
//! | each took it | SENT | used |
//! | some took it | FAILED, class PARTIAL | used: another try would double it where it arrived |
//! | none is known to have taken it, one may have | UNKNOWN | used |
//! | it is certain that none took it | FAILED | free |

use std::time::Duration;

use super::Messenger;
use super::Sent;
use super::choice::in_order;
use crate::contracts::channel::Channel;
use crate::contracts::channel::ChannelDecision;
use crate::contracts::channel::ChannelRow;
use crate::contracts::channel::Channels;
use crate::contracts::message::DeliveryActual;
use crate::contracts::message::KeyState;
use crate::contracts::message::MessageReceipt;
use crate::time::Stamp;

/// Classes that say by themselves that nothing arrived.
const NOT_ARRIVED: [&str; 7] =
    ["CONNECT", "UNAUTHORIZED", "REJECTED", "RATE_LIMITED", "BAD_SECRET", "BAD_ADDRESS", "NOT_CONFIGURED"];
/// The class of a message that some channels took and others did not.
pub const PARTIAL: &str = "PARTIAL";

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

/// Whether a class of failures says by itself that nothing arrived.
#[must_use]
pub fn never_arrived(class: &str) -> bool {
    NOT_ARRIVED.contains(&class)
}

/// What became of a message on one channel. Only an answer that refuses (4xx), or a connection that was never made, is a
/// known failure. Everything else may have arrived: a 5xx may come from a proxy behind which the message was taken.
fn decided(sent: &Sent) -> ChannelDecision {
    match sent {
        Sent::Delivered { .. } => ChannelDecision::Sent,
        Sent::NotConfigured(_) => ChannelDecision::Failed,
        Sent::Failed { http_status, class, .. } => {
            let refused = http_status.is_some_and(|status| (400..500).contains(&status));
            if never_arrived(class) || refused { ChannelDecision::Failed } else { ChannelDecision::Unknown }
        }
    }
}

/// Class, text and wait of a failure.
fn told(sent: &Sent) -> Option<(Option<&'static str>, String)> {
    match sent {
        Sent::Delivered { .. } => None,
        Sent::NotConfigured(names) => Some((None, without_value(names))),
        Sent::Failed { class, message, .. } => Some((Some(class), message.clone())),
    }
}

fn row((channel, sent): &(Channel, Sent)) -> ChannelRow {
    let reason = told(sent).map(|(class, text)| class.map_or_else(|| text.clone(), |class| format!("{class}: {text}")));
    ChannelRow::new(*channel, decided(sent), reason)
}

/// Judges what the calls of one message came to. `delivered` is the caller's word for a message that each channel took.
#[must_use]
pub fn judge(called: &[(Channel, Sent)], skipped: &[ChannelRow], delivered: DeliveryActual, begun: Stamp) -> Attempt {
    let count = |decision| called.iter().filter(|(_, sent)| decided(sent) == decision).count();
    let (sent, unknown) = (count(ChannelDecision::Sent), count(ChannelDecision::Unknown));
    let channels: Vec<Channel> = called.iter().map(|(channel, _)| *channel).collect();
    let is_telegram = channels == [Channel::Telegram];
    let word = |telegram, other| if is_telegram { telegram } else { other };
    let (delivery, state, decision) = if called.iter().all(|(_, sent)| matches!(sent, Sent::NotConfigured(_))) {
        (DeliveryActual::ConsoleSimulated, KeyState::Failed, "FAILED")
    } else if sent == called.len() {
        (delivered, KeyState::Delivered, "SENT")
    } else if sent > 0 {
        (DeliveryActual::DeliveredPartly, KeyState::Delivered, "FAILED")
    } else if unknown > 0 {
        (word(DeliveryActual::TelegramError, DeliveryActual::DeliveryUnknown), KeyState::Unknown, "UNKNOWN")
    } else {
        (word(DeliveryActual::TelegramFailed, DeliveryActual::NotDelivered), KeyState::Failed, "FAILED")
    };
    let receipt = MessageReceipt {
        channel: Channels::of(&channels).names(),
        decision: decision.to_owned(),
        attempted_at: Some(begun),
        channels: in_order(called.iter().map(row).chain(skipped.iter().cloned()).collect()),
        ..of_worst(called, sent > 0)
    };
    Attempt { delivery, state, receipt }
}

/// The word for a message that every channel took, by the channels that were chosen.
#[must_use]
pub fn delivered_word(channels: &[Channel]) -> DeliveryActual {
    if channels == [Channel::Telegram] { DeliveryActual::Telegram } else { DeliveryActual::Delivered }
}

/// Status, class and text of the answer that decides: the first that may have arrived, else the first failure.
fn of_worst(called: &[(Channel, Sent)], is_partial: bool) -> MessageReceipt {
    let not_sent = || called.iter().filter(|(_, sent)| decided(sent) != ChannelDecision::Sent);
    let open = not_sent().find(|(_, sent)| decided(sent) == ChannelDecision::Unknown);
    let Some((_, worst)) = open.or_else(|| not_sent().next()).or_else(|| called.first()) else {
        return MessageReceipt::default();
    };
    let text = |(channel, sent): &(Channel, Sent)| {
        let text = told(sent).map(|(_, text)| text)?;
        Some(if called.len() == 1 { text } else { format!("{}: {text}", channel.as_str()) })
    };
    let texts: Vec<String> = not_sent().filter_map(text).collect();
    let class = told(worst).and_then(|(class, _)| class);
    let class = if is_partial && !texts.is_empty() { Some(PARTIAL) } else { class };
    let waits = called.iter().filter_map(|(_, sent)| wait(sent)).max();
    MessageReceipt {
        http_status: status(worst),
        error_class: class.map(str::to_owned),
        error_message: (!texts.is_empty()).then(|| texts.join("; ")),
        retry_after_seconds: waits.map(|wait| wait.as_secs()),
        ..MessageReceipt::default()
    }
}

fn status(sent: &Sent) -> Option<u16> {
    match sent {
        Sent::Delivered { http_status } | Sent::Failed { http_status, .. } => *http_status,
        Sent::NotConfigured(_) => None,
    }
}

fn wait(sent: &Sent) -> Option<Duration> {
    if let Sent::Failed { retry_after, .. } = sent { *retry_after } else { None }
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

    fn failed(http_status: Option<u16>, class: &'static str) -> Sent {
        Sent::Failed { http_status, class, message: "m".to_owned(), retry_after: Some(Duration::from_secs(7)) }
    }

    #[test]
    fn only_a_refusal_or_no_connection_leaves_the_key_free() {
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
            let attempt = judge(&[(Channel::Telegram, sent)], &[], DeliveryActual::Telegram, Stamp::default());
            assert_eq!((attempt.delivery.as_str(), attempt.state), (delivery, state), "{name}");
            let json = serde_json::to_value(attempt.delivery).expect("JSON");
            assert_eq!(json, delivery, "{name}");
        }
    }

    #[test]
    fn of_several_channels_the_one_that_failed_is_told_and_none_is_tried_again() {
        let yes = || Sent::Delivered { http_status: Some(200) };
        let no = || failed(Some(401), "UNAUTHORIZED");
        let open = || failed(None, "TIMEOUT");
        let cases = [
            ([yes(), yes()], "DELIVERED", "SENT", None, KeyState::Delivered),
            ([yes(), no()], "DELIVERED_PARTLY", "FAILED", Some(PARTIAL), KeyState::Delivered),
            ([open(), yes()], "DELIVERED_PARTLY", "FAILED", Some(PARTIAL), KeyState::Delivered),
            ([no(), open()], "DELIVERY_UNKNOWN", "UNKNOWN", Some("TIMEOUT"), KeyState::Unknown),
            ([open(), open()], "DELIVERY_UNKNOWN", "UNKNOWN", Some("TIMEOUT"), KeyState::Unknown),
            ([no(), no()], "NOT_DELIVERED", "FAILED", Some("UNAUTHORIZED"), KeyState::Failed),
        ];
        for ([telegram, slack], delivery, decision, class, state) in cases {
            let called = [(Channel::Telegram, telegram), (Channel::Slack, slack)];
            let email = ChannelRow::new(Channel::Email, ChannelDecision::Skipped, Some("x".to_owned()));
            let made = judge(&called, &[email], DeliveryActual::Delivered, Stamp::default());
            assert_eq!((made.delivery.as_str(), made.state), (delivery, state), "{called:?}");
            assert_eq!(serde_json::to_value(made.delivery).expect("JSON"), delivery);
            let receipt = made.receipt;
            assert_eq!((receipt.channel.as_str(), receipt.decision.as_str()), ("TELEGRAM+SLACK", decision));
            assert_eq!(receipt.error_class.as_deref(), class, "{called:?}");
            let rows: Vec<_> = receipt.channels.iter().map(|row| row.decision).collect();
            assert_eq!(rows, [decided(&called[0].1), decided(&called[1].1), ChannelDecision::Skipped], "{called:?}");
            // An older reader goes by the class alone: it must not take a message that may have arrived for a free one.
            let is_free = class.is_some_and(never_arrived);
            assert_eq!(is_free, state == KeyState::Failed, "{called:?}");
        }
    }

    #[test]
    fn the_text_names_each_channel_that_did_not_take_it() {
        let called = [
            (Channel::Telegram, Sent::Delivered { http_status: Some(200) }),
            (Channel::Slack, failed(Some(404), "UNAUTHORIZED")),
            (Channel::Email, failed(None, "TIMEOUT")),
        ];
        let receipt = judge(&called, &[], delivered_word(&Channel::OUTSIDE), Stamp::default()).receipt;
        assert_eq!(receipt.error_message.as_deref(), Some("SLACK: m; EMAIL: m"));
        assert_eq!(receipt.channels[1].reason.as_deref(), Some("UNAUTHORIZED: m"));
        assert_eq!((receipt.channels[0].reason.as_deref(), receipt.retry_after_seconds), (None, Some(7)));
    }
}
