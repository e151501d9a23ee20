//! Nothing that a backend does, or leaves undone, keeps a run longer than its limits say.

use std::time::Duration;

use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Ran;
use crate::fixture::Reply;

/// Far beyond every limit below, far below what a hung run would need.
const CEILING: Duration = Duration::from_secs(15);

fn timed(host: &Host, fake: &Fake, settings: &[&str]) -> (Ran, Duration) {
    let set: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let clock = SystemClock::new();
    let ran = host.daily(fake, &set);
    (ran, clock.monotonic())
}

#[test]
fn a_backend_that_hangs_or_drips_costs_each_call_its_own_limit() {
    let rows = [
        (site::HEALTH, "pipeline.health_limit=300ms", 3, "BACKEND_DOWN", 1),
        (site::REGENERATE, "pipeline.regenerate_limit=300ms", 3, "SUMMARY_REGEN_FAILED", 1),
        (site::SUMMARY, "pipeline.get_limit=300ms", 3, "SUMMARY_INVALID", 2),
        (site::RUN_CYCLE, "pipeline.cycle_limit=300ms", 3, "LIVE_RUN_FAILED", 1),
        (site::CYCLE, "pipeline.get_limit=300ms", 3, "LIVE_PARSE_FAILED", 2),
        (site::RESOLVE, "pipeline.get_limit=300ms", 3, "SNAPSHOT_UNRESOLVED", 2),
    ];
    let host = Host::new();
    for reply in [Reply::Hang, Reply::Drip] {
        for (path, limit, exit, reason, tries) in rows {
            let name = format!("{path} {reply:?}");
            let fake = Fake::new();
            fake.on(path, std::slice::from_ref(&reply));
            let (ran, took) = timed(&host, &fake, &[limit]);
            let record = host.proves(&name, &ran, exit, reason);
            // The summary is read once more at the end of every run.
            let again = if path == site::SUMMARY { 2 } else { 0 };
            assert_eq!(fake.asked(path), tries + again, "{name}");
            assert!(took < CEILING, "{name}: {took:?}");
            let stages = record["stages"].as_array().expect("stages");
            let failed = stages.iter().find(|stage| stage["class"] == "fail").expect("a failed stage");
            assert!(failed["elapsed_ms"].as_u64().is_some_and(|ms| ms >= 300), "{name}: {failed}");
            assert!(failed["detail"].as_str().is_some_and(|text| text.contains("HTTP 000")), "{name}: {failed}");
        }
    }
}

#[test]
fn the_whole_run_ends_at_its_limit_wherever_it_is() {
    for path in [site::HEALTH, site::REGENERATE, site::RUN_CYCLE, site::RESOLVE] {
        let (host, fake) = (Host::new(), Fake::new());
        fake.on(path, &[Reply::Hang]);
        let (ran, took) = timed(&host, &fake, &["pipeline.run_limit=1s"]);
        // Whether the call ran out of time or the run did, the cause is the run's limit.
        host.proves(path, &ran, 3, "RUN_TIMEOUT");
        assert!(took >= Duration::from_secs(1) && took < CEILING, "{path}: {took:?}");
        assert!(fake.asked(site::RUN_CYCLE) <= 1, "{path}");
    }
}

#[test]
fn a_message_that_hangs_after_the_limit_ends_at_its_own() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.on(site::RUN_CYCLE, &[Reply::Hang]).on(site::INCIDENT, &[Reply::Hang]);
    let (ran, took) = timed(&host, &fake, &["pipeline.run_limit=1s"]);
    let record = host.proves("message", &ran, 3, "RUN_TIMEOUT");
    assert!((Duration::from_secs(11)..CEILING).contains(&took), "{took:?}");
    let told = record["warnings"].to_string();
    assert!(told.contains("PUSH_FAILED") && told.contains("no answer within 10s"), "{told}");
}

#[test]
fn a_backend_that_cannot_be_reached_at_all_is_given_up_in_time() {
    let host = Host::new();
    // An address for documentation: packets to it lead nowhere, or are refused at once.
    let clock = SystemClock::new();
    let ran = host.daily_at("http://127.0.0.1:1", &["--set", "pipeline.connect_limit=200ms"]);
    host.proves("unreachable", &ran, 3, "BACKEND_DOWN");
    assert!(clock.monotonic() < CEILING);
}
