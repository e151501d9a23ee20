//! Messages of the host: outbox, preview, delivery to the console, sending under guard, live fire and its look back.
//!
//! A text that holds a template mark, the name of a secret or the value of one is neither shown nor sent: it could pull
//! a value into the message when something later expands it, or tell one itself.

mod checks;
mod delivery;
mod live_fire;
mod postmortem;
mod preview;
mod self_test;
mod send;
mod window;

pub use delivery::DeliveryOutcome;
pub use live_fire::LiveFireOutcome;
pub use postmortem::PostmortemOutcome;
pub(super) use preview::OwnMessage;
pub use self_test::SelfTestOutcome;
pub use send::SendOutcome;

use super::Ops;
use crate::contracts::Document;
use crate::contracts::push::OutboxMessage;
use crate::notify::Messenger;
use crate::notify::alert::is_suspect;
use crate::settings::MessageSecrets;
use crate::store::StoreFault;

/// What stands in place of a text that was held back.
const HELD_BACK: &str = "[BLOCKED]";
const INJECTION: &str = "SECRET_INJECTION_SUSPECTED";
/// What renders messages, with the version of its form.
const FORMATTER: &str = "daily_ops/console/1";
/// The name of the routing table, `Channel::takes`.
const MATRIX: &str = "PUSH_CHANNELS_V1";

impl Ops {
    /// The names of secrets and where they come from, read now. Settings that cannot be read configure no channel.
    #[must_use]
    pub fn message_secrets(&self) -> MessageSecrets {
        self.messenger().secrets
    }

    fn messenger(&self) -> Messenger {
        (self.policy)().map(|policy| policy.messenger).unwrap_or_default()
    }
}

/// Whether a text could tell a secret.
fn is_told(text: &str, secrets: &MessageSecrets) -> bool {
    is_suspect(text) || secrets.is_told_in(text)
}

/// A document as one line of a JSONL file.
fn line_of<D: Document>(document: &D) -> Result<String, StoreFault> {
    serde_json::to_string(document).map_err(|fault| StoreFault {
        verb: "render",
        path: D::SCHEMA.to_owned(),
        source: std::io::Error::other(fault),
    })
}

/// Whether a part of a message may not be shown or sent.
fn is_held_back(message: &OutboxMessage, secrets: &MessageSecrets) -> bool {
    let parts = [&message.message_id, &message.push_type, &message.title, &message.content];
    message.blocked_reason.as_deref() == Some(INJECTION)
        || message.actions.iter().chain(parts).any(|part| is_told(part, secrets))
}

/// Kind and title as one line.
fn headline(message: &OutboxMessage) -> String {
    let kind = if message.push_type.is_empty() { String::new() } else { format!("[{}]", message.push_type) };
    let parts: Vec<&str> = [kind.as_str(), message.title.as_str()].into_iter().filter(|t| !t.is_empty()).collect();
    parts.join(" ")
}

/// Control characters could move the cursor of a terminal; only the line feed is kept.
fn plain(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}
