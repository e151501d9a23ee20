//! What the program says, to whom, and in which form.

use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;
use crate::fixture::Script;

#[test]
fn a_reader_that_leaves_does_not_change_how_a_run_ends() {
    type Leave = fn(&mut site::Running);
    let leavers: [(&str, Leave); 3] = [
        ("stdout", site::Running::close_stdout),
        ("stderr", site::Running::close_stderr),
        ("both", |running| {
            running.close_stdout();
            running.close_stderr();
        }),
    ];
    let scripts: [(&str, Script, i32); 3] = [
        ("fine", |fake| fake, 0),
        ("blocked", |fake| fake.shows(&site::blocked("NO_BUNDLE")), 2),
        ("failed", |fake| fake.on(site::HEALTH, &[Reply::Reset]), 3),
    ];
    for json in [&["--no-git-pull"][..], &["--no-git-pull", "--json"]] {
        for (stream, leave) in leavers {
            for (name, script, code) in scripts {
                let (host, fake) = (Host::new(), Fake::new());
                script(&fake);
                let mut running = host.start(&fake, json);
                leave(&mut running);
                let ran = running.wait();
                assert_eq!(ran.code, Some(code), "{name} without {stream}: {ran:?}");
                assert_eq!(host.record()["exit_code"], code, "{name} without {stream}");
                assert_eq!(host.summary_lines().len(), 1, "{name} without {stream}");
            }
        }
    }
}

/// The one document that standard output must be.
fn document(name: &str, ran: &site::Ran) -> Value {
    let found: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|fault| panic!("{name}: {fault}: {ran:?}"));
    assert_eq!(found["schema"], "DAILY_OPS_RUN_RESULT_V1", "{name}");
    assert_eq!(found["exit_code"].as_i64(), ran.code.map(i64::from), "{name}");
    found
}

#[test]
fn the_json_result_is_one_document_however_a_run_ends() {
    let scripts: [(&str, Script, i32, &str, &str); 4] = [
        ("fine", |fake| fake, 0, "DONE", "OK"),
        ("blocked", |fake| fake.shows(&site::blocked("BUNDLE_FAIL")), 2, "BLOCKED", "BUNDLE_FAIL"),
        ("down", |fake| fake.on(site::HEALTH, &[Reply::Reset]), 3, "FAULT", "BACKEND_DOWN"),
        ("unproved", |fake| fake.says(site::RESOLVE, 404, Value::Null), 3, "FAULT", "SNAPSHOT_UNRESOLVED"),
    ];
    let host = Host::new();
    for (name, script, code, result, reason) in scripts {
        let fake = Fake::new();
        script(&fake);
        let ran = host.daily(&fake, &["--json"]);
        assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
        let found = document(name, &ran);
        assert_eq!((found["result"].as_str(), found["code"].as_str()), (Some(result), Some(reason)), "{name}");
        assert_eq!(found["record"], host.record(), "{name}");
        let line = found["summary_line"].as_str().expect("a line");
        assert_eq!(host.read("logs/daily_summary.latest"), format!("{line}\n"), "{name}");
    }
    let fake = Fake::new();
    fake.on(site::RUN_CYCLE, &[Reply::Hang]);
    let first = host.start(&fake, &["--no-git-pull", "--json"]);
    fake.await_call(site::RUN_CYCLE);
    let refused = document("refused", &host.daily(&fake, &["--json"]));
    assert_eq!(refused["code"], "ALREADY_RUNNING");
    assert!(refused["record"].is_null() && refused["message"].as_str().is_some_and(|text| text.contains("pid ")));
    first.signal(Signal::TERM);
    assert_eq!(document("interrupted", &first.wait())["code"], "INTERRUPTED");
    let dry = document("dry", &host.daily(&Fake::new(), &["--json", "--dry-run"]));
    assert_eq!((&dry["code"], &dry["record"]["dry_run"]), (&"OK".into(), &true.into()));
}

