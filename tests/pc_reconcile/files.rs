//! The four files as one result: what a kill leaves, what an error leaves, what a snapshot keeps.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::site::AT;
use crate::site::Site;
use crate::site::baseline;
use crate::site::ledger;
use daily_ops::contracts::ReconCode;
use daily_ops::contracts::recon::Badge;
use daily_ops::pc::reconcile::OUTPUT_NAMES;
use daily_ops::pc::reconcile::Outputs;
use daily_ops::pc::reconcile::Reconciled;
use daily_ops::pc::reports;
use daily_ops::store::Store;
use daily_ops::time::Stamp;

fn outputs(result: &Reconciled) -> Outputs {
    Outputs::of(result, &Stamp::from(AT)).expect("rendered")
}

fn files_in(path: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(path).expect("listed");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

#[test]
fn a_kill_at_any_step_is_recognized() {
    let site = Site::new();
    let old = outputs(&site.krx());
    site.write("ledger.jsonl", &ledger(&[("2024-08-05", 2)]));
    let new = outputs(&site.krx());
    assert_ne!(old, new);
    let mut ended = BTreeSet::new();
    for limit in 0..12 {
        let store = Store::new(site.path(&format!("out{limit}")));
        old.replace(&store, "").expect("written");
        let steps = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&steps);
        let watched = store.clone().observed_by(Arc::new(move |_| {
            assert!(seen.fetch_add(1, Ordering::SeqCst) < limit, "killed here");
        }));
        let killed = catch_unwind(AssertUnwindSafe(|| new.replace(&watched, ""))).is_err();
        match reports::check(&store, "") {
            Ok(Badge::Green) => {
                assert!(!killed || limit == 7, "step {limit}: whole although killed before its end");
                ended.insert("whole");
            }
            Ok(other) => panic!("step {limit}: {other:?}"),
            Err(fault) => {
                assert!(killed, "step {limit}: {fault}");
                assert_eq!(fault.code(), Some(ReconCode::ReconNotReady), "step {limit}");
                let report = reports::write(&store, "", &Stamp::from(AT)).expect_err("no report on half a result");
                assert_eq!(report.code(), Some(ReconCode::ReconNotReady), "step {limit}");
                ended.insert("no result");
            }
        }
    }
    assert_eq!(ended.len(), 2);
}

#[test]
fn an_error_leaves_nothing_of_the_old_result() {
    let site = Site::new();
    let store = Store::new(site.path("out"));
    let names: BTreeSet<String> = OUTPUT_NAMES.map(str::to_owned).into();
    outputs(&site.krx()).replace(&store, "").expect("written");
    assert_eq!(files_in(store.root()), names);
    type Edit = fn(&Site);
    let cases: [(&str, Edit); 2] = [
        ("EVIDENCE_COVERAGE_REGRESSION", |s| s.write("baseline.json", &baseline("2024-01-01", "2024-12-30"))),
        ("LEDGER_PARSE_ERROR", |s| s.write("ledger.jsonl", "{")),
    ];
    for (code, edit) in cases {
        edit(&site);
        let written = outputs(&site.krx()).replace(&store, "").expect("written");
        assert_eq!(written, ["report_human.json", "report_ai.json", "recon_summary.json"]);
        assert_eq!(files_in(store.root()), written.into_iter().collect(), "{code}: the days are gone");
        assert!(site.read("out/recon_summary.json").contains(code));
        for report in ["report_human.json", "report_ai.json"] {
            assert!(site.read(&format!("out/{report}")).contains("\"ERROR\""), "{code}: {report} says so too");
        }
        assert_eq!(reports::check(&store, "").expect("a pair"), Badge::Error, "{code}");
    }
}

#[test]
fn a_snapshot_never_changes_and_takes_a_name_of_its_own() {
    let site = Site::new();
    let store = Store::new(site.path("w"));
    let now = Stamp::from(AT).instant().expect("a time");
    let first = outputs(&site.krx());
    assert_eq!(first.snapshot(&store, now).expect("written"), "reports/phase_c/snapshots/20250102_180000");
    site.write("ledger.jsonl", "");
    assert_eq!(
        outputs(&site.krx()).snapshot(&store, now).expect("written"),
        "reports/phase_c/snapshots/20250102_180000_2"
    );
    let kept = store.read("reports/phase_c/snapshots/20250102_180000/recon_daily.jsonl").expect("read").expect("there");
    assert!(String::from_utf8_lossy(&kept).contains("EXECUTED_SOT_OVERRIDE"));
    assert_eq!(files_in(&store.path("reports/phase_c/snapshots/20250102_180000")).len(), 4);
}

#[test]
fn the_summary_is_written_last() {
    let site = Site::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    let store = Store::new(site.path("out")).observed_by(Arc::new(move |path: &Path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if !name.starts_with('.') {
            seen.lock().expect("whole").push(name);
        }
    }));
    outputs(&site.krx()).replace(&store, "").expect("written");
    assert_eq!(*order.lock().expect("whole"), OUTPUT_NAMES);
}
