//! A server that speaks as much of the Bot API as a message needs, and remembers what it was told.

use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

/// The token in every address.
pub(crate) const TOKEN: &str = "4242424242:AAfake-token_for-tests-only";
/// Where messages go.
pub(crate) const CHAT: &str = "-1009988776655";

/// How the bot answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It takes every message.
    Fine,
    /// It answers with a status and `ok: false`.
    Status(u16),
    /// It takes the request and says nothing until the test ends.
    Hang,
}

#[derive(Debug)]
struct State {
    mood: Mood,
    requests: Vec<String>,
    ended: bool,
}

/// The server; it ends with the test.
#[derive(Debug)]
pub(crate) struct Bot {
    address: SocketAddr,
    shared: Arc<(Mutex<State>, Condvar)>,
}

fn lock(shared: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bot {
    pub(crate) fn new(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State { mood, requests: Vec::new(), ended: false };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let inner = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if lock(&inner).ended {
                    return;
                }
                let inner = Arc::clone(&inner);
                std::thread::spawn(move || serve(stream, &inner));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, mood: Mood) {
        lock(&self.shared).mood = mood;
    }

    /// The whole requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        lock(&self.shared).requests.clone()
    }

    /// Waits until there are so many requests.
    pub(crate) fn await_requests(&self, count: usize) {
        let few = |state: &mut State| state.requests.len() < count;
        let state = lock(&self.shared);
        let (state, late) =
            self.shared.1.wait_timeout_while(state, Duration::from_secs(30), few).expect("not poisoned");
        let met = state.requests.len();
        drop(state);
        assert!(!late.timed_out(), "{met} requests, {count} were due");
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        lock(&self.shared).ended = true;
        self.shared.1.notify_all();
        // Wakes the accepting thread.
        TcpStream::connect(self.address).ok();
    }
}

fn serve(mut stream: TcpStream, shared: &(Mutex<State>, Condvar)) {
    let Some(request) = read(&mut stream) else { return };
    let mood = {
        let mut state = lock(shared);
        state.requests.push(request);
        state.mood
    };
    shared.1.notify_all();
    let (status, body) = match mood {
        Mood::Fine => (200, r#"{"ok":true,"result":{"message_id":7}}"#.to_owned()),
        Mood::Status(429) => (
            429,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":17}}"#
                .to_owned(),
        ),
        Mood::Status(status) => (status, format!(r#"{{"ok":false,"error_code":{status},"description":"no"}}"#)),
        Mood::Hang => {
            let state = lock(shared);
            drop(shared.1.wait_timeout_while(state, Duration::from_secs(60), |state| !state.ended));
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // A client that has gone away is no concern of the server.
    stream.write_all(format!("{head}{body}").as_bytes()).ok();
}

fn read(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().filter_map(|line| line.split_once(':'));
            let length = length.filter(|(key, _)| key.eq_ignore_ascii_case("content-length")).map(|(_, value)| value);
            let length: usize = length.reduce(|_, last| last).and_then(|value| value.trim().parse().ok()).unwrap_or(0);
            if bytes.len() >= head.len() + 4 + length {
                return Some(text);
            }
        }
        match stream.read(&mut chunk).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(chunk.get(..read)?),
        }
    }
}
