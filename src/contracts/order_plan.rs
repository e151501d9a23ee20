//! ORDER_PLAN_V1: orders that a person may execute by hand; and the lines that say which plan a person confirmed.
//!
//! A plan is a proposal. Nothing in this program places its orders: it leaves the host through a person's confirmation of
//! exactly this content, and then as a text that the person executes.

use serde::Deserialize;
use serde::Serialize;

use super::actor::Role;
use super::document::Document;
use super::document::lenient;
use super::json::Json;
use super::json::Text;
use super::money::Price;
use super::reco::PayloadHash;
use crate::time::Stamp;
use crate::time::TradingDate;

/// Orders stand in the plan.
pub const COMPLETED: &str = "COMPLETED";
/// Nothing is to be done.
pub const EMPTY: &str = "EMPTY";
/// A rule said no.
pub const BLOCKED: &str = "BLOCKED";

/// ORDER_PLAN_V1, `reports/live/order_plan/latest/order_plan_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderPlan {
    /// `ORDER_PLAN_V1`
    #[serde(deserialize_with = "lenient")]
    pub schema: String,
    /// When it was made.
    #[serde(deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// `plan-YYYYMMDD-HHMMSS`, with a number behind it from the second plan of a second on.
    #[serde(deserialize_with = "lenient")]
    pub plan_id: String,
    /// COMPLETED, EMPTY or BLOCKED.
    #[serde(deserialize_with = "lenient")]
    pub decision: String,
    /// A code.
    #[serde(deserialize_with = "lenient")]
    pub reason: String,
    /// The text that belongs to the code.
    #[serde(deserialize_with = "lenient")]
    pub reason_detail: String,
    /// The day in Korea that it is for: the day on which it was made.
    #[serde(deserialize_with = "lenient")]
    pub trading_date: Option<TradingDate>,
    /// Whether the exchange has a session that day; false when the calendar has no answer. Absent in older plans.
    #[serde(deserialize_with = "lenient")]
    pub trading_day: Option<bool>,
    /// What a person should know before confirming it.
    #[serde(deserialize_with = "lenient")]
    pub warnings: Vec<String>,
    /// What it was made from.
    #[serde(deserialize_with = "lenient")]
    pub source: PlanSource,
    /// The orders, sales first.
    #[serde(deserialize_with = "lenient")]
    pub orders: Vec<Order>,
    /// How much could be spent; null where nothing was counted.
    #[serde(deserialize_with = "lenient")]
    pub cash_debug: Option<CashDebug>,
    /// What proves it.
    #[serde(deserialize_with = "lenient")]
    pub evidence_refs: Vec<String>,
    /// What went wrong, for people; null when nothing did.
    #[serde(deserialize_with = "lenient")]
    pub error_summary: Option<String>,
    /// The hash of the orders. Absent in older plans.
    #[serde(deserialize_with = "lenient")]
    pub integrity: Option<PayloadHash>,
}

impl Document for OrderPlan {
    const SCHEMA: &'static str = "ORDER_PLAN_V1";
}

/// `source`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanSource {
    /// The recommendation.
    #[serde(deserialize_with = "lenient")]
    pub reco_ref: Option<String>,
    /// `report_id:bundle_id:payload_sha256`; null without a recommendation.
    #[serde(deserialize_with = "lenient")]
    pub reco_key: Option<String>,
    /// When the recommendation was made.
    #[serde(deserialize_with = "lenient")]
    pub reco_asof: Option<Stamp>,
    /// Its decision.
    #[serde(deserialize_with = "lenient")]
    pub reco_decision: Option<String>,
    /// The bundle behind it.
    #[serde(deserialize_with = "lenient")]
    pub bundle_id: Option<String>,
    /// When the bundle was made.
    #[serde(deserialize_with = "lenient")]
    pub bundle_created_at: Option<Stamp>,
    /// The bundle's payload hash.
    #[serde(deserialize_with = "lenient")]
    pub payload_sha256: Option<String>,
    /// The portfolio; the file is personal and no evidence.
    #[serde(deserialize_with = "lenient")]
    pub portfolio_ref: Option<String>,
    /// When the portfolio was changed last.
    #[serde(deserialize_with = "lenient")]
    pub portfolio_updated_at: Option<Stamp>,
    /// SHA-256 of the portfolio's file. Absent in older plans.
    #[serde(deserialize_with = "lenient")]
    pub portfolio_sha256: Option<String>,
}

