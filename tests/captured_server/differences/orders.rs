//! Rows of the orders endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[];
