//! JSONL files that only grow: finding a line by its number, and reading what was appended.
//!
//! Both remember where they stopped and check that the file is still the one they read: same device and inode, not
//! shorter, and a line end where the last read ended. Otherwise they start over.

use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::Read;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::Path;

use super::open;

/// One offset is kept for this many lines, so that a million lines cost 16 KiB.
const STRIDE: u64 = 512;
/// Bytes read at a time.
const CHUNK: usize = 1 << 18;
/// Bytes at the end of what was read that are compared with the file before it is read on.
const MEMORY: u64 = 256;
/// A line longer than this is not parsed.
pub const MAX_LINE: usize = 5 << 20;

/// Which file was read, as far as the system can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(meta: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { device: meta.dev(), inode: meta.ino() }
    }

    #[cfg(not(unix))]
    pub(super) fn of(_meta: &std::fs::Metadata) -> Self {
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
    ending: Ending,
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

    /// How many lines there are, the last one without an end included.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn count(&mut self, path: &Path) -> io::Result<u64> {
        let Some(mut file) = open::regular(path)? else { return Ok(0) };
        self.extend(&mut file)?;
        Ok(self.lines + u64::from(file.metadata()?.len() > self.bytes))
    }

    /// Up to `count` lines from line `first` on, without their ends; one longer than [`MAX_LINE`] comes empty.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn range(&mut self, path: &Path, first: u64, count: usize) -> io::Result<Vec<Vec<u8>>> {
        let Some(mut file) = open::regular(path)? else { return Ok(Vec::new()) };
        self.extend(&mut file)?;
        let Some(index) = first.checked_sub(1) else { return Ok(Vec::new()) };
        let block = usize::try_from(index / STRIDE).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(block) else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(*start))?;
        let mut reader = io::BufReader::with_capacity(CHUNK, file);
        for _ in 0..index % STRIDE {
            if reader.skip_until(b'\n')? == 0 {
                return Ok(Vec::new());
            }
        }
        let mut lines = Vec::new();
        while lines.len() < count {
            let mut line = Vec::new();
            if reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            } else if line.len() > MAX_LINE {
                reader.skip_until(b'\n')?;
                line.clear();
            }
            lines.push(line);
        }
        Ok(lines)
    }

    fn extend(&mut self, file: &mut File) -> io::Result<()> {
        let meta = file.metadata()?;
        let identity = Identity::of(&meta);
        if identity != self.identity || meta.len() < self.bytes || !self.ending.holds(file, self.bytes)? {
            *self = Self { identity, starts: vec![0], ..Self::default() };
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
                self.ending = Ending::of(file, self.bytes)?;
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

/// The last bytes of the complete lines that were read, the end of the last one included. A file that took the place of
/// another one may have its inode and be longer; it hardly has its bytes at the same place.
#[derive(Clone, Debug, Default)]
struct Ending(Vec<u8>);

impl Ending {
    /// The bytes before `offset`.
    fn of(file: &mut File, offset: u64) -> io::Result<Self> {
        let length = offset.min(MEMORY);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        file.seek(SeekFrom::Start(offset - length))?;
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            // Cut off meanwhile: the length tells that the next time.
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(Self::default()),
            Err(fault) => Err(fault),
        }
    }

    /// Whether the bytes still stand before `offset`.
    fn holds(&self, file: &mut File, offset: u64) -> io::Result<bool> {
        let mut found = vec![0; self.0.len()];
        file.seek(SeekFrom::Start(offset.saturating_sub(self.0.len() as u64)))?;
        match file.read_exact(&mut found) {
            Ok(()) => Ok(found == self.0),
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(fault) => Err(fault),
        }
    }
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

/// Handed over in place of a line longer than [`MAX_LINE`]: nothing that any reader takes for a record.
pub const TOO_LONG: &[u8] = b"\0";

/// Where a line stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 1.
    pub number: u64,
    /// The offset of its first byte.
    pub offset: u64,
}

/// Most lines of a record fit this many bytes.
const SHORT: usize = 1024;
/// Lines that start within this many bytes of each other are read together.
const NEAR: u64 = 4096;

/// What `read` makes of the lines that start at some offsets of a file, without their ends; `None` where the file has no line or one longer
/// than [`MAX_LINE`].
///
/// # Errors
/// The file cannot be read.
pub(super) fn lines_at<T>(
    path: &Path,
    offsets: &[u64],
    read: impl Fn(&[u8]) -> Option<T>,
) -> io::Result<Vec<Option<T>>> {
    let mut found: Vec<Option<T>> = offsets.iter().map(|_| None).collect();
    let Some(mut file) = open::regular(path)? else { return Ok(found) };
    let mut places: Vec<(u64, usize)> = offsets.iter().copied().zip(0..).collect();
    places.sort_unstable();
    let mut bytes = Vec::new();
    for near in neighbors(&places) {
        let (first, last) = (near[0].0, near[near.len() - 1].0);
        read_at(&mut file, first, usize::try_from(last - first).unwrap_or_default() + SHORT, &mut bytes)?;
        for (offset, at) in near {
            let rest = usize::try_from(offset - first).ok().and_then(|from| bytes.get(from..)).unwrap_or_default();
            found[*at] = match memchr::memchr(b'\n', rest) {
                Some(end) => read(&rest[..end]),
                // A long line, or the last one without an end.
                None => line_at(&mut file, *offset)?.and_then(|line| read(&line)),
            };
        }
    }
    Ok(found)
}

/// Sorted places in groups of which each can be read at once.
fn neighbors(places: &[(u64, usize)]) -> impl Iterator<Item = &[(u64, usize)]> {
    let mut start = places.first().map_or(0, |place| place.0);
    places.chunk_by(move |one, next| {
        let together = next.0 - one.0 <= NEAR && next.0 - start <= CHUNK as u64;
        if !together {
            start = next.0;
        }
        together
    })
}

/// Reads up to `length` bytes at `offset`; fewer where the file ends.
fn read_at(file: &mut File, offset: u64, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    bytes.resize(length, 0);
    let read = file.read(bytes)?;
    bytes.truncate(read);
    Ok(())
}

fn line_at(file: &mut File, offset: u64) -> io::Result<Option<Vec<u8>>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut line = Vec::new();
    let mut step = SHORT;
    loop {
        let known = line.len();
        line.resize(known + step, 0);
        let read = file.read(&mut line[known..])?;
        line.truncate(known + read);
        if let Some(end) = memchr::memchr(b'\n', &line[known..]) {
            line.truncate(known + end);
            return Ok(Some(line));
        }
        if read == 0 {
            return Ok((!line.is_empty()).then_some(line));
        }
        if line.len() > MAX_LINE {
            return Ok(None);
        }
        step = CHUNK;
    }
}

