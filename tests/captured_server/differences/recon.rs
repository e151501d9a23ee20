//! Rows of the recon endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[];
