//! The commands as their user types them.

use crate::site::Site;
use crate::site::baseline;
use crate::site::json;
use crate::site::program;
use std::process::Output;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn code(run: &Output) -> Option<i32> {
    run.status.code()
}

#[test]
fn a_run_on_named_files_writes_four_files_and_says_one_screen() {
    let site = Site::new();
    let run = site.run(&["--verify"]);
    assert_eq!(code(&run), Some(0), "{}", text(&run.stderr));
    let said = text(&run.stdout);
    assert!(
        said.starts_with("GREEN  2024-07-01..2024-12-30  calendar krx, 123 days, twice with the same result\n"),
        "{said}"
    );
    assert!(
        said.lines().count() <= 12 && said.contains("trades    on 3 days; ledger 4, validation 4, difference 0"),
        "{said}"
    );
    assert_eq!(site.read("out/recon_daily.jsonl").lines().count(), 123);
    let run = site.run(&["--json", "--calendar", "weekday"]);
    let told = json(&text(&run.stdout));
    assert_eq!(
        (told["result"].as_str(), told["exit_code"].as_u64(), told["badge"].as_str()),
        (Some("DONE"), Some(0), Some("GREEN"))
    );
    assert_eq!((told["calendar"].as_str(), told["rows"].as_u64()), (Some("weekday"), Some(131)));
    assert_eq!(told["summary"], json(&site.read("out/recon_summary.json")));
}

#[test]
fn a_gate_is_exit_two_and_a_damaged_file_exit_three() {
    type Edit = fn(&Site);
    let cases: [(&str, Edit, i32, &str); 5] = [
        (
            "coverage",
            |s| s.write("baseline.json", &baseline("2024-01-01", "2024-12-30")),
            2,
            "EVIDENCE_COVERAGE_REGRESSION",
        ),
        (
            "outside",
            |s| {
                s.evidence(&crate::site::bars()[..200]);
                s.remove("baseline.json");
            },
            2,
            "EXECUTION_OUTSIDE_EVIDENCE_COVERAGE",
        ),
        ("ledger", |s| s.write("ledger.jsonl", "{}\n"), 3, "LEDGER_PARSE_ERROR"),
        ("evidence", |s| s.write("069500.parquet", "x"), 3, "EVIDENCE_READ_ERROR"),
        ("baseline", |s| s.write("baseline.json", "x"), 3, "BASELINE_READ_ERROR"),
    ];
    for (name, edit, want, reason) in cases {
        let site = Site::new();
        assert_eq!(code(&site.run(&[])), Some(0), "{name}");
        edit(&site);
        let run = site.run(&[]);
        assert_eq!(code(&run), Some(want), "{name}");
        assert!(text(&run.stderr).contains(reason), "{name}: {}", text(&run.stderr));
        assert!(text(&run.stdout).contains(reason), "{name}");
        assert!(!site.path("out/recon_daily.jsonl").exists(), "{name}");
        let told = json(&text(&site.run(&["--json"]).stdout));
        assert_eq!(
            (told["code"].as_str(), told["exit_code"].as_i64()),
            (Some(reason), Some(i64::from(want))),
            "{name}"
        );
    }
}

#[test]
fn a_case_file_names_inputs_relative_to_itself() {
    let site = Site::new();
    for file in ["ledger.jsonl", "oos.json", "069500.parquet"] {
        let to = site.path("사례 하나/입력").join(file);
        std::fs::create_dir_all(to.parent().expect("a directory")).expect("made");
        std::fs::copy(site.path(file), to).expect("copied");
    }
    let case = r#"{"mode": "krx", "from": "2024-07-01", "to": "2024-12-30", "ledger": "입력\\ledger.jsonl",
        "validation": "입력/oos.json", "evidence": "입력/069500.parquet", "baseline": "../baseline.json"}"#;
    site.write("사례 하나/case.json", case);
    let run = |more: &[&str]| {
        let mut command = program();
        command.args(["pc", "reconcile", "--case"]).arg(site.path("사례 하나/case.json"));
        command.args(more).output().expect("started")
    };
    let out = site.path("결과 폴더").to_string_lossy().into_owned();
    assert_eq!(code(&run(&["--out", &out])), Some(0));
    let summary = site.read("결과 폴더/recon_summary.json");
    assert!(!summary.contains('\\') && !summary.contains(&*site.dir.path().to_string_lossy()), "{summary}");
    let summary = json(&summary);
    let paths: Vec<_> =
        summary["provenance"]["sources"].as_array().expect("a list").iter().map(|s| s["path"].as_str()).collect();
    let want = ["입력/ledger.jsonl", "입력/069500.parquet", "입력/oos.json", "../baseline.json"].map(Some);
    assert_eq!(paths, want);
    assert_eq!(code(&run(&[])), Some(64), "a case needs --out");
    assert_eq!(code(&run(&["--out", &out, "--calendar", "krx"])), Some(64), "a case has its own calendar");
    let wrong = [
        ("unknown mode", case.replace("\"krx\"", "\"lunar\"")),
        ("unknown key", case.replace("\"baseline\"", "\"base\"")),
        ("no evidence", case.replace("\"evidence\"", "\"baseline2\"")),
        ("no day", case.replace("2024-07-01", "2024-07-32")),
        ("days in wrong order", case.replace("2024-07-01", "2025-07-01")),
        ("no calendar", case.replace("\"mode\"", "\"holidays\": \"none.json\", \"mode\"")),
    ];
    for (name, text) in wrong {
        site.write("사례 하나/case.json", &text);
        assert_eq!(code(&run(&["--out", &out])), Some(64), "{name}");
    }
}

