//! The recommendation: what each bundle gives.

use serde_json::Value;
use serde_json::json;

use crate::contracts::Json;
use crate::contracts::integrity;
use crate::contracts::integrity::Integrity;
use crate::contracts::reco::RecoReport;
use crate::ops::Ops;
use crate::ops::tests::site::Site;
use crate::ops::tests::site::policy;
use crate::ops::tests::site::stale;
use crate::store::Stored;
use crate::store::layout;

fn decided(report: &RecoReport) -> (String, String) {
    (report.decision.clone().unwrap_or_default(), report.reason.clone().unwrap_or_default())
}

#[test]
fn every_row_of_the_table_gives_its_report() {
    type Edit = fn(&Site);
    let no_signal: Edit = |site| {
        site.bundle(|doc| {
            doc["strategy"]["scorer"]["status"] = "SKIPPED".into();
            doc["strategy"]["holding_action"] = json!({"status": "NO_ACTION", "items": []});
        });
    };
    let cases: [(&str, Edit, &str, &str); 8] = [
        ("none", |_| (), "EMPTY_RECO", "NO_BUNDLE"),
        ("damaged", |site| site.text(layout::BUNDLE.latest, "{half"), "BLOCKED", "BUNDLE_FAIL"),
        (
            "changed after signing",
            |site| {
                site.bundle(|_| ());
                let text = String::from_utf8(site.store.read(layout::BUNDLE.latest).expect("read").expect("there"));
                site.text(layout::BUNDLE.latest, &text.expect("text").replace("0.25", "0.9"));
            },
            "BLOCKED",
            "BUNDLE_FAIL",
        ),
        ("stale", |site| site.bundle(stale), "EMPTY_RECO", "BUNDLE_STALE"),
        ("no signal", no_signal, "EMPTY_RECO", "NO_SIGNAL"),
        (
            "base bundle without sections",
            |site| {
                site.bundle(|doc| {
                    let strategy = doc["strategy"].as_object_mut().expect("an object");
                    strategy.remove("scorer");
                    strategy.remove("holding_action");
                });
            },
            "EMPTY_RECO",
            "NO_SIGNAL",
        ),
        (
            "empty universe is no bundle",
            |site| site.bundle(|d| d["strategy"]["universe"] = json!([])),
            "BLOCKED",
            "BUNDLE_FAIL",
        ),
        ("usable", |site| site.bundle(|_| ()), "GENERATED", "SUCCESS"),
    ];
    for (name, edit, decision, reason) in cases {
        let site = Site::empty();
        edit(&site);
        let made = site.ops().regenerate_reco().expect(name);
        let report = &made.report;
        assert_eq!(decided(report), (decision.to_owned(), reason.to_owned()), "{name}");
        assert_eq!(report.source_bundle.is_none(), reason == "NO_BUNDLE", "{name}");
        let generated = decision == "GENERATED";
        assert_eq!(report.constraints_applied.is_some(), generated, "{name}");
        assert_eq!(report.top_picks.as_ref().map(Vec::len), Some(if generated { 2 } else { 0 }), "{name}");
        assert_eq!(report.holding_actions.as_ref().map(Vec::len), Some(if generated { 2 } else { 0 }), "{name}");
        assert!(report.recommendations.is_none(), "{name}");
        assert_eq!(integrity::verify(&Json::of(report).expect("json")), Integrity::Proven, "{name}");
        assert_eq!(report.asof, report.created_at);
        assert_eq!(Stored::Present(report.clone()), site.ops().latest_reco(), "{name}");
        assert_eq!(Stored::Present(report.clone()), site.store.document(&made.published.snapshot_ref), "{name}");
    }
}

#[test]
fn a_generated_report_passes_the_signals_on_unchanged() {
    let site = Site::good();
    let report = site.ops().regenerate_reco().expect("made").report;
    let picks = report.top_picks.expect("picks");
    assert_eq!(
        picks[0],
        json!({"ticker": "229200", "score": 77.5, "reason": "RANK_SCORE", "reason_detail": "mom_rank=1/2 vol_rank=2/2"})
    );
    let summary = report.summary.expect("counts");
    assert_eq!((summary.total_positions, summary.buy_count, summary.sell_count, summary.hold_count), (2, 1, 1, 0));
    assert!((summary.cash_pct - 1.0).abs() < f64::EPSILON);
    let limits = report.constraints_applied.expect("limits");
    assert_eq!((limits.max_position_pct, limits.max_positions, limits.min_cash_pct), (0.25, 4, 0.1));
    let source = report.source_bundle.expect("a source");
    assert_eq!(source.bundle_decision.as_deref(), Some("PASS"));
    assert_eq!(source.latest_ref.as_deref(), Some(layout::BUNDLE.latest));
    assert_eq!(source.integrity.map(|i| i.payload_sha256.len()), Some(64));
}

#[test]
fn weights_count_as_invested() {
    let site = Site::good();
    site.bundle(|doc| {
        doc["strategy"]["scorer"]["top_picks"] = json!([]);
        doc["strategy"]["holding_action"]["items"] = json!([
            {"ticker": "069500", "action": "HOLD", "weight_pct": 0.7}, {"ticker": "229200", "action": "BUY", "weight_pct": 0.2},
        ]);
    });
    let report = site.ops().regenerate_reco().expect("made").report;
    assert_eq!(report.top_picks, Some(Vec::new()));
    let summary = report.summary.expect("counts");
    assert_eq!((summary.total_positions, summary.buy_count, summary.hold_count), (2, 1, 1));
    assert_eq!(summary.cash_pct.to_string(), "0.1");
}

