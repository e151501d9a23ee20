//! Health and state views over a workspace whose files change.

use std::path::Path;
use std::time::Duration;

use daily_ops::backend::DashOptions;
use daily_ops::contracts::actor::Actor;
use daily_ops::contracts::actor::Role;
use daily_ops::gates::Gates;
use daily_ops::gates::Stop;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::TOKEN;
use crate::client::Site;
use crate::set;
use crate::site;
use crate::site_with;
use crate::start;

fn record(edit: &dyn Fn(&mut Value)) -> Vec<u8> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/daily_ops_run_v1.json");
    let mut record: Value = serde_json::from_slice(&std::fs::read(golden).expect("read")).expect("JSON");
    edit(&mut record);
    serde_json::to_vec(&record).expect("JSON")
}

fn overall(site: &Site) -> (String, Vec<String>) {
    let body = site.get("/api/ops/health").json();
    assert_eq!((&body["status"], &body["schema"]), (&json!("ready"), &json!("OPS_HEALTH_V1")), "{body}");
    assert!(body["ts"].is_i64() && body["data"]["execution_gate_mode"].is_string());
    let dash = &body["data"]["dashboard"];
    assert_eq!((&dash["subscribers"], &dash["drop_count"], &dash["obs_writer"]), (&json!(0), &json!(0), &json!("OK")));
    let reasons = dash["reasons"].as_array().expect("a list").iter().map(|r| r.as_str().expect("text").to_owned());
    (dash["overall"].as_str().expect("a word").to_owned(), reasons.collect())
}

#[test]
fn health_follows_the_files_row_by_row() {
    let (site, clock) = site_with(DashOptions::default(), Some(TOKEN));
    let said = |status: &str, reasons: &[&str]| {
        let want = (status.to_owned(), reasons.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>());
        assert_eq!(overall(&site), want);
    };
    said("WARN", &["daily_run_missing", "bundle_missing", "starting"]);
    clock.advance(Duration::from_secs(6));
    said("WARN", &["daily_run_missing", "bundle_missing"]);
    site.store.write(layout::GATE, b"{").expect("written");
    said("CRITICAL", &["safety_unreadable", "daily_run_missing", "bundle_missing"]);
    site.store.remove(layout::GATE).expect("removed");
    site.store.write(layout::SENDER, b"[]").expect("written");
    said("CRITICAL", &["safety_unreadable", "daily_run_missing", "bundle_missing"]);
    site.store.remove(layout::SENDER).expect("removed");
    site.store.write(layout::RUN.latest, &record(&|r| r["exit_code"] = json!(0))).expect("written");
    said("WARN", &["bundle_missing"]);
    site.store.write(layout::BUNDLE.latest, b"{}").expect("written");
    said("WARN", &["bundle_failed"]);
    // The rows below speak of the rest.
    site.store.remove(layout::BUNDLE.latest).expect("removed");
    let said = |status: &str, reasons: &[&str]| {
        let at = reasons.iter().position(|r| *r == "starting").unwrap_or(reasons.len());
        let mut all = reasons.to_vec();
        all.insert(at, "bundle_missing");
        said(status, &all);
    };
    set(&site, json!({"is_on": true, "reason": "r"}));
    said("WARN", &["kill_switch_on"]);
    for (code, want) in [
        (2, ("WARN", vec!["kill_switch_on", "daily_run_blocked"])),
        (3, ("CRITICAL", vec!["daily_run_failed", "kill_switch_on"])),
    ] {
        site.store.write(layout::RUN.latest, &record(&|r| r["exit_code"] = json!(code))).expect("written");
        said(want.0, &want.1);
    }
    let admin = Actor::new("op", Role::Admin, "test");
    Gates::new(&site.store).set_stop(Stop::On, &admin, "halt", start()).expect("set");
    said("CRITICAL", &["emergency_stop", "daily_run_failed", "kill_switch_on"]);
    site.store.write(layout::KILL_SWITCH, b"").expect("written");
    said("CRITICAL", &["kill_state_unreadable", "emergency_stop", "daily_run_failed"]);
    let runtime = site.get("/api/ops/runtime-health").json();
    let critical = json!(["kill_state_unreadable", "emergency_stop", "daily_run_failed"]);
    assert_eq!((&runtime["health_status"], &runtime["critical_reasons"]), (&json!("CRITICAL"), &critical));
}

