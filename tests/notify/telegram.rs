//! The Bot API.

use daily_ops::notify::Channel;
use daily_ops::notify::Outgoing;
use daily_ops::notify::Sent;
use serde_json::Value;
use serde_json::json;

use crate::CHAT;
use crate::Failure;
use crate::HELLO;
use crate::LONG;
use crate::SHORT;
use crate::TOKEN;
use crate::failure;
use crate::fake::Act;
use crate::fake::Fake;
use crate::messenger;

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
}

#[test]
fn a_message_is_one_post_of_plain_text() {
    let fake = Fake::http(|_| Act::status(200, "", r#"{"ok":true,"result":{"message_id":7}}"#));
    let messenger = messenger(&format!("{}/", fake.url()), 1, LONG, &[]);
    assert_eq!(messenger.send(Channel::Telegram, HELLO), Sent::Delivered { http_status: Some(200) });
    let titled = Outgoing { title: "제목", text: "제목 그리고 더" };
    assert_eq!(messenger.send(Channel::Telegram, titled), Sent::Delivered { http_status: Some(200) });
    let long = "가".repeat(5000);
    let long = Outgoing { title: "", text: &long };
    assert_eq!(messenger.send(Channel::Telegram, long), Sent::Delivered { http_status: Some(200) });
    let seen = fake.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].starts_with(&format!("POST /bot{TOKEN}/sendMessage HTTP/1.1\r\n")), "{}", seen[0]);
    assert!(seen[0].to_lowercase().contains("content-type: application/json"));
    assert_eq!(body(&seen[0]), json!({"chat_id": CHAT, "text": "제목\n본문"}));
    assert_eq!(body(&seen[1])["text"], "제목 그리고 더");
    let text = body(&seen[2])["text"].as_str().expect("text").to_owned();
    assert_eq!((text.chars().count(), text.ends_with("가…")), (4096, true));
}

