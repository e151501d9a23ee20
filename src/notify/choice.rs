//! To which channels a message goes: those that the sender opens, that take its type and that have all their secrets.
//!
//! The one place for every way of sending. The gates come before it and are asked by the caller.

use super::Messenger;
use super::verdict::without_value;
use crate::contracts::channel::Channel;
use crate::contracts::channel::ChannelDecision;
use crate::contracts::channel::ChannelRow;
use crate::contracts::channel::Channels;

const NOT_OPENED: &str = "NOT_OPENED: the sender does not open it";
const CLOSED: &str = "NOT_OPENED: the sender closed it before the call";
const ABOUT_TO: &str = "ATTEMPTED: the call was about to begin";

/// The channels of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Where it goes.
    pub go: Vec<Channel>,
    /// The others, each with its reason.
    pub skipped: Vec<ChannelRow>,
    /// Why nothing remains, when nothing does.
    why: Option<String>,
}

impl Messenger {
    /// Chooses the channels of a message of a type, of those that the sender opens.
    #[must_use]
    pub fn choose(&self, opened: Channels, push_type: &str) -> Choice {
        let mut choice = Choice { go: Vec::new(), skipped: Vec::new(), why: None };
        let (mut names, mut others) = (Vec::new(), Vec::new());
        for channel in Channel::OUTSIDE {
            let missing = self.missing(channel);
            let reason = if !opened.holds(channel) {
                NOT_OPENED.to_owned()
            } else if !channel.takes(push_type) {
                let why = format!("{} takes no {push_type}", channel.as_str());
                others.push(why.clone());
                format!("NOT_ROUTED: {why}")
            } else if missing.is_empty() {
                choice.go.push(channel);
                continue;
            } else {
                names.extend(&missing);
                without_value(&missing)
            };
            choice.skipped.push(ChannelRow::new(channel, ChannelDecision::Skipped, Some(reason)));
        }
        if choice.go.is_empty() {
            choice.why = Some(refusal(&names, &others));
        }
        choice
    }
}

fn refusal(names: &[&str], others: &[String]) -> String {
    let mut parts = Vec::new();
    if !names.is_empty() {
        parts.push(without_value(names));
    }
    if !others.is_empty() {
        parts.push(format!("NOT_ROUTED: {}", others.join(", ")));
    }
    if parts.is_empty() { "NOT_OPENED: the sender opens no channel".to_owned() } else { parts.join("; ") }
}

impl Choice {
    /// Why the message cannot go anywhere; `None` while a channel remains.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// What is left of the choice now that the sender opens these channels. Asked right before the call; a channel that
    /// was opened meanwhile is not called, because no record names it.
    #[must_use]
    pub fn still(mut self, opened: Channels) -> Self {
        let (go, closed): (Vec<_>, Vec<_>) = self.go.into_iter().partition(|channel| opened.holds(*channel));
        let row = |channel| ChannelRow::new(channel, ChannelDecision::Skipped, Some(CLOSED.to_owned()));
        self.skipped.extend(closed.into_iter().map(row));
        if go.is_empty() && self.why.is_none() {
            self.why = Some(CLOSED.to_owned());
        }
        Self { go, ..self }
    }

    /// The rows as they stand before the call: of each channel that is about to be called nothing will be known.
    #[must_use]
    pub fn about_to(&self) -> Vec<ChannelRow> {
        let row = |channel: &Channel| ChannelRow::new(*channel, ChannelDecision::Unknown, Some(ABOUT_TO.to_owned()));
        in_order(self.go.iter().map(row).chain(self.skipped.iter().cloned()).collect())
    }
}

/// Rows in the order of the channels.
pub(super) fn in_order(mut rows: Vec<ChannelRow>) -> Vec<ChannelRow> {
    rows.sort_by_key(|row| Channel::OUTSIDE.iter().position(|channel| channel.as_str() == row.channel));
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::settings::MessageSecrets;
    use crate::settings::PushSettings;

    fn messenger(ready: &[Channel]) -> Messenger {
        let names = ready.iter().flat_map(|channel| channel.needs());
        let env: BTreeMap<_, _> = names.map(|name| ((*name).to_owned(), "value".to_owned())).collect();
        Messenger { settings: PushSettings::default(), secrets: MessageSecrets::read(Path::new("/nonexistent"), &env) }
    }

    fn subsets() -> Vec<Vec<Channel>> {
        let of = |bits: usize| Channel::OUTSIDE.into_iter().enumerate().filter(move |(n, _)| bits >> n & 1 == 1);
        (0..8).map(|bits| of(bits).map(|(_, channel)| channel).collect()).collect()
    }

    #[test]
    fn a_channel_is_called_only_when_it_is_opened_takes_the_type_and_has_its_secrets() {
        for opened in subsets() {
            for ready in subsets() {
                for kind in ["ALERT", "DAILY_REPORT", "SIGNAL", "OTHER", ""] {
                    let choice = messenger(&ready).choose(Channels::of(&opened), kind);
                    let may = |c: &Channel| opened.contains(c) && ready.contains(c) && c.takes(kind);
                    let want: Vec<_> = Channel::OUTSIDE.into_iter().filter(may).collect();
                    assert_eq!(choice.go, want, "{opened:?} {ready:?} {kind}");
                    assert_eq!(choice.go.len() + choice.skipped.len(), 3, "one row a channel");
                    assert_eq!(choice.refusal().is_some(), want.is_empty());
                    assert_eq!(choice.still(Channels::default()).go, []);
                }
            }
        }
    }

    #[test]
    fn a_refusal_names_what_is_missing() {
        use Channel::Email;
        use Channel::Slack;
        use Channel::Telegram;
        let cases: [(&[Channel], &[Channel], &str, &str); 5] = [
            (&[Telegram], &[], "ALERT", "NO_PROVIDER: TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID without a value"),
            (&[Slack], &[Telegram], "ALERT", "NO_PROVIDER: SLACK_WEBHOOK_URL without a value"),
            (&[Email], &[Email], "ALERT", "NOT_ROUTED: EMAIL takes no ALERT"),
            (
                &[Slack, Email],
                &[],
                "ALERT",
                "NO_PROVIDER: SLACK_WEBHOOK_URL without a value; NOT_ROUTED: EMAIL takes no ALERT",
            ),
            (&[], &[Telegram], "ALERT", "NOT_OPENED: the sender opens no channel"),
        ];
        for (opened, ready, kind, want) in cases {
            let choice = messenger(ready).choose(Channels::of(opened), kind);
            assert_eq!(choice.refusal(), Some(want));
        }
    }

    #[test]
    fn what_was_opened_later_is_not_called_and_what_was_closed_is_said() {
        let all = Channels::of(&Channel::OUTSIDE);
        let choice = messenger(&Channel::OUTSIDE).choose(Channels::parse("TELEGRAM+SLACK").expect("a set"), "ALERT");
        assert_eq!(choice.clone().still(all), choice);
        let left = choice.still(Channels::parse("SLACK_ONLY").expect("a set"));
        assert_eq!((left.go.as_slice(), left.refusal()), (&[Channel::Slack][..], None));
        let rows = left.about_to();
        let told: Vec<_> = rows.iter().map(|row| (row.channel.as_str(), row.decision)).collect();
        use ChannelDecision::Skipped;
        assert_eq!(told, [("TELEGRAM", Skipped), ("SLACK", ChannelDecision::Unknown), ("EMAIL", Skipped)]);
        assert_eq!(left.still(Channels::TELEGRAM_ONLY).refusal(), Some(CLOSED));
    }
}
