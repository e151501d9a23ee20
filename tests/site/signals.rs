//! A run that is ended from outside leaves a whole record, at once by itself or by the run after it.

use rustix::process::Signal;
use serde_json::Value;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;

/// The calls in which a run may hang, and the stage that each belongs to.
const CALLS: [(&str, usize); 5] =
    [(site::HEALTH, 1), (site::REGENERATE, 2), (site::SUMMARY, 2), (site::RUN_CYCLE, 3), (site::RESOLVE, 4)];

fn interrupted(name: &str, record: &Value, stage: usize) {
    let stages = record["stages"].as_array().expect("stages");
    for (index, found) in stages.iter().enumerate() {
        match index.cmp(&stage) {
            std::cmp::Ordering::Less => assert!(found["class"] == "ok" || found["class"] == "warn", "{name}: {found}"),
            std::cmp::Ordering::Equal => {
                assert_eq!(
                    (found["class"].as_str(), found["code"].as_str()),
                    (Some("fail"), Some("INTERRUPTED")),
                    "{name}"
                );
            }
            std::cmp::Ordering::Greater => assert_eq!(found["class"], "skipped", "{name}: {found}"),
        }
    }
}

#[test]
fn a_signal_in_any_stage_ends_the_run_with_a_whole_record() {
    let host = Host::new();
    for (signal, word) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT"), (Signal::HUP, "SIGHUP")] {
        for (path, stage) in CALLS {
            let name = format!("{word} in {path}");
            let fake = Fake::new();
            fake.on(path, &[Reply::Hang]);
            let running = host.start(&fake, &["--no-git-pull"]);
            fake.await_call(path);
            running.signal(signal);
            let record = host.proves(&name, &running.wait(), 3, "INTERRUPTED");
            interrupted(&name, &record, stage);
            assert_eq!(fake.asked(path), 1, "{name}");
            assert_eq!(fake.asked(site::RUN_CYCLE), usize::from(stage > 2), "{name}");
        }
    }
}

#[test]
fn a_signal_between_two_tries_of_the_health_call_is_heeded() {
    let (host, gone) = (Host::new(), Fake::new().url());
    let pause = ["--no-git-pull", "--set", "pipeline.retry_pause=1m"];
    let running = host.start_at(&gone, &pause);
    let log = host.root().join("logs/daily_ops.log");
    site::until("stage 2", || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("[2/5]")));
    running.signal(Signal::TERM);
    let record = host.proves("pause", &running.wait(), 3, "INTERRUPTED");
    interrupted("pause", &record, 1);
}

#[test]
fn a_run_that_was_killed_is_sealed_by_the_next_one() {
    let host = Host::new();
    for (path, stage) in CALLS {
        let fake = Fake::new();
        fake.on(path, &[Reply::Hang]);
        let running = host.start(&fake, &["--no-git-pull"]);
        fake.await_call(path);
        running.signal(Signal::KILL);
        assert_eq!(running.wait().code, None, "{path}");
        let left = host.record();
        assert!(left["finished_at"].is_null() && left["exit_code"].is_null(), "{path}: {left}");
        let fake = Fake::new();
        let ran = host.daily(&fake, &[]);
        let record = host.proves(path, &ran, 0, "OK");
        assert!(site::codes(&record["warnings"]).contains(&"PREVIOUS_RUN_KILLED".to_owned()), "{path}: {record}");
        let sealed = host.json(left["snapshot_ref"].as_str().expect("a ref"));
        assert_eq!((&sealed["run_id"], &sealed["reason"]), (&left["run_id"], &"KILLED".into()), "{path}");
        assert_eq!(sealed["exit_code"], 3, "{path}");
        let reached = &sealed["stages"][stage];
        assert_eq!((reached["class"].as_str(), reached["code"].as_str()), (Some("fail"), Some("KILLED")), "{path}");
        let line = host.summary_lines().iter().rev().nth(1).cloned().expect("a line of the killed run");
        assert!(line.contains(" Reason=KILLED "), "{path}: {line}");
        let verified = host.run(&["runs", "verify"]);
        assert_eq!(verified.code, Some(0), "{path}: {verified:?}");
    }
}

#[test]
fn two_kills_in_a_row_and_a_refusal_between_lose_no_record() {
    let host = Host::new();
    for _ in 0..2 {
        let fake = Fake::new();
        fake.on(site::RUN_CYCLE, &[Reply::Hang]);
        let running = host.start(&fake, &["--no-git-pull"]);
        fake.await_call(site::RUN_CYCLE);
        assert_eq!(host.daily(&fake, &[]).code, Some(2));
        running.signal(Signal::KILL);
        assert_eq!(running.wait().code, None);
    }
    let fake = Fake::new();
    let record = host.proves("third", &host.daily(&fake, &[]), 0, "OK");
    assert_eq!(record["chain"]["seq"], 3);
}
