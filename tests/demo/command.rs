//! The commands as they are typed: a fresh workspace, a server of its own, exit codes, JSON.

use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use serde_json::Value;

use crate::perform::VISIBLE;
use crate::theater::files;
use crate::theater::nowhere;

/// A fresh workspace with its server; the server ends with it.
struct Fresh {
    dir: tempfile::TempDir,
    server: Child,
    url: String,
}

fn program(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    command.arg("--root").arg(root).env_remove("DAILY_OPS_ROOT").env("OPS_LANG", "en").stdin(Stdio::null());
    command
}

impl Fresh {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("x");
        let made = Command::new(env!("CARGO_BIN_EXE_daily_ops")).arg("init").arg(&root).output().expect("started");
        assert!(made.status.success(), "{made:?}");
        let mut server = program(&root)
            .arg("serve")
            .env("OPS_BIND", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let url = line.split(' ').nth(1).expect("an address").to_owned();
        Self { dir, server, url }
    }

    fn run(&self, words: &[&str]) -> Output {
        let root = self.dir.path().join("x");
        program(&root).args(words).env("KRX_API_URL", &self.url).output().expect("started")
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.server.kill().expect("killed");
        self.server.wait().expect("ended");
    }
}

fn last_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_fresh_workspace_is_demonstrated_and_examined_by_what_the_runbook_says() {
    let fresh = Fresh::new();
    let output = fresh.run(&["demo", "dashboard", "--speed", "fast", "--with-kill", "--operator", "Kim"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = text.lines().collect();
    let (checks, end) = lines.split_at(lines.len() - 2);
    let (manual, passed): (Vec<&str>, Vec<&str>) = checks.iter().partition(|line| line.starts_with("MANUAL "));
    assert!(passed.iter().all(|line| line.starts_with("PASS ")), "{text}");
    assert_eq!((manual.len(), end[1]), (7, &*format!("{} passed, 0 failed", passed.len())));
    assert_eq!(end[0], format!("7 manual: {}, k.browser", VISIBLE.join(", ")));
    assert!(checks.iter().any(|line| line.starts_with("PASS pre9 Kim confirms")), "{text}");
    assert!(!text.contains("no new order") && text.contains("no order could be tried"), "{text}");
    assert!(!text.contains("audit id \""), "{text}");
    let root = fresh.dir.path().join("x");
    let token = std::fs::read_to_string(root.join("state/ops_token")).expect("a token");
    for path in files(&root.join("evidence")) {
        let bytes = std::fs::read(&path).expect("read");
        assert!(!String::from_utf8_lossy(&bytes).contains(token.trim()), "{}", path.display());
    }
    let output = fresh.run(&["check", "dashboard", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["diagnoses"].as_array().map(Vec::len), Some(3));
    for (lang, want) in [("ko", "A 페이지 접속: 정상"), ("en", "A access to the page: fine")] {
        let output = fresh.run(&["check", "dashboard", "--set", &format!("output.lang={lang}")]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(want) && !text.contains("OK"), "{text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_was_bound_elsewhere_is_found_with_its_address() {
    let fresh = Fresh::new();
    let output = fresh.run(&["check", "dashboard", "--json", "--base-url", &format!("http://{}", nowhere())]);
    assert_eq!(output.status.code(), Some(2));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let first = &found["diagnoses"][0];
    assert_eq!(first["verdict"], "BOUND_ELSEWHERE");
    assert!(first["remedy"][0].as_str().is_some_and(|step| step.contains(&fresh.url)), "{first}");
    let output = fresh.run(&["demo", "dashboard", "--speed", "fast", "--base-url", &format!("http://{}", nowhere())]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains(&format!("--base-url {}", fresh.url)) && !told.contains("`daily_ops serve`"), "{told}");
}

#[cfg(target_os = "linux")]
#[test]
fn beside_a_foreign_program_our_own_server_is_named_and_no_second_one_is_started() {
    let fresh = Fresh::new();
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = foreign.local_addr().expect("an address");
    std::thread::spawn(move || foreign.incoming().flatten().for_each(drop));
    let output = fresh.run(&["check", "dashboard", "--json", "--base-url", &format!("http://{address}")]);
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let first = &found["diagnoses"][0];
    assert_eq!(first["verdict"], "FOREIGN_PROCESS", "{first}");
    let steps: Vec<_> = first["remedy"].as_array().expect("steps").iter().filter_map(Value::as_str).collect();
    assert!(steps[0].contains(&format!("--base-url {}", fresh.url)), "{steps:?}");
    assert!(steps[1].contains("ps -o pid,user,args") && !steps[1].contains("kill"), "{steps:?}");
    assert!(steps[2].contains(&format!("kill {}", std::process::id())), "{steps:?}");
    assert!(!steps.iter().any(|step| step.contains("OPS_BIND")), "{steps:?}");
}

#[test]
fn without_an_address_the_one_is_looked_at_where_serve_would_listen() {
    let dir = tempfile::tempdir().expect("a directory");
    let (bound, named) = (nowhere(), nowhere());
    let url = format!("http://{named}");
    let asked = |words: &[&str]| {
        let mut command = program(dir.path());
        command.args(["check", "dashboard", "--json"]).args(words).env("KRX_API_URL", &url);
        command
    };
    let with = |mut command: Command, bind: String| {
        command.env("OPS_BIND", bind);
        command
    };
    let cases = [
        (asked(&[]), named.to_string()),
        (with(asked(&[]), bound.to_string()), bound.to_string()),
        (with(asked(&["--base-url", &url]), bound.to_string()), named.to_string()),
        (with(asked(&[]), "127.0.0.1:0".to_owned()), named.to_string()),
    ];
    for (mut command, want) in cases {
        let output = command.output().expect("started");
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(found["base_url"], format!("http://{want}"));
        let step = found["diagnoses"][0]["remedy"][0].as_str().expect("a step").to_owned();
        let is_bound = want == bound.to_string();
        assert_eq!(step.contains(&format!("OPS_BIND={want} ")), !is_bound, "{step}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_of_another_workspace_is_named_with_its_root() {
    let fresh = Fresh::new();
    let other = tempfile::tempdir().expect("a directory");
    let words = ["check", "dashboard", "--json", "--base-url", &fresh.url, "--token-file"];
    let token = fresh.dir.path().join("x/state/ops_token");
    let output = Command::new(env!("CARGO_BIN_EXE_daily_ops"))
        .args(words)
        .arg(token)
        .current_dir(other.path())
        .env_remove("DAILY_OPS_ROOT")
        .env("OPS_LANG", "en")
        .output()
        .expect("started");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let shown = &found["diagnoses"][1];
    assert_eq!(shown["verdict"], "OTHER_WORKSPACE", "{shown}");
    for root in [fresh.dir.path().join("x"), other.path().to_owned()] {
        let root = root.canonicalize().expect("a path").display().to_string();
        assert!(shown["text"].as_str().is_some_and(|text| text.contains(&root)), "{shown}");
    }
    assert!(shown["say"].as_str().is_some_and(|say| say.contains("another workspace")), "{shown}");
}

#[test]
fn paths_are_told_from_the_root_wherever_the_command_is_typed() {
    let fresh = Fresh::new();
    let root = fresh.dir.path().join("x").canonicalize().expect("a path");
    let output = Command::new(env!("CARGO_BIN_EXE_daily_ops"))
        .args(["demo", "dashboard", "--speed", "fast", "--json", "--base-url", &fresh.url, "--evidence-dir", "proof"])
        .current_dir(&root)
        .env_remove("DAILY_OPS_ROOT")
        .output()
        .expect("started");
    let outcome: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (member, below) in [("evidence", "proof/"), ("master_log", "proof/VAL-OPS-WS-SSE-")] {
        let want = root.join(below).display().to_string();
        assert!(outcome[member].as_str().is_some_and(|path| path.starts_with(&want)), "{want}: {outcome}");
    }
}

#[test]
fn a_demo_without_a_server_is_blocked_and_its_result_is_one_document() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = format!("http://{}", nowhere());
    let words = ["demo", "dashboard", "--speed", "fast", "--json", "--base-url", &url];
    let output = program(dir.path()).args(words).output().expect("started");
    assert_eq!(output.status.code(), Some(2));
    let outcome: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&outcome["result"], &outcome["exit_code"]), (&"BLOCKED".into(), &2.into()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("daily_ops serve"));
}

#[test]
fn arguments_that_are_wrong_are_64() {
    let dir = tempfile::tempdir().expect("a directory");
    let cases: [&[&str]; 6] = [
        &["demo", "dashboard", "--speed", "slow"],
        &["demo", "dashboard", "--base-url", "http://127.0.0.1:8000/ops#type=x"],
        &["demo", "dashboard", "--base-url", "https://127.0.0.1:8000"],
        &["demo", "dashboard", "--token-file", "no-such-file"],
        &["demo", "dashboard", "--lang", "fr"],
        &["check", "dashboard", "--base-url", "127.0.0.1"],
    ];
    for words in cases {
        let output = program(dir.path()).args(words).output().expect("started");
        assert_eq!(output.status.code(), Some(64), "{words:?}: {output:?}");
        assert_eq!(last_line(&output), "");
    }
    assert!(!dir.path().join("evidence").exists());
}
