//! What crosses a boundary: documents, their names, their hashes and the wrappers they travel in.
//!
//! This floor knows no path, no clock and no network. It reads bytes and gives values; every reader and every writer of a
//! document uses the types here, so that a field has one name from the file to the screen.

pub mod actor;
pub mod backtest;
pub mod bundle;
pub mod cycle;
pub mod document;
pub mod envelope;
pub mod evidence;
pub mod health;
pub mod heartbeat;
pub mod ids;
pub mod integrity;
pub mod json;
pub mod message;
pub mod ops_run;
pub mod pc_run;
pub mod portfolio;
pub mod price_meta;
pub mod publish;
pub mod push;
pub mod reason;
pub mod reco;
pub mod recon;
pub mod run;
pub mod safety;
pub mod strategy_params;
pub mod summary;
pub mod sweep;
pub mod ticket;
pub mod tune;
pub mod validation;
pub mod verdict;

pub use bundle::BundleDecision;
pub use bundle::BundlePolicy;
pub use bundle::SigningKey;
pub use bundle::Validation;
pub use bundle::VerifyingKey;
pub use bundle::message as signed_message;
pub use document::Document;
pub use document::DocumentFault;
pub use envelope::unwrap;
pub use evidence::EvidenceRef;
pub use evidence::RefFault;
pub use ids::RunId;
pub use json::Json;
pub use json::JsonFault;
pub use json::Text;
pub use price_meta::PriceMeta;
pub use price_meta::VendorName;
pub use reason::Reason;
pub use reason::ReconCode;
pub use reason::RunCode;
pub use safety::GateMode;
pub use strategy_params::ParamValues;
pub use strategy_params::StrategyParams;
pub use verdict::StageClass;
pub use verdict::Verdict;
pub use verdict::verdict_of;
