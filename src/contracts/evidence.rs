//! Evidence refs: the checkable names of stored documents, and the closed list of what may be named.
//!
//! A ref is a repository-relative path with forward slashes, for JSONL files followed by `:line<N>`. The whole text must
//! match one row of the list; nothing is decoded, trimmed or corrected first.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// Longest ref accepted, in bytes.
const MAX_LENGTH: usize = 512;

/// Files that may be named as they are.
const FILES: &[&str] = &[
    "reports/live/cycle/latest/live_cycle_latest.json",
    "reports/live/reco/latest/reco_latest.json",
    "reports/ops/daily/ops_report_latest.json",
    "reports/ops/daily_ops/latest/daily_ops_latest.json",
    "reports/ops/drill/latest/drill_latest.json",
    "reports/ops/evidence/health/health_latest.json",
    "reports/ops/evidence/index/evidence_index_latest.json",
    "reports/ops/push/daily_status/latest/daily_status_latest.json",
    "reports/ops/push/holding/latest/holding_latest.json",
    "reports/ops/push/holding_watch/latest/holding_watch_latest.json",
    "reports/ops/push/incident/latest/incident_latest.json",
    "reports/ops/push/live_fire/live_fire_latest.json",
    "reports/ops/push/outbox/outbox_latest.json",
    "reports/ops/push/postmortem/postmortem_latest.json",
    "reports/ops/push/preview/preview_latest.json",
    "reports/ops/push/push_delivery_latest.json",
    "reports/ops/push/send/send_latest.json",
    "reports/ops/push/spike/latest/spike_latest.json",
    "reports/ops/push/spike_watch/latest/spike_watch_latest.json",
    "reports/ops/scheduler/latest/ops_run_latest.json",
    "reports/ops/secrets/self_test_latest.json",
    "reports/ops/summary/ops_summary_latest.json",
    "reports/ops/tickets/reaper/latest/reaper_latest.json",
    "reports/phase_c/latest/recon_summary.json",
    "reports/phase_c/latest/report_ai.json",
    "reports/phase_c/latest/report_human.json",
    "state/emergency_stop.json",
    "state/execution_gate.json",
    "state/live/decision_params.json",
    "state/real_sender_enable.json",
    "state/settings/latest/settings_latest.json",
    "state/strategy_bundle/latest/strategy_bundle_latest.json",
    "state/watchlist/latest/watchlist_latest.json",
];

/// Directories whose JSON files may be named.
const SNAPSHOT_DIRS: &[&str] = &[
    "reports/live/cycle/snapshots/",
    "reports/live/reco/snapshots/",
    "reports/ops/daily/snapshots/",
    "reports/ops/daily_ops/snapshots/",
    "reports/ops/drill/snapshots/",
    "reports/ops/evidence/health/snapshots/",
    "reports/ops/evidence/index/snapshots/",
    "reports/ops/push/daily_status/snapshots/",
    "reports/ops/push/holding/snapshots/",
    "reports/ops/push/incident/snapshots/",
    "reports/ops/push/live_fire/snapshots/",
    "reports/ops/push/outbox/snapshots/",
    "reports/ops/push/postmortem/snapshots/",
    "reports/ops/push/preview/snapshots/",
    "reports/ops/push/send/snapshots/",
    "reports/ops/push/spike/snapshots/",
    "reports/ops/scheduler/snapshots/",
    "reports/ops/summary/snapshots/",
    "reports/ops/tickets/reaper/snapshots/",
    "state/settings/snapshots/",
    "state/strategy_bundle/snapshots/",
    "state/watchlist/snapshots/",
];

/// JSONL files whose lines may be named.
const LINE_FILES: &[&str] =
    &["state/push/send_receipts.jsonl", "state/tickets/ticket_receipts.jsonl", "state/tickets/ticket_results.jsonl"];

/// Short names of the dashboard, mapped before anything is checked.
const ALIASES: &[(&str, &str)] = &[
    ("guard_bundle_latest", "state/strategy_bundle/latest/strategy_bundle_latest.json"),
    ("guard_report_human_latest", "reports/phase_c/latest/report_human.json"),
    ("guard_report_ai_latest", "reports/phase_c/latest/report_ai.json"),
    ("guard_daily_status_latest", "reports/ops/push/daily_status/latest/daily_status_latest.json"),
    ("guard_spike_latest", "reports/ops/push/spike_watch/latest/spike_watch_latest.json"),
    ("guard_holding_latest", "reports/ops/push/holding_watch/latest/holding_watch_latest.json"),
];

/// A ref that passed every check of its text. That the file exists is not said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EvidenceRef {
    path: String,
    line: Option<u64>,
}

/// Why a text is not an allowed ref.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefFault {
    /// A part of the text could lead elsewhere.
    #[error("Dangerous token detected: {0}")]
    Dangerous(String),
    /// The text is on no list.
    #[error("Ref does not match any allowed pattern: {0}")]
    NotAllowed(String),
    /// `line0`.
    #[error("Line number must be >= 1")]
    LineZero,
    /// Longer than 512 bytes.
    #[error("Ref is longer than {MAX_LENGTH} bytes")]
    TooLong,
}

