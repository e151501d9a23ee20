//! Nothing goes out twice: neither after an end in the middle, nor from two programs at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use daily_ops::notify::Messenger;
use daily_ops::ops::OpsPolicy;
use daily_ops::ops::Watcher;
use daily_ops::settings::MessageSecrets;
use daily_ops::store::layout;
use serde_json::json;

use crate::desk::Desk;
use crate::desk::Edit;
use crate::desk::order;
use crate::desk::said;
use crate::fake::Act;
use crate::fake::Fake;

/// How often a message was about to leave: each attempt is recorded before it is made.
fn attempts(desk: &Desk) -> usize {
    desk.audit().iter().filter(|entry| entry["action"] == "watch.send").count()
}

#[test]
fn an_end_after_any_write_never_doubles_an_alert() {
    for watcher in Watcher::ALL {
        let mut ended = 0;
        for stop_at in 1..40 {
            let desk = Desk::ready();
            desk.opens_everything();
            desk.vendor.says("005930", 110_000, 10_000);
            let writes = Arc::new(AtomicUsize::new(0));
            let observer = {
                let writes = Arc::clone(&writes);
                Arc::new(move |path: &Path| {
                    let name = path.to_string_lossy().into_owned();
                    // The lock file and the status are not part of the look.
                    if name.contains("_watch_latest") {
                        return;
                    }
                    assert!(writes.fetch_add(1, Ordering::SeqCst) + 1 != stop_at, "the program ends here");
                })
            };
            let first = desk.ops_observed(observer).watch(watcher, &order()).expect("a status");
            let was_ended = said(&first).starts_with("ERROR API_FAIL");
            ended += usize::from(was_ended);
            let after_first = attempts(&desk);
            assert!(after_first <= 1, "{watcher:?} write {stop_at}");
            let marked =
                desk.store.read(if watcher == Watcher::Spike { layout::SPIKE_STATE } else { layout::HOLDING_STATE });
            let marked = marked.expect("readable").is_some();
            desk.later(5);
            let second = desk.look(watcher);
            assert_eq!(second.alerts, u64::from(!marked), "{watcher:?} write {stop_at}: {second:?}");
            assert!(attempts(&desk) <= 1, "{watcher:?} write {stop_at}: handed over twice");
            if !was_ended {
                break;
            }
        }
        assert!(ended >= 6, "{watcher:?}: {ended}");
    }
}

#[test]
fn an_alert_whose_outcome_nobody_knows_is_said_and_not_sent_again() {
    let desk = Desk::ready();
    desk.vendor.says("005930", 110_000, 10_000);
    let observer = Arc::new(|path: &Path| {
        assert!(!path.ends_with("spike_state.json"), "the program ends here");
    });
    desk.ops_observed(observer).watch(Watcher::Spike, &order()).expect("a status");
    assert_eq!(desk.json(layout::SPIKE_STATE)["last_alert"]["005930_UP"]["delivery_actual"], "PENDING");
    desk.later(5);
    let next = desk.look(Watcher::Spike);
    assert_eq!(said(&next), "WARN COOLDOWN_ACTIVE 0 0");
    assert!(next.reason_detail.contains("no known outcome"), "{next:?}");
    assert_eq!(desk.json(layout::SPIKE_STATE)["last_alert"]["005930_UP"]["delivery_actual"], "UNKNOWN");
    desk.later(5);
    assert_eq!(desk.says(Watcher::Spike), "OK COOLDOWN_ACTIVE 0 0", "said once");
}

#[test]
fn runs_at_the_same_time_alert_once() {
    let desk = Desk::ready();
    desk.vendor.says("005930", 110_000, 10_000);
    let alerts: u64 = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|_| {
                // The lock is waited for on the clock of the machine here: the other runs take real time.
                let ops = daily_ops::ops::Ops::new(desk.store.clone(), Arc::new(Paced(desk.clock.clone())), {
                    let policy = desk.policy();
                    Box::new(move || Ok(policy.clone()))
                });
                scope.spawn(move || ops.watch(Watcher::Spike, &order()).expect("a status").alerts)
            })
            .collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).sum()
    });
    assert_eq!(alerts, 1);
}

/// A clock that stands still but really waits.
#[derive(Debug)]
struct Paced(Arc<daily_ops::time::SimClock>);

impl daily_ops::time::Clock for Paced {
    fn now(&self) -> daily_ops::time::KstTime {
        self.0.now()
    }

    fn monotonic(&self) -> std::time::Duration {
        self.0.monotonic()
    }

