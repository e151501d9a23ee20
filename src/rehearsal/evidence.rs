//! The folder of a demo: every file written once, no token in any of them, and a manifest with their hashes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::contracts::json::sha256_hex;
use crate::settings::Secret;
use crate::store::Durability;
use crate::store::Store;
use crate::time::KstTime;
use crate::time::file_stamp;

/// The manifest of the folder.
pub(super) const MANIFEST: &str = "manifest.json";
/// More demos than this do not start within one second.
const ORDINALS: u32 = 1000;

/// A file cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum EvidenceFault {
    /// The folder cannot be made.
    #[error("the folder of evidence below {} cannot be made: {source}", parent.display())]
    Folder {
        /// Where it was to lie.
        parent: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is there already; evidence is never overwritten.
    #[error("the evidence {0} is there already and is not overwritten")]
    Taken(String),
    /// The file system says no.
    #[error("the evidence {name} cannot be written: {why}")]
    Write {
        /// The file.
        name: String,
        /// Why.
        why: String,
    },
}

/// Replaces secrets wherever they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Redaction {
    secrets: Vec<Secret>,
}

impl Redaction {
    /// Hides these. Empty ones hide nothing.
    #[must_use]
    pub(super) fn of(secrets: Vec<Secret>) -> Self {
        Self { secrets: secrets.into_iter().filter(|secret| !secret.expose().is_empty()).collect() }
    }

    /// The bytes with `***` in place of each secret.
    #[must_use]
    pub(super) fn clean(&self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = bytes.to_vec();
        for secret in &self.secrets {
            clean = replaced(&clean, secret.expose().as_bytes());
        }
        clean
    }

    /// The same for a text.
    #[must_use]
    pub(super) fn text(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "***"))
    }
}

fn replaced(bytes: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, secret) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(b"***");
        rest = &rest[at + secret.len()..];
    }
    clean.extend_from_slice(rest);
    clean
}

/// One folder of evidence, and the places beside it.
#[derive(Debug)]
pub(super) struct Evidence {
    parent: Store,
    store: Store,
    stamp: String,
    ordinal: u32,
    redaction: Redaction,
    master: Option<Value>,
}

impl Evidence {
    /// Makes a folder of its own below `parent`, named after the time; a second one of the same second gets a number.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub(super) fn begin(parent: &Path, now: KstTime, redaction: Redaction) -> Result<Self, EvidenceFault> {
        let fault = |source| EvidenceFault::Folder { parent: parent.to_owned(), source };
        std::fs::create_dir_all(parent).map_err(fault)?;
        let stamp = file_stamp(now);
        for ordinal in 1..ORDINALS {
            let name = if ordinal == 1 { stamp.clone() } else { format!("{stamp}_{ordinal}") };
            let folder = parent.join(name);
            match std::fs::create_dir(&folder) {
                Ok(()) => {
                    let (parent, store) = (Store::new(parent), Store::new(folder));
                    return Ok(Self { parent, store, stamp, ordinal, redaction, master: None });
                }
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
                Err(other) => return Err(fault(other)),
            }
        }
        Err(EvidenceFault::Taken(stamp))
    }

    /// The folder.
    #[must_use]
    pub(super) fn folder(&self) -> &Path {
        self.store.root()
    }

    /// Bytes that are still free on the disk of the folder; `None` when the system does not say.
    #[must_use]
    pub(super) fn free_bytes(&self) -> Option<u64> {
        self.store.free_bytes()
    }

    /// Writes a file.
    ///
    /// # Errors
    /// It is there already, or cannot be written.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), EvidenceFault> {
        if self.store.path(name).exists() {
            return Err(EvidenceFault::Taken(name.to_owned()));
        }
        self.store.write(name, &self.redaction.clean(bytes)).map_err(|fault| unwritten(name, &fault))
    }

    /// Writes a JSON document, for people too.
    ///
    /// # Errors
    /// As [`Evidence::write`].
    pub(super) fn write_json(&self, name: &str, value: &Value) -> Result<(), EvidenceFault> {
        self.write(name, format!("{value:#}\n").as_bytes())
    }

    /// Adds lines to a log.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn append(&self, name: &str, lines: &[String]) -> Result<(), EvidenceFault> {
        let clean: Vec<String> = lines.iter().map(|line| self.redaction.text(line)).collect();
        self.store.append_all(name, &clean, Durability::Buffered).map_err(|fault| unwritten(name, &fault))
    }

    /// Writes the master log into `place`, a path from the folder's parent, and returns its name.
    ///
    /// # Errors
    /// It is there already, or cannot be written.
    pub(super) fn write_master(&mut self, place: &Path, text: &str) -> Result<PathBuf, EvidenceFault> {
        let name = format!("VAL-OPS-WS-SSE-{}-{}.log", self.stamp, self.ordinal);
        let path = place.join(&name);
        if path.exists() {
            return Err(EvidenceFault::Taken(name));
        }
        let bytes = self.redaction.clean(text.as_bytes());
        Store::new(place).write(&name, &bytes).map_err(|fault| unwritten(&name, &fault))?;
        self.master = Some(json!({"name": name, "bytes": bytes.len(), "sha256": sha256_hex(&bytes)}));
        Ok(path)
    }

    /// Adds a line to a log of all rehearsals.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn append_beside(&self, place: &Path, name: &str, line: &str) -> Result<(), EvidenceFault> {
        let line = self.redaction.text(line);
        Store::new(place).append(name, &line, Durability::Durable).map_err(|fault| unwritten(name, &fault))
    }

    /// Writes the manifest over everything that lies in the folder now: each file with its size and SHA-256, and what is
    /// wanted but not there.
    ///
    /// # Errors
    /// A file cannot be read, or the manifest not be written.
    pub(super) fn seal(&self, wanted: &[&str], by_hand: &[String]) -> Result<Value, EvidenceFault> {
        let mut files = BTreeMap::new();
        walk(self.folder(), Path::new(""), &mut files).map_err(|(name, why)| EvidenceFault::Write { name, why })?;
        let lies =
            |name: &str| files.contains_key(name) || files.keys().any(|known| known.starts_with(&format!("{name}/")));
        let missing: Vec<_> = wanted.iter().filter(|name| !lies(name)).collect();
        let folder = self.folder().strip_prefix(self.parent.root()).unwrap_or(self.folder());
        let manifest = json!({
            "schema": "DEMO_EVIDENCE_MANIFEST_V1",
            "folder": folder.to_string_lossy(),
            "files": files.iter().map(|(name, (bytes, hash))| json!({"name": name, "bytes": bytes, "sha256": hash})).collect::<Vec<_>>(),
            "missing": missing,
            "manual_required": by_hand,
            "master_log": self.master,
        });
        self.write_json(MANIFEST, &manifest)?;
        Ok(manifest)
    }
}