/// Bytes of an unfinished line that are compared with the file before it is read on.
const PROBE: usize = 4096;

/// Reads a growing file piece by piece. What it remembers of an unfinished last line is at most [`MAX_LINE`].
#[derive(Clone, Debug, Default)]
pub struct Tail {
    identity: Identity,
    /// Complete lines and their bytes.
    bytes: u64,
    lines: u64,
    /// The unfinished last line; of a line that is too long only its start.
    partial: Vec<u8>,
    /// How far the file was read.
    reached: u64,
    ending: Ending,
}

impl Tail {
    /// How many complete lines were read so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How far the file was read, the unfinished last line included.
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.reached
    }

    /// Where the unfinished last line stands, or the next line will.
    #[must_use]
    pub fn next(&self) -> Place {
        Place { number: self.lines + 1, offset: self.bytes }
    }

    /// Hands every complete line that was appended since the last call to `each`, with its place. `restart` is
    /// called first when the file is not the one read before. A last line without an end is returned, not consumed: it
    /// may be half written. A line longer than [`MAX_LINE`] is handed over as [`TOO_LONG`] once it has ended. A missing
    /// file counts as empty.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn read(
        &mut self,
        path: &Path,
        restart: &mut dyn FnMut(),
        each: &mut dyn FnMut(Place, &[u8]),
    ) -> io::Result<Vec<u8>> {
        let Some(mut file) = open::regular(path)? else {
            *self = Self::default();
            restart();
            return Ok(Vec::new());
        };
        let meta = file.metadata()?;
        let identity = Identity::of(&meta);
        if identity != self.identity || meta.len() < self.bytes || !self.ending.holds(&mut file, self.bytes)? {
            *self = Self { identity, ..Self::default() };
            restart();
        } else if meta.len() < self.reached || !self.still_begins(&mut file)? {
            // The unfinished line was replaced, as after a write that failed half way.
            self.partial = Vec::new();
            self.reached = self.bytes;
        }
        file.seek(SeekFrom::Start(self.reached))?;
        let before = self.bytes;
        self.consume(&mut file, each)?;
        if self.bytes != before {
            self.ending = Ending::of(&mut file, self.bytes)?;
        }
        Ok(if self.is_too_long() { Vec::new() } else { self.partial.clone() })
    }

    /// Whether the unfinished last line is longer than [`MAX_LINE`]; then it is not returned.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        self.reached - self.bytes > self.partial.len() as u64
    }

    /// Whether the unfinished line is the one that was read, as far as its start and its end tell.
    fn still_begins(&self, file: &mut File) -> io::Result<bool> {
        let known = self.partial.len();
        let mut probe = [0; PROBE];
        for start in [0, known.saturating_sub(PROBE)] {
            let part = &self.partial[start..known.min(start + PROBE)];
            let probe = &mut probe[..part.len()];
            file.seek(SeekFrom::Start(self.bytes + start as u64))?;
            match file.read_exact(probe) {
                Ok(()) if probe == part => {}
                Ok(()) => return Ok(false),
                Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(fault) => return Err(fault),
            }
        }
        Ok(true)
    }

    fn consume(&mut self, file: &mut File, each: &mut dyn FnMut(Place, &[u8])) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                return Ok(());
            }
            let chunk = &chunk[..read];
            let at = self.reached;
            let mut start = 0;
            for end in memchr::memchr_iter(b'\n', chunk) {
                self.lines += 1;
                self.reached = at + end as u64;
                self.hand_over(&chunk[start..end], each);
                start = end + 1;
                self.bytes = at + start as u64;
            }
            self.reached = at + read as u64;
            self.keep(&chunk[start..]);
        }
    }

    /// Hands over the line that ends with `rest`; `reached` is at its end.
    fn hand_over(&mut self, rest: &[u8], each: &mut dyn FnMut(Place, &[u8])) {
        let place = Place { number: self.lines, offset: self.bytes };
        if self.reached - self.bytes > MAX_LINE as u64 {
            each(place, TOO_LONG);
        } else if self.partial.is_empty() {
            each(place, rest);
        } else {
            self.partial.extend_from_slice(rest);
            each(place, &self.partial);
        }
        // A long line's buffer is let go, a usual one's is used again.
        self.partial.clear();
        self.partial.shrink_to(CHUNK);
    }

    /// Keeps the start of a line whose end is not read yet; `reached` is behind it.
    fn keep(&mut self, rest: &[u8]) {
        if self.reached - self.bytes <= MAX_LINE as u64 {
            self.partial.extend_from_slice(rest);
            return;
        }
        let missing = PROBE.saturating_sub(self.partial.len()).min(rest.len());
        self.partial.extend_from_slice(&rest[..missing]);
        self.partial.truncate(PROBE);
        self.partial.shrink_to_fit();
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
                .read(&path, &mut || restarts += 1, &mut |at, line| {
                    seen.push((at.number, String::from_utf8_lossy(line).into_owned()))
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

    /// What a tail hands over and returns, by length when it is long.
    fn told(tail: &mut Tail, path: &Path) -> (usize, Vec<(u64, String)>, usize) {
        let (mut restarts, mut seen) = (0, Vec::new());
        let rest = tail
            .read(path, &mut || restarts += 1, &mut |at, line| {
                let short =
                    if line.len() > 100 { line.len().to_string() } else { String::from_utf8_lossy(line).into() };
                seen.push((at.number, short));
            })
            .expect("readable");
        (restarts, seen, rest.len())
    }

    #[test]
    fn a_line_is_read_again_at_the_place_where_it_was_found() {
        let (_dir, path) = file_of(3);
        append(&path, &format!("{}\n{}\n", "x".repeat(SHORT * 3), "y".repeat(MAX_LINE + CHUNK * 2)));
        append(&path, "last");
        let (mut tail, mut places) = (Tail::default(), Vec::new());
        tail.read(&path, &mut || (), &mut |at, _| places.push(at.offset)).expect("readable");
        places.extend([tail.next().offset, 1 << 40]);
        let lines = lines_at(&path, &places, |line| Some(line.to_vec())).expect("readable");
        let told: Vec<_> = lines.iter().map(|line| line.as_ref().map(Vec::len)).collect();
        assert_eq!(told, [Some(7), Some(7), Some(7), Some(SHORT * 3), None, Some(4), None]);
        assert_eq!(lines[1].as_deref(), Some(b"{\"n\":2}".as_slice()));
        assert_eq!(tail.next().number, 6);
    }

    #[test]
    fn lines_that_are_read_together_come_in_the_order_asked_for() {
        let (_dir, path) = file_of(0);
        let near = usize::try_from(NEAR).expect("small");
        let lengths = [0, 3, 200, 900, SHORT - 1, SHORT, near - 1, near, near * 2];
        let lines: Vec<String> = (0..400).map(|n| format!("{n:<width$}", width = lengths[n % lengths.len()])).collect();
        append(&path, &lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        let mut places = Vec::new();
        Tail::default().read(&path, &mut || (), &mut |at, _| places.push(at.offset)).expect("readable");
        let all: Vec<usize> = (0..lines.len()).collect();
        let orders = [
            all.clone(),
            all.iter().rev().copied().collect(),
            all.iter().map(|n| n * 7 % 400).collect(),
            all.iter().copied().filter(|n| n % 5 == 0).collect(),
            vec![399, 0, 399, 1, 0],
            vec![],
        ];
        for order in orders {
            let asked: Vec<u64> = order.iter().map(|n| places[*n]).collect();
            let read = lines_at(&path, &asked, |line| Some(String::from_utf8_lossy(line).into_owned()));
            let read: Vec<String> = read.expect("readable").into_iter().flatten().collect();
            assert_eq!(read, order.iter().map(|n| lines[*n].clone()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_one_bad_line_and_takes_no_memory() {
        let too_long = || (String::from_utf8_lossy(TOO_LONG)).into_owned();
        let (_dir, path) = file_of(1);
        let mut tail = Tail::default();
        append(&path, &"x".repeat(MAX_LINE));
        assert_eq!(told(&mut tail, &path), (1, vec![(1, "{\"n\":1}".to_owned())], MAX_LINE));
        append(&path, "\n");
        assert_eq!(told(&mut tail, &path), (0, vec![(2, MAX_LINE.to_string())], 0));
        assert!(tail.partial.capacity() <= CHUNK);
        // Grown in steps, read after each; its end comes last.
        for _ in 0..3 {
            append(&path, &"y".repeat(MAX_LINE / 2));
            told(&mut tail, &path);
        }
        assert_eq!(told(&mut tail, &path), (0, vec![], 0));
        assert!(tail.partial.capacity() <= PROBE);
        append(&path, "y\nnext\n");
        assert_eq!(told(&mut tail, &path), (0, vec![(3, too_long()), (4, "next".to_owned())], 0));
        // The same in one reading.
        let seen = told(&mut Tail::default(), &path).1;
        assert_eq!(seen[2..], [(3, too_long()), (4, "next".to_owned())]);
        // A byte beyond the limit is too long.
        append(&path, &format!("{}\n", "z".repeat(MAX_LINE + 1)));
        assert_eq!(told(&mut tail, &path).1, [(5, too_long())]);
    }

    #[test]
    fn an_unfinished_line_that_was_replaced_is_read_anew() {
        for kept in [0, 3, PROBE * 3] {
            let (_dir, path) = file_of(1);
            let mut tail = Tail::default();
            append(&path, &format!("{}half", "k".repeat(kept)));
            assert_eq!(told(&mut tail, &path).2, kept + 4, "{kept}");
            let file = std::fs::OpenOptions::new().write(true).open(&path).expect("a file");
            file.set_len(8).expect("cut");
            append(&path, &format!("{}whole and longer\n", "k".repeat(kept)));
            let (restarts, seen, rest) = told(&mut tail, &path);
            assert_eq!((restarts, seen.len(), rest), (0, 1, 0), "{kept}");
            let want = format!("{}whole and longer", "k".repeat(kept));
            assert!(seen[0].1 == want || seen[0].1 == want.len().to_string(), "{kept}: {seen:?}");
        }
    }

    #[test]
    fn a_longer_file_in_the_same_place_is_another_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f.jsonl");
        // Written in place, so that the inode stays; the old end of a line is one of the new file too.
        let put = |text: &[u8]| File::create(&path).and_then(|mut file| file.write_all(text)).expect("written");
        put(b"a\nb\n");
        let (mut tail, mut index) = (Tail::default(), LineIndex::default());
        let restarts = std::cell::Cell::new(0);
        let mut seen = Vec::new();
        let look = |tail: &mut Tail, seen: &mut Vec<Vec<u8>>| {
            let restart = &mut || restarts.set(restarts.get() + 1);
            tail.read(&path, restart, &mut |_, line| seen.push(line.to_vec())).expect("read");
        };
        look(&mut tail, &mut seen);
        assert_eq!(index.line(&path, 2).expect("read").as_deref(), Some(&b"b"[..]));
        put(b"c\nd\ne\n");
        let before = restarts.get();
        look(&mut tail, &mut seen);
        assert_eq!((restarts.get(), seen.len()), (before + 1, 5));
        assert_eq!(index.line(&path, 1).expect("read").as_deref(), Some(&b"c"[..]));
        assert_eq!(index.line(&path, 3).expect("read").as_deref(), Some(&b"e"[..]));
    }
}
