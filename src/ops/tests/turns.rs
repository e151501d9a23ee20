//! Documents made at once: the newest reading is what stays.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use crate::contracts::summary::OverallStatus;
use crate::ops::tests::site::NOW;
use crate::ops::tests::site::Site;
use crate::store::Holder;
use crate::store::LockOutcome;
use crate::store::layout;
use crate::time::Stamp;

const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_summary_read_before_a_stop_never_follows_the_one_read_after_it() {
    let site = Site::good();
    let (inside, is_inside) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let gate = Mutex::new((inside, may_go_on));
    let first = AtomicUsize::new(0);
    // The first summary has read everything and waits at its first write.
    let ops = site.ops_observed(Arc::new(move |_: &Path| {
        if first.fetch_add(1, Ordering::SeqCst) == 0 {
            let gate = gate.lock().expect("unpoisoned");
            gate.0.send(()).expect("somebody waits");
            gate.1.recv_timeout(LONG).expect("told to go on");
        }
    }));
    std::thread::scope(|scope| {
        let earlier = scope.spawn(|| ops.regenerate_summary());
        is_inside.recv_timeout(LONG).expect("the first is inside");
        site.text(layout::STOP, r#"{"schema":"EMERGENCY_STOP_V1","enabled":true,"reason":"drill"}"#);
        let (done, is_done) = mpsc::channel();
        let ops = &ops;
        let later = scope.spawn(move || {
            let made = ops.regenerate_summary();
            done.send(()).ok();
            made
        });
        // Without turns the later one ends here and is then replaced by the earlier one.
        assert!(is_done.recv_timeout(Duration::from_millis(300)).is_err(), "the later one waits for its turn");
        go_on.send(()).expect("the first waits");
        let status = |made: std::thread::ScopedJoinHandle<
            '_,
            Result<crate::ops::SummaryOutcome, crate::ops::OpsFault>,
        >| { made.join().expect("no panic").expect("made").summary.overall_status };
        assert_ne!(status(earlier), Some(OverallStatus::Stopped));
        assert_eq!(status(later), Some(OverallStatus::Stopped));
    });
    let latest = ops.latest_summary().present().expect("a summary");
    assert_eq!(latest.overall_status, Some(OverallStatus::Stopped));
}

#[test]
fn another_process_is_waited_for_and_not_for_ever() {
    let site = Site::good();
    let ops = site.ops();
    let now = Stamp::from(NOW).instant().expect("a time");
    let other = Holder::this_process("", now, LONG);
    let held = site.store.try_lock("state/locks/documents.lock", &other).expect("works");
    assert!(matches!(held, LockOutcome::Acquired(_)));
    assert!(ops.regenerate_summary().is_err_and(|fault| fault.to_string().contains("documents.lock")));
    assert!(ops.regenerate_reco().is_err_and(|fault| fault.to_string().contains("documents.lock")));
    let receipt = ops.run_cycle(None).expect("a receipt is written").receipt;
    assert_eq!(receipt.reason.as_deref(), Some("SYSTEM_ERROR"));
    drop(held);
    let receipt = ops.run_cycle(None).expect("ran").receipt;
    assert_eq!(receipt.reason.as_deref(), Some("SUCCESS"), "a cycle makes both documents in one turn");
    assert!(ops.regenerate_summary().is_ok() && ops.regenerate_reco().is_ok());
}
