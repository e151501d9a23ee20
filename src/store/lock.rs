//! One run at a time. The lock is the operating system's, so it ends with its holder's process; the file says who holds it.

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

/// How often a lock whose holder has not signed is tried again, and after what time.
const LOOKS: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Who holds a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    #[serde(default, deserialize_with = "lenient")]
    pub pid: u32,
    /// The run.
    #[serde(default, deserialize_with = "lenient")]
    pub run_id: String,
    /// When it took the lock.
    #[serde(default, deserialize_with = "lenient")]
    pub started_at: Stamp,
    /// How long it may hold it, in seconds.
    #[serde(default, deserialize_with = "lenient")]
    pub limit_seconds: u64,
    /// The boot during which it took the lock.
    #[serde(default, deserialize_with = "lenient")]
    pub boot_id: String,
}

impl Holder {
    /// This process, holding for at most `limit`.
    #[must_use]
    pub fn this_process(run_id: &str, now: KstTime, limit: Duration) -> Self {
        Self {
            pid: std::process::id(),
            run_id: run_id.to_owned(),
            started_at: Stamp::of(now),
            limit_seconds: limit.as_secs(),
            boot_id: boot_id(),
        }
    }

    /// Seconds since the lock was taken; `None` when the holder did not say.
    #[must_use]
    pub fn held_seconds(&self, now: KstTime) -> Option<i64> {
        self.started_at.instant().map(|at| (now - at).num_seconds())
    }

    /// Whether the holder is past its own limit. A holder that did not say is not past it.
    #[must_use]
    pub fn is_overdue(&self, now: KstTime) -> bool {
        let limit = i64::try_from(self.limit_seconds).unwrap_or(i64::MAX);
        self.limit_seconds > 0 && self.held_seconds(now).is_some_and(|held| held > limit)
    }
}

/// The answer to a try.
#[derive(Debug)]
pub enum LockOutcome {
    /// This process holds the lock.
    Acquired(Acquired),
    /// A living process holds it.
    Held(Holder),
}

/// A lock that was taken.
#[derive(Debug)]
pub struct Acquired {
    /// The lock; dropping it lets go.
    pub lock: RunLock,
    /// Who had it and died without letting go.
    pub left_by: Option<Holder>,
}

/// Held until dropped.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl Store {
    /// Tries to take the lock file `relative`; never waits.
    ///
    /// # Errors
    /// The file cannot be made or locked at all.
    pub fn try_lock(&self, relative: &str, holder: &Holder) -> Result<LockOutcome, StoreFault> {
        let path = self.path(relative);
        let fault = |source| StoreFault::new("lock", relative)(source);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(fault)?;
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fault)?;
        let mut looks = LOOKS;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(fault(source)),
                Err(TryLockError::WouldBlock) => match read_holder(&mut file) {
                    Some(other) => return Ok(LockOutcome::Held(other)),
                    None if looks == 0 => return Ok(LockOutcome::Held(Holder::default())),
                    // Nobody has signed: a look at the lock, or a holder that is about to sign.
                    None => {
                        looks -= 1;
                        std::thread::sleep(LOOK_EVERY);
                    }
                },
            }
        }
        let left_by = read_holder(&mut file);
        let mut lock = RunLock { file };
        lock.say(holder).map_err(fault)?;
        Ok(LockOutcome::Acquired(Acquired { lock, left_by }))
    }

    /// Waits for a lock that is only ever held for one short change.
    ///
    /// # Errors
    /// The file cannot be made or locked.
    pub fn exclusive(&self, relative: &str) -> Result<RunLock, StoreFault> {
        let path = self.path(relative);
        let fault = |source| StoreFault::new("lock", relative)(source);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(fault)?;
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fault)?;
        file.lock().map_err(fault)?;
        Ok(RunLock { file })
    }

    /// Who holds a lock now, without touching it; `None` when nobody does.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn lock_holder(&self, relative: &str) -> Result<Option<Holder>, StoreFault> {
        let fault = |source| StoreFault::new("read", relative)(source);
        let mut file = match File::open(self.path(relative)) {
            Ok(file) => file,
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(fault(source)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&mut file).unwrap_or_default())),
            Err(TryLockError::Error(source)) => Err(fault(source)),
        }
    }
}

impl RunLock {
    fn say(&mut self, holder: &Holder) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        serde_json::to_writer(&self.file, holder)?;
        self.file.write_all(b"\n")?;
        self.file.sync_data()
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // An empty file says that the holder let go. The file itself stays: removing it would let two processes hold
        // locks on two files of one name. A failure here only makes the next holder report a takeover.
        self.file.set_len(0).ok();
        self.file.unlock().ok();
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(text.trim()).ok()
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Clock as _;
    use crate::time::SystemClock;

    #[test]
    fn a_lock_has_one_holder_and_names_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let now = SystemClock::new().now();
        let first = Holder::this_process("run_1", now, Duration::from_secs(600));
        let LockOutcome::Acquired(held) = store.try_lock("state/locks/run.lock", &first).expect("works") else {
            panic!("free")
        };
        assert_eq!(held.left_by, None);
        match store
            .try_lock("state/locks/run.lock", &Holder { run_id: "run_2".into(), ..first.clone() })
            .expect("works")
        {
            LockOutcome::Held(holder) => assert_eq!(holder, first),
            LockOutcome::Acquired(_) => panic!("held"),
        }
        assert_eq!(store.lock_holder("state/locks/run.lock").expect("works"), Some(first.clone()));
        drop(held);
        assert_eq!(store.lock_holder("state/locks/run.lock").expect("works"), None);
        let LockOutcome::Acquired(again) = store.try_lock("state/locks/run.lock", &first).expect("works") else {
            panic!("free")
        };
        assert_eq!(again.left_by, None, "the first holder let go properly");
    }

    #[test]
    fn what_a_dead_holder_left_is_reported() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let now = SystemClock::new().now();
        let dead = Holder { pid: 4_000_000, run_id: "run_0".into(), ..Holder::this_process("x", now, Duration::ZERO) };
        store.write("l", serde_json::to_string(&dead).expect("text").as_bytes()).expect("written");
        let LockOutcome::Acquired(held) = store.try_lock("l", &Holder::default()).expect("works") else {
            panic!("free")
        };
        assert_eq!(held.left_by, Some(dead));
    }

    #[test]
    fn overdue_is_past_the_holders_own_limit() {
        let now = SystemClock::new().now();
        let holder = Holder::this_process("r", now, Duration::from_secs(60));
        let later = |s| now + chrono::Duration::seconds(s);
        assert!(!holder.is_overdue(later(60)));
        assert!(holder.is_overdue(later(61)));
        assert!(!Holder::default().is_overdue(later(9999)));
    }
}
