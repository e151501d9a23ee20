//! Reading the lines at places that are known, those near each other together.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::Path;

use super::CHUNK;
use super::MAX_LINE;
use crate::store::open;

/// Most lines of a record fit this many bytes.
pub(super) const SHORT: usize = 1024;
/// Lines that start within this many bytes of each other are read together.
pub(super) const NEAR: u64 = 4096;

/// What `read` makes of the lines that start at some offsets of a file, without their ends; `None` where the file has no line or one longer
/// than [`MAX_LINE`].
///
/// # Errors
/// The file cannot be read.
pub(in crate::store) fn lines_at<T>(
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
