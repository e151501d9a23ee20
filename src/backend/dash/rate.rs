//! How many events other programs may hand in: a bucket that fills with time.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// Events a second, and in one go.
const PER_SECOND: u32 = 20_000;
/// What one event costs.
const COST: Duration = Duration::from_nanos(1_000_000_000 / PER_SECOND as u64);
/// A full bucket.
const FULL: Duration = Duration::from_secs(1);

/// The bucket. It holds time: a second of it is worth as many events as a second may bring.
#[derive(Debug)]
pub(crate) struct Rate {
    /// What is in it, and when that was so.
    level: Mutex<(Duration, Duration)>,
}

impl Default for Rate {
    fn default() -> Self {
        Self { level: Mutex::new((FULL, Duration::ZERO)) }
    }
}

impl Rate {
    /// Takes the share of so many events, all or nothing. `at` is a time that never jumps.
    pub(crate) fn take(&self, events: usize, at: Duration) -> bool {
        let cost = COST.saturating_mul(u32::try_from(events).unwrap_or(u32::MAX));
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = *level;
        let left = (left + at.saturating_sub(since)).min(FULL);
        let rest = left.checked_sub(cost);
        *level = (rest.unwrap_or(left), at.max(since));
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_second_brings_as_many_events_as_it_may() {
        let rate = Rate::default();
        let at = Duration::from_secs;
        assert!(rate.take(20_000, at(5)), "a full bucket");
        assert!(!rate.take(1, at(5)), "an empty one");
        assert!(rate.take(500, at(5) + Duration::from_millis(25)), "what came since");
        assert!(!rate.take(1, at(5) + Duration::from_millis(25)));
        assert!(!rate.take(1, at(4)), "a time that is past gives nothing");
        assert!(!rate.take(20_001, at(100)), "more than a bucket holds");
        assert!(rate.take(20_000, at(100)), "what was refused cost nothing");
    }

    proptest! {
        #[test]
        fn prop_nobody_gets_more_than_the_bucket_and_what_flows_in(
            asks in prop::collection::vec((0_u64..400, 1_usize..3000), 1..80)
        ) {
            let rate = Rate::default();
            let (mut at, mut given) = (Duration::ZERO, 0_u128);
            for (pause, events) in asks {
                at += Duration::from_millis(pause);
                if rate.take(events, at) {
                    given += events as u128;
                }
                prop_assert!(given <= u128::from(PER_SECOND) * (1000 + at.as_millis()) / 1000);
            }
        }
    }
}
