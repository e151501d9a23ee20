//! The check commands: their lines, which scripts have read for years, and their exit codes.

use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Ran;
use crate::fixture::Reply;
use crate::fixture::Script;

fn check(host: &Host, fake: &Fake, args: &[&str]) -> Ran {
    let url = format!("api_url={}", fake.url());
    let mut all = vec!["check"];
    all.extend(args);
    all.extend(["--set", &url, "--set", "pipeline.retry_pause=10ms"]);
    host.run(&all)
}

/// One row: name, script, exit code, standard output.
type Row = (&'static str, Script, i32, &'static str);

fn table(command: &str, rows: &[Row]) {
    let host = Host::new();
    for (name, script, code, stdout) in rows {
        let fake = Fake::new();
        script(&fake);
        let picture = || {
            // The lock that keeps a run from starting beside a check is not the check's own.
            let mut found = host.picture();
            found.retain(|path, _| !path.to_string_lossy().contains("locks"));
            found
        };
        let before = picture();
        let ran = check(&host, &fake, &[command]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(*code), *stdout), "{name}: {ran:?}");
        assert_eq!(ran.stderr.contains('❌'), *code != 0, "{name}: {ran:?}");
        assert!(picture() == before, "{name}: a check writes nothing of its own");
        let json = check(&host, &fake, &[command, "--json"]);
        let told: Value = serde_json::from_str(&json.stdout).expect("JSON");
        assert_eq!(told["exit_code"], *code, "{name}: {json:?}");
    }
}

#[test]
fn the_live_cycle_check_says_its_line() {
    const FINE: &str = "LIVE: OK COMPLETED | bundle=PASS stale=false | reco=GENERATED | delivery=CONSOLE_SIMULATED | snapshot_ref=OK\n";
    fn with(fake: &Fake, edit: fn(&mut Value)) -> &Fake {
        fake.shows(&site::receipt_with(edit))
    }
    table(
        "live-cycle",
        &[
            ("fine", |f| f, 0, FINE),
            (
                "blocked",
                |f| f.shows(&site::blocked("NO_BUNDLE")),
                0,
                "LIVE: OK BLOCKED | bundle=PASS stale=false | reco=GENERATED | delivery=CONSOLE_SIMULATED | snapshot_ref=OK\n",
            ),
            (
                "delivered elsewhere",
                |f| with(f, |d| d["push"]["delivery_actual"] = json!("TELEGRAM")),
                0,
                "LIVE: OK COMPLETED | bundle=PASS stale=false | reco=GENERATED | delivery=TELEGRAM | snapshot_ref=OK\n",
            ),
            (
                "nothing known",
                |f| {
                    with(f, |d| {
                        d["bundle"] = json!({});
                        d["reco"] = json!({});
                        d["push"] = json!({});
                    })
                },
                0,
                "LIVE: OK COMPLETED | bundle=UNKNOWN stale=true | reco=UNKNOWN | delivery=UNKNOWN | snapshot_ref=OK\n",
            ),
            (
                "unknown decision",
                |f| with(f, |d| d["decision"] = json!("PERHAPS")),
                3,
                "LIVE: OK UNKNOWN | bundle=PASS stale=false | reco=GENERATED | delivery=CONSOLE_SIMULATED | snapshot_ref=OK\n",
            ),
            ("no ref", |f| with(f, |d| d["snapshot_ref"] = json!("")), 2, ""),
            ("unresolved", |f| f.says(site::RESOLVE, 404, json!({"detail": "gone"})), 2, ""),
            ("another cycle", |f| f.says(site::RESOLVE, 200, site::view(&json!({"cycle_id": "x"}))), 2, ""),
            ("no answer", |f| f.on(site::RUN_CYCLE, &[Reply::Reset]), 3, ""),
            ("500", |f| f.says(site::RUN_CYCLE, 500, json!({})), 3, ""),
            ("another receipt", |f| with(f, |d| d["cycle_id"] = json!("x")), 3, ""),
            ("HTML", |f| f.on(site::CYCLE, &[Reply::Text(200, "<html>")]), 3, ""),
        ],
    );
    let (host, fake) = (Host::new(), Fake::new());
    fake.shows(&site::receipt_with(|doc| doc["push"]["delivery_actual"] = json!("TELEGRAM")));
    assert!(check(&host, &fake, &["live-cycle"]).stderr.contains("⚠️ DELIVERY_NOT_SIMULATED"));
}

