//! DAILY_STATUS_PUSH_V1, INCIDENT_PUSH_V1 and MESSAGE_KEYS_V1: the two messages of a day, and which of them have left.

use serde::Deserialize;
use serde::Serialize;

use super::channel::ChannelRow;
use super::document::Document;
use super::document::lenient;
use super::summary::stale_unless_false;
use crate::time::Stamp;

/// How a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryActual {
    /// Shown here only; nothing left the host.
    ConsoleSimulated,
    /// Telegram took it.
    Telegram,
    /// Telegram did not take it; it may be tried again.
    TelegramFailed,
    /// Whether Telegram took it is not known; it is not tried again that day.
    TelegramError,
    /// The daily run sent it itself, because no backend could be asked.
    FallbackCurl,
    /// Each channel that was called took it; another channel than Telegram was among them.
    Delivered,
    /// Some channels took it, others did not or may have; it is not tried again that day.
    DeliveredPartly,
    /// No channel took it; it may be tried again.
    NotDelivered,
    /// Whether a channel took it is not known; it is not tried again that day.
    DeliveryUnknown,
}

impl DeliveryActual {
    /// Every way, the worst first.
    pub const ALL: [Self; 9] = [
        Self::TelegramError,
        Self::DeliveryUnknown,
        Self::TelegramFailed,
        Self::NotDelivered,
        Self::DeliveredPartly,
        Self::ConsoleSimulated,
        Self::Telegram,
        Self::Delivered,
        Self::FallbackCurl,
    ];

    /// The way of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }

    /// Whether a channel that was called did not take it, or may not have.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::TelegramError
            | Self::DeliveryUnknown
            | Self::TelegramFailed
            | Self::NotDelivered
            | Self::DeliveredPartly => true,
            Self::ConsoleSimulated | Self::Telegram | Self::Delivered | Self::FallbackCurl => false,
        }
    }

    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConsoleSimulated => "CONSOLE_SIMULATED",
            Self::Telegram => "TELEGRAM",
            Self::TelegramFailed => "TELEGRAM_FAILED",
            Self::TelegramError => "TELEGRAM_ERROR",
            Self::FallbackCurl => "FALLBACK_CURL",
            Self::Delivered => "DELIVERED",
            Self::DeliveredPartly => "DELIVERED_PARTLY",
            Self::NotDelivered => "NOT_DELIVERED",
            Self::DeliveryUnknown => "DELIVERY_UNKNOWN",
        }
    }
}

/// Whether a message counts for its day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageMode {
    /// Once a day.
    #[default]
    Normal,
    /// Always, and without a trace in the day's keys or in `latest`.
    Test,
}

impl MessageMode {
    /// The word in documents and requests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Test => "test",
        }
    }

    /// The mode of a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Normal, Self::Test].into_iter().find(|mode| mode.as_str() == text)
    }
}

macro_rules! kinds {
    ($($variant:ident = $word:literal $severity:literal $english:literal / $korean:literal,)+) => {
        /// What an incident is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum IncidentKind { $(#[doc = $english] $variant,)+ }

        impl IncidentKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in documents and requests.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// CRITICAL, HIGH or MEDIUM.
            #[must_use]
            pub fn severity(self) -> &'static str {
                match self { $(Self::$variant => $severity,)+ }
            }

            /// What it means, in English.
            #[must_use]
            pub fn english(self) -> &'static str {
                match self { $(Self::$variant => $english,)+ }
            }

            /// What it means, in Korean.
            #[must_use]
            pub fn korean(self) -> &'static str {
                match self { $(Self::$variant => $korean,)+ }
            }

            /// The beginning of its snapshots' names.
            #[must_use]
            pub fn snapshot_kind(self) -> &'static str {
                match self { $(Self::$variant => concat!("incident_", $word),)+ }
            }
        }
    };
}

kinds! {
    BackendDown = "BACKEND_DOWN" "CRITICAL" "The backend does not answer as it should." / "백엔드가 정상 응답하지 않습니다.",
    OpsFailed = "OPS_FAILED" "HIGH" "The ops summary could not be made or read." / "운영 요약을 만들거나 읽지 못했습니다.",
    OpsBlocked = "OPS_BLOCKED" "HIGH" "The ops summary blocks the day." / "운영 요약이 오늘 실행을 차단했습니다.",
    LiveFailed = "LIVE_FAILED" "HIGH" "The live cycle was not done or not verified." / "라이브 사이클을 수행하거나 검증하지 못했습니다.",
    LiveBlocked = "LIVE_BLOCKED" "HIGH" "A rule blocked the live cycle." / "안전 규칙이 라이브 사이클을 차단했습니다.",
    SnapshotFailed = "SNAPSHOT_FAILED" "HIGH" "The receipt's snapshot could not be proved." / "영수증 스냅샷을 증명하지 못했습니다.",
    GitPullFailed = "GIT_PULL_FAILED" "MEDIUM" "The work tree was not updated." / "작업 트리를 갱신하지 못했습니다.",
    PushFailed = "PUSH_FAILED" "MEDIUM" "The daily status could not be made." / "일일 상태 메시지를 만들지 못했습니다.",
    MarketDataDown = "MARKET_DATA_DOWN" "HIGH" "There are no market prices." / "시세 데이터를 받을 수 없습니다.",
    OrderPlanFailed = "ORDER_PLAN_FAILED" "HIGH" "The order plan could not be made." / "주문 계획을 만들지 못했습니다.",
}

