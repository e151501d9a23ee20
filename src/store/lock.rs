//! One run at a time. The lock is the operating system's, so it ends with its holder's process; the file says who holds it.

use std::fs::File;
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
use super::open;
use crate::contracts::document::lenient;
use crate::time::KstTime;
use crate::time::Stamp;

/// How often a lock whose holder has not signed is tried again, and after what time.
const LOOKS: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a lock that is only ever held for one short change is waited for, unless the caller says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long between two tries for such a lock. Short, because the lock is.
const PAUSE: Duration = Duration::from_millis(2);

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
    /// Whether the holder wrote into the file who it is, and so must take that back.
    is_signed: bool,
}

impl Store {
    /// Tries to take the lock file `relative`; never waits.
    ///
    /// # Errors
    /// The file cannot be made or locked at all.
    pub fn try_lock(&self, relative: &str, holder: &Holder) -> Result<LockOutcome, StoreFault> {
        let fault = |source| StoreFault::new("lock", relative)(source);
        let mut file = self.lock_file(relative)?;
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
        let mut lock = RunLock { file, is_signed: true };
        lock.say(holder).map_err(fault)?;
        Ok(LockOutcome::Acquired(Acquired { lock, left_by }))
    }

    /// Waits for a lock that is only ever held for one short change, for half a minute at most.
    ///
    /// # Errors
    /// The file cannot be made or locked, or somebody else holds it all the time.
    pub fn exclusive(&self, relative: &str) -> Result<RunLock, StoreFault> {
        self.exclusive_within(relative, PATIENCE)
    }

    /// Waits for a lock that is only ever held for one short change, for `patience` at most.
    ///
    /// # Errors
    /// The file cannot be made or locked, or somebody else holds it all the time.
    pub fn exclusive_within(&self, relative: &str, patience: Duration) -> Result<RunLock, StoreFault> {
        let file = self.lock_file(relative)?;
        lock_within(&file, patience).map_err(StoreFault::new("lock", relative))?;
        Ok(RunLock { file, is_signed: false })
    }

    fn lock_file(&self, relative: &str) -> Result<File, StoreFault> {
        let path = self.path(relative);
        let parents = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        parents.and_then(|()| open::lock_file(&path)).map_err(StoreFault::new("lock", relative))
    }

    /// Who holds a lock now, without touching it; `None` when nobody does.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn lock_holder(&self, relative: &str) -> Result<Option<Holder>, StoreFault> {
        let fault = |source| StoreFault::new("read", relative)(source);
        let mut file = match open::own(&self.path(relative)) {
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
        if self.is_signed {
            self.file.set_len(0).ok();
        }
        self.file.unlock().ok();
    }
}

/// Locks a file, trying for `patience` at most. The pauses are counted, which is never less than the time that passes.
pub(super) fn lock_within(file: &File, patience: Duration) -> io::Result<()> {
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => return Err(source),
            Err(TryLockError::WouldBlock) if waited >= patience => {
                let text = format!("somebody else has held it for {} s", patience.as_secs());
                return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
            }
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
        }
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(text.trim()).ok()
}

pub(super) fn boot_id() -> String {
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
    fn a_lock_that_somebody_keeps_is_waited_for_only_so_long_and_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let held = store.exclusive("state/locks/x.lock").expect("free");
        let fault = store.exclusive_within("state/locks/x.lock", Duration::from_millis(20)).expect_err("held");
        assert_eq!(fault.source.kind(), io::ErrorKind::WouldBlock);
        let told = fault.to_string();
        assert!(told.contains("cannot lock state/locks/x.lock: somebody else has held it"), "{told}");
        drop(held);
        store.exclusive_within("state/locks/x.lock", Duration::ZERO).expect("free again");
    }

    #[test]
    fn a_lock_of_a_short_change_leaves_what_stands_in_its_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        store.write("l", b"kept").expect("written");
        drop(store.exclusive("l").expect("free"));
        assert_eq!(store.read("l").expect("readable").as_deref(), Some(&b"kept"[..]));
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_file_is_a_file_and_no_link_to_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        store.write("data", b"precious").expect("written");
        std::os::unix::fs::symlink("data", store.path("link")).expect("linked");
        rustix::fs::mkfifoat(rustix::fs::CWD, store.path("pipe"), rustix::fs::Mode::RWXU).expect("made");
        std::fs::create_dir(store.path("folder")).expect("made");
        for odd in ["link", "pipe", "folder"] {
            assert!(store.exclusive_within(odd, Duration::ZERO).is_err(), "{odd}");
            assert!(store.try_lock(odd, &Holder::default()).is_err(), "{odd}");
            assert!(store.lock_holder(odd).is_err(), "{odd}");
        }
        assert_eq!(store.read("data").expect("readable").as_deref(), Some(&b"precious"[..]));
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
