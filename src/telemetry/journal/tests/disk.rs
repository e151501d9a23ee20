//! A small disk of its own for a test, that can be full or stand still. Needs the right to mount.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Taken away with the test.
pub(crate) struct Disk {
    at: PathBuf,
    /// The file below it; without one it is memory.
    image: Option<tempfile::NamedTempFile>,
}

fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|done| done.status.success())
}

impl Disk {
    /// A disk of 64 KiB; `None` where mounting is not allowed.
    pub(crate) fn new(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a directory");
        let is_mounted = works(Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(at));
        is_mounted.then(|| Self { at: at.to_owned(), image: None })
    }

    /// A disk that can be frozen; `None` where the system has no such ones.
    pub(crate) fn freezing(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a directory");
        let image = tempfile::NamedTempFile::new().expect("a file");
        image.as_file().set_len(8 << 20).expect("room");
        let is_made = works(Command::new("mkfs.ext4").arg("-q").arg(image.path()));
        let is_mounted = is_made && works(Command::new("mount").args(["-o", "loop"]).arg(image.path()).arg(at));
        is_mounted.then(|| Self { at: at.to_owned(), image: Some(image) })
    }

    pub(crate) fn fill(&self) {
        let mut file = std::fs::File::create(self.at.join("ballast")).expect("a file");
        while file.write_all(&[1; 512]).is_ok() {}
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.at.join("ballast")).expect("removed");
    }

    /// From now on whoever writes to it waits.
    pub(crate) fn freeze(&self) {
        assert!(works(Command::new("fsfreeze").arg("-f").arg(&self.at)), "it stands still");
    }

    pub(crate) fn thaw(&self) -> bool {
        works(Command::new("fsfreeze").arg("-u").arg(&self.at))
    }

    /// Whether a text is on the disk and not only in memory.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let bytes = self.image.as_ref().map(|image| std::fs::read(image.path()).expect("readable"));
        bytes.is_some_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.image.is_some() {
            // It may go on already.
            self.thaw();
        }
        // What is left mounted goes with the machine's own cleaning.
        Command::new("umount").arg("-l").arg(&self.at).status().ok();
    }
}
