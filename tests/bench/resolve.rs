//! Finding line N of a JSONL file with a million lines through the resolver. `cargo bench --bench resolve`.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a measurement ends at the first surprise")]

use std::io::BufWriter;
use std::io::Write as _;
use std::time::Instant;

use daily_ops::contracts::EvidenceRef;
use daily_ops::store::Store;
use daily_ops::store::layout;

const LINES: u64 = 1_000_000;

fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    store.write(layout::TICKET_RESULTS, b"").expect("written");
    let file = std::fs::File::create(store.path(layout::TICKET_RESULTS)).expect("a file");
    let mut out = BufWriter::new(file);
    for n in 0..LINES {
        writeln!(
            out,
            "{{\"schema\": \"TICKET_RESULT_V1\", \"result_id\": \"{n:036}\", \"request_id\": \"{n:036}\", \"processed_at\": \"2026-01-04T16:53:16.351327\", \"status\": \"DONE\", \"processor_id\": \"worker_19812\", \"message\": \"done\", \"artifacts\": []}}"
        )
        .expect("written");
    }
    out.flush().expect("written");
    drop(out);
    let resolve = |n: u64| {
        let reference = EvidenceRef::parse(&format!("{}:line{n}", layout::TICKET_RESULTS)).expect("allowed");
        let start = Instant::now();
        let found = store.resolve(&reference).expect("a line");
        assert!(found.data.get().contains(&format!("{:036}", n - 1)), "the right line");
        start.elapsed()
    };
    let before = resident_kib();
    let first = resolve(LINES);
    let mut later: Vec<_> = (0..1000u64).map(|i| resolve(1 + i * 7919 % LINES)).collect();
    later.sort();
    let text = format!(
        "line of {LINES} lines ({} MiB): first {first:?}, afterwards median {:?}, worst {:?}; memory {} KiB more",
        std::fs::metadata(store.path(layout::TICKET_RESULTS)).expect("a file").len() >> 20,
        later[500],
        later[999],
        resident_kib() - before
    );
    writeln!(std::io::stdout().lock(), "{text}").expect("printed");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
}
