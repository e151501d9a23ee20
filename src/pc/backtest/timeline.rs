//! The sessions of a window and where each ticker's bars lie in them.

use super::BacktestFault;
use super::Market;
use super::Setup;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::Instrument;

/// One ticker's bars and their places in the window.
pub(super) struct Series<'a> {
    pub(super) ticker: &'a str,
    pub(super) instrument: Instrument,
    pub(super) bars: &'a Bars,
    /// The bar of each session.
    at: Vec<Option<usize>>,
}

impl Series<'_> {
    /// The bar of a session.
    pub(super) fn bar(&self, session: usize) -> Option<usize> {
        self.at.get(session).copied().flatten()
    }
}

/// The window: the sorted union of the universe's bar dates.
pub(super) struct Timeline<'a> {
    pub(super) dates: Vec<TradingDate>,
    /// The universe in ascending order of ticker.
    pub(super) series: Vec<Series<'a>>,
    /// The last bar date of the universe before the window.
    pub(super) before: Option<TradingDate>,
}

impl<'a> Timeline<'a> {
    pub(super) fn of(setup: &'a Setup<'_>, market: &'a Market) -> Result<Self, BacktestFault> {
        let mut universe: Vec<&str> = setup.universe.iter().map(String::as_str).collect();
        universe.sort_unstable();
        let mut found = Vec::with_capacity(universe.len());
        for ticker in universe {
            found.push((ticker, bars_of(market, ticker)?));
        }
        let dates = sessions(setup, found.iter().map(|(_, bars)| *bars));
        if dates.is_empty() {
            return Err(BacktestFault::EmptyWindow { start: setup.start, end: setup.end });
        }
        let last_before = |bars: &Bars| Some(*bars.date.get(bars.first_from(setup.start).checked_sub(1)?)?);
        let before = found.iter().filter_map(|(_, bars)| last_before(bars)).max();
        let series = found
            .into_iter()
            .map(|(ticker, bars)| Series {
                ticker,
                instrument: setup.instruments.get(ticker).copied().unwrap_or_else(Instrument::unknown),
                bars,
                at: places(bars, &dates),
            })
            .collect();
        Ok(Self { dates, series, before })
    }

    /// The last bar date before a session.
    pub(super) fn previous(&self, session: usize) -> Option<TradingDate> {
        session.checked_sub(1).map_or(self.before, |before| self.dates.get(before).copied())
    }
}

/// The bars of a ticker, at least one.
pub(super) fn bars_of<'a>(market: &'a Market, ticker: &str) -> Result<&'a Bars, BacktestFault> {
    market.get(ticker).filter(|bars| !bars.is_empty()).ok_or_else(|| BacktestFault::NoPrices(ticker.to_owned()))
}

/// Every date inside the window on which some ticker has a bar.
fn sessions<'a>(setup: &Setup<'_>, universe: impl Iterator<Item = &'a Bars>) -> Vec<TradingDate> {
    let mut dates = Vec::new();
    for bars in universe {
        let (first, after) = (bars.first_from(setup.start), bars.date.partition_point(|date| *date <= setup.end));
        dates.extend_from_slice(bars.date.get(first..after).unwrap_or_default());
    }
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// The bar of each date.
pub(super) fn places(bars: &Bars, dates: &[TradingDate]) -> Vec<Option<usize>> {
    let mut next = dates.first().map_or(0, |first| bars.first_from(*first));
    let place = |date: &TradingDate| {
        while bars.date.get(next).is_some_and(|other| other < date) {
            next += 1;
        }
        (bars.date.get(next) == Some(date)).then_some(next)
    };
    dates.iter().map(place).collect()
}
