//! Rows of the deps endpoints.

use super::Difference;

const ONE_PROGRAM: &str = "3.9: one binary, no interpreter and no packages beside it; said as null, never as a version";

pub(super) const ROWS: &[Difference] = &[
    ("captured", "GET /api/deps/reconcile", "/rows/0/python_*", "*", "null", ONE_PROGRAM),
    ("captured", "GET /api/deps/reconcile", "/rows/0/pandas_*", "*", "null", ONE_PROGRAM),
    ("captured", "GET /api/deps/reconcile", "/rows/0/pyarrow_*", "*", "null", ONE_PROGRAM),
    ("captured", "GET /api/deps/reconcile", "/rows/0/*", "-", "*", "3.9: what the program is made of"),
];
