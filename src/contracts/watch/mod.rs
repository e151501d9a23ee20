//! The market watchers' documents: the watched symbols, the settings, what was alerted, what a look came to.
//!
//! Percentages are whole basis points inside and numbers with at most two decimals in documents.

mod members;
mod receipt;
mod settings;
mod state;
mod status;
mod watchlist;

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

pub use members::FieldFault;
pub use receipt::HoldingAlert;
pub use receipt::HoldingReceipt;
pub use receipt::SettingsUsed;
pub use receipt::SpikeAlert;
pub use receipt::SpikeReceipt;
pub use settings::HoldingSettings;
pub use settings::OldSpikeSettings;
pub use settings::SessionKst;
pub use settings::SpikeSettings;
pub use settings::WatchSettings;
pub use state::AlertMark;
pub use state::HoldingState;
pub use state::Position;
pub use state::SpikeState;
pub use status::WatchReason;
pub use status::WatchStatus;
pub use status::WatcherStatus;
pub use watchlist::WatchItem;
pub use watchlist::WatchSeal;
pub use watchlist::Watchlist;

/// A percentage as whole basis points.
///
/// ```
/// use daily_ops::contracts::watch::Percent;
/// assert_eq!(Percent::of_bp(-409).to_string(), "-4.09");
/// assert_eq!(Percent::parse(3.0), Some(Percent::of_bp(300)));
/// assert_eq!(Percent::parse(0.125), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(i64);

impl Percent {
    /// So many basis points.
    #[must_use]
    pub const fn of_bp(bp: i64) -> Self {
        Self(bp)
    }

    /// The basis points.
    #[must_use]
    pub const fn bp(self) -> i64 {
        self.0
    }

    /// A number with at most two decimals; `None` for any other.
    #[must_use]
    pub fn parse(number: f64) -> Option<Self> {
        let rounded = Self::rounded(number)?;
        // The nearest float of the decimal text is the same float.
        (rounded.as_number().to_bits() == (number + 0.0).to_bits()).then_some(rounded)
    }

    /// The nearest basis point of a number; `None` when it is beyond all percentages.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "far below the limit of i64")]
    pub fn rounded(number: f64) -> Option<Self> {
        let bp = (number * 100.0).round();
        (bp.abs() < 1e15).then_some(Self(bp as i64))
    }

    /// The number in documents.
    #[must_use]
    pub fn as_number(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let bp = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", bp / 100, bp % 100)
    }
}

impl Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_number())
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Self::rounded(number).ok_or_else(|| serde::de::Error::custom("no percentage"))
    }
}

/// Whether a text is the code of a share or fund: six digits or capital letters.
#[must_use]
pub fn is_code(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_percentage_has_two_decimals() {
        let cases = [
            (3.0, Some(300)),
            (0.1, Some(10)),
            (0.01, Some(1)),
            (-4.09, Some(-409)),
            (29.99, Some(2999)),
            (0.0, Some(0)),
            (-0.0, Some(0)),
            (0.001, None),
            (1.0 / 3.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1e300, None),
        ];
        for (number, want) in cases {
            assert_eq!(Percent::parse(number).map(Percent::bp), want, "{number}");
        }
        assert_eq!(Percent::of_bp(-5).to_string(), "-0.05");
    }

    proptest! {
        #[test]
        fn prop_every_basis_point_survives_a_document(bp in -1_000_000_i64..1_000_000) {
            let percent = Percent::of_bp(bp);
            prop_assert_eq!(Percent::parse(percent.as_number()), Some(percent));
            let text = serde_json::to_string(&percent).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Percent>(&text).expect("a percentage"), percent);
        }
    }
}
