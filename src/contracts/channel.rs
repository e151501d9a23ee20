//! The channels of messages: their words, what each needs and takes, and the set of them that a person opened.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error as _;

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

impl Channel {
    /// Every channel, the console first.
    pub const ALL: [Self; 4] = [Self::Console, Self::Telegram, Self::Slack, Self::Email];
    /// The channels that lead out of this host, in the order of every list of them.
    pub const OUTSIDE: [Self; 3] = [Self::Telegram, Self::Slack, Self::Email];

    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Telegram => "TELEGRAM",
            Self::Slack => "SLACK",
            Self::Email => "EMAIL",
            Self::Console => "CONSOLE",
        }
    }

    /// The names of secrets without which nothing can be sent there.
    #[must_use]
    pub fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Telegram => &["TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"],
            Self::Slack => &["SLACK_WEBHOOK_URL"],
            Self::Email => &["SMTP_HOST", "SMTP_USER", "SMTP_PASS", "EMAIL_TO"],
            Self::Console => &[],
        }
    }

    /// The routing table: whether messages of a type go there.
    #[must_use]
    pub fn takes(self, push_type: &str) -> bool {
        match self {
            Self::Console => true,
            Self::Telegram => ["ALERT", "DAILY_REPORT", "SIGNAL"].contains(&push_type),
            Self::Slack => ["ALERT", "DAILY_REPORT"].contains(&push_type),
            Self::Email => push_type == "DAILY_REPORT",
        }
    }
}

/// A set of the channels that lead out of this host. In documents a single one is `<NAME>_ONLY`; several are their names
/// joined by `+` in the order TELEGRAM, SLACK, EMAIL. No other text is a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels([bool; 3]);

impl Channels {
    /// Telegram alone: what a sender opens that names no channel.
    pub const TELEGRAM_ONLY: Self = Self([true, false, false]);

    /// The set of these channels; the console leads nowhere and is left out.
    #[must_use]
    pub fn of(channels: &[Channel]) -> Self {
        Self(Channel::OUTSIDE.map(|channel| channels.contains(&channel)))
    }

    /// Whether a channel is in it.
    #[must_use]
    pub fn holds(self, channel: Channel) -> bool {
        self.iter().any(|other| other == channel)
    }

    /// Its channels in their order.
    pub fn iter(self) -> impl Iterator<Item = Channel> {
        Channel::OUTSIDE.into_iter().zip(self.0).filter_map(|(channel, is_in)| is_in.then_some(channel))
    }

    /// Their names joined by `+`; empty without one.
    #[must_use]
    pub fn names(self) -> String {
        self.iter().map(Channel::as_str).collect::<Vec<_>>().join("+")
    }

    /// The set of a document's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        // Every set that is not empty; comparing with each one's own word leaves one spelling only.
        (1..8_u8).map(|bits| Self([bits & 1 > 0, bits & 2 > 0, bits & 4 > 0])).find(|set| set.to_string() == word)
    }

    /// The set of names that a person gave, in any order, in capitals or not.
    ///
    /// # Errors
    /// There is none, one is unknown, or one is there twice; the text says which.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut found = Vec::new();
        for name in names {
            let is_it = |channel: &Channel| channel.as_str().eq_ignore_ascii_case(name.trim());
            let channel = Channel::OUTSIDE.into_iter().find(is_it);
            let channel = channel.ok_or_else(|| format!("{name:?} is no channel; use telegram, slack or email"))?;
            if found.contains(&channel) {
                return Err(format!("{} is named twice", channel.as_str().to_ascii_lowercase()));
            }
            found.push(channel);
        }
        if found.is_empty() {
            return Err("no channel is named; use one or more of telegram, slack, email".to_owned());
        }
        Ok(Self::of(&found))
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names())?;
        if self.iter().count() == 1 { f.write_str("_ONLY") } else { Ok(()) }
    }
}

impl Serialize for Channels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Channels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let rule = "one of TELEGRAM_ONLY, SLACK_ONLY, EMAIL_ONLY, or several of TELEGRAM, SLACK, EMAIL joined by + in this order";
        Self::parse(&word).ok_or_else(|| D::Error::custom(format!("channel: {word:?} is not {rule}")))
    }
}

