//! The program is killed again and again while eight clients open tickets: what was acknowledged is there, once.

use std::collections::BTreeMap;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;

use daily_ops::store::Store;
use daily_ops::store::layout;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;

use crate::client::raw;
use crate::client::request;

const CLIENTS: usize = 8;

/// What clients and killer tell each other.
struct Shared {
    /// Which start of the program, and where it listens.
    program: (usize, SocketAddr),
    acknowledged: Vec<String>,
    /// Requests whose fate nobody told.
    unknown: usize,
}

struct Field {
    shared: Mutex<Shared>,
    changed: Condvar,
    wanted: usize,
}

pub(crate) fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command
}

/// Starts the program and reads where it listens from what it says first.
pub(crate) fn serve(home: &Path, root: &Path) -> (Child, SocketAddr) {
    let mut command = program(home);
    command.arg("--root").arg(root).args(["--json", "serve", "--port", "0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    let said = child.stdout.take().expect("a pipe");
    let mut said = serde_json::Deserializer::from_reader(said).into_iter::<Value>();
    let said = said.next().expect("the program says where it serves").expect("JSON");
    let url = said["url"].as_str().expect("an address");
    (child, url.trim_start_matches("http://").parse().expect("an address"))
}

/// One request on a kept connection: the status and the body, or why nothing is known.
fn post(stream: &mut TcpStream, body: &str) -> io::Result<(u16, String)> {
    stream.write_all(request("POST", "/api/tickets", Some(body), &[]).as_bytes())?;
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if rest.len() >= length {
                let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
                return Ok((status, rest.to_owned()));
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

impl Field {
    /// Opens tickets until enough are acknowledged. A reply that did not come says nothing: the ticket is asked for anew.
    fn client(&self, number: usize) {
        let body =
            format!(r#"{{"request_type":"REQUEST_RECONCILE","payload":{{"mode":"FULL","reason":"client {number}"}}}}"#);
        let mut start = self.shared.lock().expect("sound").program;
        'program: loop {
            let Ok(mut stream) = TcpStream::connect(start.1) else {
                let Some(next) = self.next(start.0) else { return };
                start = next;
                continue;
            };
            stream
                .set_read_timeout(Some(Duration::from_secs(60)))
                .and_then(|()| stream.set_nodelay(true))
                .expect("set");
            loop {
                let told = post(&mut stream, &body);
                let mut shared = self.shared.lock().expect("sound");
                match told {
                    Ok((status, text)) => {
                        assert_eq!(status, 200, "{text}");
                        let reply: Value = serde_json::from_str(&text).expect("JSON");
                        shared.acknowledged.push(reply["request_id"].as_str().expect("an id").to_owned());
                        self.changed.notify_all();
                        if shared.acknowledged.len() >= self.wanted {
                            return;
                        }
                    }
                    Err(_) => {
                        shared.unknown += 1;
                        drop(shared);
                        let Some(next) = self.next(start.0) else { return };
                        start = next;
                        continue 'program;
                    }
                }
            }
        }
    }

    /// Waits for a later start of the program; `None` when there will be no need of one.
    fn next(&self, seen: usize) -> Option<(usize, SocketAddr)> {
        let waiting = |shared: &mut Shared| shared.program.0 == seen && shared.acknowledged.len() < self.wanted;
        let shared = self.changed.wait_while(self.shared.lock().expect("sound"), waiting).expect("sound");
        (shared.acknowledged.len() < self.wanted).then_some(shared.program)
    }

    /// Kills the program each time another share of the tickets is there, and starts it again.
    fn killer(&self, mut child: Child, kills: usize, start: &dyn Fn() -> (Child, SocketAddr)) -> Child {
        for kill in 1..=kills {
            let due = self.wanted * kill / (kills + 1);
            let waiting = |shared: &mut Shared| shared.acknowledged.len() < due;
            drop(self.changed.wait_while(self.shared.lock().expect("sound"), waiting).expect("sound"));
            child.kill().and_then(|()| child.wait()).expect("killed");
            let (next, address) = start();
            child = next;
            self.shared.lock().expect("sound").program = (kill, address);
            self.changed.notify_all();
        }
        child
    }
}

/// The ids of a JSONL file under a key with how often each stands there, and the lines that are no JSON.
fn ids(store: &Store, file: &str, key: &str) -> (BTreeMap<String, usize>, usize) {
    let (mut found, mut bad) = (BTreeMap::new(), 0);
    let bytes = store.read(file).expect("readable").expect("there");
    assert!(bytes.ends_with(b"\n") || bytes.is_empty(), "{file} ends a line");
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Value>(line) {
            Ok(value) => *found.entry(value[key].as_str().expect("an id").to_owned()).or_insert(0) += 1,
            Err(_) => bad += 1,
        }
    }
    (found, bad)
}

#[test]
fn what_was_acknowledged_survives_every_kill_and_nothing_is_there_twice() {
    let heavy = std::env::vars().any(|(name, value)| name == "DAILY_OPS_HEAVY" && value == "1");
    let (wanted, kills) = if heavy { (10_000, 20) } else { (800, 4) };
    let dir = tempfile::tempdir().expect("a directory");
    let (home, root) = (dir.path().join("home"), dir.path().join("site"));
    std::fs::create_dir_all(&home).expect("made");
    assert!(program(&home).arg("init").arg(&root).output().expect("started").status.success());
    let clock = SystemClock::new();
    let (child, address) = serve(&home, &root);
    let shared = Mutex::new(Shared { program: (0, address), acknowledged: Vec::new(), unknown: 0 });
    let field = Field { shared, changed: Condvar::new(), wanted };
    let mut child = std::thread::scope(|scope| {
        let killer = scope.spawn(|| field.killer(child, kills, &|| serve(&home, &root)));
        let field = &field;
        (0..CLIENTS).for_each(|number| drop(scope.spawn(move || field.client(number))));
        killer.join().expect("no defect")
    });
    let took = clock.monotonic();
    let shared = field.shared.lock().expect("sound");
    let (lines, bad) = ids(&Store::new(&root), layout::TICKET_REQUESTS, "request_id");
    let lost: Vec<_> = shared.acknowledged.iter().filter(|id| !lines.contains_key(*id)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(lines.values().all(|count| *count == 1), "a line is there twice");
    assert!(bad <= kills, "{bad} lines are no JSON after {kills} kills");
    assert!(lines.len() <= shared.acknowledged.len() + shared.unknown, "nothing is there that nobody asked for");
    let (audited, _) = ids(&Store::new(&root), layout::AUDIT, "target");
    let unaudited = shared.acknowledged.iter().filter(|id| audited.get(*id) != Some(&1)).count();
    assert_eq!(unaudited, 0, "acknowledged means recorded once");
    let board = raw(shared.program.1, request("GET", "/api/tickets/latest?limit=1", None, &[]).as_bytes()).json();
    assert_eq!(board["total"].as_u64(), Some(lines.len() as u64));
    assert_eq!(board["bad_lines"].as_u64(), Some(bad as u64));
    child.kill().and_then(|()| child.wait()).expect("killed");
    let told = format!(
        "{} acknowledged, {} unknown, {} lines, {bad} bad, {kills} kills, {:.1} s",
        shared.acknowledged.len(),
        shared.unknown,
        lines.len(),
        took.as_secs_f64()
    );
    writeln!(io::stdout(), "{told}").expect("printed");
}
