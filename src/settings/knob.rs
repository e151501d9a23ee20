//! What a knob is: its names, the kind of its value, its default and one sentence of help.

use std::fmt;
use std::time::Duration;

use super::model::Settings;
use super::value::Raw;
use super::value::shown_bytes;
use super::value::shown_time;

/// One setting of the program.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// The key in `daily_ops.toml`, with its section: `pipeline.branch`.
    pub key: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// What a value may be.
    pub kind: Kind,
    /// The value when nobody says otherwise; empty: none.
    pub default: &'static str,
    /// One sentence for people.
    pub help: &'static str,
    /// What a wrong environment value does.
    pub(super) on_wrong_env: WrongEnv,
    /// Checks a value, stores it in its field, and gives the text that `config show` prints.
    pub(super) set: fn(&mut Settings, &Raw, &Kind) -> Result<String, String>,
}

/// What a value may be. The text form is the rule that faults and the table of the README show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The backend's address.
    Url,
    /// The address of a vendor, http or https.
    WebUrl,
    /// A calendar day.
    Date,
    /// The name of a git branch.
    Branch,
    /// The name of a git remote.
    Remote,
    /// An address and a port to listen on.
    Listener,
    /// A path below the workspace.
    ObservationLog,
    /// Origins of web pages, separated by commas.
    Origins,
    /// Names of hosts, separated by commas.
    Hosts,
    /// Yes or no.
    Switch,
    /// `1` is yes; every other text is no.
    OnlyOne,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in this range.
    Count {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A length of time in this range.
    Time {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A number of bytes in this range.
    Size {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// Texts, separated by commas.
    Texts,
    /// Words of a closed set, separated by commas.
    Words(&'static [&'static str]),
    /// Paths, separated as `PATH` is.
    Paths,
    /// A secret of at least so many bytes.
    Secret {
        /// The smallest number of bytes.
        min_bytes: usize,
    },
    /// An address that is a secret, http or https.
    SecretUrl,
}

/// What a wrong environment value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WrongEnv {
    /// The program does not start.
    Fault,
    /// The value is not used, with a warning.
    Warn,
}

/// A variable with one of our prefixes that is no knob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherVariable {
    /// Its name.
    pub name: &'static str,
    /// Who reads it, or why it is accepted and not read.
    pub reason: &'static str,
    /// Whether this release reads it.
    pub is_read: bool,
}

impl Knob {
    /// Whether the value must not be seen.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret { .. } | Kind::SecretUrl)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str("an address http://HOST[:PORT]"),
            Self::WebUrl => f.write_str("an address http(s)://HOST[:PORT] without user and path"),
            Self::Date => f.write_str("a day YYYY-MM-DD"),
            Self::Branch => f.write_str("the name of a branch"),
            Self::Remote => f.write_str("the name of a git remote, not its address"),
            Self::Listener => f.write_str("an address IP:PORT; other than loopback only with serve.remote"),
            Self::ObservationLog => f.write_str("a .jsonl file below metrics, logs or data"),
            Self::Origins => f.write_str("origins such as http://127.0.0.1:3000, separated by commas"),
            Self::Hosts => f.write_str("names of hosts without a port, separated by commas"),
            Self::Switch => f.write_str("true or false"),
            Self::OnlyOne => f.write_str("exactly 1, in the file true; anything else is no"),
            Self::Word(words) => write!(f, "one of {}", words.join(", ")),
            Self::Count { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Time { min, max } => {
                write!(f, "a time such as 30s, 15m or 6h, from {} to {}", shown_time(*min), shown_time(*max))
            }
            Self::Size { min, max } => {
                write!(f, "a size such as 64KiB or 1MiB, from {} to {}", shown_bytes(*min), shown_bytes(*max))
            }
            Self::Texts => f.write_str("texts separated by commas"),
            Self::Words(words) => write!(f, "one or more of {}, separated by commas", words.join(", ")),
            Self::Paths => f.write_str("paths separated as in PATH, or a list"),
            Self::Secret { min_bytes } => write!(f, "a secret of at least {min_bytes} bytes"),
            Self::SecretUrl => {
                f.write_str("an address http(s)://HOST[:PORT][/PATH][?QUERY] without user and fragment, a secret")
            }
        }
    }
}
