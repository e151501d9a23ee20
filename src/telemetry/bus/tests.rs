//! What every subscriber can rely on: received + missed adds up, whatever the order of events, readings and arrivals.

use super::*;
use crate::telemetry::Gap;
use crate::telemetry::Item;
use crate::time::SimClock;
use crate::time::SystemClock;
use proptest::prelude::*;

fn bus(queue: usize, replay: usize) -> Arc<Bus> {
    Bus::new(Arc::new(SystemClock::new()), BusLimits { queue, replay, subscribers: 3 }, Vec::new(), 0)
}

fn draft() -> EventDraft {
    EventDraft::new("test-event", "test", "한글 message")
}

fn publish(bus: &Bus, count: usize) {
    bus.publish(vec![draft(); count], None);
}

/// Ids received, and events missed.
#[derive(Debug, Default)]
struct Seen {
    ids: Vec<u64>,
    missed: u64,
    last: u64,
}

impl Seen {
    fn read(&mut self, subscription: &mut Subscription, bytes: usize) -> bool {
        let items = subscription.take(bytes);
        subscription.wrote(&items);
        for item in &items {
            match item {
                Item::Event(frame) => {
                    assert_eq!(frame.event.id, self.last + 1, "a hole or a repetition without a word");
                    self.last = frame.event.id;
                    self.ids.push(frame.event.id);
                }
                Item::Gap(Gap { from_id, to_id, missed, .. }) => {
                    assert_eq!((*from_id, to_id - from_id + 1), (self.last + 1, *missed));
                    self.last = *to_id;
                    self.missed += missed;
                }
            }
        }
        !items.is_empty()
    }
}

#[test]
fn twelve_events_and_a_queue_of_five_lose_seven_for_one_who_never_reads() {
    let bus = bus(5, 0);
    let hung = bus.subscribe(Transport::Hung, "test", None).expect("a place");
    for _ in 0..12 {
        publish(&bus, 1);
    }
    assert_eq!(bus.counters().drop_count, 7);
    assert_eq!(hung.backlog(), (5, 7));
    drop(hung);
    assert_eq!((bus.counters().drop_count, bus.counters().subscribers()), (7, 0), "what was lost stays counted");
    publish(&bus, 50);
    assert_eq!(bus.counters().drop_count, 7);
}

#[test]
fn a_replay_is_not_bound_by_the_queue_and_meets_the_live_events_without_a_seam() {
    let bus = bus(5, 1000);
    publish(&bus, 1000);
    let mut subscription = bus.subscribe(Transport::Sse, "test", Some(0)).expect("a place");
    assert_eq!(subscription.replay(), Replay { requested_after: Some(0), replayed: 1000, missed: 0, reset: false });
    publish(&bus, 3);
    let mut seen = Seen::default();
    while seen.read(&mut subscription, 4096) {}
    assert_eq!((seen.ids.len(), seen.missed), (1003, 0));
}

#[test]
fn a_replay_is_a_delivery_without_a_delay() {
    let clock = Arc::new(SimClock::at(SystemClock::new().now()));
    let limits = BusLimits { queue: 5, replay: 10, subscribers: 3 };
    let bus = Bus::new(Arc::<SimClock>::clone(&clock), limits, Vec::new(), 0);
    let mut seen = Seen::default();
    publish(&bus, 2);
    clock.advance(Duration::from_secs(75));
    let mut subscription = bus.subscribe(Transport::Sse, "test", Some(0)).expect("a place");
    while seen.read(&mut subscription, 4096) {}
    let counters = bus.counters();
    assert_eq!((counters.deliveries_sse_total, counters.delivery_sum_us), (2, 0));
    assert_eq!(counters.delivery_buckets.iter().sum::<u64>(), 0);
    publish(&bus, 1);
    clock.advance(Duration::from_millis(30));
    while seen.read(&mut subscription, 4096) {}
    let counters = bus.counters();
    assert_eq!((counters.deliveries_sse_total, counters.delivery_sum_us), (3, 30_000));
    assert_eq!(counters.delivery_buckets, [0, 0, 0, 1, 0, 0, 0, 0, 0], "the live one is in its bucket");
}

#[test]
fn every_id_that_a_subscriber_may_name_is_answered_as_the_table_says() {
    let bus = bus(5, 10);
    publish(&bus, 100);
    let cases = [
        ("live only", None, 0, 0, false),
        ("the newest", Some(100), 0, 0, false),
        ("the one before", Some(99), 1, 0, false),
        ("just kept", Some(90), 10, 0, false),
        ("one too old", Some(89), 10, 1, false),
        ("the beginning", Some(0), 10, 90, false),
        ("never given", Some(101), 10, 0, true),
    ];
    for (name, after, replayed, missed, reset) in cases {
        let mut subscription = bus.subscribe(Transport::Sse, "test", after).expect(name);
        assert_eq!(subscription.replay(), Replay { requested_after: after, replayed, missed, reset }, "{name}");
        let last = if reset { 90 } else { after.unwrap_or(100) };
        let mut seen = Seen { last, ..Seen::default() };
        while seen.read(&mut subscription, 1) {}
        assert_eq!(
            (seen.ids.len(), seen.missed, seen.last),
            (usize::try_from(replayed).expect("few"), missed, 100),
            "{name}"
        );
    }
}

