//! Which channels a message goes by: those that the sender opens, that have their secrets and that take its type; and what
//! is left behind when one of them fails, closes or dies with the process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daily_ops::contracts::actor::Actor;
use daily_ops::notify::Channel;
use daily_ops::notify::Messenger;
use daily_ops::ops::Ops;
use daily_ops::ops::OpsPolicy;
use daily_ops::settings::MessageSecrets;
use daily_ops::settings::PushSettings;
use daily_ops::settings::SmtpTls;
use daily_ops::store::Store;
use daily_ops::store::WriteObserver;
use daily_ops::store::layout;
use serde_json::Value;
use serde_json::json;

use crate::TOKEN;
use crate::client::Site;
use crate::clock;
use crate::everything;
use crate::fake::Act;
use crate::fake::Fake;
use crate::fake::Smtp;
use crate::lines;
use crate::open;
use crate::outbox;
use crate::put;
use crate::read;
use crate::window;

const SETS: [&str; 7] = [
    "TELEGRAM_ONLY",
    "SLACK_ONLY",
    "EMAIL_ONLY",
    "TELEGRAM+SLACK",
    "TELEGRAM+EMAIL",
    "SLACK+EMAIL",
    "TELEGRAM+SLACK+EMAIL",
];
const ALL: &str = "TELEGRAM+SLACK+EMAIL";

/// The other sides of all three channels, each on a port of its own.
struct World {
    bot: Fake,
    hook: Fake,
    mail: Fake,
}

