//! Any JSON as a reply: taking the document and the error out of it never panics, and every reader takes what comes out.

#![no_main]

use daily_ops::contracts::Document;
use daily_ops::contracts::Json;
use daily_ops::contracts::cycle::CycleReceipt;
use daily_ops::contracts::envelope::error_of;
use daily_ops::contracts::integrity::verify;
use daily_ops::contracts::reco::RecoReport;
use daily_ops::contracts::run::RunRecord;
use daily_ops::contracts::summary::OpsSummary;
use daily_ops::contracts::unwrap;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn read<D: Document + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(document) = D::parse(bytes)
        && let Ok(written) = document.to_bytes()
    {
        assert_eq!(D::parse(&written).as_ref(), Ok(&document));
    }
}

fuzz_target!(|data: &[u8]| {
    read::<OpsSummary>(data);
    read::<CycleReceipt>(data);
    read::<RecoReport>(data);
    read::<RunRecord>(data);
    if let Ok(json) = Json::parse(data) {
        let _ = verify(&json);
    }
    let Ok(reply) = serde_json::from_slice::<Value>(data) else { return };
    let _ = error_of(&reply);
    for schema in ["OPS_SUMMARY_V1", "LIVE_CYCLE_RECEIPT_V1", "RECO_REPORT_V1", "STRATEGY_BUNDLE_V1", "OTHER"] {
        let Some(found) = unwrap(&reply, schema) else { continue };
        let document = Value::Object(found.clone());
        // Readers of replies go by serde alone; a lenient field never fails.
        assert!(serde_json::from_value::<OpsSummary>(document.clone()).is_ok());
        assert!(serde_json::from_value::<CycleReceipt>(document).is_ok());
    }
});
