//! The rules of the risks, case by case.

use super::*;
use crate::contracts::GateMode;
use crate::contracts::summary::TicketCounts;
use crate::contracts::summary::TicketsRecent;
use crate::gates::Origin;
use crate::gates::Reading;
use crate::ops::recent::Recent;

/// Facts that own what they speak of; everything is as it should be.
struct Case {
    switches: Switches,
    evidence: EvidenceView,
    tickets: TicketsView,
    bundle: Validation,
    reco: Stored<RecoReport>,
    has_run: bool,
}

fn reading<T, D>(value: T) -> Reading<T, D> {
    Reading { value, origin: Origin::Missing, document: None }
}

fn good() -> Case {
    Case {
        switches: Switches { gate: reading(GateMode::DryRun), sender: reading(false), stop: reading(false) },
        evidence: EvidenceView {
            decision: HealthDecision::Pass,
            fail_closed_triggered: false,
            snapshot_ref: None,
            damage: None,
            index_row_count: 0,
        },
        tickets: TicketsView {
            counts: TicketCounts::default(),
            recent: Recent { counts: TicketsRecent::default(), blocked_line_refs: Vec::new() },
            bad_lines: 0,
            unreadable: Vec::new(),
        },
        bundle: Validation {
            decision: BundleDecision::Pass,
            valid: true,
            stale: false,
            stale_reason: None,
            age_seconds: Some(60),
            bundle_id: Some("b".to_owned()),
            created_at: None,
            strategy_name: None,
            strategy_version: None,
            issues: Vec::new(),
            warnings: Vec::new(),
            signature_verified: true,
        },
        reco: report("GENERATED", "SUCCESS"),
        has_run: true,
    }
}

fn report(decision: &str, reason: &str) -> Stored<RecoReport> {
    let (decision, reason) = (Some(decision.to_owned()), Some(reason.to_owned()));
    Stored::Present(RecoReport { decision, reason, ..RecoReport::default() })
}

fn assessed(case: &Case) -> (OverallStatus, Vec<Risk>) {
    assess(&Facts {
        switches: &case.switches,
        evidence: &case.evidence,
        tickets: &case.tickets,
        bundle: &case.bundle,
        reco: &case.reco,
        has_run: case.has_run,
    })
}

fn with(edit: impl FnOnce(&mut Case)) -> Case {
    let mut case = good();
    edit(&mut case);
    case
}

