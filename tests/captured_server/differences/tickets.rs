//! Rows of the tickets endpoints.

use super::Difference;

pub(super) const ROWS: &[Difference] = &[
    (
        "*",
        "GET /api/tickets/latest",
        "/total",
        "-",
        "*",
        "the board says how many tickets there are beside the rows shown",
    ),
    ("*", "GET /api/tickets/latest", "/bad_lines", "-", "0", "2: bad lines are skipped and counted"),
    ("captured", "GET /api/tickets/reaper/latest", "/status", "-", r#""empty""#, "1.2: every GET carries status"),
    ("captured", "GET /api/tickets/reaper/latest", "/error", "-", "null", "1.2: every GET carries error"),
];
