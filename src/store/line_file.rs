//! Long JSONL files, read from either end: never more in memory than one piece and one line.

use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::ops::ControlFlow;

use super::Store;
use super::StoreFault;
use super::jsonl::Identity;
use super::jsonl::MAX_LINE;
use super::jsonl::TOO_LONG;
use super::open;

/// Bytes read at a time.
const PIECE: u64 = 1 << 18;

/// What a last line without an end counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLine {
    /// Nothing: somebody may be writing it.
    Whole,
    /// It is a line: nobody writes any more.
    Any,
}

/// A JSONL file as long as it was when it was opened. Renaming or removing the file does not disturb the reading.
#[derive(Debug)]
pub struct LineFile {
    file: File,
    bytes: u64,
    identity: Identity,
    relative: String,
}

/// Told of a line: where it starts, and its bytes without its end. One longer than [`MAX_LINE`] comes as [`TOO_LONG`].
pub type LineVisit<'a> = dyn FnMut(u64, &[u8]) -> ControlFlow<()> + 'a;

impl Store {
    /// Opens a JSONL file to read it; `None` when there is none.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn line_file(&self, relative: &str, last: LastLine) -> Result<Option<LineFile>, StoreFault> {
        let opened = open::regular(&self.path(relative)).and_then(|found| match found {
            None => Ok(None),
            Some(mut file) => {
                let meta = file.metadata()?;
                let bytes = match last {
                    LastLine::Any => meta.len(),
                    LastLine::Whole => end_of_lines(&mut file, meta.len())?,
                };
                let identity = Identity::of(&meta);
                Ok(Some(LineFile { file, bytes, identity, relative: relative.to_owned() }))
            }
        });
        opened.map_err(StoreFault::new("read", relative))
    }

    /// The names of the files in a directory, in no order; none when there is no directory.
    ///
    /// # Errors
    /// The directory exists and cannot be read.
    pub fn file_names(&self, directory: &str) -> Result<Vec<String>, StoreFault> {
        let read = || -> io::Result<Vec<String>> {
            let entries = match std::fs::read_dir(self.path(directory)) {
                Ok(entries) => entries,
                Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(fault) => return Err(fault),
            };
            let mut names = Vec::new();
            for entry in entries {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    names.push(entry.file_name().to_string_lossy().into_owned());
                }
            }
            Ok(names)
        };
        read().map_err(StoreFault::new("list", directory))
    }
}

impl LineFile {
    /// How long the part is that is read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether both are one file, whatever its names.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    /// Tells of every line that ends before `end`, the last one first. Empty lines are left out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn backward(&mut self, end: u64, visit: &mut LineVisit<'_>) -> Result<ControlFlow<()>, StoreFault> {
        let relative = self.relative.clone();
        self.walk_back(end, visit).map_err(StoreFault::new("read", relative))
    }

    fn walk_back(&mut self, end: u64, visit: &mut LineVisit<'_>) -> io::Result<ControlFlow<()>> {
        let mut at = end.min(self.bytes);
        // The end of a line whose start is further left; of one that is too long nothing is kept.
        let mut carry: Vec<u8> = Vec::new();
        let mut is_long = false;
        while at > 0 {
            let length = at.min(PIECE);
            at -= length;
            let mut piece = vec![0; usize::try_from(length).unwrap_or_default()];
            self.file.seek(SeekFrom::Start(at))?;
            self.file.read_exact(&mut piece)?;
            let new = piece.len();
            piece.append(&mut carry);
            let mut stop = piece.len();
            for newline in memchr::memrchr_iter(b'\n', &piece[..new]) {
                let line = &piece[newline + 1..stop];
                let line = if is_long || line.len() > MAX_LINE { TOO_LONG } else { line };
                is_long = false;
                stop = newline;
                if !line.is_empty() && visit(at + newline as u64 + 1, line).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            piece.truncate(stop);
            if is_long || piece.len() > MAX_LINE {
                is_long = true;
                piece.clear();
            }
            carry = piece;
        }
        match (is_long, carry.is_empty()) {
            (true, _) => Ok(visit(0, TOO_LONG)),
            (false, true) => Ok(ControlFlow::Continue(())),
            (false, false) => Ok(visit(0, &carry)),
        }
    }

    /// Tells of every line from the first one on that starts at `start` or later. Empty lines are left out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn forward(&mut self, start: u64, visit: &mut LineVisit<'_>) -> Result<ControlFlow<()>, StoreFault> {
        let relative = self.relative.clone();
        self.walk_on(start, visit).map_err(StoreFault::new("read", relative))
    }

    fn walk_on(&mut self, start: u64, visit: &mut LineVisit<'_>) -> io::Result<ControlFlow<()>> {
        // One byte earlier: only the end of the line before says that a line starts here.
        let mut at = start.saturating_sub(1);
        self.file.seek(SeekFrom::Start(at))?;
        let rest = (&self.file).take(self.bytes.saturating_sub(at));
        let mut reader = io::BufReader::with_capacity(usize::try_from(PIECE).unwrap_or(1 << 18), rest);
        if start > 0 {
            at += reader.skip_until(b'\n')? as u64;
        }
        loop {
            let mut line = Vec::new();
            let mut read = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            } else if line.len() > MAX_LINE {
                read += reader.skip_until(b'\n')?;
                line = TOO_LONG.to_vec();
            }
            if !line.is_empty() && visit(at, &line).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            at += read as u64;
        }
    }
}

