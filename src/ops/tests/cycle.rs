//! The live cycle: order, receipt, lock and faults.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use crate::contracts::Json;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::integrity;
use crate::contracts::integrity::Integrity;
use crate::contracts::push::PushPreview;
use crate::ops::CycleFault;
use crate::ops::Ops;
use crate::ops::OpsPolicy;
use crate::ops::StalePolicy;
use crate::ops::tests::site::Site;
use crate::ops::tests::site::policy;
use crate::ops::tests::site::stale;
use crate::store::Stored;
use crate::store::layout;

fn ended(receipt: &CycleReceipt) -> String {
    let result = receipt.result.map_or("?", |result| result.as_str());
    let decision = receipt.decision.map_or("?", |decision| decision.as_str());
    format!("{result} {decision} {}", receipt.reason.as_deref().unwrap_or("?"))
}

/// What every receipt must be, however the cycle ended.
fn check(site: &Site, receipt: &CycleReceipt, name: &str) {
    assert_eq!(integrity::verify(&Json::of(receipt).expect("json")), Integrity::Proven, "{name}");
    assert_eq!(site.store.document(layout::CYCLE.latest), Stored::Present(receipt.clone()), "{name}");
    let snapshot = receipt.snapshot_ref.as_deref().expect(name);
    assert_eq!(site.store.document(snapshot), Stored::Present(receipt.clone()), "{name}");
    assert!(!receipt.evidence_refs.is_empty() && receipt.cycle_id.is_some() && receipt.asof.is_some(), "{name}");
    let push = receipt.push.as_ref().expect(name);
    let is_blocked = receipt.decision.map(|decision| decision.as_str()) == Some("BLOCKED");
    let delivered = push.delivery_actual.is_some();
    assert!(!(is_blocked && delivered), "{name}: nothing is delivered by a blocked cycle");
    assert_eq!(push.preview_ref.is_some(), delivered, "{name}");
    assert_eq!(push.send_receipt_ref, None, "{name}");
}

