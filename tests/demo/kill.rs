//! The kill switch at the end of a demo: held long enough to be seen, and never taken from somebody else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daily_ops::contracts::actor::Actor;
use daily_ops::contracts::actor::Role;
use daily_ops::gates::Gates;
use daily_ops::gates::Stop;
use daily_ops::rehearsal::demo::Audience;
use daily_ops::rehearsal::demo::Check;
use daily_ops::rehearsal::demo::KillPart;
use daily_ops::rehearsal::demo::Mark;
use daily_ops::rehearsal::demo::Outcome;
use daily_ops::rehearsal::demo::Speed;
use daily_ops::rehearsal::demo::perform;
use daily_ops::rehearsal::visit::Key;
use daily_ops::rehearsal::visit::Showing;
use daily_ops::rehearsal::visit::Visitor;
use daily_ops::settings::Secret;
use daily_ops::time::Clock as _;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

use crate::door;
use crate::door::Act;
use crate::door::Instead;
use crate::theater::TOKEN;
use crate::theater::Theater;
use crate::theater::base;
use crate::theater::failed;
use crate::theater::json;
use crate::theater::play;

const SWITCH: &str = "/api/control/kill-switch";

/// What a check came to.
fn check<'a>(outcome: &'a Outcome, id: &str) -> &'a Check {
    outcome.checks.iter().find(|check| check.id == id).expect("the check")
}

fn switch(theater: &Theater) -> Value {
    Visitor::new(base(theater.address()), None, Duration::from_secs(20)).get(SWITCH).expect("an answer").json()
}

/// Somebody else at the switch.
fn lee(address: SocketAddr, is_on: bool) {
    lee_says(address, is_on, "prices look wrong");
}

fn lee_says(address: SocketAddr, is_on: bool, reason: &str) {
    let key = Key { secret: Secret::new(TOKEN), showing: Showing::WhenNeeded };
    let visitor = Visitor::new(base(address), Some(key), Duration::from_secs(20));
    let body = json!({"is_on": is_on, "reason": reason, "actor": "Lee"});
    assert_eq!(visitor.post_closed(SWITCH, &body).expect("an answer").status, 200);
}

/// Does something when a check has been told, and hears what nobody may miss.
struct Meanwhile<'a> {
    after: &'static str,
    act: &'a dyn Fn(),
    alarms: Vec<String>,
}

impl Audience for Meanwhile<'_> {
    fn say(&mut self, _line: &str) {}

    fn check(&mut self, line: &str) {
        if line.split(' ').nth(1) == Some(self.after) {
            (self.act)();
        }
    }

    fn alarm(&mut self, line: &str) {
        self.alarms.push(line.to_owned());
    }
}

/// A demo with the switch, and what somebody does after one of its checks.
fn disturbed(theater: &Theater, after: &'static str, act: &dyn Fn()) -> (Outcome, String) {
    let mut demo = theater.demo(theater.address());
    demo.kill = KillPart::Shown;
    let mut audience = Meanwhile { after, act, alarms: Vec::new() };
    let outcome = perform(&demo, &mut audience);
    (outcome, audience.alarms.join("\n"))
}

/// It is told that it stays on and for whom, and nobody is invited to switch it off.
fn assert_asked_for(alarms: &str) {
    for want in ["THE KILL SWITCH IS STILL ON", "Lee asked for ON", "still names the demo"] {
        assert!(alarms.contains(want), "{want}: {alarms}");
    }
    assert!(!alarms.contains("curl"), "{alarms}");
}

fn kept(outcome: &Outcome) -> Value {
    json(&outcome.evidence.as_deref().expect("a folder").join("12_kill.json"))
}

