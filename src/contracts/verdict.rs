//! How well a stage and a run ended, from best to worst.

use serde::Deserialize;
use serde::Serialize;

/// The class of one stage's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageClass {
    /// Done as it should be.
    Ok,
    /// Done, with something a person should look at. The exit code stays 0.
    Warn,
    /// A safety rule or a decision said no: exit 2, nothing further acts.
    Block,
    /// It could not be done or not be verified: exit 3, the run ends.
    Fail,
    /// Not reached, or not due.
    Skipped,
}

/// How a run ended. The order is from best to worst; a run is as bad as its worst part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Everything verified.
    Pass,
    /// Done, with warnings.
    Warn,
    /// A rule, a gate or another live run said no.
    Blocked,
    /// An operational fault.
    Fault,
}

impl Verdict {
    /// The process exit code: 0, 2 or 3.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass | Self::Warn => 0,
            Self::Blocked => 2,
            Self::Fault => 3,
        }
    }
}

/// The verdict of a run from its stages in order: what acted last decides, so a fault found while only reading after a
/// block does not turn a block into a fault. A run of nothing is a fault.
///
/// ```
/// use daily_ops::contracts::{verdict_of, StageClass::*, Verdict};
/// assert_eq!(verdict_of(&[Warn, Ok, Ok, Ok, Ok]), Verdict::Warn);
/// assert_eq!(verdict_of(&[Ok, Ok, Ok, Block, Fail]), Verdict::Blocked);
/// assert_eq!(verdict_of(&[Ok, Fail, Skipped, Skipped, Skipped]), Verdict::Fault);
/// assert_eq!(verdict_of(&[]), Verdict::Fault);
/// ```
#[must_use]
pub fn verdict_of(stages: &[StageClass]) -> Verdict {
    let mut worst = None;
    for class in stages {
        let verdict = match class {
            StageClass::Ok => Verdict::Pass,
            StageClass::Warn => Verdict::Warn,
            StageClass::Block => Verdict::Blocked,
            StageClass::Fail => Verdict::Fault,
            StageClass::Skipped => continue,
        };
        if worst == Some(Verdict::Blocked) {
            continue;
        }
        worst = worst.max(Some(verdict));
    }
    worst.unwrap_or(Verdict::Fault)
}
