//! WATCHER_STATUS_V1: that a watcher looked, what came of it, and when. Written at the end of every run on every path.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::contracts::Document;
use crate::contracts::Json;
use crate::contracts::document::lenient;
use crate::time::KstTime;
use crate::time::Stamp;

/// A status older than this says nothing about now.
const STALE_AFTER: chrono::Duration = chrono::Duration::hours(2);
/// A status may be this far ahead of a clock that is a little behind.
const AHEAD: chrono::Duration = chrono::Duration::minutes(5);
/// Characters of the detail.
const MAX_DETAIL: usize = 100;

/// How a run of a watcher ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WatchStatus {
    /// It looked.
    Ok,
    /// There was nothing to look at, or it was not the time.
    Skipped,
    /// It looked, and something is not as it should be.
    Warn,
    /// It could not look.
    Error,
}

impl WatchStatus {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Skipped => "SKIPPED",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// Why it ended so: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WatchReason {
    /// The exchange is closed, or it is too near to its opening or close.
    OutsideSession,
    /// The settings switch the watcher off.
    DisabledBySettings,
    /// Nobody has set the spike watcher.
    NoSpikeSettings,
    /// There is no list to watch; for holdings, no portfolio.
    NoWatchlist,
    /// The list is empty.
    EmptyWatchlist,
    /// Nothing on the list is enabled; for holdings, none states what it cost.
    NoEnabledTargets,
    /// There were no prices.
    MarketDataFailed,
    /// Every move was alerted a moment ago.
    CooldownActive,
    /// Nothing moved enough.
    NoAlerts,
    /// Something did.
    AlertsGenerated,
    /// The vendor of prices could not be reached, or this program could not do its work.
    ApiFail,
    /// The vendor does not know the address.
    ApiNotFound,
    /// The vendor answered with this status.
    ApiHttp(u16),
    /// What was read is not what it must be.
    ResponseInvalid,
}

const WORDS: [(WatchReason, &str); 13] = [
    (WatchReason::OutsideSession, "OUTSIDE_SESSION"),
    (WatchReason::DisabledBySettings, "DISABLED_BY_SETTINGS"),
    (WatchReason::NoSpikeSettings, "NO_SPIKE_SETTINGS"),
    (WatchReason::NoWatchlist, "NO_WATCHLIST"),
    (WatchReason::EmptyWatchlist, "EMPTY_WATCHLIST"),
    (WatchReason::NoEnabledTargets, "NO_ENABLED_TARGETS"),
    (WatchReason::MarketDataFailed, "MARKET_DATA_FAILED"),
    (WatchReason::CooldownActive, "COOLDOWN_ACTIVE"),
    (WatchReason::NoAlerts, "NO_ALERTS"),
    (WatchReason::AlertsGenerated, "ALERTS_GENERATED"),
    (WatchReason::ApiFail, "API_FAIL"),
    (WatchReason::ApiNotFound, "API_NOT_FOUND"),
    (WatchReason::ResponseInvalid, "RESPONSE_INVALID"),
];

impl WatchReason {
    /// The reason of a word; `None` for a word of no list.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let listed = WORDS.iter().find(|(_, word)| *word == text).map(|(reason, _)| *reason);
        listed.or_else(|| {
            let code = text.strip_prefix("API_HTTP_").filter(|code| code.len() == 3)?;
            code.parse().ok().map(Self::ApiHttp)
        })
    }
}

impl fmt::Display for WatchReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, WORDS.iter().find(|(reason, _)| reason == self)) {
            (Self::ApiHttp(code), _) => write!(f, "API_HTTP_{code:03}"),
            (_, Some((_, word))) => f.write_str(word),
            (_, None) => f.write_str("API_FAIL"),
        }
    }
}

impl TryFrom<String> for WatchReason {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or(text)
    }
}

impl From<WatchReason> for String {
    fn from(reason: WatchReason) -> Self {
        reason.to_string()
    }
}

