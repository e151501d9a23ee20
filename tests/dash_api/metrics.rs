//! What is counted: for people as JSON, and for Prometheus, parsed back strictly.

use std::collections::BTreeMap;
use std::time::Duration;

use daily_ops::backend::Keeping;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

use crate::BEARER;
use crate::client::Site;
use crate::get;
use crate::publish;
use crate::site;
use crate::site_with;
use crate::test_event;

fn is_count(value: &Value) -> bool {
    value.as_u64().is_some()
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn are_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
}

fn is_count_or_null(value: &Value) -> bool {
    value.is_null() || value.as_u64().is_some()
}

type Rule = (&'static str, fn(&Value) -> bool);

const FIELDS: [Rule; 40] = [
    ("contract_version", |value| value == "v1"),
    ("version", is_text),
    ("boot_id", |value| value.as_str().is_some_and(|text| text.len() == 16)),
    ("ts", is_count),
    ("start_ts", is_count),
    ("uptime_sec", Value::is_number),
    ("health", |value| ["OK", "WARN", "CRITICAL", "UNKNOWN"].iter().any(|word| value == word)),
    ("health_reasons", are_texts),
    ("drop_count", is_count),
    ("subscribers", is_count),
    ("subscribers_sse", is_count),
    ("subscribers_ws", is_count),
    ("subscribers_max", is_count),
    ("queue_maxsize", is_count),
    ("event_published", is_count),
    ("event_consumed", is_count),
    ("event_pending", is_count),
    ("event_queue_depth", is_count),
    ("event_queue_depth_max_seen", is_count),
    ("deliveries_total", is_count),
    ("deliveries_pending", is_count),
    ("ws_messages_total", is_count),
    ("slow_disconnects_total", is_count),
    ("rejected_connections_total", is_count),
    ("obs_write_dropped_total", is_count),
    ("obs_bad_lines", is_count),
    ("spool_events", is_count),
    ("spool_bad_lines", is_count),
    ("last_event_id", is_count),
    ("last_event_ts_ms", is_count_or_null),
    ("last_obs_ts_ms", is_count_or_null),
    ("last_obs_age_sec", |value| value.is_null() || value.is_number()),
    ("publish_rate_1m", Value::is_number),
    ("kill_switch", Value::is_boolean),
    ("kill_switch_status", |value| ["OFF", "ARMED", "ON"].iter().any(|word| value == word)),
    ("risk_level", |value| ["OK", "WARNING", "CRITICAL", "UNKNOWN"].iter().any(|word| value == word)),
    ("mode", |value| ["NORMAL", "WARN", "DOWNGRADE", "KILL"].iter().any(|word| value == word)),
    ("config_warnings", are_texts),
    ("uptime_sec", |value| value.as_f64().is_some_and(|seconds| seconds >= 0.0)),
    ("publish_rate_1m", |value| value.as_f64().is_some_and(|rate| rate >= 0.0)),
];

fn check_fields(metrics: &Value) {
    for (name, rule) in FIELDS {
        let value = metrics.get(name).unwrap_or_else(|| panic!("{name} is missing: {metrics}"));
        assert!(rule(value), "{name}: {value}");
    }
}

#[test]
fn a02_every_field_is_always_there() {
    let site = site();
    let before = get(&site, "/api/ops/metrics");
    check_fields(&before);
    assert_eq!((&before["last_event_id"], &before["last_event_ts_ms"]), (&json!(0), &Value::Null));
    assert!(before.get("subscribers_detail").is_none());
    let event = test_event(&site, &json!({}));
    let after = get(&site, "/api/ops/metrics?detail=0");
    check_fields(&after);
    assert_eq!((&after["last_event_id"], &after["last_event_ts_ms"]), (&json!(1), &event["event"]["ts"]));
    assert_eq!((&after["queue_maxsize"], &after["subscribers_max"]), (&json!(200), &json!(2000)));
    assert!(after["publish_rate_1m"].as_f64().is_some_and(|rate| (rate - 1.0 / 60.0).abs() < 1e-9));
    assert_eq!(get(&site, "/api/ops/metrics?detail=1")["subscribers_detail"], json!([]));
}

#[test]
fn b04_twelve_events_cost_a_subscriber_that_never_reads_seven_of_a_queue_of_five() {
    let clock = std::sync::Arc::new(SystemClock::new());
    let site = site_with(clock, |dash| {
        dash.settings.queue = 5;
        dash.config_warnings = vec!["OPS_X is old".to_owned()];
    });
    assert_eq!(site.call("POST", "/api/ops/hang-sub", None, &[BEARER]).json(), json!({"status": "ok", "hung_subs": 1}));
    publish(&site, &vec![json!({}); 12]);
    let metrics = get(&site, "/api/ops/metrics?detail=1");
    assert_eq!(
        (&metrics["drop_count"], &metrics["subscribers"], &metrics["subscribers_sse"]),
        (&json!(7), &json!(1), &json!(0))
    );
    assert_eq!((&metrics["queue_maxsize"], &metrics["config_warnings"]), (&json!(5), &json!(["OPS_X is old"])));
    let seat = &metrics["subscribers_detail"][0];
    assert_eq!(
        (&seat["transport"], &seat["queue_depth"], &seat["dropped"], &seat["delivered"]),
        (&json!("hung"), &json!(5), &json!(7), &json!(0))
    );
    assert!(
        is_count(&seat["id"])
            && is_text(&seat["peer"])
            && is_count(&seat["connected_ms"])
            && seat["last_write_ms"].is_null()
    );
    assert_eq!(
        site.call("POST", "/api/ops/clear-hung-subs", None, &[BEARER]).json(),
        json!({"status": "ok", "cleared": 1})
    );
    let metrics = get(&site, "/api/ops/metrics");
    assert_eq!(
        (&metrics["drop_count"], &metrics["subscribers"]),
        (&json!(7), &json!(0)),
        "what was lost stays counted"
    );
}

#[test]
fn a13_nothing_is_pending_a_second_after_a_load() {
    for journal in [Keeping::Memory, Keeping::Log] {
        let site = site_with(std::sync::Arc::new(SystemClock::new()), |dash| dash.journal = journal);
        for _ in 0..10 {
            publish(&site, &vec![json!({}); 500]);
        }
        let (clock, mut metrics) = (SystemClock::new(), get(&site, "/api/ops/metrics"));
        while metrics["event_queue_depth"].as_u64().is_none_or(|depth| depth >= 5) {
            assert!(clock.monotonic() < Duration::from_secs(1), "{journal:?}: {metrics}");
            metrics = get(&site, "/api/ops/metrics");
        }
        assert_eq!(metrics["event_published"], 5000);
        let pending = 5000 - metrics["event_consumed"].as_i64().expect("a number");
        assert!(pending.abs() < 10, "{journal:?}: {metrics}");
        let deepest = metrics["event_queue_depth_max_seen"].as_u64().expect("a number");
        assert_eq!(deepest >= 500, journal == Keeping::Log, "a batch of 500 waited at once: {metrics}");
        assert_eq!(metrics["obs_write_dropped_total"], 0);
    }
}

#[test]
fn no_event_changes_a_state() {
    let site = site();
    let words =
        |metrics: &Value| ["kill_switch", "kill_switch_status", "risk_level", "mode"].map(|name| metrics[name].clone());
    let before = words(&get(&site, "/api/ops/metrics"));
    for kind in ["KillSwitchChanged", "guardrail_update", "RISK_TRIGGERED"] {
        test_event(
            &site,
            &json!({"type": kind, "severity": "CRITICAL", "data": {"is_on": true, "status": "ON", "kill_switch": true}}),
        );
    }
    assert_eq!(words(&get(&site, "/api/ops/metrics")), before);
    assert_eq!(before, [json!(false), json!("OFF"), json!("UNKNOWN"), json!("NORMAL")]);
    site.store.write("state/kill_switch.json", b"{half").expect("written");
    let after = words(&get(&site, "/api/ops/metrics"));
    assert_eq!(after, [json!(true), json!("ON"), json!("CRITICAL"), json!("KILL")], "unreadable is on");
}

type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: Vec<(String, Labels, f64)>,
}

