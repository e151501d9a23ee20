//! The run's own time: the whole process against a backend that answers at once, without git.
//!
//! `cargo bench --bench daily_run` prints the median wall time of 60 runs, the spread, and the peak memory. Everything
//! durable is included: lock, record after every stage, snapshot, chain, logs, proof files, each flushed to the disk.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a measurement ends at the first surprise")]

use std::collections::HashMap;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use daily_ops::contracts::Json;
use daily_ops::contracts::integrity::payload_sha256;
use serde_json::json;

const RUNS: usize = 60;
const SNAPSHOT: &str = "reports/live/cycle/snapshots/live_cycle_20261121_090500.json";

fn main() {
    let replies = Arc::new(replies());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let replies = Arc::clone(&replies);
            std::thread::spawn(move || answer(stream, &replies));
        }
    });
    let site = tempfile::tempdir().expect("a directory");
    let binary = env!("CARGO_BIN_EXE_daily_ops");
    let made = Command::new(binary).args(["init"]).arg(site.path()).stdout(Stdio::null()).status().expect("started");
    assert!(made.success());
    run(binary, site.path(), &url);
    let mut walls = Vec::new();
    let mut peak = 0;
    for _ in 0..RUNS {
        let (wall, memory) = run(binary, site.path(), &url);
        walls.push(wall);
        peak = peak.max(memory);
    }
    walls.sort();
    let ms = |at: usize| walls[at].as_secs_f64() * 1e3;
    let out = std::io::stdout();
    writeln!(
        out.lock(),
        "daily run, own time: median {:.1} ms, p10 {:.1} ms, p90 {:.1} ms over {RUNS} runs; peak memory {:.1} MiB",
        ms(RUNS / 2),
        ms(RUNS / 10),
        ms(RUNS * 9 / 10),
        f64::from(peak) / 1024.0
    )
    .expect("printed");
}

/// Wall time from start to exit, and the highest resident memory seen in KiB.
fn run(binary: &str, root: &Path, url: &str) -> (Duration, u32) {
    let start = Instant::now();
    let mut child = Command::new(binary)
        .args(["run", "--no-git-pull", "--api-url", url, "--root"])
        .arg(root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(ended) = child.try_wait().expect("waited") {
            assert_eq!(ended.code(), Some(0), "the run must succeed to be measured");
            return (start.elapsed(), peak);
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let seen = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        peak = peak.max(seen.unwrap_or(0));
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn replies() -> HashMap<&'static str, String> {
    let mut receipt = json!({
        "schema": "LIVE_CYCLE_RECEIPT_V1", "cycle_id": "c", "result": "OK", "decision": "COMPLETED", "reason": "SUCCESS",
        "bundle": {"success": true, "decision": "PASS", "stale": false, "valid": true},
        "reco": {"success": true, "decision": "GENERATED", "reason": "SUCCESS"},
        "ops_summary": {"success": true}, "push": {"success": true, "delivery_actual": "CONSOLE_SIMULATED"},
        "snapshot_ref": SNAPSHOT, "evidence_refs": [], "integrity": {},
    });
    let sha = payload_sha256(&Json::of(&receipt).expect("valid")).expect("a rule");
    receipt["integrity"] = json!({"payload_sha256": sha});
    let rows =
        |row: &serde_json::Value| json!({"status": "ready", "row_count": 1, "rows": [row], "error": null}).to_string();
    let summary = json!({"schema": "OPS_SUMMARY_V1", "overall_status": "OK", "top_risks": []});
    let view = json!({"ref": SNAPSHOT, "data": receipt, "source": {"kind": "JSON", "path": SNAPSHOT, "line": null}});
    HashMap::from([
        ("/api/ops/health", json!({"status": "ready", "health": "OK", "data": {"emergency_stop": {"enabled": false}, "execution_gate_mode": "DRY_RUN"}}).to_string()),
        ("/api/real_sender_enable", json!({"status": "ready", "data": {"enabled": false}}).to_string()),
        ("/api/ops/summary/regenerate", json!({"result": "OK", "overall_status": "OK"}).to_string()),
        ("/api/ops/summary/latest", rows(&summary)),
        ("/api/live/cycle/run", json!({"result": "OK", "cycle_id": "c"}).to_string()),
        ("/api/live/cycle/latest", rows(&receipt)),
        ("/api/evidence/resolve", rows(&view)),
    ])
}

/// How many events a post has; reads what its head promises.
fn posted(stream: &mut TcpStream, request: &str) -> usize {
    let (head, begun) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = begun.as_bytes().to_vec();
    let have = body.len();
    body.resize(length.unwrap_or(have), 0);
    stream.read_exact(body.get_mut(have..).unwrap_or_default()).expect("a whole body");
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    body["events"].as_array().map_or(0, Vec::len)
}

fn answer(mut stream: TcpStream, replies: &HashMap<&'static str, String>) {
    stream.set_nodelay(true).expect("set");
    let mut head = Vec::new();
    let mut byte = [0; 2048];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(0) | Err(_) => return,
            Ok(n) => head.extend_from_slice(&byte[..n]),
        }
    }
    let text = String::from_utf8_lossy(&head);
    let path = text.split_whitespace().nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
    let body = match path.as_str() {
        "/api/ops/events" => json!({"status": "ok", "accepted": posted(&mut stream, &text)}).to_string(),
        path => replies.get(path).cloned().unwrap_or_default(),
    };
    let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
    let reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(reply.as_bytes()));
}
