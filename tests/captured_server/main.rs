//! Our backend against recorded replies of a reference backend: same workspace, same damage, same requests.
//!
//! Compared are the status code and the body, with ids, times, hashes and stamps in file names masked. Everything that
//! differs must be a row of `differences`, and every row must be met: the table is the complete list of where this
//! backend answers differently, and why.
//!
//! The recorded bundles are unsigned, so the policy allows unsigned bundles; without it each of them would be FAIL.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "the raw side of the client is for the other test crate")]
mod client;
mod differences;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use client::Site;
use daily_ops::backend::ROUTES;
use daily_ops::contracts::BundlePolicy;
use daily_ops::ops::OpsPolicy;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

/// What the reference does without being told to confirm. Decision 18 asks for it on everything that regenerates, runs or
/// sends: the recorded request is
/// refused, and what is compared is the reply to the confirmed one.
const UNGUARDED: &[&str] = &[
    "/api/deps/snapshot",
    "/api/evidence/health/regenerate",
    "/api/evidence/index/regenerate",
    "/api/ops/cycle/run",
    "/api/ops/daily/regenerate",
    "/api/ops/drill/run",
    "/api/ops/push/live_fire/run",
    "/api/ops/push/postmortem/regenerate",
    "/api/ops/summary/regenerate",
    "/api/push/delivery/run",
    "/api/push/send/run",
    "/api/secrets/self_test/run",
    "/api/tickets/reaper/run",
];

#[derive(Debug)]
struct Step {
    number: u64,
    method: String,
    path: String,
    body: Value,
    status: u64,
    reply: Value,
}

fn data() -> Option<PathBuf> {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/oci"));
    data.is_dir().then(|| data.to_owned())
}

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("listed") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // Not `fs::copy`: the recorded files are read-only, and so would be their copies.
            let bytes = std::fs::read(entry.path()).expect("read");
            std::io::Write::write_all(&mut std::fs::File::create(target).expect("made"), &bytes).expect("written");
        }
    }
}

/// The recording shows a byte-order mark as the three characters that its bytes are in Latin-1.
fn content_of(text: &str) -> Vec<u8> {
    text.strip_prefix("\u{ef}\u{bb}\u{bf}").map_or(text.into(), |rest| [b"\xef\xbb\xbf", rest.as_bytes()].concat())
}

fn is_ours(step: &Step) -> bool {
    let path = step.path.split('?').next().unwrap_or_default();
    let matches = |pattern: &str| match pattern.strip_suffix("{id}") {
        Some(head) => path.strip_prefix(head).is_some_and(|id| !id.contains('/')),
        None => pattern == path,
    };
    let unknown_on_purpose = path == "/api/does_not_exist" || (step.method == "GET" && path.ends_with("/regenerate"));
    unknown_on_purpose || ROUTES.iter().any(|route| route.verb.as_str() == step.method && matches(route.path))
}

fn step(number: u64, call: &Value, reply: Value) -> Step {
    let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
    Step {
        number,
        method: text("method"),
        path: text("path"),
        body: call["request_body"].clone(),
        status: call["status"].as_u64().expect("a status"),
        reply,
    }
}

/// Every scenario: name, damage to the workspace, steps. The undamaged workspace is the scenario `captured`.
fn scenarios(data: &Path) -> Vec<(String, Value, Vec<Step>)> {
    let captured = data.join("captured");
    let manifest = read(&captured.join("manifest.json"));
    let calls = manifest.as_array().expect("calls").iter().zip(1..);
    let steps = calls.map(|(call, n)| step(n, call, read(&captured.join(call["file"].as_str().expect("a file")))));
    let mut all = vec![("captured".to_owned(), json!({}), steps.collect())];
    let faults = data.join("captured_faults");
    for entry in read(&faults.join("manifest.json")).as_array().expect("scenarios") {
        let scenario = read(&faults.join(entry["file"].as_str().expect("a file")));
        let name = scenario["scenario"].as_str().expect("a name").to_owned();
        let recorded = scenario["steps"].as_array().expect("steps");
        let files = recorded.first().map_or(json!({}), |first| first["files"].clone());
        let steps = recorded.iter().map(|s| step(s["step"].as_u64().expect("a number"), s, s["body"].clone()));
        all.push((name, files, steps.collect()));
    }
    all
}

