//! The three signals of a bundle, made from one day's closes, and the question whether that day is the right one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use super::holding::Held;
use super::holding::HoldingSignal;
use super::holding::holding_action;
use super::regime::MarketSeries;
use super::regime::RegimeSignal;
use super::regime::regime;
use super::score::ScorerInput;
use super::score::ScorerSignal;
use super::score::Windows;
use super::score::score;
use super::score::skipped;
use crate::contracts::ParamValues;
use crate::contracts::reason::detail;
use crate::time::TradingDate;
use crate::trading::Bars;

/// What the signals are made from.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Normalised bars of the universe by ticker; a ticker without a file is not in it.
    pub bars: BTreeMap<String, Bars>,
    /// Tickers whose file is there but cannot be read, with the reason.
    pub damaged: BTreeMap<String, String>,
    /// Days of each ticker whose close is further from the one before than the exchange permits.
    pub jumps: BTreeMap<String, BTreeSet<TradingDate>>,
    /// The series of the market.
    pub market: MarketSeries,
    /// What is held.
    pub held: Held,
    /// Where the prices come from, one word.
    pub data_source: String,
}

/// Which day the prices are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceDay {
    /// Of the last session that has ended.
    Current(TradingDate),
    /// Older: a session has ended since.
    Old {
        /// The newest close of the universe.
        newest: TradingDate,
        /// The last session that has ended.
        session: TradingDate,
    },
    /// No ticker has a close at all.
    None(TradingDate),
}

/// `strategy.regime`, `strategy.scorer` and `strategy.holding_action`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Signals {
    /// What the market is like.
    pub regime: RegimeSignal,
    /// The ranked universe.
    pub scorer: ScorerSignal,
    /// What to do with what is held.
    pub holding_action: HoldingSignal,
}

impl PriceDay {
    /// The newest day with a close in the universe, judged against `session`, the last one that has ended. Later bars are
    /// of a session that is still open, or of no session: they do not count.
    #[must_use]
    pub fn of(evidence: &Evidence, universe: &[String], session: TradingDate) -> Self {
        let last = |ticker: &String| {
            let dates = &evidence.bars.get(ticker)?.date;
            dates.partition_point(|date| *date <= session).checked_sub(1).map(|at| dates[at])
        };
        match universe.iter().filter_map(last).max() {
            None => Self::None(session),
            Some(newest) if newest < session => Self::Old { newest, session },
            Some(newest) => Self::Current(newest),
        }
    }

    /// The day whose closes the signals are made from.
    #[must_use]
    pub fn asof(self) -> TradingDate {
        match self {
            Self::Current(day) | Self::None(day) => day,
            Self::Old { newest, .. } => newest,
        }
    }
}

/// Makes the signals from the closes of one day. Whether an old day is permitted, the caller has decided; the signals then
/// say in front of everything else that they are old.
#[must_use]
pub fn signals(evidence: &Evidence, values: &ParamValues, day: PriceDay) -> Signals {
    let input = ScorerInput {
        universe: &values.universe,
        windows: Windows { momentum: values.momentum_period, volatility: values.volatility_period },
        bars: &evidence.bars,
        jumps: &evidence.jumps,
        data_source: &evidence.data_source,
        asof: day.asof(),
    };
    let mut scorer = if evidence.damaged.is_empty() {
        score(&input)
    } else {
        let told: Vec<String> = evidence.damaged.iter().map(|(ticker, why)| format!("{ticker}: {why}")).collect();
        skipped(&input, "IMPORT_ERROR", &told.join("; "))
    };
    let mut regime = regime(&evidence.market, day.asof());
    if let PriceDay::Old { newest, session } = day {
        for said in [&mut scorer.reason_detail, &mut regime.reason_detail] {
            *said = detail(&format!("STALE_PRICES of {newest}, last session {session}: {said}"));
        }
    }
    let holding_action = holding_action(&evidence.held, &values.universe, &scorer, regime.code);
    Signals { regime, scorer, holding_action }
}
