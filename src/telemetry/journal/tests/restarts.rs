//! Restarts: after a stop, a kill, a torn line, a power cut, and in any order.

use super::*;
use crate::time::SystemClock;
use proptest::prelude::*;

fn tear(site: &Site, text: &str) {
    let path = site.store.path(LOG);
    let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("the log");
    file.write_all(text.as_bytes()).expect("written");
}

#[test]
fn ids_and_events_go_on_after_a_stop_and_after_a_kill() {
    let site = Site::new();
    let mut keeper = site.keeper();
    keeper.publish(3);
    keeper.recorder.finish();
    drop(keeper);
    let mut keeper = site.keeper();
    assert_eq!(keeper.bus.recent().iter().map(|frame| frame.event.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(keeper.publish(2), [4, 5]);
    keeper.turn();
    // Seen by subscribers, but never written.
    assert_eq!(keeper.publish(2), [6, 7]);
    drop(keeper);
    let mut keeper = site.keeper();
    assert_eq!(keeper.bus.recent().len(), 5);
    let after = keeper.publish(1)[0];
    assert!((8..=8 + 256).contains(&after), "{after}");
    keeper.recorder.finish();
    drop(keeper);
    let keeper = site.keeper();
    assert_eq!(keeper.publish(1), [after + 1], "a stop leaves no hole");
    assert_eq!(keeper.status().bad_lines, 0);
}

#[test]
fn a_kill_in_the_middle_of_a_line_costs_that_line_alone() {
    for (torn, next) in [
        ("{\"contract_version\":\"v1\",\"id\":9,\"typ", 10),
        ("{\"con", 4),
        ("{\"contract_version\":\"v1\",\"id\":9", 4),
    ] {
        let site = Site::new();
        let mut keeper = site.keeper();
        keeper.publish(3);
        keeper.turn();
        drop(keeper);
        // The log alone must do.
        site.store.remove("metrics/live_obs.mark").expect("removed");
        tear(&site, torn);
        let mut keeper = site.keeper();
        assert_eq!(keeper.status().bad_lines, 1);
        assert_eq!(keeper.publish(1), [next], "{torn}");
        keeper.turn();
        let text = site.text(LOG);
        assert_eq!(text.lines().count(), 5);
        assert!(text.ends_with('\n') && text.lines().nth(3) == Some(torn));
        assert_eq!(site.logged(), [next, 3, 2, 1]);
    }
}

#[test]
fn a_log_that_ends_in_lines_that_are_no_rows_still_tells_its_ids() {
    let site = Site::new();
    let mut keeper = site.keeper();
    keeper.publish(3);
    keeper.turn();
    drop(keeper);
    tear(
        &site,
        "garbage\n\0\0\0\n{\"id\":99999999999999999999,\"type\":\"x\",\"ts\":1}\n{\"type\":\"metrics-sample\",\"ts\":1}\n{\"id\":2,\"type\":\"x\",\"ts\":5}\n",
    );
    site.store.remove("metrics/live_obs.mark").expect("removed");
    let keeper = site.keeper();
    assert_eq!(keeper.status().bad_lines, 4, "three lines, and one event without its members");
    assert_eq!(keeper.publish(1), [4]);
}

#[test]
fn without_a_log_ids_begin_at_one_and_a_rotated_log_is_a_log() {
    let site = Site::new();
    let mut keeper = site.keeper();
    keeper.publish(3);
    keeper.recorder.finish();
    drop(keeper);
    std::fs::rename(site.store.path(LOG), site.store.path("metrics/live_obs_20261121_110000.jsonl")).expect("renamed");
    assert_eq!(site.keeper().publish(1), [4]);
    site.store.remove(LOG).expect("removed");
    site.store.remove("metrics/live_obs_20261121_110000.jsonl").expect("removed");
    let keeper = site.keeper();
    assert_eq!(keeper.publish(1), [1]);
    assert_eq!(keeper.status(), JournalStatus::default());
}

#[test]
fn ids_are_found_behind_a_quiet_week() {
    let site = Site::new();
    let mut keeper = site.keeper();
    keeper.publish(3);
    keeper.turn();
    drop(keeper);
    let sample = format!("{{\"ts\":1,\"type\":\"metrics-sample\",\"pad\":\"{}\"}}\n", "x".repeat(400));
    tear(&site, &sample.repeat((5 << 20) / sample.len()));
    site.store.remove("metrics/live_obs.mark").expect("removed");
    let keeper = site.keeper();
    assert_eq!((keeper.publish(1), keeper.bus.recent().len()), (vec![4], 1));
}

#[test]
fn after_a_power_cut_ids_leave_out_what_may_have_been_given() {
    let site = Site::new();
    let mut keeper = site.keeper();
    keeper.publish(3);
    keeper.turn();
    drop(keeper);
    for mark in ["00000000000000000003 open   another-boot\n", "garbage"] {
        site.store.write("metrics/live_obs.mark", mark.as_bytes()).expect("written");
        let opened = site.opened();
        assert_eq!(opened.last_id, 1_000_003, "{mark}");
    }
}

#[test]
fn a_log_that_cannot_be_read_takes_no_id_from_anybody() {
    let site = Site::new();
    std::fs::create_dir_all(site.store.path(LOG)).expect("made");
    let mut keeper = site.keeper();
    assert!(keeper.status().is_failing);
    let first = keeper.publish(1)[0];
    assert!(first > 1_000_000_000_000_000, "{first}");
    site.clock.advance(Duration::from_secs(2));
    keeper.turn();
    assert!(keeper.status().is_failing);
    std::fs::remove_dir(site.store.path(LOG)).expect("removed");
    site.clock.advance(Duration::from_secs(2));
    keeper.turn();
    keeper.turn();
    assert!(!keeper.status().is_failing, "it recovers by itself");
    assert_eq!(site.logged(), [first]);
    drop(keeper);
    assert_eq!(site.keeper().publish(1), [first + 1]);
}

#[test]
fn a_kill_after_a_pause_leaves_no_hole() {
    let site = Site::new();
    let keeper = site.keeper();
    assert_eq!(keeper.publish(1000).len(), 1000);
    let clock = SystemClock::new();
    while site.text("metrics/live_obs.mark")[..20].parse::<u64>().expect("a number") != 1000 {
        assert!(clock.monotonic() < Duration::from_secs(30), "{}", site.text("metrics/live_obs.mark"));
        clock.wait(Duration::from_millis(5));
    }
    drop(keeper);
    let keeper = site.keeper();
    assert_eq!(keeper.publish(1), [1001], "though nothing was written");
}

#[derive(Clone, Debug)]
enum Step {
    Publish(usize),
    Turn,
    Kill,
    Tear(usize),
    Stop,
    Midnight,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..40usize).prop_map(Step::Publish),
        4 => Just(Step::Turn),
        1 => Just(Step::Kill),
        1 => (1..200usize).prop_map(Step::Tear),
        1 => Just(Step::Stop),
        1 => Just(Step::Midnight),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_order_of_publish_kill_and_restart_gives_an_id_twice_or_loses_a_flushed_row(steps in steps()) {
        let mut site = Site::new();
        site.settings.max_bytes = 4 << 10;
        site.settings.keep = 1000;
        let mut keeper = site.keeper();
        let (mut highest, mut was_killed) = (0, false);
        let mut flushed = Vec::new();
        let mut waiting = Vec::new();
        for step in steps {
            match step {
                Step::Publish(count) => {
                    let ids = keeper.publish(count);
                    // Ids that nobody noted one by one are left out after a kill.
                    let is_next = ids[0] == highest + 1 || (was_killed && ids[0] > highest);
                    prop_assert!(is_next, "{} after {highest}", ids[0]);
                    highest = ids[0] + count as u64 - 1;
                    was_killed = false;
                    waiting.extend(ids);
                    continue;
                }
                Step::Midnight => {
                    site.clock.advance(Duration::from_secs(86_400));
                    continue;
                }
                Step::Turn => keeper.turn(),
                Step::Stop => keeper.recorder.finish(),
                Step::Kill | Step::Tear(_) => {
                    was_killed = true;
                    waiting.clear();
                }
            }
            flushed.append(&mut waiting);
            if matches!(step, Step::Turn) {
                continue;
            }
            drop(keeper);
            if let Step::Tear(at) = step {
                let half = r#"{"contract_version":"v1","#.repeat(9);
                tear(&site, &half[..at.min(half.len())]);
            }
            keeper = site.keeper();
        }
        drop(keeper);
        let mut logged = site.logged();
        logged.reverse();
        prop_assert_eq!(logged, flushed);
    }
}
