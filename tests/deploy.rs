//! The committed deployment files: units equal what the generator prints, wrappers keep the program's exit code.

#![cfg(unix)]
#![expect(clippy::expect_used, reason = "a test stops where its stage cannot be set")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use daily_ops::cli::schedule::Install;
use daily_ops::cli::schedule::cron_cycle_line;
use daily_ops::cli::schedule::cron_line;
use daily_ops::cli::schedule::cron_prune_line;
use daily_ops::cli::schedule::systemd_units;
use daily_ops::time::Stamp;
use daily_ops::time::host_zone;

/// A wrapper's folder under `deploy`, its name, and the words of the command that it starts.
const WRAPPERS: [(&str, &str, &str); 4] = [
    ("oci", "daily_ops.sh", "run"),
    ("oci", "check_live_cycle.sh", "check live-cycle"),
    ("oci", "check_ops_summary.sh", "check ops-summary"),
    ("pc", "daily_ops_pc.sh", "pc run"),
];

/// A program that one thread still writes cannot be started while another thread's child holds the open file.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/oci")
}

fn committed(folder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(folder).join(name)
}

/// The installation that the README documents.
fn example() -> Install {
    Install::new("/home/ubuntu/daily-ops".as_ref(), "/usr/local/bin/daily_ops".as_ref(), "ubuntu").expect("valid")
}

fn executable(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    let mut file = std::fs::File::create(path).expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file.set_permissions(std::fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// A workspace with the wrappers, and a program that shows how it was started and ends with the code it is told.
struct Site {
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().expect("a folder"), _alone: alone() };
        for (folder, name, _) in WRAPPERS {
            let text = std::fs::read_to_string(committed(folder, name)).expect(name);
            executable(&site.wrapper(folder, name), &text);
        }
        let program = "#!/bin/sh\nprintf '%s|' \"$DAILY_OPS_ROOT\" \"${KRX_API_URL:-}\" \"$@\"\nexit \"$FAKE_CODE\"\n";
        executable(&site.root().join("bin/daily_ops"), program);
        site
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("a path").join("it's a site")
    }

    fn wrapper(&self, folder: &str, name: &str) -> PathBuf {
        self.root().join("deploy").join(folder).join(name)
    }

    fn command(&self, script: &Path) -> Command {
        let mut command = Command::new("sh");
        command.arg(script).current_dir("/").env_remove("DAILY_OPS_ROOT").env_remove("KRX_API_URL");
        command.env("DAILY_OPS_BIN", self.root().join("bin/daily_ops")).env("FAKE_CODE", "0");
        command
    }
}

