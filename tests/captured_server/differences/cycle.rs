//! Rows of the cycle endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[];