/// The newest time that a recorded reply states, which is when it was recorded.
fn recorded_at(steps: &[Step]) -> Option<Stamp> {
    fn times(value: &Value, found: &mut Vec<Stamp>) {
        match value {
            Value::String(text) => found.extend(Some(Stamp::from(text.as_str())).filter(|s| s.instant().is_some())),
            Value::Array(items) => items.iter().for_each(|item| times(item, found)),
            Value::Object(map) => map.values().for_each(|item| times(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut found = Vec::new();
    steps.iter().for_each(|step| times(&step.reply, &mut found));
    found.into_iter().max_by_key(Stamp::instant)
}

fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(masked_text(text)),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| {
                    let value = match key.as_str() {
                        "size_bytes" if value.is_number() => json!("<size>"),
                        // How many there are depends on what was done before the recording: the newest stands for all.
                        "snapshots" => {
                            Value::Array(value.as_array().into_iter().flatten().take(1).map(masked).collect())
                        }
                        _ => masked(value),
                    };
                    (key.clone(), value)
                })
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn masked_text(text: &str) -> String {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    if Stamp::from(text).instant().is_some() {
        return "<time>".to_owned();
    }
    if text.len() == 64 && hex(text) {
        return "<sha256>".to_owned();
    }
    if text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && hex(&text.replace('-', "")) {
        return "<uuid>".to_owned();
    }
    let is_stamp = |part: &str| {
        part.len() == 15 && part.bytes().enumerate().all(|(i, b)| if i == 8 { b == b'_' } else { b.is_ascii_digit() })
    };
    let Some(at) = (0..text.len()).find(|at| text.get(*at..at + 15).is_some_and(is_stamp)) else {
        return text.to_owned();
    };
    let rest = text[at + 15..].trim_start_matches(|c: char| c == '_' || c.is_ascii_digit());
    format!("{}<stamp>{rest}", &text[..at])
}

/// Where two values differ: pointer, theirs, ours. A missing member is `-`.
fn differences(theirs: Option<&Value>, ours: Option<&Value>, at: &str, found: &mut Vec<(String, String, String)>) {
    let show = |value: Option<&Value>| value.map_or("-".to_owned(), Value::to_string);
    match (theirs, ours) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                differences(a.get(key), b.get(key), &format!("{at}/{key}"), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for i in 0..a.len().max(b.len()) {
                differences(a.get(i), b.get(i), &format!("{at}/{i}"), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push((at.to_owned(), show(a), show(b))),
    }
}

/// Learns which id of ours stands where a recorded reply has its own, so that later requests can name it.
fn pair_ids(theirs: &Value, ours: &Value, ids: &mut BTreeMap<String, String>) {
    match (theirs, ours) {
        (Value::String(a), Value::String(b)) if a != b && masked_text(a) == "<uuid>" && masked_text(b) == "<uuid>" => {
            ids.insert(a.clone(), b.clone());
        }
        (Value::Object(a), Value::Object(b)) => {
            a.iter().for_each(|(key, a)| b.get(key).into_iter().for_each(|b| pair_ids(a, b, ids)));
        }
        _ => {}
    }
}

/// A recorded request body with our ids in place of the recorded ones.
fn with_our_ids(body: String, ids: &BTreeMap<String, String>) -> String {
    ids.iter().fold(body, |body, (theirs, ours)| body.replace(theirs, ours))
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            tail.is_empty() || (0..=rest.len()).any(|i| rest.is_char_boundary(i) && fits(tail, &rest[i..]))
        }),
    }
}

/// A backend at the time of the recording over the recorded workspace, damaged as the scenario wants it.
fn workspace(data: &Path, files: &Value, steps: &[Step]) -> Site {
    let now = recorded_at(steps).and_then(|stamp| stamp.instant());
    let clock =
        Arc::new(SimClock::at(now.unwrap_or_else(|| Stamp::from("2026-11-21T02:05:28").instant().expect("a time"))));
    let bundle = BundlePolicy { allow_unsigned: true, ..BundlePolicy::default() };
    let site = Site::with(|store| store, clock, OpsPolicy { bundle, ..OpsPolicy::default() });
    for folder in ["reports", "state"] {
        copy(&data.join(folder), &site.dir.path().join(folder));
    }
    for (file, content) in files.as_object().expect("files") {
        match content.as_str() {
            Some(text) => site.store.write(file, &content_of(text)).expect("written"),
            None => drop(site.store.remove(file).expect("removed")),
        }
    }
    site
}

#[test]
fn every_reply_is_the_recorded_one_or_a_listed_difference() {
    let Some(data) = data() else { return };
    let rows = differences::all();
    let mut used = BTreeSet::new();
    let mut unlisted = Vec::new();
    let mut compared = 0;
    for (name, files, steps) in scenarios(&data) {
        if !steps.iter().any(is_ours) {
            continue;
        }
        let site = workspace(&data, &files, &steps);
        let mut ids = BTreeMap::new();
        for step in steps.iter().filter(|step| is_ours(step)) {
            let body = (!step.body.is_null()).then(|| with_our_ids(step.body.to_string(), &ids));
            let mut path = step.path.clone();
            if step.method == "POST" && UNGUARDED.contains(&path.as_str()) {
                assert_eq!(site.post(&path, None).status, 400, "{name}: not confirmed");
                path += "?confirm=true";
            }
            let answer = site.call(&step.method, &path, body.as_deref(), &[]);
            compared += 1;
            pair_ids(&step.reply, &answer.json(), &mut ids);
            let (theirs, ours) = (masked(&step.reply), masked(&answer.json()));
            let mut found = Vec::new();
            differences(Some(&json!(step.status)), Some(&json!(answer.status)), "HTTP", &mut found);
            differences(Some(&theirs), Some(&ours), "", &mut found);
            for (pointer, theirs, ours) in found {
                let address = step.path.split('?').next().unwrap_or_default();
                let call = format!("{} {address}", step.method);
                let listed = rows.iter().position(|(scenario, path, at, a, b, _)| {
                    let all = [(scenario, &name), (path, &call), (at, &pointer), (a, &theirs), (b, &ours)];
                    all.iter().all(|(pattern, text)| fits(pattern, text))
                });
                match listed {
                    Some(row) => drop(used.insert(row)),
                    None => unlisted.push(format!("{name} {} {call} {pointer}: {theirs} | {ours}", step.number)),
                }
            }
        }
    }
    assert!(unlisted.is_empty(), "{} unlisted differences (theirs | ours):\n{}", unlisted.len(), unlisted.join("\n"));
    assert!(compared > 70, "only {compared} replies were compared");
    let idle: Vec<_> = (0..rows.len()).filter(|row| !used.contains(row)).map(|row| rows[row]).collect();
    assert!(idle.is_empty(), "rows that no reply met: {idle:#?}");
}
