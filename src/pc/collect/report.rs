//! What a collection came to, ticker by ticker.

use serde::Serialize;

use super::Mode;
use super::cache::Look;
use super::cache::normalized;
use super::chain::Fetched;
use super::history::holes;
use crate::contracts::VendorName;
use crate::pc::prices::Findings;
use crate::pc::prices::Quality;
use crate::time::Calendar;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::TradingDate;
use crate::trading::Bars;

/// What was done for a ticker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The file was good enough.
    Hit,
    /// New bars were put on top.
    Incremental,
    /// A whole history came where there was no file.
    Full,
    /// A whole history replaced the file.
    Refetched,
    /// A history was generated.
    Synthetic,
    /// The old file stays; it does not reach the last completed session, or nobody can vouch for it.
    #[serde(rename = "STALE")]
    Stale,
    /// There is no file, and none came.
    #[serde(rename = "MISSING")]
    Missing,
}

impl Action {
    /// The word for people and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Incremental => "incremental",
            Self::Full => "full",
            Self::Refetched => "refetched",
            Self::Synthetic => "synthetic",
            Self::Stale => "STALE",
            Self::Missing => "MISSING",
        }
    }
}

/// One ticker.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TickerReport {
    /// The ticker.
    pub ticker: String,
    /// Where the file's bars come from; `None` for no file and for one that nobody can vouch for.
    pub vendor: Option<VendorName>,
    /// What was done.
    pub action: Action,
    /// Whether the file holds the last completed session.
    pub fresh: bool,
    /// Rows of the file.
    pub rows: usize,
    /// The first row's day.
    pub first: Option<TradingDate>,
    /// The last row's day.
    pub last: Option<TradingDate>,
    /// Why it is not fresh, or why everything was fetched again.
    pub reason: Option<String>,
    /// Why the first row may not be the ticker's first.
    pub warning: Option<String>,
    /// The day of a bar that was not stored because its session is not over.
    pub open_session_dropped: Option<TradingDate>,
    /// The counters of the file and of what came for it.
    pub quality: Quality,
    /// The defects by date.
    pub findings: Findings,
}

/// PC_COLLECT_V1: what a collection came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CollectReport {
    /// `PC_COLLECT_V1`
    pub schema: &'static str,
    /// When.
    pub asof: Stamp,
    /// The last session whose bars are final.
    pub last_session: TradingDate,
    /// Tickers that hold it.
    pub fresh: usize,
    /// Tickers that do not.
    pub not_fresh: Vec<String>,
    /// One row a ticker, in the order asked for.
    pub tickers: Vec<TickerReport>,
}

impl CollectReport {
    pub(super) fn of(now: KstTime, last_session: TradingDate, tickers: Vec<TickerReport>) -> Self {
        let not_fresh: Vec<_> = tickers.iter().filter(|row| !row.fresh).map(|row| row.ticker.clone()).collect();
        let fresh = tickers.len() - not_fresh.len();
        Self { schema: "PC_COLLECT_V1", asof: Stamp::of(now), last_session, fresh, not_fresh, tickers }
    }

    /// The report for people: a line a ticker, its defects below it, a total.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &self.tickers {
            lines.push(row.line());
            lines.extend(row.findings.lines().into_iter().map(|line| format!("  {line}")));
        }
        lines.push(self.total());
        lines
    }

    fn total(&self) -> String {
        let actions = [
            Action::Hit,
            Action::Incremental,
            Action::Full,
            Action::Refetched,
            Action::Synthetic,
            Action::Stale,
            Action::Missing,
        ];
        let counts = actions.iter().filter_map(|action| {
            let count = self.tickers.iter().filter(|row| row.action == *action).count();
            (count > 0).then(|| format!("{count} {}", action.as_str()))
        });
        let counts: Vec<String> = counts.collect();
        format!(
            "{} of {} tickers hold the last completed session {} ({})",
            self.fresh,
            self.tickers.len(),
            self.last_session,
            counts.join(", ")
        )
    }
}