fn answers(status: u16) -> Fake {
    Fake::http(move |_| Act::status(status, "", r#"{"ok":true}"#))
}

impl World {
    fn new() -> Self {
        Self::answering(200, 200, Smtp::GOOD)
    }

    fn answering(bot: u16, hook: u16, mail: Smtp) -> Self {
        Self { bot: answers(bot), hook: answers(hook), mail: Fake::smtp(mail) }
    }

    /// How often each side was connected to.
    fn connections(&self) -> [usize; 3] {
        [&self.bot, &self.hook, &self.mail].map(Fake::connections)
    }

    /// A policy with the names of these channels.
    fn policy(&self, ready: &[Channel]) -> OpsPolicy {
        let hook = format!("{}/services/planted-hook", self.hook.url());
        let values = [
            ("TELEGRAM_BOT_TOKEN", TOKEN),
            ("TELEGRAM_CHAT_ID", "42"),
            ("SLACK_WEBHOOK_URL", &hook),
            ("SMTP_HOST", "127.0.0.1"),
            ("SMTP_USER", "ops@example.com"),
            ("SMTP_PASS", "planted-password"),
            ("EMAIL_TO", "a@example.com"),
        ];
        let is_ready = |name: &str| ready.iter().any(|channel| channel.needs().contains(&name));
        let env = values.into_iter().filter(|(name, _)| is_ready(name));
        let env: BTreeMap<_, _> = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let settings = PushSettings {
            telegram_url: self.bot.url(),
            smtp_port: self.mail.address.port(),
            smtp_tls: SmtpTls::None,
            limit: Duration::from_secs(20),
            ..PushSettings::default()
        };
        let secrets = MessageSecrets::read(Path::new("/nonexistent/secrets"), &env);
        OpsPolicy { messenger: Messenger { settings, secrets }, ..OpsPolicy::default() }
    }

    fn ops(&self, store: &Store, ready: &[Channel], observer: Option<WriteObserver>) -> Ops {
        let policy = self.policy(ready);
        let store = store.clone();
        let store = if let Some(observer) = observer { store.observed_by(observer) } else { store };
        Ops::new(store, clock(), Box::new(move || Ok(policy.clone())))
    }
}

fn sender(channel: &str) -> Value {
    json!({"schema": "REAL_SENDER_ENABLE_V1", "enabled": true, "channel": channel, "reason": "t"})
}

/// A workspace where everything is open, the sender for these channels.
fn opened(channel: &str) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    open(&store);
    put(&store, layout::SENDER, &sender(channel));
    (dir, store)
}

fn one(push_type: &str) -> Value {
    let mut document = outbox("body");
    document["messages"][0]["push_type"] = push_type.into();
    document
}

/// Which channels an opened set and a type allow.
fn wanted(set: &str, push_type: &str) -> [usize; 3] {
    Channel::OUTSIDE.map(|channel| usize::from(set.contains(channel.as_str()) && channel.takes(push_type)))
}

fn decisions(receipt: &Value) -> Vec<String> {
    let rows = receipt["channels"].as_array().expect("rows");
    rows.iter().map(|row| row["decision"].as_str().expect("a word").to_owned()).collect()
}

/// Opens the windows again, for a second attempt.
fn open_again(store: &Store, channel: &str) {
    store.remove(layout::WINDOW_CONSUMED).expect("removed");
    put(store, layout::WINDOWS, &window("w2"));
    put(store, layout::SENDER, &sender(channel));
}

#[test]
fn a_message_of_the_outbox_goes_by_each_opened_channel_that_takes_it_and_by_no_other() {
    let actor = Actor::program("test");
    for set in SETS {
        for push_type in ["ALERT", "DAILY_REPORT", "SIGNAL", "OTHER"] {
            for is_fire in [false, true] {
                let (world, (_dir, store)) = (World::new(), opened(set));
                put(&store, layout::OUTBOX.latest, &one(push_type));
                let ops = world.ops(&store, &Channel::OUTSIDE, None);
                let blocked = if is_fire {
                    ops.run_live_fire(&actor).expect("decided").receipt.blocked_reason
                } else {
                    ops.run_send(&actor).expect("decided").receipt.blocked_reason
                };
                let want = wanted(set, push_type);
                assert_eq!(world.connections(), want, "{set} {push_type}");
                if want == [0, 0, 0] {
                    assert_eq!(blocked.as_deref(), Some("NO_MESSAGES"), "{set} {push_type}");
                    continue;
                }
                let receipt = read(&store, layout::SEND.latest);
                let rows = want.map(|called| if called == 1 { "SENT" } else { "SKIPPED" });
                assert_eq!(
                    (&receipt["decision"], decisions(&receipt)),
                    (&json!("SENT"), rows.map(str::to_owned).into())
                );
                let names = Channel::OUTSIDE.iter().zip(want).filter(|(_, called)| *called == 1);
                let names: Vec<_> = names.map(|(channel, _)| channel.as_str()).collect();
                assert_eq!(receipt["channel"], names.join("+"), "{set} {push_type}");
                let attempted = lines(&store, layout::SEND_RECEIPTS).remove(0);
                let about = want.map(|called| if called == 1 { "UNKNOWN" } else { "SKIPPED" });
                assert_eq!(decisions(&attempted), about, "recorded before the call");
                assert_eq!(read(&store, layout::SENDER)["enabled"], !is_fire, "a live fire closes the sender");
            }
        }
    }
}

#[test]
fn a_channel_without_its_secrets_is_left_out_and_none_at_all_is_a_refusal_that_names_them() {
    let actor = Actor::program("test");
    for ready in Channel::OUTSIDE {
        let (world, (_dir, store)) = (World::new(), opened(ALL));
        put(&store, layout::OUTBOX.latest, &one("DAILY_REPORT"));
        world.ops(&store, &[ready], None).run_send(&actor).expect("decided");
        let want = Channel::OUTSIDE.map(|channel| usize::from(channel == ready));
        assert_eq!(world.connections(), want, "{ready:?}");
    }
    let cases = [
        ("TELEGRAM_ONLY", "without a value: TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID"),
        ("SLACK_ONLY", "without a value: SLACK_WEBHOOK_URL"),
        ("SLACK+EMAIL", "without a value: SLACK_WEBHOOK_URL, SMTP_HOST, SMTP_USER, SMTP_PASS, EMAIL_TO"),
    ];
    for (set, why) in cases {
        let (world, (_dir, store)) = (World::new(), opened(set));
        let receipt = world.ops(&store, &[], None).run_send(&actor).expect("decided").receipt;
        assert_eq!(receipt.blocked_reason.as_deref(), Some("SELF_TEST_FAIL"), "{set}");
        assert_eq!((receipt.reason_detail.as_deref(), world.connections()), (Some(why), [0, 0, 0]));
    }
}

#[test]
fn a_set_that_nobody_can_read_opens_nothing() {
    let actor = Actor::program("test");
    let damages = [
        json!("ALL"),
        json!(""),
        json!("SLACK+TELEGRAM"),
        json!("TELEGRAM"),
        json!("telegram_only"),
        json!(1),
        json!(true),
        json!(["TELEGRAM"]),
        json!({}),
    ];
    for damage in damages {
        let (world, (_dir, store)) = (World::new(), opened(ALL));
        let mut document = sender(ALL);
        document["channel"] = damage.clone();
        put(&store, layout::SENDER, &document);
        let receipt = world.ops(&store, &Channel::OUTSIDE, None).run_send(&actor).expect("decided").receipt;
        assert_eq!(receipt.blocked_reason.as_deref(), Some("SENDER_DISABLED"), "{damage}");
        assert_eq!(world.connections(), [0, 0, 0], "{damage}");
    }
    // Documents of before name no channel, or null, and open Telegram.
    for old in [json!({"schema": "REAL_SENDER_ENABLE_V1", "enabled": true}), sender("x")] {
        let (world, (_dir, store)) = (World::new(), opened(ALL));
        let mut document = old;
        if document.get("channel").is_some() {
            document["channel"] = Value::Null;
        }
        put(&store, layout::SENDER, &document);
        world.ops(&store, &Channel::OUTSIDE, None).run_send(&actor).expect("decided");
        assert_eq!(world.connections(), [1, 0, 0]);
    }
}

#[test]
fn one_that_fails_stops_no_other_and_what_may_have_arrived_is_sent_again_to_none() {
    let actor = Actor::program("test");
    let (refused, open_end) = (Smtp { rcpt: "550 no", ..Smtp::GOOD }, Smtp { done: "CUT", ..Smtp::GOOD });
    let cases = [
        ("the first fails", (401, 200, Smtp::GOOD), ["FAILED", "SENT", "SENT"], Some("PARTIAL"), false),
        ("the last fails", (200, 200, refused), ["SENT", "SENT", "FAILED"], Some("PARTIAL"), false),
        ("one has no known end", (200, 502, Smtp::GOOD), ["SENT", "UNKNOWN", "SENT"], Some("PARTIAL"), false),
        (
            "none is known to have it",
            (401, 404, open_end),
            ["FAILED", "FAILED", "UNKNOWN"],
            Some("RESPONSE_INVALID"),
            false,
        ),
        ("nobody took it", (401, 404, refused), ["FAILED", "FAILED", "FAILED"], Some("UNAUTHORIZED"), true),
    ];
    for (name, (bot, hook, mail), rows, class, is_free) in cases {
        let (world, (dir, store)) = (World::answering(bot, hook, mail), opened(ALL));
        put(&store, layout::OUTBOX.latest, &one("DAILY_REPORT"));
        let ops = world.ops(&store, &Channel::OUTSIDE, None);
        let sent = ops.run_send(&actor).expect("decided");
        let receipt = read(&store, layout::SEND.latest);
        assert_eq!(
            (&receipt["decision"], decisions(&receipt)),
            (&json!("FAILED"), rows.map(str::to_owned).into()),
            "{name}"
        );
        assert_eq!(sent.receipt.error_class.as_deref(), class, "{name}");
        assert_eq!(world.connections(), [1, 1, 1], "{name}");
        open_again(&store, ALL);
        let second = ops.run_send(&actor).expect("decided").receipt;
        assert_eq!(second.blocked_reason.as_deref(), (!is_free).then_some("NO_MESSAGES"), "{name}");
        assert_eq!(world.connections(), if is_free { [2, 2, 2] } else { [1, 1, 1] }, "{name}");
        assert!(!everything(dir.path()).contains("planted"), "{name}");
    }
}

#[test]
fn a_channel_that_closes_after_the_record_is_not_called_and_one_that_opens_neither() {
    let actor = Actor::program("test");
    let cases = [
        (ALL, "TELEGRAM_ONLY", [1, 0, 0], None),
        (ALL, "SLACK+EMAIL", [0, 1, 1], None),
        ("TELEGRAM_ONLY", ALL, [1, 0, 0], None),
        ("TELEGRAM_ONLY", "SLACK_ONLY", [0, 0, 0], Some("SENDER_DISABLED")),
        (ALL, "NONSENSE", [0, 0, 0], Some("SENDER_DISABLED")),
    ];
    for (before, after, want, blocked) in cases {
        let (world, (_dir, store)) = (World::new(), opened(before));
        put(&store, layout::OUTBOX.latest, &one("DAILY_REPORT"));
        let (other, document) = (store.clone(), sender(after));
        let observer: WriteObserver = Arc::new(move |path: &Path| {
            if path.ends_with("send_receipts.jsonl") {
                put(&other, layout::SENDER, &document);
            }
        });
        let ops = world.ops(&store, &Channel::OUTSIDE, Some(observer));
        let receipt = ops.run_send(&actor).expect("decided").receipt;
        assert_eq!((world.connections(), receipt.blocked_reason.as_deref()), (want, blocked), "{before} {after}");
        let rows = decisions(&read(&store, layout::SEND.latest));
        assert_eq!(rows, want.map(|called| if called == 1 { "SENT" } else { "SKIPPED" }), "{before} {after}");
    }
}

#[test]
fn a_crash_after_any_write_sends_to_no_channel_twice() {
    let actor = Actor::program("test");
    let (mut last, mut dead) = (0, true);
    while dead {
        let (world, (_dir, store)) = (World::new(), opened(ALL));
        put(&store, layout::OUTBOX.latest, &one("DAILY_REPORT"));
        let done = AtomicUsize::new(0);
        let observer: WriteObserver = Arc::new(move |_: &Path| {
            assert!(done.fetch_add(1, Ordering::SeqCst) < last, "killed");
        });
        let dying = world.ops(&store, &Channel::OUTSIDE, Some(observer));
        dead = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dying.run_send(&actor).map(drop))).is_err();
        open_again(&store, ALL);
        let again = world.ops(&store, &Channel::OUTSIDE, None);
        again.run_send(&actor).expect("decided");
        assert!(world.connections().iter().all(|count| *count <= 1), "write {last}: {:?}", world.connections());
        last += 1;
    }
    assert!(last > 8, "only {last} writes");
}

