//! What must hold after every run, whatever happened in it.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use daily_ops::contracts::Document as _;
use daily_ops::contracts::Json;
use daily_ops::contracts::Reason;
use daily_ops::contracts::RunCode;
use daily_ops::contracts::StageClass;
use daily_ops::contracts::integrity::Integrity;
use daily_ops::contracts::integrity::verify;
use daily_ops::contracts::run::RunRecord;
use daily_ops::contracts::verdict_of;
use daily_ops::pipeline::History;
use daily_ops::store::Store;
use daily_ops::store::layout;
use serde_json::Value;

/// All files under a directory with their content; `.git` and temporary files are left out.
pub(crate) fn files(dir: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, found);
        } else if !(name.starts_with('.') && name.ends_with(".tmp")) {
            let bytes = std::fs::read(&path).expect("readable");
            found.push((path, bytes));
        }
    }
}

pub(crate) fn workspace(store: &Store) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in ["reports", "state", "logs"] {
        files(&store.path(folder), &mut found);
    }
    found
}

/// No half file anywhere.
pub(crate) fn every_file_is_whole(store: &Store, damaged_on_purpose: &[&str]) {
    for (path, bytes) in workspace(store) {
        let name = path.strip_prefix(store.root()).expect("inside").to_string_lossy().replace('\\', "/");
        if damaged_on_purpose.contains(&name.as_str()) {
            continue;
        }
        let text = String::from_utf8(bytes).unwrap_or_else(|_| panic!("{name} is no text"));
        let is_json = |text: &str| Json::parse(text.as_bytes()).is_ok();
        if name.ends_with(".json") {
            assert!(is_json(&text), "{name} is no JSON: {text:?}");
        } else if name.ends_with(".jsonl") {
            assert!(text.ends_with('\n') && text.lines().all(is_json), "{name} has a bad line");
        } else if name.ends_with(".lock") {
            assert!(text.is_empty() || is_json(&text), "{name}: {text:?}");
        } else if name.ends_with(".log") {
            assert!(
                text.ends_with('\n') && text.lines().all(|line| line.starts_with("[2026-")),
                "{name} has a bad line"
            );
        } else {
            assert!(text.ends_with('\n'), "{name} has no end: {text:?}");
        }
    }
}

/// The chain's lines: run id, snapshot, hash.
pub(crate) fn chain(store: &Store) -> Vec<(String, String, String)> {
    let bytes = store.read(layout::RUN_CHAIN).expect("readable").unwrap_or_default();
    let lines = String::from_utf8(bytes).expect("text");
    let part = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("a line");
            (part(&line, "run_id"), part(&line, "snapshot_ref"), part(&line, "sha256"))
        })
        .collect()
}

pub(crate) fn latest(store: &Store) -> Option<RunRecord> {
    store.document::<RunRecord>(layout::RUN.latest).present()
}

/// The records on disk against the runs that must have left one, in order.
pub(crate) fn every_run_is_sealed_once(store: &Store, sealed: &[String], head: Option<&str>) {
    let lines = chain(store);
    let ids: Vec<&String> = lines.iter().map(|(id, _, _)| id).collect();
    assert_eq!(ids, sealed.iter().collect::<Vec<_>>(), "one line a run, in order");
    let report = History::new(store).verify(head).expect("readable");
    assert_eq!(report.broken, None, "the chain is whole and contains what it contained");
    let mut seen = BTreeSet::new();
    for file in store.snapshots(layout::RUN.snapshots).expect("listed") {
        let bytes = store.read(&file.reference).expect("readable").expect("there");
        let record = RunRecord::parse(&bytes).expect("a record");
        assert!(record.finished_at.is_some() && record.exit_code.is_some(), "{} is sealed", file.name);
        assert!(seen.insert(record.run_id.to_string()), "{} has two records", record.run_id);
        assert_eq!(verify(&Json::parse(&bytes).expect("JSON")), Integrity::Proven, "{}", file.name);
        the_code_follows_from_the_stages(&record);
    }
    let summary = store.read(layout::SUMMARY_LOG).expect("readable").unwrap_or_default();
    let logged = String::from_utf8(summary).expect("text").lines().count();
    assert_eq!(logged, sealed.len(), "one summary line a run");
}

fn the_code_follows_from_the_stages(record: &RunRecord) {
    let classes: Vec<StageClass> = record.stages.iter().map(|stage| stage.class).collect();
    let is = |code: RunCode| record.reason == Some(Reason::from(code));
    let want = if is(RunCode::Killed) {
        3
    } else if is(RunCode::LateRunSkipped) {
        0
    } else {
        verdict_of(&classes).exit_code()
    };
    assert_eq!(record.exit_code, Some(want), "{:?} of {classes:?}", record.reason);
    assert_eq!(record.stages.len(), 5);
}

/// What the last run left where monitors look.
pub(crate) fn the_last_run_shows(store: &Store, run_id: &str, exit_code: u8) {
    let latest = latest(store).expect("a record");
    assert_eq!((latest.run_id.as_str(), latest.exit_code), (run_id, Some(exit_code)));
    let text = |file: &str| String::from_utf8(store.read(file).expect("readable").unwrap_or_default()).expect("text");
    assert_eq!(text(layout::PROOF_EXIT).trim(), exit_code.to_string());
    let summary = text(layout::SUMMARY_LATEST);
    assert!(text(layout::SUMMARY_LOG).trim_end().ends_with(summary.trim_end()), "{summary}");
}
