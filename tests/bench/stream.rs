//! Load on the streams: the real program as a process of its own, subscribers and publisher in this one.
//!
//! `cargo bench --bench stream [-- NAME...]` runs the rows whose name begins so, or all. Every subscriber reads every byte
//! and checks every id, in one thread. Events come in by POST /api/ops/events at fixed times; the delay of an event is from the
//! time at which its POST was due to the time at which a subscriber has read it, so a publisher that falls behind counts too.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a measurement ends at the first surprise, and measures"
)]

#[path = "stream/client.rs"]
mod client;
#[path = "stream/publisher.rs"]
mod publisher;
#[path = "stream/target.rs"]
mod target;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use client::Client;
use client::Seen;
use publisher::Schedule;
use target::Target;

/// One row of the table.
#[derive(Clone, Copy, Debug)]
struct Row {
    name: &'static str,
    subscribers: usize,
    stalled: usize,
    rate: u64,
    padding: usize,
    /// Between two POSTs.
    every: Duration,
    seconds: u64,
}

const fn row(name: &'static str, subscribers: usize, rate: u64, seconds: u64) -> Row {
    Row { name, subscribers, stalled: 0, rate, padding: 0, every: Duration::from_millis(10), seconds }
}

const ROWS: &[Row] = &[
    row("L1", 50, 2_000, 10),
    Row { padding: 8_000, ..row("L2-without", 49, 200, 10) },
    Row { padding: 8_000, stalled: 1, ..row("L2-with", 49, 200, 10) },
    row("L3", 1_000, 100, 10),
    Row { every: Duration::from_millis(50), ..row("L4", 10, 10_000, 5) },
    row("50x4000", 50, 4_000, 10),
    row("50x8000", 50, 8_000, 10),
    row("1000x200", 1_000, 200, 10),
    row("1000x400", 1_000, 400, 10),
    Row { every: Duration::from_millis(100), ..row("idle", 10, 10, 10) },
];

fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").expect("printed");
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|word| name.starts_with(word.as_str()));
    client::raise_file_limit();
    for row in ROWS.iter().filter(|row| wanted(row.name)) {
        measure(row);
    }
    if wanted("L5") {
        come_and_go();
    }
}

/// The load of the machine before a row; figures of a busy one say little.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

fn measure(row: &Row) {
    let load = load();
    let target = Target::start();
    let client = Client::connect(target.address, row.subscribers, row.stalled);
    let before = target.usage();
    let schedule = Arc::new(Schedule::new(row.rate, row.every, row.seconds, row.padding));
    let begun = Instant::now();
    let publisher = publisher::start(&target, &schedule);
    let seen = client.read(&schedule, publisher);
    let wall = begun.elapsed().as_secs_f64();
    let after = target.usage();
    std::thread::sleep(Duration::from_secs(1));
    let metrics = target.metrics();
    say(&format!(
        "{}: {} x {}/s for {} s, {} B more each; load before {load}",
        row.name, row.subscribers, row.rate, row.seconds, row.padding
    ));
    tell(row, &seen, &schedule);
    say(&format!(
        "  server: {:.0} % of a core, {:.1} MiB (+{:.1}, peak {:.1}), client {:.0} % of a core; drop_count {}, depth {}, slow {}",
        (after.cpu - before.cpu) / wall * 100.0,
        after.rss_mib,
        after.rss_mib - before.rss_mib,
        after.peak_mib,
        seen.cpu / wall * 100.0,
        metrics["drop_count"],
        metrics["event_queue_depth"],
        metrics["slow_disconnects_total"],
    ));
    if row.stalled > 0 {
        cut_off(&target);
    }
    drop(seen);
    let begun = Instant::now();
    target.stop();
    say(&format!("  stopped within {:.2} s", begun.elapsed().as_secs_f64()));
}

fn tell(row: &Row, seen: &Seen, schedule: &Schedule) {
    let published = schedule.events();
    let all = published * u64::try_from(row.subscribers).expect("few");
    let silent = all - seen.received - seen.missed;
    say(&format!(
        "  received {} of {all}, told missed {}, silent {silent}; p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms; slowest POST {:.0} ms",
        seen.received,
        seen.missed,
        seen.quantile(0.5),
        seen.quantile(0.99),
        seen.quantile(1.0),
        schedule.slowest_ms(),
    ));
}

/// How long it takes until the stalled subscriber is gone.
fn cut_off(target: &Target) {
    let begun = Instant::now();
    while target.metrics()["slow_disconnects_total"] == 0 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let after = begun.elapsed().as_secs_f64() + 1.0;
    let word = if target.metrics()["slow_disconnects_total"] == 0 { "was still there" } else { "was cut off" };
    say(&format!("  the stalled one {word} {after:.0} s after the load"));
}

/// A thousand visitors that come and go leave nothing behind.
fn come_and_go() {
    let target = Target::start();
    let before = (target.open_files(), target.usage().rss_mib);
    for _ in 0..20 {
        drop(Client::connect(target.address, 50, 0));
    }
    let begun = Instant::now();
    while (target.metrics()["subscribers"] != 0 || target.open_files() > before.0)
        && begun.elapsed() < Duration::from_secs(10)
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    say(&format!(
        "L5: 1,000 connects: open files {} -> {}, subscribers {}, back after {:.2} s, {:.1} -> {:.1} MiB",
        before.0,
        target.open_files(),
        target.metrics()["subscribers"],
        begun.elapsed().as_secs_f64(),
        before.1,
        target.usage().rss_mib
    ));
    target.stop();
}