/// Reads a page as the format wants it: help, type, samples of that family, nothing else.
fn parsed(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line ends too");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect(line);
        assert!(is_name(name) && !help.is_empty(), "{line}");
        let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).expect(line).to_owned();
        assert!(["counter", "gauge", "histogram"].contains(&kind.as_str()), "{name} {kind}");
        let mut family = Family { kind, samples: Vec::new() };
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (sample, labels, value) = parsed_sample(line);
            let ends: &[&str] = if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(ends.iter().any(|end| sample == format!("{name}{end}")), "{line} in {name}");
            assert!(!family.samples.iter().any(|(n, l, _)| *n == sample && *l == labels), "twice: {line}");
            family.samples.push((sample, labels, value));
        }
        assert!(families.insert(name.to_owned(), family).is_none(), "{name} comes twice");
    }
    families
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn parsed_sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).expect(line);
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").expect(line);
            assert!(is_name(label), "{line}");
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            if let Some(end) = after.strip_prefix('}') {
                rest = end;
                break;
            }
            rest = after.strip_prefix(',').expect(line);
        }
    }
    let value = rest.strip_prefix(' ').expect(line);
    (name.to_owned(), labels, value.parse().expect(line))
}

/// A label's value up to its closing quote, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some(c @ ('\\' | '"')) => value.push(c),
                other => panic!("the escape {other:?} in {text}"),
            },
            c => value.push(c),
        }
    }
    panic!("no end in {text}")
}

