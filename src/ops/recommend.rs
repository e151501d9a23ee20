//! RECO_REPORT_V1: the bundle's signals passed on. Nothing is added to them, and without a usable bundle there are none.

use serde_json::Value;

use super::BundleView;
use super::Ops;
use super::OpsFault;
use super::guarded;
use super::turn::Turn;
use crate::contracts::BundleDecision;
use crate::contracts::Document as _;
use crate::contracts::Json;
use crate::contracts::integrity::Integrity;
use crate::contracts::integrity::payload_sha256;
use crate::contracts::integrity::verify;
use crate::contracts::reason::RecoReason;
use crate::contracts::reason::detail;
use crate::contracts::reco::Constraints;
use crate::contracts::reco::PayloadHash;
use crate::contracts::reco::RecoReport;
use crate::contracts::reco::RecoSummary;
use crate::contracts::reco::SourceBundle;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::Stamp;

/// What an action may be, and which counter it belongs to.
const BUYS: [&str; 2] = ["ADD", "BUY"];
const SELLS: [&str; 2] = ["SELL", "REDUCE"];
const HOLD: &str = "HOLD";

/// A recommendation that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoOutcome {
    /// The report.
    pub report: RecoReport,
    /// Where it lies.
    pub published: Published,
}

/// GENERATED, EMPTY_RECO and BLOCKED as documents write them.
pub(super) const GENERATED: &str = "GENERATED";
pub(super) const EMPTY_RECO: &str = "EMPTY_RECO";
pub(super) const BLOCKED: &str = "BLOCKED";

/// A stored report that may be shown and relied on: its decision is a known one, and its content has the hash that it
/// states. A report without a hash of 64 hex digits states none.
///
/// # Errors
/// The bytes are no such report; the text says why.
pub fn read_report(bytes: &[u8]) -> Result<RecoReport, String> {
    let report = RecoReport::parse(bytes).map_err(|fault| fault.to_string())?;
    match report.decision.as_deref() {
        Some(GENERATED | EMPTY_RECO | BLOCKED) => {}
        Some(other) => return Err(format!("decision {} is unknown", other.escape_debug())),
        None => return Err("decision is missing".to_owned()),
    }
    match verify(&Json::parse(bytes).map_err(|fault| fault.to_string())?) {
        Integrity::Proven | Integrity::Unproven => Ok(report),
        Integrity::Mismatch { stated, computed } => {
            Err(format!("integrity.payload_sha256 is {stated}, the content gives {computed}"))
        }
    }
}

impl Ops {
    /// Makes the recommendation anew. Whatever the bundle is like, a report is written that says so.
    ///
    /// # Errors
    /// The report cannot be stored.
    pub fn regenerate_reco(&self) -> Result<RecoOutcome, OpsFault> {
        let turn = self.turn()?;
        let view = guarded(|| self.bundle_at(&(self.policy)(), turn.now));
        Ok(self.publish_reco(view.as_ref().map_err(String::as_str), &turn)?)
    }

    pub(super) fn publish_reco(
        &self,
        view: Result<&BundleView, &str>,
        turn: &Turn<'_>,
    ) -> Result<RecoOutcome, StoreFault> {
        let now = turn.now;
        let made = match view {
            Ok(view) => guarded(|| report(view)).and_then(|made| made).unwrap_or_else(|text| defect(Some(view), &text)),
            Err(text) => defect(None, text),
        };
        let mut report = RecoReport {
            schema: RecoReport::SCHEMA.to_owned(),
            report_id: Some(uuid::Uuid::new_v4().to_string()),
            created_at: Some(Stamp::of(now)),
            asof: Some(Stamp::of(now)),
            ..made
        };
        report.integrity = Json::of(&report)
            .ok()
            .and_then(|json| payload_sha256(&json))
            .map(|payload_sha256| PayloadHash { payload_sha256 });
        let bundle_refs = view.map(BundleView::refs).unwrap_or_default();
        let (report, published) = self.store.publish(layout::RECO, now, &|snapshot_ref| {
            let own = [snapshot_ref, layout::RECO.latest].map(str::to_owned);
            RecoReport { evidence_refs: bundle_refs.iter().cloned().chain(own).collect(), ..report.clone() }
        })?;
        Ok(RecoOutcome { report, published })
    }
}

