//! What makes a result impossible: the two gates, damaged inputs, a result that cannot be repeated.

use crate::site::AT;
use crate::site::Site;
use crate::site::bars;
use crate::site::baseline;
use crate::site::code_of;
use crate::site::day;
use crate::site::error_of;
use crate::site::json;
use crate::site::ledger;
use daily_ops::contracts::Document as _;
use daily_ops::pc::reconcile::CalendarMode;
use daily_ops::pc::reconcile::Class;
use daily_ops::pc::reconcile::reconcile;
use daily_ops::pc::reconcile::verified;
use daily_ops::time::Stamp;
use serde_json::json;

#[test]
fn evidence_that_covers_less_than_the_baseline_is_refused_with_the_published_form() {
    let site = Site::new();
    site.write("baseline.json", &baseline("2024-01-01", "2024-12-30"));
    for result in [site.krx(), site.weekday()] {
        assert_eq!(code_of(&result), Some("EVIDENCE_COVERAGE_REGRESSION"));
        assert!(result.daily.is_empty());
        let (_, korean) = error_of(&result.summary);
        assert!(korean.contains("2024-01-02~2024-12-30") && korean.contains("2024-01-01~2024-12-30"), "{korean}");
        let written = json(&String::from_utf8(result.summary.to_bytes().expect("rendered")).expect("text"));
        let want = json!({
            "status": "error", "schema": "RECON_SUMMARY_V1", "generated_at": AT,
            "period": {"from": "2024-07-01", "to": "2024-12-30"},
            "error": {"code": "EVIDENCE_COVERAGE_REGRESSION", "message_ko": korean},
            "coverage": {
                "regression": true, "exec_within_evidence": false,
                "baseline": {"symbol": "069500", "min_date": "2024-01-01", "max_date": "2024-12-30"},
                "current": {"min_date": "2024-01-02", "max_date": "2024-12-30"},
            },
        });
        assert_eq!(written, want);
    }
    site.remove("069500.parquet");
    let gone = site.krx();
    assert_eq!(code_of(&gone), Some("EVIDENCE_COVERAGE_REGRESSION"));
    let coverage = gone.summary.coverage.clone().expect("told");
    assert_eq!((coverage.current.min_date.as_str(), coverage.current.max_date.as_str()), ("N/A", "N/A"));
    // Near miss: without a baseline, nothing has to be covered.
    site.remove("baseline.json");
    site.write("ledger.jsonl", "");
    let result = site.krx();
    assert_eq!(code_of(&result), None);
    let kpis = result.summary.kpis.expect("counted");
    assert_eq!((kpis.no_data, result.daily.len() as u64), (kpis.no_data, kpis.no_data), "evidence without rows");
    let coverage = serde_json::to_value(result.summary.coverage.expect("told")).expect("JSON");
    assert_eq!((&coverage["baseline"], &coverage["execution_range"]["min_date"]), (&json!({}), &json!("N/A")));
}

