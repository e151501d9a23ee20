//! A text that must not be seen.

use std::fmt;

use crate::contracts::json::sha256_hex;

/// A secret text: it prints as `***` wherever it is formatted.
///
/// ```
/// use daily_ops::settings::Secret;
/// let secret = Secret::new("not-for-anyone");
/// assert_eq!(format!("{secret} {secret:?}"), "*** ***");
/// assert_eq!(secret.fingerprint().len(), 8);
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first eight hex digits of its SHA-256: enough to see whether two machines hold the same secret.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        sha256_hex(self.0.as_bytes()).chars().take(8).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