/// The report for a bundle, without its ids, times and refs.
///
/// # Errors
/// A usable bundle cannot be read a second time.
fn report(view: &BundleView) -> Result<RecoReport, String> {
    let found = &view.validation;
    Ok(match found.decision {
        BundleDecision::NoBundle => empty(EMPTY_RECO, RecoReason::NoBundle),
        BundleDecision::Fail => RecoReport {
            reason_detail: Some(detail(&found.issues.join("; "))),
            source_bundle: Some(source(view)),
            ..empty(BLOCKED, RecoReason::BundleFail)
        },
        BundleDecision::Pass | BundleDecision::Warn if !found.is_usable() => RecoReport {
            reason_detail: found.stale_reason.as_deref().map(detail),
            source_bundle: Some(source(view)),
            ..empty(EMPTY_RECO, RecoReason::BundleStale)
        },
        BundleDecision::Pass | BundleDecision::Warn => from_signals(view, &view.strategy()?)?,
    })
}

fn from_signals(view: &BundleView, strategy: &Value) -> Result<RecoReport, String> {
    let picks = rows(strategy, "scorer", "top_picks")?;
    let actions = rows(strategy, "holding_action", "items")?;
    let source_bundle = Some(SourceBundle {
        latest_ref: view.latest_ref.clone(),
        created_at: view.validation.created_at.clone(),
        integrity: view
            .part(&["integrity", "payload_sha256"])
            .and_then(|sha| Some(PayloadHash { payload_sha256: sha.as_str()?.to_owned() })),
        ..source(view)
    });
    if picks.is_empty() && actions.is_empty() {
        return Ok(RecoReport { source_bundle, ..empty(EMPTY_RECO, RecoReason::NoSignal) });
    }
    Ok(RecoReport {
        source_bundle,
        summary: Some(counts(&actions)),
        constraints_applied: constraints(view),
        top_picks: Some(picks),
        holding_actions: Some(actions),
        ..empty(GENERATED, RecoReason::Success)
    })
}

/// A report that recommends nothing.
fn empty(decision: &str, reason: RecoReason) -> RecoReport {
    RecoReport {
        decision: Some(decision.to_owned()),
        reason: Some(reason.as_str().to_owned()),
        top_picks: Some(Vec::new()),
        holding_actions: Some(Vec::new()),
        summary: Some(RecoSummary::default()),
        ..RecoReport::default()
    }
}

fn defect(view: Option<&BundleView>, text: &str) -> RecoReport {
    RecoReport {
        reason_detail: Some(detail(text)),
        source_bundle: view.filter(|v| v.validation.bundle_id.is_some()).map(source),
        ..empty(BLOCKED, RecoReason::SystemError)
    }
}

fn source(view: &BundleView) -> SourceBundle {
    let found = &view.validation;
    SourceBundle {
        bundle_id: found.bundle_id.clone(),
        strategy_name: found.strategy_name.clone(),
        strategy_version: found.strategy_version.clone(),
        bundle_decision: Some(found.decision.as_str().to_owned()),
        ..SourceBundle::default()
    }
}

/// The rows of a section whose status is OK; any other status means that the PC computed nothing. The validator has
/// looked at their form, so an OK without a list is a defect and not the absence of a signal.
fn rows(strategy: &Value, section: &str, list: &str) -> Result<Vec<Value>, String> {
    let Some(found) = strategy.get(section).filter(|found| !found.is_null()) else { return Ok(Vec::new()) };
    if found.get("status").and_then(Value::as_str) != Some("OK") {
        return Ok(Vec::new());
    }
    let rows = found.get(list).and_then(Value::as_array);
    rows.cloned().ok_or_else(|| format!("strategy.{section}.{list} is no list"))
}

fn action(row: &Value) -> Option<&str> {
    row.get("action").and_then(Value::as_str)
}

fn counts(actions: &[Value]) -> RecoSummary {
    let count = |words: &[&str]| actions.iter().filter_map(action).filter(|word| words.contains(word)).count() as u64;
    let weights: Vec<f64> = actions.iter().filter_map(|row| row.get("weight_pct").and_then(Value::as_f64)).collect();
    // Six decimals, so that 1 - 0.9 does not read 0.09999999999999998.
    let cash = (1.0 - weights.iter().sum::<f64>()).clamp(0.0, 1.0);
    RecoSummary {
        total_positions: actions.len() as u64,
        buy_count: count(&BUYS),
        sell_count: count(&SELLS),
        hold_count: count(&[HOLD]),
        cash_pct: (cash * 1e6).round() / 1e6,
    }
}

/// The limits that a bundle states; none when one of them is missing or no number.
pub(super) fn constraints(view: &BundleView) -> Option<Constraints> {
    let strategy = view.part(&["strategy"])?;
    let limit = |section: &str, key: &str| strategy.get(section)?.get(key)?.as_number();
    Some(Constraints {
        max_position_pct: limit("risk_limits", "max_position_pct")?,
        max_positions: u64::try_from(strategy.get("position_limits")?.get("max_positions")?.as_integer()?).ok()?,
        min_cash_pct: limit("position_limits", "min_cash_pct")?,
    })
}
