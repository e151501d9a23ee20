//! A killed run goes on where it stopped and ends with the same bytes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Mutex;

use daily_ops::pc::backtest::simulate;
use daily_ops::pc::tune::End;
use daily_ops::pc::tune::TuneFault;
use daily_ops::pc::tune::lab::Simulate;
use daily_ops::store::Holder;
use daily_ops::store::LockOutcome;
use daily_ops::time::Clock as _;

use crate::fixture::Bench;
use crate::fixture::How;
use crate::fixture::RUN;
use crate::fixture::Try;
use crate::fixture::done;
use crate::fixture::falling;
use crate::fixture::files;
use crate::fixture::finished;
use crate::fixture::good;
use crate::fixture::killer;

const RESUME: How = How::Resume;

/// The files of a finished run; a log says how often it was started.
fn comparable(bench: &Bench) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(bench.dir.path());
    files.retain(|name, _| !name.ends_with("run.log") && !name.contains("telemetry"));
    files
}

fn logged(bench: &Bench) -> usize {
    if bench.has_run_file("trials.jsonl") { bench.run_file("trials.jsonl").lines().count() } else { 0 }
}

#[test]
fn an_interrupted_run_ends_with_the_same_bytes_and_repeats_no_trial() {
    let (whole, _) = done();
    let whole = comparable(&whole);
    for stop_at in [0, 1, 5, 11] {
        let bench = Bench::new();
        let config = bench.config();
        let stop = Try { stop: &|done| done >= stop_at, threads: 1, ..Try::default() };
        let end = stop.on(&bench, (config.clone(), good())).expect("no fault");
        let End::Interrupted { done, total } = end else { panic!("{stop_at}: not interrupted") };
        assert_eq!((done, total), (stop_at, 12));
        assert_eq!(logged(&bench), done, "{stop_at}: what counts is on disk");
        assert!(!bench.store.path("reports/tune/latest").exists(), "{stop_at}: no result yet");
        let seen = Mutex::new(BTreeSet::new());
        let watch: Simulate<'_> = &|setup, market| {
            seen.lock().expect("whole").insert(format!("{:?}", setup.strategy));
            simulate(setup, market)
        };
        let resumed = Try { how: RESUME, simulate: watch, ..Try::default() };
        finished(resumed.on(&bench, (config, good())));
        assert_eq!(comparable(&bench), whole, "{stop_at}");
        // The judged trial and those that gate 1 looks at are simulated on other segments in any case.
        let most = 12 - done + 6;
        assert!(seen.lock().expect("whole").len() <= most, "{stop_at}: only what was missing is simulated");
    }
}

#[test]
fn a_run_that_is_killed_at_any_write_ends_with_the_same_bytes() {
    let (whole, _) = done();
    let whole = comparable(&whole);
    let cases = [
        ("manifest.json", 1),
        ("trials.jsonl", 1),
        ("trials.jsonl", 4),
        ("trials.jsonl", 12),
        ("manifest.json", 2),
        ("manifest.json", 4),
        ("trials.csv", 1),
        ("report.md", 1),
    ];
    for (name, count) in cases {
        let bench = Bench::new().observed(killer(name, count));
        let config = bench.config();
        let killed = catch_unwind(AssertUnwindSafe(|| Try::default().on(&bench, (config.clone(), good())).is_ok()));
        assert!(killed.is_err(), "{name} {count}: killed");
        let bench = Bench { store: daily_ops::store::Store::new(bench.dir.path()), ..bench };
        finished(Try { how: RESUME, ..Try::default() }.on(&bench, (config, good())));
        assert_eq!(comparable(&bench), whole, "{name} {count}");
    }
}

#[test]
fn a_half_written_line_costs_one_trial() {
    let (whole, _) = done();
    let bench = Bench::new();
    let config = bench.config();
    let stop = Try { stop: &|done| done >= 6, threads: 1, ..Try::default() };
    stop.on(&bench, (config.clone(), good())).expect("interrupted");
    let log = format!("data/tuning_runs/{RUN}/trials.jsonl");
    let text = bench.text(&log);
    bench.store.write(&log, &text.as_bytes()[..text.len() - 40]).expect("written");
    finished(Try { how: RESUME, ..Try::default() }.on(&bench, (config, good())));
    for name in ["trials.csv", "report.md", "manifest.json", "verdict.json"] {
        assert_eq!(bench.run_file(name), whole.run_file(name), "{name}");
    }
    assert!(bench.run_file("run.log").contains("1 damaged lines"));
}

