//! The extremes of any stretch of closes in constant time: a table of stretches whose lengths are powers of two.

use crate::pc::backtest::moments::larger;
use crate::pc::backtest::moments::smaller;

/// What is known of a stretch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extreme {
    pub(super) highest: f64,
    pub(super) lowest: f64,
    /// No close is a smaller part of an earlier one of the stretch. A bound, not the value: it may be too small.
    pub(super) ratio: f64,
}

/// The table: in row k, at place i, the extremes of the `2^k` closes from i on.
#[derive(Debug)]
pub(super) struct Extremes {
    rows: Vec<Vec<Extreme>>,
}

impl Extremes {
    pub(super) fn of(close: &[f64]) -> Self {
        let mut rows =
            vec![close.iter().map(|close| Extreme { highest: *close, lowest: *close, ratio: 1.0 }).collect()];
        let mut half = 1;
        while half * 2 <= close.len() {
            let shorter: &[Extreme] = rows.last().map_or(&[], Vec::as_slice);
            let pairs = shorter.iter().zip(shorter.get(half..).unwrap_or_default());
            let longer: Vec<_> = pairs.map(|(left, right)| joined(left, right)).collect();
            rows.push(longer);
            half *= 2;
        }
        Self { rows }
    }

    /// The extremes of the closes from `from` up to, but not, `to`; at least one.
    #[inline(always)]
    pub(super) fn of_stretch(&self, from: usize, to: usize) -> Extreme {
        let row = (to - from).ilog2() as usize;
        let found = &self.rows[row];
        joined(&found[from], &found[to - (1 << row)])
    }
}

/// Of two stretches of which the right one does not start before the left one; they may overlap.
#[inline(always)]
fn joined(left: &Extreme, right: &Extreme) -> Extreme {
    Extreme {
        highest: larger(left.highest, right.highest),
        lowest: smaller(left.lowest, right.lowest),
        ratio: smaller(smaller(left.ratio, right.ratio), right.lowest / left.highest),
    }
}
