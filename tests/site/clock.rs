//! What the hour and the day make of a run. The program itself has no clock to set, so these runs are in this process.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use daily_ops::contracts::BundlePolicy;
use daily_ops::contracts::bundle::Staleness;
use daily_ops::contracts::run::RunRecord;
use daily_ops::contracts::run::Trigger;
use daily_ops::pipeline::Backend;
use daily_ops::pipeline::History;
use daily_ops::pipeline::Limits;
use daily_ops::pipeline::Mode;
use daily_ops::pipeline::Pull;
use daily_ops::pipeline::RunOptions;
use daily_ops::pipeline::run_daily;
use daily_ops::settings::Settings;
use daily_ops::store::layout;
use daily_ops::time::KstTime;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;
use crate::fixture::Reply;

fn at(text: &str) -> KstTime {
    Stamp::from(text).instant().expect("a time")
}

/// A run at a time; a day is 2026-11-20 when only the hour is given.
struct Start<'a> {
    host: &'a Host,
    fake: &'a Fake,
    policy: BundlePolicy,
    salt: u32,
}

impl<'a> Start<'a> {
    fn of(host: &'a Host, fake: &'a Fake) -> Self {
        Self { host, fake, policy: BundlePolicy::default(), salt: 1 }
    }

    fn run(&self, now: &str, trigger: Trigger) -> (RunRecord, Vec<String>) {
        let (store, clock) = (self.host.store(), SimClock::at(at(now)));
        let settings = Settings::load(self.host.root(), &[].into(), &[].into()).expect("settings");
        let rules = || Ok(self.policy.clone());
        let site = daily_ops::pipeline::Site {
            store: &store,
            clock: &clock,
            backend: Backend::new(&self.fake.url(), Limits::from(&settings.pipeline)),
            bundle_rules: &rules,
            host_zone: "Etc/UTC".to_owned(),
            interrupted: Arc::new(AtomicBool::new(false)),
            salt: self.salt,
            low_disk_percent: 0,
            outside: daily_ops::pipeline::Outside::default(),
            events: daily_ops::pipeline::EventsTo::Nowhere,
        };
        let options = RunOptions { trigger, pull: Pull::No, mode: Mode::Act };
        let mut story = Vec::new();
        let outcome = run_daily(&site, &settings.pipeline, options, &mut story);
        (outcome.record.expect("a record"), story)
    }
}

#[test]
fn a_scheduled_start_is_on_time_late_or_skipped_by_its_hour_in_korea() {
    let rows = [
        ("2026-11-20T09:00:00+09:00", false, "OK"),
        ("2026-11-20T09:04:00+09:00", false, "OK"),
        ("2026-11-20T09:05:00+09:00", false, "OK"),
        ("2026-11-20T00:05:30Z", false, "OK"),
        ("2026-11-20T09:10:00+09:00", false, "OK"),
        ("2026-11-20T09:11:00+09:00", true, "OK"),
        ("2026-11-20T10:00:00+09:00", true, "OK"),
        ("2026-11-20T15:05:00+09:00", true, "OK"),
        ("2026-11-20T15:05:01+09:00", true, "LATE_RUN_SKIPPED"),
        ("2026-11-20T16:00:00+09:00", true, "LATE_RUN_SKIPPED"),
        ("2026-11-20T09:05:00Z", true, "LATE_RUN_SKIPPED"),
        ("2026-11-21T03:00:00+09:00", true, "LATE_RUN_SKIPPED"),
        ("2026-11-21T08:59:59+09:00", true, "LATE_RUN_SKIPPED"),
    ];
    for (now, late, reason) in rows {
        let (host, fake) = (Host::new(), Fake::new());
        let (record, _) = Start::of(&host, &fake).run(now, Trigger::Cron);
        assert_eq!((record.exit_code, record.late), (Some(0), late), "{now}");
        assert_eq!(record.reason.as_ref().map(ToString::to_string).as_deref(), Some(reason), "{now}");
        let skipped = reason == "LATE_RUN_SKIPPED";
        assert_eq!(fake.calls().is_empty(), skipped, "{now}: {:?}", fake.calls());
        assert_eq!(host.warnings().contains(&"LATE_RUN".to_owned()), late && !skipped, "{now}");
        assert_eq!(host.summary_lines().len(), 1, "{now}");
        assert!(host.summary_lines()[0].contains(&format!(" Reason={reason} ")), "{now}");
        assert_eq!(host.read("reports/ops/cron_proof/last_exit_code.txt"), "0\n", "{now}");
        assert!(host.root().join("reports/ops/cron_proof/last_start.txt").exists(), "{now}: every start is proved");
        assert_eq!(host.chain().broken, None, "{now}");
        if skipped {
            assert!(host.summary_lines()[0].contains(" live=-/- "), "{now}");
            assert!(record.stages.iter().all(|stage| stage.code.as_str() == "LATE_RUN_SKIPPED"), "{now}");
        }
    }
}

#[test]
fn only_the_scheduler_is_ever_late() {
    for trigger in [Trigger::Manual, Trigger::Test] {
        let (host, fake) = (Host::new(), Fake::new());
        let (record, _) = Start::of(&host, &fake).run("2026-11-20T22:00:00+09:00", trigger);
        assert_eq!((record.exit_code, record.late), (Some(0), false));
        assert_eq!(fake.asked(site::RUN_CYCLE), 1);
    }
}