#[test]
fn a_trade_outside_the_evidence_is_refused_with_the_published_form() {
    let site = Site::new();
    site.remove("baseline.json");
    site.evidence(&bars()[..160]);
    let (from, to) = (bars()[0].0, bars()[159].0);
    site.write("ledger.jsonl", &ledger(&[("2024-08-05", 2), ("2024-11-29", 1)]));
    let result = site.krx();
    assert_eq!(code_of(&result), Some("EXECUTION_OUTSIDE_EVIDENCE_COVERAGE"));
    let (_, korean) = error_of(&result.summary);
    assert!(korean.contains(&format!("{from}~{to}")) && korean.contains("2024-08-05~2024-11-29"), "{korean}");
    let coverage = serde_json::to_value(result.summary.coverage.as_ref().expect("told")).expect("JSON");
    let want = json!({
        "regression": false, "exec_within_evidence": false, "baseline": {},
        "current": {"min_date": from.to_string(), "max_date": to.to_string()},
        "execution_range": {"min_date": "2024-08-05", "max_date": "2024-11-29"},
    });
    assert_eq!(coverage, want);
    // Near miss: the last day of the evidence.
    site.write("ledger.jsonl", &ledger(&[(&to.to_string(), 1), ("2024-11-29", 0)]));
    assert_eq!(code_of(&site.krx()), None);
    // Near miss: a trade before the period is none of ours, but it is the reference's.
    site.write("ledger.jsonl", &ledger(&[("2023-12-28", 1)]));
    assert_eq!((code_of(&site.krx()), code_of(&site.weekday())), (None, Some("EXECUTION_OUTSIDE_EVIDENCE_COVERAGE")));
    site.remove("069500.parquet");
    site.write("ledger.jsonl", &ledger(&[("2024-08-05", 1)]));
    let current = site.krx().summary.coverage.expect("told").current;
    assert_eq!((current.min_date.as_str(), current.max_date.as_str()), ("9999-99-99", "0000-00-00"));
}

#[test]
fn each_input_is_missing_or_damaged_in_its_own_way() {
    type Edit = fn(&Site);
    let cases: &[(&str, Edit, Option<&str>)] = &[
        ("sound", |_| {}, None),
        ("no ledger", |s| s.remove("ledger.jsonl"), None),
        ("empty ledger", |s| s.write("ledger.jsonl", ""), None),
        ("half a line", |s| s.write("ledger.jsonl", "{\"date\": \"2024-"), Some("LEDGER_PARSE_ERROR")),
        (
            "a directory as ledger",
            |s| {
                s.remove("ledger.jsonl");
                s.write("ledger.jsonl/x", "");
            },
            Some("LEDGER_PARSE_ERROR"),
        ),
        ("no validation", |s| s.remove("oos.json"), None),
        ("damaged validation", |s| s.write("oos.json", "{"), None),
        ("evidence is no parquet", |s| s.write("069500.parquet", "PAR1"), Some("EVIDENCE_READ_ERROR")),
        ("empty evidence file", |s| s.write("069500.parquet", ""), Some("EVIDENCE_READ_ERROR")),
        ("evidence without bars", |s| s.evidence(&[]), Some("EVIDENCE_COVERAGE_REGRESSION")),
        ("no baseline", |s| s.remove("baseline.json"), None),
        ("damaged baseline", |s| s.write("baseline.json", "{\"evidence\": {}}"), Some("BASELINE_READ_ERROR")),
        ("empty baseline", |s| s.write("baseline.json", ""), Some("BASELINE_READ_ERROR")),
    ];
    for (name, edit, want) in cases {
        let site = Site::new();
        edit(&site);
        for result in [site.krx(), site.weekday()] {
            assert_eq!(code_of(&result), *want, "{name}");
            assert_eq!(result.summary.is_error(), want.is_some(), "{name}");
            assert_eq!(
                result.warnings.len(),
                usize::from(name.contains("validation")),
                "{name}: {:?}",
                result.warnings
            );
            let period = result.summary.period.expect(name);
            assert_eq!(period.from, "2024-07-01", "{name}: the error form has the period too");
            if name.contains("validation") {
                assert_eq!(result.summary.counts.expect(name).l2_trades, 0, "{name}");
            }
        }
    }
}

#[test]
fn the_class_of_a_refusal_is_a_block_for_the_gates_and_a_fault_for_the_rest() {
    let site = Site::new();
    site.write("baseline.json", &baseline("2024-01-01", "2024-12-30"));
    assert_eq!(site.krx().refusal.expect("refused").class(), Class::Gate);
    site.write("ledger.jsonl", "x");
    let refusal = site.krx().refusal.expect("refused");
    assert_eq!((refusal.class(), refusal.code.as_str()), (Class::Fault, "LEDGER_PARSE_ERROR"));
    assert!(refusal.message.contains("ledger.jsonl, line 1: "), "{}", refusal.message);
    assert!(refusal.message_ko.contains("1번째 줄"), "{}", refusal.message_ko);
}

