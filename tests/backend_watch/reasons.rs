//! Every way in which a run can end, each with its status and reason, and a document that says so.

use daily_ops::ops::OpsPolicy;
use daily_ops::ops::WatchHours;
use daily_ops::ops::WatchOrder;
use daily_ops::ops::Watcher;
use daily_ops::store::Holder;
use daily_ops::store::LockOutcome;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use serde_json::json;

use crate::desk::Desk;
use crate::desk::Edit;
use crate::desk::at;
use crate::desk::friday;
use crate::desk::order;
use crate::desk::said;
use crate::vendor::Mood;

fn remove(desk: &Desk, file: &str) {
    desk.store.remove(file).expect("removed");
}

const SPIKE: &[(&str, Edit, &str)] = &[
    ("nothing moves", |_| (), "OK NO_ALERTS 0 0"),
    ("a move", |d| d.vendor.says("005930", 103_000, 3_000), "OK ALERTS_GENERATED 1 0"),
    ("one won short of a move", |d| d.vendor.says("005930", 102_999, 2_999), "OK NO_ALERTS 0 0"),
    ("before the hours", |d| d.clock.jump_to(friday("09:09:59")), "SKIPPED OUTSIDE_SESSION 0 0"),
    ("saturday", |d| d.clock.jump_to(at("2026-11-21T10:00:00+09:00")), "SKIPPED OUTSIDE_SESSION 0 0"),
    ("holiday", |d| d.clock.jump_to(at("2026-12-25T10:00:00+09:00")), "SKIPPED OUTSIDE_SESSION 0 0"),
    ("beyond the calendar", |d| d.clock.jump_to(at("2031-01-03T10:00:00+09:00")), "SKIPPED OUTSIDE_SESSION 0 0"),
    (
        "outside the settings' hours",
        |d| d.settings(json!({"enabled": true, "session_kst": {"start": "11:00", "end": "12:00"}}), json!(null)),
        "SKIPPED OUTSIDE_SESSION 0 0",
    ),
    ("switched off", |d| d.settings(json!({"enabled": false}), json!(null)), "SKIPPED DISABLED_BY_SETTINGS 0 0"),
    ("no section", |d| d.settings(json!(null), json!({"enabled": true})), "SKIPPED NO_SPIKE_SETTINGS 0 0"),
    ("no settings", |d| remove(d, layout::WATCH_SETTINGS.latest), "SKIPPED NO_SPIKE_SETTINGS 0 0"),
    (
        "settings of an older program",
        |d| {
            remove(d, layout::WATCH_SETTINGS.latest);
            let old = json!({"schema": "SPIKE_SETTINGS_V1", "enabled": true, "threshold_pct": 5.0});
            d.put(layout::OLD_SPIKE_SETTINGS, &old);
            d.vendor.says("005930", 104_000, 4_000);
        },
        "OK NO_ALERTS 0 0",
    ),
    (
        "settings no JSON",
        |d| d.store.write(layout::WATCH_SETTINGS.latest, b"{").expect("put"),
        "ERROR RESPONSE_INVALID 0 0",
    ),
    (
        "threshold a text",
        |d| d.settings(json!({"enabled": true, "threshold_pct": "3"}), json!(null)),
        "ERROR RESPONSE_INVALID 0 0",
    ),
    (
        "threshold out of range",
        |d| d.settings(json!({"enabled": true, "threshold_pct": 0.0}), json!(null)),
        "ERROR RESPONSE_INVALID 0 0",
    ),
    ("no list", |d| remove(d, layout::WATCHLIST.latest), "SKIPPED NO_WATCHLIST 0 0"),
    ("empty list", |d| d.watches(&[]), "SKIPPED EMPTY_WATCHLIST 0 0"),
    ("all off", |d| d.watches(&[("005930", false)]), "SKIPPED NO_ENABLED_TARGETS 0 0"),
    ("list no JSON", |d| d.store.write(layout::WATCHLIST.latest, b"[]").expect("put"), "ERROR RESPONSE_INVALID 0 0"),
    ("list of wrong symbols", |d| d.watches(&[("../../x", true)]), "ERROR RESPONSE_INVALID 0 0"),
    ("vendor has no price", |d| d.vendor.forgets("005930"), "ERROR MARKET_DATA_FAILED 0 0"),
    ("vendor has one of two prices", |d| d.watches(&[("005930", true), ("000660", true)]), "WARN NO_ALERTS 0 0"),
    ("vendor is not found", |d| d.vendor.is(Mood::Status(404)), "ERROR API_NOT_FOUND 0 0"),
    ("vendor refuses", |d| d.vendor.is(Mood::Status(403)), "ERROR API_HTTP_403 0 0"),
    ("vendor is down", |d| d.vendor.is(Mood::Status(503)), "ERROR API_HTTP_503 0 0"),
    ("vendor sends a page", |d| d.vendor.is(Mood::Body("<html>")), "ERROR RESPONSE_INVALID 0 0"),
    ("vendor sends nothing", |d| d.vendor.is(Mood::Body("")), "ERROR RESPONSE_INVALID 0 0"),
    ("a panic", |d| d.vendor.is(Mood::Panic), "ERROR API_FAIL 0 0"),
    (
        "state no JSON",
        |d| {
            d.store.write(layout::SPIKE_STATE, b"{").expect("put");
            d.vendor.says("005930", 110_000, 10_000);
        },
        "WARN COOLDOWN_ACTIVE 0 0",
    ),
    (
        "state in an older form",
        |d| {
            d.put(layout::SPIKE_STATE, &json!({"last_sent": {"005930_UP": "2026-11-20T09:50:00.477202"}}));
            d.vendor.says("005930", 110_000, 10_000);
        },
        "OK COOLDOWN_ACTIVE 0 0",
    ),
    (
        "state cannot be written",
        |d| {
            std::fs::create_dir_all(d.root().join(layout::SPIKE_STATE).join("x")).expect("made");
            d.vendor.says("005930", 110_000, 10_000);
        },
        "ERROR API_FAIL 0 0",
    ),
    (
        "receipt cannot be written",
        |d| {
            std::fs::create_dir_all(d.root().join(layout::SPIKE.latest)).expect("made");
            d.vendor.says("005930", 110_000, 10_000);
        },
        "ERROR API_FAIL 1 0",
    ),
];

