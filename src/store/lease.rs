//! A lock that programs without operating-system locks respect too: they only look at the file and its age.
//!
//! Between processes of this program the operating system's lock decides, so it ends with its holder. A file that another
//! program left counts as a lock until it is older than the limit, whatever stands in it. The holder writes the file again
//! while it lives, and lets go of nothing that is not its own.

use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use super::Store;
use super::StoreFault;
use crate::contracts::document::lenient;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::kst;

/// Who holds a lease, as its file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaseholder {
    /// The run.
    #[serde(default, deserialize_with = "lenient")]
    pub run_id: String,
    /// When it last said that it lives.
    #[serde(default, deserialize_with = "lenient")]
    pub locked_at: Stamp,
    /// When it took the lease; other programs do not say.
    #[serde(default, deserialize_with = "lenient")]
    pub started_at: Stamp,
    /// Its process; 0 in the file of another program.
    #[serde(default, deserialize_with = "lenient")]
    pub pid: u32,
}

impl Leaseholder {
    /// A run of this process.
    #[must_use]
    pub fn this_process(run_id: &str, now: KstTime) -> Self {
        let now = Stamp::of(now);
        Self { run_id: run_id.to_owned(), locked_at: now.clone(), started_at: now, pid: std::process::id() }
    }

    /// Seconds since it took the lease; `None` when the file does not say.
    #[must_use]
    pub fn held_seconds(&self, now: KstTime) -> Option<i64> {
        let since = self.started_at.instant().or_else(|| self.locked_at.instant())?;
        Some((now - since).num_seconds().max(0))
    }
}

/// The answer to a try.
#[derive(Debug)]
pub enum LeaseOutcome {
    /// This process holds the lease.
    Acquired(Lease),
    /// Somebody else does; without a name when the file cannot be read.
    Held(Leaseholder),
}

/// Held until dropped.
#[derive(Debug)]
pub struct Lease {
    file: File,
    holder: Leaseholder,
}

impl Store {
    /// Tries to take the lease in the file `relative`; never waits. What another program left there counts for `limit`.
    ///
    /// # Errors
    /// The file cannot be made, locked, read or written.
    pub fn try_lease(
        &self,
        relative: &str,
        holder: Leaseholder,
        now: KstTime,
        limit: Duration,
    ) -> Result<LeaseOutcome, StoreFault> {
        let path = self.path(relative);
        let fault = |source| StoreFault::new("lock", relative)(source);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(fault)?;
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Ok(LeaseOutcome::Held(said(&mut file).ok().and_then(|text| read(&text)).unwrap_or_default()));
            }
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        let left = said(&mut file).map_err(fault)?;
        let found = read(&left);
        // Whoever of this program wrote it holds it no longer: the operating system says so.
        let is_ours = found.as_ref().is_some_and(|found| found.pid > 0);
        if !left.is_empty() && !is_ours && age(&file, now).map_err(fault)? < limit {
            return Ok(LeaseOutcome::Held(found.unwrap_or_default()));
        }
        file.set_len(0).map_err(fault)?;
        let mut lease = Lease { file, holder };
        lease.say().map_err(fault)?;
        Ok(LeaseOutcome::Acquired(lease))
    }
}

impl Lease {
    /// Says that the holder lives. What somebody else wrote meanwhile stays.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn refresh(&mut self, now: KstTime) -> io::Result<()> {
        if !self.is_own() {
            return Ok(());
        }
        self.holder.locked_at = Stamp::of(now);
        self.say()
    }

    /// The text has the same length each time, so nobody ever reads an empty file or half of two texts.
    fn say(&mut self) -> io::Result<()> {
        let mut text = serde_json::to_string(&self.holder)?;
        text.push('\n');
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()
    }

    fn is_own(&mut self) -> bool {
        let found = said(&mut self.file).ok().and_then(|text| read(&text));
        found.is_some_and(|found| found.run_id == self.holder.run_id && found.pid == self.holder.pid)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // An empty file is a free one. A failure leaves a text of this program without a lock, which is free as well.
        if self.is_own() {
            self.file.set_len(0).ok();
        }
        self.file.unlock().ok();
    }
}

