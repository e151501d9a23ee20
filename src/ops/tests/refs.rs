//! Refs in documents resolve at the moment they are written.

use serde_json::Value;

use crate::contracts::Document;
use crate::contracts::EvidenceRef;
use crate::contracts::actor::Actor;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::message::DailyStatusPush;
use crate::contracts::message::IncidentKind;
use crate::contracts::message::IncidentPush;
use crate::contracts::message::MessageMode;
use crate::contracts::order_plan::OrderPlan;
use crate::contracts::push::PushPreview;
use crate::contracts::reco::RecoReport;
use crate::contracts::summary::OpsSummary;
use crate::ops::Remake;
use crate::ops::Report;
use crate::ops::tests::site::Site;
use crate::ops::tests::site::stale;
use crate::store::Store;
use crate::store::layout;

/// Fields whose texts are refs, wherever they stand.
const REF_FIELDS: [&str; 7] = [
    "evidence_refs",
    "snapshot_ref",
    "latest_ref",
    "preview_ref",
    "source_outbox_ref",
    "failed_line_refs",
    "send_receipt_ref",
];

fn refs_of(value: &Value, is_ref: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_ref => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| refs_of(item, is_ref, found)),
        Value::Object(map) => map.iter().for_each(|(key, v)| refs_of(v, REF_FIELDS.contains(&key.as_str()), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check<D: Document + PartialEq + std::fmt::Debug>(store: &Store, file: &str, name: &str) -> usize {
    let Some(bytes) = store.read(file).expect("readable") else { return 0 };
    let document = D::parse(&bytes).expect(name);
    assert_eq!(document.to_bytes().expect(name), bytes, "{name}: {file} is written as it is read");
    let value: Value = serde_json::from_slice(&bytes).expect(name);
    let mut refs = Vec::new();
    refs_of(&value, false, &mut refs);
    for text in &refs {
        let reference = EvidenceRef::parse(text).unwrap_or_else(|fault| panic!("{name}: {file}: {fault}"));
        store.resolve(&reference).unwrap_or_else(|fault| panic!("{name}: {file}: {text}: {fault}"));
    }
    refs.len()
}

#[test]
fn every_ref_that_is_written_resolves_and_every_document_reads_back() {
    type Edit = fn(&Site);
    let failed = r#"{"request_id":"a","status":"FAILED","processed_at":"2026-11-20T19:00:00+09:00"}"#;
    let blocked = r#"{"request_id":"a","decision":"BLOCKED","asof":"2026-11-20T19:00:00+09:00"}"#;
    let cases: [(&str, Edit); 9] = [
        ("good", |_| ()),
        ("stale", |site| site.bundle(stale)),
        ("bundle damaged", |site| site.text(layout::BUNDLE.latest, "{")),
        ("bundle gone", |site| drop(site.store.remove(layout::BUNDLE.latest))),
        ("stopped", |site| site.text(layout::STOP, r#"{"schema":"EMERGENCY_STOP_V1","enabled":true}"#)),
        ("stop damaged", |site| site.text(layout::STOP, "{")),
        ("health damaged", |site| site.text(layout::HEALTH.latest, "{")),
        ("health failed", |site| site.health("FAIL")),
        ("an older report cites what is gone", |site| {
            site.text(
                layout::RECO.latest,
                r#"{"schema":"RECO_REPORT_V1","decision":"BLOCKED","reason":"SYSTEM_ERROR","report_id":"r",
                    "source_bundle":{"latest_ref":"state\\x.json"},
                    "evidence_refs":["reports\\ops\\x.json","reports/live/reco/snapshots/gone.json","../x"]}"#,
            );
        }),
    ];
    for (name, edit) in cases {
        let site = Site::good();
        site.line(layout::TICKET_RESULTS, failed);
        site.line(layout::TICKET_RECEIPTS, blocked);
        edit(&site);
        let ops = site.ops();
        let summary = ops.regenerate_summary().expect(name);
        assert!(!summary.summary.top_risks.is_empty(), "{name}");
        check::<OpsSummary>(&site.store, layout::SUMMARY.latest, name);
        check::<OpsSummary>(&site.store, &summary.published.snapshot_ref, name);
        let cycle = ops.run_cycle(None).expect(name);
        ops.regenerate_order_plan(Remake::Always, &Actor::program("test")).expect(name);
        let cited = check::<OrderPlan>(&site.store, layout::ORDER_PLAN.latest, name);
        assert!(cited > 0, "{name}: a plan cites its recommendation");
        let counted = check::<OpsSummary>(&site.store, layout::SUMMARY.latest, name)
            + check::<RecoReport>(&site.store, layout::RECO.latest, name)
            + check::<PushPreview>(&site.store, layout::PREVIEW.latest, name)
            + check::<CycleReceipt>(&site.store, layout::CYCLE.latest, name)
            + check::<CycleReceipt>(&site.store, &cycle.published.snapshot_ref, name);
        assert!(counted > 6, "{name}: {counted}");
        let actor = Actor::program("test");
        ops.send_daily_status(MessageMode::Normal, &actor).expect(name);
        let report = Report { kind: IncidentKind::OpsFailed, step: "3/5", reason: "r", mode: MessageMode::Normal };
        ops.send_incident(report, &actor).expect(name);
        let counted = check::<DailyStatusPush>(&site.store, layout::DAILY_STATUS.latest, name)
            + check::<IncidentPush>(&site.store, layout::INCIDENT.latest, name);
        assert!(counted > 4, "{name}: {counted}");
    }
}

#[test]
fn documents_of_one_second_keep_their_own_snapshots() {
    let site = Site::good();
    let ops = site.ops();
    let refs: Vec<String> = (0..3).map(|_| ops.regenerate_summary().expect("made").published.snapshot_ref).collect();
    assert!(refs[0].ends_with("ops_summary_20261120_200000.json"));
    assert!(refs[1].ends_with("_2.json") && refs[2].ends_with("_3.json"));
}
