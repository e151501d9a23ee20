//! A disk that is full or stands still for a while, and what is on it when. Needs the right to mount, and is left out
//! where that is missing.

use super::disk::Disk;
use super::*;

#[test]
fn a_full_disk_is_told_waited_out_and_leaves_no_half_line() {
    let site = Site::new();
    let Some(disk) = Disk::new(&site.store.path("metrics")) else { return };
    let mut keeper = site.keeper();
    keeper.publish(1);
    keeper.turn();
    disk.fill();
    let mut published = 1;
    while !keeper.status().is_failing {
        keeper.publish(1);
        published += 1;
        keeper.turn();
        assert!(published < 1000);
    }
    let text = site.text(LOG);
    assert!(text.ends_with('\n'), "whole lines only");
    let row = text.lines().next().expect("a row").len();
    keeper.publish(10_100);
    published += 10_100;
    site.clock.advance(Duration::from_secs(2));
    keeper.turn();
    assert!(keeper.status().is_failing, "still full");
    let dropped = keeper.bus.counters().obs_write_dropped_total;
    assert_eq!(dropped, 100, "what the feed cannot hold is counted");
    drop(keeper);
    disk.make_room();
    let mut keeper = site.keeper();
    let next = keeper.publish(1)[0];
    assert!(next > published, "ids were noted on the full disk too: {next}");
    keeper.turn();
    disk.fill();
    keeper.publish(100);
    keeper.turn();
    assert!(keeper.status().is_failing, "{row} bytes a row");
    disk.make_room();
    site.clock.advance(Duration::from_secs(2));
    keeper.turn();
    assert!(!keeper.status().is_failing, "it recovers by itself");
    keeper.recorder.finish();
    site.rows(LOG);
    let logged = site.logged();
    assert_eq!(logged.iter().take(101).rev().copied().collect::<Vec<_>>(), (next..=next + 100).collect::<Vec<_>>());
    drop(keeper);
    drop(disk);
}

#[test]
fn rows_that_were_given_up_are_told_when_the_disk_is_well_again() {
    let site = Site::new();
    let Some(disk) = Disk::new(&site.store.path("metrics")) else { return };
    let mut keeper = site.keeper();
    disk.fill();
    keeper.publish(100);
    keeper.turn();
    assert!(keeper.status().is_failing);
    keeper.publish(10_050);
    keeper.publish(7);
    let counters = keeper.bus.counters();
    assert_eq!((counters.obs_write_dropped_total, counters.consumed, counters.pending()), (57, 100, 10_000));
    assert!(keeper.bus.feed().has_losses(), "not told yet");
    keeper.turn();
    assert!(keeper.status().losses_told_at.is_none(), "not while the disk fails");
    // The disk is too small for all of it: what is on it goes.
    site.store.remove(LOG).expect("removed");
    drop(disk);
    site.clock.advance(Duration::from_secs(2));
    while !site.logged().contains(&10_158) {
        keeper.turn();
        assert!(!keeper.status().is_failing);
    }
    let told = site.rows(LOG).into_iter().find(|row| row["type"] == "obs_rows_lost").expect("told");
    assert_eq!(told["data"], serde_json::json!({"from_id": 10_101, "to_id": 10_157, "rows": 57}));
    assert_eq!((&told["severity"], &told["trace_id"]), (&"WARN".into(), &"no-trace".into()));
    assert!(!keeper.bus.feed().has_losses() && keeper.status().losses_told_at.is_some());
    assert_eq!(keeper.bus.feed().unwritten().len(), 0);
}

#[test]
fn a_disk_that_stands_still_holds_up_the_log_alone() {
    let site = Site::new();
    let Some(disk) = Disk::freezing(&site.store.path("metrics")) else { return };
    let clock: Arc<SimClock> = Arc::clone(&site.clock);
    let bus = Bus::new(clock, LIMITS, Vec::new(), 0);
    let journal = Journal::start(&bus, site.store.clone(), site.opened()).expect("a thread");
    // Thawed before the log waits for it, whatever happens.
    let disk = disk;
    disk.freeze();
    let published = Arc::clone(&bus);
    let (done, waits) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for _ in 0..2000 {
            published.publish(vec![EventDraft::new("test-event", "test", "1")], None);
        }
        done.send(())
    });
    assert!(waits.recv_timeout(Duration::from_secs(20)).is_ok(), "publishing waits for the disk");
    let limit = crate::time::SystemClock::new();
    while !journal.status().is_failing {
        site.clock.advance(Duration::from_secs(1));
        assert!(limit.monotonic() < Duration::from_secs(20), "a writer that stands still is told");
        limit.wait(Duration::from_millis(5));
    }
    assert!(bus.at_hand().frames.len() == 2000 && site.logged().is_empty(), "everything can be read meanwhile");
    assert!(disk.thaw());
    while journal.status().is_failing || site.logged().len() < 2000 {
        assert!(limit.monotonic() < Duration::from_secs(40), "{:?}", journal.status());
        limit.wait(Duration::from_millis(5));
    }
    journal.stop();
    assert_eq!(site.logged(), (1..=2000).rev().collect::<Vec<_>>());
}

#[test]
fn the_disk_itself_has_the_rows_after_five_seconds_a_rotation_and_a_stop() {
    let mut site = Site::new();
    site.settings.max_bytes = 4 << 10;
    let Some(disk) = Disk::freezing(&site.store.path("metrics")) else { return };
    let mut keeper = site.keeper();
    let say = |keeper: &mut Keeper, message: &str| {
        keeper.bus.publish(vec![EventDraft::new("test-event", "test", message)], None);
        keeper.turn();
        assert!(!disk.holds(message) && !keeper.recorder.is_flushed(), "{message} is in memory only");
    };
    say(&mut keeper, "flushed-in-time");
    site.clock.advance(Duration::from_millis(4999));
    keeper.turn();
    assert!(!keeper.recorder.is_flushed());
    site.clock.advance(Duration::from_millis(1));
    keeper.turn();
    assert!(disk.holds("flushed-in-time") && keeper.recorder.is_flushed());
    say(&mut keeper, "flushed-by-rotation");
    while site.rotated().is_empty() {
        keeper.publish(1);
        keeper.turn();
    }
    assert!(disk.holds("flushed-by-rotation"));
    say(&mut keeper, "flushed-at-the-end");
    keeper.recorder.finish();
    assert!(disk.holds("flushed-at-the-end") && keeper.recorder.is_flushed());
}