#[test]
fn a_case_with_another_calendar_is_not_judged_by_ours() {
    let site = Site::new();
    let case = r#"{"mode": "krx", "from": "2024-08-12", "to": "2024-08-16", "ledger": "ledger.jsonl",
        "validation": "oos.json", "evidence": "069500.parquet", "holidays": "holidays.json"}"#;
    site.write("case.json", case);
    for (name, closed, want) in [
        ("the same", r#"[{"date": "2024-08-15"}]"#, 0),
        ("open", "[]", 64),
        ("closed", r#"[{"date": "2024-08-14"}, {"date": "2024-08-15"}]"#, 64),
    ] {
        site.write("holidays.json", &format!(r#"{{"schema": "KRX_HOLIDAYS_V1", "closures": {closed}}}"#));
        let run = program()
            .args(["pc", "reconcile", "--case"])
            .arg(site.path("case.json"))
            .arg("--out")
            .arg(site.path("out"))
            .output();
        assert_eq!(code(&run.expect("started")), Some(want), "{name}");
    }
}

#[test]
fn a_workspace_is_reconciled_and_reported_by_its_own_paths() {
    let site = Site::new();
    let root = site.path("작업 공간");
    let pc = |more: &[&str]| program().arg("--root").arg(&root).arg("pc").args(more).output().expect("started");
    assert!(program().arg("init").arg(&root).output().expect("started").status.success());
    let bare = pc(&["reconcile"]);
    assert_eq!(code(&bare), Some(3));
    assert!(text(&bare.stderr).contains("IC_RECON_NOT_READY"), "{}", text(&bare.stderr));
    for (from, to) in [
        ("ledger.jsonl", "reports/validation/daily_ledger.jsonl"),
        ("oos.json", "reports/validation/oos_validation.json"),
        ("069500.parquet", "data/cache/069500.parquet"),
        ("baseline.json", "reports/recon/coverage_baseline.json"),
    ] {
        let to = root.join(to);
        std::fs::create_dir_all(to.parent().expect("a directory")).expect("made");
        std::fs::copy(site.path(from), to).expect("copied");
    }
    let done = pc(&["--json", "reconcile", "--verify"]);
    assert_eq!(code(&done), Some(0), "{}", text(&done.stderr));
    let told = json(&text(&done.stdout));
    assert_eq!(told["summary"]["period"], serde_json::json!({"from": "2024-07-01", "to": "2024-11-29"}));
    assert_eq!(told["summary"]["provenance"]["sources"][0]["path"], "reports/validation/daily_ledger.jsonl");
    let snapshot = told["snapshot"].as_str().expect("a snapshot").to_owned();
    let same = |name: &str| {
        let read = |dir: &str| std::fs::read(root.join(dir).join(name)).expect(name);
        read("reports/phase_c/latest") == read(&snapshot)
    };
    assert!(
        ["recon_daily.jsonl", "recon_summary.json", "report_human.json", "report_ai.json"]
            .iter()
            .all(|name| same(name))
    );
    assert_eq!(code(&pc(&["report", "--verify"])), Some(0));
    let report = pc(&["report"]);
    assert!(text(&report.stdout).starts_with("GREEN  2024-07-01~2024-11-29\n"), "{}", text(&report.stdout));
    assert!(!same("report_ai.json"), "made at another time");
    std::fs::remove_file(root.join("reports/phase_c/latest/recon_summary.json")).expect("removed");
    let half = pc(&["report"]);
    assert_eq!((code(&half), text(&half.stderr).contains("IC_RECON_NOT_READY")), (Some(3), true));
}

#[test]
fn wrong_usage_is_told_before_anything_is_read() {
    let site = Site::new();
    let out = site.path("out").to_string_lossy().into_owned();
    let cases: [(&str, &[&str]); 4] = [
        ("no ledger", &["--out", &out]),
        ("order of days", &["--from", "2024-12-30", "--to", "2024-07-01"]),
        ("no day", &["--from", "today"]),
        ("calendar", &["--calendar", "lunar"]),
    ];
    for (name, more) in cases {
        let run = program()
            .arg("--root")
            .arg(site.dir.path())
            .args(["pc", "reconcile"])
            .args(more)
            .output()
            .expect("started");
        assert_eq!(code(&run), Some(64), "{name}: {}", text(&run.stderr));
        assert!(!site.path("out").exists(), "{name}");
    }
}

#[test]
fn a_short_report_over_its_budget_is_exit_two() {
    let site = Site::new();
    let long = "X".repeat(1200);
    site.write(
        "recon_summary.json",
        &format!(r#"{{"schema": "RECON_SUMMARY_V1", "integrity": {{"critical_days": 1, "top_codes": [{{"code": "{long}", "days": 1}}]}}}}"#),
    );
    let run = program().args(["pc", "report", "--dir"]).arg(site.dir.path()).output().expect("started");
    assert_eq!(code(&run), Some(2), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("IC_AI_REPORT_BUDGET_EXCEEDED"));
    assert!(!site.path("report_human.json").exists());
}
