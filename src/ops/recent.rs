//! The ticket risk window: what happened to tickets lately, counted by line.

use super::RiskWindow;
use super::ticket_file::Trace;
use crate::contracts::summary::TicketsRecent;
use crate::contracts::ticket::TicketStatus;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// How many lines of a kind are cited.
const CITED: usize = 5;
/// Widest window; a wider one is cut, so that the arithmetic of dates holds.
const MAX_DAYS: u64 = 36_500;
/// How far a writer's clock may be ahead of this one, in minutes.
const AHEAD: i64 = 5;

/// The window's counts and the lines behind them.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) counts: TicketsRecent,
    /// Newest five receipts that say BLOCKED.
    pub(super) blocked_line_refs: Vec<String>,
}

/// Counts `results` (the last result lines) and `receipts` (the last receipts that say BLOCKED), each oldest first with
/// its line number. A line whose time is missing, unreadable or in the future is outside the window.
pub(super) fn count(results: &[Trace], receipts: &[Trace], now: KstTime, window: &RiskWindow) -> Recent {
    let start = now - chrono::Duration::days(i64::try_from(window.days.min(MAX_DAYS)).unwrap_or_default());
    let end = now + chrono::Duration::minutes(AHEAD);
    let span = start.timestamp_micros()..=end.timestamp_micros();
    let is_inside = |line: &&Trace| line.at.is_some_and(|at| span.contains(&at));
    let mut counts = TicketsRecent {
        window_days: window.days,
        max_events: window.max_events as u64,
        start_at: Some(Stamp::of(start)),
        end_at: Some(Stamp::of(now)),
        ..TicketsRecent::default()
    };
    let mut failed = Vec::new();
    for line in results.iter().filter(is_inside) {
        match line.status {
            None => {}
            Some(TicketStatus::InProgress) => counts.in_progress += 1,
            Some(TicketStatus::Done) => counts.done += 1,
            Some(TicketStatus::Failed) if is_cleanup(&line.message, window) => counts.excluded_cleanup_failed += 1,
            Some(TicketStatus::Failed) => failed.push(line.number),
        }
    }
    let blocked: Vec<u64> = receipts.iter().filter(is_inside).map(|line| line.number).collect();
    counts.failed = failed.len() as u64;
    counts.blocked = blocked.len() as u64;
    counts.failed_line_refs = newest(&failed, layout::TICKET_RESULTS);
    Recent { counts, blocked_line_refs: newest(&blocked, layout::TICKET_RECEIPTS) }
}

fn is_cleanup(message: &str, window: &RiskWindow) -> bool {
    window.exclude_prefixes.iter().any(|prefix| !prefix.is_empty() && message.starts_with(prefix))
}

