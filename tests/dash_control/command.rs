//! `daily_ops serve` makes the machine's token, shows only where it lies, and takes it.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;

use crate::SWITCH;
use crate::client::raw;
use crate::client::receive;
use crate::client::request;

const BODY: &str = r#"{"is_on":true,"reason":"r"}"#;
const OPERATOR: &str = "token-of-the-shell-1";
/// The specification's limit: a server that is started again is ready within it.
const RESTART_LIMIT: Duration = Duration::from_secs(5);

/// A running `serve`, ended with the test.
struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn serve(root: &Path, env: &[(&str, &str)]) -> Serving {
    started(Command::new(env!("CARGO_BIN_EXE_daily_ops")), root, env)
}

/// Starts `serve` by a command that takes its arguments.
fn started(mut command: Command, root: &Path, env: &[(&str, &str)]) -> Serving {
    command.arg("--root").arg(root).args(["serve", "--port", "0"]).env_clear().env("USER", "kim");
    command.envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("read");
    let Some(url) = line.split(' ').nth(1).filter(|_| line.starts_with("serving ")) else {
        child.kill().ok();
        let mut told = String::new();
        child.stderr.take().map(|mut out| out.read_to_string(&mut told));
        panic!("{line:?} {told}");
    };
    Serving { address: url.trim_start_matches("http://").parse().expect("an address"), child }
}

fn switch(serving: &Serving, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    raw(serving.address, request("POST", SWITCH, Some(BODY), &[("authorization", &bearer)]).as_bytes()).status
}

/// Ends it and gives everything that it said.
fn told(mut serving: Serving) -> String {
    serving.child.kill().expect("ended");
    let mut text = String::new();
    serving.child.stderr.take().expect("piped").read_to_string(&mut text).expect("text");
    text
}

#[test]
fn the_machines_token_is_made_once_shown_never_and_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = serve(dir.path(), &[]);
    let token = Store::new(dir.path()).read_secret(layout::OPS_TOKEN).expect("mode 600").expect("made");
    let token = String::from_utf8(token).expect("text").trim().to_owned();
    assert!(token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!((switch(&first, &token), switch(&first, "wrong-token-0123456789")), (200, 401));
    let said = told(first);
    assert!(!said.contains(&token) && said.contains(layout::OPS_TOKEN), "{said}");
    let second = serve(dir.path(), &[]);
    assert_eq!(switch(&second, &token), 200, "the same after a restart");
    drop(second);
    let own = serve(dir.path(), &[("NEXT_TRADE_OPS_TOKEN", OPERATOR)]);
    assert_eq!((switch(&own, OPERATOR), switch(&own, &token)), (200, 401), "a configured one replaces it");
    let said = told(own);
    assert!(
        said.contains("NEXT_TRADE_OPS_TOKEN is an older name of OPS_TOKEN") && !said.contains("of-the-shell"),
        "{said}"
    );
}

fn read(serving: &Serving, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(serving.address).ok()?;
    stream.write_all(request("GET", path, None, &[]).as_bytes()).ok()?;
    Some(receive(&mut stream)).filter(|answer| answer.status == 200).map(|answer| answer.json())
}

#[test]
fn a_server_that_was_killed_is_ready_again_within_the_limit_with_its_kill_switch_and_its_ids() {
    let dir = tempfile::tempdir().expect("a directory");
    let env = [("OPS_TOKEN", OPERATOR)];
    let first = serve(dir.path(), &env);
    assert_eq!(switch(&first, OPERATOR), 200);
    let kill = read(&first, SWITCH).expect("the kill switch");
    let last_id = |serving: &Serving| read(serving, "/api/ops/metrics")?["last_event_id"].as_u64();
    for _ in 0..20 {
        raw(first.address, request("POST", "/api/ops/test-event", Some("{}"), &[]).as_bytes());
    }
    let before = last_id(&first).expect("an id");
    assert!(before > 0 && kill["is_on"] == true, "{kill}");
    // Dropping it kills it: no goodbye, nothing is put in order.
    drop(first);
    let clock = SystemClock::new();
    let second = serve(dir.path(), &env);
    let is_ready = || read(&second, "/api/ops/health").is_some_and(|health| health["status"] == "ready");
    while !is_ready() {
        assert!(clock.monotonic() < RESTART_LIMIT, "not ready within {RESTART_LIMIT:?}");
        clock.wait(Duration::from_millis(5));
    }
    assert!(clock.monotonic() < RESTART_LIMIT, "ready within {RESTART_LIMIT:?}");
    assert_eq!(read(&second, SWITCH), Some(kill), "as it was");
    let last = last_id(&second).expect("an id");
    assert!(last >= before, "ids go on from {before}: {last}");
    let page = read(&second, "/api/ops/events?after=0&limit=1000").expect("events");
    let missed =
        page["missing"].as_array().expect("a list").iter().map(|hole| hole["missed"].as_u64().expect("a number"));
    let found = page["events"].as_array().expect("a list").len() as u64;
    let oldest = page["events"][0]["id"].as_u64().expect("an id");
    assert_eq!(found + missed.sum::<u64>(), last + 1 - oldest, "no hole is silent: {}", page["missing"]);
    let event = raw(second.address, request("POST", "/api/ops/test-event", Some("{}"), &[]).as_bytes()).json();
    assert!(event["event"]["id"].as_u64().is_some_and(|id| id > before), "{event}");
}

