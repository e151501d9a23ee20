//! Collecting prices into the cache: which file is good enough, which is grown, which is fetched anew.
//!
//! One vendor a file. Naver is asked first; when fewer than half of the tickers that were asked got an answer, nothing of
//! it is used and the second vendor is asked for all of them. A failure keeps the old file and says so. A bar whose
//! session is not over is never stored, and neither is a history with holes. A history that begins late is believed when
//! the other vendor begins there too; otherwise it is kept with a warning and asked for again.

mod cache;
mod chain;
mod history;
mod report;
mod synthetic;

use std::time::Duration;

pub use cache::last_completed;
pub use report::Action;
pub use report::CollectReport;
pub use report::TickerReport;
pub use synthetic::generate;

use self::cache::Entry;
use self::cache::Look;
use self::cache::look;
use self::chain::Chain;
use self::chain::Fetched;
use self::chain::Target;
use self::history::holes;
use crate::contracts::VendorName;
use crate::pc::prices::SyntheticFault;
use crate::pc::vendors::DailyVendor;
use crate::store::Acquired;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Calendar;
use crate::time::CalendarFault;
use crate::time::Clock;
use crate::time::TradingDate;

/// A collection that takes longer is stuck.
const LIMIT: Duration = Duration::from_secs(3600);

/// How the cache is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What is missing is fetched.
    Fetch,
    /// Everything is fetched anew, whatever is held.
    Refetch,
    /// Nothing is fetched; the files are only judged.
    Offline,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The tickers, each once.
    pub tickers: Vec<String>,
    /// The first day of the histories.
    pub from: TradingDate,
    /// How the cache is used.
    pub mode: Mode,
}

/// With what.
#[derive(Clone, Copy, Debug)]
pub struct Tools<'a> {
    /// The workspace.
    pub store: &'a Store,
    /// The time.
    pub clock: &'a dyn Clock,
    /// The exchange's sessions.
    pub calendar: &'a Calendar,
    /// The vendors in the order in which they are asked.
    pub vendors: [&'a dyn DailyVendor; 2],
}

/// How far a collection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The ticker that is asked for.
    pub ticker: String,
    /// Who is asked.
    pub vendor: VendorName,
    /// How many tickers have been dealt with.
    pub done: usize,
    /// How many there are.
    pub total: usize,
}

/// Nothing could be collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectFault {
    /// Which session was the last cannot be said.
    #[error(transparent)]
    Calendar(#[from] CalendarFault),
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// Another collection is under way.
    #[error("ALREADY_RUNNING: pid {} has been collecting since {}", .0.pid, .0.started_at)]
    Running(Holder),
    /// Another collection is under way, and has been for too long.
    #[error("the collection of pid {} has been running since {}, longer than an hour; look at that process", .0.pid, .0.started_at)]
    Stuck(Holder),
    /// A file with a market's prices, or of unknown origin, would be lost.
    #[error("{0} holds prices that this program did not generate; name --force to replace them")]
    WouldOverwrite(String),
    /// A ticker that no price is made up for.
    #[error("{ticker} cannot be generated; these can: {known}")]
    NotGenerated {
        /// The ticker.
        ticker: String,
        /// Those that can.
        known: String,
    },
    /// The days cannot be generated.
    #[error(transparent)]
    Synthetic(#[from] SyntheticFault),
}

/// Brings the cache to the last completed session.
///
/// A ticker that could not be fetched is no fault here: the report says which tickers are not fresh and why.
///
/// # Errors
/// The calendar does not cover today, a file cannot be written, or another collection is under way.
pub fn collect(wanted: &Wanted, tools: Tools<'_>, tell: &mut dyn FnMut(&Step)) -> Result<CollectReport, CollectFault> {
    let now = tools.clock.now();
    let last_session = last_completed(tools.calendar, now)?;
    let held_lock = match wanted.mode {
        Mode::Offline => None,
        Mode::Fetch | Mode::Refetch => Some(locked(tools.store, tools.clock)?),
    };
    let looks: Vec<Look> = wanted.tickers.iter().map(|ticker| look(tools.store, ticker)).collect();
    let mut reports: Vec<Option<TickerReport>> = Vec::new();
    let mut targets = Vec::new();
    for (ticker, look) in wanted.tickers.iter().zip(&looks) {
        let judge = report::Judge { ticker, last_session, calendar: tools.calendar };
        let enough = wanted.mode == Mode::Offline || (wanted.mode == Mode::Fetch && is_hit(look, wanted, judge));
        reports.push(enough.then(|| judge.held(look, wanted.mode)));
        if !enough {
            targets.push(Target { ticker, look, from: wanted.from, force: wanted.mode == Mode::Refetch });
        }
    }
    let chain = Chain { tools, last_session, total: targets.len() };
    let mut outcomes = chain.run(&targets, tell).into_iter();
    for ((ticker, look), slot) in wanted.tickers.iter().zip(&looks).zip(&mut reports) {
        if slot.is_none() {
            let judge = report::Judge { ticker, last_session, calendar: tools.calendar };
            *slot = match outcomes.next() {
                Some(Ok(fetched)) => {
                    save(tools, ticker, &fetched)?;
                    Some(judge.fetched(&fetched))
                }
                Some(Err(why)) => Some(judge.failed(look, why)),
                None => None,
            };
        }
    }
    drop(held_lock);
    Ok(CollectReport::of(now, last_session, reports.into_iter().flatten().collect()))
}

/// Whether a held file needs nothing: a vendor's bars without holes, as far back as wanted, up to the last completed
/// session.
fn is_hit(look: &Look, wanted: &Wanted, judge: report::Judge<'_>) -> bool {
    match look {
        Look::Missing | Look::Unknown(..) => false,
        Look::Held(held) => {
            held.meta.vendor != VendorName::Synthetic
                && held.meta.last >= judge.last_session
                && held.from() <= wanted.from
                && holes(judge.ticker, &held.bars, judge.calendar).is_none()
        }
    }
}

fn save(tools: Tools<'_>, ticker: &str, fetched: &Fetched) -> Result<(), StoreFault> {
    let entry = Entry { ticker, vendor: fetched.vendor, from: fetched.from, bars: &fetched.bars };
    cache::save(tools.store, &entry, tools.clock.now())
}

/// One collection at a time: two would fetch everything twice and write each other's documents.
fn locked(store: &Store, clock: &dyn Clock) -> Result<Acquired, CollectFault> {
    let holder = Holder::this_process("pc collect", clock.now(), LIMIT);
    match store.try_lock(layout::PRICES_LOCK, &holder)? {
        LockOutcome::Acquired(acquired) => Ok(acquired),
        LockOutcome::Held(other) if other.is_overdue(clock.now()) => Err(CollectFault::Stuck(other)),
        LockOutcome::Held(other) => Err(CollectFault::Running(other)),
    }
}
