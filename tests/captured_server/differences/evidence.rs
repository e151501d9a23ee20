//! Rows of the evidence endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[];
