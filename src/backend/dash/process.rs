//! This process as the system sees it.

/// What the system says; nothing where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ProcessView {
    /// When it started, in seconds since 1970.
    pub(crate) start_seconds: Option<f64>,
    /// Time on processors, in seconds.
    pub(crate) cpu_seconds: Option<f64>,
    /// Memory that it holds, in bytes.
    pub(crate) resident_bytes: Option<u64>,
    /// Open files and sockets.
    pub(crate) open_files: Option<u64>,
}

/// Looks now.
#[cfg(target_os = "linux")]
pub(crate) fn look() -> ProcessView {
    let text = |path: &str| std::fs::read_to_string(path).ok();
    let stat = text("/proc/self/stat").and_then(|stat| parse_stat(&stat));
    let booted = text("/proc/stat").and_then(|stat| {
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse::<u64>().ok()
    });
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(0);
    let resident = text("/proc/self/statm").and_then(|statm| statm.split_whitespace().nth(1)?.parse::<u64>().ok());
    // Reading the folder opens one file more.
    let open = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1));
    ProcessView {
        start_seconds: booted.zip(stat).map(|(booted, stat)| seconds(stat.start, ticks) + seconds(booted, 1)),
        cpu_seconds: stat.map(|stat| seconds(stat.cpu, ticks)),
        resident_bytes: resident.map(|pages| pages * page),
        open_files: open.and_then(|open| u64::try_from(open).ok()),
    }
}

/// Where there is no such folder nothing is told.
#[cfg(not(target_os = "linux"))]
pub(crate) fn look() -> ProcessView {
    ProcessView::default()
}

/// In ticks of the system's clock.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    cpu: u64,
    /// Since the machine was started.
    start: u64,
}

/// The name of the program may hold anything, brackets and blanks too; fields are counted after its end.
#[cfg(target_os = "linux")]
fn parse_stat(stat: &str) -> Option<Ticks> {
    let (_, rest) = stat.rsplit_once(") ")?;
    // The first one here is the third of the line.
    let field = |number: usize| rest.split_whitespace().nth(number - 3)?.parse::<u64>().ok();
    Some(Ticks { cpu: field(14)? + field(15)?, start: field(22)? })
}

/// Exact up to 2^53 ticks, which is longer than machines run.
#[cfg(target_os = "linux")]
#[expect(clippy::cast_precision_loss, reason = "a tick more or less in many years")]
fn seconds(ticks: u64, per_second: u64) -> f64 {
    ticks as f64 / per_second as f64
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_may_look_like_fields() {
        let stat = "7 (a) R 1 2 3) S 1 7 7 0 -1 4 5 6 7 8 250 50 1 2 20 0 4 0 9000 10 20\n";
        assert_eq!(parse_stat(stat), Some(Ticks { cpu: 300, start: 9000 }));
        assert_eq!(parse_stat("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_a_start_memory_and_files() {
        let seen = look();
        assert!(seen.start_seconds.expect("a start") > 1.7e9, "{seen:?}");
        assert!(seen.resident_bytes.expect("memory") > 1 << 20, "{seen:?}");
        assert!(seen.open_files.expect("files") >= 3 && seen.cpu_seconds.expect("time") >= 0.0, "{seen:?}");
    }
}
