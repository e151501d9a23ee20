//! A webhook.

use daily_ops::notify::Channel;
use daily_ops::notify::Sent;
use serde_json::json;

use crate::Failure;
use crate::HELLO;
use crate::HOOK;
use crate::LONG;
use crate::SHORT;
use crate::failure;
use crate::fake::Act;
use crate::fake::Fake;
use crate::messenger;

#[test]
fn a_message_is_one_post_to_the_address() {
    for (status, said) in [(200, "ok"), (200, "OK\n"), (200, ""), (200, r#"{"success":true}"#), (204, "")] {
        let fake = Fake::http(move |_| Act::status(status, "", said));
        let sent = messenger(&fake.url(), 1, LONG, &[]).send(Channel::Slack, HELLO);
        assert_eq!(sent, Sent::Delivered { http_status: Some(status) }, "{said}");
        let seen = fake.seen();
        assert!(seen[0].starts_with(&format!("POST {HOOK} HTTP/1.1\r\n")));
        assert!(seen[0].ends_with(&json!({"text": "제목\n본문"}).to_string()), "{}", seen[0]);
    }
}

#[test]
fn each_answer_has_its_class_and_tells_no_secret() {
    let echo = format!("planted {HOOK}");
    let place = format!("location: {HOOK}/again\r\n");
    let cases: Vec<(&str, Act, Failure)> = vec![
        ("bad payload", Act::status(400, "", &echo), (Some(400), "REJECTED", None)),
        ("forbidden", Act::status(403, "", &echo), (Some(403), "REJECTED", None)),
        ("unknown", Act::status(404, "", &echo), (Some(404), "UNAUTHORIZED", None)),
        ("gone", Act::status(410, "", &echo), (Some(410), "REJECTED", None)),
        ("slow down", Act::status(429, "retry-after: 30\r\n", &echo), (Some(429), "RATE_LIMITED", Some(30))),
        ("odd wait", Act::status(429, "retry-after: Wed, 21 Oct\r\n", ""), (Some(429), "RATE_LIMITED", None)),
        ("broken", Act::status(500, "", &echo), (Some(500), "SERVER_ERROR", None)),
        ("redirect", Act::status(307, &place, ""), (Some(307), "RESPONSE_INVALID", None)),
        ("a page", Act::status(200, "", "<html>"), (Some(200), "RESPONSE_INVALID", None)),
        ("no", Act::status(200, "", r#"{"ok":false}"#), (Some(200), "RESPONSE_INVALID", None)),
        ("closed", Act::Say(Vec::new()), (None, "RESPONSE_INVALID", None)),
    ];
    for (name, act, want) in cases {
        let fake = Fake::http(move |_| act.clone());
        let sent = messenger(&fake.url(), 1, LONG, &[]).send(Channel::Slack, HELLO);
        assert_eq!(failure(name, &sent), want, "{name}");
        assert_eq!(fake.seen().len(), 1, "{name}");
    }
    let fake = Fake::http(|_| Act::hang());
    let sent = messenger(&fake.url(), 1, SHORT, &[]).send(Channel::Slack, HELLO);
    assert_eq!(failure("silence", &sent), (None, "TIMEOUT", None));
}

#[test]
fn an_address_in_the_open_is_not_used() {
    for url in ["http://example.com/planted", "https://user@example.com/planted", "planted", "file:///planted"] {
        let sent = messenger("x", 1, LONG, &[("SLACK_WEBHOOK_URL", url)]).send(Channel::Slack, HELLO);
        assert_eq!(failure(url, &sent).1, "BAD_SECRET");
    }
}
