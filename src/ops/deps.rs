//! What the program on this host is made of. One binary carries its libraries, so nothing is installed beside it: the list
//! is the one that it was built from. What can be missing is data that runs out.

use std::collections::BTreeMap;

use super::Ops;
use crate::contracts::actor::Actor;
use crate::contracts::deps::DepsSnapshot;
use crate::contracts::json::sha256_hex;
use crate::gates::Change;
use crate::gates::Gates;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::Calendar;
use crate::time::Stamp;
use crate::time::TradingDate;
use crate::time::kst;

/// The libraries and versions that the build was locked to.
const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));
/// The program itself, in the list of libraries.
const PROGRAM: &str = env!("CARGO_PKG_NAME");
/// The calendar of the exchange, which is compiled in and ends.
const CALENDAR: &str = "krx_calendar";

impl Ops {
    /// What the program is made of, found out now; nothing is written.
    #[must_use]
    pub fn deps(&self) -> DepsSnapshot {
        let now = self.clock.now();
        let required_missing = missing(now.with_timezone(&kst()).date_naive());
        DepsSnapshot {
            schema: "DEPS_SNAPSHOT_V1".to_owned(),
            asof: Some(Stamp::of(now)),
            python_version: None,
            program_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            git_revision: option_env!("DAILY_OPS_REVISION").map(str::to_owned),
            packages: packages(LOCK),
            source: Some("the lock file that the program was built with".to_owned()),
            all_deps_ok: required_missing.is_empty(),
            required_missing,
        }
    }

    /// What was written down last. A file that cannot be read is none.
    #[must_use]
    pub fn latest_deps(&self) -> Stored<DepsSnapshot> {
        self.store.document(layout::DEPS_SNAPSHOT)
    }

    /// Writes down what the program is made of.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_deps(&self, actor: &Actor) -> Result<DepsSnapshot, StoreFault> {
        let turn = self.turn()?;
        let before = self.store.read(layout::DEPS_SNAPSHOT)?;
        let found = self.deps();
        let change = Change {
            action: "deps.snapshot",
            target: layout::DEPS_SNAPSHOT.to_owned(),
            reason: String::new(),
            before: before.map_or(serde_json::Value::Null, |bytes| serde_json::json!({"sha256": sha256_hex(&bytes)})),
            after: serde_json::json!({"program_version": found.program_version, "all_deps_ok": found.all_deps_ok}),
        };
        let write = || self.store.write_document(layout::DEPS_SNAPSHOT, &found);
        Gates::new(&self.store).recorded(actor, change, turn.now, write)?;
        Ok(found)
    }
}

/// What the work of a day needs and this host lacks.
fn missing(today: TradingDate) -> Vec<String> {
    Calendar::krx().session(today).err().map(|_| CALENDAR.to_owned()).into_iter().collect()
}

/// Names and versions of a lock file, the program left out.
fn packages(lock: &str) -> BTreeMap<String, String> {
    let value =
        |line: &str, key: &str| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"').map(str::to_owned);
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut name = None;
    for line in lock.lines() {
        if let Some(text) = value(line, "name") {
            name = Some(text);
        } else if let Some(version) = value(line, "version")
            && let Some(name) = name.take().filter(|name| name != PROGRAM)
        {
            let row = found.entry(name).or_default();
            if !row.is_empty() {
                row.push_str(", ");
            }
            row.push_str(&version);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_is_read_as_names_and_versions() {
        let found = packages(LOCK);
        assert!(found.len() > 100 && !found.contains_key(PROGRAM), "{}", found.len());
        for name in ["libgit2-sys", "openssl-src", "serde_json"] {
            assert!(found.get(name).is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())), "{name}");
        }
        let two =
            "version = 4\n[[package]]\nname = \"a\"\nversion = \"1\"\n[[package]]\nname = \"a\"\nversion = \"2\"\n";
        assert_eq!(packages(two).get("a").map(String::as_str), Some("1, 2"));
    }

    #[test]
    fn a_calendar_that_ended_is_missing() {
        let day = |text: &str| text.parse::<TradingDate>().expect("a date");
        assert!(missing(day("2026-11-20")).is_empty());
        assert_eq!(missing(day("2099-01-02")), [CALENDAR]);
    }
}