#[test]
fn damaged_signals_never_read_as_no_signal() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit, &str); 4] = [
        ("a section of another type", |d| d["strategy"]["scorer"] = json!([1]), "TYPE_WRONG: strategy.scorer"),
        ("an unknown status", |d| d["strategy"]["scorer"]["status"] = json!("Ok"), "RANGE: strategy.scorer.status"),
        ("no list", |d| d["strategy"]["holding_action"]["items"] = json!(null), "TYPE_WRONG: strategy.holding_action"),
        ("a row", |d| d["strategy"]["scorer"]["top_picks"][0] = json!(7), "TYPE_WRONG: strategy.scorer.top_picks[0]"),
    ];
    for (name, edit, want) in cases {
        let site = Site::good();
        site.bundle(edit);
        let report = site.ops().regenerate_reco().expect(name).report;
        assert_eq!(decided(&report), ("BLOCKED".to_owned(), "BUNDLE_FAIL".to_owned()), "{name}");
        assert!(report.reason_detail.is_some_and(|text| text.starts_with(want)), "{name}");
    }
}

#[test]
fn a_valid_bundle_that_cannot_be_read_again_is_a_system_error() {
    let site = Site::good();
    let ops = site.ops();
    let good = ops.bundle();
    let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).ok();
    let cases = [
        ("no document", None),
        ("a number beyond the range", raw(r#"{"strategy":{"x":1e999}}"#)),
        ("no strategy", raw("{}")),
        ("no list", raw(r#"{"strategy":{"scorer":{"status":"OK"}}}"#)),
    ];
    for (name, document) in cases {
        let view = crate::ops::BundleView { document, ..good.clone() };
        let turn = ops.turn().expect(name);
        let report = ops.publish_reco(Ok(&view), &turn).expect(name).report;
        assert_eq!(decided(&report), ("BLOCKED".to_owned(), "SYSTEM_ERROR".to_owned()), "{name}");
    }
}

#[test]
fn a_panic_and_a_missing_policy_are_told_apart() {
    let site = Site::good();
    let panicking = Ops::new(site.store.clone(), site.clock.clone(), Box::new(|| panic!("no \"policy\" today")));
    let report = panicking.regenerate_reco().expect("written all the same").report;
    assert_eq!(decided(&report), ("BLOCKED".to_owned(), "SYSTEM_ERROR".to_owned()));
    assert_eq!(report.reason_detail.as_deref(), Some("no 'policy' today"));
    let failing =
        Ops::new(site.store.clone(), site.clock.clone(), Box::new(|| Err("SIGNATURE_KEY_UNREADABLE: x".into())));
    let view = failing.bundle();
    assert_eq!(
        (view.validation.decision.as_str(), view.validation.valid, view.validation.stale),
        ("FAIL", false, true)
    );
    assert_eq!(view.validation.issues, ["SIGNATURE_KEY_UNREADABLE: x"]);
    assert_eq!(view.validation.strategy_name.as_deref(), Some("KRX_MOMENTUM_V1"));
    assert!(view.document.is_none());
    site.store.remove(layout::BUNDLE.latest).expect("removed");
    assert_eq!(failing.bundle().validation.decision.as_str(), "NO_BUNDLE");
}

#[test]
fn the_policy_is_read_anew_each_time() {
    let site = Site::good();
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let rotating = Ops::new(
        site.store.clone(),
        site.clock.clone(),
        Box::new(move || {
            let first = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            Ok(if first { crate::ops::OpsPolicy::default() } else { policy() })
        }),
    );
    assert_eq!(rotating.bundle().validation.decision.as_str(), "FAIL");
    let view = rotating.bundle();
    assert_eq!(view.validation.decision.as_str(), "PASS");
    let stored: Value = serde_json::from_str(view.document.expect("valid").get()).expect("json");
    assert_eq!(stored["schema"], "STRATEGY_BUNDLE_V1");
}

#[test]
fn the_base_form_of_a_report_is_read() {
    let site = Site::good();
    site.json(
        layout::RECO.latest,
        &json!({"schema": "RECO_REPORT_V1", "report_id": "r", "decision": "EMPTY_RECO", "reason": "BUNDLE_STALE: No created_at timestamp",
            "recommendations": [], "summary": {"total_positions": 0, "buy_count": 0, "sell_count": 0, "hold_count": 0, "cash_pct": 1.0}}),
    );
    let summary = site.ops().regenerate_summary().expect("made").summary;
    let reco = summary.reco.expect("a block");
    assert!(reco.present && reco.summary.is_some() && reco.snapshot_ref.is_none());
    assert_eq!(summary.top_risks.iter().map(|r| r.code.as_str()).collect::<Vec<_>>(), ["RECO_SUPERSEDED"]);
}

#[test]
fn a_long_float_survives_the_way_through_the_report() {
    let site = Site::good();
    site.bundle(|doc| doc["strategy"]["scorer"]["top_picks"][0]["score"] = json!(0.060_000_000_000_000_005_f64 + 77.0));
    let report = site.ops().regenerate_reco().expect("made").report;
    assert_eq!(Stored::Present(report), site.ops().latest_reco());
}
