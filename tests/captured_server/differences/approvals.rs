//! Rows of the approvals endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[];
