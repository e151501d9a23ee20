//! After each pass the mark says at least the id that was let through, and after a pause it says just that.

use super::*;
use crate::store::MarkFound;
use crate::store::Store;
use crate::time::Clock as _;
use crate::time::SystemClock;

const MARK: &str = "live_obs.mark";

/// A mark that says 10, and the reserve that keeps it.
fn place() -> (tempfile::TempDir, Store, IdReserve) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let reserve = IdReserve::start(store.mark(MARK, 10).expect("a mark"), 10).expect("a thread");
    (dir, store, reserve)
}

fn noted(store: &Store) -> u64 {
    match store.read_mark(MARK).expect("readable") {
        MarkFound::Number(number, _) => number,
        MarkFound::Missing | MarkFound::Damaged => panic!("no mark"),
    }
}

fn until_noted(store: &Store, number: u64) {
    let clock = SystemClock::new();
    while noted(store) != number {
        assert!(clock.monotonic() < Duration::from_secs(30), "{} is not {number}", noted(store));
        clock.wait(Duration::from_millis(5));
    }
}

#[test]
fn what_was_let_through_is_noted_and_after_a_pause_nothing_more() {
    let (_dir, store, reserve) = place();
    let gate = reserve.gate();
    assert_eq!(noted(&store), 10);
    for last in [11, 12, 267, 268, 5_000] {
        gate.pass(last);
        assert!((last..=last + AHEAD).contains(&noted(&store)), "{last}: {}", noted(&store));
    }
    until_noted(&store, 5_000);
    gate.pass(5_001);
    assert!(noted(&store) >= 5_001);
    until_noted(&store, 5_001);
    assert!(!reserve.is_failing());
}

#[test]
fn no_race_between_a_pass_and_the_setting_back_lets_an_id_through_unnoted() {
    let (_dir, store, reserve) = place();
    let (gate, clock) = (reserve.gate(), SystemClock::new());
    for last in 11..=30 {
        // About as long as the pause is, once a little less and once a little more.
        clock.wait(PAUSE - Duration::from_millis(2) + Duration::from_micros((last - 11) * 200));
        gate.pass(last);
        let late = reserve.shared.lock().is_late;
        assert!(noted(&store) >= last || late, "{last}: {}", noted(&store));
    }
}

#[test]
fn the_end_gives_the_mark_back_and_holds_nobody_up() {
    let (_dir, store, reserve) = place();
    let gate = reserve.gate();
    gate.pass(11);
    let mark = reserve.end().expect("the mark");
    mark.close(11).expect("closed");
    gate.pass(12);
    assert_eq!(noted(&store), 11, "whoever ended it says what is last");
}

#[test]
fn a_note_that_does_not_come_costs_one_wait_and_what_comes_then_is_whole() {
    let (_dir, store, reserve) = place();
    let (gate, clock) = (reserve.gate(), SystemClock::new());
    {
        // Stands for a disk that stands still: the thread cannot tell that it is done.
        let mut held = reserve.shared.lock();
        held.is_late = true;
    }
    for last in 11..=1_000 {
        gate.pass(last);
    }
    assert!(clock.monotonic() < Duration::from_secs(10), "nobody waited a thousand times");
    until_noted(&store, 1_000);
    assert!(!reserve.shared.lock().is_late, "it is back");
}
