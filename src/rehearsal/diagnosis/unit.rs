//! What the service manager and the server's log say about a server that is not reached.

use std::io::Read as _;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use super::pick;
use crate::rehearsal::visit::one_line;
use crate::settings::Lang;
use crate::store::Store;
use crate::store::layout;
use crate::time::Clock;
use crate::time::SystemClock;

/// What is asked.
pub(super) const COMMAND: &str = "systemctl is-active daily-ops-backend";
/// How long the service manager may take.
const LIMIT: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);
/// Lines of the log that are shown.
const LINES: usize = 50;
const REACH: u64 = 64 << 10;

/// The state of the server's unit; where there is no systemd, that.
pub(super) fn state() -> String {
    let mut words = COMMAND.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return "no systemd here".to_owned() };
    let clock = SystemClock::new();
    while matches!(child.try_wait(), Ok(None)) {
        if clock.monotonic() > LIMIT {
            // It is not needed any more; one that has just ended needs no end.
            child.kill().ok();
            child.wait().ok();
            return "systemd does not answer".to_owned();
        }
        clock.wait(LOOK);
    }
    let mut said = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut said).ok();
    }
    let said = one_line(said.trim());
    if said.is_empty() { "systemd does not know".to_owned() } else { said }
}

/// The end of the server's log, where the service manager collects one.
pub(super) fn last_lines(store: &Store) -> Vec<String> {
    let Ok(Some((bytes, _))) = store.read_end(layout::BACKEND_LOG, REACH) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(one_line).collect();
    lines[lines.len().saturating_sub(LINES)..].to_vec()
}

/// How to start the server again.
pub(super) fn restart(lang: Lang) -> String {
    let command = "sudo systemctl restart daily-ops-backend";
    pick(lang, format!("유닛을 다시 시작하세요: {command}"), format!("restart the unit: {command}"))
}
