//! The moments of an equity curve in one pass, and its deepest fall.
//!
//! Steps are taken in blocks of sixteen, each place of a block in its lane, and added up in one fixed order. A step that
//! changes nothing adds exactly zero to every sum, so whoever knows that a block is flat may leave it out and still gets
//! the same bits. That is how the sweep's kernel skips the stretches without a position.

use super::lanes::LANES;
use super::lanes::Lanes;

/// Steps in a block.
pub(super) const BLOCK: usize = 4 * LANES;

/// Sums over the steps of a curve, where `d = now - before` and `r = d / before`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    /// Sum of `r`.
    pub(super) sum: f64,
    /// Sum of `r * r`.
    pub(super) squares: f64,
    /// Sum of `t * d`, with t from 1.
    pub(super) weighted: f64,
    /// How many `d` are above 0.
    pub(super) above: f64,
}

/// Moments while they are added up.
#[derive(Clone, Copy)]
pub(super) struct Sums<L: Lanes> {
    lanes: L,
    sum: L::V,
    squares: L::V,
    weighted: L::V,
    above: L::V,
}

impl<L: Lanes> Sums<L> {
    #[inline(always)]
    pub(super) fn new(lanes: L) -> Self {
        let zero = lanes.splat(0.0);
        Self { lanes, sum: zero, squares: zero, weighted: zero, above: zero }
    }

    /// Adds the blocks from `first` up to, but not, `end`. Block k holds the steps into places 16k+1 to 16k+16 of the
    /// curve; it needs place 16k too.
    #[inline(always)]
    pub(super) fn add_blocks(&mut self, equity: &[f64], (first, end): (usize, usize)) {
        for block in first..end {
            let at = block * BLOCK;
            let Some(Ok(places)) = equity.get(at..at + BLOCK + 1).map(<&[f64; BLOCK + 1]>::try_from) else { return };
            self.add_block(at, places);
        }
    }

    /// Adds the steps between the places of a block, which starts after place `at` of the curve.
    #[inline(always)]
    pub(super) fn add_block(&mut self, at: usize, places: &[f64; BLOCK + 1]) {
        let l = self.lanes;
        let before = |quarter: usize| l.load(&four(places, quarter * LANES));
        let now = |quarter: usize| l.load(&four(places, quarter * LANES + 1));
        let (a, b, c, d) = (before(0), before(1), before(2), before(3));
        // One division for four reciprocals: 1/a is bcd/abcd.
        let (ab, cd) = (l.mul(a, b), l.mul(c, d));
        let all = l.div(l.splat(1.0), l.mul(ab, cd));
        let (over_ab, over_cd) = (l.mul(all, cd), l.mul(all, ab));
        let steps = [l.sub(now(0), a), l.sub(now(1), b), l.sub(now(2), c), l.sub(now(3), d)];
        let over = [l.mul(over_ab, b), l.mul(over_ab, a), l.mul(over_cd, d), l.mul(over_cd, c)];
        let returns =
            [l.mul(steps[0], over[0]), l.mul(steps[1], over[1]), l.mul(steps[2], over[2]), l.mul(steps[3], over[3])];
        self.sum = l.add(self.sum, total(l, returns));
        // No `map` over the four: its closure would not be compiled for the lanes.
        let [a, b, c, d] = returns;
        self.squares = l.add(self.squares, total(l, [l.mul(a, a), l.mul(b, b), l.mul(c, c), l.mul(d, d)]));
        #[expect(clippy::cast_precision_loss, reason = "a place of a curve is far below 2^52")]
        let start = l.splat((at + 1) as f64);
        let [a, b, c, d] = steps;
        let weigh = |quarter: usize, step| l.mul(l.add(start, l.load(&RAMP[quarter])), step);
        self.weighted = l.add(self.weighted, total(l, [weigh(0, a), weigh(1, b), weigh(2, c), weigh(3, d)]));
        let above = [l.positive(a), l.positive(b), l.positive(c), l.positive(d)];
        self.above = l.add(self.above, total(l, above));
    }

    #[inline(always)]
    pub(super) fn end(self) -> Moments {
        let total = |lanes: L::V| {
            let [a, b, c, d] = self.lanes.store(lanes);
            (a + b) + (c + d)
        };
        Moments {
            sum: total(self.sum),
            squares: total(self.squares),
            weighted: total(self.weighted),
            above: total(self.above),
        }
    }
}

/// The sum of four, always in the same order.
#[inline(always)]
fn total<L: Lanes>(l: L, [a, b, c, d]: [L::V; 4]) -> L::V {
    l.add(l.add(a, b), l.add(c, d))
}

/// Four places from `at` on; every caller stays inside.
#[inline(always)]
fn four(places: &[f64; BLOCK + 1], at: usize) -> [f64; LANES] {
    [places[at], places[at + 1], places[at + 2], places[at + 3]]
}

const RAMP: [[f64; LANES]; 4] =
    [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0], [8.0, 9.0, 10.0, 11.0], [12.0, 13.0, 14.0, 15.0]];

impl Moments {
    /// The moments of a whole curve.
    #[inline(always)]
    pub(super) fn of<L: Lanes>(lanes: L, equity: &[f64]) -> Self {
        let mut sums = Sums::new(lanes);
        let whole = equity.len().saturating_sub(1) / BLOCK;
        sums.add_blocks(equity, (0, whole));
        let rest = equity.get(whole * BLOCK..).unwrap_or_default();
        if let Some(last) = rest.last().filter(|_| rest.len() > 1) {
            // What is missing from the last block changes nothing.
            let mut places = [*last; BLOCK + 1];
            places[..rest.len()].copy_from_slice(rest);
            sums.add_block(whole * BLOCK, &places);
        }
        sums.end()
    }
}

/// The deepest fall from a running maximum.
///
/// The result is the largest of `1 - value / peak` over all values, to the bit, however many of them are looked at: a
/// value that stays above `floor` cannot be the one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fall {
    pub(super) peak: f64,
    pub(super) deepest: f64,
}

/// Far above any rounding error of the fractions compared, far below any fall that matters.
const SLACK: f64 = 1e-9;

impl Fall {
    pub(super) const fn new() -> Self {
        Self { peak: f64::NEG_INFINITY, deepest: 0.0 }
    }

    /// A value below this part of the peak may be the deepest.
    #[inline(always)]
    pub(super) fn part(&self) -> f64 {
        1.0 - self.deepest + SLACK
    }

    /// Takes the next value.
    #[inline(always)]
    pub(super) fn see(&mut self, value: f64) {
        self.peak = larger(self.peak, value);
        if value < self.peak * self.part() {
            self.deepest = larger(self.deepest, 1.0 - value / self.peak);
        }
    }

    /// Takes every value in order.
    #[inline(always)]
    pub(super) fn see_all(&mut self, values: &[f64]) {
        let Self { mut peak, mut deepest } = *self;
        let mut part = self.part();
        for value in values {
            peak = larger(peak, *value);
            if *value < peak * part {
                deepest = larger(deepest, 1.0 - value / peak);
                part = 1.0 - deepest + SLACK;
            }
        }
        (self.peak, self.deepest) = (peak, deepest);
    }
}

/// The larger of two; the first where one is no number.
#[inline(always)]
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// The smaller of two; the first where one is no number.
#[inline(always)]
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}
