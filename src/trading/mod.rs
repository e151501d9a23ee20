//! The market's rules that research and trading share: bars, instruments, ticks and limits, taxes, indicators, the gate.
//!
//! Everything here but [`quotes`] is a function of values: no file, no clock, no network. The research backtest and the
//! trading engine both stand on it, so that a price rule or an indicator exists once. Prices and money are `f64` in the
//! research code; the exchange's grid (ticks, limits) is whole won.

mod bars;
mod fees;
mod gate;
pub mod indicator;
pub mod quotes;

pub use crate::contracts::instrument::Board;
pub use crate::contracts::instrument::Instrument;
pub use crate::contracts::instrument::Kind;
pub use crate::contracts::instrument::Leverage;
pub use crate::contracts::instrument::known;
pub use crate::contracts::instrument::known_instruments;
pub use crate::contracts::tick::PriceLimits;
pub use crate::contracts::tick::price_limits;
pub use crate::contracts::tick::tick_size;
pub use bars::Bars;
pub use fees::FeeFault;
pub use fees::FeeTable;
pub use gate::AdxMethod;
pub use gate::GateDecision;
pub use gate::GateParams;
pub use gate::GateReason;
pub use gate::GateRow;
pub use gate::Regime;
pub use gate::gate_rows;
