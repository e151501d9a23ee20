//! The client over recorded replies of the reference backend: each body, with its status, is served by a small local
//! server, fetched by the client and unwrapped; what must be found is listed reply by reply. Beside it the hash of every
//! recorded document that carries one. Without the recordings only the self-made counterparts run.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod expected;

#[expect(dead_code, reason = "the ill-behaved side of the script is for the simulation")]
#[path = "../scripted/mod.rs"]
mod scripted;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use daily_ops::contracts::Json;
use daily_ops::contracts::Text;
use daily_ops::contracts::envelope::error_of;
use daily_ops::contracts::integrity::Integrity;
use daily_ops::contracts::integrity::payload_sha256;
use daily_ops::contracts::integrity::verify;
use daily_ops::contracts::unwrap;
use daily_ops::pipeline::Answer;
use daily_ops::pipeline::Backend;
use daily_ops::pipeline::Control;
use daily_ops::pipeline::Limits;
use daily_ops::time::SystemClock;
use expected::EXPECTED;
use scripted::Reaction;
use scripted::Scripted;
use serde_json::Value;
use serde_json::json;

fn data() -> Option<PathBuf> {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/oci"));
    data.is_dir().then(|| data.to_owned())
}

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// One recorded reply: scenario, step, method, path, status, body.
struct Recorded {
    name: String,
    step: u64,
    method: String,
    path: String,
    status: u16,
    body: Value,
}

fn recorded(data: &Path) -> Vec<Recorded> {
    let make = |name: String, step: u64, call: &Value, body: Value| Recorded {
        name,
        step,
        method: call["method"].as_str().expect("a method").to_owned(),
        path: call["path"].as_str().expect("a path").to_owned(),
        status: u16::try_from(call["status"].as_u64().expect("a status")).expect("a status"),
        body,
    };
    let mut all = Vec::new();
    let captured = data.join("captured");
    for call in read(&captured.join("manifest.json")).as_array().expect("calls") {
        let file = call["file"].as_str().expect("a file");
        all.push(make(format!("captured/{}", file.trim_end_matches(".json")), 0, call, read(&captured.join(file))));
    }
    let faults = data.join("captured_faults");
    for entry in read(&faults.join("manifest.json")).as_array().expect("scenarios") {
        let scenario = read(&faults.join(entry["file"].as_str().expect("a file")));
        for step in scenario["steps"].as_array().expect("steps") {
            let name = scenario["scenario"].as_str().expect("a name").to_owned();
            all.push(make(name, step["step"].as_u64().expect("a number"), step, step["body"].clone()));
        }
    }
    all
}

/// A server that gives one reply to everything, and a client of it.
struct Wire {
    server: Scripted,
    reply: Arc<Mutex<(u16, Vec<u8>)>>,
    backend: Backend,
    control: Control,
    clock: SystemClock,
}

impl Wire {
    fn new() -> Self {
        let reply = Arc::new(Mutex::new((200, Vec::new())));
        let script = Arc::clone(&reply);
        let server = Scripted::start(move |_request| {
            let (status, body) = script.lock().expect("whole").clone();
            Reaction::Reply(status, body)
        });
        let limit = Duration::from_secs(10);
        let limits = Limits {
            connect: limit,
            health: limit,
            get: limit,
            regenerate: limit,
            cycle: limit,
            health_tries: 1,
            get_tries: 1,
            retry_pause: Duration::ZERO,
        };
        let clock = SystemClock::new();
        let control = Control::new(Arc::new(AtomicBool::new(false)), &clock, Duration::from_secs(600));
        let backend = Backend::new(&server.url, limits);
        Self { server, reply, backend, control, clock }
    }