#[test]
fn a_quiet_run_says_its_result_only() {
    let (host, fake) = (Host::new(), Fake::new());
    let ran = host.daily(&fake, &["--quiet"]);
    host.proves("quiet", &ran, 0, "OK");
    assert_eq!(ran.stderr, "");
    assert!(host.read("logs/daily_ops.log").contains("[5/5] Snapshot"), "the log has the story all the same");
    let json = host.daily(&fake, &["-q", "--json"]);
    assert_eq!((json.stderr.as_str(), document("quiet", &json)["exit_code"].as_i64()), ("", Some(0)));
}

#[test]
fn the_story_can_be_told_as_json_lines() {
    let (host, fake) = (Host::new(), Fake::new());
    let ran = host.daily(&fake, &["--set", "output.log_format=json"]);
    host.proves("json log", &ran, 0, "OK");
    for line in ran.stderr.lines() {
        let told: Value = serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}"));
        assert!(told["at"].is_string() && told["text"].is_string(), "{line}");
    }
}

#[test]
fn wrong_usage_and_wrong_settings_are_sixty_four_and_touch_nothing() {
    let host = Host::new();
    let before = host.picture();
    type Case = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);
    let rows: [Case; 14] = [
        ("flag", &["run", "--no-such-flag"], &[]),
        ("command", &["walk"], &[]),
        ("second argument", &["run", "twice"], &[]),
        ("both backends", &["run", "--embedded", "--api-url", "http://127.0.0.1:1"], &[]),
        ("trigger", &["run", "--trigger", "chance"], &[]),
        ("address", &["run", "--api-url", "127.0.0.1:8000"], &[]),
        ("address with a user", &["run", "--api-url", "http://user:secret@127.0.0.1:1"], &[]),
        ("unknown key", &["run", "--set", "pipeline.colour=red"], &[]),
        ("value", &["run", "--set", "pipeline.git_policy=maybe"], &[]),
        ("no value", &["run", "--set", "pipeline.git_policy"], &[]),
        ("limit", &["run", "--set", "pipeline.run_limit=0s"], &[]),
        ("unknown variable", &["run"], &[("DAILY_OPS_X", "1")]),
        ("value of a variable", &["run"], &[("DAILY_OPS_GIT_POLICY", "maybe")]),
        ("unknown run", &["runs", "show", "run_19990101_000000_00000000"], &[]),
    ];
    for (name, args, env) in rows {
        let ran = site::finished(host.command(args).envs(env.iter().copied()).output().expect("started"));
        assert_eq!(ran.code, Some(64), "{name}: {ran:?}");
        assert!(!ran.stderr.is_empty() && !ran.stdout.contains("DAILY_SUMMARY"), "{name}: {ran:?}");
        assert!(!ran.all().contains("secret@"), "{name}: {ran:?}");
    }
    assert!(host.picture() == before, "wrong usage touched the workspace");
    let nowhere = site::finished(host.program().args(["--root", "/no/such/place", "run"]).output().expect("started"));
    assert_eq!(nowhere.code, Some(64), "{nowhere:?}");
    let both =
        host.command(&["run", "--set", "pipeline.colour=red"]).env("DAILY_OPS_X", "1").output().expect("started");
    let told = site::finished(both).stderr;
    assert!(told.contains("pipeline.colour") && told.contains("DAILY_OPS_X"), "all faults at once: {told}");
}

#[test]
fn help_and_version_are_results() {
    let host = Host::new();
    for args in [&["--help"][..], &["-h"], &["--version"], &["run", "--help"], &["help", "run"], &[]] {
        let ran = site::finished(host.program().args(args).output().expect("started"));
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty(), "{args:?}: {ran:?}");
    }
    let bare = |command: &mut Command| site::finished(command.output().expect("started")).stdout;
    assert!(bare(&mut host.program()).contains("Usage:"));
    assert_eq!(bare(host.program().arg("--version")), format!("daily_ops {}\n", env!("CARGO_PKG_VERSION")));
}
