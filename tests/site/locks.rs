//! One run at a time.

use std::time::Duration;

use daily_ops::store::Holder;
use daily_ops::store::LockOutcome;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::Stamp;
use daily_ops::time::SystemClock;
use rustix::process::Signal;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;

#[test]
fn a_second_run_is_refused_and_touches_nothing() {
    let (host, fake) = (Host::new(), Fake::new());
    fake.on(site::RUN_CYCLE, &[Reply::Hang]);
    // Its events would go to the spool at a time of their own, while the picture is taken.
    let first = host.start(&fake, &["--no-git-pull", "--set", "pipeline.publish_events=false"]);
    fake.await_call(site::RUN_CYCLE);
    let (before, asked) = (host.picture(), fake.calls().len());
    for json in [&[][..], &["--json"]] {
        let second = host.daily(&fake, json);
        assert_eq!(second.code, Some(2), "{second:?}");
        assert!(second.all().contains("ALREADY_RUNNING"), "{second:?}");
        assert!(second.all().contains(&format!("pid {}", first.id())), "{second:?}");
        assert!(!second.stdout.contains("DAILY_SUMMARY"), "{second:?}");
    }
    assert!(host.picture() == before, "the second run touched the workspace");
    assert_eq!(fake.calls().len(), asked, "the second run asked the backend");
    first.signal(Signal::TERM);
    host.proves("the first", &first.wait(), 3, "INTERRUPTED");
    assert_eq!(fake.asked(site::RUN_CYCLE), 1);
}

#[test]
fn a_holder_past_its_own_limit_is_a_fault_that_names_its_pid() {
    let (host, fake) = (Host::new(), Fake::new());
    let now = SystemClock::new().now();
    let long_ago = now - chrono::Duration::minutes(11);
    let rows = [
        ("within its limit", Stamp::of(now), 600, 2),
        ("past its limit", Stamp::of(long_ago), 600, 3),
        ("a limit that is not known", Stamp::of(long_ago), 0, 2),
        ("a start that is not known", Stamp::from("yesterday"), 600, 2),
    ];
    for (name, started_at, limit_seconds, code) in rows {
        let holder = Holder {
            started_at,
            limit_seconds,
            ..Holder::this_process("run_20261120_090500_00000000", now, Duration::from_secs(600))
        };
        let LockOutcome::Acquired(_held) = host.store().try_lock(layout::RUN_LOCK, &holder).expect("locked") else {
            panic!("{name}: nobody else holds it")
        };
        let before = host.picture();
        let ran = host.daily(&fake, &[]);
        assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
        assert!(ran.stderr.contains("ALREADY_RUNNING"), "{name}: {ran:?}");
        assert!(ran.stderr.contains(&format!("pid {}", std::process::id())), "{name}: {ran:?}");
        assert!(host.picture() == before, "{name}: the workspace was touched");
    }
    assert_eq!(fake.calls(), [""; 0]);
    let ran = host.daily(&fake, &[]);
    let record = host.proves("let go", &ran, 0, "OK");
    assert!(!site::codes(&record["warnings"]).contains(&"PREVIOUS_RUN_KILLED".to_owned()), "{record}");
}
