//! Messages that leave the host: channels, their secrets, and one way to hand a text to one of them.
//!
//! Nothing here decides whether a message may leave; that is [`crate::gates`]. No error, log line or reply carries a
//! secret, nor an address that holds one.

pub mod alert;
mod choice;
mod email;
mod slack;
mod telegram;
pub mod verdict;
mod web;

pub use crate::contracts::channel::Channel;
pub use choice::Choice;

use std::thread::ScopedJoinHandle;
use std::time::Duration;

use crate::settings::MessageSecrets;
use crate::settings::PushSettings;
use crate::settings::Secret;

/// The limit of a call when the settings state none.
const LIMIT: Duration = Duration::from_secs(30);

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

impl Sent {
    /// A failure before or without an HTTP status.
    fn failed(class: &'static str, message: &str) -> Self {
        Self::Failed { http_status: None, class, message: message.to_owned(), retry_after: None }
    }
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// One line; the subject of a mail.
    pub title: &'a str,
    /// The text.
    pub text: &'a str,
}

impl Outgoing<'_> {
    /// Title and text for a channel that has no subject; a title that already starts the text stands once.
    fn joined(self) -> String {
        match (self.title.trim(), self.text) {
            ("", text) => text.to_owned(),
            (title, "") => title.to_owned(),
            (title, text) if text.starts_with(title) => text.to_owned(),
            (title, text) => format!("{title}\n{text}"),
        }
    }
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
    /// The names that a channel needs and that have no value.
    #[must_use]
    pub fn missing(&self, channel: Channel) -> Vec<&'static str> {
        channel.needs().iter().copied().filter(|name| !self.secrets.is_present(name)).collect()
    }

    /// Hands a message to each of these channels at the same time, so that one that hangs keeps no other waiting. Each is
    /// tried once, and the slowest answer is waited for.
    #[must_use]
    pub fn send_all(&self, channels: &[Channel], message: Outgoing<'_>) -> Vec<(Channel, Sent)> {
        if let [only] = channels {
            return vec![(*only, self.send(*only, message))];
        }
        std::thread::scope(|scope| {
            let start = |channel: Channel| {
                let thread = std::thread::Builder::new().name("message".to_owned());
                thread.spawn_scoped(scope, move || self.send(channel, message))
            };
            let calls: Vec<_> = channels.iter().map(|channel| (*channel, start(*channel))).collect();
            let ended = |(channel, call): (Channel, std::io::Result<ScopedJoinHandle<'_, Sent>>)| {
                let sent = match call {
                    Ok(call) => call.join().unwrap_or_else(|_panic| {
                        let why = "the call was not finished; whether it was delivered is unknown";
                        Sent::failed("RESPONSE_INVALID", why)
                    }),
                    Err(_full) => Sent::failed("CONNECT", "no thread for the message could be started"),
                };
                (channel, sent)
            };
            calls.into_iter().map(ended).collect()
        })
    }

    /// Hands a message to a channel and waits for the answer, at most the configured limit. It is tried once.
    #[must_use]
    pub fn send(&self, channel: Channel, message: Outgoing<'_>) -> Sent {
        let missing = self.missing(channel);
        if !missing.is_empty() {
            return Sent::NotConfigured(missing);
        }
        let limit = if self.settings.limit.is_zero() { LIMIT } else { self.settings.limit };
        let secret = |name: &str| self.secrets.get(name).map(Secret::expose).unwrap_or_default();
        match channel {
            Channel::Telegram => {
                let who = (secret("TELEGRAM_BOT_TOKEN"), secret("TELEGRAM_CHAT_ID"));
                telegram::send(&self.settings.telegram_url, who, message, limit)
            }
            Channel::Slack => slack::send(secret("SLACK_WEBHOOK_URL"), message, limit),
            Channel::Email => {
                let server = email::MailServer {
                    host: secret("SMTP_HOST"),
                    port: self.settings.smtp_port,
                    tls: self.settings.smtp_tls,
                    ca_files: &self.settings.smtp_ca_file,
                    user: secret("SMTP_USER"),
                    password: secret("SMTP_PASS"),
                };
                email::send(&server, secret("EMAIL_TO"), message, limit)
            }
            Channel::Console => {
                // The text may hold whatever its writer put into it; that a message was shown is all a log needs.
                tracing::info!(characters = message.text.chars().count(), "a message for the console");
                Sent::Delivered { http_status: None }
            }
        }
    }
}
