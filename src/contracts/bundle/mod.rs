//! The strategy bundle: what the PC decided, signed, and the one validator that every reader of it uses.
//!
//! `validate` is a function of bytes, policy and time: it reads no file and no clock. Its answer is `NO_BUNDLE`, `FAIL`,
//! `WARN` or `PASS`; only `WARN` and `PASS` are valid, and a stale bundle is never one to act on.

mod age;
mod shape;
mod signature;
mod validate;

pub use age::Age;
pub use age::Staleness;
pub use shape::strategy_issues;
pub use signature::Algorithm;
pub use signature::KeyFault;
pub use signature::SigningKey;
pub use signature::VerifyingKey;
pub use signature::message;
pub use validate::BundleDecision;
pub use validate::BundlePolicy;
pub use validate::Validation;
pub use validate::validate;

/// The bundle's schema name.
pub const BUNDLE_SCHEMA: &str = "STRATEGY_BUNDLE_V1";