    fn wait(&self, _duration: std::time::Duration) {
        std::thread::yield_now();
    }
}

#[test]
fn a_message_leaves_only_when_everything_permits_it_and_is_recorded_first() {
    let cases: [(&str, Edit, usize); 6] = [
        ("everything is open", |_| (), 1),
        ("stopped", |d| d.put(layout::STOP, &json!({"schema": "EMERGENCY_STOP_V1", "enabled": true})), 0),
        ("stop damaged", |d| d.store.write(layout::STOP, b"{").expect("put"), 0),
        ("sender off", |d| d.put(layout::SENDER, &json!({"schema": "REAL_SENDER_ENABLE_V1", "enabled": false})), 0),
        ("dry run", |d| d.put(layout::GATE, &json!({"schema": "EXECUTION_GATE_V1", "mode": "DRY_RUN"})), 0),
        ("window closed", |d| drop(d.store.remove(layout::WINDOWS)), 0),
    ];
    for (name, edit, want) in cases {
        let desk = Desk::ready();
        desk.opens_everything();
        edit(&desk);
        desk.vendor.says("005930", 110_000, 10_000);
        let status = desk.look(Watcher::Spike);
        assert_eq!(status.alerts, 1, "{name}");
        assert_eq!(attempts(&desk), want, "{name}");
        // Without a token of the channel nothing can leave.
        assert_eq!(status.sent, 0, "{name}");
        assert_eq!(desk.json(layout::SPIKE.latest)["alerts"][0]["delivery_actual"], "CONSOLE_SIMULATED", "{name}");
    }
}

#[test]
fn a_portfolio_leaves_no_amount_in_the_audit_trail() {
    let desk = Desk::ready();
    desk.opens_everything();
    desk.holds(&[("005930", 7_654_321.0, 98_765.0)]);
    desk.vendor.says("005930", 123_457, 0);
    desk.look(Watcher::Holding);
    assert_eq!(attempts(&desk), 1);
    let trail = format!("{:?}", desk.audit());
    for amount in ["7654321", "7,654,321", "98765", "98,765", "123457", "123,457"] {
        assert!(!trail.contains(amount), "{amount}: {trail}");
    }
}

/// A webhook that takes everything, with its secret.
fn hook(status: u16) -> (Fake, Messenger) {
    let fake = Fake::http(move |_| Act::status(status, "", "ok"));
    let env = BTreeMap::from([("SLACK_WEBHOOK_URL".to_owned(), format!("{}/services/x", fake.url()))]);
    let secrets = MessageSecrets::read(Path::new("/nonexistent"), &env);
    (fake, Messenger { secrets, ..Messenger::default() })
}

#[test]
fn an_alert_goes_by_the_channels_that_the_sender_opens() {
    // The set, the webhook's answer, how often it is called, how it went, and what counts as sent.
    let cases = [
        ("SLACK_ONLY", 200, 1, "DELIVERED", 1),
        ("SLACK+EMAIL", 404, 1, "NOT_DELIVERED", 0),
        ("SLACK_ONLY", 502, 1, "DELIVERY_UNKNOWN", 0),
        ("TELEGRAM_ONLY", 200, 0, "CONSOLE_SIMULATED", 0),
        ("EMAIL_ONLY", 200, 0, "CONSOLE_SIMULATED", 0),
        ("SLACK", 200, 0, "CONSOLE_SIMULATED", 0),
    ];
    for (channel, status, calls, delivery, sent) in cases {
        let desk = Desk::ready();
        desk.opens_everything();
        let sender = json!({"schema": "REAL_SENDER_ENABLE_V1", "enabled": true, "channel": channel});
        desk.put(layout::SENDER, &sender);
        desk.vendor.says("005930", 110_000, 10_000);
        let (fake, messenger) = hook(status);
        let ops = desk.ops_with(OpsPolicy { messenger, ..desk.policy() });
        let looked = ops.watch(Watcher::Spike, &order()).expect("a status");
        assert_eq!((looked.alerts, looked.sent, fake.connections()), (1, sent, calls), "{channel} {status}");
        let receipt = desk.json(layout::SPIKE.latest);
        assert_eq!(receipt["alerts"][0]["delivery_actual"], delivery, "{channel}: {receipt}");
        let rows = receipt["alerts"][0]["channels"].as_array().map_or(0, Vec::len);
        assert_eq!(rows, if calls == 1 { 3 } else { 0 }, "{channel}: {receipt}");
        ops.watch(Watcher::Spike, &order()).expect("a status");
        assert_eq!(fake.connections(), calls, "{channel}: not handed over twice");
    }
}
