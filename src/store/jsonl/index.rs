//! Finding a line by its number.

use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::Read;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::Path;

use super::CHUNK;
use super::MAX_LINE;
use super::same_file::Ending;
use super::same_file::Identity;
use crate::store::open;

/// One offset is kept for this many lines, so that a million lines cost 16 KiB.
const STRIDE: u64 = 512;

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
        match self.approach(&mut file, number)? {
            Some(skip) => read_line_after(&mut file, skip),
            None => Ok(None),
        }
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
        let Some(skip) = self.approach(&mut file, first)? else { return Ok(Vec::new()) };
        let mut reader = io::BufReader::with_capacity(CHUNK, file);
        for _ in 0..skip {
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

    /// Extends the index, goes to the last known start before line `number` and says how many lines to skip from there;
    /// `None` when the file is shorter.
    fn approach(&mut self, file: &mut File, number: u64) -> io::Result<Option<u64>> {
        self.extend(file)?;
        // The last line may lack its end; it is line `lines + 1`.
        let Some(index) = number.checked_sub(1).filter(|index| *index <= self.lines) else { return Ok(None) };
        let block = usize::try_from(index / STRIDE).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(block) else { return Ok(None) };
        file.seek(SeekFrom::Start(*start))?;
        Ok(Some(index % STRIDE))
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
