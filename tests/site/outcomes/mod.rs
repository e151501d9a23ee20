//! Every row of the stage tables, end to end: exit code, reason, what was asked, what was left behind.

mod cycle;
mod health;
mod line;
mod snapshot;
mod summary;

use serde_json::Value;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Script;

/// Name, script, settings, exit code, reason, and how often health, regeneration, cycle and resolver were asked.
type Row = (&'static str, Script, &'static [&'static str], i32, &'static str, [usize; 4]);

/// Nothing after health.
const AT_HEALTH: [usize; 4] = [1, 0, 0, 0];
/// Nothing after the summary.
const AT_SUMMARY: [usize; 4] = [1, 1, 0, 0];
/// Nothing after the cycle.
const AT_CYCLE: [usize; 4] = [1, 1, 1, 0];
/// Everything.
const ALL: [usize; 4] = [1, 1, 1, 1];

/// Does one run a row, all in one workspace, so that the records also make one chain.
fn check(rows: &[Row]) {
    let host = Host::new();
    for (name, script, settings, exit, reason, counts) in rows {
        let fake = Fake::new();
        script(&fake);
        let set: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let ran = host.daily(&fake, &set);
        let record = host.proves(name, &ran, *exit, reason);
        let asked = [site::HEALTH, site::REGENERATE, site::RUN_CYCLE, site::RESOLVE].map(|path| fake.asked(path));
        assert_eq!(asked, *counts, "{name}: health, regenerate, cycle, resolve\n{}", ran.stderr);
        agrees(name, &record, &ran.stderr);
    }
}

/// The record's stages tell the same as the exit code, and the last line of the story as well.
fn agrees(name: &str, record: &Value, story: &str) {
    let classes: Vec<&str> =
        record["stages"].as_array().expect("stages").iter().map(|s| s["class"].as_str().expect("a class")).collect();
    let first_bad = classes.iter().find(|class| matches!(**class, "block" | "fail"));
    let expected = match first_bad {
        None => 0,
        Some(&"block") => 2,
        Some(_) => 3,
    };
    assert_eq!(record["exit_code"], expected, "{name}: {classes:?}");
    let last = story.lines().last().unwrap_or_default();
    let word = match expected {
        0 => "] done",
        2 => "] blocked: ",
        _ => "] failed: ",
    };
    assert!(last.contains(word), "{name}: {last}");
    if let Some(stopped) = classes.iter().position(|class| *class == "fail") {
        assert!(classes[stopped + 1..].iter().all(|class| *class == "skipped"), "{name}: {classes:?}");
    }
}