fn page(site: &Site) -> BTreeMap<String, Family> {
    let answer = site.get("/metrics");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    parsed(&answer.text)
}

fn value(page: &BTreeMap<String, Family>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let family = page.get(name).unwrap_or_else(|| panic!("{name} is missing"));
    let found = family.samples.iter().find(|(sample, l, _)| sample == name && *l == labels);
    found.unwrap_or_else(|| panic!("{name} {labels:?} is missing: {family:?}")).2
}

const NAMES: [(&str, &str, &[&str]); 22] = [
    ("daily_ops_build_info", "gauge", &["commit", "version"]),
    ("daily_ops_bus_events_published_total", "counter", &[]),
    ("daily_ops_bus_events_consumed_total", "counter", &[]),
    ("daily_ops_bus_events_pending", "gauge", &[]),
    ("daily_ops_bus_deliveries_pending", "gauge", &[]),
    ("daily_ops_bus_events_dropped_total", "counter", &[]),
    ("daily_ops_bus_deliveries_total", "counter", &["transport"]),
    ("daily_ops_bus_subscribers", "gauge", &["transport"]),
    ("daily_ops_bus_queue_capacity_events", "gauge", &[]),
    ("daily_ops_bus_slow_disconnects_total", "counter", &[]),
    ("daily_ops_bus_connections_rejected_total", "counter", &[]),
    ("daily_ops_event_delivery_seconds", "histogram", &[]),
    ("daily_ops_events_by_severity_total", "counter", &["severity"]),
    ("daily_ops_live_obs_bytes_written_total", "counter", &[]),
    ("daily_ops_live_obs_rows_dropped_total", "counter", &[]),
    ("daily_ops_live_obs_last_row_timestamp_seconds", "gauge", &[]),
    ("daily_ops_spool_events_total", "counter", &[]),
    ("daily_ops_spool_bad_lines_total", "counter", &[]),
    ("daily_ops_health_status", "gauge", &["status"]),
    ("daily_ops_kill_switch_active", "gauge", &[]),
    ("daily_ops_http_requests_total", "counter", &["code", "method", "route"]),
    ("process_start_time_seconds", "gauge", &[]),
];

