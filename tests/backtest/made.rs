//! Prices made by arithmetic, so that a clone alone has a market.

use daily_ops::time::Calendar;
use daily_ops::time::TradingDate;
use daily_ops::trading::Bars;

pub(crate) fn day(text: &str) -> TradingDate {
    text.parse().expect("a date")
}

/// One bar a session from `first` to `last`: a trend of `step` won a session with waves of two lengths on it.
pub(crate) fn bars(first: &str, last: &str, (base, step): (i32, i32)) -> Bars {
    let mut bars = Bars::default();
    let sessions = day(first).iter_days().take_while(|date| *date <= day(last));
    let sessions = sessions.filter(|date| Calendar::krx().session(*date).is_ok_and(|session| session.is_some()));
    let wave = |i: i32, length: i32| (i % length - length / 2).abs();
    let close = |i: i32| base + step * i + wave(i, 34) * base / 160 + wave(i, 7) * base / 400;
    for (i, date) in (0_i32..).zip(sessions) {
        let (open, close) = (close((i - 1).max(0)) + base / 1_000, close(i));
        let (high, low) = (open.max(close) + base / 500, open.min(close) - base / 500);
        bars.push(date, [open, high, low, close, 100_000 + i].map(f64::from));
    }
    bars
}

/// A market that rises, and one that falls.
pub(crate) fn market(first: &str, last: &str) -> [(&'static str, Bars); 2] {
    [("069500", bars(first, last, (30_000, 45))), ("114800", bars(first, last, (6_000, -4)))]
}
