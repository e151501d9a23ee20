//! What the flags of `pc run` change.

use daily_ops::store::layout;
use daily_ops::time::Calendar;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;

use crate::site::Ran;
use crate::site::Site;
use crate::site::Stage;
use crate::site::head;
use crate::site::json;
use crate::site::of_stages;
use crate::site::remote;
use crate::site::write;

/// A day's work that is done, with flags.
fn done(site: &Site, flags: &[&str]) -> (Ran, Value) {
    let args: Vec<_> = ["--json", "pc", "run", "--synthetic", "7"].iter().chain(flags).copied().collect();
    let ran = site.pc(&args).ends(&flags.join(" "), 0);
    let told = ran.json();
    assert_eq!((&told["result"], site.kept()), (&"DONE".into(), told.clone()));
    (ran, told)
}

fn last_summary(told: &Value) -> String {
    of_stages(told, "summary").last().expect("a stage").as_str().expect("text").to_owned()
}

#[test]
fn a_dry_run_makes_everything_and_publishes_nothing() {
    let site = Site::at(Stage::Made);
    let before = (site.main(), head(&site.pc));
    let old = json(&site.pc, layout::BUNDLE.latest);
    let (_, told) = done(&site, &["--dry-run"]);
    assert_eq!((site.main(), head(&site.pc)), before, "no commit and no push");
    assert_eq!(told["run_id"], Value::Null, "nothing was published under an id");
    assert_eq!(last_summary(&told), "dry run: 5 files would be committed", "the rows of the days are the same");
    assert_ne!(json(&site.pc, layout::BUNDLE.latest)["bundle_id"], old["bundle_id"], "the bundle is made all the same");
    let (_, real) = done(&site, &[]);
    assert!(last_summary(&real).ends_with(" files pushed to main"), "{}", last_summary(&real));
    assert_eq!(remote(&site.pc).changed_paths().expect("readable"), [""; 0], "what the dry run left goes along");
    assert_eq!(site.host_ends("after", 0)["trace_id"], real["run_id"]);
}

#[test]
fn only_before_a_session_asks_the_calendar() {
    let site = Site::at(Stage::Made);
    let before = site.main();
    let now = SystemClock::new().now();
    let next = Calendar::krx().next_open(now).expect("covered");
    let follows = next.open - now <= chrono::Duration::hours(24);
    let (_, told) = done(&site, &["--only-before-session"]);
    assert_eq!(site.main() != before, follows, "{told:#}");
    assert_eq!(told["run_id"].is_string(), follows, "{told:#}");
    if !follows {
        let said = format!("the next session opens on {}, not within 24 hours; nothing to do", next.date);
        assert_eq!(last_summary(&told), said);
    }
}

#[test]
fn the_report_of_an_error_travels_when_that_is_asked_for() {
    let site = Site::at(Stage::Made);
    write(&site.pc, layout::COVERAGE_BASELINE, super::stops::FUTURE_BASELINE);
    site.share("a baseline");
    let (_, told) = done(&site, &["--allow-error"]);
    assert_eq!(of_stages(&told, "end"), ["DONE", "DONE", "DONE", "BLOCKED", "DONE", "DONE", "DONE"], "{told:#}");
    assert_eq!(told["stages"][3]["exit_code"], 2);
    let said = told["stages"][3]["summary"].as_str().expect("text");
    assert!(said.contains("EVIDENCE_COVERAGE_REGRESSION"), "{said}");
    let record = site.host_ends("an error on purpose", 0);
    assert_eq!(record["trace_id"], told["run_id"]);
    let warnings = record["warnings"].to_string();
    assert!(warnings.contains("PC_REPORT_INVALID"), "the host says so: {warnings}");
    assert_eq!(json(&site.host, layout::RECON_SUMMARY)["error"]["code"], "EVIDENCE_COVERAGE_REGRESSION");
}

#[test]
fn prices_are_fetched_made_or_taken_and_never_two_of_these() {
    let site = Site::at(Stage::Made);
    let before = site.main();
    site.pc(&["pc", "run", "--offline", "--synthetic", "7"]).ends("both", 64);
    assert_eq!(site.main(), before);
    let ran = site.pc(&["--json", "pc", "run", "--offline"]).ends("the prices that are there", 2);
    let told = ran.json();
    assert_eq!(told["stages"][1]["command"].as_str().map(|told| told.ends_with("pc collect --offline")), Some(true));
    // The prices that are there were generated, and nobody allowed that.
    assert_eq!((&told["failed_stage"], site.main()), (&"publish".into(), before));
    let said = told["stages"][6]["summary"].as_str().expect("text");
    assert!(said.starts_with("PUBLISH_INVALID: ") && said.contains("generated prices"), "{said}");
    let publish = ["pc", "publish"];
    site.pc(&publish).ends("not allowed", 2);
    site.pc(&[publish[0], publish[1], "--allow-synthetic"]).ends("allowed", 0);
    assert!(site.main() != before);
}
