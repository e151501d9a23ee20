//! Prices during a session as the watchers want them, and how a vendor can fail.

use std::fmt;

use crate::contracts::watch::WatchReason;

/// Where prices during a session come from.
pub trait QuoteSource: fmt::Debug + Send + Sync {
    /// The quotes of symbols; one that the vendor does not know is left out.
    ///
    /// # Errors
    /// Why there are none.
    fn quotes(&self, symbols: &[String]) -> Result<Vec<MarketQuote>, QuoteFault>;
}

/// The price of one symbol now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketQuote {
    /// The symbol.
    pub symbol: String,
    /// Its name, when the vendor says it.
    pub name: Option<String>,
    /// The last price in won.
    pub price: u64,
    /// The change since the last close in basis points, with its sign, cut towards zero.
    pub change_bp: Option<i64>,
}

/// A vendor gave no prices. The texts name no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteFault {
    /// It cannot be reached, or its answer did not come whole and in time.
    #[error("no prices: {0}")]
    Unreachable(String),
    /// It answered with a status that means no.
    #[error("no prices: HTTP {0}")]
    Status(u16),
    /// Its answer cannot be read.
    #[error("no prices: {0}")]
    Invalid(String),
}

impl QuoteFault {
    /// The reason in a watcher's status.
    #[must_use]
    pub fn reason(&self) -> WatchReason {
        match self {
            Self::Unreachable(_) => WatchReason::ApiFail,
            Self::Status(404) => WatchReason::ApiNotFound,
            Self::Status(code) => WatchReason::ApiHttp(*code),
            Self::Invalid(_) => WatchReason::ResponseInvalid,
        }
    }
}
