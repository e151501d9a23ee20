//! A disk that is full for a while. Needs the right to mount, and is left out where that is missing.

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
    assert_eq!(keeper.publish(1), [published + 1], "ids were noted on the full disk too");
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
    assert_eq!(
        logged.iter().take(101).rev().copied().collect::<Vec<_>>(),
        (published + 1..=published + 101).collect::<Vec<_>>()
    );
    drop(keeper);
    drop(disk);
}
