//! The endpoints: watchlist, settings, a look, what was seen.

use daily_ops::ops::Watcher;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::client::Site;
use crate::desk::Desk;
use crate::desk::at;

const LIST: &str = "/api/watchlist/upsert?confirm=true";
const SETTINGS: &str = "/api/settings/upsert?confirm=true";

/// A served workspace; the desk's clock and vendor, the site's directory.
fn served(desk: &Desk) -> Site {
    let site = Site::with(|store| store, desk.clock.clone(), desk.policy());
    for file in [layout::WATCH_SETTINGS.latest, layout::WATCHLIST.latest, layout::PORTFOLIO.latest] {
        if let Some(bytes) = desk.store.read(file).expect("readable") {
            site.store.write(file, &bytes).expect("written");
        }
    }
    site
}

fn audit(site: &Site) -> Vec<Value> {
    let bytes = site.store.read(layout::AUDIT).expect("readable").unwrap_or_default();
    String::from_utf8(bytes).expect("text").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_replacement_that_fails_is_recorded_as_failed() {
    let desk = Desk::empty();
    let site = served(&desk);
    site.store.write(layout::WATCHLIST.snapshots, b"a file where a directory is due").expect("written");
    assert_eq!(site.post(LIST, Some(r#"{"items":[]}"#)).status, 500);
    let trail = audit(&site);
    let told: Vec<_> = trail.iter().map(|entry| (&entry["action"], &entry["outcome"])).collect();
    let action = json!("watchlist.replace");
    assert_eq!(told, [(&action, &json!(null)), (&action, &json!("FAILED"))]);
    assert_eq!(site.get("/api/watchlist/latest").json()["status"], "not_ready");
}

#[test]
fn a_watchlist_is_replaced_kept_and_recorded() {
    let desk = Desk::empty();
    let site = served(&desk);
    let none = site.get("/api/watchlist/latest").json();
    assert_eq!(
        (&none["result"], &none["status"], &none["rows"]),
        (&json!("NOT_FOUND"), &json!("not_ready"), &json!([]))
    );
    assert_eq!(none["error"]["code"], "NO_WATCHLIST");
    let items = json!([{"ticker": "005930", "name": "삼성전자", "enabled": true}, {"ticker": "0086B0", "name": "", "enabled": false}]);
    let body = json!({"items": items, "updated_by": "pc_ui"}).to_string();
    assert_eq!(site.post("/api/watchlist/upsert", Some(&body)).status, 400, "not confirmed");
    let said = site.post(LIST, Some(&body));
    assert_eq!((said.status, &said.json()["result"], &said.json()["item_count"]), (200, &json!("OK"), &json!(2)));
    let snapshot = said.json()["snapshot_ref"].as_str().expect("a ref").to_owned();
    assert_eq!(snapshot, "state/watchlist/snapshots/watchlist_20261120_100000.json");
    assert_eq!(site.store.read(&snapshot).ok(), site.store.read(layout::WATCHLIST.latest).ok());
    let found = site.get("/api/watchlist/latest").json();
    assert_eq!((&found["result"], &found["status"], &found["row_count"]), (&json!("OK"), &json!("ready"), &json!(1)));
    let row = &found["rows"][0];
    assert_eq!((&row["items"], &row["item_count"], &row["updated_by"]), (&items, &json!(2), &json!("pc_ui")));
    assert_eq!(found["asof"], row["updated_at"]);
    site.post(LIST, Some(r#"{"items":[],"confirm":true}"#));
    let trail = audit(&site);
    assert_eq!(trail.len(), 2);
    assert_eq!((&trail[0]["action"], &trail[0]["actor"]), (&json!("watchlist.replace"), &json!("pc_ui")));
    assert_eq!((&trail[0]["before"], &trail[0]["after"]), (&json!(null), &items));
    assert_eq!((&trail[1]["before"], &trail[1]["after"]), (&items, &json!([])));
    site.store.write(layout::WATCHLIST.latest, b"{").expect("written");
    let damaged = site.get("/api/watchlist/latest").json();
    assert_eq!((&damaged["status"], &damaged["error"]["code"]), (&json!("error"), &json!("READ_ERROR")));
}

#[test]
fn a_wrong_request_names_the_member_and_changes_nothing() {
    let long = format!(r#"{{"items":[{{"ticker":"005930","enabled":true,"name":"{}"}}]}}"#, "x".repeat(61));
    let cases: [(&str, &str, &str, &str); 16] = [
        ("no items", LIST, "{}", "items"),
        ("items an object", LIST, r#"{"items":{}}"#, "items"),
        ("a row a text", LIST, r#"{"items":["005930"]}"#, "items[0]"),
        ("no ticker", LIST, r#"{"items":[{"enabled":true}]}"#, "items[0].ticker"),
        ("ticker a number", LIST, r#"{"items":[{"ticker":5930,"enabled":true}]}"#, "items[0].ticker"),
        ("a path", LIST, r#"{"items":[{"ticker":"../../","enabled":true}]}"#, "items[0].ticker"),
        ("no switch", LIST, r#"{"items":[{"ticker":"005930"}]}"#, "items[0].enabled"),
        ("switch a text", LIST, r#"{"items":[{"ticker":"005930","enabled":"true"}]}"#, "items[0].enabled"),
        (
            "twice",
            LIST,
            r#"{"items":[{"ticker":"005930","enabled":true},{"ticker":"005930","enabled":true}]}"#,
            "items[1].ticker",
        ),
        ("a long name", LIST, &long, "items[0].name"),
        ("a template", LIST, r#"{"items":[{"ticker":"005930","enabled":true,"name":"${X}"}]}"#, "items[0].name"),
        ("misspelled", LIST, r#"{"items":[{"ticker":"005930","enabled":true,"nmae":"x"}]}"#, "items[0].nmae"),
        ("unknown member", LIST, r#"{"items":[],"append":true}"#, "append"),
        ("nothing to set", SETTINGS, "{}", "spike"),
        ("threshold", SETTINGS, r#"{"spike":{"enabled":true,"threshold_pct":31}}"#, "spike.threshold_pct"),
        ("cooldown", SETTINGS, r#"{"holding":{"enabled":true,"cooldown_m":-1}}"#, "holding.cooldown_m"),
    ];
    let desk = Desk::empty();
    let site = served(&desk);
    for (name, path, body, field) in cases {
        let said = site.post(path, Some(body));
        assert_eq!((said.status, &said.json()["field"]), (400, &json!(field)), "{name}: {}", said.text);
        assert_eq!(said.json()["result"], "FAIL", "{name}");
    }
    for (name, body) in [("nothing", None), ("no JSON", Some("{")), ("a list", Some("[]"))] {
        assert_eq!(site.post(LIST, body).status, 422, "{name}");
    }
    assert!(audit(&site).is_empty());
    assert!(site.store.read(layout::WATCHLIST.latest).expect("readable").is_none());
}

#[test]
fn settings_are_replaced_section_by_section() {
    let desk = Desk::empty();
    let site = served(&desk);
    let said = site.post(SETTINGS, Some(r#"{"spike":{"enabled":true,"threshold_pct":4.5}}"#)).json();
    assert_eq!(said["result"], "OK", "{said}");
    site.post(SETTINGS, Some(r#"{"holding":{"enabled":true,"cooldown_m":0,"trail_stop_pct":2.5}}"#));
    let row = site.get("/api/settings/latest").json()["rows"][0].clone();
    assert_eq!(row["schema"], "SETTINGS_V1");
    assert_eq!((&row["spike"]["threshold_pct"], &row["spike"]["cooldown_m"]), (&json!(4.5), &json!(15)));
    assert_eq!((&row["holding"]["trail_stop_pct"], &row["holding"]["pnl_up_pct"]), (&json!(2.5), &json!(5.0)));
    let trail = audit(&site);
    assert_eq!((trail.len(), &trail[1]["action"]), (2, &json!("watch.settings.replace")));
    assert_eq!(trail[1]["before"]["holding"], json!(null));
    assert_eq!(trail[1]["after"]["spike"], trail[0]["after"]["spike"]);
    site.store.write(layout::WATCH_SETTINGS.latest, b"{").expect("written");
    assert_eq!(site.post(SETTINGS, Some(r#"{"spike":{"enabled":true}}"#)).status, 400, "the other section is lost");
    let both = r#"{"spike":{"enabled":true},"holding":{"enabled":false}}"#;
    assert_eq!(site.post(SETTINGS, Some(both)).status, 200);
}

#[test]
fn a_look_is_asked_for_and_read_back() {
    let desk = Desk::ready();
    let site = served(&desk);
    desk.vendor.says("005930", 105_000, 5_000);
    for (name, schema) in [("spike", "SPIKE_PUSH_RECEIPT_V1"), ("holding", "HOLDING_PUSH_RECEIPT_V1")] {
        let latest = format!("/api/push/{name}/latest");
        let before = site.get(&latest).json();
        assert_eq!((&before["status"], &before["schema"]), (&json!("not_ready"), &json!(schema)));
        assert_eq!((&before["watcher"]["status"], &before["watcher"]["stale"]), (&json!(null), &json!(true)));
        assert_eq!(site.post(&format!("/api/push/{name}/run"), None).status, 400, "not confirmed");
        let run = site.post(&format!("/api/push/{name}/run?confirm=true"), None);
        let said = run.json();
        assert_eq!((run.status, &said["result"], &said["status"]), (200, &json!("OK"), &json!("OK")), "{said}");
        assert_eq!(
            (&said["reason"], &said["alerts"], &said["sent"]),
            (&json!("ALERTS_GENERATED"), &json!(1), &json!(0))
        );
        assert_eq!((&said["source"], &said["asof"]), (&json!("API"), &json!("2026-11-20T01:00:00Z")));
        let after = site.get(&latest).json();
        assert_eq!((&after["status"], &after["rows"][0]["schema"]), (&json!("ready"), &json!(schema)));
        assert_eq!(
            (&after["watcher"]["status"]["reason"], &after["watcher"]["stale"]),
            (&said["reason"], &json!(false))
        );
        desk.clock.jump_to(at("2026-11-20T12:00:01+09:00"));
        assert_eq!(site.get(&latest).json()["watcher"]["stale"], json!(true), "two hours later");
        desk.clock.jump_to(at("2026-11-20T10:00:00+09:00"));
    }
    let alias = site.get("/api/evidence/resolve?ref=guard_spike_latest").json();
    assert_eq!(alias["rows"][0]["data"]["schema"], "WATCHER_STATUS_V1", "{alias}");
    let file = site.dir.path().join(Watcher::Spike.status_file());
    std::fs::remove_file(&file).expect("removed");
    std::fs::create_dir_all(file.join("x")).expect("made");
    assert_eq!(site.post("/api/push/spike/run?confirm=true", None).status, 500);
}
