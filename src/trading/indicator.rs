//! Indicators over bars. Windows are counted in bars; a value is undefined until its window is full, nothing is filled.
//!
//! A [`Line`] has one value per bar. Every value rests on its own bar and earlier ones only: cutting off the future
//! changes nothing that came before.

use super::bars::Bars;

/// One value per bar; undefined ones are `None` outside.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// NaN stands for undefined, so that it spreads through arithmetic by itself.
    values: Vec<f64>,
}

impl Line {
    /// The value at a bar; `None` where it is undefined or there is no such bar.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<f64> {
        self.values.get(index).copied().filter(|value| !value.is_nan())
    }

    /// The values; NaN where undefined.
    #[must_use]
    pub fn raw(&self) -> &[f64] {
        &self.values
    }

    /// The first bar with a value.
    #[must_use]
    pub fn first_defined(&self) -> Option<usize> {
        self.values.iter().position(|value| !value.is_nan())
    }
}

/// The mean of the last `n` values.
///
/// Sums of whole numbers are exact, so two means over a flat stretch of whole won are equal to the last bit. An undefined
/// value makes every window that holds it undefined.
///
/// ```
/// use daily_ops::trading::indicator::sma;
/// let line = sma(&[1.0, 2.0, 6.0], 2);
/// assert_eq!([line.at(0), line.at(1), line.at(2)], [None, Some(1.5), Some(4.0)]);
/// ```
#[must_use]
pub fn sma(values: &[f64], n: usize) -> Line {
    let mut means = vec![f64::NAN; values.len()];
    #[expect(clippy::cast_precision_loss, reason = "a window is far below 2^52 bars")]
    let count = n as f64;
    // `sums[k]` is the sum of the first k values since the last undefined one.
    let mut sums = vec![0.0];
    for (value, mean) in values.iter().zip(&mut means) {
        if value.is_nan() {
            sums = vec![0.0];
            continue;
        }
        let total = sums.last().copied().unwrap_or_default() + value;
        sums.push(total);
        if n > 0 && sums.len() > n {
            *mean = (total - sums[sums.len() - 1 - n]) / count;
        }
    }
    Line { values: means }
}

/// Sums from the first value on, for means of many lengths over the same values.
///
/// ```
/// use daily_ops::trading::indicator::RunningSums;
/// use daily_ops::trading::indicator::sma;
/// let values = [1.0, 2.0, 6.0];
/// let sums = RunningSums::of(&values).ok_or("a value is undefined")?;
/// assert_eq!(sums.mean(2).raw()[1..], sma(&values, 2).raw()[1..]);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct RunningSums(Vec<f64>);

impl RunningSums {
    /// Adds the values up; `None` when one of them is undefined.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sums = Vec::with_capacity(values.len() + 1);
        let mut total = 0.0;
        sums.push(total);
        for value in values {
            total += value;
            sums.push(total);
        }
        (!total.is_nan()).then_some(Self(sums))
    }

    /// The mean of the last `n` values: the same bits as [`sma`].
    #[must_use]
    pub fn mean(&self, n: usize) -> Line {
        #[expect(clippy::cast_precision_loss, reason = "a window is far below 2^52 bars")]
        let count = n as f64;
        let length = self.0.len() - 1;
        let mut values = Vec::with_capacity(length);
        values.resize(n.saturating_sub(1).min(length), f64::NAN);
        match self.0.get(n..) {
            Some(ends) if n > 0 => values.extend(ends.iter().zip(&self.0).map(|(end, start)| (end - start) / count)),
            _ => values.resize(length, f64::NAN),
        }
        Line { values }
    }
}

/// The true range of each bar; the first bar has no previous close and takes its own range.
#[must_use]
pub fn true_range(bars: &Bars) -> Vec<f64> {
    let range = |i: usize| {
        let (high, low) = (bars.high[i], bars.low[i]);
        match i.checked_sub(1) {
            None => high - low,
            Some(before) => {
                let close = bars.close[before];
                (high - low).max((high - close).abs()).max((low - close).abs())
            }
        }
    };
    (0..bars.len()).map(range).collect()
}

/// Upward and downward movement of each bar; undefined on the first.
fn movement(bars: &Bars) -> (Vec<f64>, Vec<f64>) {
    let step = |i: usize| match i.checked_sub(1) {
        None => (f64::NAN, f64::NAN),
        Some(before) => ((bars.high[i] - bars.high[before]).max(0.0), (bars.low[before] - bars.low[i]).max(0.0)),
    };
    (0..bars.len()).map(step).unzip()
}

/// `|plus - minus| / |plus + minus| * 100`; undefined where both are zero.
fn directional_index(plus: f64, minus: f64) -> f64 {
    let total = (plus + minus).abs();
    if total == 0.0 { f64::NAN } else { (plus - minus).abs() / total * 100.0 }
}