#[test]
fn the_period_comes_from_the_ledger_and_a_ledger_without_days_gives_none() {
    let site = Site::new();
    let open = |calendar| {
        let mut request = site.request(calendar);
        (request.from, request.to) = (None, None);
        reconcile(&request, &Stamp::from(AT))
    };
    let period = |result: &daily_ops::pc::reconcile::Reconciled| {
        let period = result.summary.period.clone().expect("told");
        (period.from, period.to)
    };
    let own = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(period(&open(CalendarMode::Krx)), own("2024-07-01", "2024-11-29"));
    assert_eq!(period(&open(CalendarMode::Weekday)), own("2024-01-01", "2025-12-31"));
    site.write("ledger.jsonl", "");
    let none = open(CalendarMode::Krx);
    assert_eq!((code_of(&none), period(&none)), (Some("IC_RECON_NOT_READY"), own("N/A", "N/A")));
    let mut request = site.request(CalendarMode::Krx);
    (request.from, request.to) = (Some(day("2024-07-02")), Some(day("2024-07-01")));
    assert_eq!(code_of(&reconcile(&request, &Stamp::from(AT))), Some("IC_RECON_NOT_READY"));
}

#[test]
fn a_result_that_changes_between_two_runs_is_none() {
    let site = Site::new();
    let at = Stamp::from(AT);
    let steady = verified(|| site.krx(), &at);
    assert_eq!((code_of(&steady), steady == site.krx()), (None, true));
    let mut runs = 0;
    let moved = verified(
        || {
            runs += 1;
            site.write("ledger.jsonl", &ledger(&[("2024-08-05", runs)]));
            site.krx()
        },
        &at,
    );
    assert_eq!((code_of(&moved), runs), (Some("IC_RECON_NON_DETERMINISTIC"), 2));
    assert_eq!(moved.refusal.as_ref().map(|refusal| refusal.class()), Some(Class::Fault));
    assert!(moved.summary.is_error() && moved.daily.is_empty());
    assert_eq!(moved.summary.period.as_ref().map(|period| period.from.as_str()), Some("2024-07-01"));
    // Only the time of the run differs: the same result.
    let mut second = 0;
    let later = verified(
        || {
            second += 1;
            reconcile(
                &site.request(CalendarMode::Krx),
                &Stamp::from(format!("2025-01-02T18:00:0{second}+09:00").as_str()),
            )
        },
        &at,
    );
    assert_eq!(code_of(&later), None);
}

#[test]
fn a_result_of_no_file_proves_nothing() {
    let site = Site::new();
    let at = Stamp::from(AT);
    for file in ["ledger.jsonl", "oos.json", "069500.parquet", "baseline.json"] {
        site.remove(file);
    }
    assert_eq!(code_of(&site.krx()), None, "without --verify a result without rows");
    let found = verified(|| site.krx(), &at);
    assert_eq!(code_of(&found), Some("IC_PROVENANCE_MISSING"));
    let sources_gone = verified(
        || {
            let mut result = site.krx();
            result.summary.provenance.iter_mut().for_each(|provenance| provenance.sources.clear());
            result
        },
        &at,
    );
    assert_eq!(code_of(&sources_gone), Some("IC_PROVENANCE_MISSING"));
    // Near miss: one input is enough to name.
    site.write("ledger.jsonl", "");
    assert_eq!(code_of(&verified(|| site.krx(), &at)), None);
}

#[test]
fn what_was_refused_is_refused_twice_as_well() {
    let site = Site::new();
    site.write("baseline.json", &baseline("2024-01-01", "2024-12-30"));
    let found = verified(|| site.krx(), &Stamp::from(AT));
    assert_eq!(code_of(&found), Some("EVIDENCE_COVERAGE_REGRESSION"));
}
