//! Times of a summary over many tickets: `cargo bench --bench summary -- [tickets ...]`, 200,000 and 1,000,000 by default.
//!
//! Each ticket has a request, a result and a receipt, about 250 bytes a line. Cold is the first summary of a process, warm
//! the one after three lines were appended; both include the two durable writes of the document. The limits are those of
//! 200,000 tickets: cold 1 s, warm 50 ms, 120 MiB.

use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Durability;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Clock;
use daily_ops::time::Stamp;
use daily_ops::time::SystemClock;

/// Summaries of which the middle one is told.
const WARM_RUNS: usize = 9;

fn main() -> io::Result<()> {
    let counts: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    match counts.as_slice() {
        [] => {
            // A process each, so that the peak of one does not hide in the other's.
            for count in ["200000", "1000000"] {
                Command::new(std::env::current_exe()?).arg(count).status()?;
            }
            Ok(())
        }
        some => some.iter().try_for_each(|count| measure(*count)),
    }
}

fn measure(tickets: u64) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let clock = Arc::new(SystemClock::new());
    let store = Store::new(dir.path());
    let at = Stamp::of(clock.now());
    let bytes = generate(dir.path(), tickets, at.as_str())?;
    let ops = Ops::new(store.clone(), clock.clone(), Box::new(|| Ok(OpsPolicy::default())));
    let timed = || -> io::Result<Duration> {
        let start = clock.monotonic();
        ops.regenerate_summary().map_err(io::Error::other)?;
        Ok(clock.monotonic() - start)
    };
    let before = peak_kib();
    let cold = timed()?;
    let mut warm = Vec::new();
    for n in 0..WARM_RUNS {
        let id = uuid_of(tickets + n as u64);
        for (file, line) in [
            (layout::TICKET_REQUESTS, request(&id, at.as_str())),
            (layout::TICKET_RESULTS, result(&id, at.as_str(), n as u64)),
            (layout::TICKET_RECEIPTS, receipt(&id, at.as_str(), n as u64)),
        ] {
            store.append(file, &line, Durability::Buffered).map_err(io::Error::other)?;
        }
        warm.push(timed()?);
    }
    warm.sort_unstable();
    writeln!(
        io::stdout(),
        "{tickets} tickets, {} lines, {} MiB: cold {:.0} ms, warm {:.1} ms (worst {:.1}), peak {} MiB (before {} MiB)",
        tickets * 3,
        bytes >> 20,
        cold.as_secs_f64() * 1e3,
        warm[WARM_RUNS / 2].as_secs_f64() * 1e3,
        warm[WARM_RUNS - 1].as_secs_f64() * 1e3,
        peak_kib() >> 10,
        before >> 10,
    )
}

fn generate(root: &Path, tickets: u64, at: &str) -> io::Result<u64> {
    std::fs::create_dir_all(root.join("state/tickets"))?;
    let mut bytes = 0;
    let mut file = |relative: &str, line: &dyn Fn(u64) -> String| -> io::Result<()> {
        let mut out = BufWriter::new(File::create(root.join(relative))?);
        for n in 0..tickets {
            let line = line(n);
            bytes += line.len() as u64 + 1;
            writeln!(out, "{line}")?;
        }
        out.flush()
    };
    file(layout::TICKET_REQUESTS, &|n| request(&uuid_of(n), at))?;
    file(layout::TICKET_RESULTS, &|n| result(&uuid_of(n), at, n))?;
    file(layout::TICKET_RECEIPTS, &|n| receipt(&uuid_of(n), at, n))?;
    Ok(bytes)
}

/// A UUID that is spread like a random one.
fn uuid_of(n: u64) -> String {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mix = || {
        x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (x >> 29);
        x = x.wrapping_mul(0x94d0_49bb_1331_11eb) ^ (x >> 32);
        x
    };
    let (a, b) = (mix(), mix());
    let (c, d) = (a >> 32, b >> 48);
    format!(
        "{c:08x}-{:04x}-4{:03x}-8{:03x}-{:04x}{:08x}",
        a >> 16 & 0xffff,
        a & 0xfff,
        b & 0xfff,
        d,
        b >> 16 & 0xffff_ffff
    )
}

fn request(id: &str, at: &str) -> String {
    format!(
        r#"{{"schema": "TICKET_REQUEST_V1", "request_id": "{id}", "requested_at": "{at}", "request_type": "REQUEST_RECONCILE", "payload": {{"mode": "FULL", "reason": "daily check of the books"}}, "status": "OPEN", "trace_id": null}}"#
    )
}

fn result(id: &str, at: &str, n: u64) -> String {
    let status = ["DONE", "DONE", "FAILED", "IN_PROGRESS"][usize::try_from(n % 4).unwrap_or_default()];
    format!(
        r#"{{"schema": "TICKET_RESULT_V1", "result_id": "{id}", "request_id": "{id}", "processed_at": "{at}", "status": "{status}", "processor_id": "worker_20160", "message": "티켓 처리 완료", "artifacts": []}}"#
    )
}

fn receipt(id: &str, at: &str, n: u64) -> String {
    let decision = if n.is_multiple_of(3) { "BLOCKED" } else { "EXECUTED" };
    format!(
        r#"{{"schema": "EXECUTION_RECEIPT_V3", "asof": "{at}", "receipt_id": "{id}", "request_id": "{id}", "request_type": "REQUEST_REPORTS", "mode": "MOCK_ONLY", "decision": "{decision}", "exit_code": 0, "acceptance": {{"pass": true, "reason": "MOCK_MODE"}}}}"#
    )
}

/// Most memory that this process ever held; 0 where the system does not say.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
