//! The day's work ends at the first stage that does not end well, publishes nothing, and says what to type.

use std::path::Path;
use std::time::Duration;

use daily_ops::store::Holder;
use daily_ops::store::LockOutcome;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::sync::clone;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;

use crate::site::RUN;
use crate::site::STAGES;
use crate::site::Site;
use crate::site::Stage;
use crate::site::commit_all;
use crate::site::head;
use crate::site::of_stages;
use crate::site::read;
use crate::site::remote;
use crate::site::text;
use crate::site::write;

/// No evidence reaches as far as this.
pub(crate) const FUTURE_BASELINE: &str = r#"{"policy_id": "COVERAGE_BASELINE_V1",
    "evidence": {"symbol": "069500", "min_date": "2024-01-02", "max_date": "2099-12-30"}}"#;

struct Row {
    name: &'static str,
    start: Stage,
    spoil: fn(&Site),
    args: &'static [&'static str],
    stage: &'static str,
    exit: i32,
    end: &'static str,
    says: &'static str,
}

const SOUND: Row = Row {
    name: "",
    start: Stage::Made,
    spoil: |_| {},
    args: RUN,
    stage: "prepare",
    exit: 2,
    end: "BLOCKED",
    says: "PUBLISH_DIRTY: ",
};

fn diverge(site: &Site) {
    let other = site.dir.path().join("다른 PC");
    let who = daily_ops::sync::Identity { name: "Other", email: "other@example.invalid" };
    clone(text(&site.bare), &other, "main", who).expect("a clone");
    write(&other, "theirs.txt", "1\n");
    commit_all(&other, "theirs");
    remote(&other).publish(&[], "theirs").expect("pushed");
    write(&site.pc, "ours.txt", "1\n");
    commit_all(&site.pc, "ours");
}

fn without(site: &Site, file: &str) {
    let path = site.pc.join(file);
    let gone = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    gone.unwrap_or_else(|fault| panic!("{file}: {fault}"));
}

const ROWS: &[Row] = &[
    Row { name: "a changed file that is no data", spoil: |site| write(&site.pc, "notes.txt", "2\n"), ..SOUND },
    Row { name: "a new file that is no data", spoil: |site| write(&site.pc, "src/new.py", "2\n"), ..SOUND },
    Row { name: "histories that went apart", spoil: diverge, says: "PUBLISH_DIVERGED: ", ..SOUND },
    Row {
        name: "no parameters",
        start: Stage::Fresh,
        spoil: |site| {
            without(site, layout::STRATEGY_PARAMS.latest);
            site.share("without parameters");
        },
        stage: "collect",
        exit: 64,
        end: "USAGE",
        says: "name the tickers to collect",
        ..SOUND
    },
    Row {
        name: "no prices and none to be fetched",
        spoil: |site| without(site, layout::PRICES),
        args: &["--json", "pc", "run", "--offline"],
        stage: "collect",
        exit: 3,
        end: "FAULT",
        says: "the last completed session ",
        ..SOUND
    },
    Row {
        name: "evidence that does not reach its baseline",
        spoil: |site| {
            write(&site.pc, layout::COVERAGE_BASELINE, FUTURE_BASELINE);
            site.share("a baseline");
        },
        stage: "reconcile",
        says: "EVIDENCE_COVERAGE_REGRESSION: ",
        ..SOUND
    },
    Row {
        name: "no key to sign with",
        spoil: |site| write(&site.pc, "daily_ops.toml", ""),
        stage: "bundle",
        says: "SIGNATURE_KEY_MISSING: ",
        ..SOUND
    },
];

/// Checks the document of a day's work that ended early.
fn proves(row: &Row, told: &Value) {
    let (name, at) = (row.name, STAGES.iter().position(|stage| *stage == row.stage).expect("a stage"));
    assert_eq!(told["failed_stage"], row.stage, "{name}: {told:#}");
    assert_eq!((&told["result"], &told["exit_code"]), (&row.end.into(), &row.exit.into()), "{name}");
    assert_eq!(told["run_id"], Value::Null, "{name}");
    assert_eq!(of_stages(told, "stage"), STAGES, "{name}: all seven are there");
    let mut ends = vec!["DONE"; at];
    ends.push(row.end);
    ends.resize(7, "SKIPPED");
    assert_eq!(of_stages(told, "end"), ends, "{name}");
    for (index, stage) in told["stages"].as_array().expect("a list").iter().enumerate() {
        assert_eq!(stage["exit_code"].is_null(), index > at, "{name}: {stage}");
    }
    let said = told["stages"][at]["summary"].as_str().expect("text");
    assert!(said.contains(row.says) && !said.contains('❌'), "{name}: {said}");
}

