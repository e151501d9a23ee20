//! What real execution needs beside the switches: an approval by two keys and an open one-shot window.
//!
//! Both files are lists of events. A line that cannot be read is skipped and counted; a file that cannot be read is empty.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::contracts::document::lenient;
use crate::store::Store;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Approval and window at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RealEnable {
    /// An approval that is APPROVED and not expired.
    pub approval_id: Option<String>,
    /// A window that is open: not expired, consumed or revoked.
    pub window_id: Option<String>,
    /// Lines that could not be read.
    pub bad_lines: usize,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Approval {
    #[serde(deserialize_with = "lenient")]
    approval_id: String,
    #[serde(deserialize_with = "lenient")]
    status: String,
    #[serde(deserialize_with = "lenient")]
    expires_at: Option<Stamp>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WindowEvent {
    #[serde(deserialize_with = "lenient")]
    event: String,
    #[serde(deserialize_with = "lenient")]
    window_id: String,
    #[serde(deserialize_with = "lenient")]
    expires_at: Option<Stamp>,
    #[serde(deserialize_with = "lenient")]
    status: String,
}

impl RealEnable {
    pub(super) fn read(store: &Store, now: KstTime) -> Self {
        let mut bad_lines = 0;
        let approvals: Vec<Approval> = lines(store, layout::APPROVALS, &mut bad_lines);
        let events: Vec<WindowEvent> = lines(store, layout::WINDOWS, &mut bad_lines);
        Self { approval_id: approved(approvals, now), window_id: open_window(events, now), bad_lines }
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

fn lines<T: serde::de::DeserializeOwned>(store: &Store, file: &str, bad: &mut usize) -> Vec<T> {
    let bytes = store.read(file).ok().flatten().unwrap_or_default();
    let mut found = Vec::new();
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace)) {
        match serde_json::from_slice(line) {
            Ok(event) => found.push(event),
            Err(_) => *bad += 1,
        }
    }
    found
}

fn is_past(expires_at: Option<&Stamp>, now: KstTime) -> bool {
    // An end that cannot be read has passed.
    expires_at.and_then(Stamp::instant).is_none_or(|end| end <= now)
}

fn approved(events: Vec<Approval>, now: KstTime) -> Option<String> {
    let mut newest: BTreeMap<String, Approval> = BTreeMap::new();
    for event in events {
        newest.insert(event.approval_id.clone(), event);
    }
    newest.into_values().find(|a| a.status == "APPROVED" && !is_past(a.expires_at.as_ref(), now)).map(|a| a.approval_id)
}

fn open_window(events: Vec<WindowEvent>, now: KstTime) -> Option<String> {
    let mut open = None;
    let mut closed = Vec::new();
    for event in events {
        match event.event.as_str() {
            "CREATE" if event.status == "ACTIVE" && !is_past(event.expires_at.as_ref(), now) => {
                open = Some(event.window_id);
            }
            "REVOKE" | "CONSUME" => closed.push(event.window_id),
            _ => {}
        }
    }
    open.filter(|id| !id.is_empty() && !closed.contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_open_only_until_something_closes_it() {
        let create = r#"{"event":"CREATE","window_id":"w","expires_at":"2026-01-10T16:15:00","status":"ACTIVE"}"#;
        let cases = [
            ("open", create.to_owned(), true),
            ("revoked", format!("{create}\n{{\"event\":\"REVOKE\",\"window_id\":\"w\"}}"), false),
            ("consumed", format!("{create}\n{{\"event\":\"CONSUME\",\"window_id\":\"w\"}}"), false),
            ("another revoked", format!("{create}\n{{\"event\":\"REVOKE\",\"window_id\":\"v\"}}"), true),
            ("expired", create.replace("16:15", "16:10"), false),
            ("no end", r#"{"event":"CREATE","window_id":"w","status":"ACTIVE"}"#.to_owned(), false),
            ("half a line before", format!("{{\"event\":\n{create}"), true),
            ("empty", String::new(), false),
        ];
        let now = Stamp::from("2026-01-10T16:10:00").instant().expect("a time");
        for (name, text, open) in cases {
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::new(dir.path());
            store.write(layout::WINDOWS, text.as_bytes()).expect("written");
            assert_eq!(RealEnable::read(&store, now).window_active(), open, "{name}");
        }
    }
}