/// Behind the last line that has an end.
fn end_of_lines(file: &mut File, length: u64) -> io::Result<u64> {
    let mut at = length;
    while at > 0 {
        let step = at.min(PIECE);
        at -= step;
        let mut piece = vec![0; usize::try_from(step).unwrap_or_default()];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut piece)?;
        if let Some(end) = memchr::memrchr(b'\n', &piece) {
            return Ok(at + end as u64 + 1);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines_of(text: &[u8], last: LastLine) -> Vec<(u64, Vec<u8>)> {
        let mut found = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive(|b| *b == b'\n') {
            let body = line.strip_suffix(b"\n").unwrap_or(line);
            let counts = line.ends_with(b"\n") || last == LastLine::Any;
            if counts && !body.is_empty() {
                let told = if body.len() > MAX_LINE { TOO_LONG } else { body };
                found.push((at, told.to_vec()));
            }
            at += line.len() as u64;
        }
        found
    }

    fn check(text: &[u8]) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        store.write("a.jsonl", text).expect("written");
        for last in [LastLine::Whole, LastLine::Any] {
            let mut file = store.line_file("a.jsonl", last).expect("opened").expect("there");
            let want = lines_of(text, last);
            let mut on = Vec::new();
            let mut back = Vec::new();
            assert!(file.forward(0, &mut |at, line| keep(&mut on, at, line)).expect("read").is_continue());
            assert!(file.backward(u64::MAX, &mut |at, line| keep(&mut back, at, line)).expect("read").is_continue());
            back.reverse();
            assert!(on == want, "forward");
            assert!(back == want, "backward");
            for start in [1, text.len() as u64 / 2, text.len() as u64] {
                let mut part = Vec::new();
                assert!(file.forward(start, &mut |at, line| keep(&mut part, at, line)).expect("read").is_continue());
                let later: Vec<_> = want.iter().filter(|(at, _)| *at >= start).cloned().collect();
                assert!(part == later, "from {start}");
            }
        }
    }

    fn keep(into: &mut Vec<(u64, Vec<u8>)>, at: u64, line: &[u8]) -> ControlFlow<()> {
        into.push((at, line.to_vec()));
        ControlFlow::Continue(())
    }

    #[test]
    fn both_directions_tell_the_same_lines_of_long_files() {
        let piece = usize::try_from(PIECE).expect("fits");
        let long = |length: usize, fill: u8| vec![fill; length];
        let mut odd = b"first\n\n\nsecond\n".to_vec();
        odd.extend(long(piece * 2 + 7, b'x'));
        odd.extend(b"\n");
        odd.extend(long(MAX_LINE + 1, b'y'));
        odd.extend(b"\nthird\nhalf");
        check(&odd);
        for around in piece - 2..piece + 3 {
            let mut text = b"a\n".to_vec();
            text.extend(long(around, b'z'));
            text.extend(b"\nb\n");
            check(&text);
        }
        check(&long(MAX_LINE + 5, b'q'));
    }

    #[test]
    fn a_reading_ends_when_told_and_a_missing_file_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        assert!(store.line_file("a.jsonl", LastLine::Any).expect("no fault").is_none());
        assert_eq!(store.file_names("metrics").expect("none"), Vec::<String>::new());
        store.write("d/a.jsonl", b"1\n2\n3\n").expect("written");
        assert_eq!(store.file_names("d").expect("one"), ["a.jsonl"]);
        let mut file = store.line_file("d/a.jsonl", LastLine::Any).expect("opened").expect("there");
        let mut count = 0;
        let mut once = |_: u64, _: &[u8]| {
            count += 1;
            ControlFlow::Break(())
        };
        assert!(file.backward(4, &mut once).expect("read").is_break());
        assert!(file.forward(2, &mut once).expect("read").is_break());
        assert_eq!(count, 2);
        std::fs::create_dir(dir.path().join("b.jsonl")).expect("made");
        assert!(store.line_file("b.jsonl", LastLine::Any).is_err());
    }

    proptest! {
        #[test]
        fn any_text_has_the_same_lines_in_both_directions(text in proptest::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'a'), Just(0), Just(255)], 0..200)) {
            check(&text);
        }
    }
}
