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

impl Extremes {
    /// The smallest part of an earlier close that a close of the stretch is, by pieces that do not overlap.
    pub(super) fn ratio_of(&self, from: usize, to: usize) -> f64 {
        let (mut at, mut highest, mut ratio) = (from, f64::MIN_POSITIVE, 1.0);
        while at < to {
            let row = (to - at).ilog2() as usize;
            let piece = &self.rows[row][at];
            ratio = smaller(ratio, smaller(piece.ratio, piece.lowest / highest));
            highest = larger(highest, piece.highest);
            at += 1 << row;
        }
        ratio
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stretch_has_the_extremes_of_its_closes() {
        let close: Vec<f64> = (0..97).map(|i| f64::from((i * 37) % 41 + (i * 11) % 7 + 5)).collect();
        let table = Extremes::of(&close);
        for from in 0..close.len() {
            for to in from + 1..=close.len() {
                let part = &close[from..to];
                let fold = |of: fn(f64, f64) -> f64| part.iter().copied().reduce(of).expect("a close");
                let falls = (0..part.len()).flat_map(|i| (i..part.len()).map(move |j| part[j] / part[i]));
                let ratio = falls.fold(1.0, f64::min);
                let found = table.of_stretch(from, to);
                assert_eq!((found.highest, found.lowest), (fold(f64::max), fold(f64::min)), "{from}..{to}");
                assert!(found.ratio <= ratio, "{from}..{to}: a bound");
                assert_eq!(table.ratio_of(from, to).to_bits(), ratio.to_bits(), "{from}..{to}");
            }
        }
    }
}