#[test]
fn every_row_of_the_status_table_holds_and_the_worst_counts() {
    use HealthDecision::Fail;
    use HealthDecision::Unknown;
    use HealthDecision::Warn;
    let stopped = |case: &mut Case| case.switches.stop.value = true;
    let cases = [
        ("1 stop", with(|c| stopped(c)), OverallStatus::Stopped),
        ("1 stop before a failed health", with(|c| (stopped(c), c.evidence.decision = Fail).1), OverallStatus::Stopped),
        ("2 health fail", with(|c| c.evidence.decision = Fail), OverallStatus::Blocked),
        (
            "2 health fail without a run",
            with(|c| (c.has_run = false, c.evidence.decision = Fail).1),
            OverallStatus::Blocked,
        ),
        ("3 health warn", with(|c| c.evidence.decision = Warn), OverallStatus::Warn),
        (
            "3 health warn without a run",
            with(|c| (c.has_run = false, c.evidence.decision = Warn).1),
            OverallStatus::Warn,
        ),
        ("4 no run ever", with(|c| c.has_run = false), OverallStatus::NoRunHistory),
        ("5 else", good(), OverallStatus::Ok),
        ("health unknown warns", with(|c| c.evidence.decision = Unknown), OverallStatus::Warn),
        ("a critical risk blocks", with(|c| c.reco = report("BLOCKED", "SYSTEM_ERROR")), OverallStatus::Blocked),
        ("a warning risk warns", with(|c| c.tickets.recent.counts.failed = 1), OverallStatus::Warn),
        ("an informing risk changes nothing", with(|c| c.reco = Stored::Missing), OverallStatus::Ok),
        (
            "no run and an informing risk",
            with(|c| (c.has_run = false, c.reco = Stored::Missing).1),
            OverallStatus::NoRunHistory,
        ),
        (
            "no run and a warning risk",
            with(|c| (c.has_run = false, c.tickets.recent.counts.failed = 1).1),
            OverallStatus::Warn,
        ),
        (
            "no run and a critical risk",
            with(|c| (c.has_run = false, c.bundle.decision = BundleDecision::Fail).1),
            OverallStatus::Blocked,
        ),
    ];
    for (name, case, want) in cases {
        let (status, risks) = assessed(&case);
        assert_eq!(status, want, "{name}");
        let quiet = [OverallStatus::Ok, OverallStatus::NoRunHistory].contains(&status);
        assert!(quiet || !risks.is_empty(), "{name}: a bad status has a risk");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row per risk")]
fn every_row_of_the_risk_table_is_raised_with_its_severity_and_refs() {
    use Severity::Critical;
    use Severity::Info;
    use Severity::Warn;
    let line = |file: &str| vec![format!("{file}:line3")];
    let (health, snapshot) = (layout::HEALTH.latest, "reports/ops/evidence/health/snapshots/h.json");
    let cited = |c: &mut Case, decision| {
        c.evidence.decision = decision;
        c.evidence.snapshot_ref = Some(snapshot.to_owned());
    };
    let cases = [
        (with(|c| c.switches.stop.value = true), "EMERGENCY_STOP", Critical, vec![layout::STOP]),
        (with(|c| cited(c, HealthDecision::Fail)), "EVIDENCE_HEALTH_FAIL", Critical, vec![health, snapshot]),
        (with(|c| cited(c, HealthDecision::Warn)), "EVIDENCE_HEALTH_WARN", Warn, vec![health, snapshot]),
        (with(|c| cited(c, HealthDecision::Unknown)), "EVIDENCE_HEALTH_UNKNOWN", Warn, vec![health, snapshot]),
        (
            with(|c| {
                c.tickets.recent.counts.failed = 1;
                c.tickets.recent.counts.failed_line_refs = line(layout::TICKET_RESULTS);
            }),
            "TICKETS_FAILED",
            Warn,
            vec!["state/tickets/ticket_results.jsonl:line3"],
        ),
        (
            with(|c| {
                c.tickets.recent.counts.blocked = 1;
                c.tickets.recent.blocked_line_refs = line(layout::TICKET_RECEIPTS);
            }),
            "TICKETS_BLOCKED",
            Warn,
            vec!["state/tickets/ticket_receipts.jsonl:line3"],
        ),
        (with(|c| c.bundle.decision = BundleDecision::NoBundle), "NO_STRATEGY_BUNDLE", Warn, vec![]),
        (
            with(|c| c.bundle.decision = BundleDecision::Fail),
            "BUNDLE_INTEGRITY_FAIL",
            Critical,
            vec![layout::BUNDLE.latest],
        ),
        (with(|c| c.bundle.stale = true), "BUNDLE_STALE", Warn, vec![layout::BUNDLE.latest]),
        (with(|c| c.reco = Stored::Missing), "NO_RECO_YET", Info, vec![]),
        (with(|c| c.reco = report("BLOCKED", "SYSTEM_ERROR")), "RECO_BLOCKED", Critical, vec![layout::RECO.latest]),
        (with(|c| c.reco = report("EMPTY_RECO", "NO_SIGNAL")), "EMPTY_RECO", Warn, vec![layout::RECO.latest]),
        (with(|c| c.reco = Stored::Damaged("x".to_owned())), "RECO_UNREADABLE", Warn, vec![layout::RECO.latest]),
        (with(|c| c.reco = report("DONE", "SUCCESS")), "RECO_UNREADABLE", Warn, vec![layout::RECO.latest]),
        (with(|c| c.reco = Stored::Present(RecoReport::default())), "RECO_UNREADABLE", Warn, vec![layout::RECO.latest]),
        (with(|c| c.tickets.unreadable = vec!["x".to_owned()]), "TICKETS_UNREADABLE", Warn, vec![]),
        (
            with(|c| c.switches.gate.origin = Origin::Damaged("x".to_owned())),
            "SAFETY_UNREADABLE",
            Warn,
            vec![layout::GATE],
        ),
    ];
    for (case, code, severity, refs) in cases {
        let risks = assessed(&case).1;
        assert_eq!(risks.len(), 1, "{code}: {risks:?}");
        assert_eq!((risks[0].code.as_str(), risks[0].severity), (code, severity));
        assert_eq!(risks[0].evidence_refs, refs, "{code}");
        assert!(!risks[0].message.is_empty(), "{code}");
    }
    assert_eq!(assessed(&good()).1, Vec::new(), "nothing is raised without cause");
}

#[test]
fn the_worst_five_are_shown_in_table_order() {
    let case = with(|c| {
        c.evidence.decision = HealthDecision::Warn;
        c.tickets.recent.counts.failed = 1;
        c.tickets.recent.counts.blocked = 1;
        c.tickets.unreadable = vec!["x".to_owned()];
        c.switches.gate.origin = Origin::Damaged("x".to_owned());
        c.bundle.decision = BundleDecision::Fail;
        c.reco = report("BLOCKED", "BUNDLE_FAIL");
    });
    let (status, risks) = assessed(&case);
    let codes: Vec<_> = risks.iter().map(|risk| risk.code.as_str()).collect();
    let want = ["BUNDLE_INTEGRITY_FAIL", "RECO_BLOCKED", "SAFETY_UNREADABLE", "EVIDENCE_HEALTH_WARN", "TICKETS_FAILED"];
    assert_eq!((status, codes), (OverallStatus::Blocked, want.to_vec()), "late critical ones are not lost");
}

#[test]
fn a_bad_status_without_a_risk_gets_one() {
    let cases = [
        (OverallStatus::Ok, None),
        (OverallStatus::NoRunHistory, None),
        (OverallStatus::Warn, Some(("OPS_WARN", Severity::Warn))),
        (OverallStatus::Blocked, Some(("OPS_BLOCKED", Severity::Critical))),
        (OverallStatus::Stopped, Some(("OPS_STOPPED", Severity::Critical))),
    ];
    for (status, want) in cases {
        let found = fallback(status, &[]);
        assert_eq!(found.as_ref().map(|risk| (risk.code.as_str(), risk.severity)), want);
        assert_eq!(fallback(status, &[risk("X", Severity::Info, String::new(), &[])]), None);
    }
}

#[test]
fn a_report_is_superseded_when_its_cause_is_gone_or_the_bundle_is_another() {
    let of = |reason: &str, id: Option<&str>| RecoReport {
        reason: Some(reason.to_owned()),
        source_bundle: Some(crate::contracts::reco::SourceBundle {
            bundle_id: id.map(str::to_owned),
            ..Default::default()
        }),
        ..RecoReport::default()
    };
    let pass = good().bundle;
    let fail = Validation { decision: BundleDecision::Fail, valid: false, stale: true, ..pass.clone() };
    let stale = Validation { decision: BundleDecision::Warn, stale: true, ..pass.clone() };
    let none = Validation { decision: BundleDecision::NoBundle, bundle_id: None, ..fail.clone() };
    let cases = [
        ("no bundle then and now", of("NO_BUNDLE", None), &none, false),
        ("no bundle then", of("NO_BUNDLE", None), &pass, true),
        ("failed then and now", of("BUNDLE_FAIL", Some("b")), &fail, false),
        ("failed then", of("BUNDLE_FAIL", Some("b")), &pass, true),
        ("failed then, another fails now", of("BUNDLE_FAIL", Some("a")), &fail, true),
        ("stale then and now, older form", of("BUNDLE_STALE: No created_at", Some("b")), &stale, false),
        ("stale then", of("BUNDLE_STALE", Some("b")), &pass, true),
        ("no signal, same bundle", of("NO_SIGNAL", Some("b")), &pass, false),
        ("no signal, another bundle", of("NO_SIGNAL", Some("a")), &pass, true),
        ("defect, same bundle", of("SYSTEM_ERROR", Some("b")), &pass, false),
        ("defect, unknown bundle", of("SYSTEM_ERROR", None), &pass, false),
        ("unknown reason", of("?", None), &pass, false),
    ];
    for (name, report, bundle, want) in cases {
        assert_eq!(is_superseded(&report, bundle), want, "{name}");
    }
}
