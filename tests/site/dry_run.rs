//! A dry run reads, judges and leaves no trace.

use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;
use crate::fixture::Script;

#[test]
fn a_dry_run_only_reads_and_writes_nothing_at_all() {
    let scripts: [(&str, Script, i32, &str); 7] = [
        ("fine", |fake| fake, 0, "OK"),
        ("down", |fake| fake.on(site::HEALTH, &[Reply::Reset]), 3, "BACKEND_DOWN"),
        ("blocked by the summary", |fake| fake.says(site::SUMMARY, 200, site::summary("BLOCKED")), 2, "OPS_BLOCKED"),
        ("no summary", |fake| fake.says(site::SUMMARY, 404, json!({})), 3, "SUMMARY_INVALID"),
        ("blocked by the receipt", |fake| fake.shows(&site::blocked("NO_BUNDLE")), 2, "NO_BUNDLE"),
        ("no receipt", |fake| fake.says(site::CYCLE, 404, json!({})), 3, "LIVE_PARSE_FAILED"),
        ("no snapshot", |fake| fake.says(site::RESOLVE, 404, json!({})), 3, "SNAPSHOT_UNRESOLVED"),
    ];
    let (fresh, used) = (Host::new(), Host::new());
    let ran = used.daily(&Fake::new(), &[]);
    used.proves("earlier", &ran, 0, "OK");
    for (name, script, code, reason) in scripts {
        for host in [&fresh, &used] {
            let fake = Fake::new();
            script(&fake);
            let before = host.picture();
            let ran = host.daily(&fake, &["--dry-run"]);
            assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
            assert!(ran.summary_line(name).contains(&format!(" Reason={reason} ")), "{name}: {ran:?}");
            assert!(fake.calls().iter().all(|call| call.starts_with("GET ")), "{name}: {:?}", fake.calls());
            assert!(fake.events().is_empty(), "{name}: the dry run told the bus");
            assert!(host.picture() == before, "{name}: the dry run wrote");
        }
    }
}

#[test]
fn a_dry_run_is_possible_beside_a_run_and_does_not_call_old_documents_news() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.on(site::RUN_CYCLE, &[Reply::Hang]);
    let running = host.start(&fake, &["--no-git-pull"]);
    fake.await_call(site::RUN_CYCLE);
    let quiet = Fake::new();
    let mut old = site::summary("OK");
    old["asof"] = json!("2020-01-02T09:05:00+09:00");
    quiet.says(site::SUMMARY, 200, site::rows(&old));
    let dry = host.daily(&quiet, &["--dry-run"]);
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(!dry.stderr.contains("SUMMARY_NOT_FRESH"), "{dry:?}");
    running.signal(rustix::process::Signal::TERM);
    host.proves("the run beside it", &running.wait(), 3, "INTERRUPTED");
}