/// The average directional index by simple means over `n` bars: the mean of the directional index, whose two sides are
/// `100 * mean(movement) / mean(true range)`. First defined at bar `2n - 1`.
#[must_use]
pub fn adx(bars: &Bars, n: usize) -> Line {
    let (up, down) = movement(bars);
    let (up, down, range) = (sma(&up, n), sma(&down, n), sma(&true_range(bars), n));
    let side = |line: &Line, i: usize| 100.0 * line.values[i] / range.values[i];
    let index: Vec<f64> = (0..bars.len()).map(|i| directional_index(side(&up, i), side(&down, i))).collect();
    sma_of_window(&index, n)
}

/// Like [`sma`], but every window is added up afresh: values that are no whole numbers leave no trace of older ones.
fn sma_of_window(values: &[f64], n: usize) -> Line {
    #[expect(clippy::cast_precision_loss, reason = "a window is far below 2^52 bars")]
    let count = n as f64;
    let mean = |i: usize| match (i + 1).checked_sub(n) {
        Some(start) if n > 0 => values[start..=i].iter().sum::<f64>() / count,
        _ => f64::NAN,
    };
    Line { values: (0..values.len()).map(mean).collect() }
}

/// The average directional index after Wilder: movements count only when they exceed the opposite one, and every mean is
/// recursive with weight `1/n`. Computed afresh over the last `5n` bars at each bar; first defined at bar `5n - 1`.
#[must_use]
pub fn adx_wilder(bars: &Bars, n: usize) -> Line {
    let window = 5 * n;
    let value = |i: usize| match (i + 1).checked_sub(window) {
        Some(start) if n > 0 => wilder_over(bars, start, i, n),
        _ => f64::NAN,
    };
    Line { values: (0..bars.len()).map(value).collect() }
}

fn wilder_over(bars: &Bars, start: usize, end: usize, n: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a window is far below 2^52 bars")]
    let alpha = 1.0 / n as f64;
    let blend = |old: Option<f64>, new: f64| Some(old.map_or(new, |old| old + alpha * (new - old)));
    let (mut up, mut down, mut range, mut adx) = (None, None, None, None);
    for i in start + 1..=end {
        let (rise, fall) = (bars.high[i] - bars.high[i - 1], bars.low[i - 1] - bars.low[i]);
        let plus = if rise > fall && rise > 0.0 { rise } else { 0.0 };
        let minus = if fall > rise && fall > 0.0 { fall } else { 0.0 };
        let close = bars.close[i - 1];
        let true_range =
            (bars.high[i] - bars.low[i]).max((bars.high[i] - close).abs()).max((bars.low[i] - close).abs());
        (up, down, range) = (blend(up, plus), blend(down, minus), blend(range, true_range));
        if let (Some(up), Some(down), Some(range)) = (up, down, range) {
            let index = directional_index(100.0 * up / range, 100.0 * down / range);
            if !index.is_nan() {
                adx = blend(adx, index);
            }
        }
    }
    adx.unwrap_or(f64::NAN)
}

/// The momentum score: close over its mean of `n` bars, minus one.
#[must_use]
pub fn momentum(close: &[f64], n: usize) -> Line {
    let mean = sma(close, n);
    Line { values: close.iter().zip(&mean.values).map(|(close, mean)| close / mean - 1.0).collect() }
}

/// The population standard deviation of the last `n` simple daily returns, as a fraction. First defined at bar `n`.
#[must_use]
pub fn volatility(close: &[f64], n: usize) -> Line {
    let value = |i: usize| match i.checked_sub(n) {
        Some(start) if n > 0 => population_sd(close[start..=i].windows(2).map(|pair| pair[1] / pair[0] - 1.0)),
        _ => f64::NAN,
    };
    Line { values: (0..close.len()).map(value).collect() }
}

/// The standard deviation with the number of values as denominator; NaN without values.
#[must_use]
pub fn population_sd(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (count, sum) = values.clone().fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    let mean = sum / count;
    (values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count).sqrt()
}

