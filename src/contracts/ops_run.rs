//! What is read of an ops run's record, under the three schema names that the record has had, and of the daily report.

use serde::Deserialize;
use serde::Serialize;

use super::document::Document;
use super::document::DocumentFault;
use super::document::lenient;
use super::json::Json;
use super::json::decode;
use crate::time::Stamp;

/// Names of the record: today's, the one before with the same body, and the first with `status`.
const SCHEMAS: [&str; 3] = ["OPS_RUN_RECEIPT_V1", "OPS_CYCLE_RUN_V2", "OPS_RUN_SNAPSHOT_V1"];

/// How an ops run ended, as far as the last runs are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunEnd {
    /// DONE or DONE_WITH_SKIPS.
    Done,
    /// FAILED.
    Failed,
    /// BLOCKED or STOPPED.
    Blocked,
}

/// The end and the time of one ops run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct OpsRunHead {
    #[serde(default, deserialize_with = "lenient")]
    overall_status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    asof: Option<Stamp>,
    #[serde(default, deserialize_with = "lenient")]
    finished_at: Option<Stamp>,
    #[serde(default, deserialize_with = "lenient")]
    started_at: Option<Stamp>,
}

impl OpsRunHead {
    /// Reads a record of any of the three schemas.
    ///
    /// # Errors
    /// The bytes are no such record.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        let json = Json::parse(bytes)?;
        match json.get("schema").and_then(Json::as_str) {
            Some(schema) if SCHEMAS.contains(&schema) => {}
            found => {
                let found = found.unwrap_or("none").to_owned();
                return Err(DocumentFault::WrongSchema { expected: SCHEMAS[0], found });
            }
        }
        serde_json::from_str(decode(bytes)?).map_err(|fault| DocumentFault::Shape(fault.to_string()))
    }

    /// How it ended; `None` when the record does not say.
    #[must_use]
    pub fn end(&self) -> Option<RunEnd> {
        match self.overall_status.as_deref().or(self.status.as_deref())? {
            "DONE" | "DONE_WITH_SKIPS" => Some(RunEnd::Done),
            "FAILED" => Some(RunEnd::Failed),
            "BLOCKED" | "STOPPED" => Some(RunEnd::Blocked),
            _ => None,
        }
    }

    /// When it was: the first of `asof`, `finished_at` and `started_at` that is a time.
    #[must_use]
    pub fn at(&self) -> Option<&Stamp> {
        [&self.asof, &self.finished_at, &self.started_at].into_iter().flatten().find(|stamp| stamp.instant().is_some())
    }
}

/// The part of DAILY_OPS_REPORT_V1 that is shown, `reports/ops/daily/ops_report_latest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DailyReportHead {
    /// `DAILY_OPS_REPORT_V1`
    #[serde(default, deserialize_with = "lenient", skip_serializing)]
    pub schema: String,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient")]
    pub asof: Option<Stamp>,
    /// Counts of tickets, as written.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: serde_json::Value,
    /// The newest ticket that was done, as written.
    #[serde(default, deserialize_with = "lenient")]
    pub last_done: serde_json::Value,
    /// The newest ticket that failed, as written.
    #[serde(default, deserialize_with = "lenient")]
    pub last_failed: serde_json::Value,
    /// The newest ticket that was blocked, as written.
    #[serde(default, deserialize_with = "lenient")]
    pub last_blocked: serde_json::Value,
}

impl Document for DailyReportHead {
    const SCHEMA: &'static str = "DAILY_OPS_REPORT_V1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_schemas_are_read_and_no_other() {
        let cases = [
            (
                r#"{"schema":"OPS_RUN_RECEIPT_V1","overall_status":"DONE","asof":"2026-01-12T21:19:59"}"#,
                Some((RunEnd::Done, "2026-01-12T21:19:59")),
            ),
            (
                r#"{"schema":"OPS_CYCLE_RUN_V2","overall_status":"DONE_WITH_SKIPS","finished_at":"2026-01-04T17:00:00"}"#,
                Some((RunEnd::Done, "2026-01-04T17:00:00")),
            ),
            (
                r#"{"schema":"OPS_RUN_SNAPSHOT_V1","status":"STOPPED","asof":"soon","started_at":"2026-01-04T13:28:01"}"#,
                Some((RunEnd::Blocked, "2026-01-04T13:28:01")),
            ),
            (
                r#"{"schema":"OPS_RUN_RECEIPT_V1","overall_status":"FAILED","asof":"2026-01-12T21:19:59"}"#,
                Some((RunEnd::Failed, "2026-01-12T21:19:59")),
            ),
            (r#"{"schema":"OPS_RUN_RECEIPT_V1","overall_status":7}"#, None),
            (r#"{"schema":"DAILY_OPS_REPORT_V1","status":"DONE"}"#, None),
            (r#"{"schema":"OPS_RUN_RECEIPT_V1","#, None),
            ("[]", None),
        ];
        for (text, want) in cases {
            let head = OpsRunHead::parse(text.as_bytes()).unwrap_or_default();
            let got = head.end().zip(head.at().map(Stamp::as_str));
            assert_eq!(got, want, "{text}");
        }
    }
}
