//! Reads beyond what the bus keeps: pages, filters, export and history come from the observation log without a hole.

use std::sync::Arc;
use std::time::Duration;

use daily_ops::backend::Keeping;
use daily_ops::contracts::json::sha256_hex;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use serde_json::json;

use crate::BEARER;
use crate::client::Site;
use crate::disk::Disk;
use crate::get;
use crate::ids;
use crate::publish;
use crate::reads::model;
use crate::reads::query;
use crate::site_in;
use crate::test_event;

/// A server that keeps a log and almost nothing else.
fn kept(dir: tempfile::TempDir) -> Site {
    site_in(dir, Arc::new(SystemClock::new()), |dash| {
        dash.journal = Keeping::Log;
        dash.settings.replay = 7;
        dash.settings.queue = 5;
        dash.settings.sample_seconds = 1;
    })
}

fn new() -> Site {
    kept(tempfile::tempdir().expect("a directory"))
}

/// Asks until the answer is as wanted.
fn until(site: &Site, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let clock = SystemClock::new();
    loop {
        let found = get(site, path);
        if wanted(&found) {
            return found;
        }
        assert!(clock.monotonic() < Duration::from_secs(60), "{path}: {found}");
        clock.wait(Duration::from_millis(5));
    }
}

fn many(count: usize) -> Vec<Value> {
    let kinds = ["a", "b", "c"];
    let traces = ["t1", "T-1", "t2-x", "t-3", "no-hyphen-1"];
    let severities = ["INFO", "WARN", "ERROR", "CRITICAL"];
    (0..count)
        .map(|at| {
            json!({"type": kinds[at * 7 % 3], "trace_id": traces[(at * 3 + at / 7) % 5],
                "severity": severities[(at * 5 + at / 3) % 4], "data": {"at": at}})
        })
        .collect()
}

#[test]
fn a_reader_that_pages_through_everything_meets_every_event_once() {
    let site = new();
    publish(&site, &many(3000));
    // Asked at once, while the log is still being written.
    let (clock, mut seen) = (SystemClock::new(), Vec::new());
    while seen.len() < 3000 {
        let after = seen.last().copied().unwrap_or(0);
        let page = get(&site, &format!("/api/ops/events?after={after}&limit=170"));
        seen.extend(ids(&page["events"]));
        assert!(seen.len() == 3000 || page["has_more"] == true, "{after}: {}", page["count"]);
        assert!(clock.monotonic() < Duration::from_secs(60), "{after}");
    }
    assert_eq!(seen, (1..=3000).collect::<Vec<u64>>());
    let mut back = Vec::new();
    while back.len() < 3000 {
        let before = back.last().copied().unwrap_or(3001);
        let page = get(&site, &format!("/api/ops/events?before={before}&limit=170"));
        back.extend(ids(&page["events"]));
        assert_eq!((page["has_more"] == true, &page["oldest_id"]), (back.len() < 3000, &json!(1)), "{before}");
    }
    assert_eq!(back, (1..=3000).rev().collect::<Vec<u64>>());
}

/// Pages through everything and gives the ids, with what was said to be missing on the way.
fn paged(site: &Site, limit: usize) -> (Vec<u64>, Vec<Value>) {
    let (mut seen, mut missing) = (Vec::new(), Vec::new());
    loop {
        let after = seen.last().copied().unwrap_or(0);
        let page = get(site, &format!("/api/ops/events?after={after}&limit={limit}"));
        seen.extend(ids(&page["events"]));
        missing.extend(page["missing"].as_array().expect("a list").iter().cloned());
        if page["has_more"] == false {
            return (seen, missing);
        }
        assert!(page["count"] != 0, "{page}");
    }
}