/// The relative strength index after Wilder: gains and losses start as means of the first `n` changes and then blend with
/// weight `1/n`. 100 without losses, 50 without any change. First defined at bar `n`.
#[must_use]
pub fn rsi(close: &[f64], n: usize) -> Line {
    let mut values = vec![f64::NAN; close.len()];
    #[expect(clippy::cast_precision_loss, reason = "a window is far below 2^52 bars")]
    let count = n as f64;
    let (mut gain, mut loss) = (0.0, 0.0);
    for (i, pair) in close.windows(2).enumerate() {
        if n == 0 {
            break;
        }
        let change = pair[1] - pair[0];
        let (up, down) = (change.max(0.0), (-change).max(0.0));
        if i < n {
            gain += up / count;
            loss += down / count;
        } else {
            gain += (up - gain) / count;
            loss += (down - loss) / count;
        }
        if i + 1 >= n {
            values[i + 1] = match (gain > 0.0, loss > 0.0) {
                (_, true) => 100.0 - 100.0 / (1.0 + gain / loss),
                (true, false) => 100.0,
                (false, false) => 50.0,
            };
        }
    }
    Line { values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bars(rows: &[[f64; 3]]) -> Bars {
        let mut bars = Bars::default();
        let first: crate::time::TradingDate = "2024-01-02".parse().expect("a date");
        for (day, [high, low, close]) in first.iter_days().zip(rows) {
            bars.push(day, [*close, *high, *low, *close, 1.0]);
        }
        bars
    }

    #[test]
    fn each_indicator_is_first_defined_at_its_bar() {
        let rows: Vec<[f64; 3]> = (0..60)
            .map(|i| {
                let close = 1_000.0 + f64::from((i * 37) % 23) * 10.0;
                [close + 5.0 + f64::from(i % 3), close - 5.0 - f64::from(i % 4), close]
            })
            .collect();
        let bars = bars(&rows);
        let cases = [
            ("sma 5", sma(&bars.close, 5), 4),
            ("adx 7", adx(&bars, 7), 13),
            ("wilder 7", adx_wilder(&bars, 7), 34),
            ("momentum 20", momentum(&bars.close, 20), 19),
            ("volatility 14", volatility(&bars.close, 14), 14),
            ("rsi 14", rsi(&bars.close, 14), 14),
        ];
        for (name, line, first) in cases {
            assert_eq!(line.first_defined(), Some(first), "{name}");
            assert_eq!(line.raw().len(), 60, "{name}");
        }
    }

    #[test]
    fn the_values_are_those_of_the_definitions() {
        let bars = bars(&[[10.0, 8.0, 9.0], [12.0, 9.0, 11.0], [11.0, 7.0, 8.0], [13.0, 10.0, 12.0]]);
        assert_eq!(true_range(&bars), [2.0, 3.0, 4.0, 5.0]);
        // n = 2: movement up 2, 0, 2; down 0, 2, 0; means 1, 1 and 1, 1; equal sides give 0.
        assert_eq!(adx(&bars, 2).raw()[3].to_bits(), 0.0_f64.to_bits());
        let cases = [
            ("only gains", [1.0, 2.0, 3.0], Some(100.0)),
            ("only losses", [3.0, 2.0, 1.0], Some(0.0)),
            ("flat", [2.0, 2.0, 2.0], Some(50.0)),
            ("both", [2.0, 3.0, 2.0], Some(50.0)),
        ];
        for (name, close, want) in cases {
            assert_eq!(rsi(&close, 2).at(2), want, "{name}");
        }
        let sd = volatility(&[100.0, 110.0, 99.0], 2).at(2).expect("defined");
        assert!((sd - 0.1).abs() < 1e-12, "{sd}");
    }

    #[test]
    fn a_flat_stretch_has_no_directional_index() {
        let bars = bars(&[[10.0, 10.0, 10.0]; 12]);
        assert_eq!(adx(&bars, 3).first_defined(), None);
        let close = [70_300.0; 300];
        let (fast, slow) = (sma(&close, 7), sma(&close, 120));
        assert!((120..300).all(|i| fast.raw()[i].to_bits() == slow.raw()[i].to_bits()));
    }

    proptest! {
        #[test]
        fn running_sums_give_the_bits_of_the_mean(closes in prop::collection::vec(0.01_f64..900_000.0, 0..60), n in 0_usize..70) {
            let sums = RunningSums::of(&closes).expect("every value is a number");
            let bits = |line: &Line| line.raw().iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&sums.mean(n)), bits(&sma(&closes, n)));
        }

        #[test]
        fn the_future_changes_no_value(closes in prop::collection::vec(1_u32..900_000, 2..120), cut in 1_usize..120) {
            let rows: Vec<[f64; 3]> = closes.iter().map(|c| f64::from(*c)).map(|c| [c * 1.01, c * 0.99, c]).collect();
            let (all, cut) = (bars(&rows), cut.min(rows.len()));
            let short = all.truncated(cut);
            let lines = |b: &Bars| [
                sma(&b.close, 9), adx(b, 5), adx_wilder(b, 4), momentum(&b.close, 9), volatility(&b.close, 9), rsi(&b.close, 9),
            ];
            for (long, short) in lines(&all).iter().zip(lines(&short)) {
                for (a, b) in long.raw().iter().zip(short.raw()) {
                    prop_assert_eq!(a.to_bits(), b.to_bits());
                }
            }
        }
    }
}