/// What became of a message on one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ChannelDecision {
    /// The channel took it.
    Sent,
    /// It is known not to have arrived.
    Failed,
    /// It may have arrived.
    Unknown,
    /// The channel was not called.
    Skipped,
}

/// One channel's row of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRow {
    /// TELEGRAM, SLACK or EMAIL.
    pub channel: String,
    /// What became of it.
    pub decision: ChannelDecision,
    /// Why it is not SENT; without any secret.
    #[serde(default)]
    pub reason: Option<String>,
}

impl ChannelRow {
    /// A row.
    #[must_use]
    pub fn new(channel: Channel, decision: ChannelDecision, reason: Option<String>) -> Self {
        Self { channel: channel.as_str().to_owned(), decision, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_channel_takes_its_kinds_of_messages() {
        let cases = [
            ("ALERT", [true, true, true, false]),
            ("DAILY_REPORT", [true, true, true, true]),
            ("SIGNAL", [true, true, false, false]),
            ("OTHER", [true, false, false, false]),
            ("", [true, false, false, false]),
        ];
        for (kind, want) in cases {
            assert_eq!(Channel::ALL.map(|channel| channel.takes(kind)), want, "{kind}");
        }
    }

    #[test]
    fn a_set_has_one_word_and_no_other_word_is_a_set() {
        use Channel::Email;
        use Channel::Slack;
        use Channel::Telegram;
        let sets: [(&str, &[Channel]); 7] = [
            ("TELEGRAM_ONLY", &[Telegram]),
            ("SLACK_ONLY", &[Slack]),
            ("EMAIL_ONLY", &[Email]),
            ("TELEGRAM+SLACK", &[Telegram, Slack]),
            ("TELEGRAM+EMAIL", &[Telegram, Email]),
            ("SLACK+EMAIL", &[Slack, Email]),
            ("TELEGRAM+SLACK+EMAIL", &[Telegram, Slack, Email]),
        ];
        for (word, channels) in sets {
            let set = Channels::parse(word).expect(word);
            assert_eq!((set, set.to_string()), (Channels::of(channels), word.to_owned()));
            assert_eq!(serde_json::to_value(set).expect("JSON"), word);
            assert!(set.iter().eq(channels.iter().copied()), "{word}");
        }
        for word in [
            "",
            "TELEGRAM",
            "telegram_only",
            "ALL",
            "CONSOLE_ONLY",
            "SLACK+TELEGRAM",
            "TELEGRAM+TELEGRAM",
            "+",
            "TELEGRAM+",
            "TELEGRAM + SLACK",
            "TELEGRAM,SLACK",
            "TELEGRAM+SLACK_ONLY",
            "TELEGRAM_ONLY ",
            "TELEGRAM+SLACK+EMAIL+CONSOLE",
        ] {
            assert_eq!(Channels::parse(word), None, "{word:?}");
        }
        for value in ["5", "true", "[\"TELEGRAM\"]", "{}", "\"\""] {
            assert!(serde_json::from_str::<Channels>(value).is_err(), "{value}");
        }
    }

    #[test]
    fn names_come_in_any_order_and_a_wrong_one_is_said() {
        let set = |names: &[&str]| Channels::named(names.iter().copied()).map(|set| set.to_string());
        assert_eq!(set(&["slack", "TELEGRAM"]), Ok("TELEGRAM+SLACK".to_owned()));
        assert_eq!(set(&["Email"]), Ok("EMAIL_ONLY".to_owned()));
        for (names, why) in [
            (&[][..], "no channel is named"),
            (&["telegram", "sms"], "\"sms\" is no channel"),
            (&["console"], "\"console\" is no channel"),
            (&[""], "\"\" is no channel"),
            (&["slack", "SLACK"], "slack is named twice"),
        ] {
            let told = set(names).expect_err(why);
            assert!(told.starts_with(why), "{told}");
        }
    }

    proptest! {
        #[test]
        fn prop_what_is_read_as_a_set_is_written_as_the_same_text(word in "(TELEGRAM|SLACK|EMAIL|_ONLY|\\+| ){0,6}") {
            if let Some(set) = Channels::parse(&word) {
                prop_assert_eq!(set.to_string(), word);
            }
        }
    }
}
