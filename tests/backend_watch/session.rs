//! Whole days, five minutes at a time, each look by a program that was just started.

use daily_ops::contracts::EvidenceRef;
use daily_ops::ops::Watcher;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use serde_json::Value;
use serde_json::json;

use crate::desk::Desk;
use crate::desk::at;
use crate::desk::friday;

/// The times of alerts with their kinds, from nine to four.
fn day(desk: &Desk, watcher: Watcher, price: impl Fn(u32) -> (i64, i64)) -> Vec<String> {
    let family = if watcher == Watcher::Spike { layout::SPIKE } else { layout::HOLDING };
    let mut alerts = Vec::new();
    for look in 0..84 {
        let now = friday("09:00:00") + chrono::Duration::minutes(5 * i64::from(look));
        desk.clock.jump_to(now);
        let (price, change) = price(look);
        desk.vendor.says("005930", price, change);
        let status = desk.look(watcher);
        if status.alerts > 0 {
            for alert in desk.json(family.latest)["alerts"].as_array().expect("a list") {
                let word = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
                alerts.push(format!("{} {} {}", now.format("%H:%M"), word("type"), word("reason")));
            }
        }
    }
    alerts
}

#[test]
fn a_day_of_spikes_is_told_once_a_cooldown_and_when_it_grows() {
    let desk = Desk::ready();
    // Up 3 % from nine on, 4.2 % at 09:20, falling back, down 3 % from 11:00 to 11:10, again at 15:20 and later.
    let alerts = day(&desk, Watcher::Spike, |look| match look {
        0..=3 => (103_000, 3_000),
        4 => (104_200, 4_200),
        5..=6 => (103_900, 3_900),
        24..=26 => (97_000, -3_000),
        76.. => (103_000, 3_000),
        _ => (100_000, 0),
    });
    let want = ["09:10 UP FRESH", "09:20 UP GROWN", "11:00 DOWN FRESH", "15:20 UP COOLDOWN_OVER"];
    assert_eq!(alerts, want);
    assert_eq!(desk.vendor.asked(), 75, "asked only in the exchange's hours, 09:10 to 15:20");
    desk.clock.jump_to(at("2026-11-23T09:10:00+09:00"));
    assert_eq!(desk.says(Watcher::Spike), "OK ALERTS_GENERATED 1 0", "a new day starts anew");
}

#[test]
fn a_day_of_a_holding_tells_profit_trail_stop_and_loss() {
    let desk = Desk::ready();
    let alerts = day(&desk, Watcher::Holding, |look| match look {
        0..=5 => (104_000, 0),
        6..=9 => (106_000, 0),
        10..=11 => (110_000, 0),
        12..=13 => (107_700, 0),
        14..=15 => (106_500, 0),
        16 => (96_900, 0),
        _ => (100_000, 0),
    });
    let want = [
        "09:30 PNL_UP FRESH",
        "09:45 PNL_UP COOLDOWN_OVER",
        "09:50 PNL_UP GROWN",
        "10:00 TRAIL_STOP FRESH",
        "10:10 TRAIL_STOP GROWN",
        "10:20 PNL_DOWN FRESH",
        "10:25 TRAIL_STOP COOLDOWN_OVER",
    ];
    assert_eq!(alerts[..7], want, "{alerts:?}");
    let state = desk.json(layout::HOLDING_STATE);
    assert_eq!(state["positions"]["005930"]["max_price_seen"], 110_000, "the highest price outlives every restart");
    desk.holds(&[("005930", 12.0, 101_000.0)]);
    desk.clock.jump_to(friday("15:00:00"));
    desk.look(Watcher::Holding);
    let state = desk.json(layout::HOLDING_STATE);
    assert_eq!(state["positions"]["005930"]["max_price_seen"], 100_000, "another average price is another entry");
}