const HOLDING: &[(&str, Edit, &str)] = &[
    ("nothing moves", |_| (), "OK NO_ALERTS 0 0"),
    ("a profit", |d| d.vendor.says("005930", 105_000, 0), "OK ALERTS_GENERATED 1 0"),
    ("one won short of a profit", |d| d.vendor.says("005930", 104_999, 0), "OK NO_ALERTS 0 0"),
    ("a loss", |d| d.vendor.says("005930", 97_000, 0), "OK ALERTS_GENERATED 1 0"),
    ("after the hours", |d| d.clock.jump_to(friday("15:20:01")), "SKIPPED OUTSIDE_SESSION 0 0"),
    ("switched off", |d| d.settings(json!(null), json!({"enabled": false})), "SKIPPED DISABLED_BY_SETTINGS 0 0"),
    ("no section", |d| d.settings(json!({"enabled": true}), json!(null)), "SKIPPED DISABLED_BY_SETTINGS 0 0"),
    ("no settings", |d| remove(d, layout::WATCH_SETTINGS.latest), "SKIPPED DISABLED_BY_SETTINGS 0 0"),
    (
        "settings no JSON",
        |d| d.store.write(layout::WATCH_SETTINGS.latest, b"").expect("put"),
        "ERROR RESPONSE_INVALID 0 0",
    ),
    ("no portfolio", |d| remove(d, layout::PORTFOLIO.latest), "SKIPPED NO_WATCHLIST 0 0"),
    ("nothing held", |d| d.holds(&[]), "SKIPPED EMPTY_WATCHLIST 0 0"),
    ("sold", |d| d.holds(&[("005930", 0.0, 100.0)]), "SKIPPED EMPTY_WATCHLIST 0 0"),
    ("no cost stated", |d| d.holds(&[("005930", 1.0, 0.0)]), "SKIPPED NO_ENABLED_TARGETS 0 0"),
    (
        "portfolio damaged",
        |d| d.store.write(layout::PORTFOLIO.latest, b"{").expect("put"),
        "ERROR RESPONSE_INVALID 0 0",
    ),
    ("vendor is down", |d| d.vendor.is(Mood::Status(502)), "ERROR API_HTTP_502 0 0"),
    ("a panic", |d| d.vendor.is(Mood::Panic), "ERROR API_FAIL 0 0"),
    (
        "state no JSON",
        |d| {
            d.store.write(layout::HOLDING_STATE, b"[]").expect("put");
            d.vendor.says("005930", 110_000, 0);
        },
        "WARN COOLDOWN_ACTIVE 0 0",
    ),
    (
        "state in an older form",
        |d| {
            let row = json!({"max_pnl_seen": 12.0, "last_alert_type": "PNL_UP", "last_alert_pnl": 7.0,
                "last_alert_iso": "2026-11-20T09:55:00.551550"});
            d.put(layout::HOLDING_STATE, &json!({"005930": row}));
            d.vendor.says("005930", 109_800, 0);
        },
        "OK ALERTS_GENERATED 1 0",
    ),
];