#[test]
fn a_switch_that_somebody_else_has_set_is_left_alone() {
    let again = |theater: &Theater| {
        lee(theater.address(), false);
        lee(theater.address(), true);
    };
    // A name, after which check somebody does what, which check fails for it, and how the switch stands in the end.
    type Case = (&'static str, &'static str, fn(&Theater), &'static str, (bool, &'static str));
    let cases: [Case; 4] = [
        ("on before", "s7.once", |t| lee(t.address(), true), "k.on", (true, "Lee")),
        ("off and on again", "k.on", again, "k.off", (true, "Lee")),
        ("asked for while it is on", "k.on", |t| lee(t.address(), true), "k.off", (true, "Kim")),
        ("off already", "k.on", |t| lee(t.address(), false), "k.off", (false, "Lee")),
    ];
    for (name, after, act, want, (is_on, actor)) in cases {
        let theater = Theater::new();
        let (outcome, alarms) = disturbed(&theater, after, &|| act(&theater));
        assert_eq!((outcome.exit_code, outcome.result), (3, "FAILED"), "{name}");
        let fault = check(&outcome, want);
        assert_eq!(fault.result, Mark::Fail, "{name}: {fault:?}");
        assert!(fault.detail.contains("Lee") && fault.detail.contains("prices look wrong"), "{name}: {fault:?}");
        assert!(fault.remedy.as_deref().is_some_and(|remedy| remedy.contains("left as it is")), "{name}: {fault:?}");
        let now = switch(&theater);
        assert_eq!((&now["is_on"], &now["actor"]), (&json!(is_on), &json!(actor)), "{name}");
        assert_eq!(now["version"].as_u64().expect("a version") % 2 == 1, is_on, "{name}: nothing was put on top");
        assert!(!alarms.contains("STILL BE ON"), "{name}: {alarms}");
        if name == "asked for while it is on" {
            assert_asked_for(&alarms);
            // The page names the demo; the next one tells who wants it.
            let (next, _) = play(&theater.demo(theater.address()));
            let fault = check(&next, "pre7");
            assert!(fault.detail.contains("set by Kim") && fault.detail.contains("then Lee asked for ON"), "{fault:?}");
        }
        assert!(kept(&outcome)["off"]["fault"].is_string(), "{name}");
    }
}

#[test]
fn a_switch_that_is_asked_for_in_the_very_last_moment_goes_on_again() {
    let theater = Theater::new();
    let (server, calls) = (theater.address(), AtomicU64::new(0));
    let act = move || {
        // The second call of the demo is the one that switches off.
        if calls.fetch_add(1, Ordering::SeqCst) == 1 {
            // As long as a reason may be: the one that puts it back says who asked, and is no longer.
            lee_says(server, true, &format!("{:x<500}", "prices look wrong "));
        }
    };
    let address = door::open(server, vec![("POST /api/control/kill-switch", Instead::After(Act(Arc::new(act))))]);
    let mut demo = theater.demo(address);
    demo.kill = KillPart::Shown;
    let mut audience = Meanwhile { after: "", act: &|| (), alarms: Vec::new() };
    let outcome = perform(&demo, &mut audience);
    assert_eq!((outcome.exit_code, failed(&outcome)), (3, vec!["k.off"]));
    assert_asked_for(&audience.alarms.join("\n"));
    assert!(
        check(&outcome, "k.off").detail.starts_with("on again: Lee asked for ON"),
        "{:?}",
        check(&outcome, "k.off")
    );
    let now = switch(&theater);
    assert_eq!((&now["is_on"], &now["version"]), (&json!(true), &json!(3)));
    assert!(now["reason"].as_str().is_some_and(|reason| reason.contains("Lee asked") && reason.len() == 500), "{now}");
}

#[test]
fn the_emergency_stop_is_no_switch_of_the_demo() {
    let theater = Theater::new();
    let (outcome, _) = disturbed(&theater, "s7.once", &|| {
        let asker = Actor::new("Lee", Role::Operator, "test");
        Gates::new(&theater.store).set_stop(Stop::On, &asker, "a drill", theater.clock.now()).expect("set");
    });
    assert_eq!(failed(&outcome), ["k.on"]);
    assert!(check(&outcome, "k.on").detail.contains("emergency stop"), "{:?}", check(&outcome, "k.on"));
    assert_eq!(switch(&theater)["version"], 0, "the switch was not touched");
}

