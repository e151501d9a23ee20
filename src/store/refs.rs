//! From an evidence ref to the stored document: inside the workspace, a regular file, JSON, not too large.

use std::io;
use std::path::Path;

use serde_json::value::RawValue;

use super::Store;
use super::jsonl;
use crate::contracts::EvidenceRef;
use crate::contracts::Json;
use crate::contracts::json::decode;

/// Largest document that is resolved, in bytes.
const MAX_BYTES: u64 = 5 << 20;

/// A resolved ref. The document's text is handed on as it is stored.
#[derive(Debug)]
pub struct Evidence {
    /// The ref.
    pub reference: EvidenceRef,
    /// The document or line, valid JSON.
    pub data: Box<RawValue>,
}

/// Why a ref that is allowed does not resolve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveFault {
    /// No such file inside the workspace.
    #[error("File not found: {0}")]
    FileNotFound(String),
    /// The line is blank or beyond the end.
    #[error("Line {0} is empty or out of range")]
    NoSuchLine(u64),
    /// The content is no JSON.
    #[error("JSON parse error: {0}")]
    Parse(String),
    /// Larger than 5 MiB.
    #[error("TOO_LARGE: {0} bytes, 5 MiB are resolved")]
    TooLarge(u64),
}

impl Store {
    /// Reads what a ref names. The path is followed through the file system first: a link finds nothing, wherever it leads,
    /// because the file behind it is not the one that the list allows.
    ///
    /// # Errors
    /// There is no such document, or it is not JSON.
    pub fn resolve(&self, reference: &EvidenceRef) -> Result<Evidence, ResolveFault> {
        let absent = || ResolveFault::FileNotFound(reference.path().to_owned());
        let path = self.contained(reference.path()).ok_or_else(absent)?;
        let bytes = match reference.line() {
            None => read_limited(&path, &absent)?,
            Some(line) => self.read_line(&path, line, &absent)?,
        };
        // As strict as every other reader: what would not be used as a document is no evidence either.
        Json::parse(&bytes).map_err(|fault| ResolveFault::Parse(fault.to_string()))?;
        let text = decode(&bytes).map_err(|fault| ResolveFault::Parse(fault.to_string()))?;
        let data: Box<RawValue> = serde_json::from_str(text).map_err(|fault| ResolveFault::Parse(fault.to_string()))?;
        Ok(Evidence { reference: reference.clone(), data })
    }

    /// The real path of a regular file, if it is the path that was asked for.
    fn contained(&self, relative: &str) -> Option<std::path::PathBuf> {
        let root = self.root().canonicalize().ok()?;
        let path = self.path(relative).canonicalize().ok()?;
        (path == root.join(relative) && path.is_file()).then_some(path)
    }

    fn read_line(&self, path: &Path, line: u64, absent: &dyn Fn() -> ResolveFault) -> Result<Vec<u8>, ResolveFault> {
        let mut indexes = self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let found =
            indexes.entry(path.to_owned()).or_default().line(path, line).map_err(|fault| unread(&fault, absent))?;
        drop(indexes);
        match found {
            Some(bytes) if bytes.len() > jsonl::MAX_LINE => Err(ResolveFault::TooLarge(bytes.len() as u64)),
            Some(bytes) if !bytes.iter().all(u8::is_ascii_whitespace) => Ok(bytes),
            _ => Err(ResolveFault::NoSuchLine(line)),
        }
    }
}

fn read_limited(path: &Path, absent: &dyn Fn() -> ResolveFault) -> Result<Vec<u8>, ResolveFault> {
    let meta = path.metadata().map_err(|fault| unread(&fault, absent))?;
    if meta.len() > MAX_BYTES {
        return Err(ResolveFault::TooLarge(meta.len()));
    }
    std::fs::read(path).map_err(|fault| unread(&fault, absent))
}

