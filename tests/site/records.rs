//! The records of past runs: proved, compared, explained.

use std::collections::BTreeMap;
use std::path::PathBuf;

use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;

const CHAIN: &str = "reports/ops/daily_ops/chain.jsonl";

/// A host with four runs, and the files of their records.
fn four_runs() -> (Host, Vec<String>) {
    let (host, fake) = (Host::new(), Fake::new());
    let mut files = Vec::new();
    for _ in 0..4 {
        let record = host.proves("run", &host.daily(&fake, &[]), 0, "OK");
        files.push(record["snapshot_ref"].as_str().expect("a ref").to_owned());
    }
    (host, files)
}

fn restore(host: &Host, before: &BTreeMap<PathBuf, (std::time::SystemTime, Vec<u8>)>) {
    for path in host.picture().keys().filter(|path| path.is_file() && !before.contains_key(*path)) {
        std::fs::remove_file(path).expect("removed");
    }
    for (path, (_, bytes)) in before.iter().filter(|(path, _)| !path.is_dir()) {
        let relative = path.strip_prefix(host.root()).expect("inside").to_str().expect("text");
        host.store().write(relative, bytes).expect("written");
    }
}

fn edit(host: &Host, file: &str, change: impl Fn(&mut Value)) {
    let mut document = host.json(file);
    change(&mut document);
    host.write(file, &document.to_string());
}

fn edit_lines(host: &Host, change: impl Fn(&mut Vec<&str>)) {
    let text = host.read(CHAIN);
    let mut lines: Vec<&str> = text.lines().collect();
    change(&mut lines);
    host.write(CHAIN, &format!("{}\n", lines.join("\n")));
}

fn cut(lines: &mut Vec<&str>, index: usize) {
    lines.remove(index);
}

/// Name, what is done, the number of the broken record, what is said.
type Damage<'a> = (&'static str, Box<dyn Fn() + 'a>, u64, &'static str);

#[test]
fn the_first_broken_link_is_named_whatever_was_done_to_the_records() {
    let (host, files) = four_runs();
    let before = host.picture();
    let remove = |file: &str| assert!(host.store().remove(file).expect("removed"));
    let reseal = |file: &str| {
        edit(&host, file, |doc| {
            doc["exit_code"] = json!(3);
            let json = daily_ops::contracts::Json::of(doc).expect("plain values");
            doc["integrity"] = json!({"payload_sha256": daily_ops::contracts::integrity::payload_sha256(&json)});
        });
    };
    let rows: Vec<Damage<'_>> = vec![
        (
            "edited",
            Box::new(|| edit(&host, &files[1], |doc| doc["exit_code"] = json!(3))),
            2,
            "does not match its hash",
        ),
        ("edited and sealed again", Box::new(|| reseal(&files[1])), 2, "does not match its hash"),
        ("newest edited", Box::new(|| edit(&host, &files[3], |doc| doc["warnings"] = json!([]))), 4, "does not match"),
        ("damaged", Box::new(|| host.write(&files[2], "{")), 3, ""),
        ("middle record gone", Box::new(|| remove(&files[2])), 3, "was removed"),
        (
            "two records exchanged",
            Box::new(|| {
                let (second, third) = (host.read(&files[1]), host.read(&files[2]));
                host.write(&files[1], &third);
                host.write(&files[2], &second);
            }),
            2,
            "does not match its hash",
        ),
        ("line gone", Box::new(|| edit_lines(&host, |lines| cut(lines, 1))), 3, "record 2 is missing"),
        ("first line gone", Box::new(|| edit_lines(&host, |lines| cut(lines, 0))), 2, "record 1 is missing"),
        ("lines exchanged", Box::new(|| edit_lines(&host, |lines| lines.swap(1, 2))), 3, "record 2 is missing"),
        ("line damaged", Box::new(|| edit_lines(&host, |lines| lines[2] = "{")), 3, "line 3 cannot be read"),
        (
            "a record too many",
            Box::new(|| {
                let text = host.read(&files[0]);
                host.write("reports/ops/daily_ops/snapshots/daily_ops_20260102_090500.json", &text);
            }),
            5,
            "no line in the chain",
        ),
    ];
    assert_eq!(host.run(&["runs", "verify"]).code, Some(0));
    for (name, change, seq, what) in rows {
        change();
        let ran = host.run(&["runs", "verify"]);
        assert_eq!(ran.code, Some(3), "{name}: {ran:?}");
        assert!(ran.stdout.contains(&format!("breaks at record {seq}")), "{name}: {ran:?}");
        assert!(ran.stdout.contains(what), "{name}: {ran:?}");
        let told: Value = serde_json::from_str(&host.run(&["runs", "verify", "--json"]).stdout).expect("JSON");
        assert_eq!(told["broken"]["seq"], seq, "{name}");
        restore(&host, &before);
    }
    assert_eq!(host.run(&["runs", "verify"]).code, Some(0));
}

#[test]
fn a_tail_that_was_cut_off_shows_against_the_noted_head() {
    let (host, files) = four_runs();
    let told: Value = serde_json::from_str(&host.run(&["runs", "verify", "--json"]).stdout).expect("JSON");
    let head = told["head_sha256"].as_str().expect("a hash").to_owned();
    let expect = |head: &str| host.run(&["runs", "verify", "--expect", head]);
    assert_eq!(expect(&head).code, Some(0));
    assert_eq!(expect(&"0".repeat(64)).code, Some(3));
    let fake = Fake::new();
    host.proves("later", &host.daily(&fake, &[]), 0, "OK");
    assert_eq!(expect(&head).code, Some(0), "a head that was noted earlier is still there");
    let fifth = host.record()["snapshot_ref"].as_str().expect("a ref").to_owned();
    edit_lines(&host, |lines| lines.truncate(3));
    for file in [&files[3], &fifth] {
        assert!(host.store().remove(file).expect("removed"));
    }
    let ran = host.run(&["runs", "verify"]);
    assert!(ran.code == Some(3) && ran.stdout.contains("ends before the newest record"), "{ran:?}");
    assert!(host.store().remove(layout::RUN.latest).expect("removed"));
    let ran = expect(&head);
    assert!(ran.code == Some(3) && ran.stdout.contains("records are missing"), "{ran:?}");
}

