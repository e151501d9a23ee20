//! How a live cycle ended: one table, first match wins.

use super::StalePolicy;
use crate::contracts::BundleDecision;
use crate::contracts::Validation;
use crate::contracts::cycle::CycleDecision;
use crate::contracts::cycle::CycleResult;
use crate::contracts::reason::CycleReason;

/// What the bundle allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BundleStanding {
    Missing,
    Failed,
    Stale,
    Usable,
}

impl BundleStanding {
    pub(super) fn of(found: &Validation) -> Self {
        match found.decision {
            BundleDecision::NoBundle => Self::Missing,
            BundleDecision::Fail => Self::Failed,
            BundleDecision::Pass | BundleDecision::Warn if found.is_usable() => Self::Usable,
            BundleDecision::Pass | BundleDecision::Warn => Self::Stale,
        }
    }
}

/// What became of the recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecoStanding {
    /// It could not be made or not be stored.
    NotMade,
    /// A guard said no.
    Blocked,
    /// It stands, with signals or without.
    Made,
}

/// What became of a part of the cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It was not reached or not due.
    NotDue,
    /// It broke.
    Broken,
    /// It was done.
    Done,
}

/// Everything that the table looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) stopped: bool,
    pub(super) defect: bool,
    pub(super) bundle: BundleStanding,
    pub(super) stale_policy: StalePolicy,
    pub(super) reco: RecoStanding,
    pub(super) summary: Part,
    pub(super) push: Part,
}

/// Result, decision and reason. A tolerated stale bundle comes after the broken parts: tolerance of age is no tolerance
/// of faults.
pub(super) fn outcome(facts: &Facts) -> (CycleResult, CycleDecision, CycleReason) {
    use CycleDecision::Blocked;
    use CycleDecision::Completed;
    use CycleDecision::Partial;
    use CycleReason as R;
    use CycleResult::Failed;
    use CycleResult::Ok;
    let stale = facts.bundle == BundleStanding::Stale;
    if facts.stopped {
        (Ok, Blocked, R::EmergencyStop)
    } else if facts.defect {
        (Failed, Blocked, R::SystemError)
    } else if facts.bundle == BundleStanding::Missing {
        (Ok, Blocked, R::NoBundle)
    } else if facts.bundle == BundleStanding::Failed {
        (Ok, Blocked, R::BundleFail)
    } else if stale && facts.stale_policy == StalePolicy::Block {
        (Ok, Blocked, R::BundleStale)
    } else if facts.reco == RecoStanding::Blocked {
        (Ok, Blocked, R::RecoBlocked)
    } else if facts.reco == RecoStanding::NotMade {
        (Failed, Partial, R::RecoFail)
    } else if facts.summary == Part::Broken {
        (Failed, Partial, R::SummaryFail)
    } else if facts.push == Part::Broken {
        (Failed, Partial, R::PushFail)
    } else if stale {
        (Ok, Partial, R::BundleStale)
    } else {
        (Ok, Completed, R::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_reached_and_the_first_match_wins() {
        let good = Facts {
            stopped: false,
            defect: false,
            bundle: BundleStanding::Usable,
            stale_policy: StalePolicy::Block,
            reco: RecoStanding::Made,
            summary: Part::Done,
            push: Part::Done,
        };
        let bad = Facts { reco: RecoStanding::NotMade, summary: Part::Broken, push: Part::Broken, ..good };
        let with = |bundle| Facts { bundle, ..bad };
        let warn = |facts| Facts { bundle: BundleStanding::Stale, stale_policy: StalePolicy::Warn, ..facts };
        let everything = Facts { stopped: true, defect: true, bundle: BundleStanding::Missing, ..bad };
        let cases = [
            ("emergency stop, whatever else", everything, "OK BLOCKED EMERGENCY_STOP"),
            ("exception, whatever else", Facts { stopped: false, ..everything }, "FAILED BLOCKED SYSTEM_ERROR"),
            ("no bundle", with(BundleStanding::Missing), "OK BLOCKED NO_BUNDLE"),
            ("bundle fail", with(BundleStanding::Failed), "OK BLOCKED BUNDLE_FAIL"),
            ("bundle stale", with(BundleStanding::Stale), "OK BLOCKED BUNDLE_STALE"),
            ("bundle stale, tolerated", warn(good), "OK PARTIAL BUNDLE_STALE"),
            ("bundle stale, tolerated, reco broke", warn(bad), "FAILED PARTIAL RECO_FAIL"),
            ("reco blocked", Facts { reco: RecoStanding::Blocked, ..bad }, "OK BLOCKED RECO_BLOCKED"),
            ("reco broke", bad, "FAILED PARTIAL RECO_FAIL"),
            ("summary broke", Facts { reco: RecoStanding::Made, ..bad }, "FAILED PARTIAL SUMMARY_FAIL"),
            ("push broke", Facts { push: Part::Broken, ..good }, "FAILED PARTIAL PUSH_FAIL"),
            ("push not due yet", Facts { push: Part::NotDue, ..good }, "OK COMPLETED SUCCESS"),
            ("all good", good, "OK COMPLETED SUCCESS"),
        ];
        for (name, facts, want) in cases {
            let (result, decision, reason) = outcome(&facts);
            assert_eq!(format!("{} {} {reason}", result.as_str(), decision.as_str()), want, "{name}");
        }
    }
}