#[test]
fn a_real_demo_holds_the_switch_for_ten_seconds_of_its_clock() {
    let theater = Theater::new();
    let start = Stamp::from("2026-11-21T10:00:00+09:00").instant().expect("a time");
    let clock = SimClock::at(start);
    let mut demo = theater.demo(theater.address());
    (demo.clock, demo.speed, demo.kill) = (&clock, Speed::Real, KillPart::Shown);
    let (outcome, heard) = play(&demo);
    assert_eq!(failed(&outcome), Vec::<&str>::new());
    let at = |id: &str| {
        let at = Stamp::from(check(&outcome, id).ts_iso.as_str()).instant().expect("a time");
        (at - start).num_seconds() - 2
    };
    assert_eq!(["k.on", "k.snapshot", "k.off"].map(at), [120, 120, 130]);
    assert!(outcome.manual.contains(&"k.browser") && outcome.manual_required.contains(&"0205_kill.png".to_owned()));
    let way = heard.said.iter().find(|line| line.contains("curl -X POST")).expect("how to switch it off by hand");
    assert!(way.contains("\"expected_version\":1") && way.contains("state/ops_token"), "{way}");
    let kept = kept(&outcome);
    assert_eq!((&kept["on"]["trace_id"], &kept["on"]["is_on"]), (&kept["off"]["trace_id"], &json!(true)));
}

#[test]
fn a_signal_while_the_switch_is_on_is_told_and_the_switch_goes_off() {
    let theater = Theater::new();
    for after in ["k.on", "k.snapshot", "k.browser"] {
        theater.interrupted.store(false, Ordering::SeqCst);
        let (outcome, alarms) = disturbed(&theater, after, &|| theater.interrupted.store(true, Ordering::SeqCst));
        assert_eq!((outcome.exit_code, failed(&outcome)), (3, vec!["interrupted"]), "{after}");
        assert!(alarms.contains("WHILE THE KILL SWITCH IS ON"), "{after}: {alarms}");
        assert_eq!(check(&outcome, "k.off").result, Mark::Pass, "{after}");
        assert_eq!(switch(&theater)["is_on"], false, "{after}");
    }
}

#[test]
fn a_switch_that_does_not_go_off_is_told_with_the_way_to_switch_it_off() {
    let theater = Theater::new();
    let audit = theater.root().join("metrics/kill_audit.jsonl");
    let (outcome, alarms) = disturbed(&theater, "k.on", &|| {
        std::fs::remove_file(&audit).expect("removed");
        std::fs::create_dir(&audit).expect("in the way");
    });
    assert_eq!((outcome.exit_code, failed(&outcome)), (3, vec!["k.off"]));
    for want in ["MAY STILL BE ON", "curl -X POST", "\"expected_version\":1"] {
        assert!(alarms.contains(want), "{alarms}");
    }
    assert!(!alarms.contains(TOKEN));
    assert_eq!(switch(&theater)["is_on"], true);
}

#[test]
fn answers_that_are_lost_on_the_way_are_looked_up_at_the_switch() {
    let theater = Theater::new();
    let address = door::open(theater.address(), vec![("POST /api/control/kill-switch", Instead::Lose)]);
    let mut demo = theater.demo(address);
    (demo.kill, demo.patience.answer) = (KillPart::Shown, Duration::from_secs(3));
    let (outcome, _) = play(&demo);
    assert_eq!((outcome.exit_code, failed(&outcome)), (0, vec![]));
    assert_eq!((&switch(&theater)["is_on"], &switch(&theater)["version"]), (&json!(false), &json!(2)));
}

#[test]
fn a_switch_of_which_nobody_knows_how_it_stands_is_told_loudly() {
    let theater = Theater::new();
    let address = door::open(theater.address(), vec![("POST /api/control/kill-switch", Instead::Hold)]);
    let mut demo = theater.demo(address);
    (demo.kill, demo.patience.answer) = (KillPart::Shown, Duration::from_secs(3));
    let mut audience = Meanwhile { after: "", act: &|| (), alarms: Vec::new() };
    let outcome = perform(&demo, &mut audience);
    assert_eq!((outcome.exit_code, failed(&outcome)), (3, vec!["k.on"]));
    assert!(audience.alarms.join("\n").contains("MAY STILL BE ON"), "{:?}", audience.alarms);
}
