//! Stage 1 on real repositories: pulled, not pulled, rolled back.

use daily_ops::store::layout;
use serde_json::Value;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Publisher;
use crate::fixture::Ran;
use crate::fixture::Reply;

/// A run that pulls.
fn pulls(host: &Host, fake: &Fake, args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = host.daily_command(&fake.url(), args);
    site::finished(command.envs(env.iter().copied()).output().expect("started"))
}

fn git<'a>(record: &'a Value, key: &str) -> &'a str {
    record["git"][key].as_str().unwrap_or("-")
}

fn bundle_id(host: &Host) -> Value {
    host.json(layout::BUNDLE.latest)["bundle_id"].clone()
}

#[test]
fn what_the_pc_published_arrives_and_its_run_id_is_followed_to_the_receipt() {
    let (site, first) = Publisher::new();
    let served = site::Served::on(&site.host);
    let second = site.publish();
    let mut command = site.host.daily_command(served.url(), &[]);
    let ran = site::finished(command.output().expect("started"));
    let record = site.host.proves("updated", &ran, 0, "EVIDENCE_HEALTH_UNKNOWN");
    assert_eq!(git(&record, "code"), "GIT_PULL_UPDATED");
    assert_eq!(record["host_rev_before"].as_str(), Some(first.revision.as_str()));
    assert_eq!(record["host_rev_after"].as_str(), Some(second.revision.as_str()));
    assert_eq!(record["trace_id"].as_str(), Some(second.run_id.as_str()));
    let receipt = site.host.json(layout::CYCLE.latest);
    assert_eq!(receipt["trace_id"].as_str(), Some(second.run_id.as_str()));
    assert_eq!(receipt["cycle_id"], record["cycle"]["cycle_id"]);
    assert_eq!(receipt["bundle"]["bundle_id"], second.bundle["bundle_id"]);
    assert_eq!(record["bundle"]["signature_verified"], true);
    assert_eq!((&record["cycle"]["decision"], &record["cycle"]["bundle_stale"]), (&"COMPLETED".into(), &false.into()));
    let last_start = site.host.read("reports/ops/cron_proof/last_start.txt");
    assert!(last_start.contains(&first.revision), "{last_start}");
    assert!(site::codes(&record["warnings"]).iter().all(|code| !code.starts_with("PC_REPORT")), "{record}");
    let again = site::finished(site.host.daily_command(served.url(), &[]).output().expect("started"));
    let record = site.host.proves("again", &again, 0, "EVIDENCE_HEALTH_UNKNOWN");
    assert_eq!((git(&record, "code"), &record["rerun"]), ("GIT_PULL_NO_CHANGES", &true.into()));
    assert_eq!(site::remote(site.host.root()).changed_paths().expect("readable"), [""; 0], "a run leaves a clean tree");
}

#[test]
fn a_pull_that_fails_is_a_warning_with_the_old_tree_or_a_fault_when_strict() {
    type Break = fn(&Publisher);
    let rows: [(&str, Break, &str); 5] = [
        ("remote gone", |site| std::fs::rename(&site.shared, site.shared.with_extension("away")).expect("moved"), "-"),
        (
            "local change of a published file",
            |site| {
                site.publish();
                site.host.write(layout::REPORT_AI, "{\"edited\": true}");
            },
            "LOCAL_CHANGES",
        ),
        (
            "a commit of the host's own",
            |site| {
                site.publish();
                site.host.write("reports/phase_c/latest/own.json", "{}");
                let own = "reports/phase_c/latest/own.json".to_owned();
                site::remote(site.host.root()).publish(&[own], "own").expect_err("the remote has moved on");
            },
            "DIVERGED",
        ),
        ("another branch", |site| site.host.write(".git/HEAD", "ref: refs/heads/other\n"), "WRONG_BRANCH"),
        (
            "no repository",
            |site| std::fs::remove_dir_all(site.host.root().join(".git")).expect("removed"),
            "NOT_A_REPO",
        ),
    ];
    for (name, breaks, detail) in rows {
        let (site, _first) = Publisher::new();
        let before = bundle_id(&site.host);
        breaks(&site);
        let fake = Fake::new();
        let ran = pulls(&site.host, &fake, &[], &[]);
        let record = site.host.proves(name, &ran, 0, "GIT_PULL_FAILED");
        assert_eq!(git(&record, "code"), "GIT_PULL_FAILED", "{name}");
        assert!(detail == "-" || git(&record, "detail") == detail, "{name}: {}", record["git"]);
        assert!(site::codes(&record["warnings"]).contains(&"GIT_PULL_FAILED".to_owned()), "{name}: {record}");
        assert!(ran.stderr.contains("not updated, continuing with"), "{name}: {}", ran.stderr);
        assert!(!ran.stderr.contains("GIT_PULL_UPDATED"), "{name}: {}", ran.stderr);
        assert_eq!(fake.asked(site::RUN_CYCLE), 1, "{name}");
        assert_eq!(bundle_id(&site.host), before, "{name}: the old tree is used");
        let strict = Fake::new();
        let ran = pulls(&site.host, &strict, &["--set", "pipeline.git_policy=strict"], &[]);
        site.host.proves(name, &ran, 3, "GIT_PULL_FAILED");
        assert_eq!(strict.calls(), [site::INCIDENT], "{name}");
    }
}

