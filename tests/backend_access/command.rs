//! The program itself: tokens and the audit trail from a shell.

use std::path::Path;
use std::process::Command;
use std::process::Output;

use daily_ops::store::Store;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

fn daily_ops(root: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_daily_ops"))
        .arg("--root")
        .arg(root)
        .args(args)
        .env_clear()
        .env("USER", "kim")
        .env("OPS_TOKEN", "hidden-token-of-the-shell")
        .output()
        .expect("started")
}

fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let made = daily_ops(dir.path(), &["init", dir.path().to_str().expect("text")]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    dir
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn document(root: &Path, args: &[&str], code: i32) -> Value {
    let output = daily_ops(root, &[&["--json"], args].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|fault| panic!("{args:?}: {fault}: {}", said(&output)))
}

#[test]
fn a_token_is_shown_once_listed_without_its_text_and_revoked() {
    let dir = workspace();
    let root = dir.path();
    let made = document(root, &["token", "create", "--name", "dash", "--role", "viewer"], 0);
    let text = made["token"].as_str().expect("a token");
    assert!(text.len() == 69 && text.starts_with("dops_"), "{made}");
    let plain = daily_ops(root, &["token", "create", "--name", "desk", "--role", "operator"]);
    assert_eq!(String::from_utf8_lossy(&plain.stdout).trim().len(), 69, "the text alone, for a pipe");
    let list = document(root, &["token", "list"], 0);
    assert_eq!(list["row_count"], 2);
    assert_eq!((&list["rows"][0]["name"], &list["rows"][0]["role"]), (&json!("dash"), &json!("viewer")));
    for (args, code) in [
        (&["token", "create", "--name", "dash", "--role", "admin"][..], 64),
        (&["token", "create", "--name", "a b", "--role", "admin"], 64),
        (&["token", "create", "--name", "OPS_TOKEN", "--role", "admin"], 64),
        (&["token", "create", "--name", "x", "--role", "root"], 64),
        (&["token", "revoke", "nobody"], 64),
        (&["token", "revoke", "dash"], 0),
        (&["token", "revoke", "dash"], 0),
    ] {
        let output = daily_ops(root, args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
    }
    let everything = [&["token", "list"][..], &["audit", "show"], &["config", "show"], &["--json", "audit", "show"]];
    for args in everything {
        let told = said(&daily_ops(root, args));
        assert!(!told.contains(&text[5..]) && !told.contains("hidden"), "{args:?}: {told}");
    }
    Store::new(root).write_secret(layout::TOKENS, b"{").expect("written");
    assert_eq!(daily_ops(root, &["token", "list"]).status.code(), Some(3), "a damaged file is a fault");
}

#[test]
fn the_trail_tells_who_changed_what_and_is_proved() {
    let dir = workspace();
    let root = dir.path();
    assert_eq!(daily_ops(root, &["gate", "set", "MOCK_ONLY", "--reason", "quiet"]).status.code(), Some(0));
    assert_eq!(daily_ops(root, &["stop", "set", "on", "--reason", "drill", "--by", "lee"]).status.code(), Some(0));
    let shown = document(root, &["audit", "show", "-n", "3"], 0);
    let rows: Vec<_> = shown["rows"].as_array().expect("rows").iter().map(|r| (&r["action"], &r["actor"])).collect();
    let want = [("gate.set", "kim"), ("stop.set", "lee"), ("gate.set", "emergency_stop_system")];
    assert_eq!(rows, want.map(|(action, actor)| (json!(action), json!(actor))).each_ref().map(|(a, b)| (a, b)));
    assert_eq!(shown["rows"][0]["before"]["mode"], "DRY_RUN");
    assert_eq!(shown["rows"][0]["after"]["mode"], "MOCK_ONLY");
    assert_eq!(shown["rows"][0]["from"], "cli");
    let proof = document(root, &["audit", "verify"], 0);
    assert_eq!((&proof["is_good"], &proof["broken"], &proof["torn_lines"]), (&json!(true), &Value::Null, &json!(0)));
    let head = proof["head_sha256"].as_str().expect("a head");
    assert_eq!(document(root, &["audit", "verify", "--expect", head], 0)["has_expected"], true);
    let other = "0".repeat(64);
    assert_eq!(document(root, &["audit", "verify", "--expect", &other], 3)["has_expected"], false);
    let file = root.join("state/audit/audit.jsonl");
    let whole = std::fs::read_to_string(&file).expect("readable");
    Store::new(root).write(layout::AUDIT, whole.replace("quiet", "QUIET").as_bytes()).expect("written");
    let broken = document(root, &["audit", "verify"], 3);
    let line = whole.lines().position(|line| line.contains("quiet")).expect("a line") + 1;
    assert_eq!(broken["broken"]["line"], json!(line));
    let told = said(&daily_ops(root, &["audit", "verify"]));
    assert!(told.contains(&format!("BROKEN at line {line}")) && told.contains("hashes to"), "{told}");
}

#[test]
fn processes_at_once_make_one_chain() {
    let dir = workspace();
    let root = dir.path();
    let start = |n: usize| {
        let mode = if n.is_multiple_of(2) { "MOCK_ONLY" } else { "DRY_RUN" };
        Command::new(env!("CARGO_BIN_EXE_daily_ops"))
            .arg("--root")
            .arg(root)
            .args(["gate", "set", mode, "--reason", "at once", "--quiet"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("started")
    };
    let all: Vec<_> = (0..8).map(start).collect();
    for mut one in all {
        assert!(one.wait().expect("waited for").success());
    }
    let proof = document(root, &["audit", "verify"], 0);
    assert_eq!((&proof["entries"], &proof["torn_lines"]), (&json!(3 + 8), &json!(0)));
    // Each entry begins where the one before it ended: the lock of the switch was held around both.
    let shown = document(root, &["audit", "show", "-n", "9"], 0);
    let rows: Vec<&Value> =
        shown["rows"].as_array().expect("rows").iter().filter(|r| r["action"] == "gate.set").collect();
    for pair in rows.windows(2) {
        assert_eq!(pair[0]["after"], pair[1]["before"]);
    }
}

#[test]
fn a_token_is_revoked_although_the_trail_is_broken_and_the_command_says_so() {
    let dir = workspace();
    let root = dir.path();
    for name in ["dash", "desk"] {
        document(root, &["token", "create", "--name", name, "--role", "admin"], 0);
    }
    Store::new(root).write(layout::AUDIT, b"").expect("written");
    let revoked = |name: &str| {
        let list = document(root, &["token", "list"], 0);
        let row = list["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["name"] == name).cloned());
        !row.expect("a row")["revoked_at"].is_null()
    };
    let told = daily_ops(root, &["token", "revoke", "dash"]);
    assert_eq!(told.status.code(), Some(3), "{}", said(&told));
    assert!(said(&told).contains("the token dash is revoked, but the audit trail could not be written"), "{told:?}");
    let told = daily_ops(root, &["--json", "token", "revoke", "desk"]);
    let same = daily_ops(root, &["--json", "sender", "set", "off"]);
    assert_eq!((told.status.code(), same.status.code()), (Some(3), Some(3)), "{}", said(&told));
    let keys = |output: &Output| {
        let text = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
        serde_json::from_slice::<Value>(text)
            .ok()
            .and_then(|doc| doc.as_object().map(|doc| doc.keys().cloned().collect()))
    };
    let (ours, theirs): (Option<Vec<String>>, _) = (keys(&told), keys(&same));
    assert_eq!((ours, said(&told).contains("the token desk is revoked, but")), (theirs, true), "{}", said(&told));
    assert!(revoked("dash") && revoked("desk"));
    let made = daily_ops(root, &["token", "create", "--name", "new", "--role", "viewer"]);
    assert_eq!(made.status.code(), Some(3), "what opens needs its record");
}

#[test]
fn an_empty_or_missing_trail_proves_nothing_and_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path();
    assert_eq!(document(root, &["audit", "verify"], 0)["is_there"], false);
    assert!(said(&daily_ops(root, &["audit", "verify"])).contains("there is no audit trail: nothing was proved"));
    assert!(said(&daily_ops(root, &["audit", "show"])).contains("no change was recorded"));
    Store::new(root).write(layout::AUDIT, b"").expect("written");
    assert!(said(&daily_ops(root, &["audit", "verify"])).contains("the audit trail is empty: nothing was proved"));
    assert_eq!(daily_ops(root, &["audit", "verify", "--expect", &"0".repeat(64)]).status.code(), Some(3));
    std::fs::remove_file(root.join("state/audit/audit.jsonl")).expect("removed");
    std::fs::create_dir(root.join("state/audit/audit.jsonl")).expect("made");
    assert_eq!(daily_ops(root, &["audit", "verify"]).status.code(), Some(3), "unreadable is a fault");
}

#[test]
fn remote_access_without_a_token_is_refused_before_anything_listens() {
    let dir = tempfile::tempdir().expect("a directory");
    let refused = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_daily_ops"))
            .arg("--root")
            .arg(dir.path())
            .args(args)
            .env_clear()
            .output()
            .expect("started");
        (output.status.code(), said(&output))
    };
    let (code, told) = refused(&["serve", "--port", "0", "--host", "0.0.0.0"]);
    assert!(code == Some(64) && told.contains("serve.remote"), "{told}");
    let (code, told) = refused(&["--set", "serve.remote=true", "serve", "--port", "0", "--host", "127.0.0.2"]);
    assert!(code == Some(64) && told.contains("daily_ops token create"), "{told}");
    let (code, told) = refused(&["--set", "serve.token_file=nothing", "serve", "--port", "0"]);
    assert!(code == Some(64) && told.contains("cannot be read"), "{told}");
}
