//! TOKENS_V1: who may ask from where, as hashes. The tokens themselves are nowhere.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use super::actor::Role;
use super::document::Document;
use super::document::lenient;
use super::json::sha256_hex;
use crate::time::Stamp;

/// The name of the token that the environment may hold; nobody else gets it.
pub const ENVIRONMENT_TOKEN: &str = "OPS_TOKEN";
/// Longest name of a token.
const LONGEST_NAME: usize = 64;

/// The SHA-256 of a token in lower-case hex.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of a token's text.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(sha256_hex(token.as_bytes()))
    }
}

impl TryFrom<String> for TokenHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 64 && text.bytes().all(digit) { Ok(Self(text)) } else { Err("no SHA-256".to_owned()) }
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hash.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(***)")
    }
}

/// One token: its name, what it may do, and its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Who holds it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The hash of its text.
    pub sha256: TokenHash,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub created_at: Stamp,
    /// Since when it does not count; a token without one is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Stamp>,
}

/// `state/secrets/tokens.json`, mode 600.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// `TOKENS_V1`
    pub schema: String,
    /// Every token that was ever made, in the order of making; a name never comes back.
    pub tokens: Vec<TokenRow>,
}

impl Document for Tokens {
    const SCHEMA: &'static str = "TOKENS_V1";
}

impl Default for Tokens {
    fn default() -> Self {
        Self { schema: Self::SCHEMA.to_owned(), tokens: Vec::new() }
    }
}

impl Tokens {
    /// The tokens that count.
    pub fn in_force(&self) -> impl Iterator<Item = &TokenRow> {
        self.tokens.iter().filter(|row| row.revoked_at.is_none())
    }

    /// The token with this hash, if it counts.
    #[must_use]
    pub fn find(&self, hash: &TokenHash) -> Option<&TokenRow> {
        self.in_force().find(|row| row.sha256 == *hash)
    }
}

/// Whether a token may have this name.
#[must_use]
pub fn is_token_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) && name != ENVIRONMENT_TOKEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_not_whole_makes_the_file_unreadable() {
        let row = format!(r#"{{"name":"n","role":"viewer","sha256":"{}"}}"#, "a".repeat(64));
        let with = |row: &str| format!(r#"{{"schema":"TOKENS_V1","tokens":[{row}]}}"#);
        let cases = [
            ("whole", with(&row), true),
            ("no tokens", with(""), true),
            ("unknown role", with(&row.replace("viewer", "root")), false),
            ("short hash", with(&row.replace("aaaa", "a")), false),
            ("capital hash", with(&row.replace("aaaa", "AAAA")), false),
            ("revoked by a switch", with(&row.replace("\"role\"", "\"revoked_at\":true,\"role\"")), false),
            ("no list", r#"{"schema":"TOKENS_V1"}"#.to_owned(), false),
            ("other schema", with(&row).replace("TOKENS_V1", "TOKENS_V2"), false),
        ];
        for (name, text, readable) in cases {
            assert_eq!(Tokens::parse(text.as_bytes()).is_ok(), readable, "{name}");
        }
    }

    #[test]
    fn names_are_short_plain_words() {
        let long = "n".repeat(65);
        for (name, good) in
            [("dash", true), ("A.b_c-1", true), ("", false), ("a b", false), ("한", false), ("OPS_TOKEN", false)]
        {
            assert_eq!(is_token_name(name), good, "{name:?}");
        }
        assert!(!is_token_name(&long) && is_token_name(&long[1..]));
    }
}
