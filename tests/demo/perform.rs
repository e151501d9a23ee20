//! Demos that are shown: their checks, their evidence, their master log.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use daily_ops::contracts::json::sha256_hex;
use daily_ops::rehearsal::Browser;
use daily_ops::rehearsal::demo::Audience;
use daily_ops::rehearsal::demo::KillPart;
use daily_ops::rehearsal::demo::Mark;
use daily_ops::rehearsal::demo::Outcome;
use daily_ops::rehearsal::demo::Pictures;
use daily_ops::rehearsal::demo::Speed;
use daily_ops::rehearsal::demo::perform;
use daily_ops::settings::Lang;
use daily_ops::settings::Secret;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

use crate::door;
use crate::theater::TOKEN;
use crate::theater::Theater;
use crate::theater::failed;
use crate::theater::files;
use crate::theater::json;
use crate::theater::play;
use crate::theater::text;

const SECTIONS: [&str; 7] = ["START", "METRICS BEFORE", "TRIGGER", "SSE", "WS", "METRICS AFTER", "RESULT"];

fn folder(outcome: &Outcome) -> &Path {
    outcome.evidence.as_deref().expect("a folder")
}

/// Every file of the folder stands in the manifest with its real size and hash, and nothing is missing.
fn assert_sealed(outcome: &Outcome) {
    let manifest = json(&folder(outcome).join("manifest.json"));
    let rows = manifest["files"].as_array().expect("files");
    for row in rows {
        let path = folder(outcome).join(row["name"].as_str().expect("a name"));
        let bytes = std::fs::read(&path).expect("a file of the manifest");
        assert_eq!(
            (row["bytes"].as_u64(), row["sha256"].as_str()),
            (Some(bytes.len() as u64), Some(&*sha256_hex(&bytes)))
        );
    }
    assert_eq!(rows.len() + 1, files(folder(outcome)).len(), "all but the manifest itself");
    assert_eq!(manifest["missing"], json!([]));
    let master = std::fs::read(outcome.master_log.as_deref().expect("a master log")).expect("read");
    assert_eq!(manifest["master_log"]["sha256"], sha256_hex(&master));
}

fn assert_master(outcome: &Outcome) -> String {
    let log = text(outcome.master_log.as_deref().expect("a master log"));
    let at: Vec<_> = SECTIONS.iter().map(|name| log.find(&format!("### {name}\n")).expect(name)).collect();
    assert!(at.is_sorted(), "{at:?}");
    assert!(log.ends_with("### END\n"));
    assert!(log.contains(&format!("exit_code {}\n", outcome.exit_code)));
    log
}

#[test]
fn a09_the_demo_passes_twice_in_a_row_and_leaves_two_whole_folders_of_evidence() {
    let theater = Theater::new();
    let mut folders = Vec::new();
    for _ in 0..2 {
        let (outcome, heard) = play(&theater.demo(theater.address()));
        assert_eq!((outcome.exit_code, failed(&outcome)), (0, vec![]), "{:#?}", heard.checks);
        let passed = heard.checks.iter().filter(|line| line.starts_with("PASS ")).count();
        assert_eq!(
            (&*outcome.manual, heard.checks.len()),
            (&VISIBLE[..], passed + VISIBLE.len()),
            "{:?}",
            heard.checks
        );
        assert_eq!(outcome.line(), format!("{passed} passed, 0 failed"));
        assert!(heard.said.iter().any(|line| line.contains("Nothing was lost during the demo. (published +")));
        assert_sealed(&outcome);
        let log = assert_master(&outcome);
        assert!(!log.contains("(not reached)") && log.contains("\nboot_id ") && !log.contains("boot_id \""), "{log}");
        let summary = json(&folder(&outcome).join("summary.json"));
        assert_eq!((&summary["failed"], &summary["operator"]), (&json!(0), &json!("Kim")));
        assert_eq!((&summary["manual"], &summary["passed"]), (&json!(VISIBLE), &json!(passed)));
        assert!(summary["boot_id"].is_string() && summary["version"].is_string());
        assert_eq!(outcome.manual_required.len(), 6, "no picture is made up");
        folders.push(folder(&outcome).to_owned());
    }
    assert_ne!(folders[0], folders[1]);
    let rehearsals = text(&theater.root().join("evidence/phase-ops/rehearsal.log"));
    let rows: Vec<Vec<_>> = rehearsals.lines().map(|line| line.split('\t').collect()).collect();
    assert!(rows.len() == 2 && rows.iter().all(|row| row[1..3] == ["Kim", "PASSED"]), "{rehearsals}");
    assert!(rows.iter().all(|row| row[3].starts_with("speed fast, ")), "{rehearsals}");
}