#[test]
fn the_first_stage_that_does_not_end_well_ends_the_work_and_nothing_is_published() {
    for row in ROWS {
        let site = Site::at(row.start);
        (row.spoil)(&site);
        let before = (site.main(), head(&site.pc));
        let ran = site.pc(row.args).ends(row.name, row.exit);
        let told = ran.json();
        proves(row, &told);
        assert_eq!(site.kept(), told, "{}", row.name);
        assert_eq!((site.main(), head(&site.pc)), before, "{}: no commit and no push", row.name);
        assert!(ran.stderr.lines().any(|line| line.starts_with(&format!("❌ {}", row.stage))), "{}", ran.stderr);
        let at = STAGES.iter().position(|stage| *stage == row.stage).expect("a stage");
        let command = told["stages"][at]["command"].as_str().expect("a command");
        let alone = site.typed(command);
        assert_eq!(alone.code, Some(row.exit), "{}: {command}: {}", row.name, alone.all());
        assert!(alone.all().contains(row.says), "{}: {command}: {}", row.name, alone.all());
        assert_eq!(site.main(), before.0, "{}: alone it publishes nothing either", row.name);
        if row.start == Stage::Made {
            let record = site.host_ends(row.name, 0);
            assert_eq!(record["host_rev_after"], before.0.to_string(), "{}", row.name);
            assert_eq!(record["cycle"]["decision"], "COMPLETED", "{}: the host works on", row.name);
        }
    }
}

#[test]
fn people_are_told_the_cause_and_the_command_even_when_quiet() {
    let site = Site::at(Stage::Made);
    write(&site.pc, "notes.txt", "2\n");
    for (name, args) in [("told", &["pc", "run", "--synthetic", "7"][..]), ("quiet", &["-q", "pc", "run", "--offline"])]
    {
        let ran = site.pc(args).ends(name, 2);
        let repeat = format!("daily_ops --root \"{}\" pc publish --dry-run", text(&site.pc));
        let want = format!("blocked at prepare (exit 2): nothing was published; repeat it alone: {repeat}\n");
        assert_eq!(ran.stdout, want, "{name}");
        assert!(ran.stderr.contains("❌ prepare    PUBLISH_DIRTY: "), "{name}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), if name == "quiet" { 1 } else { 8 }, "{name}: {}", ran.stderr);
    }
}

#[test]
fn without_the_remote_the_commit_is_kept_and_the_next_day_takes_it_along() {
    let site = Site::at(Stage::Made);
    let (before, away) = (site.main(), site.bare.with_extension("away"));
    std::fs::rename(&site.bare, &away).expect("moved");
    let told = site.pc(RUN).ends("away", 3).json();
    let row = Row { name: "away", stage: "publish", exit: 3, end: "FAULT", says: "PUBLISH_PUSH_FAILED: ", ..SOUND };
    proves(&row, &told);
    let kept = head(&site.pc);
    let said = told["stages"][6].to_string();
    assert!(said.contains(&kept.to_string()) && said.contains(" is kept"), "{said}");
    assert!(told["stages"][0]["remarks"].to_string().contains("the remote did not answer"), "{told:#}");
    let record = site.host_ends("away", 0);
    assert_eq!(record["stages"][0]["class"], "warn", "the host goes on with what it has: {record:#}");
    std::fs::rename(&away, &site.bare).expect("moved back");
    assert_eq!(site.main(), before);
    let told = site.pc(RUN).ends("back", 0).json();
    assert_eq!(site.main(), head(&site.pc));
    let repo = git2::Repository::open(&site.bare).expect("a repository");
    assert!(repo.graph_descendant_of(site.main(), kept).expect("readable"), "the kept commit went along");
    let record = site.host_ends("back", 0);
    assert_eq!(record["trace_id"], told["run_id"]);
}

/// Holds the lock of the day's work since `ago`, as a process does that is still at it.
fn held(pc: &Path, ago: Duration) -> LockOutcome {
    let since = SystemClock::new().now() - chrono::Duration::from_std(ago).expect("a span");
    let holder = Holder::this_process("pc run", since, Duration::from_secs(7200));
    Store::new(pc).try_lock(layout::PC_RUN_LOCK, &holder).expect("works")
}

#[test]
fn a_second_run_stands_back_while_the_first_is_at_it() {
    let site = Site::at(Stage::Made);
    let before = (site.main(), read(&site.pc, layout::PC_RUN), read(&site.pc, layout::BUNDLE.latest));
    for (name, minutes, exit) in [("at it", 5, 2), ("at it for too long", 180, 3)] {
        let lock = held(&site.pc, Duration::from_secs(60 * minutes));
        assert!(matches!(lock, LockOutcome::Acquired(_)), "{name}: {lock:?}");
        let ran = site.pc(RUN).ends(name, exit);
        assert!(ran.all().contains("ALREADY_RUNNING") && ran.all().contains(&std::process::id().to_string()), "{name}");
        drop(lock);
        let now = (site.main(), read(&site.pc, layout::PC_RUN), read(&site.pc, layout::BUNDLE.latest));
        assert_eq!(now, before, "{name}: nothing is touched");
    }
    site.pc(RUN).ends("it has ended", 0);
}
