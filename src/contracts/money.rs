//! Money in whole numbers: won as `i64`, prices and averages in ten-thousandths of a won, shares of a whole in millionths.
//!
//! JSON knows no such numbers, so a price is written as an integer when it is whole and as the shortest decimal when it is
//! not. What is read is brought to the nearest step once, here; nothing behind this file counts money in floats.

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

use super::json::Json;

/// The largest sum of won that is taken for one: ten trillion. Sums of them stay far below what an `i64` holds.
pub const MAX_WON: i64 = 10_000_000_000_000;
/// The largest price of one share that is taken for one, in won.
pub const MAX_PRICE: i64 = 1_000_000_000;
/// The most shares of one holding.
pub const MAX_QUANTITY: i64 = 1_000_000_000;

const STEPS: i64 = 10_000;
const MILLION: i64 = 1_000_000;

/// A price or an average of prices in ten-thousandths of a won; not negative, at most [`MAX_PRICE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(i64);

impl Price {
    /// A price of whole won; `None` when it is negative or too large.
    #[must_use]
    pub fn won(won: i64) -> Option<Self> {
        (0..=MAX_PRICE).contains(&won).then(|| Self(won * STEPS))
    }

    /// A number as documents hold it, at the nearest ten-thousandth; `None` when it is negative or too large.
    #[must_use]
    pub fn number(value: f64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "both bounds are small")]
        let (most, steps) = (MAX_PRICE as f64, STEPS as f64);
        #[expect(clippy::cast_possible_truncation, reason = "at most ten trillion steps")]
        (0.0..=most).contains(&value).then(|| Self((value * steps).round() as i64))
    }

    /// A JSON number; `None` for anything else.
    #[must_use]
    pub fn of(json: &Json) -> Option<Self> {
        match json.as_integer() {
            Some(won) => Self::won(won),
            None => Self::number(json.as_number()?),
        }
    }

    /// Whether anything can be paid with it.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Ten-thousandths of a won.
    #[must_use]
    pub fn steps(self) -> i64 {
        self.0
    }

    /// Whole won, the rest cut off.
    #[must_use]
    pub fn floor(self) -> i64 {
        self.0 / STEPS
    }

    /// Whole won, a rest counted as one more.
    #[must_use]
    pub fn ceil(self) -> i64 {
        (self.0 + STEPS - 1) / STEPS
    }

    /// So many shares in whole won, the rest cut off. Both factors are bounded, so it fits.
    #[must_use]
    pub fn times(self, quantity: i64) -> i64 {
        narrow(i128::from(self.0) * i128::from(quantity) / i128::from(STEPS))
    }

    /// So many shares in whole won, a rest counted as one more.
    #[must_use]
    pub fn times_up(self, quantity: i64) -> i64 {
        let steps = i128::from(STEPS);
        narrow((i128::from(self.0) * i128::from(quantity) + steps - 1) / steps)
    }
}

/// Saturates, which the bounds of prices and quantities never need.
fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % STEPS == 0 {
            return serializer.serialize_i64(self.0 / STEPS);
        }
        // At most 10^13 steps: the nearest float is the one that reads back as the same step, and prints as its decimal.
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        serializer.serialize_f64(self.0 as f64 / STEPS as f64)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::number(value).ok_or_else(|| serde::de::Error::custom("no price"))
    }
}

/// A share of a whole in millionths, 0 to one million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(i64);

impl Share {
    /// A fraction from 0 to 1 at the nearest millionth; `None` for anything else.
    #[must_use]
    pub fn fraction(value: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "at most a million")]
        (0.0..=1.0).contains(&value).then(|| Self((value * 1e6).round() as i64))
    }

    /// This share of a sum, the rest of a won cut off.
    #[must_use]
    pub fn of_down(self, won: i64) -> i64 {
        narrow((i128::from(won) * i128::from(self.0)).div_euclid(i128::from(MILLION)))
    }

    /// This share of a sum, a rest counted as one more won.
    #[must_use]
    pub fn of_up(self, won: i64) -> i64 {
        let million = i128::from(MILLION);
        narrow((i128::from(won) * i128::from(self.0) + million - 1).div_euclid(million))
    }
}

/// `part` of `whole` in tenths of a percent, half a tenth counted as one; 1000 of nothing.
#[must_use]
pub fn tenths_of_percent(part: i64, whole: i64) -> i64 {
    if whole == 0 {
        return 1_000;
    }
    let (part, whole) = (i128::from(part), i128::from(whole));
    narrow((part * 2_000 + whole).div_euclid(whole * 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_price_is_written_as_short_as_it_can_be() {
        for (text, steps) in [("60720", 607_200_000), ("15580.5", 155_805_000), ("0.0001", 1), ("0", 0)] {
            let price: Price = serde_json::from_str(text).expect(text);
            assert_eq!(price.steps(), steps, "{text}");
            assert_eq!(serde_json::to_string(&price).expect(text), text);
        }
        for text in ["-1", "1e10", "\"5\"", "null"] {
            assert!(serde_json::from_str::<Price>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_rounded_to_the_side_that_is_said() {
        let tenth = Share::fraction(0.1).expect("a share");
        assert_eq!((tenth.of_down(1_005), tenth.of_up(1_005), tenth.of_up(1_000)), (100, 101, 100));
        for value in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::fraction(value), None, "{value}");
        }
        let cases = [(5_000_000, 9_503_400, 526), (0, 0, 1_000), (0, 5, 0), (5, 5, 1_000), (1, 8, 125), (1, 16, 63)];
        for (part, whole, want) in cases {
            assert_eq!(tenths_of_percent(part, whole), want, "{part} of {whole}");
        }
    }

    proptest! {
        #[test]
        fn prop_a_price_reads_back_as_it_was_written(steps in 0..=MAX_PRICE * STEPS) {
            let text = serde_json::to_string(&Price(steps)).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Price>(&text).expect("a price"), Price(steps), "{}", text);
        }

        #[test]
        fn prop_products_differ_by_the_cut_rest_only(steps in 0..=MAX_PRICE * STEPS, quantity in 0..=MAX_QUANTITY) {
            let (down, up) = (Price(steps).times(quantity), Price(steps).times_up(quantity));
            prop_assert!(down <= up && up - down <= 1);
        }
    }
}
