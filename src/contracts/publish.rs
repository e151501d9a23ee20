//! PC_PUBLISH_RESULT_V1: how a publish on the research PC ended.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::lenient;
use crate::time::Stamp;

/// How a publish ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PublishEnd {
    /// A commit was made and pushed.
    Ok,
    /// There was nothing to commit; what the remote lacked was pushed.
    NoChanges,
    /// It was refused or failed; the code says where.
    #[default]
    Failed,
}

/// Where a publish ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PublishCode {
    /// Another publish is under way.
    AlreadyRunning,
    /// No session follows within a day, and the publish was asked to wait for one.
    NoFollowingSession,
    /// Step 1: the work tree or its branch is in no state for it.
    PublishPrecheck,
    /// Step 2: something else is changed.
    PublishDirty,
    /// Step 3: git ignores a file that has to travel.
    PublishPathIgnored,
    /// Step 4: the histories went apart, or a local change is in the way of the remote's.
    PublishDiverged,
    /// Step 5: a file breaks a rule, the files do not belong together, or one holds a secret.
    PublishInvalid,
    /// Step 7: the commit could not be made, or a hook said no.
    PublishCommit,
    /// Step 8: the remote, or a hook before it, said no; the commit is kept.
    PublishPushRejected,
    /// Step 9: the remote could not be reached; the commit is kept.
    PublishPushFailed,
    /// Step 10: something else is changed after the publish.
    PublishNotClean,
}

impl PublishCode {
    /// All codes, in the order of the steps.
    pub const ALL: [Self; 11] = [
        Self::AlreadyRunning,
        Self::NoFollowingSession,
        Self::PublishPrecheck,
        Self::PublishDirty,
        Self::PublishPathIgnored,
        Self::PublishDiverged,
        Self::PublishInvalid,
        Self::PublishCommit,
        Self::PublishPushRejected,
        Self::PublishPushFailed,
        Self::PublishNotClean,
    ];

    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyRunning => "ALREADY_RUNNING",
            Self::NoFollowingSession => "NO_FOLLOWING_SESSION",
            Self::PublishPrecheck => "PUBLISH_PRECHECK",
            Self::PublishDirty => "PUBLISH_DIRTY",
            Self::PublishPathIgnored => "PUBLISH_PATH_IGNORED",
            Self::PublishDiverged => "PUBLISH_DIVERGED",
            Self::PublishInvalid => "PUBLISH_INVALID",
            Self::PublishCommit => "PUBLISH_COMMIT",
            Self::PublishPushRejected => "PUBLISH_PUSH_REJECTED",
            Self::PublishPushFailed => "PUBLISH_PUSH_FAILED",
            Self::PublishNotClean => "PUBLISH_NOT_CLEAN",
        }
    }

    /// Whether a rule or another party said no, which is exit code 2; otherwise something could not be done.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        !matches!(
            self,
            Self::PublishCommit | Self::PublishPushFailed | Self::PublishNotClean | Self::NoFollowingSession
        )
    }
}

impl fmt::Display for PublishCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// PC_PUBLISH_RESULT_V1
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishResult {
    /// The schema's name.
    pub schema: String,
    /// When the publish ended.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Stamp,
    /// The run that the commit names and the host continues.
    #[serde(default, deserialize_with = "lenient")]
    pub run_id: String,
    /// How it ended.
    #[serde(default, deserialize_with = "lenient")]
    pub result: PublishEnd,
    /// Where it ended early; null when it did not.
    #[serde(default, deserialize_with = "lenient")]
    pub code: Option<PublishCode>,
    /// What happened, for people, without any secret.
    #[serde(default, deserialize_with = "lenient")]
    pub message: String,
    /// The commit that was made; null when none was.
    #[serde(default, deserialize_with = "lenient")]
    pub commit: Option<String>,
    /// The branch.
    #[serde(default, deserialize_with = "lenient")]
    pub branch: String,
    /// The remote's address without user info; null when it was not asked.
    #[serde(default, deserialize_with = "lenient")]
    pub remote: Option<String>,
    /// The paths that the commit changed, sorted.
    #[serde(default, deserialize_with = "lenient")]
    pub files: Vec<String>,
    /// Whether the remote's branch moved.
    #[serde(default, deserialize_with = "lenient")]
    pub pushed: bool,
    /// Whether it was only said what would be done.
    #[serde(default, deserialize_with = "lenient")]
    pub dry_run: bool,
    /// What is to be looked at.
    #[serde(default, deserialize_with = "lenient")]
    pub warnings: Vec<String>,
    /// How long it took.
    #[serde(default, deserialize_with = "lenient")]
    pub duration_ms: u64,
}

impl Document for PublishResult {
    const SCHEMA: &'static str = "PC_PUBLISH_RESULT_V1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_as_it_is_named_and_says_who_has_to_act() {
        let faults = ["PUBLISH_COMMIT", "PUBLISH_PUSH_FAILED", "PUBLISH_NOT_CLEAN", "NO_FOLLOWING_SESSION"];
        for code in PublishCode::ALL {
            assert_eq!(serde_json::to_value(code).expect("JSON"), code.as_str());
            assert_eq!(code.is_refusal(), !faults.contains(&code.as_str()), "{code}");
        }
    }
}
