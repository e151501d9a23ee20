//! Opening a file to read it, without hanging and without taking something else for "no file".

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// Opens a regular file; `None` when there is nothing at all at `path`. A pipe is never waited for, and a link that leads
/// nowhere is a fault: somebody put it there.
pub(super) fn regular(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nonblocking());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
            return match path.symlink_metadata() {
                Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a link that leads nowhere")),
                Err(_) => Ok(None),
            };
        }
        Err(fault) => return Err(fault),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
    }
    Ok(Some(file))
}

/// Opens a lock file to be signed, made when it is not there.
pub(super) fn lock_file(path: &Path) -> io::Result<File> {
    itself(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))
}

/// Opens a log to append to it: others than its owner and its group may not read it.
pub(super) fn log(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let file = itself(path, &mut options)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // A file of somebody else keeps its mode; it can be written, which is what counts.
        file.set_permissions(std::fs::Permissions::from_mode(0o640)).ok();
    }
    Ok(file)
}

/// Opens a file to read it, but not what a link in its place leads to.
pub(super) fn own(path: &Path) -> io::Result<File> {
    itself(path, OpenOptions::new().read(true))
}

/// Makes a file empty, which needs no room on the disk; made when it is not there.
pub(super) fn emptied(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let file = itself(path, OpenOptions::new().write(true).create(true).truncate(false))?;
    file.set_len(0)?;
    file.sync_all()
}

/// Opens exactly this regular file: no link is followed and no pipe is waited for.
fn itself(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, nonblocking() | nofollow());
    #[cfg(not(unix))]
    if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a link"));
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"))
    }
}

/// Refuses a file that others than its owner may read or write. The opened file is judged: nobody can swap it any more.
#[cfg(unix)]
pub(super) fn owner_only(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    let open = format!("has mode {mode:04o}, must be 0600 or stricter");
    if mode & !0o600 == 0 { Ok(()) } else { Err(io::Error::new(io::ErrorKind::PermissionDenied, open)) }
}

#[cfg(not(unix))]
pub(super) fn owner_only(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn nonblocking() -> i32 {
    // The flag fits: it is the system's own open flag.
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0)
}

#[cfg(unix)]
fn nofollow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

/// Share of the disk under `path` that is still free for this user.
#[cfg(unix)]
pub(super) fn free_share(path: &Path) -> Option<f64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    // Block counts of real disks fit an f64 without loss that matters to a percentage.
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let share = stat.f_bavail as f64 / stat.f_blocks.max(1) as f64;
    Some(share)
}

#[cfg(not(unix))]
pub(super) fn free_share(_path: &Path) -> Option<f64> {
    None
}

/// Bytes of a disk that this user may still fill.
#[cfg(unix)]
pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
pub(super) fn free_bytes(_path: &Path) -> Option<u64> {
    None
}

/// Whether the system would let this user list the directory and make files in it.
#[cfg(unix)]
pub(super) fn may_write_in(path: &Path) -> bool {
    use rustix::fs::Access;
    rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
pub(super) fn may_write_in(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.permissions().readonly())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_opened_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        std::fs::copy(std::env::current_exe().expect("a program"), at("file")).expect("copied");
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RUSR).expect("made");
        std::os::unix::fs::symlink("nowhere", at("dangling")).expect("linked");
        std::os::unix::fs::symlink("file", at("link")).expect("linked");
        assert!(regular(&at("file")).is_ok_and(|file| file.is_some()));
        assert!(regular(&at("link")).is_ok_and(|file| file.is_some()));
        assert!(regular(&at("missing")).is_ok_and(|file| file.is_none()));
        for odd in ["pipe", "dangling", "."] {
            assert!(regular(&at(odd)).is_err(), "{odd}");
        }
    }
}
