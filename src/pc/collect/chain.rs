//! The order of the vendors, and what one vendor's answer becomes.

use super::Step;
use super::Tools;
use super::cache::Held;
use super::cache::Look;
use super::cache::grown;
use super::cache::normalized;
use super::cache::overlap_start;
use super::cache::storable;
use super::history::Witness;
use super::history::holes;
use super::history::is_late;
use super::history::witness;
use super::report::Action;
use crate::contracts::VendorName;
use crate::pc::prices::Normalized;
use crate::pc::vendors::DailyVendor;
use crate::pc::vendors::Span;
use crate::pc::vendors::VendorFault;
use crate::time::TradingDate;
use crate::time::kst;
use crate::trading::Bars;

/// A ticker that has to be fetched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) ticker: &'a str,
    pub(super) look: &'a Look,
    pub(super) from: TradingDate,
    pub(super) force: bool,
}

/// What will be stored of a ticker.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) vendor: VendorName,
    pub(super) from: TradingDate,
    pub(super) bars: Bars,
    pub(super) action: Action,
    /// Why a whole history was fetched although a file was there.
    pub(super) why: Option<String>,
    /// Why the first bar may not be the ticker's first.
    pub(super) warning: Option<String>,
    /// What the vendor sent, normalised: the defects that do not reach the file.
    pub(super) answer: Normalized,
    /// The day of a bar that was dropped because its session is not over.
    pub(super) open_session: Option<TradingDate>,
}

/// Asks the vendors in their order.
#[derive(Clone, Copy)]
pub(super) struct Chain<'a> {
    pub(super) tools: Tools<'a>,
    pub(super) last_session: TradingDate,
    pub(super) total: usize,
}

/// What came of each target, or why nothing did.
pub(super) type Outcomes = Vec<Result<Fetched, String>>;

