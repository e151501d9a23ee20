//! The channels of messages against servers that speak their protocols over real sockets: what is sent, what each answer
//! means, and that no word about any of it holds a secret.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod email;
mod fake;
mod several;
mod slack;
mod telegram;
#[cfg(unix)]
mod tls;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use daily_ops::notify::Channel;
use daily_ops::notify::Messenger;
use daily_ops::notify::Outgoing;
use daily_ops::notify::Sent;
use daily_ops::settings::MessageSecrets;
use daily_ops::settings::PushSettings;
use daily_ops::settings::SmtpTls;

const TOKEN: &str = "987654321:planted-token-AAAA";
const CHAT: &str = "-100planted42";
const PASSWORD: &str = "planted-password";
const HOOK: &str = "/services/planted-hook";

/// A messenger with every name set; `secrets` replace or, when empty, remove some.
fn messenger(url: &str, port: u16, limit: Duration, secrets: &[(&str, &str)]) -> Messenger {
    let hook = format!("{url}{HOOK}");
    let mut env: BTreeMap<String, String> = [
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("TELEGRAM_CHAT_ID", CHAT),
        ("SLACK_WEBHOOK_URL", &hook),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_USER", "ops@example.com"),
        ("SMTP_PASS", PASSWORD),
        ("EMAIL_TO", "a@example.com, b@example.com"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    env.extend(secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let settings = PushSettings {
        from_run: true,
        telegram_url: url.to_owned(),
        smtp_port: port,
        smtp_tls: SmtpTls::None,
        smtp_ca_file: Vec::new(),
        limit,
    };
    Messenger { settings, secrets: MessageSecrets::read(Path::new("/nonexistent/secrets"), &env) }
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);
const HELLO: Outgoing<'static> = Outgoing { title: "제목", text: "본문" };

/// The parts of a failure that are compared: status, class, seconds to wait.
type Failure = (Option<u16>, &'static str, Option<u64>);

/// A failure's parts, after a look for planted secrets in everything that it says.
fn failure(name: &str, sent: &Sent) -> Failure {
    is_silent(name, &format!("{sent:?}"));
    match sent {
        Sent::Failed { http_status, class, retry_after, .. } => (*http_status, class, retry_after.map(|w| w.as_secs())),
        other @ (Sent::Delivered { .. } | Sent::NotConfigured(_)) => panic!("{name}: {other:?}"),
    }
}

fn is_silent(name: &str, told: &str) {
    assert!(!told.contains("planted") && !told.contains("987654321"), "{name}: {told}");
    assert!(!told.contains("cGxhbnRlZC") && !told.contains("/bot") && !told.contains("/services"), "{name}: {told}");
}

#[test]
fn a_channel_without_its_names_is_not_called() {
    let fake = fake::Fake::http(|_| fake::Act::status(200, "", r#"{"ok":true}"#));
    for channel in Channel::OUTSIDE {
        for name in channel.needs() {
            let messenger = messenger(&fake.url(), fake.address.port(), LONG, &[(name, " ")]);
            assert_eq!(messenger.missing(channel), [*name], "{name}");
            assert_eq!(messenger.send(channel, HELLO), Sent::NotConfigured(vec![name]), "{name}");
        }
    }
    assert_eq!(Messenger::default().missing(Channel::Telegram).len(), 2);
    assert_eq!((fake.seen(), fake.connections()), (Vec::<String>::new(), 0));
}

#[test]
fn the_console_takes_everything_and_calls_nobody() {
    let console = Messenger::default().send(Channel::Console, HELLO);
    assert_eq!(console, Sent::Delivered { http_status: None });
}

#[test]
fn a_messenger_prints_no_secret() {
    let messenger = messenger("http://127.0.0.1:1", 1, LONG, &[]);
    is_silent("debug", &format!("{messenger:?} {messenger:#?}"));
}
