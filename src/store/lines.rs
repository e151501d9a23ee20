//! Stretches of long JSONL files, found by their line numbers.

use std::path::PathBuf;
use std::sync::PoisonError;

use super::Store;
use super::StoreFault;

impl Store {
    /// How many lines a JSONL file has, the last one without an end included. A missing file has none.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn line_count(&self, relative: &str) -> Result<u64, StoreFault> {
        let path = self.path(relative);
        let mut indexes = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        indexes.entry(path.clone()).or_default().count(&path).map_err(StoreFault::new("read", relative))
    }

    /// Up to `count` lines from line `first` (from 1) on, each with its number and without its end. A line that is too long
    /// to be a record comes empty.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn lines(&self, relative: &str, first: u64, count: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreFault> {
        let path: PathBuf = self.path(relative);
        let mut indexes = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let found = indexes.entry(path.clone()).or_default().range(&path, first, count);
        drop(indexes);
        Ok((first..).zip(found.map_err(StoreFault::new("read", relative))?).collect())
    }

    /// The last `count` lines of a JSONL file, oldest first, each with its number.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn last_lines(&self, relative: &str, count: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreFault> {
        let total = self.line_count(relative)?;
        self.lines(relative, (total + 1).saturating_sub(count as u64).max(1), count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_number_in_long_files_and_short_ones() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        assert_eq!(store.last_lines("missing.jsonl", 5).expect("none"), []);
        let text: String = (1..=1500).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        store.write("a.jsonl", text.as_bytes()).expect("written");
        store.append("a.jsonl", "half", crate::store::Durability::Buffered).expect("written");
        let short = |lines: &[(u64, Vec<u8>)]| -> Vec<(u64, String)> {
            lines.iter().map(|(n, line)| (*n, String::from_utf8_lossy(line).into_owned())).collect()
        };
        assert_eq!(store.line_count("a.jsonl").expect("counted"), 1501);
        let last = short(&store.last_lines("a.jsonl", 2).expect("read"));
        assert_eq!(last, [(1500, "{\"n\":1500}".to_owned()), (1501, "half".to_owned())]);
        for first in [1, 2, 511, 512, 513, 1024, 1025, 1400] {
            let lines = short(&store.lines("a.jsonl", first, 3).expect("read"));
            let want: Vec<_> = (first..first + 3).map(|n| (n, format!("{{\"n\":{n}}}"))).collect();
            assert_eq!(lines, want);
        }
        assert_eq!(store.lines("a.jsonl", 1502, 3).expect("read"), []);
        assert_eq!(store.last_lines("a.jsonl", 9999).expect("read").len(), 1501);
        std::fs::create_dir(dir.path().join("d.jsonl")).expect("made");
        assert!(store.last_lines("d.jsonl", 1).is_err());
    }
}