fn unread(fault: &io::Error, absent: &dyn Fn() -> ResolveFault) -> ResolveFault {
    if fault.kind() == io::ErrorKind::NotFound { absent() } else { ResolveFault::Parse(fault.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNAPSHOT: &str = "reports/live/reco/snapshots/x.json";

    fn with(relative: &str, bytes: &[u8]) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        store.write(relative, bytes).expect("written");
        (dir, store)
    }

    fn resolve(store: &Store, text: &str) -> Result<String, ResolveFault> {
        store.resolve(&EvidenceRef::parse(text).expect("allowed")).map(|e| e.data.get().to_owned())
    }

    #[test]
    fn content_decides_between_found_and_parse_error() {
        let cases: [(&str, &[u8], bool); 9] = [
            ("json", b"{\"a\": 1.50}", true),
            ("byte-order mark", b"\xef\xbb\xbf{\"a\":1}", true),
            ("empty", b"", false),
            ("not json", b"{oops", false),
            ("other encoding", b"{\"a\":\"\xb0\xa1\"}", false),
            ("nan", b"{\"a\":NaN}", false),
            ("infinite", b"{\"a\":1e999}", false),
            ("duplicate key", b"{\"a\":1,\"a\":2}", false),
            ("large", &vec![b' '; (5 << 20) + 1], false),
        ];
        for (name, bytes, ok) in cases {
            let (_dir, store) = with(SNAPSHOT, bytes);
            assert_eq!(resolve(&store, SNAPSHOT).is_ok(), ok, "{name}");
        }
        let (_dir, store) = with(SNAPSHOT, b"{\"a\": 1.50}");
        assert_eq!(resolve(&store, SNAPSHOT).as_deref(), Ok("{\"a\": 1.50}"), "the text is handed on as stored");
    }

    #[test]
    fn lines_are_counted_from_one_and_blank_lines_are_none() {
        let file = "state/tickets/ticket_results.jsonl";
        let (_dir, store) = with(file, b"{\"n\":1}\n\n{\"n\":3}\nnot json\n{\"n\":5}");
        let line = |n: u64| resolve(&store, &format!("{file}:line{n}"));
        assert_eq!(line(1).as_deref(), Ok("{\"n\":1}"));
        assert_eq!(line(2), Err(ResolveFault::NoSuchLine(2)));
        assert_eq!(line(3).as_deref(), Ok("{\"n\":3}"));
        assert!(matches!(line(4), Err(ResolveFault::Parse(_))));
        assert_eq!(line(5).as_deref(), Ok("{\"n\":5}"));
        assert_eq!(line(6), Err(ResolveFault::NoSuchLine(6)));
    }

    #[cfg(unix)]
    #[test]
    fn nothing_outside_the_workspace_is_read() {
        let outside = tempfile::tempdir().expect("a directory");
        let secret = outside.path().join("secret.json");
        Store::new(outside.path()).write("secret.json", b"{\"secret\":1}").expect("written");
        let (dir, store) = with("reports/live/reco/snapshots/inside.json", b"{}");
        let link = |name: &str, to: &Path| {
            std::os::unix::fs::symlink(to, dir.path().join("reports/live/reco/snapshots").join(name)).expect("linked");
        };
        link("out.json", &secret);
        link("in.json", &dir.path().join("reports/live/reco/snapshots/inside.json"));
        link("dir.json", dir.path());
        link("gone.json", Path::new("nowhere"));
        store.write("state/secrets/tokens.json", b"{\"secret\":2}").expect("written");
        link("secret.json", Path::new("../../../../state/secrets/tokens.json"));
        let of = |name: &str| resolve(&store, &format!("reports/live/reco/snapshots/{name}"));
        for name in ["out.json", "dir.json", "gone.json", "in.json", "secret.json"] {
            assert!(matches!(of(name), Err(ResolveFault::FileNotFound(_))), "{name}");
        }
        assert!(of("inside.json").is_ok());
        std::os::unix::fs::symlink(outside.path(), dir.path().join("reports/ops")).expect("linked");
        assert!(resolve(&store, "reports/ops/summary/ops_summary_latest.json").is_err());
    }

    #[cfg(unix)]
    mod properties {
        use super::*;
        use crate::contracts::evidence::allowed_files;
        use proptest::prelude::*;
        use std::sync::OnceLock;

        const DIRECTORIES: [&str; 4] = [
            "reports/live/cycle/snapshots",
            "reports/live/reco/snapshots",
            "reports/ops/summary/snapshots",
            "state/strategy_bundle/snapshots",
        ];

        /// A workspace in which every allowed place is a link to a file outside, or lies behind a linked directory.
        fn trapped() -> &'static Store {
            static TRAPPED: OnceLock<(tempfile::TempDir, Store)> = OnceLock::new();
            let make = || {
                let dir = tempfile::tempdir().expect("a directory");
                let outside = Store::new(dir.path().join("outside"));
                outside.write("secret.json", b"{\"outside\":1}").expect("written");
                outside.write("snapshots/a.json", b"{\"outside\":2}").expect("written");
                let store = Store::new(dir.path().join("inner"));
                let lines = ["state/tickets/ticket_results.jsonl", "state/push/send_receipts.jsonl"];
                let names = DIRECTORIES.iter().map(|d| format!("{d}/a.json"));
                for file in allowed_files().iter().chain(&lines).map(|f| (*f).to_owned()).chain(names) {
                    let path = store.path(&file);
                    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
                    std::os::unix::fs::symlink(outside.path("secret.json"), path).expect("linked");
                }
                std::os::unix::fs::symlink(outside.root(), store.path("reports/ops/drill/more")).expect("linked");
                std::os::unix::fs::symlink(outside.path("snapshots"), store.path("reports/ops/drill/snapshots"))
                    .expect("linked");
                (dir, store)
            };
            &TRAPPED.get_or_init(make).1
        }

        fn any_ref() -> impl Strategy<Value = String> {
            let files: Vec<String> = allowed_files().iter().map(|f| (*f).to_owned()).collect();
            let name = "[a.]{1,3}|a|\\.\\./a|%2e%2e|a\\\\b";
            let directory =
                prop_oneof![prop::sample::select(DIRECTORIES.to_vec()), Just("reports/ops/drill/snapshots")];
            prop_oneof![
                ".{0,60}",
                "[a-z/.%:\\\\0-9_A-Z-]{0,60}",
                prop::sample::select(files),
                (directory, name).prop_map(|(directory, name)| format!("{directory}/{name}.json")),
                "state/(tickets/ticket_results|push/send_receipts)\\.jsonl:line[0-9]{1,3}",
            ]
        }

        proptest! {
            #[test]
            fn prop_no_text_reads_outside_the_workspace(text in any_ref()) {
                if let Ok(reference) = EvidenceRef::parse(&text) {
                    let path = trapped().path(reference.path());
                    prop_assert!(path.starts_with(trapped().root()));
                    // Everything that is there to be found lies outside, so nothing may be found.
                    prop_assert!(trapped().resolve(&reference).is_err(), "{text}");
                }
            }
        }
    }
}