fn output(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().expect("started");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_committed_units_are_what_the_generator_prints() {
    for unit in systemd_units(&example()) {
        let committed = std::fs::read_to_string(deploy().join(unit.name)).unwrap_or_default();
        assert_eq!(committed, unit.text, "{}", unit.name);
    }
}

#[test]
fn the_committed_crontab_is_what_the_generator_prints_for_a_host_in_utc() {
    let zone = host_zone("UTC", Stamp::from("2026-01-01T09:05:00+09:00").instant().expect("a time"));
    let want = [cron_line, cron_cycle_line, cron_prune_line].map(|line| line(&zone, &example())).concat();
    assert_eq!(std::fs::read_to_string(deploy().join("crontab.txt")).unwrap_or_default(), want);
}

#[test]
fn every_wrapper_is_a_valid_script_and_may_be_executed() {
    let _alone = alone();
    for (folder, name, _) in WRAPPERS {
        let path = committed(folder, name);
        assert!(Command::new("sh").arg("-n").arg(&path).status().expect("a shell").success(), "{name}");
        let mode = std::fs::metadata(&path).expect(name).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{name} is not executable");
    }
}

#[test]
fn a_wrapper_passes_arguments_on_and_keeps_the_exit_code() {
    let site = Site::new();
    let root = site.root().display().to_string();
    for (folder, name, words) in WRAPPERS {
        for code in [0, 2, 3, 64] {
            let mut command = site.command(&site.wrapper(folder, name));
            command
                .env("FAKE_CODE", code.to_string())
                .env("KRX_API_URL", "http://127.0.0.1:9/")
                .args(["--json", "a b"]);
            let want = format!("{root}|http://127.0.0.1:9/|{}|--json|a b|", words.replace(' ', "|"));
            assert_eq!(output(&mut command), (Some(code), want), "{name} {code}");
        }
    }
}

#[test]
fn a_wrapper_finds_its_workspace_through_a_link_and_leaves_a_chosen_one() {
    let site = Site::new();
    let link = site.root().join("bin/run-daily");
    std::os::unix::fs::symlink("../deploy/oci/daily_ops.sh", &link).expect("a link");
    let (code, text) = output(&mut site.command(&link));
    assert_eq!((code, text), (Some(0), format!("{}||run|", site.root().display())));
    let (_, text) = output(site.command(&link).env("DAILY_OPS_ROOT", "/elsewhere"));
    assert_eq!(text, "/elsewhere||run|");
}

#[test]
fn a_missing_program_is_a_fault_and_says_so() {
    let site = Site::new();
    for (folder, name, _) in WRAPPERS {
        let output = site
            .command(&site.wrapper(folder, name))
            .env("DAILY_OPS_BIN", "/nowhere/daily_ops")
            .output()
            .expect("started");
        assert_eq!(output.status.code(), Some(3), "{name}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(name) && text.contains("/nowhere/daily_ops"), "{name}: {text}");
    }
}

#[test]
fn the_printed_cron_command_runs_in_a_shell_and_makes_its_log() {
    let site = Site::new();
    let install = Install::new(&site.root(), &site.root().join("bin/daily_ops"), "ubuntu").expect("valid");
    let zone = host_zone("UTC", Stamp::from("2026-01-01T09:05:00+09:00").instant().expect("a time"));
    let entry = cron_line(&zone, &install);
    let line = entry.lines().find(|line| !line.starts_with('#')).expect("a command");
    // What cron does with the rest of the line after its five fields.
    let command = line.splitn(6, ' ').last().expect("a command").replace("\\%", "%");
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(&command).current_dir("/").env("FAKE_CODE", "2").env("DAILY_OPS_ROOT", "");
    assert_eq!(shell.status().expect("a shell").code(), Some(2), "{command}");
    let log = std::fs::read_to_string(site.root().join("logs/cron.log")).expect("a log");
    assert_eq!(log, "||run|");
}

/// There is no PowerShell here to run it: what it must and must not hold is looked up in its text.
#[test]
fn the_wrapper_for_windows_finds_its_program_and_keeps_the_exit_code() {
    let bytes = std::fs::read(committed("pc", "daily_ops_pc.ps1")).expect("readable");
    assert!(bytes.is_ascii(), "Windows PowerShell reads a script without a mark in the code page of the machine");
    let text = String::from_utf8(bytes).expect("ASCII");
    let code: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(code[code.len() - 2..], ["& $found.Source pc run @args", "exit $LASTEXITCODE"], "nothing comes between");
    for part in
        ["$PSScriptRoot", "$env:DAILY_OPS_ROOT", "$env:DAILY_OPS_BIN", "exit 3", "$env:GIT_TERMINAL_PROMPT = '0'"]
    {
        assert!(code.iter().any(|line| line.contains(part)), "{part}");
    }
    for part in ["Invoke-Expression", "Read-Host", "param(", "/home/", "git push", "git add"] {
        assert!(!code.iter().any(|line| line.contains(part)), "{part}");
    }
    let pairs = [('{', '}'), ('(', ')'), ('[', ']')];
    for (open, close) in pairs {
        let count = |wanted| code.iter().flat_map(|line| line.chars()).filter(|c| *c == wanted).count();
        assert_eq!(count(open), count(close), "{open}{close}");
    }
    for word in ["New-ScheduledTaskAction", "New-ScheduledTaskTrigger", "Register-ScheduledTask", "-StartWhenAvailable"]
    {
        assert!(text.contains(word), "the registration is told: {word}");
    }
}