#[test]
fn the_ops_summary_check_says_its_lines() {
    fn says(fake: &Fake, edit: fn(&mut Value)) -> &Fake {
        let mut document = site::summary("OK");
        edit(&mut document);
        fake.says(site::SUMMARY, 200, site::rows(&document))
    }
    fn reference(document: &mut Value) {
        document["guard"]["evidence_health"]["snapshot_ref"] =
            json!("reports/ops/evidence/health/snapshots/health_20260111_152856.json");
    }
    table(
        "ops-summary",
        &[
            (
                "fine",
                |f| f,
                0,
                "OPS: OK | health=PASS | snapshot=N/A\ntickets_recent: failed=0 excluded=1\ntop_risks: []\n",
            ),
            (
                "resolved",
                |f| says(f, reference),
                0,
                "OPS: OK | health=PASS | snapshot=OK\ntickets_recent: failed=0 excluded=1\ntop_risks: []\n",
            ),
            (
                "unresolved",
                |f| says(f, reference).says(site::RESOLVE, 404, json!({"detail": "gone"})),
                0,
                "OPS: OK | health=PASS | snapshot=SKIP\ntickets_recent: failed=0 excluded=1\ntop_risks: []\n",
            ),
            (
                "risks",
                |f| {
                    says(f, |d| {
                        d["overall_status"] = json!("WARN");
                        d["top_risks"] = json!([site::risk("A", "WARN"), site::risk("B", "INFO")]);
                    })
                },
                0,
                "OPS: WARN | health=PASS | snapshot=N/A\ntickets_recent: failed=0 excluded=1\ntop_risks: [A,B]\n",
            ),
            (
                "nothing known",
                |f| says(f, |d| *d = json!({"schema": "OPS_SUMMARY_V1", "overall_status": "OK"})),
                0,
                "OPS: OK | health=UNKNOWN | snapshot=N/A\ntickets_recent: failed=UNKNOWN excluded=UNKNOWN\ntop_risks: []\n",
            ),
            (
                "unknown status",
                |f| says(f, |d| d["overall_status"] = json!("FINE")),
                3,
                "OPS: UNKNOWN | health=PASS | snapshot=N/A\ntickets_recent: failed=0 excluded=1\ntop_risks: []\n",
            ),
            ("no regeneration", |f| f.says(site::REGENERATE, 500, json!({})), 3, ""),
            ("no summary", |f| f.says(site::SUMMARY, 404, json!({})), 3, ""),
            ("no JSON", |f| f.on(site::SUMMARY, &[Reply::Text(200, "x")]), 3, ""),
        ],
    );
}

#[test]
fn the_ops_cycle_check_says_its_line() {
    fn ran<'a>(fake: &'a Fake, status: &str) -> &'a Fake {
        fake.says(
            site::OPS_CYCLE,
            200,
            json!({"schema": "OPS_CYCLE_RUN_V2", "overall_status": status, "reason": "R",
                "evidence_health": {"decision": "PASS"},
                "counters": {"tickets_failed": 1, "tickets_done": 2, "tickets_blocked": 3}}),
        )
    }
    table(
        "ops-cycle",
        &[
            (
                "done",
                |f| ran(f, "DONE"),
                0,
                "[OPS_CYCLE] DONE overall=DONE reason=R evidence=PASS tickets(f/d/b)=1/2/3\n",
            ),
            (
                "skips",
                |f| ran(f, "DONE_WITH_SKIPS"),
                0,
                "[OPS_CYCLE] DONE_WITH_SKIPS overall=DONE_WITH_SKIPS reason=R evidence=PASS tickets(f/d/b)=1/2/3\n",
            ),
            (
                "warn",
                |f| ran(f, "WARN"),
                0,
                "[OPS_CYCLE] WARN overall=WARN reason=R evidence=PASS tickets(f/d/b)=1/2/3\n",
            ),
            (
                "stopped",
                |f| ran(f, "STOPPED"),
                0,
                "[OPS_CYCLE] STOPPED overall=STOPPED reason=R evidence=PASS tickets(f/d/b)=1/2/3\n",
            ),
            (
                "blocked",
                |f| ran(f, "BLOCKED"),
                2,
                "[OPS_CYCLE] BLOCKED overall=BLOCKED reason=R evidence=PASS tickets(f/d/b)=1/2/3\n",
            ),
            (
                "failed",
                |f| ran(f, "FAILED"),
                3,
                "[OPS_CYCLE] FAILED overall=FAILED reason=R evidence=PASS tickets(f/d/b)=1/2/3\n",
            ),
            (
                "nothing known",
                |f| f.says(site::OPS_CYCLE, 200, json!({})),
                3,
                "[OPS_CYCLE] N/A overall=N/A reason=N/A evidence=N/A tickets(f/d/b)=N/A/N/A/N/A\n",
            ),
            ("404", |f| f, 3, ""),
            ("no answer", |f| f.on(site::OPS_CYCLE, &[Reply::Reset]), 3, ""),
            ("down", |f| f.on(site::HEALTH, &[Reply::Reset]), 3, ""),
        ],
    );
}

#[test]
fn a_check_that_only_reads_makes_no_post() {
    for command in ["live-cycle", "ops-summary"] {
        let (host, fake) = (Host::new(), Fake::new());
        let ran = check(&host, &fake, &[command, "--no-run"]);
        assert_eq!(ran.code, Some(0), "{command}: {ran:?}");
        let calls = fake.calls();
        assert!(!calls.is_empty() && calls.iter().all(|call| call.starts_with("GET ")), "{command}: {calls:?}");
    }
}

#[test]
fn the_look_before_a_run_reads_only_and_tells_what_stands_against_it() {
    let (host, fake) = (Host::new(), Fake::new());
    let before = host.picture();
    let ran = check(&host, &fake, &["--json"]);
    assert!(host.picture() == before && fake.calls().iter().all(|call| call.starts_with("GET ")));
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let class = |name: &str| {
        let findings = told["findings"].as_array().expect("findings");
        findings.iter().find(|found| found["name"] == name).map(|found| found["class"].clone())
    };
    assert_eq!(class("backend"), Some("ok".into()), "{told}");
    assert_eq!(class("bundle"), Some("block".into()), "{told}");
    assert_eq!((ran.code, class("git")), (Some(2), Some("warn".into())), "{told}");
    fake.on(site::HEALTH, &[Reply::Reset]);
    assert_eq!(check(&host, &fake, &[]).code, Some(3));
}
