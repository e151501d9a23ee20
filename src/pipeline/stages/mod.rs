//! The stages, one file each: a judge that is a function of the answers, and the few calls around it.

pub(super) mod health;
pub(super) mod live_cycle;
pub(super) mod pull;
pub(super) mod snapshot;
pub(super) mod summary;

use crate::contracts::Reason;
use crate::contracts::RunCode;
use crate::contracts::StageClass;
use crate::contracts::run::Warning;

use super::client::CallFault;
use super::client::Stop;

/// How a stage ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) class: StageClass,
    pub(super) code: Reason,
    pub(super) detail: Option<String>,
    pub(super) http_status: Option<u16>,
    pub(super) warnings: Vec<Warning>,
}

impl Judged {
    pub(super) fn new(class: StageClass, code: impl Into<Reason>, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        let detail = detail.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        Self {
            class,
            code: code.into(),
            detail: (!detail.is_empty()).then_some(detail),
            http_status: None,
            warnings: Vec::new(),
        }
    }

    pub(super) fn ok(code: RunCode, detail: impl Into<String>) -> Self {
        Self::new(StageClass::Ok, code, detail)
    }

    pub(super) fn fail(code: impl Into<Reason>, detail: impl Into<String>) -> Self {
        Self::new(StageClass::Fail, code, detail)
    }

    pub(super) fn block(code: impl Into<Reason>, detail: impl Into<String>) -> Self {
        Self::new(StageClass::Block, code, detail)
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }

    /// Adds warnings; a stage that was fine is then one with warnings.
    pub(super) fn warned(mut self, warnings: Vec<Warning>) -> Self {
        if !warnings.is_empty() && self.class == StageClass::Ok {
            self.class = StageClass::Warn;
        }
        self.warnings.extend(warnings);
        self
    }

    /// A call without an answer: the run's own end where that was the cause, else `code`.
    pub(super) fn no_answer(code: RunCode, fault: &CallFault, hint: &str) -> Self {
        match fault {
            CallFault::Ended(Stop::Interrupted) => Self::fail(RunCode::Interrupted, "a signal ended the run"),
            CallFault::Ended(Stop::RunTimeout) => {
                Self::fail(RunCode::RunTimeout, "the limit of the whole run was reached")
            }
            CallFault::TooLarge(status) => Self::fail(code, fault.to_string()).with_status(*status),
            CallFault::NoConnection(_) | CallFault::Timeout(_) | CallFault::Broken(_) => {
                let hint = if hint.is_empty() { String::new() } else { format!("; {hint}") };
                Self::fail(code, format!("{fault}{hint}"))
            }
        }
    }
}
