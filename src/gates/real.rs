//! What real execution needs beside the switches: an approval by two keys and an open one-shot window.
//!
//! Both files are lists of events. A line that cannot be read is skipped and counted, but one that follows the event which
//! would permit closes it: it may have been the revocation. A file that cannot be read permits nothing.

use super::approval::Approvals;
use super::window::Windows;
use crate::contracts::Json;
use crate::store::Store;
use crate::store::layout;
use crate::time::KstTime;

/// Approval and window at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RealEnable {
    /// An approval that is APPROVED by two keys of two people and not expired.
    pub approval_id: Option<String>,
    /// A window that is open: not expired, consumed or revoked.
    pub window_id: Option<String>,
    /// Whether the one-shot window for sending is used up; an unreadable file counts as used.
    pub consumed: bool,
    /// Lines that could not be read.
    pub bad_lines: usize,
}

impl RealEnable {
    pub(super) fn read(store: &Store, now: KstTime) -> Self {
        let approvals = Approvals::read(store).unwrap_or_default();
        let windows = Windows::read(store).unwrap_or_default();
        Self {
            bad_lines: approvals.bad_lines + windows.bad_lines(),
            approval_id: approvals.counting(now).map(|approval| approval.approval_id.clone()),
            window_id: windows.open(now).map(|window| window.window_id.clone()),
            consumed: consumed(store),
        }
    }

    /// Whether a window for real execution is open.
    #[must_use]
    pub fn window_active(&self) -> bool {
        self.window_id.is_some()
    }

    /// What is missing for real execution; `None` when nothing is.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        match (&self.approval_id, &self.window_id) {
            (None, _) => Some("no approval is APPROVED and unexpired".to_owned()),
            (_, None) => Some("no window for real execution is open".to_owned()),
            _ => None,
        }
    }
}

/// Whether the window for sending is used up. Only a readable no means that it is not.
pub(super) fn consumed(store: &Store) -> bool {
    match store.read(layout::WINDOW_CONSUMED) {
        Ok(None) => false,
        Ok(Some(bytes)) => match Json::parse(&bytes) {
            Ok(json) => json.get("consumed") != Some(&Json::Bool(false)),
            Err(_) => true,
        },
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    fn now() -> KstTime {
        Stamp::from("2026-01-10T16:10:00").instant().expect("a time")
    }

    fn read(file: &str, text: &str) -> RealEnable {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        store.write(file, text.as_bytes()).expect("written");
        RealEnable::read(&store, now())
    }

    #[test]
    fn a_window_is_open_only_until_something_closes_it() {
        let create = r#"{"schema":"REAL_ENABLE_WINDOW_V1","event":"CREATE","window_id":"w","created_at":"2026-01-10T16:05:00","expires_at":"2026-01-10T16:15:00","max_real_executions":1,"real_executions_used":0,"status":"ACTIVE"}"#;
        let with = |from: &str, to: &str| create.replace(from, to);
        let cases = [
            ("open", create.to_owned(), true),
            ("revoked", format!("{create}\n{{\"event\":\"REVOKE\",\"window_id\":\"w\"}}"), false),
            ("consumed", format!("{create}\n{{\"event\":\"CONSUME\",\"window_id\":\"w\"}}"), false),
            ("another revoked", format!("{create}\n{{\"event\":\"REVOKE\",\"window_id\":\"v\"}}"), true),
            ("expired", with("16:15", "16:10"), false),
            ("no end", with(r#""expires_at":"2026-01-10T16:15:00","#, ""), false),
            ("lives too long", with("2026-01-10T16:15:00", "2099-01-01T00:00:00"), false),
            ("no schema", with("REAL_ENABLE_WINDOW_V1", "X"), false),
            ("used", with(r#""real_executions_used":0"#, r#""real_executions_used":1"#), false),
            ("a list is no event", r#"["REAL_ENABLE_WINDOW_V1","CREATE","w"]"#.to_owned(), false),
            ("half a line before", format!("{{\"event\":\n{create}"), true),
            ("half a line after", format!("{create}\n{{\"event\":\"REV"), false),
            ("byte-order mark", format!("\u{feff}{create}"), true),
            ("empty", String::new(), false),
        ];
        for (name, text, open) in cases {
            assert_eq!(read(layout::WINDOWS, &text).window_active(), open, "{name}");
        }
    }

    #[test]
    fn an_approval_needs_two_keys_of_two_people_within_a_day() {
        let good = r#"{"schema":"REAL_ENABLE_APPROVAL_V1","approval_id":"a","requested_at":"2026-01-10T16:00:00","expires_at":"2026-01-11T16:00:00","keys":[{"key_id":"k1","provided_by":"p1"},{"key_id":"k2","provided_by":"p2"}],"status":"APPROVED"}"#;
        let with = |from: &str, to: &str| good.replace(from, to);
        let cases = [
            ("approved", good.to_owned(), true),
            ("pending", with("APPROVED", "PENDING"), false),
            (
                "no keys",
                with(r#"[{"key_id":"k1","provided_by":"p1"},{"key_id":"k2","provided_by":"p2"}]"#, "[]"),
                false,
            ),
            ("one key twice", with("k2", "k1"), false),
            ("one person twice", with("p2", "p1"), false),
            ("expired", with("2026-01-11T16", "2026-01-10T16"), false),
            ("lives too long", with("2026-01-11", "2099-01-11"), false),
            ("revoked later", format!("{good}\n{}", with("\"APPROVED\"", "\"REVOKED\"")), false),
            ("half a line after", format!("{good}\n{{\"sche"), false),
            ("a list is no event", r#"["a","APPROVED","2099-01-01T00:00:00"]"#.to_owned(), false),
        ];
        for (name, text, approved) in cases {
            assert_eq!(read(layout::APPROVALS, &text).approval_id.is_some(), approved, "{name}");
        }
    }

    #[test]
    fn only_a_readable_no_means_not_consumed() {
        for (text, consumed) in
            [(r#"{"consumed":false}"#, false), (r#"{"consumed":true}"#, true), ("{", true), ("{}", true)]
        {
            assert_eq!(read(layout::WINDOW_CONSUMED, text).consumed, consumed, "{text}");
        }
        assert!(!read("other", "").consumed, "no file");
    }
}