impl IncidentKind {
    /// The kind of a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// What became of one attempt to send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageReceipt {
    /// The channels that were called, joined by `+`.
    pub channel: String,
    /// SENT, FAILED or UNKNOWN; FAILED with the class PARTIAL when some channels took it.
    pub decision: String,
    /// When the call was begun.
    pub attempted_at: Option<Stamp>,
    /// The status of the answer, when there was one.
    pub http_status: Option<u16>,
    /// TIMEOUT, CONNECT, UNAUTHORIZED ...
    pub error_class: Option<String>,
    /// For people, without any secret.
    pub error_message: Option<String>,
    /// When the other side wants to be asked again, in seconds.
    pub retry_after_seconds: Option<u64>,
    /// One row a channel; none in older receipts.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelRow>,
}

/// `live_status`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LiveStatus {
    /// OK or FAILED; null without a receipt.
    pub result: Option<String>,
    /// COMPLETED, PARTIAL or BLOCKED; null without a receipt.
    pub decision: Option<String>,
    /// When the cycle ran: a receipt of another day says nothing about this one.
    pub asof: Option<Stamp>,
}

/// `bundle`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleStatus {
    /// PASS, WARN, FAIL or NO_BUNDLE.
    #[serde(default, deserialize_with = "lenient")]
    pub decision: Option<String>,
    /// A missing value means stale.
    #[serde(default = "yes", deserialize_with = "stale_unless_false")]
    pub stale: bool,
}

impl Default for BundleStatus {
    fn default() -> Self {
        Self { decision: None, stale: true }
    }
}

fn yes() -> bool {
    true
}

/// `reco`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecoStatus {
    /// GENERATED, EMPTY_RECO or BLOCKED; null without a report.
    pub decision: Option<String>,
    /// A code.
    pub reason: Option<String>,
    /// How many rows the report has.
    pub items_count: u64,
}

/// One row of `reco_items`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecoItem {
    /// BUY, ADD, SELL ...
    pub action: Option<String>,
    /// The symbol.
    pub ticker: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The weight as the bundle states it: a share of one.
    pub weight_pct: Option<f64>,
    /// The score as the bundle states it.
    pub signal_score: Option<f64>,
}

/// `order_plan`: the plan in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanStatus {
    /// Which.
    pub plan_id: Option<String>,
    /// What it came to.
    pub decision: Option<String>,
    /// A code.
    pub reason: Option<String>,
    /// How many orders it holds.
    pub orders_count: u64,
}

/// DAILY_STATUS_PUSH_V1, `reports/ops/push/daily_status/latest/daily_status_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DailyStatusPush {
    /// `DAILY_STATUS_PUSH_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// `daily_status_YYYYMMDD`, or `test_daily_status_YYYYMMDD_HHMMSS`.
    #[serde(default, deserialize_with = "lenient")]
    pub idempotency_key: String,
    /// normal or test.
    #[serde(default, deserialize_with = "lenient")]
    pub mode: MessageMode,
    /// The summary's status; null without one.
    #[serde(default, deserialize_with = "lenient")]
    pub ops_status: Option<String>,
    /// The newest live cycle.
    #[serde(default, deserialize_with = "lenient")]
    pub live_status: LiveStatus,
    /// The bundle.
    #[serde(default, deserialize_with = "lenient")]
    pub bundle: BundleStatus,
    /// The newest recommendation.
    #[serde(default, deserialize_with = "lenient")]
    pub reco: RecoStatus,
    /// At most five of its rows.
    #[serde(default, deserialize_with = "lenient")]
    pub reco_items: Vec<RecoItem>,
    /// The newest order plan, when there is one.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub order_plan: Option<PlanStatus>,
    /// Codes of the summary's risks, worst first.
    #[serde(default, deserialize_with = "lenient")]
    pub top_risks: Vec<String>,
    /// The text.
    #[serde(default, deserialize_with = "lenient")]
    pub message: String,
    /// How it went.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_actual: Option<DeliveryActual>,
    /// Why nothing left the host, when nothing did.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub not_sent_because: Option<String>,
    /// The attempt, when there was one.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub send_receipt: Option<MessageReceipt>,
    /// This document's own snapshot.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
}

impl Document for DailyStatusPush {
    const SCHEMA: &'static str = "DAILY_STATUS_PUSH_V1";
}

