//! Rows of the approvals endpoints.

use super::Difference;

const LATEST: &str = "GET /api/approvals/real_enable/latest";
const ALLOWLIST: &str = "GET /api/execution_allowlist";
const NO_ALLOWLIST: &str = "the recording lacks the file docs/contracts/execution_allowlist_v1.json";

pub(super) const ROWS: &[Difference] = &[
    (
        "captured",
        LATEST,
        "/data/status",
        r#""APPROVED""#,
        r#""EXPIRED""#,
        "3.6: the expiry applies to approvals that are APPROVED too",
    ),
    ("approvals_absent", LATEST, "/asof", "-", r#""<time>""#, "1.2: every GET carries asof"),
    ("approvals_absent", LATEST, "/error", "-", "null", "1.2: every GET carries error"),
    ("captured", ALLOWLIST, "HTTP", "200", "404", NO_ALLOWLIST),
    ("captured", ALLOWLIST, "/status", r#""ready""#, r#""error""#, NO_ALLOWLIST),
    ("captured", ALLOWLIST, "/message", "-", "*", NO_ALLOWLIST),
    ("captured", ALLOWLIST, "/data", "*", "null", NO_ALLOWLIST),
    ("captured", ALLOWLIST, "/error", "null", "*ALLOWLIST_UNUSABLE*", NO_ALLOWLIST),
];