#[test]
fn a10_contract_endpoints_answer_with_their_fields() {
    let site = site();
    let keys = |path: &str, pointer: &str| -> Vec<String> {
        let answer = site.get(path);
        let body = answer.json();
        assert_eq!(answer.status, 200, "{path}: {body}");
        let object =
            body.pointer(pointer).and_then(Value::as_object).unwrap_or_else(|| panic!("{path} {pointer}: {body}"));
        object.keys().cloned().collect()
    };
    let has = |path: &str, pointer: &str, want: &str| {
        let found = keys(path, pointer);
        for key in want.split(' ') {
            assert!(found.iter().any(|name| name == key), "{path} {pointer} lacks {key}: {found:?}");
        }
    };
    let runtime = "engine_pid engine_alive engine_cmdline_hint checkpoint_age_sec checkpoint_status health_status \
                   last_health_ok restart_count flap_detected task_state critical_reasons timestamp";
    has("/api/ops/runtime-health", "", runtime);
    has("/api/v1/ops/health", "", "contract_version ts status data");
    has("/api/v1/ops/health", "/data", runtime);
    for path in ["/api/v1/ops/state", "/api/state/engine"] {
        has(path, "", "contract_version ts engine kill counters freshness");
        has(path, "/engine", "pid alive cmdline_hint task_state health_status");
        has(path, "/kill", "is_on reason audit_id");
        has(path, "/counters", "published consumed pending_total restart_count");
        has(path, "/freshness", "checkpoint_age_sec checkpoint_status is_stale last_health_ok flap_detected");
    }
    has("/api/state/engine", "", "kill_switch_on risk_type reason uptime_sec published consumed pending_total");
    for path in ["/api/v1/ops/positions", "/api/state/positions"] {
        let body = site.get(path).json();
        assert_eq!(json!([body["positions"], body["as_of_ms"], body["stale"]]), json!([[], null, true]), "{path}");
        assert!(body["ts"].is_i64() && body["contract_version"] == "v1", "{path}");
    }
    let rail = site.get("/api/ops/risk-snapshot").json();
    has(
        "/api/ops/risk-snapshot",
        "",
        "ts risk_level kill_switch downgrade_level reason trace_id recovery_count mode age_sec",
    );
    for (key, value) in rail.as_object().expect("an object") {
        assert_eq!(value.is_null(), key == "age_sec", "{key}");
    }
    for (path, successor) in [
        ("/api/v1/ops/health", "/api/ops/runtime-health"),
        ("/api/state/engine", "/api/v1/ops/state"),
        ("/api/state/positions", "/api/v1/ops/positions"),
    ] {
        let answer = site.get(path);
        assert_eq!(answer.header("link"), Some(format!("<{successor}>; rel=\"successor-version\"").as_str()), "{path}");
    }
    has("/api/ops/version", "", "schema contract_version ts version commit boot_id start_ts uptime_sec");
}

#[test]
fn the_overview_has_every_member_on_an_empty_workspace_and_on_a_full_one() {
    let site = site();
    let empty = site.get("/api/ops/overview").json();
    assert_eq!(
        (&empty["schema"], &empty["run"], &empty["bundle"]["decision"]),
        (&json!("OPS_OVERVIEW_V1"), &Value::Null, &json!("NO_BUNDLE"))
    );
    site.store.write(layout::RUN.latest, &record(&|_| ())).expect("written");
    let heartbeat = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/heartbeat_v1.json");
    site.store.write(layout::HEARTBEAT, &std::fs::read(heartbeat).expect("read")).expect("written");
    Gates::new(&site.store).set_stop(Stop::On, &Actor::new("lee", Role::Admin, "test"), "halt", start()).expect("set");
    set(&site, json!({"is_on": true, "reason": "r", "actor": "kim"}));
    let full = site.get("/api/ops/overview").json();
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&empty), names(&full));
    for part in ["heartbeat", "switches", "kill_switch", "bundle", "guardrail", "health", "engine"] {
        assert_eq!(names(&empty[part]), names(&full[part]), "{part}");
    }
    assert_eq!(full["run"]["stages"].as_array().map(Vec::len), Some(5), "{}", full["run"]);
    for key in ["run_id", "started_at", "finished_at", "exit_code", "result", "duration_ms", "trace_id"] {
        assert!(!full["run"][key].is_null(), "{key}: {}", full["run"]);
    }
    let stage = &full["run"]["stages"][0];
    assert!(stage["name"].is_string() && stage["class"].is_string() && stage["code"].is_string());
    assert!(stage["duration_ms"].is_u64());
    let stop = &full["switches"]["stop"];
    assert_eq!(
        json!([stop["value"], stop["origin"], stop["updated_by"], stop["reason"]]),
        json!([true, "FILE", "lee", "halt"])
    );
    assert!(stop["updated_at"].is_string());
    assert_eq!(full["switches"]["gate"]["value"], "MOCK_ONLY");
    assert_eq!(json!([full["kill_switch"]["actor"], full["kill_switch"]["effective_is_on"]]), json!(["kim", true]));
    assert_eq!(full["guardrail"]["mode"], "KILL");
}

