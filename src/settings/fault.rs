//! What is wrong with the settings, all of it at once.

use std::fmt;
use std::path::PathBuf;

use super::SETTINGS_FILE;

/// A value in a message is cut to this many characters.
const SHOWN_LIMIT: usize = 80;

/// Where a wrong value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `daily_ops.toml`.
    File {
        /// The line, counted from one.
        line: Option<usize>,
        /// The full key, such as `pipeline.branch`; none when the file as a whole cannot be read.
        key: Option<String>,
    },
    /// In an environment variable.
    Env {
        /// Its name.
        name: String,
    },
    /// In a flag.
    Flag {
        /// The key of the knob that the flag sets.
        key: String,
    },
    /// In a file that holds a key.
    KeyFile {
        /// Its path.
        path: PathBuf,
    },
    /// In the program's own table.
    Default {
        /// The key of the knob.
        key: String,
    },
}

/// One wrong setting: where, what was seen, and the rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// Where it was found.
    pub place: Place,
    /// The value as seen, cut and without user info; none for a secret and for a name that is not known.
    pub value: Option<String>,
    /// The rule.
    pub rule: String,
}

/// Every fault of the settings. Its class is a wrong configuration: exit code 64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsFaults {
    /// The faults: those of the file by line, then the environment by name, then flags.
    pub faults: Vec<SettingFault>,
}

impl SettingFault {
    pub(super) fn new(place: Place, rule: impl Into<String>) -> Self {
        Self { place, value: None, rule: rule.into() }
    }

    pub(super) fn with_value(mut self, value: &str) -> Self {
        self.value = Some(presentable(value));
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line, key } => {
                f.write_str(SETTINGS_FILE)?;
                line.map_or(Ok(()), |line| write!(f, ":{line}"))?;
                key.as_ref().map_or(Ok(()), |key| write!(f, " {key}"))
            }
            Self::Env { name } => write!(f, "environment {name}"),
            Self::Flag { key } => write!(f, "flag {key}"),
            Self::KeyFile { path } => write!(f, "key file {}", path.display()),
            Self::Default { key } => write!(f, "default {key}"),
        }
    }
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, " = {value}"))?;
        write!(f, ": {}", self.rule)
    }
}

impl fmt::Display for SettingsFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.faults.len() == 1 { "setting is" } else { "settings are" };
        write!(f, "{} {noun} wrong", self.faults.len())?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// A value as a message may show it: one line, cut, and without the user info of an address.
pub(super) fn presentable(value: &str) -> String {
    let clean = match (value.find("://"), value.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => format!("{}://***{}", &value[..scheme], &value[at..]),
        _no_user_info => value.to_owned(),
    };
    let mut short: String = clean.chars().take(SHOWN_LIMIT).collect();
    if short.len() < clean.len() {
        short.push('…');
    }
    format!("{short:?}")
}