fn newest(lines: &[u64], file: &str) -> Vec<String> {
    lines.iter().rev().take(CITED).map(|number| format!("{file}:line{number}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::ticket_file::Source;
    use crate::ops::ticket_file::TicketFile;
    use crate::store::Durability;
    use crate::store::Store;

    const NOW: &str = "2026-11-20T09:05:00+09:00";

    fn counted(results: &[String], receipts: &[String], window: &RiskWindow) -> Recent {
        let traces = |source: Source, lines: &[String]| -> Vec<Trace> {
            let store = tempfile::tempdir().expect("a directory");
            let store = (Store::new(store.path()), store);
            for line in lines {
                store.0.append(source.file(), line, Durability::Buffered).expect("written");
            }
            let mut file = TicketFile::new(source, 100);
            file.read(&store.0, &mut |_| ());
            file.recent(100)
        };
        let (results, receipts) = (traces(Source::Results, results), traces(Source::Receipts, receipts));
        count(&results, &receipts, Stamp::from(NOW).instant().expect("a time"), window)
    }

    fn result(status: &str, at: &str, message: &str) -> String {
        format!(r#"{{"request_id":"a","status":"{status}","processed_at":"{at}","message":"{message}"}}"#)
    }

    #[test]
    fn the_window_is_counted_by_line() {
        // name, line, (in progress, done, failed, cleanup)
        let cases = [
            ("taken", result("IN_PROGRESS", "2026-11-20T09:00:00+09:00", ""), (1, 0, 0, 0)),
            ("done", result("DONE", "2026-11-20T09:00:00+09:00", ""), (0, 1, 0, 0)),
            ("failed", result("FAILED", "2026-11-20T09:00:00+09:00", "exit 1"), (0, 0, 1, 0)),
            ("bare stamp is korean", result("FAILED", "2026-11-20T09:00:00", ""), (0, 0, 1, 0)),
            ("an offset is honored", result("FAILED", "2026-11-17T00:05:00Z", ""), (0, 0, 1, 0)),
            ("exactly three days", result("FAILED", "2026-11-17T09:05:00+09:00", ""), (0, 0, 1, 0)),
            ("a second older", result("FAILED", "2026-11-17T09:04:59+09:00", ""), (0, 0, 0, 0)),
            ("a clock slightly ahead", result("FAILED", "2026-11-20T09:10:00+09:00", ""), (0, 0, 1, 0)),
            ("from the future", result("FAILED", "2026-11-20T09:10:01+09:00", ""), (0, 0, 0, 0)),
            ("from a far future", result("DONE", "2099-01-01T00:00:00+09:00", ""), (0, 0, 0, 0)),
            ("old failure", result("FAILED", "2026-01-04T12:02:07", ""), (0, 0, 0, 0)),
            ("unreadable time", result("FAILED", "yesterday", ""), (0, 0, 0, 0)),
            ("no time", r#"{"request_id":"a","status":"FAILED"}"#.to_owned(), (0, 0, 0, 0)),
            ("time a number", r#"{"request_id":"a","status":"FAILED","processed_at":7}"#.to_owned(), (0, 0, 0, 0)),
            ("reaper", result("FAILED", "2026-11-20T09:00:00", "AUTO_CLEANUP_STALE_IN_PROGRESS 86400"), (0, 0, 0, 1)),
            ("by hand", result("FAILED", "2026-11-20T09:00:00", "MANUAL_CLEANUP"), (0, 0, 0, 1)),
            ("prefix only", result("FAILED", "2026-11-20T09:00:00", "x AUTO_CLEANUP_"), (0, 0, 1, 0)),
            ("cleanup of a done one", result("DONE", "2026-11-20T09:00:00", "REAPER_"), (0, 1, 0, 0)),
        ];
        for (name, line, want) in cases {
            let got = counted(&[line], &[], &RiskWindow::default()).counts;
            assert_eq!((got.in_progress, got.done, got.failed, got.excluded_cleanup_failed), want, "{name}");
            assert_eq!(got.failed_line_refs.len() as u64, got.failed, "{name}");
        }
    }

    #[test]
    fn blocked_receipts_of_every_version_are_counted_by_their_own_time() {
        let cases = [
            (r#"{"request_id":"a","decision":"BLOCKED","asof":"2026-11-20T09:00:00"}"#, 1),
            (r#"{"request_id":"a","decision":"BLOCKED","finished_at":"2026-11-20T09:00:00"}"#, 1),
            (r#"{"request_id":"a","result":"BLOCKED","issued_at":"2026-11-20T09:00:00"}"#, 1),
            (r#"{"request_id":"a","decision":"BLOCKED","asof":"x","started_at":"2026-11-20T09:00:00"}"#, 1),
            (r#"{"request_id":"a","decision":"BLOCKED","asof":"2026-11-10T09:00:00"}"#, 0),
            (r#"{"request_id":"a","decision":"BLOCKED","asof":"2026-11-21T09:00:00"}"#, 0),
            (r#"{"request_id":"a","decision":"BLOCKED"}"#, 0),
        ];
        for (line, want) in cases {
            let got = counted(&[], &[line.to_owned()], &RiskWindow::default());
            assert_eq!((got.counts.blocked, got.blocked_line_refs.len() as u64), (want, want), "{line}");
        }
    }

    #[test]
    fn the_newest_five_failures_are_cited_newest_first() {
        let lines: Vec<String> = (0..8).map(|i| result("FAILED", &format!("2026-11-20T09:00:0{i}"), "")).collect();
        let got = counted(&lines, &[], &RiskWindow::default()).counts;
        assert_eq!(got.failed, 8);
        let want: Vec<String> = (4..=8).rev().map(|n| format!("state/tickets/ticket_results.jsonl:line{n}")).collect();
        assert_eq!(got.failed_line_refs, want);
        let none = RiskWindow { days: 0, ..RiskWindow::default() };
        assert_eq!(counted(&lines, &[], &none).counts.failed, 0);
        let wide = RiskWindow { days: u64::MAX, ..RiskWindow::default() };
        assert_eq!(counted(&lines, &[], &wide).counts.failed, 8);
    }
}