#[test]
fn every_state_of_the_workspace_gives_its_receipt() {
    type Edit = fn(&Site);
    let stop = r#"{"schema":"EMERGENCY_STOP_V1","enabled":true,"reason":"drill"}"#;
    let cases: [(&str, Edit, &str, Option<&str>); 7] = [
        ("all good", |_| (), "OK COMPLETED SUCCESS", None),
        ("no bundle", |s| drop(s.store.remove(layout::BUNDLE.latest)), "OK BLOCKED NO_BUNDLE", None),
        ("bundle damaged", |s| s.text(layout::BUNDLE.latest, "[]"), "OK BLOCKED BUNDLE_FAIL", Some("JSON_PARSE_ERROR")),
        ("bundle stale", |s| s.bundle(stale), "OK BLOCKED BUNDLE_STALE", Some("AGE_OVER_LIMIT")),
        (
            "no time",
            |s| s.bundle(|d| d["created_at"] = "".into()),
            "OK BLOCKED BUNDLE_STALE",
            Some("CREATED_AT_MISSING"),
        ),
        (
            "from the future",
            |s| s.bundle(|d| d["created_at"] = "2026-11-21T19:00:00+09:00".into()),
            "OK BLOCKED BUNDLE_FAIL",
            Some("CREATED_AT_IN_FUTURE"),
        ),
        (
            "no signal",
            |s| {
                s.bundle(|d| {
                    d["strategy"]["scorer"]["status"] = "SKIPPED".into();
                    d["strategy"]["holding_action"]["status"] = "SKIPPED".into();
                })
            },
            "OK COMPLETED SUCCESS",
            None,
        ),
    ];
    for (name, edit, want, text) in cases {
        let site = Site::good();
        edit(&site);
        let receipt = site.ops().run_cycle(Some("run_20261120_200000_00000001")).expect(name).receipt;
        assert_eq!(ended(&receipt), want, "{name}");
        check(&site, &receipt, name);
        assert_eq!(receipt.trace_id.as_deref(), Some("run_20261120_200000_00000001"), "{name}");
        assert_eq!(receipt.bundle.as_ref().map(|b| b.stale), Some(want.contains("BLOCKED")), "{name}");
        let said = receipt.reason_detail.unwrap_or_default();
        assert!(text.is_none_or(|text| said.starts_with(text)), "{name}: {said}");
        assert!(receipt.reco.is_some_and(|reco| reco.success && reco.snapshot_ref.is_some()), "{name}");
        assert!(receipt.ops_summary.is_some_and(|summary| summary.success), "{name}");
    }
    for (name, text) in [
        ("stop", stop),
        ("stop unreadable", "{"),
        ("stop of another type", r#"{"schema":"EMERGENCY_STOP_V1","enabled":"false"}"#),
    ] {
        let site = Site::good();
        site.text(layout::STOP, text);
        let receipt = site.ops().run_cycle(Some("not a run id\n")).expect(name).receipt;
        assert_eq!(ended(&receipt), "OK BLOCKED EMERGENCY_STOP", "{name}");
        check(&site, &receipt, name);
        assert_eq!(receipt.trace_id, None, "{name}");
        assert_eq!(site.ops().latest_reco(), Stored::Missing, "{name}: nothing else runs");
        assert_eq!(site.ops().latest_summary(), Stored::Missing, "{name}: nothing else runs");
        assert!(receipt.bundle.is_some_and(|b| b.stale && !b.success && b.decision.is_none()), "{name}");
    }
}

#[test]
fn a_tolerated_stale_bundle_gives_a_partial_cycle() {
    let site = Site::good();
    site.bundle(stale);
    let receipt =
        site.ops_with(OpsPolicy { stale_policy: StalePolicy::Warn, ..policy() }).run_cycle(None).expect("ran").receipt;
    assert_eq!(ended(&receipt), "OK PARTIAL BUNDLE_STALE");
    check(&site, &receipt, "tolerated");
    assert_eq!(receipt.reco.and_then(|reco| reco.decision).as_deref(), Some("EMPTY_RECO"));
    assert_eq!(receipt.push.and_then(|push| push.delivery_actual).as_deref(), Some("CONSOLE_SIMULATED"));
}

#[cfg(unix)]
#[test]
fn a_part_that_cannot_be_written_is_named() {
    let cases = [
        ("reports/live/reco/snapshots", "FAILED PARTIAL RECO_FAIL"),
        ("reports/ops/summary/snapshots", "FAILED PARTIAL SUMMARY_FAIL"),
        ("reports/ops/push/preview/snapshots", "FAILED PARTIAL PUSH_FAIL"),
    ];
    for (directory, want) in cases {
        let site = Site::good();
        // A file in place of the directory makes every write below it fail, also for a privileged user.
        site.text(directory, "in the way");
        let receipt = site.ops().run_cycle(None).expect("a receipt is written").receipt;
        assert_eq!(ended(&receipt), want, "{directory}");
        assert!(receipt.reason_detail.is_some_and(|text| text.contains(directory)), "{directory}");
    }
    let site = Site::good();
    site.text("reports/live/cycle/snapshots", "in the way");
    assert!(matches!(site.ops().run_cycle(None), Err(CycleFault::Store(_))));
    site.store.remove("reports/live/cycle/snapshots").expect("removed");
    assert!(site.ops().run_cycle(None).is_ok(), "the lock was let go");
}

#[test]
fn a_panic_inside_a_step_is_a_system_error_and_the_next_cycle_runs() {
    let site = Site::good();
    let armed = Arc::new(AtomicUsize::new(1));
    let trigger = armed.clone();
    let ops = site.ops_observed(Arc::new(move |path: &Path| {
        let is_summary = path.to_string_lossy().contains("ops_summary_latest");
        assert!(!(is_summary && trigger.swap(0, Ordering::SeqCst) == 1), "the disk \"vanished\"");
    }));
    let receipt = ops.run_cycle(None).expect("a receipt is written").receipt;
    assert_eq!(ended(&receipt), "FAILED BLOCKED SYSTEM_ERROR");
    check(&site, &receipt, "panic");
    assert_eq!(receipt.reason_detail.as_deref(), Some("the disk 'vanished'"));
    assert!(receipt.reco.is_some_and(|reco| reco.success), "what was done before is told");
    assert_eq!(ended(&ops.run_cycle(None).expect("ran").receipt), "OK COMPLETED SUCCESS");
    let panicking = Ops::new(site.store.clone(), site.clock.clone(), Box::new(|| panic!("no policy")));
    assert_eq!(ended(&panicking.run_cycle(None).expect("written").receipt), "FAILED BLOCKED SYSTEM_ERROR");
    assert!(panicking.regenerate_summary().is_err());
}

#[test]
fn of_two_cycles_at_once_exactly_one_runs() {
    let site = Site::good();
    let (inside, is_inside) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let gate = Mutex::new((inside, may_go_on));
    let first = AtomicUsize::new(0);
    // The first cycle waits at its first write until the second one has been refused.
    let ops = site.ops_observed(Arc::new(move |_: &Path| {
        if first.fetch_add(1, Ordering::SeqCst) == 0 {
            let gate = gate.lock().expect("unpoisoned");
            gate.0.send(()).expect("somebody waits");
            gate.1.recv_timeout(Duration::from_secs(20)).expect("told to go on");
        }
    }));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| ops.run_cycle(None));
        is_inside.recv_timeout(Duration::from_secs(20)).expect("the first is inside");
        assert!(matches!(ops.run_cycle(None), Err(CycleFault::AlreadyRunning)));
        assert!(
            matches!(site.ops().run_cycle(None), Err(CycleFault::AlreadyRunning)),
            "another handle, same workspace"
        );
        go_on.send(()).expect("the first still waits");
        assert_eq!(ended(&running.join().expect("no panic").expect("ran").receipt), "OK COMPLETED SUCCESS");
    });
    assert!(ops.run_cycle(None).is_ok(), "the lock is free again");
    assert_eq!(site.store.snapshots(layout::CYCLE.snapshots).expect("listed").len(), 2);
}