/// Every name is there with its kind and its labels, and only counters end in `_total`.
fn check_names(page: &BTreeMap<String, Family>) {
    for (name, kind, labels) in NAMES {
        let on_linux_only = name.starts_with("process_") && !cfg!(target_os = "linux");
        if on_linux_only {
            continue;
        }
        let family = page.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(family.kind, kind, "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        for (_, given, _) in family.samples.iter().filter(|_| kind != "histogram") {
            assert_eq!(given.keys().collect::<Vec<_>>(), labels, "{name}");
        }
    }
    for (name, family) in page {
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name}");
    }
}

#[test]
fn b10_the_page_for_prometheus_parses_and_has_every_name() {
    let site = site();
    publish(&site, &[json!({"severity": "ERROR", "source": "\"s\"\n", "trace_id": "t"}), json!({})]);
    site.get("/api/ops/events?q=t");
    site.get("/nowhere/<at-all>");
    let page = page(&site);
    check_names(&page);
    assert_eq!(value(&page, "daily_ops_bus_events_published_total", &[]), 2.0);
    assert_eq!(value(&page, "daily_ops_events_by_severity_total", &[("severity", "ERROR")]), 1.0);
    assert_eq!(value(&page, "daily_ops_events_by_severity_total", &[("severity", "CRITICAL")]), 0.0);
    assert_eq!(value(&page, "daily_ops_bus_queue_capacity_events", &[]), 200.0);
    assert_eq!(value(&page, "daily_ops_kill_switch_active", &[]), 0.0);
    let build = &page["daily_ops_build_info"].samples;
    assert_eq!((build.len(), build[0].2, build[0].1["version"].as_str()), (1, 1.0, env!("CARGO_PKG_VERSION")));
    let healths: f64 = page["daily_ops_health_status"].samples.iter().map(|(_, _, value)| value).sum();
    assert_eq!((page["daily_ops_health_status"].samples.len(), healths), (4, 1.0), "exactly one state");
    if cfg!(target_os = "linux") {
        for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
            assert!(value(&page, name, &[]) >= 0.0, "{name}");
        }
    }
}

#[test]
fn b10_requests_are_counted_by_route_and_never_by_path() {
    let site = site();
    site.post("/api/ops/test-event", None);
    site.post("/api/ops/test-event", Some("{"));
    site.get("/api/ops/traces/one");
    site.get("/api/ops/traces/two");
    site.get("/nowhere/at-all");
    site.get("/api/ops/health");
    site.call("BREW", "/api/ops/metrics", None, &[]);
    let page = page(&site);
    let count = |method, route, code| {
        value(&page, "daily_ops_http_requests_total", &[("method", method), ("route", route), ("code", code)])
    };
    assert_eq!(count("POST", "/api/ops/test-event", "200"), 1.0);
    assert_eq!(count("POST", "/api/ops/test-event", "400"), 1.0);
    assert_eq!(count("GET", "/api/ops/traces/{id}", "404"), 2.0);
    assert_eq!(count("GET", "none", "404"), 1.0);
    assert_eq!(count("GET", "/api/ops/health", "200"), 1.0);
    assert_eq!(count("OTHER", "none", "405"), 1.0);
}

#[test]
fn b10_the_histogram_adds_up() {
    let page = page(&site());
    let samples = &page["daily_ops_event_delivery_seconds"].samples;
    let bounds: Vec<f64> = samples.iter().filter_map(|(_, labels, _)| labels.get("le")?.parse().ok()).collect();
    assert_eq!(bounds, [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, f64::INFINITY]);
    let counts: Vec<f64> =
        samples.iter().filter(|(_, labels, _)| labels.contains_key("le")).map(|(_, _, value)| *value).collect();
    assert!(counts.is_sorted(), "{counts:?}");
    let of = |end: &str| {
        let name = format!("daily_ops_event_delivery_seconds{end}");
        samples.iter().find(|(sample, labels, _)| *sample == name && labels.is_empty()).map(|(_, _, value)| *value)
    };
    assert_eq!(of("_count"), counts.last().copied());
    assert!(of("_sum").is_some_and(|sum| sum >= 0.0));
}
