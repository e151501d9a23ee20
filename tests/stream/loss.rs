//! Slow readers: they lose the oldest events, they are told, and nobody else notices.

use crate::reader::Events;
use crate::reader::Host;
use crate::reader::Ledger;
use crate::reader::until;
use daily_ops::telemetry::Transport;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn b04_a_hung_subscriber_with_a_queue_of_five_loses_seven_of_twelve_and_nobody_else_does() {
    let host = Host::new(|settings| settings.queue = 5);
    let _hung = host.bus().subscribe(Transport::Hung, "hung", None).expect("a place");
    let mut events = host.events("/events", "");
    events.hello();
    let mut ledger = Ledger::default();
    for id in 1..=12 {
        host.publish(1, 0);
        ledger.read_to(&mut events, id);
    }
    assert_eq!((ledger.received, ledger.missed), (12, 0));
    assert_eq!(host.bus().counters().drop_count, 7);
}

#[test]
fn a_gap_before_the_very_first_event_is_told() {
    let host = Host::new(|settings| settings.queue = 5);
    let mut events = host.events("/events", "");
    events.hello();
    // More than the queue in one go: nobody can have taken the first ones.
    host.publish(12, 0);
    let gap = events.news();
    assert!(gap.is("gap"), "{gap:?}");
    assert_eq!(gap.data, json!({"from_id": 1, "to_id": 7, "missed": 7, "reason": "slow_consumer"}));
    for id in 8..=12 {
        assert_eq!(events.news().id, Some(id));
    }
    assert_eq!(host.bus().counters().drop_count, 7);
}

/// Reads until everything is accounted for, by steps of random sizes.
fn read_slowly(events: &mut Events, ledger: &mut Ledger, sizes: &[usize], last: u64) {
    let mut sizes = sizes.iter().cycle();
    while ledger.last < last {
        assert!(events.read(*sizes.next().expect("a size")), "the stream goes on");
        while let Some(frame) = events.ready() {
            ledger.take(&frame);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_a_random_slow_reader_received_and_missed_adds_up_to_what_was_published(
        bursts in prop::collection::vec((1_usize..400, 0_usize..4000), 1..40),
        sizes in prop::collection::vec(1_usize..70_000, 1..20),
        queue in 1_usize..300,
        reads in prop::collection::vec(0_usize..4, 40),
    ) {
        let host = Host::new(|settings| settings.queue = queue);
        host.publish(3, 0);
        let mut events = host.events("/events", "");
        let hello = events.hello().data["last_id"].as_u64().expect("a number");
        let mut ledger = Ledger::after(hello);
        for ((count, padding), reads) in bursts.iter().zip(&reads) {
            host.publish(*count, *padding);
            let middle = hello + 1;
            if *reads == 3 && ledger.last < middle {
                read_slowly(&mut events, &mut ledger, &sizes, middle);
            }
        }
        let last = host.bus().ids().last;
        read_slowly(&mut events, &mut ledger, &sizes, last);
        prop_assert_eq!(ledger.received + ledger.missed, last - hello);
        prop_assert_eq!(host.bus().counters().drop_count, ledger.missed);
    }
}

#[test]
fn a_subscriber_that_takes_nothing_is_cut_off_and_one_that_takes_little_is_not() {
    let host = Host::with_workers(2, |settings| {
        settings.slow_disconnect_seconds = 1;
        settings.queue = 20;
    });
    let mut hung = host.events("/events", "");
    hung.hello();
    let mut socket = crate::sockets::dial(&host, "/api/ws/events");
    crate::sockets::say(&mut socket);
    let mut slow = host.events("/events", "");
    slow.hello();
    let mut ledger = Ledger::default();
    until("both that hang are cut off", || {
        host.publish(40, 8000);
        slow.read(64 << 10);
        while let Some(frame) = slow.ready() {
            ledger.take(&frame);
        }
        host.bus().counters().slow_disconnects_total == 2
    });
    assert_eq!(host.bus().counters().subscribers_sse, 1);
    assert_eq!(host.bus().counters().subscribers_ws, 0);
    let last = host.bus().ids().last;
    ledger.read_to(&mut slow, last);
    assert_eq!(ledger.received + ledger.missed, last);
    assert!(ledger.missed > 0, "it was slow");
    // The other end of a connection that was cut off is told by a reset.
    while hung.read(1 << 20) {}
    assert!(!hung.is_over());
}