#[test]
fn the_messages_of_a_day_go_by_the_same_choice() {
    let status = "/api/push/daily_status/send?confirm=true";
    let incident = "/api/push/incident/send?confirm=true&kind=OPS_FAILED";
    for set in SETS {
        for (path, push_type) in [(status, "DAILY_REPORT"), (incident, "ALERT")] {
            let world = World::new();
            let site = Site::with(|store| store, clock(), world.policy(&Channel::OUTSIDE));
            open(&site.store);
            put(&site.store, layout::SENDER, &sender(set));
            let made = site.post(path, None).json();
            let want = wanted(set, push_type);
            assert_eq!(world.connections(), want, "{set}: {made}");
            if want == [0, 0, 0] {
                assert_eq!(made["delivery_actual"], "CONSOLE_SIMULATED", "{set}: {made}");
                assert_eq!(made["not_sent_because"], "NOT_ROUTED: EMAIL takes no ALERT", "{set}");
                continue;
            }
            let word = if want == [1, 0, 0] { "TELEGRAM" } else { "DELIVERED" };
            assert_eq!(made["delivery_actual"], word, "{set}: {made}");
            let rows = decisions(&made["send_receipt"]);
            assert_eq!(rows, want.map(|called| if called == 1 { "SENT" } else { "SKIPPED" }), "{set}");
            assert_eq!(site.post(path, None).json()["skipped"], true, "once a day");
            assert_eq!(world.connections(), want, "{set}");
        }
    }
}

