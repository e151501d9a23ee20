//! When streams write: at once after a quiet time, in rounds under load.
//!
//! One write for each event and subscriber would cost more than everything else together. So all subscribers are woken in
//! rounds, and between two rounds there is a pause that grows with their number. A pause ends early when the events that
//! came in it fill a part of the subscribers' queues.

use std::time::Duration;

use super::Dash;

/// The pause between two rounds, for each subscriber, and its limits.
const PAUSE_EACH: Duration = Duration::from_micros(100);
const PAUSE_LEAST: Duration = Duration::from_millis(5);
const PAUSE_MOST: Duration = Duration::from_millis(100);
/// A pause ends when this part of a queue is full.
const PART: u64 = 4;

fn pause(subscribers: usize) -> Duration {
    let all = PAUSE_EACH.saturating_mul(u32::try_from(subscribers).unwrap_or(u32::MAX));
    all.clamp(PAUSE_LEAST, PAUSE_MOST)
}

impl Dash {
    /// Wakes the streams, for ever.
    pub(crate) async fn pace(&self) {
        let mut news = self.news.subscribe();
        let part = (u64::try_from(self.bus.limits().queue).unwrap_or(u64::MAX) / PART).max(1);
        let mut told = self.bus.ids().last;
        loop {
            news.borrow_and_update();
            let last = self.bus.ids().last;
            if last == told {
                if news.changed().await.is_err() {
                    return;
                }
                continue;
            }
            told = last;
            self.rounds.send_replace(());
            let mut pause = std::pin::pin!(tokio::time::sleep(pause(self.rounds.receiver_count())));
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    changed = news.changed() => {
                        if changed.is_err() || self.bus.ids().last.saturating_sub(told) >= part {
                            break;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_the_subscribers_between_its_limits() {
        for (subscribers, millis) in [(0, 5), (1, 5), (50, 5), (200, 20), (1_000, 100), (20_000, 100)] {
            assert_eq!(pause(subscribers), Duration::from_millis(millis), "{subscribers}");
        }
    }
}
