//! The program itself: exit codes and streams, two publishers at once, one that is killed between commit and push.

use std::process::Command;
use std::process::Output;

use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;

use crate::site::KEY;
use crate::site::Site;
use crate::site::head;
use crate::site::line;
use crate::site::read;
use crate::site::text;
use crate::site::write;

const PROGRAM: &str = env!("CARGO_BIN_EXE_daily_ops");

/// A site whose results were made just now, by the machine's clock.
fn site() -> Site {
    let site = Site::new();
    std::fs::remove_dir_all(site.pc.join("state")).expect("removed");
    site.clock.jump_to(SystemClock::new().now());
    site.work();
    site
}

fn command(site: &Site, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--root", text(&site.pc)]).args(args).current_dir("/");
    command.env("STRATEGY_BUNDLE_HMAC_KEY", KEY).env("DAILY_OPS_PUBLISH_BRANCH", "main");
    command
}

fn run(site: &Site, args: &[&str]) -> Output {
    command(site, args).output().expect("started")
}

fn shown(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_program_publishes_once_and_then_has_nothing_to_do() {
    let site = site();
    let before = site.main();
    let dry = run(&site, &["pc", "publish", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", shown(&dry));
    assert!(shown(&dry).contains("would commit and push 6 files") && site.main() == before, "{}", shown(&dry));
    let first = run(&site, &["pc", "publish"]);
    assert_eq!(first.status.code(), Some(0), "{}", shown(&first));
    let out = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(
        out.starts_with("created_at: ") && out.contains("\npush: ok\n") && out.contains("6 files committed"),
        "{out}"
    );
    assert_eq!(site.main(), head(&site.pc));
    let again = run(&site, &["--json", "pc", "publish"]);
    assert_eq!(again.status.code(), Some(0), "{}", shown(&again));
    let result: Value = serde_json::from_slice(&again.stdout).expect("a document");
    assert_eq!(
        (result["schema"].as_str(), result["result"].as_str()),
        (Some("PC_PUBLISH_RESULT_V1"), Some("NO_CHANGES"))
    );
    assert!(!shown(&first).contains(KEY) && !shown(&again).contains(KEY));
}

#[test]
fn the_exit_code_tells_a_refusal_from_a_fault_and_from_wrong_usage() {
    let site = site();
    write(&site.pc, "src/main.py", "2\n");
    let refused = run(&site, &["--json", "pc", "publish"]);
    let result: Value = serde_json::from_slice(&refused.stdout).expect("a document");
    assert_eq!((refused.status.code(), result["code"].as_str()), (Some(2), Some("PUBLISH_DIRTY")));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("❌ PUBLISH_DIRTY: "), "{}", shown(&refused));
    write(&site.pc, "src/main.py", "1\n");
    site.hook("pre-commit", "echo \"the key is ${STRATEGY_BUNDLE_HMAC_KEY:-hidden}\"\nexit 1\n");
    let fault = run(&site, &["pc", "publish"]);
    assert_eq!(fault.status.code(), Some(3), "{}", shown(&fault));
    assert!(shown(&fault).contains("the key is hidden"), "{}", shown(&fault));
    let usage = run(&site, &["pc", "publish", "--bundle-only", "--state-only"]);
    assert_eq!(usage.status.code(), Some(64), "{}", shown(&usage));
}

#[test]
fn two_publishers_at_once_are_one_publish() {
    let site = site();
    let note = site.dir.path().join("second");
    let script = format!(
        "'{PROGRAM}' --root '{}' --json pc publish > '{}'\necho $? >> '{}'\nexit 0\n",
        text(&site.pc),
        text(&note),
        text(&note)
    );
    site.hook("pre-push", &script);
    let first = run(&site, &["pc", "publish"]);
    assert_eq!(first.status.code(), Some(0), "{}", shown(&first));
    let second = std::fs::read_to_string(note).expect("readable");
    assert!(second.contains("\"ALREADY_RUNNING\"") && second.trim_end().ends_with('2'), "{second}");
    let kept: Value = serde_json::from_str(&read(&site.pc, layout::PUBLISH_RESULT)).expect("a document");
    assert_eq!(kept["result"], "OK", "the result is that of the publish that ran");
}

#[test]
fn a_publisher_that_is_killed_between_commit_and_push_loses_nothing() {
    let site = site();
    let start = head(&site.pc);
    site.hook("pre-push", "kill -9 $PPID\nexit 0\n");
    let killed = run(&site, &["pc", "publish"]);
    assert_eq!(killed.status.code(), None, "{}", shown(&killed));
    let kept = head(&site.pc);
    assert_eq!((line(&site.pc, start), site.main()), (vec![kept], start));
    std::fs::remove_file(site.pc.join(".git/hooks/pre-push")).expect("removed");
    let again = run(&site, &["--json", "pc", "publish"]);
    assert_eq!(again.status.code(), Some(0), "{}", shown(&again));
    let result: Value = serde_json::from_slice(&again.stdout).expect("a document");
    assert_eq!((result["result"].as_str(), result["pushed"].as_bool()), (Some("NO_CHANGES"), Some(true)));
    assert!(result["warnings"][0].as_str().expect("text").contains("was killed"), "{result}");
    assert_eq!(site.main(), kept);
}