#[test]
fn a_day_without_a_session_is_verified_all_the_same_and_says_so() {
    for (now, day, word) in [
        ("2026-11-20T09:05:00+09:00", true, "trading day: yes"),
        ("2026-11-21T09:05:00+09:00", false, "trading day: no (Saturday)"),
        ("2026-12-25T09:05:00+09:00", false, "trading day: no"),
        ("2026-11-20T23:30:00Z", false, "trading day: no (Saturday)"),
    ] {
        let (host, fake) = (Host::new(), Fake::new());
        let (record, story) = Start::of(&host, &fake).run(now, Trigger::Manual);
        assert_eq!((record.exit_code, record.trading_day), (Some(0), Some(day)), "{now}");
        assert!(story.iter().any(|line| line.contains(word)), "{now}: {story:?}");
        assert_eq!(fake.asked(site::RUN_CYCLE), 1, "{now}");
    }
}

#[test]
fn a_second_successful_run_of_a_day_is_a_rerun() {
    let host = Host::new();
    let (fine, down) = (Fake::new(), Fake::new());
    down.on(site::HEALTH, &[Reply::Reset]);
    let rows = [
        ("2026-11-20T09:05:00+09:00", &down, false),
        ("2026-11-20T09:20:00+09:00", &fine, false),
        ("2026-11-20T10:00:00+09:00", &fine, true),
        ("2026-11-20T10:10:00+09:00", &down, true),
        ("2026-11-20T23:59:00+09:00", &fine, true),
        ("2026-11-21T00:01:00+09:00", &fine, false),
        ("2026-11-21T00:02:00+09:00", &fine, true),
    ];
    for (now, fake, rerun) in rows {
        let (record, _) = Start::of(&host, fake).run(now, Trigger::Manual);
        assert_eq!(record.rerun, rerun, "{now}");
    }
}

#[test]
fn a_start_that_was_skipped_is_no_successful_run() {
    let (host, fake) = (Host::new(), Fake::new());
    for (now, trigger, rerun) in [
        ("2026-11-20T16:00:00+09:00", Trigger::Cron, false),
        ("2026-11-20T16:10:00+09:00", Trigger::Manual, false),
        ("2026-11-20T16:20:00+09:00", Trigger::Manual, true),
    ] {
        let (record, _) = Start::of(&host, &fake).run(now, trigger);
        assert_eq!((record.exit_code, record.rerun), (Some(0), rerun), "{now}");
    }
}

#[test]
fn twelve_runs_of_one_second_keep_their_order() {
    let (host, fake) = (Host::new(), Fake::new());
    let ids: Vec<String> = (1..=12)
        .map(|salt| {
            let start = Start { salt, ..Start::of(&host, &fake) };
            start.run("2026-11-20T09:05:00+09:00", Trigger::Manual).0.run_id.to_string()
        })
        .collect();
    let store = host.store();
    let listed = History::new(&store).list(20).expect("readable");
    let listed: Vec<String> = listed.into_iter().map(|run| run.expect("sound").run_id.to_string()).rev().collect();
    assert_eq!(listed, ids);
    assert_eq!((host.chain().broken, host.summary_lines().len()), (None, 12));
}

#[test]
fn a_clock_that_jumps_back_breaks_nothing() {
    let (host, fake) = (Host::new(), Fake::new());
    for now in ["2026-11-20T09:05:00+09:00", "2026-11-19T09:05:00+09:00", "2026-11-20T09:05:00+09:00"] {
        let (record, _) = Start::of(&host, &fake).run(now, Trigger::Manual);
        assert_eq!(record.exit_code, Some(0), "{now}");
    }
    let chain = host.chain();
    assert_eq!((chain.broken, chain.records), (None, 3));
}

#[test]
fn a_bundle_ages_by_sessions_of_the_exchange() {
    let friday = at("2026-11-20T19:00:00+09:00");
    let rows = [
        ("2026-11-21T09:05:00+09:00", Staleness::Sessions, "OK"),
        ("2026-11-23T09:05:00+09:00", Staleness::Sessions, "OK"),
        ("2026-11-24T09:05:00+09:00", Staleness::Sessions, "BUNDLE_STALE"),
        ("2026-11-23T09:05:00+09:00", Staleness::Age, "BUNDLE_STALE"),
        ("2026-11-20T18:54:59+09:00", Staleness::Sessions, "BUNDLE_FAIL"),
    ];
    for (now, staleness, reason) in rows {
        let (host, fake) = (Host::new(), Fake::new());
        let key = site::signing_key();
        host.write(layout::BUNDLE.latest, &site::signed_bundle(&key, friday).to_string());
        let policy = BundlePolicy { staleness, keys: vec![key.verifying()], ..BundlePolicy::default() };
        let (record, _) = Start { policy, ..Start::of(&host, &fake) }.run(now, Trigger::Manual);
        assert_eq!(record.reason.as_ref().map(ToString::to_string).as_deref(), Some(reason), "{now} {staleness:?}");
        assert_eq!(fake.asked(site::RUN_CYCLE), usize::from(reason == "OK"), "{now} {staleness:?}");
    }
}