impl Chain<'_> {
    /// Fetches every target, in their order.
    pub(super) fn run(&self, targets: &[Target<'_>], tell: &mut dyn FnMut(&Step)) -> Outcomes {
        let [first, second] = self.tools.vendors;
        let mut outcomes = self.ask_first(first, targets, tell);
        let missing = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        let mut done = self.total - missing;
        for (target, outcome) in targets.iter().zip(&mut outcomes) {
            let Err(before) = outcome else { continue };
            let before = std::mem::take(before);
            tell(&self.step(target, second, done));
            done += 1;
            *outcome = self.fetch(second, target).map_err(|fault| {
                let last = format!("{}: {fault}", second.name());
                if before.is_empty() { last } else { format!("{before}; {last}") }
            });
        }
        outcomes
    }

    /// Asks the first vendor. When it cannot come to half of the tickers that it serves, nothing of it is used: what
    /// is left of a vendor in trouble is not to be trusted, and no more of it is asked.
    fn ask_first(&self, vendor: &dyn DailyVendor, targets: &[Target<'_>], tell: &mut dyn FnMut(&Step)) -> Outcomes {
        let served = targets.iter().filter(|target| vendor.serves(target.ticker)).count();
        let mut outcomes: Outcomes = Vec::new();
        let (mut answered, mut failed) = (0, 0);
        for (at, target) in targets.iter().enumerate() {
            if !vendor.serves(target.ticker) {
                outcomes.push(Err(String::new()));
                continue;
            }
            tell(&self.step(target, vendor, at));
            let outcome = self.fetch(vendor, target).map_err(|fault| format!("{}: {fault}", vendor.name()));
            if outcome.is_ok() {
                answered += 1
            } else {
                failed += 1
            }
            outcomes.push(outcome);
            if failed * 2 > served {
                break;
            }
        }
        if answered * 2 < served {
            let not_used = format!("{}: not used, {failed} of {served} tickers failed", vendor.name());
            outcomes.resize_with(targets.len(), || Err(String::new()));
            for (target, outcome) in targets.iter().zip(&mut outcomes) {
                let failed_itself = outcome.as_ref().is_err_and(|why| !why.is_empty());
                if vendor.serves(target.ticker) && !failed_itself {
                    *outcome = Err(not_used.clone());
                }
            }
        }
        outcomes
    }

    fn step(&self, target: &Target<'_>, vendor: &dyn DailyVendor, done: usize) -> Step {
        Step { ticker: target.ticker.to_owned(), vendor: vendor.name(), done, total: self.total }
    }

    /// Fetches one target from one vendor: only what is new where that is possible, else everything.
    fn fetch(&self, vendor: &dyn DailyVendor, target: &Target<'_>) -> Result<Fetched, VendorFault> {
        let why = match target.look {
            _ if target.force => Some("asked for".to_owned()),
            Look::Missing => None,
            Look::Unknown(why, _) => Some(why.clone()),
            Look::Held(held) if held.meta.vendor != vendor.name() => {
                Some(format!("the file was {}'s", held.meta.vendor))
            }
            Look::Held(held) if self.holes(target, &held.bars).is_some() => Some("the file has holes".to_owned()),
            Look::Held(held) if held.from() > target.from => Some(format!("it began with {}", held.from())),
            Look::Held(held) => match self.grow(vendor, target, held)? {
                Some(fetched) => return Ok(fetched),
                None => Some("the vendor has changed its past".to_owned()),
            },
        };
        self.whole(vendor, target, why)
    }

    /// The new bars on top of the held ones; `None` when they do not fit.
    fn grow(&self, vendor: &dyn DailyVendor, target: &Target<'_>, held: &Held) -> Result<Option<Fetched>, VendorFault> {
        let Some(start) = overlap_start(&held.bars) else { return Ok(None) };
        let (answer, newer, open_session) = self.ask(vendor, target.ticker, start)?;
        let Some(bars) = grown(&held.bars, &newer) else { return Ok(None) };
        if let Some(why) = self.holes(target, &bars) {
            return Err(VendorFault::Holes(why));
        }
        let (vendor, from, action) = (vendor.name(), held.from(), Action::Incremental);
        Ok(Some(Fetched { vendor, from, bars, action, why: None, warning: None, answer, open_session }))
    }

    fn whole(
        &self,
        vendor: &dyn DailyVendor,
        target: &Target<'_>,
        why: Option<String>,
    ) -> Result<Fetched, VendorFault> {
        let held = match target.look {
            Look::Held(held) => Some(held),
            Look::Missing | Look::Unknown(..) => None,
        };
        // What is held is never given up for less, so the longer of both histories is asked for.
        let from = held.map_or(target.from, |held| held.from().min(target.from));
        let (answer, bars, open_session) = self.ask(vendor, target.ticker, from)?;
        if bars.is_empty() {
            return Err(VendorFault::Empty);
        }
        if let Some(held) = held.filter(|held| !target.force && held.meta.vendor != VendorName::Synthetic) {
            not_less(&bars, held)?;
        }
        if let Some(why) = self.holes(target, &bars) {
            return Err(VendorFault::Holes(why));
        }
        let warning = self.doubt(vendor, target, (from, &bars))?;
        // A start that nobody confirms is no start: the file answers for its bars only, and is asked for again.
        let from = bars.first_date().filter(|_| warning.is_some()).unwrap_or(from);
        let action = if why.is_some() { Action::Refetched } else { Action::Full };
        Ok(Fetched { vendor: vendor.name(), from, bars, action, why, warning, answer, open_session })
    }

    fn holes(&self, target: &Target<'_>, bars: &Bars) -> Option<String> {
        holes(target.ticker, bars, self.tools.calendar)
    }

    /// Why a history that begins long after the day asked for may lack its beginning; `None` when it is in time, or when
    /// the other vendor, or else what is held, says that the ticker is that young.
    fn doubt(
        &self,
        vendor: &dyn DailyVendor,
        target: &Target<'_>,
        (from, bars): (TradingDate, &Bars),
    ) -> Result<Option<String>, VendorFault> {
        let calendar = self.tools.calendar;
        let Some(first) = bars.first_date().filter(|first| is_late(from, *first, calendar)) else { return Ok(None) };
        let late = format!("the history begins with {first}, {from} was asked for");
        let Some(other) = self.tools.vendors.into_iter().find(|other| other.name() != vendor.name()) else {
            return Ok(Some(late));
        };
        let known = match target.look {
            Look::Held(held) => {
                held.meta.vendor != VendorName::Synthetic
                    && held.from() <= from
                    && witness(first, held.meta.first, calendar) == Witness::Confirms
            }
            Look::Missing | Look::Unknown(..) => false,
        };
        let name = other.name();
        if !other.serves(target.ticker) {
            return Ok((!known).then(|| format!("{late}; {name} does not have it to confirm that")));
        }
        let begins = self.ask(other, target.ticker, from).map(|(normal, ..)| normal.bars.first_date());
        match begins {
            Ok(Some(begins)) => match witness(first, begins, calendar) {
                Witness::Confirms => Ok(None),
                Witness::Contradicts => Err(VendorFault::Cut(format!("{late}; {name} begins with {begins}"))),
                Witness::KnowsLess => Ok(Some(format!("{late}; {name} begins with {begins} only"))),
            },
            Ok(None) => Ok((!known).then(|| format!("{late}; {name} cannot confirm that: no usable bar"))),
            Err(fault) => Ok((!known).then(|| format!("{late}; {name} cannot confirm that: {fault}"))),
        }
    }

    /// Asks from a day to today: the answer normalised, its rows that may be stored, and the open session's day.
    fn ask(
        &self,
        vendor: &dyn DailyVendor,
        ticker: &str,
        from: TradingDate,
    ) -> Result<(Normalized, Bars, Option<TradingDate>), VendorFault> {
        let clock = self.tools.clock;
        let span = Span { from, to: clock.now().with_timezone(&kst()).date_naive() };
        let answer = vendor.daily(ticker, span, clock)?;
        let normal = normalized(ticker, &answer, self.tools.calendar);
        let bars = storable(&answer, &normal.bars, self.last_session);
        let open_session = normal.bars.last_date().filter(|last| *last > self.last_session);
        Ok((normal, bars, open_session))
    }
}

/// A whole history that ends earlier than the held one, or has lost a tenth of it, is a vendor's accident.
fn not_less(bars: &Bars, held: &Held) -> Result<(), VendorFault> {
    if bars.last_date() < Some(held.meta.last) {
        let last = bars.last_date().map(|date| date.to_string()).unwrap_or_default();
        return Err(VendorFault::Unreadable(format!("it ends with {last}, the file with {}", held.meta.last)));
    }
    if bars.len() * 10 < held.bars.len() * 9 {
        return Err(VendorFault::Unreadable(format!("{} rows, the file has {}", bars.len(), held.bars.len())));
    }
    Ok(())
}