#[test]
fn a_worse_reason_comes_before_the_failed_pull_and_a_milder_one_after_it() {
    let (host, risky) = (Host::new(), Fake::new());
    risky.says(
        site::SUMMARY,
        200,
        site::rows(&site::summary_with("WARN", &[site::risk("TICKETS_FAILED", "CRITICAL")])),
    );
    host.proves("risk", &pulls(&host, &risky, &[], &[]), 0, "GIT_PULL_FAILED");
    let blocked = Fake::new();
    blocked.shows(&site::blocked("NO_BUNDLE"));
    host.proves("block", &pulls(&host, &blocked, &[], &[]), 2, "NO_BUNDLE");
    let down = Fake::new();
    down.on(site::HEALTH, &[Reply::Reset]);
    host.proves("fault", &pulls(&host, &down, &[], &[]), 3, "BACKEND_DOWN");
}

#[test]
fn a_remote_that_hangs_costs_its_limit_and_heeds_a_signal() {
    let (site, _first) = Publisher::new();
    let slow = Fake::new();
    slow.on("GET /x.git/info/refs", &[Reply::Hang]);
    let config = site.host.read(".git/config");
    let shared = site.shared.to_str().expect("text");
    site.host.write(".git/config", &config.replace(shared, &format!("{}/x.git", slow.url())));
    let fake = Fake::new();
    let ran = pulls(&site.host, &fake, &["--set", "pipeline.git_limit=500ms"], &[]);
    let record = site.host.proves("slow", &ran, 0, "GIT_PULL_FAILED");
    assert!(matches!(git(&record, "detail"), "TIMEOUT" | "NETWORK"), "{}", record["git"]);
    assert!(record["stages"][0]["elapsed_ms"].as_u64().is_some_and(|ms| ms < 15_000), "{record}");
    let slow = {
        let again = Fake::new();
        again.on("GET /x.git/info/refs", &[Reply::Hang]);
        site.host.write(".git/config", &config.replace(shared, &format!("{}/x.git", again.url())));
        again
    };
    let running = site.host.start(&fake, &[]);
    slow.await_call("GET /x.git/info/refs");
    running.signal(rustix::process::Signal::TERM);
    let record = site.host.proves("signal", &running.wait(), 3, "INTERRUPTED");
    assert_eq!(record["stages"][0]["code"], "INTERRUPTED");
}

#[test]
fn only_the_one_exact_value_keeps_the_repository_as_it_is() {
    let (site, first) = Publisher::new();
    for (value, skipped) in [("1", true), ("0", false), ("", false), ("true", false), ("yes", false), ("01", false)] {
        let fake = Fake::new();
        let ran = pulls(&site.host, &fake, &[], &[("DAILY_OPS_NO_GIT_PULL", value)]);
        let record = site.host.proves(value, &ran, 0, "OK");
        let code = if skipped { "GIT_PULL_SKIPPED" } else { "GIT_PULL_NO_CHANGES" };
        assert_eq!(git(&record, "code"), code, "{value:?}");
        assert_eq!(record["host_rev_after"].as_str(), Some(first.revision.as_str()), "{value:?}");
    }
}

/// Rolls back for a drill; the reply tells how the host stands then, and the audit trail why it was done.
fn roll_back(host: &Host, revision: &str) {
    let rolled = host.run(&["rollback", "to", revision, "--reason", "drill", "--json"]);
    assert_eq!(rolled.code, Some(0), "{rolled:?}");
    let told: Value = serde_json::from_str(&rolled.stdout).expect("JSON");
    assert_eq!((&told["schema"], told["afterwards"].as_array().map(Vec::len)), (&"ROLLBACK_V1".into(), Some(4)));
    let trail = std::fs::read_to_string(host.root().join(layout::AUDIT)).expect("a trail");
    assert!(trail.contains("\"rollback.to\"") && trail.contains("\"drill\""), "{trail}");
}

