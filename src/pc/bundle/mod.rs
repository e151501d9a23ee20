//! The strategy bundle: signals from one day's closes, sealed with the PC's key and proved with the host's validator.
//!
//! Functions of values, up to [`keep`], which writes. What is unknown is said and never guessed: a ticker without a close
//! of the day is not ranked, a series without one gives no regime, and a held ticker without data is kept, not sold.
//! Nothing of the portfolio but tickers goes into the document.

mod holding;
mod load;
mod make;
mod regime;
mod score;
mod seal;
mod signals;

use std::collections::BTreeMap;

pub use holding::Action;
pub use holding::Held;
pub use holding::HoldingItem;
pub use holding::HoldingSignal;
pub use holding::holding_action;
pub use load::LoadFault;
pub use load::Loaded;
pub use load::SYNTHETIC;
pub use load::load;
pub use make::BundleFault;
pub use make::MadeBundle;
pub use make::Workshop;
pub use make::active_surface;
pub use make::keep;
pub use make::keep_as;
pub use make::make;
pub use regime::MarketSeries;
pub use regime::RegimeCode;
pub use regime::RegimeSignal;
pub use regime::Series;
pub use regime::regime;
pub use score::Pick;
pub use score::PricePoint;
pub use score::ScorerInput;
pub use score::ScorerSignal;
pub use score::TOP_PICKS;
pub use score::Windows;
pub use score::score;
pub use seal::BundleDraft;
pub use seal::Seal;
pub use seal::sealed_bundle;
pub use signals::Evidence;
pub use signals::PriceDay;
pub use signals::Signals;
pub use signals::signals;

use crate::contracts::Json;
use crate::contracts::Text;

/// The first sixteen hex digits of the SHA-256 of the canonical object of tickers and the closes that were used.
fn fingerprint(closes: &BTreeMap<&str, &[f64]>) -> String {
    let list = |values: &&[f64]| Json::Array(values.iter().map(|value| Json::Float(*value)).collect());
    let members = closes.iter().map(|(ticker, values)| ((*ticker).to_owned(), list(values)));
    Json::Object(members.collect()).sha256(Text::Raw).chars().take(16).collect()
}
