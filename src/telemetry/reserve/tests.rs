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
        assert!(noted(&store) <= last + AHEAD, "{last}: {}", noted(&store));
        assert!(noted(&store) >= last || reserve.shared.lock().is_late, "{last}: {}", noted(&store));
    }
    until_noted(&store, 5_000);
    gate.pass(5_001);
    until_noted(&store, 5_001);
    assert!(!reserve.is_failing());
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

/// A reserve of ids up to 10 whose thread is the test.
fn by_hand() -> Arc<Shared> {
    let (is_late, is_failing, has_ended) = (false, false, false);
    let state = State { given: 10, noted: 10, wanted: 10, is_late, is_failing, has_ended };
    Arc::new(Shared { state: Mutex::new(state), change: Condvar::new() })
}

#[test]
fn a_note_that_does_not_come_costs_one_wait_for_all() {
    let shared = by_hand();
    let (gate, clock) = (IdGate(Arc::clone(&shared)), SystemClock::new());
    for last in 11..=1_000 {
        gate.pass(last);
    }
    assert!((PATIENCE..PATIENCE * 100).contains(&clock.monotonic()), "one wait, and not a thousand");
    assert!(shared.lock().is_late);
    assert_eq!(shared.due(), Some(1_000 + AHEAD), "what comes then is whole");
}

#[test]
fn a_mark_that_cannot_be_set_is_tried_again_until_it_can() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let shared = by_hand();
    let gate = IdGate(Arc::clone(&shared));
    shared.lock().is_failing = true;
    shared.lock().is_late = true;
    gate.pass(11);
    assert_eq!(shared.due(), Some(11 + AHEAD), "after a while");
    assert!(shared.lock().is_failing, "until it is done");
    let keeper = Arc::clone(&shared);
    let mark = store.mark(MARK, 10).expect("a mark");
    let thread = std::thread::spawn(move || keeper.keep(mark));
    until_noted(&store, 11);
    assert!(!shared.lock().is_failing && !shared.lock().is_late);
    shared.lock().has_ended = true;
    shared.change.notify_all();
    thread.join().expect("the mark");
}

#[test]
fn while_the_mark_is_set_back_no_id_passes_on_what_it_said_before() {
    let shared = by_hand();
    // Ids up to 266 are noted, 10 was given, and a pause begins.
    shared.lock().noted = 10 + AHEAD;
    shared.lock().wanted = 10 + AHEAD;
    let gate = IdGate(Arc::clone(&shared));
    assert_eq!(shared.due(), Some(10), "the mark is about to say 10");
    gate.pass(11);
    assert!(shared.lock().is_late, "it has waited for a note, and did not rely on the old one");
    assert_eq!(shared.due(), Some(11 + AHEAD), "which comes next");
}
