//! Daily bars of one ticker as columns: the form that every calculation reads.

use crate::time::TradingDate;

/// Daily bars in ascending order of date, each date once; every column has the same length.
///
/// Prices are won, volume is shares, both as `f64`. A halted bar has open = high = low = close and trades nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bars {
    /// Trading days.
    pub date: Vec<TradingDate>,
    /// First price of the day.
    pub open: Vec<f64>,
    /// Highest price of the day.
    pub high: Vec<f64>,
    /// Lowest price of the day.
    pub low: Vec<f64>,
    /// Last price of the day.
    pub close: Vec<f64>,
    /// Shares traded.
    pub volume: Vec<f64>,
    /// Whether the ticker did not trade that day.
    pub halted: Vec<bool>,
}

impl Bars {
    /// How many bars there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.date.len()
    }

    /// Whether there is no bar.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.date.is_empty()
    }

    /// The position of a date's bar.
    #[must_use]
    pub fn index_of(&self, date: TradingDate) -> Option<usize> {
        self.date.binary_search(&date).ok()
    }

    /// The position of the first bar that is not before `date`; the length when there is none.
    #[must_use]
    pub fn first_from(&self, date: TradingDate) -> usize {
        self.date.partition_point(|other| *other < date)
    }

    /// The first bar's day.
    #[must_use]
    pub fn first_date(&self) -> Option<TradingDate> {
        self.date.first().copied()
    }

    /// The last bar's day.
    #[must_use]
    pub fn last_date(&self) -> Option<TradingDate> {
        self.date.last().copied()
    }

    /// Appends a bar: open, high, low, close, volume.
    pub fn push(&mut self, date: TradingDate, [open, high, low, close, volume]: [f64; 5]) {
        self.date.push(date);
        self.open.push(open);
        self.high.push(high);
        self.low.push(low);
        self.close.push(close);
        self.volume.push(volume);
        self.halted.push(false);
    }

    /// The first `count` bars.
    #[must_use]
    pub fn truncated(&self, count: usize) -> Self {
        let mut short = self.clone();
        short.truncate(count);
        short
    }

    /// Drops every bar from position `count` on.
    pub fn truncate(&mut self, count: usize) {
        self.date.truncate(count);
        for column in [&mut self.open, &mut self.high, &mut self.low, &mut self.close, &mut self.volume] {
            column.truncate(count);
        }
        self.halted.truncate(count);
    }
}
