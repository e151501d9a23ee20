//! Reading what was appended since the last look.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::Path;

use super::CHUNK;
use super::MAX_LINE;
use super::Place;
use super::TOO_LONG;
use super::same_file::Ending;
use super::same_file::Identity;
use crate::store::open;

/// Bytes of an unfinished line that are compared with the file before it is read on.
pub(super) const PROBE: usize = 4096;

/// Reads a growing file piece by piece. What it remembers of an unfinished last line is at most [`MAX_LINE`].
#[derive(Clone, Debug, Default)]
pub struct Tail {
    identity: Identity,
    /// Complete lines and their bytes.
    bytes: u64,
    lines: u64,
    /// The unfinished last line; of a line that is too long only its start.
    pub(super) partial: Vec<u8>,
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
