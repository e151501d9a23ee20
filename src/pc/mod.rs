//! The research PC's half of the hand-off: prices, backtest, tuning, reconciliation, reports, bundle, publish.

pub mod backtest;
pub mod bundle;
pub mod chart;
pub mod collect;
mod figures;
pub mod page;
pub mod params;
pub mod prices;
pub mod publish;
pub mod reconcile;
pub mod reports;
pub mod tune;
pub mod vendors;

pub use bundle::BundleDraft;
pub use bundle::sealed_bundle;
