//! JSONL files that only grow: finding a line by its number, and reading what was appended.
//!
//! Both remember where they stopped and check that the file is still the one they read: same device and inode, not
//! shorter, and a line end where the last read ended. Otherwise they start over.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::Path;

use super::open;

/// One offset is kept for this many lines, so that a million lines cost 16 KiB.
const STRIDE: u64 = 512;
/// Bytes read at a time.
const CHUNK: usize = 1 << 18;
/// A line longer than this is not parsed.
pub const MAX_LINE: usize = 5 << 20;

/// Which file was read, as far as the system can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    #[cfg(unix)]
    fn of(meta: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { device: meta.dev(), inode: meta.ino() }
    }

    #[cfg(not(unix))]
    fn of(_meta: &std::fs::Metadata) -> Self {
        Self::default()
    }
}

/// Where the lines of a file start: every 512th offset.
#[derive(Clone, Debug, Default)]
pub struct LineIndex {
    identity: Identity,
    /// Complete lines and bytes covered so far.
    lines: u64,
    bytes: u64,
    /// Offset of line `i * STRIDE + 1`.
    starts: Vec<u64>,
}

impl LineIndex {
    /// The bytes of line `number` (from 1) without its end; `None` when the file is shorter. The index is extended as
    /// far as the file has grown.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn line(&mut self, path: &Path, number: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = open::regular(path)? else { return Ok(None) };
        self.extend(&mut file)?;
        let Some(index) = number.checked_sub(1) else { return Ok(None) };
        // The last line may lack its end; it is line `lines + 1`.
        if index > self.lines {
            return Ok(None);
        }
        let block = usize::try_from(index / STRIDE).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(block) else { return Ok(None) };
        file.seek(SeekFrom::Start(*start))?;
        read_line_after(&mut file, index % STRIDE)
    }

    fn extend(&mut self, file: &mut File) -> io::Result<()> {
        let meta = file.metadata()?;
        let identity = Identity::of(&meta);
        if identity != self.identity || meta.len() < self.bytes || !ends_a_line(file, self.bytes)? {
            *self = Self { identity, lines: 0, bytes: 0, starts: vec![0] };
        }
        if meta.len() == self.bytes {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.bytes))?;
        let mut chunk = vec![0; CHUNK];
        let mut at = self.bytes;
        loop {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                return Ok(());
            }
            for end in memchr::memchr_iter(b'\n', &chunk[..read]) {
                self.lines += 1;
                self.bytes = at + end as u64 + 1;
                if self.lines.is_multiple_of(STRIDE) {
                    self.starts.push(self.bytes);
                }
            }
            at += read as u64;
        }
    }
}

fn ends_a_line(file: &mut File, offset: u64) -> io::Result<bool> {
    let Some(last) = offset.checked_sub(1) else { return Ok(true) };
    file.seek(SeekFrom::Start(last))?;
    let mut byte = [0];
    Ok(file.read(&mut byte)? == 1 && byte == *b"\n")
}

/// Skips `skip` lines and reads the next one.
fn read_line_after(file: &mut File, skip: u64) -> io::Result<Option<Vec<u8>>> {
    let mut chunk = vec![0; CHUNK];
    let mut skip = skip;
    let mut line = Vec::new();
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            // Without an end, what is left is a line only if it has any bytes.
            return Ok((skip == 0 && !line.is_empty()).then_some(line));
        }
        let mut rest = &chunk[..read];
        while skip > 0 {
            match memchr::memchr(b'\n', rest) {
                Some(end) => {
                    rest = &rest[end + 1..];
                    skip -= 1;
                }
                None => break,
            }
        }
        if skip > 0 {
            continue;
        }
        if let Some(end) = memchr::memchr(b'\n', rest) {
            line.extend_from_slice(&rest[..end]);
            return Ok(Some(line));
        }
        line.extend_from_slice(rest);
        if line.len() > MAX_LINE {
            return Ok(Some(line));
        }
    }
}

/// Reads a growing file piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    identity: Identity,
    bytes: u64,
    lines: u64,
}

/// What a [`Tail`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continued {
    /// The lines follow those of the last call.
    Onward,
    /// The file is another one than before (or this is the first call): forget what was read from it.
    FromStart,
}