#[test]
fn the_evidence_is_what_the_server_said() {
    let theater = Theater::new();
    let (outcome, _) = play(&theater.demo(theater.address()));
    let at = |name: &str| folder(&outcome).join(name);
    let trace = json(&at("06_trace.json"));
    let export = files(&at("09_export")).pop().expect("an export");
    assert_eq!(json(&export)["events"], trace["events"]);
    let id = trace["trace_id"].as_str().expect("a trace");
    for name in ["03_trigger.log", "04_sse.log", "05_ws.log", "11_live_obs_tail.jsonl", "commands.log", "demo.log"] {
        assert!(text(&at(name)).contains(id), "{name}");
    }
    let rows: Vec<Value> =
        text(&at("11_live_obs_tail.jsonl")).lines().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    assert_eq!(rows.iter().filter(|row| row["trace_id"] == id).count(), 4);
    assert!(text(&at("04_sse.log")).contains("event: hello") && text(&at("05_ws.log")).contains("ws_hello"));
}

#[test]
fn no_file_of_the_evidence_holds_a_token() {
    let theater = Theater::new();
    let mut demo = theater.demo(theater.address());
    // Whoever mistakes the fields writes the token where the evidence repeats it.
    demo.operator = Some(TOKEN.to_owned());
    demo.secrets = vec![Secret::new("another-planted-token")];
    demo.host = "another-planted-token".to_owned();
    demo.kill = KillPart::Shown;
    let (outcome, heard) = play(&demo);
    assert_eq!(failed(&outcome), Vec::<&str>::new());
    for path in files(&theater.root().join("evidence")) {
        let bytes = std::fs::read(&path).expect("read");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(TOKEN) && !text.contains("another-planted-token"), "{}", path.display());
    }
    assert!(!format!("{heard:?} {outcome:?}").contains(TOKEN));
    let kill = json(&folder(&outcome).join("12_kill.json"));
    assert!(kill["on"]["audit_id"].is_string() && kill["off"]["audit_id"].is_string());
    assert_eq!(kill["off"]["is_on"], false);
}

#[test]
fn a_real_demo_keeps_the_schedule_of_two_minutes() {
    let theater = Theater::new();
    let start = Stamp::from("2026-11-21T10:00:00+09:00").instant().expect("a time");
    let clock = SimClock::at(start);
    let mut demo = theater.demo(theater.address());
    (demo.clock, demo.speed, demo.lang) = (&clock, Speed::Real, Lang::Ko);
    let (outcome, heard) = play(&demo);
    assert_eq!(failed(&outcome), Vec::<&str>::new());
    let at = |id: &str| {
        let check = outcome.checks.iter().find(|check| check.id == id).expect(id);
        let at = Stamp::from(check.ts_iso.as_str()).instant().expect("a time");
        // The two seconds of the checklist's look at the drop counter come before the schedule.
        (at - start).num_seconds() - 2
    };
    let seen = ["s1.page", "s2.reply", "s3.posts", "s4.type", "s5.trace", "s6.name", "s7.drops"].map(at);
    assert_eq!(seen, [0, 20, 45, 80, 90, 100, 115]);
    assert!(heard.said.iter().any(|line| line.contains("말하기: ")), "{:?}", heard.said);
    assert_eq!(folder(&outcome).file_name().expect("a name"), "20261121_100000");
    let master = outcome.master_log.as_deref().and_then(Path::file_name).expect("a name");
    assert_eq!(master, "VAL-OPS-WS-SSE-20261121_100000-1.log");
}

#[test]
fn a_step_that_fails_is_told_and_the_demo_goes_on_to_its_end() {
    let theater = Theater::new();
    let body = r#"{"count":4,"first_id":2,"last_id":5,"events":[{"id":2},{"id":3},{"id":4},{"id":5}]}"#;
    let headers = "X-Content-SHA256: 00\r\nContent-Disposition: attachment; filename=\"export.json\"\r\n";
    let address = door::open(theater.address(), vec![("GET /api/ops/export", door::answer("200 OK", headers, body))]);
    let (outcome, heard) = play(&theater.demo(address));
    assert_eq!((outcome.exit_code, outcome.result), (3, "FAILED"));
    let by_hand = |line: &String| line.starts_with("pictures to be taken by hand") && line.contains("0142");
    assert!(heard.said.iter().any(by_hand), "{:?}", heard.said);
    assert_eq!(failed(&outcome), ["s6.name", "s6.sha256"]);
    assert!(heard.checks.iter().any(|line| line.starts_with("FAIL s6.sha256 ")), "{:?}", heard.checks);
    assert!(outcome.checks.iter().any(|check| check.id == "s7.drops" && check.result == Mark::Pass), "it went on");
    assert_sealed(&outcome);
    assert_master(&outcome);
    assert_eq!(json(&folder(&outcome).join("summary.json"))["exit_code"], 3);
}