impl PlanSource {
    /// SHA-256 of the canonical form of these members.
    #[must_use]
    pub fn sha256(&self) -> Option<String> {
        Json::of(self).ok().map(|json| json.sha256(Text::Raw))
    }
}

/// One order. Older plans have neither quantity nor prices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Order {
    /// The ticker.
    #[serde(deserialize_with = "lenient")]
    pub ticker: String,
    /// BUY or SELL.
    #[serde(deserialize_with = "lenient")]
    pub side: String,
    /// EXIT, REDUCE, ADD or NEW_ENTRY.
    #[serde(deserialize_with = "lenient")]
    pub intent: String,
    /// LOW, MEDIUM or HIGH.
    #[serde(deserialize_with = "lenient")]
    pub confidence: String,
    /// Shares.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// The price that it was sized with, in won.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Where that price comes from: QUOTE, BUNDLE or PORTFOLIO.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub price_source: Option<String>,
    /// The price on the exchange's grid: a buy is rounded down, a sale up.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub limit_price: Option<i64>,
    /// Shares times price in won: a buy's rest of a won counts as one, a sale's is cut off.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// RECO_SELL, RECO_REDUCE, RECO_BUY or TOP_PICK.
    #[serde(deserialize_with = "lenient")]
    pub reason: String,
    /// The text that belongs to it.
    #[serde(deserialize_with = "lenient")]
    pub reason_detail: String,
}

/// `cash_debug`: every amount in won.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CashDebug {
    /// The value that limits are shares of.
    #[serde(deserialize_with = "lenient")]
    pub total_value: i64,
    /// The least share of cash.
    #[serde(deserialize_with = "lenient")]
    pub min_cash_pct: f64,
    /// That share of the value, rounded up.
    #[serde(deserialize_with = "lenient")]
    pub required_cash_floor: i64,
    /// What may be spent.
    #[serde(deserialize_with = "lenient")]
    pub max_buy_budget: i64,
    /// What the buys come to.
    #[serde(deserialize_with = "lenient")]
    pub planned_buy_notional: i64,
    /// Whether the floor could not be kept.
    #[serde(deserialize_with = "lenient")]
    pub breached: bool,
}

/// ORDER_PLAN_CONFIRMATION_V1: one line of `state/order_plan/confirmations.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanConfirmation {
    /// `ORDER_PLAN_CONFIRMATION_V1`
    pub schema: String,
    /// When.
    pub confirmed_at: Stamp,
    /// Which plan.
    pub plan_id: String,
    /// The hash of exactly the orders that the person read.
    pub payload_sha256: String,
    /// The hash of what the plan said that it was made from. Absent in older lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_sha256: Option<String>,
    /// Who confirms, as the request says.
    pub operator_id: String,
    /// Why.
    pub reason: String,
    /// Who asked, as the door knows it.
    pub actor: String,
    /// What that somebody may do.
    pub role: Role,
    /// Through which door.
    pub from: String,
}

impl Document for PlanConfirmation {
    const SCHEMA: &'static str = "ORDER_PLAN_CONFIRMATION_V1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_plans_are_read() {
        let old = br#"{"schema":"ORDER_PLAN_V1","asof":"2026-02-02T17:57:36.453926","plan_id":"plan-20260202-175736",
            "decision":"COMPLETED","reason":"NO_ACTION_PORTFOLIO_CASH_ONLY","orders":[{"ticker":"229200","side":"BUY",
            "intent":"ADD","confidence":"HIGH","reason":"TOP_PICK","reason_detail":"Score: 77.5"}],"error_summary":null}"#;
        let found = OrderPlan::parse(old).expect("a plan");
        assert_eq!((found.orders.len(), found.orders[0].quantity, found.trading_day), (1, None, None));
        let blocked = br#"{"schema":"ORDER_PLAN_V1","decision":"BLOCKED","reason":"RECO_BUNDLE_STALE"}"#;
        assert_eq!(OrderPlan::parse(blocked).expect("a plan").reason, "RECO_BUNDLE_STALE");
    }

    #[test]
    fn the_real_plans_are_read() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/oci/at");
        for at in std::fs::read_dir(root).into_iter().flatten().flatten() {
            let files = std::fs::read_dir(at.path().join("reports/live/order_plan/snapshots"));
            for file in files.into_iter().flatten().flatten() {
                let plan = OrderPlan::parse(&std::fs::read(file.path()).expect("readable")).expect("a plan");
                assert_eq!((plan.orders.len(), plan.decision.as_str()), (4, COMPLETED), "{}", file.path().display());
            }
        }
    }
}
