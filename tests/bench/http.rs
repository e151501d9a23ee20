//! How fast the backend answers: start, memory, requests a second over 16 kept connections, client and server on the same
//! cores. `cargo bench --bench http`.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use tokio::net::TcpStream;

const CONNECTIONS: usize = 16;
const SPAN: Duration = Duration::from_secs(3);

fn ops(dir: &std::path::Path) -> Arc<Ops> {
    let policy = Box::new(|| Ok(OpsPolicy::default()));
    Arc::new(Ops::new(Store::new(dir), Arc::new(SystemClock::new()), policy))
}

fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").expect("printed");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Sends one small request and reads one small reply; both fit the socket's buffers.
async fn ask(stream: &TcpStream, request: &[u8], reply: &mut [u8]) -> usize {
    assert_eq!(stream.try_write(request).expect("sent"), request.len());
    loop {
        stream.readable().await.expect("a connection");
        match stream.try_read(reply) {
            Ok(read) => return read,
            Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(fault) => panic!("{fault}"),
        }
    }
}

/// Asks for one path on many connections, one request at a time on each, and counts the answers.
async fn load(address: SocketAddr, path: &'static str) -> u64 {
    let answered = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (answered, done) = (Arc::clone(&answered), Arc::clone(&done));
        tasks.push(tokio::spawn(async move {
            let stream = TcpStream::connect(address).await.expect("connected");
            stream.set_nodelay(true).expect("set");
            let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:8000\r\n\r\n");
            let mut reply = vec![0; 1 << 16];
            while !done.load(Ordering::Relaxed) {
                let read = ask(&stream, request.as_bytes(), &mut reply).await;
                assert!(reply[..read].starts_with(b"HTTP/1.1 200") && reply[..read].ends_with(b"}"), "one whole reply");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    tokio::time::sleep(SPAN).await;
    done.store(true, Ordering::Relaxed);
    let count = answered.load(Ordering::Relaxed);
    for task in tasks {
        task.await.expect("no defect");
    }
    count
}

fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    let summary = include_str!("../fixtures/ops_summary.json");
    Store::new(dir.path()).write(layout::SUMMARY.latest, summary.as_bytes()).expect("written");
    let clock = SystemClock::new();
    let embedded = ServeOptions { port: 0, workers: 1, ..ServeOptions::default() };
    let before = resident_kib();
    let mut starts: Vec<Duration> = Vec::new();
    for _ in 0..20 {
        let begun = clock.monotonic();
        let server = Server::start(ops(dir.path()), &embedded).expect("serving");
        starts.push(clock.monotonic() - begun);
        let client = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a client");
        client.block_on(async {
            let stream = TcpStream::connect(server.address()).await.expect("connected");
            assert!(ask(&stream, b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n", &mut [0; 1024]).await > 0);
        });
        server.stop();
    }
    starts.sort();
    say(&format!(
        "start: median {:?}, worst {:?}; memory: {} KiB more",
        starts[10],
        starts[19],
        resident_kib() - before
    ));
    for workers in [1, 2] {
        let options = ServeOptions { port: 0, workers, ..ServeOptions::default() };
        let server = Server::start(ops(dir.path()), &options).expect("serving");
        let client = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a client");
        for path in ["/api/ops/summary/latest", "/api/emergency_stop", "/api/ops/health", "/health"] {
            let count = client.block_on(load(server.address(), path));
            say(&format!("{workers} worker(s), {path}: {} requests/s", count / SPAN.as_secs()));
        }
        server.stop();
    }
}
