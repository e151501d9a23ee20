//! The browser's processes and folder, and their end.
//!
//! On Unix a small shell waits beside the browser with its input tied to this process. When the input closes, because the
//! browser is dropped or because this process is gone, it kills the browser's process group and removes the folder.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use super::fault::BrowserFault;
use crate::time::Clock as _;
use crate::time::SystemClock;

/// What a browser is given to start.
const START: Duration = Duration::from_secs(60);
/// How often the file with its port is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// What the end of its processes and its folder may take.
const END: Duration = Duration::from_secs(10);
/// Where it says by which port it listens.
const PORT_FILE: &str = "DevToolsActivePort";

/// No window, no questions, no picture of its own of how late or how visible it is, and nobody to talk to but this machine.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--no-pings",
    "--no-service-autorun",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-features=AutofillServerCommunication,CertificateTransparencyComponentUpdater,DialMediaRouteProvider,\
     InterestFeedContentSuggestions,MediaRouter,OptimizationHints,Translate",
    "--disable-gpu",
    "--disable-renderer-backgrounding",
    "--disable-sync",
    "--enable-precise-memory-info",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--metrics-recording-only",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
];

/// A started browser.
#[derive(Debug)]
pub(super) struct Process {
    /// Everything it writes.
    pub(super) folder: PathBuf,
    /// Where it can be spoken to, on this machine.
    pub(super) port: u16,
    /// The path of the browser itself there.
    pub(super) path: String,
    child: Child,
    watcher: Option<Child>,
}

impl Process {
    pub(super) fn start(program: &Path) -> Result<Self, BrowserFault> {
        let folder = make_folder().map_err(BrowserFault::Folder)?;
        let spawned = command(program, &folder).spawn();
        let child = spawned.map_err(|source| {
            std::fs::remove_dir_all(&folder).ok();
            BrowserFault::Start { program: program.to_owned(), source }
        })?;
        let watcher = watch(&child, &folder);
        let mut process = Self { folder, port: 0, path: String::new(), child, watcher };
        (process.port, process.path) = process.listening(program)?;
        Ok(process)
    }

    /// Waits until the browser has said by which port it listens.
    fn listening(&mut self, program: &Path) -> Result<(u16, String), BrowserFault> {
        let clock = SystemClock::new();
        while clock.monotonic() < START {
            let text = std::fs::read_to_string(self.folder.join(PORT_FILE)).unwrap_or_default();
            if let Some(found) = parse_port(&text) {
                return Ok(found);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let said = std::fs::read_to_string(self.folder.join("chrome_debug.log")).unwrap_or_default();
                let said = said.lines().last().unwrap_or("nothing was said").to_owned();
                return Err(BrowserFault::Ended { program: program.to_owned(), status: status.to_string(), said });
            }
            clock.wait(LOOK);
        }
        let what = format!("the port of {}", program.display());
        Err(BrowserFault::TimedOut { what, within: START, last: "no file with it".to_owned() })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let clock = SystemClock::new();
        if let Some(mut watcher) = self.watcher.take() {
            drop(watcher.stdin.take());
            while clock.monotonic() < END && !matches!(watcher.try_wait(), Ok(Some(_)) | Err(_)) {
                // Reaped at once, so that the watcher sees the group go.
                self.child.try_wait().ok();
                clock.wait(LOOK);
            }
            watcher.kill().ok();
            watcher.wait().ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
        while self.folder.exists() && std::fs::remove_dir_all(&self.folder).is_err() && clock.monotonic() < END {
            clock.wait(LOOK);
        }
    }
}

/// Two lines: the port and the path.
fn parse_port(text: &str) -> Option<(u16, String)> {
    let (port, path) = text.split_once('\n')?;
    let path = path.trim_end();
    path.starts_with("/devtools/browser/").then_some(())?;
    Some((port.trim().parse().ok()?, path.to_owned()))
}

/// A new folder that only this user can enter.
fn make_folder() -> io::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("daily_ops_browser_{}", uuid::Uuid::new_v4().simple()));
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder)?;
    Ok(folder)
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(FLAGS).arg(format!("--user-data-dir={}", folder.display()));
    command.args(["--enable-logging", "--log-level=2"]).env("CHROME_LOG_FILE", folder.join("chrome_debug.log"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        // The sandbox refuses to work for root; everybody else keeps it.
        if rustix::process::geteuid().is_root() {
            command.arg("--no-sandbox");
        }
    }
    command.arg("about:blank");
    command
}

/// Ends the browser and removes its folder when the input closes. The folder fills up again until all processes are gone.
#[cfg(unix)]
const WATCH: &str = r#"read -r _
kill -s KILL -- "-$1"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  rm -rf -- "$2" 2>/dev/null && exit 0
  sleep 0.1
done"#;

#[cfg(unix)]
fn watch(child: &Child, folder: &Path) -> Option<Child> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", WATCH, "sh", &child.id().to_string()]).arg(folder);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // A group of its own: an interrupt from the keyboard must not end it before its work.
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    shell.spawn().ok()
}

#[cfg(not(unix))]
fn watch(_child: &Child, _folder: &Path) -> Option<Child> {
    None
}

#[cfg(test)]
mod tests {
    use super::parse_port;

    #[test]
    fn the_port_is_read_only_when_the_file_is_whole() {
        for (text, want) in [
            ("", None),
            ("40665", None),
            ("40665\n", None),
            ("40665\n/devtools/bro", None),
            ("x\n/devtools/browser/a", None),
            ("70000\n/devtools/browser/a", None),
            ("40665\n/devtools/browser/a-b", Some((40665, "/devtools/browser/a-b".to_owned()))),
            ("40665\r\n/devtools/browser/a\n", Some((40665, "/devtools/browser/a".to_owned()))),
        ] {
            assert_eq!(parse_port(text), want, "{text:?}");
        }
    }
}
