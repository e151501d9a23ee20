//! The vendors of market data: how each is asked, what its answer looks like, and what can go wrong.
//!
//! Every vendor answers with the bars that it has, as it has them; whether they are good enough is decided by the cache's
//! rules (`pc::collect`) and by normalisation (`pc::prices`). Nothing is ever made up from a current price.

mod naver;
mod yahoo;

use std::fmt::Debug;

pub use naver::Naver;
pub use yahoo::Yahoo;

use crate::contracts::VendorName;
use crate::time::Clock;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::Kind;
use crate::trading::known;
pub use crate::trading::quotes::Client;
pub use crate::trading::quotes::Quote;
pub use crate::trading::quotes::Realtime;
pub use crate::trading::quotes::VendorFault;
pub use crate::trading::quotes::is_ticker;

/// The days asked for, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first day.
    pub from: TradingDate,
    /// The last day.
    pub to: TradingDate,
}

impl Span {
    fn holds(self, date: TradingDate) -> bool {
        self.from <= date && date <= self.to
    }
}

/// One that sells daily bars.
pub trait DailyVendor: Debug {
    /// Its name in documents.
    fn name(&self) -> VendorName;

    /// Whether it has anything for such a ticker.
    fn serves(&self, ticker: &str) -> bool;

    /// The bars of a ticker in a span, as the vendor orders them, in the ticker's normal price unit.
    ///
    /// # Errors
    /// There was no usable answer; there is at least one bar otherwise.
    fn daily(&self, ticker: &str, span: Span, clock: &dyn Clock) -> Result<Bars, VendorFault>;
}

/// Whether a ticker is an index: levels with decimals, no adjustment, not sold by every vendor.
#[must_use]
pub fn is_index(ticker: &str) -> bool {
    known(ticker).is_some_and(|(what, _)| what.kind == Kind::Index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_and_index_names_are_tickers() {
        let cases = [
            ("005930", true),
            ("0086B0", true),
            ("^KS11", true),
            ("^KS200", true),
            ("", false),
            ("^", false),
            ("5930", false),
            ("005930.KS", false),
            ("../etc", false),
            ("00593a", false),
            ("^KS/11", false),
            ("00 930", false),
            ("삼성", false),
        ];
        for (text, want) in cases {
            assert_eq!(is_ticker(text), want, "{text:?}");
        }
        assert!(is_index("^KS11") && is_index("^N225") && !is_index("005930"));
    }
}