#[test]
fn every_end_of_a_run_has_its_status_and_its_reason() {
    for (watcher, table) in [(Watcher::Spike, SPIKE), (Watcher::Holding, HOLDING)] {
        for (name, edit, want) in table {
            let desk = Desk::ready();
            edit(&desk);
            assert_eq!(desk.says(watcher), *want, "{name}: {:?}", desk.look(watcher));
        }
    }
}

#[test]
fn without_a_vendor_the_watchers_say_that_they_have_none() {
    let desk = Desk::ready();
    let ops = desk.ops_with(OpsPolicy::default());
    for watcher in Watcher::ALL {
        let status = ops.watch(watcher, &order()).expect("a status");
        assert_eq!(said(&status), "ERROR MARKET_DATA_FAILED 0 0");
        assert!(status.reason_detail.contains("watch.quotes"), "{status:?}");
    }
}

#[test]
fn settings_of_the_program_that_cannot_be_read_are_said() {
    let desk = Desk::ready();
    let store = desk.store.clone();
    let ops = daily_ops::ops::Ops::new(store, desk.clock.clone(), Box::new(|| Err("a key".to_owned())));
    assert_eq!(said(&ops.watch(Watcher::Spike, &order()).expect("a status")), "ERROR MARKET_DATA_FAILED 0 0");
}

#[test]
fn a_run_beside_another_one_says_so_and_one_that_hangs_is_an_error() {
    let desk = Desk::ready();
    let limit = std::time::Duration::from_secs(180);
    let holder = Holder::this_process("x", desk.clock.now(), limit);
    let LockOutcome::Acquired(held) = desk.store.try_lock(layout::WATCH_LOCK, &holder).expect("a lock") else {
        panic!("nobody else has it");
    };
    assert_eq!(desk.says(Watcher::Spike), "WARN API_FAIL 0 0");
    desk.later(10);
    assert_eq!(desk.says(Watcher::Holding), "ERROR API_FAIL 0 0");
    assert_eq!(desk.vendor.asked(), 0);
    drop(held);
    assert_eq!(desk.says(Watcher::Spike), "OK NO_ALERTS 0 0");
}

#[test]
fn a_status_that_cannot_be_written_is_a_fault() {
    let desk = Desk::ready();
    std::fs::create_dir_all(desk.root().join(layout::SPIKE_STATUS).join("x")).expect("made");
    assert!(desk.ops().watch(Watcher::Spike, &order()).is_err());
}

#[test]
fn the_detail_is_short_and_says_what_is_wrong() {
    let desk = Desk::ready();
    let many: Vec<String> = (0..150).map(|n| format!("{n:06}")).collect();
    let mut items: Vec<(&str, bool)> = many.iter().map(|code| (code.as_str(), true)).collect();
    items.push(("005930", true));
    desk.watches(&items);
    let status = desk.look(Watcher::Spike);
    assert!(status.reason_detail.starts_with("no price of 000000, 000001"), "{status:?}");
    assert!(status.reason_detail.chars().count() <= 100);
}

#[test]
fn a_forced_look_ignores_the_hours_and_never_leaves_the_host() {
    let desk = Desk::ready();
    desk.opens_everything();
    desk.vendor.says("005930", 110_000, 10_000);
    let forced = WatchOrder { hours: WatchHours::Forced, ..order() };
    desk.clock.jump_to(at("2026-11-21T10:00:00+09:00"));
    let status = desk.ops().watch(Watcher::Spike, &forced).expect("a status");
    assert_eq!(said(&status), "OK ALERTS_GENERATED 1 0");
    assert_eq!(desk.json(layout::SPIKE.latest)["delivery_actual"], "CONSOLE_SIMULATED");
    assert!(desk.audit().is_empty());
}
