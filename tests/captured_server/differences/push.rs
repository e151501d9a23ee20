//! Rows of the push endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[];
