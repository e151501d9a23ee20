//! Messages of the backend over real sockets: who may make one leave, what is written down, and what a crash leaves.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod busy;
mod channels;
#[path = "../client/mod.rs"]
mod client;
mod crashes;
mod documents;
#[path = "../notify/fake.rs"]
mod fake;
mod permission;
mod sending;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use client::Site;
use daily_ops::notify::Messenger;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::settings::MessageSecrets;
use daily_ops::settings::PushSettings;
use daily_ops::store::Store;
use daily_ops::store::WriteObserver;
use daily_ops::store::layout;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use fake::Act;
use fake::Fake;
use serde_json::Value;
use serde_json::json;

const TOKEN: &str = "987654321:planted-token-AAAA";
const NOW: &str = "2026-11-21T10:00:00+09:00";
const SEND: &str = "/api/push/send/run?confirm=true";
const FIRE: &str = "/api/ops/push/live_fire/run?confirm=true";

fn yes() -> Fake {
    Fake::http(|_| Act::status(200, "", r#"{"ok":true}"#))
}

fn policy(fake: &Fake) -> OpsPolicy {
    let env: BTreeMap<String, String> =
        [("TELEGRAM_BOT_TOKEN", TOKEN), ("TELEGRAM_CHAT_ID", "42"), ("SMTP_PASS", "planted-password")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    let settings = PushSettings { telegram_url: fake.url(), limit: Duration::from_secs(20), ..PushSettings::default() };
    let secrets = MessageSecrets::read(Path::new("/nonexistent/secrets"), &env);
    OpsPolicy { messenger: Messenger { settings, secrets }, ..OpsPolicy::default() }
}

fn clock() -> Arc<SimClock> {
    Arc::new(SimClock::at(Stamp::from(NOW).instant().expect("a time")))
}

fn site(fake: &Fake) -> Site {
    let site = Site::with(|store| store, clock(), policy(fake));
    open(&site.store);
    site
}

/// The domain alone, over a workspace of its own, with an observer of its writes.
fn ops(fake: &Fake, store: &Store, observer: Option<WriteObserver>) -> Ops {
    let policy = policy(fake);
    let store = store.clone();
    let store = if let Some(observer) = observer { store.observed_by(observer) } else { store };
    Ops::new(store, clock(), Box::new(move || Ok(policy.clone())))
}

fn put(store: &Store, file: &str, value: &Value) {
    store.write(file, value.to_string().as_bytes()).expect("written");
}

const GATE: &str = r#"{"schema":"EXECUTION_GATE_V1","mode":"REAL_ENABLED","reason":"t"}"#;
const SENDER: &str = r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":true,"reason":"t"}"#;
const PASS: &str = r#"{"schema":"SECRETS_SELF_TEST_V1","decision":"SELF_TEST_PASS"}"#;

fn approval() -> Value {
    json!({"schema": "REAL_ENABLE_APPROVAL_V1", "approval_id": "a", "requested_at": "2026-11-21T09:00:00+09:00",
        "expires_at": "2026-11-22T09:00:00+09:00", "keys_required": 2, "status": "APPROVED",
        "requested_by": "op", "mode_target": "REAL_ENABLED", "reason": "t", "keys": [
        {"key_id": "k1", "provided_by": "p1", "provided_at": "2026-11-21T09:10:00+09:00"},
        {"key_id": "k2", "provided_by": "p2", "provided_at": "2026-11-21T09:20:00+09:00"}]})
}

fn window(id: &str) -> Value {
    json!({"schema": "REAL_ENABLE_WINDOW_V1", "event": "CREATE", "window_id": id, "status": "ACTIVE",
        "created_at": "2026-11-21T09:55:00+09:00", "expires_at": "2026-11-21T10:05:00+09:00",
        "created_by": "op", "reason": "t", "allowed_request_types": ["REQUEST_RECONCILE", "REQUEST_REPORTS"],
        "max_real_executions": 1, "real_executions_used": 0})
}

fn outbox(content: &str) -> Value {
    json!({"schema": "PUSH_OUTBOX_V1", "messages": [
        {"message_id": "m1", "push_type": "ALERT", "title": "제목", "content": content, "target_channels": ["CONSOLE"]}]})
}

/// Makes everything say yes.
fn open(store: &Store) {
    for (file, text) in [(layout::GATE, GATE), (layout::SENDER, SENDER), (layout::SELF_TEST.latest, PASS)] {
        store.write(file, text.as_bytes()).expect("written");
    }
    put(store, layout::APPROVALS, &approval());
    put(store, layout::WINDOWS, &window("w1"));
    put(store, layout::OUTBOX.latest, &outbox("본문"));
}

fn lines(store: &Store, file: &str) -> Vec<Value> {
    let bytes = store.read(file).expect("readable").unwrap_or_default();
    let text = String::from_utf8(bytes).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn read(store: &Store, file: &str) -> Value {
    serde_json::from_slice(&store.read(file).expect("readable").expect("there")).expect("JSON")
}

/// Every file of the workspace as text.
fn everything(root: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(root).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all += &everything(&path);
        } else {
            all += &String::from_utf8_lossy(&std::fs::read(path).expect("read"));
        }
    }
    all
}