#[test]
fn an_event_is_read_back_at_once_though_the_bus_keeps_none() {
    let site = site_in(tempfile::tempdir().expect("a directory"), Arc::new(SystemClock::new()), |dash| {
        dash.journal = Keeping::Log;
        dash.settings.replay = 0;
    });
    for id in 1..=20 {
        test_event(&site, &json!({"trace_id": format!("t-{id}")}));
        let page = get(&site, &format!("/api/ops/events?after={}", id - 1));
        assert_eq!((ids(&page["events"]), &page["last_id"]), (vec![id], &json!(id)), "{page}");
        assert_eq!(get(&site, &format!("/api/ops/traces/t-{id}"))["count"], 1);
    }
    publish(&site, &many(1200));
    assert_eq!(paged(&site, 170), ((1..=1220).collect(), Vec::new()));
}

#[test]
fn what_waits_for_a_full_disk_is_read_and_what_is_lost_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(disk) = Disk::new(&dir.path().join("metrics")) else { return };
    let site = site_in(dir, Arc::new(SystemClock::new()), |dash| dash.journal = Keeping::Log);
    publish(&site, &many(20));
    until(&site, "/api/ops/metrics", |metrics| metrics["event_pending"] == 0);
    disk.fill();
    publish(&site, &many(2980));
    let failing = |metrics: &Value| metrics["health_reasons"].to_string().contains("obs_writer_failing");
    until(&site, "/api/ops/metrics", failing);
    assert_eq!(get(&site, "/api/ops/metrics")["obs_write_dropped_total"], 0);
    let newest = get(&site, "/api/ops/events?limit=1000");
    assert_eq!(
        (newest["count"].clone(), &newest["has_more"], &newest["last_id"]),
        (json!(1000), &json!(true), &json!(3000))
    );
    let hidden = get(&site, "/api/ops/events?after=20&limit=1000");
    assert_eq!(ids(&hidden["events"]), (21..=1020).collect::<Vec<u64>>(), "{}", hidden["missing"]);
    let traces = get(&site, "/api/ops/traces");
    let counted: u64 =
        traces["items"].as_array().expect("a list").iter().filter_map(|item| item["count"].as_u64()).sum();
    assert!(counted >= 2980, "{counted}");
    // More than the feed holds: the last ones never get a row.
    publish(&site, &many(12_000));
    let metrics = get(&site, "/api/ops/metrics");
    let lost = metrics["obs_write_dropped_total"].as_u64().expect("a number");
    assert!((1000..12_000).contains(&lost), "{lost}");
    let consumed = metrics["event_consumed"].as_u64().expect("a number");
    assert_eq!(consumed + lost + metrics["event_pending"].as_u64().expect("a number"), 15_000, "{metrics}");
    // The bus still keeps the newest thousand.
    let hole = json!({"from_id": 15_001 - lost, "to_id": 14_000, "missed": lost - 1000});
    let told = |missing: &[Value]| missing.iter().filter(|given| **given == hole).count();
    let export = get(&site, "/api/ops/export?limit=10000&after=5000");
    assert_eq!(told(export["missing"].as_array().expect("a list")), 1, "{}", export["missing"]);
    for path in ["/api/ops/traces", "/api/ops/history?hours=168", "/api/ops/alerts?limit=500"] {
        let list = get(&site, path);
        assert!(list["missing"].is_array(), "{path}: {list}");
    }
    // Room again, and more than before: the rows go to the disk below.
    drop(disk);
    let found = until(&site, "/api/ops/events?type=obs_rows_lost", |page| page["count"] == 1);
    let told = &found["events"][0]["data"];
    assert_eq!((&told["rows"], &told["from_id"]), (&json!(lost), &hole["from_id"]), "{found}");
    let metrics = get(&site, "/api/ops/metrics");
    assert!(metrics["health_reasons"].to_string().contains("obs_rows_lost"), "{metrics}");
    let (seen, missing) = paged(&site, 1000);
    assert!(seen.len() > 11_000 && missing.len() == 1, "{} {missing:?}", seen.len());
    assert_eq!(missing[0]["from_id"], hole["from_id"]);
}

