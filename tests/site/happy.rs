//! A day on which everything is fine, against a backend that speaks as the reference does.

use std::path::PathBuf;

use serde_json::Value;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;

#[test]
fn a_fine_day_ends_with_zero_and_the_exact_line() {
    let (host, fake) = (Host::new(), Fake::new());
    let ran = host.daily(&fake, &[]);
    let record = host.proves("fine", &ran, 0, "OK");
    let want = "Ops: OK | Cycle: OK COMPLETED\n\
        Delivery: CONSOLE_SIMULATED | Snapshot: OK\n\
        DAILY_SUMMARY ops=OK live=OK/COMPLETED bundle_stale=false reco=OK order_plan=SKIPPED Reason=OK risks=[]\n";
    assert_eq!(ran.stdout, want);
    let expected = [
        site::HEALTH,
        site::SENDER,
        site::REGENERATE,
        site::SUMMARY,
        site::RUN_CYCLE,
        site::CYCLE,
        site::RESOLVE,
        site::SUMMARY,
        site::STATUS,
    ];
    assert_eq!(fake.calls(), expected);
    let codes: Vec<_> = record["stages"].as_array().expect("stages").iter().map(|s| s["code"].clone()).collect();
    assert_eq!(codes, ["GIT_PULL_SKIPPED", "BACKEND_OK", "SUMMARY_OK", "LIVE_OK", "SNAPSHOT_OK"]);
}

#[test]
fn every_post_is_confirmed_carries_the_trace_and_every_ref_is_encoded() {
    let (host, fake) = (Host::new(), Fake::new());
    let ran = host.daily(&fake, &[]);
    let record = host.proves("fine", &ran, 0, "OK");
    let heads = fake.heads();
    for head in heads.iter().filter(|head| head.starts_with("POST ")) {
        assert!(head.lines().next().is_some_and(|line| line.contains("?confirm=true")), "{head}");
    }
    let cycle = heads.iter().find(|head| head.starts_with(site::RUN_CYCLE)).expect("a cycle");
    let trace = record["trace_id"].as_str().expect("an id");
    assert!(cycle.to_lowercase().contains(&format!("x-daily-ops-run: {trace}").to_lowercase()), "{cycle}");
    let resolve = heads.iter().find(|head| head.starts_with(site::RESOLVE)).expect("a resolve");
    assert!(resolve.contains("?ref=reports%2Flive%2Fcycle%2Fsnapshots%2Flive%5Fcycle%5F"), "{resolve}");
}

#[test]
fn the_log_tells_the_story_with_a_stamp_on_every_line() {
    let (host, fake) = (Host::new(), Fake::new());
    let ran = host.daily(&fake, &[]);
    let log = host.read("logs/daily_ops.log");
    for line in log.lines().chain(ran.stderr.lines()) {
        let stamp = line.get(..22).unwrap_or_default();
        let digits = stamp.bytes().filter(u8::is_ascii_digit).count();
        assert!(stamp.starts_with('[') && stamp.ends_with("] ") && digits == 14, "{line}");
    }
    for title in
        ["[1/5] Repository update", "[2/5] Backend health", "[3/5] Ops summary", "[4/5] Live cycle", "[5/5] Snapshot"]
    {
        assert_eq!(log.matches(title).count(), 1, "{title}");
    }
    assert_eq!(log.matches("Asia/Seoul").count(), 1, "the zone is named once");
    assert_eq!(log.matches("DAILY_SUMMARY ").count(), 1);
}

/// The replies of the reference backend as they were recorded.
fn captured(name: &str) -> Option<Value> {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/oci/captured"));
    let text = std::fs::read(dir.join(name)).ok()?;
    Some(serde_json::from_slice(&text).expect("JSON"))
}

#[test]
fn the_recorded_replies_of_the_reference_make_a_day_with_warnings() {
    let (Some(health), Some(regenerated), Some(summary), Some(ran), Some(receipt)) = (
        captured("ops_health.json"),
        captured("ops_summary_regenerate.json"),
        captured("ops_summary_latest.json"),
        captured("live_cycle_run.json"),
        captured("live_cycle_latest.json"),
    ) else {
        return;
    };
    let (host, fake) = (Host::new(), Fake::new());
    fake.says(site::HEALTH, 200, health).says(site::REGENERATE, 200, regenerated).says(site::SUMMARY, 200, summary);
    fake.says(site::RUN_CYCLE, 200, ran).says(site::CYCLE, 200, receipt.clone());
    fake.says(site::RESOLVE, 200, site::view(&receipt["rows"][0]));
    let done = host.daily(&fake, &[]);
    host.proves("recorded", &done, 0, "EVIDENCE_HEALTH_WARN");
    let line = "DAILY_SUMMARY ops=WARN live=OK/COMPLETED bundle_stale=false reco=EMPTY_RECO order_plan=SKIPPED \
        Reason=EVIDENCE_HEALTH_WARN risks=[EVIDENCE_HEALTH_WARN,NO_STRATEGY_BUNDLE,EMPTY_RECO]";
    assert_eq!(done.summary_line("recorded"), line);
    assert!(host.warnings().contains(&"NO_BUNDLE".to_owned()), "{:?}", host.warnings());
    assert!(!host.warnings().contains(&"LIVE_INTEGRITY_UNPROVEN".to_owned()), "the recorded hash is proved");
}
