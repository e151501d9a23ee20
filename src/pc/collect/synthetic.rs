//! Generated prices in the place of collected ones: for a machine without network, and for demonstrations.

use super::CollectFault;
use super::Mode;
use super::Tools;
use super::Wanted;
use super::cache::Entry;
use super::cache::Look;
use super::cache::last_completed;
use super::cache::look;
use super::cache::parquet_path;
use super::cache::save;
use super::locked;
use super::report::Action;
use super::report::CollectReport;
use super::report::Judge;
use crate::contracts::VendorName;
use crate::pc::prices::SyntheticSpec;
use crate::pc::prices::synthetic_bars;

/// Writes generated histories up to the last completed session: the same seed, tickers and days, the same bytes.
///
/// Nothing is written when one of the files holds anything else than generated prices, unless the mode is
/// [`Mode::Refetch`].
///
/// # Errors
/// Such a file exists, a ticker is not one that is made up, the span has no session, the calendar does not cover it, or a
/// file cannot be written.
pub fn generate(wanted: &Wanted, seed: u64, tools: Tools<'_>) -> Result<CollectReport, CollectFault> {
    let now = tools.clock.now();
    let last_session = last_completed(tools.calendar, now)?;
    let lock = locked(tools.store, tools.clock)?;
    for ticker in &wanted.tickers {
        let ours = match look(tools.store, ticker) {
            Look::Missing => true,
            Look::Unknown(..) => false,
            Look::Held(held) => held.meta.vendor == VendorName::Synthetic,
        };
        if !ours && wanted.mode != Mode::Refetch {
            return Err(CollectFault::WouldOverwrite(parquet_path(ticker)));
        }
    }
    let spec = SyntheticSpec { seed, from: wanted.from, to: last_session, halt: None };
    let market = synthetic_bars(&spec, tools.calendar)?;
    if let Some(ticker) = wanted.tickers.iter().find(|ticker| !market.contains_key(*ticker)) {
        let known = market.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(CollectFault::NotGenerated { ticker: ticker.clone(), known });
    }
    let mut rows = Vec::new();
    for (ticker, bars) in wanted.tickers.iter().filter_map(|ticker| Some((ticker, market.get(ticker)?))) {
        let entry = Entry { ticker, vendor: VendorName::Synthetic, from: wanted.from, bars };
        save(tools.store, &entry, now)?;
        let judge = Judge { ticker, last_session, calendar: tools.calendar };
        rows.push(judge.row(bars, Some(VendorName::Synthetic), Action::Synthetic));
    }
    drop(lock);
    Ok(CollectReport::of(now, last_session, rows))
}
