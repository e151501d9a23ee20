//! Every integrity code of a day, where it fires and where it just does not, and the quirks of the reference's calendar.

use crate::site::Bar;
use crate::site::Site;
use crate::site::bars;
use crate::site::codes;
use crate::site::day;
use crate::site::ledger;
use crate::site::row;
use daily_ops::contracts::recon::DailyReason;
use daily_ops::contracts::recon::EvidenceStatus;
use daily_ops::contracts::recon::Gate;
use daily_ops::contracts::recon::Severity;
use daily_ops::pc::reconcile::CalendarMode;
use daily_ops::pc::reconcile::reconcile;
use daily_ops::time::Stamp;
use proptest::prelude::any;
use proptest::proptest;

const MISSING: &str = "IC_DATA_MISSING_WITH_EXECUTION";
const CLOSED: &str = "IC_EXECUTION_ON_CLOSED_DAY";
const JUMP: &str = "IC_EVIDENCE_PRICE_JUMP";

fn with_bars(edit: impl FnOnce(&mut Vec<Bar>)) -> Site {
    let site = Site::new();
    let mut rows = bars();
    edit(&mut rows);
    site.evidence(&rows);
    site
}

fn index(rows: &[Bar], date: &str) -> usize {
    rows.iter().position(|(other, _)| *other == day(date)).expect("a bar")
}

#[test]
fn a_trade_on_a_closed_day_is_critical_and_comes_first() {
    let site = Site::new();
    for (name, date) in [("holiday", "2024-08-15"), ("saturday", "2024-08-10"), ("sunday", "2024-08-11")] {
        site.write("ledger.jsonl", &ledger(&[(date, 1)]));
        let krx = site.krx();
        assert_eq!(codes(&krx, date), [CLOSED, MISSING], "{name}");
        assert_eq!(row(&krx, date).integrity.severity, Severity::Critical);
        assert_eq!(row(&krx, date).outcome.reason, DailyReason::ExecutedSotOverride);
        let top = krx.summary.integrity.expect("counted");
        assert_eq!((top.critical_days, top.top_codes.len()), (1, 2), "{name}");
        assert!(
            top.top_codes.iter().map(|code| code.code.as_str()).eq([MISSING, CLOSED]),
            "{name}: equal days by code"
        );
    }
    // Near misses: a line without a trade makes no row, and a session is no closed day.
    site.write("ledger.jsonl", &ledger(&[("2024-08-15", 0), ("2024-08-14", 1)]));
    let krx = site.krx();
    assert!(krx.daily.iter().all(|row| row.trade_date != "2024-08-15" && row.integrity.codes.is_empty()));
    // The reference has no such code, and no row for a weekend.
    site.write("ledger.jsonl", &ledger(&[("2024-08-15", 1), ("2024-08-10", 2)]));
    let weekday = site.weekday();
    assert_eq!(codes(&weekday, "2024-08-15"), [MISSING]);
    assert!(weekday.daily.iter().all(|row| row.trade_date != "2024-08-10"));
    assert_eq!(weekday.summary.counts.expect("counted").l1_actions, 3);
}

#[test]
fn a_trade_without_evidence_is_critical() {
    let site = with_bars(|rows| {
        let at = index(rows, "2024-08-05");
        rows.remove(at);
    });
    for result in [site.krx(), site.weekday()] {
        assert_eq!(codes(&result, "2024-08-05"), [MISSING]);
        assert_eq!(row(&result, "2024-08-05").evidence.status, EvidenceStatus::NoData);
        assert_eq!(row(&result, "2024-08-05").pointers.evidence_source, None);
        assert_eq!(row(&result, "2024-08-05").pointers.l1_source.as_deref(), Some("ledger.jsonl"));
        assert!(codes(&result, "2024-08-12").is_empty(), "a trade with evidence");
    }
    // Near miss: the same day without a trade is a day without data and nothing worse.
    site.write("ledger.jsonl", &ledger(&[("2024-08-05", 0)]));
    assert!(codes(&site.krx(), "2024-08-05").is_empty());
    assert_eq!(site.krx().summary.kpis.expect("counted").no_data, 1);
}

#[test]
fn a_close_beyond_the_limit_is_a_jump_on_cleaned_evidence_only() {
    for (name, factor, fires) in
        [("beyond", 1.3051, true), ("at the limit", 1.305, false), ("down", 0.6949, true), ("within", 0.70, false)]
    {
        let site = with_bars(|rows| {
            let at = index(rows, "2024-09-02");
            let before = rows[at - 1].1[3];
            rows[at].1 = [before * factor, before * factor, before * factor, before * factor, 1.0];
            rows.truncate(at + 1);
        });
        site.write("ledger.jsonl", "");
        site.remove("baseline.json");
        let krx = site.krx();
        let want: &[&str] = if fires { &[JUMP] } else { &[] };
        assert_eq!(codes(&krx, "2024-09-02"), want, "{name}");
        let found = krx.summary.integrity.expect("counted");
        assert_eq!((found.warning_days, found.critical_days), (u64::from(fires), 0), "{name}");
        assert!(
            site.weekday().daily.iter().all(|row| row.integrity.codes.is_empty()),
            "{name}: the reference has none"
        );
    }
    // Near miss: the jump of a row that cleaning drops is none.
    let site = with_bars(|rows| {
        let copy = rows[index(rows, "2024-08-14")].1.map(|value| value * 3.0);
        rows.push((day("2024-08-15"), copy));
    });
    assert!(site.krx().daily.iter().all(|row| row.integrity.codes.is_empty()));
    assert_eq!(
        site.krx().summary.coverage.and_then(|c| c.evidence_quality).expect("cleaned").rows_dropped_non_session,
        1
    );
}

