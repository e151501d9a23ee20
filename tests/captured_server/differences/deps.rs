//! Rows of the deps endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[];