    /// Asks as the client asks for this address; a call that the client does not make is read like a document.
    fn ask(&self, recorded: &Recorded) -> Answer {
        let body = serde_json::to_vec(&recorded.body).expect("bytes");
        *self.reply.lock().expect("whole") = (recorded.status, body);
        let (plain, query) = recorded.path.split_once('?').unwrap_or((&recorded.path, ""));
        let (control, clock) = (&self.control, &self.clock);
        let (answer, sent) = match (recorded.method.as_str(), plain) {
            ("GET", "/api/ops/health") => (self.backend.health(control, clock), "GET /api/ops/health".to_owned()),
            ("POST", "/api/ops/summary/regenerate" | "/api/live/cycle/run" | "/api/ops/cycle/run") => {
                let answer = match plain {
                    "/api/ops/summary/regenerate" => self.backend.regenerate_summary(control, clock),
                    "/api/live/cycle/run" => self.backend.run_cycle(control, clock),
                    _ => self.backend.run_ops_cycle(control, clock),
                };
                (answer, format!("POST {plain}?confirm=true"))
            }
            ("GET", "/api/evidence/resolve") if query.starts_with("ref=") => {
                let reference = percent_encoding::percent_decode_str(&query[4..]).decode_utf8().expect("text");
                let encoded = percent_encoding::utf8_percent_encode(&reference, percent_encoding::NON_ALPHANUMERIC);
                (self.backend.resolve(control, clock, &reference), format!("GET {plain}?ref={encoded}"))
            }
            _ => (self.backend.get(control, clock, &recorded.path), format!("GET {}", recorded.path)),
        };
        let seen = self.server.seen();
        let said: Vec<_> = seen.iter().map(|request| format!("{} {}", request.method, request.path)).collect();
        assert_eq!(said, [sent], "{} {}", recorded.name, recorded.step);
        answer.unwrap_or_else(|fault| panic!("{} {}: {fault}", recorded.name, recorded.step))
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn each_recorded_reply_gives_the_document_or_the_error_that_is_listed() {
    let Some(data) = data() else { return };
    let wire = Wire::new();
    let all = recorded(&data);
    let mut wrong = Vec::new();
    for (recorded, row) in all.iter().zip(EXPECTED) {
        let (name, step, call, schema, key, value, error) = *row;
        let plain = recorded.path.split('?').next().unwrap_or_default();
        let is = (recorded.name.as_str(), recorded.step, format!("{} {plain}", recorded.method));
        assert_eq!(is, (name, step, call.to_owned()), "the list and the recordings are in the same order");
        let answer = wire.ask(recorded);
        assert_eq!(answer.status, recorded.status, "{name} {step}");
        let reply = answer.json().unwrap_or_else(|| panic!("{name} {step}: no JSON: {answer:?}"));
        assert_eq!(reply, &recorded.body, "{name} {step}: the body changed on its way");
        let found = unwrap(reply, schema);
        let told = found.and_then(|document| document.get(key)).map(shown);
        let fits = match (&told, key) {
            (None, "") => found.is_none(),
            (Some(told), _) => told.starts_with(value) && (told.len() == value.len() || value.chars().count() >= 60),
            (None, _) => false,
        };
        if !fits {
            wrong.push(format!("{name} {step} {call}: {key} is {told:?}, expected {value:?}"));
        }
        let said = error_of(reply).map(|(code, message)| format!("{code}|{message}")).unwrap_or_default();
        if !said.starts_with(error) || (error.is_empty() && !said.is_empty()) {
            wrong.push(format!("{name} {step} {call}: error {said:?}, expected {error:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(all.len(), EXPECTED.len(), "every recorded reply has a row");
}

/// Every object of a value that states a payload hash, with its place.
fn hashed<'v>(value: &'v Value, at: &str, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(map) => {
            if map.contains_key("schema") && map.get("integrity").and_then(|i| i.get("payload_sha256")).is_some() {
                found.push((at.to_owned(), value));
            }
            map.iter().for_each(|(key, inner)| hashed(inner, &format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, inner)| hashed(inner, &format!("{at}/{i}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn checked(value: &Value) -> Integrity {
    verify(&Json::of(value).expect("canonical"))
}

#[test]
fn each_hash_in_a_recorded_reply_is_proved() {
    let Some(data) = data() else { return };
    let mut schemas = Vec::new();
    for recorded in recorded(&data) {
        let mut found = Vec::new();
        hashed(&recorded.body, "", &mut found);
        for (at, document) in found {
            let schema = document["schema"].as_str().unwrap_or_default().to_owned();
            assert_eq!(checked(document), Integrity::Proven, "{} {} {at} {schema}", recorded.name, recorded.step);
            schemas.push(schema);
        }
    }
    let count = |schema: &str| schemas.iter().filter(|s| *s == schema).count();
    assert!(count("LIVE_CYCLE_RECEIPT_V1") >= 9, "{schemas:?}");
    assert!(count("RECO_REPORT_V1") >= 9, "{schemas:?}");
    assert!(count("STRATEGY_BUNDLE_V1") >= 3, "{schemas:?}");
}

/// Real documents with a hash rule or with a hash that cannot be proved, and why.
const UNPROVEN: &[(&str, &str)] = &[
    ("at/78173cd9/state/spike_settings/latest/spike_settings_latest.json", "its schema has no rule here"),
    ("at/7c5c9edd/state/watchlist/latest/watchlist_latest.json", "its schema has no rule here"),
    ("at/7c5c9edd/state/watchlist/snapshots/watchlist_20260125_231211.json", "its schema has no rule here"),
    ("at/f926b2b9/reports/live/order_plan/snapshots/order_plan_20260202_175736.json", "states no hash"),
    (
        "at/d0c0a900/state/portfolio/snapshots/portfolio_20260208_141514.json",
        "has a hash but no schema that names its rule",
    ),
];

#[test]
fn each_real_document_is_proved_or_listed() {
    let Some(data) = data() else { return };
    const RULED: &[&str] = &[
        "STRATEGY_BUNDLE_V1",
        "LIVE_CYCLE_RECEIPT_V1",
        "RECO_REPORT_V1",
        "ORDER_PLAN_V1",
        "PORTFOLIO_SNAPSHOT_V1",
        "DAILY_OPS_RUN_V1",
    ];
    let mut proven = 0;
    let mut unproven = Vec::new();
    for entry in read(&data.join("index.json")).as_array().expect("entries") {
        let path = entry["path"].as_str().expect("a path");
        if !path.ends_with(".json") {
            continue;
        }
        let document = read(&data.join(path));
        let ruled = entry["schema"].as_str().is_some_and(|schema| RULED.contains(&schema));
        if !ruled && document["integrity"]["payload_sha256"].is_null() {
            continue;
        }
        match checked(&document) {
            Integrity::Proven => proven += 1,
            Integrity::Unproven => unproven.push(path.to_owned()),
            Integrity::Mismatch { stated, computed } => panic!("{path}: {stated} is stated, {computed} is computed"),
        }
    }
    unproven.sort();
    let mut listed: Vec<_> = UNPROVEN.iter().map(|(path, _)| (*path).to_owned()).collect();
    listed.sort();
    assert_eq!(unproven, listed);
    assert_eq!(proven, 16, "eleven bundles and five recommendations");
}

/// What a changed document must no longer be: the hash covers the section and nothing else.
#[test]
fn a_changed_section_is_no_longer_proved() {
    let parts = [
        ("STRATEGY_BUNDLE_V1", json!({"strategy": {"name": "모멘텀", "x": 0.25}}), "/strategy/name"),
        (
            "LIVE_CYCLE_RECEIPT_V1",
            json!({"bundle": {"stale": false}, "reco": {"decision": "EMPTY_RECO"}, "ops_summary": {"success": true}, "push": {"success": true}}),
            "/reco/decision",
        ),
        ("RECO_REPORT_V1", json!({"recommendations": [{"ticker": "069500"}]}), "/recommendations/0/ticker"),
        ("RECO_REPORT_V1", json!({"top_picks": [{"ticker": "069500"}], "holding_actions": []}), "/top_picks/0/ticker"),
        ("ORDER_PLAN_V1", json!({"orders": [{"side": "BUY"}]}), "/orders/0/side"),
        ("PORTFOLIO_SNAPSHOT_V1", json!({"holdings": [{"ticker": "069500"}]}), "/holdings/0/ticker"),
    ];
    for (schema, mut document, place) in parts {
        document["schema"] = json!(schema);
        assert_eq!(checked(&document), Integrity::Unproven, "{schema} without a hash");
        let json = Json::of(&document).expect("canonical");
        for form in [Text::Raw, Text::Escaped] {
            let section = daily_ops::contracts::integrity::hashed_section(&json).expect("a section");
            document["integrity"] = json!({"payload_sha256": section.sha256(form)});
            assert_eq!(checked(&document), Integrity::Proven, "{schema} {form:?}");
        }
        document["other"] = json!("not covered");
        assert_eq!(checked(&document), Integrity::Proven, "{schema}: a field outside the section");
        let mut changed = document.clone();
        *changed.pointer_mut(place).expect("a place") = json!("changed");
        assert!(matches!(checked(&changed), Integrity::Mismatch { .. }), "{schema}: a field of the section");
        document["integrity"] = json!({"payload_sha256": "auto"});
        assert_eq!(checked(&document), Integrity::Unproven, "{schema}: a placeholder is no hash");
    }
    assert_eq!(payload_sha256(&Json::of(&json!({"schema": "X"})).expect("canonical")), None);
}

/// Small replies of every wrapper go over the wire like the recorded ones.
#[test]
fn each_family_of_wrapper_survives_the_wire() {
    let wire = Wire::new();
    let receipt = json!({"schema": "LIVE_CYCLE_RECEIPT_V1", "cycle_id": "한글-1", "bundle": {"stale": false}});
    let cases = [
        ("rows", 200, json!({"status": "ready", "rows": [receipt]}), "LIVE_CYCLE_RECEIPT_V1", Some("한글-1")),
        ("raw", 200, receipt.clone(), "LIVE_CYCLE_RECEIPT_V1", Some("한글-1")),
        ("data", 200, json!({"data": receipt}), "LIVE_CYCLE_RECEIPT_V1", Some("한글-1")),
        ("row", 200, json!({"row": receipt}), "LIVE_CYCLE_RECEIPT_V1", Some("한글-1")),
        ("report", 200, json!({"report": receipt}), "RECO_REPORT_V1", Some("한글-1")),
        ("bundle", 200, json!({"bundle": receipt}), "STRATEGY_BUNDLE_V1", Some("한글-1")),
        ("in detail", 500, json!({"detail": {"rows": [receipt]}}), "LIVE_CYCLE_RECEIPT_V1", Some("한글-1")),
        ("no rows", 200, json!({"status": "no_cycle_yet", "rows": []}), "LIVE_CYCLE_RECEIPT_V1", None),
        ("no report", 200, json!({"status": "no_reco_yet", "report": null}), "RECO_REPORT_V1", None),
        ("no bundle", 200, json!({"status": "not_ready", "bundle": null}), "STRATEGY_BUNDLE_V1", None),
        ("a list", 200, json!([receipt]), "LIVE_CYCLE_RECEIPT_V1", None),
    ];
    for (name, status, body, schema, want) in cases {
        let recorded = Recorded {
            name: name.to_owned(),
            step: 0,
            method: "GET".to_owned(),
            path: "/api/live/cycle/latest".to_owned(),
            status,
            body,
        };
        let answer = wire.ask(&recorded);
        assert_eq!((answer.status, answer.is_success()), (status, status == 200), "{name}");
        let found = answer.json().and_then(|reply| unwrap(reply, schema));
        assert_eq!(found.and_then(|d| d.get("cycle_id")).and_then(Value::as_str), want, "{name}");
    }
}
