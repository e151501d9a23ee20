//! Which price an order is sized with: a quote of now, else a fresh close of the bundle, else what the portfolio says.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contracts::money::Price;
use crate::contracts::portfolio::Account;
use crate::ops::BundleView;
use crate::ops::OpsPolicy;
use crate::time::Calendar;
use crate::time::KstTime;
use crate::time::TradingDate;
use crate::time::kst;

/// Sessions that may have ended since a close that still counts.
const MAX_AGE: usize = 3;

/// Where a price comes from.
pub(super) const QUOTE: &str = "QUOTE";
pub(super) const BUNDLE: &str = "BUNDLE";
pub(super) const PORTFOLIO: &str = "PORTFOLIO";

/// The prices of the tickers that a plan is about, best source first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Prices {
    found: BTreeMap<String, (Price, &'static str)>,
}

impl Prices {
    #[cfg(test)]
    pub(super) fn of(rows: &[(&str, i64)]) -> Self {
        let price = |won: i64| Price::won(won).expect("a price");
        Self { found: rows.iter().map(|(ticker, won)| ((*ticker).to_owned(), (price(*won), BUNDLE))).collect() }
    }

    /// The price of a ticker and where it comes from; `None` when no source has one above zero.
    pub(super) fn get(&self, ticker: &str) -> Option<(Price, &'static str)> {
        self.found.get(ticker).copied()
    }

    /// Asks every source for the tickers. A vendor that does not answer is a warning: the next source counts.
    pub(super) fn collect(
        tickers: &[String],
        (policy, bundle, account): (&OpsPolicy, Option<&BundleView>, &Account),
        now: KstTime,
        warnings: &mut Vec<String>,
    ) -> Self {
        let mut found = BTreeMap::new();
        let mut keep = |ticker: &str, price: Option<Price>, source: &'static str| {
            if let Some(price) = price.filter(|price| price.is_positive()) {
                found.entry(ticker.to_owned()).or_insert((price, source));
            }
        };
        if let Some(vendor) = policy.quotes.as_ref().filter(|_| !tickers.is_empty()) {
            match vendor.quotes(tickers) {
                Ok(quotes) => quotes.iter().for_each(|quote| {
                    keep(&quote.symbol, i64::try_from(quote.price).ok().and_then(Price::won), QUOTE);
                }),
                Err(why) => warnings.push(crate::contracts::reason::detail(&why.to_string())),
            }
        }
        let strategy = bundle.and_then(|bundle| bundle.strategy().ok());
        for ticker in tickers {
            keep(ticker, strategy.as_ref().and_then(|strategy| close(strategy, ticker, now)), BUNDLE);
            keep(ticker, account.position(ticker).and_then(|position| position.price), PORTFOLIO);
        }
        found.retain(|ticker, _| tickers.contains(ticker));
        Self { found }
    }
}

/// The close of a ticker in a bundle, when at most three sessions have ended since.
fn close(strategy: &Value, ticker: &str, now: KstTime) -> Option<Price> {
    let point = strategy.get("scorer")?.get("prices")?.get(ticker)?;
    let date = point.get("date")?.as_str()?.parse().ok()?;
    is_fresh(date, now).then(|| Price::number(point.get("close")?.as_f64()?))?
}

/// Whether a close of that day still counts. A day that is still to come, or that the calendar does not know, does not.
fn is_fresh(date: TradingDate, now: KstTime) -> bool {
    let calendar = Calendar::krx();
    if date > now.with_timezone(&kst()).date_naive() {
        return false;
    }
    let since = match calendar.session(date) {
        Ok(Some(session)) => session.close,
        // A stretch without a session: the day's end is as good as a close.
        Ok(None) => match date.and_hms_opt(23, 59, 59).and_then(|end| end.and_local_timezone(kst()).single()) {
            Some(end) => end,
            None => return false,
        },
        Err(_unknown) => return false,
    };
    calendar.sessions_ended_between(since, now).is_ok_and(|ended| ended <= MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    #[test]
    fn a_close_counts_for_three_sessions_and_never_from_tomorrow() {
        // A Friday; the Monday before it is the fourth session back in the evening.
        let cases = [
            ("2026-11-20T20:00:00+09:00", "2026-11-20", true),
            ("2026-11-20T20:00:00+09:00", "2026-11-17", true),
            ("2026-11-20T20:00:00+09:00", "2026-11-16", false),
            ("2026-11-20T10:00:00+09:00", "2026-11-16", true),
            ("2026-11-23T08:00:00+09:00", "2026-11-17", true),
            ("2026-11-22T08:00:00+09:00", "2026-11-21", true),
            ("2026-11-20T20:00:00+09:00", "2026-11-21", false),
            ("2026-11-20T20:00:00+09:00", "1999-01-04", false),
        ];
        for (now, date, want) in cases {
            let now = Stamp::from(now).instant().expect("a time");
            assert_eq!(is_fresh(date.parse().expect("a date"), now), want, "{date} at {now}");
        }
    }
}