#[test]
fn a_message_of_a_day_that_one_channel_took_is_used_up_and_names_the_one_that_failed() {
    let status = "/api/push/daily_status/send?confirm=true";
    let cases = [
        ((200, 404), "DELIVERED_PARTLY", "DELIVERED", false),
        ((401, 502), "DELIVERY_UNKNOWN", "UNKNOWN", false),
        ((401, 404), "NOT_DELIVERED", "FAILED", true),
    ];
    for ((bot, hook), word, state, is_free) in cases {
        let world = World::answering(bot, hook, Smtp::GOOD);
        let site = Site::with(|store| store, clock(), world.policy(&Channel::OUTSIDE));
        open(&site.store);
        put(&site.store, layout::SENDER, &sender("TELEGRAM+SLACK"));
        let made = site.post(status, None).json();
        assert_eq!(made["delivery_actual"], word, "{made}");
        let told = made["send_receipt"]["error_message"].as_str().expect("a text");
        assert!(told.contains("SLACK: "), "{told}");
        assert_eq!(read(&site.store, layout::MESSAGE_KEYS)["keys"][0]["state"], state, "{word}");
        // Without its keys the day is told by its snapshots.
        site.store.remove(layout::MESSAGE_KEYS).expect("removed");
        assert_eq!(site.post(status, None).json()["skipped"], !is_free, "{word}");
        assert_eq!(world.connections(), if is_free { [2, 2, 0] } else { [1, 1, 0] }, "{word}");
    }
}

