//! The WebSocket: the same events, and every way in which it ends.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::reader::Host;
use crate::reader::Ledger;
use crate::reader::PATIENCE;
use crate::reader::until;
use daily_ops::time::Clock as _;
use daily_ops::time::SystemClock;
use serde_json::Value;
use serde_json::json;
use tungstenite::Error;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::frame::coding::CloseCode;

pub(crate) type Client = WebSocket<TcpStream>;

pub(crate) fn dial(host: &Host, path: &str) -> Client {
    let stream = TcpStream::connect(host.server().address()).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let url = format!("ws://{}{path}", host.server().address());
    let request = url.into_client_request().expect("a request");
    tungstenite::client(request, stream).expect("upgraded").0
}

/// The next text message.
pub(crate) fn say(client: &mut Client) -> Value {
    loop {
        match client.read().expect("the stream goes on") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Ping(_) | Message::Pong(_) => {}
            other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => panic!("{other:?}"),
        }
    }
}

/// The close code that the server sent.
fn farewell(client: &mut Client) -> CloseCode {
    loop {
        match client.read() {
            Ok(Message::Close(frame)) => return frame.expect("a reason").code,
            Ok(_) => {}
            Err(fault) => panic!("{fault}"),
        }
    }
}

fn gone(host: &Host) {
    until("the place is free", || host.bus().counters().subscribers() == 0);
}

#[test]
fn a05_both_addresses_carry_hello_and_each_event_once_as_a_text_message() {
    let host = Host::new(|settings| settings.heartbeat_seconds = 1);
    host.publish(2, 0);
    for path in ["/api/ws/events", "/ws/events"] {
        let mut client = dial(&host, path);
        let hello = say(&mut client);
        let last = host.bus().ids().last;
        assert_eq!((&hello["type"], &hello["last_id"]), (&json!("ws_hello"), &json!(last)));
        assert_eq!((&hello["contract_version"], &hello["heartbeat_sec"]), (&json!("v1"), &json!(1)));
        assert_eq!(hello["replay"]["requested_after"], Value::Null);
        host.publish(3, 0);
        for frame in &host.bus().recent()[usize::try_from(last).expect("few")..] {
            assert_eq!(say(&mut client), serde_json::from_slice::<Value>(&frame.line).expect("JSON"));
        }
        let beat = say(&mut client);
        assert_eq!(
            (&beat["type"], &beat["severity"], &beat["msg"], &beat["last_id"]),
            (&json!("ws_heartbeat"), &json!("info"), &json!("heartbeat"), &json!(last + 3))
        );
        assert!(beat["ts"].is_i64(), "{beat}");
        assert_eq!(host.bus().counters().subscribers_ws, 1);
        // A message is counted when it was sent, which may be after it was read.
        until("all are counted", || {
            let counters = host.bus().counters();
            counters.ws_messages_total >= 5 && counters.deliveries_ws_total >= 3
        });
        client.close(None).expect("sent");
        gone(&host);
    }
}

#[test]
fn b02_a_replay_by_websocket_goes_on_after_the_id_and_tells_the_gap() {
    let host = Host::new(|settings| settings.replay = 10);
    host.publish(50, 0);
    let mut client = dial(&host, "/api/ws/events?last_event_id=35");
    let hello = say(&mut client);
    let want = json!({"requested_after": 35, "replayed": 10, "gap": true, "missed": 5, "reset": false});
    assert_eq!(hello["replay"], want);
    let gap = say(&mut client);
    let want = json!({"type": "ws_gap", "from_id": 36, "to_id": 40, "missed": 5, "reason": "replay_evicted"});
    assert_eq!(gap, want);
    host.publish(1, 0);
    for id in 41..=51 {
        assert_eq!(say(&mut client)["id"], json!(id));
    }
}

