//! Rows of the evidence endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[
    (
        "evidence_index_corrupt",
        "GET /api/evidence/index/latest",
        "/error/message",
        "*",
        "*",
        "the text is the parser's",
    ),
    (
        "push",
        "POST /api/evidence/index/regenerate",
        "/row_count",
        "25",
        "*",
        "4.7: ops runs and the other reports are indexed too",
    ),
    (
        "evidence_health_fail",
        "GET /api/evidence/health/latest",
        "/checks/0/decision",
        r#""PASS""#,
        r#""WARN""#,
        "4.7: 0 of 0 is NOTHING_CHECKED",
    ),
    (
        "evidence_health_fail",
        "GET /api/evidence/health/latest",
        "/checks/*/reason",
        "*",
        "*",
        "4.7: 0 of 0 is NOTHING_CHECKED",
    ),
    (
        "evidence_health_fail",
        "GET /api/evidence/health/latest",
        "/checks/*/stats/*",
        "-",
        "*",
        "the full form is written",
    ),
    (
        "evidence_health_fail",
        "GET /api/evidence/health/latest",
        "/fail_closed_triggered",
        "-",
        "false",
        "4.7: the report says whether it failed closed",
    ),
    (
        "evidence_health_fail",
        "GET /api/evidence/health/latest",
        "/summary/pass",
        "2",
        "1",
        "4.7: 0 of 0 is NOTHING_CHECKED",
    ),
    (
        "evidence_health_fail",
        "GET /api/evidence/health/latest",
        "/summary/warn",
        "1",
        "2",
        "4.7: 0 of 0 is NOTHING_CHECKED",
    ),
    (
        "evidence_health_*",
        "GET /api/ops/summary/latest",
        "/rows/0/evidence/index_row_count",
        "0",
        "*",
        "4.1: the right key is read, and the cycle renews the index",
    ),
];
