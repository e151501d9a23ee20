//! A host with a scripted vendor and a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use daily_ops::contracts::actor::Actor;
use daily_ops::contracts::actor::Role;
use daily_ops::contracts::watch::WatcherStatus;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::ops::WatchHours;
use daily_ops::ops::WatchOrder;
use daily_ops::ops::Watcher;
use daily_ops::store::Store;
use daily_ops::store::WriteObserver;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::KstTime;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use serde_json::Value;
use serde_json::json;

use crate::vendor::Vendor;

pub(crate) fn at(text: &str) -> KstTime {
    Stamp::from(text).instant().expect("a time")
}

/// A time of Friday, 20 November 2026.
pub(crate) fn friday(time: &str) -> KstTime {
    at(&format!("2026-11-20T{time}+09:00"))
}

/// How a case differs from a workspace that is ready.
pub(crate) type Edit = fn(&Desk);

pub(crate) struct Desk {
    dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) vendor: Vendor,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.vendor.end();
    }
}

impl Desk {
    /// An empty workspace at ten on a Friday.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        Self { dir, store, clock: Arc::new(SimClock::at(friday("10:00:00"))), vendor: Vendor::new() }
    }

    /// One with settings, a list of one symbol and a holding; both stand still.
    pub(crate) fn ready() -> Self {
        let desk = Self::empty();
        desk.settings(json!({"enabled": true}), json!({"enabled": true}));
        desk.watches(&[("005930", true)]);
        desk.holds(&[("005930", 10.0, 100_000.0)]);
        desk.vendor.says("005930", 100_000, 0);
        desk
    }

    pub(crate) fn root(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn put(&self, file: &str, document: &Value) {
        self.store.write(file, document.to_string().as_bytes()).expect("written");
    }

    pub(crate) fn settings(&self, spike: Value, holding: Value) {
        let document = json!({"schema": "SETTINGS_V1", "spike": spike, "holding": holding});
        self.put(layout::WATCH_SETTINGS.latest, &document);
    }

    pub(crate) fn watches(&self, items: &[(&str, bool)]) {
        let item = |(ticker, enabled): &(&str, bool)| json!({"ticker": ticker, "name": "삼성전자", "enabled": enabled});
        let items: Vec<Value> = items.iter().map(item).collect();
        self.put(layout::WATCHLIST.latest, &json!({"schema": "WATCHLIST_V1", "items": items}));
    }

    pub(crate) fn holds(&self, holdings: &[(&str, f64, f64)]) {
        let row = |(ticker, quantity, average): &(&str, f64, f64)| json!({"ticker": ticker, "name": "삼성전자", "quantity": quantity, "avg_price": average});
        let holdings: Vec<Value> = holdings.iter().map(row).collect();
        let document = json!({"schema": "PORTFOLIO_SNAPSHOT_V1", "cash": 1, "holdings": holdings});
        self.put(layout::PORTFOLIO.latest, &document);
    }

    pub(crate) fn policy(&self) -> OpsPolicy {
        OpsPolicy { quotes: Some(self.vendor.source()), ..OpsPolicy::default() }
    }

    pub(crate) fn ops(&self) -> Ops {
        self.ops_with(self.policy())
    }

    pub(crate) fn ops_with(&self, policy: OpsPolicy) -> Ops {
        Ops::new(self.store.clone(), self.clock.clone(), Box::new(move || Ok(policy.clone())))
    }

    pub(crate) fn ops_observed(&self, observer: WriteObserver) -> Ops {
        let policy = self.policy();
        Ops::new(self.store.clone().observed_by(observer), self.clock.clone(), Box::new(move || Ok(policy.clone())))
    }

    /// One look by a program that was just started.
    pub(crate) fn look(&self, watcher: Watcher) -> WatcherStatus {
        let status = self.ops().watch(watcher, &order()).expect("a status");
        let stored = self.store.read(watcher.status_file()).expect("readable").expect("a file");
        assert_eq!(WatcherStatus::read(&stored).expect("a status"), status, "what is told is what is stored");
        assert_eq!(status.asof, Some(WatcherStatus::stamp(self.clock.now())));
        status
    }

    /// Status, reason, alerts, sent as one text.
    pub(crate) fn says(&self, watcher: Watcher) -> String {
        said(&self.look(watcher))
    }

    pub(crate) fn later(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    pub(crate) fn json(&self, file: &str) -> Value {
        let bytes = self.store.read(file).expect("readable").unwrap_or_else(|| panic!("{file} is missing"));
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// Everything that a message needs to leave: gate, sender, approval, window.
    pub(crate) fn opens_everything(&self) {
        self.put(layout::GATE, &json!({"schema": "EXECUTION_GATE_V1", "mode": "REAL_ENABLED"}));
        self.put(layout::SENDER, &json!({"schema": "REAL_SENDER_ENABLE_V1", "enabled": true}));
        self.put(
            layout::APPROVALS,
            &json!({"schema": "REAL_ENABLE_APPROVAL_V1", "approval_id": "a", "status": "APPROVED",
                "requested_at": "2026-11-20T09:00:00+09:00", "expires_at": "2026-11-21T09:00:00+09:00",
                "keys": [{"key_id": "k1", "provided_by": "a"}, {"key_id": "k2", "provided_by": "b"}]}),
        );
        self.put(
            layout::WINDOWS,
            &json!({"schema": "REAL_ENABLE_WINDOW_V1", "event": "CREATE", "window_id": "w", "status": "ACTIVE",
                "created_at": "2026-11-20T09:55:00+09:00", "expires_at": "2026-11-20T10:55:00+09:00"}),
        );
    }

    /// The lines of the audit trail.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let bytes = self.store.read(layout::AUDIT).expect("readable").unwrap_or_default();
        let text = String::from_utf8(bytes).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

pub(crate) fn order() -> WatchOrder {
    WatchOrder { actor: Actor::new("tester", Role::Operator, "test"), source: "CLI", hours: WatchHours::Exchange }
}

pub(crate) fn said(status: &WatcherStatus) -> String {
    let word = status.status.map_or("none", daily_ops::contracts::watch::WatchStatus::as_str);
    let reason = status.reason.map(|reason| reason.to_string()).unwrap_or_default();
    format!("{word} {reason} {} {}", status.alerts, status.sent)
}
