//! Signatures of a bundle: HMAC-SHA256 with a shared key, or ed25519, where the host can verify but not sign.
//!
//! The signed message is four lines joined by a line feed, without one at the end: the schema, the bundle's id, its
//! `created_at` exactly as written, and the payload's SHA-256. It therefore protects the freshness of the bundle too.

use ed25519_dalek::Signer as _;
use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Sha256;

use crate::contracts::json::hex;
use crate::contracts::json::unhex;

/// How a bundle is signed; the word in `integrity.algorithm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// A key that both machines hold.
    HmacSha256,
    /// The PC holds the private key, the host the public one.
    Ed25519,
}

impl Algorithm {
    /// The word in documents and settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HMAC-SHA256",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The algorithm with this word; case does not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::HmacSha256, Self::Ed25519].into_iter().find(|a| a.as_str().eq_ignore_ascii_case(text))
    }
}

/// A key that can sign. Its content is never printed.
#[derive(Clone)]
pub enum SigningKey {
    /// A shared key of at least 16 bytes.
    Hmac(Vec<u8>),
    /// A private ed25519 key.
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

/// A key that can check a signature. Its content is never printed.
#[derive(Clone)]
pub enum VerifyingKey {
    /// A shared key of at least 16 bytes.
    Hmac(Vec<u8>),
    /// A public ed25519 key.
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

/// Why bytes are no key. The bytes are not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Fewer than 16 bytes.
    #[error("the key has {0} bytes, at least 16 are needed")]
    TooShort(usize),
    /// No ed25519 key in hex.
    #[error("not an ed25519 key of 64 hex digits")]
    NotEd25519,
}

impl SigningKey {
    /// A shared key.
    ///
    /// # Errors
    /// The key is shorter than 16 bytes.
    pub fn hmac(bytes: &[u8]) -> Result<Self, KeyFault> {
        shared_key(bytes).map(Self::Hmac)
    }

    /// A private ed25519 key from its 64 hex digits.
    ///
    /// # Errors
    /// The text is no such key.
    pub fn ed25519(text: &str) -> Result<Self, KeyFault> {
        let bytes = key_bytes(text)?;
        Ok(Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&bytes))))
    }

    /// The algorithm of the signatures that this key makes.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hmac(_) => Algorithm::HmacSha256,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn verifying(&self) -> VerifyingKey {
        match self {
            Self::Hmac(key) => VerifyingKey::Hmac(key.clone()),
            Self::Ed25519(key) => VerifyingKey::Ed25519(Box::new(key.verifying_key())),
        }
    }

    /// The public half as 64 hex digits; `None` for a shared key, which has none.
    #[must_use]
    pub fn public_text(&self) -> Option<String> {
        match self {
            Self::Hmac(_) => None,
            Self::Ed25519(key) => Some(hex(key.verifying_key().as_bytes())),
        }
    }

    /// Signs a message; lower-case hex.
    ///
    /// ```
    /// use daily_ops::contracts::{signed_message, SigningKey};
    /// let message = signed_message(
    ///     "206c5ca5-6baf-4d97-8483-c32e0fd5411c",
    ///     "2026-01-24T19:00:04.789863",
    ///     "945f86fdb9ed90d214bcbf983673a7b1c4cdd49a1c4cde178daa5b2f8abcf241",
    /// );
    /// let key = SigningKey::hmac(b"test-key-do-not-use").unwrap();
    /// assert_eq!(key.sign(&message), "b239fb5688565e0581bee268d526dc78f25861002db413a7794d3542096bb530");
    /// ```
    #[must_use]
    pub fn sign(&self, message: &str) -> String {
        match self {
            Self::Hmac(key) => hex(&mac(key, message).finalize().into_bytes()),
            Self::Ed25519(key) => hex(&key.sign(message.as_bytes()).to_bytes()),
        }
    }
}

impl VerifyingKey {
    /// A shared key.
    ///
    /// # Errors
    /// The key is shorter than 16 bytes.
    pub fn hmac(bytes: &[u8]) -> Result<Self, KeyFault> {
        shared_key(bytes).map(Self::Hmac)
    }

    /// A public ed25519 key from its 64 hex digits.
    ///
    /// # Errors
    /// The text is no such key.
    pub fn ed25519(text: &str) -> Result<Self, KeyFault> {
        let bytes = key_bytes(text)?;
        ed25519_dalek::VerifyingKey::from_bytes(&bytes)
            .map(|key| Self::Ed25519(Box::new(key)))
            .map_err(|_no_point| KeyFault::NotEd25519)
    }

    /// The algorithm of the signatures that this key checks.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hmac(_) => Algorithm::HmacSha256,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// Checks a signature; the shared key's comparison takes constant time.
    #[must_use]
    pub fn verifies(&self, message: &str, signature: &str) -> bool {
        let lower = !signature.bytes().any(|b| b.is_ascii_uppercase());
        let Some(bytes) = unhex(signature).filter(|_| lower) else { return false };
        match self {
            Self::Hmac(key) => mac(key, message).verify_slice(&bytes).is_ok(),
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(&bytes)
                .is_ok_and(|signature| key.verify_strict(message.as_bytes(), &signature).is_ok()),
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({} ***)", self.algorithm().as_str())
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifyingKey({} ***)", self.algorithm().as_str())
    }
}

/// The text that a signature covers.
#[must_use]
pub fn message(bundle_id: &str, created_at: &str, payload_sha256: &str) -> String {
    [super::BUNDLE_SCHEMA, bundle_id, created_at, payload_sha256].join("\n")
}

fn shared_key(bytes: &[u8]) -> Result<Vec<u8>, KeyFault> {
    if bytes.len() < 16 { Err(KeyFault::TooShort(bytes.len())) } else { Ok(bytes.to_vec()) }
}

fn key_bytes(text: &str) -> Result<[u8; 32], KeyFault> {
    unhex(text.trim()).and_then(|bytes| bytes.try_into().ok()).ok_or(KeyFault::NotEd25519)
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn mac(key: &[u8], message: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_signs_only_its_own_key_verifies() {
        let hmac = SigningKey::hmac(b"0123456789abcdef").expect("long enough");
        let other = SigningKey::hmac(b"0123456789abcdeg").expect("long enough");
        let curve = SigningKey::ed25519(&"07".repeat(32)).expect("a key");
        for key in [&hmac, &curve] {
            let signature = key.sign("m");
            assert!(key.verifying().verifies("m", &signature));
            assert!(!key.verifying().verifies("n", &signature));
            assert!(!other.verifying().verifies("m", &signature));
            for broken in ["", "auto-945f86fdb9ed90d2", "zz", &signature[2..], "한글", &signature.to_uppercase()] {
                assert!(!key.verifying().verifies("m", broken), "{broken}");
            }
        }
    }

    #[test]
    fn keys_are_checked_and_never_printed() {
        assert_eq!(SigningKey::hmac(b"short").err(), Some(KeyFault::TooShort(5)));
        assert_eq!(VerifyingKey::ed25519("xyz").err(), Some(KeyFault::NotEd25519));
        let key = SigningKey::hmac(b"a-very-secret-key").expect("long enough");
        assert!(!format!("{key:?}{:?}", key.verifying()).contains("secret"));
    }
}
