//! Rows of the secrets endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[];
