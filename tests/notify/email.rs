//! Mail.

use daily_ops::notify::Channel;
use daily_ops::notify::Messenger;
use daily_ops::notify::Outgoing;
use daily_ops::notify::Sent;
use daily_ops::settings::SmtpTls;

use crate::Failure;
use crate::HELLO;
use crate::LONG;
use crate::SHORT;
use crate::failure;
use crate::fake::Fake;
use crate::fake::Smtp;
use crate::is_silent;
use crate::messenger;

fn to(fake: &Fake) -> Messenger {
    messenger("http://127.0.0.1:1", fake.address.port(), LONG, &[])
}

#[test]
fn a_mail_goes_from_the_user_to_every_address() {
    let fake = Fake::smtp(Smtp::GOOD);
    let sent =
        to(&fake).send(Channel::Email, Outgoing { title: "Daily status\r\nBcc: evil@example.com", text: "body" });
    assert_eq!(sent, Sent::Delivered { http_status: None });
    let seen = fake.seen();
    let count = |start: &str| seen.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(count("MAIL FROM:<ops@example.com>"), 1, "{seen:?}");
    assert_eq!((count("RCPT TO:<a@example.com>"), count("RCPT TO:<b@example.com>"), count("RCPT")), (1, 1, 2));
    assert_eq!((count("Subject: Daily status"), count("Bcc:"), count("AUTH ")), (1, 0, 1), "{seen:?}");
    assert!(seen.contains(&"body".to_owned()), "{seen:?}");
}

#[test]
fn each_answer_has_its_class_and_tells_no_secret() {
    let cases: [(&str, Smtp, Failure); 7] = [
        ("wrong password", Smtp { auth: "535 5.7.8 no", ..Smtp::GOOD }, (None, "UNAUTHORIZED", None)),
        ("wrong address", Smtp { rcpt: "550 no such user", ..Smtp::GOOD }, (None, "REJECTED", None)),
        ("busy", Smtp { rcpt: "451 later", ..Smtp::GOOD }, (None, "SERVER_ERROR", None)),
        ("refused at the end", Smtp { done: "554 spam", ..Smtp::GOOD }, (None, "REJECTED", None)),
        ("closed for today", Smtp { greeting: "421 closing", ..Smtp::GOOD }, (None, "SERVER_ERROR", None)),
        ("no mail server", Smtp { greeting: "HTTP/1.1 400 no", ..Smtp::GOOD }, (None, "RESPONSE_INVALID", None)),
        ("no way to log in", Smtp { extensions: &[], ..Smtp::GOOD }, (None, "REJECTED", None)),
    ];
    for (name, script, want) in cases {
        let fake = Fake::smtp(Smtp { echoes: true, ..script });
        assert_eq!(failure(name, &to(&fake).send(Channel::Email, HELLO)), want, "{name}");
    }
}

#[test]
fn a_silent_server_is_waited_for_once() {
    let fake = Fake::smtp(Smtp { done: "", ..Smtp::GOOD });
    let messenger = messenger("http://127.0.0.1:1", fake.address.port(), SHORT, &[]);
    let sent = messenger.send(Channel::Email, HELLO);
    assert_eq!(failure("silence", &sent), (None, "TIMEOUT", None));
}

#[test]
fn the_password_is_never_said_in_the_open_where_encryption_is_due() {
    for tls in [SmtpTls::Starttls, SmtpTls::Tls] {
        let fake = Fake::smtp(Smtp::GOOD);
        let mut messenger = messenger("http://127.0.0.1:1", fake.address.port(), SHORT, &[]);
        messenger.settings.smtp_tls = tls;
        let sent = messenger.send(Channel::Email, HELLO);
        failure("encryption", &sent);
        assert!(!fake.seen().iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")), "{tls:?}");
    }
    let mut elsewhere = messenger("http://127.0.0.1:1", 25, LONG, &[("SMTP_HOST", "mail.example.com")]);
    elsewhere.settings.smtp_tls = SmtpTls::None;
    assert_eq!(failure("elsewhere", &elsewhere.send(Channel::Email, HELLO)).1, "BAD_ADDRESS");
}

#[test]
fn an_address_that_is_none_is_named_and_not_shown() {
    let cases = [("SMTP_USER", "planted"), ("EMAIL_TO", "planted"), ("EMAIL_TO", " , "), ("SMTP_HOST", "planted/x")];
    for (name, value) in cases {
        let messenger = messenger("http://127.0.0.1:1", 1, LONG, &[(name, value)]);
        let sent = messenger.send(Channel::Email, HELLO);
        assert_eq!(failure(name, &sent).1, "BAD_SECRET", "{name}");
        is_silent(name, &format!("{sent:?}"));
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let sent = messenger("x", port, LONG, &[]).send(Channel::Email, HELLO);
    assert_eq!(failure("refused", &sent).1, "CONNECT");
}

#[test]
fn a_connection_that_breaks_after_the_mail_may_have_delivered_it() {
    let fake = Fake::smtp(Smtp { done: "CUT", ..Smtp::GOOD });
    let sent = to(&fake).send(Channel::Email, HELLO);
    assert_eq!(failure("cut", &sent).1, "RESPONSE_INVALID");
    assert!(fake.seen().contains(&".".to_owned()), "the whole mail was told");
}