#[test]
fn old_records_that_retention_deleted_leave_the_chain_whole() {
    let (host, _files) = four_runs();
    let pruned = host.run(&["store", "prune", "--set", "retention.snapshots=2"]);
    assert_eq!(pruned.code, Some(0), "{pruned:?}");
    let told: Value = serde_json::from_str(&host.run(&["runs", "verify", "--json"]).stdout).expect("JSON");
    assert_eq!((&told["records"], &told["pruned"], &told["broken"]), (&json!(4), &json!(2), &json!(null)));
}

#[test]
fn a_run_after_the_records_were_damaged_warns_and_goes_on() {
    for (name, text) in [("half", "{"), ("empty", ""), ("another document", "{\"schema\": \"X\"}")] {
        let (host, fake) = (Host::new(), Fake::new());
        host.proves("first", &host.daily(&fake, &[]), 0, "OK");
        host.write("reports/ops/daily_ops/latest/daily_ops_latest.json", text);
        let record = host.proves(name, &host.daily(&fake, &[]), 0, "OK");
        assert!(site::codes(&record["warnings"]).contains(&"CHAIN_BROKEN".to_owned()), "{name}: {record}");
        assert_eq!(record["chain"]["seq"], 2, "{name}");
    }
}

#[test]
fn two_runs_are_compared_and_each_is_explained_on_one_screen() {
    let (host, fine, blocked) = (Host::new(), Fake::new(), Fake::new());
    blocked.shows(&site::blocked("NO_BUNDLE"));
    host.proves("fine", &host.daily(&fine, &[]), 0, "OK");
    host.proves("blocked", &host.daily(&blocked, &[]), 2, "NO_BUNDLE");
    let diff = host.run(&["runs", "diff"]);
    assert_eq!(diff.code, Some(0), "{diff:?}");
    for text in ["[4/5] ≠ Live cycle", "[2/5] = Backend health", "exit_code", "0 -> 2", "OK -> NO_BUNDLE"] {
        assert!(diff.stdout.contains(text), "{text}: {}", diff.stdout);
    }
    for (lang, words) in
        [("en", ["blocked", "Reason: NO_BUNDLE", "Next"]), ("ko", ["차단", "사유: NO_BUNDLE", "다음 명령"])]
    {
        let told = host.run(&["explain", "--lang", lang]);
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(words.iter().all(|word| told.stdout.contains(word)), "{lang}: {}", told.stdout);
        assert!((5..=24).contains(&told.stdout.lines().count()), "{lang}: one screen: {}", told.stdout);
    }
    assert!(host.run(&["explain", "-2", "--lang", "en"]).stdout.contains("Reason: OK"));
    for args in [&["runs", "list"][..], &["runs", "show"], &["runs", "show", "-2"], &["runs", "diff", "latest", "-2"]] {
        let (text, mut json) = (host.run(args), args.to_vec());
        json.push("--json");
        assert!(text.code == Some(0) && !text.stdout.is_empty(), "{args:?}: {text:?}");
        serde_json::from_str::<Value>(&host.run(&json).stdout).expect("JSON");
    }
}

#[test]
fn a_run_that_cannot_be_recorded_fails_and_harms_no_later_run() {
    for blocked in [CHAIN, layout::SUMMARY_LOG, "reports/ops/daily_ops/snapshots"] {
        let (host, fake) = (Host::new(), Fake::new());
        host.proves("before", &host.daily(&fake, &[]), 0, "OK");
        // A file where a directory is due, and a directory where a file is due: nothing can be written there.
        let (place, aside) = (host.root().join(blocked), host.root().join("aside"));
        std::fs::rename(&place, &aside).expect("moved");
        if aside.is_dir() {
            std::fs::File::create(&place).expect("made");
        } else {
            std::fs::create_dir(&place).expect("made");
        }
        let ran = host.daily(&fake, &[]);
        assert_eq!(ran.code, Some(3), "{blocked}: {ran:?}");
        assert_eq!(ran.stdout.matches("DAILY_SUMMARY ").count(), 1, "{blocked}: {ran:?}");
        assert!(ran.stdout.contains("Reason=STORE_FAILED"), "{blocked}: {ran:?}");
        assert_eq!(host.read(layout::PROOF_EXIT), "3\n", "{blocked}");
        if place.is_dir() {
            std::fs::remove_dir(&place).expect("removed");
        } else {
            std::fs::remove_file(&place).expect("removed");
        }
        std::fs::rename(&aside, &place).expect("moved back");
        let after = host.daily(&fake, &[]);
        assert_eq!(after.code, Some(0), "{blocked}: {after:?}");
        let proved = host.run(&["runs", "verify"]);
        assert_eq!(proved.code, Some(0), "{blocked}: {proved:?}");
        let told: Value = serde_json::from_str(&host.run(&["runs", "list", "--json"]).stdout).expect("JSON");
        let ids: Vec<&str> =
            told["runs"].as_array().expect("runs").iter().filter_map(|r| r["run_id"].as_str()).collect();
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{blocked}: each run is listed once");
        let (lines, records) = (host.read(layout::SUMMARY_LOG).lines().count(), host.read(CHAIN).lines().count());
        assert_eq!(lines, records, "{blocked}: one line a record");
    }
}