#[test]
fn each_answer_has_its_class_and_tells_no_secret() {
    let echo = format!("https://api.telegram.org/bot{TOKEN}/sendMessage planted {CHAT}");
    let said = |ok: Value| json!({"ok": ok, "error_code": 1, "description": echo.clone()}).to_string();
    let no = said(json!(false));
    let slow = json!({"ok": false, "description": echo, "parameters": {"retry_after": 17}}).to_string();
    let place = format!("location: http://127.0.0.1:1/{TOKEN}\r\n");
    let huge = format!("{{\"ok\":true,\"x\":\"{}\"}}", "x".repeat(200_000));
    let cases: Vec<(&str, Act, Failure)> = vec![
        ("ok false", Act::status(200, "", &no), (Some(200), "REJECTED", None)),
        ("bad request", Act::status(400, "", &no), (Some(400), "REJECTED", None)),
        ("bad token", Act::status(401, "", &no), (Some(401), "UNAUTHORIZED", None)),
        ("blocked", Act::status(403, "", &no), (Some(403), "REJECTED", None)),
        ("unknown token", Act::status(404, "", &no), (Some(404), "UNAUTHORIZED", None)),
        ("slow down", Act::status(429, "", &slow), (Some(429), "RATE_LIMITED", Some(17))),
        ("slow down, header", Act::status(429, "retry-after: 5\r\n", "x"), (Some(429), "RATE_LIMITED", Some(5))),
        ("slow down, no word", Act::status(429, "", ""), (Some(429), "RATE_LIMITED", None)),
        ("teapot", Act::status(418, "", &no), (Some(418), "REJECTED", None)),
        ("broken", Act::status(500, "", &no), (Some(500), "SERVER_ERROR", None)),
        ("gateway", Act::status(502, "", &echo), (Some(502), "SERVER_ERROR", None)),
        ("later", Act::status(503, "retry-after: 9\r\n", ""), (Some(503), "SERVER_ERROR", Some(9))),
        ("redirect", Act::status(302, &place, &echo), (Some(302), "RESPONSE_INVALID", None)),
        ("lasting redirect", Act::status(308, &place, ""), (Some(308), "RESPONSE_INVALID", None)),
        ("a page", Act::status(200, "", &format!("<html>{echo}")), (Some(200), "RESPONSE_INVALID", None)),
        ("nothing", Act::status(200, "", ""), (Some(200), "RESPONSE_INVALID", None)),
        ("ok as text", Act::status(200, "", &said(json!("true"))), (Some(200), "RESPONSE_INVALID", None)),
        ("list", Act::status(200, "", "[true]"), (Some(200), "RESPONSE_INVALID", None)),
        ("created", Act::status(201, "", r#"{"ok":true}"#), (Some(201), "RESPONSE_INVALID", None)),
        ("huge", Act::status(200, "", &huge), (Some(200), "RESPONSE_INVALID", None)),
        ("no HTTP", Act::Say(format!("{echo}\r\n\r\n").into_bytes()), (None, "RESPONSE_INVALID", None)),
        ("closed", Act::Say(Vec::new()), (None, "RESPONSE_INVALID", None)),
        (
            "half an answer",
            Act::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"ok\"".to_vec()),
            (Some(200), "RESPONSE_INVALID", None),
        ),
    ];
    for (name, act, want) in cases {
        let fake = Fake::http(move |_| act.clone());
        let sent = messenger(&fake.url(), 1, LONG, &[]).send(Channel::Telegram, HELLO);
        assert_eq!(failure(name, &sent), want, "{name}");
        assert_eq!(fake.seen().len(), 1, "{name}: called once, never again");
    }
}

#[test]
fn a_known_phrase_is_passed_on_and_nothing_around_it() {
    let fake =
        Fake::http(|_| Act::status(400, "", r#"{"ok":false,"description":"Bad Request: chat not found planted"}"#));
    let sent = messenger(&fake.url(), 1, LONG, &[]).send(Channel::Telegram, HELLO);
    failure("phrase", &sent);
    assert!(format!("{sent:?}").contains("chat not found"), "{sent:?}");
}

#[test]
fn a_silent_server_is_waited_for_once_and_the_outcome_is_unknown() {
    let started = b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{".to_vec();
    for (name, act, status) in [("no answer", Act::hang(), None), ("half", Act::SayAndHang(started), Some(200))] {
        let fake = Fake::http(move |_| act.clone());
        let sent = messenger(&fake.url(), 1, SHORT, &[]).send(Channel::Telegram, HELLO);
        assert_eq!(failure(name, &sent), (status, "TIMEOUT", None), "{name}");
        assert!(format!("{sent:?}").contains("unknown"), "{name}: {sent:?}");
        assert_eq!(fake.seen().len(), 1, "{name}");
    }
}

#[test]
fn a_server_that_is_not_there_is_a_connection_that_was_not_made() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let sent = messenger(&format!("http://127.0.0.1:{port}"), 1, LONG, &[]).send(Channel::Telegram, HELLO);
    assert_eq!(failure("refused", &sent), (None, "CONNECT", None));
}

#[test]
fn a_token_or_address_that_could_lead_elsewhere_is_not_used() {
    let fake = Fake::http(|_| Act::status(200, "", r#"{"ok":true}"#));
    for token in ["a/../planted", "planted@evil", "planted?x=", "planted#", "planted\u{e9}", "planted%2f"] {
        let sent = messenger(&fake.url(), 1, LONG, &[("TELEGRAM_BOT_TOKEN", token)]).send(Channel::Telegram, HELLO);
        assert_eq!(failure(token, &sent).1, "BAD_SECRET", "{token}");
    }
    for url in ["http://example.com", "http://127.0.0.1@example.com", "ftp://127.0.0.1", ""] {
        let sent = messenger(url, 1, LONG, &[]).send(Channel::Telegram, HELLO);
        assert_eq!(failure(url, &sent).1, "BAD_ADDRESS", "{url}");
    }
    assert!(fake.seen().is_empty());
}