#[test]
fn a_log_that_cannot_be_written_shows_in_every_health_and_hides_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("metrics/live_obs.jsonl");
    std::fs::create_dir_all(&log).expect("made");
    let site = site_in(dir, Arc::new(SystemClock::new()), |dash| dash.journal = Keeping::Log);
    let health = get(&site, "/health");
    assert_eq!(
        (&health["status"], &health["components"]["OBSERVATION_LOG"]["status"]),
        (&json!("DEGRADED"), &json!("DEGRADED"))
    );
    assert_eq!(get(&site, "/api/ops/health")["data"]["dashboard"]["obs_writer"], "FAILING");
    publish(&site, &many(3));
    let page = get(&site, "/api/ops/events");
    let given = ids(&page["events"]);
    // A log that cannot be read may hold more.
    assert_eq!((given.len(), &page["has_more"], &page["missing"]), (3, &json!(true), &json!([])), "{page}");
    std::fs::remove_dir(&log).expect("removed");
    until(&site, "/health", |health| health["components"]["OBSERVATION_LOG"]["status"] == "UP");
    until(&site, "/api/ops/metrics", |metrics| metrics["event_pending"] == 0);
    let page = get(&site, "/api/ops/events");
    assert_eq!((ids(&page["events"]), &page["has_more"]), (given, &json!(false)));
}

#[test]
fn a_log_whose_disk_stands_still_holds_up_nobody() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(disk) = Disk::freezing(&dir.path().join("obs")) else { return };
    let site = site_in(dir, Arc::new(SystemClock::new()), |dash| {
        dash.journal = Keeping::Log;
        dash.settings.log = "obs/live_obs.jsonl".to_owned();
    });
    // Thawed before the server waits for its log, whatever happens.
    let disk = disk;
    let log_of = |site: &Site| get(site, "/health")["components"]["OBSERVATION_LOG"]["status"].clone();
    assert_eq!(log_of(&site), "UP");
    disk.freeze();
    for id in 1..=30 {
        assert_eq!(test_event(&site, &json!({}))["event"]["id"], id);
    }
    let order = json!({"is_on": true, "reason": "the disk stands still"}).to_string();
    let answer = site.call("POST", "/api/control/kill-switch", Some(&order), &[BEARER]);
    assert_eq!((answer.status, &answer.json()["audit_persisted"]), (200, &json!(true)), "{}", answer.text);
    until(&site, "/api/ops/health", |health| health["data"]["dashboard"]["obs_writer"] == "FAILING");
    assert_eq!(log_of(&site), "DEGRADED");
    let page = get(&site, "/api/ops/events?after=0");
    assert_eq!((ids(&page["events"])[..30].to_vec(), &page["has_more"]), ((1..=30).collect(), &json!(false)));
    assert!(disk.thaw());
    until(&site, "/api/ops/health", |health| health["data"]["dashboard"]["obs_writer"] == "OK");
    assert_eq!(log_of(&site), "UP");
    until(&site, "/api/ops/metrics", |metrics| metrics["event_pending"] == 0);
    site.server.stop();
}

#[test]
fn a08_an_export_reaches_into_the_log() {
    let site = new();
    publish(&site, &many(1200));
    until(&site, "/api/ops/events?after=0&limit=1", |page| page["count"] == 1);
    until(&site, "/api/ops/export?limit=10000", |body| body["count"] == 1200);
    let answer = site.get("/api/ops/export?limit=10000");
    let body = answer.json();
    assert_eq!((ids(&body["events"]), &body["truncated"]), ((1..=1200).collect(), &json!(false)));
    assert_eq!(answer.header("x-content-sha256"), Some(sha256_hex(answer.text.as_bytes()).as_str()));
    assert_eq!(body["events"][3]["data"], json!({"at": 3}));
    let cut = get(&site, "/api/ops/export?limit=100&before=500");
    assert_eq!((ids(&cut["events"]), &cut["truncated"]), ((400..500).collect(), &json!(true)));
}