#[test]
fn a_late_opening_moves_the_hours() {
    let desk = Desk::ready();
    desk.vendor.says("005930", 103_000, 3_000);
    for (time, want) in [
        ("09:30", "SKIPPED OUTSIDE_SESSION 0 0"),
        ("10:10", "OK ALERTS_GENERATED 1 0"),
        ("16:20", "OK ALERTS_GENERATED 1 0"),
        ("16:25", "SKIPPED OUTSIDE_SESSION 0 0"),
    ] {
        desk.clock.jump_to(at(&format!("2026-11-19T{time}:00+09:00")));
        assert_eq!(desk.says(Watcher::Spike), want, "{time}");
    }
}

#[test]
fn a_clock_that_is_set_back_neither_repeats_nor_silences_for_ever() {
    let desk = Desk::ready();
    desk.vendor.says("005930", 103_000, 3_000);
    desk.clock.jump_to(friday("14:00:00"));
    assert_eq!(desk.says(Watcher::Spike), "OK ALERTS_GENERATED 1 0");
    desk.clock.jump_to(friday("10:00:00"));
    let mut alerts = Vec::new();
    for _ in 0..8 {
        if desk.look(Watcher::Spike).alerts > 0 {
            alerts.push(desk.clock.now().format("%H:%M").to_string());
        }
        desk.later(5);
    }
    assert_eq!(alerts, ["10:15", "10:30"]);
}

#[test]
fn what_is_written_says_what_was_seen_and_every_ref_resolves() {
    let desk = Desk::ready();
    desk.vendor.says("005930", 95_910, -4_090);
    desk.look(Watcher::Spike);
    desk.look(Watcher::Holding);
    let spike = desk.json(layout::SPIKE.latest);
    assert_eq!(spike["alerts"][0]["change_pct"], json!(-4.09));
    assert_eq!(spike["alerts"][0]["formatted_msg"], "📉 급락 005930 삼성전자 -4.09% (현재 95,910원)");
    assert_eq!((&spike["alerts_count"], &spike["sent_count"]), (&json!(1), &json!(0)));
    assert_eq!(spike["settings_used"], json!({"threshold_pct": 3.0, "cooldown_minutes": 15, "realert_delta_pp": 1.0}));
    let holding = desk.json(layout::HOLDING.latest);
    let text = "💼 PNL_DOWN 005930 삼성전자 -4.09% (평단 100,000 / 현재 95,910)";
    assert_eq!(holding["alerts"][0]["formatted_msg"], text);
    assert_eq!(holding["alerts"][0]["market_value_krw"], json!(959_100.0));
    for (document, family) in [(&spike, layout::SPIKE), (&holding, layout::HOLDING)] {
        assert_eq!(document["delivery_actual"], "CONSOLE_SIMULATED");
        let snapshot = document["snapshot_ref"].as_str().expect("a ref");
        assert_eq!(desk.store.read(snapshot).ok(), desk.store.read(family.latest).ok(), "the same bytes");
        let cited = document["evidence_refs"].as_array().expect("a list").iter().filter_map(Value::as_str);
        let mut count = 0;
        for text in cited.chain([snapshot]) {
            let reference = EvidenceRef::parse(text).unwrap_or_else(|fault| panic!("{fault}"));
            desk.store.resolve(&reference).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            count += 1;
        }
        assert!(count >= 2);
    }
    for alias in ["guard_spike_latest", "guard_holding_latest"] {
        desk.store.resolve(&EvidenceRef::parse(alias).expect("an alias")).expect("it resolves");
    }
}

#[test]
fn messages_speak_the_language_of_the_settings() {
    let desk = Desk::ready();
    desk.vendor.says("005930", 104_090, 4_090);
    let english = daily_ops::ops::OpsPolicy { lang: daily_ops::settings::Lang::En, ..desk.policy() };
    desk.ops_with(english).watch(Watcher::Spike, &crate::desk::order()).expect("a status");
    let text = "📈 UP 005930 삼성전자 +4.09% (now 104,090 won)";
    assert_eq!(desk.json(layout::SPIKE.latest)["alerts"][0]["formatted_msg"], text);
}
