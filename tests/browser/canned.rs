//! A server before the real one that gives some answers itself: those that only an engine would give, and those that a
//! broken service gives. Everything else goes on to the real one.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;

use crate::lab;

/// What is said in place of the real server.
#[derive(Clone)]
pub(crate) enum Reply {
    /// This, as JSON.
    Says(Value),
    /// That it failed.
    Fails,
    /// Nothing: the connection ends.
    BreaksOff,
    /// Nothing, for as long as the browser waits.
    IsSilent,
    /// An event stream that opens and never has a frame.
    Streams,
}

/// The server before the real one.
#[derive(Clone)]
pub(crate) struct Canned {
    address: SocketAddr,
    clock: Arc<SystemClock>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// By method and path.
    replies: BTreeMap<&'static str, Reply>,
    /// Which of them was asked for, and when.
    asked: Vec<(&'static str, Duration)>,
}

impl Canned {
    /// Stands before the server at `real`.
    pub(crate) fn before(real: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = listener.local_addr().expect("an address");
        let state = State { replies: BTreeMap::new(), asked: Vec::new() };
        let canned = Self { address, clock: Arc::new(SystemClock::new()), state: Arc::new(Mutex::new(state)) };
        let keeper = canned.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let keeper = keeper.clone();
                std::thread::spawn(move || keeper.answer(stream, real));
            }
        });
        canned
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives this answer to `what`, such as `GET /health`, from now on.
    pub(crate) fn set(&self, what: &'static str, reply: Reply) {
        self.state.lock().expect("whole").replies.insert(what, reply);
    }

    /// Lets the real server answer again.
    pub(crate) fn unset(&self, what: &'static str) {
        self.state.lock().expect("whole").replies.remove(what);
    }

    /// When `what` was asked for while it had an answer here.
    pub(crate) fn asked(&self, what: &str) -> Vec<Duration> {
        let state = self.state.lock().expect("whole");
        state.asked.iter().filter(|(asked, _)| *asked == what).map(|(_, at)| *at).collect()
    }

    fn answer(&self, mut visitor: TcpStream, real: SocketAddr) {
        let Some(request) = lab::head(&mut visitor) else { return };
        let text = String::from_utf8_lossy(&request).into_owned();
        let what = text.split([' ', '?']).take(2).collect::<Vec<_>>().join(" ");
        let reply = {
            let mut state = self.state.lock().expect("whole");
            let found = state.replies.get_key_value(what.as_str()).map(|(what, reply)| (*what, reply.clone()));
            state.asked.extend(found.iter().map(|(what, _)| (*what, self.clock.monotonic())));
            found.map(|(_, reply)| reply)
        };
        match reply {
            Some(reply) => say(&mut visitor, &reply),
            None => forward(visitor, &text, real),
        }
    }
}

fn say(visitor: &mut TcpStream, reply: &Reply) {
    let json = |status: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    };
    let text = match reply {
        Reply::Says(body) => json("200 OK", &body.to_string()),
        Reply::Fails => json("500 Internal Server Error", r#"{"error":"broken","code":"INTERNAL"}"#),
        Reply::IsSilent | Reply::BreaksOff => String::new(),
        Reply::Streams => "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_owned(),
    };
    visitor.write_all(text.as_bytes()).ok();
    if matches!(reply, Reply::IsSilent | Reply::Streams) {
        // Until the browser gives up.
        visitor.read_to_end(&mut Vec::new()).ok();
    }
}

/// Hands one request on, with an end after its answer, so that the next one is looked at again.
fn forward(visitor: TcpStream, request: &str, real: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(real) else { return };
    let request = request.replacen("Connection: keep-alive", "Connection: close", 1);
    server.write_all(request.as_bytes()).ok();
    let (from, to) = (visitor.try_clone().expect("cloned"), server.try_clone().expect("cloned"));
    std::thread::spawn(move || lab::pass(from, to, &AtomicBool::new(false)));
    lab::pass(server, visitor, &AtomicBool::new(false));
}