#[test]
fn a_run_record_that_cannot_be_read_is_said_to_be_so() {
    let site = site();
    site.store.write(layout::RUN.latest, b"{").expect("written");
    let damaged = site.get("/api/ops/overview").json();
    assert!(damaged["run"].is_null() && damaged["run_damage"].is_string());
}

#[test]
fn runs_are_listed_newest_first_within_bounds() {
    let site = site();
    for n in 1..=3 {
        let edit = |r: &mut Value| {
            r["run_id"] = json!(format!("run_2026112{n}_090500_0000000{n}"));
            r["started_at"] = json!(format!("2026-11-2{n}T09:05:00+09:00"));
            r["finished_at"] = json!(format!("2026-11-2{n}T09:05:07+09:00"));
        };
        let file = format!("{}/daily_ops_2026112{n}_090500.json", layout::RUN.snapshots);
        site.store.write(&file, &record(&edit)).expect("written");
    }
    site.store.write(&format!("{}/daily_ops_20261120_090500.json", layout::RUN.snapshots), b"{").expect("written");
    let open = |r: &mut Value| {
        r["run_id"] = json!("run_20261124_090500_00000004");
        r["finished_at"] = Value::Null;
        r["exit_code"] = Value::Null;
    };
    site.store.write(layout::RUN.latest, &record(&open)).expect("written");
    let ids = |query: &str| -> Vec<String> {
        let body = site.get(&format!("/api/ops/runs{query}")).json();
        let runs = body["runs"].as_array().unwrap_or_else(|| panic!("{body}")).clone();
        assert_eq!(body["count"], runs.len());
        runs.iter().map(|run| run["run_id"].as_str().expect("an id")[10..12].to_owned()).collect()
    };
    assert_eq!(ids(""), ["24", "23", "22", "21"]);
    assert_eq!(ids("?limit=2"), ["24", "23"]);
    let newest = site.get("/api/ops/runs?limit=2").json();
    assert_eq!(json!([newest["runs"][0]["result"], newest["runs"][1]["duration_ms"]]), json!(["RUNNING", 7000]));
    for bad in ["0", "501", "-5", "x", ""] {
        let answer = site.get(&format!("/api/ops/runs?limit={bad}"));
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("INVALID_PARAM")), "{bad}");
    }
}

#[test]
fn logs_are_shown_to_who_has_a_token_and_without_secrets() {
    let site = site();
    let bearer = format!("Bearer {TOKEN}");
    let get = |path: &str| site.call("GET", path, None, &[("authorization", &bearer)]);
    assert_eq!(get("/api/ops/logs/stdout").json(), json!({"logs": [], "limit": 200, "source": layout::RUN_LOG}));
    let lines: String = (1..=600).map(|n| format!("line {n}\n")).collect();
    site.store.write(layout::RUN_LOG, lines.as_bytes()).expect("written");
    let secret = format!("sent Authorization: Bearer {TOKEN} ok\n");
    site.store.write(layout::BACKEND_LOG, secret.as_bytes()).expect("written");
    let shown = get("/api/ops/logs/stdout?limit=2").json();
    assert_eq!(shown, json!({"logs": ["line 599", "line 600"], "limit": 2, "source": layout::RUN_LOG}));
    assert_eq!(get("/api/ops/logs/stdout?lines=500").json()["logs"][0], "line 101");
    assert_eq!(get("/api/ops/logs/stderr").json()["logs"][0], "sent Authorization: Bearer *** ok");
    let tail = get("/log-tail?limit=1");
    assert_eq!((tail.text.as_str(), tail.header("content-type")), ("line 600\n", Some("text/plain; charset=utf-8")));
    for bad in ["limit=0", "limit=501", "lines=x"] {
        assert_eq!(get(&format!("/api/ops/logs/stdout?{bad}")).json()["code"], "INVALID_PARAM", "{bad}");
    }
}