/// INCIDENT_PUSH_V1, `reports/ops/push/incident/latest/incident_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IncidentPush {
    /// `INCIDENT_PUSH_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// `incident_<KIND>_YYYYMMDD`, or `test_incident_<KIND>_YYYYMMDD_HHMMSS`.
    #[serde(default, deserialize_with = "lenient")]
    pub idempotency_key: String,
    /// normal or test.
    #[serde(default, deserialize_with = "lenient")]
    pub mode: MessageMode,
    /// What it is about; null for a word that is no kind.
    #[serde(default, deserialize_with = "lenient")]
    pub kind: Option<IncidentKind>,
    /// CRITICAL, HIGH or MEDIUM.
    #[serde(default, deserialize_with = "lenient")]
    pub severity: String,
    /// The stage.
    #[serde(default, deserialize_with = "lenient")]
    pub step: String,
    /// At most 100 characters.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: String,
    /// The text.
    #[serde(default, deserialize_with = "lenient")]
    pub message: String,
    /// How it went.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_actual: Option<DeliveryActual>,
    /// Why nothing left the host, when nothing did.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub not_sent_because: Option<String>,
    /// The attempt, when there was one.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub send_receipt: Option<MessageReceipt>,
    /// This document's own snapshot.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
    /// What proves it.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
}

impl Document for IncidentPush {
    const SCHEMA: &'static str = "INCIDENT_PUSH_V1";
}

/// How far a message of a day has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyState {
    /// The call was about to begin; nothing is known of its end.
    Attempted,
    /// It was delivered.
    Delivered,
    /// It was shown here only.
    Simulated,
    /// The call ended without an answer: it may have been delivered.
    Unknown,
    /// It is known not to have been delivered, so it may be tried again.
    Failed,
}

impl KeyState {
    /// Whether the message must not be sent again.
    #[must_use]
    pub fn uses_up(self) -> bool {
        self != Self::Failed
    }
}

/// One row of MESSAGE_KEYS_V1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageKey {
    /// The key.
    pub key: String,
    /// How far it has come.
    pub state: KeyState,
    /// Since when.
    pub at: Stamp,
}

/// MESSAGE_KEYS_V1: which messages of which day have left. Oldest first, one row a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageKeys {
    /// `MESSAGE_KEYS_V1`
    pub schema: String,
    /// The keys.
    pub keys: Vec<MessageKey>,
}

/// Keys that are remembered: more than a month of every kind.
const KEPT: usize = 500;

impl Document for MessageKeys {
    const SCHEMA: &'static str = "MESSAGE_KEYS_V1";
}

impl Default for MessageKeys {
    fn default() -> Self {
        Self { schema: Self::SCHEMA.to_owned(), keys: Vec::new() }
    }
}

impl MessageKeys {
    /// The row of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&MessageKey> {
        self.keys.iter().rev().find(|row| row.key == key)
    }

    /// Puts a row in place of the one with its key; the oldest beyond the limit are forgotten.
    pub fn put(&mut self, row: MessageKey) {
        self.keys.retain(|other| other.key != row.key);
        self.keys.push(row);
        let over = self.keys.len().saturating_sub(KEPT);
        self.keys.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_severity() {
        let said: Vec<_> = IncidentKind::ALL.iter().map(|kind| (kind.as_str(), kind.severity())).collect();
        assert_eq!(
            said,
            [
                ("BACKEND_DOWN", "CRITICAL"),
                ("OPS_FAILED", "HIGH"),
                ("OPS_BLOCKED", "HIGH"),
                ("LIVE_FAILED", "HIGH"),
                ("LIVE_BLOCKED", "HIGH"),
                ("SNAPSHOT_FAILED", "HIGH"),
                ("GIT_PULL_FAILED", "MEDIUM"),
                ("PUSH_FAILED", "MEDIUM"),
                ("MARKET_DATA_DOWN", "HIGH"),
                ("ORDER_PLAN_FAILED", "HIGH"),
            ]
        );
        for kind in IncidentKind::ALL {
            assert_eq!(IncidentKind::parse(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).expect("JSON"), kind.as_str());
            assert_eq!(kind.snapshot_kind(), format!("incident_{}", kind.as_str()));
        }
        assert_eq!(IncidentKind::parse("backend_down"), None);
    }

    #[test]
    fn only_a_known_failure_leaves_a_key_free() {
        let free: Vec<_> =
            [KeyState::Attempted, KeyState::Delivered, KeyState::Simulated, KeyState::Unknown, KeyState::Failed]
                .into_iter()
                .filter(|state| !state.uses_up())
                .collect();
        assert_eq!(free, [KeyState::Failed]);
    }

    #[test]
    fn keys_are_replaced_and_the_oldest_forgotten() {
        let row = |n: usize, state| MessageKey { key: format!("k{n}"), state, at: Stamp::default() };
        let mut keys = MessageKeys::default();
        (0..KEPT + 3).for_each(|n| keys.put(row(n, KeyState::Attempted)));
        keys.put(row(7, KeyState::Delivered));
        assert_eq!(keys.keys.len(), KEPT);
        assert_eq!(keys.get("k2"), None);
        assert_eq!(keys.get("k7").map(|row| row.state), Some(KeyState::Delivered));
    }
}
