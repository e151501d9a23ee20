//! How streams end: by their client, by the limit, by the server's stop.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::client::raw;
use crate::client::request;
use crate::reader::Events;
use crate::reader::Host;
use crate::reader::until;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::json;

/// What a running request is given when the server stops.
const ORDINARY_GRACE: Duration = Duration::from_secs(10);

fn subscribers(host: &Host) -> u64 {
    host.bus().counters().subscribers()
}

fn many(host: &Host, count: usize) -> Vec<Events> {
    let mut all: Vec<_> = (0..count).map(|_| host.events("/events", "")).collect();
    for events in &mut all {
        events.hello();
    }
    all
}

#[test]
fn b06_twenty_streams_that_close_give_their_places_free_on_an_idle_server() {
    let host = Host::new(|settings| settings.heartbeat_seconds = 60);
    for _ in 0..3 {
        let all = many(&host, 20);
        assert_eq!(subscribers(&host), 20);
        drop(all);
        until("all places are free", || subscribers(&host) == 0);
    }
    let half = many(&host, 1);
    half[0].socket().shutdown(std::net::Shutdown::Write).expect("a FIN");
    until("a FIN is an end", || subscribers(&host) == 0);
}

#[test]
fn a_reset_gives_the_place_free() {
    let host = Host::new(|settings| settings.heartbeat_seconds = 60);
    let mut all = many(&host, 3);
    host.publish(100, 0);
    // Closing with unread bytes is a reset.
    until("the events are there", || all[0].socket().peek(&mut [0; 1]).is_ok_and(|read| read > 0));
    all.remove(0);
    until("one place is free", || subscribers(&host) == 2);
}

#[test]
fn a_client_that_takes_nothing_of_a_large_answer_is_cut_off_and_is_no_slow_subscriber() {
    let host = Host::new(|settings| (settings.slow_disconnect_seconds, settings.replay) = (1, 2000));
    host.publish(1000, 15 << 10);
    let reader = host.connect("GET /api/ops/events?limit=1000 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    until("it is cut off", || reader.take_error().is_ok_and(|fault| fault.is_some()));
    assert_eq!(host.bus().counters().slow_disconnects_total, 0);
}

#[test]
fn beyond_the_limit_a_stream_is_told_to_come_back_and_everything_else_works() {
    let host = Host::new(|settings| settings.streams = 3);
    let mut all = many(&host, 2);
    let mut socket = crate::sockets::dial(&host, "/ws/events");
    crate::sockets::say(&mut socket);
    for path in ["/events", "/events?last_event_id=0"] {
        let answer = raw(host.server().address(), request("GET", path, None, &[]).as_bytes());
        let reply = answer.json();
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{reply}");
        assert_eq!((&reply["code"], &reply["contract_version"]), (&json!("TOO_MANY_SUBSCRIBERS"), &json!("v1")));
        assert!(reply["trace_id"].is_null() && reply["error"]["message"].is_string(), "{reply}");
    }
    assert_eq!(host.bus().counters().rejected_connections_total, 2);
    let answer = raw(host.server().address(), request("GET", "/health", None, &[]).as_bytes());
    assert_ne!(answer.status, 503, "{}", answer.text);
    all.pop();
    until("a place is free", || subscribers(&host) == 2);
    many(&host, 1);
}

#[test]
fn streams_leave_ordinary_requests_their_own_places() {
    let host = Host::with_workers(2, |settings| settings.streams = 300);
    let _all = many(&host, 300);
    let answer = raw(host.server().address(), request("GET", "/api/kill_switch", None, &[]).as_bytes());
    assert!(answer.status < 500, "{}", answer.text);
    let stop = request("POST", "/api/emergency_stop", Some(r#"{"enabled":true,"reason":"r"}"#), &[]);
    assert_eq!(raw(host.server().address(), stop.as_bytes()).status, 200);
}

#[test]
fn a_stop_ends_a_hundred_streams_with_a_last_word_and_does_not_wait_for_those_that_hang() {
    for workers in [1, 2] {
        let mut host = Host::with_workers(workers, |_| {});
        let mut hung = host.events("/events", "");
        hung.hello();
        until("it takes no more", || {
            host.publish(100, 16_000);
            host.bus().counters().drop_count > 0
        });
        let mut all = many(&host, 100);
        let server = host.server.take().expect("it runs");
        let clock = SystemClock::new();
        let begun = clock.monotonic();
        server.stop();
        assert!(clock.monotonic() - begun < ORDINARY_GRACE, "those that hang are not given as long as a request");
        for events in &mut all {
            let mut last = events.next().expect("a last word");
            while last.is("heartbeat") {
                last = events.next().expect("a last word");
            }
            assert!(last.is("shutdown") && last.id.is_none(), "{last:?}");
            assert_eq!(last.data["reason"], "server_stopping");
            assert!(last.data["ts"].is_i64());
            assert!(events.next().is_none() && events.is_over(), "the end is in order");
        }
    }
}

#[test]
fn a_client_that_says_more_after_its_request_is_still_served() {
    let host = Host::new(|settings| settings.heartbeat_seconds = 1);
    let mut stream: TcpStream = host.connect("GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
    let mut events = Events::over(stream);
    events.hello();
    host.publish(1, 0);
    assert_eq!(events.news().id, Some(1));
    drop(events);
    until("the place is free", || subscribers(&host) == 0);
}

#[test]
fn a_client_that_said_more_after_its_request_is_seen_to_go_although_nothing_is_written() {
    // No heartbeat comes within the time that anything is waited for, so only reading can tell.
    let host = Host::new(|settings| settings.heartbeat_seconds = 60);
    let head = "GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let next = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let filling = "x".repeat(20_000);
    for (name, at_once, later) in [
        ("in one go", format!("{head}{next}"), String::new()),
        ("half a request", format!("{head}GET /hea"), String::new()),
        ("later", head.to_owned(), next.to_owned()),
        ("twice", format!("{head}{next}"), next.repeat(9)),
        ("more than is kept", format!("{head}{next}"), filling),
    ] {
        let mut events = Events::over(host.connect(&at_once));
        events.hello();
        events.socket().write_all(later.as_bytes()).expect("sent");
        assert_eq!(subscribers(&host), 1, "{name}");
        events.socket().shutdown(std::net::Shutdown::Write).expect("a FIN");
        until(name, || subscribers(&host) == 0);
        let all = many(&host, 1);
        all[0].socket().write_all(at_once.as_bytes()).expect("sent");
        drop(all);
        until(name, || subscribers(&host) == 0);
    }
}

#[test]
fn a_client_that_never_stops_talking_loses_its_stream() {
    let host = Host::new(|settings| settings.heartbeat_seconds = 60);
    let mut events = many(&host, 1).remove(0);
    let chunk = [b'x'; 1 << 16];
    // Whatever fits into the sockets, it ends: with a reset, or because nobody takes more.
    until("it is cut off", || events.socket().write_all(&chunk).is_err() || subscribers(&host) == 0);
    until("the place is free", || subscribers(&host) == 0);
    events.read(1);
}
