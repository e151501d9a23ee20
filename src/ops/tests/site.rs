//! A workspace that tests build by code.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;

use crate::contracts::BundlePolicy;
use crate::contracts::Json;
use crate::contracts::SigningKey;
use crate::contracts::integrity::payload_sha256;
use crate::contracts::signed_message;
use crate::ops::Ops;
use crate::ops::OpsPolicy;
use crate::store::Durability;
use crate::store::Store;
use crate::store::WriteObserver;
use crate::store::layout;
use crate::time::SimClock;
use crate::time::Stamp;

/// Friday evening after the close.
pub(super) const NOW: &str = "2026-11-20T20:00:00+09:00";
pub(super) const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");

pub(super) struct Site {
    _dir: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) clock: Arc<SimClock>,
}

fn key() -> SigningKey {
    SigningKey::hmac(b"test-key-do-not-use").expect("long enough")
}

pub(super) fn policy() -> OpsPolicy {
    OpsPolicy {
        bundle: BundlePolicy { keys: vec![key().verifying()], ..BundlePolicy::default() },
        ..OpsPolicy::default()
    }
}

impl Site {
    /// An empty workspace.
    pub(super) fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let now = Stamp::from(NOW).instant().expect("a time");
        Self { _dir: dir, store, clock: Arc::new(SimClock::at(now)) }
    }

    /// A workspace on which everything is as it should be: bundle, health, an ops run, an outbox.
    pub(super) fn good() -> Self {
        let site = Self::empty();
        site.bundle(|_| ());
        site.health("PASS");
        site.json(
            "reports/ops/scheduler/snapshots/ops_run_20261120_090500.json",
            &json!({"schema": "OPS_RUN_RECEIPT_V1", "overall_status": "DONE", "asof": "2026-11-20T09:05:00+09:00"}),
        );
        site.json(
            layout::OUTBOX.latest,
            &json!({"schema": "PUSH_OUTBOX_V1", "messages": [{"message_id": "m1", "push_type": "ALERT", "title": "t"}]}),
        );
        site
    }

    pub(super) fn ops(&self) -> Ops {
        self.ops_with(policy())
    }

    pub(super) fn ops_with(&self, policy: OpsPolicy) -> Ops {
        Ops::new(self.store.clone(), self.clock.clone(), Box::new(move || Ok(policy.clone())))
    }

    pub(super) fn ops_observed(&self, observer: WriteObserver) -> Ops {
        let store = self.store.clone().observed_by(observer);
        Ops::new(store, self.clock.clone(), Box::new(|| Ok(policy())))
    }

    pub(super) fn text(&self, file: &str, text: &str) {
        self.store.write(file, text.as_bytes()).expect("written");
    }

    pub(super) fn json(&self, file: &str, value: &Value) {
        self.text(file, &value.to_string());
    }

    pub(super) fn line(&self, file: &str, line: &str) {
        self.store.append(file, line, Durability::Buffered).expect("written");
    }

    /// A health report with its snapshot.
    pub(super) fn health(&self, decision: &str) {
        let report = json!({"schema": "EVIDENCE_HEALTH_REPORT_V1", "asof": NOW, "summary": {"decision": decision}});
        self.json("reports/ops/evidence/health/snapshots/health_20261120_090000.json", &report);
        self.json(layout::HEALTH.latest, &report);
    }

    /// A signed bundle an hour old with two picks and two actions, changed by `edit` before it is hashed and signed.
    pub(super) fn bundle(&self, edit: impl Fn(&mut Value)) {
        self.json(layout::BUNDLE.latest, &bundle(edit));
    }
}

pub(super) fn bundle(edit: impl Fn(&mut Value)) -> Value {
    let mut doc = json!({
        "schema": "STRATEGY_BUNDLE_V1",
        "bundle_id": "206c5ca5-6baf-4d97-8483-c32e0fd5411c",
        "created_at": "2026-11-20T19:00:00+09:00",
        "source": {"pc_host": "PC", "git_commit": "f614fdd0", "git_branch": "main", "active_surface_sha256": "unknown"},
        "strategy": {
            "name": "KRX_MOMENTUM_V1", "version": "1.0.0", "universe": ["069500", "229200"],
            "lookbacks": {"momentum_period": 20, "volatility_period": 14},
            "rebalance_rule": {"frequency": "DAILY", "time_kst": "09:05"},
            "risk_limits": {"max_position_pct": 0.25, "max_drawdown_pct": 0.15},
            "position_limits": {"max_positions": 4, "min_cash_pct": 0.1},
            "decision_params": {"entry_threshold": 0.02, "exit_threshold": -0.03, "adx_filter_min": 20},
            "scorer": {"status": "OK", "reason": "SUCCESS", "top_picks": [
                {"ticker": "229200", "score": 77.5, "reason": "RANK_SCORE", "reason_detail": "mom_rank=1/2 vol_rank=2/2"},
                {"ticker": "069500", "score": 40.0, "reason": "RANK_SCORE", "reason_detail": "mom_rank=2/2 vol_rank=1/2"},
            ]},
            "holding_action": {"status": "OK", "reason": "SUCCESS", "items": [
                {"ticker": "005930", "action": "REDUCE", "confidence": "LOW", "reason": "REDUCE_NOT_IN_PICKS"},
                {"ticker": "229200", "action": "ADD", "confidence": "LOW", "reason": "NEW_ENTRY"},
            ]},
        },
        "compat": {"min_oci_version": "1.49", "expected_python": "3.10+"},
        "evidence_refs": ["reports/backtest/latest/backtest_result.json"],
        "integrity": {"payload_sha256": "", "signed_by": "PC_LOCAL", "signature": "", "algorithm": "HMAC-SHA256"},
    });
    edit(&mut doc);
    let sha = payload_sha256(&Json::of(&doc).expect("valid")).expect("a section");
    let text = |key: &str| doc[key].as_str().unwrap_or_default().to_owned();
    let signature = key().sign(&signed_message(&text("bundle_id"), &text("created_at"), &sha));
    doc["integrity"]["payload_sha256"] = sha.into();
    doc["integrity"]["signature"] = signature.into();
    doc
}

/// Makes the bundle one that missed a session.
pub(super) fn stale(doc: &mut Value) {
    doc["created_at"] = "2026-11-18T19:00:00+09:00".into();
}

/// Copies a directory tree into the workspace.
pub(super) fn copy_tree(from: &Path, store: &Store, to: &str) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let target = format!("{to}/{name}");
        if path.is_dir() {
            copy_tree(&path, store, &target);
        } else {
            store.write(&target, &std::fs::read(&path).expect("readable")).expect("written");
        }
    }
}
