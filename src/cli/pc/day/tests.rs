//! What people read of the day's work, row by row.

use serde_json::json;

use super::*;

fn row(stage: &str, end: PcEnd) -> PcStage {
    PcStage {
        stage: stage.to_owned(),
        end,
        exit_code: Some(2),
        command: format!("daily_ops pc {stage}"),
        summary: "so it is".to_owned(),
        remarks: Vec::new(),
        duration_ms: 1_250,
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_stage_is_summed_up_in_what_a_person_looks_for() {
    let cases = [
        ("prepare", json!(null), "the work tree is in order and the newest"),
        (
            "collect",
            json!({"fresh": 2, "last_session": "2026-11-20", "tickers": [
                {"vendor": "yahoo"}, {"vendor": "naver"}, {"vendor": "naver"}, {"vendor": null}]}),
            "2 of 4 tickers to 2026-11-20 (naver, yahoo)",
        ),
        (
            "backtest",
            json!({"summary": {"cagr": -4.861, "mdd": 25.976, "sharpe": null, "total_trades": 184},
                "meta": {"strategy": "KRX_MOMENTUM_V1", "start_date": "2023-11-22", "end_date": "2026-11-20"}}),
            "KRX_MOMENTUM_V1 2023-11-22..2026-11-20  CAGR -4.86 %  MDD 25.98 %  Sharpe -  184 fills",
        ),
        (
            "reconcile",
            json!({"badge": "GREEN", "summary": {"kpis": {
                "gate_open": 125, "chop_block": 340, "bear_block": 264, "no_data": 0, "executed": 131}}}),
            "GREEN  open 125, no trend 340, falling 264, no data 0; fills on 131 days",
        ),
        (
            "report",
            json!({"badge": "YELLOW", "page": ["reports/pc/page/report.html", "a.svg"]}),
            "YELLOW  reports/pc/page/report.html",
        ),
        (
            "bundle",
            json!({"bundle_id": "97d9f731-0940-4243-9d4e-4ce672902d6c", "regime": {"code": "NEUTRAL"},
                "scorer": {"top_picks": [{"ticker": "114800", "score": 92.5}, {"ticker": "069500", "score": 82.5},
                    {"ticker": "122630", "score": 50.0}, {"ticker": "229200", "score": 25.0}]}}),
            "97d9f731  NEUTRAL  114800 92.5, 069500 82.5, 122630 50.0",
        ),
        (
            "publish",
            json!({"commit": "8c0a61978a17d21efb2c", "files": ["a", "b"], "pushed": true, "dry_run": false,
                "branch": "main"}),
            "8c0a61978a  2 files pushed to main",
        ),
        ("publish", json!({"files": ["a"], "dry_run": true}), "dry run: 1 files would be committed"),
        (
            "publish",
            json!({"files": [], "dry_run": false, "pushed": false, "message": "nothing to do"}),
            "nothing to do",
        ),
    ];
    for (stage, told, want) in cases {
        assert_eq!(summary(stage, &told), want, "{stage}");
    }
}

#[test]
fn a_result_that_is_not_what_was_expected_is_summed_up_without_a_fault() {
    for told in [json!(null), json!([]), json!("text"), json!({"tickers": 7, "page": {}, "scorer": [], "summary": ""})]
    {
        for stage in ["prepare", "collect", "backtest", "reconcile", "report", "bundle", "publish"] {
            assert!(!summary(stage, &told).contains('\n'), "{stage} {told}");
        }
    }
}

#[test]
fn a_line_marks_how_the_stage_ended() {
    let cases = [
        (PcEnd::Done, "✓ report     so it is  [1.2 s]"),
        (PcEnd::Blocked, "❌ report     so it is  [1.2 s]"),
        (PcEnd::Fault, "❌ report     so it is  [1.2 s]"),
        (PcEnd::Usage, "❌ report     so it is  [1.2 s]"),
        (PcEnd::Skipped, "· report     so it is"),
    ];
    for (end, want) in cases {
        assert_eq!(stage_line(&row("report", end)), want, "{end:?}");
    }
}

#[test]
fn the_ending_names_the_stage_its_code_and_what_to_type() {
    let run = |result, failed: Option<&str>, run_id: Option<&str>| PcRun {
        schema: PcRun::SCHEMA.to_owned(),
        asof: Stamp::default(),
        result,
        exit_code: 3,
        failed_stage: failed.map(str::to_owned),
        run_id: run_id.map(str::to_owned),
        stages: vec![row("bundle", PcEnd::Blocked), row("publish", PcEnd::Fault)],
        duration_ms: 2_460,
    };
    let cases = [
        (run(PcEnd::Done, None, Some("run_1")), "done in 2.5 s, run run_1"),
        (run(PcEnd::Done, None, None), "done in 2.5 s"),
        (
            run(PcEnd::Blocked, Some("bundle"), None),
            "blocked at bundle (exit 3): nothing was published; repeat it alone: daily_ops pc bundle",
        ),
        (
            run(PcEnd::Fault, Some("publish"), None),
            "failed at publish (exit 3): see above what was kept; repeat it alone: daily_ops pc publish",
        ),
        (
            run(PcEnd::Usage, Some("bundle"), None),
            "failed at bundle (exit 3): nothing was published; repeat it alone: daily_ops pc bundle",
        ),
    ];
    for (run, want) in cases {
        assert_eq!(ending(&run), want);
    }
}

#[test]
fn the_cause_is_what_is_marked_as_one_else_what_was_said_last() {
    let cases: [(&[&str], Option<&str>, &[&str]); 4] = [
        (&[], None, &[]),
        (&["⚠️ a", "blocked: B: no"], Some("blocked: B: no"), &["⚠️ a"]),
        (&["⚠️ a", "❌ C: failed", "commit 1 is kept"], Some("C: failed"), &["⚠️ a", "commit 1 is kept"]),
        (&["❌ first", "❌ second"], Some("second"), &["❌ first"]),
    ];
    for (said, cause, left) in cases {
        let mut remarks = texts(said);
        assert_eq!(take_cause(&mut remarks).as_deref(), cause, "{said:?}");
        assert_eq!(remarks, texts(left), "{said:?}");
    }
}

#[test]
fn the_run_id_is_that_of_a_publish_that_reached_the_remote() {
    let told = json!({"run_id": "run_1", "result": "OK", "pushed": true, "dry_run": false});
    let with = |key: &str, value: Value| {
        let mut told = told.clone();
        told[key] = value;
        told
    };
    let cases = [
        ("pushed", "publish", PcEnd::Done, told.clone(), true),
        ("another stage", "bundle", PcEnd::Done, told.clone(), false),
        ("failed", "publish", PcEnd::Fault, told.clone(), false),
        ("a dry run", "publish", PcEnd::Done, with("dry_run", json!(true)), false),
        ("nothing new", "publish", PcEnd::Done, with("result", json!("NO_CHANGES")), false),
        ("not pushed", "publish", PcEnd::Done, with("pushed", json!(false)), false),
        ("no document", "publish", PcEnd::Done, Value::Null, false),
    ];
    for (name, stage, end, document, is_there) in cases {
        let ended = Ended { row: row(stage, end), document };
        assert_eq!(published(&ended).is_some(), is_there, "{name}");
    }
}

#[test]
fn the_flags_reach_the_stages_that_they_are_for() {
    let all =
        RunArgs { offline: false, synthetic: Some(7), dry_run: true, allow_error: true, only_before_session: true };
    let few =
        RunArgs { offline: true, synthetic: None, dry_run: false, allow_error: false, only_before_session: false };
    let commands = |args: &RunArgs, root: Option<&str>| -> Vec<String> {
        stages(args, root.map(Path::new)).iter().map(Stage::command).collect()
    };
    let publish = "daily_ops pc publish --dry-run --allow-synthetic --allow-error --only-before-session";
    let full = commands(&all, None);
    assert_eq!((full[1].as_str(), full[6].as_str()), ("daily_ops pc collect --synthetic 7", publish));
    let few = commands(&few, Some("/data/site"));
    let want = [
        "daily_ops --root /data/site pc publish --dry-run",
        "daily_ops --root /data/site pc collect --offline",
        "daily_ops --root /data/site pc backtest",
        "daily_ops --root /data/site pc reconcile",
        "daily_ops --root /data/site pc report",
        "daily_ops --root /data/site pc bundle",
        "daily_ops --root /data/site pc publish",
    ];
    assert_eq!(few, want);
}

#[test]
fn a_root_is_quoted_when_a_shell_would_take_it_apart() {
    let cases = [
        ("/data/site", "/data/site"),
        (r"C:\ops\site-1", r"C:\ops\site-1"),
        ("/data/my site", "\"/data/my site\""),
        ("연구 PC", "\"연구 PC\""),
    ];
    for (path, want) in cases {
        assert_eq!(quoted(path), want);
    }
}

#[test]
fn every_exit_code_has_its_end() {
    let cases = [(0, PcEnd::Done), (2, PcEnd::Blocked), (3, PcEnd::Fault), (64, PcEnd::Usage), (101, PcEnd::Fault)];
    for (code, end) in cases {
        assert_eq!(end_of(code), end, "{code}");
    }
}