/// A workspace whose run was interrupted after three trials.
fn interrupted() -> Bench {
    let bench = Bench::new();
    let config = bench.config();
    Try { stop: &|done| done >= 3, threads: 1, ..Try::default() }.on(&bench, (config, good())).expect("interrupted");
    bench
}

#[test]
fn a_run_made_under_other_conditions_is_not_continued() {
    let resume = Try { how: RESUME, ..Try::default() };
    let refused = |bench: &Bench, config, data| {
        let before = files(bench.dir.path());
        let fault = resume.on(bench, (config, data)).expect_err("refused");
        assert!(fault.is_refusal(), "{fault}");
        assert_eq!(files(bench.dir.path()), before, "nothing is touched");
        fault.to_string()
    };
    let bench = interrupted();
    let mut config = bench.config();
    config.seed = 7;
    config.n_trials = 13;
    let text = refused(&bench, config, good());
    assert!(text.contains("seed: 42 there, 7 here") && text.contains("n_trials: 12 there, 13 here"), "{text}");
    let mut data = good();
    data.files.get_mut("069500").expect("a file").sha256 = "0".repeat(64);
    let text = refused(&bench, bench.config(), data);
    assert!(text.contains("data_fingerprint: "), "{text}");
    let manifest = format!("data/tuning_runs/{RUN}/manifest.json");
    let engine = daily_ops::pc::backtest::ENGINE_VERSION;
    let older = bench.text(&manifest).replace(engine, "daily-bars-0");
    bench.store.write(&manifest, older.as_bytes()).expect("written");
    let text = refused(&bench, bench.config(), good());
    assert!(text.contains("engine_version: daily-bars-0 there"), "{text}");
}

#[test]
fn what_is_complete_unknown_damaged_or_taken_is_not_continued() {
    let resume = Try { how: RESUME, ..Try::default() };
    let (bench, _) = done();
    let fault = resume.on(&bench, (bench.config(), good())).expect_err("complete");
    assert!(matches!(fault, TuneFault::Complete(_)) && fault.is_refusal());
    let bench = Bench::new();
    let fault = resume.on(&bench, (bench.config(), good())).expect_err("unknown");
    assert!(matches!(fault, TuneFault::NoSuchRun(_)));
    let bench = interrupted();
    let log = format!("data/tuning_runs/{RUN}/trials.jsonl");
    let sound = bench.text(&log);
    let lines: Vec<&str> = sound.lines().collect();
    let strange = format!("{}\n{}\n", lines[0], lines[1].replace("\"trial\":1", "\"trial\":2"));
    bench.store.write(&log, strange.as_bytes()).expect("written");
    let fault = resume.on(&bench, (bench.config(), good())).expect_err("damaged");
    assert!(fault.to_string().contains("the seed 42 does not give") && !fault.is_refusal(), "{fault}");
    bench.store.write(&log, sound.as_bytes()).expect("written");
    let holder = Holder::this_process("another", bench.clock.now(), std::time::Duration::ZERO);
    let lock = bench.store.try_lock(&format!("data/tuning_runs/{RUN}/run.lock"), &holder).expect("lockable");
    assert!(matches!(lock, LockOutcome::Acquired(_)));
    let fault = resume.on(&bench, (bench.config(), good())).expect_err("taken");
    assert!(matches!(fault, TuneFault::Running { .. }) && fault.is_refusal(), "{fault}");
    drop(lock);
    let manifest = format!("data/tuning_runs/{RUN}/manifest.json");
    bench.store.write(&manifest, b"{").expect("written");
    let fault = resume.on(&bench, (bench.config(), falling())).expect_err("damaged");
    assert!(matches!(fault, TuneFault::Damaged { .. }), "{fault}");
}
