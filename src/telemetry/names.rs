//! The files of an observation log: the current one, and those put aside, whose names tell when.

use crate::store::Store;
use crate::store::StoreFault;
use crate::time::KstTime;
use crate::time::file_stamp;
use crate::time::parse_file_stamp;

/// Length of `YYYYMMDD_HHMMSS`.
const STAMP: usize = 15;

/// How the files of one log are called.
#[derive(Clone, Debug)]
pub(super) struct LogNames {
    current: String,
    /// With a slash at its end, or empty.
    directory: String,
    stem: String,
}

impl LogNames {
    pub(super) fn of(log: &str) -> Self {
        let (directory, name) = log.rsplit_once('/').map_or(("", log), |(directory, name)| (directory, name));
        let directory = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let stem = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(name, |(stem, _)| stem);
        Self { current: log.to_owned(), directory, stem: stem.to_owned() }
    }

    pub(super) fn current(&self) -> &str {
        &self.current
    }

    /// The file that tells which ids were given.
    pub(super) fn mark(&self) -> String {
        format!("{}{}.mark", self.directory, self.stem)
    }

    /// The files that were put aside, oldest first.
    pub(super) fn rotated(&self, store: &Store) -> Result<Vec<String>, StoreFault> {
        let directory = if self.directory.is_empty() { "." } else { self.directory.trim_end_matches('/') };
        let mut found: Vec<_> = store
            .file_names(directory)?
            .into_iter()
            .filter_map(|name| Some((self.place(&name)?, format!("{}{name}", self.directory))))
            .collect();
        found.sort();
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// A free name for a file that is put aside at `at`. It sorts behind the others, also after the clock was set back.
    pub(super) fn next(&self, store: &Store, at: KstTime) -> Result<String, StoreFault> {
        let mut stamp = file_stamp(at);
        let mut count = 1;
        let newest = self.rotated(store)?.pop();
        if let Some((known, number)) = newest.and_then(|name| self.place(name.rsplit('/').next().unwrap_or_default()))
            && known >= stamp
        {
            stamp = known;
            count = number + 1;
        }
        let suffix = if count == 1 { String::new() } else { format!("_{count}") };
        Ok(format!("{}{}_{stamp}{suffix}.jsonl", self.directory, self.stem))
    }

    /// When a file was put aside, and as which one of that second; `None` for any other file.
    fn place(&self, name: &str) -> Option<(String, u32)> {
        let rest = name.strip_prefix(&self.stem)?.strip_prefix('_')?.strip_suffix(".jsonl")?;
        let stamp = rest.get(..STAMP)?;
        parse_file_stamp(stamp)?;
        match &rest[STAMP..] {
            "" => Some((stamp.to_owned(), 1)),
            suffix => Some((stamp.to_owned(), suffix.strip_prefix('_')?.parse().ok()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    #[test]
    fn names_sort_as_the_files_came_whatever_the_clock_does() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let names = LogNames::of("metrics/live_obs.jsonl");
        assert_eq!((names.current(), names.mark().as_str()), ("metrics/live_obs.jsonl", "metrics/live_obs.mark"));
        let at = |text: &str| Stamp::from(text).instant().expect("a time");
        let noon = at("2026-11-21T12:00:00+09:00");
        let mut made = Vec::new();
        for (now, want) in [
            (noon, "metrics/live_obs_20261121_120000.jsonl"),
            (noon, "metrics/live_obs_20261121_120000_2.jsonl"),
            (at("2026-11-20T12:00:00+09:00"), "metrics/live_obs_20261121_120000_3.jsonl"),
            (at("2026-11-21T03:00:01Z"), "metrics/live_obs_20261121_120001.jsonl"),
        ] {
            let name = names.next(&store, now).expect("listed");
            assert_eq!(name, want);
            store.write(&name, b"").expect("written");
            made.push(name);
        }
        for other in [
            "live_obs.jsonl",
            "live_obs_x.jsonl",
            "live_obs_20261121_120000_x.jsonl",
            "live_obs2_20261121_120000.jsonl",
        ] {
            store.write(&format!("metrics/{other}"), b"").expect("written");
        }
        assert_eq!(names.rotated(&store).expect("listed"), made);
    }

    #[test]
    fn a_log_may_stand_at_the_top_and_have_any_ending() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let names = LogNames::of("obs.log");
        let now = Stamp::from("2026-11-21T12:00:00+09:00").instant().expect("a time");
        let name = names.next(&store, now).expect("listed");
        assert_eq!((name.as_str(), names.mark().as_str()), ("obs_20261121_120000.jsonl", "obs.mark"));
        store.write(&name, b"").expect("written");
        assert_eq!(names.rotated(&store).expect("listed"), [name]);
    }
}