impl EvidenceRef {
    /// Checks a text.
    ///
    /// ```
    /// use daily_ops::contracts::EvidenceRef;
    /// assert!(EvidenceRef::parse("reports/ops/summary/ops_summary_latest.json").is_ok());
    /// assert_eq!(EvidenceRef::parse("state/tickets/ticket_results.jsonl:line53").unwrap().line(), Some(53));
    /// assert!(EvidenceRef::parse("state/secrets/tokens.json").is_err());
    /// ```
    ///
    /// # Errors
    /// The text is dangerous, malformed or on no list.
    pub fn parse(text: &str) -> Result<Self, RefFault> {
        let text = ALIASES.iter().find(|(alias, _)| *alias == text).map_or(text, |(_, path)| path);
        if text.len() > MAX_LENGTH {
            return Err(RefFault::TooLong);
        }
        if let Some(token) = dangerous(text) {
            return Err(RefFault::Dangerous(token));
        }
        if FILES.contains(&text) || SNAPSHOT_DIRS.iter().any(|dir| text.strip_prefix(dir).is_some_and(is_json_name)) {
            return Ok(Self { path: text.to_owned(), line: None });
        }
        let not_allowed = || RefFault::NotAllowed(text.to_owned());
        let (path, digits) = text.split_once(":line").ok_or_else(not_allowed)?;
        if !LINE_FILES.contains(&path) {
            return Err(not_allowed());
        }
        if digits == "0" {
            return Err(RefFault::LineZero);
        }
        let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        let line = digits.parse().ok().filter(|_| canonical).ok_or_else(not_allowed)?;
        Ok(Self { path: path.to_owned(), line: Some(line) })
    }

    /// The file, relative to the workspace.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line of a JSONL file, counted from 1.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        self.line
    }
}

impl fmt::Display for EvidenceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:line{line}", self.path),
            None => f.write_str(&self.path),
        }
    }
}

impl TryFrom<String> for EvidenceRef {
    type Error = RefFault;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<EvidenceRef> for String {
    fn from(value: EvidenceRef) -> Self {
        value.to_string()
    }
}

/// Every file that a ref can name as it is, for tests that walk the list.
#[must_use]
pub fn allowed_files() -> &'static [&'static str] {
    FILES
}

fn dangerous(text: &str) -> Option<String> {
    if text.starts_with('/') {
        return Some("/".to_owned());
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        return Some(format!("{:?}", c.to_string()).trim_matches('"').to_owned());
    }
    let lower = text.to_ascii_lowercase();
    ["..", "\\", "://", "%2e", "%2f", "%5c", "%00"].into_iter().find(|token| lower.contains(token)).map(str::to_owned)
}

fn is_json_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    name.strip_suffix(".json").is_some_and(|stem| !stem.is_empty() && stem.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_list_is_accepted() {
        for file in FILES {
            assert_eq!(EvidenceRef::parse(file).map(|r| r.to_string()).as_deref(), Ok(*file));
        }
        for dir in SNAPSHOT_DIRS {
            assert!(EvidenceRef::parse(&format!("{dir}x_20260111_173224.json")).is_ok(), "{dir}");
            assert!(EvidenceRef::parse(dir).is_err(), "a directory is no ref: {dir}");
            assert!(EvidenceRef::parse(&format!("{dir}a/b.json")).is_err(), "{dir}");
            assert!(EvidenceRef::parse(&format!("{dir}.json")).is_err(), "{dir}");
        }
        for file in LINE_FILES {
            assert_eq!(EvidenceRef::parse(&format!("{file}:line7")).map(|r| r.line()), Ok(Some(7)));
            assert!(EvidenceRef::parse(file).is_err(), "a bare JSONL file is no ref: {file}");
        }
        for (alias, file) in ALIASES {
            assert_eq!(EvidenceRef::parse(alias).map(|r| r.to_string()).as_deref(), Ok(*file));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let latest = "reports/ops/summary/ops_summary_latest.json";
        let results = "state/tickets/ticket_results.jsonl";
        let cases = [
            ("traversal", "reports/ops/summary/snapshots/../../../state/x.json".to_owned()),
            ("backslash", "reports\\ops\\summary\\ops_summary_latest.json".to_owned()),
            ("scheme", "file:///etc/hostname".to_owned()),
            ("encoded dot", "reports/ops/summary/snapshots/%2E%2e.json".to_owned()),
            ("encoded slash", "reports/ops/summary/snapshots%2fa.json".to_owned()),
            ("encoded nul", format!("{latest}%00")),
            ("nul", format!("{latest}\0")),
            ("newline at the end", format!("{latest}\n")),
            ("blank at the end", format!("{latest} ")),
            ("absolute", format!("/{latest}")),
            ("another case", latest.to_uppercase()),
            ("secret", "state/secrets/tokens.json".to_owned()),
            ("empty", String::new()),
            ("line zero", format!("{results}:line0")),
            ("leading zero", format!("{results}:line01")),
            ("other digits", format!("{results}:line١")),
            ("signed", format!("{results}:line+1")),
            ("no digits", format!("{results}:line")),
            ("too many digits", format!("{results}:line99999999999999999999999")),
            ("line of a document", format!("{latest}:line1")),
            ("long", format!("reports/ops/summary/snapshots/{}.json", "a".repeat(600))),
        ];
        for (name, text) in cases {
            assert!(EvidenceRef::parse(&text).is_err(), "{name}: {text:?}");
        }
    }

    #[test]
    fn the_fault_says_what_is_wrong_in_the_words_of_the_reference() {
        let cases = [
            ("reports\\x", "Dangerous token detected: \\"),
            ("a://b", "Dangerous token detected: ://"),
            ("a/../b", "Dangerous token detected: .."),
            ("state/x.json", "Ref does not match any allowed pattern: state/x.json"),
            ("state/tickets/ticket_results.jsonl:line0", "Line number must be >= 1"),
        ];
        for (text, message) in cases {
            assert_eq!(EvidenceRef::parse(text).expect_err(text).to_string(), message);
        }
    }
}
