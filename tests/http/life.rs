//! Connections, panics, stopping, starting.

use crate::STOP;
use crate::SUMMARY;
use crate::client::Site;
use crate::client::raw;
use crate::client::receive;
use crate::client::request;
use crate::refusals::problem;
use daily_ops::backend::ServeFault;
use daily_ops::backend::ServeOptions;
use daily_ops::backend::Server;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::store::Store;
use daily_ops::time::SystemClock;
use serde_json::json;
use std::io::Read as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn a_connection_serves_many_requests_and_a_broken_one_hurts_nobody() {
    let site = Site::new();
    let mut stream = TcpStream::connect(site.server.address()).expect("connected");
    // Halves of requests that never end.
    let _half: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(site.server.address()).expect("connected");
            stream
                .write_all(b"POST /api/emergency_stop HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{")
                .expect("sent");
            stream
        })
        .collect();
    for _ in 0..50 {
        stream.write_all(request("GET", SUMMARY, None, &[]).as_bytes()).expect("sent");
        assert_eq!(receive(&mut stream).status, 200);
    }
    let mut broken = TcpStream::connect(site.server.address()).expect("connected");
    broken.write_all(b"\x16\x03\x01 no http\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    broken.read_to_end(&mut answer).ok();
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{:?}", String::from_utf8_lossy(&answer));
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(40_000));
    assert!(matches!(raw(site.server.address(), long.as_bytes()).status, 414 | 431));
    assert_eq!(site.get(SUMMARY).status, 200);
}

#[test]
fn a_panic_in_a_handler_is_a_reply_and_the_server_lives() {
    let panics = |store: Store| store.observed_by(Arc::new(|_| panic!("a defect of this test")));
    let site = Site::with(panics, Arc::new(SystemClock::new()), OpsPolicy::default());
    for _ in 0..3 {
        let answer = site.post(STOP, Some(r#"{"enabled":false}"#));
        assert_eq!(problem(&answer), (500, "INTERNAL_ERROR".to_owned()));
        assert_eq!(site.get(SUMMARY).status, 200);
    }
}

/// A store whose writes wait until they are let go, and what says that one has begun.
fn waiting(store: Store) -> (Store, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (begun, has_begun) = mpsc::channel();
    let (let_go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let observer = move |_: &std::path::Path| {
        begun.send(()).ok();
        wait.lock().expect("not poisoned").recv().ok();
    };
    (store.observed_by(Arc::new(observer)), has_begun, let_go)
}

#[test]
fn stopping_lets_the_running_request_end_and_takes_no_new_one() {
    let mut parts = None;
    let wait = |store: Store| {
        let (store, begun, let_go) = waiting(store);
        parts = Some((begun, let_go));
        store
    };
    let site = Site::with(wait, Arc::new(SystemClock::new()), OpsPolicy::default());
    let (begun, let_go) = parts.expect("made");
    let address = site.server.address();
    let mut idle = TcpStream::connect(address).expect("connected");
    idle.write_all(request("GET", SUMMARY, None, &[]).as_bytes()).expect("sent");
    assert_eq!(receive(&mut idle).status, 200);
    let running =
        std::thread::spawn(move || raw(address, request("POST", STOP, Some(r#"{"enabled":false}"#), &[]).as_bytes()));
    begun.recv_timeout(Duration::from_secs(10)).expect("the write has begun");
    let Site { dir: _dir, server, .. } = site;
    let (stop, stopped) = mpsc::channel();
    let stopping = std::thread::spawn(move || server.wait_for(&stopped));
    stop.send(()).expect("sent");
    // The idle connection ends at once; by then the server takes no more.
    assert_eq!(idle.read(&mut [0; 64]).expect("ended, not reset"), 0);
    assert!(!stopping.is_finished(), "the running request is waited for");
    drop(let_go);
    assert_eq!(running.join().expect("an answer").status, 200);
    stopping.join().expect("stopped");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_second_cycle_is_told_that_one_is_running() {
    let mut parts = None;
    let wait = |store: Store| {
        let (store, begun, let_go) = waiting(store);
        parts = Some((begun, let_go));
        store
    };
    let site = Site::with(wait, Arc::new(SystemClock::new()), OpsPolicy::default());
    let (begun, let_go) = parts.expect("made");
    let address = site.server.address();
    let run = "/api/live/cycle/run?confirm=true";
    let first = std::thread::spawn(move || raw(address, request("POST", run, None, &[]).as_bytes()));
    begun.recv_timeout(Duration::from_secs(10)).expect("the cycle writes");
    let second = site.post(run, None);
    let reply = second.json();
    assert_eq!((second.status, &reply["result"]), (409, &json!("CONFLICT")), "{reply}");
    assert!(reply["message"].is_string());
    drop(let_go);
    assert_eq!(first.join().expect("an answer").status, 200);
    assert_eq!(site.post(run, None).status, 200, "the lock is free again");
}

#[test]
fn a_taken_port_and_a_foreign_address_are_explained() {
    let site = Site::new();
    let ops =
        || Arc::new(Ops::new(site.store.clone(), Arc::new(SystemClock::new()), Box::new(|| Ok(OpsPolicy::default()))));
    let port = site.server.address().port();
    let fault = Server::start(ops(), &ServeOptions { port, ..ServeOptions::default() }).expect_err("taken");
    let text = fault.to_string();
    assert!(matches!(fault, ServeFault::PortInUse { .. }));
    assert!(
        text.contains(&port.to_string()) && text.contains("service manager") && text.contains("daily_ops serve"),
        "{text}"
    );
    assert!(!text.contains("--port") && !text.contains("another port"), "no second backend is suggested: {text}");
    for host in ["0.0.0.0", "10.0.0.1", "::"] {
        let host: IpAddr = host.parse().expect("an address");
        let fault =
            Server::start(ops(), &ServeOptions { host, port: 0, ..ServeOptions::default() }).expect_err("refused");
        assert!(matches!(fault, ServeFault::NotLoopback { .. }) && fault.to_string().contains(&host.to_string()));
    }
    assert_eq!(site.server.url(), format!("http://127.0.0.1:{port}"));
}
