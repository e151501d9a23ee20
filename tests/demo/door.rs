//! A door before a server: it passes everything on but the requests that a test wants answered otherwise.

use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// What stands in for the server's answer to one request.
#[derive(Clone, Debug)]
pub(crate) enum Instead {
    /// These bytes, and the connection is closed.
    Say(String),
    /// These bytes, and nothing after them.
    SayAndHold(String),
    /// One text after the other, by the number of requests so far.
    Turns(Arc<AtomicU64>, fn(u64) -> String),
    /// Nothing at all.
    Hold,
    /// The server's answer, which is lost on the way.
    Lose,
    /// The server's answer, after something was done.
    After(Act),
}

/// Something that is done.
#[derive(Clone)]
pub(crate) struct Act(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Act")
    }
}

/// A request line's beginning, and what is answered.
pub(crate) type Rule = (&'static str, Instead);

/// An HTTP answer.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Instead {
    Instead::Say(text(status, headers, body))
}

/// The bytes of an HTTP answer.
pub(crate) fn text(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
}

/// Opens a door with rules; it stays open until the process ends.
pub(crate) fn open(server: SocketAddr, rules: Vec<Rule>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let rules = rules.clone();
            std::thread::spawn(move || pass(client, server, &rules));
        }
    });
    address
}

/// Passes one connection on. Either side may go at any time, which ends it.
fn pass(mut client: TcpStream, server: SocketAddr, rules: &[Rule]) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(client.read(&mut byte), Ok(1)) {
            return;
        }
        head.push(byte[0]);
    }
    let line = String::from_utf8_lossy(&head).into_owned();
    let rule = rules.iter().find(|(start, _)| line.starts_with(start)).map(|(_, instead)| instead);
    let is_lost = matches!(rule, Some(Instead::Lose));
    if let Some(Instead::After(act)) = rule {
        (act.0)();
    }
    if let Some(instead) = rule.filter(|rule| !matches!(rule, Instead::Lose | Instead::After(_))) {
        if let Instead::Say(text) | Instead::SayAndHold(text) = instead {
            client.write_all(text.as_bytes()).ok();
        }
        if let Instead::Turns(turn, text) = instead {
            client.write_all(text(turn.fetch_add(1, Ordering::SeqCst)).as_bytes()).ok();
            return;
        }
        if !matches!(instead, Instead::Say(_)) {
            // Until the visitor gives up.
            std::io::copy(&mut client, &mut std::io::sink()).ok();
        }
        return;
    }
    let Ok(mut upstream) = TcpStream::connect(server) else { return };
    if upstream.write_all(&head).is_err() {
        return;
    }
    let (Ok(mut from), Ok(mut to)) = (client.try_clone(), upstream.try_clone()) else { return };
    let there = std::thread::spawn(move || {
        std::io::copy(&mut from, &mut to).ok();
        to.shutdown(std::net::Shutdown::Both).ok();
    });
    if is_lost {
        std::io::copy(&mut upstream, &mut std::io::sink()).ok();
        return;
    }
    std::io::copy(&mut upstream, &mut client).ok();
    client.shutdown(std::net::Shutdown::Both).ok();
    there.join().expect("the way back");
}
