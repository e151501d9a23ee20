//! Identifiers that cross a boundary.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::time::KstTime;
use crate::time::file_stamp;

/// Names one run, from the PC's publish to the host's last stage: `run_YYYYMMDD_HHMMSS_xxxxxxxx`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text is no run id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no run id (1 to 64 characters of A-Z a-z 0-9 _ -)")]
pub struct RunIdFault(String);

impl RunId {
    /// Makes an id for a run that starts at `at`; `salt` keeps two runs of one second apart.
    #[must_use]
    pub fn new(at: KstTime, salt: u32) -> Self {
        Self(format!("run_{}_{salt:08x}", file_stamp(at)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdFault;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) { Ok(Self(text)) } else { Err(RunIdFault(text)) }
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