#[test]
fn after_a_restart_ids_go_on_and_holes_of_the_log_are_told() {
    let first = bus(5, 10);
    publish(&first, 6);
    let mut earlier: Vec<Event> = first.recent().iter().map(|frame| frame.event.clone()).collect();
    earlier.remove(2);
    let bus = Bus::new(Arc::new(SystemClock::new()), first.limits(), earlier, 8);
    assert_eq!(bus.ids(), IdRange { oldest: 1, last: 8 });
    publish(&bus, 1);
    let mut subscription = bus.subscribe(Transport::Sse, "test", Some(1)).expect("a place");
    let mut seen = Seen { last: 1, ..Seen::default() };
    while seen.read(&mut subscription, 1) {}
    assert_eq!((seen.ids.as_slice(), seen.missed), (&[2, 4, 5, 6, 9][..], 3));
    assert_ne!(first.boot_id(), bus.boot_id());
}

#[test]
fn a_batch_shares_one_trace_and_has_ids_without_a_hole() {
    let bus = bus(5, 10);
    let accepted = bus.publish(vec![draft(), draft().trace("own"), draft()], None);
    let traces: Vec<_> = accepted.frames.iter().map(|frame| frame.event.trace_id.clone()).collect();
    assert_eq!((&traces[0], traces[1].as_str(), &traces[2]), (&accepted.trace_id, "own", &accepted.trace_id));
    let ids: Vec<_> = accepted.frames.iter().map(|frame| frame.event.id).collect();
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(bus.publish(vec![draft().trace("own")], Some("other")).trace_id, "own");
    assert_eq!(bus.publish(vec![draft()], Some("other")).trace_id, "other");
    let frame = &accepted.frames[0];
    let want = format!("id: 1\ndata: {}\n\n", std::str::from_utf8(&frame.line).expect("UTF-8"));
    assert_eq!(frame.sse, want.as_bytes());
    assert_eq!(serde_json::from_slice::<Event>(&frame.line).expect("an event"), frame.event);
}

#[test]
fn places_are_limited_and_given_free() {
    let bus = bus(5, 10);
    let seats: Vec<_> = (0..3).map(|_| bus.subscribe(Transport::Ws, "test", None).expect("a place")).collect();
    assert_eq!(bus.subscribe(Transport::Sse, "test", None).err(), Some(Full(3)));
    assert!(bus.subscribe(Transport::Hung, "test", None).is_ok(), "a rehearsal takes no place");
    let counters = bus.counters();
    assert_eq!((counters.rejected_connections_total, counters.subscribers_ws), (1, 3));
    drop(seats);
    assert_eq!(bus.counters().subscribers(), 0);
    assert!(bus.subscribe(Transport::Sse, "test", None).is_ok());
}

#[test]
fn what_the_log_has_not_taken_is_pending() {
    let bus = bus(5, 10);
    publish(&bus, 3);
    assert_eq!(bus.counters().pending(), 0, "no log, nothing to wait for");
    bus.feed().open();
    publish(&bus, 4);
    assert_eq!((bus.counters().pending(), bus.counters().depth_max_seen), (4, 4));
    let taken = bus.feed().take(3, Duration::ZERO);
    assert_eq!((taken.len(), bus.counters().pending()), (3, 1));
    assert_eq!(bus.feed().take(9, Duration::ZERO).len(), 1);
    publish(&bus, 10_001);
    let counters = bus.counters();
    assert_eq!((counters.obs_write_dropped_total, counters.pending()), (1, 10_000), "a slow disk costs rows");
}

#[derive(Clone, Debug)]
enum Step {
    Publish(usize),
    Read(usize),
    Come(Option<u64>),
    Go,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1usize..30).prop_map(Step::Publish),
        (1usize..3000).prop_map(Step::Read),
        proptest::option::of(0u64..200).prop_map(Step::Come),
        Just(Step::Go),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn prop_received_and_missed_add_up_for_everybody(queue in 1usize..20, replay in 0usize..40, steps in steps()) {
        let bus = bus(queue, replay);
        let mut here: Option<(Subscription, Seen, u64)> = None;
        let mut lost_before = 0;
        for step in steps {
            match step {
                Step::Publish(count) => publish(&bus, count),
                Step::Read(bytes) => {
                    if let Some((subscription, seen, _)) = &mut here {
                        seen.read(subscription, bytes);
                    }
                }
                Step::Come(after) => {
                    if let Some((subscription, ..)) = here.take() {
                        lost_before += subscription.backlog().1;
                    }
                    let subscription = bus.subscribe(Transport::Sse, "test", after).expect("a place");
                    let ids = subscription.ids();
                    let base = match after {
                        None => ids.last,
                        Some(_) if subscription.replay().reset => ids.oldest - 1,
                        Some(after) => after,
                    };
                    here = Some((subscription, Seen { last: base, ..Seen::default() }, base));
                }
                Step::Go => {
                    if let Some((subscription, ..)) = here.take() {
                        lost_before += subscription.backlog().1;
                    }
                }
            }
            let now = here.as_ref().map_or(0, |(subscription, ..)| subscription.backlog().1);
            prop_assert_eq!(bus.counters().drop_count, lost_before + now);
        }
        if let Some((mut subscription, mut seen, base)) = here {
            while seen.read(&mut subscription, 1000) {}
            let received = u64::try_from(seen.ids.len()).expect("few");
            prop_assert_eq!(received + seen.missed, bus.ids().last - base);
        }
    }
}