#[test]
fn the_two_counts_are_compared_in_the_summary_of_sessions_only() {
    let site = Site::new();
    let global = |site: &Site| site.krx().summary.integrity.and_then(|found| found.global_codes).expect("krx has them");
    assert_eq!(global(&site), []);
    site.write("oos.json", r#"{"years": {"2024": {"summary": {"trades": 9}}}}"#);
    let found = global(&site);
    assert_eq!((found[0].code.as_str(), found[0].detail.as_str()), ("IC_L1_L2_MISMATCH", "delta=-5"));
    let integrity = site.krx().summary.integrity.expect("counted");
    assert_eq!((integrity.info_days, integrity.top_codes.len()), (0, 0));
    assert_eq!(site.weekday().summary.integrity.and_then(|found| found.global_codes), None);
}

#[test]
fn an_early_day_passes_for_the_reference_and_misses_data_for_us() {
    // 2024-04-03 is the 63rd bar: the short mean and the index are there, the long mean is not.
    let site = Site::new();
    site.write("ledger.jsonl", &ledger(&[("2024-04-03", 1)]));
    let at = |calendar, from: &str| {
        let mut request = site.request(calendar);
        (request.from, request.to) = (Some(day(from)), Some(day("2024-12-30")));
        reconcile(&request, &Stamp::default())
    };
    let weekday = at(CalendarMode::Weekday, "2024-01-01");
    let early = row(&weekday, "2024-04-03");
    assert_eq!((early.evidence.status, early.precheck.gate_decision), (EvidenceStatus::Ok, Gate::Pass));
    assert_eq!(early.evidence.ma_long.to_bits(), 0.0_f64.to_bits(), "not defined, and JSON has no NaN");
    assert!(early.evidence.ma_short > 0.0 && early.integrity.codes.is_empty());
    assert_eq!(row(&weekday, "2024-03-04").precheck.reason, DailyReason::DataMissing, "the short mean is not full");
    let krx = at(CalendarMode::Krx, "2024-01-01");
    let early = row(&krx, "2024-04-03");
    assert_eq!((early.evidence.status, early.precheck.reason), (EvidenceStatus::DataMissing, DailyReason::DataMissing));
    assert_eq!(early.integrity.codes, [MISSING]);
    assert_eq!(early.pointers.evidence_source.as_deref(), Some("069500.parquet"), "a bar is there");
}

#[test]
fn weekdays_take_evidence_as_it_is_and_sessions_clean_it() {
    let site = with_bars(|rows| {
        let copy = rows[0].1;
        rows.insert(0, (day("2024-08-15"), copy.map(|value| value * 2.0)));
        rows.push((day("2024-08-16"), copy));
    });
    let (krx, weekday) = (site.krx(), site.weekday());
    assert_eq!(row(&weekday, "2024-08-15").evidence.status, EvidenceStatus::Ok, "a closed day with a row");
    assert!(krx.daily.iter().all(|row| row.trade_date != "2024-08-15"));
    let quality = krx.summary.coverage.and_then(|coverage| coverage.evidence_quality).expect("cleaned");
    assert_eq!((quality.rows_total, quality.rows_dropped_duplicate, quality.rows_dropped_non_session), (246, 1, 1));
    assert_eq!(weekday.summary.coverage.and_then(|coverage| coverage.evidence_quality), None);
    assert_eq!((krx.summary.calendar.as_deref(), weekday.summary.calendar), (Some("krx"), None));
}

#[test]
fn only_lines_of_the_period_count_for_sessions_and_all_for_the_reference() {
    let site = Site::new();
    site.write("ledger.jsonl", &ledger(&[("2024-02-01", 4), ("2024-08-05", 2), ("2024-08-10", 0)]));
    assert_eq!(site.krx().summary.counts.expect("counted").l1_actions, 2);
    assert_eq!(site.weekday().summary.counts.expect("counted").l1_actions, 6);
    let range = |result: daily_ops::pc::reconcile::Reconciled| {
        result.summary.coverage.and_then(|coverage| coverage.execution_range).expect("told").min_date
    };
    assert_eq!((range(site.krx()), range(site.weekday())), ("2024-08-05".to_owned(), "2024-02-01".to_owned()));
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    #[test]
    fn prop_the_kpis_add_up_to_the_rows_whatever_was_traded(
        trades in proptest::collection::btree_map(0_u64..200, 0_u64..6, 0..40),
        cut in 0_usize..244,
        is_krx in any::<bool>(),
    ) {
        let site = with_bars(|rows| {
            let kept = rows.split_off(cut.min(rows.len() - 1));
            *rows = kept;
        });
        site.remove("baseline.json");
        let first = day("2024-06-14");
        let lines: Vec<(String, u64)> = trades.iter().map(|(after, count)| ((first + chrono::Days::new(*after)).to_string(), *count)).collect();
        let lines: Vec<(&str, u64)> = lines.iter().map(|(date, count)| (date.as_str(), *count)).collect();
        site.write("ledger.jsonl", &ledger(&lines));
        let result = if is_krx { site.krx() } else { site.weekday() };
        let summary = &result.summary;
        if let Some(kpis) = summary.kpis {
            assert_eq!(kpis.gate_open + kpis.chop_block + kpis.bear_block + kpis.no_data, result.daily.len() as u64);
            assert!(result.daily.windows(2).all(|pair| pair[0].trade_date < pair[1].trade_date));
            let actions: u64 = result.daily.iter().map(|row| row.l1.actions).sum();
            if is_krx {
                assert_eq!(summary.counts.expect("counted").l1_actions, actions, "no trade of the period is lost");
            }
        } else {
            assert!(result.daily.is_empty() && summary.is_error());
        }
    }
}