impl TickerReport {
    fn line(&self) -> String {
        let span = match self.first.zip(self.last) {
            Some((first, last)) => format!("{first}..{last}"),
            None => "no bar".to_owned(),
        };
        let vendor = self.vendor.map_or("unknown", VendorName::as_str);
        let mut line =
            format!("{:<7} {vendor:<9} {:>5} rows  {span:<22}  {}", self.ticker, self.rows, self.action.as_str());
        if let Some(reason) = &self.reason {
            line.push_str(": ");
            line.push_str(reason);
        }
        if let Some(warning) = &self.warning {
            line.push_str(&format!(" (⚠️ {warning})"));
        }
        if let Some(day) = self.open_session_dropped {
            line.push_str(&format!(" (the bar of {day} is not final and was left out)"));
        }
        line
    }
}

/// Judges the file of one ticker.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) ticker: &'a str,
    pub(super) last_session: TradingDate,
    pub(super) calendar: &'a Calendar,
}

impl Judge<'_> {
    pub(super) fn row(&self, bars: &Bars, vendor: Option<VendorName>, action: Action) -> TickerReport {
        let normal = normalized(self.ticker, bars, self.calendar);
        TickerReport {
            ticker: self.ticker.to_owned(),
            vendor,
            action,
            fresh: normal.bars.index_of(self.last_session).is_some(),
            rows: bars.len(),
            first: bars.first_date(),
            last: bars.last_date(),
            reason: None,
            warning: None,
            open_session_dropped: None,
            quality: normal.quality,
            findings: normal.findings,
        }
    }

    /// A file that nothing is fetched for.
    pub(super) fn held(&self, look: &Look, mode: Mode) -> TickerReport {
        let Look::Held(held) = look else {
            let why = if mode == Mode::Offline { "nothing is fetched offline" } else { "not fetched" };
            return self.failed(look, why.to_owned());
        };
        let mut row = self.row(&held.bars, Some(held.meta.vendor), Action::Hit);
        if !row.fresh {
            row.action = Action::Stale;
            row.reason = Some(format!("no bar of {}", self.last_session));
        }
        self.mark_holes(&mut row, &held.bars);
        row
    }

    /// What came from a vendor.
    pub(super) fn fetched(&self, fetched: &Fetched) -> TickerReport {
        let mut row = self.row(&fetched.bars, Some(fetched.vendor), fetched.action);
        row.reason.clone_from(&fetched.why);
        row.warning.clone_from(&fetched.warning);
        row.open_session_dropped = fetched.open_session;
        // These rows never reach the file; they are the answer's.
        row.quality.rows_total += fetched.answer.quality.rows_dropped_duplicate;
        row.quality.rows_total += fetched.answer.quality.rows_dropped_non_session;
        row.quality.rows_dropped_duplicate = fetched.answer.quality.rows_dropped_duplicate;
        row.quality.rows_dropped_non_session = fetched.answer.quality.rows_dropped_non_session;
        row.findings.duplicates.clone_from(&fetched.answer.findings.duplicates);
        row.findings.non_session.clone_from(&fetched.answer.findings.non_session);
        row.findings.unusable.clone_from(&fetched.answer.findings.unusable);
        if !row.fresh {
            row.action = Action::Stale;
            row.reason = Some(format!("{} has no bar of {} yet", fetched.vendor, self.last_session));
        }
        row
    }

    /// Nothing came; what is there stays.
    pub(super) fn failed(&self, look: &Look, why: String) -> TickerReport {
        let (bars, vendor, action, doubt) = match look {
            Look::Missing => (Bars::default(), None, Action::Missing, None),
            Look::Unknown(doubt, bars) => (bars.clone(), None, Action::Stale, Some(doubt)),
            Look::Held(held) => (held.bars.clone(), Some(held.meta.vendor), Action::Stale, None),
        };
        let mut row = self.row(&bars, vendor, action);
        // Generated bars do not stand in for the market's, and nobody vouches for an unknown file's.
        row.fresh = row.fresh && doubt.is_none() && vendor != Some(VendorName::Synthetic);
        row.reason = Some(doubt.map_or_else(|| why.clone(), |doubt| format!("{doubt}; {why}")));
        self.mark_holes(&mut row, &bars);
        row
    }

    /// A file with holes is not good for anything that a fresh one is good for.
    fn mark_holes(&self, row: &mut TickerReport, bars: &Bars) {
        if let Some(why) = holes(self.ticker, bars, self.calendar) {
            let before = row.reason.take().map(|reason| format!("; {reason}")).unwrap_or_default();
            row.reason = Some(format!("the file has holes, {why}{before}"));
            (row.fresh, row.action) = (false, Action::Stale);
        }
    }
}
