//! SPIKE_PUSH_RECEIPT_V1 and HOLDING_PUSH_RECEIPT_V1: what a look of a watcher saw worth saying, and what became of it.

use serde::Deserialize;
use serde::Serialize;

use super::Percent;
use crate::contracts::Document;
use crate::contracts::channel::ChannelRow;
use crate::contracts::document::lenient;
use crate::time::Stamp;

/// SPIKE_PUSH_RECEIPT_V1, `reports/ops/push/spike/latest/spike_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpikeReceipt {
    /// `SPIKE_PUSH_RECEIPT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When the look ended.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// The thresholds that counted.
    #[serde(default, deserialize_with = "lenient")]
    pub settings_used: SettingsUsed,
    /// Symbols that had a price.
    #[serde(default, deserialize_with = "lenient")]
    pub checked_count: u64,
    /// Alerts.
    #[serde(default, deserialize_with = "lenient")]
    pub alerts_count: u64,
    /// Alerts that left the host.
    #[serde(default, deserialize_with = "lenient")]
    pub sent_count: u64,
    /// Moves that were held back by the cooldown.
    #[serde(default, deserialize_with = "lenient")]
    pub skipped_count: u64,
    /// The alerts.
    #[serde(default, deserialize_with = "lenient")]
    pub alerts: Vec<SpikeAlert>,
    /// How messages went out; the worst of all alerts, null without one.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_actual: Option<String>,
    /// This receipt's own snapshot.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
    /// What it was made from.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
}

impl Document for SpikeReceipt {
    const SCHEMA: &'static str = "SPIKE_PUSH_RECEIPT_V1";
}

/// `settings_used`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SettingsUsed {
    /// The least move.
    pub threshold_pct: Percent,
    /// Minutes.
    pub cooldown_minutes: u64,
    /// Percentage points.
    pub realert_delta_pp: Percent,
}

/// One spike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpikeAlert {
    /// The symbol.
    pub ticker: String,
    /// Its name.
    pub name: String,
    /// The move since the last close, with its sign.
    pub change_pct: Percent,
    /// UP or DOWN.
    #[serde(rename = "type")]
    pub kind: String,
    /// The price in won.
    pub price: u64,
    /// Why now: FRESH, COOLDOWN_OVER or GROWN.
    pub reason: String,
    /// The text of the message.
    pub formatted_msg: String,
    /// A word of DAILY_STATUS_PUSH_V1; null when it was not handed over.
    pub delivery_actual: Option<String>,
    /// One row a channel, when one was called; none in older receipts.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelRow>,
}

/// HOLDING_PUSH_RECEIPT_V1, `reports/ops/push/holding/latest/holding_latest.json`. Personal: it never leaves the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HoldingReceipt {
    /// `HOLDING_PUSH_RECEIPT_V1`
    #[serde(default, deserialize_with = "lenient")]
    pub schema: String,
    /// When the look ended.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// Holdings that had a price.
    #[serde(default, deserialize_with = "lenient")]
    pub checked_count: u64,
    /// Alerts.
    #[serde(default, deserialize_with = "lenient")]
    pub alerts_generated: u64,
    /// Alerts that left the host.
    #[serde(default, deserialize_with = "lenient")]
    pub sent_count: u64,
    /// Moves that were held back by the cooldown.
    #[serde(default, deserialize_with = "lenient")]
    pub skipped_count: u64,
    /// The alerts.
    #[serde(default, deserialize_with = "lenient")]
    pub alerts: Vec<HoldingAlert>,
    /// How messages went out; the worst of all alerts, null without one.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_actual: Option<String>,
    /// This receipt's own snapshot.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshot_ref: Option<String>,
    /// What it was made from.
    #[serde(default, deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
}

impl Document for HoldingReceipt {
    const SCHEMA: &'static str = "HOLDING_PUSH_RECEIPT_V1";
}

/// One holding worth a word.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HoldingAlert {
    /// The symbol.
    pub ticker: String,
    /// Its name.
    pub name: String,
    /// PNL_UP, PNL_DOWN or TRAIL_STOP.
    #[serde(rename = "type")]
    pub kind: String,
    /// Profit or loss on the average price.
    pub pnl_pct: Percent,
    /// The price in won.
    pub price: u64,
    /// The average price in won.
    pub avg_price: f64,
    /// Shares; null when the portfolio does not say.
    pub qty: Option<f64>,
    /// Price times shares.
    pub market_value_krw: Option<f64>,
    /// The fall from the highest price, for TRAIL_STOP.
    pub drawdown_pct: Option<Percent>,
    /// Why now: FRESH, COOLDOWN_OVER or GROWN.
    pub reason: String,
    /// The size of the alert before, of the same kind.
    pub last_alert_pnl: Option<Percent>,
    /// The text of the message.
    pub formatted_msg: String,
    /// A word of DAILY_STATUS_PUSH_V1; null when it was not handed over.
    pub delivery_actual: Option<String>,
    /// One row a channel, when one was called; none in older receipts.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelRow>,
}