/// Runs a command on the workspace.
fn does(root: &Path, args: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    let output = command.arg("--root").arg(root).args(args).env_clear().env("USER", "kim").output().expect("ended");
    assert!(output.status.success(), "{args:?}: {output:?}");
}

/// File, position and trace of each change of a switch that was told, and whether it was found at a start.
fn safety_events(serving: &Serving) -> Vec<Value> {
    let events = read(serving, "/api/ops/events?type=safety_changed&limit=1000&order=asc").expect("events");
    let of = |event: &Value| {
        let data = &event["data"];
        json!([data["file"], data["after"], event["trace_id"], data["found_at_start"]])
    };
    events["events"].as_array().expect("a list").iter().map(of).collect()
}

#[test]
fn switches_that_were_set_by_command_while_no_server_was_there_are_told_once_at_its_start() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(serve(dir.path(), &[]));
    does(dir.path(), &["stop", "set", "on", "--reason", "drill"]);
    does(dir.path(), &["sender", "set", "on", "--reason", "today"]);
    let want = [json!([layout::SENDER, "ON", "audit-3", true]), json!([layout::STOP, "ON", "audit-1", true])];
    for _ in 0..3 {
        let serving = serve(dir.path(), &[]);
        assert_eq!(safety_events(&serving), want, "also when the server is killed again and again");
    }
}

#[test]
fn a_token_that_cannot_be_made_leaves_reading_open_and_switching_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(dir.path().join(layout::OPS_TOKEN)).expect("in the way");
    let serving = serve(dir.path(), &[]);
    let answer = raw(serving.address, request("POST", SWITCH, Some(BODY), &[]).as_bytes());
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("AUTH_NOT_CONFIGURED")));
    assert_eq!(raw(serving.address, request("GET", SWITCH, None, &[]).as_bytes()).status, 200);
}

#[test]
fn a_server_for_other_machines_makes_no_token_by_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    command.arg("--root").arg(dir.path()).args(["serve", "--port", "0"]).env_clear().env("OPS_ALLOW_REMOTE", "1");
    let output = command.output().expect("ended");
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(!dir.path().join(layout::OPS_TOKEN).exists());
}

#[test]
fn a_server_for_other_machines_takes_the_machines_token_that_is_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let token = "token-of-the-machine-1";
    Store::new(dir.path()).write_secret(layout::OPS_TOKEN, token.as_bytes()).expect("written");
    let serving = serve(dir.path(), &[("OPS_ALLOW_REMOTE", "1")]);
    assert_eq!((switch(&serving, token), switch(&serving, "wrong-token-0123456789")), (200, 401));
    assert_eq!(raw(serving.address, request("GET", SWITCH, None, &[]).as_bytes()).status, 401, "reads need it too");
    let said = told(serving);
    assert!(!said.contains(token) && said.contains(layout::OPS_TOKEN), "{said}");
    let own = serve(dir.path(), &[("OPS_ALLOW_REMOTE", "1"), ("OPS_TOKEN", OPERATOR)]);
    assert_eq!((switch(&own, OPERATOR), switch(&own, token)), (200, 401), "a configured one replaces it");
}

#[cfg(unix)]
#[test]
fn more_streams_are_served_than_the_usual_limit_of_open_files_lets_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut shell = Command::new("/bin/sh");
    let within = r#"ulimit -Sn 100 && test "$(ulimit -Sn)" = 100 && exec "$0" "$@""#;
    shell.args(["-c", within, env!("CARGO_BIN_EXE_daily_ops")]);
    let serving = started(shell, dir.path(), &[]);
    let mut streams: Vec<TcpStream> = (0..150).map(|_| connect(serving.address)).collect();
    for stream in &mut streams {
        stream.write_all(request("GET", "/events", None, &[]).as_bytes()).expect("sent");
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap_or_else(|fault| panic!("stream {number}: {fault}"));
        assert_eq!(&head, b"HTTP/1.1 200", "stream {number}");
    }
}

#[cfg(unix)]
fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    stream
}

#[test]
fn an_observation_log_in_the_place_of_a_file_of_ours_is_refused_by_name() {
    let files = [layout::EVENT_SPOOL, layout::SPOOL_REJECTED, layout::KILL_AUDIT, layout::AUDIT, layout::RUN_CHAIN];
    let others = ["daily_ops.toml", "state/emergency_stop.json", "logs/daily_ops.log", "live.jsonl"];
    for file in files.into_iter().chain(others) {
        let dir = tempfile::tempdir().expect("a directory");
        refused(dir.path(), ("OPS_OBS_PATH", file));
        assert!(!dir.path().join(file).exists(), "nothing is made");
    }
}

/// A server that does not start, and says for which setting.
fn refused(root: &Path, (name, value): (&str, &str)) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    command.arg("--root").arg(root).args(["serve", "--port", "0"]).env_clear().env(name, value);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
    let clock = SystemClock::new();
    while child.try_wait().expect("asked").is_none() {
        if clock.monotonic() > Duration::from_secs(5) {
            child.kill().expect("ended");
            child.wait().expect("ended");
            panic!("{name}={value}: still running after five seconds");
        }
        clock.wait(Duration::from_millis(10));
    }
    let output = child.wait_with_output().expect("ended");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(64) && told.contains(name), "{name}={value}: {output:?}");
}

#[test]
fn b05_a_queue_of_no_sound_size_is_refused_by_name_within_five_seconds() {
    for value in ["0", "-1", "abc"] {
        let dir = tempfile::tempdir().expect("a directory");
        refused(dir.path(), ("OPS_BUS_QMAX", value));
    }
}