fn unwritten(name: &str, fault: &crate::store::StoreFault) -> EvidenceFault {
    EvidenceFault::Write { name: name.to_owned(), why: fault.source.to_string() }
}

type Files = BTreeMap<String, (usize, String)>;

fn walk(root: &Path, below: &Path, files: &mut Files) -> Result<(), (String, String)> {
    let told = |fault: io::Error| (below.to_string_lossy().into_owned(), fault.to_string());
    for entry in std::fs::read_dir(root.join(below)).map_err(told)? {
        let entry = entry.map_err(told)?;
        let path = below.join(entry.file_name());
        if entry.file_type().map_err(told)?.is_dir() {
            walk(root, &path, files)?;
        } else {
            let bytes = std::fs::read(entry.path()).map_err(told)?;
            files.insert(path.to_string_lossy().replace('\\', "/"), (bytes.len(), sha256_hex(&bytes)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    fn now() -> KstTime {
        Stamp::from("2026-11-21T10:00:00+09:00").instant().expect("a time")
    }

    #[test]
    fn two_demos_of_one_second_have_folders_of_their_own_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = Evidence::begin(dir.path(), now(), Redaction::default()).expect("begun");
        let second = Evidence::begin(dir.path(), now(), Redaction::default()).expect("begun");
        let name = |evidence: &Evidence| evidence.folder().file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!((name(&first), name(&second)), ("20261121_100000".to_owned(), "20261121_100000_2".to_owned()));
        first.write("a.json", b"1").expect("written");
        assert!(matches!(first.write("a.json", b"2"), Err(EvidenceFault::Taken(_))));
        assert_eq!(std::fs::read(first.folder().join("a.json")).expect("read"), b"1");
    }

    #[test]
    fn a_secret_is_hidden_in_every_kind_of_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let secret = "planted-token-0123456789";
        let redaction = Redaction::of(vec![Secret::new(secret), Secret::new("")]);
        let mut evidence = Evidence::begin(dir.path(), now(), redaction).expect("begun");
        let text = format!("x{secret}y{secret}");
        evidence.write("sub/a.bin", text.as_bytes()).expect("written");
        evidence.append("b.log", std::slice::from_ref(&text)).expect("written");
        evidence.write_json("c.json", &json!({"echo": text})).expect("written");
        let master = evidence.write_master(dir.path(), &text).expect("written");
        evidence.append_beside(dir.path(), "d.log", &text).expect("written");
        evidence.seal(&["sub", "z.json"], &[]).expect("sealed");
        let mut files = Files::new();
        walk(dir.path(), Path::new(""), &mut files).expect("walked");
        assert_eq!(files.len(), 6);
        for name in files.keys() {
            let bytes = std::fs::read(dir.path().join(name)).expect("read");
            assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{name}");
        }
        assert_eq!(std::fs::read(master).expect("read"), b"x***y***");
    }

    #[test]
    fn the_manifest_names_sizes_and_hashes_and_what_is_missing() {
        let dir = tempfile::tempdir().expect("a directory");
        let evidence = Evidence::begin(dir.path(), now(), Redaction::default()).expect("begun");
        evidence.write("09_export/e.json", b"{}").expect("written");
        let manifest = evidence.seal(&["09_export", "01_page.html"], &["0005_intro.png".to_owned()]).expect("sealed");
        let want = json!([{"name": "09_export/e.json", "bytes": 2, "sha256": sha256_hex(b"{}")}]);
        assert_eq!((&manifest["files"], &manifest["missing"]), (&want, &json!(["01_page.html"])));
        assert_eq!(manifest["manual_required"], json!(["0005_intro.png"]));
    }
}