#[test]
fn events_that_are_not_streamed_fail_the_demo() {
    let theater = Theater::new();
    let address =
        door::open(theater.address(), vec![("GET /api/ws/events", door::answer("404 Not Found", "", "no socket"))]);
    let mut demo = theater.demo(address);
    demo.patience.event = std::time::Duration::from_secs(5);
    let (outcome, _) = play(&demo);
    assert_eq!((outcome.exit_code, failed(&outcome)), (3, vec!["s1.ws", "s2.ws", "s7.once"]));
}

/// A presenter who sends the signal when a check has been told.
struct Leaver<'a>(&'static str, &'a AtomicBool);

impl Audience for Leaver<'_> {
    fn say(&mut self, _line: &str) {}

    fn check(&mut self, line: &str) {
        if line.split(' ').nth(1) == Some(self.0) {
            self.1.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_demo_that_is_ended_by_a_signal_has_failed_and_leaves_its_evidence() {
    let theater = Theater::new();
    for last in ["pre1", "pre5", "pre9", "s2.ws"] {
        theater.interrupted.store(false, Ordering::SeqCst);
        let outcome = perform(&theater.demo(theater.address()), &mut Leaver(last, &theater.interrupted));
        assert_eq!((outcome.exit_code, outcome.result), (3, "FAILED"), "{last}");
        assert_eq!(failed(&outcome), ["interrupted"], "{last}");
        assert!(assert_master(&outcome).contains("(not reached)"));
        let whole = json(&folder(&outcome).join("00_precheck.json"));
        assert_eq!(whole["passed"], last.starts_with('s'), "{last}");
    }
}

#[test]
fn what_nobody_confirms_is_manual_and_neither_passed_nor_failed() {
    let theater = Theater::new();
    let mut demo = theater.demo(theater.address());
    demo.operator = None;
    let (outcome, heard) = play(&demo);
    assert_eq!((outcome.exit_code, failed(&outcome)), (0, vec![]));
    assert!(heard.checks.iter().any(|line| line.starts_with("MANUAL pre9 ")), "{:?}", heard.checks);
    let manual: Vec<_> = ["pre9"].into_iter().chain(VISIBLE).collect();
    assert_eq!((&outcome.manual, outcome.passed), (&manual, outcome.checks.len() - manual.len()));
    assert_eq!(outcome.lines(), [format!("7 manual: {}", manual.join(", ")), outcome.line()]);
    assert_eq!(json(&folder(&outcome).join("summary.json"))["manual"], json!(manual));
}

/// What only a page shows.
pub(crate) const VISIBLE: [&str; 6] =
    ["s1.browser", "s2.browser", "s3.browser", "s4.browser", "s5.browser", "s6.browser"];

pub(crate) const METRICS: &str = r#"{"health":"OK","health_reasons":[],"drop_count":0,"boot_id":"b","subscribers":1}"#;

#[test]
fn evidence_goes_where_it_was_told_to() {
    let theater = Theater::new();
    let other = tempfile::tempdir().expect("a directory");
    let mut demo = theater.demo(theater.address());
    demo.evidence = Some(other.path().join("deep/down"));
    let (outcome, _) = play(&demo);
    assert_eq!(failed(&outcome), Vec::<&str>::new());
    assert!(folder(&outcome).starts_with(other.path()));
    assert!(!theater.root().join("evidence").exists());
    assert_sealed(&outcome);
}

#[test]
fn the_pictures_are_taken_in_a_real_browser() {
    let Some(program) = Browser::find(None) else {
        assert!(std::env::var_os("REQUIRE_BROWSER").is_none(), "a browser is required");
        eprintln!("skipped: no browser of the Chromium family is installed");
        return;
    };
    let theater = Theater::new();
    let mut demo = theater.demo(theater.address());
    (demo.pictures, demo.kill) = (Pictures::Taken(program), KillPart::Shown);
    let (outcome, heard) = play(&demo);
    assert_eq!((outcome.exit_code, failed(&outcome)), (0, vec![]), "{:#?}", heard.checks);
    assert_eq!((&outcome.manual_required, &outcome.manual), (&Vec::new(), &Vec::new()));
    let passed = |id: &str| outcome.checks.iter().any(|check| check.id == id && check.result == Mark::Pass);
    assert!(VISIBLE.into_iter().chain(["s6.picture", "k.browser"]).all(passed), "{:#?}", heard.checks);
    let saved = files(&folder(&outcome).join("09_export/browser")).pop().expect("the file that the browser saved");
    assert_eq!(json(&saved)["events"], json(&folder(&outcome).join("06_trace.json"))["events"]);
    let pictures = files(&folder(&outcome).join("screenshots"));
    assert_eq!(pictures.len(), 7);
    for picture in pictures {
        let bytes = std::fs::read(&picture).expect("read");
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{}", picture.display());
    }
    assert_sealed(&outcome);
}
