//! A log that one process keeps open: whole lines only, whatever the disk does, and put aside when it is full.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::time::Duration;

use super::Store;
use super::StoreFault;
use super::atomic;
use super::jsonl::Identity;
use super::lock;
use super::open;

/// A log that is open for appending.
#[derive(Debug)]
pub struct LineLog {
    store: Store,
    relative: String,
    file: File,
    /// Where the next line begins.
    end: u64,
    /// The file may end within a line that could not be taken back.
    is_torn: bool,
}

/// What became of an append.
#[derive(Debug)]
pub struct Appended {
    /// Bytes of the whole lines that stand in the file now.
    pub bytes: usize,
    /// Why the rest does not.
    pub fault: Option<StoreFault>,
}

impl Store {
    /// Opens a log, made with mode 640 when it is not there. A half line that a killed writer left is ended, so that it
    /// stays a bad line of its own; on a full disk that is done with the next append.
    ///
    /// # Errors
    /// The file cannot be made or opened, or is no regular file.
    pub fn line_log(&self, relative: &str) -> Result<LineLog, StoreFault> {
        let path = self.path(relative);
        let opened = || -> io::Result<LineLog> {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            let mut file = open::log(&path)?;
            let end = file.seek(SeekFrom::End(0))?;
            let is_torn = atomic::ends_within_a_line(&mut file, end)?;
            let mut log = LineLog { store: self.clone(), relative: relative.to_owned(), file, end, is_torn };
            if log.is_torn {
                // A failure is met again, and told, by the next append.
                log.mend().ok();
            }
            Ok(log)
        };
        opened().map_err(StoreFault::new("open", relative))
    }

    /// Renames a file to a name that nobody has yet, while nobody appends to it; `false` when there is no such file.
    ///
    /// # Errors
    /// Somebody appends to it all the time, the name is taken, or the file cannot be renamed.
    pub fn put_aside(&self, relative: &str, name: &str, patience: Duration) -> Result<bool, StoreFault> {
        let moved = || -> io::Result<bool> {
            let Some(file) = open::regular(&self.path(relative))? else { return Ok(false) };
            lock::lock_within(&file, patience)?;
            atomic::rename_new(&self.path(relative), &self.path(name))?;
            file.unlock()?;
            Ok(true)
        };
        moved().map_err(StoreFault::new("rename", relative))
    }
}

impl LineLog {
    /// How long the file is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Whether the file still stands under its name: somebody may have removed or renamed it.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let found = self.store.path(&self.relative).symlink_metadata();
        let own = self.file.metadata();
        matches!((found, own), (Ok(found), Ok(own)) if Identity::of(&found) == Identity::of(&own))
    }

    /// Appends lines, each with its end. What a full disk leaves of a line is taken back.
    pub fn append(&mut self, lines: &[u8]) -> Appended {
        let relative = self.relative.clone();
        let told = |source| Some(StoreFault::new("append to", relative)(source));
        if self.is_torn
            && let Err(source) = self.mend()
        {
            return Appended { bytes: 0, fault: told(source) };
        }
        let (written, fault) = write_most(&mut self.file, lines);
        let whole = if fault.is_none() {
            written
        } else {
            memchr::memrchr(b'\n', &lines[..written]).map_or(0, |last| last + 1)
        };
        let fault = fault.and_then(told);
        self.end += whole as u64;
        if whole < written && self.file.set_len(self.end).is_err() {
            self.is_torn = true;
            self.end += (written - whole) as u64;
        }
        Appended { bytes: whole, fault }
    }

    /// Ends a half line.
    fn mend(&mut self) -> io::Result<()> {
        self.file.write_all(b"\n")?;
        self.end += 1;
        self.is_torn = false;
        Ok(())
    }

    /// Waits until the disk has everything.
    ///
    /// # Errors
    /// The disk did not take it.
    pub fn sync(&self) -> Result<(), StoreFault> {
        self.file.sync_data().map_err(StoreFault::new("flush", &self.relative))
    }

    /// Renames the file to `name`, which must be free, and begins a new one. The old one is on the disk before that.
    ///
    /// # Errors
    /// One of these steps failed; `AlreadyExists` when the name is taken. The log goes on in the file that it has.
    pub fn rotate(&mut self, name: &str) -> Result<(), StoreFault> {
        self.sync()?;
        let path = self.store.path(&self.relative);
        atomic::rename_new(&path, &self.store.path(name)).map_err(StoreFault::new("rename", &self.relative))?;
        *self = self.store.clone().line_log(&self.relative)?;
        let parent = path.parent().map_or(Ok(()), atomic::sync_directory);
        parent.map_err(StoreFault::new("flush the directory of", &self.relative))
    }
}

/// Writes as much as the disk takes.
fn write_most(file: &mut File, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return (written, Some(fault)),
        }
    }
    (written, None)
}

/// A number that only grows, noted in place at the front of a small file, so that it survives the end of the process even
/// on a full disk. It is not flushed: after a power cut it may be an older one.
#[derive(Debug)]
pub struct Mark {
    file: File,
}

/// What a mark said when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MarkFound {
    /// There was none.
    #[default]
    Missing,
    /// The number, and whether it is the last one that its writer noted.
    Number(u64, bool),
    /// Something that is no mark.
    Damaged,
}

/// Digits of the number.
const DIGITS: usize = 20;

