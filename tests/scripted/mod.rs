//! A backend that does what a test says: a thread, a port of its own, one reaction for each request.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// The value of `X-Daily-Ops-Run`.
    pub(crate) trace: Option<String>,
}

/// What goes out.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    /// A reply with this status and body.
    Reply(u16, Vec<u8>),
    /// These bytes, whatever they are, and the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, until the client has gone or the time is over.
    Hang(Duration),
}

/// A listening script.
pub(crate) struct Scripted {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    /// Serves for as long as the test's process lives.
    pub(crate) fn start(script: impl Fn(&Request) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (Arc::clone(&seen), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, script) = (Arc::clone(&log), Arc::clone(&script));
                thread::spawn(move || serve(stream, &log, &*script));
            }
        });
        Self { url, seen }
    }

    /// All requests since the last call.
    pub(crate) fn seen(&self) -> Vec<Request> {
        std::mem::take(&mut *self.seen.lock().expect("whole"))
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<Request>>, script: &dyn Fn(&Request) -> Reaction) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok();
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(read) => head.extend_from_slice(&chunk[..read]),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ');
    let mut word = || words.next().unwrap_or_default().to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("x-daily-ops-run").then(|| value.trim().to_owned())
    };
    let request = Request { method: word(), path: word(), trace: head.lines().find_map(header) };
    log.lock().expect("whole").push(request.clone());
    // A client that has gone does not want the rest.
    match script(&request) {
        Reaction::Reply(status, body) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)));
        }
        Reaction::Raw(bytes) => drop(stream.write_all(&bytes)),
        Reaction::Hang(time) => {
            stream.set_read_timeout(Some(time)).ok();
            drop(stream.read(&mut chunk));
        }
    }
}
