//! Durable writes: a reader sees the old file or the new one, also after a crash.

use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::jsonl::Identity;
use super::lock;

/// How long a file that somebody else appends to is waited for, unless the caller says otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// What may stand at the target of a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Replace what is there.
    Replace,
    /// Fail with `AlreadyExists` rather than replace.
    New,
}

/// Writes a temporary file beside the target, flushes it to the disk, renames it and flushes the directory. A buffered
/// write leaves out the flushes: readers still see the old file or the new one, but a power cut may bring the old one back.
pub(super) fn write(
    path: &Path,
    bytes: &[u8],
    (target, durability): (Target, Durability),
    step: &dyn Fn(&Path),
) -> io::Result<()> {
    let parent = parent(path)?;
    std::fs::create_dir_all(parent)?;
    let temp = temp_beside(path);
    let outcome = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temp)?;
        file.write_all(bytes)?;
        if durability == Durability::Durable {
            file.sync_all()?;
        }
        step(&temp);
        match target {
            Target::Replace => std::fs::rename(&temp, path)?,
            Target::New => rename_new(&temp, path)?,
        }
        if durability == Durability::Durable { sync_directory(parent) } else { Ok(()) }
    })();
    if outcome.is_err() {
        // The temporary file is of no use to anybody; the first error is the one to tell.
        std::fs::remove_file(&temp).ok();
    }
    outcome.inspect(|()| step(path))
}

/// Writes a file of mode 600: it has that mode before it has any content.
pub(super) fn write_private(path: &Path, bytes: &[u8], target: Target) -> io::Result<()> {
    let parent = parent(path)?;
    std::fs::create_dir_all(parent)?;
    let temp = temp_beside(path);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let outcome = (|| {
        let mut file = options.open(&temp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match target {
            Target::Replace => std::fs::rename(&temp, path)?,
            Target::New => rename_new(&temp, path)?,
        }
        sync_directory(parent)
    })();
    if outcome.is_err() {
        // The temporary file is of no use to anybody; the first error is the one to tell.
        std::fs::remove_file(&temp).ok();
    }
    outcome
}

/// Appends lines under a lock of the file. A half line that a killed writer left is ended first, so that it stays a
/// bad line of its own and does not swallow the first of these.
pub(super) fn append<L: AsRef<str>>(
    path: &Path,
    lines: &[L],
    (durability, patience): (Durability, Duration),
    step: &dyn Fn(&Path),
) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let parent = parent(path)?;
    std::fs::create_dir_all(parent)?;
    let is_new = !path.exists();
    let mut file = held(path, patience)?;
    let mut text = String::with_capacity(lines.iter().map(|line| line.as_ref().len() + 1).sum::<usize>() + 1);
    let end = file.seek(SeekFrom::End(0))?;
    if ends_within_a_line(&mut file, end)? {
        text.push('\n');
    }
    for line in lines {
        text.push_str(line.as_ref());
        text.push('\n');
    }
    if let Err(fault) = file.write_all(text.as_bytes()) {
        // A full disk takes the first part only: half a record would stay wrong for ever.
        file.set_len(end).ok();
        return Err(fault);
    }
    if durability == Durability::Durable {
        file.sync_data()?;
        if is_new {
            sync_directory(parent)?;
        }
    }
    step(path);
    file.unlock()
}

/// The file at `path`, opened and locked. Somebody may have put the file aside while this waited for its lock: what would
/// be appended to that one might never be read.
fn held(path: &Path, patience: Duration) -> io::Result<std::fs::File> {
    loop {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        lock::lock_within(&file, patience)?;
        let mine = Identity::of(&file.metadata()?);
        if path.metadata().is_ok_and(|found| Identity::of(&found) == mine) {
            return Ok(file);
        }
    }
}

/// Ends a half line under the file's lock; nothing to do for a missing file or a whole last line.
pub(super) fn end_line(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).append(true).open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => return Err(fault),
    };
    lock::lock_within(&file, PATIENCE)?;
    let end = file.seek(SeekFrom::End(0))?;
    if ends_within_a_line(&mut file, end)? {
        file.write_all(b"\n")?;
        file.sync_data()?;
    }
    file.unlock()
}

pub(super) fn ends_within_a_line(file: &mut std::fs::File, end: u64) -> io::Result<bool> {
    if end == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(end - 1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Removes the first `start` bytes of a file that another process appends to. What that process writes in the meantime
/// may be lost: only for logs.
pub(super) fn cut_in_place(path: &Path, start: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut kept = Vec::new();
    file.read_to_end(&mut kept)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&kept)?;
    file.set_len(kept.len() as u64)?;
    file.sync_all()
}

/// Whether a write must have reached the disk when the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It must: the line is a record.
    Durable,
    /// It need not: the line is a story.
    Buffered,
}

fn parent(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no directory"))
}

fn temp_beside(path: &Path) -> PathBuf {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.{serial}.tmp", std::process::id()))
}

/// Whether a file name is one of the temporary files made here.
pub(super) fn is_temp(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

#[cfg(target_os = "linux")]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::CWD;
    use rustix::fs::RenameFlags;
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems do not know the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => link_new(from, to),
        other => other.map_err(io::Error::from),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    link_new(from, to)
}

fn link_new(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::hard_link(from, to)?;
    std::fs::remove_file(from)
}

#[cfg(unix)]
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}
