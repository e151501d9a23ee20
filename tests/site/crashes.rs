//! The program dies after every single write of a run; the next run brings the same end.
//!
//! This test program starts itself as the process that dies: only there the address of a backend is in the environment.

use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::run::Trigger;
use daily_ops::pipeline::Backend;
use daily_ops::pipeline::Limits;
use daily_ops::pipeline::Mode;
use daily_ops::pipeline::Pull;
use daily_ops::pipeline::RunOptions;
use daily_ops::pipeline::run_daily;
use daily_ops::settings::Settings;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::SystemClock;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;

const URL: &str = "SITE_CRASH_URL";
const ROOT: &str = "SITE_CRASH_ROOT";
const AT: &str = "SITE_CRASH_AT";

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.into_string().expect("text"))
}

/// The process that dies. In an ordinary test run it has nothing to do.
#[test]
fn the_process_that_dies() {
    let (Some(url), Some(root), Some(at)) = (variable(URL), variable(ROOT), variable(AT)) else { return };
    let (at, steps): (usize, _) = (at.parse().expect("a number"), AtomicUsize::new(0));
    let store = Store::new(&root).observed_by(Arc::new(move |path: &Path| {
        // The story is not a record: its many lines would only repeat the same case.
        if !path.ends_with(layout::RUN_LOG) && steps.fetch_add(1, Ordering::SeqCst) + 1 == at {
            std::process::abort();
        }
    }));
    let settings = Settings::load(Path::new(&root), &[].into(), &[].into()).expect("settings");
    let rules = || Ok(BundlePolicy::default());
    let clock = SystemClock::new();
    let site = daily_ops::pipeline::Site {
        store: &store,
        clock: &clock,
        backend: Backend::new(&url, Limits::from(&settings.pipeline)),
        bundle_rules: &rules,
        host_zone: "Etc/UTC".to_owned(),
        interrupted: Arc::new(AtomicBool::new(false)),
        salt: std::process::id(),
        low_disk_percent: 0,
        outside: daily_ops::pipeline::Outside::default(),
        events: daily_ops::pipeline::EventsTo::Nowhere,
    };
    let options = RunOptions { trigger: Trigger::Test, pull: Pull::No, mode: Mode::Act };
    let outcome = run_daily(&site, &settings.pipeline, options, &mut Vec::<String>::new());
    assert_eq!(outcome.exit_code, 0);
}

/// Lets a run die after its write number `at`; `false` when the run came to its end before.
fn dies(host: &Host, fake: &Fake, at: usize) -> bool {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "crashes::the_process_that_dies", "--nocapture"]);
    command.env(URL, fake.url()).env(ROOT, host.root()).env(AT, at.to_string());
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("started");
    match status.code() {
        Some(code) => {
            assert_eq!(code, 0, "the run at write {at} neither ended well nor died");
            false
        }
        None => true,
    }
}

/// Every file of the workspace that should hold JSON holds JSON.
fn all_parse(name: &str, host: &Host) {
    for (path, (_, bytes)) in host.picture() {
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        let documents: Vec<&[u8]> = match kind {
            "json" => vec![&bytes],
            "jsonl" => bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect(),
            _ => continue,
        };
        for document in documents {
            let parsed = serde_json::from_slice::<serde_json::Value>(document);
            assert!(parsed.is_ok(), "{name}: {}", path.display());
        }
    }
}

/// Goes through all writes of a run on hosts made by `prepare`; gives how many there were.
fn every_window(prepare: impl Fn() -> Host, earlier: u64) -> usize {
    for at in 1..200 {
        let name = format!("write {at}");
        let (host, fake) = (prepare(), Fake::new());
        if !dies(&host, &fake, at) {
            return at - 1;
        }
        assert!(fake.asked(site::RUN_CYCLE) <= 1, "{name}");
        let again = Fake::new();
        let record = host.proves(&name, &host.daily(&again, &[]), 0, "OK");
        assert_eq!(again.asked(site::RUN_CYCLE), 1, "{name}");
        assert!(site::codes(&record["warnings"]).contains(&"PREVIOUS_RUN_KILLED".to_owned()), "{name}: {record}");
        let seq = record["chain"]["seq"].as_u64().expect("a number");
        // A run that died before its first record was written has done nothing and leaves none.
        assert!(seq == earlier + 2 || (seq == earlier + 1 && fake.calls().is_empty()), "{name}: number {seq}");
        all_parse(&name, &host);
        let shown = host.run(&["runs", "list"]);
        assert_eq!(shown.stdout.lines().count() as u64, seq, "{name}: {shown:?}");
        // Half-written files are named as such and go with the weekly cleanup, once nobody can be writing them.
        host.store().sweep_temporaries().expect("swept");
    }
    panic!("a run of more than 200 writes")
}

#[test]
fn a_first_run_that_dies_after_any_write_is_made_good_by_the_next() {
    assert!(every_window(Host::new, 0) > 20);
}

#[test]
fn a_later_run_that_dies_after_any_write_is_made_good_by_the_next() {
    let prepare = || {
        let (host, fake) = (Host::new(), Fake::new());
        host.proves("earlier", &host.daily(&fake, &[]), 0, "OK");
        host
    };
    assert!(every_window(prepare, 1) > 20);
}

#[test]
fn a_run_that_dies_while_it_seals_the_run_before_is_made_good_by_the_third() {
    for at in 1..200 {
        let name = format!("write {at}");
        let (host, fake) = (Host::new(), Fake::new());
        assert!(dies(&host, &fake, 8), "{name}: the first dies in the middle");
        if !dies(&host, &fake, at) {
            assert!(at > 30);
            return;
        }
        // The first windows lie in the sealing, the middle of the run itself is the other tests' matter.
        if at > 16 && at % 8 != 0 {
            continue;
        }
        let record = host.proves(&name, &host.daily(&Fake::new(), &[]), 0, "OK");
        assert!(record["chain"]["seq"].as_u64().is_some_and(|seq| seq == 2 || seq == 3), "{name}: {record}");
        all_parse(&name, &host);
    }
}