#[test]
fn a_crash_at_any_write_leaves_readable_documents() {
    let site = Site::good();
    let writes = Arc::new(AtomicUsize::new(0));
    let counter = writes.clone();
    site.ops_observed(Arc::new(move |_: &Path| {
        counter.fetch_add(1, Ordering::SeqCst);
    }))
    .run_cycle(None)
    .expect("ran");
    for last in 0..writes.load(Ordering::SeqCst) {
        let site = Site::good();
        let done = Arc::new(AtomicUsize::new(0));
        let ops = site.ops_observed(Arc::new(move |_: &Path| {
            assert!(done.fetch_add(1, Ordering::SeqCst) < last, "killed");
        }));
        // From this write on every write fails, the receipt's too: the process is as good as dead.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ops.run_cycle(None)));
        assert!(outcome.is_err(), "write {last}");
        let fresh = site.ops();
        assert!(!matches!(fresh.latest_reco(), Stored::Damaged(_)), "write {last}");
        assert!(!matches!(fresh.latest_summary(), Stored::Damaged(_)), "write {last}");
        assert!(!matches!(fresh.latest_cycle(), Stored::Damaged(_)), "write {last}");
        assert_eq!(ended(&fresh.run_cycle(None).expect("runs").receipt), "OK COMPLETED SUCCESS", "write {last}");
    }
}

#[test]
fn the_preview_shows_the_cycle_and_the_outbox_on_the_console_only() {
    let site = Site::good();
    let receipt = site.ops().run_cycle(None).expect("ran").receipt;
    let Stored::Present(preview) = site.store.document::<PushPreview>(layout::PREVIEW.latest) else {
        panic!("a preview")
    };
    assert_eq!(preview.channels_evaluated, ["CONSOLE"]);
    assert_eq!(preview.source_outbox_ref.as_deref(), Some(layout::OUTBOX.latest));
    assert_eq!(preview.summary.total_rendered, 2);
    assert_eq!(Some(&preview.rendered[0].message_id), receipt.cycle_id.as_ref());
    assert!(preview.rendered[0].text_preview.starts_with("라이브 사이클 COMPLETED (SUCCESS)"));
    assert_eq!(preview.rendered[1].text_preview, "[ALERT] t");
    assert!(preview.rendered.iter().all(|row| row.channel == "CONSOLE" && !row.blocked));
    // A damaged outbox takes its messages along, not the cycle.
    site.text(layout::OUTBOX.latest, "{half");
    assert_eq!(ended(&site.ops().run_cycle(None).expect("ran").receipt), "OK COMPLETED SUCCESS");
    let Stored::Present(preview) = site.store.document::<PushPreview>(layout::PREVIEW.latest) else {
        panic!("a preview")
    };
    assert_eq!((preview.source_outbox_ref, preview.summary.total_rendered), (None, 1));
}

#[test]
fn a_stop_that_comes_during_a_cycle_is_what_the_receipt_says() {
    // name, the write after which the stop comes, whether the preview was made before it
    let cases = [
        ("after the recommendation", "reco_latest", false),
        ("after the summary", "ops_summary_latest", false),
        ("after the preview", "preview_latest", true),
    ];
    for (name, file, previewed) in cases {
        let site = Site::good();
        let store = site.store.clone();
        let ops = site.ops_observed(Arc::new(move |path: &Path| {
            if path.to_string_lossy().contains(file) {
                let stop = r#"{"schema":"EMERGENCY_STOP_V1","enabled":true,"reason":"drill"}"#;
                store.write(layout::STOP, stop.as_bytes()).expect("written");
            }
        }));
        let receipt = ops.run_cycle(None).expect(name).receipt;
        assert_eq!(ended(&receipt), "OK BLOCKED EMERGENCY_STOP", "{name}");
        assert_eq!(receipt.reason_detail.as_deref(), Some("drill"), "{name}");
        assert!(receipt.evidence_refs.iter().any(|reference| reference == layout::STOP), "{name}");
        assert!(receipt.reco.is_some_and(|reco| reco.success && reco.snapshot_ref.is_some()), "{name}");
        assert!(receipt.ops_summary.is_some_and(|summary| summary.success), "{name}");
        assert_eq!(receipt.push.is_some_and(|push| push.preview_ref.is_some()), previewed, "{name}");
        let preview = site.store.document::<PushPreview>(layout::PREVIEW.latest);
        assert_eq!(preview.present().is_some(), previewed, "{name}");
    }
}