#[test]
fn what_a_client_says_is_ignored_unless_it_is_too_much() {
    let host = Host::new(|_| {});
    let mut client = dial(&host, "/api/ws/events");
    say(&mut client);
    client.send(Message::text("hello")).expect("sent");
    client.send(Message::binary(vec![0; 4096])).expect("sent");
    client.send(Message::Ping(Vec::new().into())).expect("sent");
    host.publish(1, 0);
    assert_eq!(say(&mut client)["id"], json!(1));
    for length in [4097, 1 << 20] {
        let mut client = dial(&host, "/api/ws/events");
        say(&mut client);
        // The server may hang up before it was all sent; what it said is there to be read.
        client.send(Message::text("x".repeat(length))).ok();
        assert_eq!(farewell(&mut client), CloseCode::Size, "{length}");
    }
    until("only the first is left", || host.bus().counters().subscribers() == 1);
}

#[test]
fn a_client_that_closes_or_vanishes_gives_its_place_free() {
    let host = Host::new(|_| {});
    let mut polite = dial(&host, "/api/ws/events");
    say(&mut polite);
    polite.close(None).expect("sent");
    gone(&host);
    let mut abrupt = dial(&host, "/api/ws/events");
    say(&mut abrupt);
    drop(abrupt);
    gone(&host);
    let mut half = dial(&host, "/api/ws/events");
    say(&mut half);
    half.get_ref().shutdown(std::net::Shutdown::Write).expect("a FIN");
    gone(&host);
    let mut rude = dial(&host, "/api/ws/events");
    say(&mut rude);
    rude.get_mut().write_all(b"GET / HTTP/1.1\r\n\r\n").expect("sent");
    assert_eq!(farewell(&mut rude), CloseCode::Protocol);
    gone(&host);
}

#[test]
fn a_client_that_answers_no_ping_is_cut_off_and_one_that_answers_stays() {
    let (ping, pong) = (Duration::from_millis(200), Duration::from_secs(1));
    let host = Host::with_options(1, |dash| (dash.ping_every, dash.pong_within) = (ping, pong));
    let clock = SystemClock::new();
    let mut silent = dial(&host, "/api/ws/events");
    let mut lively = dial(&host, "/api/ws/events");
    // Who reads answers: the pong leaves with the next read.
    let mut pings = 0;
    while pings < 3 || host.bus().counters().subscribers_ws == 2 {
        pings += u32::from(matches!(lively.read().expect("the stream goes on"), Message::Ping(_)));
    }
    assert!(clock.monotonic() >= ping + pong, "it had its time");
    let end = std::iter::repeat_with(|| silent.read()).find_map(Result::err).expect("an end");
    assert!(matches!(end, Error::Io(_) | Error::Protocol(_)), "no farewell to one that does not listen: {end}");
    host.publish(1, 0);
    let id = std::iter::repeat_with(|| say(&mut lively)).find_map(|said| said["id"].as_u64());
    assert_eq!((id, host.bus().counters().subscribers_ws), (Some(1), 1));
}

#[test]
fn a_stop_says_so_and_closes_with_1001() {
    let mut host = Host::new(|_| {});
    let mut client = dial(&host, "/api/ws/events");
    say(&mut client);
    let server = host.server.take().expect("it runs");
    let stopping = std::thread::spawn(move || server.stop());
    let last = say(&mut client);
    assert_eq!((&last["type"], &last["reason"]), (&json!("ws_shutdown"), &json!("server_stopping")));
    assert_eq!(farewell(&mut client), CloseCode::Away);
    stopping.join().expect("stopped");
}

#[test]
fn a_request_that_is_no_upgrade_is_told_what_is_spoken_here() {
    let host = Host::new(|_| {});
    let request = crate::client::request("GET", "/api/ws/events", None, &[]);
    let answer = crate::client::raw(host.server().address(), request.as_bytes());
    assert_eq!((answer.status, &answer.json()["code"]), (426, &json!("UPGRADE_REQUIRED")));
    assert_eq!(host.bus().counters().subscribers(), 0);
    let url = format!("ws://{}/api/ws/events", host.server().address());
    let mut request = url.into_client_request().expect("a request");
    request.headers_mut().insert("origin", "https://elsewhere.example".parse().expect("a value"));
    let stream = TcpStream::connect(host.server().address()).expect("connected");
    let fault = tungstenite::client(request, stream).expect_err("refused").to_string();
    assert!(fault.contains("403"), "{fault}");
    let mut ledger = Ledger::default();
    let mut events = host.events("/events", "");
    ledger.take(&events.hello());
}
