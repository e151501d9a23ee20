//! The program under load, and what the system says about it.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

pub(crate) const TOKEN: &str = "token-of-the-load-test";
/// Ticks of processor time in a second, as Linux tells them.
const TICKS: f64 = 100.0;

pub(crate) struct Target {
    _site: tempfile::TempDir,
    child: Child,
    pub(crate) address: SocketAddr,
}

/// What a process has used so far.
pub(crate) struct Usage {
    pub(crate) cpu: f64,
    pub(crate) rss_mib: f64,
    pub(crate) peak_mib: f64,
}

impl Target {
    pub(crate) fn start() -> Self {
        let site = tempfile::tempdir().expect("a directory");
        let binary = env!("CARGO_BIN_EXE_daily_ops");
        let made = Command::new(binary).arg("init").arg(site.path()).stdout(Stdio::null()).status().expect("started");
        assert!(made.success());
        let mut child = Command::new(binary)
            .args(["serve", "--port", "0", "--root"])
            .arg(site.path())
            .env("OPS_TOKEN", TOKEN)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let after = line.split_once("http://").map(|(_, rest)| rest).expect("an address");
        let address = after.split([' ', '"']).next().and_then(|text| text.parse().ok()).expect("an address");
        Self { _site: site, child, address }
    }

    pub(crate) fn usage(&self) -> Usage {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let mib = |name: &str| {
            let kib = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
            kib.map_or(0.0, |kib: f64| kib / 1024.0)
        };
        Usage { cpu: cpu(&self.child.id().to_string()), rss_mib: mib("VmRSS:"), peak_mib: mib("VmHWM:") }
    }

    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count)
    }

    pub(crate) fn metrics(&self) -> Value {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        let head = "GET /api/ops/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("a reply");
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body).expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    pub(crate) fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told");
        assert!(self.child.wait().expect("waited").success());
    }
}

/// Processor seconds of a process.
pub(crate) fn cpu(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}