#[test]
fn prop_a_filter_means_the_same_in_the_log_as_on_the_bus() {
    let site = new();
    publish(&site, &many(48));
    let all = until(&site, "/api/ops/events?after=0&limit=1000", |page| page["count"] == 48);
    let all = all["events"].as_array().expect("a list").clone();
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() });
    let start = all[0]["ts"].as_i64().expect("a time");
    let ran = runner.run(&query(start), |asked| {
        let asked: Vec<_> = asked.into_iter().filter(|(_, value)| value != "-").collect();
        let text: Vec<String> = asked.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (want, has_more) = model(&all, &asked);
        let page = get(&site, &format!("/api/ops/events?{}", text.join("&")));
        prop_assert_eq!((&page["events"], &page["has_more"]), (&json!(want), &json!(has_more)));
        Ok(())
    });
    ran.expect("the model and the server agree");
}

#[test]
fn traces_and_risks_count_what_is_in_the_log_too() {
    let site = new();
    publish(&site, &many(100));
    until(&site, "/api/ops/traces", |list| list["has_more"] == false);
    let list = get(&site, "/api/ops/traces");
    let counts = list["items"].as_array().expect("a list").iter().map(|item| item["count"].as_u64().expect("a count"));
    assert_eq!(counts.sum::<u64>(), 100);
    let trace = get(&site, "/api/ops/traces/t1");
    assert_eq!((trace["events"][0]["id"].clone(), &trace["truncated"]), (json!(1), &json!(false)));
    assert_eq!(
        trace["count"],
        list["items"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|item| ["t1", "T-1"].iter().any(|name| item["trace_id"] == *name))
            .expect("it")["count"]
    );
    let of =
        |words: &[&str]| many(100).iter().filter(|event| words.iter().any(|word| event["severity"] == *word)).count();
    assert_eq!(get(&site, "/api/v1/ops/risks?limit=500")["count"], of(&["WARN", "ERROR", "CRITICAL"]));
    assert_eq!(get(&site, "/api/ops/alerts?limit=500")["count"], of(&["ERROR", "CRITICAL"]));
}

#[test]
fn history_goes_on_over_a_restart_with_its_points() {
    let site = new();
    publish(&site, &many(20));
    until(&site, "/api/ops/history", |history| history["points"].as_array().is_some_and(|points| points.len() > 1));
    let Site { dir, server, .. } = site;
    server.stop();
    let site = kept(dir);
    test_event(&site, &json!({}));
    let history = get(&site, "/api/ops/history?hours=1");
    assert_eq!((ids(&history["events"])[0], ids(&history["events"]).len()), (21, 21));
    let points = history["points"].as_array().expect("a list");
    let times: Vec<_> = points.iter().map(|point| point["ts"].as_i64().expect("a time")).collect();
    assert!(times.is_sorted() && points.len() > 1, "{history}");
    assert_eq!(points.last().expect("now")["event_published"], 1, "counters begin anew, ids do not");
    assert!(points.iter().any(|point| point["event_published"] == 20), "{history}");
    assert_eq!(history["points_truncated"], false);
}

#[test]
fn what_subscribers_lost_stands_among_the_runtime_events() {
    let site = new();
    assert_eq!(site.call("POST", "/api/ops/hang-sub", None, &[BEARER]).status, 200);
    publish(&site, &vec![json!({}); 12]);
    let told = |list: &Value| {
        let events = list["events"].as_array().expect("a list").clone();
        events.into_iter().find(|event| event["action"] == "backpressure-drop")
    };
    let list = until(&site, "/api/ops/runtime-events", |list| told(list).is_some());
    let row = told(&list).expect("it is there");
    assert_eq!((&row["level"], &row["trace_id"]), (&json!("WARN"), &json!("no-trace")));
    assert_eq!(row["reason"], "subscriber 1 lost 7 events, all lost 7 since the server started");
    let times: Vec<_> = list["events"].as_array().expect("a list").iter().map(|event| event["ts"].as_i64()).collect();
    assert!(times.iter().rev().is_sorted(), "{list}");
}