#[test]
fn a_rollback_holds_until_it_is_released() {
    let (site, first) = Publisher::new();
    let host = &site.host;
    let second = site.publish();
    host.proves("updated", &pulls(host, &Fake::new(), &[], &[]), 0, "OK");
    assert_eq!(bundle_id(host), second.bundle["bundle_id"]);
    let listed = host.run(&["rollback", "list"]);
    assert!(listed.code == Some(0) && listed.stdout.contains(&first.revision[..10]), "{listed:?}");
    roll_back(host, &first.revision);
    assert_eq!(bundle_id(host), first.bundle["bundle_id"]);
    let noted = host.json(layout::ROLLBACK);
    assert_eq!((noted["to_rev"].as_str(), noted["reason"].as_str()), (Some(first.revision.as_str()), Some("drill")));
    let third = site.publish();
    for name in ["first run", "second run"] {
        let record = host.proves(name, &pulls(host, &Fake::new(), &[], &[]), 0, "OK");
        assert_eq!((git(&record, "code"), git(&record, "detail")), ("GIT_PULL_SKIPPED", "ROLLBACK_ACTIVE"), "{name}");
        assert_eq!(record["host_rev_after"].as_str(), Some(second.revision.as_str()), "{name}: nothing is committed");
        assert_eq!(record["bundle"]["bundle_id"], first.bundle["bundle_id"], "{name}");
    }
    let released = host.run(&["rollback", "release"]);
    assert_eq!(released.code, Some(0), "{released:?}");
    assert_eq!(bundle_id(host), second.bundle["bundle_id"]);
    let record = host.proves("released", &pulls(host, &Fake::new(), &[], &[]), 0, "OK");
    assert_eq!(git(&record, "code"), "GIT_PULL_UPDATED");
    assert_eq!(record["host_rev_after"].as_str(), Some(third.revision.as_str()));
}

#[test]
fn a_rollback_that_cannot_be_done_changes_nothing() {
    let (site, first) = Publisher::new();
    let host = &site.host;
    site.publish();
    host.proves("updated", &pulls(host, &Fake::new(), &[], &[]), 0, "OK");
    host.write(layout::REPORT_AI, "{\"edited\": true}");
    let before = host.picture();
    for (name, args) in [
        ("unknown revision", &["rollback", "to", "0123456789012345678901234567890123456789", "--reason", "x"][..]),
        ("no revision", &["rollback", "to", "HEAD~99", "--reason", "x"]),
        ("local change", &["rollback", "to", &first.revision, "--reason", "x"]),
        ("a revision without published files", &["rollback", "to", &site.start(), "--reason", "x", "--force"]),
        ("nothing to release", &["rollback", "release"]),
    ] {
        let ran = host.run(args);
        assert_eq!(ran.code, Some(3), "{name}: {ran:?}");
        let changed: Vec<_> = host
            .picture()
            .into_iter()
            .filter(|(path, now)| {
                let old = before.get(path);
                path.is_file()
                    && !path.components().any(|part| part.as_os_str() == ".git")
                    // The audit trail tells of the try and that it failed.
                    && !path.ends_with(layout::AUDIT)
                    && !path.ends_with(layout::AUDIT_HEAD)
                    && old.map(|old| &old.1) != Some(&now.1)
            })
            .map(|(path, _)| path)
            .collect();
        assert!(changed.is_empty(), "{name}: {changed:?}");
        assert!(!host.root().join(layout::ROLLBACK).exists(), "{name}");
    }
    let forced = host.run(&["rollback", "to", &first.revision, "--reason", "x", "--force"]);
    assert_eq!((forced.code, bundle_id(host)), (Some(0), first.bundle["bundle_id"].clone()), "{forced:?}");
}

#[test]
fn files_that_only_one_of_two_revisions_has_come_and_go_with_the_rollback() {
    let (site, _first) = Publisher::new();
    let host = &site.host;
    let there = |file: &str| host.root().join(file).exists();
    let (early, late) = ("state/strategy_bundle/snapshots/early.json", "state/live/late.json");
    site.publish_file(early, Some("{}"));
    let before = site.publish();
    site.publish_file(early, None);
    site.publish_file(late, Some("{}"));
    host.proves("updated", &pulls(host, &Fake::new(), &[], &[]), 0, "OK");
    assert_eq!((there(early), there(late)), (false, true));
    let rolled = host.run(&["rollback", "to", &before.revision, "--reason", "x"]);
    assert_eq!((rolled.code, there(early), there(late)), (Some(0), true, false), "{rolled:?}");
    let released = host.run(&["rollback", "release"]);
    assert_eq!((released.code, there(early), there(late)), (Some(0), false, true), "{released:?}");
    assert_eq!(site::remote(host.root()).changed_paths().expect("readable"), [""; 0]);
}

#[test]
fn a_damaged_note_of_a_rollback_still_holds_the_pull() {
    let (site, _first) = Publisher::new();
    site.publish();
    site.host.write(layout::ROLLBACK, "{");
    let record = site.host.proves("damaged", &pulls(&site.host, &Fake::new(), &[], &[]), 0, "OK");
    assert_eq!(git(&record, "detail"), "ROLLBACK_ACTIVE");
}
