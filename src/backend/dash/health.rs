//! The overall health: the worst of everything that the host knows about itself.

use serde::Serialize;

use super::Dash;
use crate::ops::Ops;

/// One word for people in a hurry, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Overall {
    /// OK, WARN, CRITICAL or UNKNOWN.
    pub(crate) status: &'static str,
    /// Codes of everything that is not as it should be; empty when OK.
    pub(crate) reasons: Vec<&'static str>,
}

impl Dash {
    /// Looks at everything now.
    pub(crate) fn overall(&self, _ops: &Ops) -> Overall {
        Overall { status: "UNKNOWN", reasons: vec!["starting"] }
    }
}