fn said(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(4096).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The holder that a text names; `None` when it names none.
fn read(text: &[u8]) -> Option<Leaseholder> {
    let is_object = text.trim_ascii_start().first() == Some(&b'{');
    is_object.then(|| serde_json::from_slice(text).ok()).flatten()
}

/// How far ahead of this clock a file may have been written.
const AHEAD: Duration = Duration::from_secs(60);

/// How long ago the file was written. A time that is a little in the future is now; one that is further ahead says nothing,
/// and must not hold for ever: then the file is older than any limit.
fn age(file: &File, now: KstTime) -> io::Result<Duration> {
    let written = chrono::DateTime::<chrono::Utc>::from(file.metadata()?.modified()?).with_timezone(&kst());
    let is_ahead = (written - now).to_std().is_ok_and(|ahead| ahead > AHEAD);
    Ok(if is_ahead { Duration::MAX } else { (now - written).to_std().unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Clock as _;
    use crate::time::SystemClock;

    const FILE: &str = "state/x.lock";
    const LIMIT: Duration = Duration::from_secs(60);

    fn store() -> (tempfile::TempDir, Store, KstTime) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        (dir, store, SystemClock::new().now())
    }

    fn take(store: &Store, run: &str, now: KstTime) -> LeaseOutcome {
        store.try_lease(FILE, Leaseholder::this_process(run, now), now, LIMIT).expect("works")
    }

    #[test]
    fn one_holder_at_a_time_and_the_next_one_finds_it_free() {
        let (_dir, store, now) = store();
        let LeaseOutcome::Acquired(mut lease) = take(&store, "one", now) else { panic!("free") };
        let later = now + chrono::Duration::seconds(90);
        lease.refresh(later).expect("written");
        let LeaseOutcome::Held(holder) = take(&store, "two", later) else { panic!("held") };
        assert_eq!((holder.run_id.as_str(), holder.held_seconds(later)), ("one", Some(90)));
        assert_eq!(holder.locked_at, Stamp::of(later));
        drop(lease);
        assert_eq!(store.read(FILE).expect("read"), Some(Vec::new()));
        assert!(matches!(take(&store, "two", later), LeaseOutcome::Acquired(_)));
    }

    #[test]
    fn what_another_program_left_counts_until_it_is_old() {
        let theirs = r#"{"run_id": "r", "locked_at": "2026-01-11T15:37:56.040074"}"#;
        let ours = r#"{"run_id":"r","locked_at":"x","started_at":"x","pid":4000000}"#;
        let cases = [
            ("fresh and readable", theirs, 0, true),
            ("almost old", theirs, 59, true),
            ("old", theirs, 60, false),
            ("fresh and unreadable", "{", 0, true),
            ("fresh list", "[]", 0, true),
            ("old and unreadable", "{", 61, false),
            ("empty", "", 0, false),
            ("of a dead process of this program", ours, 0, false),
            ("a minute ahead", theirs, -60, true),
            ("from the future", theirs, -61, false),
            ("from a far future", "{", -1_000_000, false),
        ];
        for (name, text, seconds, held) in cases {
            let (_dir, store, _) = store();
            store.write(FILE, text.as_bytes()).expect("written");
            let written = store.path(FILE).metadata().and_then(|meta| meta.modified()).expect("a time");
            let written = chrono::DateTime::<chrono::Utc>::from(written).with_timezone(&kst());
            let now = written + chrono::Duration::seconds(seconds);
            assert_eq!(matches!(take(&store, "me", now), LeaseOutcome::Held(_)), held, "{name}");
            if held {
                assert_eq!(store.read(FILE).expect("read").as_deref(), Some(text.as_bytes()), "{name}: left alone");
            }
        }
        let now = SystemClock::new().now();
        let before = now - chrono::Duration::hours(1);
        assert_eq!(Leaseholder::this_process("r", now).held_seconds(before), Some(0), "never less than no time");
    }

    #[test]
    fn what_somebody_else_wrote_is_not_taken_away() {
        let (_dir, store, now) = store();
        let LeaseOutcome::Acquired(mut lease) = take(&store, "one", now) else { panic!("free") };
        let mut file = File::create(store.path(FILE)).expect("opened");
        file.write_all(b"{\"run_id\": \"theirs\"}").expect("written");
        lease.refresh(now).expect("nothing to do");
        drop(lease);
        assert_eq!(store.read(FILE).expect("read").as_deref(), Some(b"{\"run_id\": \"theirs\"}".as_slice()));
    }
}
