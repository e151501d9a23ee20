//! Rows of the tickets endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[];
