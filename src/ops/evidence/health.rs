//! EVIDENCE_HEALTH_REPORT_V1: whether the refs inside the newest documents still resolve.
//!
//! FAIL is worse than WARN is worse than PASS. Nothing to check is a warning, never a pass. A check that ends by a panic or
//! cannot read its source counts as FAIL, and the report says that it failed closed.

use crate::contracts::Document as _;
use crate::contracts::EvidenceRef;
use crate::contracts::Json;
use crate::contracts::evidence_index::EvidenceIndex;
use crate::contracts::health::EvidenceHealth;
use crate::contracts::health::HealthCheck;
use crate::contracts::health::HealthDecision;
use crate::contracts::health::HealthPeriod;
use crate::contracts::health::HealthStats;
use crate::contracts::health::HealthSummary;
use crate::contracts::health::RefFailure;
use crate::contracts::health::most_frequent;
use crate::contracts::reason::detail;
use crate::ops::Ops;
use crate::ops::OpsFault;
use crate::ops::guarded;
use crate::ops::turn::Turn;
use crate::store::Published;
use crate::store::ResolveFault;
use crate::store::Store;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Receipts whose refs are looked at.
const RECEIPTS: usize = 20;
/// Of a hundred refs so many must resolve to pass.
const PASS_RATE: u64 = 98;
/// Of a hundred refs so many must resolve to warn only.
const WARN_RATE: u64 = 90;
/// The report's period in days; informative.
const PERIOD_DAYS: i64 = 7;
/// Reasons of a check that are listed.
const LISTED: usize = 20;
/// Reasons of all checks that are listed.
const TOP: usize = 5;
/// The code of a check that could not be made.
const CHECK_NOT_MADE: &str = "CHECK_NOT_MADE";

/// A report that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthOutcome {
    /// The report.
    pub report: EvidenceHealth,
    /// Where it lies.
    pub published: Published,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    decision: HealthDecision,
    reason: String,
    stats: HealthStats,
}

/// A check: its findings, or why it could not be made.
type Check = fn(&Store) -> Result<Found, String>;

const CHECKS: [(&str, Check); 4] = [
    ("ticket_receipts_resolvable", ticket_receipts),
    ("send_latest_resolvable", |store| document(store, layout::SEND.latest, "PUSH_SEND_RECEIPT_V1")),
    ("postmortem_latest_resolvable", |store| document(store, layout::POSTMORTEM.latest, "LIVE_FIRE_POSTMORTEM_V1")),
    ("evidence_index_exists", index),
];

impl Ops {
    /// Checks the evidence and stores the report.
    ///
    /// # Errors
    /// The report cannot be stored, or the program met a defect of its own.
    pub fn regenerate_health(&self) -> Result<HealthOutcome, OpsFault> {
        let turn = self.turn()?;
        guarded(|| self.publish_health(&turn)).map_err(OpsFault::Defect)?
    }

    fn publish_health(&self, turn: &Turn<'_>) -> Result<HealthOutcome, OpsFault> {
        let made = CHECKS.map(|(name, check)| (name, made(|| check(&self.store))));
        let report = report(&made, turn.now);
        let (report, published) = self.store.publish(layout::HEALTH, turn.now, &|_snapshot_ref| report.clone())?;
        Ok(HealthOutcome { report, published })
    }
}

/// The findings of a check; why it could not be made when it ended by a panic or an error.
fn made(check: impl FnOnce() -> Result<Found, String>) -> Result<Found, String> {
    guarded(check).unwrap_or_else(|panic| Err(format!("the check ended by a defect: {panic}")))
}

fn report(made: &[(&str, Result<Found, String>)], now: KstTime) -> EvidenceHealth {
    let decision_of = |found: &Result<Found, String>| found.as_ref().map_or(HealthDecision::Fail, |f| f.decision);
    let count = |word| made.iter().filter(|(_, found)| decision_of(found) == word).count() as u64;
    let worst = made.iter().map(|(_, found)| decision_of(found)).max().unwrap_or(HealthDecision::Fail);
    let row = |(name, found): &(&str, Result<Found, String>)| match found {
        Ok(found) => HealthCheck {
            name: (*name).to_owned(),
            decision: Some(found.decision.as_str().to_owned()),
            reason: found.reason.clone(),
            stats: HealthStats {
                fail_reasons: found.stats.fail_reasons.iter().take(LISTED).cloned().collect(),
                ..found.stats.clone()
            },
        },
        Err(why) => HealthCheck {
            name: (*name).to_owned(),
            decision: Some(HealthDecision::Fail.as_str().to_owned()),
            reason: detail(&format!("{CHECK_NOT_MADE}: {why}")),
            stats: HealthStats::default(),
        },
    };
    let codes = made.iter().flat_map(|(_, found)| match found {
        Ok(found) => found.stats.fail_reasons.iter().map(|row| row.decision.as_str()).collect(),
        Err(_) => vec![CHECK_NOT_MADE],
    });
    EvidenceHealth {
        schema: EvidenceHealth::SCHEMA.to_owned(),
        asof: Some(Stamp::of(now)),
        period: HealthPeriod {
            from: Some(Stamp::of(now - chrono::Duration::days(PERIOD_DAYS))),
            to: Some(Stamp::of(now)),
        },
        summary: HealthSummary {
            total: made.len() as u64,
            pass: count(HealthDecision::Pass),
            warn: count(HealthDecision::Warn),
            fail: count(HealthDecision::Fail),
            decision: Some(worst.as_str().to_owned()),
        },
        checks: made.iter().map(row).collect(),
        top_fail_reasons: most_frequent(codes, TOP),
        fail_closed_triggered: made.iter().any(|(_, found)| found.is_err()),
    }
}