#[test]
fn who_enables_the_sender_names_its_channels() {
    let path = "/api/real_sender_enable";
    let site = Site::new();
    let fine = [
        (r#"{"enabled":true,"reason":"r"}"#, "TELEGRAM_ONLY"),
        (r#"{"enabled":true,"reason":"r","channels":["slack"]}"#, "SLACK_ONLY"),
        (r#"{"enabled":true,"reason":"r","channels":["email","TELEGRAM"]}"#, "TELEGRAM+EMAIL"),
        (r#"{"enabled":true,"reason":"r","channels":["telegram","slack","email"]}"#, ALL),
        (r#"{"enabled":false,"channels":["sms"]}"#, "TELEGRAM_ONLY"),
    ];
    for (body, want) in fine {
        let reply = site.post(path, Some(body));
        assert_eq!((reply.status, reply.json()["channel"].as_str()), (200, Some(want)), "{body}: {}", reply.text);
        assert_eq!(read(&site.store, layout::SENDER)["channel"], want, "{body}");
        assert_eq!(site.get(path).json()["data"]["channel"], want, "{body}");
    }
    let wrong = [
        (r#"{"enabled":true,"reason":"r","channels":[]}"#, 400),
        (r#"{"enabled":true,"reason":"r","channels":["sms"]}"#, 400),
        (r#"{"enabled":true,"reason":"r","channels":["console"]}"#, 400),
        (r#"{"enabled":true,"reason":"r","channels":["slack","Slack"]}"#, 400),
        (r#"{"enabled":true,"reason":"r","channels":"slack"}"#, 422),
        (r#"{"enabled":true,"reason":"r","channels":[1]}"#, 422),
        (r#"{"enabled":true,"reason":"r","channels":null}"#, 422),
    ];
    for (body, status) in wrong {
        let reply = site.post(path, Some(body));
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
        assert!(reply.text.contains("channels"), "{body}: {}", reply.text);
        assert_eq!(read(&site.store, layout::SENDER)["enabled"], false, "{body}");
    }
}

#[test]
fn the_command_names_them_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let sender = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_daily_ops"));
        command.arg("--root").arg(dir.path()).arg("sender").args(arguments).env_clear().env("HOME", dir.path());
        let done = command.output().expect("started");
        let text = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let (code, said) = sender(&["set", "on", "--reason", "r", "--channels", "slack,telegram"]);
    assert_eq!((code, said.contains("sender on (TELEGRAM+SLACK)")), (Some(0), true), "{said}");
    assert_eq!(read(&store, layout::SENDER)["channel"], "TELEGRAM+SLACK");
    for channels in ["sms", "slack,slack", "", "telegram,"] {
        let (code, said) = sender(&["set", "on", "--reason", "r", "--channels", channels]);
        assert_eq!((code, said.contains("--channels")), (Some(64), true), "{channels:?}: {said}");
    }
    assert!(sender(&["show"]).1.contains("sender on (TELEGRAM+SLACK)"), "a wrong list changes nothing");
    let (code, said) = sender(&["set", "off", "--channels", "sms"]);
    assert_eq!((code, said.contains("sender off  [file]")), (Some(0), true), "{said}");
    assert!(sender(&["set", "on", "--reason", "r"]).1.contains("sender on (TELEGRAM)"));
    store.write(layout::SENDER, br#"{"schema":"REAL_SENDER_ENABLE_V1","enabled":true,"channel":"ALL"}"#).expect("put");
    let said = sender(&["show"]).1;
    assert!(said.contains("sender off") && said.contains("\"ALL\" is not one of TELEGRAM_ONLY"), "{said}");
}
