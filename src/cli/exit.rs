//! The exit codes of the whole binary, and the only map from an error to a code.

/// Done, or done with warnings.
pub(super) const DONE: u8 = 0;
/// A rule, a gate, a verdict or another live run said no.
pub(super) const BLOCKED: u8 = 2;
/// Could not be done, or not be verified.
pub const FAULT: u8 = 3;
/// Wrong usage or wrong configuration.
pub(super) const USAGE: u8 = 64;

/// Why a command ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something said no.
    Blocked(String),
    /// Something could not be done.
    Fault(anyhow::Error),
    /// The command or the configuration is wrong.
    Usage(String),
}

impl Failure {
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Blocked(_) => BLOCKED,
            Self::Fault(_) => FAULT,
            Self::Usage(_) => USAGE,
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Blocked(_) => "blocked",
            Self::Fault(_) => "fault",
            Self::Usage(_) => "usage",
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Blocked(text) | Self::Usage(text) => text.clone(),
            Self::Fault(fault) => chain(fault),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

/// A fault and its causes. Some of our faults show their cause themselves; it is not said twice.
fn chain(fault: &anyhow::Error) -> String {
    fault.chain().fold(String::new(), |told, cause| {
        let cause = cause.to_string();
        match told.as_str() {
            "" => cause,
            before if before.ends_with(&cause) => told,
            before => format!("{before}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let io = || std::io::Error::other("no space");
        let cases = [
            ("alone", anyhow::Error::new(io()), "no space"),
            ("with context", anyhow::Error::new(io()).context("cannot write a.json"), "cannot write a.json: no space"),
            ("shown already", anyhow::Error::new(io()).context("cannot write: no space"), "cannot write: no space"),
        ];
        for (name, fault, want) in cases {
            assert_eq!(Failure::Fault(fault).text(), want, "{name}");
        }
    }
}