/// WATCHER_STATUS_V1, `reports/ops/push/{spike_watch,holding_watch}/latest/..._latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatcherStatus {
    /// `WATCHER_STATUS_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When the run ended; in UTC with `Z`, as every reader of this document expects.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// How.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<WatchStatus>,
    /// Why.
    #[serde(default, deserialize_with = "lenient")]
    pub reason: Option<WatchReason>,
    /// Alerts.
    #[serde(default, deserialize_with = "lenient")]
    pub alerts: u64,
    /// Alerts that left the host. Older writers say `NONE` for none.
    #[serde(default, deserialize_with = "lenient")]
    pub sent: u64,
    /// For people; at most 100 characters.
    #[serde(default, deserialize_with = "lenient")]
    pub reason_detail: String,
    /// API or CLI: who asked.
    #[serde(default, deserialize_with = "lenient")]
    pub source: String,
}

impl Document for WatcherStatus {
    const SCHEMA: &'static str = "WATCHER_STATUS_V1";
}

impl WatcherStatus {
    /// The stamp of this document: UTC, whole seconds, `Z`.
    #[must_use]
    pub fn stamp(now: KstTime) -> Stamp {
        Stamp::from(now.to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string().as_str())
    }

    /// A text that fits into `reason_detail`: one line, at most 100 characters.
    #[must_use]
    pub fn detail(text: &str) -> String {
        let line = crate::contracts::reason::detail(text);
        line.chars().take(MAX_DETAIL).collect::<String>().trim_end().to_owned()
    }

