//! Replies kept as bytes for as long as the files behind them are the same.
//!
//! A file is the same when device, inode, size and both times are. Documents are replaced by rename, so a new one has
//! another inode; a directory of snapshots changes its own time when a file comes or goes. After a change through this
//! server every kept reply is dropped, so two writes within one tick of the file system's clock cannot be mistaken.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use axum::body::Bytes;

use super::reply::Reply;
use crate::time::KstTime;
use crate::time::Stamp;

/// Most files that one reply may depend on.
const MAX_FILES: usize = 2;

/// What the files of a reply looked like.
type Looks = [Option<Look>; MAX_FILES];

/// One file or directory as the file system shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Look {
    /// `None` when there is nothing, or nothing that can be looked at.
    #[cfg(unix)]
    pub(crate) fn at(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let meta = path.metadata().ok()?;
        Some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }

    /// When the file was last written, in milliseconds since 1970.
    pub(crate) fn modified_ms(&self) -> i64 {
        self.modified.0.saturating_mul(1000).saturating_add(self.modified.1 / 1_000_000)
    }

    #[cfg(not(unix))]
    pub(crate) fn at(_path: &Path) -> Option<Self> {
        None
    }
}

/// What was true before the files of a reply were read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    looks: Looks,
    generation: u64,
}

#[derive(Debug)]
struct Kept {
    before: Before,
    reply: Reply,
}

#[derive(Debug)]
struct Slot {
    files: Vec<PathBuf>,
    kept: RwLock<Option<Arc<Kept>>>,
}

/// One place per route.
#[derive(Debug)]
pub(crate) struct Cache {
    slots: Vec<Slot>,
    generation: AtomicU64,
}

impl Cache {
    /// Makes a place for each list of files, relative to `root`; an empty list is never kept.
    pub(crate) fn new<'a>(root: &Path, watched: impl Iterator<Item = &'a [&'a str]>) -> Self {
        let slot = |files: &[&str]| Slot {
            files: files.iter().map(|file| root.join(file)).collect(),
            kept: RwLock::default(),
        };
        Self { slots: watched.map(slot).collect(), generation: AtomicU64::new(0) }
    }

    /// The kept reply of a route, if every file behind it still looks the same.
    pub(crate) fn fresh(&self, route: usize, now: impl FnOnce() -> KstTime) -> Option<Reply> {
        let slot = self.slots.get(route).filter(|slot| !slot.files.is_empty())?;
        let kept = slot.kept.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let same = kept.before.generation == self.generation.load(Ordering::Acquire)
            && kept.before.looks == look(&slot.files)?;
        same.then(|| Reply { body: stamped(&kept.reply, now), ..kept.reply.clone() })
    }

    /// Looks at a route's files; to be called before they are read. `None` when the route's reply is not to be kept.
    pub(crate) fn before(&self, route: usize) -> Option<Before> {
        let slot = self.slots.get(route).filter(|slot| !slot.files.is_empty())?;
        let generation = self.generation.load(Ordering::Acquire);
        Some(Before { looks: look(&slot.files)?, generation })
    }

    /// Keeps a reply that was made after `before`.
    pub(crate) fn keep(&self, route: usize, before: Before, reply: &Reply) {
        if let Some(slot) = self.slots.get(route) {
            let kept = Arc::new(Kept { before, reply: reply.clone() });
            *slot.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        }
    }

    /// Drops every kept reply, because something was changed through this server.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

fn look(files: &[PathBuf]) -> Option<Looks> {
    let mut looks = [None; MAX_FILES];
    for (at, file) in files.iter().enumerate() {
        *looks.get_mut(at)? = Look::at(file);
    }
    // A place where nothing can be looked at says nothing about the next time.
    looks.iter().any(Option::is_some).then_some(looks)
}

/// The body with the time of this request in the place of the old one.
fn stamped(reply: &Reply, now: impl FnOnce() -> KstTime) -> Bytes {
    let Some(at) = reply.stamped_at else { return reply.body.clone() };
    let stamp = Stamp::of(now());
    let mut body = reply.body.to_vec();
    match body.get_mut(at..at + stamp.as_str().len()) {
        Some(place) => {
            place.copy_from_slice(stamp.as_str().as_bytes());
            Bytes::from(body)
        }
        None => reply.body.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::reply::Fields;
    use crate::store::Store;
    use crate::time::Clock as _;
    use crate::time::SystemClock;

    const FILE: &str = "reports/x.json";

    fn fixture() -> (tempfile::TempDir, Store, Cache, KstTime) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        store.write(FILE, b"{}").expect("written");
        let cache = Cache::new(dir.path(), [[FILE].as_slice(), [].as_slice()].into_iter());
        (dir, store, cache, SystemClock::new().now())
    }

    #[test]
    fn a_reply_is_kept_until_its_file_is_replaced_touched_or_removed() {
        type Change = fn(&Store, &Cache);
        let changes: [(&str, Change, bool); 5] = [
            ("nothing", |_, _| {}, true),
            ("replaced by the same bytes", |store, _| store.write(FILE, b"{}").expect("written"), false),
            ("removed", |store, _| assert!(store.remove(FILE).expect("removed")), false),
            ("grown", |store, _| store.append(FILE, "x", crate::store::Durability::Buffered).expect("written"), false),
            ("changed through the server", |_, cache| cache.forget(), false),
        ];
        for (name, change, kept) in changes {
            let (_dir, store, cache, now) = fixture();
            let before = cache.before(0).expect("a file to look at");
            cache.keep(0, before, &Fields::new().ok());
            change(&store, &cache);
            assert_eq!(cache.fresh(0, || now).is_some(), kept, "{name}");
        }
    }

    #[test]
    fn a_change_while_the_reply_is_made_is_seen() {
        let (_dir, store, cache, now) = fixture();
        let before = cache.before(0).expect("a file to look at");
        store.write(FILE, b"{ }").expect("written");
        cache.keep(0, before, &Fields::new().ok());
        assert!(cache.fresh(0, || now).is_none());
    }

    #[test]
    fn a_kept_reply_tells_the_time_of_each_request() {
        let (_dir, _store, cache, now) = fixture();
        let before = cache.before(0).expect("a file to look at");
        cache.keep(0, before, &Fields::new().with("a", &1).asof_now(now).with("b", &2).ok());
        let later = now + chrono::Duration::seconds(61);
        let reply = cache.fresh(0, || later).expect("kept");
        let want = Fields::new().with("a", &1).asof_now(later).with("b", &2).ok();
        assert_eq!(reply.body, want.body);
    }

    #[test]
    fn a_route_without_files_and_a_missing_file_are_never_kept() {
        let (_dir, store, cache, now) = fixture();
        assert!(cache.before(1).is_none() && cache.fresh(1, || now).is_none());
        store.remove(FILE).expect("removed");
        assert!(cache.before(0).is_none());
    }
}
