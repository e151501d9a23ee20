//! Messages that leave the host: channels, their secrets, and one way to hand a text to one of them.
//!
//! Nothing here decides whether a message may leave; that is [`crate::gates`]. No error, log line or reply carries a
//! secret, nor an address that holds one.

pub mod alert;
pub mod verdict;

use std::time::Duration;

use crate::settings::MessageSecrets;
use crate::settings::PushSettings;

/// Where a message can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// The Bot API.
    Telegram,
    /// A webhook that takes `{"text": ...}`.
    Slack,
    /// SMTP.
    Email,
    /// The log of this host; nothing leaves.
    Console,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The other side took it.
    Delivered {
        /// The HTTP status, when the channel speaks HTTP.
        http_status: Option<u16>,
    },
    /// It is not known to have arrived. It is never sent a second time by itself.
    Failed {
        /// The HTTP status, when there was an answer.
        http_status: Option<u16>,
        /// TIMEOUT, CONNECT, UNAUTHORIZED, RATE_LIMITED, SERVER_ERROR, REJECTED, RESPONSE_INVALID ...
        class: &'static str,
        /// For people; without any secret.
        message: String,
        /// When the other side wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// Names that have no value.
    NotConfigured(Vec<&'static str>),
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// One line; the subject of a mail.
    pub title: &'a str,
    /// The text.
    pub text: &'a str,
}

/// The channels as they are configured now.
#[derive(Clone, Debug, Default)]
pub struct Messenger {
    /// Addresses and limits.
    pub settings: PushSettings,
    /// The secrets.
    pub secrets: MessageSecrets,
}

impl Messenger {
    /// Hands a message to a channel and waits for the answer, at most the configured limit.
    #[must_use]
    pub fn send(&self, _channel: Channel, _message: Outgoing<'_>) -> Sent {
        Sent::NotConfigured(Vec::new())
    }
}
