//! The research PC's half of the hand-off. For the time being: making a signed bundle and publishing exact files.

mod bundle;
mod publish;

pub use bundle::BundleDraft;
pub use bundle::sealed_bundle;
pub use publish::publish;
