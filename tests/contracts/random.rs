//! What holds for any value: what was written is read again, and nothing that stands in a field makes a reader panic.

use daily_ops::contracts::Document;
use daily_ops::contracts::RunId;
use daily_ops::contracts::StageClass;
use daily_ops::contracts::cycle::CycleBundle;
use daily_ops::contracts::cycle::CycleDecision;
use daily_ops::contracts::cycle::CycleReceipt;
use daily_ops::contracts::cycle::CycleResult;
use daily_ops::contracts::run::RunRecord;
use daily_ops::contracts::summary::OpsSummary;
use daily_ops::contracts::summary::OverallStatus;
use daily_ops::contracts::summary::Risk;
use daily_ops::contracts::summary::Severity;
use daily_ops::time::Stamp;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::proptest;
use serde_json::Value;

use super::support::all_places;
use super::support::bytes_of;
use super::support::golden;
use super::support::text;
use super::typed::TYPED;

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z_]{1,12}", "[ -~]{0,20}", "[가-힣 \"\\\\\n\t]{0,8}", ".{0,12}"]
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), words().prop_map(Some)]
}

fn list() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(words(), 0..4)
}

/// Any JSON, three levels deep.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(words(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn prop_a_receipt_is_read_as_it_was_written(
        (cycle_id, trace_id, reason, snapshot_ref) in (maybe(), maybe(), maybe(), maybe()),
        (evidence_refs, error) in (list(), maybe()),
        (result, decision) in (any::<Option<bool>>(), 0..4_usize),
        (stale, valid) in any::<(bool, bool)>(),
        at in maybe(),
    ) {
        let decisions = [None, Some(CycleDecision::Completed), Some(CycleDecision::Partial), Some(CycleDecision::Blocked)];
        let receipt = CycleReceipt {
            schema: CycleReceipt::SCHEMA.to_owned(),
            cycle_id: cycle_id.clone(), trace_id, reason, snapshot_ref, evidence_refs: evidence_refs.clone(),
            asof: at.as_deref().map(Stamp::from),
            result: result.map(|ok| if ok { CycleResult::Ok } else { CycleResult::Failed }),
            decision: decisions[decision],
            bundle: Some(CycleBundle {
                success: valid, latest_ref: None, decision: error.clone(), stale, valid, bundle_id: cycle_id,
                strategy_name: None, evidence_refs, error,
            }),
            ..CycleReceipt::default()
        };
        assert_eq!(CycleReceipt::parse(&receipt.to_bytes().expect("bytes")), Ok(receipt));
    }

    #[test]
    fn prop_a_summary_is_read_as_it_was_written(
        risks in proptest::collection::vec((words(), 0..3_usize, words(), list()), 0..5),
        (status, stop) in (0..6_usize, any::<Option<bool>>()),
        counts in any::<[u64; 3]>(),
        share in -1e9..1e9_f64,
        reason in maybe(),
    ) {
        let statuses = [None, Some(OverallStatus::Ok), Some(OverallStatus::Warn), Some(OverallStatus::Blocked),
            Some(OverallStatus::Stopped), Some(OverallStatus::NoRunHistory)];
        let severities = [Severity::Critical, Severity::Warn, Severity::Info];
        let mut summary = OpsSummary::parse(text("ops_summary_v1.json").as_bytes()).expect("a summary");
        summary.overall_status = statuses[status];
        summary.top_risks = risks.into_iter()
            .map(|(code, severity, message, evidence_refs)| Risk { code, severity: severities[severity], message, evidence_refs })
            .collect();
        if let Some(guard) = &mut summary.guard {
            guard.emergency_stop.enabled = stop;
        }
        if let Some(tickets) = &mut summary.tickets {
            (tickets.open, tickets.done, tickets.failed) = (counts[0], counts[1], counts[2]);
        }
        if let Some(reco) = &mut summary.reco {
            reco.reason = reason;
            reco.summary = reco.summary.map(|mut s| { s.cash_pct = share; s });
        }
        assert_eq!(OpsSummary::parse(&summary.to_bytes().expect("bytes")), Ok(summary));
    }

    #[test]
    fn prop_a_record_is_read_as_it_was_written(
        (detail, ops_status, rev) in (maybe(), maybe(), maybe()),
        classes in proptest::collection::vec(0..5_usize, 5),
        (elapsed, seq, status) in any::<(u64, u64, Option<u16>)>(),
        run in "[A-Za-z0-9_-]{1,64}",
        (trading_day, late, exit) in any::<(Option<bool>, bool, Option<u8>)>(),
    ) {
        let all = [StageClass::Ok, StageClass::Warn, StageClass::Block, StageClass::Fail, StageClass::Skipped];
        let mut record = RunRecord::parse(text("daily_ops_run_v1.json").as_bytes()).expect("a record");
        record.run_id = RunId::try_from(run).expect("an id");
        record.reason_detail = detail;
        record.ops_status = ops_status;
        record.host_rev_before = rev;
        record.trading_day = trading_day;
        record.late = late;
        record.exit_code = exit;
        record.chain.seq = seq;
        for (stage, class) in record.stages.iter_mut().zip(classes) {
            stage.class = all[class];
            stage.elapsed_ms = elapsed;
            stage.http_status = status;
        }
        assert_eq!(RunRecord::parse(&record.to_bytes().expect("bytes")), Ok(record));
    }

    #[test]
    fn prop_no_value_in_any_field_makes_a_reader_panic(index in 0..TYPED.len(), place in any::<u32>(), value in anything()) {
        let (name, rewrite, _) = TYPED[index];
        let mut document = golden(name);
        let places = all_places(&document);
        let (pointer, _) = &places[place as usize % places.len()];
        *document.pointer_mut(pointer).expect("a place") = value;
        // Whatever is read can be written and read again.
        if let Ok(again) = rewrite(&bytes_of(&document)) {
            assert_eq!(rewrite(&again).as_ref(), Ok(&again), "{name} {pointer}");
        }
    }
}
