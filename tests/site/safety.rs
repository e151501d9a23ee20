//! The three safety files: read before anything acts, obeyed, and never changed.

use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;

const GATE: &str = "state/execution_gate.json";
const SENDER: &str = "state/real_sender_enable.json";
const STOP: &str = "state/emergency_stop.json";

/// Everything that the three files hold; a missing one is `None`.
fn files(host: &Host) -> Vec<Option<Vec<u8>>> {
    [GATE, SENDER, STOP].map(|file| host.store().read(file).expect("readable")).to_vec()
}

#[test]
fn a_stop_of_the_workspace_that_is_on_or_unreadable_keeps_the_live_cycle_from_being_asked_for() {
    let rows: [(&str, &str); 7] = [
        ("on", r#"{"schema": "EMERGENCY_STOP_V1", "enabled": true, "reason": "drill"}"#),
        ("text", r#"{"schema": "EMERGENCY_STOP_V1", "enabled": "false"}"#),
        ("a number", r#"{"schema": "EMERGENCY_STOP_V1", "enabled": 0}"#),
        ("no key", r#"{"schema": "EMERGENCY_STOP_V1"}"#),
        ("cut off", r#"{"schema": "EMERGENCY_STOP_V1", "enabled": fal"#),
        ("empty", ""),
        ("a list", "[]"),
    ];
    for (name, text) in rows {
        let (host, fake) = (Host::new(), Fake::new());
        host.write(STOP, text);
        let before = files(&host);
        let ran = host.daily(&fake, &[]);
        let record = host.proves(name, &ran, 2, "EMERGENCY_STOP");
        assert_eq!((fake.asked(site::REGENERATE), fake.asked(site::RUN_CYCLE)), (1, 0), "{name}");
        assert!(host.warnings().contains(&"SAFETY_DISAGREES".to_owned()), "{name}: {:?}", host.warnings());
        assert_eq!(record["safety"]["stop"], true, "{name}");
        assert_eq!(record["stages"][3]["class"], "skipped", "{name}: nothing of this run could be read");
        assert!(ran.stderr.contains("emergency_stop=on"), "{name}: {ran:?}");
        assert!(files(&host) == before, "{name}: a safety file was changed");
        let check = host.run(&["check", "live-cycle", "--set", &format!("api_url={}", fake.url())]);
        assert_eq!((check.code, fake.asked(site::RUN_CYCLE)), (Some(2), 0), "{name}: {check:?}");
    }
}

#[test]
fn a_stop_that_only_the_backend_reports_is_shown_and_left_to_the_backend() {
    let (host, fake) = (Host::new(), Fake::new());
    let mut health = site::health();
    health["health"] = json!("STOPPED");
    health["data"]["emergency_stop"]["enabled"] = json!(true);
    fake.says(site::HEALTH, 200, health);
    let mut summary = site::summary("STOPPED");
    summary["guard"]["emergency_stop"]["enabled"] = json!(true);
    fake.says(site::SUMMARY, 200, site::rows(&summary));
    let ran = host.daily(&fake, &[]);
    let record = host.proves("backend", &ran, 2, "EMERGENCY_STOP");
    assert_eq!(fake.asked(site::RUN_CYCLE), 0);
    assert!(site::codes(&record["warnings"]).contains(&"SAFETY_DISAGREES".to_owned()), "{record}");
    assert_eq!(record["safety"]["stop"], true);
}

#[test]
fn a_stop_that_appears_during_the_run_is_still_obeyed() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.on(site::SUMMARY, &[site::Reply::Hang]);
    let running = host.start(&fake, &["--no-git-pull", "--set", "pipeline.get_limit=2s"]);
    fake.await_call(site::SUMMARY);
    host.write(STOP, r#"{"schema": "EMERGENCY_STOP_V1", "enabled": true, "reason": "now"}"#);
    fake.says(site::SUMMARY, 200, site::rows(&site::summary("OK")));
    host.proves("during", &running.wait(), 2, "EMERGENCY_STOP");
    assert_eq!(fake.asked(site::RUN_CYCLE), 0);
}

/// Name, files of the workspace, answers of the backend, warnings that must and that must not be there.
type Position = (
    &'static str,
    Vec<(&'static str, String)>,
    Vec<(&'static str, Value)>,
    &'static [&'static str],
    &'static [&'static str],
);

#[test]
#[expect(clippy::too_many_lines, reason = "one row per position")]
fn an_open_gate_and_an_enabled_sender_are_warnings_wherever_they_are_seen() {
    let gate = |mode: &str| json!({"schema": "EXECUTION_GATE_V1", "mode": mode}).to_string();
    let sender = |on: bool| json!({"schema": "REAL_SENDER_ENABLE_V1", "enabled": on}).to_string();
    let health = |mode: &str| {
        let mut health = site::health();
        health["data"]["execution_gate_mode"] = json!(mode);
        health
    };
    let enabled = json!({"status": "ready", "data": {"enabled": true}});
    let rows: Vec<Position> = vec![
        (
            "gate here",
            vec![(GATE, gate("REAL_ENABLED"))],
            vec![],
            &["GATE_REAL", "SAFETY_DISAGREES"],
            &["SENDER_ENABLED"],
        ),
        ("gate there", vec![], vec![(site::HEALTH, health("REAL_ENABLED"))], &["GATE_REAL", "SAFETY_DISAGREES"], &[]),
        (
            "gate here and there",
            vec![(GATE, gate("REAL_ENABLED"))],
            vec![(site::HEALTH, health("REAL_ENABLED"))],
            &["GATE_REAL"],
            &["SAFETY_DISAGREES"],
        ),
        ("sender here", vec![(SENDER, sender(true))], vec![], &["SENDER_ENABLED", "SAFETY_DISAGREES"], &["GATE_REAL"]),
        ("sender there", vec![], vec![(site::SENDER, enabled)], &["SENDER_ENABLED", "SAFETY_DISAGREES"], &[]),
        ("mock", vec![(GATE, gate("MOCK_ONLY"))], vec![(site::HEALTH, health("MOCK_ONLY"))], &[], &["GATE_REAL"]),
        ("gate damaged", vec![(GATE, "{".to_owned())], vec![], &["SAFETY_UNREADABLE"], &["GATE_REAL"]),
        (
            "gate of another type",
            vec![(GATE, r#"{"mode": ["REAL_ENABLED"]}"#.to_owned())],
            vec![],
            &["SAFETY_UNREADABLE"],
            &[],
        ),
        (
            "sender as text",
            vec![(SENDER, r#"{"enabled": "true"}"#.to_owned())],
            vec![],
            &["SAFETY_UNREADABLE"],
            &["SENDER_ENABLED"],
        ),
    ];
    for (name, local, remote, expected, absent) in rows {
        let (host, fake) = (Host::new(), Fake::new());
        for (file, text) in &local {
            host.write(file, text);
        }
        for (path, document) in remote {
            fake.says(path, 200, document);
        }
        let before = files(&host);
        let ran = host.daily(&fake, &[]);
        host.proves(name, &ran, 0, "OK");
        let warnings = host.warnings();
        for code in expected {
            assert!(warnings.contains(&(*code).to_owned()), "{name}: {code} in {warnings:?}");
        }
        for code in absent {
            assert!(!warnings.contains(&(*code).to_owned()), "{name}: {code} in {warnings:?}");
        }
        assert!(files(&host) == before, "{name}: a safety file was changed");
    }
}

#[test]
fn missing_safety_files_are_not_made_by_a_run() {
    let (host, fake) = (Host::new(), Fake::new());
    for file in [GATE, SENDER, STOP] {
        host.store().remove(file).expect("removed");
    }
    let ran = host.daily(&fake, &[]);
    assert!(ran.code.is_some_and(|code| code == 0 || code == 2), "{ran:?}");
    assert_eq!(files(&host), [None, None, None]);
}