impl Store {
    /// What a mark says.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn read_mark(&self, relative: &str) -> Result<MarkFound, StoreFault> {
        let read = || -> io::Result<MarkFound> {
            let Some(file) = open::regular(&self.path(relative))? else { return Ok(MarkFound::Missing) };
            let mut text = String::new();
            // Bytes that are no text are no mark either.
            if file.take(256).read_to_string(&mut text).is_err() {
                return Ok(MarkFound::Damaged);
            }
            let mut words = text.split_whitespace();
            let number = words.next().filter(|word| word.len() == DIGITS).and_then(|word| word.parse().ok());
            let (word, boot) = (words.next(), words.next().unwrap_or_default());
            // Within one boot the system keeps what a killed process wrote.
            let is_last = word == Some("closed") || (word == Some("open") && boot == lock::boot_id());
            Ok(number.map_or(MarkFound::Damaged, |number| MarkFound::Number(number, is_last)))
        };
        read().map_err(StoreFault::new("read", relative))
    }

    /// Opens a mark and notes a number in it.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn mark(&self, relative: &str, number: u64) -> Result<Mark, StoreFault> {
        let opened = || -> io::Result<Mark> {
            let path = self.path(relative);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            let mark = Mark { file: open::lock_file(&path)? };
            mark.say(number, "open")?;
            mark.file.sync_all()?;
            Ok(mark)
        };
        opened().map_err(StoreFault::new("write", relative))
    }
}

impl Mark {
    /// Notes a larger number.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, number: u64) -> io::Result<()> {
        put(&self.file, format!("{number:020}").as_bytes())
    }

    /// Notes the last number.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn close(&self, number: u64) -> io::Result<()> {
        self.say(number, "closed")?;
        self.file.sync_all()
    }

    fn say(&self, number: u64, word: &str) -> io::Result<()> {
        let text = format!("{number:020} {word:6} {}\n", lock::boot_id());
        put(&self.file, text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }
}

/// Writes at the front of a file.
#[cfg(unix)]
fn put(file: &File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn put(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Durability;

    fn place() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        (dir, store)
    }

    fn text(store: &Store, name: &str) -> String {
        String::from_utf8(store.read(name).expect("read").expect("there")).expect("text")
    }

    #[test]
    fn a_half_line_is_ended_and_the_mode_is_0640() {
        let (_dir, store) = place();
        store.write("m/a.jsonl", b"{}\n{\"ha").expect("written");
        let mut log = store.line_log("m/a.jsonl").expect("opened");
        let done = log.append(b"1\n2\n");
        assert!(done.fault.is_none() && done.bytes == 4, "{done:?}");
        assert_eq!(text(&store, "m/a.jsonl"), "{}\n{\"ha\n1\n2\n");
        assert_eq!(log.bytes(), 12);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = store.path("m/a.jsonl").metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o7777, 0o640);
        }
    }

    #[test]
    fn a_log_is_put_aside_under_a_free_name_only() {
        let (_dir, store) = place();
        let mut log = store.line_log("a.jsonl").expect("opened");
        assert!(log.append(b"1\n").fault.is_none());
        log.rotate("b.jsonl").expect("rotated");
        assert_eq!((log.bytes(), log.is_there()), (0, true));
        assert!(log.append(b"2\n").fault.is_none());
        let fault = log.rotate("b.jsonl").expect_err("taken");
        assert_eq!(fault.source.kind(), io::ErrorKind::AlreadyExists);
        assert!(log.append(b"3\n").fault.is_none());
        assert_eq!((text(&store, "a.jsonl"), text(&store, "b.jsonl")), ("2\n3\n".to_owned(), "1\n".to_owned()));
        store.remove("a.jsonl").expect("removed");
        assert!(!log.is_there());
    }

    #[test]
    fn a_line_that_waits_for_a_file_that_is_put_aside_goes_into_the_new_one() {
        let (_dir, store) = place();
        store.write("spool.jsonl", b"1\n").expect("written");
        let held = open::regular(&store.path("spool.jsonl")).expect("opened").expect("there");
        held.lock().expect("locked");
        let other = store.clone();
        let writer = std::thread::spawn(move || other.append("spool.jsonl", "2", Durability::Buffered));
        atomic::rename_new(&store.path("spool.jsonl"), &store.path("taken.jsonl")).expect("renamed");
        held.unlock().expect("unlocked");
        writer.join().expect("no panic").expect("appended");
        assert_eq!((text(&store, "taken.jsonl"), text(&store, "spool.jsonl")), ("1\n".to_owned(), "2\n".to_owned()));
        assert!(!store.put_aside("nothing", "x", Duration::ZERO).expect("no fault"));
        store.put_aside("spool.jsonl", "taken.jsonl", Duration::ZERO).expect_err("the name is taken");
    }

    #[test]
    fn a_mark_tells_the_last_number_that_was_noted() {
        let (_dir, store) = place();
        assert_eq!(store.read_mark("m").expect("read"), MarkFound::Missing);
        let mark = store.mark("m", 3).expect("made");
        mark.set(4711).expect("noted");
        let boot = lock::boot_id();
        assert_eq!(store.read_mark("m").expect("read"), MarkFound::Number(4711, true), "boot {boot}");
        drop(mark);
        let other = text(&store, "m").replace(&boot, "another-boot");
        if !boot.is_empty() {
            store.write("m", other.as_bytes()).expect("written");
            assert_eq!(store.read_mark("m").expect("read"), MarkFound::Number(4711, false));
        }
        store.mark("m", 4711).expect("made").close(4712).expect("closed");
        assert_eq!(store.read_mark("m").expect("read"), MarkFound::Number(4712, true));
        for odd in [&b"\xff\xfe"[..], b"", b"12 open", b"x"] {
            store.write("m", odd).expect("written");
            assert_eq!(store.read_mark("m").expect("read"), MarkFound::Damaged, "{odd:?}");
        }
    }
}
