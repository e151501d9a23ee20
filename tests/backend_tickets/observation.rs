//! The program is killed again and again while it takes over the spool: each event is in the observation log once.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use daily_ops::store::Durability;
use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;

use crate::client::raw;
use crate::client::request;
use crate::killed::program;
use crate::killed::serve;

const LOG: &str = "metrics/live_obs.jsonl";
const ROUNDS: usize = 4;
const LINES: usize = 600;
const HALF: &str = "{\"contract_version\":\"v1\",\"id\":";

/// Ids and messages of the events in the log, and the lines that are no JSON.
fn logged(root: &Path) -> (Vec<u64>, Vec<String>, Vec<String>) {
    let bytes = Store::new(root).read(LOG).expect("readable").unwrap_or_default();
    let (mut ids, mut messages, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Value>(line) {
            Ok(row) => {
                let Some(id) = row["id"].as_u64() else { continue };
                ids.push(id);
                messages.push(row["message"].as_str().expect("a text").to_owned());
            }
            Err(_) => bad.push(String::from_utf8_lossy(line).into_owned()),
        }
    }
    (ids, messages, bad)
}

fn wait_for(root: &Path, count: usize) {
    let clock = SystemClock::new();
    while logged(root).0.len() < count {
        assert!(clock.monotonic() < Duration::from_secs(60), "{} of {count} events", logged(root).0.len());
        clock.wait(Duration::from_millis(1));
    }
}

#[test]
fn a_server_that_is_killed_again_and_again_logs_each_event_once_and_gives_no_id_twice() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, root) = (dir.path().join("home"), dir.path().join("site"));
    std::fs::create_dir_all(&home).expect("made");
    assert!(program(&home).arg("init").arg(&root).output().expect("started").status.success());
    let store = Store::new(&root);
    for round in 0..ROUNDS {
        let lines: Vec<String> =
            (0..LINES).map(|n| format!("{{\"message\":\"{round}-{n}\",\"source\":\"test\"}}")).collect();
        store.append_all(layout::EVENT_SPOOL, &lines, Durability::Buffered).expect("written");
        let (mut child, _) = serve(&home, &root);
        // At some moment within, or just behind, the taking over.
        wait_for(&root, round * LINES + 1 + round * (LINES / ROUNDS));
        child.kill().and_then(|()| child.wait()).expect("killed");
        let mut file = OpenOptions::new().append(true).open(store.path(LOG)).expect("the log");
        file.write_all(HALF.as_bytes()).expect("written");
    }
    let (mut child, _) = serve(&home, &root);
    let (mut second, address) = serve(&home, &root);
    wait_for(&root, ROUNDS * LINES);
    store.append(layout::EVENT_SPOOL, "{\"message\":\"last\"}", Durability::Buffered).expect("written");
    wait_for(&root, ROUNDS * LINES + 1);
    let health = raw(address, request("GET", "/api/ops/health", None, &[]).as_bytes());
    assert_eq!(health.status, 200, "the second server serves");
    for process in [&mut second, &mut child] {
        process.kill().and_then(|()| process.wait()).expect("killed");
    }
    let (ids, messages, bad) = logged(&root);
    assert!(ids.is_sorted_by(|a, b| a < b), "ids rise");
    assert_eq!(messages.len(), ROUNDS * LINES + 1);
    assert_eq!(messages.iter().collect::<BTreeSet<_>>().len(), messages.len(), "each once");
    assert!(bad.len() == ROUNDS && bad.iter().all(|line| line == HALF), "{bad:?}");
    let left = store.file_names("metrics").expect("listed");
    assert!(!left.iter().any(|name| name.starts_with("spool")), "{left:?}");
}
