//! Seeded random search without replacement.
//!
//! The generator is SplitMix64: a counter that grows by the constant 0x9E3779B97F4A7C15, mixed by two multiplications
//! and three shifts. Numbers below a bound come from the upper half of a 128-bit product, and the few products that would
//! favor small numbers are drawn again. Points are drawn by a Fisher-Yates shuffle of the point numbers that keeps only
//! the entries it has moved. Integers alone decide, so the same seed gives the same trials on every machine; the first
//! trials are the same however many are asked for.

use std::collections::BTreeMap;

use super::space::Point;
use super::space::Space;

/// The generator.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Starts at a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, each as likely as another; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        #![expect(clippy::cast_possible_truncation, reason = "the two halves of a product")]
        if bound == 0 {
            return 0;
        }
        let unfair = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.draw()) * u128::from(bound);
            if product as u64 >= unfair {
                return (product >> 64) as u64;
            }
        }
    }
}

/// The points of a search in the order of its trials. A space with fewer points than `trials` is exhausted.
#[must_use]
pub fn sample(space: &Space, seed: u64, trials: usize) -> Vec<Point> {
    let size = space.size();
    let count = u64::try_from(trials).unwrap_or(u64::MAX).min(size);
    let mut random = SplitMix64::new(seed);
    let mut moved: BTreeMap<u64, u64> = BTreeMap::new();
    let mut points = Vec::new();
    for place in 0..count {
        let other = place + random.below(size - place);
        let drawn = moved.get(&other).copied().unwrap_or(other);
        let here = moved.get(&place).copied().unwrap_or(place);
        moved.insert(other, here);
        points.push(space.point(drawn));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // The first outputs for the seed 1234567 as the algorithm's author published them.
        let mut random = SplitMix64::new(1_234_567);
        let found: Vec<u64> = (0..5).map(|_| random.draw()).collect();
        let want = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn the_seed_42_gives_the_same_trials_for_ever() {
        let points = sample(&Space::default(), 42, 3);
        let shown: Vec<String> = points.iter().map(|point| serde_json::to_string(point).expect("JSON")).collect();
        let want: [&str; 3] = [
            r#"{"max_positions":5,"momentum_period":45,"stop_loss":-0.05}"#,
            r#"{"max_positions":2,"momentum_period":50,"stop_loss":-0.06}"#,
            r#"{"max_positions":3,"momentum_period":28,"stop_loss":-0.01}"#,
        ];
        assert_eq!(shown, want);
    }

    #[test]
    fn a_small_space_is_exhausted() {
        let names = ["momentum_period=8..9", "stop_loss=-0.02..-0.01", "max_positions=2..2"].map(str::to_owned);
        let space = Space::with(&names).expect("a space");
        let points = sample(&space, 42, 50);
        assert_eq!(points.len(), 4);
        let distinct: BTreeSet<String> = points.iter().map(|point| format!("{point:?}")).collect();
        assert_eq!(distinct.len(), 4);
    }

    proptest! {
        #[test]
        fn prop_no_point_is_drawn_twice_and_more_trials_only_add(seed: u64, few in 0_usize..40, more in 0_usize..40) {
            let space = Space::default();
            let short = sample(&space, seed, few);
            let long = sample(&space, seed, few + more);
            prop_assert_eq!(&long[..few], &short[..]);
            let distinct: BTreeSet<String> = long.iter().map(|point| format!("{point:?}")).collect();
            prop_assert_eq!(distinct.len(), long.len());
        }

        #[test]
        fn prop_a_number_is_below_its_bound(seed: u64, bound in 1_u64..) {
            prop_assert!(SplitMix64::new(seed).below(bound) < bound);
        }
    }
}
