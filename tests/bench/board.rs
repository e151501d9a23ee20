//! The board over many tickets through the real server: `cargo bench --bench board -- [tickets]`, 1,000,000 by default.
//!
//! Each ticket has a request and a result, about 250 bytes a line. First is the request that builds the index; then the
//! same address again, larger boards, states of which the oldest three or no tickets at all are, and the board after one
//! more ticket was opened. Each time is that of one client on a new connection, reading included. Apart from that: the
//! largest board within the process, without HTTP and JSON, and with files that the page cache has dropped. On a host
//! where others work, the time of the processors (client and server) tells more than the clock. The limits: first 6 s,
//! then 5 ms, 400 MiB for server and client together.

#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark ends at the first surprise")]

#[path = "../client/mod.rs"]
#[expect(dead_code, reason = "the workspace of its own is for the tests")]
mod client;

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Clock;
use daily_ops::time::KstTime;
use daily_ops::time::Stamp;
use daily_ops::time::SystemClock;

/// Requests of each kind.
const RUNS: usize = 501;

fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").expect("printed");
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() >> 10
}

/// A UUID that is spread like a random one.
fn uuid_of(n: u64) -> String {
    let mix = |x: u64| {
        let x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (x ^ (x >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb)
    };
    let (a, b) = (mix(n + 1), mix(n + 0x9e37_79b9));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0xfff,
        b & 0xffff_ffff_ffff
    )
}

fn generate(root: &Path, tickets: u64, now: KstTime) -> u64 {
    std::fs::create_dir_all(root.join("state/tickets")).expect("made");
    let open = |file: &str| BufWriter::new(File::create(root.join(file)).expect("made"));
    let (mut requests, mut results) = (open(layout::TICKET_REQUESTS), open(layout::TICKET_RESULTS));
    for n in 0..tickets {
        let id = uuid_of(n);
        let back = i64::try_from(tickets - n).expect("a number");
        let at = Stamp::of(now - chrono::Duration::milliseconds(back * 50));
        let status =
            if n < 3 { "IN_PROGRESS" } else { ["DONE", "DONE", "FAILED"][usize::try_from(n % 3).expect("small")] };
        writeln!(requests, r#"{{"schema":"TICKET_REQUEST_V1","request_id":"{id}","requested_at":"{at}","request_type":"REQUEST_RECONCILE","payload":{{"mode":"FULL","reason":"daily check of the books"}},"status":"OPEN","trace_id":null}}"#).expect("written");
        writeln!(results, r#"{{"schema":"TICKET_RESULT_V1","result_id":"{id}","request_id":"{id}","processed_at":"{at}","status":"{status}","processor_id":"worker_20160","message":"[MOCK_ONLY] Simulated REQUEST_RECONCILE","artifacts":[]}}"#).expect("written");
    }
    requests.flush().and_then(|()| results.flush()).expect("written");
    [layout::TICKET_REQUESTS, layout::TICKET_RESULTS]
        .map(|file| root.join(file).metadata().expect("there").len())
        .iter()
        .sum()
}

/// Has the page cache drop a file. Elsewhere than on Linux it stays.
fn drop_pages(file: &Path) {
    let file = File::open(file).expect("there");
    file.sync_all().expect("flushed");
    #[cfg(target_os = "linux")]
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("dropped");
}

/// What all threads of this process used of the processors, in ticks of 10 ms.
fn ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let used = |at| stat.split_whitespace().nth(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    used(13) + used(14)
}

fn measure(name: &str, mut run: impl FnMut() -> Duration) {
    let before = ticks();
    let mut times: Vec<Duration> = (0..RUNS).map(|_| run()).collect();
    let used = (ticks() - before) * 10.0 / f64::from(u32::try_from(RUNS).expect("small"));
    let first = times[0];
    times.sort_unstable();
    let [first, median, p90, p99, worst] =
        [first, times[RUNS / 2], times[RUNS * 9 / 10], times[RUNS * 99 / 100], times[RUNS - 1]]
            .map(|time| time.as_secs_f64() * 1e3);
    say(&format!(
        "{name}: first {first:.2} ms, median {median:.2} ms, p90 {p90:.2} ms, p99 {p99:.2} ms, worst {worst:.2} ms; \
         {used:.2} ms of the processors"
    ));
}

fn main() {
    let tickets = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().expect("a directory");
    let clock = Arc::new(SystemClock::new());
    let bytes = generate(dir.path(), tickets, clock.now());
    say(&format!("{tickets} tickets, {} lines, {} MiB; peak {} MiB before", tickets * 2, bytes >> 20, peak_mib()));
    let ops = Ops::new(Store::new(dir.path()), clock.clone(), Box::new(|| Ok(OpsPolicy::default())));
    let ops = Arc::new(ops);
    let options = ServeOptions { port: 0, workers: 1, ..ServeOptions::default() };
    let server = Server::start(Arc::clone(&ops), &options).expect("serving");
    let ask = |path: &str, rows: u64| -> Duration {
        let request = client::request("GET", path, None, &[]);
        let start = clock.monotonic();
        let answer = client::raw(server.address(), request.as_bytes());
        let took = clock.monotonic() - start;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains(&format!(r#""row_count":{rows},"#)), "{path}: {}", &answer.text[..200]);
        took
    };
    say(&format!("first: {:.0} ms; peak {} MiB", ask("/api/tickets/latest", 200).as_secs_f64() * 1e3, peak_mib()));
    let opening = r#"{"request_type":"ACKNOWLEDGE","payload":{"message_id":"m"}}"#;
    let open = || {
        let request = client::request("POST", "/api/tickets", Some(opening), &[]);
        assert_eq!(client::raw(server.address(), request.as_bytes()).status, 200);
    };
    let drop_files =
        || [layout::TICKET_REQUESTS, layout::TICKET_RESULTS].map(|file| drop_pages(&dir.path().join(file)));
    const LARGEST: &str = "/api/tickets/latest?limit=1000";
    measure("200 rows", || ask("/api/tickets/latest", 200));
    measure("1,000 rows", || ask(LARGEST, 1000));
    measure("3 of the oldest", || ask("/api/tickets/latest?status=IN_PROGRESS", 3));
    measure("none", || ask("/api/tickets/latest?status=OPEN", 0));
    measure("1,000 failed", || ask("/api/tickets/latest?status=FAILED&limit=1000", 1000));
    measure("1,000 rows in the process", || {
        let start = clock.monotonic();
        assert_eq!(ops.ticket_board(None, 1000).expect("a board").rows.len(), 1000);
        clock.monotonic() - start
    });
    measure("1,000 rows from the disk", || {
        drop_files();
        ask(LARGEST, 1000)
    });
    measure("200 rows after one more", || {
        open();
        ask("/api/tickets/latest", 200)
    });
    say(&format!("peak {} MiB", peak_mib()));
    server.stop();
}