impl Tail {
    /// How many complete lines were read so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Hands every complete line that was appended since the last call to `each`, with its number from 1. `restart` is
    /// called first when the file is not the one read before. A last line without an end is returned, not consumed: it may be half
    /// written. A missing file counts as empty.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn read(
        &mut self,
        path: &Path,
        restart: &mut dyn FnMut(),
        each: &mut dyn FnMut(u64, &[u8]),
    ) -> io::Result<Vec<u8>> {
        let Some(mut file) = open::regular(path)? else {
            *self = Self::default();
            restart();
            return Ok(Vec::new());
        };
        let meta = file.metadata()?;
        let identity = Identity::of(&meta);
        if identity != self.identity || meta.len() < self.bytes || !ends_a_line(&mut file, self.bytes)? {
            *self = Self { identity, bytes: 0, lines: 0 };
            restart();
        }
        file.seek(SeekFrom::Start(self.bytes))?;
        self.consume(&mut file, each)
    }

    fn consume(&mut self, file: &mut File, each: &mut dyn FnMut(u64, &[u8])) -> io::Result<Vec<u8>> {
        let mut buffer: Vec<u8> = Vec::with_capacity(CHUNK * 2);
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                return Ok(buffer);
            }
            buffer.extend_from_slice(&chunk[..read]);
            let mut start = 0;
            for end in memchr::memchr_iter(b'\n', &buffer) {
                self.lines += 1;
                each(self.lines, &buffer[start..end]);
                start = end + 1;
            }
            self.bytes += start as u64;
            buffer.drain(..start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file_of(lines: u64) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.jsonl");
        let mut file = File::create(&path).expect("a file");
        for n in 1..=lines {
            writeln!(file, "{{\"n\":{n}}}").expect("written");
        }
        (dir, path)
    }

    fn append(path: &Path, text: &str) {
        let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("a file");
        file.write_all(text.as_bytes()).expect("written");
    }

    fn text(line: io::Result<Option<Vec<u8>>>) -> Option<String> {
        line.expect("readable").map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn a_line_is_found_by_its_number_also_after_the_file_grew() {
        let (_dir, path) = file_of(3000);
        let mut index = LineIndex::default();
        for n in [1, 2, 511, 512, 513, 1024, 1025, 2999, 3000] {
            assert_eq!(text(index.line(&path, n)).as_deref(), Some(format!("{{\"n\":{n}}}").as_str()), "{n}");
        }
        for n in [0, 3001, 9_999_999, u64::MAX] {
            assert_eq!(text(index.line(&path, n)), None, "{n}");
        }
        append(&path, "half");
        assert_eq!(text(index.line(&path, 3001)).as_deref(), Some("half"));
        append(&path, " whole\n\n");
        assert_eq!(text(index.line(&path, 3001)).as_deref(), Some("half whole"));
        assert_eq!(text(index.line(&path, 3002)).as_deref(), Some(""));
    }

    #[test]
    fn a_replaced_file_is_read_anew() {
        let (dir, path) = file_of(3000);
        let mut index = LineIndex::default();
        assert!(text(index.line(&path, 3000)).is_some());
        let other = dir.path().join("other");
        std::fs::copy(&path, &other).expect("copied");
        append(&other, "last\n");
        std::fs::rename(&other, &path).expect("renamed");
        assert_eq!(text(index.line(&path, 3001)).as_deref(), Some("last"));
        File::create(&path).expect("truncated");
        assert_eq!(text(index.line(&path, 1)), None);
    }

    #[test]
    fn a_tail_hands_over_each_line_once() {
        let (_dir, path) = file_of(3);
        let mut tail = Tail::default();
        let read = |tail: &mut Tail| {
            let mut seen = Vec::new();
            let mut restarts = 0;
            let rest = tail
                .read(&path, &mut || restarts += 1, &mut |n, line| {
                    seen.push((n, String::from_utf8_lossy(line).into_owned()))
                })
                .expect("readable");
            (restarts, seen, String::from_utf8(rest).expect("text"))
        };
        assert_eq!(read(&mut tail).1.len(), 3);
        assert_eq!(read(&mut tail), (0, vec![], String::new()));
        append(&path, "{\"n\":4}\n{\"n\":");
        assert_eq!(read(&mut tail), (0, vec![(4, "{\"n\":4}".to_owned())], "{\"n\":".to_owned()));
        append(&path, "5}\n");
        assert_eq!(read(&mut tail), (0, vec![(5, "{\"n\":5}".to_owned())], String::new()));
        File::create(&path).expect("truncated");
        append(&path, "x\n");
        let (restarts, seen, _) = read(&mut tail);
        assert_eq!((restarts, seen.len()), (1, 1));
    }
}
