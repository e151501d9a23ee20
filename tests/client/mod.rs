//! A small HTTP/1.1 client that can also say what a polite one would not, and a backend over a temporary workspace.

use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Store;
use daily_ops::time::Clock;
use daily_ops::time::SystemClock;
use serde_json::Value;

/// One reply.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|fault| panic!("{fault}: {} {:?}", self.head, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }
}

/// Sends bytes as they are and reads one reply.
pub(crate) fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    stream.write_all(request).expect("sent");
    receive(&mut stream)
}

/// Reads one reply from a connection.
pub(crate) fn receive(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1 << 16];
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).expect("text");
            let mut answer = Answer { status: 0, head, text: String::new() };
            answer.status = answer.head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
            let length: usize = answer.header("content-length").map_or(0, |text| text.parse().expect("a length"));
            if bytes.len() >= at + 4 + length {
                answer.text = String::from_utf8(bytes[at + 4..at + 4 + length].to_vec()).expect("text");
                return answer;
            }
        }
        match stream.read(&mut chunk).expect("a reply in time") {
            0 => panic!("the connection ended early: {:?}", String::from_utf8_lossy(&bytes)),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

/// A backend over a workspace of its own.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) server: Server,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|store| store, Arc::new(SystemClock::new()), OpsPolicy::default())
    }

    pub(crate) fn with(store: impl FnOnce(Store) -> Store, clock: Arc<dyn Clock>, policy: OpsPolicy) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = store(Store::new(dir.path()));
        let policy = Box::new(move || Ok(policy.clone()));
        let ops = Arc::new(Ops::new(store.clone(), clock, policy));
        let options = ServeOptions { port: 0, body_limit: 4096, workers: 1, ..ServeOptions::default() };
        let server = Server::start(ops, &options).expect("serving");
        Self { dir, store, server }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None, &[])
    }

    pub(crate) fn post(&self, path: &str, body: Option<&str>) -> Answer {
        self.call("POST", path, body, &[])
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> Answer {
        raw(self.server.address(), request(method, path, body, headers).as_bytes())
    }
}

/// The text of a request; a header `host` replaces the usual one.
pub(crate) fn request(method: &str, path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        text.push_str("host: 127.0.0.1:8000\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    format!("{text}\r\n{}", body.unwrap_or_default())
}
