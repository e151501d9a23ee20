//! Events are read back: lists, traces, export, and every parameter's rule.

use std::time::Duration;

use daily_ops::contracts::json::sha256_hex;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use serde_json::json;

use crate::client::Site;
use crate::get;
use crate::ids;
use crate::publish;
use crate::refused;
use crate::site;
use crate::still;
use crate::test_event;

#[test]
fn b01_another_method_is_told_which_ones_there_are() {
    let site = site();
    for (method, path, allowed) in [
        ("GET", "/api/ops/test-event", "POST"),
        ("PUT", "/api/ops/events", "GET,HEAD,POST"),
        ("DELETE", "/api/ops/metrics", "GET,HEAD"),
        ("GET", "/api/dev/emit-10k", "POST"),
    ] {
        let answer = site.call(method, path, None, &[]);
        refused(&answer, 405, "METHOD_NOT_ALLOWED", path);
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[test]
fn b01_a_parameter_outside_its_rule_is_named() {
    let site = site();
    let lists = ["events", "traces", "export", "alerts", "runtime-events"];
    let mut cases: Vec<(String, &str)> = Vec::new();
    for (path, most) in lists.iter().zip([1000, 200, 10_000, 500, 500]) {
        let path = format!("/api/ops/{path}");
        assert_eq!(site.get(&format!("{path}?limit={most}")).status, 200, "{path}");
        let bad = ["0", "-5", "x", "", "1.0", "%31%", "99999999999999999999999", "+1", &format!("{}", most + 1)]
            .map(|value| (format!("{path}?limit={value}"), "limit"));
        cases.extend(bad);
        cases.push((format!("{path}?limit=5&limit=5"), "limit"));
    }
    for path in ["/api/v1/ops/risks", "/api/history/risks"] {
        cases.extend(["0", "501"].map(|value| (format!("{path}?limit={value}"), "limit")));
    }
    cases.extend(["0", "-5", "169", "a"].map(|value| (format!("/api/ops/history?hours={value}"), "hours")));
    cases.extend(["2", "-1", "true"].map(|value| (format!("/api/ops/metrics?detail={value}"), "detail")));
    cases.push(("/api/ops/traces?since_ms=-1".to_owned(), "since_ms"));
    for path in ["/api/ops/events", "/api/ops/export"] {
        for name in ["after", "before", "since_ms", "until_ms"] {
            cases.extend(["-1", "x", ""].map(|value| (format!("{path}?{name}={value}"), name)));
        }
        cases.push((format!("{path}?severity_min=LOUD"), "severity_min"));
        cases.push((format!("{path}?order=up"), "order"));
        cases.push((format!("{path}?q=%ff"), "q"));
        cases.push((format!("{path}?type=%zz"), "type"));
    }
    for (path, name) in cases {
        let answer = site.get(&path);
        refused(&answer, 422, "INVALID_PARAM", &path);
        let told = answer.json()["error"]["message"].as_str().expect("a message").to_owned();
        assert!(told.starts_with(&format!("{name} must be ")), "{path}: {told}");
    }
}

/// Twelve events of three traces at twelve times.
fn story() -> Site {
    let (site, clock) = still();
    let kinds = ["SignalGenerated", "RiskEvaluated", "OrderStatusChanged", "RiskEvaluated"];
    let severities = ["INFO", "WARN", "ERROR", "CRITICAL"];
    let traces = ["0af76519-16cd-43dd-8448-eb211c80319c", "B7AD6B7169203331B7AD6B7169203331", "run:2026.11-21"];
    let event = |at: usize| json!({"type": kinds[at % 4], "severity": severities[at % 4], "trace_id": traces[at % 3], "source": format!("s{}", at % 2)});
    for at in 0..12 {
        publish(&site, &[event(at)]);
        clock.advance(Duration::from_millis(250));
    }
    site
}

#[test]
fn a07_types_and_parts_of_traces_leave_only_what_they_name() {
    let site = story();
    let found = |query: &str| ids(&get(&site, &format!("/api/ops/events?{query}"))["events"]);
    let cases: [(&str, &[u64]); 13] = [
        ("type=RiskEvaluated", &[12, 10, 8, 6, 4, 2]),
        ("type=RiskEvaluated&type=SignalGenerated&limit=3", &[12, 10, 9]),
        ("type=risk", &[]),
        ("type=", &[12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("q=16CD43", &[10, 7, 4, 1]),
        ("q=6519-16cd", &[10, 7, 4, 1]),
        ("trace_id=b7ad6b71-6920-3331-b7ad-6b7169203331", &[11, 8, 5, 2]),
        ("trace_id=b7ad6b71", &[]),
        ("q=:2026.11", &[12, 9, 6, 3]),
        ("severity_min=warning&limit=2&order=asc", &[2, 3]),
        ("after=10", &[11, 12]),
        ("after=10&order=desc", &[12, 11]),
        ("before=3", &[2, 1]),
    ];
    for (query, want) in cases {
        assert_eq!(found(query), want, "{query}");
    }
    let page = get(&site, "/api/ops/events?limit=5");
    assert_eq!(
        (&page["count"], &page["oldest_id"], &page["last_id"], &page["has_more"]),
        (&json!(5), &json!(1), &json!(12), &json!(true))
    );
    assert_eq!(
        (get(&site, "/api/ops/events?limit=12")["has_more"].clone(), &page["contract_version"]),
        (json!(false), &json!("v1"))
    );
}

/// What a filter means, said once more and as simply as possible.
pub(crate) fn model(events: &[Value], asked: &[(String, String)]) -> (Vec<Value>, bool) {
    let plain = |text: &str| text.replace('-', "").to_lowercase();
    let of = |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let number = |name: &str| of(name).map(|text| text.parse::<i64>().expect("a number"));
    let kinds: Vec<&str> = asked.iter().filter(|(key, _)| key == "type").map(|(_, value)| value.as_str()).collect();
    let rank = |word: &str| ["INFO", "WARN", "ERROR", "CRITICAL"].iter().position(|known| *known == word);
    let mut kept: Vec<Value> = Vec::new();
    for event in events {
        let (id, ts) = (event["id"].as_i64().expect("id"), event["ts"].as_i64().expect("ts"));
        let trace = plain(event["trace_id"].as_str().expect("trace"));
        let (kind, severity) = (event["type"].as_str().expect("type"), event["severity"].as_str().expect("severity"));
        let fits = number("after").is_none_or(|n| id > n)
            && number("before").is_none_or(|n| id < n)
            && number("since_ms").is_none_or(|n| ts >= n)
            && number("until_ms").is_none_or(|n| ts <= n)
            && (kinds.is_empty() || kinds.contains(&kind))
            && of("severity_min").is_none_or(|least| rank(severity) >= rank(least))
            && of("trace_id").is_none_or(|text| plain(text) == trace)
            && of("q").is_none_or(|text| trace.contains(&plain(text)));
        if fits {
            kept.push(event.clone());
        }
    }
    let ascending = of("order").map_or(of("after").is_some(), |order| order == "asc");
    if !ascending {
        kept.reverse();
    }
    let limit = number("limit").map_or(200, |n| usize::try_from(n).expect("small"));
    let has_more = kept.len() > limit;
    kept.truncate(limit);
    (kept, has_more)
}

/// Any question about events that began at a time.
pub(crate) fn query(start: i64) -> impl Strategy<Value = Vec<(String, String)>> {
    let time =
        move |text: &'static str| (0_i64..40).prop_map(move |at| (text.to_owned(), (start + at * 100).to_string()));
    let id = |text: &'static str| (0_u64..50).prop_map(move |id| (text.to_owned(), id.to_string()));
    let word = |text: &'static str, words: &'static [&'static str]| {
        prop::sample::select(words).prop_map(move |word| (text.to_owned(), word.to_owned()))
    };
    let maybe = |one: BoxedStrategy<(String, String)>| prop::option::weighted(0.3, one);
    (
        maybe(id("after").boxed()),
        maybe(id("before").boxed()),
        prop::collection::vec(word("type", &["a", "b", "c", "A"]), 0..3),
        maybe(word("trace_id", &["t-1", "T1", "t-2x", "t3-", "zz"]).boxed()),
        maybe(word("q", &["t", "1", "-", "T-", "2X", "3", "zz"]).boxed()),
        maybe(word("severity_min", &["INFO", "WARN", "ERROR", "CRITICAL"]).boxed()),
        maybe(time("since_ms").boxed()),
        maybe(time("until_ms").boxed()),
        maybe(word("order", &["asc", "desc"]).boxed()),
        maybe((1_u64..30).prop_map(|limit| ("limit".to_owned(), limit.to_string())).boxed()),
    )
        .prop_map(|(after, before, kinds, trace, q, severity, since, until, order, limit)| {
            [after, before, trace, q, severity, since, until, order, limit].into_iter().flatten().chain(kinds).collect()
        })
}

#[test]
fn prop_list_and_export_agree_with_a_simple_model() {
    let (site, clock) = still();
    let pick = |words: &[&str], at: usize| words[at % words.len()].to_owned();
    for at in 0..40 {
        let traces = ["t1", "T-1", "t2-x", "t-3", "no-hyphen-1"];
        publish(
            &site,
            &[json!({
                "type": pick(&["a", "b", "c"], at * 7), "trace_id": pick(&traces, at * 3 + at / 7),
                "severity": pick(&["INFO", "WARN", "ERROR", "CRITICAL"], at * 5 + at / 3),
            })],
        );
        clock.advance(Duration::from_millis(100));
    }
    let all = get(&site, "/api/ops/events?order=asc&limit=1000")["events"].as_array().expect("a list").clone();
    assert_eq!(all.len(), 40);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() });
    let ran = runner.run(&query(1_795_219_500_250), |asked| {
        // "-" alone is a part of a trace with a hyphen, which is a case of its own.
        let asked: Vec<_> = asked.into_iter().filter(|(_, value)| value != "-").collect();
        let text: Vec<String> = asked.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (want, has_more) = model(&all, &asked);
        let page = get(&site, &format!("/api/ops/events?{}", text.join("&")));
        prop_assert_eq!((&page["events"], &page["has_more"]), (&json!(want), &json!(has_more)));
        let export = get(&site, &format!("/api/ops/export?{}", text.join("&")));
        let mut ascending = want.clone();
        ascending.sort_by_key(|event| event["id"].as_u64());
        if asked.iter().any(|(name, _)| name == "limit") {
            prop_assert_eq!((&export["events"], &export["truncated"]), (&json!(ascending), &json!(has_more)));
        }
        Ok(())
    });
    ran.expect("the model and the server agree");
}

#[test]
fn a08_an_export_holds_the_events_unmodified_with_their_hash_and_a_name() {
    let site = story();
    let answer = site.get("/api/ops/export?q=16cd43dd");
    let body = answer.json();
    assert_eq!(answer.header("x-content-sha256"), Some(sha256_hex(answer.text.as_bytes()).as_str()));
    let name = answer.header("content-disposition").expect("a name").to_owned();
    // 09:05:00.250 and twelve quarters of a second, in UTC.
    assert_eq!(name, "attachment; filename=\"ops_events_2026-11-21T000503250Z.json\"");
    assert_eq!(ids(&body["events"]), [1, 4, 7, 10]);
    assert_eq!(
        (&body["count"], &body["first_id"], &body["last_id"], &body["truncated"]),
        (&json!(4), &json!(1), &json!(10), &json!(false))
    );
    assert_eq!((&body["origin"], &body["contract_version"]), (&json!("server"), &json!("v1")));
    assert_eq!(
        (&body["exported_at"], &body["exported_at_ms"]),
        (&json!("2026-11-21T09:05:03.250+09:00"), &json!(1_795_219_503_250_i64))
    );
    assert_eq!(body["filters"]["q"], "16cd43dd");
    for name in ["after", "before", "type", "trace_id", "severity_min", "since_ms", "until_ms"] {
        assert_eq!(body["filters"].get(name), Some(&Value::Null), "{name}");
    }
    let metrics = get(&site, "/api/ops/metrics");
    assert_eq!((&body["server"]["boot_id"], &body["server"]["version"]), (&metrics["boot_id"], &metrics["version"]));
    let listed = get(&site, "/api/ops/events?q=16cd43dd&order=asc");
    assert_eq!(body["events"], listed["events"]);
    let cut = get(&site, "/api/ops/export?limit=3");
    assert_eq!((ids(&cut["events"]), &cut["truncated"]), (vec![10, 11, 12], &json!(true)), "the newest, oldest first");
    let first = get(&site, "/api/ops/export?limit=3&after=4");
    assert_eq!((ids(&first["events"]), &first["truncated"]), (vec![5, 6, 7], &json!(true)), "from there on");
    let none = get(&site, "/api/ops/export?type=nothing");
    assert_eq!((&none["count"], &none["first_id"], &none["last_id"]), (&json!(0), &Value::Null, &Value::Null));
}

#[test]
fn traces_are_groups_of_whole_stories_newest_first() {
    let site = story();
    let list = get(&site, "/api/ops/traces");
    assert_eq!((&list["count"], &list["has_more"]), (&json!(3), &json!(false)));
    let item = &list["items"][0];
    assert_eq!(
        (&item["trace_id"], &item["first_id"], &item["last_id"], &item["count"]),
        (&json!("run:2026.11-21"), &json!(3), &json!(12), &json!(4))
    );
    assert_eq!(item["types"], json!(["OrderStatusChanged", "RiskEvaluated", "SignalGenerated"]));
    assert_eq!(
        (&item["last_event_type"], &item["max_severity"], &item["sources"]),
        (&json!("RiskEvaluated"), &json!("CRITICAL"), &json!(["s0", "s1"]))
    );
    assert_eq!(item["last_ts"].as_i64().expect("ts") - item["first_ts"].as_i64().expect("ts"), 9 * 250);
    let last_ids: Vec<_> =
        list["items"].as_array().expect("a list").iter().map(|item| item["last_id"].clone()).collect();
    assert_eq!(last_ids, [12, 11, 10]);
    let of = |query: &str| {
        let list = get(&site, &format!("/api/ops/traces?{query}"));
        (list["items"].as_array().expect("a list").len(), list["has_more"].as_bool().expect("a word"))
    };
    let late = item["last_ts"].as_i64().expect("ts");
    assert_eq!(
        (of("limit=2"), of("q=16CD"), of("type=SignalGenerated"), of("type=nothing")),
        ((2, true), (1, false), (3, false), (0, false))
    );
    assert_eq!((of(&format!("since_ms={late}")), of(&format!("since_ms={}", late + 1))), ((1, false), (0, false)));
    assert_eq!(get(&site, "/api/ops/traces?type=SignalGenerated")["items"][0]["count"], 4, "a trace counts whole");
}

#[test]
fn one_trace_is_told_from_its_start_and_an_unknown_one_is_404() {
    let site = story();
    for name in [
        "0af7651916cd43dd8448eb211c80319c",
        "0AF76519-16cd-43dd-8448-eb211c80319c",
        "%30af7651916cd43dd8448eb211c80319c",
    ] {
        let trace = get(&site, &format!("/api/ops/traces/{name}"));
        assert_eq!((ids(&trace["events"]), &trace["count"]), (vec![1, 4, 7, 10], &json!(4)), "{name}");
        assert_eq!(
            (&trace["trace_id"], &trace["status"]),
            (&json!("0af76519-16cd-43dd-8448-eb211c80319c"), &json!("CRITICAL"))
        );
        assert_eq!(
            (&trace["started_at"], &trace["first_ts"]),
            (&trace["events"][0]["ts_iso"], &trace["events"][0]["ts"])
        );
        assert_eq!((&trace["last_ts"], &trace["truncated"]), (&trace["events"][3]["ts"], &json!(false)));
    }
    for name in ["0af7", "nothing", "%3Cscript%3E", "%ff", "run:2026.11-2"] {
        refused(&site.get(&format!("/api/ops/traces/{name}")), 404, "TRACE_NOT_FOUND", name);
    }
    refused(&site.get("/api/ops/traces/"), 404, "NOT_FOUND", "no name");
}

#[test]
fn a15_six_legacy_types_are_all_there_and_one_trace_leaves_its_own() {
    let site = site();
    let legacy =
        ["RISK_TRIGGERED", "ORDER_REJECTED", "LEVEL_DOWNGRADED", "LEVEL_RESTORED", "SYSTEM_GUARD", "AUDIT_LOG"];
    for (at, kind) in legacy.iter().enumerate() {
        test_event(&site, &json!({"event_type": kind, "trace_id": format!("legacy-{at}")}));
    }
    for (at, kind) in legacy.iter().enumerate() {
        assert_eq!(ids(&get(&site, &format!("/api/ops/events?type={kind}"))["events"]), [at as u64 + 1], "{kind}");
        assert_eq!(ids(&get(&site, &format!("/api/ops/events?trace_id=legacy-{at}"))["events"]), [at as u64 + 1]);
    }
    let risks = get(&site, "/api/v1/ops/risks");
    assert_eq!(risks["count"], 5, "a line of the audit is no risk");
}

#[test]
fn a10_risks_have_their_fields_and_the_old_address_names_them_three_times() {
    let site = story();
    test_event(
        &site,
        &json!({"type": "LEVEL_RESTORED", "data": {"reason": "calm again", "risk_level": "OK"}, "trace_id": "r"}),
    );
    let risks = get(&site, "/api/v1/ops/risks?limit=2");
    assert_eq!((&risks["contract_version"], &risks["count"]), (&json!("v1"), &json!(2)));
    let item = &risks["items"][0];
    assert_eq!(
        (&item["event_id"], &item["event_type"], &item["severity"], &item["level"]),
        (&json!(13), &json!("LEVEL_RESTORED"), &json!("INFO"), &json!("OK"))
    );
    assert_eq!(
        (&item["reason"], &item["trace_id"], &item["data"]["reason"]),
        (&json!("calm again"), &json!("r"), &json!("calm again"))
    );
    assert!(item["timestamp"].as_i64().is_some_and(|ts| ts > 1_700_000_000_000));
    assert_eq!((&risks["items"][1]["event_id"], &risks["items"][1]["level"]), (&json!(12), &json!("CRITICAL")));
    assert_eq!(get(&site, "/api/v1/ops/risks")["count"], 10, "nine of WARN or worse and the one of its type");
    let answer = site.get("/api/history/risks?limit=2");
    let old = answer.json();
    assert_eq!((&old["items"], &old["risks"], &old["events"]), (&risks["items"], &risks["items"], &risks["items"]));
    assert_eq!(answer.header("deprecation"), Some("true"));
    assert_eq!(answer.header("link"), Some("</api/v1/ops/risks>; rel=\"successor-version\""));
}

#[test]
fn alerts_history_and_runtime_events_tell_the_newest_first() {
    let site = story();
    test_event(
        &site,
        &json!({"type": "restart", "level": "warn", "data": {"reason": "r", "old_pid": 1, "new_pid": 2}}),
    );
    let alerts = get(&site, "/api/ops/alerts?limit=4");
    assert_eq!(
        (ids(&alerts["alerts"]), &alerts["limit"], &alerts["count"]),
        (vec![12, 11, 8, 7], &json!(4), &json!(4))
    );
    let history = get(&site, "/api/ops/history?hours=1");
    assert_eq!((history["count"].clone(), &history["hours"], ids(&history["events"])[0]), (json!(13), &json!(1), 13));
    let point = history["points"].as_array().expect("a list").last().expect("now").clone();
    for (name, want) in [("event_published", 13), ("drop_count", 0), ("subscribers", 0), ("event_queue_depth", 0)] {
        assert_eq!(point[name], want, "{name}");
    }
    let runtime = get(&site, "/api/ops/runtime-events?limit=2");
    let first = json!({"ts": history["events"][0]["ts"], "level": "WARN", "action": "restart", "reason": "r",
        "trace_id": history["events"][0]["trace_id"], "old_pid": 1, "new_pid": 2});
    assert_eq!((&runtime["events"][0], &runtime["count"]), (&first, &json!(2)));
    assert_eq!(runtime["events"][1]["action"], "RiskEvaluated");
}

#[test]
fn history_forgets_what_is_older_than_asked() {
    let (site, clock) = still();
    test_event(&site, &json!({}));
    clock.advance(Duration::from_secs(3600));
    test_event(&site, &json!({}));
    clock.advance(Duration::from_secs(1));
    assert_eq!(ids(&get(&site, "/api/ops/history?hours=1")["events"]), [2]);
    assert_eq!(ids(&get(&site, "/api/ops/history")["events"]), [2, 1]);
}

#[test]
fn every_read_answers_when_nothing_happened_yet() {
    let site = site();
    let page = get(&site, "/api/ops/events");
    assert_eq!(
        (&page["events"], &page["count"], &page["last_id"], &page["has_more"]),
        (&json!([]), &json!(0), &json!(0), &json!(false))
    );
    for (path, list) in [
        ("/api/ops/history", "events"),
        ("/api/ops/traces", "items"),
        ("/api/ops/export", "events"),
        ("/api/ops/alerts", "alerts"),
        ("/api/ops/runtime-events", "events"),
        ("/api/v1/ops/risks", "items"),
    ] {
        let body = get(&site, path);
        assert_eq!((&body[list], &body["count"]), (&json!([]), &json!(0)), "{path}");
    }
}
