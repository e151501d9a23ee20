//! Rows of the secrets endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[
    ("captured", "GET /api/secrets/status", "/row_count", "7", "1", "3.8: rows are counted, not names"),
    ("self_test_absent", "GET /api/secrets/self_test", "/asof", "-", "null", "1.2: every GET carries asof"),
];