    /// Reads a status. Where the holding watcher's status lies, an older program kept its alerts: they tell when it looked
    /// and whether there was something to say.
    ///
    /// # Errors
    /// The bytes are no such document, or one without a time, a status or a reason.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let json = Json::parse(bytes).map_err(|fault| fault.to_string())?;
        if let (None, Some(alerts)) = (json.get("schema"), json.get("alerts_generated").and_then(Json::as_integer)) {
            let asof = json.get("asof").and_then(Json::as_str).map(Stamp::from);
            let reason = if alerts > 0 { WatchReason::AlertsGenerated } else { WatchReason::NoAlerts };
            return Ok(Self {
                schema: Self::SCHEMA.to_owned(),
                asof,
                status: Some(WatchStatus::Ok),
                reason: Some(reason),
                alerts: u64::try_from(alerts).unwrap_or_default(),
                reason_detail: "written by an older program".to_owned(),
                ..Self::default()
            });
        }
        let status = Self::parse(bytes).map_err(|fault| fault.to_string())?;
        let timed = status.asof.as_ref().is_some_and(|asof| asof.instant().is_some());
        match (timed, status.status, status.reason) {
            (true, Some(_), Some(_)) => Ok(status),
            _ => Err("no time, no status or no known reason".to_owned()),
        }
    }

    /// Seconds since the run ended; `None` when the document does not say when.
    #[must_use]
    pub fn age_seconds(&self, now: KstTime) -> Option<i64> {
        self.asof.as_ref().and_then(Stamp::instant).map(|asof| (now - asof).num_seconds())
    }

    /// Whether it says nothing about now: older than two hours, from the future, or without a time.
    #[must_use]
    pub fn is_stale(&self, now: KstTime) -> bool {
        let asof = self.asof.as_ref().and_then(Stamp::instant);
        asof.is_none_or(|asof| now - asof > STALE_AFTER || asof - now > AHEAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> KstTime {
        Stamp::from(text).instant().expect("a time")
    }

    #[test]
    fn the_reasons_are_a_closed_list() {
        for (reason, word) in WORDS {
            assert_eq!((WatchReason::parse(word), reason.to_string().as_str()), (Some(reason), word));
        }
        assert_eq!(WatchReason::parse("API_HTTP_503"), Some(WatchReason::ApiHttp(503)));
        assert_eq!(WatchReason::ApiHttp(503).to_string(), "API_HTTP_503");
        for word in ["", "no_alerts", "API_HTTP_", "API_HTTP_5", "API_HTTP_abc", "API_HTTP_5031", "LOCKED"] {
            assert_eq!(WatchReason::parse(word), None, "{word}");
        }
    }

    #[test]
    fn a_status_is_fresh_for_two_hours() {
        let status =
            WatcherStatus { asof: Some(WatcherStatus::stamp(at("2026-11-20T10:00:00+09:00"))), ..Default::default() };
        assert_eq!(status.asof.as_ref().map(Stamp::as_str), Some("2026-11-20T01:00:00Z"));
        let cases = [
            ("now", "2026-11-20T10:00:00+09:00", false),
            ("two hours", "2026-11-20T12:00:00+09:00", false),
            ("a second more", "2026-11-20T12:00:01+09:00", true),
            ("a clock a little behind", "2026-11-20T09:55:00+09:00", false),
            ("from the future", "2026-11-20T09:54:59+09:00", true),
        ];
        for (name, now, stale) in cases {
            assert_eq!(status.is_stale(at(now)), stale, "{name}");
        }
        assert!(WatcherStatus::default().is_stale(at("2026-11-20T10:00:00+09:00")));
    }

    #[test]
    fn older_forms_are_read_and_what_says_nothing_is_refused() {
        let real = br#"{"schema":"WATCHER_STATUS_V1","asof":"2026-02-01T06:40:00Z","status":"SKIPPED",
            "reason":"OUTSIDE_SESSION","alerts":0,"sent":"NONE","reason_detail":"Raw signal","source":"API"}"#;
        let read = WatcherStatus::read(real).expect("a status");
        assert_eq!(
            (read.status, read.reason, read.sent),
            (Some(WatchStatus::Skipped), Some(WatchReason::OutsideSession), 0)
        );
        let old = br#"{"asof":"2026-01-26T21:48:20.551550","checked_count":1,"alerts_generated":1,"alerts":[]}"#;
        let read = WatcherStatus::read(old).expect("a status");
        assert_eq!((read.reason, read.alerts), (Some(WatchReason::AlertsGenerated), 1));
        for bad in [
            "",
            "{}",
            r#"{"schema":"WATCHER_STATUS_V1"}"#,
            r#"{"schema":"WATCHER_STATUS_V1","asof":"2026-02-01T06:40:00Z","status":"FINE","reason":"NO_ALERTS"}"#,
            r#"{"schema":"WATCHER_STATUS_V1","asof":"2026-02-01T06:40:00Z","status":"OK","reason":"SURE"}"#,
            r#"{"schema":"WATCHER_STATUS_V1","asof":"soon","status":"OK","reason":"NO_ALERTS"}"#,
        ] {
            assert!(WatcherStatus::read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(WatcherStatus::detail(&"가\n".repeat(300)).chars().count(), 99);
    }

    #[test]
    fn the_real_documents_are_read() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/oci/at");
        for at in std::fs::read_dir(root).into_iter().flatten().flatten() {
            let read = |file: &str| std::fs::read(at.path().join(file)).ok();
            for file in ["spike_watch/latest/spike_watch_latest.json", "holding_watch/latest/holding_watch_latest.json"]
            {
                if let Some(bytes) = read(&format!("reports/ops/push/{file}")) {
                    WatcherStatus::read(&bytes).unwrap_or_else(|fault| panic!("{file}: {fault}"));
                }
            }
            if let Some(bytes) = read("reports/ops/push/spike/latest/spike_latest.json") {
                crate::contracts::watch::SpikeReceipt::parse(&bytes).expect("a receipt");
            }
            if let Some(bytes) = read("state/settings/latest/settings_latest.json") {
                crate::contracts::watch::WatchSettings::parse(&bytes).expect("settings");
            }
            if let Some(bytes) = read("state/spike_settings/latest/spike_settings_latest.json") {
                crate::contracts::watch::OldSpikeSettings::parse(&bytes).expect("settings");
            }
            if let Some(bytes) = read("state/watchlist/latest/watchlist_latest.json") {
                assert_eq!(crate::contracts::watch::Watchlist::parse(&bytes).expect("a list").items.len(), 1);
            }
            if let Some(bytes) = read("state/spike/spike_state.json") {
                crate::contracts::watch::SpikeState::read(&bytes).expect("a state");
            }
            if let Some(bytes) = read("state/holding_watch/holding_state.json") {
                crate::contracts::watch::HoldingState::read(&bytes).expect("a state");
            }
        }
    }
}
