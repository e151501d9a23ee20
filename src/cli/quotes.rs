//! The vendor of prices during a session, as the host's domain asks for it.

use std::sync::Arc;

use crate::ops::MarketQuote;
use crate::ops::QuoteFault;
use crate::ops::QuoteSource;
use crate::settings::QuoteVendor;
use crate::settings::Settings;
use crate::time::SystemClock;
use crate::trading::quotes::Client;
use crate::trading::quotes::Quote;
use crate::trading::quotes::Realtime;
use crate::trading::quotes::VendorFault;

/// The configured vendor; `None` when there is none.
pub(super) fn source(settings: &Settings) -> Option<Arc<dyn QuoteSource>> {
    match settings.watch.quotes {
        QuoteVendor::None => None,
        QuoteVendor::Naver => {
            let pc = &settings.pc;
            let client = Client::new(&pc.naver_realtime_url, pc.vendor_limit, pc.vendor_pause);
            Some(Arc::new(Naver(Realtime::new(client))))
        }
    }
}

#[derive(Debug)]
struct Naver(Realtime);

impl QuoteSource for Naver {
    fn quotes(&self, symbols: &[String]) -> Result<Vec<MarketQuote>, QuoteFault> {
        let found = self.0.quotes(symbols, &SystemClock::new()).map_err(told)?;
        let quote = |quote: Quote| {
            Some(MarketQuote {
                price: quote.won()?,
                change_bp: quote.change_bp(),
                symbol: quote.ticker,
                name: quote.name,
            })
        };
        Ok(found.into_iter().filter_map(quote).collect())
    }
}

fn told(fault: VendorFault) -> QuoteFault {
    match fault {
        VendorFault::Status(code) => QuoteFault::Status(code),
        VendorFault::Unreadable(why) => QuoteFault::Invalid(why),
        VendorFault::Timeout(_)
        | VendorFault::Network(_)
        | VendorFault::Truncated(_)
        | VendorFault::Holes(_)
        | VendorFault::Cut(_)
        | VendorFault::Empty => QuoteFault::Unreachable(fault.to_string()),
    }
}
