//! Rows of the recon and report endpoints.

use super::Difference;

const EVERY_GET: &str = "1.2: every GET carries status, schema, asof and error";
const BOTH: &str = "3.9: the report as data too";

pub(super) const ROWS: &[Difference] = &[
    ("*", "GET /api/recon/daily", "/bad_lines", "-", "0", "2: bad lines are skipped and counted"),
    ("recon_daily_absent", "GET /api/recon/daily", "/schema", "-", "*", EVERY_GET),
    ("recon_daily_absent", "GET /api/recon/daily", "/asof", "-", "*", EVERY_GET),
    ("recon_daily_absent", "GET /api/recon/daily", "/error", "-", "*", EVERY_GET),
    ("recon_summary_corrupt", "GET /api/recon/summary", "/schema", "-", "*", EVERY_GET),
    ("recon_summary_corrupt", "GET /api/recon/summary", "/asof", "-", "*", EVERY_GET),
    (
        "recon_summary_corrupt",
        "GET /api/recon/summary",
        "/error",
        r#""A5_UNKNOWN_ERROR""#,
        r#""A3_JSON_INVALID""#,
        "3.9: what is no JSON has its own code",
    ),
    (
        "recon_summary_corrupt",
        "GET /api/recon/summary",
        "/message",
        "*",
        "*",
        "3.9: the text names the rule that broke",
    ),
    ("*", "GET /api/report/*", "/status", "-", "*", EVERY_GET),
    ("*", "GET /api/report/*", "/schema", "-", "*", EVERY_GET),
    ("*", "GET /api/report/*", "/error", "-", "*", EVERY_GET),
    ("report_human_absent", "GET /api/report/human", "/asof", "-", "*", EVERY_GET),
    ("*", "GET /api/report/*", "/data", "-", "*", BOTH),
];
