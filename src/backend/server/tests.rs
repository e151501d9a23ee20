//! What holds for every connection: nobody holds a place for ever, and a stop waits for nobody who sends or reads nothing.

use super::*;
use crate::ops::OpsPolicy;
use crate::store::Store;
use crate::store::layout;
use crate::time::SystemClock;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream as StdStream;

fn served(limits: Limits) -> (tempfile::TempDir, Store, Server) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let policy = Box::new(|| Ok(OpsPolicy::default()));
    let ops = Arc::new(Ops::new(store.clone(), Arc::new(SystemClock::new()), policy));
    let options = ServeOptions { port: 0, workers: 1, ..ServeOptions::default() };
    let server = Server::start_within(ops, &options, limits).expect("serving");
    (dir, store, server)
}

fn connect(server: &Server, text: &str) -> StdStream {
    let mut stream = StdStream::connect(server.address()).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    stream.write_all(text.as_bytes()).expect("sent");
    stream
}

fn rest(mut stream: StdStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    stream.read_to_end(&mut bytes).ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_client_that_sends_nothing_or_half_is_cut_off() {
    assert!(Limits::default().header <= Duration::from_secs(10), "silent clients give their places back soon");
    let (_dir, _store, server) = served(Limits { header: SHORT * 10, ..Limits::default() });
    for (name, text) in [
        ("nothing", ""),
        ("half a header", "GET /health HTTP/1.1\r\nhost: loc"),
        ("idle after a request", "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    ] {
        let answer = rest(connect(&server, text));
        assert_eq!(answer.contains("200 OK"), name.starts_with("idle"), "{name}: {answer}");
    }
}

#[test]
fn a_body_that_does_not_arrive_is_a_timeout() {
    let (_dir, _store, server) = served(Limits { body: SHORT, ..Limits::default() });
    let head = "POST /api/emergency_stop HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{";
    let answer = rest(connect(&server, head));
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("BODY_TOO_SLOW"), "{answer}");
}

#[test]
fn a_third_slow_request_is_told_to_come_back_and_the_emergency_stop_waits_for_none() {
    let (_dir, store, server) = served(Limits { turn: SHORT, ..Limits::default() });
    // Whoever sends holds this lock during its call.
    let held = store.exclusive(layout::PUSH_LOCK).expect("locked");
    let head = "HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length:";
    let (say, told) = std::sync::mpsc::channel();
    for _ in 0..3 {
        let stream = connect(&server, &format!("POST /api/secrets/self_test/run?confirm=true {head} 0\r\n\r\n"));
        let say = say.clone();
        std::thread::spawn(move || say.send(rest(stream)));
    }
    let wait = Duration::from_secs(20);
    let first = told.recv_timeout(wait).expect("a reply");
    assert!(first.starts_with("HTTP/1.1 503") && first.contains("\"BUSY\""), "{first}");
    assert!(first.contains("retry-after: 10"), "{first}");
    let body = r#"{"enabled":true,"reason":"r"}"#;
    let stop = format!("POST /api/emergency_stop {head} {}\r\n\r\n{body}", body.len());
    let stopped = rest(connect(&server, &stop));
    assert!(stopped.starts_with("HTTP/1.1 200"), "{stopped}");
    drop(held);
    for _ in 0..2 {
        let answer = told.recv_timeout(wait).expect("a reply");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn an_old_connection_is_closed() {
    let (_dir, _store, server) = served(Limits { life: SHORT, ..Limits::default() });
    assert_eq!(rest(connect(&server, "")), "");
}

#[test]
fn a_request_that_is_not_here_whole_does_not_hold_up_the_stop() {
    let long = Duration::from_secs(600);
    let limits = Limits { header: long, body: long, grace: long, unheard: SHORT, ..Limits::default() };
    let (_dir, _store, server) = served(limits);
    let whole = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let post = "POST /api/emergency_stop HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{";
    let half = "GET /health HTTP/1.1\r\nhost: loc";
    let mut streams = [half, post, &format!("{whole}{half}")].map(|text| connect(&server, text));
    streams[2].read_exact(&mut [0; 64]).expect("the first reply begins");
    let (say, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        server.stop();
        say.send(()).ok();
    });
    told.recv_timeout(Duration::from_secs(60)).expect("stopped long before the grace is over");
    for stream in streams {
        rest(stream);
    }
}

#[test]
fn a_handler_at_work_keeps_its_grace_when_the_server_stops() {
    let (_dir, store, server) = served(Limits { unheard: SHORT, ..Limits::default() });
    // Whoever sends holds this lock during its call.
    let held = store.exclusive(layout::PUSH_LOCK).expect("locked");
    let head = "HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let at_work =
        connect(&server, &format!("POST /api/secrets/self_test/run?confirm=true {head}content-length: 0\r\n\r\n"));
    assert!(rest(connect(&server, &format!("GET /health {head}\r\n"))).starts_with("HTTP/1.1 200"));
    let half = connect(&server, "GET /health HTTP/1.1\r\n");
    let stopping = std::thread::spawn(move || server.stop());
    assert_eq!(rest(half), "", "cut off");
    drop(held);
    stopping.join().expect("stopped");
    assert!(rest(at_work).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_client_that_never_reads_does_not_hold_up_the_stop() {
    let (_dir, store, server) = served(Limits { grace: SHORT, ..Limits::default() });
    let large = format!(r#"{{"schema":"OPS_SUMMARY_V1","x":"{}"}}"#, "x".repeat(16 << 20));
    store.write(layout::SUMMARY.latest, large.as_bytes()).expect("written");
    let mut stream = connect(&server, "GET /api/ops/summary/latest HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.read_exact(&mut [0; 64]).expect("the reply begins");
    server.stop();
    assert!(rest(stream).len() < large.len(), "it was cut off");
}
