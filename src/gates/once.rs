//! Once a day: which messages have left, or may have, kept by whoever sends before it sends.
//!
//! The backend and the daily run keep a file each, and both read both. Every change happens under the lock of messages,
//! so a key that is free stays free until its message is on its way. A file that cannot be read permits nothing.

use crate::contracts::message::KeyState;
use crate::contracts::message::MessageKey;
use crate::contracts::message::MessageKeys;
use crate::store::RunLock;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

const FILES: [&str; 2] = [layout::MESSAGE_KEYS, layout::FALLBACK_KEYS];

/// The messages' keys, held: nobody else sends meanwhile.
#[derive(Debug)]
pub struct OnceADay<'a> {
    store: &'a Store,
    file: &'static str,
    _held: RunLock,
}

impl<'a> OnceADay<'a> {
    /// Waits for the messages' lock; what is noted goes to the backend's file.
    ///
    /// # Errors
    /// The lock cannot be made.
    pub fn of_backend(store: &'a Store) -> Result<Self, StoreFault> {
        Ok(Self { store, file: layout::MESSAGE_KEYS, _held: store.exclusive(layout::PUSH_LOCK)? })
    }

    /// Keeps the keys of what is sent without a backend, under a lock that the caller has taken.
    #[must_use]
    pub fn of_fallback(store: &'a Store, held: RunLock) -> Self {
        Self { store, file: layout::FALLBACK_KEYS, _held: held }
    }

    /// What is known of a key: the row that forbids sending, else the one that permits it again.
    ///
    /// # Errors
    /// A file cannot be read, so nothing may be sent; the text says which.
    pub fn look(&self, key: &str) -> Result<Option<MessageKey>, String> {
        let mut found: Option<MessageKey> = None;
        for file in FILES {
            let row = self.read(file)?.get(key).cloned();
            found = match (found, row) {
                (Some(kept), Some(row)) if kept.state.uses_up() || !row.state.uses_up() => Some(kept),
                (kept, row) => row.or(kept),
            };
        }
        Ok(found)
    }

    /// Notes how far a key has come. It is on disk when this returns.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn note(&self, key: &str, state: KeyState, now: KstTime) -> Result<(), StoreFault> {
        let mut keys = self.read(self.file).map_err(|why| StoreFault {
            verb: "use",
            path: self.file.to_owned(),
            source: std::io::Error::other(why),
        })?;
        keys.put(MessageKey { key: key.to_owned(), state, at: Stamp::of(now) });
        self.store.write_document(self.file, &keys)
    }

    fn read(&self, file: &str) -> Result<MessageKeys, String> {
        match self.store.document(file) {
            Stored::Present(keys) => Ok(keys),
            Stored::Missing => Ok(MessageKeys::default()),
            Stored::Damaged(why) => {
                Err(format!("KEYS_UNREADABLE: {file}: {why}; look whether the message arrived, then remove the file"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Clock as _;
    use crate::time::SystemClock;

    #[test]
    fn a_key_of_either_file_counts_and_a_damaged_one_permits_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let now = SystemClock::new().now();
        let state = |key: &str| {
            let once = OnceADay::of_backend(&store).expect("locked");
            once.look(key).map(|row| row.map(|row| row.state))
        };
        assert_eq!(state("a"), Ok(None));
        let once = OnceADay::of_backend(&store).expect("locked");
        once.note("a", KeyState::Attempted, now).expect("noted");
        once.note("a", KeyState::Failed, now).expect("noted");
        drop(once);
        assert_eq!(state("a"), Ok(Some(KeyState::Failed)));
        let held = store.exclusive(layout::PUSH_LOCK).expect("locked");
        let fallback = OnceADay::of_fallback(&store, held);
        fallback.note("a", KeyState::Delivered, now).expect("noted");
        drop(fallback);
        assert_eq!(state("a"), Ok(Some(KeyState::Delivered)), "what forbids counts");
        for file in FILES {
            store.write(file, b"{").expect("written");
            assert!(state("b").is_err_and(|why| why.contains(file)), "{file}");
            let once = OnceADay::of_backend(&store).expect("locked");
            assert_eq!(once.note("b", KeyState::Attempted, now).is_err(), file == layout::MESSAGE_KEYS);
            drop(once);
            store.remove(file).expect("removed");
        }
    }
}
