//! The daily status and incident messages over real sockets, with a real workspace and a server that plays the Bot API.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod bot;
#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "the raw side of the client is for another test crate")]
mod client;
mod keys;
mod shapes;
mod telegram;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use client::Answer;
use client::Site;
use daily_ops::notify::Messenger;
use daily_ops::ops::OpsPolicy;
use daily_ops::settings::Lang;
use daily_ops::settings::MessageSecrets;
use daily_ops::settings::Settings;
use daily_ops::store::layout;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use serde_json::Value;

pub(crate) const STATUS: &str = "/api/push/daily_status/send?confirm=true";
pub(crate) const STATUS_LATEST: &str = "/api/push/daily_status/latest";
pub(crate) const INCIDENT_LATEST: &str = "/api/push/incident/latest";
pub(crate) const MORNING: &str = "2026-11-20T09:05:10+09:00";

/// A backend on a workspace of its own at a time of its own.
pub(crate) struct Desk {
    pub(crate) site: Site,
    pub(crate) clock: Arc<SimClock>,
}

pub(crate) fn at(text: &str) -> daily_ops::time::KstTime {
    Stamp::from(text).instant().expect("a time")
}

impl Desk {
    /// Without any channel.
    pub(crate) fn new() -> Self {
        Self::with(Messenger::default())
    }

    pub(crate) fn with(messenger: Messenger) -> Self {
        let clock = Arc::new(SimClock::at(at(MORNING)));
        let policy = OpsPolicy { messenger, lang: Lang::En, ..OpsPolicy::default() };
        let shared: Arc<dyn daily_ops::time::Clock> = Arc::<SimClock>::clone(&clock);
        Self { site: Site::with(|store| store, shared, policy), clock }
    }

    pub(crate) fn send(&self, path: &str) -> Value {
        let answer = self.site.post(path, None);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    pub(crate) fn incident(&self, rest: &str) -> Answer {
        self.site.post(&format!("/api/push/incident/send?confirm=true&{rest}"), None)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.site.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    pub(crate) fn json(&self, file: &str) -> Value {
        let bytes = self.site.store.read(file).expect("readable").unwrap_or_else(|| panic!("{file} is missing"));
        serde_json::from_slice(&bytes).expect("JSON")
    }

    pub(crate) fn snapshots(&self, directory: &str) -> usize {
        self.site.store.snapshots(directory).expect("listed").len()
    }

    /// Opens everything that a message must pass.
    pub(crate) fn open(&self) {
        let lines = [
            (layout::GATE, r#"{"schema":"EXECUTION_GATE_V1","mode":"REAL_ENABLED"}"#),
            (layout::SENDER, r#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":true}"#),
            (
                layout::APPROVALS,
                r#"{"schema":"REAL_ENABLE_APPROVAL_V1","approval_id":"a","requested_at":"2026-11-20T09:00:00+09:00","expires_at":"2026-11-21T09:00:00+09:00","keys":[{"key_id":"k1","provided_by":"a"},{"key_id":"k2","provided_by":"b"}],"status":"APPROVED"}"#,
            ),
            (
                layout::WINDOWS,
                r#"{"schema":"REAL_ENABLE_WINDOW_V1","event":"CREATE","window_id":"w","created_at":"2026-11-20T09:00:00+09:00","expires_at":"2026-11-20T10:00:00+09:00","status":"ACTIVE"}"#,
            ),
        ];
        for (file, text) in lines {
            self.site.store.write(file, text.as_bytes()).expect("written");
        }
    }
}

/// A messenger with all its names that speaks to `url`.
pub(crate) fn messenger(url: &str, limit: &str) -> Messenger {
    let none = BTreeMap::new();
    let flags = BTreeMap::from([("push.telegram_url", url.to_owned()), ("push.limit", limit.to_owned())]);
    let settings = Settings::load(Path::new("."), &none, &flags).expect("settings");
    let env = [("TELEGRAM_BOT_TOKEN", bot::TOKEN), ("TELEGRAM_CHAT_ID", bot::CHAT)];
    let env: BTreeMap<String, String> = env.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    Messenger { settings: settings.push, secrets: MessageSecrets::read(Path::new("/nonexistent"), &env) }
}