/// The refs of the newest receipts of tickets.
fn ticket_receipts(store: &Store) -> Result<Found, String> {
    let lines = store.last_lines(layout::TICKET_RECEIPTS, RECEIPTS).map_err(|fault| fault.to_string())?;
    if lines.is_empty() {
        return Ok(nothing("no ticket receipt yet"));
    }
    // A line that is no record is passed over, as everywhere.
    let receipts = lines.iter().filter_map(|(_, line)| Json::parse(line).ok());
    let refs: Vec<String> = receipts.flat_map(|receipt| refs_of(&receipt)).collect();
    Ok(judged(store, &refs, |ok, total| {
        let tenths = ok * 1000 / total.max(1);
        format!("{}.{}% resolvable ({ok}/{total})", tenths / 10, tenths % 10)
    }))
}

/// The refs of one document.
fn document(store: &Store, file: &str, schema: &str) -> Result<Found, String> {
    let Some(bytes) = store.read(file).map_err(|fault| fault.to_string())? else {
        return Ok(nothing("there is no such document"));
    };
    let json = Json::parse(&bytes).map_err(|fault| format!("{file}: {fault}"))?;
    let stated = json.get("schema").and_then(Json::as_str).unwrap_or("none");
    if stated != schema {
        return Err(format!("{file}: schema is {stated}, expected {schema}"));
    }
    Ok(judged(store, &refs_of(&json), |ok, total| format!("{ok}/{total} resolvable")))
}

fn index(store: &Store) -> Result<Found, String> {
    let found = |decision, reason: String| Found { decision, reason, stats: HealthStats::default() };
    match store.document::<EvidenceIndex>(layout::EVIDENCE_INDEX.latest) {
        Stored::Present(_) => Ok(found(HealthDecision::Pass, "evidence_index_latest.json exists".to_owned())),
        Stored::Missing => Ok(found(HealthDecision::Warn, "there is no index yet".to_owned())),
        Stored::Damaged(why) => Err(format!("{}: {why}", layout::EVIDENCE_INDEX.latest)),
    }
}

/// What a document cites. What is no text cannot lead anywhere and is kept as a ref that fails.
fn refs_of(json: &Json) -> Vec<String> {
    match json.get("evidence_refs") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(items)) => {
            items.iter().map(|item| item.as_str().map_or_else(|| "(no text)".to_owned(), str::to_owned)).collect()
        }
        Some(_) => vec!["(no list)".to_owned()],
    }
}

fn nothing(why: &str) -> Found {
    let reason = format!("NOTHING_CHECKED: {why}");
    Found { decision: HealthDecision::Warn, reason, stats: HealthStats::default() }
}

fn judged(store: &Store, refs: &[String], reason: impl FnOnce(u64, u64) -> String) -> Found {
    if refs.is_empty() {
        return nothing("no evidence_refs");
    }
    let fail_reasons: Vec<RefFailure> = refs.iter().filter_map(|text| failure(store, text)).collect();
    let (total, fail) = (refs.len() as u64, fail_reasons.len() as u64);
    let ok = total - fail;
    Found {
        decision: rated(ok, total),
        reason: reason(ok, total),
        stats: HealthStats { total, ok, fail, fail_reasons },
    }
}

/// The decision of a rate; the bounds belong to the better side.
fn rated(ok: u64, total: u64) -> HealthDecision {
    match ok * 100 {
        hundredfold if hundredfold >= PASS_RATE * total => HealthDecision::Pass,
        hundredfold if hundredfold >= WARN_RATE * total => HealthDecision::Warn,
        _ => HealthDecision::Fail,
    }
}

/// Why a ref does not resolve; `None` when it does.
fn failure(store: &Store, text: &str) -> Option<RefFailure> {
    let (decision, reason) = match EvidenceRef::parse(text) {
        Err(fault) => ("INVALID_REF", fault.to_string()),
        Ok(reference) => match store.resolve(&reference) {
            Ok(_) => return None,
            Err(fault @ (ResolveFault::FileNotFound(_) | ResolveFault::NoSuchLine(_))) => {
                ("NOT_FOUND", fault.to_string())
            }
            Err(fault @ (ResolveFault::Parse(_) | ResolveFault::TooLarge(_))) => ("PARSE_ERROR", fault.to_string()),
        },
    };
    Some(RefFailure { reference: detail(text), decision: decision.to_owned(), reason: detail(&reason) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_at_a_bound_belongs_to_the_better_side() {
        let cases = [
            (98, 100, "PASS"),
            (97, 100, "WARN"),
            (49, 50, "PASS"),
            (90, 100, "WARN"),
            (9, 10, "WARN"),
            (89, 100, "FAIL"),
            (0, 1, "FAIL"),
            (1, 1, "PASS"),
            (19, 20, "WARN"),
            (17, 20, "FAIL"),
        ];
        for (ok, total, want) in cases {
            assert_eq!(rated(ok, total).as_str(), want, "{ok} of {total}");
        }
    }

    #[test]
    fn a_check_that_panics_fails_closed() {
        let panicked = made(|| panic!("a defect of this test"));
        let now = Stamp::from("2026-11-20T20:00:00+09:00").instant().expect("a time");
        let report = report(&[("x", panicked), ("y", Ok(nothing("z")))], now);
        assert_eq!(report.decision(), HealthDecision::Fail);
        assert!(report.fail_closed_triggered && report.checks[0].reason.contains("a defect of this test"));
        assert_eq!(report.top_fail_reasons[0].reason, CHECK_NOT_MADE);
    }

    #[test]
    fn no_check_at_all_is_no_pass() {
        let now = Stamp::from("2026-11-20T20:00:00+09:00").instant().expect("a time");
        assert_eq!(report(&[], now).decision(), HealthDecision::Fail);
    }
}
